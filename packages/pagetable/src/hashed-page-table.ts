/**
 * Hashed page table in simulated RAM: clustered entries, open addressing, one table per leaf size. Hot: per fault and per
 * page of every range operation. The layout that a walker reads is drawn in contracts, hashed-table.ts; `rootPfn` is the
 * frame that leads to the tables. Entries in RAM have the canonical form.
 *
 * What it shares with the inverted table is in region-table.ts.
 *
 * Invariant beyond those there: the index has a bit for each record of 16 pages.
 * Differs: grows by making a table of twice the size at once, which needs three times the frames for a moment.
 */
import {
  bug,
  HASHED_COUNT_MASK,
  HASHED_COUNT_ONE,
  HASHED_ENTRIES,
  HASHED_KEY_PAGES,
  HASHED_RECORD_WORDS,
  HASHED_TAG_WORDS,
  NO_ENTRY,
  PAGE_WORDS,
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
import { HashedLevel, NO_RECORD } from "./hashed-level.ts";
import { leafStart, TABLE_WORDS_SHIFT } from "./layout.ts";
import { partHi, partLo } from "./leaf.ts";
import { noFrameForRoot, type PageTableConfig } from "./page-table-config.ts";
import { REGION_PAGES } from "./region-index.ts";
import { RegionTable } from "./region-table.ts";
import { TableCounts } from "./table-counts.ts";

const CLUSTER_PAGES: number = HASHED_KEY_PAGES[1];
const CLUSTER_WORDS: number = 2 * CLUSTER_PAGES;
const REGION_CLUSTERS: number = REGION_PAGES / CLUSTER_PAGES;
/** Far above every page. */
const NO_CLUSTER: number = 2 ** 60;

/** One address space's page table: `hashed`. */
export class HashedPageTable extends RegionTable {
  private readonly counts: TableCounts;
  /** Tables of records by leaf level; [0] is unused. */
  private readonly levels: readonly HashedLevel[];
  /** The group of 16 pages met last: its first page, and the index of its first entry's low word. */
  private hotVpn: number = NO_CLUSTER;
  private hotBase = 0;

  /** Takes the root's frame. Throws ENOMEM when there is none. */
  constructor(config: PageTableConfig) {
    super(config, 1);
    this.counts = config.kernelHalf?.counts ?? new TableCounts();
    if (!this.takeRoot()) throw noFrameForRoot();
    const { contents, frames } = this;
    const rootBase = contents.wordBase(this.rootPfn);
    this.counts.open(rootBase >>> TABLE_WORDS_SHIFT, PT_LEVEL_PTE);
    this.levels = [0, PT_LEVEL_PTE, PT_LEVEL_PMD, PT_LEVEL_PUD].map(
      (level) => new HashedLevel(level, contents, frames, this.counts, this.nrTables, rootBase),
    );
  }

  /** ~3 ns in the same 16 pages as the last call. Large leaves cost one more probe per size in use. */
  findEntry(vpn: Vpn): number {
    const offset = vpn - this.hotVpn;
    if (offset >= 0 && offset < CLUSTER_PAGES) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.hotBase + (offset << 1);
    }
    const record = this.findRecord(PT_LEVEL_PTE, vpn);
    if (record !== NO_RECORD) return this.entryOfPage(record, vpn);
    for (let level = PT_LEVEL_PMD; level <= PT_LEVEL_PUD; level++) {
      const entry = this.findLarge(level, vpn);
      if (entry !== NO_ENTRY) return entry;
    }
    this.lastLevel = PT_LEVEL_PTE;
    return NO_ENTRY;
  }

  allocEntry(vpn: Vpn, level: number): number {
    const offset = vpn - this.hotVpn;
    if (level === PT_LEVEL_PTE && offset >= 0 && offset < CLUSTER_PAGES) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.hotBase + (offset << 1);
    }
    this.checkVpn(vpn);
    if (level > PT_LEVEL_PTE) return this.allocLarge(vpn, Math.min(level, PT_LEVEL_PUD));
    const found = this.findRecord(PT_LEVEL_PTE, vpn);
    if (found !== NO_RECORD) return this.entryOfPage(found, vpn);
    for (let large = PT_LEVEL_PMD; large <= PT_LEVEL_PUD; large++) {
      if (this.findLarge(large, vpn) !== NO_ENTRY) return NO_ENTRY;
    }
    if (!this.reserve(PT_LEVEL_PTE, 1)) return NO_ENTRY;
    this.dropEmptyLarge(vpn);
    const at = this.index.make(Math.floor(vpn / REGION_PAGES));
    this.index.bits[at] |= 1 << ((vpnLo(vpn) >>> 4) & (REGION_CLUSTERS - 1));
    return this.entryOfPage(this.insertRecord(PT_LEVEL_PTE, vpn), vpn);
  }

  entryLo(entry: number): number {
    return this.contents.words[entry];
  }

  entryHi(entry: number): number {
    return this.contents.words[entry + 1];
  }

  setEntry(entry: number, lo: number, hi: number): void {
    if (entry < 0) bug(`entry ${entry} is none`);
    const { words } = this.contents;
    const wasEmpty = (words[entry] | words[entry + 1]) === 0;
    const isEmpty = (lo | hi) === 0;
    if (wasEmpty !== isEmpty)
      words[this.recordOf(entry) + 1] += isEmpty ? -HASHED_COUNT_ONE : HASHED_COUNT_ONE;
    words[entry] = lo;
    words[entry + 1] = hi;
  }

  /**
   * Finds the first non-empty leaf that covers a page of [vpn, endVpn): returns its entry, with `foundVpn` and `lastLevel`,
   * or NO_ENTRY. One probe per 16 pages that have a record.
   */
  seek(vpn: Vpn, endVpn: Vpn): number {
    const end = Math.min(endVpn, this.endOwnVpn);
    let at = vpn;
    const offset = at - this.hotVpn;
    if (offset >= 0 && offset < CLUSTER_PAGES) {
      const entry = this.seekInCluster(this.hotBase, this.hotVpn, at, end);
      if (entry !== NO_ENTRY) return entry;
      at = this.hotVpn + CLUSTER_PAGES;
    }
    if (at >= end) return NO_ENTRY;
    const { index } = this;
    for (let place = this.seekRegion(at); place < index.nr; place++) {
      const regionVpn = index.region[place] * REGION_PAGES;
      if (regionVpn >= end) break;
      const level = index.leafLevel[place];
      if (level !== 0) {
        const entry = this.findLarge(level, regionVpn);
        if (entry === NO_ENTRY || regionVpn + PAGES_PER_LEVEL[level] <= at) continue;
        this.foundVpn = regionVpn;
        return entry;
      }
      let cluster = at > regionVpn ? Math.floor((at - regionVpn) / CLUSTER_PAGES) : 0;
      while ((cluster = index.nextBit(place, cluster)) >= 0) {
        const clusterVpn = regionVpn + cluster * CLUSTER_PAGES;
        if (clusterVpn >= end) break;
        const base = this.findRecord(PT_LEVEL_PTE, clusterVpn) + HASHED_TAG_WORDS;
        this.hotVpn = clusterVpn;
        this.hotBase = base;
        const entry = this.seekInCluster(base, clusterVpn, Math.max(at, clusterVpn), end);
        if (entry !== NO_ENTRY) return entry;
        cluster++;
      }
    }
    return NO_ENTRY;
  }

  destroy(): void {
    this.freeTables(0, this.endOwnVpn, 0, this.limitVpn);
    this.counts.close(this.contents.slotOf[this.rootPfn]);
    this.releaseRoot();
  }

  /** One step per record looked at: its tag, and for the last, if it is the page's, the entry. */
  walkEntries(vpn: Vpn): WalkStep[] {
    this.checkVpn(vpn);
    const { words } = this.contents;
    const steps: WalkStep[] = [];
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) {
      const key = Math.floor(vpn / HASHED_KEY_PAGES[level]);
      for (const record of this.levels[level].collectProbes(vpnLo(key), vpnHi(key))) {
        const tablePfn = this.contents.slotOf.indexOf(record >>> TABLE_WORDS_SHIFT);
        const index = (record & (PAGE_WORDS - 1)) / HASHED_RECORD_WORDS[level];
        steps.push({ level, tablePfn, index, lo: words[record], hi: words[record + 1] });
      }
      const record = this.findRecord(level, vpn);
      if (record === NO_RECORD) continue;
      const entry =
        record + HASHED_TAG_WORDS + 2 * (Math.floor(vpn / PAGES_PER_LEVEL[level]) % HASHED_ENTRIES[level]);
      const { tablePfn, index } = steps[steps.length - 1];
      steps.push({ level, tablePfn, index, lo: words[entry], hi: words[entry + 1] });
      break;
    }
    return steps;
  }

  /** Compares records, counts and index. O(records). */
  checkInvariants(): void {
    const { words } = this.contents;
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) this.levels[level].checkInvariants();
    const nrIndexed = this.checkIndex();
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) {
      if (nrIndexed[level] !== this.levels[level].nrRecords)
        bug(`${nrIndexed[level]} records of level ${level} are indexed, not ${this.levels[level].nrRecords}`);
    }
    if (this.hotVpn !== NO_CLUSTER) {
      const record = this.findRecord(PT_LEVEL_PTE, this.hotVpn);
      if (record === NO_RECORD || record + HASHED_TAG_WORDS !== this.hotBase || words[record + 1] === 0)
        bug(`remembered pages at vpn 0x${this.hotVpn.toString(16)} are not there`);
    }
  }

  protected reserveParts(level: number): boolean {
    return this.reserve(level - 1, PTRS_PER_TABLE / HASHED_ENTRIES[level - 1]);
  }

  protected reserveWhole(level: number): boolean {
    return this.reserve(level, 1);
  }

  protected releaseRoom(): void {
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) this.shrink(level);
  }

  protected replaceByParts(leafVpn: Vpn, level: number, lo: number, hi: number): void {
    this.removeRecord(level, this.findRecord(level, leafVpn));
    const { index } = this;
    const place = index.find(leafVpn / REGION_PAGES);
    if (level === PT_LEVEL_PMD) {
      index.leafLevel[place] = 0;
      index.bits[place] = -1;
    } else {
      index.insert(place + 1, leafVpn / REGION_PAGES + 1, PTRS_PER_TABLE - 1);
      index.leafLevel.fill(PT_LEVEL_PMD, place, place + PTRS_PER_TABLE);
    }
    const nrEntries = HASHED_ENTRIES[level - 1];
    for (let part = 0; part < PTRS_PER_TABLE;) {
      let at = this.insertRecord(level - 1, leafVpn + part * PAGES_PER_LEVEL[level - 1]) + HASHED_TAG_WORDS;
      for (const end = part + nrEntries; part < end; part++, at += 2) {
        this.setEntry(at, partLo(lo, hi, level, part), partHi(lo, hi, level, part));
      }
    }
  }

  protected replaceByWhole(leafVpn: Vpn, level: number, lo: number, hi: number): void {
    const { index } = this;
    const place = index.find(leafVpn / REGION_PAGES);
    for (let part = 0; part < PTRS_PER_TABLE; part += HASHED_ENTRIES[level - 1]) {
      const partVpn = leafVpn + part * PAGES_PER_LEVEL[level - 1];
      this.removeRecord(level - 1, this.findRecord(level - 1, partVpn));
    }
    if (level === PT_LEVEL_PUD) index.remove(place + 1, PTRS_PER_TABLE - 1);
    index.bits[place] = 0;
    index.leafLevel[place] = level;
    this.setEntry(this.insertRecord(level, leafVpn) + HASHED_TAG_WORDS, lo, hi);
    this.shrink(level - 1);
  }

  /** Are there records of all parts? */
  protected mayHaveParts(leafVpn: Vpn, level: number): boolean {
    const { index } = this;
    const place = index.find(leafVpn / REGION_PAGES);
    if (place < 0) return false;
    if (level === PT_LEVEL_PMD) return index.bits[place] === -1;
    const last = place + PTRS_PER_TABLE - 1;
    if (last >= index.nr || index.region[last] !== index.region[place] + PTRS_PER_TABLE - 1) return false;
    for (let at = place; at <= last; at++) if (index.leafLevel[at] !== PT_LEVEL_PMD) return false;
    return true;
  }

  protected removeRecords(place: number): void {
    const regionVpn = this.index.region[place] * REGION_PAGES;
    const level = this.index.leafLevel[place];
    if (level !== 0) this.removeRecord(level, this.findRecord(level, regionVpn));
    else this.removeClusters(place, regionVpn);
  }

  protected hasRecord(vpn: Vpn, level: number): boolean {
    return this.findRecord(level, vpn) !== NO_RECORD;
  }

  protected hasGiant(): boolean {
    return this.levels[PT_LEVEL_PUD].nrRecords !== 0;
  }

  private findRecord(level: number, vpn: Vpn): number {
    const key = Math.floor(vpn / HASHED_KEY_PAGES[level]);
    return this.levels[level].find(vpnLo(key), vpnHi(key));
  }

  /** Finds the non-empty large leaf of a level that covers a page; sets `lastLevel`. */
  private findLarge(level: number, vpn: Vpn): number {
    if (this.levels[level].nrRecords === 0) return NO_ENTRY;
    const record = this.findRecord(level, vpn);
    if (record === NO_RECORD) return NO_ENTRY;
    const { words } = this.contents;
    const entry = record + HASHED_TAG_WORDS;
    if ((words[entry] | words[entry + 1]) === 0) return NO_ENTRY;
    this.lastLevel = level;
    return entry;
  }

  /** Remembers a record of 16 pages; returns a page's entry. */
  private entryOfPage(record: number, vpn: Vpn): number {
    this.lastLevel = PT_LEVEL_PTE;
    this.hotVpn = Math.floor(vpn / CLUSTER_PAGES) * CLUSTER_PAGES;
    this.hotBase = record + HASHED_TAG_WORDS;
    return this.hotBase + ((vpnLo(vpn) & (CLUSTER_PAGES - 1)) << 1);
  }

  private allocLarge(vpn: Vpn, level: number): number {
    const leafVpn = leafStart(vpn, level);
    const found = this.findRecord(level, leafVpn);
    if (found !== NO_RECORD) {
      this.lastLevel = level;
      return found + HASHED_TAG_WORDS;
    }
    if (level === PT_LEVEL_PMD && this.findLarge(PT_LEVEL_PUD, vpn) !== NO_ENTRY) return NO_ENTRY;
    if (this.hasRegionIn(leafVpn, level)) {
      this.lastLevel = PT_LEVEL_PTE;
      return NO_ENTRY;
    }
    if (!this.reserve(level, 1)) return NO_ENTRY;
    this.dropEmptyLarge(vpn);
    const place = this.index.make(leafVpn / REGION_PAGES);
    this.index.leafLevel[place] = level;
    this.lastLevel = level;
    return this.insertRecord(level, leafVpn) + HASHED_TAG_WORDS;
  }

  /** Takes away the record of an empty large leaf where smaller entries are to be made. */
  private dropEmptyLarge(vpn: Vpn): void {
    for (let level = PT_LEVEL_PMD; level <= PT_LEVEL_PUD; level++) {
      if (this.levels[level].nrRecords === 0) continue;
      const record = this.findRecord(level, vpn);
      if (record === NO_RECORD) continue;
      this.removeRecord(level, record);
      this.index.remove(this.index.find(leafStart(vpn, level) / REGION_PAGES), 1);
    }
  }

  /** First non-empty entry of 16 pages at or behind `at`, before `end`. */
  private seekInCluster(base: number, clusterVpn: Vpn, at: Vpn, end: Vpn): number {
    const { words } = this.contents;
    const left = end - clusterVpn;
    const last = left < CLUSTER_PAGES ? base + (left << 1) : base + CLUSTER_WORDS;
    for (let entry = base + ((at - clusterVpn) << 1); entry < last; entry += 2) {
      if ((words[entry] | words[entry + 1]) === 0) continue;
      this.foundVpn = clusterVpn + ((entry - base) >>> 1);
      this.lastLevel = PT_LEVEL_PTE;
      return entry;
    }
    return NO_ENTRY;
  }

  /** Removes the records of a region of pages; calls bug() when one still holds something. */
  private removeClusters(place: number, regionVpn: Vpn): void {
    const { words } = this.contents;
    for (let cluster = -1; (cluster = this.index.nextBit(place, cluster + 1)) >= 0;) {
      const vpn = regionVpn + cluster * CLUSTER_PAGES;
      const record = this.findRecord(PT_LEVEL_PTE, vpn);
      const nrFull = (words[record + 1] & HASHED_COUNT_MASK) / HASHED_COUNT_ONE;
      if (nrFull !== 0)
        bug(`the 16 pages at vpn 0x${vpn.toString(16)} still have ${nrFull} entries: still mapped`);
      this.removeRecord(PT_LEVEL_PTE, record);
    }
  }

  /** First word of the record that an entry is in. */
  private recordOf(entry: number): number {
    const level = this.counts.level[entry >>> TABLE_WORDS_SHIFT];
    if (level > PT_LEVEL_PTE) return entry - HASHED_TAG_WORDS;
    const offset = entry & (PAGE_WORDS - 1);
    const recordWords = HASHED_TAG_WORDS + CLUSTER_WORDS;
    return entry - offset + ((offset / recordWords) | 0) * recordWords;
  }

  /** Makes room; false with `lastLevel` 0 when there are no frames for it. */
  private reserve(level: number, nrMore: number): boolean {
    const table = this.levels[level];
    const { nrMoves } = table;
    const hasRoom = table.reserve(nrMore);
    if (nrMoves !== table.nrMoves) this.hotVpn = NO_CLUSTER;
    if (!hasRoom) this.lastLevel = 0;
    return hasRoom;
  }

  private shrink(level: number): void {
    this.levels[level].shrink();
    this.hotVpn = NO_CLUSTER;
  }

  private insertRecord(level: number, vpn: Vpn): number {
    const key = Math.floor(vpn / HASHED_KEY_PAGES[level]);
    return this.levels[level].insert(vpnLo(key), vpnHi(key));
  }

  private removeRecord(level: number, record: number): void {
    this.levels[level].remove(record);
    this.hotVpn = NO_CLUSTER;
  }
}
