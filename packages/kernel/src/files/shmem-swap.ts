/**
 * Shared memory in swap: pages written out, found in the swap cache or read back.
 *
 * A page that leaves memory leaves its inode at once: the inode names the slot instead, the page stays in the swap cache,
 * without a mapping, until it is written and its frame is taken. Page tables know nothing of it: their entries are empty.
 * The inode's name for a slot counts as one page-table entry would (SWAP_MAP_SHMEM).
 * Source: Linux 6.18 mm/shmem.c, shmem_writeout(), shmem_swapin_folio(), shmem_free_swap(), shmem_swap_usage().
 */
import {
  bug,
  EIO,
  ENOMEM,
  NO_PFN,
  PG_DIRTY,
  PG_UPTODATE,
  type Pfn,
  type SwapEntry,
} from "@pageframe/contracts";
import { type Inode } from "./inode.ts";
import { addToCache, removeFromCache, unchargePages } from "./shmem-inode.ts";
import { noteClusterHit, readCluster, readIntoSwapCache } from "../pages/swap-cluster.ts";
import { addPageToSwap, freeSwapEntry } from "../pages/swap-pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_ZERO_PAGE } from "../time.ts";

/**
 * Moves a dirty page that nothing maps from its inode to the swap cache; the caller writes it. False, and the page as
 * it was, when swap is full.
 */
export function moveShmemToSwap(sys: System, pfn: Pfn): boolean {
  const { memmap, swap } = sys;
  const inode = sys.files.inode(memmap.mapping[pfn]);
  if (!memmap.hasFlags(pfn, PG_UPTODATE)) {
    // Allocated by fallocate, and nobody has looked at it.
    sys.contents.zeroPage(pfn);
    memmap.setFlags(pfn, PG_UPTODATE);
    sys.time.spend(CAUSE_ZERO_PAGE, 1);
  }
  if (!addPageToSwap(sys, pfn)) return false;
  const entry: SwapEntry = memmap.private[pfn];
  const pgoff = memmap.index[pfn];
  swap.swapDuplicate(entry);
  removeFromCache(sys, inode, pfn);
  inode.swapped.set(pgoff, entry);
  // The inode's reference goes; the swap cache's stays.
  if (memmap.putPageTestzero(pfn)) bug(`pfn ${pfn} is in the swap cache and has no reference`);
  return true;
}

/**
 * Brings a page of a shmem inode back from swap and takes a reference for the caller. Returns the frame, -ENOMEM or -EIO.
 * `sys.files.nrReads` counts those that the swap cache did not have.
 */
export function swapInShmem(sys: System, task: Task, inode: Inode, pgoff: number): number {
  const { memmap, swap } = sys;
  const entry = inode.swapped.get(pgoff) ?? bug(`page ${pgoff} of inode ${inode.id} is not in swap`);
  let pfn: number = swap.lookupCache(entry);
  if (pfn === NO_PFN) {
    sys.files.nrReads++;
    pfn = sys.swap.isSynchronousIo(entry)
      ? readIntoSwapCache(sys, task, pgoff, entry)
      : readCluster(sys, task, pgoff, entry);
    if (pfn < 0) return pfn === NO_PFN ? -ENOMEM : -EIO;
  } else {
    noteClusterHit(sys, pfn);
  }
  // The swap cache's reference becomes the inode's.
  swap.deleteFromCache(pfn);
  inode.swapped.delete(pgoff);
  swap.swapFree(entry);
  addToCache(sys, inode, pgoff, pfn);
  memmap.setFlags(pfn, PG_DIRTY);
  memmap.getPage(pfn);
  return pfn;
}

/** Drops the slot of a page that nobody wants any more, and its charge (shmem_free_swap). */
export function freeShmemSwap(sys: System, inode: Inode, pgoff: number): void {
  const entry = inode.swapped.get(pgoff) ?? bug(`page ${pgoff} of inode ${inode.id} is not in swap`);
  inode.swapped.delete(pgoff);
  freeSwapEntry(sys, entry, sys.currentCpu);
  unchargePages(sys, inode, 1);
}

/** Pages [startPgoff, endPgoff) of an inode that are in swap (shmem_partial_swap_usage). O(min(range, pages in swap)). */
export function nrSwappedPages(inode: Inode, startPgoff: number, endPgoff: number): number {
  let nrPages = 0;
  if (inode.swapped.size < endPgoff - startPgoff) {
    for (const pgoff of inode.swapped.keys()) if (pgoff >= startPgoff && pgoff < endPgoff) nrPages++;
  } else {
    for (let pgoff = startPgoff; pgoff < endPgoff; pgoff++) if (inode.swapped.has(pgoff)) nrPages++;
  }
  return nrPages;
}

/**
 * Frame of a page of an inode that can be had without reading: cached, or in the swap cache; NO_PFN otherwise. Takes no
 * reference (filemap_get_incore_folio).
 */
export function findIncorePage(sys: System, inode: Inode, pgoff: number): Pfn {
  const pfn = inode.pages.load(pgoff);
  if (pfn !== NO_PFN) return pfn;
  const entry = inode.swapped.get(pgoff);
  return entry === undefined ? NO_PFN : sys.swap.lookupCache(entry);
}
