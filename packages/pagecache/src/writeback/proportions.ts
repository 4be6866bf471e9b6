/**
 * Floating proportions: which share of all events each source has had lately. Each period halves what was before.
 * Source: Linux 6.18 lib/flex_proportions.c. Differs: exact counters in place of per-CPU ones.
 */
import { mulDiv } from "./units.ts";

/** Fractions count in 1024ths. */
export const FPROP_FRAC_BASE = 1024;

/** All events (struct fprop_global). */
export interface GlobalProportion {
  /** Events with their age taken off, and one more. */
  nrEvents: number;
  /** Periods since the start. */
  period: number;
}

/** Events of one source (struct fprop_local_percpu). */
export interface LocalProportion {
  nrEvents: number;
  /** Period that `nrEvents` is of; it lags until somebody looks. */
  period: number;
}

export function newGlobalProportion(): GlobalProportion {
  return { nrEvents: 1, period: 0 };
}

export function newLocalProportion(): LocalProportion {
  return { nrEvents: 0, period: 0 };
}

/** Begins new periods. Returns false when there was nothing left to age. Source: fprop_new_period(). */
export function newPeriod(global: GlobalProportion, nrPeriods: number): boolean {
  if (global.nrEvents <= 1) return false;
  // Linux takes off `events - (events >> periods)`, so this is what stays; from 64 periods on nothing does.
  global.nrEvents = nrPeriods < 64 ? Math.floor(global.nrEvents / 2 ** nrPeriods) : 0;
  global.period += nrPeriods;
  return true;
}

/** Events of a source now. Source: fprop_reflect_period_percpu(), fprop_fraction_percpu(). */
export function localEvents(global: GlobalProportion, local: LocalProportion): number {
  if (local.period < global.period) {
    const nrPeriods = global.period - local.period;
    local.nrEvents = nrPeriods < 64 ? Math.floor(local.nrEvents / 2 ** nrPeriods) : 0;
    local.period = global.period;
  }
  return local.nrEvents;
}

/** What the share of a source is counted against: never less than its own events, never 0. Source: fprop_fraction_percpu(). */
export function shareBase(global: GlobalProportion, local: LocalProportion): number {
  return Math.max(1, global.nrEvents, localEvents(global, local));
}

/**
 * Counts events of a source, as long as its share stays below `maxFraction` 1024ths.
 * Source: __fprop_add_percpu_max(), __fprop_add_percpu().
 */
export function addEvents(
  global: GlobalProportion,
  local: LocalProportion,
  maxFraction: number,
  nrEvents: number,
): void {
  let nr = nrEvents;
  if (maxFraction < FPROP_FRAC_BASE) {
    const numerator = localEvents(global, local);
    const room = shareBase(global, local) * maxFraction - numerator * FPROP_FRAC_BASE;
    if (room < 0) return;
    const rest = FPROP_FRAC_BASE - maxFraction;
    if (room < nr * rest) nr = mulDiv(room + rest - 1, 1, rest);
  }
  localEvents(global, local);
  local.nrEvents += nr;
  global.nrEvents += nr;
}
