export { type ExplainedLevel, type Explanation } from "./explain.ts";
export { Mmu, type MmuConfig, type MmuStats } from "./mmu.ts";
export { type ProtectionControls } from "./rights.ts";
export { DEFAULT_WALK_CACHES, type WalkCachesConfig } from "./walk-caches.ts";
