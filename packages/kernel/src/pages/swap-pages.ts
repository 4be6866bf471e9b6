/**
 * Anonymous pages on their way to swap, and slots given back. Hot: per page swapped.
 * Source: Linux 6.18 mm/swapfile.c, folio_alloc_swap(), folio_free_swap(), free_swap_and_cache_nr(); mm/page_io.c,
 * swap_writeout(); mm/swap_state.c.
 */
import {
  type CpuId,
  NO_PFN,
  NO_SWAP_ENTRY,
  PG_DIRTY,
  PG_SWAPCACHE,
  PG_WRITEBACK,
  type Pfn,
  type SwapEntry,
} from "@pageframe/contracts";
import { putUserPage } from "./pages.ts";
import { type System } from "../system.ts";
import { CAUSE_SWAP_OUT } from "../time.ts";

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
  if ((memmap.flags[pfn] & (PG_SWAPCACHE | PG_WRITEBACK)) !== PG_SWAPCACHE) return false;
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
export function isSwapFull(sys: System): boolean {
  return sys.swap.nrFreeSlots * 2 < sys.swap.nrTotalSlots;
}
