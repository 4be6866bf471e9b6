/**
 * Guard pages: MADV_GUARD_INSTALL and MADV_GUARD_REMOVE. An access to one is SIGSEGV, and no VMA tells of it.
 * Source: Linux 6.18 mm/madvise.c, madvise_guard_install(), guard_install_pte_entry(), madvise_guard_remove(),
 * is_valid_guard_vma().
 */
import {
  EINVAL,
  ENOMEM,
  NO_ENTRY,
  PTE_MARKER_GUARD,
  PTE_MARKER_HI,
  pteIsNone,
  pteIsPresent,
  pteMarkerLo,
  pteMarkers,
  VM_HUGETLB,
  VM_LOCKED,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { VM_SPECIAL } from "@pageframe/vma";
import { zapPages } from "../mm/zap.ts";
import { prepareAnonVma } from "../pages/own-page.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * Drops the pages of a range and makes each of its entries a guard. The mapping gets an anon_vma, so that fork copies
 * them. 0, -EINVAL, or -ENOMEM with a part of the range guarded. O(pages).
 */
export function installGuards(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  if ((mm.space.pool.vmFlags[vma] & (VM_SPECIAL | VM_HUGETLB | VM_LOCKED)) !== 0) return -EINVAL;
  if (!prepareAnonVma(sys, task, vma)) return -ENOMEM;
  const firstInUse = guardEmpty(sys, task, startVpn, endVpn);
  if (firstInUse === endVpn) return 0;
  if (firstInUse < 0) return firstInUse;
  sys.gather.begin(mm);
  zapPages(sys, sys.gather, mm, startVpn, endVpn);
  sys.gather.finish();
  return guardEmpty(sys, task, firstInUse, endVpn) < 0 ? -ENOMEM : 0;
}

/** Makes guards empty entries again; pages stay. 0 or -EINVAL. */
export function removeGuards(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  if ((mm.space.pool.vmFlags[vma] & (VM_SPECIAL | VM_HUGETLB)) !== 0) return -EINVAL;
  const { cursor } = mm;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) if (isGuard(cursor.lo, cursor.hi)) cursor.clear();
  return 0;
}

/** Makes empty entries guards, from `startVpn` up to one that holds something. Returns where it ended, or -ENOMEM. */
function guardEmpty(sys: System, task: Task, startVpn: Vpn, endVpn: Vpn): number {
  const { pageTable } = task.mm;
  for (let vpn = startVpn; vpn < endVpn; vpn++) {
    const entry = pageTable.allocEntry(vpn, 1);
    if (entry === NO_ENTRY) return -ENOMEM;
    const lo = pageTable.entryLo(entry);
    const hi = pageTable.entryHi(entry);
    if (isGuard(lo, hi)) continue;
    if (!pteIsNone(lo, hi)) return vpn;
    pageTable.setEntry(entry, pteMarkerLo(PTE_MARKER_GUARD), PTE_MARKER_HI);
  }
  return endVpn;
}

function isGuard(lo: number, hi: number): boolean {
  return !pteIsPresent(lo) && (pteMarkers(lo, hi) & PTE_MARKER_GUARD) !== 0;
}
