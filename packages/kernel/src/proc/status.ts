/**
 * /proc/PID/status and statm.
 * Source: Linux 6.18 fs/proc/array.c, proc_pid_status(); fs/proc/task_mmu.c, task_mem().
 */
import { pagesOfBytes, vpnOfAddress } from "@pageframe/contracts";
import { type TaskMem, type TaskStatus } from "@pageframe/procfs";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** What status says of a task. */
export function taskStatus(sys: System, task: Task): TaskStatus {
  const leader = leaderOf(sys, task);
  const isRunning = sys.cpus.some((cpu) => cpu.current === task);
  return {
    name: task.name,
    state: task.hasExited ? "Z (zombie)" : isRunning ? "R (running)" : "S (sleeping)",
    tgid: leader.pid,
    pid: task.pid,
    ppid: leader.parentPid,
    nrThreads: Math.max(1, task.process.nrThreads),
    mem: taskMem(task),
  };
}

/** First living task of a task's process. Differs: Linux keeps the first one of all until the last has ended. */
function leaderOf(sys: System, task: Task): Task {
  if (!task.isThread) return task;
  for (const other of sys.tasks.values()) if (other.process === task.process) return other;
  return task;
}

/** What a task's memory adds up to; null of one that has exited. */
export function taskMem(task: Task): TaskMem | null {
  if (task.hasExited) return null;
  const { mm } = task;
  const { space, image } = mm;
  return {
    hiwaterVm: space.hiwaterVm,
    totalVm: space.totalVm,
    lockedVm: space.lockedVm,
    pinnedVm: 0,
    hiwaterRss: mm.rssStat.hiwater,
    rssAnon: mm.rssAnon,
    rssFile: mm.rssFile,
    rssShmem: mm.rssShmem,
    dataVm: space.dataVm,
    stackVm: space.stackVm,
    execVm: space.execVm,
    textPages: pagesOfBytes(image.endCode) - vpnOfAddress(image.startCode),
    pageTablePages: mm.nrTablePages - mm.nrPgdPages,
    swapEntries: mm.nrSwapEntries,
    hugetlbPages: 0,
  };
}
