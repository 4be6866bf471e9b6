export { canonicalVpn, NO_VPN } from "./canonical.ts";
export { type ExplainedHolding, type Explanation } from "./explanation.ts";
export { type EptConfig } from "./ept-config.ts";
export {
  decodeFault,
  EXIT_EPT_MISCONFIG,
  EXIT_EPT_VIOLATION,
  type Fault,
  FAULT_GP,
  FAULT_SS,
  isVmExit,
} from "./fault-code.ts";
export {
  type ExplainedLevel,
  type ExplainedWalk,
  type HardwareWalker,
  type WalkCacheHits,
  type WalkerConfig,
  type WalkerTable,
} from "./hardware-walker.ts";
export { Mmu, type MmuConfig, type MmuStats } from "./mmu.ts";
export {
  type IsolatedMmu,
  type IsolationStats,
  PageTableIsolation,
  X86_CR3_PTI_PCID_USER_BIT,
} from "./page-table-isolation.ts";
export { type ProtectionControls, type RightTable } from "./rights.ts";
export { DEFAULT_WALK_CACHES, type WalkCachesConfig } from "./walk-caches.ts";
export { walkers } from "./walkers.ts";
export {
  type CallGate,
  decodeCallGate,
  decodeDescriptor,
  DESC_ACCESSED,
  DESC_CALL_GATE,
  DESC_CALL_GATE16,
  DESC_CONFORMING,
  DESC_EXECUTABLE,
  DESC_EXPAND_DOWN,
  DESC_LDT,
  DESC_READABLE,
  DESC_TASK_GATE,
  DESC_TSS,
  DESC_TSS16,
  DESC_TSS16_BUSY,
  DESC_TSS_BUSY,
  DESC_WRITABLE,
  effectiveLimit,
  encodeCallGate,
  encodeCallGate64,
  encodeDescriptor,
  encodeSystemDescriptor64,
  type SegmentDescriptor,
  systemBase64,
} from "./segmentation/descriptor.ts";
export { ByteMemory, type DescriptorMemory, FrameMemory } from "./segmentation/descriptor-memory.ts";
export { farCall, farJump, farReturn, type FarTransfer } from "./segmentation/far-transfer.ts";
export {
  cpunodeEntry,
  DESC_CODE16,
  DESC_CODE32,
  DESC_CODE32_BIOS,
  DESC_CODE64,
  DESC_DATA16,
  DESC_DATA32,
  DESC_DATA32_BIOS,
  DESC_DATA64,
  DESC_USER,
  gdtEntry,
  LINUX_SEGMENTS_32,
  LINUX_SEGMENTS_64,
  linuxGdtEntries,
  type LinuxSegments,
  percpuEntry,
  storeDescriptors,
  tssldtEntry32,
  tssldtEntry64,
  VDSO_CPUNODE_BITS,
} from "./segmentation/linux-gdt.ts";
export { PagedMemory } from "./segmentation/paged-memory.ts";
export { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE } from "./segmentation/segment-bases.ts";
export {
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_LDTR,
  SEG_SS,
  SEG_TR,
  SEGMENT_UNUSABLE,
  type SegmentState,
} from "./segmentation/segment-registers.ts";
export { SegmentUnit, type SegmentUnitConfig } from "./segmentation/segment-unit.ts";
export { SegmentedMmu } from "./segmentation/segmented-mmu.ts";
export {
  SEGMENT_RPL_MASK,
  SEGMENT_TI_MASK,
  SELECTOR_ERROR_EXT,
  SELECTOR_ERROR_IDT,
  selectorErrorCode,
  selectorIndex,
  selectorInLdt,
  selectorIsNull,
  selectorOf,
  selectorRpl,
  USER_RPL,
} from "./segmentation/selector.ts";
export {
  decodeUserDesc,
  encodeUserDesc,
  fillLdt,
  GDT_ENTRY_TLS_ENTRIES,
  LDT_ENTRIES,
  LDT_ENTRY_SIZE,
  LocalDescriptorTable,
  TlsArray,
  type UserDesc,
  userDescIsEmpty,
  userDescIsZero,
  userDescOf,
} from "./segmentation/user-desc.ts";
