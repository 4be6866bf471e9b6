/**
 * The fixmap: addresses known when the kernel is compiled, whose frames are set later. An index counts pages downwards from
 * FIXADDR_TOP. Cold.
 * Source: Linux 6.18 arch/x86/include/asm/fixmap.h; arch/x86/mm/pgtable.c, __native_set_fixmap(); arch/x86/mm/init_64.c,
 * set_pte_vaddr().
 * Differs: no indices for FireWire debugging, APEI and temporary mappings of early boot.
 */
import {
  EINVAL,
  KernelError,
  NO_ENTRY,
  PAGES_PER_LEVEL,
  type Pfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PTE_HI_NX,
  PTE_PCD,
  pteHi,
  pteLo,
  type Vpn,
} from "@pageframe/contracts";
import { FIXMAP_PMD_NUM, PTE_KERNEL_LO } from "@pageframe/pagetable";
import { vpnOfPage } from "./kernel-layout.ts";
import { flushKernelRange } from "../tlb/flush-kernel-range.ts";
import { type System } from "../system.ts";

/** Page of FIXADDR_TOP, ffffffffff7ff000, with all 52 bits: index 0. */
export const FIXADDR_TOP_PAGE = 0xffffffffff7ff;
/** Index of the vsyscall page. */
export const VSYSCALL_PAGE = 511;
/** Index of the USB debug port, the early console, the local APIC and the first I/O APIC. */
export const FIX_DBGP_BASE = 512;
export const FIX_EARLYCON_MEM_BASE = 513;
export const FIX_APIC_BASE = 514;
export const FIX_IO_APIC_BASE_0 = 515;

/** Low flags of an ordinary fixmap entry (PAGE_KERNEL), and of a device's registers (PAGE_KERNEL_IO). */
export const FIXMAP_PAGE_NORMAL: number = PTE_KERNEL_LO;
export const FIXMAP_PAGE_IO: number = PTE_KERNEL_LO | PTE_PCD;

/** Indices that have tables. */
const NR_FIXMAP_PAGES = FIXMAP_PMD_NUM * PAGES_PER_LEVEL[PT_LEVEL_PMD];

/** Page of an index (fix_to_virt). Throws EINVAL outside of the fixmap. */
export function fixToVpn(sys: System, index: number): Vpn {
  if (!Number.isInteger(index) || index < 0 || index >= NR_FIXMAP_PAGES) {
    throw new KernelError(EINVAL, `fixmap index ${index} is not an integer from 0 to ${NR_FIXMAP_PAGES - 1}`);
  }
  return vpnOfPage(FIXADDR_TOP_PAGE - index, sys.kernelHalf.layout.nrLevels);
}

/** Shows a frame at an index, in every address space (set_fixmap). Only this CPU's TLB is flushed, as in Linux. */
export function setFixmap(sys: System, index: number, pfn: Pfn, flagsLo: number = FIXMAP_PAGE_NORMAL): void {
  writeFixmap(sys, index, pteLo(pfn, flagsLo & sys.kernelHalf.defaultPteMask), pteHi(pfn, PTE_HI_NX));
}

/** Empties an index (clear_fixmap). */
export function clearFixmap(sys: System, index: number): void {
  writeFixmap(sys, index, 0, 0);
}

function writeFixmap(sys: System, index: number, lo: number, hi: number): void {
  const vpn = fixToVpn(sys, index);
  const { pageTable } = sys.kernelHalf;
  const entry = pageTable.allocEntry(vpn, PT_LEVEL_PTE);
  if (entry === NO_ENTRY) {
    throw new KernelError(EINVAL, "this machine has no fixmap: its kernel image is empty");
  }
  pageTable.setEntry(entry, lo, hi);
  flushKernelRange(sys.cpus[sys.currentCpu], vpn, 1);
}
