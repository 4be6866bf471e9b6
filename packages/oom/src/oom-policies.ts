/**
 * Who may sit in the OOM seat. Candidates come in the order of the task list, oldest first; whoever must not be killed
 * (badness LONG_MIN) is passed over by every policy.
 */
import { type OomCandidate, type OomPolicy, type SeatTable } from "@pageframe/contracts";
import { LONG_MIN, oomBadness } from "./badness.ts";

/** A policy that kills the candidate with the highest key; of equals the one that comes last. */
abstract class HighestKeyPolicy implements OomPolicy {
  abstract readonly name: string;

  /** What the policy compares; LONG_MIN spares the candidate. */
  abstract keyOf(candidate: OomCandidate, totalPages: number): number;

  selectVictim(candidates: readonly OomCandidate[], totalPages: number): number {
    let victim = -1;
    let highest = LONG_MIN;
    for (let at = 0; at < candidates.length; at++) {
      if (oomBadness(candidates[at], totalPages) === LONG_MIN) continue;
      const key = this.keyOf(candidates[at], totalPages);
      if (key < highest) continue;
      victim = at;
      highest = key;
    }
    return victim;
  }
}

/**
 * Kills the task with the highest badness; of equals the one that comes last in the task list.
 * Source: Linux 6.18 mm/oom_kill.c, select_bad_process() and oom_evaluate_task(). Differs: does not wait for an earlier
 * victim that is still exiting; whoever calls it kills at once.
 */
export class BadnessPolicy extends HighestKeyPolicy {
  override readonly name = "badness";

  override keyOf(candidate: OomCandidate, totalPages: number): number {
    return oomBadness(candidate, totalPages);
  }
}

/** Kills the task with the most resident pages, whatever its oom_score_adj above -1000 asks. */
export class LargestRssPolicy extends HighestKeyPolicy {
  override readonly name = "largest-rss";

  override keyOf(candidate: OomCandidate): number {
    return candidate.rssPages;
  }
}

/** Kills the task that started last: the least work is lost. */
export class YoungestPolicy extends HighestKeyPolicy {
  override readonly name = "youngest";

  override keyOf(candidate: OomCandidate): number {
    return candidate.startTimeNs;
  }
}

/** The occupants of the OOM seat; the first is Linux's. */
export const oomPolicies: SeatTable<void, OomPolicy> = [
  {
    name: "badness",
    describe: "Linux: most memory (resident, swap, page tables) adjusted by oom_score_adj",
    create: () => new BadnessPolicy(),
  },
  {
    name: "largest-rss",
    describe: "the task with the most resident pages",
    create: () => new LargestRssPolicy(),
  },
  {
    name: "youngest",
    describe: "the task that started last",
    create: () => new YoungestPolicy(),
  },
];
