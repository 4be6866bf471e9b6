/**
 * Per-CPU batches of pages on their way to the lists, or from one to another. Hot: per fault.
 *
 *     pages       (cpu * NR_LRU_BATCHES + batch) * PAGEVEC_SIZE + slot     filled from slot 0
 *     nrBatched    cpu * NR_LRU_BATCHES + batch
 *     mlockOrders  cpu * PAGEVEC_SIZE + slot       MLOCK_ORDER_* of the pages in the last batch
 *
 * A batch holds a reference to each of its pages. So a page that its task frees while it waits stays allocated, with a
 * reference count of 1, until the batch is drained: then it is released. A page in the first batch carries no PG_LRU and
 * is on no list: reclaim does not see those of other CPUs. One in another batch is still on its list, and if it is not
 * any more when its turn comes, nothing happens to it. The last batch is mlock(2)'s: {@link MlockHost} carries out what
 * `mlockOrders` says of each page.
 * Source: Linux 6.18 mm/swap.c, folio_add_lru(), folio_rotate_reclaimable(), deactivate_file_folio(), folio_deactivate(),
 * folio_mark_lazyfree(), folio_mark_accessed(), folio_batch_move_lru(), lru_add_drain(), lru_add_drain_cpu(); mm/mlock.c,
 * mlock_folio_batch(); include/linux/pagevec.h.
 */
import {
  bug,
  type CpuId,
  EINVAL,
  KernelError,
  PG_ACTIVE,
  PG_ANON,
  PG_DIRTY,
  PG_HEAD,
  PG_LOCKED,
  PG_LRU,
  PG_MLOCKED,
  PG_RECLAIM,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
  PG_WRITEBACK,
  type Pfn,
  type ReclaimPolicy,
} from "@pageframe/contracts";
import { type Memmap } from "@pageframe/memmap";

/** Folios in one batch (PAGEVEC_SIZE). */
export const PAGEVEC_SIZE = 31;

/**
 * New pages (lru_add), those whose write is over (lru_move_tail), file pages that nobody wants any more
 * (lru_deactivate_file), active ones to become inactive (lru_deactivate), anonymous ones to be dropped (lru_lazyfree),
 * inactive ones that were used twice (lru_activate), and those that are locked or unlocked (mlock_fbatch); drained in
 * this order.
 */
const LRU_ADD = 0;
const LRU_MOVE_TAIL = 1;
const LRU_DEACTIVATE_FILE = 2;
const LRU_DEACTIVATE = 3;
const LRU_LAZYFREE = 4;
const LRU_ACTIVATE = 5;
const LRU_MLOCK = 6;
const NR_LRU_BATCHES = 7;

/** What is to happen to a page of mlock's batch: unlock it, lock one that has been on a list, lock a new one. */
export const MLOCK_ORDER_UNLOCK = 0;
/** See {@link MLOCK_ORDER_UNLOCK} (LRU_FOLIO). */
export const MLOCK_ORDER_LRU = 1;
/** See {@link MLOCK_ORDER_UNLOCK} (NEW_FOLIO). */
export const MLOCK_ORDER_NEW = 2;

/** Frees pages that only a batch still held. Whoever owns pages implements it. */
export interface PageReleaser {
  /** The last reference to a page is gone: its count is 0, it is on no list. Must not add pages to a batch. */
  releasePage(pfn: Pfn): void;
}

/** Keeps count of locked mappings. Whoever owns pages implements it. */
export interface MlockHost {
  /** Carries out a MLOCK_ORDER_*: moves a page to the unevictable list or from it. Must not add pages to a batch. */
  settleMlocked(pfn: Pfn, order: number): void;
  /** A locked page came on the unevictable list as a new page does, so no order has counted it yet. */
  noteUncounted(pfn: Pfn): void;
}

/** What an {@link LruCache} is made from. */
export interface LruCacheConfig {
  readonly memmap: Memmap;
  readonly policy: ReclaimPolicy;
  readonly releaser: PageReleaser;
  readonly mlock: MlockHost;
  readonly nrCpus: number;
}

/** The batches of all CPUs (cpu_fbatches). */
export class LruCache {
  readonly nrCpus: number;
  private readonly memmap: Memmap;
  private readonly policy: ReclaimPolicy;
  private readonly releaser: PageReleaser;
  private readonly mlock: MlockHost;
  private readonly pages: Int32Array;
  private readonly nrBatched: Int32Array;
  private readonly mlockOrders: Uint8Array;

