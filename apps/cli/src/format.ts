/** How numbers are written for people. */

/** With thousands separators, always the same ones. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A count with its noun, in the plural unless it is one. */
export function formatNoun(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** A unit of time that makes `ns` a number of one to four digits before the point. */
export interface TimeUnit {
  readonly name: string;
  readonly ns: number;
}

const TIME_UNITS: readonly TimeUnit[] = [
  { name: "s", ns: 1e9 },
  { name: "ms", ns: 1e6 },
  { name: "µs", ns: 1e3 },
];

/** Chooses the unit for a column whose largest number is `ns`. */
export function timeUnitFor(ns: number): TimeUnit {
  return TIME_UNITS.find((unit) => ns >= 10 * unit.ns) ?? TIME_UNITS[TIME_UNITS.length - 1];
}

/** Writes a duration as a bare number of the unit: `0` for nothing at all, `<0.01` for next to nothing. */
export function formatTime(ns: number, unit: TimeUnit): string {
  const amount = ns / unit.ns;
  if (amount === 0) return "0";
  if (amount < 0.01) return "<0.01";
  return amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** Signals that end a replayed program. */
const SIGNAL_NAMES: Readonly<Record<number, string>> = { 7: "SIGBUS", 9: "SIGKILL", 11: "SIGSEGV" };

/** Names a signal. */
export function signalName(signal: number): string {
  return SIGNAL_NAMES[signal] ?? `signal ${signal}`;
}
