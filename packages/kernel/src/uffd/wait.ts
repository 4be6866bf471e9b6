/**
 * Waiting for a userfaultfd: tasks of the model do not sleep, so the context's monitor is called in place, as if it had
 * been scheduled, and the task goes on when it returns.
 * Source: Linux 6.18 fs/userfaultfd.c, handle_userfault(); arch/x86/mm/fault.c, do_user_addr_fault(), the retry.
 * Differs: a task that nobody wakes does not sleep for ever: its access is reported as blocked and may be made again.
 */
import { type Vpn, X86_PF_USER } from "@pageframe/contracts";
import { handleUserFault } from "../pages/fault.ts";
import { switchTo } from "../mm/lifecycle.ts";
import { enterKernelMode, exitToUserMode } from "../tlb/kpti.ts";
import { BLOCKED_ON_UFFD, type Task, type TaskSignal } from "../task.ts";
import { type System } from "../system.ts";
import { CAUSE_ACCESS, CAUSE_TLB_L2, CAUSE_WALK } from "../time.ts";
import { type UserfaultCtx } from "./context.ts";

/**
 * As handleUserFault(), and waits for userfaultfds. Null when the access is worth another try; the signal that it raises; or
 * signal BLOCKED_ON_UFFD when nobody has woken the task.
 */
export function faultAndWait(
  sys: System,
  task: Task,
  vpn: Vpn,
  errorCode: number,
  offset: number,
): TaskSignal | null {
  let signal = handleUserFault(sys, task, vpn, errorCode, offset);
  while (signal?.signal === BLOCKED_ON_UFFD) {
    if (!waitForUserfault(sys, task)) return signal;
    if (task.killedBy !== null) return task.killedBy;
    const { nrMinorFaults } = task;
    signal = handleUserFault(sys, task, vpn, errorCode, offset);
    // The kernel's own faults know that they were tried before, which makes them major (FAULT_FLAG_TRIED).
    if ((errorCode & X86_PF_USER) === 0 && task.nrMinorFaults > nrMinorFaults) {
      task.nrMinorFaults--;
      task.nrMajorFaults++;
    }
  }
  return signal;
}

/** Lets the monitor of the context that a task waits for answer. False when the task is not woken. */
export function waitForUserfault(sys: System, task: Task): boolean {
  const wait = sys.uffd.waits.get(task.pid);
  if (wait === undefined) return true;
  callMonitor(sys, task, sys.uffd.context(wait.uffd));
  return sys.uffd.waits.get(task.pid) !== wait;
}

/** Calls the monitors of all contexts that have something to read, while `task`, which the kernel works for, stands still. */
export function tellMonitors(sys: System, task: Task): void {
  sys.uffd.hasNews = false;
  for (const ctx of [...sys.uffd.contexts]) if (ctx?.hasNews === true) callMonitor(sys, task, ctx);
}

/** Lets the monitor run in place of `task`, in the kernel, which then is as it was. */
function callMonitor(sys: System, task: Task, ctx: UserfaultCtx): void {
  if (ctx.monitor === null || ctx.isMonitorRunning) return;
  const { mmu } = sys.cpus[task.cpu];
  const before = mmu.stats;
  exitToUserMode(sys, sys.cpus[task.cpu]);
  ctx.isMonitorRunning = true;
  ctx.monitor.userfault(ctx.id);
  ctx.isMonitorRunning = false;
  // The caller pays for what the CPU has translated since it looked; what the monitor did is paid for.
  const { accesses, l2Hits, walks } = mmu.stats;
  sys.time.spend(CAUSE_ACCESS, before.accesses - accesses);
  sys.time.spend(CAUSE_TLB_L2, before.l2Hits - l2Hits);
  sys.time.spend(CAUSE_WALK, before.walks - walks);
  if (task.hasExited) return;
  switchTo(sys, task.cpu, task);
  enterKernelMode(sys, sys.cpus[task.cpu]);
}
