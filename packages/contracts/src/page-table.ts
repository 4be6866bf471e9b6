/** The page-table seat: what maps virtual pages to frames, edited by the kernel and walked by the MMU. */
import type { Pfn, Vpn } from "./units.ts";

/** Levels of a leaf: 4 KiB, 2 MiB, 1 GiB. */
export const PT_LEVEL_PTE = 1;
export const PT_LEVEL_PMD = 2;
export const PT_LEVEL_PUD = 3;
export const PT_LEVEL_PGD = 4;
/** 4 KiB pages that a leaf of each level maps. */
export const PAGES_PER_LEVEL: readonly number[] = [0, 1, 512, 262144, 134217728];
/** Absence of an entry. */
export const NO_ENTRY = -1;

/** Gives and takes back the frames that tables live in; zeroed, with word storage in the frame contents. */
export interface TableFrames {
  /** Returns a zeroed frame for a table of `level` (1..5), or NO_PFN. */
  allocTable(level: number): Pfn;
  freeTable(pfn: Pfn, level: number): void;
}

/**
 * One address space's page table. Entries are addressed by the index of their low word in the frame contents'
 * `words`; the high word follows it. Indices stay valid until the table that holds them is freed.
 */
export interface PageTable {
  /** Frame of the top table: CR3. */
  readonly rootPfn: Pfn;
  /** Table frames of each level in use by this address space alone, [level]. */
  readonly nrTables: Int32Array;
  /** Level of the entry that the last find/alloc returned, or at which the last find stopped. */
  lastLevel: number;
  /** Finds the leaf entry for `vpn` at whatever level it is; NO_ENTRY when a table is missing. The entry may be empty. */
  findEntry(vpn: Vpn): number;
  /**
   * Finds the entry of `level` for `vpn`, making the tables above it. Returns NO_ENTRY when no frame could be had
   * (`lastLevel` 0; tables made so far stay), or when a larger leaf is in the way (`lastLevel` > level).
   */
  allocEntry(vpn: Vpn, level: number): number;
  /**
   * Writes an entry and keeps the table's counts. `entry` comes from findEntry/allocEntry and points to no table.
   * Whoever writes past it may set bits of a non-empty entry, but not fill or empty one.
   */
  setEntry(entry: number, lo: number, hi: number): void;
  /** First page in [vpn, endVpn) whose leaf entry is not empty, or endVpn. Skips holes in O(populated). */
  nextPopulated(vpn: Vpn, endVpn: Vpn): Vpn;
  /** Maps `vpn` (aligned to `level`) to `pfn`. Returns 0, -ENOMEM, -EEXIST. */
  map(vpn: Vpn, level: number, pfn: Pfn, flagsLo: number, flagsHi: number): number;
  /** Empties the leaf entry of `vpn`; returns its level, or 0 when nothing was there. The old entry is in lastLo, lastHi. */
  unmap(vpn: Vpn): number;
  lastLo: number;
  lastHi: number;
  /**
   * Clears, then sets flags of every present leaf in [vpn, endVpn); returns how many entries changed. The range must
   * not cut a large leaf.
   */
  protect(vpn: Vpn, endVpn: Vpn, setLo: number, clearLo: number, setHi: number, clearHi: number): number;
  /**
   * Frees the tables that lie wholly in [floorVpn, ceilingVpn) and cover [vpn, endVpn), which must be empty.
   * Source: Linux mm/memory.c, free_pgd_range().
   */
  freeTables(vpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void;
  /** Frees every table of this address space, the root included. All leaves of the user half must be empty. */
  destroy(): void;
  checkInvariants(): void;
}
