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
  const { pageTable } = mm;
  const endVpn = fromVpn + nrPages;
  for (
    let vpn = pageTable.nextPopulated(fromVpn, endVpn);
    vpn < endVpn;
    vpn = pageTable.nextPopulated(vpn + 1, endVpn)
  ) {
    if (pageTable.allocEntry(toVpn + (vpn - fromVpn), 1) === NO_ENTRY) return -ENOMEM;
  }
  flushTlbRange(sys, mm, fromVpn, endVpn);
  for (
    let vpn = pageTable.nextPopulated(fromVpn, endVpn);
    vpn < endVpn;
    vpn = pageTable.nextPopulated(vpn + 1, endVpn)
  ) {
    moveEntry(sys, mm, vpn, toVpn + (vpn - fromVpn));
  }
  return 0;
}

/** Moves one entry; a moved page counts as soft-dirty at its new place. */
function moveEntry(sys: System, mm: Mm, vpn: Vpn, newVpn: Vpn): void {
  const { pageTable } = mm;
  const source = pageTable.findEntry(vpn);
  const lo = pageTable.entryLo(source);
  const hi = pageTable.entryHi(source);
  const target = pageTable.findEntry(newVpn);
  if (target === NO_ENTRY) bug(`the table for vpn 0x${newVpn.toString(16)} is gone while pages move there`);
  pageTable.setEntry(source, 0, 0);
  const isPresent = pteIsPresent(lo);
  pageTable.setEntry(target, lo | (isPresent ? PTE_SOFT_DIRTY : PTE_SWP_SOFT_DIRTY), hi);
  if (isPresent && (lo & PTE_SPECIAL) === 0) {
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    removeRmap(sys, mm, vpn, pfn);
    addRmap(sys, mm, newVpn, pfn);
  }
}
