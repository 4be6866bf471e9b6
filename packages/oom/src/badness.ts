/**
 * How much killing a task would help, and how /proc shows it.
 * Source: Linux 6.18 mm/oom_kill.c, oom_badness(); fs/proc/base.c, proc_oom_score().
 */
import { EINVAL, KernelError, OOM_SCORE_ADJ_MIN, type OomCandidate } from "@pageframe/contracts";

/** Badness of a task that must not be killed. */
export const LONG_MIN: number = -(2 ** 63);

/**
 * Points of a task: the pages that killing it frees (resident, swapped, page tables), plus oom_score_adj in thousandths
 * of `totalPages` (RAM plus swap, or a cgroup's limit), rounded down to whole pages a thousandth. LONG_MIN for a task
 * that is never killed; other points may be negative.
 */
export function oomBadness(candidate: OomCandidate, totalPages: number): number {
  if (candidate.isUnkillable || candidate.oomScoreAdj === OOM_SCORE_ADJ_MIN) return LONG_MIN;
  const points = candidate.rssPages + candidate.swapPages + candidate.pageTablePages;
  return points + candidate.oomScoreAdj * Math.floor(totalPages / 1000);
}

/**
 * What /proc/PID/oom_score shows: 0 for a task that is never killed, 666 for one without memory, up to 2000 * 2 / 3.
 * `totalPages` is RAM plus swap. Throws EINVAL when there is none.
 */
export function oomScore(candidate: OomCandidate, totalPages: number): number {
  if (!(totalPages > 0)) throw new KernelError(EINVAL, `totalPages (${totalPages}) must be positive`);
  const badness = oomBadness(candidate, totalPages);
  if (badness === LONG_MIN) return 0;
  return Math.trunc(((1000 + Math.trunc((badness * 1000) / totalPages)) * 2) / 3);
}
