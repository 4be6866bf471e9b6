/**
 * Page-table isolation (KPTI): the kernel and user mode run on two roots with two PCIDs, and every entry to and exit from the
 * kernel writes CR3. Warm: per system call, interrupt and fault.
 *
 *     kernel   root of the whole address space, PCID p
 *     user     root of the user half and the entry trampoline, PCID p | 0x800
 *
 * Without PCIDs both have 0, and every CR3 write forgets what is not global. With them CR3 writes keep the TLB (NOFLUSH). What the kernel flushes of an address space is flushed of its user PCID at the next exit
 * to user mode, by a CR3 write without NOFLUSH; single pages at once, by INVPCID.
 * Source: Linux 6.18 arch/x86/entry/calling.h, SWITCH_TO_KERNEL_CR3, SWITCH_TO_USER_CR3; arch/x86/mm/tlb.c, kern_pcid(),
 * user_pcid(), invalidate_user_asid(), flush_tlb_one_user(); Documentation/arch/x86/pti.rst ("Moves to CR3 are on the order of
 * a hundred cycles"). Differs: no interrupts that come in kernel mode.
 */
import { type Asid, EINVAL, KernelError, NO_PFN, type Pfn, type Vpn } from "@pageframe/contracts";

/** Bit of a PCID that tells user mode's from the kernel's. */
export const X86_CR3_PTI_PCID_USER_BIT = 11;
const PTI_USER_PCID_MASK: number = 1 << X86_CR3_PTI_PCID_USER_BIT;
/** A hundred cycles at 4 GHz. */
const DEFAULT_CR3_WRITE_NS = 25;

/** What isolation asks of an MMU. */
export interface IsolatedMmu {
  loadCr3(rootPfn: Pfn, pcid: Asid, noFlush: boolean): void;
  flushPage(vpn: Vpn, pcid: Asid): void;
  flushRange(vpn: Vpn, nrPages: number, pcid: Asid): void;
  flushPcid(pcid: Asid): void;
}

/** Counts since isolation began. */
export interface IsolationStats {
  readonly entries: number;
  readonly exits: number;
  /** Writes of CR3: one for each entry, exit and change of address space. */
  readonly cr3Writes: number;
  /** Exits that flushed the user PCID. */
  readonly exitFlushes: number;
  /** What the CR3 writes of entries and exits cost. */
  readonly costNs: number;
}

/** The two roots of one CPU. A new one is in the kernel, and without an address space. */
export class PageTableIsolation {
  /** Is the CPU in the kernel, on its root? */
  isInKernel = true;
  private readonly mmu: IsolatedMmu;
  private readonly cr3WriteNs: number;
  private readonly userBit: number;
  private kernelRootPfn: Pfn = NO_PFN;
  private userRootPfn: Pfn = NO_PFN;
  private pcid: Asid = 0;
  /** Kernel PCIDs whose user PCID is flushed at its next exit (user_pcid_flush_mask). */
  private readonly staleUserPcids: Set<Asid> = new Set<Asid>();
  private nrEntries = 0;
  private nrExits = 0;
  private nrSwitches = 0;
  private nrExitFlushes = 0;

  /** `cr3WriteNs` is what a write of CR3 costs; without `hasPcids` the processor has PCID 0 alone (CR4.PCIDE clear). */
  constructor(mmu: IsolatedMmu, cr3WriteNs: number = DEFAULT_CR3_WRITE_NS, hasPcids = true) {
    this.mmu = mmu;
    this.cr3WriteNs = cr3WriteNs;
    this.userBit = hasPcids ? PTI_USER_PCID_MASK : 0;
  }

  get stats(): IsolationStats {
    const nrCrossings = this.nrEntries + this.nrExits;
    return {
      entries: this.nrEntries,
      exits: this.nrExits,
      cr3Writes: nrCrossings + this.nrSwitches,
      exitFlushes: this.nrExitFlushes,
      costNs: nrCrossings * this.cr3WriteNs,
    };
  }

