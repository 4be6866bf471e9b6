/**
 * Giving populated entries other rights: for mprotect, and for userfaultfds that protect pages from being written.
 * Source: Linux 6.18 mm/mprotect.c, change_pte_range(), can_change_pte_writable(); include/linux/userfaultfd_k.h,
 * userfaultfd_wp_use_markers(). Differs: no huge pages, no NUMA hinting.
 */
import {
  ENOMEM,
  leafPfn,
  modifyHi,
  modifyLo,
  NO_ENTRY,
  NO_VMA,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_HI_PKEY_MASK,
  PTE_MARKER_HI,
  PTE_MARKER_UFFD_WP,
  PTE_P,
  PTE_PAT,
  PTE_PCD,
  PTE_PWT,
  PTE_RW,
  PTE_SPECIAL,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  PTE_US,
  pteIsNone,
  pteIsNonSwap,
  pteIsPresent,
  pteMarkerLo,
  pteMarkers,
  VM_SHARED,
  VM_WRITE,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { pageProtLo } from "../pages/page-prot.ts";
import { needsSoftDirtyFault, vmFlagsToPteHi } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Why rights change: mprotect; a userfaultfd protects pages, or takes its protection away. */
export const MM_CP_MPROTECT = 0;
export const MM_CP_UFFD_WP: number = 1 << 2;
export const MM_CP_UFFD_WP_RESOLVE: number = 1 << 3;

/** Absence of a page number. */
const NO_PAGE: Vpn = -1;

/**
 * Gives present entries of [startVpn, endVpn), a part of one mapping, the rights of `vmFlags`, keeping accessed, dirty and
 * soft-dirty. A page becomes writable here if no write to it must be seen first: a private page that the mapping owns, a
 * shared one that is dirty already (can_change_pte_writable). `cpFlags` (MM_CP_*) protects swap entries too.
 */
export function changeProtection(
  sys: System,
  mm: Mm,
  startVpn: Vpn,
  endVpn: Vpn,
  vmFlags: number,
  cpFlags: number,
): void {
  const { cursor, space } = mm;
  const vma = space.findVma(startVpn);
  // Whether a page was used is no right: it stays as it was.
  const protLo = pageProtLo(sys, vmFlags, vma === NO_VMA ? NO_FILE : space.pool.fileId[vma]) & ~PTE_A;
  const protHi = vmFlagsToPteHi(vmFlags);
  const mayWrite = (vmFlags & VM_WRITE) !== 0 && cpFlags !== MM_CP_UFFD_WP;
  const isOneOfMany = sys.gather.isOpen;
  if (!isOneOfMany) sys.gather.begin(mm);
  let firstVpn: Vpn = NO_PAGE;
  let lastVpn: Vpn = NO_PAGE;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { lo, hi } = cursor;
    if (!pteIsPresent(lo)) {
      if (cpFlags !== MM_CP_MPROTECT) protectNotPresent(mm, cpFlags);
      continue;
    }
    let newLo = modifyLo(lo, hi, PT_LEVEL_PTE, protLo, protHi);
    if (cpFlags === MM_CP_UFFD_WP) newLo = (newLo & ~PTE_RW) | PTE_UFFD_WP;
    else if (cpFlags === MM_CP_UFFD_WP_RESOLVE) newLo &= ~PTE_UFFD_WP;
    const mustFault = (newLo & (PTE_SPECIAL | PTE_UFFD_WP)) !== 0 || needsSoftDirtyFault(vmFlags, lo);
    if (mayWrite && !mustFault) {
      const isOwn = (vmFlags & VM_SHARED) !== 0 ? (lo & PTE_D) !== 0 : ownsPage(sys, lo, hi);
      if (isOwn) newLo |= PTE_RW;
    }
    const newHi = modifyHi(lo, hi, PT_LEVEL_PTE, protLo, protHi);
    if (newLo === lo && newHi === hi) continue;
    cursor.set(newLo, newHi);
    if (!protectionNeedsFlush(lo, hi, newLo, newHi)) continue;
    if (firstVpn === NO_PAGE) firstVpn = cursor.vpn;
    lastVpn = cursor.vpn;
  }
  if (firstVpn !== NO_PAGE) sys.gather.takeEntries(firstVpn, lastVpn + 1);
  if (!isOneOfMany) sys.gather.finish();
}

/** Marks the empty entries of a range as write-protected, making tables on the way. 0 or -ENOMEM. O(pages). */
export function markEmptyEntries(mm: Mm, startVpn: Vpn, endVpn: Vpn): number {
  const { pageTable } = mm;
  for (let vpn = startVpn; vpn < endVpn; vpn++) {
    const entry = pageTable.allocEntry(vpn, PT_LEVEL_PTE);
    if (entry === NO_ENTRY) return -ENOMEM;
    if (pteIsNone(pageTable.entryLo(entry), pageTable.entryHi(entry))) {
      pageTable.setEntry(entry, pteMarkerLo(PTE_MARKER_UFFD_WP), PTE_MARKER_HI);
    }
  }
  return 0;
}

/** Protects or lets go what the cursor's entry holds in swap; a marker of protection alone goes. */
function protectNotPresent({ cursor }: Mm, cpFlags: number): void {
  const { lo, hi } = cursor;
  if (pteIsNonSwap(hi)) {
    if (cpFlags === MM_CP_UFFD_WP_RESOLVE && pteMarkers(lo, hi) === PTE_MARKER_UFFD_WP) cursor.clear();
    return;
  }
  cursor.set(cpFlags === MM_CP_UFFD_WP ? lo | PTE_SWP_UFFD_WP : lo & ~PTE_SWP_UFFD_WP, hi);
}

/**
 * Must other CPUs forget the entry (oldLo, oldHi) now that it has other rights? A new right counts too, a new accessed or
 * dirty bit does not (pte_needs_flush).
 */
function protectionNeedsFlush(oldLo: number, oldHi: number, newLo: number, newHi: number): boolean {
  if ((oldLo & PTE_P) === 0) return false;
  const changedLo = oldLo ^ newLo;
  const clearedLo = oldLo & ~newLo;
  return (
    (clearedLo & (PTE_P | PTE_D)) !== 0 ||
    (changedLo & (PTE_RW | PTE_US | PTE_PWT | PTE_PCD | PTE_PAT | PTE_G)) !== 0 ||
    ((oldHi ^ newHi) & (PTE_HI_NX | PTE_HI_PKEY_MASK)) !== 0
  );
}

/** Is what an entry maps an anonymous page that this entry alone may write? */
function ownsPage(sys: System, lo: number, hi: number): boolean {
  const wanted = PG_ANON | PG_ANON_EXCLUSIVE;
  return (sys.memmap.flags[leafPfn(lo, hi, PT_LEVEL_PTE)] & wanted) === wanted;
}
