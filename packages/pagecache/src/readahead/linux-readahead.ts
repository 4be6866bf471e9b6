/** Linux's on-demand readahead. */
import {
  type FileReadaheadState,
  type ReadaheadCache,
  type ReadaheadHints,
  type ReadaheadPolicy,
  type ReadaheadWindow,
} from "@pageframe/contracts";
import { nextGap, previousGap } from "./cache-gaps.ts";
import { forcedPages } from "./forced.ts";

/** More misses than this in a mapping, and faults read around no more. Source: Linux 6.18 mm/filemap.c. */
export const MMAP_LOTSAMISS = 100;
/** Misses are counted up to here. */
const MMAP_MISS_MAX = MMAP_LOTSAMISS * 10;

const HPAGE_PMD_ORDER = 9;
const HPAGE_PMD_NR = 512;
const PAGE_SIZE = 4096;

/**
 * Windows that start small and grow, two to four times at each marker, up to `raPages`; read-around for faults.
 * Source: Linux 6.18 mm/readahead.c, page_cache_sync_ra(), page_cache_async_ra(); mm/filemap.c, do_sync_mmap_readahead(),
 * do_async_mmap_readahead(), filemap_map_pages(). Differs: no congestion of block cgroups.
 */
export class LinuxReadahead implements ReadaheadPolicy {
  readonly name = "linux";

  onReadMiss(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    if (state.raPages === 0) {
      setWindow(into, pgoff, forcedPages(state, cache, 1));
      return;
    }
    if (hints.isFileRandom) {
      setWindow(into, pgoff, forcedPages(state, cache, nrRequested));
      return;
    }
    const maxPages = maxWindowPages(state, cache, nrRequested);
    if (pgoff === 0 || nrRequested > maxPages || isNextTo(pgoff, state.prevPos)) {
      // Start of the file, a read larger than any window, or the page after (or of) the last read.
      const size = initialSize(nrRequested, maxPages);
      state.start = pgoff;
      state.size = size;
      state.asyncSize = size > nrRequested ? size - nrRequested : size >>> 1;
    } else {
      // Pages cached just before may be what a stream left behind, of this open file or of another.
      const miss = previousGap(cache, pgoff - 1, maxPages);
      let contiguous = pgoff - miss - 1;
      if (contiguous <= nrRequested) {
        setWindow(into, pgoff, nrRequested);
        return;
      }
      if (miss < 0) contiguous *= 2;
      state.start = pgoff;
      state.size = Math.min(contiguous + nrRequested, maxPages);
      state.asyncSize = 1;
    }
    state.order = 0;
    submit(state, cache, state.start, into);
  }

  onMarker(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    folioOrder: number,
    _hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    into.nrPages = 0;
    if (state.raPages === 0) return;
    const maxPages = maxWindowPages(state, cache, nrRequested);
    const folioPages = 2 ** folioOrder;
    const expected = Math.floor((state.start + state.size - state.asyncSize) / folioPages) * folioPages;
    if (pgoff === expected) {
      state.start += state.size;
      // MADV_HUGEPAGE may have made the window larger than the limit.
      state.size = Math.max(state.size, nextSize(state.size, maxPages));
    } else {
      // A marker of another stream: what is cached after it was its window.
      const start = nextGap(cache, pgoff + 1, maxPages);
      if (start - pgoff > maxPages) return;
      state.start = start;
      state.size = nextSize(start - pgoff + nrRequested, maxPages);
    }
    state.order += 2;
    // The window ends where folios of this order would end, but not more aligned than the largest window is.
    const align = 2 ** Math.min(state.order, lowestBit(maxPages));
    const end = state.start + state.size;
    const alignedEnd = Math.floor(end / align) * align;
    if (alignedEnd > state.start) state.size -= end - alignedEnd;
    state.asyncSize = state.size;
    submit(state, cache, state.start, into);
  }

