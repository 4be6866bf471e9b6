/** The page-table seat: what maps virtual pages to frames, edited by the kernel and walked by the MMU. */
import type { Pfn, Vpn } from "./units.ts";

/** Levels of an entry, counted from the bottom: a leaf maps 4 KiB, 2 MiB, 1 GiB. */
export const PT_LEVEL_PTE = 1;
export const PT_LEVEL_PMD = 2;
export const PT_LEVEL_PUD = 3;
/** The top of four levels; with five it is the P4D, and 5 the PGD. */
export const PT_LEVEL_PGD = 4;
export const PT_LEVEL_P4D = 4;
export const PT_LEVEL_MAX = 5;
/** 4 KiB pages that an entry of each level covers, in tables of 512 entries; see PageTable.pagesPerLevel. */
export const PAGES_PER_LEVEL: readonly number[] = [0, 1, 512, 262144, 134217728, 68719476736];
/** Absence of an entry. */
export const NO_ENTRY = -1;

/** Gives and takes back the frames that tables live in; zeroed, with word storage in the frame contents. */
export interface TableFrames {
  /** Returns a zeroed frame for a table of `level` (1..5), or NO_PFN. */
  allocTable(level: number): Pfn;
  freeTable(pfn: Pfn, level: number): void;
}

/** One entry that a walk reads, as it is in RAM. */
export interface WalkStep {
  /** Level of the entry; of a table that is no tree, the leaf level that is looked for. */
  readonly level: number;
  /** Frame of the table. */
  readonly tablePfn: Pfn;
  /** Index of the entry (record) in its frame. */
  readonly index: number;
  readonly lo: number;
  readonly hi: number;
}

/**
 * One pass over the populated leaves of a range, lowest first, without allocation per leaf. It may be used again with
 * reset(). Between two steps the table may be changed by others in any way; the leaf the cursor is on only if reload() is
 * called before it is used again.
 */
export interface PageTableCursor {
  /** First page of the leaf the cursor is on; below the range's start when the leaf straddles it. */
  readonly vpn: Vpn;
  /** Level of that leaf. */
  readonly level: number;
  /** Its entry. */
  readonly entry: number;
  /** Its two halves in canonical form. */
  readonly lo: number;
  readonly hi: number;
  /** 0, or -ENOMEM or -EINVAL that ended the pass early: no frame for a table, or a leaf that cannot be split. */
  readonly error: number;
  /** Starts over, on another range. With `splitEdges` large leaves that straddle an end of the range are split. */
  reset(vpn: Vpn, endVpn: Vpn, splitEdges?: boolean): void;
  /** Goes to the next populated leaf. False at the end, or on `error`. */
  next(): boolean;
  /**
   * Goes to the next page of the range, or to the large leaf that maps it, populated or not, making the tables for it:
   * a pass that maps. False at the end, or on `error`.
   */
  nextPage(): boolean;
  /** Reads the leaf again; false when it is empty or gone by now. */
  reload(): boolean;
  /** Writes the leaf. */
  set(lo: number, hi: number): void;
  /** Empties the leaf. */
  clear(): void;
  /**
   * Clears those bits of `mask` (PTE_A, PTE_D, PTE_SOFT_DIRTY) that the low half has, and returns them. 0 and no change
   * for an entry that is not present: its bits mean something else.
   */
  harvest(mask: number): number;
}

/**
 * One address space's page table. An entry is known by a number that findEntry, allocEntry or a cursor gives; read it with
 * entryLo and entryHi, which have the canonical form (pte.ts) whatever the form in RAM. In tables of the x86 format the
 * number is the index of the low word in the frame contents' `words`, the high word follows; others may give any number.
 * It stays valid until the table that holds the entry is freed, split or joined; where the table is no tree, until the
 * next call that makes or frees entries (allocEntry, map, freeTables, split, collapse, a cursor's nextPage).
 */
