/** The control lines: how much faster or slower than the base rate a task may dirty pages where things stand. */
import { freerunCeiling } from "./dirty-limits.ts";
import { div, mulDiv, orOne } from "./units.ts";
import { type DirtyPosition, hardDirtyLimit } from "./wb-share.ts";
import { type WbDevice, type WbDomain } from "./wb-state.ts";

/** Ratios count in 1024ths. */
export const RATELIMIT_CALC_SHIFT = 10;
const ONE = 2 ** RATELIMIT_CALC_SHIFT;

/** Dirty pages that the machine is steered to: half way between where throttling starts and the limit. */
export function dirtySetpoint(domain: WbDomain, position: DirtyPosition): number {
  return div(freerunCeiling(position) + hardDirtyLimit(domain, position.thresh), 2);
}

/**
 * A cubic through 2 where throttling starts, 1 at the setpoint and 0 at the limit; in 1024ths, from 0 to 2048.
 * Source: Linux 6.18 mm/page-writeback.c, pos_ratio_polynom().
 */
export function posRatioPolynom(setpoint: number, nrDirty: number, limit: number): number {
  const x = Math.trunc(((setpoint - nrDirty) * ONE) / orOne(limit - setpoint));
  const square = Math.floor((x * x) / ONE);
  const cube = Math.floor((square * x) / ONE);
  return Math.min(Math.max(cube + ONE, 0), 2 * ONE);
}

/**
 * Fills in `posRatio`: the cubic of the whole machine, times a line through 1 at the device's setpoint that does not fall
 * below a quarter, raised while the device has so little dirty that it may run dry. 0 at or above the limit.
 * Source: Linux 6.18 mm/page-writeback.c, wb_position_ratio(). Differs: no strictlimit.
 */
export function wbPositionRatio(domain: WbDomain, wb: WbDevice, position: DirtyPosition): void {
  const limit = hardDirtyLimit(domain, position.thresh);
  const { nrDirty, thresh, wbNrDirty } = position;
  position.posRatio = 0;
  if (nrDirty >= limit) return;

  const setpoint = dirtySetpoint(domain, position);
  let posRatio = posRatioPolynom(setpoint, nrDirty, limit);

  const wbThresh = Math.min(position.wbThresh, thresh);
  // The device's part of the threshold in 65536ths.
  const part = div(wbThresh * 65536, orOne(thresh));
  const wbSetpoint = mulDiv(setpoint, part, 65536);
  // Eight seconds of writing for a single device; for one among many, which gets and loses shares, the width of its share.
  const span = mulDiv(thresh - wbThresh + 8 * wb.avgWriteBandwidth, part, 65536);
  const intercept = wbSetpoint + span;
  if (wbNrDirty < intercept - div(span, 4)) {
    posRatio = mulDiv(posRatio, intercept - wbNrDirty, orOne(intercept - wbSetpoint));
  } else {
    posRatio = div(posRatio, 4);
  }

  const reserve = div(wbThresh, 2);
  if (wbNrDirty < reserve) {
    if (wbNrDirty > div(reserve, 8)) posRatio = mulDiv(posRatio, reserve, wbNrDirty);
    else posRatio *= 8;
  }
  position.posRatio = posRatio;
}
