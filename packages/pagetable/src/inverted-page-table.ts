/**
 * One address space's view of the inverted table. Hot: per fault and per page of every range operation. The layout that a
 * walker reads is drawn in contracts, inverted-table.ts; the machine's table is InvertedTable.
 *
 * An inverted table has a place for one mapping of a frame. Here every further mapping (shared memory, fork, the zero page)
 * is a record in overflow, on the same chains and with the same right to be found, so sharing is correct and costs 32 bytes
 * a mapping. An entry is known by its page number, for records move; entryLo() and setEntry() look it up.
 *
 * As in a hashed table, allocEntry() makes records, which stay when they are emptied, and freeTables() takes those of whole
 * 2 MiB regions away. The index of regions (region-index.ts) has a bit per page: what is next is found without trying pages.
 * A shared kernel half has its own root, as with a hashed table.
 *
 * Invariants: a region has records of pages, or one of a 2 MiB leaf, or lies in a 1 GiB leaf, or nothing; each is indexed.
 */
import {
  bug,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  INVERTED_ROOT_ANCHOR_MASK,
  INVERTED_ROOT_DIRECTORY,
  INVERTED_ROOT_FRAMES,
  INVERTED_ROOT_SPACE,
  INVERTED_RECORDS,
  invertedTag,
  KernelError,
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
  vpnHi,
  vpnLo,
  type WalkStep,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { InvertedTable, NO_RECORD } from "./inverted-table.ts";
import { leafStart } from "./layout.ts";
import {
  checkLeaf,
  isPartOf,
  leafIsSplittable,
  partHi,
  partLo,
  protectLeaves,
  wholeHi,
  wholeLo,
} from "./leaf.ts";
import { type PageTableConfig } from "./radix-page-table.ts";
import { REGION_PAGES, RegionIndex } from "./region-index.ts";
import { SeekCursor, type SeekTable } from "./seek-cursor.ts";

/** No page is remembered. */
const NO_VPN = -1;

/** One address space's page table: `inverted`. */
export class InvertedPageTable implements PageTable, SeekTable {
  /** Frame that names the address space and leads to the table; NO_PFN after destroy(). */
  rootPfn: Pfn = NO_PFN;
  readonly nrLevels = 1;
  readonly maxLeafLevel: number = PT_LEVEL_PUD;
  readonly limitVpn: Vpn;
  /** Of this address space alone is its root; the rest is the machine's (InvertedTable.nrTableFrames). */
  readonly nrTables: Int32Array = new Int32Array(PT_LEVEL_PUD + 1);
  lastLevel = 0;
  lastLo = 0;
  lastHi = 0;
  /** First page of the leaf that seek() found. */
  foundVpn: Vpn = 0;
  readonly contents: FrameContents;
  /** The machine's table. */
  readonly inverted: InvertedTable;
  /** Number of this address space in it. */
  readonly space: number;
  /** Which pages have records. */
  readonly index: RegionIndex;
  private readonly frames: TableFrames;
  private readonly endOwnVpn: Vpn;
  /** Large records by level. */
  private readonly nrLarge: Int32Array = new Int32Array(PT_LEVEL_PUD + 1);
  /** The page looked up last, its record and level, valid while no record has moved since. */
  private hotVpn: Vpn = NO_VPN;
  private hotRecord: number = NO_RECORD;
  private hotLevel = 0;
  private hotMoves = 0;

  /** Takes the root's frame, and the machine's table if it is the first. Throws ENOMEM when there are no frames. */
  constructor(config: PageTableConfig) {
    const { contents, frames, kernelHalf = null } = config;
    this.contents = contents;
    this.frames = frames;
    this.limitVpn = kernelHalf?.layout.limitVpn ?? 2 ** 45;
    this.endOwnVpn = kernelHalf === null ? this.limitVpn : this.limitVpn / 2;
    this.index = new RegionIndex(REGION_PAGES / 32);
    if (kernelHalf === null) this.inverted = new InvertedTable(contents, frames);
    else this.inverted = kernelHalf.inverted ??= new InvertedTable(contents, frames);
    this.space = this.inverted.openSpace();
    if (this.space === NO_RECORD) {
      throw new KernelError(ENOMEM, "no frames are free for the records of an inverted page table");
    }
    this.rootPfn = frames.allocTable(PT_LEVEL_PTE);
    if (this.rootPfn === NO_PFN) {
      this.inverted.closeSpace(this.space);
      throw new KernelError(ENOMEM, "a page table needs one frame for its root and none is free");
    }
    this.nrTables[PT_LEVEL_PTE]++;
    const root = contents.ensureSlot(this.rootPfn);
    contents.words[root + INVERTED_ROOT_SPACE] = this.space;
    contents.words[root + INVERTED_ROOT_ANCHOR_MASK] = this.inverted.anchorMask;
    contents.words[root + INVERTED_ROOT_FRAMES] = this.inverted.nrFrames;
    contents.words[root + INVERTED_ROOT_DIRECTORY] = this.inverted.topPfn;
  }

  get pagesPerLevel(): readonly number[] {
    return PAGES_PER_LEVEL;
  }

  /** Gives the page number back as its entry. One chain, and one per size of large leaves in use. */
  findEntry(vpn: Vpn): number {
    const record = this.lookUp(vpn);
    if (record === NO_RECORD) {
      this.lastLevel = PT_LEVEL_PTE;
      return NO_ENTRY;
    }
    this.lastLevel = this.hotLevel;
    if (this.hotLevel > PT_LEVEL_PTE && this.isEmpty(record)) return NO_ENTRY;
    return vpn;
  }

  allocEntry(vpn: Vpn, level: number): number {
    this.checkVpn(vpn);
    const wanted = Math.min(level, PT_LEVEL_PUD);
    const found = this.lookUp(vpn);
    if (found !== NO_RECORD) {
      this.lastLevel = this.hotLevel;
      if (this.hotLevel === wanted) return vpn;
      // Smaller entries, or a larger leaf that holds something, are in the way; an empty one gives way.
      if (this.hotLevel < wanted || !this.isEmpty(found)) return NO_ENTRY;
    }
    const leafVpn = leafStart(vpn, wanted);
    if (wanted > PT_LEVEL_PTE && this.hasSmaller(leafVpn, wanted)) {
      this.lastLevel = PT_LEVEL_PTE;
      return NO_ENTRY;
    }
    if (!this.inverted.reserve(1)) {
      this.lastLevel = 0;
      return NO_ENTRY;
    }
    if (found !== NO_RECORD) this.dropLarge(vpn);
    this.addRecord(leafVpn, wanted);
    this.lastLevel = wanted;
    return vpn;
  }

  entryLo(entry: number): number {
    const record = this.lookUp(entry);
    return record === NO_RECORD ? 0 : this.contents.words[this.inverted.wordOf(record)];
  }

  entryHi(entry: number): number {
    const record = this.lookUp(entry);
    return record === NO_RECORD ? 0 : this.contents.words[this.inverted.wordOf(record) + 1];
  }

  /** Moves the record to the place of the frame it maps, if that is to be had. */
  setEntry(entry: number, lo: number, hi: number): void {
    const record = entry < 0 ? NO_RECORD : this.lookUp(entry);
    if (record === NO_RECORD) bug(`entry ${entry} is none`);
    const { words } = this.contents;
    const at = this.inverted.wordOf(record);
    words[at] = lo;
    words[at + 1] = hi;
    this.hotRecord = this.inverted.settle(record);
    this.hotMoves = this.inverted.nrMoves;
  }

  nextPopulated(vpn: Vpn, endVpn: Vpn): Vpn {
    if (this.seek(vpn, endVpn) === NO_ENTRY) return endVpn;
    return Math.max(vpn, this.foundVpn);
  }

  /**
   * Finds the first non-empty leaf that covers a page of [vpn, endVpn): returns its entry, with `foundVpn` and `lastLevel`,
   * or NO_ENTRY. One look-up per page that has a record.
   */
  seek(vpn: Vpn, endVpn: Vpn): number {
    const end = Math.min(endVpn, this.endOwnVpn);
    const { index } = this;
    for (let place = this.seekRegion(vpn); place < index.nr; place++) {
      const regionVpn = index.region[place] * REGION_PAGES;
      if (regionVpn >= end || vpn >= end) break;
      if (index.leafLevel[place] !== 0) {
        const record = this.lookUp(regionVpn);
        if (this.isEmpty(record) || regionVpn + PAGES_PER_LEVEL[this.hotLevel] <= vpn) continue;
        return this.found(regionVpn);
      }
      let page = vpn > regionVpn ? vpn - regionVpn : 0;
      while ((page = index.nextBit(place, page)) >= 0) {
        if (regionVpn + page >= end) break;
        if (!this.isEmpty(this.lookUp(regionVpn + page))) return this.found(regionVpn + page);
        page++;
      }
    }
    return NO_ENTRY;
  }

  cursor(vpn: Vpn, endVpn: Vpn, splitEdges = false): SeekCursor {
    return new SeekCursor(this, vpn, endVpn, splitEdges);
  }

  /** Throws EINVAL when `vpn` or `pfn` is not aligned to the leaf. */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number {
    if (level > PT_LEVEL_PTE) checkLeaf(vpn, level, pfn, this.maxLeafLevel);
    const entry = this.allocEntry(vpn, level);
    if (entry === NO_ENTRY) return this.lastLevel === 0 ? -ENOMEM : -EEXIST;
    if (!this.isEmpty(this.lookUp(entry))) return -EEXIST;
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
    if (this.findEntry(vpn) === NO_ENTRY || this.lastLevel === PT_LEVEL_PTE) return -ENOENT;
    const level = this.lastLevel;
    if (!this.inverted.reserve(PTRS_PER_TABLE)) {
      this.inverted.trim();
      return -ENOMEM;
    }
    // Getting frames may have reclaimed the leaf: read it only now.
    if (this.findEntry(vpn) === NO_ENTRY || this.lastLevel !== level) return -ENOENT;
    const lo = this.entryLo(vpn);
    const hi = this.entryHi(vpn);
    if (!leafIsSplittable(lo, hi, level)) return -EINVAL;
    this.dropLarge(vpn);
    const leafVpn = leafStart(vpn, level);
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      const partVpn = leafVpn + part * PAGES_PER_LEVEL[level - 1];
      this.addRecord(partVpn, level - 1);
      this.setEntry(partVpn, partLo(lo, hi, level, part), partHi(lo, hi, level, part));
    }
    return 0;
  }

  collapse(vpn: Vpn, level: number): number {
    if (level < PT_LEVEL_PMD || level > PT_LEVEL_PUD) return -EINVAL;
    const leafVpn = leafStart(vpn, level);
    if (this.findEntry(leafVpn) === NO_ENTRY || this.lastLevel !== level - 1) return -EINVAL;
    if (!this.inverted.reserve(1)) return -ENOMEM;
    const firstLo = this.entryLo(leafVpn);
    const firstHi = this.entryHi(leafVpn);
    const nrPages = PAGES_PER_LEVEL[level - 1];
    let orOfLo = 0;
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      const partVpn = leafVpn + part * nrPages;
      const lo = this.entryLo(partVpn);
      if (this.hotLevel !== level - 1) return -EINVAL;
      if (!isPartOf(firstLo, firstHi, lo, this.entryHi(partVpn), level - 1, part)) return -EINVAL;
      orOfLo |= lo;
    }
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      if (level === PT_LEVEL_PMD) this.inverted.remove(this.lookUp(leafVpn + part));
      else this.dropLarge(leafVpn + part * nrPages);
    }
    if (level === PT_LEVEL_PMD) this.index.remove(this.index.find(leafVpn / REGION_PAGES), 1);
    this.addRecord(leafVpn, level);
    this.setEntry(
      leafVpn,
      wholeLo(firstLo, firstHi, orOfLo, level - 1),
      wholeHi(firstLo, firstHi, level - 1),
    );
    return 0;
  }

  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const end = Math.min(endVpn, this.endOwnVpn);
    const { index } = this;
    for (let place = this.seekRegion(vpn); place < index.nr;) {
      const regionVpn = index.region[place] * REGION_PAGES;
      if (regionVpn >= end || vpn >= end) break;
      const level = index.leafLevel[place];
      const nrPages = level === 0 ? REGION_PAGES : PAGES_PER_LEVEL[level];
      if (level !== 0 && !this.isEmpty(this.lookUp(regionVpn)))
        bug(`a leaf of level ${level} is still mapped at vpn 0x${regionVpn.toString(16)}`);
      if (regionVpn < floorVpn || regionVpn + nrPages > ceilingVpn) {
        place++;
        continue;
      }
      if (level !== 0) {
        this.dropLarge(regionVpn);
        continue;
      }
      for (let page = -1; (page = index.nextBit(place, page + 1)) >= 0;) {
        const record = this.lookUp(regionVpn + page);
        if (!this.isEmpty(record)) bug(`vpn 0x${(regionVpn + page).toString(16)} is still mapped`);
        this.inverted.remove(record);
      }
      index.remove(place, 1);
    }
    this.inverted.trim();
  }

  destroy(): void {
    this.freeTables(0, this.endOwnVpn, 0, this.limitVpn);
    this.inverted.closeSpace(this.space);
    const root = this.contents.wordBase(this.rootPfn);
    this.contents.words.fill(0, root, root + PAGE_WORDS);
    this.contents.releaseSlot(this.rootPfn);
    this.nrTables[PT_LEVEL_PTE]--;
    this.frames.freeTable(this.rootPfn, PT_LEVEL_PTE);
    this.rootPfn = NO_PFN;
  }

  /** One step per record on the chains, of all levels tried; the page's, if there is one, is the last. */
  walkEntries(vpn: Vpn): WalkStep[] {
    this.checkVpn(vpn);
    const { words } = this.contents;
    const steps: WalkStep[] = [];
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) {
      const key = Math.floor(vpn / PAGES_PER_LEVEL[level]);
      const tag = invertedTag(vpnHi(key), level, this.space);
      for (const record of this.inverted.collectChain(vpnLo(key), tag)) {
        const at = this.inverted.wordOf(record);
        const tablePfn = this.inverted.pfnOfRecord(record);
        steps.push({ level, tablePfn, index: record % INVERTED_RECORDS, lo: words[at], hi: words[at + 1] });
      }
      if (this.inverted.find(vpnLo(key), tag) !== NO_RECORD) return steps;
    }
    steps.push({ level: PT_LEVEL_PTE, tablePfn: this.inverted.topPfn, index: 0, lo: 0, hi: 0 });
    return steps;
  }

  /** Checks the machine's table, and its records of this address space against the index. O(records). */
  checkInvariants(): void {
    const { index, inverted } = this;
    inverted.checkInvariants();
    index.checkInvariants();
    let nrIndexed = 0;
    const nrLarge = [0, 0, 0, 0];
    for (let place = 0; place < index.nr; place++) {
      const regionVpn = index.region[place] * REGION_PAGES;
      const level = index.leafLevel[place];
      if (level !== 0) {
        nrIndexed++;
        nrLarge[level]++;
        if (this.recordOf(regionVpn, level) === NO_RECORD)
          bug(`the leaf of level ${level} at vpn 0x${regionVpn.toString(16)} has no record`);
        if (
          level === PT_LEVEL_PUD &&
          place + 1 < index.nr &&
          index.region[place + 1] < index.region[place] + 512
        )
          bug(`something lies in the leaf at vpn 0x${regionVpn.toString(16)}`);
      }
      for (let page = -1; (page = index.nextBit(place, page + 1)) >= 0;) {
        nrIndexed++;
        if (this.recordOf(regionVpn + page, PT_LEVEL_PTE) === NO_RECORD)
          bug(`no record of vpn 0x${(regionVpn + page).toString(16)}`);
      }
    }
    for (let level = PT_LEVEL_PMD; level <= PT_LEVEL_PUD; level++) {
      if (nrLarge[level] !== this.nrLarge[level])
        bug(`${nrLarge[level]} leaves of level ${level} are indexed, ${this.nrLarge[level]} counted`);
    }
    const nrRecords = inverted.countRecords(this.space);
    if (nrRecords !== nrIndexed)
      bug(`address space ${this.space} has ${nrRecords} records, ${nrIndexed} indexed`);
  }

  /** Index of the region where something that covers `vpn` or lies behind it starts. */
  private seekRegion(vpn: Vpn): number {
    const hasGiant = this.nrLarge[PT_LEVEL_PUD] !== 0;
    return hasGiant ? this.index.seekCovering(vpn) : this.index.seek(Math.floor(vpn / REGION_PAGES));
  }

  private found(vpn: Vpn): number {
    this.foundVpn = vpn;
    this.lastLevel = this.hotLevel;
    return vpn;
  }

  /** Finds the record, empty or not, that covers a page; `hotLevel` is its level. */
  private lookUp(vpn: Vpn): number {
    if (vpn === this.hotVpn && this.hotMoves === this.inverted.nrMoves && this.hotRecord !== NO_RECORD) {
      return this.hotRecord;
    }
    let record = this.recordOf(vpn, PT_LEVEL_PTE);
    let level = PT_LEVEL_PTE;
    while (record === NO_RECORD && level < PT_LEVEL_PUD) {
      level++;
      if (this.nrLarge[level] !== 0) record = this.recordOf(vpn, level);
    }
    this.hotVpn = vpn;
    this.hotRecord = record;
    this.hotLevel = level;
    this.hotMoves = this.inverted.nrMoves;
    return record;
  }

  private recordOf(vpn: Vpn, level: number): number {
    const key = level === PT_LEVEL_PTE ? vpn : Math.floor(vpn / PAGES_PER_LEVEL[level]);
    return this.inverted.find(vpnLo(key), invertedTag(vpnHi(key), level, this.space));
  }

  private isEmpty(record: number): boolean {
    const at = this.inverted.wordOf(record);
    return (this.contents.words[at] | this.contents.words[at + 1]) === 0;
  }

  /** Is anything indexed where a large leaf would lie? */
  private hasSmaller(leafVpn: Vpn, level: number): boolean {
    const { index } = this;
    const place = index.seek(leafVpn / REGION_PAGES);
    return place < index.nr && index.region[place] * REGION_PAGES < leafVpn + PAGES_PER_LEVEL[level];
  }

  /** Adds an empty record and indexes it. There must be room. */
  private addRecord(leafVpn: Vpn, level: number): void {
    const { index } = this;
    const place = index.make(Math.floor(leafVpn / REGION_PAGES));
    if (level === PT_LEVEL_PTE) {
      const page = vpnLo(leafVpn) & (REGION_PAGES - 1);
      index.bits[place * index.nrWords + (page >>> 5)] |= 1 << (page & 31);
    } else {
      index.leafLevel[place] = level;
      this.nrLarge[level]++;
    }
    const key = leafVpn / PAGES_PER_LEVEL[level];
    this.hotVpn = leafVpn;
    this.hotRecord = this.inverted.add(vpnLo(key), invertedTag(vpnHi(key), level, this.space));
    this.hotLevel = level;
    this.hotMoves = this.inverted.nrMoves;
  }

  /** Takes away the record of the large leaf that covers a page. */
  private dropLarge(vpn: Vpn): void {
    const record = this.lookUp(vpn);
    const level = this.hotLevel;
    this.index.remove(this.index.find(leafStart(vpn, level) / REGION_PAGES), 1);
    this.nrLarge[level]--;
    this.inverted.remove(record);
  }

  private checkVpn(vpn: Vpn): void {
    if (vpn < 0 || vpn >= this.limitVpn) bug(`vpn ${vpn} is not below 2^${Math.log2(this.limitVpn)}`);
    if (vpn >= this.endOwnVpn) {
      bug(`vpn 0x${vpn.toString(16)} is in the shared kernel half, which KernelHalf.pageTable edits`);
    }
  }
}
