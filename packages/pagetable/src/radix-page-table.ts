/**
 * Four-level x86-64 page table in simulated RAM. Hot: per fault and per page of every range operation.
 *
 * A table is one frame: 512 entries of two int32 words, at `contents.slotOf[pfn] * 1024` in `contents.words`. The root
 * is a table of level 4 (PGD); an entry above level 1 is empty, points to a table one level down (P set, PS clear), or
 * is a leaf (2 MiB at level 2, 1 GiB at level 3). Non-empty entries without P (swap, PROT_NONE) are leaves too.
 *
 * Invariants: a table has one parent; its count of non-empty entries in `counts` is exact; `nrTables[level]` counts the
 * tables of this address space alone; with a kernel half, top entries 256..511 equal the kernel half's.
 * The processor may set A and D in entries at any time: that never changes whether an entry is empty.
 * Source: Intel SDM vol. 3A section 5.5.4; Linux 6.18 mm/memory.c, arch/x86/include/asm/pgtable_64.h.
 */
import {
  bug,
  EEXIST,
  EINVAL,
  ENOMEM,
  KernelError,
  NO_ENTRY,
  NO_PFN,
  PAGES_PER_LEVEL,
  PAGE_WORDS,
  type PageTable,
  PT_LEVEL_PGD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_TABLE_KERNEL,
  PTE_TABLE_USER,
  PTE_WORDS,
  pteHi,
  pteLo,
  ptePfn,
  PTRS_PER_TABLE,
  type Pfn,
  type TableFrames,
  type Vpn,
  vpnLo,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { checkTables } from "./check-tables.ts";
import {
  isTablePointer,
  KERNEL_HALF_VPN,
  KERNEL_TOP_INDEX,
  TABLE_WORDS_SHIFT,
  tableIndex,
  VPN_LIMIT,
} from "./layout.ts";
import { type SharedHalf, TableCounts } from "./table-counts.ts";
import { collectWalk, type WalkStep } from "./walk.ts";

/** No table is remembered. */
const NO_PREFIX = -1;

/** What a page table is made of. */
export interface PageTableConfig {
  readonly contents: FrameContents;
  readonly frames: TableFrames;
  /** Shared kernel half; null or absent: the table owns all 512 top entries. */
  readonly kernelHalf?: SharedHalf | null;
}

/** One address space's page table: `radix4`. */
export class RadixPageTable implements PageTable {
  /** Frame of the top table; NO_PFN after destroy(). */
  rootPfn: Pfn = NO_PFN;
  readonly nrTables: Int32Array;
  lastLevel = 0;
  lastLo = 0;
  lastHi = 0;
  readonly contents: FrameContents;
  readonly kernelHalf: SharedHalf | null;
  readonly counts: TableCounts;
  /** After sealTop(), empty top entries stay empty. */
  isTopSealed = false;
  private readonly frames: TableFrames;
  /** First page past those whose tables belong to this address space alone. */
  readonly endOwnVpn: Vpn;
  private rootBase = 0;
  /** The level-1 table met last: page number / 512, and the index of its first word. */
  private hotPrefix = NO_PREFIX;
  private hotBase = 0;

  /** Takes the root's frame and copies the kernel half's top entries. Throws ENOMEM when there is no frame. */
  constructor(config: PageTableConfig) {
    this.contents = config.contents;
    this.frames = config.frames;
    this.kernelHalf = config.kernelHalf ?? null;
    this.counts = this.kernelHalf?.counts ?? new TableCounts();
    this.nrTables = new Int32Array(PT_LEVEL_PGD + 1);
    this.endOwnVpn = this.kernelHalf === null ? VPN_LIMIT : KERNEL_HALF_VPN;
    this.rootPfn = this.newTable(PT_LEVEL_PGD);
    if (this.rootPfn === NO_PFN) {
      throw new KernelError(ENOMEM, "a page table needs one frame for its root and none is free");
    }
    this.rootBase = this.contents.wordBase(this.rootPfn);
    if (this.kernelHalf !== null) {
      const source = this.contents.wordBase(this.kernelHalf.rootPfn);
      for (let index = KERNEL_TOP_INDEX; index < PTRS_PER_TABLE; index++) {
        const words = this.contents.words;
        const from = source + index * PTE_WORDS;
        this.writeEntry(this.rootBase + index * PTE_WORDS, words[from], words[from + 1]);
      }
    }
  }

  /** Page numbers are below VPN_LIMIT. ~10 ns, ~2 ns in the same level-1 table as the last call. */
  findEntry(vpn: Vpn): number {
    if (((vpn / PTRS_PER_TABLE) | 0) === this.hotPrefix) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.hotBase + (vpnLo(vpn) & (PTRS_PER_TABLE - 1)) * PTE_WORDS;
    }
    const entry = this.walk(vpn);
    if (this.lastLevel !== PT_LEVEL_PTE) {
      const { words } = this.contents;
      if ((words[entry] | words[entry + 1]) === 0) return NO_ENTRY;
    }
    return entry;
  }

  /**
   * The entry may be empty, a leaf or a pointer to a table; the caller looks. `lastLevel` is 0 when no frame could be
   * had. Calls bug() for a kernel page when the kernel half is shared: that half is edited through KernelHalf.
   */
  allocEntry(vpn: Vpn, level: number): number {
    if (
      level === PT_LEVEL_PTE &&
      ((vpn / PTRS_PER_TABLE) | 0) === this.hotPrefix &&
      vpn >= 0 &&
      vpn < VPN_LIMIT
    ) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.hotBase + (vpnLo(vpn) & (PTRS_PER_TABLE - 1)) * PTE_WORDS;
    }
    this.checkVpn(vpn);
    const { contents } = this;
    let entry = this.rootBase + tableIndex(vpn, PT_LEVEL_PGD) * PTE_WORDS;
    for (let at = PT_LEVEL_PGD; at > level; at--) {
      const lo = contents.words[entry];
      const hi = contents.words[entry + 1];
      let tablePfn: Pfn;
      if ((lo | hi) === 0) {
        if (at === PT_LEVEL_PGD && this.isTopSealed) {
          bug(
            `vpn 0x${vpn.toString(16)} needs a new top entry, and address spaces have copied the top already`,
          );
        }
        tablePfn = this.newTable(at - 1);
        if (tablePfn === NO_PFN) {
          this.lastLevel = 0;
          return NO_ENTRY;
        }
        const flags = vpn < KERNEL_HALF_VPN ? PTE_TABLE_USER : PTE_TABLE_KERNEL;
        this.writeEntry(entry, pteLo(tablePfn, flags), pteHi(tablePfn, 0));
      } else if (isTablePointer(lo)) {
        tablePfn = ptePfn(lo, hi);
      } else {
        this.lastLevel = at;
        return NO_ENTRY;
      }
      const base = contents.slotOf[tablePfn] * PAGE_WORDS;
      if (at - 1 === PT_LEVEL_PTE) this.remember(vpn, base);
      entry = base + tableIndex(vpn, at - 1) * PTE_WORDS;
    }
    this.lastLevel = level;
    return entry;
  }

  /** Calls bug() when the entry points to a table: free that first (freeTables). */
  setEntry(entry: number, lo: number, hi: number): void {
    if (entry < 0) bug(`entry ${entry} is none`);
    if (isTablePointer(this.contents.words[entry]) && this.counts.level[entry >>> TABLE_WORDS_SHIFT] > 1) {
      bug(`entry ${entry} points to a table, which would be lost`);
    }
    this.writeEntry(entry, lo, hi);
  }

  /** ~1 ns per page inside a level-1 table; missing and empty tables cost one step each. */
  nextPopulated(vpn: Vpn, endVpn: Vpn): Vpn {
    const { contents, counts } = this;
    let at = vpn;
    while (at < endVpn) {
      let entry = this.walkRemembered(at);
      const level = this.lastLevel;
      const { words } = contents;
      if ((words[entry] | words[entry + 1]) !== 0) return at;
      const nrPages = PAGES_PER_LEVEL[level];
      at = Math.floor(at / nrPages) * nrPages;
      const tableEnd = (entry | (PAGE_WORDS - 1)) + 1;
      if (counts.nrPopulated[entry >>> TABLE_WORDS_SHIFT] === 0) {
        at += ((tableEnd - entry) / PTE_WORDS) * nrPages;
        continue;
      }
      do {
        entry += PTE_WORDS;
        at += nrPages;
      } while (entry < tableEnd && (words[entry] | words[entry + 1]) === 0);
      if (level === PT_LEVEL_PTE && entry < tableEnd) return at < endVpn ? at : endVpn;
    }
    return endVpn;
  }

  /** Throws EINVAL when `vpn` or `pfn` is not aligned to the leaf. -EEXIST also when an empty table is in the way. */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number {
    if (level > PT_LEVEL_PTE) checkLeaf(vpn, level, pfn);
    const entry = this.allocEntry(vpn, level);
    if (entry === NO_ENTRY) return this.lastLevel > level ? -EEXIST : -ENOMEM;
    const { words } = this.contents;
    if ((words[entry] | words[entry + 1]) !== 0) return -EEXIST;
    this.writeEntry(
      entry,
      pteLo(pfn, level > PT_LEVEL_PTE ? flagsLo | PTE_PS : flagsLo),
      pteHi(pfn, flagsHi),
    );
    return 0;
  }

  /** Of a large leaf any page names the whole. */
  unmap(vpn: Vpn): number {
    const entry = this.findEntry(vpn);
    this.lastLo = 0;
    this.lastHi = 0;
    if (entry === NO_ENTRY) return 0;
    const { words } = this.contents;
    const lo = words[entry];
    const hi = words[entry + 1];
    if ((lo | hi) === 0) return 0;
    this.lastLo = lo;
    this.lastHi = hi;
    this.writeEntry(entry, 0, 0);
    return this.lastLevel;
  }

  /**
   * Present counts PROT_NONE. Calls bug() when the range cuts a large leaf: split it first. Differs: the frame number
   * of a PROT_NONE entry is not inverted (Linux does, against L1TF).
   */
  protect(vpn: Vpn, endVpn: Vpn, setLo: number, clearLo: number, setHi: number, clearHi: number): number {
    const { contents } = this;
    let nrChanged = 0;
    for (let at = this.nextPopulated(vpn, endVpn); at < endVpn; at = this.nextPopulated(at, endVpn)) {
      const first = this.findEntry(at);
      const level = this.lastLevel;
      const nrPages = PAGES_PER_LEVEL[level];
      let presentMask = PTE_P | PTE_PROTNONE;
      let end = first + PTE_WORDS;
      if (level === PT_LEVEL_PTE) {
        const tableEnd = (first | (PAGE_WORDS - 1)) + 1;
        end = Math.min(tableEnd, first + (endVpn - at) * PTE_WORDS);
      } else {
        presentMask |= PTE_PS;
        const leafVpn = Math.floor(at / nrPages) * nrPages;
        if (leafVpn < vpn || leafVpn + nrPages > endVpn) {
          bug(`[0x${vpn.toString(16)}, 0x${endVpn.toString(16)}) cuts the leaf at 0x${leafVpn.toString(16)}`);
        }
        at = leafVpn;
      }
      const { words } = contents;
      for (let entry = first; entry < end; entry += PTE_WORDS) {
        const lo = words[entry];
        if ((lo & presentMask) === 0) continue;
        const hi = words[entry + 1];
        const newLo = (lo & ~clearLo) | setLo;
        const newHi = (hi & ~clearHi) | setHi;
        if (newLo === lo && newHi === hi) continue;
        this.writeEntry(entry, newLo, newHi);
        nrChanged++;
      }
      at += ((end - first) / PTE_WORDS) * nrPages;
    }
    return nrChanged;
  }

  /** A ceiling of VPN_LIMIT or more is none. Calls bug() when something is still mapped. O(tables in the range). */
  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const end = Math.min(endVpn, this.endOwnVpn);
    if (vpn < end) this.freeBelow(this.rootBase, PT_LEVEL_PGD, 0, vpn, end, floorVpn, ceilingVpn);
  }

  destroy(): void {
    const end = this.endOwnVpn;
    this.freeBelow(this.rootBase, PT_LEVEL_PGD, 0, 0, end, 0, VPN_LIMIT);
    const words = this.contents.words;
    words.fill(0, this.rootBase, this.rootBase + PAGE_WORDS);
    this.freeTable(this.rootPfn, PT_LEVEL_PGD);
    this.rootPfn = NO_PFN;
  }

  /** Forbids new top entries: from now on others may copy the top. */
  sealTop(): void {
    this.isTopSealed = true;
  }

  /** Collects the entries that a walk for `vpn` reads, from the top to the leaf or the miss. Cold. */
  walkEntries(vpn: Vpn): WalkStep[] {
    this.checkWalkVpn(vpn);
    return collectWalk(this.contents, this.rootPfn, vpn);
  }

  /** Compares counts, links and the shared half with the tables. O(tables). */
  checkInvariants(): void {
    checkTables(this);
    if (this.hotPrefix !== NO_PREFIX) {
      const { hotBase, hotPrefix } = this;
      const entry = this.walk(hotPrefix * PTRS_PER_TABLE);
      if (this.lastLevel !== PT_LEVEL_PTE || entry !== hotBase) {
        bug(`remembered level-1 table of vpn 0x${(hotPrefix * PTRS_PER_TABLE).toString(16)} is not there`);
      }
    }
  }

  /** Walks down to the leaf or the first empty entry; returns that entry and sets `lastLevel`. */
  private walk(vpn: Vpn): number {
    const { contents } = this;
    const { words, slotOf } = contents;
    const vpnBits = vpnLo(vpn);
    let entry = this.rootBase + tableIndex(vpn, PT_LEVEL_PGD) * PTE_WORDS;
    let lo = words[entry];
    if (!isTablePointer(lo)) {
      this.lastLevel = PT_LEVEL_PGD;
      return entry;
    }
    entry = slotOf[ptePfn(lo, words[entry + 1])] * PAGE_WORDS + ((vpnBits >>> 17) & 1022);
    lo = words[entry];
    if (!isTablePointer(lo)) {
      this.lastLevel = PT_LEVEL_PUD;
      return entry;
    }
    entry = slotOf[ptePfn(lo, words[entry + 1])] * PAGE_WORDS + ((vpnBits >>> 8) & 1022);
    lo = words[entry];
    if (!isTablePointer(lo)) {
      this.lastLevel = PT_LEVEL_PUD - 1;
      return entry;
    }
    const base = slotOf[ptePfn(lo, words[entry + 1])] * PAGE_WORDS;
    this.remember(vpn, base);
    this.lastLevel = PT_LEVEL_PTE;
    return base + ((vpnBits << 1) & 1022);
  }

  private walkRemembered(vpn: Vpn): number {
    if (((vpn / PTRS_PER_TABLE) | 0) !== this.hotPrefix) return this.walk(vpn);
    this.lastLevel = PT_LEVEL_PTE;
    return this.hotBase + (vpnLo(vpn) & (PTRS_PER_TABLE - 1)) * PTE_WORDS;
  }

  /** Remembers a level-1 table of this address space: shared ones may be freed behind its back. */
  private remember(vpn: Vpn, base: number): void {
    if (vpn >= this.endOwnVpn) return;
    this.hotPrefix = (vpn / PTRS_PER_TABLE) | 0;
    this.hotBase = base;
  }

  /** Writes an entry of whatever kind and counts it. */
  private writeEntry(entry: number, lo: number, hi: number): void {
    const { words } = this.contents;
    const wasEmpty = (words[entry] | words[entry + 1]) === 0;
    const isEmpty = (lo | hi) === 0;
    if (wasEmpty !== isEmpty) this.counts.nrPopulated[entry >>> TABLE_WORDS_SHIFT] += isEmpty ? -1 : 1;
    words[entry] = lo;
    words[entry + 1] = hi;
  }

  /** Takes a frame for a table; NO_PFN when there is none. `contents.words` may move. */
  private newTable(level: number): Pfn {
    const tablePfn = this.frames.allocTable(level);
    if (tablePfn === NO_PFN) return NO_PFN;
    this.counts.open(this.contents.ensureSlot(tablePfn) >>> TABLE_WORDS_SHIFT, level);
    this.nrTables[level]++;
    return tablePfn;
  }

  /** Gives a table's frame back; its words are all zero. */
  private freeTable(tablePfn: Pfn, level: number): void {
    this.hotPrefix = NO_PREFIX;
    this.counts.close(this.contents.slotOf[tablePfn]);
    this.nrTables[level]--;
    this.contents.releaseSlot(tablePfn);
    this.frames.freeTable(tablePfn, level);
  }

  /**
   * Frees the tables below the table of `level` at `base`, which starts at `tableVpn`: those that touch [start, end)
   * and lie wholly in [floor, ceiling), lowest level first.
   */
  private freeBelow(
    base: number,
    level: number,
    tableVpn: Vpn,
    start: Vpn,
    end: Vpn,
    floor: Vpn,
    ceiling: Vpn,
  ): void {
    const { contents, counts } = this;
    const nrPages = PAGES_PER_LEVEL[level];
    const first = start <= tableVpn ? 0 : Math.floor((start - tableVpn) / nrPages);
    const last = Math.min(PTRS_PER_TABLE - 1, Math.floor((end - 1 - tableVpn) / nrPages));
    for (let index = first; index <= last; index++) {
      const entry = base + index * PTE_WORDS;
      const lo = contents.words[entry];
      const hi = contents.words[entry + 1];
      if ((lo | hi) === 0) continue;
      const childVpn = tableVpn + index * nrPages;
      if (!isTablePointer(lo))
        bug(`a leaf of level ${level} is still mapped at vpn 0x${childVpn.toString(16)}`);
      const childPfn = ptePfn(lo, hi);
      const slot = contents.slotOf[childPfn];
      if (level - 1 > PT_LEVEL_PTE && counts.nrPopulated[slot] !== 0) {
        this.freeBelow(slot * PAGE_WORDS, level - 1, childVpn, start, end, floor, ceiling);
      }
      if (childVpn < floor || childVpn + nrPages > ceiling) continue;
      if (counts.nrPopulated[slot] !== 0) {
        bug(
          `table of level ${level - 1} at vpn 0x${childVpn.toString(16)} still has ${counts.nrPopulated[slot]} entries`,
        );
      }
      this.writeEntry(entry, 0, 0);
      this.freeTable(childPfn, level - 1);
    }
  }

  private checkVpn(vpn: Vpn): void {
    this.checkWalkVpn(vpn);
    if (vpn >= KERNEL_HALF_VPN && this.kernelHalf !== null) {
      bug(`vpn 0x${vpn.toString(16)} is in the shared kernel half, which KernelHalf.pageTable edits`);
    }
  }

  private checkWalkVpn(vpn: Vpn): void {
    if (vpn < 0 || vpn >= VPN_LIMIT) bug(`vpn ${vpn} is not below 2^36`);
  }
}

function checkLeaf(vpn: Vpn, level: number, pfn: Pfn): void {
  const nrPages = PAGES_PER_LEVEL[level];
  if (level > PT_LEVEL_PUD || vpn % nrPages !== 0 || pfn % nrPages !== 0) {
    throw new KernelError(
      EINVAL,
      `a leaf of level ${level} at vpn 0x${vpn.toString(16)} for pfn ${pfn}: leaves are of level 1 to 3, ` +
        `with both numbers a multiple of their ${nrPages} pages`,
    );
  }
}
