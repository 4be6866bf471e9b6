/** Reading because somebody said so: POSIX_FADV_WILLNEED, MADV_WILLNEED, readahead(2), files read at random. */
import { type FileReadaheadState, type ReadaheadCache, type ReadaheadWindow } from "@pageframe/contracts";

/** Pages of a piece: 2 MiB. */
export const FORCED_CHUNK_PAGES = 512;

/** Pages that are read of `nrPages`: no more than the largest window or the device's largest transfer, whichever is larger. */
export function forcedPages(state: FileReadaheadState, cache: ReadaheadCache, nrPages: number): number {
  return Math.min(nrPages, Math.max(cache.ioPages, state.raPages));
}

/**
 * Lists the windows of forced readahead of `nrPages` pages from `pgoff`, in pieces of at most 2 MiB, without markers and
 * without large folios. What is beyond forcedPages() is not read at all. The state of the file stays.
 * Source: Linux 6.18 mm/readahead.c, force_page_cache_ra().
 */
export function forcedWindows(
  state: FileReadaheadState,
  cache: ReadaheadCache,
  pgoff: number,
  nrPages: number,
): ReadaheadWindow[] {
  const windows: ReadaheadWindow[] = [];
  const end = Math.min(pgoff + forcedPages(state, cache, nrPages), cache.nrFilePages);
  for (let startPgoff = pgoff; startPgoff < end; startPgoff += FORCED_CHUNK_PAGES) {
    windows.push({
      startPgoff,
      nrPages: Math.min(FORCED_CHUNK_PAGES, end - startPgoff),
      asyncSize: 0,
      order: 0,
    });
  }
  return windows;
}