  /**
   * Goes over to another address space, in the kernel; without `noFlush` both PCIDs are flushed, the user's at the next exit.
   * Throws EINVAL in user mode, or for a PCID from 2048 on.
   */
  switchMm(kernelRootPfn: Pfn, userRootPfn: Pfn, pcid: Asid, noFlush: boolean): void {
    if (!this.isInKernel)
      throw new KernelError(EINVAL, "user mode cannot change the address space; enter the kernel");
    if (!Number.isInteger(pcid) || pcid < 0 || pcid >= PTI_USER_PCID_MASK) {
      throw new KernelError(
        EINVAL,
        `pcid ${pcid} is not an integer from 0 to ${PTI_USER_PCID_MASK - 1}; bit 11 tells the user's`,
      );
    }
    this.kernelRootPfn = kernelRootPfn;
    this.userRootPfn = userRootPfn;
    this.pcid = pcid;
    this.nrSwitches++;
    this.mmu.loadCr3(kernelRootPfn, pcid, noFlush);
    if (!noFlush) this.staleUserPcids.add(pcid);
  }

  /** Enters the kernel. Nothing when the CPU is in the kernel already. */
  enterKernel(): void {
    if (this.isInKernel) return;
    this.isInKernel = true;
    this.nrEntries++;
    this.mmu.loadCr3(this.kernelRootPfn, this.pcid, this.userBit !== 0);
  }

  /** Returns to user mode. Nothing when the CPU is there already; throws EINVAL before the first switchMm(). */
  exitToUser(): void {
    if (!this.isInKernel) return;
    if (this.userRootPfn === NO_PFN) {
      throw new KernelError(
        EINVAL,
        "there is no user mode to return to before switchMm() has given its root",
      );
    }
    this.isInKernel = false;
    this.nrExits++;
    const isStale = this.staleUserPcids.delete(this.pcid);
    if (isStale) this.nrExitFlushes++;
    this.mmu.loadCr3(this.userRootPfn, this.userPcid(this.pcid), !isStale && this.userBit !== 0);
  }

  /** PCID that user mode has beside a kernel PCID (user_pcid). */
  userPcid(pcid: Asid): Asid {
    return pcid | this.userBit;
  }

  /** Is a PCID user mode's? Never without PCIDs. */
  isUserPcid(pcid: Asid): boolean {
    return (pcid & this.userBit) !== 0;
  }

  /** Kernel PCID that a PCID of either kind belongs to (kern_pcid). */
  kernelPcid(pcid: Asid): Asid {
    return pcid & ~this.userBit;
  }

  /** Is the user PCID beside a kernel PCID flushed before user mode runs on it again? */
  isUserStale(pcid: Asid): boolean {
    return this.staleUserPcids.has(pcid);
  }

  /** Forgets one page of an address space, for both PCIDs at once (flush_tlb_one_user). */
  flushPage(vpn: Vpn, pcid: Asid): void {
    this.mmu.flushPage(vpn, pcid);
    if (this.userBit !== 0) this.mmu.flushPage(vpn, this.userPcid(pcid));
  }

  /** Forgets `nrPages` pages of an address space, for both PCIDs at once. */
  flushRange(vpn: Vpn, nrPages: number, pcid: Asid): void {
    this.mmu.flushRange(vpn, nrPages, pcid);
    if (this.userBit !== 0) this.mmu.flushRange(vpn, nrPages, this.userPcid(pcid));
  }

  /** Forgets an address space, for the user PCID at its next exit (flush_tlb_local, invalidate_user_asid). */
  flushPcid(pcid: Asid): void {
    this.mmu.flushPcid(pcid);
    this.staleUserPcids.add(pcid);
  }

  /** Forgets an address space for both PCIDs at once, as a broadcast does (__invlpgb_flush_user_nr_nosync). */
  flushBothPcids(pcid: Asid): void {
    this.mmu.flushPcid(pcid);
    if (this.userBit !== 0) this.mmu.flushPcid(this.userPcid(pcid));
  }
}
