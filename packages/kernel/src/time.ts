/**
 * Virtual time: nanoseconds that causes add up to, from a cost table that a config can replace. Nothing here reads a
 * clock; the same events give the same time.
 */

/** What time is spent on; indices into `TimeAccount.spentNs`. */
export const CAUSE_ACCESS = 0;
export const CAUSE_TLB_L2 = 1;
export const CAUSE_WALK = 2;
export const CAUSE_MINOR_FAULT = 3;
export const CAUSE_ZERO_PAGE = 4;
export const CAUSE_COPY_PAGE = 5;
export const CAUSE_SWAP_IN = 6;
export const CAUSE_SWAP_OUT = 7;
export const CAUSE_FILE_READ = 8;
export const CAUSE_FILE_WRITE = 9;
export const CAUSE_SCAN = 10;
export const CAUSE_SYSCALL = 11;
export const CAUSE_TLB_FLUSH_ONE = 12;
export const CAUSE_TLB_FLUSH_ALL = 13;
export const CAUSE_TLB_IPI = 14;
export const CAUSE_CR3_WRITE = 15;
/** Time that no table gives: waiting for a device, sleeping. */
export const CAUSE_IO_WAIT = 16;
export const CAUSE_IDLE = 17;
/** Causes that have a cost per event; those behind are waits. */
const NR_COSTS = 16;
/** Names of the causes, by index. */
export const CAUSE_NAMES: readonly string[] = [
  "access",
  "tlbL2",
  "walk",
  "minorFault",
  "zeroPage",
  "copyPage",
  "swapIn",
  "swapOut",
  "fileRead",
  "fileWrite",
  "scan",
  "syscall",
  "tlbFlushOne",
  "tlbFlushAll",
  "tlbIpi",
  "cr3Write",
  "ioWait",
  "idle",
];

/** Names of the causes that have a cost per event, by index. */
export const COST_NAMES: readonly string[] = CAUSE_NAMES.slice(0, NR_COSTS);

/** Nanoseconds that one event of each cause takes, in the order of {@link COST_NAMES}. */
export type CostTable = readonly number[];

/**
 * Round figures of a server of the 2020s with an NVMe drive: parameters of the model, not measurements. An access that
 * hits the first-level TLB is one nanosecond; the second level adds 7 cycles; a walk with warm page-walk caches about
 * 30 cycles; an exception with its handler half a microsecond; a random 4 KiB read 80 microseconds; a write is queued
 * behind others and costs the device 20. INVLPG takes some 150 cycles, forgetting an address space 300; an interrupt that
 * another CPU has to answer a microsecond. A CR3 write that an entry or exit makes under page-table isolation takes about a
 * hundred cycles (Linux 6.18 Documentation/arch/x86/pti.rst).
 */
export const DEFAULT_COSTS_NS: CostTable = [
  1, 2, 10, 500, 100, 200, 80000, 20000, 80000, 20000, 50, 200, 50, 100, 1000, 25,
];

/** Adds up virtual time by cause. */
export class TimeAccount {
  readonly costsNs: Float64Array;
  readonly spentNs: Float64Array;

  constructor(costsNs: CostTable) {
    this.costsNs = Float64Array.from(costsNs);
    this.spentNs = new Float64Array(CAUSE_NAMES.length);
  }

  /** Spends the cost of `nr` events. */
  spend(cause: number, nr: number): void {
    this.spentNs[cause] += this.costsNs[cause] * nr;
  }

  /** Waits until `untilNs`; returns at once when that is past. `cause`: CAUSE_IO_WAIT or CAUSE_IDLE. */
  waitUntil(untilNs: number, cause: number): void {
    let missingNs = untilNs - this.nowNs;
    // Whole nanoseconds; a second round only where the sum was rounded down.
    while (missingNs > 0) {
      this.spentNs[cause] += Math.ceil(missingNs);
      missingNs = untilNs - this.nowNs;
    }
  }

  /** Nanoseconds since boot. O(causes). */
  get nowNs(): number {
    let sum = 0;
    for (const ns of this.spentNs) sum += ns;
    return sum;
  }
}
