/** /proc/PID/oom_score. Source: Linux 6.18 fs/proc/base.c, proc_oom_score(). */
import { oomScore } from "@pageframe/oom";
import { oomCandidate, totalPages } from "../pages/pressure.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Score of a task: 0 when it is never killed, up to 2000 * 2 / 3. */
export function oomScoreOf(sys: System, task: Task): number {
  return task.hasExited ? 0 : oomScore(oomCandidate(task), totalPages(sys));
}
