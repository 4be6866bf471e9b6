/** What every call of the kernel begins and ends with. */
import { type CpuId, EBUSY, EINTR, EINVAL, ESRCH, KernelError } from "@pageframe/contracts";
import { type MmuStats } from "@pageframe/mmu";
import { switchTo } from "./mm/lifecycle.ts";
import { runDaemons } from "./pages/pressure.ts";
import { type System } from "./system.ts";
import { type Task } from "./task.ts";
import { CAUSE_ACCESS, CAUSE_SYSCALL, CAUSE_TLB_L2, CAUSE_WALK } from "./time.ts";
import { enterKernelMode, exitToUserMode } from "./tlb/kpti.ts";
import { tellMonitors } from "./uffd/wait.ts";

/** A machine that can be entered by a task. {@link Kernel} is the one to use. */
export class KernelCore {
  readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  /** A task calls the kernel on its CPU. Throws ESRCH when it has exited. */
  protected enter(task: Task): Task {
    switchTo(this.sys, task.cpu, living(task));
    enterKernelMode(this.sys, this.sys.cpus[task.cpu]);
    return task;
  }

  /** A call of the kernel ends: what it woke runs, and then the task goes on. */
  protected leave(): void {
    const { sys } = this;
    runDaemons(sys);
    const cpu = sys.cpus[sys.currentCpu];
    if (sys.uffd.hasNews && cpu.current !== null) tellMonitors(sys, cpu.current);
    exitToUserMode(sys, cpu);
  }

  /** Runs a part of a system call that uses a task's memory, and what it woke. */
  protected inKernel<Result>(task: Task, work: () => Result): Result {
    this.enter(task);
    const { mmu } = this.sys.cpus[task.cpu];
    const before = mmu.stats;
    const result = work();
    this.spendOnTranslation(before, mmu.stats);
    this.leave();
    return result;
  }

  protected afterSyscall(result: number): number {
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    this.leave();
    return result;
  }

  /** Spends the time of the accesses between two looks at a CPU's counts. */
  protected spendOnTranslation(before: MmuStats, after: MmuStats): void {
    const { time } = this.sys;
    time.spend(CAUSE_ACCESS, after.accesses - before.accesses);
    time.spend(CAUSE_TLB_L2, after.l2Hits - before.l2Hits);
    time.spend(CAUSE_WALK, after.walks - before.walks);
  }

  protected checkCpu(cpu: CpuId): void {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= this.sys.cpus.length) {
      throw new KernelError(EINVAL, `cpu ${cpu} does not exist; the machine has ${this.sys.cpus.length}`);
    }
  }

  protected taskOrThrow(task: Task | number, what: string): Task {
    if (typeof task !== "number") return task;
    if (task === -EINTR) throw new KernelError(EINTR, `the parent was killed for memory during the ${what}`);
    throw new KernelError(task, `no memory for ${what}; more memory, or fewer tasks, would help`);
  }
}

/** The task itself. Throws ESRCH when it has exited: its memory is gone; EBUSY while it waits for a child of vfork. */
export function living(task: Task): Task {
  if (task.hasExited) throw new KernelError(ESRCH, `task ${task.pid} has exited`);
  if (task.vforkChildPid !== 0) {
    throw new KernelError(EBUSY, `task ${task.pid} waits for its vfork child ${task.vforkChildPid}`);
  }
  return task;
}