  constructor(config: LruCacheConfig) {
    if (!Number.isInteger(config.nrCpus) || config.nrCpus < 1) {
      throw new KernelError(EINVAL, `nrCpus (${config.nrCpus}) must be a positive integer`);
    }
    this.nrCpus = config.nrCpus;
    this.memmap = config.memmap;
    this.policy = config.policy;
    this.releaser = config.releaser;
    this.mlock = config.mlock;
    this.pages = new Int32Array(config.nrCpus * NR_LRU_BATCHES * PAGEVEC_SIZE);
    this.nrBatched = new Int32Array(config.nrCpus * NR_LRU_BATCHES);
    this.mlockOrders = new Uint8Array(config.nrCpus * PAGEVEC_SIZE);
  }

  /**
   * Takes a reference to a page and queues it for the list that its flags name (folio_add_lru): PG_SWAPBACKED for
   * anonymous, PG_ACTIVE to start as active. The 31st page, or a compound one, drains the batch.
   */
  addPage(pfn: Pfn, cpu: CpuId): void {
    const flags = this.memmap.flags[pfn];
    if ((flags & PG_LRU) !== 0) bug(`pfn ${pfn} is batched for the lists while on one`);
    this.queue(pfn, cpu, LRU_ADD);
  }

  /**
   * Queues a page whose write is about to end, and that carried PG_RECLAIM, for the old end of the inactive list, where
   * reclaim frees it next (folio_rotate_reclaimable). The caller clears PG_RECLAIM. Others stay where they are: those that are
   * locked, dirty again, unevictable or on no list.
   */
  rotatePage(pfn: Pfn, cpu: CpuId): void {
    const flags = this.memmap.flags[pfn];
    if ((flags & (PG_LRU | PG_LOCKED | PG_DIRTY | PG_UNEVICTABLE)) === PG_LRU)
      this.queue(pfn, cpu, LRU_MOVE_TAIL);
  }

  /**
   * Queues a file page that could not be dropped although nobody wants it any more (deactivate_file_folio), as after
   * POSIX_FADV_DONTNEED: clean ones go to the old end of the inactive list, those to be written to its new end with PG_RECLAIM,
   * so that they follow when their write is over. One that is mapped by then stays.
   */
  deactivateFilePage(pfn: Pfn, cpu: CpuId): void {
    if ((this.memmap.flags[pfn] & (PG_LRU | PG_UNEVICTABLE)) === PG_LRU)
      this.queue(pfn, cpu, LRU_DEACTIVATE_FILE);
  }

  /** Queues an active page to become inactive, as one that nobody has used (folio_deactivate). Others stay as they are. */
  deactivatePage(pfn: Pfn, cpu: CpuId): void {
    const flags = this.memmap.flags[pfn];
    if ((flags & (PG_LRU | PG_UNEVICTABLE | PG_ACTIVE)) === (PG_LRU | PG_ACTIVE)) {
      this.queue(pfn, cpu, LRU_DEACTIVATE);
    }
  }

  /**
   * Queues an anonymous page to go to the inactive file list without PG_SWAPBACKED: reclaim drops it while it is clean
   * (folio_mark_lazyfree). False for a page that this is not for: such as one in the swap cache.
   */
  lazyfreePage(pfn: Pfn, cpu: CpuId): boolean {
    if (!mayLazyfree(this.memmap.flags[pfn])) return false;
    this.queue(pfn, cpu, LRU_LAZYFREE);
    return true;
  }

  /**
   * Notes a use of a page other than through a page-table entry; one that is to become active for it is queued for that,
   * or starts as active when it waits in this CPU's batch of new pages. Others are found in no batch (folio_mark_accessed).
   */
  markAccessed(pfn: Pfn, cpu: CpuId): void {
    const folio = this.memmap.compoundHead(pfn);
    if (!this.policy.markAccessed(folio)) return;
    const { flags } = this.memmap;
    if ((flags[folio] & PG_LRU) !== 0) this.queue(folio, cpu, LRU_ACTIVATE);
    else if (this.isWaitingOn(folio, cpu)) flags[folio] |= PG_ACTIVE;
  }

