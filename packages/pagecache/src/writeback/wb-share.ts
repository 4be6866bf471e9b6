/** The share of the limits that a device may use, and where dirty pages stand against the limits. */
import { dirtyLimits, type DirtyLimits } from "./dirty-limits.ts";
import { type DirtySysctls } from "./dirty-sysctls.ts";
import { localEvents, shareBase } from "./proportions.ts";
import { div, mulDiv } from "./units.ts";
import { BDI_RATIO_SCALE, type WbDevice, type WbDomain } from "./wb-state.ts";

/** Counts of the machine, as the caller has them now. Units: pages. */
export interface DirtyCounts {
  /** See globalDirtyableMemory(). */
  readonly nrDirtyable: number;
  /** NR_FILE_DIRTY and NR_WRITEBACK. */
  readonly nrFileDirty: number;
  readonly nrWriteback: number;
}

/** Where a device stands (struct dirty_throttle_control). Units: pages. */
export interface DirtyPosition extends DirtyLimits {
  /** Pages of all devices that are dirty or being written. */
  nrDirty: number;
  wbThresh: number;
  wbBgThresh: number;
  wbNrDirty: number;
  /** Factor on the rate of tasks, in 1024ths. */
  posRatio: number;
}

export function newDirtyPosition(): DirtyPosition {
  return { bgThresh: 0, thresh: 0, nrDirty: 0, wbThresh: 0, wbBgThresh: 0, wbNrDirty: 0, posRatio: 0 };
}

/** The limit that is never reached: the threshold, or what it was lately. Source: Linux 6.18 mm/page-writeback.c, hard_dirty_limit(). */
export function hardDirtyLimit(domain: WbDomain, thresh: number): number {
  return Math.max(thresh, domain.dirtyLimit);
}

/**
 * The part of `thresh` that a device may use: by its part of what was written lately, at least an eighth of what is free of
 * the threshold, within its own ratios. Source: Linux 6.18 mm/page-writeback.c, __wb_calc_thresh(). Differs: no strictlimit.
 */
export function wbCalcThresh(domain: WbDomain, wb: WbDevice, thresh: number, nrDirty: number): number {
  const all = 100 * BDI_RATIO_SCALE;
  const shared = mulDiv(thresh, all - domain.minRatioSum, all);
  let share = mulDiv(
    shared,
    localEvents(domain.completions, wb.completions),
    shareBase(domain.completions, wb.completions),
  );
  share += mulDiv(thresh, wb.minRatio, all);
  if (thresh > nrDirty) share = Math.max(share, div(thresh - nrDirty, 8));
  return Math.min(share, mulDiv(thresh, wb.maxRatio, all));
}

/** Fills in the limits of the machine and what is dirty. Source: domain_dirty_avail(), domain_dirty_limits(). */
export function placeMachine(
  sysctls: DirtySysctls,
  domain: WbDomain,
  counts: DirtyCounts,
  isRealTime: boolean,
  position: DirtyPosition,
): void {
  dirtyLimits(sysctls, counts.nrDirtyable, domain.dirtyLimit, isRealTime, position);
  position.nrDirty = counts.nrFileDirty + counts.nrWriteback;
}

/** Fills in the share of the device and what it has dirty. Source: wb_dirty_limits(). */
export function placeDevice(domain: WbDomain, wb: WbDevice, position: DirtyPosition): void {
  position.wbThresh = wbCalcThresh(domain, wb, position.thresh, position.nrDirty);
  position.wbBgThresh =
    position.thresh === 0 ? 0 : mulDiv(position.wbThresh, position.bgThresh, position.thresh);
  position.wbNrDirty = wb.nrReclaimable + wb.nrWriteback;
}

/**
 * Tells whether the flusher of a device has background work: too much is dirty on the machine, or of it on this device. Pages
 * that are being written do not count. Source: Linux 6.18 mm/page-writeback.c, wb_over_bg_thresh().
 */
export function isOverBgThresh(
  sysctls: DirtySysctls,
  domain: WbDomain,
  wb: WbDevice,
  counts: DirtyCounts,
): boolean {
  const limits = { bgThresh: 0, thresh: 0 };
  dirtyLimits(sysctls, counts.nrDirtyable, domain.dirtyLimit, false, limits);
  if (counts.nrFileDirty > limits.bgThresh) return true;
  return wb.nrReclaimable > wbCalcThresh(domain, wb, limits.bgThresh, counts.nrFileDirty);
}
