/**
 * Overcommit: how much memory all address spaces together have been promised.
 * Source: Linux 6.18 mm/util.c, __vm_enough_memory(), vm_commit_limit().
 */
import { ENOMEM } from "@pageframe/contracts";

/** Values of vm.overcommit_memory. */
export const OVERCOMMIT_GUESS = 0;
export const OVERCOMMIT_ALWAYS = 1;
export const OVERCOMMIT_NEVER = 2;

const PAGES_PER_KIB = 1 / 4;

/** The account of one machine; the sysctls and sizes are fields that their owner sets. */
export class VmCommit {
  /** vm.overcommit_memory. */
  overcommitMemory: number = OVERCOMMIT_GUESS;
  /** vm.overcommit_ratio, in percent. */
  overcommitRatio = 50;
  /** vm.overcommit_kbytes; 0 means that the ratio counts. */
  overcommitKib = 0;
  /** vm.admin_reserve_kbytes and vm.user_reserve_kbytes. */
  adminReserveKib = 8192;
  userReserveKib = 131072;
  /** totalram_pages(). */
  totalRamPages: number;
  /** total_swap_pages. */
  totalSwapPages: number;
  /** hugetlb_total_pages(). */
  totalHugetlbPages = 0;
  /** vm_committed_as: Committed_AS of /proc/meminfo, in pages. */
  committedPages = 0;

  constructor(totalRamPages = Infinity, totalSwapPages = 0) {
    this.totalRamPages = totalRamPages;
    this.totalSwapPages = totalSwapPages;
  }

  /** CommitLimit of /proc/meminfo, in pages. */
  get commitLimitPages(): number {
    const ram =
      this.overcommitKib > 0
        ? Math.floor(this.overcommitKib * PAGES_PER_KIB)
        : Math.floor(((this.totalRamPages - this.totalHugetlbPages) * this.overcommitRatio) / 100);
    return ram + this.totalSwapPages;
  }

  /**
   * Charges `nrPages` (may be negative) for an address space of `totalVmPages`. Returns 0, or -ENOMEM without charging.
   */
  charge(nrPages: number, totalVmPages: number, isPrivileged: boolean): number {
    if (!this.isEnough(nrPages, totalVmPages, isPrivileged)) return -ENOMEM;
    this.committedPages += nrPages;
    return 0;
  }

  /** Takes a charge back (vm_unacct_memory). */
  uncharge(nrPages: number): void {
    this.committedPages -= nrPages;
  }

  private isEnough(nrPages: number, totalVmPages: number, isPrivileged: boolean): boolean {
    if (this.overcommitMemory === OVERCOMMIT_ALWAYS) return true;
    if (this.overcommitMemory === OVERCOMMIT_GUESS)
      return nrPages <= this.totalRamPages + this.totalSwapPages;
    let allowed = this.commitLimitPages;
    if (!isPrivileged) allowed -= Math.floor(this.adminReserveKib * PAGES_PER_KIB);
    allowed -= Math.min(Math.floor(totalVmPages / 32), Math.floor(this.userReserveKib * PAGES_PER_KIB));
    return this.committedPages + nrPages < allowed;
  }
}
