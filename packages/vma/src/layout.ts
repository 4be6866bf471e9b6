/**
 * Where the parts of a 64-bit address space lie, without address-space randomisation.
 * Source: Linux 6.18 arch/x86/mm/mmap.c; arch/x86/include/asm/page_64_types.h, processor.h; arch/riscv/include/asm/processor.h.
 */
import { PAGE_SIZE, STACK_GUARD_GAP_PAGES, TASK_SIZE_VPN, type Vpn } from "@pageframe/contracts";

const MIB = 1048576;
const MIN_GAP_BYTES = 128 * MIB;

/** Soft RLIMIT_STACK of a new task (_STK_LIM). */
export const DEFAULT_RLIMIT_STACK_BYTES: number = 8 * MIB;
/** Soft RLIMIT_MEMLOCK of a new task (MLOCK_LIMIT). */
export const DEFAULT_RLIMIT_MEMLOCK_BYTES: number = 8 * MIB;
/** Pages of a huge page. */
export const PMD_PAGES = 512;
/** Where bottom-up placement starts on RISC-V (TASK_UNMAPPED_BASE): a third of 2^39 bytes, whatever the levels. */
export const RISCV_MMAP_LEGACY_BASE_VPN: number = Math.ceil(2 ** 27 / 3);
/** First page past the user half: the ceiling of page tables when nothing is mapped above. */
export const USER_PGTABLES_CEILING_VPN: number = 2 ** 35;

/**
 * Computes the page below which mmap places mappings: room for the largest stack, at least 128 MiB and at most 5/6 of
 * the address space, is left at the top. Source: Linux 6.18 arch/x86/mm/mmap.c, mmap_base() with no randomisation; RISC-V
 * does the same from STACK_TOP down (mm/util.c, mmap_base()).
 */
export function mmapBaseVpn(rlimitStackBytes: number, taskSizeVpn: Vpn = TASK_SIZE_VPN): Vpn {
  const taskSizeBytes = taskSizeVpn * PAGE_SIZE;
  const guardBytes = STACK_GUARD_GAP_PAGES * PAGE_SIZE;
  const maxGapBytes = Math.floor(taskSizeBytes / 6) * 5;
  const gapBytes = Math.min(Math.max(rlimitStackBytes + guardBytes, MIN_GAP_BYTES), maxGapBytes);
  return Math.ceil((taskSizeBytes - gapBytes) / PAGE_SIZE);
}
