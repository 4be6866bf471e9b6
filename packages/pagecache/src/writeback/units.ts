/** Jiffies, and integer arithmetic as the kernel does it on unsigned longs. */

/** CONFIG_HZ of the machine the rules were checked on: jiffies per second. */
export const DEFAULT_HZ = 250;

/** The jiffy that virtual time `nowNs` falls into. */
export function jiffiesOf(nowNs: number, hz: number): number {
  return Math.floor(nowNs / (1e9 / hz));
}

/** When a jiffy begins, or how long so many last; in virtual nanoseconds. */
export function nsOfJiffies(jiffies: number, hz: number): number {
  return jiffies * (1e9 / hz);
}

/**
 * The jiffy at which a timer that is set at jiffy `now` for `expires` fires: never early, and the later the coarser. Levels
 * of the timer wheel are 1, 8, 64, ... jiffies fine; jiffies begin five minutes before zero.
 * Source: Linux 6.18 kernel/time/timer.c, calc_wheel_index(), calc_index(); include/linux/jiffies.h, INITIAL_JIFFIES.
 */
export function timerExpiry(expires: number, now: number, hz: number): number {
  let granularity = 1;
  while (expires - now >= 63 * granularity) granularity *= 8;
  const initial = 300 * hz;
  return (Math.floor((expires - initial) / granularity) + 1) * granularity + initial;
}

/** Jiffies of so many hundredths of a second, rounded up (msecs_to_jiffies() of 10 times as many). */
export function centisecsToJiffies(centisecs: number, hz: number): number {
  return Math.ceil((centisecs * hz) / 100);
}

/** Number of the highest bit that is set in `n`, which is at least 1. */
export function ilog2(n: number): number {
  return n < 2 ** 32 ? 31 - Math.clz32(n) : 63 - Math.clz32(Math.floor(n / 2 ** 32));
}

/** The smallest power of two that is not below `n`, which is at least 1. */
export function roundupPowOfTwo(n: number): number {
  return n <= 1 ? 1 : 2 ** (ilog2(n - 1) + 1);
}

/** `floor(n / divisor)`. */
export function div(n: number, divisor: number): number {
  return Math.floor(n / divisor);
}

/** `floor(a * b / divisor)`, exact also where the product is not. */
export function mulDiv(a: number, b: number, divisor: number): number {
  const product = a * b;
  if (product <= Number.MAX_SAFE_INTEGER) return Math.floor(product / divisor);
  return Number((BigInt(a) * BigInt(b)) / BigInt(divisor));
}

/** `n | 1`: a divisor that is never zero. */
export function orOne(n: number): number {
  return n % 2 === 0 ? n + 1 : n;
}
