/**
 * Fault-around: a read fault maps the cached pages of its file around it too, up to an aligned window of 16 pages, as far as
 * mapping, page table and file go. Hot: per read fault on shared memory.
 * Source: Linux 6.18 mm/memory.c, do_fault_around(), should_fault_around(); mm/filemap.c, filemap_map_pages(),
 * next_uptodate_folio(). Differs: the window is always 64 KiB; generated files have none.
 */
import {
  NO_ENTRY,
  NO_PFN,
  PAGE_SIZE,
  PAGES_PER_LEVEL,
  PG_LOCKED,
  PG_UPTODATE,
  PG_WORKINGSET,
  type Pfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  pteHi,
  pteLo,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  type VmaId,
  type Vpn,
  PG_READAHEAD,
} from "@pageframe/contracts";
import { type OpenFile } from "../files/inode.ts";
import { type VmaPool } from "@pageframe/vma";
import { NO_SHM_ID } from "../files/files.ts";
import { COUNT_BATCHED } from "../mm/rss-stat.ts";
import { pageProtLo } from "./page-prot.ts";
import { addFolioRmap, linearPageIndex, vmFlagsToPteHi } from "./pages.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";

/** Pages of a window (fault_around_bytes / PAGE_SIZE). */
const FAULT_AROUND_PAGES = 16;
/** Pages that one table of the last level maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/** Does a file map pages that nobody asked for? Attachments of SysV segments have no map_pages. */
export function shouldFaultAround(file: OpenFile): boolean {
  return (file.inode.isShmem && file.shmId === NO_SHM_ID) || file.inode.kind === "disk";
}

/** Can a folio that begins at `folioVpn` be mapped as a whole: is it inside the mapping, and in one page table? */
export function fitsMapping(pool: VmaPool, vma: VmaId, folioVpn: Vpn, nrFolioPages: number): boolean {
  const endVpn = folioVpn + nrFolioPages;
  if (folioVpn < pool.startVpn[vma] || endVpn > pool.endVpn[vma]) return false;
  return (folioVpn % PMD_PAGES) + nrFolioPages <= PMD_PAGES;
}

/** Entries in a row from `startVpn` on, before `endVpn` and in one page table, that are empty (pte_range_none). */
export function countEmpty(mm: Mm, startVpn: Vpn, endVpn: Vpn): number {
  const { pageTable } = mm;
  let nr = 0;
  for (; startVpn + nr < endVpn; nr++) {
    const entry = pageTable.findEntry(startVpn + nr);
    if (entry === NO_ENTRY || pageTable.entryLo(entry) !== 0 || pageTable.entryHi(entry) !== 0) break;
  }
  return nr;
}

/**
 * Maps pages of one folio in a row, in empty entries of a table that is there; a reference is taken for each (set_pte_range).
 * `count` is a COUNT_* value.
 */
export function setEntries(
  sys: System,
  mm: Mm,
  startVpn: Vpn,
  startPfn: Pfn,
  nrPages: number,
  flagsLo: number,
  flagsHi: number,
  count: number,
): void {
  const { pageTable } = mm;
  for (let at = 0; at < nrPages; at++) {
    const pfn = startPfn + at;
    sys.memmap.getPage(pfn);
    sys.readahead.noteWanted(pfn);
    pageTable.setEntry(pageTable.findEntry(startVpn + at), pteLo(pfn, flagsLo), pteHi(pfn, flagsHi));
  }
  addFolioRmap(sys, mm, startVpn, startPfn, nrPages, count);
}

/**
 * Maps what is cached of the window around `vpn`, where entries are empty. Returns VM_FAULT_NOPAGE when `vpn` is mapped now,
 * 0 when its page still has to be had, or VM_FAULT_OOM.
 */
export function doFaultAround(sys: System, task: Task, vma: VmaId, vpn: Vpn, file: OpenFile): number {
  const { inode } = file;
  const { memmap } = sys;
  const { mm } = task;
  const { pool } = mm.space;
  const startVpn = Math.max(vpn - (vpn % FAULT_AROUND_PAGES), pool.startVpn[vma]);
  const tableEndVpn = vpn - (vpn % PMD_PAGES) + PMD_PAGES;
  const nrFilePages = Math.ceil(inode.sizeBytes / PAGE_SIZE);
  const pgoffDelta = linearPageIndex(mm, vma, vpn) - vpn;
  const endVpn = Math.min(
    startVpn + FAULT_AROUND_PAGES,
    tableEndVpn,
    pool.endVpn[vma],
    nrFilePages - pgoffDelta,
  );
  const vmFlags = pool.vmFlags[vma];
  let flagsLo = 0;
  let flagsHi = 0;
  let result = 0;
  // Pages that memory was short of lately say nothing for reading around (folio_test_workingset).
  let nrKept = 0;
  for (let at = startVpn; at < endVpn;) {
    const pfn = inode.pages.load(at + pgoffDelta);
    if (pfn === NO_PFN) {
      at++;
      continue;
    }
    const folio = memmap.compoundHead(pfn);
    const nrFolioPages = memmap.nrFolioPages(folio);
    const folioVpn = at - (pfn - folio);
    let firstVpn = at;
    let lastVpn = Math.min(folioVpn + nrFolioPages, endVpn) - 1;
    at = lastVpn + 1;
    const flags = memmap.flags[folio];
    if ((flags & (PG_UPTODATE | PG_LOCKED | PG_READAHEAD)) !== PG_UPTODATE) continue;
    // A large folio comes as a whole where it can; the last one of a disk's file ends too close to the end for that.
    const isInFile = inode.isShmem || folioVpn + nrFolioPages < nrFilePages - pgoffDelta;
    if (nrFolioPages > 1 && isInFile && fitsMapping(pool, vma, folioVpn, nrFolioPages)) {
      firstVpn = folioVpn;
      lastVpn = folioVpn + nrFolioPages - 1;
    }
    if ((flags & PG_WORKINGSET) === 0) nrKept += lastVpn - firstVpn + 1;
    memmap.getPage(folio);
    if (mm.pageTable.allocEntry(firstVpn, PT_LEVEL_PTE) === NO_ENTRY || task.killedBy !== null) {
      memmap.putPageTestzero(folio);
      mm.rssStat.flushVec(sys.currentCpu);
      return VM_FAULT_OOM;
    }
    if (flagsLo === 0) {
      flagsLo = pageProtLo(sys, vmFlags, pool.fileId[vma]);
      flagsHi = vmFlagsToPteHi(vmFlags);
    }
    for (let first = firstVpn; first <= lastVpn; first++) {
      const nrEmpty = countEmpty(mm, first, lastVpn + 1);
      if (nrEmpty === 0) continue;
      setEntries(sys, mm, first, folio + (first - folioVpn), nrEmpty, flagsLo, flagsHi, COUNT_BATCHED);
      if (first <= vpn && vpn < first + nrEmpty) result = VM_FAULT_NOPAGE;
      first += nrEmpty;
    }
    memmap.putPageTestzero(folio);
  }
  mm.rssStat.flushVec(sys.currentCpu);
  if (nrKept > 0 && inode.kind === "disk") sys.readahead.policy.onMapped(file.ra, nrKept);
  return result;
}
