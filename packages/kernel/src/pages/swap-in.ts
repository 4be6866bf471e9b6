/**
 * Faults on pages in swap. Hot: per page swapped in.
 * Source: Linux 6.18 mm/memory.c, do_swap_page(), should_try_to_free_swap().
 * Differs: a page that is read past the swap cache is dirty at once, as one whose slot is freed; Linux lets reclaim do that.
 */
import {
  NO_PFN,
  NO_SHADOW,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_DIRTY,
  PG_LRU,
  PG_MLOCKED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UPTODATE,
  type Pfn,
  PTE_D,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  pteHi,
  pteLo,
  pteToSwapEntry,
  type SwapEntry,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_LOCKED,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import {
  addRmap,
  allocUserPage,
  countSwapEntries,
  linearPageIndex,
  needsSoftDirtyFault,
  putUserPage,
  vmFlagsToPteHi,
  vmFlagsToPteLo,
} from "./pages.ts";
import { freeSwapOfPage, isSwapFull } from "./swap-pages.ts";
import { noteSwapCacheHit, readAhead } from "./swap-readahead.ts";
import { SWAP_READ_FAILED } from "./swap-window.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_SWAP_IN } from "../time.ts";

/**
 * Brings the page of a swap entry back and maps it: writable when it is the mapping's own. Returns VM_FAULT_* bits:
 * SIGBUS when it cannot be read. The entry stays valid: its table holds at least this entry.
 */
export function swapInPage(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  entry: number,
  isWrite: boolean,
): number {
  const { memmap, swap } = sys;
  const { mm, cpu } = task;
  const vmFlags = mm.space.pool.vmFlags[vma];
  const oldLo = mm.pageTable.entryLo(entry);
  const swapEntry = pteToSwapEntry(oldLo, mm.pageTable.entryHi(entry));
  let result = 0;
  let pfn = swap.lookupCache(swapEntry);
  let isFresh = false;
  if (pfn !== NO_PFN) {
    noteSwapCacheHit(sys, vma, vpn, pfn);
    memmap.getPage(pfn);
  } else {
    result = VM_FAULT_MAJOR;
    isFresh = swap.isSynchronousIo(swapEntry) && swap.swapCount(swapEntry) === 1;
    pfn = isFresh ? readFresh(sys, task, vpn, swapEntry) : readAhead(sys, task, vma, vpn, swapEntry);
    if (pfn < 0) return pfn === SWAP_READ_FAILED ? VM_FAULT_SIGBUS | VM_FAULT_MAJOR : VM_FAULT_OOM;
    if (!isFresh) memmap.getPage(pfn);
  }
  // Who shares the page is told by references: those of batches must not count.
  if (isWrite && !isFresh && !memmap.hasFlags(pfn, PG_LRU)) sys.lru.drain(cpu);

  const isExclusive = isFresh || (oldLo & PTE_SWP_EXCLUSIVE) !== 0;
  swap.swapFree(swapEntry);
  countSwapEntries(sys, mm, -1);
  if (shouldTryToFreeSwap(sys, pfn, vmFlags, isWrite)) freeSwapOfPage(sys, pfn);
  let flagsLo = vmFlagsToPteLo(vmFlags);
  if ((oldLo & PTE_SWP_SOFT_DIRTY) !== 0) flagsLo |= PTE_SOFT_DIRTY;
  if ((oldLo & PTE_SWP_UFFD_WP) !== 0) flagsLo |= PTE_UFFD_WP;
  if (isExclusive || memmap.refcount[pfn] === 1) {
    const mayWrite =
      (vmFlags & VM_WRITE) !== 0 && (flagsLo & PTE_UFFD_WP) === 0 && !needsSoftDirtyFault(vmFlags, flagsLo);
    if (mayWrite) flagsLo |= PTE_RW | (isWrite ? PTE_D | PTE_SOFT_DIRTY : 0);
    memmap.setFlags(pfn, PG_ANON_EXCLUSIVE);
  }
  if (isFresh) {
    // Its slot is gone and no entry is dirty: RAM holds the only copy, which MADV_FREE by one of two sharers must not drop.
    memmap.flags[pfn] |= PG_ANON | PG_SWAPBACKED | PG_UPTODATE | PG_DIRTY;
    memmap.index[pfn] = linearPageIndex(mm, vma, vpn);
  } else if (!memmap.hasFlags(pfn, PG_ANON)) {
    // Read as somebody's neighbour on the device: only now is it known whose it is.
    memmap.setFlags(pfn, PG_ANON);
    memmap.index[pfn] = linearPageIndex(mm, vma, vpn);
  }
  mm.pageTable.setEntry(entry, pteLo(pfn, flagsLo), pteHi(pfn, vmFlagsToPteHi(vmFlags)));
  addRmap(sys, mm, vpn, pfn);
  if (isFresh) sys.lru.addPage(pfn, cpu);
  return result;
}

/**
 * Reads a page that nobody else names from a synchronous device, past the swap cache: its slot is given back at once.
 * Returns the frame, NO_PFN or SWAP_READ_FAILED.
 */
function readFresh(sys: System, task: Task, vpn: Vpn, swapEntry: SwapEntry): number {
  const pfn = allocUserPage(sys, task.cpu, task.pid, vpn);
  if (pfn === NO_PFN) return NO_PFN;
  const isKilled = task.killedBy !== null;
  if (!isKilled) sys.time.spend(CAUSE_SWAP_IN, 1);
  if (!isKilled && sys.swap.readPage(swapEntry, pfn) >= 0) {
    const shadow = sys.swap.shadowOf(swapEntry);
    sys.memmap.setFlags(pfn, PG_SWAPBACKED);
    if (shadow !== NO_SHADOW) sys.reclaimPolicy.refault?.(pfn, shadow);
    return pfn;
  }
  putUserPage(sys, pfn, task.cpu);
  return isKilled ? NO_PFN : SWAP_READ_FAILED;
}

/** Should the slot go now that its page is back: is swap short, or the page about to be written by its only user? */
function shouldTryToFreeSwap(sys: System, pfn: Pfn, vmFlags: number, isWrite: boolean): boolean {
  const flags = sys.memmap.flags[pfn];
  if ((flags & PG_SWAPCACHE) === 0) return false;
  if (isSwapFull(sys) || (vmFlags & VM_LOCKED) !== 0 || (flags & PG_MLOCKED) !== 0) return true;
  return isWrite && sys.memmap.refcount[pfn] === 2;
}
