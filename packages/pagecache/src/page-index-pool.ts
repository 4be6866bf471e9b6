/**
 * The nodes of all page indexes of a machine, as rows of typed arrays. Hot: per lookup.
 *
 *     slots      64 entries a node                    see page-index-entry.ts
 *     marks      mark * 2 words a node, 6 in all      bit of a slot: an entry in it, or below it, has the mark
 *     parents    node above, or NO_NODE               offsets    slot of it there
 *     shifts     log2 of the pages that a slot spans  counts     slots in use
 *     nrValues   slots that hold shadows
 *
 * A free node has empty slots and no marks, and `parents` links it to the next free one. A node in use is never empty. Nodes that
 * hold nothing but shadows stand in `shadowNodes`, oldest first, so that they can be dropped when there are too many.
 * Source: Linux 6.18 include/linux/xarray.h, struct xa_node; mm/workingset.c, workingset_update_node(), shadow_nodes.
 */
import { bug } from "@pageframe/contracts";
import {
  INDEX_SHIFT,
  INDEX_SLOTS,
  isNodeEntry,
  isSiblingEntry,
  NOTHING,
  siblingOf,
} from "./page-index-entry.ts";

/** No node. */
export const NO_NODE = -1;
/** Marks of an index, and the words of them in a node. */
export const NR_MARKS = 3;
export const MARK_WORDS: number = NR_MARKS * 2;

/** What a search looks for, beside the marks 0..2. */
export const ANY_ENTRY = -1;
export const ANY_PAGE = -2;

const INITIAL_NODES = 64;

/** What a pool asks of an index when its shadows are dropped. */
export interface ShadowNodeOwner {
  /** Removes a node of shadows; returns how many pages they stood for. */
  dropShadowNode(node: number): number;
}

/** Nodes of page indexes. Grows by doubling; never shrinks. */
export class PageIndexPool {
  slots: Int32Array;
  marks: Int32Array;
  parents: Int32Array;
  shifts: Uint8Array;
  offsets: Uint8Array;
  counts: Uint8Array;
  nrValues: Uint8Array;
  /** Nodes in use. */
  nrNodes = 0;
  /** What an index last found: node (NO_NODE: its head), first slot of the entry, shift. */
  atNode: number = NO_NODE;
  atOffset = 0;
  atShift = 0;
  /** Nodes that hold nothing but shadows, by when they came to that, and their index. */
  readonly shadowNodes: Map<number, ShadowNodeOwner>;
  /** Is the node in `shadowNodes`? */
  private isShadowNode: Uint8Array;
  private firstFree: number;
  private capacity: number;

  constructor() {
    this.capacity = 0;
    this.firstFree = NO_NODE;
    this.slots = new Int32Array(0);
    this.marks = new Int32Array(0);
    this.parents = new Int32Array(0);
    this.shifts = new Uint8Array(0);
    this.offsets = new Uint8Array(0);
    this.counts = new Uint8Array(0);
    this.nrValues = new Uint8Array(0);
    this.isShadowNode = new Uint8Array(0);
    this.shadowNodes = new Map();
    this.grow(INITIAL_NODES);
  }

  /** Nodes that hold nothing but shadows (WORKINGSET_NODES). */
  get nrShadowNodes(): number {
    return this.shadowNodes.size;
  }

  /** Takes an empty node. May replace the arrays. Its count stays 0 until the caller fills it. */
  allocNode(shift: number, parent: number, offset: number): number {
    if (this.firstFree === NO_NODE) this.grow(this.capacity * 2);
    const node = this.firstFree;
    this.firstFree = this.parents[node];
    this.parents[node] = parent;
    this.shifts[node] = shift;
    this.offsets[node] = offset;
    this.nrNodes++;
    return node;
  }

  /** Gives back a node whose slots are empty and whose marks are clear. */
  freeNode(node: number): void {
    this.counts[node] = 0;
    this.nrValues[node] = 0;
    if (this.isShadowNode[node] !== 0) this.unlistShadowNode(node);
    this.parents[node] = this.firstFree;
    this.firstFree = node;
    this.nrNodes--;
  }

  /** Lists or unlists a node after its counts changed (workingset_update_node). */
  updateNode(node: number, owner: ShadowNodeOwner): void {
    const nrValues = this.nrValues[node];
    if (nrValues !== 0 && nrValues === this.counts[node]) {
      if (this.isShadowNode[node] !== 0) return;
      this.isShadowNode[node] = 1;
      this.shadowNodes.set(node, owner);
    } else if (this.isShadowNode[node] !== 0) this.unlistShadowNode(node);
  }

  /**
   * Drops up to `nrNodes` nodes of shadows, those first that have been so for longest; returns how many went.
   * Source: Linux 6.18 mm/workingset.c, scan_shadow_nodes(), shadow_lru_isolate().
   */
  dropShadowNodes(nrNodes: number): number {
    let nrDropped = 0;
    for (const [node, owner] of this.shadowNodes) {
      if (nrDropped >= nrNodes) break;
      owner.dropShadowNode(node);
      nrDropped++;
    }
    return nrDropped;
  }

