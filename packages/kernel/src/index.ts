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
export { type AccessExplanation, type HeldTranslation } from "./explain-access.ts";
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
export { type Cpu, type System } from "./system.ts";
export { type Mm, Task, type TaskSignal } from "./task.ts";
export { CAUSE_NAMES, type CostTable, DEFAULT_COSTS_NS } from "./time.ts";
export { accessOk, taskSizeMax, type UserPointer } from "./uaccess.ts";
