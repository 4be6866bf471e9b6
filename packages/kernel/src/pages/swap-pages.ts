/**
 * Anonymous pages between RAM and swap. Hot: per page swapped.
 * Source: Linux 6.18 mm/memory.c, do_swap_page(), should_try_to_free_swap(); mm/swapfile.c, folio_free_swap(),
 * free_swap_and_cache(); mm/swap_state.c.
 * Differs: one page at a time, no readahead.
 */
import {
  type CpuId,
  NO_PFN,
  NO_SWAP_ENTRY,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_DIRTY,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UPTODATE,
  type Pfn,
  PTE_D,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SWP_EXCLUSIVE,
  pteHi,
  pteLo,
  pteToSwapEntry,
  type SwapEntry,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import {
  addRmap,
  allocUserPage,
  countSwapEntries,
  linearPageIndex,
  putUserPage,
  vmFlagsToPteHi,
  vmFlagsToPteLo,
} from "./pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_SWAP_IN, CAUSE_SWAP_OUT } from "../time.ts";

/** Gives a page a swap slot and puts it in the swap cache; false when swap is full (add_to_swap). */
export function addPageToSwap(sys: System, pfn: Pfn): boolean {
  const entry = sys.swap.allocEntry();
  if (entry === NO_SWAP_ENTRY) return false;
  sys.swap.addToCache(entry, pfn);
  sys.memmap.getPage(pfn);
  sys.memmap.setFlags(pfn, PG_DIRTY);
  return true;
}

/** Writes a swap-cache page to its slot; returns 0 or -errno, and then the page stays dirty. */
export function writeToSwap(sys: System, pfn: Pfn): number {
  const result = sys.swap.writePage(sys.memmap.private[pfn], pfn);
  if (result < 0) return result;
  sys.memmap.clearFlags(pfn, PG_DIRTY);
  sys.time.spend(CAUSE_SWAP_OUT, 1);
  return 0;
}

/**
 * Takes a page out of the swap cache and frees its slot, if no entry names the slot any more; drops the cache's
 * reference, which must not be the last. The page is dirty then: RAM holds the only copy (folio_free_swap).
 */
export function freeSwapOfPage(sys: System, pfn: Pfn): boolean {
  const { memmap } = sys;
  if (sys.swap.swapCount(memmap.private[pfn]) > 0) return false;
  sys.swap.deleteFromCache(pfn);
  memmap.putPageTestzero(pfn);
  memmap.setFlags(pfn, PG_DIRTY);
  return true;
}

/** Drops an entry's hold on a slot; frees slot and cached page when it was the last (free_swap_and_cache). */
export function freeSwapEntry(sys: System, entry: SwapEntry, cpu: CpuId): void {
  const { memmap, swap } = sys;
  const pfn = swap.freeSwapAndCache(entry);
  if (pfn === NO_PFN || memmap.mapcount[pfn] > 0) return;
  swap.deleteFromCache(pfn);
  putUserPage(sys, pfn, cpu);
}

/** Is so much swap used that slots of resident pages should be given back? (vm_swap_full) */
function isSwapFull(sys: System): boolean {
  return sys.swap.nrFreeSlots * 2 < sys.swap.nrTotalSlots;
}

/**
 * Brings the page of a swap entry back and maps it. Returns VM_FAULT_* bits: SIGBUS when it cannot be read.
 * The entry's word index stays valid: its table holds at least this entry.
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
  if (pfn === NO_PFN) {
    pfn = allocUserPage(sys, cpu, task.pid, vpn);
    if (pfn === NO_PFN) return VM_FAULT_OOM;
    if (task.killedBy !== null) {
      putUserPage(sys, pfn, cpu);
      return VM_FAULT_OOM;
    }
    result = VM_FAULT_MAJOR;
    sys.time.spend(CAUSE_SWAP_IN, 1);
    if (swap.readPage(swapEntry, pfn) < 0) {
      putUserPage(sys, pfn, cpu);
      return VM_FAULT_SIGBUS;
    }
    memmap.flags[pfn] |= PG_ANON | PG_SWAPBACKED | PG_UPTODATE;
    memmap.index[pfn] = linearPageIndex(mm, vma, vpn);
    // The reference that came with the page becomes the cache's.
    swap.addToCache(swapEntry, pfn);
    sys.lru.addPage(pfn, cpu);
  }
  memmap.getPage(pfn);

  const wasExclusive = (oldLo & PTE_SWP_EXCLUSIVE) !== 0;
  swap.swapFree(swapEntry);
  countSwapEntries(sys, mm, -1);
  if (isSwapFull(sys) || (isWrite && isOnlyUser(sys, pfn, cpu))) {
    if (swap.swapCount(swapEntry) === 0) freeSwapOfPage(sys, pfn);
  }
  let flagsLo = vmFlagsToPteLo(vmFlags);
  const isCached = (memmap.flags[pfn] & PG_SWAPCACHE) !== 0;
  const isExclusive = wasExclusive || (!isCached && memmap.mapcount[pfn] === 0);
  if (isExclusive) {
    memmap.setFlags(pfn, PG_ANON_EXCLUSIVE);
    if ((vmFlags & VM_WRITE) !== 0) {
      flagsLo |= PTE_RW;
      if (isWrite) flagsLo |= PTE_D | PTE_SOFT_DIRTY;
    }
  }
  mm.pageTable.setEntry(entry, pteLo(pfn, flagsLo), pteHi(pfn, vmFlagsToPteHi(vmFlags)));
  addRmap(sys, mm, vpn, pfn);
  return result;
}

/** Is the page only in the swap cache and held by this fault? */
function isOnlyUser(sys: System, pfn: Pfn, cpu: CpuId): boolean {
  if (sys.memmap.refcount[pfn] > 2) sys.lru.drain(cpu);
  return sys.memmap.refcount[pfn] === 2;
}
