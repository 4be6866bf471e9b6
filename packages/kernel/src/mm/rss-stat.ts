/**
 * Resident pages and swap entries of an address space (mm->rss_stat). Hot: per page fault.
 *
 * Linux keeps each of the four as a percpu_counter: a CPU gathers up to `batch` in private, then adds it to the common count.
 * `/proc/PID/status` sums exactly; the high-water mark is taken from the common counts alone and so lags behind.
 *
 *     sum     exact, what status prints
 *     count   common part (percpu_counter.count), what get_mm_rss() reads
 *     local   private part of each CPU, |local| < batch; row of NR_MM_COUNTERS a CPU
 *     vec     noted but not yet in count or local (the rss[] of zap_pte_range and copy_pte_range)
 *
 * Invariant: sum = count + all local + vec, by counter.
 * Source: Linux 6.18 include/linux/mm.h, get_mm_counter(), get_mm_counter_sum(), update_hiwater_rss(); mm/memory.c,
 * add_mm_rss_vec(); lib/percpu_counter.c, percpu_counter_add_batch(), compute_batch_value().
 */
import { bug, type CpuId } from "@pageframe/contracts";

/** Counters (include/linux/mm_types_task.h). */
export const MM_FILEPAGES = 0;
export const MM_ANONPAGES = 1;
export const MM_SWAPENTS = 2;
export const MM_SHMEMPAGES = 3;
const NR_MM_COUNTERS = 4;

/** How a change of a page table enters the counters. */
export const COUNT_NOW = 0;
/** With all others of one page table, when flushVec() is called. */
export const COUNT_BATCHED = 1;
/** Not at all: an entry moves, or one page takes the place of another of its kind. */
export const COUNT_NONE = 2;

const MIN_BATCH = 32;

/** The counters of one address space. */
export class RssStat {
  readonly sum: Int32Array = new Int32Array(NR_MM_COUNTERS);
  private readonly count: Int32Array = new Int32Array(NR_MM_COUNTERS);
  private readonly local: Int32Array;
  private readonly vec: Int32Array = new Int32Array(NR_MM_COUNTERS);
  private readonly batch: number;
  /** Most pages that updateHiwater() has seen resident (hiwater_rss). */
  hiwater = 0;

  constructor(nrCpus: number) {
    this.local = new Int32Array(nrCpus * NR_MM_COUNTERS);
    this.batch = Math.max(MIN_BATCH, 2 * nrCpus);
  }

  /** Adds to one counter on a CPU (add_mm_counter), in the way that `how` says. */
  add(counter: number, amount: number, cpu: CpuId, how: number): void {
    if (how === COUNT_NONE) return;
    this.sum[counter] += amount;
    if (how === COUNT_BATCHED) this.vec[counter] += amount;
    else this.addPercpu(counter, amount, cpu);
  }

  /** Adds what COUNT_BATCHED has gathered (add_mm_rss_vec). */
  flushVec(cpu: CpuId): void {
    const { vec } = this;
    for (let counter = 0; counter < NR_MM_COUNTERS; counter++) {
      if (vec[counter] === 0) continue;
      this.addPercpu(counter, vec[counter], cpu);
      vec[counter] = 0;
    }
  }

  /** Resident pages, exactly. */
  get total(): number {
    const { sum } = this;
    return sum[MM_FILEPAGES] + sum[MM_ANONPAGES] + sum[MM_SHMEMPAGES];
  }

  /** Resident pages without what CPUs keep in private (get_mm_rss). */
  get approximate(): number {
    const { count } = this;
    return (
      Math.max(0, count[MM_FILEPAGES]) + Math.max(0, count[MM_ANONPAGES]) + Math.max(0, count[MM_SHMEMPAGES])
    );
  }

  /** Swap entries without what CPUs keep in private. */
  get approximateSwap(): number {
    return Math.max(0, this.count[MM_SWAPENTS]);
  }

  /** Notes how many pages are resident, before some go (update_hiwater_rss). */
  updateHiwater(): void {
    const { approximate } = this;
    if (approximate > this.hiwater) this.hiwater = approximate;
  }

  /** Takes what is resident now as the most ever (reset_mm_hiwater_rss). */
  resetHiwater(): void {
    this.hiwater = this.approximate;
  }

  /** Checks the parts against the sum; calls bug() when they differ. */
  checkInvariants(): void {
    for (let counter = 0; counter < NR_MM_COUNTERS; counter++) {
      let sum = this.count[counter] + this.vec[counter];
      for (let at = counter; at < this.local.length; at += NR_MM_COUNTERS) {
        sum += this.local[at];
        if (Math.abs(this.local[at]) >= this.batch)
          bug(`a CPU keeps ${this.local[at]} of RSS counter ${counter}`);
      }
      if (this.vec[counter] !== 0) bug(`RSS counter ${counter} waits for ${this.vec[counter]} more`);
      if (sum !== this.sum[counter])
        bug(`RSS counter ${counter} is ${this.sum[counter]}, its parts are ${sum}`);
    }
  }

  private addPercpu(counter: number, amount: number, cpu: CpuId): void {
    const at = cpu * NR_MM_COUNTERS + counter;
    const local = this.local[at] + amount;
    if (local >= this.batch || local <= -this.batch) {
      this.count[counter] += local;
      this.local[at] = 0;
    } else {
      this.local[at] = local;
    }
  }
}
