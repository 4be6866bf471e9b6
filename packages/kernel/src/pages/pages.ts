/**
 * Pages of programs: allocating, mapping and unmapping them with all that has to be kept equal: references, reverse
 * mappings, resident set sizes, counters, LRU membership. Hot: per page fault.
 */
import {
  bug,
  type CpuId,
  GFP_HIGHUSER_MOVABLE,
  NR_ANON_PAGES,
  NR_FILE_PAGES,
  NR_MAPPED,
  NR_SHMEM,
  PG_ACTIVE,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_DIRTY,
  PG_LRU,
  PG_MLOCKED,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UPTODATE,
  PG_WORKINGSET,
  type Pfn,
  PTE_A,
  PTE_D,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_US,
  VM_EXEC,
  VM_READ,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { type System } from "../system.ts";
import { clearMlocked, isInLockedVma, mlockNewPage, mlockPage, munlockPage } from "./mlock-pages.ts";
import { type Mm } from "../task.ts";
import { COUNT_NOW, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from "../mm/rss-stat.ts";

/** Page flags that a program's page may carry and that end with it. */
const USER_PAGE_FLAGS =
  PG_ACTIVE |
  PG_ANON |
  PG_ANON_EXCLUSIVE |
  PG_DIRTY |
  PG_REFERENCED |
  PG_SWAPBACKED |
  PG_UPTODATE |
  PG_WORKINGSET;

/** Low flags of entries for a mapping, without write for private ones (vm_get_page_prot). */
export function vmFlagsToPteLo(vmFlags: number): number {
  if ((vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) === 0) return PTE_PROTNONE | PTE_A;
  const isSharedWritable = (vmFlags & (VM_SHARED | VM_WRITE)) === (VM_SHARED | VM_WRITE);
  return PTE_P | PTE_US | PTE_A | (isSharedWritable ? PTE_RW : 0);
}

/** High flags of entries for a mapping. */
export function vmFlagsToPteHi(vmFlags: number): number {
  return (vmFlags & VM_EXEC) !== 0 ? 0 : PTE_HI_NX;
}

/** Low flags that a write adds: writable where the mapping allows it, dirty (maybe_mkwrite, pte_mkdirty). */
export function writtenPteLo(vmFlags: number): number {
  return ((vmFlags & VM_WRITE) !== 0 ? PTE_RW : 0) | PTE_D | PTE_SOFT_DIRTY;
}

/**
 * Must the next write to a page with these entry flags fault, so that it becomes soft-dirty (pte_needs_soft_dirty_wp)?
 * In a mapping that is soft-dirty as a whole none must.
 */
export function needsSoftDirtyFault(vmFlags: number, lo: number): boolean {
  return (vmFlags & VM_SOFTDIRTY) === 0 && (lo & PTE_SOFT_DIRTY) === 0;
}

/** Takes a frame for a program's page at `vpn`, on the node that the NUMA policy prefers. NO_PFN when there is none. */
export function allocUserPage(sys: System, cpu: CpuId, pid: number, vpn: Vpn): Pfn {
  const node = sys.numaPolicy.preferredNode(sys.cpus[cpu].nodeId, vpn, pid);
  return sys.frames.allocPages(GFP_HIGHUSER_MOVABLE, 0, cpu, node);
}

/**
 * Page offset that a mapping gives a page: in its file, or for anonymous memory the page number that the mapping was
 * made at (linear_page_index).
 */
export function linearPageIndex(mm: Mm, vma: VmaId, vpn: Vpn): number {
  const { pool } = mm.space;
  return pool.pgoff[vma] + (vpn - pool.startVpn[vma]);
}

/**
 * Makes a fresh frame an anonymous page of `mm` at `vpn` and puts it on the LRU (folio_add_new_anon_rmap). `count` is a
 * COUNT_* value.
 */
export function addNewAnonPage(
  sys: System,
  mm: Mm,
  vma: VmaId,
  vpn: Vpn,
  pfn: Pfn,
  cpu: CpuId,
  count: number = COUNT_NOW,
): void {
  const { memmap } = sys;
  memmap.flags[pfn] |= PG_ANON | PG_SWAPBACKED | PG_UPTODATE | PG_ANON_EXCLUSIVE;
  memmap.index[pfn] = linearPageIndex(mm, vma, vpn);
  memmap.mapping[pfn] = NO_MAPPING;
  recordRmap(sys, mm, vpn, pfn, count);
  // A page for a locked mapping goes its own way to the lists (folio_add_lru_vma).
  if (mm.space.lockedVm !== 0 && isInLockedVma(mm, vpn)) mlockNewPage(sys, pfn);
  else sys.lru.addPage(pfn, cpu);
}

/** Counts `nr` more entries of `mm` that name a swap slot. `count` is a COUNT_* value. */
export function countSwapEntries(sys: System, mm: Mm, nr: number, count: number = COUNT_NOW): void {
  mm.rssStat.add(MM_SWAPENTS, nr, sys.currentCpu, count);
}

/** Counter that a page belongs to (mm_counter). */
function counterOf(flags: number): number {
  if ((flags & PG_ANON) !== 0) return MM_ANONPAGES;
  return (flags & PG_SWAPBACKED) !== 0 ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/**
 * Records one more entry of `mm` that maps the page; its reference was taken by the caller. `count` is a COUNT_* value:
 * after COUNT_BATCHED, `mm.rssStat.flushVec()` is the caller's.
 */
export function addRmap(sys: System, mm: Mm, vpn: Vpn, pfn: Pfn, count: number = COUNT_NOW): void {
  addFolioRmap(sys, mm, vpn, pfn, 1, count);
}

/**
 * The same for `nrPages` entries in a row that map pages of one folio. Only a folio of which all is mapped at once is locked
 * (folio_add_file_rmap_ptes).
 */
export function addFolioRmap(
  sys: System,
  mm: Mm,
  startVpn: Vpn,
  startPfn: Pfn,
  nrPages: number,
  count: number,
): void {
  for (let at = 0; at < nrPages; at++) recordRmap(sys, mm, startVpn + at, startPfn + at, count);
  if (mm.space.lockedVm === 0 || !isInLockedVma(mm, startVpn)) return;
  const folio = sys.memmap.compoundHead(startPfn);
  if (sys.memmap.nrFolioPages(folio) === nrPages) mlockPage(sys, folio);
}

/** The same for a page that no locked mapping is to lock, or that is locked otherwise. */
function recordRmap(sys: System, mm: Mm, vpn: Vpn, pfn: Pfn, count: number): void {
  const { memmap } = sys;
  const isAnon = (memmap.flags[pfn] & PG_ANON) !== 0;
  if (memmap.mapcount[pfn] === 0) sys.vmstat.modNode(sys.nodeOf(pfn), isAnon ? NR_ANON_PAGES : NR_MAPPED, 1);
  sys.rmap.add(pfn, mm.id, vpn);
  mm.rssStat.add(counterOf(memmap.flags[pfn]), 1, sys.currentCpu, count);
}

/**
 * Forgets an entry of `mm` that mapped the page. The reference stays with the caller. `count` as for addRmap(). Of entries in a
 * row of one folio the first alone unlocks it (folio_remove_rmap_ptes).
 */
export function removeRmap(
  sys: System,
  mm: Mm,
  vpn: Vpn,
  pfn: Pfn,
  count: number = COUNT_NOW,
  isRowStart = true,
): void {
  const { memmap } = sys;
  const isAnon = (memmap.flags[pfn] & PG_ANON) !== 0;
  sys.rmap.remove(pfn, mm.id, vpn);
  if (isRowStart && mm.space.lockedVm !== 0 && isInLockedVma(mm, vpn))
    munlockPage(sys, memmap.compoundHead(pfn));
  if (memmap.mapcount[pfn] === 0) {
    sys.vmstat.modNode(sys.nodeOf(pfn), isAnon ? NR_ANON_PAGES : NR_MAPPED, -1);
  }
  mm.rssStat.add(counterOf(memmap.flags[pfn]), -1, sys.currentCpu, count);
}

/** Drops a reference to the folio of a page; frees it with the last one (folio_put). */
export function putUserPage(sys: System, pfn: Pfn, cpu: CpuId): void {
  if (sys.memmap.putPageTestzero(pfn)) releaseUserPage(sys, sys.memmap.compoundHead(pfn), cpu);
}

/** Frees a program's page that nobody refers to any more. */
function releaseUserPage(sys: System, pfn: Pfn, cpu: CpuId): void {
  const { memmap } = sys;
  const mapcount = memmap.folioMapcount(pfn);
  if (mapcount !== 0) bug(`pfn ${pfn} is freed with mapcount ${mapcount}`);
  if ((memmap.flags[pfn] & PG_SWAPCACHE) !== 0) bug(`pfn ${pfn} is freed in the swap cache`);
  if (memmap.mapping[pfn] !== NO_MAPPING)
    bug(`pfn ${pfn} is freed in the page cache of file ${memmap.mapping[pfn]}`);
  if ((memmap.flags[pfn] & PG_LRU) !== 0) sys.reclaimPolicy.removePage(pfn);
  if ((memmap.flags[pfn] & PG_MLOCKED) !== 0) clearMlocked(sys, pfn);
  memmap.flags[pfn] &= ~USER_PAGE_FLAGS;
  memmap.index[pfn] = 0;
  const order = memmap.compoundOrder(pfn);
  for (let page = pfn; page < pfn + 2 ** order; page++) sys.contents.zeroPage(page);
  sys.frames.freePages(pfn, order, cpu);
}

/** Counts a folio that entered (+1) or left (-1) the page cache. */
export function countFilePage(sys: System, pfn: Pfn, isShmem: boolean, delta: number): void {
  const node = sys.nodeOf(pfn);
  delta *= sys.memmap.nrFolioPages(pfn);
  sys.vmstat.modNode(node, NR_FILE_PAGES, delta);
  if (isShmem) sys.vmstat.modNode(node, NR_SHMEM, delta);
}

/** Frees pages that LRU batches held last (the drain's PageReleaser). */
export class LruPageReleaser {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  /** Frees one page whose last reference was the batch's. */
  releasePage(pfn: Pfn): void {
    releaseUserPage(this.sys, pfn, 0);
  }
}
