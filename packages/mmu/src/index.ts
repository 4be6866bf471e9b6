export { type Explanation } from "./explanation.ts";
export { decodeFault, type Fault, FAULT_GP, FAULT_SS } from "./fault-code.ts";
export {
  type ExplainedLevel,
  type ExplainedWalk,
  type HardwareWalker,
  type WalkCacheHits,
  type WalkerConfig,
  type WalkerTable,
} from "./hardware-walker.ts";
export { Mmu, type MmuConfig, type MmuStats } from "./mmu.ts";
export { type ProtectionControls, type RightTable } from "./rights.ts";
export { DEFAULT_WALK_CACHES, type WalkCachesConfig } from "./walk-caches.ts";
export { walkers } from "./walkers.ts";
