/** A listener of tracepoints, kept out of the machine's state. */
import { type ExternalState, type TraceSink } from "@pageframe/contracts";

/** Passes events on to a listener that snapshots do not take back and that clones share. */
export class OutsideSink implements TraceSink, ExternalState {
  private readonly sink: TraceSink;

  constructor(sink: TraceSink) {
    this.sink = sink;
  }

  emit(tracepoint: number, a: number, b: number, c: number, d: number): void {
    this.sink.emit(tracepoint, a, b, c, d);
  }

  captureExternal(): unknown {
    return null;
  }

  reinstateExternal(): void {
    // What was heard was heard.
  }
}