  onFaultMiss(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void {
    into.nrPages = 0;
    if (hints.isHuge) {
      // Two huge folios, so that the second is ahead. `start` stays as it was.
      state.size = hints.isMappingRandom ? HPAGE_PMD_NR : 2 * HPAGE_PMD_NR;
      state.asyncSize = HPAGE_PMD_NR;
      state.order = HPAGE_PMD_ORDER;
      submit(state, cache, pgoff - (pgoff % HPAGE_PMD_NR), into);
      return;
    }
    if ((hints.isMappingRandom && !hints.isExecutable) || state.raPages === 0) return;
    if (hints.isMappingSequential) {
      this.onReadMiss(state, cache, pgoff, state.raPages, hints, into);
      return;
    }
    if (state.mmapMiss < MMAP_MISS_MAX) state.mmapMiss++;
    if (state.mmapMiss > MMAP_LOTSAMISS) return;
    if (hints.isExecutable) {
      // Program text is read from the wanted page on, within the mapping, and nothing is ahead (exec_folio_order() is 0).
      state.start = Math.max(pgoff, hints.mappingStartPgoff);
      state.size = Math.min(state.start + state.raPages, hints.mappingEndPgoff) - state.start;
      state.asyncSize = 0;
    } else {
      state.start = Math.max(0, pgoff - (state.raPages >>> 1));
      state.size = state.raPages;
      state.asyncSize = state.raPages >>> 2;
    }
    state.order = 0;
    submit(state, cache, state.start, into);
  }

  onFaultHit(state: FileReadaheadState, hints: ReadaheadHints): boolean {
    if (hints.isMappingRandom || state.raPages === 0) return false;
    if (state.mmapMiss > 0) state.mmapMiss--;
    return true;
  }

  onMapped(state: FileReadaheadState, nrMapped: number): void {
    state.mmapMiss = Math.max(0, state.mmapMiss - nrMapped);
  }
}

/** The window that the state describes, from `pgoff` on; its order is cut to what the file and the window allow. */
function submit(
  state: FileReadaheadState,
  cache: ReadaheadCache,
  pgoff: number,
  into: ReadaheadWindow,
): void {
  if (cache.maxFolioOrder === 0) {
    state.order = 0;
  } else {
    const order = Math.min(cache.maxFolioOrder, state.order, floorLog2(state.size));
    state.order = Math.max(order, cache.minFolioOrder);
  }
  into.startPgoff = pgoff;
  into.nrPages = state.size;
  into.asyncSize = state.asyncSize;
  into.order = state.order;
}

/** A window outside of the state: small pages, no marker (do_page_cache_ra). */
function setWindow(into: ReadaheadWindow, pgoff: number, nrPages: number): void {
  into.startPgoff = pgoff;
  into.nrPages = nrPages;
  into.asyncSize = 0;
  into.order = 0;
}

/** A read larger than the window may be as large as the device's largest transfer (ractl_max_pages). */
function maxWindowPages(state: FileReadaheadState, cache: ReadaheadCache, nrRequested: number): number {
  if (nrRequested <= state.raPages || cache.ioPages <= state.raPages) return state.raPages;
  return Math.min(nrRequested, cache.ioPages);
}

/** Is it the page that the last read ended in, or the next? Before the first read (-1) no page is. */
function isNextTo(pgoff: number, prevPos: number): boolean {
  if (prevPos < 0) return false;
  const distance = pgoff - Math.floor(prevPos / PAGE_SIZE);
  return distance === 0 || distance === 1;
}

/** First window for a request: up to four times as large (get_init_ra_size). */
function initialSize(nrRequested: number, maxPages: number): number {
  const rounded = nrRequested <= 1 ? 1 : 2 ** (floorLog2(nrRequested - 1) + 1);
  if (rounded <= Math.floor(maxPages / 32)) return rounded * 4;
  if (rounded <= Math.floor(maxPages / 4)) return rounded * 2;
  return maxPages;
}

/** The window after one of `nrPages` (get_next_ra_size). */
function nextSize(nrPages: number, maxPages: number): number {
  if (nrPages < Math.floor(maxPages / 16)) return 4 * nrPages;
  if (nrPages <= Math.floor(maxPages / 2)) return 2 * nrPages;
  return maxPages;
}

function floorLog2(n: number): number {
  return 31 - Math.clz32(n);
}

/** Number of the lowest bit that is set. */
function lowestBit(n: number): number {
  return floorLog2(n & -n);
}
