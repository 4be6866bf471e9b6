/** Measurements every 200 ms: how fast a device writes, and how fast tasks may dirty pages so that it keeps up. */
import { freerunCeiling } from "./dirty-limits.ts";
import { dirtySetpoint, RATELIMIT_CALC_SHIFT } from "./position-ratio.ts";
import { div, ilog2, jiffiesOf, mulDiv, orOne, roundupPowOfTwo } from "./units.ts";
import { type DirtyPosition } from "./wb-share.ts";
import { type WbDevice, type WbDomain } from "./wb-state.ts";

/** Jiffies between measurements: 200 ms. */
export function bandwidthInterval(hz: number): number {
  return Math.max(div(hz, 5), 1);
}

/** Is it time to measure again (the callers' check of `bw_time_stamp`)? */
export function isBandwidthDue(domain: WbDomain, wb: WbDevice, nowNs: number): boolean {
  return jiffiesOf(nowNs, domain.hz) > wb.bwTimeStamp + bandwidthInterval(domain.hz);
}

/**
 * Measures how fast a device writes. To be called after a call of writepages when isBandwidthDue(), and 200 ms after the last
 * inode of the device has no pages in flight. Source: Linux 6.18 mm/page-writeback.c, wb_update_bandwidth().
 */
export function updateBandwidth(domain: WbDomain, wb: WbDevice, nowNs: number): void {
  const now = jiffiesOf(nowNs, domain.hz);
  updateWriteBandwidth(domain, wb, Math.max(now - wb.bwTimeStamp, 1));
  stamp(wb, now);
}

/**
 * Measures on behalf of a task that is about to be held back: the limit and the base rate follow as well.
 * Source: Linux 6.18 mm/page-writeback.c, __wb_update_bandwidth().
 */
export function updateBandwidthAndRatelimit(
  domain: WbDomain,
  wb: WbDevice,
  position: DirtyPosition,
  nowNs: number,
): void {
  const now = jiffiesOf(nowNs, domain.hz);
  const elapsed = Math.max(now - wb.bwTimeStamp, 1);
  if (now >= domain.dirtyLimitStamp + bandwidthInterval(domain.hz)) {
    updateDirtyLimit(domain, position);
    domain.dirtyLimitStamp = now;
  }
  updateDirtyRatelimit(domain, wb, position, elapsed);
  updateWriteBandwidth(domain, wb, elapsed);
  stamp(wb, now);
}

/**
 * Forgets a pause of more than a second: it says nothing about the device. To be called before writepages.
 * Source: Linux 6.18 mm/page-writeback.c, wb_bandwidth_estimate_start().
 */
export function startBandwidthEstimate(domain: WbDomain, wb: WbDevice, nowNs: number): void {
  const now = jiffiesOf(nowNs, domain.hz);
  if (now - wb.bwTimeStamp > domain.hz && wb.nrWritebackInodes === 0) stamp(wb, now);
}

function stamp(wb: WbDevice, now: number): void {
  wb.dirtiedStamp = wb.nrDirtied;
  wb.writtenStamp = wb.nrWritten;
  wb.bwTimeStamp = now;
}

/** Source: Linux 6.18 mm/page-writeback.c, update_dirty_limit(). */
function updateDirtyLimit(domain: WbDomain, position: DirtyPosition): void {
  if (domain.dirtyLimit < position.thresh) {
    domain.dirtyLimit = position.thresh;
    return;
  }
  const target = Math.max(position.thresh, position.nrDirty);
  if (domain.dirtyLimit > target) domain.dirtyLimit -= div(domain.dirtyLimit - target, 32);
}

/** Averages over some 4 s, then smooths what the average does. Source: Linux 6.18 mm/page-writeback.c, wb_update_write_bandwidth(). */
function updateWriteBandwidth(domain: WbDomain, wb: WbDevice, elapsed: number): void {
  const period = roundupPowOfTwo(3 * domain.hz);
  const old = wb.writeBandwidth;
  const written = Math.max(0, wb.nrWritten - wb.writtenStamp) * domain.hz;
  let avg = wb.avgWriteBandwidth;
  let bandwidth: number;
  if (elapsed > period) {
    bandwidth = div(written, elapsed);
    avg = bandwidth;
  } else {
    bandwidth = div(written + old * (period - elapsed), period);
    // At most one of the two holds.
    if (avg > old && old >= bandwidth) avg -= div(avg - old, 8);
    if (avg < old && old <= bandwidth) avg += div(old - avg, 8);
  }
  wb.writeBandwidth = bandwidth;
  wb.avgWriteBandwidth = Math.max(avg, 1);
}

