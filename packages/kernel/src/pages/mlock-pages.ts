/**
 * Pages that mlock(2) keeps in memory: PG_MLOCKED, the unevictable list, how many locked mappings hold each.
 *
 * A page gets PG_MLOCKED when a locked mapping maps it, and PG_UNEVICTABLE when the CPU's batch is drained. Its count of
 * locked mappings (mlock_count) starts at 1 there; `sys.mlockCounts` holds those that are something else. As in Linux the
 * count may be too low, for pages that came on the list while they were locked already; reclaim then finds the locked
 * mapping.
 * Source: Linux 6.18 mm/mlock.c, mlock_folio(), mlock_new_folio(), munlock_folio(), mlock_folio_batch(),
 * mlock_pte_range(); mm/internal.h, mlock_vma_folio().
 */
import {
  leafPfn,
  NO_PFN,
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
import { MLOCK_ORDER_LRU, MLOCK_ORDER_NEW, MLOCK_ORDER_UNLOCK, type MlockHost } from "@pageframe/reclaim";
import { VM_SPECIAL } from "@pageframe/vma";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Locks a page for one more mapping, when the batch is drained (mlock_folio). */
export function mlockPage(sys: System, pfn: Pfn): void {
  if (!sys.memmap.hasFlags(pfn, PG_MLOCKED)) setMlocked(sys, pfn);
  sys.lru.queueMlock(pfn, MLOCK_ORDER_LRU, sys.currentCpu);
}

/** Locks a page that was just made for a locked mapping; the batch takes it to its list (mlock_new_folio). */
export function mlockNewPage(sys: System, pfn: Pfn): void {
  setMlocked(sys, pfn);
  sys.lru.queueMlock(pfn, MLOCK_ORDER_NEW, sys.currentCpu);
}

/** A locked mapping lets go of a page, or is unlocked: PG_MLOCKED goes when the batch is drained (munlock_folio). */
export function munlockPage(sys: System, pfn: Pfn): void {
  sys.lru.queueMlock(pfn, MLOCK_ORDER_UNLOCK, sys.currentCpu);
}

/** Carries out what the batches of mlock(2) hold (mlock_folio_batch). */
export class MlockedPages implements MlockHost {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  settleMlocked(pfn: Pfn, order: number): void {
    if (order === MLOCK_ORDER_UNLOCK) this.unlock(pfn);
    else if (order === MLOCK_ORDER_NEW) this.lockNew(pfn);
    else this.lock(pfn);
  }

  noteUncounted(pfn: Pfn): void {
    this.sys.mlockCounts.set(pfn, 0);
  }

  /** Moves a page to the unevictable list, or counts one more mapping of one that is there (__mlock_folio). */
  private lock(pfn: Pfn): void {
    const { memmap, mlockCounts, reclaimPolicy } = this.sys;
    const flags = memmap.flags[pfn];
    // Off the lists there is no more to do.
    if ((flags & PG_LRU) === 0) return;
    const isUnevictable = (flags & PG_UNEVICTABLE) !== 0;
    if ((flags & PG_MLOCKED) === 0) {
      // Unlocked before its turn came.
      if (isUnevictable) this.rescue(pfn);
      return;
    }
    if (isUnevictable) {
      setCount(mlockCounts, pfn, (mlockCounts.get(pfn) ?? 1) + 1);
      return;
    }
    reclaimPolicy.removePage(pfn);
    reclaimPolicy.addPage(pfn);
    setCount(mlockCounts, pfn, 1);
  }

  /** Puts a new page on a list, the unevictable one unless it was unlocked meanwhile (__mlock_new_folio). */
  private lockNew(pfn: Pfn): void {
    this.sys.reclaimPolicy.addPage(pfn);
    this.sys.mlockCounts.delete(pfn);
  }

  /** Counts one mapping less; with the last the page is locked no more (__munlock_folio). */
  private unlock(pfn: Pfn): void {
    const { memmap, vmstat, mlockCounts } = this.sys;
    const flags = memmap.flags[pfn];
    const isListed = (flags & (PG_LRU | PG_UNEVICTABLE)) === (PG_LRU | PG_UNEVICTABLE);
    if (isListed) {
      const count = (mlockCounts.get(pfn) ?? 1) - 1;
      if (count > 0) {
        setCount(mlockCounts, pfn, count);
        return;
      }
    }
    mlockCounts.delete(pfn);
    if ((flags & PG_MLOCKED) !== 0) {
      memmap.clearFlags(pfn, PG_MLOCKED);
      const nr = memmap.nrFolioPages(pfn);
      vmstat.modZone(memmap.zoneId[pfn], NR_MLOCK, -nr);
      vmstat.countEvents(UNEVICTABLE_PGS_MUNLOCKED, nr);
    }
    if (isListed) this.rescue(pfn);
  }

  /** Takes a page from the unevictable list back to one of its kind. */
  private rescue(pfn: Pfn): void {
    const { memmap, reclaimPolicy } = this.sys;
    reclaimPolicy.removePage(pfn);
    memmap.setFlags(pfn, PG_UNEVICTABLE);
    reclaimPolicy.addPage(pfn);
  }
}

function setCount(mlockCounts: Map<Pfn, number>, pfn: Pfn, count: number): void {
  if (count === 1) mlockCounts.delete(pfn);
  else mlockCounts.set(pfn, count);
}

/** Flags and counts a page as locked; the lists follow later. */
function setMlocked(sys: System, pfn: Pfn): void {
  const { memmap, vmstat } = sys;
  memmap.setFlags(pfn, PG_MLOCKED);
  const nr = memmap.nrFolioPages(pfn);
  vmstat.modZone(memmap.zoneId[pfn], NR_MLOCK, nr);
  vmstat.countEvents(UNEVICTABLE_PGS_MLOCKED, nr);
}

/** A page that is freed is locked no more, whatever its count says (free_pages_prepare). */
export function clearMlocked(sys: System, pfn: Pfn): void {
  const { memmap, vmstat } = sys;
  memmap.clearFlags(pfn, PG_MLOCKED);
  sys.mlockCounts.delete(pfn);
  const nr = memmap.nrFolioPages(pfn);
  vmstat.modZone(memmap.zoneId[pfn], NR_MLOCK, -nr);
  vmstat.countEvents(UNEVICTABLE_PGS_CLEARED, nr);
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
  // Pages in batches are on no list: so that they count as locked, and so that they are by the time that this is over.
  sys.lru.drain(sys.currentCpu);
  const { cursor } = mm;
  let rowFolio: Pfn = NO_PFN;
  let rowNext: Pfn = NO_PFN;
  let nrInRow = 0;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { lo, hi } = cursor;
    if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) continue;
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    const folio = sys.memmap.compoundHead(pfn);
    const nrPages = sys.memmap.nrFolioPages(folio);
    if (nrPages > 1) {
      // At its last page it is known whether the range has mapped all of a large folio in a row (allow_mlock_munlock).
      nrInRow = folio === rowFolio && pfn === rowNext ? nrInRow + 1 : 1;
      rowFolio = folio;
      rowNext = pfn + 1;
      const isWhole = pfn === folio + nrPages - 1 && nrInRow === nrPages;
      const isEndOfRow = pfn === folio + nrPages - 1 || cursor.vpn === endVpn - 1;
      if (isLocking ? !isWhole : !isEndOfRow) continue;
    }
    if (isLocking) mlockPage(sys, folio);
    else munlockPage(sys, folio);
  }
  sys.lru.drain(sys.currentCpu);
}
