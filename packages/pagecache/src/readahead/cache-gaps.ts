/**
 * Where the cache of a file has gaps before and after a page, as Linux's walk of its xarray tells.
 *
 * The walk keeps an index and a place (a slot of a node) and moves both by one. Its first step goes to the head slot of the
 * folio that holds the page, but keeps the index: after a start in the middle of a large folio the two are apart, and the
 * index that is told is off by the distance until the walk enters another node. Readahead windows depend on it, as recorded.
 *
 * A node has 64 slots. Folios of order 0 to 5 lie in slots of nodes that stand for a page each (shift 0), folios of order 6
 * to 11 in slots that stand for 64 pages each (shift 6).
 *
 * Source: Linux 6.18 mm/filemap.c, page_cache_next_miss(), page_cache_prev_miss(); include/linux/xarray.h, xas_next(),
 * xas_prev(); lib/xarray.c, __xas_next(), __xas_prev(), xas_load().
 */
import { type ReadaheadCache } from "@pageframe/contracts";

const SLOT_BITS = 6;
const NR_SLOTS = 64;

/** Place of a walk. */
interface Place {
  /** What the walk says it is at. */
  index: number;
  /** Pages of a slot of the node, as a power of two; first page of the node; slot within it. */
  shift: number;
  base: number;
  offset: number;
}

/**
 * Finds the first gap from `pgoff` on, looking at `maxPages` pages: the page that Linux takes for it, or
 * `pgoff + maxPages` when it sees none. O(maxPages).
 */
export function nextGap(cache: ReadaheadCache, pgoff: number, maxPages: number): number {
  if (!cache.isCached(pgoff)) return pgoff;
  const place = placeOf(cache, pgoff);
  for (let seen = 1; seen < maxPages; seen++) {
    if (!stepForward(cache, place)) return place.index;
  }
  return pgoff + maxPages;
}

/**
 * Finds the last gap from `pgoff` back, looking at `maxPages` pages: the page that Linux takes for it, -1 when it came to
 * the start of the file, or the last page it looked at when it sees none. O(maxPages).
 */
export function previousGap(cache: ReadaheadCache, pgoff: number, maxPages: number): number {
  if (!cache.isCached(pgoff)) return pgoff;
  const place = placeOf(cache, pgoff);
  for (let seen = 1; seen < maxPages; seen++) {
    if (!stepBack(cache, place)) break;
  }
  return place.index;
}

/** The slot that holds the folio of a cached page: the head's. */
function placeOf(cache: ReadaheadCache, pgoff: number): Place {
  const order = cache.folioOrder(pgoff);
  const shift = order < SLOT_BITS ? 0 : SLOT_BITS;
  const head = pgoff - (pgoff % 2 ** order);
  const base = pgoff - (pgoff % (NR_SLOTS * 2 ** shift));
  return { index: pgoff, shift, base, offset: (head - base) / 2 ** shift };
}

/** Moves on by one; false at a gap. */
function stepForward(cache: ReadaheadCache, place: Place): boolean {
  place.index++;
  // A leaf's next slot is taken as it is; elsewhere only if the index has left the slot.
  const isInLeaf = place.shift === 0 && place.offset !== NR_SLOTS - 1;
  if (isInLeaf || place.offset !== slotOf(place.index, place.shift)) place.offset++;
  while (place.offset === NR_SLOTS) climb(place, 1);
  return descend(cache, place);
}

/** Moves back by one; false at a gap or before the start of the file. */
function stepBack(cache: ReadaheadCache, place: Place): boolean {
  place.index--;
  const isInLeaf = place.shift === 0 && place.offset !== 0;
  if (isInLeaf || place.offset !== slotOf(place.index, place.shift)) place.offset--;
  while (place.offset === -1) {
    if (place.base === 0) return false;
    climb(place, -1);
  }
  return descend(cache, place);
}

/** To the parent's slot beside the one of this node. */
function climb(place: Place, direction: number): void {
  const nodePages = NR_SLOTS * 2 ** place.shift;
  const parentBase = place.base - (place.base % (NR_SLOTS * nodePages));
  place.offset = (place.base - parentBase) / nodePages + direction;
  place.base = parentBase;
  place.shift += SLOT_BITS;
}

/** Down to what the slot holds, by the index; false when it is nothing. */
function descend(cache: ReadaheadCache, place: Place): boolean {
  for (;;) {
    const page = place.base + place.offset * 2 ** place.shift;
    if (place.shift === 0) return cache.isCached(page);
    if (place.shift === SLOT_BITS && cache.isCached(page) && cache.folioOrder(page) >= SLOT_BITS) return true;
    place.base = page;
    place.shift -= SLOT_BITS;
    place.offset = slotOf(place.index, place.shift);
  }
}

function slotOf(index: number, shift: number): number {
  return Math.floor(index / 2 ** shift) & (NR_SLOTS - 1);
}
