/**
 * Radix page table in simulated RAM: x86-64 with four or five levels, PAE, RISC-V Sv39 and Sv48. Hot: per fault and per page of
 * every range operation. Tables, their entries and the walk down to one are in radix-tables.ts; here is what the kernel does
 * with leaves and ranges.
 *
 * Source: Linux 6.18 mm/memory.c.
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
  PAGES_PER_LEVEL,
  PAGE_WORDS,
  type PageTable,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PTE_WORDS,
  PTRS_PER_TABLE,
  type Pfn,
  type Vpn,
  type WalkStep,
} from "@pageframe/contracts";
import { checkTables } from "./check-tables.ts";
import { TABLE_WORDS_SHIFT } from "./layout.ts";
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
import { RadixCursor } from "./radix-cursor.ts";
import { NO_TABLE, RadixTables } from "./radix-tables.ts";
import { collectWalk } from "./walk.ts";

/** One address space's page table: `radix4`, `radix5`, `pae`, `sv39`, `sv48`. */
export class RadixPageTable extends RadixTables implements PageTable {
  get pagesPerLevel(): readonly number[] {
    return PAGES_PER_LEVEL;
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

  cursor(vpn: Vpn, endVpn: Vpn, splitEdges = false): RadixCursor {
    return new RadixCursor(this, vpn, endVpn, splitEdges);
  }

  /** Throws EINVAL when `vpn` or `pfn` is not aligned to the leaf. -EEXIST also when an empty table is in the way. */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number {
    if (level > PT_LEVEL_PTE) checkLeaf(vpn, level, pfn, this.maxLeafLevel);
    const entry = this.allocEntry(vpn, level);
    if (entry === NO_ENTRY) return this.lastLevel > level ? -EEXIST : -ENOMEM;
    const { words } = this.contents;
    if ((words[entry] | words[entry + 1]) !== 0) return -EEXIST;
    this.writeLeaf(entry, level, leafLo(pfn, level, flagsLo, flagsHi), leafHi(pfn, level, flagsLo, flagsHi));
    return 0;
  }

  /** Of a large leaf any page names the whole. */
  unmap(vpn: Vpn): number {
    const entry = this.findEntry(vpn);
    this.lastLo = 0;
    this.lastHi = 0;
    if (entry === NO_ENTRY) return 0;
    const { words } = this.contents;
    if ((words[entry] | words[entry + 1]) === 0) return 0;
    this.lastLo = this.entryLo(entry);
    this.lastHi = this.entryHi(entry);
    this.writeWords(entry, 0, 0);
    return this.lastLevel;
  }

  /** Present counts PROT_NONE. Calls bug() when the range cuts a large leaf: split it first. */
  protect(vpn: Vpn, endVpn: Vpn, setLo: number, clearLo: number, setHi: number, clearHi: number): number {
    const cursor = this.cursor(vpn, endVpn);
    if (!this.isRiscv) return cursor.protectRest(setLo, clearLo, setHi, clearHi);
    return protectLeaves(cursor, vpn, endVpn, setLo, clearLo, setHi, clearHi);
  }

  /** Differs: takes the table's frame when it splits; Linux has deposited one when the leaf was mapped. */
  split(vpn: Vpn): number {
    if (this.findLarge(vpn) === NO_ENTRY) return -ENOENT;
    const level = this.lastLevel;
    if (level === this.nrLevels && this.isTopSealed) {
      bug(
        `the leaf at vpn 0x${vpn.toString(16)} is in the top table, which address spaces have copied already`,
      );
    }
    const tablePfn = this.newTable(level - 1);
    if (tablePfn === NO_PFN) return -ENOMEM;
    // Getting a frame may have reclaimed the leaf: read it only now.
    const entry = this.findLarge(vpn);
    const lo = entry === NO_ENTRY ? 0 : this.entryLo(entry);
    const hi = entry === NO_ENTRY ? 0 : this.entryHi(entry);
    if (this.lastLevel !== level || !leafIsSplittable(lo, hi, level)) {
      this.freeTable(tablePfn, level - 1);
      return entry === NO_ENTRY || this.lastLevel !== level ? -ENOENT : -EINVAL;
    }
    let at = this.contents.wordBase(tablePfn);
    for (let part = 0; part < PTRS_PER_TABLE; part++, at += PTE_WORDS) {
      this.writeLeaf(at, level - 1, partLo(lo, hi, level, part), partHi(lo, hi, level, part));
    }
    this.writePointer(entry, tablePfn, vpn);
    this.generation++;
    return 0;
  }

  /** O(512). */
  collapse(vpn: Vpn, level: number): number {
    if (level < 2 || level > this.maxLeafLevel) return -EINVAL;
    const entry = this.findAtLevel(vpn, level);
    if (entry === NO_ENTRY) return -EINVAL;
    const { words, slotOf } = this.contents;
    const tablePfn = this.pointerPfn(words[entry], words[entry + 1]);
    const base = slotOf[tablePfn] * PAGE_WORDS;
    if (this.counts.nrPopulated[base >>> TABLE_WORDS_SHIFT] !== PTRS_PER_TABLE) return -EINVAL;
    const firstLo = this.entryLo(base);
    const firstHi = this.entryHi(base);
    let orOfLo = 0;
    for (let part = 0; part < PTRS_PER_TABLE; part++) {
      const lo = this.entryLo(base + part * PTE_WORDS);
      const hi = this.entryHi(base + part * PTE_WORDS);
      if (!isPartOf(firstLo, firstHi, lo, hi, level - 1, part)) return -EINVAL;
      orOfLo |= lo;
    }
    words.fill(0, base, base + PAGE_WORDS);
    this.freeTable(tablePfn, level - 1);
    this.writeLeaf(
      entry,
      level,
      wholeLo(firstLo, firstHi, orOfLo, level - 1),
      wholeHi(firstLo, firstHi, level - 1),
    );
    return 0;
  }

  /** A ceiling of `limitVpn` or more is none. Calls bug() when something is still mapped. O(tables in the range). */
  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const end = Math.min(endVpn, this.endOwnVpn);
    if (vpn < end) this.freeBelow(this.rootBase, this.nrLevels, 0, vpn, end, floorVpn, ceilingVpn);
  }

