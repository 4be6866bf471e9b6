/**
 * Page table of 32-bit x86 without PAE, in simulated RAM: a page directory and page tables of 1024 entries of one word.
 * Hot: per fault and per page of range operations.
 *
 *     page number   bits 10..19 index into the directory (level 2) | 0..9 into a page table (level 1)
 *
 * Linux folds all other levels away here (pgtable-2level.h); a leaf of the directory maps 4 MiB (CR4.PSE). Entries are as
 * pte32.ts draws them; an entry's number is the index of its word in `contents.words`.
 *
 * Invariants: a table has one parent; its count of non-empty entries in `counts` is exact; `nrTables` counts the tables.
 * Differs: no kernel half; the table owns all 4 GiB, and whoever wants a kernel in it maps it.
 * Source: Intel SDM vol. 3A section 5.3; Linux 6.18 arch/x86/include/asm/pgtable-2level.h, mm/memory.c.
 */
import {
  bug,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  KernelError,
  leafHi,
  leafLo,
  leafPfn,
  NO_ENTRY,
  NO_PFN,
  PAGE_WORDS,
  PAGES_PER_LEVEL32,
  type PageTable,
  pde32IsPointer,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PTE32_PFN_LIMIT,
  pte32Of,
  pte32Pfn,
  pte32ToHi,
  pte32ToLo,
  PTE_TABLE_KERNEL,
  PTE_TABLE_USER,
  PTRS_PER_TABLE32,
  type Pfn,
  type TableFrames,
  type Vpn,
  VPN_LIMIT32,
  type WalkStep,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import {
  checkLeaf,
  isPartOf,
  leafIsPresent,
  leafIsSplittable,
  partHi,
  partLo,
  protectLeaves,
  wholeHi,
  wholeLo,
} from "./leaf.ts";
import { noFrameForRoot, type PageTableConfig } from "./page-table-config.ts";
import { SeekCursor } from "./seek-cursor.ts";
import { TableCounts } from "./table-counts.ts";

/** log2 of 4 KiB pages below an entry of the directory. */
const PGDIR_PAGE_SHIFT = 10;
const INDEX_MASK: number = PTRS_PER_TABLE32 - 1;
/** Where the kernel starts in 3G/1G Linux: pointers from there on are the kernel's. */
const KERNEL_VPN = 0xc0000;

/** One address space's two-level page table: `x86-32`. */
export class PageTable32 implements PageTable {
  /** Frame of the directory; NO_PFN after destroy(). */
  rootPfn: Pfn = NO_PFN;
  readonly nrLevels = 2;
  readonly maxLeafLevel = 2;
  readonly limitVpn: Vpn = VPN_LIMIT32;
  readonly nrTables: Int32Array = new Int32Array(3);
  lastLevel = 0;
  lastLo = 0;
  lastHi = 0;
  /** First page of the leaf that seek() found. */
  foundVpn: Vpn = 0;
  readonly contents: FrameContents;
  readonly counts: TableCounts = new TableCounts();
  private readonly frames: TableFrames;
  private rootBase = 0;

  /** Takes the directory's frame. Throws ENOMEM when there is none, EINVAL for a shared kernel half. */
  constructor(config: PageTableConfig) {
    this.contents = config.contents;
    this.frames = config.frames;
    if ((config.kernelHalf ?? null) !== null) {
      throw new KernelError(EINVAL, "a page table of kind x86-32 cannot share a kernel half: it owns 4 GiB");
    }
    this.rootPfn = this.newTable(PT_LEVEL_PMD);
    if (this.rootPfn === NO_PFN) {
      throw noFrameForRoot();
    }
    this.rootBase = this.contents.wordBase(this.rootPfn);
  }

  get pagesPerLevel(): readonly number[] {
    return PAGES_PER_LEVEL32;
  }

  findEntry(vpn: Vpn): number {
    const { words } = this.contents;
    const entry = this.rootBase + (vpn >>> PGDIR_PAGE_SHIFT);
    const word = words[entry];
    if (pde32IsPointer(word)) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.tableBase(word) + (vpn & INDEX_MASK);
    }
    this.lastLevel = PT_LEVEL_PMD;
    return word === 0 ? NO_ENTRY : entry;
  }

  allocEntry(vpn: Vpn, level: number): number {
    this.checkVpn(vpn);
    const entry = this.rootBase + (vpn >>> PGDIR_PAGE_SHIFT);
    this.lastLevel = PT_LEVEL_PMD;
    if (level >= PT_LEVEL_PMD) return entry;
    let word = this.contents.words[entry];
    if (word === 0) {
      const tablePfn = this.newTable(PT_LEVEL_PTE);
      if (tablePfn === NO_PFN) {
        this.lastLevel = 0;
        return NO_ENTRY;
      }
      word = pointerTo(tablePfn, vpn);
      this.writeWord(entry, word);
    } else if (!pde32IsPointer(word)) {
      return NO_ENTRY;
    }
    this.lastLevel = PT_LEVEL_PTE;
    return this.tableBase(word) + (vpn & INDEX_MASK);
  }

  entryLo(entry: number): number {
    return pte32ToLo(this.contents.words[entry], this.levelOf(entry));
  }

  entryHi(entry: number): number {
    return pte32ToHi(this.contents.words[entry], this.levelOf(entry));
  }

  /** Throws EINVAL for what 32 bits cannot hold (pte32Of). Calls bug() when the entry points to a table. */
  setEntry(entry: number, lo: number, hi: number): void {
    if (entry < 0) bug(`entry ${entry} is none`);
    const level = this.levelOf(entry);
    if (level > PT_LEVEL_PTE && pde32IsPointer(this.contents.words[entry])) {
      bug(`entry ${entry} points to a table, which would be lost`);
    }
    this.writeWord(entry, pte32Of(lo, hi, level));
  }

  nextPopulated(vpn: Vpn, endVpn: Vpn): Vpn {
    return this.seek(vpn, endVpn) === NO_ENTRY ? endVpn : Math.max(vpn, this.foundVpn);
  }

  /** Finds the first leaf that is not empty and covers a page of [vpn, endVpn); its entry or NO_ENTRY. For SeekCursor. */
  seek(vpn: Vpn, endVpn: Vpn): number {
    const { words } = this.contents;
    const { nrPopulated } = this.counts;
    const end = Math.min(endVpn, VPN_LIMIT32);
    let at = vpn;
    while (at < end) {
      const entry = this.rootBase + (at >>> PGDIR_PAGE_SHIFT);
      const word = words[entry];
      const regionVpn = at & ~INDEX_MASK;
      const regionEnd = regionVpn + PTRS_PER_TABLE32;
      if (pde32IsPointer(word)) {
        const base = this.tableBase(word);
        if (nrPopulated[base >>> PGDIR_PAGE_SHIFT] !== 0) {
          const stop = Math.min(end, regionEnd);
          for (; at < stop; at++) {
            if (words[base + (at & INDEX_MASK)] === 0) continue;
            this.lastLevel = PT_LEVEL_PTE;
            this.foundVpn = at;
            return base + (at & INDEX_MASK);
          }
        }
      } else if (word !== 0) {
        this.lastLevel = PT_LEVEL_PMD;
        this.foundVpn = regionVpn;
        return entry;
      }
      at = regionEnd;
    }
    return NO_ENTRY;
  }

  cursor(vpn: Vpn, endVpn: Vpn, splitEdges = false): SeekCursor {
    return new SeekCursor(this, vpn, endVpn, splitEdges);
  }

  /** Throws EINVAL when `vpn` or `pfn` is not aligned to the leaf, or the entry has not enough bits for the frame. */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number {
    if (level > PT_LEVEL_PTE) checkLeaf(vpn, level, pfn, PT_LEVEL_PMD, PAGES_PER_LEVEL32);
    const word = pte32Of(leafLo(pfn, level, flagsLo, flagsHi), leafHi(pfn, level, flagsLo, flagsHi), level);
    const entry = this.allocEntry(vpn, level);
    if (entry === NO_ENTRY) return this.lastLevel > level ? -EEXIST : -ENOMEM;
    if (this.contents.words[entry] !== 0) return -EEXIST;
    this.writeWord(entry, word);
    return 0;
  }

  unmap(vpn: Vpn): number {
    const entry = this.findEntry(vpn);
    this.lastLo = 0;
    this.lastHi = 0;
    if (entry === NO_ENTRY || this.contents.words[entry] === 0) return 0;
    this.lastLo = this.entryLo(entry);
    this.lastHi = this.entryHi(entry);
    this.writeWord(entry, 0);
    return this.lastLevel;
  }

  protect(vpn: Vpn, endVpn: Vpn, setLo: number, clearLo: number, setHi: number, clearHi: number): number {
    // Bits of the high half have no place: changing them is no change.
    const cursor = this.cursor(vpn, endVpn);
    return protectLeaves(cursor, vpn, endVpn, setLo, clearLo, setHi & 0, clearHi & 0, PAGES_PER_LEVEL32);
  }

  /** -EINVAL also for a leaf above 4 GiB (PSE-36), whose parts page-table entries cannot name. */
  split(vpn: Vpn): number {
    if (this.findLarge(vpn) === NO_ENTRY) return -ENOENT;
    const tablePfn = this.newTable(PT_LEVEL_PTE);
    if (tablePfn === NO_PFN) return -ENOMEM;
    // Getting a frame may have reclaimed the leaf: read it only now.
    const entry = this.findLarge(vpn);
    const lo = entry === NO_ENTRY ? 0 : this.entryLo(entry);
    const hi = entry === NO_ENTRY ? 0 : this.entryHi(entry);
    const isHigh = leafIsPresent(lo, PT_LEVEL_PMD) && leafPfn(lo, hi, PT_LEVEL_PMD) >= PTE32_PFN_LIMIT;
    if (!leafIsSplittable(lo, hi, PT_LEVEL_PMD) || isHigh) {
      this.freeTable(tablePfn, PT_LEVEL_PTE);
      return entry === NO_ENTRY ? -ENOENT : -EINVAL;
    }
    const base = this.contents.wordBase(tablePfn);
    for (let part = 0; part < PTRS_PER_TABLE32; part++) {
      const partOfLo = partLo(lo, hi, PT_LEVEL_PMD, part);
      const partOfHi = partHi(lo, hi, PT_LEVEL_PMD, part);
      this.writeWord(base + part, pte32Of(partOfLo, partOfHi, PT_LEVEL_PTE));
    }
    this.writeWord(entry, pointerTo(tablePfn, vpn));
    return 0;
  }

  /** O(1024). */
  collapse(vpn: Vpn, level: number): number {
    const entry = this.rootBase + (vpn >>> PGDIR_PAGE_SHIFT);
    const word = this.contents.words[entry];
    if (level !== PT_LEVEL_PMD || !pde32IsPointer(word)) return -EINVAL;
    const base = this.tableBase(word);
    const firstLo = this.entryLo(base);
    const firstHi = this.entryHi(base);
    if (
      leafIsPresent(firstLo, PT_LEVEL_PTE) &&
      pte32Pfn(this.contents.words[base], 1) % PTRS_PER_TABLE32 !== 0
    ) {
      return -EINVAL;
    }
    let orOfLo = 0;
    for (let part = 0; part < PTRS_PER_TABLE32; part++) {
      const lo = this.entryLo(base + part);
      if (!isPartOf(firstLo, firstHi, lo, this.entryHi(base + part), PT_LEVEL_PTE, part)) return -EINVAL;
      orOfLo |= lo;
    }
    this.contents.words.fill(0, base, base + PAGE_WORDS);
    this.freeTable(word >>> 12, PT_LEVEL_PTE);
    const lo = wholeLo(firstLo, firstHi, orOfLo, PT_LEVEL_PTE);
    this.writeWord(entry, pte32Of(lo, wholeHi(firstLo, firstHi, PT_LEVEL_PTE), PT_LEVEL_PMD));
    return 0;
  }

  /** A ceiling of `limitVpn` or more is none. Calls bug() when something is still mapped. O(tables in the range). */
  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const end = Math.min(endVpn, VPN_LIMIT32);
    for (let at = vpn & ~INDEX_MASK; at < end; at += PTRS_PER_TABLE32) {
      const entry = this.rootBase + (at >>> PGDIR_PAGE_SHIFT);
      const word = this.contents.words[entry];
      if (word === 0) continue;
      if (!pde32IsPointer(word)) bug(`a leaf of level 2 is still mapped at vpn 0x${at.toString(16)}`);
      if (at < floorVpn || at + PTRS_PER_TABLE32 > ceilingVpn) continue;
      const nrEntries = this.counts.nrPopulated[this.tableBase(word) >>> PGDIR_PAGE_SHIFT];
      if (nrEntries !== 0) bug(`table of level 1 at vpn 0x${at.toString(16)} still has ${nrEntries} entries`);
      this.writeWord(entry, 0);
      this.freeTable(word >>> 12, PT_LEVEL_PTE);
    }
  }

  destroy(): void {
    this.freeTables(0, VPN_LIMIT32, 0, VPN_LIMIT32);
    this.freeTable(this.rootPfn, PT_LEVEL_PMD);
    this.rootPfn = NO_PFN;
  }

  walkEntries(vpn: Vpn): WalkStep[] {
    this.checkVpn(vpn);
    const index = vpn >>> PGDIR_PAGE_SHIFT;
    const { words } = this.contents;
    const word = words[this.rootBase + index];
    const steps: WalkStep[] = [{ level: PT_LEVEL_PMD, tablePfn: this.rootPfn, index, lo: word, hi: 0 }];
    if (pde32IsPointer(word)) {
      const at = vpn & INDEX_MASK;
      const lo = words[this.tableBase(word) + at];
      steps.push({ level: PT_LEVEL_PTE, tablePfn: word >>> 12, index: at, lo, hi: 0 });
    }
    return steps;
  }

  /** Compares counts and links with the tables. O(tables). */
  checkInvariants(): void {
    const { contents, counts, nrTables } = this;
    const { words } = contents;
    const seen = new Set<number>([this.rootPfn]);
    this.checkCount(this.rootBase);
    for (let index = 0; index < PTRS_PER_TABLE32; index++) {
      const word = words[this.rootBase + index];
      if (!pde32IsPointer(word)) continue;
      const tablePfn = word >>> 12;
      if (seen.has(tablePfn)) bug(`pfn ${tablePfn} serves as two tables`);
      seen.add(tablePfn);
      if (contents.slotOf[tablePfn] === NO_SLOT) bug(`table at pfn ${tablePfn} has no contents`);
      const base = this.tableBase(word);
      if (counts.level[base >>> PGDIR_PAGE_SHIFT] !== 1) bug(`the table at pfn ${tablePfn} is not counted`);
      this.checkCount(base);
    }
    if (nrTables[1] !== seen.size - 1 || nrTables[2] !== 1) {
      bug(
        `${seen.size - 1} page tables are linked and ${nrTables[1]} counted, with ${nrTables[2]} directories`,
      );
    }
  }

  private checkCount(base: number): void {
    let nr = 0;
    for (let word = base; word < base + PAGE_WORDS; word++) if (this.contents.words[word] !== 0) nr++;
    const counted = this.counts.nrPopulated[base >>> PGDIR_PAGE_SHIFT];
    if (nr !== counted) bug(`a table has ${nr} entries and ${counted} counted`);
  }

  /** The directory's entry over a page when it is a leaf, else NO_ENTRY. */
  private findLarge(vpn: Vpn): number {
    const entry = this.findEntry(vpn);
    return entry === NO_ENTRY || this.lastLevel === PT_LEVEL_PTE ? NO_ENTRY : entry;
  }

  /** Index of the first word of the table that an entry of the directory points to. */
  private tableBase(word: number): number {
    return this.contents.slotOf[word >>> 12] * PAGE_WORDS;
  }

  private levelOf(entry: number): number {
    return this.counts.level[entry >>> PGDIR_PAGE_SHIFT];
  }

  private writeWord(entry: number, word: number): void {
    const { words } = this.contents;
    const old = words[entry];
    if ((old === 0) !== (word === 0)) {
      this.counts.nrPopulated[entry >>> PGDIR_PAGE_SHIFT] += word === 0 ? -1 : 1;
    }
    words[entry] = word;
  }

  /** Takes a frame for a table; NO_PFN when there is none. Calls bug() for one above 4 GiB, which no entry can name. */
  private newTable(level: number): Pfn {
    const tablePfn = this.frames.allocTable(level);
    if (tablePfn === NO_PFN) return NO_PFN;
    if (tablePfn >= PTE32_PFN_LIMIT)
      bug(`pfn ${tablePfn} for a table: 32-bit entries name frames below 2^20`);
    this.counts.open(this.contents.ensureSlot(tablePfn) >>> PGDIR_PAGE_SHIFT, level);
    this.nrTables[level]++;
    return tablePfn;
  }

  /** Gives a table's frame back. */
  private freeTable(tablePfn: Pfn, level: number): void {
    this.counts.close(this.contents.slotOf[tablePfn]);
    this.nrTables[level]--;
    this.contents.releaseSlot(tablePfn);
    this.frames.freeTable(tablePfn, level);
  }

  private checkVpn(vpn: Vpn): void {
    if (vpn < 0 || vpn >= VPN_LIMIT32) bug(`vpn ${vpn} is not below 2^20`);
  }
}

function pointerTo(tablePfn: Pfn, vpn: Vpn): number {
  return (tablePfn << 12) | (vpn < KERNEL_VPN ? PTE_TABLE_USER : PTE_TABLE_KERNEL);
}
