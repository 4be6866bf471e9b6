/**
 * The radix tree under a page index. Hot: per page stored or erased.
 *
 * A file with nothing but page 0 has no node: its entry is the head. A large folio of up to 32 slots of one level is one entry in
 * its first slot, followed by siblings; folios of 64 pages and more stand in nodes one level up. A mark on a page is also set in
 * each node above it and in the head, so that what is not marked need not be looked at.
 *
 * Invariants: no node is empty; the topmost is needed (something lies beyond its first slot, or is large); the slots of a large
 * entry are aligned and it has its marks in the first; shadows have no marks; counts are right.
 * Source: Linux 6.18 lib/xarray.c.
 */
import { EINVAL, KernelError, type Order } from "@pageframe/contracts";
import {
  INDEX_SHIFT,
  INDEX_SLOTS,
  isNodeEntry,
  isShadowEntry,
  isSiblingEntry,
  MAX_NEAR_SHIFT,
  nodeEntry,
  nodeOfEntry,
  NOTHING,
  offsetOf,
  siblingOf,
  SLOT_MASK,
  slotStart,
  spanOf,
  TWO_30,
} from "./page-index-entry.ts";
import {
  MARK_WORDS,
  NO_NODE,
  NR_MARKS,
  type PageIndexPool,
  type ShadowNodeOwner,
} from "./page-index-pool.ts";

/** Largest page index + 1: files of 2^56 bytes. */
export const MAX_PGOFF: number = 2 ** 44;
/** Largest order of an entry (MAX_XAS_ORDER). */
export const MAX_INDEX_ORDER = 11;

/** Shift of the head when it is no node. */
export const NO_SHIFT = -1;

/** Nodes of one file's index: finding, making, filling and freeing them. */
export class PageIndexTree implements ShadowNodeOwner {
  /** Pages in the index (address_space.nrpages). */
  nrPages = 0;
  /** Pages that shadows stand for. */
  nrShadows = 0;
  protected head: number = NOTHING;
  protected headShift: number = NO_SHIFT;
  /** Bit per mark: something has it. */
  protected headMarks = 0;
  protected readonly pool: PageIndexPool;

  constructor(pool: PageIndexPool) {
    this.pool = pool;
  }

