/** How many pages may be dirty. */
import { type DirtySysctls } from "./dirty-sysctls.ts";
import { div, ilog2, mulDiv } from "./units.ts";

const PAGE_SIZE = 4096;
const UINT_MAX = 2 ** 32 - 1;

/** Limits of a machine. Units: pages. */
export interface DirtyLimits {
  /** Above it the flusher starts. */
  bgThresh: number;
  /** Writers are held back so that it is not reached. */
  thresh: number;
}

/**
 * Pages that could be dirty: free ones above the reserve, and those of the page cache; never 0.
 * `nrReserved` is totalreserve_pages: of each zone its high watermark and its largest lowmem reserve, at most what it manages.
 * Source: Linux 6.18 mm/page-writeback.c, global_dirtyable_memory().
 */
export function globalDirtyableMemory(
  nrFree: number,
  nrReserved: number,
  nrInactiveFile: number,
  nrActiveFile: number,
): number {
  return nodeDirtyableMemory(nrFree, nrReserved, nrInactiveFile, nrActiveFile) + 1;
}

/** The same of one node, where it may be 0. Source: Linux 6.18 mm/page-writeback.c, node_dirtyable_memory(). */
export function nodeDirtyableMemory(
  nrFree: number,
  nrReserved: number,
  nrInactiveFile: number,
  nrActiveFile: number,
): number {
  return Math.max(0, nrFree - nrReserved) + nrInactiveFile + nrActiveFile;
}

/**
 * Fills in the limits for `nrDirtyable` pages. A real-time or deadline task gets a quarter more, and a 32nd of
 * `dirtyLimit` (WbDomain.dirtyLimit). Source: Linux 6.18 mm/page-writeback.c, domain_dirty_limits().
 */
export function dirtyLimits(
  sysctls: DirtySysctls,
  nrDirtyable: number,
  dirtyLimit: number,
  isRealTime: boolean,
  into: DirtyLimits,
): void {
  // Ratios count in 4096ths, rounded down: 20 % are 819.
  let thresh =
    sysctls.dirtyBytes === 0
      ? mulDiv(div(sysctls.dirtyRatio * PAGE_SIZE, 100), nrDirtyable, PAGE_SIZE)
      : Math.ceil(sysctls.dirtyBytes / PAGE_SIZE);
  let bgThresh =
    sysctls.dirtyBackgroundBytes === 0
      ? mulDiv(div(sysctls.dirtyBackgroundRatio * PAGE_SIZE, 100), nrDirtyable, PAGE_SIZE)
      : Math.ceil(sysctls.dirtyBackgroundBytes / PAGE_SIZE);
  if (isRealTime) {
    bgThresh += div(bgThresh, 4) + div(dirtyLimit, 32);
    thresh += div(thresh, 4) + div(dirtyLimit, 32);
  }
  thresh = Math.min(thresh, UINT_MAX);
  if (bgThresh >= thresh) bgThresh = div(thresh, 2);
  into.thresh = thresh;
  into.bgThresh = bgThresh;
}

/**
 * Dirty pages that a node may hold before allocations for writing go elsewhere.
 * Source: Linux 6.18 mm/page-writeback.c, node_dirty_limit().
 */
export function nodeDirtyLimit(
  sysctls: DirtySysctls,
  nrNodeDirtyable: number,
  nrDirtyable: number,
  isRealTime: boolean,
): number {
  let limit =
    sysctls.dirtyBytes === 0
      ? mulDiv(sysctls.dirtyRatio, nrNodeDirtyable, 100)
      : mulDiv(Math.ceil(sysctls.dirtyBytes / PAGE_SIZE), nrNodeDirtyable, nrDirtyable);
  if (isRealTime) limit += div(limit, 4);
  return Math.min(limit, UINT_MAX);
}

/** Up to here nobody is held back. Source: Linux 6.18 mm/page-writeback.c, dirty_freerun_ceiling(). */
export function freerunCeiling(limits: DirtyLimits): number {
  return div(limits.thresh + limits.bgThresh, 2);
}

/**
 * Pages that a CPU may dirty before a task is looked at however few it dirtied itself (ratelimit_pages).
 * Source: Linux 6.18 mm/page-writeback.c, writeback_set_ratelimit().
 */
export function ratelimitPages(thresh: number, nrOnlineCpus: number): number {
  return Math.max(16, div(thresh, nrOnlineCpus * 32));
}

/** Pages that a task may dirty before it is looked at again. Source: Linux 6.18 mm/page-writeback.c, dirty_poll_interval(). */
export function dirtyPollInterval(nrDirty: number, thresh: number): number {
  return thresh > nrDirty ? 2 ** (ilog2(thresh - nrDirty) >>> 1) : 1;
}
