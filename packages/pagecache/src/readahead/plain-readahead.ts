/** Readahead without memory: nothing more than was asked for, or always the same number of pages. */
import {
  type FileReadaheadState,
  type ReadaheadCache,
  type ReadaheadHints,
  type ReadaheadPolicy,
  type ReadaheadWindow,
} from "@pageframe/contracts";

/** Reads what was asked for and nothing else: pages of read(2) together, pages of faults one by one. */
export class NoReadahead implements ReadaheadPolicy {
  readonly name = "none";

  onReadMiss(
    _state: FileReadaheadState,
    _cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    setWindow(into, pgoff, nrRequested);
  }

  onMarker(
    _state: FileReadaheadState,
    _cache: ReadaheadCache,
    pgoff: number,
    _nrRequested: number,
    _folioOrder: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    setWindow(into, pgoff, 0);
  }

  onFaultMiss(
    _state: FileReadaheadState,
    _cache: ReadaheadCache,
    pgoff: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    setWindow(into, pgoff, 0);
  }

  onFaultHit(_state: FileReadaheadState, _hints: ReadaheadHints): boolean {
    return false;
  }

  onMapped(_state: FileReadaheadState, _nrMapped: number): void {
    // It counts nothing.
  }
}

/** Reads the same number of pages from the wanted one on at every miss, whatever was asked for and advised. No markers. */
export class FixedReadahead implements ReadaheadPolicy {
  readonly name = "fixed";
  readonly nrWindowPages: number;

  constructor(nrWindowPages: number) {
    this.nrWindowPages = nrWindowPages;
  }

  onReadMiss(
    _state: FileReadaheadState,
    _cache: ReadaheadCache,
    pgoff: number,
    _nrRequested: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    setWindow(into, pgoff, this.nrWindowPages);
  }

  onMarker(
    _state: FileReadaheadState,
    _cache: ReadaheadCache,
    pgoff: number,
    _nrRequested: number,
    _folioOrder: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    setWindow(into, pgoff, 0);
  }

  onFaultMiss(
    _state: FileReadaheadState,
    _cache: ReadaheadCache,
    pgoff: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    setWindow(into, pgoff, this.nrWindowPages);
  }

  onFaultHit(_state: FileReadaheadState, _hints: ReadaheadHints): boolean {
    return false;
  }

  onMapped(_state: FileReadaheadState, _nrMapped: number): void {
    // It counts nothing.
  }
}

function setWindow(into: ReadaheadWindow, pgoff: number, nrPages: number): void {
  into.startPgoff = pgoff;
  into.nrPages = nrPages;
  into.asyncSize = 0;
  into.order = 0;
}
