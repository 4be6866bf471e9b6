/**
 * Moves page-table entries to other addresses of the same address space, for mremap. O(populated entries).
 * Source: Linux 6.18 mm/mremap.c, move_page_tables(), move_ptes(). Differs: tables are made for all entries before the
 * first is moved, so that nothing has to be moved back; whole tables are not moved at once.
 */
import {
  bug,
  ENOMEM,
  NO_ENTRY,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_SOFT_DIRTY,
  pteIsPresent,
  leafPfn,
  PT_LEVEL_PTE,
  type Vpn,
} from "@pageframe/contracts";
import { addRmap, removeRmap } from "./pages.ts";
import { type System } from "./system.ts";
import { type Mm } from "./task.ts";
import { flushTlbRange } from "./tlb-flush.ts";

/** Moves the entries of `nrPages` pages. Returns 0, or -ENOMEM with every entry where it was. */
export function movePages(sys: System, mm: Mm, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
  const { pageTable, cursor, copyCursor } = mm;
  const endVpn = fromVpn + nrPages;
  copyCursor.reset(fromVpn, endVpn);
  while (copyCursor.next()) {
    if (pageTable.allocEntry(toVpn + (copyCursor.vpn - fromVpn), 1) === NO_ENTRY) return -ENOMEM;
  }
  flushTlbRange(sys, mm, fromVpn, endVpn);
  cursor.reset(fromVpn, endVpn);
  copyCursor.reset(toVpn, toVpn);
  while (cursor.next()) moveEntry(sys, mm, toVpn + (cursor.vpn - fromVpn), toVpn + nrPages);
  return 0;
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
    removeRmap(sys, mm, vpn, pfn);
    addRmap(sys, mm, newVpn, pfn);
  }
}
