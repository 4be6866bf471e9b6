/**
 * Flushes of the kernel's own mappings on one CPU. Cold.
 * Source: Linux 6.18 arch/x86/mm/tlb.c, flush_tlb_one_kernel(). Differs: under page-table isolation the translations of other
 * address spaces go at once, not when each is loaded next (invalidate_other).
 */
import { type Vpn } from "@pageframe/contracts";
import { type Mmu, type PageTableIsolation } from "@pageframe/mmu";

/** A processor, as far as it translates. */
export interface TranslatingCpu {
  readonly mmu: Mmu;
  /** Null without page-table isolation. */
  readonly isolation: PageTableIsolation | null;
}

/** Forgets pages of the kernel's own, in whatever address space: they are global without isolation, and with it not. */
export function flushKernelRange({ mmu, isolation }: TranslatingCpu, vpn: Vpn, nrPages: number): void {
  if (isolation === null) mmu.flushRange(vpn, nrPages, mmu.currentPcid);
  else mmu.flushAll(false);
}
