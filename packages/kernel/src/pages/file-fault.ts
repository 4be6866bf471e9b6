/**
 * Faults on pages of files and of shared anonymous objects. Hot: per file fault.
 *
 * Source: Linux 6.18 mm/memory.c, do_read_fault(), do_cow_fault(), do_shared_fault().
 */
import {
  NO_PFN,
  PG_DIRTY,
  PTE_RW,
  pteHi,
  pteLo,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_PFNMAP,
  VM_SHARED,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { readFilePage } from "../files/file-pages.ts";
import { faultPfnMap } from "../mm/special-mappings.ts";
import { copyContents, mapWritten, prepareAnonVma } from "./own-page.ts";
import {
  addNewAnonPage,
  addRmap,
  allocUserPage,
  linearPageIndex,
  putUserPage,
  vmFlagsToPteHi,
  vmFlagsToPteLo,
  writtenPteLo,
} from "./pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** A page of a file, or of a shared anonymous object. */
export function doFilePage(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  entry: number,
  isWrite: boolean,
): number {
  const { mm, cpu } = task;
  const { pool } = mm.space;
  const vmFlags = pool.vmFlags[vma];
  if ((vmFlags & VM_PFNMAP) !== 0) return faultPfnMap(sys, mm, vma, vpn, entry);
  const fileId = pool.fileId[vma];
  const pgoff = linearPageIndex(mm, vma, vpn);
  const isShared = (vmFlags & VM_SHARED) !== 0;
  if (isWrite && !isShared && !prepareAnonVma(sys, task, vma)) return VM_FAULT_OOM;
  const nrMajorBefore = sys.files.nrReads;
  const pfn = readFilePage(sys, task, vpn, fileId, pgoff);
  if (pfn === NO_PFN) return VM_FAULT_OOM;
  const result = sys.files.nrReads === nrMajorBefore ? 0 : VM_FAULT_MAJOR;
  if (isWrite && !isShared) {
    const copy = allocUserPage(sys, cpu, task.pid, vpn);
    if (copy === NO_PFN || task.killedBy !== null) {
      if (copy !== NO_PFN) putUserPage(sys, copy, cpu);
      putUserPage(sys, pfn, cpu);
      return VM_FAULT_OOM;
    }
    copyContents(sys, copy, pfn);
    putUserPage(sys, pfn, cpu);
    mapWritten(sys, task, vpn, entry, copy, vmFlags);
    addNewAnonPage(sys, mm, vma, vpn, copy, cpu);
    return result;
  }
  let flagsLo = vmFlagsToPteLo(vmFlags);
  if (isWrite) {
    flagsLo |= writtenPteLo(vmFlags);
    sys.memmap.setFlags(pfn, PG_DIRTY);
  } else if (isShared && !sys.files.all[fileId].isShmem) {
    // The first write must be seen, so that the page becomes dirty (vma_wants_writenotify).
    flagsLo &= ~PTE_RW;
  }
  mm.pageTable.setEntry(entry, pteLo(pfn, flagsLo), pteHi(pfn, vmFlagsToPteHi(vmFlags)));
  addRmap(sys, mm, vpn, pfn);
  return result;
}
