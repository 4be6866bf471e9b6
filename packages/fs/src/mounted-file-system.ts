/**
 * The mounted file system: where the bytes of files lie, and the end of inodes. Each method is one operation (or several, where
 * blocks are freed in steps), and each operation happens entirely or not at all.
 * Source: Linux 6.18 fs/ext4/{inode,file,extents}.c. Differs: README.md.
 */
import {
  EFBIG,
  EINVAL,
  EUCLEAN,
  FS_BLOCK_SIZE,
  NO_BLOCK,
  S_IFLNK,
  S_IFREG,
  type BlockMapping,
  type FileSystem,
} from "@pageframe/contracts";
import { getU32, getU64, setU32, setU64 } from "./bytes.ts";
import {
  ENTRY_BLOCK,
  INODE_BLOCKS,
  INODE_BYTES,
  INODE_CTIME,
  INODE_FLAGS,
  INODE_LINKS,
  INODE_MTIME,
  INODE_ORPHAN,
  INODE_PENDING,
  INODE_PENDING_END,
  INODE_PENDING_START,
  INODE_ROOT,
  INODE_ROOT_SIZE,
  inodeAt,
  MAX_FILE_BLOCKS,
  ROOT_INO,
} from "./layout.ts";
import { FileSystemNames } from "./file-system-names.ts";

/** A file system of this package, mounted: made by mountFileSystem(). */
export class MountedFileSystem extends FileSystemNames implements FileSystem {
  readonly type = "pffs";
  readonly rootIno: number = ROOT_INO;

  /** Frees what a crash left half freed: inodes without names, ranges of blocks. Returns 0 or -errno. */
  recoverOrphans(): number {
    for (let nrDone = 0; nrDone <= this.geometry.nrInodes; nrDone++) {
      const ino = this.inodes.firstOrphan();
      if (ino <= 0) return ino;
      const bytes = this.inodes.get(ino);
      if (typeof bytes === "number") return bytes;
      const at = inodeAt(ino);
      let result: number;
      if (getU32(bytes, at + INODE_LINKS) === 0) result = this.release(ino);
      else if (this.inodes.isRegular(ino) !== 1) return -EUCLEAN;
      else {
        const start = getU64(bytes, at + INODE_PENDING_START);
        const end = getU64(bytes, at + INODE_PENDING_END);
        result = end > start ? this.finishCut(ino, start, end) : 0;
        if (result === 0 && this.inodes.firstOrphan() === ino) {
          result = this.finishCut(ino, this.endOf(ino), MAX_FILE_BLOCKS);
        }
      }
      if (result < 0) return result;
    }
    return -EUCLEAN;
  }

  mapBlocks(ino: number, fileBlock: number, nrBlocks: number, create: boolean, into: BlockMapping): number {
    into.block = NO_BLOCK;
    into.nrBlocks = 0;
    into.isNew = false;
    if (fileBlock < 0 || nrBlocks < 1) return -EINVAL;
    if (fileBlock >= MAX_FILE_BLOCKS) return -EFBIG;
    this.store.trim();
    const regular = this.inodes.isRegular(ino);
    if (regular < 1) return regular < 0 ? regular : -EINVAL;
    const result = this.extents.find(ino, fileBlock, nrBlocks, into);
    if (result < 0 || !create || into.block !== NO_BLOCK) return result;
    const filled = this.fillOnce(ino, fileBlock, nrBlocks, into);
    return this.shouldRetry(filled) ? this.fillOnce(ino, fileBlock, nrBlocks, into) : filled;
  }