export interface PageTable {
  /** Frame of the top table: CR3. */
  readonly rootPfn: Pfn;
  /** Levels of tables from the root down to PTEs: 2 to 5; 1 where the table is no tree. */
  readonly nrLevels: number;
  /** Largest level that a leaf may have. */
  readonly maxLeafLevel: number;
  /** 4 KiB pages that an entry of each level covers: PAGES_PER_LEVEL but for x86-32, with 1024 at level 2. */
  readonly pagesPerLevel: readonly number[];
  /** First page number that the table cannot translate. */
  readonly limitVpn: Vpn;
  /** Table frames of each level in use by this address space alone, [level]. */
  readonly nrTables: Int32Array;
  /** Level of the entry that the last find/alloc returned, or at which the last find stopped. */
  lastLevel: number;
  /** Finds the leaf entry for `vpn` at whatever level it is; NO_ENTRY when a table is missing. The entry may be empty. */
  findEntry(vpn: Vpn): number;
  /**
   * Finds the entry of `level` for `vpn`, making the tables above it. A level above the top is folded into the top, as
   * p4d_offset() does with four levels. Returns NO_ENTRY when no frame could be had (`lastLevel` 0; tables made so far
   * stay), when a larger leaf is in the way (`lastLevel` > level), or, where the table is no tree, when smaller entries
   * are (`lastLevel` below level).
   */
  allocEntry(vpn: Vpn, level: number): number;
  /** Low half of an entry in canonical form. */
  entryLo(entry: number): number;
  /** High half of an entry in canonical form. */
  entryHi(entry: number): number;
  /**
   * Writes an entry and keeps the table's counts. `entry` comes from findEntry/allocEntry and points to no table.
   * Whoever writes past it may set bits of a non-empty entry, but not fill or empty one.
   */
  setEntry(entry: number, lo: number, hi: number): void;
  /** First page in [vpn, endVpn) whose leaf entry is not empty, or endVpn. Skips holes in O(populated). */
  nextPopulated(vpn: Vpn, endVpn: Vpn): Vpn;
  /** Makes a cursor over [vpn, endVpn); next() goes to the first leaf. See PageTableCursor.reset. */
  cursor(vpn: Vpn, endVpn: Vpn, splitEdges?: boolean): PageTableCursor;
  /**
   * Maps `vpn` (aligned to `level`) to `pfn`. Returns 0, -ENOMEM, -EEXIST; -EEXIST also when an empty table is in the way
   * of a large leaf (freeTables takes it away).
   */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number;
  /** Empties the leaf entry of `vpn`; returns its level, or 0 when nothing was there. The old entry is in lastLo, lastHi. */
  unmap(vpn: Vpn): number;
  lastLo: number;
  lastHi: number;
  /**
   * Clears, then sets flags of every present leaf in [vpn, endVpn); returns how many entries changed. The range must
   * not cut a large leaf. The frame number of a leaf that becomes PROT_NONE or present again is turned around.
   */
  protect(vpn: Vpn, endVpn: Vpn, setLo: number, clearLo: number, setHi: number, clearHi: number): number;
  /**
   * Replaces the large leaf that maps `vpn` by 512 (x86-32: 1024) leaves one level down: same flags (PAT in its other place), A and D on
   * each, frames in a row. Returns 0, -ENOENT when no large leaf maps `vpn`, -ENOMEM when no frame could be had for the
   * table, -EINVAL for a not-present leaf without frames in a row (only PROT_NONE and migration entries have them).
   * Source: Linux 6.18 mm/huge_memory.c, __split_huge_pmd_locked(); arch/x86/mm/pat/set_memory.c, __split_large_page().
   */
  split(vpn: Vpn): number;
  /**
   * Replaces the 512 (x86-32: 1024) leaves below the entry of `level` for `vpn` by one large leaf, and frees their table. They must hold
   * frames in a row, the first one aligned, with equal flags; A, D and soft-dirty may differ, and are set if one had them.
   * Returns 0, -EINVAL when they are not so, -ENOMEM.
   * Source: Linux 6.18 arch/x86/mm/pat/set_memory.c, collapse_pmd_page(); mm/khugepaged.c, collapse_pte_mapped_thp().
   */
  collapse(vpn: Vpn, level: number): number;
  /**
   * Frees the tables that lie wholly in [floorVpn, ceilingVpn) and cover [vpn, endVpn), which must be empty.
   * Source: Linux mm/memory.c, free_pgd_range().
   */
  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void;
  /**
   * Hangs the table of level 1 that maps the 512 pages from `vpn` on, both aligned, under the pages from `toVpn` on, with all
   * that it holds. False, and nothing but tables above the target made, when the source has no such table, the target has
   * something, or no frame could be had. Absent where tables cannot be moved.
   * Source: Linux 6.18 mm/mremap.c, move_normal_pmd().
   */
  moveTable?(vpn: Vpn, toVpn: Vpn): boolean;
  /** Frees every table of this address space, the root included. All leaves of the user half must be empty. */
  destroy(): void;
  /** Collects the entries that a walk for `vpn` reads, from the root to the leaf or the miss. Cold. */
  walkEntries(vpn: Vpn): WalkStep[];
  checkInvariants(): void;
}
