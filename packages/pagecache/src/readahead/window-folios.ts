/** Which folios a window gets. */
import { type ReadaheadCache, type ReadaheadWindow } from "@pageframe/contracts";

/** A folio to allocate and read. */
export interface WindowFolio {
  readonly pgoff: number;
  readonly order: number;
  /** It carries the marker (PG_readahead). */
  readonly isMarked: boolean;
}

const NO_MARK = -1;

/**
 * Walks the folios of a window in order: the core allocates each, puts it into the cache and reads it.
 *
 * Large folios come first, aligned to their size, smaller at the edges, never beyond the end of the file. At the first one
 * that a cached page (or an allocation that failed) is in the way of, the rest of the window is walked with the smallest
 * folios, around what is cached. Each run of folios between such stops is submitted together (`startsBatch`).
 *
 *   const folios = new WindowFolios();   // kept for ever
 *   folios.begin(window, cache);
 *   while (folios.next()) if (!allocAndAdd(folios.pgoff, folios.order, folios.isMarked)) folios.failed();
 *
 * Source: Linux 6.18 mm/readahead.c, page_cache_ra_order(), do_page_cache_ra(), page_cache_ra_unbounded().
 */
export class WindowFolios {
  /** The folio after next() returned true. */
  pgoff = 0;
  order = 0;
  isMarked = false;
  /** What was walked before is submitted before this one. */
  startsBatch = false;

  private cache: ReadaheadCache | null = null;
  private index = 0;
  /** Last page of the walk. */
  private limit = -1;
  /** Page that gets the marker, or NO_MARK. */
  private mark = NO_MARK;
  private isLarge = false;
  private startPgoff = 0;
  private nrPages = 0;
  private asyncSize = 0;
  private windowOrder = 0;
  private isAfterStop = false;

  /** Starts with a window. */
  begin(window: ReadaheadWindow, cache: ReadaheadCache): void {
    this.cache = cache;
    this.startPgoff = window.startPgoff;
    this.nrPages = window.nrPages;
    this.asyncSize = window.asyncSize;
    if (window.nrPages === 0) {
      this.limit = -1;
      return;
    }
    this.isLarge = cache.maxFolioOrder > 0;
    if (!this.isLarge) {
      this.beginSmall(window.startPgoff);
      return;
    }
    this.windowOrder = window.order;
    this.index = alignDown(window.startPgoff, 2 ** cache.minFolioOrder);
    this.limit = Math.min(cache.nrFilePages, window.startPgoff + window.nrPages) - 1;
    this.mark = window.startPgoff + window.nrPages - window.asyncSize;
    this.isAfterStop = true;
  }

  /** Steps to the next folio; false when there is none left. */
  next(): boolean {
    const cache = this.cache;
    if (cache === null) return false;
    if (this.isLarge) {
      if (this.index > this.limit) return this.end();
      let order = this.windowOrder;
      while (this.index % 2 ** order !== 0) order--;
      while (order > cache.minFolioOrder && this.index + 2 ** order - 1 > this.limit) order--;
      if (!this.isAnyCached(cache, this.index, 2 ** order)) return this.emit(order);
      this.beginSmall(this.index);
    }
    const step = 2 ** cache.minFolioOrder;
    while (this.index <= this.limit && cache.isCached(this.index)) {
      this.index += step;
      this.isAfterStop = true;
    }
    if (this.index > this.limit) return this.end();
    return this.emit(cache.minFolioOrder);
  }

  /** The folio that next() gave could not be allocated: the rest is tried with small ones, and if it was small, nothing more. */
  failed(): void {
    if (this.isLarge) this.beginSmall(this.pgoff);
    else this.limit = -1;
  }

  /** The rest of the window, from `index` on, with the smallest folios. */
  private beginSmall(index: number): void {
    const cache = this.cache;
    if (cache === null) return;
    const step = 2 ** cache.minFolioOrder;
    const nrLeft = Math.min(this.nrPages - (index - this.startPgoff), cache.nrFilePages - index);
    this.isLarge = false;
    this.isAfterStop = true;
    this.index = alignDown(index, step);
    this.limit = index + nrLeft - 1;
    this.mark =
      this.asyncSize <= nrLeft ? alignDown(index + nrLeft - this.asyncSize + step - 1, step) : NO_MARK;
  }

  private emit(order: number): true {
    this.startsBatch = this.isAfterStop;
    this.isAfterStop = false;
    this.pgoff = this.index;
    this.order = order;
    this.isMarked = this.mark !== NO_MARK && alignDown(this.mark, 2 ** order) === this.index;
    this.index += 2 ** order;
    return true;
  }

  private end(): false {
    this.cache = null;
    return false;
  }

  private isAnyCached(cache: ReadaheadCache, pgoff: number, nrPages: number): boolean {
    for (let page = pgoff; page < pgoff + nrPages; page++) if (cache.isCached(page)) return true;
    return false;
  }
}

/** Lists the folios of a window, if every allocation succeeds and nothing else comes into the cache meanwhile. */
export function foliosOfWindow(window: ReadaheadWindow, cache: ReadaheadCache): WindowFolio[] {
  const folios: WindowFolio[] = [];
  const walk = new WindowFolios();
  walk.begin(window, cache);
  while (walk.next()) folios.push({ pgoff: walk.pgoff, order: walk.order, isMarked: walk.isMarked });
  return folios;
}

function alignDown(n: number, unit: number): number {
  return n - (n % unit);
}