  private fillOnce(ino: number, fileBlock: number, nrBlocks: number, into: BlockMapping): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    let result = this.extents.find(ino, fileBlock, nrBlocks, into);
    if (result === 0 && into.block === NO_BLOCK) {
      result = this.extents.fill(ino, fileBlock, into);
      this.store.order(ino);
      if (result === 0 && this.endOf(ino) < fileBlock + into.nrBlocks) this.beyondEnd.add(ino);
    }
    if (result < 0) {
      into.block = NO_BLOCK;
      into.isNew = false;
    }
    return this.end(result);
  }

  setSize(ino: number, sizeBytes: number): number {
    const regular = this.inodes.isRegular(ino);
    if (regular < 1) return regular < 0 ? regular : -EINVAL;
    if (!(sizeBytes >= 0)) return -EINVAL;
    if (sizeBytes > MAX_FILE_BLOCKS * FS_BLOCK_SIZE) return -EFBIG;
    return this.cut(ino, sizeBytes, Math.ceil(sizeBytes / FS_BLOCK_SIZE), MAX_FILE_BLOCKS);
  }

  punchHole(ino: number, startBlock: number, endBlock: number): number {
    const regular = this.inodes.isRegular(ino);
    if (regular < 1) return regular < 0 ? regular : -EINVAL;
    if (!(startBlock >= 0)) return -EINVAL;
    const end = Math.min(endBlock, MAX_FILE_BLOCKS);
    if (startBlock >= end) return this.touch(ino);
    const result = this.cut(ino, -1, startBlock, end);
    return this.shouldRetry(result) ? this.cut(ino, -1, startBlock, end) : result;
  }

  /**
   * Frees a range of blocks and sets the size (-1: as it was). What needs several transactions is noted in the inode, which
   * is an orphan until it is done: a crash between them is followed by the rest.
   */
  private cut(ino: number, sizeBytes: number, start: number, end: number): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    const result = this.end(this.beginCut(ino, sizeBytes, start, end));
    return result === 1 ? this.finishCut(ino, start, end) : result;
  }

  private beginCut(ino: number, sizeBytes: number, start: number, end: number): number {
    let bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    setU64(bytes, at + INODE_MTIME, this.host.nowNs);
    setU64(bytes, at + INODE_CTIME, this.host.nowNs);
    if (sizeBytes >= 0) {
      const sizeBefore = getU64(bytes, at + INODE_BYTES);
      setU64(bytes, at + INODE_BYTES, sizeBytes);
      // Data behind the old end was not seen, and need not have been written by an earlier commit; when the file shrinks, the
      // zeros behind its new end must be there before the size is.
      if (sizeBytes > sizeBefore || sizeBytes % FS_BLOCK_SIZE !== 0) this.store.order(ino);
      if (sizeBytes >= sizeBefore) return this.coverEnd(ino);
    }
    const result = this.extents.freeStep(ino, start, end);
    if (result !== 1) return result < 0 ? result : this.coverEnd(ino);
    bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    setU64(bytes, at + INODE_PENDING_START, start);
    setU64(bytes, at + INODE_PENDING_END, end);
    const listed = this.inodes.addOrphan(ino);
    if (listed < 0) return listed;
    setU32(bytes, at + INODE_FLAGS, getU32(bytes, at + INODE_FLAGS) | INODE_PENDING);
    return 1;
  }

  /** When no block lies behind the file's end (any more), nothing of it needs to be cut after a crash. */
  private coverEnd(ino: number): number {
    const isBeyond = this.extents.hasFrom(ino, this.endOf(ino));
    if (isBeyond !== 0) return Math.min(0, isBeyond);
    this.beyondEnd.delete(ino);
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    const isListed = (getU32(bytes, at + INODE_FLAGS) & INODE_ORPHAN) !== 0;
    return isListed && getU32(bytes, at + INODE_LINKS) > 0 ? this.inodes.removeOrphan(ino) : 0;
  }

  private finishCut(ino: number, start: number, end: number): number {
    for (;;) {
      const begun = this.begin();
      if (begun < 0) return begun;
      let result = this.extents.freeStep(ino, start, end);
      if (result === 0) result = this.clearPending(ino);
      this.end(result);
      if (result === 0) return 0;
      if (result > 0) continue;
      // What is left stays: nothing may free it later, when it holds something else.
      const again = this.begin();
      if (again === 0 && this.end(this.clearPending(ino)) === 0) return result;
      this.store.abort();
      return result;
    }
  }

  private clearPending(ino: number): number {
    const bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    setU32(bytes, at + INODE_FLAGS, getU32(bytes, at + INODE_FLAGS) & ~INODE_PENDING);
    setU64(bytes, at + INODE_PENDING_START, 0);
    setU64(bytes, at + INODE_PENDING_END, 0);
    return this.coverEnd(ino);
  }

  release(ino: number): number {
    const nrLinks = this.linksOf(ino);
    if (nrLinks !== 0) return Math.min(0, nrLinks);
    for (;;) {
      const begun = this.begin();
      if (begun < 0) return begun;
      const result = this.end(this.freeInodeStep(ino));
      if (result !== 1) return result;
    }
  }

  private freeInodeStep(ino: number): number {
    const type = this.typeOf(ino);
    if (type < 0) return type;
    let result = 0;
    if (type === S_IFREG) result = this.extents.freeStep(ino, 0, MAX_FILE_BLOCKS);
    else if (type === S_IFLNK) result = this.freeTarget(ino);
    if (result !== 0) return result;
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    if (type !== S_IFLNK && getU64(bytes, inodeAt(ino) + INODE_BLOCKS) !== 0) return -EUCLEAN;
    this.beyondEnd.delete(ino);
    result = this.inodes.removeOrphan(ino);
    return result < 0 ? result : this.inodes.free(ino);
  }

  private freeTarget(ino: number): number {
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    if (getU64(bytes, at + INODE_BYTES) <= INODE_ROOT_SIZE) return 0;
    const block = getU64(bytes, at + INODE_ROOT + ENTRY_BLOCK);
    this.store.revoke(block);
    return this.groups.freeBlocksAt(block, 1);
  }

  touch(ino: number): number {
    const found = this.inodes.get(ino);
    if (typeof found === "number") return found;
    const at = inodeAt(ino);
    const { nowNs } = this.host;
    if (getU64(found, at + INODE_MTIME) === nowNs && getU64(found, at + INODE_CTIME) === nowNs) return 0;
    const begun = this.begin();
    if (begun < 0) return begun;
    const bytes = this.inodes.modify(ino, false);
    if (typeof bytes === "number") return this.end(bytes);
    setU64(bytes, at + INODE_MTIME, nowNs);
    setU64(bytes, at + INODE_CTIME, nowNs);
    return this.end(0);
  }
}
