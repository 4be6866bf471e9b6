import {
  type FileReadaheadState,
  type ReadaheadCache,
  type ReadaheadHints,
  type ReadaheadPolicy,
  type ReadaheadWindow,
} from "@pageframe/contracts";
import { WindowFolios } from "../src/index.ts";

export const NO_HINTS: ReadaheadHints = {
  isFileRandom: false,
  isMappingRandom: false,
  isMappingSequential: false,
  isExecutable: false,
  isHuge: false,
  mappingStartPgoff: 0,
  mappingEndPgoff: 0,
};

export function newWindow(): ReadaheadWindow {
  return { startPgoff: -1, nrPages: -1, asyncSize: -1, order: -1 };
}

/** The cache of one file: a set of pages, the folio of each, and where markers are. */
export class FakeCache implements ReadaheadCache {
  readonly minFolioOrder = 0;
  readonly nrFilePages: number;
  readonly maxFolioOrder: number;
  readonly ioPages: number;
  readonly folioOf = new Map<number, { pgoff: number; order: number; isMarked: boolean }>();

  constructor(nrFilePages: number, maxFolioOrder = 9, ioPages = 320) {
    this.nrFilePages = nrFilePages;
    this.maxFolioOrder = maxFolioOrder;
    this.ioPages = ioPages;
  }

  isCached(pgoff: number): boolean {
    return this.folioOf.has(pgoff);
  }
  folioOrder(pgoff: number): number {
    return this.folioOf.get(pgoff)?.order ?? 0;
  }
  add(pgoff: number, order = 0, isMarked = false): void {
    const folio = { pgoff, order, isMarked };
    for (let page = pgoff; page < pgoff + 2 ** order; page++) this.folioOf.set(page, folio);
  }
  /** Folios as `pgoff:order`, `*` for the marker. */
  show(): string {
    const folios = [...new Set(this.folioOf.values())].sort((a, b) => a.pgoff - b.pgoff);
    return folios.map(({ pgoff, order, isMarked }) => `${pgoff}:${order}${isMarked ? "*" : ""}`).join(" ");
  }
}

/** A file that is read as the core would; what the policy answered is logged as the tracepoint page_cache_ra_order shows it. */
export class FakeFile {
  readonly log: string[] = [];
  hints = NO_HINTS;
  private readonly policy: ReadaheadPolicy;
  private readonly cache: FakeCache;
  readonly state: FileReadaheadState;
  private readonly window = newWindow();
  private mapping: { startPgoff: number; endPgoff: number } | null = null;
  private readonly mapped = new Set<number>();

  constructor(policy: ReadaheadPolicy, cache: FakeCache, state: FileReadaheadState) {
    this.policy = policy;
    this.cache = cache;
    this.state = state;
  }

  pread(offsetBytes: number, sizeBytes: number): void {
    const endBytes = Math.min(offsetBytes + sizeBytes, this.cache.nrFilePages * 4096);
    // What is asked for, even beyond the end of the file.
    const end = Math.ceil((offsetBytes + sizeBytes) / 4096);
    for (let pgoff = Math.floor(offsetBytes / 4096); pgoff * 4096 < endBytes;) {
      if (!this.cache.isCached(pgoff)) {
        this.policy.onReadMiss(this.state, this.cache, pgoff, end - pgoff, this.hints, this.window);
        this.submit();
      }
      const folio = this.cache.folioOf.get(pgoff);
      if (folio === undefined) throw new Error(`page ${pgoff} was not read`);
      if (folio.isMarked) {
        folio.isMarked = false;
        const { state, cache, window } = this;
        this.policy.onMarker(state, cache, folio.pgoff, end - folio.pgoff, folio.order, this.hints, window);
        this.submit();
      }
      pgoff = folio.pgoff + 2 ** folio.order;
    }
    if (offsetBytes < endBytes) this.state.prevPos = endBytes;
  }

  /** Maps pages of the file: touch() has fault-around from now on. */
  map(startPgoff: number, endPgoff: number): void {
    this.mapping = { startPgoff, endPgoff };
    this.mapped.clear();
  }

  /** Reads a page of a mapping: a fault unless it is mapped. */
  touch(pgoff: number): void {
    if (this.mapped.has(pgoff) || this.mapAround(pgoff)) return;
    const folio = this.cache.folioOf.get(pgoff);
    if (folio === undefined) {
      this.policy.onFaultMiss(this.state, this.cache, pgoff, this.hints, this.window);
      this.submit();
      if (!this.cache.isCached(pgoff)) this.cache.add(pgoff);
      else this.mapAround(pgoff);
    } else if (this.policy.onFaultHit(this.state, this.hints) && folio.isMarked) {
      folio.isMarked = false;
      const { state, cache, window } = this;
      this.policy.onMarker(state, cache, pgoff, state.raPages, folio.order, this.hints, window);
      this.submit();
      this.mapAround(pgoff);
    }
    if (this.mapping !== null) this.mapped.add(pgoff);
  }

  /** Maps the cached pages of the 64 KiB around, but none with the marker. True when the page is mapped then. */
  private mapAround(pgoff: number): boolean {
    if (this.mapping === null) return false;
    const start = Math.max(this.mapping.startPgoff, pgoff - (pgoff % 16));
    const end = Math.min(this.mapping.endPgoff, pgoff - (pgoff % 16) + 16, this.cache.nrFilePages);
    let nrMapped = 0;
    for (let page = start; page < end; page++) {
      if (this.cache.folioOf.get(page)?.isMarked === false) {
        this.mapped.add(page);
        nrMapped++;
      }
    }
    this.policy.onMapped(this.state, nrMapped);
    return this.mapped.has(pgoff);
  }

  private submit(): void {
    const { window } = this;
    if (window.nrPages === 0) return;
    this.log.push(`${window.startPgoff} size=${window.nrPages} async=${window.asyncSize}`);
    const folios = new WindowFolios();
    folios.begin(window, this.cache);
    while (folios.next()) this.cache.add(folios.pgoff, folios.order, folios.isMarked);
  }
}
