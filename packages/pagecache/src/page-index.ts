/**
 * The pages of one file by their place in it: a radix tree of 64-slot nodes, as tall as its largest index needs. Hot: per lookup.
 *
 * A file with nothing but page 0 has no node: its entry is the head. A large folio of up to 32 slots of one level is one entry
 * in its first slot, followed by siblings; folios of 64 pages and more stand in nodes one level up. A shadow is what an evicted
 * page leaves behind (see workingset.ts of the reclaim package). A mark on a page is also set in each node above it and in the head,
 * so that what is not marked need not be looked at.
 *
 * Invariants: no node is empty; the topmost is needed (something lies beyond its first slot, or is large); the slots of a large
 * entry are aligned and it has its marks in the first; shadows have no marks; counts are right.
 * Source: Linux 6.18 lib/xarray.c; mm/filemap.c, page_cache_next_miss(); mm/page-writeback.c, tag_pages_for_writeback().
 */
import {
  bug,
  EINVAL,
  KernelError,
  MAX_SHADOW,
  NO_PFN,
  NO_SHADOW,
  type Order,
  type Pfn,
} from "@pageframe/contracts";
import {
  INDEX_SHIFT,
  INDEX_SLOTS,
  isNodeEntry,
  isShadowEntry,
  isSiblingEntry,
  nodeEntry,
  nodeOfEntry,
  NOTHING,
  shadowEntry,
  shadowOfEntry,
  siblingOf,
} from "./page-index-entry.ts";
import {
  MARK_WORDS,
  NO_NODE,
  NR_MARKS,
  type PageIndexPool,
  type ShadowNodeOwner,
} from "./page-index-pool.ts";

/** Marks (include/linux/fs.h): has to be written; was dirty when this writeback began; is being written. */
export const PAGECACHE_TAG_DIRTY = 0;
export const PAGECACHE_TAG_WRITEBACK = 1;
export const PAGECACHE_TAG_TOWRITE = 2;

/** Largest page index + 1: files of 2^56 bytes. */
export const MAX_PGOFF: number = 2 ** 44;
/** Largest order of an entry (MAX_XAS_ORDER). */
export const MAX_INDEX_ORDER = 11;

/** Shift of the head when it is no node. */
const NO_SHIFT = -1;
/** Tallest node whose indices are all below 2^30. */
const MAX_NEAR_SHIFT = 24;
const TWO_30 = 0x40000000;
const SLOT_MASK: number = INDEX_SLOTS - 1;

/** What a search looks for, beside the marks 0..2. */
const ANY_ENTRY = -1;
const ANY_PAGE = -2;

/** Pages of one file, shadows of pages it had, and their marks. */
export class PageIndex implements ShadowNodeOwner {
  /** Pages in the index (address_space.nrpages). */
  nrPages = 0;
  /** Pages that shadows stand for. */
  nrShadows = 0;
  private head: number = NOTHING;
  private headShift: number = NO_SHIFT;
  /** Bit per mark: something has it. */
  private headMarks = 0;
  private readonly pool: PageIndexPool;
  /** What seek() found: node (NO_NODE: the head), first slot of the entry, shift. */
  private atNode: number = NO_NODE;
  private atOffset = 0;
  private atShift = 0;

