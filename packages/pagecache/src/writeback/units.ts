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