/**
 * Steps the base rate towards the one at which the device's bandwidth is shared evenly by those who dirty, and only when the
 * present rate, the last and the position agree on the direction.
 * Source: Linux 6.18 mm/page-writeback.c, wb_update_dirty_ratelimit(). Differs: no strictlimit.
 */
function updateDirtyRatelimit(
  domain: WbDomain,
  wb: WbDevice,
  position: DirtyPosition,
  elapsed: number,
): void {
  const ratelimit = wb.dirtyRatelimit;
  const dirtyRate = div((wb.nrDirtied - wb.dirtiedStamp) * domain.hz, elapsed);
  const taskRatelimit = mulDiv(ratelimit, position.posRatio, 2 ** RATELIMIT_CALC_SHIFT) + 1;
  const balanced = Math.min(
    mulDiv(taskRatelimit, wb.avgWriteBandwidth, orOne(dirtyRate)),
    wb.avgWriteBandwidth,
  );

  let step = 0;
  if (position.nrDirty < dirtySetpoint(domain, position)) {
    const least = Math.min(wb.balancedDirtyRatelimit, balanced, taskRatelimit);
    if (ratelimit < least) step = least - ratelimit;
  } else {
    const most = Math.max(wb.balancedDirtyRatelimit, balanced, taskRatelimit);
    if (ratelimit > most) step = ratelimit - most;
  }
  // A small step compared with the rate is noise: the smaller, the more of it is dropped.
  const shift = div(ratelimit, 2 * step + 1);
  step = shift < 64 ? Math.ceil(div(step, 2 ** shift) / 8) : 0;
  wb.dirtyRatelimit = Math.max(ratelimit < balanced ? ratelimit + step : ratelimit - step, 1);
  wb.balancedDirtyRatelimit = balanced;
}

const MAX_PAUSE_DIVISOR = 5;
/** Pages between two looks at a task that are worth it: 128 KiB. */
const DIRTY_POLL_THRESH = 32;

/**
 * Longest pause, in jiffies: at most 200 ms, less when the device could run dry meanwhile.
 * Source: Linux 6.18 mm/page-writeback.c, wb_max_pause().
 */
export function wbMaxPause(hz: number, wb: WbDevice, wbNrDirty: number): number {
  const perEighth = div(wb.avgWriteBandwidth, roundupPowOfTwo(1 + div(hz, 8)));
  return Math.min(div(wbNrDirty, 1 + perEighth) + 1, Math.max(div(hz, MAX_PAUSE_DIVISOR), 1));
}

/** The shortest pause worth taking, and the pages that a task may dirty until the next. */
export interface PausePlan {
  /** Jiffies. */
  minPause: number;
  nrDirtiedPause: number;
}

/**
 * Plans pauses of 10 ms, longer with more tasks at it. Source: Linux 6.18 mm/page-writeback.c, wb_min_pause().
 */
export function wbMinPause(
  hz: number,
  wb: WbDevice,
  maxPause: number,
  taskRatelimit: number,
  dirtyRatelimit: number,
  into: PausePlan,
): void {
  const second = roundupPowOfTwo(hz);
  const high = ilog2(wb.avgWriteBandwidth);
  const low = ilog2(wb.dirtyRatelimit);
  let target = Math.max(1, div(hz, 100));
  if (high > low) target += div((high - low) * 10 * hz, 1024);
  target = Math.min(target, 1 + div(maxPause, 2));
  let nrPages = mulDiv(dirtyRatelimit, target, second);
  if (nrPages < DIRTY_POLL_THRESH) {
    target = maxPause;
    nrPages = mulDiv(dirtyRatelimit, target, second);
    if (nrPages > DIRTY_POLL_THRESH) {
      nrPages = DIRTY_POLL_THRESH;
      target = div(hz * DIRTY_POLL_THRESH, dirtyRatelimit);
    }
  }
  if (div(hz * nrPages, taskRatelimit + 1) > maxPause) {
    target = maxPause;
    nrPages = mulDiv(taskRatelimit, target, second);
  }
  into.nrDirtiedPause = nrPages;
  into.minPause = nrPages >= DIRTY_POLL_THRESH ? 1 + div(target, 2) : target;
}

/** Dirty pages at which nobody is held back, for the device alone. */
export function wbFreerunCeiling(position: DirtyPosition): number {
  return freerunCeiling({ thresh: position.wbThresh, bgThresh: position.wbBgThresh });
}
