/** Whether, and for how long, a task that dirties pages is held back. */
import { dirtyPollInterval, freerunCeiling } from "./dirty-limits.ts";
import { type DirtySysctls } from "./dirty-sysctls.ts";
import {
  isBandwidthDue,
  updateBandwidthAndRatelimit,
  wbFreerunCeiling,
  wbMaxPause,
  wbMinPause,
} from "./bandwidth.ts";
import { dirtySetpoint, RATELIMIT_CALC_SHIFT, wbPositionRatio } from "./position-ratio.ts";
import { div, jiffiesOf, mulDiv, nsOfJiffies, timerExpiry } from "./units.ts";
import {
  type DirtyCounts,
  type DirtyPosition,
  hardDirtyLimit,
  newDirtyPosition,
  placeDevice,
  placeMachine,
} from "./wb-share.ts";
import { type WbCpu, type WbDevice, type WbDomain, type WbTask } from "./wb-state.ts";

/** Errors that per-CPU counters of pages may have: so few dirty pages hold nobody up. Source: wb_stat_error(). */
export function wbStatError(nrCpus: number): number {
  return nrCpus * 8 * (1 + Math.floor(Math.log2(nrCpus)));
}

/**
 * Tells whether a task is to be looked at after it dirtied pages on a device: balanceDirtyPages() comes next then.
 * Source: Linux 6.18 mm/page-writeback.c, balance_dirty_pages_ratelimited_flags().
 */
export function isBalanceDue(domain: WbDomain, wb: WbDevice, task: WbTask, cpu: WbCpu): boolean {
  let ratelimit = task.nrDirtiedPause;
  if (wb.isDirtyExceeded) ratelimit = Math.min(ratelimit, 8);
  if (task.nrDirtied >= ratelimit) {
    cpu.nrDirtied = 0;
  } else if (cpu.nrDirtied >= domain.ratelimitPages) {
    cpu.nrDirtied = 0;
    ratelimit = 0;
  }
  if (cpu.nrLeaked > 0 && task.nrDirtied < ratelimit) {
    const nrPaid = Math.min(cpu.nrLeaked, ratelimit - task.nrDirtied);
    cpu.nrLeaked -= nrPaid;
    task.nrDirtied += nrPaid;
  }
  return task.nrDirtied >= ratelimit;
}

/** What is decided about a task; also the fields of the tracepoint writeback:balance_dirty_pages. Times are jiffies. */
export interface ThrottleDecision {
  /** The flusher of the device is to be woken, unless it is at work (wb_start_background_writeback). */
  startsBackground: boolean;
  /** Nanoseconds to sleep for; 0: go on. Then afterPause() is to be called. */
  pauseNs: number;
  /** Too little is dirty to hold anybody back: the rest is not set then, and no tracepoint is written. */
  isFreerun: boolean;
  readonly position: DirtyPosition;
  limit: number;
  setpoint: number;
  wbSetpoint: number;
  /** Pages per second. */
  dirtyRatelimit: number;
  taskRatelimit: number;
  nrDirtied: number;
  nrDirtiedPause: number;
  /** Jiffies: that the pages are worth, that are slept, that the task took since its last pause (less these it sleeps). */
  period: number;
  pause: number;
  think: number;
  /** Jiffy at which the pause began, moved on when the pause is cut. */
  pausedFrom: number;
}

export function newThrottleDecision(): ThrottleDecision {
  return {
    startsBackground: false,
    pauseNs: 0,
    isFreerun: true,
    position: newDirtyPosition(),
    limit: 0,
    setpoint: 0,
    wbSetpoint: 0,
    dirtyRatelimit: 0,
    taskRatelimit: 0,
    nrDirtied: 0,
    nrDirtiedPause: 0,
    period: 0,
    pause: 0,
    think: 0,
    pausedFrom: 0,
  };
}

/**
 * Decides about a task that has dirtied `nrDirtied` pages (its own count at the first look) on a device.
 * The task sleeps for `pauseNs`, then afterPause() says whether to decide again.
 * Source: Linux 6.18 mm/page-writeback.c, balance_dirty_pages(), one turn of its loop. Differs: no memory cgroups, no
 * strictlimit, no laptop mode.
 */
