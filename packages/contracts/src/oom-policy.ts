/** The OOM seat: who dies. */

export const OOM_SCORE_ADJ_MIN = -1000;
export const OOM_SCORE_ADJ_MAX = 1000;

/** What the killer knows of a task. All quantities in pages. */
export interface OomCandidate {
  readonly pid: number;
  readonly name: string;
  readonly rssPages: number;
  readonly swapPages: number;
  /** Page-table pages (mm_pgtables_bytes / PAGE_SIZE). */
  readonly pageTablePages: number;
  /** -1000 (never) to 1000. */
  readonly oomScoreAdj: number;
  /** Virtual time of its start, in ns. */
  readonly startTimeNs: number;
  /** Init or a kernel thread. */
  readonly isUnkillable: boolean;
}

/** Selects a victim. */
export interface OomPolicy {
  readonly name: string;
  /** `totalPages` is RAM plus swap. Returns an index into `candidates`, or -1 when nobody can be killed. */
  selectVictim(candidates: readonly OomCandidate[], totalPages: number): number;
}
