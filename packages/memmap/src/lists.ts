/**
 * Intrusive doubly linked circular lists over rows. Hot: per page.
 *
 *     rows  0 .. nrFrames - 1                 one per frame; on at most one list at a time (struct page's `lru`)
 *     rows  nrFrames .. nrFrames + nrHeads-1  list heads
 *
 * A head whose neighbours are itself is an empty list. A frame on no list has `next` = `prev` = NOT_LISTED.
 * Every operation writes four or fewer numbers and never allocates.
 * Source: Linux 6.18 include/linux/list.h; Differs: pointers are row numbers.
 */
import { bug } from "@pageframe/contracts";

/** `next` and `prev` of a row that is on no list (LIST_POISON). */
export const NOT_LISTED = -1;

/** Lists over the rows of a memmap. */
export class RowLists {
  /** Row after this one. */
  readonly next: Int32Array;
  /** Row before this one. */
  readonly prev: Int32Array;
  readonly nrFrames: number;
  private nrHeads = 0;
  private readonly maxHeads: number;

  constructor(nrFrames: number, maxHeads: number) {
    this.nrFrames = nrFrames;
    this.maxHeads = maxHeads;
    this.next = new Int32Array(nrFrames + maxHeads).fill(NOT_LISTED);
    this.prev = new Int32Array(nrFrames + maxHeads).fill(NOT_LISTED);
  }

  /** Makes an empty list; returns its head's row. Heads are never given back. Calls bug() when none is left. */
  newHead(): number {
    if (this.nrHeads === this.maxHeads) bug(`all ${this.maxHeads} list heads of the memmap are in use`);
    const head = this.nrFrames + this.nrHeads++;
    this.next[head] = head;
    this.prev[head] = head;
    return head;
  }

  /** Makes `nr` empty lists with consecutive heads; returns the first. */
  newHeads(nr: number): number {
    const first = this.newHead();
    for (let made = 1; made < nr; made++) this.newHead();
    return first;
  }

  /** Puts a row first. */
  addFirst(head: number, row: number): void {
    const { next, prev } = this;
    const first = next[head];
    next[row] = first;
    prev[row] = head;
    prev[first] = row;
    next[head] = row;
  }

  /** Puts a row last. */
  addLast(head: number, row: number): void {
    const { next, prev } = this;
    const last = prev[head];
    prev[row] = last;
    next[row] = head;
    next[last] = row;
    prev[head] = row;
  }

  /** Takes a row off whatever list it is on; calls bug() when it is on none. */
  remove(row: number): void {
    const { next, prev } = this;
    const after = next[row];
    if (after === NOT_LISTED) bug(`row ${row} is removed and is on no list`);
    const before = prev[row];
    next[before] = after;
    prev[after] = before;
    next[row] = NOT_LISTED;
    prev[row] = NOT_LISTED;
  }

  /** First row of a list, or NOT_LISTED. */
  first(head: number): number {
    const row = this.next[head];
    return row === head ? NOT_LISTED : row;
  }

  /** Last row of a list, or NOT_LISTED. */
  last(head: number): number {
    const row = this.prev[head];
    return row === head ? NOT_LISTED : row;
  }

  isEmpty(head: number): boolean {
    return this.next[head] === head;
  }

  isListed(row: number): boolean {
    return this.next[row] !== NOT_LISTED;
  }

  /** Moves all rows of one list behind the last of another. O(1). */
  spliceLast(fromHead: number, toHead: number): void {
    const { next, prev } = this;
    const first = next[fromHead];
    if (first === fromHead) return;
    const last = prev[fromHead];
    const tail = prev[toHead];
    next[tail] = first;
    prev[first] = tail;
    next[last] = toHead;
    prev[toHead] = last;
    next[fromHead] = fromHead;
    prev[fromHead] = fromHead;
  }

  /** Counts the rows of a list. O(rows). */
  countRows(head: number): number {
    let nrRows = 0;
    for (let row = this.next[head]; row !== head; row = this.next[row]) nrRows++;
    return nrRows;
  }

  /** Walks a list both ways; calls bug() on a broken link. Returns its rows. O(rows). */
  checkList(head: number): number {
    const { next, prev } = this;
    let nrRows = 0;
    let row = head;
    do {
      const after = next[row];
      if (after < 0 || after >= next.length) bug(`list ${head}: row ${row} points to ${after}`);
      if (prev[after] !== row) bug(`list ${head}: row ${after} does not point back to ${row}`);
      row = after;
      nrRows++;
      if (nrRows > next.length) bug(`list ${head} never returns to its head`);
    } while (row !== head);
    return nrRows - 1;
  }
}
