/**
 * Who has to go: the replacement policies of a TLB's arrays. Hot: per access.
 *
 *     lru        the least recently used way, exactly
 *     fifo       the way that was filled first
 *     tree-plru  a binary tree over the ways, a bit in each node: every use turns the bits on its path away from itself, and
 *                the victim is where they lead from the root
 *     nru        a bit a way, set by a use; when all would be set, those of the other ways are cleared. The victim is the
 *                lowest way whose bit is clear
 *     random     xorshift32, modulo the ways
 *
 * Empty ways are filled first, the lowest of them for tree-plru, nru and random. Entries are numbered through all arrays
 * (model-tlb-store.ts); `first` is the entry of a set's way 0. For lru and fifo a set is a circular list, most recent entry
 * in `head`, with empty ways last. `marks` has tree-plru's node n (1 is the root, 2n and 2n + 1 are below n) at `first + n`,
 * 1 when the victim is on the right, and nru's bit of each entry.
 * Source: Al-Zoubi, Milenkovic and Milenkovic 2004, "Performance evaluation of cache replacement policies for the SPEC
 * CPU2000 benchmark suite", section 2 (PLRUt; PLRUm, here nru); Marsaglia 2003, "Xorshift RNGs" (shifts 13, 17, 5).
 */
export type TlbReplacement = "lru" | "tree-plru" | "fifo" | "random" | "nru";

/** All policies; their place here is their code. */
export const REPLACEMENTS: readonly TlbReplacement[] = ["lru", "tree-plru", "fifo", "random", "nru"];

const LRU = 0;
const TREE_PLRU = 1;
const FIFO = 2;
const RANDOM = 3;
const NRU = 4;

/** State of all arrays' policies. */
export class Replacement {
  readonly head: Int32Array;
  readonly next: Int32Array;
  readonly prev: Int32Array;
  readonly marks: Uint8Array;
  /** What `random` drew last; never 0. */
  drawn: number;

  constructor(nrEntries: number, nrSets: number, seed: number) {
    this.head = new Int32Array(nrSets);
    this.next = new Int32Array(nrEntries);
    this.prev = new Int32Array(nrEntries);
    this.marks = new Uint8Array(nrEntries);
    this.drawn = seed | 0 || 1;
  }

  /** Makes the list of a set, for lru and fifo: way 0 will be filled first. Called once a set. */
  linkSet(set: number, first: number, ways: number): void {
    for (let way = 0; way < ways; way++) {
      this.next[first + way] = first + ((way + ways - 1) % ways);
      this.prev[first + way] = first + ((way + 1) % ways);
    }
    this.head[set] = first + ways - 1;
  }

  /** Notes a use of a valid entry; for lru moveToHead() does. */
  touch(policy: number, first: number, ways: number, entry: number): void {
    if (policy === TREE_PLRU) this.turnAway(first, ways, entry);
    else if (policy === NRU) this.mark(first, ways, entry);
  }

  /** Makes an entry the most recent of its set's list. */
  moveToHead(set: number, entry: number): void {
    const { head, next, prev } = this;
    const old = head[set];
    if (entry === old) return;
    head[set] = entry;
    if (prev[old] === entry) return;
    const after = next[entry];
    const before = prev[entry];
    next[before] = after;
    prev[after] = before;
    const last = prev[old];
    next[last] = entry;
    prev[entry] = last;
    next[entry] = old;
    prev[old] = entry;
  }

  /** Notes that an entry has been filled. */
  noteFilled(policy: number, set: number, first: number, ways: number, entry: number): void {
    if (policy === FIFO || policy === LRU) this.moveToHead(set, entry);
    else this.touch(policy, first, ways, entry);
  }

  /** Notes that an entry has been emptied. */
  noteEmptied(policy: number, set: number, entry: number): void {
    if (policy === NRU) this.marks[entry] = 0;
    if (policy !== LRU && policy !== FIFO) return;
    this.moveToHead(set, entry);
    this.head[set] = this.next[entry];
  }

  /** Entry to fill: the last of the list for lru and fifo, else one of a set without empty ways. */
  victim(policy: number, set: number, first: number, ways: number): number {
    if (policy === LRU || policy === FIFO) return this.prev[this.head[set]];
    if (policy === RANDOM) return first + (this.draw() % ways);
    if (policy === TREE_PLRU) {
      let node = 1;
      while (node < ways) node = 2 * node + this.marks[first + node];
      return first + node - ways;
    }
    let entry = first;
    while (entry < first + ways - 1 && this.marks[entry] !== 0) entry++;
    return entry;
  }

  /** Does the policy keep empty ways at the end of a list? */
  static hasList(policy: number): boolean {
    return policy === LRU || policy === FIFO;
  }

  private draw(): number {
    let drawn = this.drawn;
    drawn ^= drawn << 13;
    drawn ^= drawn >>> 17;
    drawn ^= drawn << 5;
    this.drawn = drawn;
    return drawn >>> 0;
  }

  private turnAway(first: number, ways: number, entry: number): void {
    for (let node = entry - first + ways; node > 1; node >>= 1) {
      this.marks[first + (node >> 1)] = (node & 1) ^ 1;
    }
  }

  private mark(first: number, ways: number, entry: number): void {
    const { marks } = this;
    marks[entry] = 1;
    for (let other = first; other < first + ways; other++) if (marks[other] === 0) return;
    for (let other = first; other < first + ways; other++) marks[other] = 0;
    marks[entry] = 1;
  }
}

export { LRU };
