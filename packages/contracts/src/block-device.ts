/**
 * Block devices: where bytes lie, and the queue in front of them.
 *
 * A bio moves whole sectors between a device and frames of RAM (or bytes beside them). Data moves when the bio completes,
 * at a virtual time that the device's cost model gives; who waits for it advances the clock.
 * Source: Linux 6.18 include/linux/blk_types.h, struct bio; include/linux/blkdev.h.
 */
import { type Pfn } from "./units.ts";

/** Bytes of a sector, and sectors of a page (SECTOR_SIZE, PAGE_SECTORS). */
export const SECTOR_SIZE = 512;
export const PAGE_SECTORS = 8;

/**
 * Stores sectors. Injected: memory, a file of the host, one with faults. All calls move whole sectors within `nrSectors`.
 * What was written may be lost or torn by a power cut until flush() has returned 0; a sector is never torn inside.
 */
export interface BlockBackend {
  readonly name: string;
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  /** Fills `into` from a sector on. Returns 0 or -EIO. */
  readSectors(sector: number, into: Uint8Array): number;
  /** Writes `from` from a sector on. Returns 0, -EIO or -ENOSPC. */
  writeSectors(sector: number, from: Uint8Array): number;
  /** Makes all that was written durable. Returns 0 or -EIO. */
  flush(): number;
  /**
   * Called instead of the first two where pages have no bytes (contents mode none). A backend without it always succeeds
   * then. Returns 0 or -errno.
   */
  ioWithoutBytes?(sector: number, nrSectors: number, isWrite: boolean): number;
  /** Releases the store. */
  close(): void;
}

/** What a bio does (enum req_op). */
export const REQ_OP_READ = 0;
export const REQ_OP_WRITE = 1;
export const REQ_OP_FLUSH = 2;
/** `bi_opf` flags: somebody waits for it; it may be given up (readahead); metadata; low priority (writeback). */
export const REQ_SYNC: number = 1 << 11;
export const REQ_RAHEAD: number = 1 << 19;
export const REQ_META: number = 1 << 12;
export const REQ_BACKGROUND: number = 1 << 20;
/** Flush the device's cache before; make this write itself durable. */
export const REQ_PREFLUSH: number = 1 << 18;
export const REQ_FUA: number = 1 << 17;

/** One transfer of neighbouring sectors. Plain data; the device fills in `status` and `completedNs`. */
export interface Bio {
  /** REQ_OP_*. */
  readonly op: number;
  /** REQ_* flags. */
  readonly flags: number;
  readonly sector: number;
  readonly nrSectors: number;
  /** Frames that it fills or empties, 8 sectors each, in order; empty when `bytes` is given, or for a flush. */
  readonly pfns: readonly Pfn[];
  /** Bytes in place of frames (buffers of metadata, direct I/O); null with frames. */
  readonly bytes: Uint8Array | null;
  /** Owner's words: the device does not look at them. */
  readonly ownerId: number;
  readonly ownerIndex: number;
  /** 0 or -errno, once completed. */
  status: number;
  /** When it was submitted, and when it is complete; -1 before that is known. */
  submittedNs: number;
  completedNs: number;
}

/** Counts since boot, as /proc/diskstats has them. */
export interface DiskStats {
  /** Requests completed, after merging; bios merged into others; sectors moved; time spent, summed over requests. */
  nrReads: number;
  nrReadMerges: number;
  nrSectorsRead: number;
  readNs: number;
  nrWrites: number;
  nrWriteMerges: number;
  nrSectorsWritten: number;
  writeNs: number;
  nrFlushes: number;
  flushNs: number;
  /** Virtual time with at least one request in flight. */
  busyNs: number;
}

/** A device with its request queue. */
export interface BlockDevice {
  readonly name: string;
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  readonly stats: DiskStats;
  /** Bios that were submitted and are not taken back yet. */
  readonly nrInFlight: number;
  /**
   * Queues a bio at virtual time `nowNs`. It may be merged with its neighbours until unplug(). Beyond the end, or a write to
   * a read-only device: it completes with -EIO or -EROFS.
   */
  submitBio(bio: Bio, nowNs: number): void;
  /** Sends on what was held back for merging (blk_finish_plug). */
  unplug(nowNs: number): void;
  /**
   * When the next bio completes, or a step of one that takes several (it is large, or has flushes around it): ask again
   * when none is complete then. Infinity when none is in flight. What is held back is sent on first.
   */
  nextCompletionNs(nowNs: number): number;
  /** Takes the next bio that is complete at `nowNs`, in order of completion; null when there is none. Its data has moved. */
  takeCompleted(nowNs: number): Bio | null;
  checkInvariants(): void;
}
