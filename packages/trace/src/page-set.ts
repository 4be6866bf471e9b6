/**
 * A growing set of virtual pages that gives each a row, counted from 0 in order of arrival. Hot: per run.
 *
 * Layout: `#rowOfSlot` is an open-addressed table of rows (-1: empty), a power of two long and at most half full;
 * row r is the page with halves `#pages[2r]` and `#pages[2r + 1]`.
 */
const MIN_SLOTS = 1024;

/** Distinct pages, by the halves of their numbers. */
export class PageSet {
  #rowOfSlot = new Int32Array(MIN_SLOTS).fill(-1);
  #pages = new Int32Array(MIN_SLOTS);
  #nrPages = 0;

  /** Pages in the set. */
  get nrPages(): number {
    return this.#nrPages;
  }

  /** Returns the row of a page, adding the page when it is new. O(1) on average. */
  findOrAdd(vpnLo: number, vpnHi: number): number {
    const rowOfSlot = this.#rowOfSlot;
    const pages = this.#pages;
    const mask = rowOfSlot.length - 1;
    let slot = slotOf(vpnLo, vpnHi) & mask;
    for (let row = rowOfSlot[slot]; row >= 0; row = rowOfSlot[slot]) {
      if (pages[2 * row] === vpnLo && pages[2 * row + 1] === vpnHi) return row;
      slot = (slot + 1) & mask;
    }
    const row = this.#nrPages++;
    rowOfSlot[slot] = row;
    pages[2 * row] = vpnLo;
    pages[2 * row + 1] = vpnHi;
    if (2 * this.#nrPages === rowOfSlot.length) this.#grow();
    return row;
  }

  /** Low half of a row's page number. */
  vpnLoOfRow(row: number): number {
    return this.#pages[2 * row];
  }

  /** High half of a row's page number. */
  vpnHiOfRow(row: number): number {
    return this.#pages[2 * row + 1];
  }

  #grow(): void {
    const rowOfSlot = new Int32Array(2 * this.#rowOfSlot.length).fill(-1);
    const pages = new Int32Array(2 * this.#pages.length);
    pages.set(this.#pages);
    const mask = rowOfSlot.length - 1;
    for (let row = 0; row < this.#nrPages; row++) {
      let slot = slotOf(pages[2 * row], pages[2 * row + 1]) & mask;
      while (rowOfSlot[slot] >= 0) slot = (slot + 1) & mask;
      rowOfSlot[slot] = row;
    }
    this.#rowOfSlot = rowOfSlot;
    this.#pages = pages;
  }
}

/** Spreads neighbouring pages over the table: Fibonacci hashing of the low half, the high half stirred in. */
function slotOf(vpnLo: number, vpnHi: number): number {
  const stirred = Math.imul(vpnLo ^ Math.imul(vpnHi, 0x85ebca6b), 0x9e3779b1);
  return stirred ^ (stirred >>> 15);
}
