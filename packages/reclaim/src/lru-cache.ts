/**
 * Per-CPU batches of pages on their way to the lists. Hot: per fault.
 *
 *     pages   cpu * PAGEVEC_SIZE + slot     filled from slot 0
 *     nrBatched[cpu]
 *
 * A page in a batch carries no PG_LRU, is on no list, and the batch holds a reference to it. So a page that its task
 * frees while it waits stays allocated, with a reference count of 1, until the batch is drained: then it is released.
 * Reclaim does not see pages in batches of other CPUs. Source: Linux 6.18 mm/swap.c, folio_add_lru(),
 * folio_batch_move_lru(), lru_add_drain_cpu(); include/linux/pagevec.h.
 */
import {
  bug,
  type CpuId,
  EINVAL,
  KernelError,
  PG_ACTIVE,
  PG_HEAD,
  PG_LRU,
  PG_UNEVICTABLE,
  type Pfn,
  type ReclaimPolicy,
} from "@pageframe/contracts";
import { type Memmap } from "@pageframe/memmap";

/** Folios in one batch (PAGEVEC_SIZE). */
export const PAGEVEC_SIZE = 31;

/** Frees pages that only a batch still held. Whoever owns pages implements it. */
export interface PageReleaser {
  /** The last reference to a page is gone: its count is 0, it is on no list. Must not add pages to a batch. */
  releasePage(pfn: Pfn): void;
}

/** What an {@link LruCache} is made from. */
export interface LruCacheConfig {
  readonly memmap: Memmap;
  readonly policy: ReclaimPolicy;
  readonly releaser: PageReleaser;
  readonly nrCpus: number;
}

/** The batches of all CPUs (cpu_fbatches.lru_add). */
export class LruCache {
  readonly nrCpus: number;
  private readonly memmap: Memmap;
  private readonly policy: ReclaimPolicy;
  private readonly releaser: PageReleaser;
  private readonly pages: Int32Array;
  private readonly nrBatched: Int32Array;

  constructor(config: LruCacheConfig) {
    if (!Number.isInteger(config.nrCpus) || config.nrCpus < 1) {
      throw new KernelError(EINVAL, `nrCpus (${config.nrCpus}) must be a positive integer`);
    }
    this.nrCpus = config.nrCpus;
    this.memmap = config.memmap;
    this.policy = config.policy;
    this.releaser = config.releaser;
    this.pages = new Int32Array(config.nrCpus * PAGEVEC_SIZE);
    this.nrBatched = new Int32Array(config.nrCpus);
  }

  /**
   * Takes a reference to a page and queues it for the list that its flags name (folio_add_lru): PG_SWAPBACKED for
   * anonymous, PG_ACTIVE to start as active. The 31st page, or a compound one, drains the batch.
   */
  addPage(pfn: Pfn, cpu: CpuId): void {
    const flags = this.memmap.flags[pfn];
    if ((flags & PG_LRU) !== 0) bug(`pfn ${pfn} is batched for the lists while on one`);
    this.memmap.refcount[pfn]++;
    const nr = this.nrBatched[cpu];
    this.pages[cpu * PAGEVEC_SIZE + nr] = pfn;
    this.nrBatched[cpu] = nr + 1;
    if (nr + 1 === PAGEVEC_SIZE || (flags & PG_HEAD) !== 0) this.drain(cpu);
  }

  /** Puts one CPU's pages on the lists in order and drops the batch's references (lru_add_drain). */
  drain(cpu: CpuId): void {
    const nr = this.nrBatched[cpu];
    if (nr === 0) return;
    this.nrBatched[cpu] = 0;
    const { pages, memmap, policy } = this;
    const { refcount } = memmap;
    const first = cpu * PAGEVEC_SIZE;
    for (let slot = first; slot < first + nr; slot++) {
      const pfn = pages[slot];
      const left = refcount[pfn] - 1;
      if (left < 0) bug(`pfn ${pfn} in the batch of cpu ${cpu} has no reference`);
      refcount[pfn] = left;
      if (left > 0) policy.addPage(pfn);
      else this.releaser.releasePage(pfn);
    }
    if (this.nrBatched[cpu] !== 0) bug(`releasing pages filled the batch of cpu ${cpu} anew`);
  }

  /** Drains every CPU (lru_add_drain_all). */
  drainAll(): void {
    for (let cpu = 0; cpu < this.nrCpus; cpu++) this.drain(cpu);
  }

  /** Pages that wait in one CPU's batch. */
  nrWaiting(cpu: CpuId): number {
    return this.nrBatched[cpu];
  }

  /** Is a page in some batch? O(pages in batches). */
  isWaiting(pfn: Pfn): boolean {
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      for (let slot = 0; slot < this.nrBatched[cpu]; slot++) {
        if (this.pages[cpu * PAGEVEC_SIZE + slot] === pfn) return true;
      }
    }
    return false;
  }

  /**
   * Takes a page off its list for migration or to change PG_MLOCKED or PG_SWAPBACKED, keeping PG_ACTIVE and
   * PG_UNEVICTABLE, and takes a reference. False when it is on none, as in a batch. Source: mm/vmscan.c,
   * folio_isolate_lru().
   */
  isolatePage(pfn: Pfn): boolean {
    const flags = this.memmap.flags[pfn];
    if ((flags & PG_LRU) === 0) return false;
    this.memmap.refcount[pfn]++;
    this.policy.removePage(pfn);
    this.memmap.flags[pfn] |= flags & (PG_ACTIVE | PG_UNEVICTABLE);
    return true;
  }

  /** Queues a page that isolatePage() took and drops that reference. Source: mm/vmscan.c, folio_putback_lru(). */
  putbackPage(pfn: Pfn, cpu: CpuId): void {
    this.addPage(pfn, cpu);
    // In a batch or drained, somebody else holds a reference, unless the owner freed it meanwhile.
    const { refcount, flags } = this.memmap;
    if (--refcount[pfn] > 0) return;
    if ((flags[pfn] & PG_LRU) !== 0) this.policy.removePage(pfn);
    this.releaser.releasePage(pfn);
  }

  /** Checks that waiting pages are referenced, on no list and in one batch only. */
  checkInvariants(): void {
    const seen = new Set<number>();
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      for (let slot = 0; slot < this.nrBatched[cpu]; slot++) {
        const pfn = this.pages[cpu * PAGEVEC_SIZE + slot];
        if (seen.has(pfn)) bug(`pfn ${pfn} waits twice`);
        seen.add(pfn);
        if (this.memmap.refcount[pfn] < 1) bug(`pfn ${pfn} in the batch of cpu ${cpu} has no reference`);
        if ((this.memmap.flags[pfn] & PG_LRU) !== 0)
          bug(`pfn ${pfn} in the batch of cpu ${cpu} carries PG_LRU`);
      }
    }
  }
}
