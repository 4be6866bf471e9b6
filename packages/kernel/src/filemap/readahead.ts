/**
 * Reading ahead: asks the policy for a window, fills it with pages and submits them. Hot: per miss.
 * Source: Linux 6.18 mm/readahead.c, page_cache_sync_ra(), page_cache_async_ra(), do_page_cache_ra(),
 * page_cache_ra_unbounded(), force_page_cache_ra().
 */
import {
  __GFP_NORETRY,
  __GFP_NOWARN,
  GFP_HIGHUSER_MOVABLE,
  NO_PFN,
  PG_LOCKED,
  PG_READAHEAD,
  PG_WRITEBACK,
  type Pfn,
  type ReadaheadHints,
  type ReadaheadWindow,
} from "@pageframe/contracts";
import { forcedWindows } from "@pageframe/pagecache";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { addToPageCache, allocCachePage } from "./page-cache.ts";
import { readPages } from "./read-pages.ts";
import { type System } from "../system.ts";

/** Readahead gives up rather than try hard. */
const GFP_READAHEAD: number = GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN;
/** What a read(2) tells the policy. */
const READ_HINTS: ReadaheadHints = {
  isFileRandom: false,
  isMappingRandom: false,
  isMappingSequential: false,
  isExecutable: false,
  isHuge: false,
  mappingStartPgoff: 0,
  mappingEndPgoff: 0,
};
const RANDOM_READ_HINTS: ReadaheadHints = { ...READ_HINTS, isFileRandom: true };

/** What read(2) on a file tells the policy. */
function hintsOfRead(file: OpenFile): ReadaheadHints {
  return file.isRandom ? RANDOM_READ_HINTS : READ_HINTS;
}

/** read(2) wants pages that are not cached (page_cache_sync_ra). */
export function syncReadahead(sys: System, file: OpenFile, pgoff: number, nrRequested: number): void {
  const { readahead } = sys;
  const cache = readahead.look(file.inode);
  readahead.window.nrPages = 0;
  readahead.policy.onReadMiss(file.ra, cache, pgoff, nrRequested, hintsOfRead(file), readahead.window);
  readWindow(sys, file.inode, pgoff, nrRequested);
}

/**
 * Somebody who wants `nrWanted` pages came to a page that carries the marker, which goes (page_cache_async_ra).
 * `nrRequested`: what the policy is told.
 */
export function asyncReadahead(
  sys: System,
  file: OpenFile,
  pfn: Pfn,
  pgoff: number,
  nrRequested: number,
  hints: ReadaheadHints = hintsOfRead(file),
  nrWanted: number = nrRequested,
): void {
  const { memmap, readahead } = sys;
  const folio = memmap.compoundHead(pfn);
  // The flag means something else while the page is written (folio_test_writeback).
  if (memmap.hasFlags(pfn, PG_WRITEBACK)) return;
  if (file.ra.raPages !== 0) memmap.clearFlags(pfn, PG_READAHEAD);
  const cache = readahead.look(file.inode);
  readahead.window.nrPages = 0;
  readahead.policy.onMarker(
    file.ra,
    cache,
    pgoff,
    nrRequested,
    memmap.compoundOrder(folio),
    hints,
    readahead.window,
  );
  readWindow(sys, file.inode, pgoff, nrWanted);
}

/** Reads `nrPages` pages of a file from `startPgoff` that are not cached, whatever the policy says (force_page_cache_ra). */
export function forceReadahead(sys: System, file: OpenFile, startPgoff: number, nrPages: number): void {
  const { readahead } = sys;
  for (const window of forcedWindows(file.ra, readahead.look(file.inode), startPgoff, nrPages)) {
    readWindow(sys, file.inode, startPgoff, 0, window);
  }
}

/**
 * Fills a window, the policy's answer by default, with pages and submits them. Those that are not among the `nrWanted` pages
 * from `wantedPgoff` on are read ahead.
 */
export function readWindow(
  sys: System,
  inode: Inode,
  wantedPgoff: number,
  nrWanted: number,
  window: ReadaheadWindow = sys.readahead.window,
): void {
  const { folios } = sys.readahead;
  const wantedEnd = wantedPgoff + nrWanted;
  let pfns: Pfn[] = [];
  let firstPgoff = 0;
  folios.begin(window, sys.readahead.look(inode));
  while (folios.next()) {
    if (folios.startsBatch || pfns.length === 0) {
      if (pfns.length > 0) readPages(sys, inode, firstPgoff, pfns, false);
      pfns = [];
      firstPgoff = folios.pgoff;
    }
    const pfn = allocCachePage(sys, GFP_READAHEAD, folios.order);
    if (pfn === NO_PFN) {
      folios.failed();
      continue;
    }
    sys.memmap.setFlags(pfn, PG_LOCKED | (folios.isMarked ? PG_READAHEAD : 0));
    addToPageCache(sys, inode, folios.pgoff, pfn);
    const delta = folios.pgoff - pfn;
    for (let page = pfn; page < pfn + 2 ** folios.order; page++) {
      pfns.push(page);
      sys.readahead.noteRead(page, page + delta >= wantedPgoff && page + delta < wantedEnd);
    }
  }
  if (pfns.length > 0) readPages(sys, inode, firstPgoff, pfns, false);
}
