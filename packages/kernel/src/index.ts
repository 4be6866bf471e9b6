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
export { NO_SHM_ID, pathOf } from "./files/files.ts";
export { type Disk, type Inode, type OpenFile, type SuperBlock } from "./files/inode.ts";
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
export {
  type DiskCounts,
  type PageCacheCounts,
  Replay,
  type ReplayOptions,
  type ReplayResult,
} from "./replay/replay.ts";
export { replayDiskSize } from "./replay/trace-disk.ts";
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
export {
  ADDR_NO_RANDOMIZE,
  type Process,
  RLIM_INFINITY,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_STACK,
} from "./process.ts";
export { type ElfImage, type ElfSegment } from "./mm/elf-map.ts";
export { type ExecLayout } from "./syscalls/execve.ts";
export { type Rlimit } from "./syscalls/prlimit.ts";
export {
  PR_GET_DUMPABLE,
  PR_GET_MDWE,
  PR_GET_MEMORY_MERGE,
  PR_GET_NO_NEW_PRIVS,
  PR_GET_THP_DISABLE,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  PR_SET_DUMPABLE,
  PR_SET_MDWE,
  PR_SET_MEMORY_MERGE,
  PR_SET_MM,
  PR_SET_MM_ARG_END,
  PR_SET_MM_ARG_START,
  PR_SET_MM_BRK,
  PR_SET_MM_END_CODE,
  PR_SET_MM_END_DATA,
  PR_SET_MM_ENV_END,
  PR_SET_MM_ENV_START,
  PR_SET_MM_START_BRK,
  PR_SET_MM_START_CODE,
  PR_SET_MM_START_DATA,
  PR_SET_MM_START_STACK,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_THP_DISABLE,
  PR_THP_DISABLE_EXCEPT_ADVISED,
} from "./syscalls/prctl.ts";
export { SYSCTL_NAMES } from "./sysctl.ts";
export { TaskMemory } from "./program-memory.ts";
export { type WaitResult } from "./mm/lifecycle.ts";
export { type Cpu, type System } from "./system.ts";
export { type TableFormat, tableFormat } from "./kernel-space/table-format.ts";
export { BLOCKED_ON_UFFD, type Mm, Task, type TaskSignal } from "./task.ts";
export { CAUSE_NAMES, COST_NAMES, type CostTable, DEFAULT_COSTS_NS } from "./time.ts";
export { type AdvisedRange } from "./syscalls/process-madvise.ts";
export { type UffdioArgs, type UffdioRange } from "./syscalls/userfaultfd.ts";
export { accessOk, taskSizeMax, type UserPointer } from "./pages/uaccess.ts";
export { type ShmidDs } from "./syscalls/shm.ts";
export { type UffdMsg, type UserfaultMonitor } from "./uffd/context.ts";
export { Vmalloc } from "./kernel-space/vmalloc.ts";
export { VSYSCALL_ADDR } from "./mm/vsyscall.ts";