  moveTable(vpn: Vpn, toVpn: Vpn): boolean {
    const target = this.allocEntry(toVpn, PT_LEVEL_PMD);
    const { words } = this.contents;
    if (target === NO_ENTRY || (words[target] | words[target + 1]) !== 0) return false;
    const source = this.findAtLevel(vpn, PT_LEVEL_PMD);
    if (source === NO_ENTRY) return false;
    this.writePointer(target, this.pointerPfn(words[source], words[source + 1]), toVpn);
    this.writeWords(source, 0, 0);
    this.hotVpn = NO_TABLE;
    this.generation++;
    return true;
  }

  destroy(): void {
    const end = this.endOwnVpn;
    this.freeBelow(this.rootBase, this.nrLevels, 0, 0, end, 0, this.limitVpn);
    const words = this.contents.words;
    words.fill(0, this.rootBase, this.rootBase + PAGE_WORDS);
    this.freeTable(this.rootPfn, this.nrLevels);
    this.rootPfn = NO_PFN;
  }

  walkEntries(vpn: Vpn): WalkStep[] {
    this.checkWalkVpn(vpn);
    return collectWalk(this.contents, this.layout, this.rootPfn, vpn);
  }

  /** Compares counts, links and the shared half with the tables. O(tables). */
  checkInvariants(): void {
    checkTables(this);
    if (this.hotVpn !== NO_TABLE) {
      const { hotBase, hotVpn } = this;
      const entry = this.walk(hotVpn);
      if (this.lastLevel !== PT_LEVEL_PTE || entry !== hotBase) {
        bug(`remembered level-1 table of vpn 0x${hotVpn.toString(16)} is not there`);
      }
    }
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
      if (!this.isPointer(lo))
        bug(`a leaf of level ${level} is still mapped at vpn 0x${childVpn.toString(16)}`);
      const childPfn = this.pointerPfn(lo, hi);
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
      this.writeWords(entry, 0, 0);
      if (level === this.nrLevels) this.topMirror?.mirror(index);
      this.freeTable(childPfn, level - 1);
    }
  }
}
