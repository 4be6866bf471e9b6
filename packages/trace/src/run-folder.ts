/**
 * Folds accesses into runs by the rule of contracts access-run.ts. Hot: per access.
 *
 * An access joins the run before it when it is to the same page and is a read, or of the kind of the run's first access.
 * The second half of an access that straddles two pages opens a run with RUN_SPLIT; what follows may join that run.
 *
 * Accesses arrive in batches, each as a run of one access, and are folded in place: the open run stays in registers.
 */
import { RUN_COUNT_SHIFT, RUN_MAX_COUNT, RUN_SPLIT, RUN_VPN_HI_MASK } from "@pageframe/contracts";
import { type RunLog } from "./run-log.ts";

/** Folds accesses and appends the runs to a {@link RunLog}. */
export class RunFolder {
  readonly #log: RunLog;
  /** The open run: its words with a count of one, and its accesses; 0 when none is open. */
  #word0 = 0;
  #word1 = 0;
  #nrAccesses = 0;

  constructor(log: RunLog) {
    this.#log = log;
  }

  /** Adds accesses, each given as a run of one. Overwrites `words`. */
  addAccesses(words: Int32Array, nrAccesses: number): void {
    let word0 = this.#word0;
    let word1 = this.#word1;
    let nrOpen = this.#nrAccesses;
    // Each access closes at most one run, so that writing never overtakes reading.
    let nrWords = 0;
    for (let at = 0; at < 2 * nrAccesses; at += 2) {
      const next0 = words[at];
      const next1 = words[at + 1];
      // Word 1 of a read is the page's high half alone, because RUN_READ is 0; RUN_SPLIT in next1 never matches.
      const joins =
        next0 === word0 && (next1 === (word1 & RUN_VPN_HI_MASK) || next1 === (word1 & ~RUN_SPLIT));
      if (joins && nrOpen < RUN_MAX_COUNT && nrOpen !== 0) {
        nrOpen++;
        continue;
      }
      if (nrOpen !== 0) {
        words[nrWords] = word0;
        words[nrWords + 1] = word1 | ((nrOpen - 1) << RUN_COUNT_SHIFT);
        nrWords += 2;
      }
      word0 = next0;
      word1 = next1;
      nrOpen = 1;
    }
    this.#log.addRuns(words, nrWords >>> 1);
    this.#word0 = word0;
    this.#word1 = word1;
    this.#nrAccesses = nrOpen;
  }

  /** Ends the open run, so that what follows (an event, the end) comes after it. */
  close(): void {
    if (this.#nrAccesses === 0) return;
    const word1 = this.#word1 | ((this.#nrAccesses - 1) << RUN_COUNT_SHIFT);
    this.#log.addRuns(Int32Array.of(this.#word0, word1), 1);
    this.#nrAccesses = 0;
  }
}
