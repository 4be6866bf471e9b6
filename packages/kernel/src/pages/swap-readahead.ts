/**
 * Reading pages from swap, and those beside them in the mapping, into the swap cache. Hot: per page swapped in. Where an area is
 * on a disk that turns, those beside them there (swap-cluster.ts).
 *
 * How many pages are read at a time grows with the pages read ahead that were used, up to 2^pageCluster. What a mapping
 * remembers of it (swap_readahead_info) is one number: page of the last swap fault, window then, pages used since.
 *
 *     bits 0..5 pages used | 6..11 window | 12.. page number
 *
 * Source: Linux 6.18 mm/swap_state.c, swap_vma_readahead(), swap_vma_ra_win(), swap_update_readahead(),
 * read_swap_cache_async().
 * Differs: reads are over when they return; a page whose read failed does not stay in the swap cache.
 */
import {
  NO_ENTRY,
  NO_PFN,
  PAGES_PER_LEVEL,
  PG_ANON,
  PT_LEVEL_PMD,
  pteIsNonSwap,
  pteIsSwap,
  pteToSwapEntry,
  SWAP_RA,
  SWAP_RA_HIT,
  type SwapEntry,
  type VmaId,
  type Vpn,
  PG_READAHEAD,
} from "@pageframe/contracts";
import { linearPageIndex } from "./pages.ts";
import { noteClusterHit, readCluster, readIntoSwapCache } from "./swap-cluster.ts";
import { windowPages } from "./swap-window.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** What a mapping starts with: four pages used. */
const SWAP_RA_INITIAL = 4;
const SWAP_RA_WIN_SHIFT = 6;
const SWAP_RA_VPN_SHIFT = 12;
/** Largest count of pages used, and mask of each of the two counts. */
const SWAP_RA_HITS_MAX = 63;
/** Largest order of a window (SWAP_RA_ORDER_CEILING). */
const SWAP_RA_ORDER_CEILING = 5;
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/**
 * Reads the page of a swap entry, which is not cached, and its neighbours. Returns its frame, which the swap cache holds;
 * NO_PFN without memory, or when the task was killed for it; SWAP_READ_FAILED.
 */
export function readAhead(sys: System, task: Task, vma: VmaId, vpn: Vpn, swapEntry: SwapEntry): number {
  if (sys.swap.nrRotational > 0) return readCluster(sys, task, vpn, swapEntry);
  const { mm } = task;
  const { pool } = mm.space;
  const prevVpn = Math.floor(readaheadInfo(sys, vma) / 2 ** SWAP_RA_VPN_SHIFT);
  const nrPages = nextWindow(sys, vma, vpn, prevVpn);
  if (nrPages > 1) {
    // Onwards, backwards, or around a place that came from nowhere.
    const nrBefore = vpn === prevVpn + 1 ? 0 : prevVpn === vpn + 1 ? nrPages - 1 : (nrPages - 1) >> 1;
    const tableVpn = vpn - (vpn % PMD_PAGES);
    const startVpn = Math.max(vpn - nrBefore, pool.startVpn[vma], tableVpn);
    const endVpn = Math.min(vpn - nrBefore + nrPages, pool.endVpn[vma], tableVpn + PMD_PAGES);
    for (let at = startVpn; at < endVpn && task.killedBy === null; at++) {
      if (at === vpn) {
        const pfn = readIntoCache(sys, task, vma, vpn, swapEntry);
        if (pfn < 0) return pfn;
        continue;
      }
      const entry = mm.pageTable.findEntry(at);
      if (entry === NO_ENTRY) continue;
      const lo = mm.pageTable.entryLo(entry);
      const hi = mm.pageTable.entryHi(entry);
      if (!pteIsSwap(lo, hi) || pteIsNonSwap(hi)) continue;
      readNeighbour(sys, task, vma, at, pteToSwapEntry(lo, hi));
    }
    sys.lru.drain(task.cpu);
    if (task.killedBy !== null) return NO_PFN;
  }
  const pfn = sys.swap.lookupCache(swapEntry);
  return pfn === NO_PFN ? readIntoCache(sys, task, vma, vpn, swapEntry) : pfn;
}