  /** Queues what mlock(2) and munlock(2) want of a page, a MLOCK_ORDER_*. */
  queueMlock(pfn: Pfn, order: number, cpu: CpuId): void {
    this.queue(pfn, cpu, LRU_MLOCK, order);
  }

  /** Empties one CPU's batches onto the lists, in order, and drops their references (lru_add_drain). */
  drain(cpu: CpuId): void {
    const first = cpu * NR_LRU_BATCHES;
    for (let batch = 0; batch < NR_LRU_BATCHES; batch++) {
      if (this.nrBatched[first + batch] !== 0) this.drainBatch(cpu, batch);
    }
  }

  private queue(pfn: Pfn, cpu: CpuId, batch: number, order = 0): void {
    const row = cpu * NR_LRU_BATCHES + batch;
    this.memmap.refcount[pfn]++;
    const nr = this.nrBatched[row];
    this.pages[row * PAGEVEC_SIZE + nr] = pfn;
    if (batch === LRU_MLOCK) this.mlockOrders[cpu * PAGEVEC_SIZE + nr] = order;
    this.nrBatched[row] = nr + 1;
    if (nr + 1 === PAGEVEC_SIZE || (this.memmap.flags[pfn] & PG_HEAD) !== 0) this.drainBatch(cpu, batch);
  }

  private drainBatch(cpu: CpuId, batch: number): void {
    const row = cpu * NR_LRU_BATCHES + batch;
    const nr = this.nrBatched[row];
    this.nrBatched[row] = 0;
    const { pages } = this;
    const { refcount } = this.memmap;
    const first = row * PAGEVEC_SIZE;
    for (let slot = first; slot < first + nr; slot++) {
      const pfn = pages[slot];
      const left = refcount[pfn] - 1;
      if (left < 0) bug(`pfn ${pfn} in the batch of cpu ${cpu} has no reference`);
      refcount[pfn] = left;
      if (left === 0) this.releaser.releasePage(pfn);
      else if (batch === LRU_ADD) this.addNewPage(pfn);
      else if (batch === LRU_MLOCK) {
        this.mlock.settleMlocked(pfn, this.mlockOrders[cpu * PAGEVEC_SIZE + slot - first]);
      } else if (batch === LRU_ACTIVATE) this.activate(pfn);
      else this.moveToInactive(pfn, batch);
    }
    if (this.nrBatched[row] !== 0) bug(`releasing pages filled the batch of cpu ${cpu} anew`);
  }

  /** Puts a new page on its list (lru_add). */
  private addNewPage(pfn: Pfn): void {
    const isLocked = (this.memmap.flags[pfn] & PG_MLOCKED) !== 0;
    this.policy.addPage(pfn);
    if (isLocked) this.mlock.noteUncounted(pfn);
  }

  /** Makes a page active unless it is meanwhile, or is kept out of reclaim (lru_activate). */
  private activate(pfn: Pfn): void {
    if ((this.memmap.flags[pfn] & (PG_LRU | PG_ACTIVE | PG_UNEVICTABLE)) === PG_LRU)
      this.policy.activatePage(pfn);
  }

  /** Moves a page that is still on a list to or within the inactive one, if it is still one for that. */
  private moveToInactive(pfn: Pfn, batch: number): void {
    const { flags } = this.memmap;
    if ((flags[pfn] & (PG_LRU | PG_UNEVICTABLE)) !== PG_LRU) return;
    if (batch === LRU_MOVE_TAIL) this.policy.rotatePage?.(pfn);
    else if (batch === LRU_DEACTIVATE_FILE) this.deactivateFile(pfn);
    else if (batch === LRU_LAZYFREE) this.lazyfree(pfn);
    else if ((flags[pfn] & PG_ACTIVE) !== 0) this.deactivate(pfn);
  }

  /** Source: Linux 6.18 mm/swap.c, lru_deactivate_file(). */
  private deactivateFile(pfn: Pfn): void {
    const { flags } = this.memmap;
    if (this.memmap.folioMapcount(pfn) > 0) return;
    this.deactivate(pfn);
    if ((flags[pfn] & (PG_WRITEBACK | PG_DIRTY)) !== 0) flags[pfn] |= PG_RECLAIM;
    else this.policy.rotatePage?.(pfn);
  }

