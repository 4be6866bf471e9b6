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
import { NO_SHM_ID } from "../files/files.ts";
import { COUNT_BATCHED } from "../mm/rss-stat.ts";
import { pageProtLo } from "./page-prot.ts";
import { addRmap, linearPageIndex, vmFlagsToPteHi } from "./pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Pages of a window (fault_around_bytes / PAGE_SIZE). */
const FAULT_AROUND_PAGES = 16;
/** Pages that one table of the last level maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/** Does a file map pages that nobody asked for? Attachments of SysV segments have no map_pages. */
export function shouldFaultAround(file: OpenFile): boolean {
  return (file.inode.isShmem && file.shmId === NO_SHM_ID) || file.inode.kind === "disk";
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
  for (let at = startVpn; at < endVpn; at++) {
    const pfn = inode.pages.load(at + pgoffDelta);
    if (pfn === NO_PFN) continue;
    if (!memmap.hasFlags(pfn, PG_UPTODATE) || memmap.hasFlags(pfn, PG_LOCKED | PG_READAHEAD)) continue;
    if (!memmap.hasFlags(pfn, PG_WORKINGSET)) nrKept++;
    memmap.getPage(pfn);
    const entry = mm.pageTable.allocEntry(at, PT_LEVEL_PTE);
    if (entry === NO_ENTRY || task.killedBy !== null) {
      memmap.putPageTestzero(pfn);
      mm.rssStat.flushVec(sys.currentCpu);
      return VM_FAULT_OOM;
    }
    if (mm.pageTable.entryLo(entry) !== 0 || mm.pageTable.entryHi(entry) !== 0) {
      memmap.putPageTestzero(pfn);
      continue;
    }
    if (flagsLo === 0) {
      flagsLo = pageProtLo(sys, vmFlags, pool.fileId[vma]);
      flagsHi = vmFlagsToPteHi(vmFlags);
    }
    mm.pageTable.setEntry(entry, pteLo(pfn, flagsLo), pteHi(pfn, flagsHi));
    addRmap(sys, mm, at, pfn, COUNT_BATCHED);
    if (at === vpn) result = VM_FAULT_NOPAGE;
  }
  mm.rssStat.flushVec(sys.currentCpu);
  if (nrKept > 0 && inode.kind === "disk") sys.readahead.policy.onMapped(file.ra, nrKept);
  return result;
}
