/**
 * A trace in memory, ready to replay: what the readers of text and the generators make. Cold.
 */
import { type RunLog, RunLogCursor } from "./run-log.ts";
import { type TraceBlock, type TraceMetadata, type TraceSource } from "@pageframe/contracts";

/** A trace held in memory. Eight bytes a run. */
export class CompiledTrace implements TraceSource {
  readonly metadata: TraceMetadata;
  readonly #cursor: RunLogCursor;

  /** Wraps a finished log; `log` must not change afterwards. */
  constructor(metadata: TraceMetadata, log: RunLog) {
    this.metadata = metadata;
    this.#cursor = new RunLogCursor(log);
  }

  /** Returns the next block in program order, or null at the end. Runs are a view: not to be written to. */
  next(): TraceBlock | null {
    return this.#cursor.next();
  }

  /** Goes back to before the first block. */
  rewind(): void {
    this.#cursor.rewind();
  }
}
