/**
 * How the address space of a radix table is cut up: levels, indices, entry format, what lies where in the kernel half.
 *
 *     vpn   bits 36..44 level 5 (PGD of five levels) | 27..35 level 4 (PGD, P4D of five) | 18..26 level 3 (PUD)
 *           9..17 level 2 (PMD) | 0..8 level 1 (PTE)
 *
 * Levels above the top are folded away: with four levels the P4D is the PGD, with three the PUD is. The lower half of the
 * top table is the user's, the upper half (index 256 up) the kernel's; a page of it is held without the sign extension.
 * A PAE table has level 3 as a top of four entries; 32-bit tables without PAE are no such tree (page-table32.ts).
 * Source: Intel SDM vol. 3A section 5.5.4, figure 5-8; Linux 6.18 Documentation/arch/x86/x86_64/mm.rst,
 * Documentation/arch/riscv/vm-layout.rst.
 */
import {
  PAGES_PER_LEVEL,
  PTE_P,
  PTE_PS,
  PTE_TABLE_KERNEL,
  PTE_TABLE_USER,
  PTRS_PER_TABLE,
  type Pfn,
  RISCV_PTE_LEAF,
  RISCV_PTE_V,
  type Vpn,
} from "@pageframe/contracts";

/** First page of the kernel half of four levels. */
export const KERNEL_HALF_VPN: number = 2 ** 35;
/** First page number that four levels cannot translate. */
export const VPN_LIMIT: number = 2 ** 36;
/** First top entry of the kernel half. */
export const KERNEL_TOP_INDEX = 256;
/** Page of ffff888000000000, where frame 0 is mapped (PAGE_OFFSET); top entry 273. */
export const DIRECT_MAP_VPN = 0x888000000;
/** Page of ffffc90000000000, where vmalloc starts (VMALLOC_START); top entry 402. */
export const VMALLOC_START_VPN = 0xc90000000;

/** log2 of the int32 words in a table: `entry >>> TABLE_WORDS_SHIFT` is the contents slot of its table. */
export const TABLE_WORDS_SHIFT = 10;

/** A kind of radix table. */
export interface RadixLayout {
  /** Name of the occupant that has it. */
  readonly name: string;
  readonly nrLevels: number;
  /** Largest level of a leaf. */
  readonly maxLeafLevel: number;
  /** Is the form of entries in RAM RISC-V's (riscv-pte.ts), not x86-64's? */
  readonly isRiscv: boolean;
  /** An entry above level 1 points to a table when these bits have this value. */
  readonly pointerMask: number;
  readonly pointerValue: number;
  /** Bits below the frame number. */
  readonly pfnShift: number;
  /** Flags of a pointer of user space, and of the kernel half. */
  readonly tableUserLo: number;
  readonly tableKernelLo: number;
  /** Flags of a pointer in the top table, where it has fewer; 0: as the others. */
  readonly topPointerLo: number;
  /** First page that cannot be translated; the kernel half starts at half of it. */
  readonly limitVpn: Vpn;
  /** First page whose tables have pointers of the kernel. */
  readonly kernelVpn: Vpn;
  /** Where the kernel half shows frame 0 (PAGE_OFFSET), and where vmalloc starts. */
  readonly directMapVpn: Vpn;
  readonly vmallocVpn: Vpn;
}

const X86_ENTRIES = {
  maxLeafLevel: 3,
  topPointerLo: 0,
  isRiscv: false,
  pointerMask: PTE_P | PTE_PS,
  pointerValue: PTE_P,
  pfnShift: 12,
  tableUserLo: PTE_TABLE_USER,
  tableKernelLo: PTE_TABLE_KERNEL,
};

const RISCV_ENTRIES = {
  topPointerLo: 0,
  isRiscv: true,
  pointerMask: RISCV_PTE_V | RISCV_PTE_LEAF,
  pointerValue: RISCV_PTE_V,
  pfnShift: 10,
  tableUserLo: RISCV_PTE_V,
  tableKernelLo: RISCV_PTE_V,
};

// Frozen, so that a copy of a machine shares them with tables made later.
/** x86-64 with four levels. */
export const RADIX4: RadixLayout = Object.freeze({
  name: "radix4",
  nrLevels: 4,
  ...X86_ENTRIES,
  limitVpn: VPN_LIMIT,
  kernelVpn: KERNEL_HALF_VPN,
  directMapVpn: DIRECT_MAP_VPN,
  vmallocVpn: VMALLOC_START_VPN,
});

/** x86-64 with five levels (LA57): direct map at ff11000000000000, vmalloc at ffa0000000000000. */
export const RADIX5: RadixLayout = Object.freeze({
  name: "radix5",
  nrLevels: 5,
  ...X86_ENTRIES,
  limitVpn: 2 ** 45,
  kernelVpn: 2 ** 44,
  directMapVpn: 0x111000000000,
  vmallocVpn: 0x1a0000000000,
});

/**
 * 32-bit x86 with PAE: two levels of 64-bit entries below a top table (PDPT) of four, whose entries have P alone: bits 1, 2 and
 * 5 to 8 of them are reserved. NX is there; protection keys are not: bits 59 to 62 are reserved. CR3 has 32 bits, so the top
 * table's frame is below 2^20. No kernel half: Linux puts PAGE_OFFSET at c0000000, vmalloc above what it maps.
 * Source: Intel SDM vol. 3A section 5.4 (tables 5-7 to 5-11); Linux 6.18 arch/x86/include/asm/pgtable-3level_types.h.
 */
export const PAE: RadixLayout = Object.freeze({
  name: "pae",
  nrLevels: 3,
  ...X86_ENTRIES,
  maxLeafLevel: 2,
  topPointerLo: PTE_P,
  limitVpn: 2 ** 20,
  kernelVpn: 0xc0000,
  directMapVpn: 0xc0000,
  vmallocVpn: 0xf8000,
});

/** RISC-V with three levels: direct map at ffffffd600000000, vmalloc at ffffffc600000000. */
export const SV39: RadixLayout = Object.freeze({
  name: "sv39",
  nrLevels: 3,
  maxLeafLevel: 3,
  ...RISCV_ENTRIES,
  limitVpn: 2 ** 27,
  kernelVpn: 2 ** 26,
  directMapVpn: 0x5600000,
  vmallocVpn: 0x4600000,
});

/** RISC-V with four levels and leaves of up to 512 GiB: direct map at ffffaf8000000000, vmalloc at ffff8f8000000000. */
export const SV48: RadixLayout = Object.freeze({
  name: "sv48",
  nrLevels: 4,
  maxLeafLevel: 4,
  ...RISCV_ENTRIES,
  limitVpn: 2 ** 36,
  kernelVpn: 2 ** 35,
  directMapVpn: 0xaf8000000,
  vmallocVpn: 0x8f8000000,
});

/** 1 / PAGES_PER_LEVEL: exact, and a product costs less than a quotient. */
const SCALE: readonly number[] = PAGES_PER_LEVEL.map((nrPages) => 1 / nrPages);

/** Index into the table of `level` (1..5) for a page number. */
export function tableIndex(vpn: Vpn, level: number): number {
  return (vpn * SCALE[level]) & (PTRS_PER_TABLE - 1);
}

/** First page of the leaf of `level` that covers a page. */
export function leafStart(vpn: Vpn, level: number): Vpn {
  const nrPages = PAGES_PER_LEVEL[level];
  return Math.floor(vpn / nrPages) * nrPages;
}

/** Page at which the direct map of four levels shows a frame (__va). */
export function directMapVpn(pfn: Pfn): Vpn {
  return DIRECT_MAP_VPN + pfn;
}
