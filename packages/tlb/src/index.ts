export { type AsidConfig, asidAllocators } from "./asids.ts";
export { DynamicAsids } from "./dynamic-asids.ts";
export { GenerationAsids } from "./generation-asids.ts";
export { NoTlb } from "./no-tlb.ts";
export { SetAssociativeTlb } from "./set-associative-tlb.ts";
export {
  MAX_TLB_ENTRIES,
  SKYLAKE_TLB,
  tlbConfig,
  type TlbArrayConfig,
  type TlbConfig,
} from "./tlb-config.ts";
export { tlbs } from "./tlbs.ts";