export function balanceDirtyPages(
  sysctls: DirtySysctls,
  domain: WbDomain,
  wb: WbDevice,
  task: WbTask,
  counts: DirtyCounts,
  nrDirtied: number,
  nowNs: number,
  into: ThrottleDecision,
): void {
  const { hz } = domain;
  const now = jiffiesOf(nowNs, hz);
  const position = into.position;
  into.pauseNs = 0;
  into.nrDirtied = nrDirtied;
  placeMachine(sysctls, domain, counts, task.isRealTime, position);
  into.startsBackground = counts.nrFileDirty > position.bgThresh;
  if (position.nrDirty <= freerunCeiling(position)) {
    freerun(task, position, now, into);
    return;
  }
  into.startsBackground = true;
  placeDevice(domain, wb, position);
  if (task.isLocalThrottled && position.wbNrDirty < wbFreerunCeiling(position)) {
    freerun(task, position, now, into);
    return;
  }
  into.isFreerun = false;
  wb.isDirtyExceeded = position.wbNrDirty > position.wbThresh && position.nrDirty > position.thresh;
  wbPositionRatio(domain, wb, position);
  if (isBandwidthDue(domain, wb, nowNs)) updateBandwidthAndRatelimit(domain, wb, position, nowNs);

  const dirtyRatelimit = wb.dirtyRatelimit;
  const taskRatelimit = mulDiv(dirtyRatelimit, position.posRatio, 2 ** RATELIMIT_CALC_SHIFT);
  const maxPause = wbMaxPause(hz, wb, position.wbNrDirty);
  const plan = { minPause: 0, nrDirtiedPause: 0 };
  wbMinPause(hz, wb, maxPause, taskRatelimit, dirtyRatelimit, plan);
  into.limit = hardDirtyLimit(domain, position.thresh);
  into.setpoint = dirtySetpoint(domain, position);
  into.wbSetpoint = mulDiv(into.setpoint, position.wbThresh, position.thresh + 1);
  into.dirtyRatelimit = dirtyRatelimit;
  into.taskRatelimit = taskRatelimit;
  into.nrDirtiedPause = plan.nrDirtiedPause;
  into.think = task.dirtyPausedWhen === 0 ? 0 : now - task.dirtyPausedWhen;
  into.pausedFrom = now;

  if (taskRatelimit === 0) {
    into.period = maxPause;
    into.pause = maxPause;
    into.pauseNs = sleepNs(maxPause, now, nowNs, hz);
    return;
  }
  const period = div(hz * nrDirtied, taskRatelimit);
  // What the task took for itself since its last pause counts.
  let pause = period - into.think;
  into.period = period;
  if (pause < plan.minPause) {
    into.pause = Math.min(pause, 0);
    skipPause(task, now, pause, period, nrDirtied, hz);
    return;
  }
  if (pause > maxPause) {
    into.pausedFrom += Math.min(pause - maxPause, maxPause);
    pause = maxPause;
  }
  into.pause = pause;
  into.pauseNs = sleepNs(pause, now, nowNs, hz);
}

/**
 * Ends a pause. Returns whether the task must be decided about again at once: it may not go on while the limit is reached and
 * the device has more than a few pages dirty. Source: Linux 6.18 mm/page-writeback.c, balance_dirty_pages().
 */
export function afterPause(domain: WbDomain, task: WbTask, decision: ThrottleDecision): boolean {
  task.dirtyPausedWhen = decision.pausedFrom + decision.pause;
  task.nrDirtied = 0;
  task.nrDirtiedPause = decision.nrDirtiedPause;
  return decision.taskRatelimit === 0 && decision.position.wbNrDirty > wbStatError(domain.nrCpus);
}

/** How long schedule_timeout() takes for so many jiffies: the timer fires at the end of the last. */
function sleepNs(pause: number, now: number, nowNs: number, hz: number): number {
  return pause === 0 ? 0 : nsOfJiffies(timerExpiry(now + pause, now, hz), hz) - nowNs;
}

function freerun(task: WbTask, position: DirtyPosition, now: number, into: ThrottleDecision): void {
  into.isFreerun = true;
  task.dirtyPausedWhen = now;
  task.nrDirtied = 0;
  task.nrDirtiedPause = dirtyPollInterval(position.nrDirty, position.thresh);
}

/** A pause that is too short is not taken: it is put on the account of the task. */
function skipPause(
  task: WbTask,
  now: number,
  pause: number,
  period: number,
  nrDirtied: number,
  hz: number,
): void {
  if (pause < -hz) {
    // It has been away for more than a second: that is no credit for ever.
    task.dirtyPausedWhen = now;
    task.nrDirtied = 0;
  } else if (period > 0) {
    task.dirtyPausedWhen += period;
    task.nrDirtied = 0;
  } else if (task.nrDirtiedPause <= nrDirtied) {
    task.nrDirtiedPause += nrDirtied;
  }
}
