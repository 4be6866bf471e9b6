/**
 * The advices of madvise(2) that say how soon pages will be used: MADV_COLD, MADV_PAGEOUT, MADV_FREE, and MADV_WILLNEED for
 * anonymous memory.
 * Source: Linux 6.18 mm/madvise.c, madvise_cold_or_pageout_pte_range(), madvise_pageout(), madvise_free_pte_range(),
 * swapin_walk_pmd_entry(); mm/vmscan.c, reclaim_pages(), shrink_folio_list().
 * Differs: pages are reclaimed one by one when the whole range has been looked at.
 */
import {
  EINVAL,
  EVICT_FREED,
  EVICT_IN_USE,
  EVICT_NO_SWAP,
  EVICT_UNEVICTABLE,
  leafPfn,
  PAGES_PER_LEVEL,
  PG_ACTIVE,
  PG_ANON,
  PG_DIRTY,
  PG_LRU,
  PG_MLOCKED,
  PG_REFERENCED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
  PG_WORKINGSET,
  PGLAZYFREE,
  type Pfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_D,
  PTE_MARKER_POISONED,
  PTE_SPECIAL,
  pteIsNonSwap,
  pteIsPresent,
  pteIsSwap,
  pteMarkers,
  pteToSwapEntry,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYSHARE,
  VM_PFNMAP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { COUNT_BATCHED } from "../mm/rss-stat.ts";
import { isWritableByAll, shrinkInodes } from "../fs/inodes.ts";
import { Evictor } from "../pages/evict.ts";
import { countSwapEntries } from "../pages/pages.ts";
import { freeSwapEntry, freeSwapOfPage } from "../pages/swap-pages.ts";
import { readUnasked } from "../pages/swap-readahead.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Pages that one level-1 table maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/** MADV_COLD: pages that only this mapping has count as unused, and active ones become inactive. 0 or -EINVAL. */
export function coldPages(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  if (!hasLruPages(mm.space.pool.vmFlags[vma])) return -EINVAL;
  const { lru, gather, currentCpu } = sys;
  lru.drain(currentCpu);
  gather.begin(mm);
  const { cursor } = mm;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { vpn, lo, hi } = cursor;
    const pfn = soleLruPage(sys, lo, hi);
    if (pfn < 0) continue;
    if ((lo & PTE_A) !== 0) {
      cursor.set(lo & ~PTE_A, hi);
      gather.takeEntries(vpn, vpn + 1);
    }
    forgetUse(sys, pfn);
    lru.deactivatePage(pfn, currentCpu);
  }
  gather.finish();
  return 0;
}

/** MADV_PAGEOUT: reclaims pages that only this mapping has. 0 or -EINVAL. */
export function pageoutPages(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  const vmFlags = mm.space.pool.vmFlags[vma];
  if (!hasLruPages(vmFlags)) return -EINVAL;
  // Of a file that the caller may not write, nobody but its readers could tell what is in memory.
  const isAnonOnly = mm.space.pool.fileId[vma] !== NO_FILE && !mayPageoutFile(sys, task, vma);
  if (isAnonOnly && (vmFlags & VM_MAYSHARE) !== 0) return 0;
  const { memmap, lru, currentCpu } = sys;
  lru.drain(currentCpu);
  const isolated: Pfn[] = [];
  const { cursor } = mm;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const pfn = soleLruPage(sys, cursor.lo, cursor.hi);
    if (pfn < 0 || (isAnonOnly && !memmap.hasFlags(pfn, PG_ANON))) continue;
    forgetUse(sys, pfn);
    if (memmap.hasFlags(pfn, PG_UNEVICTABLE)) continue;
    sys.reclaimPolicy.removePage(pfn);
    isolated.push(pfn);
  }
  reclaimPages(sys, isolated);
  return 0;
}

/**
 * MADV_FREE: the bytes of pages that only this mapping has may go, until they are written again; those in swap go at once.
 * `sys.gather` is open on the address space. 0, or -EINVAL for what is not private anonymous memory.
 */
