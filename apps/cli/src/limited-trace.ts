/** The first part of a trace: it ends after a number of accesses. */
import {
  RUN_COUNT_SHIFT,
  RUN_MAX_COUNT,
  RUN_SPLIT,
  runCount,
  type RunsBlock,
  type TraceBlock,
  type TraceMetadata,
  type TraceSource,
} from "@pageframe/contracts";

const COUNT_MASK = (RUN_MAX_COUNT - 1) << RUN_COUNT_SHIFT;

/**
 * A trace cut off after `nrAccesses` accesses. One that straddles two pages is one access, and both halves are in. System
 * calls behind the last access are left out.
 */
export class LimitedTrace implements TraceSource {
  readonly metadata: TraceMetadata;
  /** Accesses passed on so far. */
  nrAccessesPassed = 0;
  private readonly source: TraceSource;
  private readonly nrAccesses: number;

  constructor(source: TraceSource, nrAccesses: number) {
    this.metadata = source.metadata;
    this.source = source;
    this.nrAccesses = nrAccesses;
  }

  next(): TraceBlock | null {
    // A second half may still follow the last access; nothing else may.
    const block = this.source.next();
    if (block === null) return null;
    if (block.kind === "syscall") return this.nrAccessesPassed < this.nrAccesses ? block : null;
    return this.cut(block);
  }

  rewind(): void {
    this.source.rewind();
    this.nrAccessesPassed = 0;
  }

  /** The part of a block that is within the limit, or null when none is. */
  private cut(block: RunsBlock): RunsBlock | null {
    const { words, nrRuns } = block;
    for (let run = 0; run < nrRuns; run++) {
      const word1 = words[2 * run + 1];
      // The second half of an access belongs to the one before; others may have joined its run.
      const nrHalves = (word1 & RUN_SPLIT) === 0 ? 0 : 1;
      const nrOwn = runCount(word1) - nrHalves;
      const nrLeft = this.nrAccesses - this.nrAccessesPassed;
      if (nrOwn <= nrLeft) {
        this.nrAccessesPassed += nrOwn;
        continue;
      }
      if (nrLeft + nrHalves === 0) return run === 0 ? null : { kind: "runs", words, nrRuns: run };
      const kept = words.slice(0, 2 * run + 2);
      kept[2 * run + 1] = (word1 & ~COUNT_MASK) | ((nrLeft + nrHalves - 1) << RUN_COUNT_SHIFT);
      this.nrAccessesPassed += nrLeft;
      return { kind: "runs", words: kept, nrRuns: run + 1 };
    }
    return block;
  }
}
