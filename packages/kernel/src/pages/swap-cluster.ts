/**
 * Reading pages from swap together with their neighbours on the device: for shared memory, and for all memory when an area is
 * on a disk that turns. Hot: per page swapped in.
 *
 * What is read is an aligned block of 2^n slots that are in use, up to 2^pageCluster. Nobody knows whose pages the others
 * are before somebody faults on them: they lie in the swap cache without owner.
 * Source: Linux 6.18 mm/swap_state.c, swap_cluster_readahead(), swapin_nr_pages(), swap_update_readahead().
 */
import {
  NO_PFN,
  NO_SHADOW,
  PG_SWAPBACKED,
  PG_UPTODATE,
  type SwapEntry,
  SWAP_RA,
  SWAP_RA_HIT,
  swapEntry,
  swapOffset,
  swapType,
  type Vpn,
  PG_READAHEAD,
} from "@pageframe/contracts";
import { allocUserPage, putUserPage } from "./pages.ts";
import { SWAP_READ_FAILED, windowPages } from "./swap-window.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_SWAP_IN } from "../time.ts";

/**
 * Reads the page of a swap entry, which is not cached, and its neighbours. `vpn`: where it is wanted, for messages. Returns
 * its frame, which the swap cache holds; NO_PFN without memory, or when the task was killed for it; SWAP_READ_FAILED.
 */
export function readCluster(sys: System, task: Task, vpn: Vpn, entry: SwapEntry): number {
  const nrPages = nextCluster(sys, swapOffset(entry));
  if (nrPages > 1) {
    const type = swapType(entry);
    // As a mask, whether or not the window is a power of two.
    const mask = nrPages - 1;
    const startOffset = Math.max(1, swapOffset(entry) & ~mask);
    const endOffset = Math.min(swapOffset(entry) | mask, sys.swap.nrSlotsOf(entry) - 1);
    for (let offset = startOffset; offset <= endOffset && task.killedBy === null; offset++) {
      const at = swapEntry(type, offset);
      if (sys.swap.lookupCache(at) !== NO_PFN || sys.swap.swapCount(at) === 0) continue;
      const pfn = readIntoSwapCache(sys, task, vpn, at);
      if (at === entry) {
        if (pfn < 0) return pfn;
      } else if (pfn >= 0) {
        sys.memmap.setFlags(pfn, PG_READAHEAD);
        sys.vmstat.countEvents(SWAP_RA, 1);
      }
    }
    sys.lru.drain(task.cpu);
    if (task.killedBy !== null) return NO_PFN;
  }
  const pfn = sys.swap.lookupCache(entry);
  return pfn === NO_PFN ? readIntoSwapCache(sys, task, vpn, entry) : pfn;
}

/** Notes that a page was found in the swap cache: perhaps one that was read ahead. */
export function noteClusterHit(sys: System, pfn: number): void {
  if (!sys.memmap.hasFlags(pfn, PG_READAHEAD)) return;
  sys.memmap.clearFlags(pfn, PG_READAHEAD);
  sys.vmstat.countEvents(SWAP_RA_HIT, 1);
  sys.swapCluster.nrHits++;
}

/** Reads a slot into a page that is nobody's, in the swap cache. Returns the frame, NO_PFN or SWAP_READ_FAILED. */
export function readIntoSwapCache(sys: System, task: Task, vpn: Vpn, entry: SwapEntry): number {
  const { memmap, swap } = sys;
  const pfn = allocUserPage(sys, task.cpu, task.pid, vpn);
  if (pfn === NO_PFN) return NO_PFN;
  if (task.killedBy !== null) {
    putUserPage(sys, pfn, task.cpu);
    return NO_PFN;
  }
  sys.time.spend(CAUSE_SWAP_IN, 1);
  if (swap.readPage(entry, pfn) < 0) {
    putUserPage(sys, pfn, task.cpu);
    return SWAP_READ_FAILED;
  }
  memmap.flags[pfn] |= PG_SWAPBACKED | PG_UPTODATE;
  const shadow = swap.shadowOf(entry);
  // The reference that came with the page becomes the cache's.
  swap.addToCache(entry, pfn);
  if (shadow !== NO_SHADOW) sys.reclaimPolicy.refault?.(pfn, shadow);
  sys.lru.addPage(pfn, task.cpu);
  return pfn;
}

/** Slots to read around one (swapin_nr_pages). */
function nextCluster(sys: System, offset: number): number {
  const { swapCluster, swap } = sys;
  const maxPages = 2 ** swap.pageCluster;
  if (maxPages <= 1) return 1;
  const { nrHits } = swapCluster;
  swapCluster.nrHits = 0;
  const nrPages = windowPages(swapCluster.prevOffset, offset, nrHits, maxPages, swapCluster.nrPages);
  if (nrHits === 0) swapCluster.prevOffset = offset;
  swapCluster.nrPages = nrPages;
  return nrPages;
}
