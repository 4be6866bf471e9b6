/**
 * Overcommit: how much memory all address spaces together have been promised.
 *
 * The account is a percpu_counter: `committedPages` is its exact sum (Committed_AS); the check in mode 2 reads the common
 * part alone, which leaves out up to `batch` pages that each CPU keeps in private. The batch is a quarter of a CPU's share
 * of RAM, 0.4 % in mode 2.
 * Source: Linux 6.18 mm/util.c, __vm_enough_memory(), vm_commit_limit(), overcommit_policy_handler(); mm/mm_init.c,
 * mm_compute_batch(); lib/percpu_counter.c, percpu_counter_add_batch().
 */
import { bug, ENOMEM } from "@pageframe/contracts";

/** Values of vm.overcommit_memory. */
export const OVERCOMMIT_GUESS = 0;
export const OVERCOMMIT_ALWAYS = 1;
export const OVERCOMMIT_NEVER = 2;

const PAGES_PER_KIB = 1 / 4;
const INT_MAX = 0x7fffffff;
const MIN_BATCH = 32;
/** Part of each CPU's share of RAM that it may keep in private: in mode 2, and otherwise. */
const NEVER_BATCH_DIVISOR = 256;
const LOOSE_BATCH_DIVISOR = 4;
/** vm.user_reserve_kbytes and vm.admin_reserve_kbytes of a large machine. */
const MAX_USER_RESERVE_KIB = 131072;
const MAX_ADMIN_RESERVE_KIB = 8192;
/** Smaller machines reserve a part of their free memory: 3 %. */
const RESERVE_DIVISOR = 32;
/** A process keeps a part of its size, 3 %, free for others. */
const USER_SHARE_DIVISOR = 32;

/** The account of one machine; the reserves and sizes are fields that their owner sets. */
export class VmCommit {
  /** vm.overcommit_memory, vm.overcommit_ratio in percent, vm.overcommit_kbytes (0: the ratio counts). Have setters below. */
  overcommitMemory: number = OVERCOMMIT_GUESS;
  overcommitRatio = 50;
  overcommitKib = 0;
  /** vm.admin_reserve_kbytes and vm.user_reserve_kbytes. */
  adminReserveKib: number = MAX_ADMIN_RESERVE_KIB;
  userReserveKib: number = MAX_USER_RESERVE_KIB;
  /** totalram_pages(). */
  totalRamPages: number;
  /** total_swap_pages. */
  totalSwapPages: number;
  /** hugetlb_total_pages(). */
  totalHugetlbPages = 0;
  /** CPU that charges; set by whoever switches CPUs. */
  currentCpu = 0;
  /** vm_committed_as, exactly: Committed_AS of /proc/meminfo, in pages. */
  committedPages = 0;
  /** Common part of it, and the private part of each CPU. */
  private count = 0;
  private readonly local: Float64Array;
  /** vm_committed_as_batch. */
  private batch = MIN_BATCH;

  constructor(totalRamPages = Infinity, totalSwapPages = 0, nrCpus = 1) {
    this.totalRamPages = totalRamPages;
    this.totalSwapPages = totalSwapPages;
    this.local = new Float64Array(nrCpus);
    this.computeBatch();
  }

  /** CommitLimit of /proc/meminfo, in pages. */
  get commitLimitPages(): number {
    const ram =
      this.overcommitKib > 0
        ? Math.floor(this.overcommitKib * PAGES_PER_KIB)
        : Math.floor(((this.totalRamPages - this.totalHugetlbPages) * this.overcommitRatio) / 100);
    return ram + this.totalSwapPages;
  }

  /** Sets the reserves as boot does, by the memory that is free then (init_user_reserve, init_admin_reserve). */
  initReserves(freePages: number): void {
    const reserveKib = Math.floor(freePages / PAGES_PER_KIB / RESERVE_DIVISOR);
    this.userReserveKib = Math.min(reserveKib, MAX_USER_RESERVE_KIB);
    this.adminReserveKib = Math.min(reserveKib, MAX_ADMIN_RESERVE_KIB);
  }

  /** Sets vm.overcommit_memory; mode 2 begins with an exact count. */
  setOvercommitMemory(mode: number): void {
    this.overcommitMemory = mode;
    this.computeBatch();
    if (mode !== OVERCOMMIT_NEVER) return;
    this.local.fill(0);
    this.count = this.committedPages;
  }

  /** Sets vm.overcommit_ratio, which counts from now on. */
  setOvercommitRatio(percent: number): void {
    this.overcommitRatio = percent;
    this.overcommitKib = 0;
  }

  /** Sets vm.overcommit_kbytes, which counts from now on. */
  setOvercommitKib(kib: number): void {
    this.overcommitKib = kib;
    this.overcommitRatio = 0;
  }

  /**
   * Charges `nrPages` for an address space of `totalVmPages`, or for the kernel when that is 0. Returns 0, or -ENOMEM
   * without charging.
   */
  charge(nrPages: number, totalVmPages: number, isPrivileged: boolean): number {
    this.add(nrPages);
    if (this.isEnough(nrPages, totalVmPages, isPrivileged)) return 0;
    this.add(-nrPages);
    return -ENOMEM;
  }

  /** Takes a charge back (vm_unacct_memory). */
  uncharge(nrPages: number): void {
    this.add(-nrPages);
  }

  /** Checks that the parts make the sum; calls bug() when they do not. */
  checkInvariants(): void {
    let sum = this.count;
    for (const local of this.local) sum += local;
    if (sum !== this.committedPages) bug(`${this.committedPages} pages are committed, the parts are ${sum}`);
  }

  /** Are the pages, charged already, within what the mode allows? */
  private isEnough(nrPages: number, totalVmPages: number, isPrivileged: boolean): boolean {
    if (this.overcommitMemory === OVERCOMMIT_ALWAYS) return true;
    if (this.overcommitMemory === OVERCOMMIT_GUESS)
      return nrPages <= this.totalRamPages + this.totalSwapPages;
    let allowed = this.commitLimitPages;
    if (!isPrivileged) allowed -= Math.floor(this.adminReserveKib * PAGES_PER_KIB);
    allowed -= Math.min(
      Math.floor(totalVmPages / USER_SHARE_DIVISOR),
      Math.floor(this.userReserveKib * PAGES_PER_KIB),
    );
    return Math.max(0, this.count) < allowed;
  }

  private add(nrPages: number): void {
    this.committedPages += nrPages;
    const local = this.local[this.currentCpu] + nrPages;
    if (Math.abs(local) >= this.batch) {
      this.count += local;
      this.local[this.currentCpu] = 0;
    } else {
      this.local[this.currentCpu] = local;
    }
  }

  private computeBatch(): void {
    const nrCpus = this.local.length;
    const divisor = this.overcommitMemory === OVERCOMMIT_NEVER ? NEVER_BATCH_DIVISOR : LOOSE_BATCH_DIVISOR;
    const bySize = Math.min(Math.floor(Math.floor(this.totalRamPages / nrCpus) / divisor), INT_MAX);
    this.batch = Math.max(bySize, 2 * nrCpus, MIN_BATCH);
  }
}
