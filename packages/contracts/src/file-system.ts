/**
 * File systems: names, attributes and where the bytes of files lie. The page cache is not theirs: they say which blocks a
 * page has, the kernel reads and writes them.
 *
 * Numbers of inodes, results and errors are as in Linux: what fails returns -errno. A file system whose metadata makes no
 * sense answers -EUCLEAN and stays up; nothing throws for what lies on a device.
 * Source: Linux 6.18 include/linux/fs.h, struct inode_operations, struct super_operations; include/linux/iomap.h.
 */

/** Bytes of a block: one page. */
export const FS_BLOCK_SIZE = 4096;

/** Kinds of inodes (S_IFMT of st_mode). */
export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

/** Longest name of a file. */
export const FS_NAME_MAX = 255;

/** What stat(2) tells. */
export interface FileAttributes {
  readonly ino: number;
  /** S_IF* and permission bits. */
  readonly mode: number;
  readonly nrLinks: number;
  readonly sizeBytes: number;
  /** 512-byte units that it takes on the device (st_blocks). */
  readonly nrSectors: number;
  readonly mtimeNs: number;
  readonly ctimeNs: number;
}

/** An entry of a directory; "." and ".." are not told. */
export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number;
  /** S_IFDIR, S_IFREG or S_IFLNK. */
  readonly type: number;
}

/** Blocks of a file that lie together (struct iomap). Filled by mapBlocks(). */
export interface BlockMapping {
  /** Block of the device, or NO_BLOCK for a hole. */
  block: number;
  /** Blocks that lie together, or holes in a row; at least 1. */
  nrBlocks: number;
  /** The blocks were taken just now: they hold what nobody may see, and their data must be written whole. */
  isNew: boolean;
}

/** `BlockMapping.block` of a hole. */
export const NO_BLOCK = -1;

/** What statfs(2) tells, in blocks of FS_BLOCK_SIZE. */
export interface FileSystemStats {
  readonly nrBlocks: number;
  readonly nrFreeBlocks: number;
  readonly nrInodes: number;
  readonly nrFreeInodes: number;
}

/** A mounted file system. */
export interface FileSystem {
  /** Kind, as /proc/mounts shows it. */
  readonly type: string;
  readonly isReadOnly: boolean;
  /** Inode of the root directory. */
  readonly rootIno: number;

  /** Inode of a name in a directory, -ENOENT, -ENOTDIR, -EIO or -EUCLEAN. "." and ".." are the caller's. */
  lookup(dirIno: number, name: string): number;
  getattr(ino: number): FileAttributes | number;
  readdir(dirIno: number): DirectoryEntry[] | number;
  readlink(ino: number): string | number;

  /** Makes a file, directory or symbolic link (`mode` has S_IF*; `target` for links). Returns its inode, -EEXIST, -ENOSPC, ... */
  create(dirIno: number, name: string, mode: number, target?: string): number;
  /** Another name for a file. */
  link(ino: number, dirIno: number, name: string): number;
  /** Takes a name away: -ENOENT, -EISDIR for a directory. The inode stays until release(). Returns the inode. */
  unlink(dirIno: number, name: string): number;
  /** Takes an empty directory away: -ENOTDIR, -ENOTEMPTY. Returns the inode. */
  rmdir(dirIno: number, name: string): number;
  /**
   * Moves a name; what was there before is replaced at once, if it is of the same kind (and empty). Returns 0, or
   * -errno; the inode that lost its name is in `replacedIno`, or 0.
   */
  rename(dirIno: number, name: string, newDirIno: number, newName: string): number;
  readonly replacedIno: number;
  /** Nobody has the inode open any more: without names it is freed, its blocks too. */
  release(ino: number): number;

  /**
   * Where blocks of a file lie, from `fileBlock` on, at most `nrBlocks`. With `create`, holes get blocks. Fills `into`.
   * Returns 0, -ENOSPC, -EFBIG, -EROFS, -EIO or -EUCLEAN.
   */
  mapBlocks(ino: number, fileBlock: number, nrBlocks: number, create: boolean, into: BlockMapping): number;
  /** Sets the size; when it shrinks, blocks beyond the end go. The caller has dropped the pages and zeroed the rest of the last. */
  setSize(ino: number, sizeBytes: number): number;
  /** Frees blocks [startBlock, endBlock) of a file; its size stays. */
  punchHole(ino: number, startBlock: number, endBlock: number): number;
  /** The bytes of a file were changed at `nowNs` (file_update_time). */
  touch(ino: number): number;

  /** Makes an inode durable, with its names; its data was written by the caller. Returns 0 or -errno. */
  syncInode(ino: number, dataOnly: boolean): number;
  /** Makes all metadata durable. */
  syncAll(): number;
  /** A step of its daemon: commits what is old, writes back what the journal still holds. */
  runDaemon(nowNs: number): void;
  /** When runDaemon() has something to do; Infinity when nothing is planned. */
  readonly daemonDueNs: number;
  /** Writes everything out and leaves a clean device. Returns 0 or -errno. */
  unmount(): number;
  statfs(): FileSystemStats;

  /** Only where bytes do not lie on a block device: fills one page. Returns 0 or -EIO. mapBlocks() is not asked then. */
  readPage?(ino: number, pgoff: number, into: Uint8Array): number;
}

/** A block of metadata in memory (struct buffer_head). Its bytes may be changed while a reference is held; then mark it dirty. */
export interface BlockBuffer {
  readonly block: number;
  /** FS_BLOCK_SIZE bytes; the same array as long as a reference is held. */
  readonly bytes: Uint8Array;
}

/** What a file system gets from the kernel: its device through the buffer cache, and the clock. */
export interface FileSystemHost {
  readonly nrBlocks: number;
  readonly isReadOnly: boolean;
  readonly nowNs: number;
  /** Reads a block and takes a reference (sb_bread), -EIO or -ENOMEM. */
  readBuffer(block: number): BlockBuffer | number;
  /** Takes a reference to a block that becomes zeros, unread (sb_getblk); -ENOMEM. */
  newBuffer(block: number): BlockBuffer | number;
  /** Drops a reference (brelse). */
  putBuffer(buffer: BlockBuffer): void;
  /** The buffer may be written whenever the kernel likes (mark_buffer_dirty). */
  markDirty(buffer: BlockBuffer): void;
  /** Nobody needs what the block held: it is not written any more (bforget). No reference may be held. */
  forgetBuffer(block: number): void;
  /** Writes dirty ones of these blocks now and waits (sync_dirty_buffer). Returns 0 or -EIO. */
  syncBuffers(blocks: readonly number[]): number;
  /** Past the cache, for a journal: whole blocks. Returns 0 or -EIO. */
  readBlocks(block: number, into: Uint8Array): number;
  writeBlocks(block: number, from: Uint8Array): number;
  /** All that was written before is durable when it returns 0 (blkdev_issue_flush). */
  flush(): number;
  /** Writes the dirty pages of an inode and waits: data before the metadata that shows it. Returns 0 or -EIO. */
  writeData(ino: number): number;
}
