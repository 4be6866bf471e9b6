/**
 * A growing set of pairs of int32 words (pages by the halves of their numbers, or runs) that gives each pair a row,
 * counted from 0 in order of arrival. Hot: per run.
 *
 * Layout: `#rowOfSlot` is an open-addressed table of rows (-1: empty), a power of two long and at most half full;
 * row r is the pair `#words[2r]`, `#words[2r + 1]`.
 */
const MIN_SLOTS = 1024;

/** Distinct pairs of words. */
export class WordPairSet {
  #rowOfSlot = new Int32Array(MIN_SLOTS).fill(-1);
  #words = new Int32Array(MIN_SLOTS);
  #nrPairs = 0;

  /** Pairs in the set. */
  get nrPairs(): number {
    return this.#nrPairs;
  }

  /** Returns the row of a pair, adding the pair when it is new. O(1) on average. */
  findOrAdd(word0: number, word1: number): number {
    const rowOfSlot = this.#rowOfSlot;
    const words = this.#words;
    const mask = rowOfSlot.length - 1;
    let slot = slotOf(word0, word1) & mask;
    for (let row = rowOfSlot[slot]; row >= 0; row = rowOfSlot[slot]) {
      if (words[2 * row] === word0 && words[2 * row + 1] === word1) return row;
      slot = (slot + 1) & mask;
    }
    const row = this.#nrPairs++;
    rowOfSlot[slot] = row;
    words[2 * row] = word0;
    words[2 * row + 1] = word1;
    if (2 * this.#nrPairs === rowOfSlot.length) this.#grow();
    return row;
  }

  /** First word of a row. */
  word0OfRow(row: number): number {
    return this.#words[2 * row];
  }

  /** Second word of a row. */
  word1OfRow(row: number): number {
    return this.#words[2 * row + 1];
  }

  /** Empties the set; its room stays. */
  clear(): void {
    this.#rowOfSlot.fill(-1);
    this.#nrPairs = 0;
  }

  #grow(): void {
    const rowOfSlot = new Int32Array(2 * this.#rowOfSlot.length).fill(-1);
    const words = new Int32Array(2 * this.#words.length);
    words.set(this.#words);
    const mask = rowOfSlot.length - 1;
    for (let row = 0; row < this.#nrPairs; row++) {
      let slot = slotOf(words[2 * row], words[2 * row + 1]) & mask;
      while (rowOfSlot[slot] >= 0) slot = (slot + 1) & mask;
      rowOfSlot[slot] = row;
    }
    this.#rowOfSlot = rowOfSlot;
    this.#words = words;
  }
}

/** Spreads neighbours over the table: Fibonacci hashing of the first word, the second stirred in. */
function slotOf(word0: number, word1: number): number {
  const stirred = Math.imul(word0 ^ Math.imul(word1, 0x85ebca6b), 0x9e3779b1);
  return stirred ^ (stirred >>> 15);
}
