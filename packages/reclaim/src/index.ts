export { ActiveInactivePolicy } from "./active-inactive.ts";
export {
  LruCache,
  type LruCacheConfig,
  MLOCK_ORDER_LRU,
  MLOCK_ORDER_NEW,
  MLOCK_ORDER_UNLOCK,
  type MlockHost,
  type PageReleaser,
  PAGEVEC_SIZE,
} from "./lru-cache.ts";
export { Lruvecs } from "./lruvec.ts";
export { ClockPolicy, FifoPolicy } from "./one-list.ts";
export { reclaimPolicies } from "./policies.ts";
export { DEFAULT_SWAPPINESS, type ReclaimPolicyConfig } from "./policy-config.ts";
export { MAX_RECLAIM_RETRIES, Reclaimer, type ReclaimerConfig } from "./reclaimer.ts";
export { newScanWrites, type WriteWaits } from "./scan.ts";
export { ScanBalance } from "./scan-balance.ts";
export { simulateReplacement, type ReplacementResult } from "./simulate.ts";
export { Workingset } from "./workingset.ts";