/** Notes that a fault at `vpn` found its page in the swap cache: perhaps one that was read ahead. */
export function noteSwapCacheHit(sys: System, vma: VmaId, vpn: Vpn, pfn: number): void {
  const { memmap } = sys;
  if (sys.swap.nrRotational > 0) {
    noteClusterHit(sys, pfn);
    return;
  }
  const isReadahead = memmap.hasFlags(pfn, PG_READAHEAD);
  if (isReadahead) {
    memmap.clearFlags(pfn, PG_READAHEAD);
    sys.vmstat.countEvents(SWAP_RA_HIT, 1);
  }
  const counts = readaheadInfo(sys, vma) % 2 ** SWAP_RA_VPN_SHIFT;
  const nrHits = Math.min((counts & SWAP_RA_HITS_MAX) + (isReadahead ? 1 : 0), SWAP_RA_HITS_MAX);
  sys.vmaPool.swapReadahead[vma] = vpn * 2 ** SWAP_RA_VPN_SHIFT + ((counts & ~SWAP_RA_HITS_MAX) | nrHits);
}

function readaheadInfo(sys: System, vma: VmaId): number {
  const info = sys.vmaPool.swapReadahead[vma];
  return info === 0 ? SWAP_RA_INITIAL : info;
}

/** Reads a page that nobody waits for into the swap cache; it does not matter if that fails. */
export function readUnasked(sys: System, task: Task, vma: VmaId, vpn: Vpn, swapEntry: SwapEntry): void {
  if (sys.swap.lookupCache(swapEntry) === NO_PFN) readIntoCache(sys, task, vma, vpn, swapEntry);
}

/** Reads a page beside the one that is waited for, and marks it, to see whether that was of use. */
function readNeighbour(sys: System, task: Task, vma: VmaId, vpn: Vpn, swapEntry: SwapEntry): void {
  if (sys.swap.lookupCache(swapEntry) !== NO_PFN) return;
  const pfn = readIntoCache(sys, task, vma, vpn, swapEntry);
  if (pfn < 0) return;
  sys.memmap.setFlags(pfn, PG_READAHEAD);
  sys.vmstat.countEvents(SWAP_RA, 1);
}

/** Pages to read around a fault, which it notes in the mapping; `prevVpn` is where the last one was. */
function nextWindow(sys: System, vma: VmaId, vpn: Vpn, prevVpn: Vpn): number {
  const maxPages = 1 << Math.min(sys.swap.pageCluster, SWAP_RA_ORDER_CEILING);
  if (maxPages === 1) return 1;
  const counts = readaheadInfo(sys, vma) % 2 ** SWAP_RA_VPN_SHIFT;
  const prevPages = (counts >> SWAP_RA_WIN_SHIFT) & SWAP_RA_HITS_MAX;
  const nrPages = windowPages(prevVpn, vpn, counts & SWAP_RA_HITS_MAX, maxPages, prevPages);
  sys.vmaPool.swapReadahead[vma] = vpn * 2 ** SWAP_RA_VPN_SHIFT + (nrPages << SWAP_RA_WIN_SHIFT);
  return nrPages;
}

/** Reads a page of a mapping into the swap cache. Returns the frame, NO_PFN or SWAP_READ_FAILED. */
function readIntoCache(sys: System, task: Task, vma: VmaId, vpn: Vpn, swapEntry: SwapEntry): number {
  const pfn = readIntoSwapCache(sys, task, vpn, swapEntry);
  if (pfn >= 0) {
    sys.memmap.flags[pfn] |= PG_ANON;
    sys.memmap.index[pfn] = linearPageIndex(task.mm, vma, vpn);
  }
  return pfn;
}
