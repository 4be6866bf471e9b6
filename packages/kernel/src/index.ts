export { bootKernel, type BootOptions } from "./boot.ts";
export {
  ConfigError,
  type ConfigProblem,
  configProblems,
  type KernelConfig,
  type KernelConfigInput,
  kernelConfigSchema,
  MIN_MEMORY_BYTES,
  parseKernelConfig,
} from "./config.ts";
export { ContentsVerifier } from "./replay/contents-verifier.ts";
export { type AccessExplanation } from "./pages/explain-access.ts";
export {
  clearFixmap,
  FIX_APIC_BASE,
  FIX_DBGP_BASE,
  FIX_EARLYCON_MEM_BASE,
  FIX_IO_APIC_BASE_0,
  FIXADDR_TOP_PAGE,
  FIXMAP_PAGE_IO,
  FIXMAP_PAGE_NORMAL,
  fixToVpn,
  setFixmap,
  VSYSCALL_PAGE,
} from "./kernel-space/fixmap.ts";
export { type Inode, type OpenFile, pathOf } from "./files/files.ts";
export { Kernel } from "./kernel.ts";
export {
  ADDRESS_AREAS_4,
  ADDRESS_AREAS_5,
  type AddressArea,
  addressAreaOf,
  canonicalVpn,
  NOT_CANONICAL,
  pageOfVpn,
  vpnOfPage,
  VSYSCALL_PAGE_52,
} from "./kernel-space/kernel-layout.ts";
export { type Proc } from "./proc/proc.ts";
export { Replay, type ReplayOptions, type ReplayResult } from "./replay/replay.ts";
export { formatBytes, formatPages, isSize, parseBytes, parsePages } from "./sizes.ts";
export { pageCanMigrate, pageExpectedRefCount, pageMaybeDmaPinned } from "./pages/pins.ts";
export { cloneGraph, type Snapshot, stateDigest } from "./state/snapshot.ts";
export {
  decodeSnapshot,
  encodeSnapshot,
  isSnapshotFile,
  type LoadedSnapshot,
  type SnapshotNote,
} from "./state/snapshot-file.ts";
export { type Cpu, type System } from "./system.ts";
export { type TableFormat, tableFormat } from "./kernel-space/table-format.ts";
export { type Mm, Task, type TaskSignal } from "./task.ts";
export { CAUSE_NAMES, type CostTable, DEFAULT_COSTS_NS } from "./time.ts";
export { accessOk, taskSizeMax, type UserPointer } from "./pages/uaccess.ts";
export { Vmalloc } from "./kernel-space/vmalloc.ts";
export { VSYSCALL_ADDR } from "./mm/vsyscall.ts";
