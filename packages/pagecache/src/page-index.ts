/**
 * The pages of one file by their place in it, as tall a tree as its largest index needs (page-index-tree.ts). Hot: per lookup.
 *
 * A place holds a page, a part of a large folio, the shadow that an evicted page left behind, or nothing.
 * Source: Linux 6.18 lib/xarray.c; mm/filemap.c, page_cache_next_miss(); mm/page-writeback.c, tag_pages_for_writeback().
 */
import {
  EINVAL,
  KernelError,
  MAX_SHADOW,
  NO_PFN,
  NO_SHADOW,
  type Order,
  type Pfn,
} from "@pageframe/contracts";
import { checkPageIndex } from "./check-page-index.ts";
import {
  INDEX_SHIFT,
  INDEX_SLOTS,
  isNodeEntry,
  isShadowEntry,
  isSiblingEntry,
  MAX_NEAR_SHIFT,
  nodeOfEntry,
  NOTHING,
  offsetOf,
  shadowEntry,
  shadowOfEntry,
  SLOT_MASK,
  slotStart,
  spanOf,
  TWO_30,
} from "./page-index-entry.ts";
import { ANY_ENTRY, ANY_PAGE, NO_NODE } from "./page-index-pool.ts";
import { NO_SHIFT, PageIndexTree } from "./page-index-tree.ts";

/** Marks (include/linux/fs.h): has to be written; is being written; was dirty when this writeback began. */
export const PAGECACHE_TAG_DIRTY = 0;
export const PAGECACHE_TAG_WRITEBACK = 1;
export const PAGECACHE_TAG_TOWRITE = 2;

/** Pages of one file, shadows of pages it had, and their marks. */
export class PageIndex extends PageIndexTree {
  /** Levels of nodes: 0 for at most page 0. */
  get height(): number {
    return this.headShift === NO_SHIFT ? 0 : this.headShift / INDEX_SHIFT + 1;
  }

  /** Frame of a page, of a large folio the one at that index; NO_PFN for nothing or a shadow. O(height). */
  load(pgoff: number): Pfn {
    const entry = this.loadEntry(pgoff);
    return entry < 0 ? NO_PFN : entry;
  }

  /** Entry of a page: a pfn, NO_PFN for nothing, or what isShadowEntry() tells to be a shadow. O(height). */
  loadEntry(pgoff: number): number {
    let shift = this.headShift;
    if (shift === NO_SHIFT) return pgoff === 0 ? this.head : NOTHING;
    if (shift > MAX_NEAR_SHIFT || pgoff >= TWO_30) return this.loadFar(pgoff);
    if (pgoff >>> shift > SLOT_MASK) return NOTHING;
    const { slots } = this.pool;
    let node = nodeOfEntry(this.head);
    let entry = slots[(node << INDEX_SHIFT) + (pgoff >> shift)];
    while (isNodeEntry(entry)) {
      shift -= INDEX_SHIFT;
      node = nodeOfEntry(entry);
      entry = slots[(node << INDEX_SHIFT) + ((pgoff >> shift) & SLOT_MASK)];
    }
    if (shift === 0 && !isSiblingEntry(entry)) return entry;
    return entry === NOTHING ? entry : this.partOf(node, pgoff, shift);
  }

  /** Shadow of a page that was evicted, or NO_SHADOW. */
  loadShadow(pgoff: number): number {
    const entry = this.loadEntry(pgoff);
    return isShadowEntry(entry) ? shadowOfEntry(entry) : NO_SHADOW;
  }

  /** Order of the entry at an index, of a page or a shadow; 0 for nothing (xas_get_order). */
  orderOf(pgoff: number): Order {
    const entry = this.seek(pgoff);
    return entry === NOTHING ? 0 : this.orderAt();
  }

  /** Puts a page in. What was there goes: a page (its marks stay), a shadow. O(height). */
  store(pgoff: number, pfn: Pfn): void {
    this.put(pgoff, 0, pfn);
  }

  /**
   * Puts a folio of 2^order pages in, `headPfn` its first. What was there goes; marks of pages become its own. Throws EINVAL when
   * `pgoff` is not aligned to the order or a larger folio is there.
   */
  storeLarge(pgoff: number, order: Order, headPfn: Pfn): void {
    this.put(pgoff, order, headPfn);
  }