export function freePages(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  if (mm.space.pool.fileId[vma] !== NO_FILE) return -EINVAL;
  const { memmap, lru, currentCpu } = sys;
  lru.drain(currentCpu);
  mm.rssStat.updateHiwater();
  const { cursor } = mm;
  let tableEndVpn: Vpn = 0;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { vpn, lo, hi } = cursor;
    if (vpn >= tableEndVpn) {
      mm.rssStat.flushVec(currentCpu);
      tableEndVpn = vpn - (vpn % PMD_PAGES) + PMD_PAGES;
    }
    if (!pteIsPresent(lo)) {
      if (!pteIsNonSwap(hi)) {
        cursor.clear();
        freeSwapEntry(sys, pteToSwapEntry(lo, hi), currentCpu);
        countSwapEntries(sys, mm, -1, COUNT_BATCHED);
      } else if ((pteMarkers(lo, hi) & PTE_MARKER_POISONED) !== 0) cursor.clear();
      continue;
    }
    if ((lo & PTE_SPECIAL) !== 0) continue;
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    if (memmap.hasFlags(pfn, PG_SWAPCACHE | PG_DIRTY)) {
      if (memmap.mapcount[pfn] !== 1) continue;
      if (memmap.hasFlags(pfn, PG_SWAPCACHE) && !freeSwapOfPage(sys, pfn)) continue;
      memmap.clearFlags(pfn, PG_DIRTY);
    }
    if ((lo & (PTE_A | PTE_D)) !== 0) {
      cursor.set(lo & ~(PTE_A | PTE_D), hi);
      sys.gather.takeEntries(vpn, vpn + 1);
    }
    if (lru.lazyfreePage(pfn, currentCpu)) sys.vmstat.countEvents(PGLAZYFREE, 1);
  }
  mm.rssStat.flushVec(currentCpu);
  return 0;
}

/** MADV_WILLNEED on anonymous memory: reads what is in swap into the swap cache. */
export function willneedAnon(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { pageTable } = task.mm;
  for (
    let vpn = pageTable.nextPopulated(startVpn, endVpn);
    vpn < endVpn && task.killedBy === null;
    vpn = pageTable.nextPopulated(vpn + 1, endVpn)
  ) {
    const entry = pageTable.findEntry(vpn);
    const lo = pageTable.entryLo(entry);
    const hi = pageTable.entryHi(entry);
    if (pteIsSwap(lo, hi) && !pteIsNonSwap(hi)) readUnasked(sys, task, vma, vpn, pteToSwapEntry(lo, hi));
  }
  sys.lru.drain(sys.currentCpu);
  return 0;
}

/** Are pages of the mapping on lists that reclaim looks at (can_madv_lru_vma)? */
function hasLruPages(vmFlags: number): boolean {
  return (vmFlags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) === 0;
}

/** Could the task open the mapped file for writing (can_do_file_pageout)? Memory files are everybody's, others root's. */
function mayPageoutFile(sys: System, task: Task, vma: VmaId): boolean {
  const { space } = task.mm;
  const inode = sys.files.inodeOf(space.pool.fileId[vma]);
  return space.isPrivileged || (inode.isShmem && inode.nrLinks === 0) || isWritableByAll(inode);
}

/** Page of an entry if it is on an LRU list and nobody else maps it; -1 otherwise. */
function soleLruPage(sys: System, lo: number, hi: number): Pfn {
  if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) return -1;
  const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
  const { memmap } = sys;
  return memmap.hasFlags(pfn, PG_LRU) && memmap.mapcount[pfn] === 1 ? pfn : -1;
}

/** Clears what says that a page is in use. */
function forgetUse(sys: System, pfn: Pfn): void {
  const { memmap } = sys;
  memmap.clearFlags(pfn, PG_REFERENCED);
  if (memmap.hasFlags(pfn, PG_ACTIVE)) memmap.setFlags(pfn, PG_WORKINGSET);
}

/** Reclaims isolated pages whether they were used or not; those that stay go back to the lists (reclaim_pages). */
function reclaimPages(sys: System, isolated: readonly Pfn[]): void {
  const { memmap, lru, currentCpu } = sys;
  const evictor = new Evictor(sys);
  for (const pfn of isolated) {
    const verdict = evictor.evictPage(pfn);
    if (verdict === EVICT_FREED) continue;
    const isActivated =
      verdict === EVICT_IN_USE || verdict === EVICT_NO_SWAP || verdict === EVICT_UNEVICTABLE;
    if (isActivated && !memmap.hasFlags(pfn, PG_MLOCKED)) memmap.setFlags(pfn, PG_ACTIVE);
    lru.addPage(pfn, currentCpu);
  }
  sys.unmapBatch.flush();
  shrinkInodes(sys);
}
