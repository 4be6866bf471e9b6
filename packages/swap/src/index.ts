export { ClusterSlots, SWAPFILE_CLUSTER } from "./cluster-slots.ts";
export { FaultySwapBackend, type FaultSchedule, type FaultyTransfers } from "./faulty-backend.ts";
export { FirstFitSlots } from "./first-fit-slots.ts";
export { MemorySwapBackend } from "./memory-backend.ts";
export { NullSwapBackend } from "./null-backend.ts";
export { SWAP_MAP_MAX, type SwapArea, type SwapKind } from "./swap-area.ts";
export {
  AUTO_PRIORITY,
  MAX_SWAP_PRIORITY,
  SwapAreas,
  type SwapAreaView,
  type SwapConfig,
  type SwapOnOptions,
} from "./swap-areas.ts";
export { swapBackends, type SwapBackendConfig } from "./swap-backends.ts";
export { swapSlots, type SwapSlotsConfig } from "./swap-slots.ts";
