/** /proc/PID/oom_score. Source: Linux 6.18 fs/proc/base.c, proc_oom_score(); mm/oom_kill.c, oom_badness(). */
import { oomScore } from "@pageframe/oom";
import { oomCandidate, totalPages } from "../pages/pressure.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * Score of a task: 0 when it is never killed, up to 2000 * 2 / 3. From counters without what CPUs hold back, as Linux
 * takes them here.
 */
export function oomScoreOf(sys: System, task: Task): number {
  if (task.hasExited) return 0;
  const { approximate: rssPages, approximateSwap: swapPages } = task.mm.rssStat;
  return oomScore({ ...oomCandidate(task), rssPages, swapPages }, totalPages(sys));
}
