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
export { ContentsVerifier } from "./contents-verifier.ts";
export { type AccessExplanation } from "./explain-access.ts";
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
} from "./fixmap.ts";
export { type MappedFile } from "./files.ts";
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
} from "./kernel-layout.ts";
export { Replay, type ReplayOptions, type ReplayResult } from "./replay.ts";
export { formatBytes, formatPages, isSize, parseBytes, parsePages } from "./sizes.ts";
export { pageCanMigrate, pageExpectedRefCount, pageMaybeDmaPinned } from "./pins.ts";
export { cloneGraph, type Snapshot, stateDigest } from "./snapshot.ts";
export {
  decodeSnapshot,
  encodeSnapshot,
  isSnapshotFile,
  type LoadedSnapshot,
  type SnapshotNote,
} from "./snapshot-file.ts";
export { type Cpu, type System } from "./system.ts";
export { type TableFormat, tableFormat } from "./table-format.ts";
export { type Mm, Task, type TaskSignal } from "./task.ts";
export { CAUSE_NAMES, type CostTable, DEFAULT_COSTS_NS } from "./time.ts";
export { accessOk, taskSizeMax, type UserPointer } from "./uaccess.ts";
export { Vmalloc } from "./vmalloc.ts";
export { VSYSCALL_ADDR } from "./vsyscall.ts";
