/** Calls about processes and settings, each a short way to the functions beside. */
import {
  type CpuId,
  EINVAL,
  KernelError,
  OOM_SCORE_ADJ_MAX,
  OOM_SCORE_ADJ_MIN,
  SIGKILL,
  TP_OOM_SCORE_ADJ_UPDATE,
} from "@pageframe/contracts";
import {
  cloneThread,
  createTask,
  exitTask,
  forkTask,
  goIdle,
  vforkTask,
  type WaitResult,
  waitForChild,
} from "../mm/lifecycle.ts";
import { passTime } from "../pages/pass-time.ts";
import { runDaemons } from "../pages/pressure.ts";
import { readSysctl, writeSysctl } from "../sysctl.ts";
import { type Task } from "../task.ts";
import { CAUSE_SYSCALL } from "../time.ts";
import { sysSetresuid } from "./credentials.ts";
import { type ExecLayout, sysExecve, sysExecveEmpty } from "./execve.ts";
import { sysPrctl } from "./prctl.ts";
import { type Rlimit, sysGetrlimit, sysPrlimit } from "./prlimit.ts";
import { KernelCore } from "../kernel-core.ts";

/** Processes: made, run, ended, limited. */
export class ProcessCalls extends KernelCore {
  /** Makes a task with an empty address space on a CPU. Throws ENOMEM. */
  spawn(name: string, cpu: CpuId = 0): Task {
    this.checkCpu(cpu);
    return this.taskOrThrow(createTask(this.sys, name, cpu), `task "${name}"`);
  }

  /** fork(2). Throws ENOMEM, or EINTR when the parent was killed meanwhile; nothing is left behind then. */
  fork(parent: Task): Task {
    this.enter(parent);
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    const child = forkTask(this.sys, parent);
    this.leave();
    return this.taskOrThrow(child, `fork of task ${parent.pid}`);
  }

  /**
   * vfork(2): a child in the parent's address space. The parent stands still, and calls for it throw EBUSY, until the child
   * exits or executes a program. Throws ENOMEM or EINTR as fork() does.
   */
  vfork(parent: Task): Task {
    this.enter(parent);
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    const child = vforkTask(this.sys, parent);
    this.leave();
    return this.taskOrThrow(child, `vfork of task ${parent.pid}`);
  }

  /**
   * clone(2) with CLONE_VM | CLONE_THREAD: a task of its own in the address space of another. Throws ENOMEM or EINTR as
   * fork() does.
   */
  thread(leader: Task, cpu: CpuId = leader.cpu): Task {
    this.checkCpu(cpu);
    this.enter(leader);
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    const thread = cloneThread(this.sys, leader, cpu);
    this.leave();
    return this.taskOrThrow(thread, `thread of task ${leader.pid}`);
  }

  /** Lets a CPU idle. It keeps what it has loaded, lazily, until a task runs there again. */
  idle(cpu: CpuId): void {
    this.checkCpu(cpu);
    goIdle(this.sys, this.sys.cpus[cpu]);
  }

  /** _exit(2) of one task with an exit code of 0 to 255; the memory goes with the last that uses it. */
  exit(task: Task, exitCode = 0): void {
    exitTask(this.sys, task, (exitCode & 0xff) << 8);
    runDaemons(this.sys);
  }

  /** Ends a task by a signal that it does not handle. */
  kill(task: Task, signal: number = SIGKILL): void {
    exitTask(this.sys, task, signal);
    runDaemons(this.sys);
  }

  /** wait(2): reaps a child that has ended. Returns 0 while all children run still, -ECHILD without children. */
  wait(task: Task): WaitResult | number {
    this.enter(task);
    const result = waitForChild(this.sys, task);
    this.afterSyscall(0);
    return result;
  }

  /**
   * execve(2): runs another program in place of the one that runs; its layout is random by the machine's seed, unless
   * kernel.randomize_va_space or the task's personality says no. 0 or -errno.
   */
  execve(task: Task, layout: ExecLayout): number {
    return this.inKernel(task, () => sysExecve(this.sys, task, layout));
  }

  /** execve(2) of a program whose mappings the caller makes itself, in an address space that is empty. 0 or -ENOMEM. */
  execveEmpty(task: Task): number {
    return this.inKernel(task, () => sysExecveEmpty(this.sys, task));
  }

  /**
   * prlimit(2): sets both limits of a resource (RLIMIT_*) of a process, in bytes or pieces, Infinity for none. 0, -EINVAL, or
   * -EPERM.
   */
  prlimit(task: Task, resource: number, soft: number, hard: number): number {
    return this.afterSyscall(sysPrlimit(this.enter(task), resource, soft, hard));
  }

  /** getrlimit(2): both limits of a resource, or -EINVAL. */
  getrlimit(task: Task, resource: number): Rlimit | number {
    return sysGetrlimit(task, resource);
  }

  /** prctl(2) of the kinds that are about memory (PR_*): 0, a value, or -errno. */
  prctl(task: Task, option: number, arg2 = 0, arg3 = 0, arg4 = 0, arg5 = 0): number {
    return this.afterSyscall(sysPrctl(this.sys, this.enter(task), option, arg2, arg3, arg4, arg5));
  }

  /** setresuid(2) to one user id: with any but 0, root loses its capabilities. 0, -EINVAL or -EPERM. */
  setuid(task: Task, uid: number): number {
    return this.afterSyscall(sysSetresuid(this.enter(task), uid, uid, uid));
  }

  /** personality(2): sets the bits, ADDR_NO_RANDOMIZE among them; returns those before. Counts from the next exec on. */
  personality(task: Task, bits: number): number {
    const before = task.process.personality;
    task.process.personality = bits;
    return this.afterSyscall(before);
  }

  /** nanosleep(2): virtual time passes, I/O completes and daemons run when they are due. */
  sleep(task: Task, ns: number): void {
    this.enter(task);
    passTime(this.sys, this.sys.time.nowNs + ns);
    this.afterSyscall(0);
  }

  /** Reads a file of /proc/sys by its path there, such as `vm/swappiness`: its text without newline, -ENOENT or -EACCES. */
  sysctl(name: string): string | number {
    return readSysctl(this.sys, name);
  }

  /** Writes a file of /proc/sys: 0, -ENOENT or -EINVAL. */
  setSysctl(name: string, value: string): number {
    const result = writeSysctl(this.sys, name, value);
    runDaemons(this.sys);
    return result;
  }

  /** Writes /proc/PID/oom_score_adj: -1000 (never killed) to 1000. Throws EINVAL outside. */
  setOomScoreAdj(task: Task, oomScoreAdj: number): void {
    if (
      !Number.isInteger(oomScoreAdj) ||
      oomScoreAdj < OOM_SCORE_ADJ_MIN ||
      oomScoreAdj > OOM_SCORE_ADJ_MAX
    ) {
      throw new KernelError(
        EINVAL,
        `oom_score_adj ${oomScoreAdj} is not an integer from ${OOM_SCORE_ADJ_MIN} to ${OOM_SCORE_ADJ_MAX}`,
      );
    }
    task.oomScoreAdj = oomScoreAdj;
    this.sys.trace?.emit(TP_OOM_SCORE_ADJ_UPDATE, task.pid, oomScoreAdj, 0, 0);
  }
}
