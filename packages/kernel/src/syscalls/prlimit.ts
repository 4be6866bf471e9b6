/**
 * prlimit(2): resource limits. Source: Linux 6.18 kernel/sys.c, do_prlimit(); mm: who reads rlimit().
 * An address space keeps copies of those that it checks; they are made here, and by fork and exec.
 */
import { EINVAL, EPERM } from "@pageframe/contracts";
import {
  NR_OPEN,
  type Process,
  RLIM_NLIMITS,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_NOFILE,
  RLIMIT_STACK,
} from "../process.ts";
import { type Mm, type Task } from "../task.ts";

/** Soft and hard limit, Infinity for none. */
export interface Rlimit {
  readonly soft: number;
  readonly hard: number;
}

/** Sets both limits of a process. Returns 0, -EINVAL, or -EPERM when it would raise the hard one without CAP_SYS_RESOURCE. */
export function sysPrlimit(task: Task, resource: number, soft: number, hard: number): number {
  const { process } = task;
  if (!isResource(resource) || !isLimit(soft) || !isLimit(hard) || soft > hard) return -EINVAL;
  if (resource === RLIMIT_NOFILE && hard > NR_OPEN) return -EPERM;
  if (hard > process.rlimHard[resource] && !process.isPrivileged) return -EPERM;
  process.rlimSoft[resource] = soft;
  process.rlimHard[resource] = hard;
  // A child of vfork has limits of its own in its parent's address space: they come with exec.
  if (task.vforkParentPid === 0) applyLimits(task.mm, process);
  return 0;
}

/** Both limits of a process, or -EINVAL. */
export function sysGetrlimit(task: Task, resource: number): Rlimit | number {
  if (!isResource(resource)) return -EINVAL;
  return { soft: task.process.rlimSoft[resource], hard: task.process.rlimHard[resource] };
}

/** Tells an address space the limits and rights of the process that lives in it. */
export function applyLimits(mm: Mm, process: Process): void {
  const { space } = mm;
  space.rlimitAsBytes = process.rlimSoft[RLIMIT_AS];
  space.rlimitDataBytes = process.rlimSoft[RLIMIT_DATA];
  space.rlimitDataMaxBytes = process.rlimHard[RLIMIT_DATA];
  space.rlimitStackBytes = process.rlimSoft[RLIMIT_STACK];
  space.rlimitMemlockBytes = process.rlimSoft[RLIMIT_MEMLOCK];
  space.isPrivileged = process.isPrivileged;
}

function isResource(resource: number): boolean {
  return Number.isInteger(resource) && resource >= 0 && resource < RLIM_NLIMITS;
}

/** A limit is an unsigned long. */
function isLimit(limit: number): boolean {
  return limit >= 0 && (limit === Infinity || Number.isInteger(limit));
}
