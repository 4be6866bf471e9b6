/** What writeback remembers: of the machine, of each device, of each task. Plain data; times are jiffies. */
import { EINVAL } from "@pageframe/contracts";
import { type DirtyLimits } from "./dirty-limits.ts";
import {
  addEvents,
  FPROP_FRAC_BASE,
  type GlobalProportion,
  type LocalProportion,
  newGlobalProportion,
  newLocalProportion,
  newPeriod,
} from "./proportions.ts";
import { div, jiffiesOf } from "./units.ts";

/** Ratios of devices count in millionths: 100 % is 1,000,000. */
export const BDI_RATIO_SCALE = 10000;
/** Pages per second that a device is taken to write before anybody knows: 100 MiB/s. */
export const INIT_BW = 25600;
/** Pages that a task may dirty before it is looked at for the first time. */
export const INIT_DIRTIED_PAUSE = 32;

/** The machine (struct wb_domain, global_wb_domain). */
export interface WbDomain {
  readonly hz: number;
  readonly nrCpus: number;
  /** Pages written lately, by all devices. */
  readonly completions: GlobalProportion;
  /** Jiffy at which the next period begins; 0 when periods are off. */
  periodTime: number;
  /** Follows the threshold up at once and down slowly, so that it is never below what is dirty. */
  dirtyLimit: number;
  dirtyLimitStamp: number;
  /** Sum of the devices' `minRatio` (bdi_min_ratio). */
  minRatioSum: number;
  /** See ratelimitPages(). */
  ratelimitPages: number;
}

/** A device (struct bdi_writeback, struct backing_dev_info). */
export interface WbDevice {
  readonly completions: LocalProportion;
  /** Pages that are dirty, are being written; were dirtied and were written since the start (WB_RECLAIMABLE, ...). */
  nrReclaimable: number;
  nrWriteback: number;
  nrDirtied: number;
  nrWritten: number;
  /** Inodes with pages being written. */
  nrWritebackInodes: number;
  /** Pages per second: measured, smoothed. */
  writeBandwidth: number;
  avgWriteBandwidth: number;
  /** Pages per second that a task may dirty before its position is taken into account; the same before smoothing. */
  dirtyRatelimit: number;
  balancedDirtyRatelimit: number;
  /** Jiffy of the last measurement, and the counts at it. */
  bwTimeStamp: number;
  dirtiedStamp: number;
  writtenStamp: number;
  /** Over its share while the machine is over the threshold. */
  isDirtyExceeded: boolean;
  /** Shares of the threshold that it has at least and at most, in millionths (/sys/class/bdi). */
  minRatio: number;
  maxRatio: number;
  /** `maxRatio` in 1024ths. */
  maxPropFrac: number;
}

/** A task that dirties pages (fields of struct task_struct). */
export interface WbTask {
  /** Pages since the last pause, and how many may be before it is looked at. */
  nrDirtied: number;
  nrDirtiedPause: number;
  /** Jiffy of the end of the last pause; 0 before. */
  dirtyPausedWhen: number;
  /** It has real-time or deadline scheduling. */
  isRealTime: boolean;
  /** PF_LOCAL_THROTTLE: it cleans pages itself, so only its own device counts (loop devices, nfsd). */
  isLocalThrottled: boolean;
}

/** A CPU: pages that were dirtied on it since somebody was looked at, and what exited tasks left behind. */
export interface WbCpu {
  nrDirtied: number;
  nrLeaked: number;
}

/** Makes the state of a machine whose threshold is `thresh` now. Source: wb_domain_init(), page_writeback_init(). */
export function newWbDomain(nowNs: number, hz: number, nrCpus: number): WbDomain {
  return {
    hz,
    nrCpus,
    completions: newGlobalProportion(),
    periodTime: 0,
    dirtyLimit: 0,
    dirtyLimitStamp: jiffiesOf(nowNs, hz),
    minRatioSum: 0,
    ratelimitPages: 32,
  };
}

/** Makes the state of a device. Source: Linux 6.18 mm/backing-dev.c, wb_init(), bdi_init(). */
export function newWbDevice(domain: WbDomain, nowNs: number): WbDevice {
  return {
    completions: newLocalProportion(),
    nrReclaimable: 0,
    nrWriteback: 0,
    nrDirtied: 0,
    nrWritten: 0,
    nrWritebackInodes: 0,
    writeBandwidth: INIT_BW,
    avgWriteBandwidth: INIT_BW,
    dirtyRatelimit: INIT_BW,
    balancedDirtyRatelimit: INIT_BW,
    bwTimeStamp: jiffiesOf(nowNs, domain.hz),
    dirtiedStamp: 0,
    writtenStamp: 0,
    isDirtyExceeded: false,
    minRatio: 0,
    maxRatio: 100 * BDI_RATIO_SCALE,
    maxPropFrac: FPROP_FRAC_BASE,
  };
}

