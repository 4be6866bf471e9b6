/**
 * A set of virtual pages as ascending, disjoint, non-adjacent ranges. Cold: changes per system call, is asked per page.
 *
 * Layout: range k is `[starts[k], ends[k])`. Invariant: `starts[k] < ends[k] < starts[k + 1]`.
 */
import { type Vpn } from "@pageframe/contracts";

/** A half-open range of pages. */
export interface VpnRange {
  readonly startVpn: Vpn;
  readonly endVpn: Vpn;
}

/** A set of pages held as ranges. */
export class VpnRanges {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** Tells whether the page is in the set. O(log ranges). */
  has(vpn: Vpn): boolean {
    const range = this.#findEndingAfter(vpn);
    return range < this.#starts.length && this.#starts[range] <= vpn;
  }

  /** Tells whether any page of `[startVpn, endVpn)` is in the set. O(log ranges). */
  hasAny(startVpn: Vpn, endVpn: Vpn): boolean {
    const range = this.#findEndingAfter(startVpn);
    return range < this.#starts.length && this.#starts[range] < endVpn;
  }

  /** Returns a set of the same pages. O(ranges). */
  copy(): VpnRanges {
    const copy = new VpnRanges();
    copy.#starts.push(...this.#starts);
    copy.#ends.push(...this.#ends);
    return copy;
  }

  /** Tells whether all pages of `[startVpn, endVpn)` are in the set. O(log ranges). */
  hasAll(startVpn: Vpn, endVpn: Vpn): boolean {
    const range = this.#findEndingAfter(startVpn);
    return range < this.#starts.length && this.#starts[range] <= startVpn && this.#ends[range] >= endVpn;
  }

  /** Counts the pages of the set. O(ranges). */
  countPages(): number {
    return this.#ends.reduce((nrPages, endVpn, range) => nrPages + endVpn - this.#starts[range], 0);
  }

  /** Adds the pages `[startVpn, endVpn)`. O(ranges). */
  add(startVpn: Vpn, endVpn: Vpn): void {
    if (startVpn >= endVpn) return;
    // A range that ends where this one starts joins it.
    const first = this.#findEndingAfter(startVpn - 1);
    let end = first;
    while (end < this.#starts.length && this.#starts[end] <= endVpn) end++;
    const joinedStart = first < end ? Math.min(startVpn, this.#starts[first]) : startVpn;
    const joinedEnd = first < end ? Math.max(endVpn, this.#ends[end - 1]) : endVpn;
    this.#starts.splice(first, end - first, joinedStart);
    this.#ends.splice(first, end - first, joinedEnd);
  }

  /** Removes the pages `[startVpn, endVpn)`. O(ranges). */
  remove(startVpn: Vpn, endVpn: Vpn): void {
    if (startVpn >= endVpn) return;
    const first = this.#findEndingAfter(startVpn);
    let end = first;
    while (end < this.#starts.length && this.#starts[end] < endVpn) end++;
    if (first === end) return;
    const keptStarts: number[] = [];
    const keptEnds: number[] = [];
    if (this.#starts[first] < startVpn) {
      keptStarts.push(this.#starts[first]);
      keptEnds.push(startVpn);
    }
    if (this.#ends[end - 1] > endVpn) {
      keptStarts.push(endVpn);
      keptEnds.push(this.#ends[end - 1]);
    }
    this.#starts.splice(first, end - first, ...keptStarts);
    this.#ends.splice(first, end - first, ...keptEnds);
  }

  /** Lists what of `[startVpn, endVpn)` is not in the set. */
  collectGaps(startVpn: Vpn, endVpn: Vpn): VpnRange[] {
    const gaps: VpnRange[] = [];
    let from = startVpn;
    for (let range = this.#findEndingAfter(startVpn); from < endVpn; range++) {
      const isLast = range >= this.#starts.length;
      const to = isLast ? endVpn : Math.min(endVpn, this.#starts[range]);
      if (from < to) gaps.push({ startVpn: from, endVpn: to });
      from = isLast ? endVpn : this.#ends[range];
    }
    return gaps;
  }

  /** Index of the first range that ends after `vpn`; the number of ranges when there is none. */
  #findEndingAfter(vpn: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle] > vpn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