  /**
   * Leaves a shadow of 0..MAX_SHADOW in place of what is at an index, a large folio whole; its marks go. Source: Linux 6.18
   * mm/filemap.c, page_cache_delete().
   */
  storeShadow(pgoff: number, shadow: number): void {
    if (shadow < 0 || shadow > MAX_SHADOW) {
      throw new KernelError(EINVAL, `shadow ${shadow} is not an integer from 0 to ${MAX_SHADOW}`);
    }
    const order = this.seek(pgoff) >= 0 ? this.orderAt() : 0;
    this.put(slotStart(pgoff, order), order, shadowEntry(shadow));
  }

  /** Takes out what is at an index: a page, a large folio whole, a shadow. Nodes that become empty go. O(height). */
  erase(pgoff: number): void {
    const entry = this.seek(pgoff);
    if (entry === NOTHING) return;
    if (this.pool.atNode === NO_NODE) {
      this.countPages(this.head, -1);
      this.head = NOTHING;
      this.headMarks = 0;
      return;
    }
    this.clearSlots(
      this.pool.atNode,
      this.pool.atOffset,
      this.pool.runLength(this.pool.atNode, this.pool.atOffset),
    );
  }

  /** Splits the entry at an index into entries of `newOrder`; all get its marks. Source: Linux 6.18 lib/xarray.c, xas_split(). */
  split(pgoff: number, newOrder: Order): void {
    if (this.seek(pgoff) === NOTHING) return;
    if (newOrder < this.orderAt()) this.splitRun(this.pool.atNode, this.pool.atOffset, newOrder);
  }

  /** Marks the page at an index; does nothing where there is none. */
  setMark(pgoff: number, mark: number): void {
    if (this.seek(pgoff) < 0) return;
    this.headMarks |= 1 << mark;
    if (this.pool.atNode !== NO_NODE) this.markUp(this.pool.atNode, this.pool.atOffset, mark);
  }

  clearMark(pgoff: number, mark: number): void {
    if (this.seek(pgoff) < 0) return;
    if (this.pool.atNode === NO_NODE) this.headMarks &= ~(1 << mark);
    else this.unmarkUp(this.pool.atNode, this.pool.atOffset, mark);
  }

  /** Has the page at an index a mark? */
  getMark(pgoff: number, mark: number): boolean {
    if (this.seek(pgoff) < 0 || !this.isMarked(mark)) return false;
    return this.pool.atNode === NO_NODE || this.pool.hasMark(this.pool.atNode, this.pool.atOffset, mark);
  }

  /** First index from `from` to `end` (inclusive) with a page, or -1. Entries may be changed between calls. */
  nextPage(from: number, end: number): number {
    return this.nrPages === 0 ? -1 : this.next(from, end, ANY_PAGE);
  }

  /** The same for pages and shadows. */
  nextEntry(from: number, end: number): number {
    return this.next(from, end, ANY_ENTRY);
  }

  /** The same for pages with a mark; does not look below nodes without it. */
  nextMarked(from: number, end: number, mark: number): number {
    return this.isMarked(mark) ? this.next(from, end, mark) : -1;
  }

  /**
   * First index from `pgoff` on, within `maxPages`, without a page; `pgoff + maxPages` when all have one. A shadow is no page.
   * Passes over full nodes. Source: Linux 6.18 mm/filemap.c, page_cache_next_miss().
   */
  nextMiss(pgoff: number, maxPages: number): number {
    const end = pgoff + maxPages;
    let at = pgoff;
    while (at < end) {
      if (this.seek(at) < 0) return at;
      if (this.pool.atNode === NO_NODE) at++;
      else at = this.pagesForward(at);
    }
    return end;
  }

  /**
   * Last index from `pgoff` back, within `maxPages`, without a page; `pgoff - maxPages` when all have one, -1 below the start.
   * Source: Linux 6.18 mm/filemap.c, page_cache_prev_miss().
   */
  prevMiss(pgoff: number, maxPages: number): number {
    const end = Math.max(-1, pgoff - maxPages);
    let at = pgoff;
    while (at > end) {
      if (this.seek(at) < 0) return at;
      if (this.pool.atNode === NO_NODE) at--;
      else at = this.pagesBack(at);
    }
    return end;
  }

  /** Marks TOWRITE what is marked DIRTY from `start` to `end` (inclusive), so that pages dirtied later are not written for ever. */
  tagForWriteback(start: number, end: number): void {
    const { pool } = this;
    for (
      let at = this.nextMarked(start, end, PAGECACHE_TAG_DIRTY);
      at >= 0;
      at = this.nextMarked(at, end, PAGECACHE_TAG_DIRTY)
    ) {
      this.setMark(at, PAGECACHE_TAG_TOWRITE);
      const shift = pool.atShift;
      at = slotStart(at, shift + INDEX_SHIFT) + spanOf(shift + INDEX_SHIFT);
      if (pool.atNode === NO_NODE) return;
      // The others of the node, word by word; the slots above know already.
      const last = at > end ? offsetOf(end, shift) : SLOT_MASK;
      pool.copyMarks(pool.atNode, pool.atOffset, last, PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_TOWRITE);
    }
  }

