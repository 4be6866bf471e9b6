/** The {@link ScanControl} that the core passes to a policy. */
import { DEF_PRIORITY, MAX_NR_ZONES, type ScanControl, SWAP_CLUSTER_MAX } from "@pageframe/contracts";
import { type LruCache } from "./lru-cache.ts";

/** Highest zone type there is. */
export const HIGHEST_ZONE_TYPE: number = MAX_NR_ZONES - 1;

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
  /** Whose batch lruAddDrain() drains. */
  cpu = 0;
  private readonly lru: LruCache | null;

  /** Without a cache lruAddDrain() does nothing. */
  constructor(lru: LruCache | null) {
    this.lru = lru;
  }

  lruAddDrain(): void {
    this.lru?.drain(this.cpu);
  }
}