  constructor(pool: PageIndexPool) {
    this.pool = pool;
  }

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
    let entry = this.head;
    do {
      entry = slots[(nodeOfEntry(entry) << INDEX_SHIFT) + ((pgoff >> shift) & SLOT_MASK)];
      shift -= INDEX_SHIFT;
    } while (isNodeEntry(entry));
    if (shift < 0 && !isSiblingEntry(entry)) return entry;
    return entry === NOTHING ? entry : this.loadFar(pgoff);
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
    this.put(pgoff - (pgoff % 2 ** order), order, shadowEntry(shadow));
  }

  /** Takes out what is at an index: a page, a large folio whole, a shadow. Nodes that become empty go. O(height). */
  erase(pgoff: number): void {
    const entry = this.seek(pgoff);
    if (entry === NOTHING) return;
    if (this.atNode === NO_NODE) {
      this.countPages(this.head, -1);
      this.head = NOTHING;
      this.headMarks = 0;
      return;
    }
    this.clearSlots(this.atNode, this.atOffset, this.runLength(this.atNode, this.atOffset));
  }

  /** Splits the entry at an index into entries of `newOrder`; all get its marks. Source: Linux 6.18 lib/xarray.c, xas_split(). */
  split(pgoff: number, newOrder: Order): void {
    if (this.seek(pgoff) === NOTHING) return;
    if (newOrder < this.orderAt()) this.splitRun(this.atNode, this.atOffset, newOrder);
  }

  /** Marks the page at an index; does nothing where there is none. */
  setMark(pgoff: number, mark: number): void {
    if (this.seek(pgoff) < 0) return;
    this.headMarks |= 1 << mark;
    if (this.atNode !== NO_NODE) this.markUp(this.atNode, this.atOffset, mark);
  }

  clearMark(pgoff: number, mark: number): void {
    if (this.seek(pgoff) < 0) return;
    if (this.atNode === NO_NODE) this.headMarks &= ~(1 << mark);
    else this.unmarkUp(this.atNode, this.atOffset, mark);
  }

  /** Has the page at an index a mark? */
  getMark(pgoff: number, mark: number): boolean {
    if (this.seek(pgoff) < 0 || !this.isMarked(mark)) return false;
    return this.atNode === NO_NODE || this.hasMark(this.atNode, this.atOffset, mark);
  }

  /** Has any page a mark? O(1). */
  isMarked(mark: number): boolean {
    return (this.headMarks & (1 << mark)) !== 0;
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
      if (this.atNode === NO_NODE) at++;
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
      if (this.atNode === NO_NODE) at--;
      else at = this.pagesBack(at);
    }
    return end;
  }

  /** Marks TOWRITE what is marked DIRTY from `start` to `end` (inclusive), so that pages dirtied later are not written for ever. */
  tagForWriteback(start: number, end: number): void {
    let at = this.nextMarked(start, end, PAGECACHE_TAG_DIRTY);
    while (at >= 0) {
      this.setMark(at, PAGECACHE_TAG_TOWRITE);
      const nr = 2 ** this.orderAt();
      at = this.nextMarked(at - (at % nr) + nr, end, PAGECACHE_TAG_DIRTY);
    }
  }

  /** Takes everything out. */
  clear(): void {
    if (this.headShift !== NO_SHIFT) this.freeSubtree(nodeOfEntry(this.head));
    this.head = NOTHING;
    this.headShift = NO_SHIFT;
    this.headMarks = 0;
    this.nrPages = 0;
    this.nrShadows = 0;
  }

  /** Removes a node of shadows, for the pool; returns how many pages they stood for (xa_delete_node). */
  dropShadowNode(node: number): number {
    const nrBefore = this.nrShadows;
    this.clearSlots(node, 0, INDEX_SLOTS);
    return nrBefore - this.nrShadows;
  }

  /** Checks the tree, its counts and marks; calls bug() at a contradiction. O(nodes). */
  checkInvariants(): void {
    let nrPages = 0;
    let nrShadows = 0;
    if (this.headShift === NO_SHIFT) {
      if (isNodeEntry(this.head) || isSiblingEntry(this.head)) bug(`the head is ${this.head} without a node`);
      if (this.head >= 0) nrPages = 1;
      else if (this.head !== NOTHING) nrShadows = 1;
      if (nrPages === 0 && this.headMarks !== 0) bug("marks without a page");
    } else {
      const root = nodeOfEntry(this.head);
      const { counts, slots } = this.pool;
      const first = slots[root << INDEX_SHIFT];
      if (counts[root] === 1 && first !== NOTHING && (isNodeEntry(first) || this.headShift === 0)) {
        bug("the tree is taller than it needs to be");
      }
      const totals = { nrPages: 0, nrShadows: 0 };
      const marks = this.checkNode(root, NO_NODE, 0, this.headShift, totals);
      if (marks !== this.headMarks) bug(`the head has marks ${this.headMarks}, the nodes ${marks}`);
      ({ nrPages, nrShadows } = totals);
    }
    if (nrPages !== this.nrPages || nrShadows !== this.nrShadows) {
      bug(`counted ${this.nrPages} pages and ${this.nrShadows} shadows, found ${nrPages} and ${nrShadows}`);
    }
  }

  private checkNode(
    node: number,
    parent: number,
    offset: number,
    shift: number,
    totals: { nrPages: number; nrShadows: number },
  ): number {
    const { pool } = this;
    const name = `index node ${node}`;
    if (pool.parents[node] !== parent || pool.shifts[node] !== shift) bug(`${name} is in the wrong place`);
    if (parent !== NO_NODE && pool.offsets[node] !== offset) bug(`${name} is not in slot ${offset}`);
    let count = 0;
    let nrValues = 0;
    let nodeMarks = 0;
    for (let at = 0; at < INDEX_SLOTS; at++) {
      const entry = pool.slots[(node << INDEX_SHIFT) + at];
      let expected = 0;
      if (entry !== NOTHING) count++;
      if (isNodeEntry(entry)) {
        if (shift === 0) bug(`${name} is a leaf with a child`);
        expected = this.checkNode(nodeOfEntry(entry), node, at, shift - INDEX_SHIFT, totals);
      } else if (entry !== NOTHING) {
        if (shift > INDEX_SHIFT) bug(`${name} has entry ${entry} at shift ${shift}`);
        const first = this.firstSlot(node, at);
        const head = pool.slots[(node << INDEX_SHIFT) + first];
        const length = this.runLength(node, first);
        if (isNodeEntry(head) || isSiblingEntry(head) || head === NOTHING || at >= first + length) {
          bug(`${name} has a sibling without an entry in slot ${at}`);
        }
        if ((length & (length - 1)) !== 0 || first % length !== 0)
          bug(`${name} has an entry of ${length} slots`);
        if (isShadowEntry(head)) {
          nrValues++;
          totals.nrShadows += 1 << shift;
        } else {
          totals.nrPages += 1 << shift;
          if (first === at) expected = -1;
        }
      }
      for (let mark = 0; mark < NR_MARKS; mark++) {
        const isSet = this.hasMark(node, at, mark);
        if (expected >= 0 && isSet !== ((expected & (1 << mark)) !== 0))
          bug(`${name} has a wrong mark ${mark} in slot ${at}`);
        if (isSet) nodeMarks |= 1 << mark;
      }
    }
    if (count === 0 || count !== pool.counts[node] || nrValues !== pool.nrValues[node]) {
      bug(
        `${name} counts ${pool.counts[node]} slots and ${pool.nrValues[node]} shadows of ${count} and ${nrValues}`,
      );
    }
    if (pool.shadowNodes.has(node) !== (count === nrValues)) bug(`${name} is listed wrongly`);
    return nodeMarks;
  }

  /** loadEntry() of any index and of large entries. */
  private loadFar(pgoff: number): number {
    const entry = this.seek(pgoff);
    return entry < 0 ? entry : entry + (pgoff % 2 ** this.orderAt());
  }

  /** Finds the entry of an index: its first slot is in `atNode`, `atOffset`, `atShift`. Returns it as it stands there. */
  private seek(pgoff: number): number {
    let shift = this.headShift;
    this.atNode = NO_NODE;
    this.atOffset = 0;
    this.atShift = 0;
    if (shift === NO_SHIFT) return pgoff === 0 ? this.head : NOTHING;
    if (!(pgoff >= 0) || pgoff >= spanOf(shift + INDEX_SHIFT)) return NOTHING;
    const { slots } = this.pool;
    let node = nodeOfEntry(this.head);
    let offset = offsetOf(pgoff, shift);
    let entry = slots[(node << INDEX_SHIFT) + offset];
    while (isNodeEntry(entry)) {
      shift -= INDEX_SHIFT;
      node = nodeOfEntry(entry);
      offset = offsetOf(pgoff, shift);
      entry = slots[(node << INDEX_SHIFT) + offset];
    }
    if (isSiblingEntry(entry)) {
      offset = siblingOf(entry);
      entry = slots[(node << INDEX_SHIFT) + offset];
    }
    this.atNode = node;
    this.atOffset = offset;
    this.atShift = shift;
    return entry;
  }

  /** Order of the entry that seek() found. */
  private orderAt(): Order {
    if (this.atNode === NO_NODE) return 0;
    return this.atShift + 31 - Math.clz32(this.runLength(this.atNode, this.atOffset));
  }

  /** First slot of the entry that a slot belongs to. */
  private firstSlot(node: number, offset: number): number {
    const entry = this.pool.slots[(node << INDEX_SHIFT) + offset];
    return isSiblingEntry(entry) ? siblingOf(entry) : offset;
  }

  /** Slots of the entry whose first slot is given. */
  private runLength(node: number, offset: number): number {
    const { slots } = this.pool;
    const base = node << INDEX_SHIFT;
    const sibling = siblingOf(offset);
    let end = offset + 1;
    while (end < INDEX_SLOTS && slots[base + end] === sibling) end++;
    return end - offset;
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
      const found = what >= 0 ? this.nextMarkedSlot(node, offset, what) : this.nextSlot(node, offset, what);
      if (found !== offset) {
        at += (found - offset) * spanOf(shift);
        at -= at % spanOf(shift);
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

  /** First slot from `offset` on with an entry, or a page, or a child; INDEX_SLOTS for none. */
  private nextSlot(node: number, offset: number, what: number): number {
    const { slots, counts, nrValues } = this.pool;
    const base = node << INDEX_SHIFT;
    if (what === ANY_PAGE && counts[node] === nrValues[node]) return INDEX_SLOTS;
    for (let at = offset; at < INDEX_SLOTS; at++) {
      let entry = slots[base + at];
      if (entry === NOTHING) continue;
      if (what === ANY_ENTRY || entry >= 0 || isNodeEntry(entry)) return at;
      if (isSiblingEntry(entry)) entry = slots[base + siblingOf(entry)];
      if (entry >= 0) return at;
    }
    return INDEX_SLOTS;
  }

  /** First slot from `offset` on with a mark; inside a large entry that has it: `offset`. */
  private nextMarkedSlot(node: number, offset: number, mark: number): number {
    const first = this.firstSlot(node, offset);
    if (first !== offset && this.hasMark(node, first, mark)) return offset;
    const { marks } = this.pool;
    const word = node * MARK_WORDS + mark * 2;
    if (offset < 32) {
      const low = marks[word] & (-1 << offset);
      if (low !== 0) return lowestBit(low);
    }
    const high = offset > 32 ? marks[word + 1] & (-1 << (offset - 32)) : marks[word + 1];
    return high !== 0 ? 32 + lowestBit(high) : INDEX_SLOTS;
  }

  /** First index after `at` that is not known to have a page; seek() found one at `at`. */
  private pagesForward(at: number): number {
    const { pool, atNode, atShift } = this;
    const span = spanOf(atShift);
    const nodeSpan = span * INDEX_SLOTS;
    if (atShift === 0 && pool.counts[atNode] === INDEX_SLOTS && pool.nrValues[atNode] === 0) {
      return at - (at % nodeSpan) + nodeSpan;
    }
    const base = atNode << INDEX_SHIFT;
    let offset = offsetOf(at, atShift) + 1;
    let next = at - (at % span) + span;
    for (; offset < INDEX_SLOTS && this.isPageSlot(base, offset); offset++) next += span;
    return next;
  }

  /** First index before `at` that is not known to have a page. */
  private pagesBack(at: number): number {
    const { pool, atNode, atShift } = this;
    const span = spanOf(atShift);
    if (atShift === 0 && pool.counts[atNode] === INDEX_SLOTS && pool.nrValues[atNode] === 0) {
      return at - (at % INDEX_SLOTS) - 1;
    }
    const base = atNode << INDEX_SHIFT;
    let offset = offsetOf(at, atShift) - 1;
    let next = at - (at % span) - 1;
    for (; offset >= 0 && this.isPageSlot(base, offset); offset--) next -= span;
    return next;
  }

  private isPageSlot(base: number, offset: number): boolean {
    const { slots } = this.pool;
    const entry = slots[base + offset];
    return entry >= 0 || (isSiblingEntry(entry) && slots[base + siblingOf(entry)] >= 0);
  }

  /** Puts a page, folio or shadow in place of what its range holds. */
  private put(pgoff: number, order: Order, entry: number): void {
    checkRange(pgoff, order);
    if (entry === NOTHING) throw new KernelError(EINVAL, "NO_PFN is no page: erase() takes one out");
    if (pgoff === 0 && order === 0 && this.headShift === NO_SHIFT) {
      this.countPages(this.head, -1);
      this.countPages(entry, 1);
      this.head = entry;
      if (isShadowEntry(entry)) this.headMarks = 0;
      return;
    }
    const target = order < INDEX_SHIFT ? 0 : INDEX_SHIFT;
    const nr = 1 << (order - target);
    this.expand(pgoff + 2 ** order - 1, target);
    const node = this.descend(pgoff, order, target);
    this.fillSlots(node, offsetOf(pgoff, target), nr, entry, target);
  }

  /** Makes the tree tall enough for an index, and its head a node of at least `minShift` (xas_expand). */
  private expand(last: number, minShift: number): void {
    const { pool } = this;
    if (this.headShift === NO_SHIFT) {
      let shift = minShift;
      while (last >= spanOf(shift + INDEX_SHIFT)) shift += INDEX_SHIFT;
      const old = this.head;
      const node = pool.allocNode(old === NOTHING ? shift : 0, NO_NODE, 0);
      this.head = nodeEntry(node);
      this.headShift = old === NOTHING ? shift : 0;
      if (old === NOTHING) return;
      pool.slots[node << INDEX_SHIFT] = old;
      pool.counts[node] = 1;
      if (isShadowEntry(old)) pool.nrValues[node] = 1;
      this.setFirstMarks(node);
      pool.updateNode(node, this);
    }
    while (this.headShift < minShift || last >= spanOf(this.headShift + INDEX_SHIFT)) {
      const child = nodeOfEntry(this.head);
      const shift = this.headShift + INDEX_SHIFT;
      const node = pool.allocNode(shift, NO_NODE, 0);
      pool.slots[node << INDEX_SHIFT] = this.head;
      pool.counts[node] = 1;
      pool.parents[child] = node;
      pool.offsets[child] = 0;
      this.setFirstMarks(node);
      this.head = nodeEntry(node);
      this.headShift = shift;
    }
  }

  /** Gives the first slot of a new head node the marks of all. */
  private setFirstMarks(node: number): void {
    for (let mark = 0; mark < NR_MARKS; mark++) {
      if (this.isMarked(mark)) this.pool.marks[node * MARK_WORDS + mark * 2] = 1;
    }
  }

  /** Node of shift `target` for a range, made where there is none (xas_create). Splits a larger shadow that covers the range. */
  private descend(pgoff: number, order: Order, target: number): number {
    const { pool } = this;
    let node = nodeOfEntry(this.head);
    for (let shift = this.headShift; shift > target; shift -= INDEX_SHIFT) {
      const offset = offsetOf(pgoff, shift);
      const slot = (node << INDEX_SHIFT) + offset;
      let entry = pool.slots[slot];
      if (!isNodeEntry(entry)) {
        if (entry !== NOTHING) {
          this.makeRoom(node, offset, 1);
          if (pool.slots[slot] >= 0) throwLargeFolio();
          this.splitSlot(node, offset, shift, order);
        } else {
          const child = pool.allocNode(shift - INDEX_SHIFT, node, offset);
          pool.slots[slot] = nodeEntry(child);
          pool.counts[node]++;
          pool.updateNode(node, this);
        }
        entry = pool.slots[slot];
      }
      node = nodeOfEntry(entry);
    }
    return node;
  }

  /** Cuts a shadow that reaches beyond a range of `nr` slots. Throws EINVAL for a folio that does. */
  private makeRoom(node: number, offset: number, nr: number): void {
    const first = this.firstSlot(node, offset);
    const length = this.runLength(node, first);
    if (length <= nr) return;
    if (this.pool.slots[(node << INDEX_SHIFT) + first] >= 0) throwLargeFolio();
    this.cutRun(node, first, length, nr);
  }

  /** Makes entries of `nr` slots of one that has `length`, all with its marks. */
  private cutRun(node: number, first: number, length: number, nr: number): void {
    const { pool } = this;
    const base = node << INDEX_SHIFT;
    const entry = pool.slots[base + first];
    const step = entry >= 0 ? nr << pool.shifts[node] : 0;
    for (let piece = first, at = entry; piece < first + length; piece += nr, at += step) {
      pool.slots[base + piece] = at;
      for (let offset = piece + 1; offset < piece + nr; offset++)
        pool.slots[base + offset] = siblingOf(piece);
      for (let mark = 0; mark < NR_MARKS; mark++) {
        if (this.hasMark(node, first, mark)) this.setBit(node, piece, mark);
      }
    }
  }

  /** Replaces an entry of one slot by a node of entries of `newOrder`, with its marks. */
  private splitSlot(node: number, offset: number, shift: number, newOrder: Order): void {
    const { pool } = this;
    const entry = pool.slots[(node << INDEX_SHIFT) + offset];
    const child = pool.allocNode(shift - INDEX_SHIFT, node, offset);
    const base = child << INDEX_SHIFT;
    const nr = 1 << newOrder;
    for (let at = 0; at < INDEX_SLOTS; at++) {
      const first = at - (at % nr);
      pool.slots[base + at] = at !== first ? siblingOf(first) : entry >= 0 ? entry + at : entry;
      if (at !== first) continue;
      for (let mark = 0; mark < NR_MARKS; mark++) {
        if (this.hasMark(node, offset, mark)) this.setBit(child, at, mark);
      }
    }
    pool.counts[child] = INDEX_SLOTS;
    pool.slots[(node << INDEX_SHIFT) + offset] = nodeEntry(child);
    if (isShadowEntry(entry)) {
      pool.nrValues[child] = INDEX_SLOTS;
      pool.nrValues[node]--;
      pool.updateNode(node, this);
      pool.updateNode(child, this);
    }
  }

  private splitRun(node: number, first: number, newOrder: Order): void {
    const shift = this.pool.shifts[node];
    const length = this.runLength(node, first);
    if (newOrder >= shift) {
      this.cutRun(node, first, length, 1 << (newOrder - shift));
      return;
    }
    this.cutRun(node, first, length, 1);
    for (let offset = first; offset < first + length; offset++) {
      this.splitSlot(node, offset, shift, newOrder);
    }
  }

  /** Writes an entry over a range of slots, in place of what is there. */
  private fillSlots(node: number, offset: number, nr: number, entry: number, shift: number): void {
    const { pool } = this;
    this.makeRoom(node, offset, nr);
    const { slots } = pool;
    const base = node << INDEX_SHIFT;
    const isShadow = isShadowEntry(entry);
    let count = 0;
    let nrValues = 0;
    let last = NOTHING;
    for (let at = offset; at < offset + nr; at++) {
      const old = slots[base + at];
      if (!isSiblingEntry(old)) last = old;
      if (last === NOTHING) count++;
      else if (isNodeEntry(last)) this.freeSubtree(nodeOfEntry(last));
      else {
        if (isShadowEntry(last)) nrValues--;
        this.countPages(last, -(1 << shift));
      }
      slots[base + at] = at === offset ? entry : siblingOf(offset);
      if (isShadow) nrValues++;
    }
    this.countPages(entry, nr << shift);
    if (isShadow) this.unmarkSlots(node, offset, nr);
    else if (nr > 1 && this.headMarks !== 0) this.squashMarks(node, offset, nr);
    if (count !== 0 || nrValues !== 0) {
      pool.counts[node] += count;
      pool.nrValues[node] += nrValues;
      pool.updateNode(node, this);
    }
  }

  /** Gives the first of a range of slots the marks of all (xas_squash_marks). */
  private squashMarks(node: number, offset: number, nr: number): void {
    for (let mark = 0; mark < NR_MARKS; mark++) {
      for (let at = offset + 1; at < offset + nr; at++) {
        if (!this.hasMark(node, at, mark)) continue;
        this.setBit(node, offset, mark);
        this.clearBit(node, at, mark);
      }
    }
  }

  /** Empties a range of slots that cuts no entry; the node and those above go when nothing is left in them. */
  private clearSlots(node: number, offset: number, nr: number): void {
    const { pool } = this;
    const { slots } = pool;
    const base = node << INDEX_SHIFT;
    const shift = pool.shifts[node];
    let last = NOTHING;
    for (let at = offset; at < offset + nr; at++) {
      const old = slots[base + at];
      if (old === NOTHING) continue;
      if (!isSiblingEntry(old)) last = old;
      slots[base + at] = NOTHING;
      pool.counts[node]--;
      if (isShadowEntry(last)) pool.nrValues[node]--;
      this.countPages(last, -(1 << shift));
    }
    this.unmarkSlots(node, offset, nr);
    pool.updateNode(node, this);
    this.deleteNodes(node);
  }

  /** Frees a node and those above it while they are empty, then head nodes that are not needed (xas_delete_node, xas_shrink). */
  private deleteNodes(from: number): void {
    const { pool } = this;
    let node = from;
    while (pool.counts[node] === 0) {
      const parent = pool.parents[node];
      const offset = pool.offsets[node];
      pool.freeNode(node);
      if (parent === NO_NODE) {
        this.head = NOTHING;
        this.headShift = NO_SHIFT;
        return;
      }
      pool.slots[(parent << INDEX_SHIFT) + offset] = NOTHING;
      pool.counts[parent]--;
      pool.updateNode(parent, this);
      node = parent;
    }
    while (pool.parents[node] === NO_NODE && pool.counts[node] === 1) {
      const slot = node << INDEX_SHIFT;
      const entry = pool.slots[slot];
      const isNode = isNodeEntry(entry);
      if (entry === NOTHING || (!isNode && this.headShift !== 0)) return;
      this.head = entry;
      this.headShift = isNode ? this.headShift - INDEX_SHIFT : NO_SHIFT;
      pool.slots[slot] = NOTHING;
      pool.marks.fill(0, node * MARK_WORDS, (node + 1) * MARK_WORDS);
      pool.freeNode(node);
      if (!isNode) return;
      node = nodeOfEntry(entry);
      pool.parents[node] = NO_NODE;
    }
  }

  /** Frees a node and all below it; what they held is no longer counted. */
  private freeSubtree(node: number): void {
    const { pool } = this;
    const base = node << INDEX_SHIFT;
    const nrPerSlot = 1 << pool.shifts[node];
    let last = NOTHING;
    for (let at = base; at < base + INDEX_SLOTS; at++) {
      const entry = pool.slots[at];
      if (entry === NOTHING) continue;
      if (!isSiblingEntry(entry)) last = entry;
      if (isNodeEntry(last)) this.freeSubtree(nodeOfEntry(last));
      else this.countPages(last, -nrPerSlot);
      pool.slots[at] = NOTHING;
    }
    pool.marks.fill(0, node * MARK_WORDS, (node + 1) * MARK_WORDS);
    pool.freeNode(node);
  }

  private countPages(entry: number, delta: number): void {
    if (entry >= 0) this.nrPages += delta;
    else if (isShadowEntry(entry)) this.nrShadows += delta;
  }

  private hasMark(node: number, offset: number, mark: number): boolean {
    return (this.pool.marks[node * MARK_WORDS + mark * 2 + (offset >> 5)] & (1 << (offset & 31))) !== 0;
  }

  private setBit(node: number, offset: number, mark: number): void {
    this.pool.marks[node * MARK_WORDS + mark * 2 + (offset >> 5)] |= 1 << (offset & 31);
  }

  private clearBit(node: number, offset: number, mark: number): void {
    this.pool.marks[node * MARK_WORDS + mark * 2 + (offset >> 5)] &= ~(1 << (offset & 31));
  }

  /** Sets a mark in a slot and in those above it, as far as it is not set yet. */
  private markUp(from: number, fromOffset: number, mark: number): void {
    let node = from;
    let offset = fromOffset;
    while (node !== NO_NODE && !this.hasMark(node, offset, mark)) {
      this.setBit(node, offset, mark);
      offset = this.pool.offsets[node];
      node = this.pool.parents[node];
    }
  }

  /** Clears a mark in a slot, and in those above it while nothing else in the node has it. */
  private unmarkUp(from: number, fromOffset: number, mark: number): void {
    const { marks, parents, offsets } = this.pool;
    let node = from;
    let offset = fromOffset;
    for (;;) {
      if (!this.hasMark(node, offset, mark)) return;
      this.clearBit(node, offset, mark);
      const word = node * MARK_WORDS + mark * 2;
      if ((marks[word] | marks[word + 1]) !== 0) return;
      offset = offsets[node];
      node = parents[node];
      if (node === NO_NODE) break;
    }
    this.headMarks &= ~(1 << mark);
  }

  private unmarkSlots(node: number, offset: number, nr: number): void {
    if (this.headMarks === 0) return;
    for (let mark = 0; mark < NR_MARKS; mark++) {
      if (!this.isMarked(mark)) continue;
      for (let at = offset; at < offset + nr; at++) this.unmarkUp(node, at, mark);
    }
  }
}

/** Pages that a slot of a node of this shift spans: 2^shift. */
function spanOf(shift: number): number {
  return shift <= MAX_NEAR_SHIFT ? 1 << shift : 2 ** shift;
}

/** Slot of an index in a node of this shift. */
function offsetOf(pgoff: number, shift: number): number {
  if (pgoff < TWO_30) return shift <= MAX_NEAR_SHIFT ? (pgoff >> shift) & SLOT_MASK : 0;
  if (shift <= MAX_NEAR_SHIFT) return ((pgoff % TWO_30) >> shift) & SLOT_MASK;
  return (Math.floor(pgoff / TWO_30) >> (shift - MAX_NEAR_SHIFT - INDEX_SHIFT)) & SLOT_MASK;
}

/** Lowest bit that is set in a word that is not 0. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function throwLargeFolio(): never {
  throw new KernelError(EINVAL, "the page lies inside a larger folio: split that first");
}

function checkRange(pgoff: number, order: Order): void {
  if (!(pgoff >= 0 && pgoff < MAX_PGOFF && pgoff % 2 ** order === 0 && order <= MAX_INDEX_ORDER)) {
    throw new KernelError(
      EINVAL,
      `page ${pgoff} of order ${order} is not a multiple of its size below 2^44 (orders up to ${MAX_INDEX_ORDER})`,
    );
  }
}