  /** Checks the free list and the list of shadow nodes; calls bug() at a contradiction. O(nodes). */
  checkInvariants(): void {
    let nrFree = 0;
    for (let node = this.firstFree; node !== NO_NODE; node = this.parents[node]) {
      nrFree++;
      if (nrFree > this.capacity) bug("the free list of index nodes is a loop");
      for (let slot = node * INDEX_SLOTS; slot < (node + 1) * INDEX_SLOTS; slot++) {
        if (this.slots[slot] !== NOTHING) bug(`free index node ${node} holds ${this.slots[slot]}`);
      }
      for (let word = node * MARK_WORDS; word < (node + 1) * MARK_WORDS; word++) {
        if (this.marks[word] !== 0) bug(`free index node ${node} has marks`);
      }
      if (this.counts[node] !== 0 || this.isShadowNode[node] !== 0) bug(`free index node ${node} is counted`);
    }
    if (nrFree + this.nrNodes !== this.capacity) {
      bug(`${nrFree} free and ${this.nrNodes} used index nodes are not ${this.capacity}`);
    }
    let nrListed = 0;
    for (let node = 0; node < this.capacity; node++) {
      if (this.isShadowNode[node] === 0) continue;
      nrListed++;
      const isListed = this.shadowNodes.has(node);
      if (!isListed || this.counts[node] !== this.nrValues[node])
        bug(`index node ${node} is not one of shadows`);
    }
    if (nrListed !== this.shadowNodes.size) bug("nodes of shadows are listed that are none");
  }

  /** First slot of the entry that a slot belongs to. */
  firstSlot(node: number, offset: number): number {
    const entry = this.slots[(node << INDEX_SHIFT) + offset];
    return isSiblingEntry(entry) ? siblingOf(entry) : offset;
  }

  /** Slots of the entry whose first slot is given. */
  runLength(node: number, offset: number): number {
    const { slots } = this;
    const base = node << INDEX_SHIFT;
    const sibling = siblingOf(offset);
    let end = offset + 1;
    while (end < INDEX_SLOTS && slots[base + end] === sibling) end++;
    return end - offset;
  }

  /** First slot from `offset` on with an entry, or a page, or a child; INDEX_SLOTS for none. */
  nextSlot(node: number, offset: number, what: number): number {
    const { slots, counts, nrValues } = this;
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
  nextMarkedSlot(node: number, offset: number, mark: number): number {
    const first = this.firstSlot(node, offset);
    if (first !== offset && this.hasMark(node, first, mark)) return offset;
    const { marks } = this;
    const word = node * MARK_WORDS + mark * 2;
    if (offset < 32) {
      const low = marks[word] & (-1 << offset);
      if (low !== 0) return lowestBit(low);
    }
    const high = offset > 32 ? marks[word + 1] & (-1 << (offset - 32)) : marks[word + 1];
    return high !== 0 ? 32 + lowestBit(high) : INDEX_SLOTS;
  }

  isPageSlot(base: number, offset: number): boolean {
    const { slots } = this;
    const entry = slots[base + offset];
    return entry >= 0 || (isSiblingEntry(entry) && slots[base + siblingOf(entry)] >= 0);
  }

  hasMark(node: number, offset: number, mark: number): boolean {
    return (this.marks[node * MARK_WORDS + mark * 2 + (offset >> 5)] & (1 << (offset & 31))) !== 0;
  }

  setBit(node: number, offset: number, mark: number): void {
    this.marks[node * MARK_WORDS + mark * 2 + (offset >> 5)] |= 1 << (offset & 31);
  }

  clearBit(node: number, offset: number, mark: number): void {
    this.marks[node * MARK_WORDS + mark * 2 + (offset >> 5)] &= ~(1 << (offset & 31));
  }

  /** Gives slots `first` to `last` that have one mark another one, too. Those above are the caller's. */
  copyMarks(node: number, first: number, last: number, from: number, to: number): void {
    const { marks } = this;
    for (let half = 0; half < 2; half++) {
      const low = Math.max(0, first - half * 32);
      const high = Math.min(31, last - half * 32);
      if (low > high) continue;
      const word = node * MARK_WORDS + half;
      marks[word + to * 2] |= marks[word + from * 2] & (-1 << low) & (-1 >>> (31 - high));
    }
  }

  private unlistShadowNode(node: number): void {
    this.isShadowNode[node] = 0;
    this.shadowNodes.delete(node);
  }

  private grow(capacity: number): void {
    const old = this.capacity;
    const slots = new Int32Array(capacity * INDEX_SLOTS);
    slots.set(this.slots);
    slots.fill(NOTHING, old * INDEX_SLOTS);
    this.slots = slots;
    const marks = new Int32Array(capacity * MARK_WORDS);
    marks.set(this.marks);
    this.marks = marks;
    const parents = new Int32Array(capacity);
    parents.set(this.parents);
    this.parents = parents;
    this.shifts = copyOf(this.shifts, capacity);
    this.offsets = copyOf(this.offsets, capacity);
    this.counts = copyOf(this.counts, capacity);
    this.nrValues = copyOf(this.nrValues, capacity);
    this.isShadowNode = copyOf(this.isShadowNode, capacity);
    for (let node = capacity - 1; node >= old; node--) {
      parents[node] = this.firstFree;
      this.firstFree = node;
    }
    this.capacity = capacity;
  }
}

function copyOf(old: Uint8Array, capacity: number): Uint8Array {
  const array = new Uint8Array(capacity);
  array.set(old);
  return array;
}

/** Lowest bit that is set in a word that is not 0. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
