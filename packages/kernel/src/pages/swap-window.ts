/** How much to read ahead from swap. Source: Linux 6.18 mm/swap_state.c, __swapin_nr_pages(). */

/** The page itself could not be read. */
export const SWAP_READ_FAILED = -2;

/** Window at a page or slot, by the pages used of the last one, which was at `prevAt`. */
export function windowPages(
  prevAt: number,
  at: number,
  nrHits: number,
  maxPages: number,
  prevPages: number,
): number {
  let nrPages = nrHits + 2;
  if (nrPages === 2) {
    // No pages used to judge by: perhaps faults come in order all the same.
    if (at !== prevAt + 1 && at !== prevAt - 1) nrPages = 1;
  } else {
    let roundedUp = 4;
    while (roundedUp < nrPages) roundedUp *= 2;
    nrPages = roundedUp;
  }
  // The window does not shrink by more than half.
  return Math.max(Math.min(nrPages, maxPages), prevPages >> 1);
}
