/**
 * Runs and events in program order, in memory. Hot: `addRuns`, per run.
 *
 * Layout: runs stand in chunks of MAX_BLOCK_RUNS pairs of words; an event stands in a list of its own with the number of
 * runs that precede it. Invariants: every chunk but the last is full; `eventPositions` ascends.
 */
import { MAX_BLOCK_RUNS, type SyscallEvent, type TraceBlock } from "@pageframe/contracts";

const CHUNK_WORDS = 2 * MAX_BLOCK_RUNS;

/** Collects runs and events; read it with a {@link RunLogCursor}. */
export class RunLog {
  readonly chunks: Int32Array[] = [];
  readonly events: SyscallEvent[] = [];
  /** For each event, how many runs precede it. */
  readonly eventPositions: number[] = [];
  #tail = new Int32Array(0);
  #tailWords = CHUNK_WORDS;

  /** Runs held so far. */
  get nrRuns(): number {
    return (this.chunks.length - 1) * MAX_BLOCK_RUNS + this.#tailWords / 2;
  }

  /** Appends the first `nrRuns` runs of `words`. */
  addRuns(words: Int32Array, nrRuns: number): void {
    let first = 0;
    while (first < nrRuns) {
      if (this.#tailWords === CHUNK_WORDS) this.#grow();
      const nrFitting = Math.min(nrRuns - first, (CHUNK_WORDS - this.#tailWords) / 2);
      this.#tail.set(words.subarray(2 * first, 2 * (first + nrFitting)), this.#tailWords);
      this.#tailWords += 2 * nrFitting;
      first += nrFitting;
    }
  }

  /** Appends an event after the runs held so far. */
  addEvent(event: SyscallEvent): void {
    this.events.push(event);
    this.eventPositions.push(this.nrRuns);
  }

  #grow(): void {
    this.#tail = new Int32Array(CHUNK_WORDS);
    this.#tailWords = 0;
    this.chunks.push(this.#tail);
  }
}

/** Reads a {@link RunLog} block by block. */
export class RunLogCursor {
  readonly #log: RunLog;
  #nextRun = 0;
  #nextEvent = 0;

  constructor(log: RunLog) {
    this.#log = log;
  }

  /** Returns the next block, or null at the end. The runs are a view into the log: not to be written to. */
  next(): TraceBlock | null {
    const { chunks, events, eventPositions, nrRuns } = this.#log;
    const nextRun = this.#nextRun;
    let endRun = nrRuns;
    if (this.#nextEvent < events.length) {
      endRun = eventPositions[this.#nextEvent];
      if (endRun === nextRun) return { kind: "syscall", event: events[this.#nextEvent++] };
    }
    if (nextRun === endRun) return null;
    const first = nextRun % MAX_BLOCK_RUNS;
    const nrBlockRuns = Math.min(endRun - nextRun, MAX_BLOCK_RUNS - first);
    this.#nextRun = nextRun + nrBlockRuns;
    const chunk = chunks[Math.floor(nextRun / MAX_BLOCK_RUNS)];
    return { kind: "runs", words: chunk.subarray(2 * first, 2 * (first + nrBlockRuns)), nrRuns: nrBlockRuns };
  }

  /** Goes back to before the first block. */
  rewind(): void {
    this.#nextRun = 0;
    this.#nextEvent = 0;
  }
}