  private deactivate(pfn: Pfn): void {
    if (this.policy.deactivatePage !== undefined) this.policy.deactivatePage(pfn);
    else this.putBackWithout(pfn, PG_ACTIVE | PG_REFERENCED);
  }

  private lazyfree(pfn: Pfn): void {
    if (mayLazyfree(this.memmap.flags[pfn]))
      this.putBackWithout(pfn, PG_ACTIVE | PG_REFERENCED | PG_SWAPBACKED);
  }

  /** Takes a page off its list and puts it on the one that it belongs on without some flags. */
  private putBackWithout(pfn: Pfn, flags: number): void {
    this.policy.removePage(pfn);
    this.memmap.flags[pfn] &= ~flags;
    this.policy.addPage(pfn);
  }

  /** Drains every CPU (lru_add_drain_all). */
  drainAll(): void {
    for (let cpu = 0; cpu < this.nrCpus; cpu++) this.drain(cpu);
  }

  /** Pages that wait in one CPU's batch of new pages. */
  nrWaiting(cpu: CpuId): number {
    return this.nrBatched[cpu * NR_LRU_BATCHES + LRU_ADD];
  }

  /** Does a page wait in some batch to get on a list? O(pages in batches). */
  isWaiting(pfn: Pfn): boolean {
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      if (this.isWaitingOn(pfn, cpu) || this.isWaitingLocked(pfn, cpu)) return true;
    }
    return false;
  }

  /** Is a page in one CPU's batch of new pages? The last to come is looked at first. */
  private isWaitingOn(pfn: Pfn, cpu: CpuId): boolean {
    const first = (cpu * NR_LRU_BATCHES + LRU_ADD) * PAGEVEC_SIZE;
    for (let slot = first + this.nrWaiting(cpu) - 1; slot >= first; slot--) {
      if (this.pages[slot] === pfn) return true;
    }
    return false;
  }

  /** Is a page in one CPU's batch of mlock(2) as a new one? */
  private isWaitingLocked(pfn: Pfn, cpu: CpuId): boolean {
    const row = cpu * NR_LRU_BATCHES + LRU_MLOCK;
    for (let slot = 0; slot < this.nrBatched[row]; slot++) {
      const isNew = this.mlockOrders[cpu * PAGEVEC_SIZE + slot] === MLOCK_ORDER_NEW;
      if (isNew && this.pages[row * PAGEVEC_SIZE + slot] === pfn) return true;
    }
    return false;
  }

  /** Collects the references that batches hold, by page. */
  collectReferences(): Map<Pfn, number> {
    const references = new Map<Pfn, number>();
    for (let row = 0; row < this.nrBatched.length; row++) {
      const first = row * PAGEVEC_SIZE;
      for (let slot = first; slot < first + this.nrBatched[row]; slot++) {
        const pfn = this.pages[slot];
        references.set(pfn, (references.get(pfn) ?? 0) + 1);
      }
    }
    return references;
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
    for (let row = 0; row < this.nrBatched.length; row++) {
      const first = row * PAGEVEC_SIZE;
      for (let slot = first; slot < first + this.nrBatched[row]; slot++) {
        if (this.memmap.refcount[this.pages[slot]] < 1)
          bug(`pfn ${this.pages[slot]} waits and has no reference`);
      }
    }
    const seen = new Set<number>();
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      const first = (cpu * NR_LRU_BATCHES + LRU_ADD) * PAGEVEC_SIZE;
      for (let slot = first; slot < first + this.nrWaiting(cpu); slot++) {
        const pfn = this.pages[slot];
        if (seen.has(pfn)) bug(`pfn ${pfn} waits twice`);
        seen.add(pfn);
        if ((this.memmap.flags[pfn] & PG_LRU) !== 0)
          bug(`pfn ${pfn} in the batch of cpu ${cpu} carries PG_LRU`);
      }
    }
  }
}

/** Can a page with these flags be given up without a write once it is clean? Those in the swap cache are no case. */
function mayLazyfree(flags: number): boolean {
  const needed = PG_LRU | PG_ANON | PG_SWAPBACKED;
  return (flags & (needed | PG_SWAPCACHE | PG_UNEVICTABLE)) === needed;
}
