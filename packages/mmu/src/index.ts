export { Mmu, type MmuConfig, type MmuStats } from "./mmu.ts";
export { DEFAULT_WALK_CACHES, type WalkCachesConfig } from "./page-walker.ts";
export { type ProtectionControls } from "./rights.ts";
export { type WalkCacheConfig } from "./walk-cache.ts";
