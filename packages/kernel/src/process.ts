/**
 * What the threads of one process share beside memory: resource limits, credentials, how it ended. Cold.
 * Source: Linux 6.18 include/linux/sched/signal.h, struct signal_struct; include/asm-generic/resource.h, INIT_RLIMITS;
 * include/linux/cred.h. Differs: threads have no credentials of their own.
 */

import { type CpuId } from "@pageframe/contracts";

/** Resources of getrlimit(2) that the kernel acts on (include/uapi/asm-generic/resource.h). */
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_NOFILE = 7;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;
export const RLIM_NLIMITS = 16;
/** No limit. */
export const RLIM_INFINITY = Infinity;

/** personality(2) bits of interest (include/uapi/linux/personality.h). */
export const ADDR_NO_RANDOMIZE = 0x0040000;

const RLIMIT_CORE = 4;
const RLIMIT_SIGPENDING = 11;
const RLIMIT_MSGQUEUE = 12;
const RLIMIT_NICE = 13;
const RLIMIT_RTPRIO = 14;

/** Highest limit of open files (sysctl_nr_open). */
export const NR_OPEN = 1048576;
const INR_OPEN_CUR = 1024;
const INR_OPEN_MAX = 4096;
const MQ_BYTES_MAX = 819200;
const MLOCK_LIMIT = 8388608;

/** What is left of a task that has exited until its parent waits for it. */
export interface Zombie {
  readonly pid: number;
  parentPid: number;
  readonly process: Process;
  /** CPU that it ran on last, and its slab objects by cache. */
  readonly cpu: CpuId;
  readonly objects: Int32Array;
  readonly objectAddresses: Float64Array;
}

/** One process (signal_struct and cred). */
export class Process {
  /** Limits in bytes or pieces by RLIMIT_*, Infinity for none. */
  readonly rlimSoft: Float64Array = new Float64Array(RLIM_NLIMITS).fill(RLIM_INFINITY);
  readonly rlimHard: Float64Array = new Float64Array(RLIM_NLIMITS).fill(RLIM_INFINITY);
  /** Real, effective and saved user id. */
  uid = 0;
  euid = 0;
  suid = 0;
  /** Are all capabilities in the effective set, as root has them? */
  isPrivileged = true;
  /** Bits of personality(2). */
  personality = 0;
  /** PR_SET_NO_NEW_PRIVS. */
  hasNoNewPrivs = false;
  /** Threads that run in it. */
  nrThreads = 0;
  /** What wait(2) will say: exit code times 256, or the signal. */
  exitStatus = 0;

  constructor(rlimitStackBytes: number) {
    this.rlimSoft[RLIMIT_STACK] = rlimitStackBytes;
    this.rlimSoft[RLIMIT_CORE] = 0;
    this.rlimSoft[RLIMIT_NOFILE] = INR_OPEN_CUR;
    this.rlimHard[RLIMIT_NOFILE] = INR_OPEN_MAX;
    this.setBoth(RLIMIT_MEMLOCK, MLOCK_LIMIT);
    this.setBoth(RLIMIT_SIGPENDING, 0);
    this.setBoth(RLIMIT_MSGQUEUE, MQ_BYTES_MAX);
    this.setBoth(RLIMIT_NICE, 0);
    this.setBoth(RLIMIT_RTPRIO, 0);
  }

  /** Makes a child process as fork does: limits and credentials are copied. */
  fork(): Process {
    const child = new Process(0);
    child.rlimSoft.set(this.rlimSoft);
    child.rlimHard.set(this.rlimHard);
    child.uid = this.uid;
    child.euid = this.euid;
    child.suid = this.suid;
    child.isPrivileged = this.isPrivileged;
    child.personality = this.personality;
    child.hasNoNewPrivs = this.hasNoNewPrivs;
    return child;
  }

  private setBoth(resource: number, limit: number): void {
    this.rlimSoft[resource] = limit;
    this.rlimHard[resource] = limit;
  }
}
