/**
 * Moves page-table entries to other addresses of the same address space, for mremap. O(populated entries).
 * Source: Linux 6.18 mm/mremap.c, move_page_tables(), move_ptes(), move_normal_pmd(). Differs: tables are made for all entries
 * before the first is moved, so that nothing has to be moved back; tables of level 2 are not moved as a whole.
 */
import {
  bug,
  ENOMEM,
  NO_ENTRY,
  PAGES_PER_LEVEL,
  PTE_MARKER_UFFD_WP,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  pteIsPresent,
  pteMarkers,
  leafPfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  type Vpn,
} from "@pageframe/contracts";
import { NO_UFFD } from "@pageframe/vma";
import { wantsRemaps } from "../uffd/events.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Pages that one level-1 table maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/**
 * Moves the entries of `nrPages` pages. Returns 0, or -ENOMEM with every entry where it was. Where both places are aligned
 * alike, tables whose pages all move go as they are: their entries do not become soft-dirty.
 */
export function movePages(sys: System, mm: Mm, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
  const endVpn = fromVpn + nrPages;
  const dropsUffdWp = losesProtection(sys, mm, fromVpn);
  const mayMoveTables = mm.pageTable.moveTable !== undefined && !dropsUffdWp;
  const startVpn = fromVpn - (mayMoveTables ? nrRealigned(mm, fromVpn, toVpn, nrPages) : 0);
  const delta = toVpn - fromVpn;
  if (!allocTables(mm, startVpn, endVpn, delta, mayMoveTables)) return -ENOMEM;
  for (let vpn = startVpn; vpn < endVpn;) {
    const extentEndVpn = endOfExtent(vpn, endVpn, delta);
    if (mayMoveTables && isWholeTable(vpn, extentEndVpn) && mm.pageTable.findEntry(vpn) !== NO_ENTRY)
      moveWholeTable(sys, mm, vpn, delta);
    else moveEntries(sys, mm, vpn, extentEndVpn, delta, dropsUffdWp);
    vpn = extentEndVpn;
  }
  return 0;
}

/** Does the mapping lose its write protection: has it a userfaultfd that hears of no moves (vma_has_uffd_without_event_remap)? */
function losesProtection(sys: System, mm: Mm, vpn: Vpn): boolean {
  const { space } = mm;
  const uffd = space.pool.uffd[space.findVma(vpn)];
  return uffd !== NO_UFFD && !wantsRemaps(sys, uffd);
}

/**
 * Pages below the range that move along so that its first table moves whole: the range reaches that table's end, both
 * places are aligned alike and begin mappings, and nothing is mapped in the tables before them (can_realign_addr).
 */
function nrRealigned(mm: Mm, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
  const nrBefore = fromVpn % PMD_PAGES;
  if (nrBefore === 0 || toVpn % PMD_PAGES !== nrBefore || nrPages < PMD_PAGES - nrBefore) return 0;
  const { space } = mm;
  for (const vpn of [fromVpn, toVpn]) {
    const vma = space.findVma(vpn);
    if (space.pool.startVpn[vma] !== vpn || space.findVma(vpn - nrBefore) !== vma) return 0;
  }
  return nrBefore;
}

/** End of what lies in one table both before and after the move (get_extent). */
function endOfExtent(vpn: Vpn, endVpn: Vpn, delta: number): Vpn {
  return Math.min(endVpn, vpn + PMD_PAGES - Math.max(vpn % PMD_PAGES, (vpn + delta) % PMD_PAGES));
}

function isWholeTable(vpn: Vpn, extentEndVpn: Vpn): boolean {
  return extentEndVpn - vpn === PMD_PAGES;
}

/** Moves a table with its entries (move_normal_pmd). */
function moveWholeTable(sys: System, mm: Mm, vpn: Vpn, delta: number): void {
  const { cursor, pageTable } = mm;
  cursor.reset(vpn, vpn + PMD_PAGES);
  while (cursor.next()) moveRmap(sys, mm, cursor.vpn, cursor.vpn + delta, cursor.lo, cursor.hi);
  if (pageTable.moveTable?.(vpn, vpn + delta) !== true)
    bug(`the table of vpn 0x${vpn.toString(16)} cannot move, where all was made ready for it`);
  sys.tlbFlusher.flushRange(mm, vpn, vpn + PMD_PAGES);
}

