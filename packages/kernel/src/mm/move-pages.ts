/**
 * Moves page-table entries to other addresses of the same address space, for mremap. O(populated entries).
 * Source: Linux 6.18 mm/mremap.c, move_page_tables(), move_ptes(). Differs: tables are made for all entries before the
 * first is moved, so that nothing has to be moved back; whole tables are not moved at once.
 */
import {
  bug,
  ENOMEM,
  NO_ENTRY,
  PAGES_PER_LEVEL,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_SOFT_DIRTY,
  pteIsPresent,
  leafPfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  type Vpn,
} from "@pageframe/contracts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Pages that one level-1 table maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/** Moves the entries of `nrPages` pages. Returns 0, or -ENOMEM with every entry where it was. */
export function movePages(sys: System, mm: Mm, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
  const { cursor, copyCursor } = mm;
  const endVpn = fromVpn + nrPages;
  if (!allocTables(mm, fromVpn, toVpn, nrPages)) return -ENOMEM;
  cursor.reset(fromVpn, endVpn);
  copyCursor.reset(toVpn, toVpn);
  // Pages whose two tables are the same are moved, then flushed together (move_ptes).
  let extentVpn = fromVpn;
  let extentEndVpn = fromVpn;
  let mustFlush = false;
  while (cursor.next()) {
    const newVpn = toVpn + (cursor.vpn - fromVpn);
    if (cursor.vpn >= extentEndVpn) {
      if (mustFlush) sys.tlbFlusher.flushRange(mm, extentVpn, extentEndVpn);
      mustFlush = false;
      extentVpn = Math.max(fromVpn, cursor.vpn - Math.min(cursor.vpn % PMD_PAGES, newVpn % PMD_PAGES));
      const nrLeft = PMD_PAGES - Math.max(cursor.vpn % PMD_PAGES, newVpn % PMD_PAGES);
      extentEndVpn = Math.min(endVpn, cursor.vpn + nrLeft);
    }
    if (pteIsPresent(cursor.lo)) mustFlush = true;
    moveEntry(sys, mm, newVpn, toVpn + nrPages);
  }
  if (mustFlush) sys.tlbFlusher.flushRange(mm, extentVpn, extentEndVpn);
  return 0;
}

/**
 * Makes the tables that the target needs: one wherever the source has one, even without entries (move_page_tables). False
 * when there is no memory. O(tables of the range).
 */
function allocTables(mm: Mm, fromVpn: Vpn, toVpn: Vpn, nrPages: number): boolean {
  const { pageTable, copyCursor } = mm;
  const endVpn = fromVpn + nrPages;
  if (pageTable.nrLevels > 1) {
    for (let vpn = fromVpn; vpn < endVpn;) {
      const newVpn = toVpn + (vpn - fromVpn);
      const hasTable = pageTable.findEntry(vpn) !== NO_ENTRY;
      // Where a table above is missing, all below it are.
      const nrSpanned = hasTable ? PMD_PAGES : PAGES_PER_LEVEL[pageTable.lastLevel];
      if (hasTable && pageTable.allocEntry(newVpn, 1) === NO_ENTRY) return false;
      vpn += nrSpanned - Math.max(vpn % nrSpanned, hasTable ? newVpn % PMD_PAGES : 0);
    }
    return true;
  }
  copyCursor.reset(fromVpn, endVpn);
  while (copyCursor.next()) {
    if (pageTable.allocEntry(toVpn + (copyCursor.vpn - fromVpn), 1) === NO_ENTRY) return false;
  }
  return true;
}

/** Moves the entry that `cursor` is on to `newVpn`, with `copyCursor`; a moved page counts as soft-dirty there. */
function moveEntry(sys: System, mm: Mm, newVpn: Vpn, endVpn: Vpn): void {
  const { cursor, copyCursor } = mm;
  const { vpn, lo, hi } = cursor;
  if (copyCursor.level === 0 || copyCursor.vpn !== newVpn - 1) copyCursor.reset(newVpn, endVpn);
  if (!copyCursor.nextPage())
    bug(`the table for vpn 0x${newVpn.toString(16)} is gone while pages move there`);
  cursor.clear();
  const isPresent = pteIsPresent(lo);
  copyCursor.set(lo | (isPresent ? PTE_SOFT_DIRTY : PTE_SWP_SOFT_DIRTY), hi);
  if (isPresent && (lo & PTE_SPECIAL) === 0) {
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    // Nothing else changes for the page: it is counted as before, and locked when the mapping is.
    sys.rmap.remove(pfn, mm.id, vpn);
    sys.rmap.add(pfn, mm.id, newVpn);
  }
}
