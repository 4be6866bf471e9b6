/**
 * Ordered index over the 2 MiB regions of an address space that hold anything, for tables that are no trees: they find a
 * page by its number, but not the next page. Hot: per table record made, and per region of a pass.
 *
 *     region    float64   page number / 512, ascending
 *     bits      int32     `nrWords` words a region: what of it is there (a bit per group of pages, or per page)
 *     leafLevel uint8     2: one 2 MiB leaf | 3: a 1 GiB leaf starts here, and covers the 511 regions behind | 0: pages
 *
 * Software alone reads it, as it reads VMAs: it is kernel memory beside the table (9 + 4 * nrWords bytes a region), not in
 * table frames. Finding a region is O(1) at or next to the last one, O(log regions) elsewhere; making or dropping one moves
 * those behind it.
 */
import { bug, type Vpn } from "@pageframe/contracts";

/** Pages of a region. */
export const REGION_PAGES = 512;

/** Regions of one address space, sorted. */
export class RegionIndex {
  /** Regions there are; the first ones of the arrays. */
  nr = 0;
  region: Float64Array = new Float64Array(16);
  bits: Int32Array;
  leafLevel: Uint8Array = new Uint8Array(16);
  /** Words of bits a region has. */
  readonly nrWords: number;
  /** Where the last look-up ended. */
  private lastAt = 0;

  constructor(nrWords: number) {
    this.nrWords = nrWords;
    this.bits = new Int32Array(16 * nrWords);
  }

  /** Bytes that the regions take. */
  get sizeBytes(): number {
    return this.nr * (9 + 4 * this.nrWords);
  }

  /** Index of the first region at or behind `region`; `nr` when there is none. */
  seek(region: number): number {
    const { region: regions, nr } = this;
    let at = this.lastAt;
    if (at < nr && regions[at] <= region) {
      if (regions[at] === region) return at;
      at++;
      if (at === nr || regions[at] >= region) return (this.lastAt = at);
    }
    let low = 0;
    let high = nr;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (regions[middle] < region) low = middle + 1;
      else high = middle;
    }
    this.lastAt = low;
    return low;
  }

  /** Index of a region, or -1. */
  find(region: number): number {
    const at = this.seek(region);
    return at < this.nr && this.region[at] === region ? at : -1;
  }

  /** Index of a region, made empty when it is not there. */
  make(region: number): number {
    const at = this.seek(region);
    if (at === this.nr || this.region[at] !== region) this.insert(at, region, 1);
    return at;
  }

  /** Makes `count` empty regions from `region` on, which belong at index `at`. */
  insert(at: number, region: number, count: number): void {
    const { nrWords } = this;
    if (this.nr + count > this.region.length) this.grow(this.nr + count);
    this.region.copyWithin(at + count, at, this.nr);
    this.leafLevel.copyWithin(at + count, at, this.nr);
    this.bits.copyWithin((at + count) * nrWords, at * nrWords, this.nr * nrWords);
    for (let more = 0; more < count; more++) this.region[at + more] = region + more;
    this.leafLevel.fill(0, at, at + count);
    this.bits.fill(0, at * nrWords, (at + count) * nrWords);
    this.nr += count;
  }

  /** Drops `count` regions from index `at` on. */
  remove(at: number, count: number): void {
    const { nrWords } = this;
    this.region.copyWithin(at, at + count, this.nr);
    this.leafLevel.copyWithin(at, at + count, this.nr);
    this.bits.copyWithin(at * nrWords, (at + count) * nrWords, this.nr * nrWords);
    this.nr -= count;
  }

  /** Has the region at an index no bit set? */
  hasNoBits(at: number): boolean {
    const { bits, nrWords } = this;
    for (let word = at * nrWords; word < (at + 1) * nrWords; word++) if (bits[word] !== 0) return false;
    return true;
  }

  /** First bit at or behind `bit` that is set in the region at an index, or -1. */
  nextBit(at: number, bit: number): number {
    const { bits, nrWords } = this;
    const base = at * nrWords;
    let word = bit >>> 5;
    if (word >= nrWords) return -1;
    let rest = bits[base + word] & (-1 << (bit & 31));
    while (rest === 0) {
      if (++word === nrWords) return -1;
      rest = bits[base + word];
    }
    return word * 32 + 31 - Math.clz32(rest & -rest);
  }

  /** Index of the region where something that covers `vpn` or lies behind it starts. O(1) more than seek(). */
  seekCovering(vpn: Vpn): number {
    const gigabyte = Math.floor(vpn / 262144) * 512;
    const at = this.find(gigabyte);
    if (at >= 0 && this.leafLevel[at] === 3) return at;
    return this.seek(Math.floor(vpn / REGION_PAGES));
  }

  checkInvariants(): void {
    for (let at = 1; at < this.nr; at++) {
      if (this.region[at - 1] >= this.region[at])
        bug(`region ${this.region[at]} stands behind ${this.region[at - 1]}`);
    }
    for (let at = 0; at < this.nr; at++) {
      if ((this.leafLevel[at] === 0) === this.hasNoBits(at))
        bug(
          `region ${this.region[at]} has level ${this.leafLevel[at]} and ${this.hasNoBits(at) ? "no" : ""} bits`,
        );
    }
  }

  private grow(nrAtLeast: number): void {
    const capacity = Math.max(nrAtLeast, this.region.length * 2);
    const region = new Float64Array(capacity);
    const bits = new Int32Array(capacity * this.nrWords);
    const leafLevel = new Uint8Array(capacity);
    region.set(this.region);
    bits.set(this.bits);
    leafLevel.set(this.leafLevel);
    this.region = region;
    this.bits = bits;
    this.leafLevel = leafLevel;
  }
}