  /** Has any page a mark? O(1). */
  isMarked(mark: number): boolean {
    return (this.headMarks & (1 << mark)) !== 0;
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

  /** Finds the entry of an index: its first slot is in the pool's `atNode`, `atOffset`, `atShift`. Returns it as it stands there. */
  protected seek(pgoff: number): number {
    const { pool } = this;
    const { slots } = pool;
    let shift = this.headShift;
    const isNear = shift <= MAX_NEAR_SHIFT && pgoff < TWO_30;
    if (shift === NO_SHIFT || !(isNear ? pgoff >>> shift <= SLOT_MASK : this.isFarInside(pgoff))) {
      pool.atNode = NO_NODE;
      pool.atOffset = 0;
      pool.atShift = 0;
      return shift === NO_SHIFT && pgoff === 0 ? this.head : NOTHING;
    }
    let node = nodeOfEntry(this.head);
    let offset = isNear ? (pgoff >> shift) & SLOT_MASK : offsetOf(pgoff, shift);
    let entry = slots[(node << INDEX_SHIFT) + offset];
    while (isNodeEntry(entry)) {
      shift -= INDEX_SHIFT;
      node = nodeOfEntry(entry);
      offset = isNear ? (pgoff >> shift) & SLOT_MASK : offsetOf(pgoff, shift);
      entry = slots[(node << INDEX_SHIFT) + offset];
    }
    if (isSiblingEntry(entry)) {
      offset = siblingOf(entry);
      entry = slots[(node << INDEX_SHIFT) + offset];
    }
    pool.atNode = node;
    pool.atOffset = offset;
    pool.atShift = shift;
    return entry;
  }

  /** Does the tree reach as far as an index that is no near one? */
  private isFarInside(pgoff: number): boolean {
    return pgoff >= 0 && pgoff < spanOf(this.headShift + INDEX_SHIFT);
  }

  /** Order of the entry that seek() found. */
  protected orderAt(): Order {
    if (this.pool.atNode === NO_NODE) return 0;
    return this.pool.atShift + 31 - Math.clz32(this.pool.runLength(this.pool.atNode, this.pool.atOffset));
  }

  /** Puts a page, folio or shadow in place of what its range holds. */
  protected put(pgoff: number, order: Order, entry: number): void {
    checkRange(pgoff, order);
    if (entry === NOTHING) throw new KernelError(EINVAL, "NO_PFN is no page: erase() takes one out");
    if (pgoff === 0 && order === 0 && this.headShift === NO_SHIFT) {
      this.countPages(this.head, -1);
      this.countPages(entry, 1);
      this.head = entry;
      if (isShadowEntry(entry)) this.headMarks = 0;
      return;
    }
    const { pool } = this;
    if (order === 0 && this.seek(pgoff) !== NOTHING && pool.atShift === 0 && this.orderAt() === 0) {
      // One entry of one page in place of another, the commonest case.
      this.fillSlots(pool.atNode, pool.atOffset, 1, entry, 0);
      return;
    }
    const target = order < INDEX_SHIFT ? 0 : INDEX_SHIFT;
    const nr = 1 << (order - target);
    this.expand(pgoff + spanOf(order) - 1, target);
    const node = this.descend(pgoff, order, target);
    this.fillSlots(node, offsetOf(pgoff, target), nr, entry, target);
    // What was cut away of a large shadow may have been all that the tree was tall for.
    if (pgoff === 0) this.deleteNodes(nodeOfEntry(this.head));
  }

  protected splitRun(node: number, first: number, newOrder: Order): void {
    const shift = this.pool.shifts[node];
    const length = this.pool.runLength(node, first);
    if (newOrder >= shift) {
      this.cutRun(node, first, length, 1 << (newOrder - shift));
      return;
    }
    this.cutRun(node, first, length, 1);
    for (let offset = first; offset < first + length; offset++) {
      this.splitSlot(node, offset, shift, newOrder);
    }
  }

  /** Empties a range of slots that cuts no entry; the node and those above go when nothing is left in them. */
  protected clearSlots(node: number, offset: number, nr: number): void {
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

  /** Sets a mark in a slot and in those above it, as far as it is not set yet. */
  protected markUp(from: number, fromOffset: number, mark: number): void {
    let node = from;
    let offset = fromOffset;
    while (node !== NO_NODE && !this.pool.hasMark(node, offset, mark)) {
      this.pool.setBit(node, offset, mark);
      offset = this.pool.offsets[node];
      node = this.pool.parents[node];
    }
  }

  /** Clears a mark in a slot, and in those above it while nothing else in the node has it. */
  protected unmarkUp(from: number, fromOffset: number, mark: number): void {
    const { marks, parents, offsets } = this.pool;
    let node = from;
    let offset = fromOffset;
    for (;;) {
      if (!this.pool.hasMark(node, offset, mark)) return;
      this.pool.clearBit(node, offset, mark);
      const word = node * MARK_WORDS + mark * 2;
      if ((marks[word] | marks[word + 1]) !== 0) return;
      offset = offsets[node];
      node = parents[node];
      if (node === NO_NODE) break;
    }
    this.headMarks &= ~(1 << mark);
  }

  protected countPages(entry: number, delta: number): void {
    if (entry >= 0) this.nrPages += delta;
    else if (isShadowEntry(entry)) this.nrShadows += delta;
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
    const first = this.pool.firstSlot(node, offset);
    const length = this.pool.runLength(node, first);
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
        if (this.pool.hasMark(node, first, mark)) this.pool.setBit(node, piece, mark);
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
        if (this.pool.hasMark(node, offset, mark)) this.pool.setBit(child, at, mark);
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
        if (!this.pool.hasMark(node, at, mark)) continue;
        this.pool.setBit(node, offset, mark);
        this.pool.clearBit(node, at, mark);
      }
    }
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

  private unmarkSlots(node: number, offset: number, nr: number): void {
    if (this.headMarks === 0) return;
    for (let mark = 0; mark < NR_MARKS; mark++) {
      if (!this.isMarked(mark)) continue;
      for (let at = offset; at < offset + nr; at++) this.unmarkUp(node, at, mark);
    }
  }
}

function throwLargeFolio(): never {
  throw new KernelError(EINVAL, "the page lies inside a larger folio: split that first");
}

function checkRange(pgoff: number, order: Order): void {
  if (!(pgoff >= 0 && pgoff < MAX_PGOFF && order <= MAX_INDEX_ORDER && slotStart(pgoff, order) === pgoff)) {
    throw new KernelError(
      EINVAL,
      `page ${pgoff} of order ${order} is not a multiple of its size below 2^44 (orders up to ${MAX_INDEX_ORDER})`,
    );
  }
}
