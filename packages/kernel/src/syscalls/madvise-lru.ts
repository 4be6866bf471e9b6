/**
 * The advices of madvise(2) that say how soon pages will be used: MADV_COLD, MADV_PAGEOUT, MADV_FREE, and MADV_WILLNEED for
 * anonymous memory.
 * Source: Linux 6.18 mm/madvise.c, madvise_cold_or_pageout_pte_range(), madvise_pageout(), madvise_free_pte_range(),
 * swapin_walk_pmd_entry(); mm/vmscan.c, reclaim_pages(), shrink_folio_list().
 * Differs: pages are reclaimed one by one when the whole range has been looked at.
 */
import {
  EINVAL,
  EVICT_DIRTY,
  EVICT_FREED,
  EVICT_IN_USE,
  EVICT_NO_SWAP,
  EVICT_UNEVICTABLE,
  leafPfn,
  NO_ENTRY,
  PAGES_PER_LEVEL,
  PG_ACTIVE,
  PG_ANON,
  PG_DIRTY,
  PG_LRU,
  PG_MLOCKED,
  PG_RECLAIM,
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
import { NO_LINK } from "@pageframe/memmap";
import { NO_FILE } from "@pageframe/vma";
import { COUNT_BATCHED } from "../mm/rss-stat.ts";
import { splitFolio } from "../filemap/split-folio.ts";
import { isWritableByAll, shrinkInodes } from "../fs/inodes.ts";
import { Evictor } from "../pages/evict.ts";
import { countSwapEntries } from "../pages/pages.ts";
import { freeSwapEntry, freeSwapOfPage } from "../pages/swap-pages.ts";
import { readUnasked } from "../pages/swap-readahead.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";

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
  const torn: Pfn[] = [];
  let pfn: Pfn = -1;
  let batchEndVpn: Vpn = 0;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { vpn, lo, hi } = cursor;
    const isFirst = vpn >= batchEndVpn;
    if (isFirst) {
      const nrEntries = batchOf(sys, mm, vpn, endVpn, lo, hi);
      batchEndVpn = vpn + nrEntries;
      pfn = soleLruFolio(sys, mm, lo, hi, nrEntries, torn);
    }
    if (pfn < 0) continue;
    if ((lo & PTE_A) !== 0) {
      cursor.set(lo & ~PTE_A, hi);
      gather.takeEntries(vpn, vpn + 1);
    }
    if (!isFirst) continue;
    forgetUse(sys, pfn);
    lru.deactivatePage(pfn, currentCpu);
  }
  gather.finish();
  splitFolios(sys, torn);
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
  const torn: Pfn[] = [];
  const { cursor } = mm;
  let batchEndVpn: Vpn = 0;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { vpn, lo, hi } = cursor;
    if (vpn < batchEndVpn) continue;
    const nrEntries = batchOf(sys, mm, vpn, endVpn, lo, hi);
    batchEndVpn = vpn + nrEntries;
    const pfn = soleLruFolio(sys, mm, lo, hi, nrEntries, isAnonOnly ? null : torn);
    if (pfn < 0 || (isAnonOnly && !memmap.hasFlags(pfn, PG_ANON))) continue;
    forgetUse(sys, pfn);
    if (memmap.hasFlags(pfn, PG_UNEVICTABLE)) continue;
    sys.reclaimPolicy.removePage(pfn);
    isolated.push(pfn);
  }
  reclaimPages(sys, isolated);
  splitFolios(sys, torn);
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

/** Entries from `vpn` on, below `endVpn`, that map pages of one folio in a row (folio_pte_batch); 1 for an entry without one. */
function batchOf(sys: System, mm: Mm, vpn: Vpn, endVpn: Vpn, lo: number, hi: number): number {
  if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) return 1;
  const { memmap } = sys;
  const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
  const head = memmap.compoundHead(pfn);
  const nrLeft = memmap.nrFolioPages(head) - (pfn - head);
  if (nrLeft === 1) return 1;
  const { pageTable } = mm;
  const nrMost = Math.min(nrLeft, endVpn - vpn, PMD_PAGES - (vpn % PMD_PAGES));
  let nrEntries = 1;
  for (; nrEntries < nrMost; nrEntries++) {
    const entry = pageTable.findEntry(vpn + nrEntries);
    if (entry === NO_ENTRY) break;
    const lo = pageTable.entryLo(entry);
    if (!pteIsPresent(lo) || leafPfn(lo, pageTable.entryHi(entry), PT_LEVEL_PTE) !== pfn + nrEntries) break;
  }
  return nrEntries;
}

/**
 * Folio of `nrEntries` entries that begin with one, if it is on an LRU list and nothing else maps it; -1 otherwise. A folio of
 * which the range has only a part goes to `torn`, if there is such a list, unless others map it too.
 */
function soleLruFolio(
  sys: System,
  mm: Mm,
  lo: number,
  hi: number,
  nrEntries: number,
  torn: Pfn[] | null,
): Pfn {
  if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) return -1;
  const { memmap } = sys;
  const head = memmap.compoundHead(leafPfn(lo, hi, PT_LEVEL_PTE));
  if (nrEntries < memmap.nrFolioPages(head)) {
    if (torn !== null && !torn.includes(head) && !isMappedByOthers(sys, mm, head)) torn.push(head);
    return -1;
  }
  return memmap.hasFlags(head, PG_LRU) && memmap.folioMapcount(head) === nrEntries ? head : -1;
}

/** Does another address space map a page of a folio (folio_maybe_mapped_shared)? */
function isMappedByOthers(sys: System, mm: Mm, head: Pfn): boolean {
  const { memmap, rmap } = sys;
  const end = head + memmap.nrFolioPages(head);
  for (let page = head; page < end; page++) {
    for (let link = rmap.head[page]; link !== NO_LINK; link = rmap.linkNext[link]) {
      if (rmap.linkMm[link] !== mm.id) return true;
    }
  }
  return false;
}

/** Splits folios of files of which advice meant a part. */
function splitFolios(sys: System, folios: readonly Pfn[]): void {
  const { memmap } = sys;
  for (const folio of folios) {
    if (memmap.compoundOrder(folio) > 0)
      splitFolio(sys, sys.files.inode(memmap.mapping[folio]), folio, memmap.index[folio], true);
  }
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
    // The flusher writes it, and it goes then.
    if (verdict === EVICT_DIRTY) memmap.setFlags(pfn, PG_RECLAIM);
    const isActivated =
      verdict === EVICT_DIRTY ||
      verdict === EVICT_IN_USE ||
      verdict === EVICT_NO_SWAP ||
      verdict === EVICT_UNEVICTABLE;
    if (isActivated && !memmap.hasFlags(pfn, PG_MLOCKED)) memmap.setFlags(pfn, PG_ACTIVE);
    lru.addPage(pfn, currentCpu);
  }
  sys.unmapBatch.flush();
  shrinkInodes(sys);
}
