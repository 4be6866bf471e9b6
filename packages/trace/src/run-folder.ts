/**
 * Folds accesses into runs by the rule of contracts access-run.ts. Hot: per access.
 *
 * An access joins the run before it when it is to the same page and its kind is one that the run's first access covers:
 *
 *     first access   joins
 *     read           read
 *     write          read, write
 *     fetch          fetch, read
 *
 * The second half of an access that straddles two pages opens a run with RUN_SPLIT; what follows may join that run.
 */
import { packRun, RUN_EXEC, RUN_MAX_COUNT, RUN_READ, RUN_VPN_HI_MASK, RUN_WRITE } from "@pageframe/contracts";
import { type RunLog } from "./run-log.ts";

/** Bit `first << 2 | kind` is set when an access of `kind` joins a run whose first access is of kind `first`. */
const JOINS =
  (1 << ((RUN_READ << 2) | RUN_READ)) |
  (1 << ((RUN_WRITE << 2) | RUN_READ)) |
  (1 << ((RUN_WRITE << 2) | RUN_WRITE)) |
  (1 << ((RUN_EXEC << 2) | RUN_READ)) |
  (1 << ((RUN_EXEC << 2) | RUN_EXEC));

/** Folds accesses and appends the runs to a {@link RunLog}. */
export class RunFolder {
  readonly #log: RunLog;
  #vpnLo = 0;
  #vpnHi = 0;
  #kind = 0;
  #isSplit = false;
  /** Accesses in the open run; 0 when none is open. */
  #nrAccesses = 0;

  constructor(log: RunLog) {
    this.#log = log;
  }

  /** Adds one access to the page whose number has the halves `vpnLo` (int32) and `vpnHi` (13 bits). */
  access(vpnLo: number, vpnHi: number, kind: number): void {
    const nrAccesses = this.#nrAccesses;
    if (
      vpnLo === this.#vpnLo &&
      vpnHi === this.#vpnHi &&
      ((JOINS >>> ((this.#kind << 2) | kind)) & 1) !== 0 &&
      nrAccesses < RUN_MAX_COUNT &&
      nrAccesses !== 0
    ) {
      this.#nrAccesses = nrAccesses + 1;
      return;
    }
    this.close();
    this.#open(vpnLo, vpnHi, kind, false);
  }

  /** Adds the second half of the access before, which was of `kind`, on the page after its page. */
  accessNextPage(kind: number): void {
    const vpnLo = (this.#vpnLo + 1) | 0;
    const vpnHi = (vpnLo === 0 ? this.#vpnHi + 1 : this.#vpnHi) & RUN_VPN_HI_MASK;
    this.close();
    this.#open(vpnLo, vpnHi, kind, true);
  }

  /** Ends the open run, so that what follows (an event, the end) comes after it. */
  close(): void {
    if (this.#nrAccesses === 0) return;
    this.#log.addRun(this.#vpnLo, packRun(this.#vpnHi, this.#kind, this.#isSplit, this.#nrAccesses));
    this.#nrAccesses = 0;
  }

  #open(vpnLo: number, vpnHi: number, kind: number, isSplit: boolean): void {
    this.#vpnLo = vpnLo;
    this.#vpnHi = vpnHi;
    this.#kind = kind;
    this.#isSplit = isSplit;
    this.#nrAccesses = 1;
  }
}
