/**
 * Faults on pages of files and of shared anonymous objects. Hot: per file fault.
 *
 *     read                  fault-around; the file's page, made if it is a hole, as the mapping allows
 *     write, shared         the file's page, writable and dirty
 *     write, private        a copy of the file's page
 *     beyond the end        SIGBUS
 *
 * A page table is made only for a page that is there: a fault that ends with SIGBUS leaves none.
 * Source: Linux 6.18 mm/memory.c, do_fault(), do_read_fault(), do_cow_fault(), do_shared_fault(), finish_fault(),
 * set_pte_range().
 */
import {
  ENOMEM,
  NO_ENTRY,
  NO_PFN,
  PAGE_SIZE,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  type Pfn,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_PFNMAP,
  VM_SHARED,
  VM_UFFD_FLAGS,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { countEmpty, doFaultAround, fitsMapping, setEntries, shouldFaultAround } from "./fault-around.ts";
import { getFilePage } from "../files/file-pages.ts";
import { balanceDirtyPages } from "../filemap/balance-dirty-pages.ts";
import { markPageDirty } from "../filemap/dirty.ts";
import { folioEnd } from "../filemap/drop-pages.ts";
import { pageMkwrite } from "../filemap/fault.ts";
import { faultPfnMap } from "../mm/special-mappings.ts";
import { COUNT_NOW } from "../mm/rss-stat.ts";
import { copyContents, mapWritten, prepareAnonVma } from "./own-page.ts";
import { pageProtLo } from "./page-prot.ts";
import {
  addNewAnonPage,
  allocUserPage,
  linearPageIndex,
  putUserPage,
  vmFlagsToPteHi,
  writtenPteLo,
} from "./pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { handleShmemUserfault } from "../uffd/handle-userfault.ts";

/** Answers a fault in a mapping of a file where the entry, or its table, is empty. Returns VM_FAULT_* bits. */
export function doFilePage(sys: System, task: Task, vma: VmaId, vpn: Vpn, isWrite: boolean): number {
  const { mm } = task;
  const { pool } = mm.space;
  const vmFlags = pool.vmFlags[vma];
  // Tables above the last are there even if the fault fails (__handle_mm_fault).
  if (mm.pageTable.nrLevels > 1 && mm.pageTable.allocEntry(vpn, PT_LEVEL_PMD) === NO_ENTRY) {
    if (mm.pageTable.lastLevel === 0) return VM_FAULT_OOM;
  }
  if ((vmFlags & VM_PFNMAP) !== 0) return faultPfnMap(sys, mm, vma, vpn);
  const file = sys.files.file(pool.fileId[vma]);
  const { inode } = file;
  const pgoff = linearPageIndex(mm, vma, vpn);
  const isPerPage = (vmFlags & (VM_UFFD_WP | VM_UFFD_MINOR)) !== 0;
  if (!isWrite && !isPerPage && shouldFaultAround(file)) {
    const result = doFaultAround(sys, task, vma, vpn, file);
    if (result === VM_FAULT_NOPAGE && inode.kind === "disk") sys.nrCacheHits++;
    if (result !== 0) return result & ~VM_FAULT_NOPAGE;
  }
  const isCow = isWrite && (vmFlags & VM_SHARED) === 0;
  let copy = NO_PFN;
  if (isCow) {
    if (!prepareAnonVma(sys, task, vma)) return VM_FAULT_OOM;
  }
  if ((vmFlags & (VM_UFFD_MISSING | VM_UFFD_MINOR)) !== 0) {
    const result = handleShmemUserfault(sys, task, vma, vpn, inode, pgoff, isWrite);
    if (result !== 0) return result;
  }
  if (isCow) {
    copy = allocUserPage(sys, task.cpu, task.pid, vpn);
    if (copy === NO_PFN) return VM_FAULT_OOM;
  }
  const nrReadsBefore = sys.files.nrReads;
  const pfn = task.killedBy === null ? getFilePage(sys, task, vpn, file, pgoff, vma) : -ENOMEM;
  const hasTable = pfn >= 0 && mm.pageTable.allocEntry(vpn, PT_LEVEL_PTE) !== NO_ENTRY;
  if (!hasTable || task.killedBy !== null) {
    if (copy !== NO_PFN) putUserPage(sys, copy, task.cpu);
    if (pfn >= 0) putUserPage(sys, pfn, task.cpu);
    return pfn >= 0 || pfn === -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
  }
  const majorBit = sys.files.nrReads !== nrReadsBefore ? VM_FAULT_MAJOR : 0;
  if (!isWrite && hasWaited(sys) && !isPerPage) {
    // Who waited, for a page or to read on, comes again and finds the page among its neighbours (VM_FAULT_RETRY).
    const result = doFaultAround(sys, task, vma, vpn, file);
    if (result !== 0) {
      putUserPage(sys, pfn, task.cpu);
      return (result & ~VM_FAULT_NOPAGE) | majorBit;
    }
  }
  if (isWrite && !isCow && inode.kind === "disk") {
    const error = pageMkwrite(sys, inode, pfn);
    if (error !== 0) {
      putUserPage(sys, pfn, task.cpu);
      return error | majorBit;
    }
  }
  const entry = mm.pageTable.findEntry(vpn);
  if (isCow) mapCopy(sys, task, vma, vpn, entry, copy, pfn);
  else mapFilePage(sys, task, vma, vpn, pfn, isWrite);
  // Last: the task may sleep, and meanwhile the page be written and even go (fault_dirty_shared_page).
  if (isWrite && !isCow && inode.kind === "disk") balanceDirtyPages(sys, task, inode);
  return majorBit;
}

/** Did the fault let go of its mapping, to read or to wait? */
function hasWaited(sys: System): boolean {
  return sys.readahead.hasWaited;
}

/** Maps a private copy of a file's page, and drops the reference to the page. */
function mapCopy(sys: System, task: Task, vma: VmaId, vpn: Vpn, entry: number, copy: Pfn, pfn: Pfn): void {
  const { mm, cpu } = task;
  copyContents(sys, copy, pfn);
  putUserPage(sys, pfn, cpu);
  mapWritten(sys, task, vpn, entry, copy, mm.space.pool.vmFlags[vma]);
  addNewAnonPage(sys, mm, vma, vpn, copy, cpu);
}

/**
 * Maps a file's page, whose reference is given up; a large folio as a whole where it fits and nothing of it is mapped yet
 * (finish_fault, set_pte_range, fault_dirty_shared_page).
 */
function mapFilePage(sys: System, task: Task, vma: VmaId, vpn: Vpn, pfn: Pfn, isWrite: boolean): void {
  const { mm } = task;
  const { memmap } = sys;
  const { pool } = mm.space;
  const vmFlags = pool.vmFlags[vma];
  let flagsLo = pageProtLo(sys, vmFlags, pool.fileId[vma]);
  if (isWrite) {
    flagsLo |= writtenPteLo(vmFlags);
    markPageDirty(sys, pfn);
  }
  const folio = memmap.compoundHead(pfn);
  const nrPages = memmap.nrFolioPages(folio);
  const folioVpn = vpn - (pfn - folio);
  const isWhole =
    nrPages > 1 &&
    (vmFlags & VM_UFFD_FLAGS) === 0 &&
    isFolioInFile(sys, folio) &&
    fitsMapping(pool, vma, folioVpn, nrPages) &&
    countEmpty(mm, folioVpn, folioVpn + nrPages) === nrPages;
  const flagsHi = vmFlagsToPteHi(vmFlags);
  if (isWhole) setEntries(sys, mm, folioVpn, folio, nrPages, flagsLo, flagsHi, COUNT_NOW);
  else setEntries(sys, mm, vpn, pfn, 1, flagsLo, flagsHi, COUNT_NOW);
  putUserPage(sys, pfn, task.cpu);
}

/** Does all of a folio lie before the end of its file? Of memory files that does not matter. */
function isFolioInFile(sys: System, folio: Pfn): boolean {
  const inode = sys.files.inode(sys.memmap.mapping[folio]);
  return inode.isShmem || folioEnd(sys, folio) <= Math.ceil(inode.sizeBytes / PAGE_SIZE);
}
