/** The {@link ScanControl} that the core passes to a policy. */
import {
  DEF_PRIORITY,
  type Gfp,
  MAX_NR_ZONES,
  type NodeId,
  type ScanControl,
  type ScanWrites,
  SWAP_CLUSTER_MAX,
} from "@pageframe/contracts";
import { type LruCache } from "./lru-cache.ts";

/** Highest zone type there is. */
export const HIGHEST_ZONE_TYPE: number = MAX_NR_ZONES - 1;

/** Who writes dirty pages of files, as reclaim sees it. */
export interface WriteWaits {
  /** Has everything that is dirty written, and does not wait (wakeup_flusher_threads). */
  wakeupFlushers(): void;
  /** kswapd of a node has to sleep: it is asked to go on with a later step (VMSCAN_THROTTLE_WRITEBACK). */
  throttleKswapd(nodeId: NodeId): void;
  /** Direct reclaim waits for writes, a short while (VMSCAN_THROTTLE_CONGESTED). */
  throttleDirect(nodeId: NodeId, gfp: Gfp): void;
}

/** Nothing was found yet. */
export function newScanWrites(): ScanWrites {
  return { dirty: 0, unqueuedDirty: 0, congested: 0, writeback: 0, immediate: 0, taken: 0, fileTaken: 0 };
}

/** Forgets what was found. */
export function clearScanWrites(nr: ScanWrites): void {
  nr.dirty = 0;
  nr.unqueuedDirty = 0;
  nr.congested = 0;
  nr.writeback = 0;
  nr.immediate = 0;
  nr.taken = 0;
  nr.fileTaken = 0;
}

/** One pass of reclaim, with the fields that the core sets writable. */
export class Scan implements ScanControl {
  nodeId = 0;
  nrToReclaim: number = SWAP_CLUSTER_MAX;
  priority: number = DEF_PRIORITY;
  isKswapd = false;
  highestZoneType: number = HIGHEST_ZONE_TYPE;
  maySwap = true;
  nrScanned = 0;
  nrReclaimed = 0;
  nrFreePages = 0;
  highWatermark = -1;
  forceDeactivate = false;
  noCacheTrimMode = false;
  skippedDeactivate = false;
  cacheTrimModeFailed = false;
  readonly nr: ScanWrites = newScanWrites();
  isNodeUnderWriteback = false;
  /** Whose batch lruAddDrain() drains. */
  cpu = 0;
  private readonly lru: LruCache | null;
  private readonly writers: WriteWaits | null;

  /** Without a cache lruAddDrain() does nothing, without the other wakeupFlushers(). */
  constructor(lru: LruCache | null, writers: WriteWaits | null = null) {
    this.lru = lru;
    this.writers = writers;
  }

  wakeupFlushers(): void {
    this.writers?.wakeupFlushers();
  }

  lruAddDrain(): void {
    this.lru?.drain(this.cpu);
  }
}
