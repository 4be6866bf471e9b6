/** MemAvailable. Source: Linux 6.18 mm/show_mem.c, si_mem_available(). */

/** Amounts of a whole machine, in pages. */
export interface MemAvailableSource {
  /** NR_FREE_PAGES. */
  readonly freePages: number;
  /** totalreserve_pages: what the watermarks and lowmem reserves keep from user space. */
  readonly totalReservePages: number;
  /** Sum of the low watermarks of all zones. */
  readonly wmarkLowPages: number;
  /** Active plus inactive file pages. */
  readonly fileLruPages: number;
  /** NR_SLAB_RECLAIMABLE plus NR_KERNEL_MISC_RECLAIMABLE. */
  readonly reclaimablePages: number;
}

/**
 * Estimates the pages that programs can still take without swapping: free ones beyond the reserve, and of page cache
 * and reclaimable slab all but what must stay: half of each, at most the low watermarks. Never negative.
 */
export function siMemAvailable(source: MemAvailableSource): number {
  const { freePages, totalReservePages, wmarkLowPages, fileLruPages, reclaimablePages } = source;
  const keep = (nrPages: number): number => Math.min(Math.floor(nrPages / 2), wmarkLowPages);
  const available =
    freePages -
    totalReservePages +
    (fileLruPages - keep(fileLruPages)) +
    (reclaimablePages - keep(reclaimablePages));
  return Math.max(0, available);
}
