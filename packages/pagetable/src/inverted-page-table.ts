/**
 * One address space's view of the inverted table. Hot: per fault and per page of every range operation. The layout that a
 * walker reads is drawn in contracts, inverted-table.ts; the machine's table is InvertedTable.
 *
 * An inverted table has a place for one mapping of a frame. Here every further mapping (shared memory, fork, the zero page)
 * is a record in overflow, on the same chains and with the same right to be found, so sharing is correct and costs 32 bytes
 * a mapping. An entry is known by its page number, for records move; entryLo() and setEntry() look it up.
 *
 * What it shares with the hashed table is in region-table.ts. The index of regions has a bit per page here: what is next is
 * found without trying pages. Of `nrTables` an address space has its root alone; the rest is the machine's
 * (InvertedTable.nrTableFrames).
 */
import {
  bug,
  ENOMEM,
  INVERTED_ROOT_ANCHOR_MASK,
  INVERTED_ROOT_DIRECTORY,
  INVERTED_ROOT_FRAMES,
  INVERTED_ROOT_SPACE,
  INVERTED_RECORDS,
  invertedTag,
  KernelError,
  NO_ENTRY,
  PAGES_PER_LEVEL,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  PTRS_PER_TABLE,
  type Vpn,
  vpnHi,
  vpnLo,
  type WalkStep,
} from "@pageframe/contracts";
import { InvertedTable, NO_RECORD } from "./inverted-table.ts";
import { leafStart } from "./layout.ts";
import { partHi, partLo } from "./leaf.ts";
import { noFrameForRoot, type PageTableConfig } from "./page-table-config.ts";
import { REGION_PAGES } from "./region-index.ts";
import { RegionTable } from "./region-table.ts";

/** No page is remembered. */
const NO_VPN = -1;

/** One address space's page table: `inverted`. */
export class InvertedPageTable extends RegionTable {
  /** The machine's table. */
  readonly inverted: InvertedTable;
  /** Number of this address space in it. */
  readonly space: number;
  /** Large records by level. */
  private readonly nrLarge: Int32Array = new Int32Array(PT_LEVEL_PUD + 1);
  /** The page looked up last, its record and level, valid while no record has moved since. */
  private hotVpn: Vpn = NO_VPN;
  private hotRecord: number = NO_RECORD;
  private hotLevel = 0;
  private hotMoves = 0;

  /** Takes the root's frame, and the machine's table if it is the first. Throws ENOMEM when there are no frames. */
  constructor(config: PageTableConfig) {
    super(config, REGION_PAGES / 32);
    const { contents, frames, kernelHalf = null } = config;
    if (kernelHalf === null) this.inverted = new InvertedTable(contents, frames);
    else this.inverted = kernelHalf.inverted ??= new InvertedTable(contents, frames);
    this.space = this.inverted.openSpace();
    if (this.space === NO_RECORD) {
      throw new KernelError(ENOMEM, "no frames are free for the records of an inverted page table");
    }
    if (!this.takeRoot()) {
      this.inverted.closeSpace(this.space);
      throw noFrameForRoot();
    }
    const root = contents.wordBase(this.rootPfn);
    contents.words[root + INVERTED_ROOT_SPACE] = this.space;
    contents.words[root + INVERTED_ROOT_ANCHOR_MASK] = this.inverted.anchorMask;
    contents.words[root + INVERTED_ROOT_FRAMES] = this.inverted.nrFrames;
    contents.words[root + INVERTED_ROOT_DIRECTORY] = this.inverted.topPfn;
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
    if (wanted > PT_LEVEL_PTE && this.hasRegionIn(leafVpn, wanted)) {
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

  destroy(): void {
    this.freeTables(0, this.endOwnVpn, 0, this.limitVpn);
    this.inverted.closeSpace(this.space);
    this.releaseRoot();
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
    this.inverted.checkInvariants();
    const nrIndexed = this.checkIndex();
    for (let level = PT_LEVEL_PMD; level <= PT_LEVEL_PUD; level++) {
      if (nrIndexed[level] !== this.nrLarge[level])
        bug(`${nrIndexed[level]} leaves of level ${level} are indexed, ${this.nrLarge[level]} counted`);
    }
    const nrRecords = this.inverted.countRecords(this.space);
    const nrAll = nrIndexed[PT_LEVEL_PTE] + nrIndexed[PT_LEVEL_PMD] + nrIndexed[PT_LEVEL_PUD];
    if (nrRecords !== nrAll) bug(`address space ${this.space} has ${nrRecords} records, ${nrAll} indexed`);
  }

  protected reserveParts(): boolean {
    if (this.inverted.reserve(PTRS_PER_TABLE)) return true;
    this.inverted.trim();
    return false;
  }

  protected reserveWhole(): boolean {
    return this.inverted.reserve(1);
  }

  protected releaseRoom(): void {
    this.inverted.trim();
  }

  protected replaceByParts(leafVpn: Vpn, level: number, lo: number, hi: number): void {
    this.dropLarge(leafVpn);
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      const partVpn = leafVpn + part * PAGES_PER_LEVEL[level - 1];
      this.addRecord(partVpn, level - 1);
      this.setEntry(partVpn, partLo(lo, hi, level, part), partHi(lo, hi, level, part));
    }
  }

  protected replaceByWhole(leafVpn: Vpn, level: number, lo: number, hi: number): void {
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      if (level === PT_LEVEL_PMD) this.inverted.remove(this.lookUp(leafVpn + part));
      else this.dropLarge(leafVpn + part * PAGES_PER_LEVEL[level - 1]);
    }
    if (level === PT_LEVEL_PMD) this.index.remove(this.index.find(leafVpn / REGION_PAGES), 1);
    this.addRecord(leafVpn, level);
    this.setEntry(leafVpn, lo, hi);
  }

  /** Is the first part there? */
  protected mayHaveParts(leafVpn: Vpn, level: number): boolean {
    return this.findEntry(leafVpn) !== NO_ENTRY && this.lastLevel === level - 1;
  }

  protected removeRecords(place: number): void {
    const { index } = this;
    const regionVpn = index.region[place] * REGION_PAGES;
    if (index.leafLevel[place] !== 0) {
      this.removeLarge(regionVpn);
      return;
    }
    for (let page = -1; (page = index.nextBit(place, page + 1)) >= 0;) {
      const record = this.lookUp(regionVpn + page);
      if (!this.isEmpty(record)) bug(`vpn 0x${(regionVpn + page).toString(16)} is still mapped`);
      this.inverted.remove(record);
    }
  }

  protected hasRecord(vpn: Vpn, level: number): boolean {
    return this.recordOf(vpn, level) !== NO_RECORD;
  }

  protected hasGiant(): boolean {
    return this.nrLarge[PT_LEVEL_PUD] !== 0;
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

  /** Takes away the record of the large leaf that covers a page, and its region. */
  private dropLarge(vpn: Vpn): void {
    const level = this.removeLarge(vpn);
    this.index.remove(this.index.find(leafStart(vpn, level) / REGION_PAGES), 1);
  }

  /** Removes the record of the large leaf that covers a page, but not from the index; returns its level. */
  private removeLarge(vpn: Vpn): number {
    const record = this.lookUp(vpn);
    const level = this.hotLevel;
    this.nrLarge[level]--;
    this.inverted.remove(record);
    return level;
  }
}
