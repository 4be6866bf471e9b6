/** A file system's view of a disk that no machine has in use: to prepare it before the machine looks. Cold. */
import {
  type BlockBackend,
  type BlockBuffer,
  EIO,
  type FileSystemHost,
  FS_BLOCK_SIZE,
  PAGE_SECTORS,
} from "@pageframe/contracts";

/** Buffers over a store, without page cache, queue and time: what is done here costs the machine nothing. */
export class BackendHost implements FileSystemHost {
  readonly nrBlocks: number;
  readonly isReadOnly: boolean;
  readonly nowNs = 0;
  private readonly backend: BlockBackend;
  private readonly buffers = new Map<number, BlockBuffer>();
  private readonly dirty = new Set<number>();

  constructor(backend: BlockBackend) {
    this.backend = backend;
    this.nrBlocks = Math.floor(backend.nrSectors / PAGE_SECTORS);
    this.isReadOnly = backend.isReadOnly;
  }

  readBuffer(block: number): BlockBuffer | number {
    const known = this.buffers.get(block);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(FS_BLOCK_SIZE);
    return this.readBlocks(block, bytes) < 0 ? -EIO : this.keep(block, bytes);
  }

  newBuffer(block: number): BlockBuffer | number {
    if (!this.isInside(block, 1)) return -EIO;
    const known = this.buffers.get(block);
    known?.bytes.fill(0);
    return known ?? this.keep(block, new Uint8Array(FS_BLOCK_SIZE));
  }

  putBuffer(): void {
    // All stay until this host goes.
  }

  markDirty(buffer: BlockBuffer): void {
    this.dirty.add(buffer.block);
  }

  forgetBuffer(block: number): void {
    this.dirty.delete(block);
    this.buffers.delete(block);
  }

  syncBuffers(blocks: readonly number[]): number {
    let result = 0;
    for (const block of blocks) {
      const buffer = this.buffers.get(block);
      if (buffer === undefined || !this.dirty.delete(block)) continue;
      if (this.backend.writeSectors(block * PAGE_SECTORS, buffer.bytes) < 0) result = -EIO;
    }
    return result;
  }

  readBlocks(block: number, into: Uint8Array): number {
    if (!this.isInside(block, into.length / FS_BLOCK_SIZE)) return -EIO;
    return this.backend.readSectors(block * PAGE_SECTORS, into) < 0 ? -EIO : 0;
  }

  writeBlocks(block: number, from: Uint8Array): number {
    if (!this.isInside(block, from.length / FS_BLOCK_SIZE)) return -EIO;
    return this.backend.writeSectors(block * PAGE_SECTORS, from) < 0 ? -EIO : 0;
  }

  flush(): number {
    return this.backend.flush();
  }

  writeData(): number {
    return 0;
  }

  /** Writes all that is dirty. Returns 0 or -EIO. */
  writeBack(): number {
    return this.syncBuffers([...this.dirty]);
  }

  private keep(block: number, bytes: Uint8Array): BlockBuffer {
    const buffer: BlockBuffer = { block, bytes };
    this.buffers.set(block, buffer);
    return buffer;
  }

  private isInside(block: number, nrBlocks: number): boolean {
    return block >= 0 && block + nrBlocks <= this.nrBlocks;
  }
}
