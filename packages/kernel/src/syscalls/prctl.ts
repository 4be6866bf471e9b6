/**
 * prctl(2), as far as it is about memory. Source: Linux 6.18 kernel/sys.c, prctl(2), prctl_set_mm(), prctl_set_mdwe(),
 * prctl_set_thp_disable(), validate_prctl_map_addr(). Each result was asked of a 6.18 kernel.
 * Differs: PR_SET_VMA is refused, as without CONFIG_ANON_VMA_NAME; other kinds give -EINVAL.
 */
import { EFAULT, EINVAL, EPERM, NO_VMA, PAGE_SIZE, type Vaddr } from "@pageframe/contracts";
import { SUID_DUMP_DISABLE, SUID_DUMP_USER, type Task } from "../task.ts";
import { type System } from "../system.ts";

/** Options (include/uapi/linux/prctl.h). */
export const PR_GET_DUMPABLE = 3;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_MM = 35;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_GET_NO_NEW_PRIVS = 39;
export const PR_SET_THP_DISABLE = 41;
export const PR_GET_THP_DISABLE = 42;
export const PR_SET_MDWE = 65;
export const PR_GET_MDWE = 66;
export const PR_SET_MEMORY_MERGE = 67;
export const PR_GET_MEMORY_MERGE = 68;

/** Second argument of PR_SET_MM. */
export const PR_SET_MM_START_CODE = 1;
export const PR_SET_MM_END_CODE = 2;
export const PR_SET_MM_START_DATA = 3;
export const PR_SET_MM_END_DATA = 4;
export const PR_SET_MM_START_STACK = 5;
export const PR_SET_MM_START_BRK = 6;
export const PR_SET_MM_BRK = 7;
export const PR_SET_MM_ARG_START = 8;
export const PR_SET_MM_ARG_END = 9;
export const PR_SET_MM_ENV_START = 10;
export const PR_SET_MM_ENV_END = 11;

/** Bits of PR_SET_MDWE, and of PR_SET_THP_DISABLE. */
export const PR_MDWE_REFUSE_EXEC_GAIN = 1;
export const PR_MDWE_NO_INHERIT = 2;
export const PR_THP_DISABLE_EXCEPT_ADVISED = 2;

/** prctl(2). Returns 0, a value, or -errno. */
export function sysPrctl(
  sys: System,
  task: Task,
  option: number,
  arg2: number,
  arg3: number,
  arg4: number,
  arg5: number,
): number {
  const { mm, process } = task;
  const hasMore = arg2 !== 0 || arg3 !== 0 || arg4 !== 0 || arg5 !== 0;
  switch (option) {
    case PR_GET_DUMPABLE:
      return mm.dumpable;
    case PR_SET_DUMPABLE:
      if (arg2 !== SUID_DUMP_DISABLE && arg2 !== SUID_DUMP_USER) return -EINVAL;
      mm.dumpable = arg2;
      return 0;
    case PR_SET_MM:
      return setMm(sys, task, arg2, arg3, arg4, arg5);
    case PR_SET_NO_NEW_PRIVS:
      if (arg2 !== 1 || arg3 !== 0 || arg4 !== 0 || arg5 !== 0) return -EINVAL;
      process.hasNoNewPrivs = true;
      return 0;
    case PR_GET_NO_NEW_PRIVS:
      return hasMore ? -EINVAL : Number(process.hasNoNewPrivs);
    case PR_SET_THP_DISABLE:
      return setThpDisable(task, arg2 !== 0, arg3, arg4 !== 0 || arg5 !== 0);
    case PR_GET_THP_DISABLE:
      return hasMore ? -EINVAL : mm.thpDisable;
    case PR_SET_MDWE:
      return setMdwe(task, arg2, arg3 !== 0 || arg4 !== 0 || arg5 !== 0);
    case PR_GET_MDWE:
      return hasMore ? -EINVAL : mm.mdwe;
    case PR_SET_MEMORY_MERGE:
      if (arg3 !== 0 || arg4 !== 0 || arg5 !== 0) return -EINVAL;
      mm.space.setMergeAny(arg2 !== 0);
      return 0;
    case PR_GET_MEMORY_MERGE:
      return hasMore ? -EINVAL : Number(mm.space.isMergeAny);
    default:
      return -EINVAL;
  }
}

/** PR_SET_THP_DISABLE: keeps huge pages away, from all mappings or from those that did not ask for them. */
function setThpDisable(task: Task, isDisabled: boolean, flags: number, hasMore: boolean): number {
  if (hasMore || (!isDisabled && flags !== 0) || (flags & ~PR_THP_DISABLE_EXCEPT_ADVISED) !== 0)
    return -EINVAL;
  task.mm.thpDisable = isDisabled ? 1 | flags : 0;
  return 0;
}

/** PR_SET_MDWE: no mapping is writable and executable, none becomes executable. Cannot be taken back. */
function setMdwe(task: Task, bits: number, hasMore: boolean): number {
  if (hasMore || (bits & ~(PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT)) !== 0) return -EINVAL;
  if (bits === PR_MDWE_NO_INHERIT) return -EINVAL;
  const { mm } = task;
  if (mm.mdwe !== 0 && mm.mdwe !== bits) return -EPERM;
  mm.mdwe = bits;
  mm.space.isMdwe = bits !== 0;
  return 0;
}

/** PR_SET_MM: moves one of the marks in the address space that brk and /proc go by. */
function setMm(sys: System, task: Task, what: number, address: Vaddr, arg4: number, arg5: number): number {
  if (arg4 !== 0 || arg5 !== 0) return -EINVAL;
  if (!task.process.isPrivileged) return -EPERM;
  const { mm } = task;
  const { space } = mm;
  if (!isInUserSpace(sys, task, address)) return -EINVAL;
  const { image } = mm;
  const marks = [
    image.startCode,
    image.endCode,
    image.startData,
    image.endData,
    space.startStack,
    space.startBrk,
    space.brkAddress,
    image.argStart,
    image.argEnd,
    image.envStart,
    image.envEnd,
  ];
  if (!Number.isInteger(what) || what < PR_SET_MM_START_CODE || what > PR_SET_MM_ENV_END) return -EINVAL;
  marks[what - 1] = address;
  if (!marks.every((mark) => isInUserSpace(sys, task, mark))) return -EINVAL;
  const [startCode, endCode, startData, endData, startStack, startBrk, brk] = marks;
  const [argStart, argEnd, envStart, envEnd] = marks.slice(PR_SET_MM_BRK);
  const isOrdered =
    startCode < endCode &&
    startData <= endData &&
    startBrk <= brk &&
    argStart <= argEnd &&
    envStart <= envEnd;
  if (!isOrdered || brk - startBrk + endData - startData > space.rlimitDataBytes) return -EINVAL;
  const isOnStack = what === PR_SET_MM_START_STACK || what >= PR_SET_MM_ARG_START;
  if (isOnStack && space.findVma(Math.floor(address / PAGE_SIZE)) === NO_VMA) return -EFAULT;
  mm.image = { startCode, endCode, startData, endData, argStart, argEnd, envStart, envEnd };
  space.startStack = startStack;
  space.startBrk = startBrk;
  space.brkAddress = brk;
  space.dataBytes = endData - startData;
  return 0;
}

/** Is the address between mmap_min_addr and the end of user space? */
function isInUserSpace(sys: System, task: Task, address: Vaddr): boolean {
  return address >= sys.sysctls.mmapMinAddr && address < task.mm.space.taskSizeVpn * PAGE_SIZE;
}