/** Moves the entries of pages whose two tables are the same, then flushes them together (move_ptes). */
function moveEntries(sys: System, mm: Mm, vpn: Vpn, endVpn: Vpn, delta: number, dropsUffdWp: boolean): void {
  const { cursor, copyCursor } = mm;
  let mustFlush = false;
  cursor.reset(vpn, endVpn);
  copyCursor.reset(vpn + delta, vpn + delta);
  while (cursor.next()) {
    if (pteIsPresent(cursor.lo)) mustFlush = true;
    moveEntry(sys, mm, cursor.vpn + delta, endVpn + delta, dropsUffdWp);
  }
  if (mustFlush) sys.tlbFlusher.flushRange(mm, vpn, endVpn);
}

/**
 * Makes the tables that the target needs: one wherever the source has one, even without entries (move_page_tables), unless
 * that one moves; then those above. False when there is no memory. O(tables of the range).
 */
function allocTables(mm: Mm, startVpn: Vpn, endVpn: Vpn, delta: number, mayMoveTables: boolean): boolean {
  const { pageTable, copyCursor } = mm;
  if (pageTable.nrLevels > 1) {
    for (let vpn = startVpn; vpn < endVpn;) {
      const hasTable = pageTable.findEntry(vpn) !== NO_ENTRY;
      if (!hasTable) {
        // Where a table above is missing, all below it are.
        const nrSpanned = PAGES_PER_LEVEL[pageTable.lastLevel];
        vpn += nrSpanned - (vpn % nrSpanned);
        continue;
      }
      const extentEndVpn = endOfExtent(vpn, endVpn, delta);
      const isMoved = mayMoveTables && isWholeTable(vpn, extentEndVpn);
      if (pageTable.allocEntry(vpn + delta, isMoved ? PT_LEVEL_PMD : PT_LEVEL_PTE) === NO_ENTRY) return false;
      vpn = extentEndVpn;
    }
    return true;
  }
  copyCursor.reset(startVpn, endVpn);
  while (copyCursor.next()) {
    if (pageTable.allocEntry(copyCursor.vpn + delta, PT_LEVEL_PTE) === NO_ENTRY) return false;
  }
  return true;
}

/** Moves the entry that `cursor` is on to `newVpn`, with `copyCursor`; a moved page counts as soft-dirty there. */
function moveEntry(sys: System, mm: Mm, newVpn: Vpn, endVpn: Vpn, dropsUffdWp: boolean): void {
  const { cursor, copyCursor } = mm;
  const { vpn, lo, hi } = cursor;
  if (copyCursor.level === 0 || copyCursor.vpn !== newVpn - 1) copyCursor.reset(newVpn, endVpn);
  if (!copyCursor.nextPage())
    bug(`the table for vpn 0x${newVpn.toString(16)} is gone while pages move there`);
  cursor.clear();
  const isPresent = pteIsPresent(lo);
  const dropped = dropsUffdWp ? (isPresent ? PTE_UFFD_WP : PTE_SWP_UFFD_WP) : 0;
  if (dropsUffdWp && (pteMarkers(lo, hi) & PTE_MARKER_UFFD_WP) !== 0) return;
  copyCursor.set((lo & ~dropped) | (isPresent ? PTE_SOFT_DIRTY : PTE_SWP_SOFT_DIRTY), hi);
  moveRmap(sys, mm, vpn, newVpn, lo, hi);
}

/** The page that an entry maps is found at its new place. Nothing else changes: it is counted and locked as before. */
function moveRmap(sys: System, mm: Mm, vpn: Vpn, newVpn: Vpn, lo: number, hi: number): void {
  if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) return;
  const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
  sys.rmap.remove(pfn, mm.id, vpn);
  sys.rmap.add(pfn, mm.id, newVpn);
}
