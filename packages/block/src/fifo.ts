/** A queue in an array: first in, first out, both in O(1). */

/** Items taken before the array is moved up. */
const MIN_TAKEN = 64;

/** Plain data: an array and the index of its first item. */
export class Fifo<Item> {
  private items: (Item | null)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: Item): void {
    this.items.push(item);
  }

  /** First item; null when there is none. */
  peek(): Item | null {
    return this.head < this.items.length ? this.items[this.head] : null;
  }

  /** Takes the first item; null when there is none. */
  shift(): Item | null {
    if (this.head === this.items.length) return null;
    const item = this.items[this.head];
    this.items[this.head++] = null;
    if (this.head >= MIN_TAKEN && this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  /** The items that are in the queue, in order. */
  *[Symbol.iterator](): Generator<Item> {
    for (let at = this.head; at < this.items.length; at++) {
      const item = this.items[at];
      if (item !== null) yield item;
    }
  }
}