/** Makes the state of a task. Source: Linux 6.18 kernel/fork.c, copy_process(). */
export function newWbTask(): WbTask {
  return {
    nrDirtied: 0,
    nrDirtiedPause: INIT_DIRTIED_PAUSE,
    dirtyPausedWhen: 0,
    isRealTime: false,
    isLocalThrottled: false,
  };
}

/** Makes the state of a CPU. */
export function newWbCpu(): WbCpu {
  return { nrDirtied: 0, nrLeaked: 0 };
}

/** Takes new limits at once: at boot, and when dirty_ratio or dirty_bytes changed. Source: writeback_set_ratelimit(). */
export function setRatelimit(domain: WbDomain, limits: DirtyLimits, ratelimit: number): void {
  domain.dirtyLimit = limits.thresh;
  domain.ratelimitPages = ratelimit;
}

/** Counts pages that a task dirtied on a device. Source: folio_account_dirtied(). */
export function accountDirtied(wb: WbDevice, task: WbTask, cpu: WbCpu, nrPages: number): void {
  wb.nrReclaimable += nrPages;
  wb.nrDirtied += nrPages;
  task.nrDirtied += nrPages;
  cpu.nrDirtied += nrPages;
}

/** Takes back the last pages that were counted as dirtied: they are dirtied again without anybody's doing. Source: folio_redirty_for_writepage(). */
export function accountRedirty(wb: WbDevice, task: WbTask, nrPages: number): void {
  task.nrDirtied -= nrPages;
  wb.nrDirtied -= nrPages;
}

/** A task is gone: the next one on this CPU pays for what it dirtied. Source: Linux 6.18 kernel/exit.c, do_exit(). */
export function exitTask(task: WbTask, cpu: WbCpu): void {
  cpu.nrLeaked += task.nrDirtied;
  task.nrDirtied = 0;
}

const PERIOD_SECONDS = 3;

/**
 * Counts pages that a device has written. Switches the periods on: `domain.periodTime` is when writeoutPeriod() is due.
 * Source: __wb_writeout_add(), wb_domain_writeout_add().
 */
export function accountWritten(domain: WbDomain, wb: WbDevice, nrPages: number, nowNs: number): void {
  wb.nrWritten += nrPages;
  addEvents(domain.completions, wb.completions, wb.maxPropFrac, nrPages);
  if (domain.periodTime === 0) domain.periodTime = nextPeriodTime(domain, jiffiesOf(nowNs, domain.hz));
}

/** The timer of periods: to be called once `domain.periodTime` has come. Source: writeout_period(). */
export function writeoutPeriod(domain: WbDomain, nowNs: number): void {
  const nrMissed = div(jiffiesOf(nowNs, domain.hz) - domain.periodTime, PERIOD_SECONDS * domain.hz);
  if (newPeriod(domain.completions, nrMissed + 1)) {
    domain.periodTime = nextPeriodTime(domain, domain.periodTime + nrMissed * PERIOD_SECONDS * domain.hz);
  } else {
    domain.periodTime = 0;
  }
}

function nextPeriodTime(domain: WbDomain, jiffies: number): number {
  return jiffies + PERIOD_SECONDS * domain.hz;
}

/** Sets the least share of a device, in millionths. Returns 0 or -EINVAL. Source: __bdi_set_min_ratio(). */
export function setMinRatio(domain: WbDomain, wb: WbDevice, minRatio: number): number {
  if (minRatio > 100 * BDI_RATIO_SCALE || minRatio > wb.maxRatio) return -EINVAL;
  const sum = domain.minRatioSum - wb.minRatio + minRatio;
  if (minRatio >= wb.minRatio && sum >= 100 * BDI_RATIO_SCALE) return -EINVAL;
  domain.minRatioSum = sum;
  wb.minRatio = minRatio;
  return 0;
}

/** Sets the largest share of a device, in millionths. Returns 0 or -EINVAL. Source: __bdi_set_max_ratio(). */
export function setMaxRatio(wb: WbDevice, maxRatio: number): number {
  if (maxRatio > 100 * BDI_RATIO_SCALE || wb.minRatio > maxRatio) return -EINVAL;
  wb.maxRatio = maxRatio;
  wb.maxPropFrac = div(FPROP_FRAC_BASE * maxRatio, 100 * BDI_RATIO_SCALE);
  return 0;
}
