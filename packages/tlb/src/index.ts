export {
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_MISS,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
export { type AsidConfig, asidAllocators } from "./asids.ts";
export { DynamicAsids } from "./dynamic-asids.ts";
export { GenerationAsids } from "./generation-asids.ts";
export { MissCurve, missCurve, NEVER_USED } from "./miss-curve.ts";
export {
  modelTlbConfig,
  type ModelTlbArray,
  type ModelTlbConfig,
  type TlbEntrySize,
  type TlbServes,
} from "./model-tlb-config.ts";
export { ModelTlb, type ModelTlbStats } from "./model-tlb.ts";
export { NoTlb } from "./no-tlb.ts";
export { CORTEX_A76, GOLDEN_COVE, SKYLAKE, TEACHING, TLB_PRESETS, tlbPreset, ZEN_4 } from "./presets.ts";
export { type TlbReplacement } from "./replacement.ts";
export { runTrace, type TraceAccess, type TraceMemory, TraceWalker } from "./run-trace.ts";
export { SetAssociativeTlb } from "./set-associative-tlb.ts";
export {
  MAX_TLB_ENTRIES,
  SKYLAKE_TLB,
  tlbConfig,
  type TlbArrayConfig,
  type TlbConfig,
  type TlbOptions,
  type TlbProblem,
  tlbProblems,
} from "./tlb-config.ts";
export { createTlb, tlbs } from "./tlbs.ts";
