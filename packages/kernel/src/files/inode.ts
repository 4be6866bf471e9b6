/**
 * What files, disks and file systems are made of, as plain data: inodes and open files, disks and their buffers, mounts.
 * Source: Linux 6.18 include/linux/fs.h, struct inode, struct address_space, struct file, struct super_block;
 * include/linux/blk_types.h, struct block_device; include/linux/buffer_head.h.
 */
import {
  type BlockBackend,
  type BlockBuffer,
  type BlockDevice,
  type FileReadaheadState,
  type FileSystem,
  type Pfn,
  type SwapEntry,
} from "@pageframe/contracts";
import { type PageIndex } from "@pageframe/pagecache";
import { type BackingDevice } from "../writeback/dirty-state.ts";

/** Sectors of 512 bytes in a block of 4096. */
export const SECTORS_PER_BLOCK = 8;

/** What provides the pages of an inode. */
export type InodeKind = "shmem" | "generated" | "special" | "disk" | "bdev";

/** An object that files open and pages belong to (struct inode with its address_space). */
export interface Inode {
  readonly id: number;
  /** Number that /proc/PID/maps shows; given once. */
  readonly ino: number;
  /** Name that /proc/PID/maps shows, without " (deleted)". */
  name: string;
  readonly kind: InodeKind;
  readonly isShmem: boolean;
  readonly isSpecial: boolean;
  /** Device of its file system. */
  readonly devMajor: number;
  readonly devMinor: number;
  /** Infinity for generated files: they have a byte everywhere. */
  sizeBytes: number;
  /** Names that it has; at 0 it ends with its last file. */
  nrLinks: number;
  /** Files that are open on it. */
  nrFiles: number;
  /** Above 0: openings for writing; below 0: those who execute it, and nobody may write (i_writecount). */
  writeCount: number;
  /** VMAs that map it. */
  nrMappings: number;
  /** Its pages in memory, by page offset (i_pages). */
  readonly pages: PageIndex;
  /** Shmem: page offset to the slot that holds the page's bytes. Disjoint from `pages`. */
  readonly swapped: Map<number, SwapEntry>;
  /** Shmem: offset past any page that it has, in memory or in swap. */
  pastLastPage: number;
  /** Shmem: its whole size was charged to the overcommit account at once, and not page by page (no VM_NORESERVE). */
  isReserved: boolean;
  /** Shmem: counts against the size of the /dev/shm mount. */
  readonly isLimited: boolean;
  /** Shmem: F_SEAL_* bits. */
  seals: number;
  /** Generated: offsets that were in memory once and were evicted. */
  readonly evicted: Set<number>;
  /** Generated: bytes of pages that were written and then left memory. */
  readonly written: Map<number, Uint8Array>;
  /** Of a mounted file system: which, and its number there. */
  superBlock: SuperBlock | null;
  fsIno: number;
  /** A directory: it can be opened and made durable, and has no bytes to read. */
  isDirectory: boolean;
  /** Disk that its pages are read from and written to; null when there is none. */
  disk: Disk | null;
  /** Disk whose blocks its pages are (bdev); null for a file. */
  ownDisk: Disk | null;
  /** Its dirty pages are counted and written back. */
  isOnDisk: boolean;
  /** Pages that were given a block and have not been written since (BH_Delay). */
  readonly delayed: Set<number>;
  /** Pages [orderedStart, orderedEnd) that the next commit writes first (i_dirty_start, i_dirty_end); Infinity and 0 for none. */
  orderedStart: number;
  orderedEnd: number;
  /** Page at which the flusher's next turn begins (writeback_index). */
  writebackIndex: number;
  /** Errors of writes to it (errseq_t, i_mapping->wb_err), and how many there were. */
  wbErr: number;
  nrWriteErrors: number;
}

/** One opening of an inode (struct file). */
export interface OpenFile {
  readonly id: number;
  readonly inode: Inode;
  /** FMODE_READ, FMODE_WRITE. */
  readonly mode: number;
  /** SysV segment that it is an attachment of, or NO_SHM_ID. */
  readonly shmId: number;
  /** O_APPEND, O_DIRECT, O_SYNC, O_DSYNC. */
  readonly openFlags: number;
  /** Where the next read(2) or write(2) begins (f_pos). */
  position: number;
  /** What readahead remembers (f_ra). */
  readonly ra: FileReadaheadState;
  /** POSIX_FADV_RANDOM was given (FMODE_RANDOM). */
  isRandom: boolean;
  /** Errors of writes that it has heard of (f_wb_err). */
  wbErr: number;
  /** Has a descriptor: system calls may name it. */
  isOpen: boolean;
  /** The descriptor, and each VMA that maps it (f_count). */
  nrRefs: number;
}

/** A block in memory (struct buffer_head). */
export interface BufferHead extends BlockBuffer {
  readonly block: number;
  readonly bytes: Uint8Array;
  readonly pfn: Pfn;
  /** Holders besides the page cache (b_count): with any, the page stays. */
  nrRefs: number;
  /** Its last write failed (BH_Write_EIO): it is the only good copy, and stays in memory until it is written again or forgotten. */
  hasWriteError: boolean;
}

/** A disk of the machine. */
export class Disk {
  readonly id: number;
  /** As users write it, such as `vda`. */
  readonly name: string;
  readonly device: BlockDevice;
  /** Where its bytes lie, behind the queue. */
  readonly backend: BlockBackend;
  /** Its own inode: page `n` is block `n` (bd_mapping). */
  readonly inode: Inode;
  /** Buffers that are in memory, by block; each has a page of `inode`. */
  readonly buffers = new Map<number, BufferHead>();
  /** Its dirty inodes, and who writes them. */
  readonly bdi: BackingDevice;
  /** Superblock that is mounted from it (index into `sys.mounts`), or -1. */
  mountedAt = -1;

  constructor(
    id: number,
    name: string,
    device: BlockDevice,
    backend: BlockBackend,
    inode: Inode,
    bdi: BackingDevice,
  ) {
    this.id = id;
    this.name = name;
    this.device = device;
    this.backend = backend;
    this.inode = inode;
    this.bdi = bdi;
  }

  /** Blocks of 4096 bytes; a rest at the end is not used. */
  get nrBlocks(): number {
    return Math.floor(this.device.nrSectors / SECTORS_PER_BLOCK);
  }
}

/** A mounted file system. */
export class SuperBlock {
  /** Index into `sys.mounts`. */
  readonly id: number;
  readonly fs: FileSystem;
  /** Disk that it lies on; null for one that has the bytes itself. */
  readonly disk: Disk | null;
  /** Where it is mounted, such as `/mnt`, without a slash at the end; empty for the root. */
  readonly path: string;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Kernel's inode id of each of its inodes that is in memory. */
  readonly inodes = new Map<number, number>();
  /** Errors of writes to it (errseq_t), for syncfs(2). */
  wbErr = 0;
  /** Its daemon does not run before. */
  nextDaemonNs = 0;

  constructor(
    id: number,
    fs: FileSystem,
    disk: Disk | null,
    path: string,
    devMajor: number,
    devMinor: number,
  ) {
    this.id = id;
    this.fs = fs;
    this.disk = disk;
    this.path = path;
    this.devMajor = devMajor;
    this.devMinor = devMinor;
  }
}
