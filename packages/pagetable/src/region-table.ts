/**
 * What the hashed and the inverted table have in common: records of pages in 2 MiB regions. Hot: per fault and per page of
 * every range operation.
 *
 * What a radix table does with tables of entries happens here per region: allocEntry() makes records, which stay when their
 * entries are emptied, and freeTables() takes the records of a whole region away. The next populated page is found through
 * an ordered index of regions, which software alone uses (region-index.ts).
 *
 * With a shared kernel half, its pages are not in here: a walker takes the kernel half's own root for them, as processors
 * with two root registers do (TTBR1 of Arm).
 *
 * Invariants: a region has records of pages, or one record of a 2 MiB leaf, or lies in a 1 GiB leaf, or nothing; the index
 * has a bit for each record of pages, and the level of each large one.
 */
import {
  bug,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  leafHi,
  leafLo,
  NO_ENTRY,
  NO_PFN,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  type PageTable,
  type Pfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  PTRS_PER_TABLE,
  type TableFrames,
  type Vpn,
  type WalkStep,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { leafStart } from "./layout.ts";
import { checkLeaf, isPartOf, leafIsSplittable, protectLeaves, wholeHi, wholeLo } from "./leaf.ts";
import { type PageTableConfig } from "./page-table-config.ts";
import { REGION_PAGES, RegionIndex } from "./region-index.ts";
import { SeekCursor, type SeekTable } from "./seek-cursor.ts";

/** Words of bits of a region when each page has one. */
const PAGE_BITS_WORDS = REGION_PAGES / 32;

/** A page table without tree: the part of the contract that needs no more than entries and the index. */
export abstract class RegionTable implements PageTable, SeekTable {
  /** Frame that leads to the records; NO_PFN after destroy(). */
  rootPfn: Pfn = NO_PFN;
  readonly nrLevels = 1;
  readonly maxLeafLevel: number = PT_LEVEL_PUD;
  readonly limitVpn: Vpn;
  readonly nrTables: Int32Array = new Int32Array(PT_LEVEL_PUD + 1);
  lastLevel = 0;
  lastLo = 0;
  lastHi = 0;
  /** First page of the leaf that seek() found. */
  foundVpn: Vpn = 0;
  readonly contents: FrameContents;
  /** Which regions hold anything. */
  readonly index: RegionIndex;
  protected readonly frames: TableFrames;
  /** First page that is not this table's. */
  protected readonly endOwnVpn: Vpn;

  /** `nrBitWords`: words of bits that the index has for each region. Takes no frame. */
  constructor(config: PageTableConfig, nrBitWords: number) {
    const { contents, frames, kernelHalf = null } = config;
    this.contents = contents;
    this.frames = frames;
    this.limitVpn = kernelHalf?.layout.limitVpn ?? 2 ** 45;
    this.endOwnVpn = kernelHalf === null ? this.limitVpn : this.limitVpn / 2;
    this.index = new RegionIndex(nrBitWords);
  }

  get pagesPerLevel(): readonly number[] {
    return PAGES_PER_LEVEL;
  }

  abstract findEntry(vpn: Vpn): number;
  abstract allocEntry(vpn: Vpn, level: number): number;
  abstract entryLo(entry: number): number;
  abstract entryHi(entry: number): number;
  abstract setEntry(entry: number, lo: number, hi: number): void;
  abstract seek(vpn: Vpn, endVpn: Vpn): number;
  abstract destroy(): void;
  abstract walkEntries(vpn: Vpn): WalkStep[];
  abstract checkInvariants(): void;

  nextPopulated(vpn: Vpn, endVpn: Vpn): Vpn {
    if (this.seek(vpn, endVpn) === NO_ENTRY) return endVpn;
    return Math.max(vpn, this.foundVpn);
  }

  cursor(vpn: Vpn, endVpn: Vpn, splitEdges = false): SeekCursor {
    return new SeekCursor(this, vpn, endVpn, splitEdges);
  }

  /** Throws EINVAL when `vpn` or `pfn` is not aligned to the leaf. */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number {
    if (level > PT_LEVEL_PTE) checkLeaf(vpn, level, pfn, this.maxLeafLevel);
    const entry = this.allocEntry(vpn, level);
    if (entry === NO_ENTRY) return this.lastLevel === 0 ? -ENOMEM : -EEXIST;
    if ((this.entryLo(entry) | this.entryHi(entry)) !== 0) return -EEXIST;
    this.setEntry(entry, leafLo(pfn, level, flagsLo, flagsHi), leafHi(pfn, level, flagsLo, flagsHi));
    return 0;
  }

  unmap(vpn: Vpn): number {
    const entry = this.findEntry(vpn);
    this.lastLo = entry === NO_ENTRY ? 0 : this.entryLo(entry);
    this.lastHi = entry === NO_ENTRY ? 0 : this.entryHi(entry);
    if ((this.lastLo | this.lastHi) === 0) return 0;
    this.setEntry(entry, 0, 0);
    return this.lastLevel;
  }

  protect(vpn: Vpn, endVpn: Vpn, setLo: number, clearLo: number, setHi: number, clearHi: number): number {
    return protectLeaves(this.cursor(vpn, endVpn), vpn, endVpn, setLo, clearLo, setHi, clearHi);
  }

  split(vpn: Vpn): number {
    let entry = this.findEntry(vpn);
    const level = this.lastLevel;
    if (entry === NO_ENTRY || level === PT_LEVEL_PTE) return -ENOENT;
    if (!this.reserveParts(level)) return -ENOMEM;
    // Getting frames may have reclaimed the leaf: read it only now.
    entry = this.findEntry(vpn);
    if (entry === NO_ENTRY || this.lastLevel !== level) return -ENOENT;
    const lo = this.entryLo(entry);
    const hi = this.entryHi(entry);
    if (!leafIsSplittable(lo, hi, level)) return -EINVAL;
    this.replaceByParts(leafStart(vpn, level), level, lo, hi);
    return 0;
  }

  /** O(512). */
  collapse(vpn: Vpn, level: number): number {
    if (level < PT_LEVEL_PMD || level > PT_LEVEL_PUD) return -EINVAL;
    const leafVpn = leafStart(vpn, level);
    if (!this.mayHaveParts(leafVpn, level)) return -EINVAL;
    if (!this.reserveWhole(level)) return -ENOMEM;
    const nrPages = PAGES_PER_LEVEL[level - 1];
    let firstLo = 0;
    let firstHi = 0;
    let orOfLo = 0;
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      const entry = this.findEntry(leafVpn + part * nrPages);
      if (entry === NO_ENTRY || this.lastLevel !== level - 1) return -EINVAL;
      const lo = this.entryLo(entry);
      const hi = this.entryHi(entry);
      if (part === 0) {
        firstLo = lo;
        firstHi = hi;
      }
      if (!isPartOf(firstLo, firstHi, lo, hi, level - 1, part)) return -EINVAL;
      orOfLo |= lo;
    }
    const lo = wholeLo(firstLo, firstHi, orOfLo, level - 1);
    this.replaceByWhole(leafVpn, level, lo, wholeHi(firstLo, firstHi, level - 1));
    return 0;
  }

  /** A ceiling of `limitVpn` or more is none. Calls bug() when something is still mapped. O(records in the range). */
  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const end = Math.min(endVpn, this.endOwnVpn);
    const { index } = this;
    for (let place = this.seekRegion(vpn); place < index.nr;) {
      const regionVpn = index.region[place] * REGION_PAGES;
      if (regionVpn >= end || vpn >= end) break;
      const level = index.leafLevel[place];
      const nrPages = level === 0 ? REGION_PAGES : PAGES_PER_LEVEL[level];
      if (level !== 0 && this.findEntry(regionVpn) !== NO_ENTRY)
        bug(`a leaf of level ${level} is still mapped at vpn 0x${regionVpn.toString(16)}`);
      if (regionVpn < floorVpn || regionVpn + nrPages > ceilingVpn) {
        place++;
        continue;
      }
      this.removeRecords(place);
      index.remove(place, 1);
    }
    this.releaseRoom();
  }

  /** Makes room for the parts of a leaf; false when there are no frames for it. */
  protected abstract reserveParts(level: number): boolean;

  /** Makes room for a large leaf; false when there are no frames for it. */
  protected abstract reserveWhole(level: number): boolean;

  /** Gives back what reserving and removing have left over. */
  protected abstract releaseRoom(): void;

  /** Puts the parts of a splittable leaf in its place. There is room. */
  protected abstract replaceByParts(leafVpn: Vpn, level: number, lo: number, hi: number): void;

  /** Puts a leaf in place of its parts, all of which are there. There is room. */
  protected abstract replaceByWhole(leafVpn: Vpn, level: number, lo: number, hi: number): void;

  /** A first look: false when a large leaf cannot have all its parts. */
  protected abstract mayHaveParts(leafVpn: Vpn, level: number): boolean;

  /** Removes what a region has, but not from the index; calls bug() when a page is still mapped. */
  protected abstract removeRecords(place: number): void;

  /** Is there a record of that level for a page? */
  protected abstract hasRecord(vpn: Vpn, level: number): boolean;

  /** Is any leaf of 1 GiB indexed? */
  protected abstract hasGiant(): boolean;

  /** Index of the region where something that covers `vpn` or lies behind it starts. */
  protected seekRegion(vpn: Vpn): number {
    return this.hasGiant() ? this.index.seekCovering(vpn) : this.index.seek(Math.floor(vpn / REGION_PAGES));
  }

  /** Is anything indexed where a large leaf would start or lie? */
  protected hasRegionIn(leafVpn: Vpn, level: number): boolean {
    const { index } = this;
    const place = index.seek(leafVpn / REGION_PAGES);
    return place < index.nr && index.region[place] * REGION_PAGES < leafVpn + PAGES_PER_LEVEL[level];
  }

  /** Takes the root's frame; false when there is none. */
  protected takeRoot(): boolean {
    this.rootPfn = this.frames.allocTable(PT_LEVEL_PTE);
    if (this.rootPfn === NO_PFN) return false;
    this.contents.ensureSlot(this.rootPfn);
    this.nrTables[PT_LEVEL_PTE]++;
    return true;
  }

  /** Gives the root's frame back. */
  protected releaseRoot(): void {
    const base = this.contents.wordBase(this.rootPfn);
    this.contents.words.fill(0, base, base + PAGE_WORDS);
    this.nrTables[PT_LEVEL_PTE]--;
    this.contents.releaseSlot(this.rootPfn);
    this.frames.freeTable(this.rootPfn, PT_LEVEL_PTE);
    this.rootPfn = NO_PFN;
  }

  /** Compares the index with the records; returns how many it knows of each level. */
  protected checkIndex(): number[] {
    const { index } = this;
    const nrBitPages = PAGE_BITS_WORDS / index.nrWords;
    const nrIndexed = [0, 0, 0, 0];
    index.checkInvariants();
    for (let place = 0; place < index.nr; place++) {
      const regionVpn = index.region[place] * REGION_PAGES;
      const level = index.leafLevel[place];
      if (level !== 0) {
        nrIndexed[level]++;
        if (!this.hasRecord(regionVpn, level))
          bug(`the leaf of level ${level} at vpn 0x${regionVpn.toString(16)} has no record`);
        if (
          level === PT_LEVEL_PUD &&
          place + 1 < index.nr &&
          index.region[place + 1] < index.region[place] + PTRS_PER_TABLE
        )
          bug(`something lies in the leaf at vpn 0x${regionVpn.toString(16)}`);
      }
      for (let bit = -1; (bit = index.nextBit(place, bit + 1)) >= 0;) {
        nrIndexed[PT_LEVEL_PTE]++;
        const vpn = regionVpn + bit * nrBitPages;
        if (!this.hasRecord(vpn, PT_LEVEL_PTE)) bug(`no record of vpn 0x${vpn.toString(16)}`);
      }
    }
    return nrIndexed;
  }

  /** Calls bug() for a page that is not this table's. */
  protected checkVpn(vpn: Vpn): void {
    if (vpn < 0 || vpn >= this.limitVpn) bug(`vpn ${vpn} is not below 2^${Math.log2(this.limitVpn)}`);
    if (vpn >= this.endOwnVpn) {
      bug(`vpn 0x${vpn.toString(16)} is in the shared kernel half, which KernelHalf.pageTable edits`);
    }
  }
}
