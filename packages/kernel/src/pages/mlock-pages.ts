/**
 * Pages that mlock(2) keeps in memory: PG_MLOCKED, the unevictable list, how many locked mappings hold each.
 *
 * A page gets PG_MLOCKED when a locked mapping maps it, and with that PG_UNEVICTABLE as soon as it is on the LRU. Its
 * count of locked mappings (mlock_count) starts at 1 there; `sys.mlockCounts` holds those that are higher. As in Linux the
 * count may be too low, for pages locked while they waited in a batch; reclaim then finds the locked mapping.
 * Source: Linux 6.18 mm/mlock.c, mlock_folio(), munlock_folio(), mlock_pte_range(); mm/internal.h, mlock_vma_folio().
 * Differs: pages are moved between lists at once, where Linux collects up to 31.
 */
import {
  leafPfn,
  NR_MLOCK,
  PG_LRU,
  PG_MLOCKED,
  PG_UNEVICTABLE,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_SPECIAL,
  pteIsPresent,
  UNEVICTABLE_PGS_CLEARED,
  UNEVICTABLE_PGS_MLOCKED,
  UNEVICTABLE_PGS_MUNLOCKED,
  VM_LOCKED,
  type Vpn,
} from "@pageframe/contracts";
import { VM_SPECIAL } from "@pageframe/vma";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Locks a page for one more mapping (mlock_folio, mlock_new_folio). */
export function mlockPage(sys: System, pfn: Pfn): void {
  const { memmap, vmstat, mlockCounts, reclaimPolicy } = sys;
  if (!memmap.hasFlags(pfn, PG_MLOCKED)) {
    memmap.setFlags(pfn, PG_MLOCKED);
    vmstat.modZone(memmap.zoneId[pfn], NR_MLOCK, 1);
    vmstat.countEvents(UNEVICTABLE_PGS_MLOCKED, 1);
  }
  const flags = memmap.flags[pfn];
  // What waits in a batch goes to the unevictable list with it.
  if ((flags & PG_LRU) === 0) return;
  if ((flags & PG_UNEVICTABLE) !== 0) {
    mlockCounts.set(pfn, (mlockCounts.get(pfn) ?? 1) + 1);
    return;
  }
  reclaimPolicy.removePage(pfn);
  reclaimPolicy.addPage(pfn);
}

/** A locked mapping lets go of a page, or was unlocked (munlock_folio). */
export function munlockPage(sys: System, pfn: Pfn): void {
  const { memmap, vmstat, mlockCounts, reclaimPolicy } = sys;
  const flags = memmap.flags[pfn];
  const isListed = (flags & (PG_LRU | PG_UNEVICTABLE)) === (PG_LRU | PG_UNEVICTABLE);
  const count = isListed ? (mlockCounts.get(pfn) ?? 1) : 1;
  if (count > 1) {
    if (count > 2) mlockCounts.set(pfn, count - 1);
    else mlockCounts.delete(pfn);
    return;
  }
  if ((flags & PG_MLOCKED) !== 0) {
    memmap.clearFlags(pfn, PG_MLOCKED);
    vmstat.modZone(memmap.zoneId[pfn], NR_MLOCK, -1);
    vmstat.countEvents(UNEVICTABLE_PGS_MUNLOCKED, 1);
  }
  if (!isListed) return;
  reclaimPolicy.removePage(pfn);
  memmap.setFlags(pfn, PG_UNEVICTABLE);
  reclaimPolicy.addPage(pfn);
}

/** A page that is freed is locked no more, whatever its count says (free_pages_prepare). */
export function clearMlocked(sys: System, pfn: Pfn): void {
  const { memmap, vmstat } = sys;
  memmap.clearFlags(pfn, PG_MLOCKED);
  sys.mlockCounts.delete(pfn);
  vmstat.modZone(memmap.zoneId[pfn], NR_MLOCK, -1);
  vmstat.countEvents(UNEVICTABLE_PGS_CLEARED, 1);
}

/** Is the page mapped at `vpn` of `mm` by a locked mapping? O(log n). */
export function isInLockedVma(mm: Mm, vpn: Vpn): boolean {
  const { space } = mm;
  if (space.lockedVm === 0) return false;
  const vma = space.findVma(vpn);
  return vma >= 0 && (space.pool.vmFlags[vma] & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED;
}

/** Locks, or unlocks, the pages that [startVpn, endVpn) maps already (mlock_vma_pages_range). O(populated). */
export function mlockMappedPages(sys: System, mm: Mm, startVpn: Vpn, endVpn: Vpn, isLocking: boolean): void {
  // Pages in batches are on no list.
  sys.lru.drain(sys.currentCpu);
  const { cursor } = mm;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { lo, hi } = cursor;
    if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) continue;
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    if (isLocking) mlockPage(sys, pfn);
    else munlockPage(sys, pfn);
  }
}
