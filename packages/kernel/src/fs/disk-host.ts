/** What a file system on a disk gets from the kernel. Source: Linux 6.18 include/linux/buffer_head.h. */
import {
  type BlockBuffer,
  EIO,
  type FileSystemHost,
  FS_BLOCK_SIZE,
  REQ_META,
  REQ_OP_READ,
  REQ_OP_WRITE,
  REQ_SYNC,
} from "@pageframe/contracts";
import {
  forgetBuffer,
  markBufferDirty,
  newBuffer,
  putBuffer,
  readBuffer,
  syncBuffers,
} from "../disk/buffers.ts";
import { type BufferHead, type Disk } from "../files/inode.ts";
import { flushDisk, transferBytes } from "../disk/io.ts";
import { writeOrderedData } from "../filemap/write-ordered.ts";
import { type System } from "../system.ts";

/** A disk as its file system sees it: through the buffer cache. */
export class DiskHost implements FileSystemHost {
  readonly isReadOnly: boolean;
  readonly nrBlocks: number;
  private readonly sys: System;
  private readonly disk: Disk;

  constructor(sys: System, disk: Disk, isReadOnly: boolean) {
    this.sys = sys;
    this.disk = disk;
    this.isReadOnly = isReadOnly || disk.device.isReadOnly;
    this.nrBlocks = disk.nrBlocks;
  }

  get nowNs(): number {
    return this.sys.time.nowNs;
  }

  readBuffer(block: number): BlockBuffer | number {
    return readBuffer(this.sys, this.disk, block);
  }

  newBuffer(block: number): BlockBuffer | number {
    return newBuffer(this.sys, this.disk, block);
  }

  putBuffer(buffer: BlockBuffer): void {
    putBuffer(buffer as BufferHead);
  }

  markDirty(buffer: BlockBuffer): void {
    markBufferDirty(this.sys, buffer as BufferHead);
  }

  forgetBuffer(block: number): void {
    forgetBuffer(this.sys, this.disk, block);
  }

  syncBuffers(blocks: readonly number[]): number {
    return syncBuffers(this.sys, this.disk, blocks);
  }

  readBlocks(block: number, into: Uint8Array): number {
    if (!this.isInside(block, into)) return -EIO;
    return transferBytes(this.sys, this.disk, REQ_OP_READ, REQ_SYNC | REQ_META, block, into);
  }

  writeBlocks(block: number, from: Uint8Array): number {
    if (!this.isInside(block, from)) return -EIO;
    return transferBytes(this.sys, this.disk, REQ_OP_WRITE, REQ_SYNC | REQ_META, block, from);
  }

  flush(): number {
    return flushDisk(this.sys, this.disk);
  }

  writeData(ino: number): number {
    const superBlock = this.sys.mounts[this.disk.mountedAt] ?? null;
    const id = superBlock?.inodes.get(ino);
    return id === undefined ? 0 : writeOrderedData(this.sys, this.sys.files.inode(id));
  }

  private isInside(block: number, bytes: Uint8Array): boolean {
    return block >= 0 && block + bytes.length / FS_BLOCK_SIZE <= this.nrBlocks;
  }
}