  /** Checks the tree, its counts and marks; calls bug() at a contradiction. O(nodes). */
  checkInvariants(): void {
    checkPageIndex(this.pool, this.head, this.headShift, this.headMarks, this.nrPages, this.nrShadows);
  }

  /** loadEntry() of an index above 2^30, or in a tree that has such. */
  private loadFar(pgoff: number): number {
    const { pool } = this;
    return this.seek(pgoff) === NOTHING ? NOTHING : this.partOf(pool.atNode, pgoff, pool.atShift);
  }

  /** What an index finds in the entry of a node of this shift that covers it: of a large folio the frame at that index. */
  private partOf(node: number, pgoff: number, shift: number): number {
    const offset = offsetOf(pgoff, shift);
    const first = this.pool.firstSlot(node, offset);
    const entry = this.pool.slots[(node << INDEX_SHIFT) + first];
    if (entry < 0) return entry;
    return entry + ((offset - first) << shift) + (pgoff - slotStart(pgoff, shift));
  }

  /** First index from `from` to `end` of what is looked for: ANY_ENTRY, ANY_PAGE or a mark. */
  private next(from: number, end: number, what: number): number {
    if (from > end) return -1;
    let shift = this.headShift;
    if (shift === NO_SHIFT) return from === 0 && this.isWanted(this.head, what) ? 0 : -1;
    if (from >= spanOf(shift + INDEX_SHIFT)) return -1;
    const { slots, parents, offsets } = this.pool;
    let node = nodeOfEntry(this.head);
    let at = from;
    let offset = offsetOf(at, shift);
    for (;;) {
      const found =
        what >= 0 ? this.pool.nextMarkedSlot(node, offset, what) : this.pool.nextSlot(node, offset, what);
      if (found !== offset) {
        at = slotStart(at + (found - offset) * spanOf(shift), shift);
      }
      if (found === INDEX_SLOTS) {
        // Up, to the first slot that is not done: `at` is its first index already.
        do {
          offset = offsets[node] + 1;
          node = parents[node];
          shift += INDEX_SHIFT;
          if (node === NO_NODE) return -1;
        } while (offset === INDEX_SLOTS);
        if (at > end) return -1;
      } else {
        if (at > end) return -1;
        const entry = slots[(node << INDEX_SHIFT) + found];
        if (!isNodeEntry(entry)) return at;
        node = nodeOfEntry(entry);
        shift -= INDEX_SHIFT;
        offset = offsetOf(at, shift);
      }
    }
  }

  private isWanted(entry: number, what: number): boolean {
    if (what === ANY_ENTRY) return entry !== NOTHING;
    return entry >= 0 && (what === ANY_PAGE || this.isMarked(what));
  }

  /** First index after `at` that is not known to have a page; seek() found one at `at`. */
  private pagesForward(at: number): number {
    const { pool } = this;
    const { atNode, atShift } = pool;
    const span = spanOf(atShift);
    if (atShift === 0 && pool.counts[atNode] === INDEX_SLOTS && pool.nrValues[atNode] === 0) {
      return slotStart(at, INDEX_SHIFT) + INDEX_SLOTS;
    }
    const base = atNode << INDEX_SHIFT;
    let offset = offsetOf(at, atShift) + 1;
    let next = slotStart(at, atShift) + span;
    for (; offset < INDEX_SLOTS && this.pool.isPageSlot(base, offset); offset++) next += span;
    return next;
  }

  /** First index before `at` that is not known to have a page. */
  private pagesBack(at: number): number {
    const { pool } = this;
    const { atNode, atShift } = pool;
    const span = spanOf(atShift);
    if (atShift === 0 && pool.counts[atNode] === INDEX_SLOTS && pool.nrValues[atNode] === 0) {
      return slotStart(at, INDEX_SHIFT) - 1;
    }
    const base = atNode << INDEX_SHIFT;
    let offset = offsetOf(at, atShift) - 1;
    let next = slotStart(at, atShift) - 1;
    for (; offset >= 0 && this.pool.isPageSlot(base, offset); offset--) next -= span;
    return next;
  }
}
