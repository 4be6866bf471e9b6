/**
 * x86-64 page-table entries as two int32 halves, `lo` and `hi`. Hot: per walk.
 *
 *     lo bit  0 P          present                     lo bit  7 PS   leaf at PMD or PUD (PAT in a PTE)
 *             1 RW         writable                            8 G    global; PROT_NONE when not present
 *             2 US         user                                9      software: special
 *             3 PWT                                           10      software: uffd-wp
 *             4 PCD                                           11      software: soft-dirty
 *             5 A          accessed                   12..31  PFN bits 0..19
 *             6 D          dirty                      hi 0..19 PFN bits 20..39, hi 27..30 protection key, hi 31 NX
 *
 * Source: Intel SDM vol. 3A section 5.5.4 (tables 5-15 to 5-20); Linux 6.18 arch/x86/include/asm/pgtable_types.h.
 */

export const PTE_P: number = 1 << 0;
export const PTE_RW: number = 1 << 1;
export const PTE_US: number = 1 << 2;
export const PTE_PWT: number = 1 << 3;
export const PTE_PCD: number = 1 << 4;
export const PTE_A: number = 1 << 5;
export const PTE_D: number = 1 << 6;
export const PTE_PS: number = 1 << 7;
export const PTE_G: number = 1 << 8;
/** PROT_NONE: the global bit of an entry that is not present. */
export const PTE_PROTNONE: number = PTE_G;
export const PTE_SPECIAL: number = 1 << 9;
export const PTE_UFFD_WP: number = 1 << 10;
export const PTE_SOFT_DIRTY: number = 1 << 11;
/** In the high half. */
export const PTE_HI_NX: number = 1 << 31;
/** In the high half: frame number bits 20..39. */
export const PTE_HI_PFN_MASK = 0xfffff;
/** In the low half: everything but the frame number. */
export const PTE_LO_FLAGS_MASK = 0xfff;

/** Entries in one table; levels are counted from 1 (PTE) to 4 (PGD) or 5. */
export const PTRS_PER_TABLE = 512;
/** Bytes and int32 words of an entry. */
export const PTE_WORDS = 2;

/** Flags of an entry that points to a lower table of user space (_PAGE_TABLE): P RW US A D. */
export const PTE_TABLE_USER: number = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;
/** Flags of an entry that points to a lower table of the kernel half (_KERNPG_TABLE): P RW A D. */
export const PTE_TABLE_KERNEL: number = PTE_P | PTE_RW | PTE_A | PTE_D;

/** Low half of an entry for `pfn` with the low flags. */
export function pteLo(pfn: number, flagsLo: number): number {
  return (pfn << 12) | flagsLo;
}

/** High half of an entry for `pfn` with the high flags (PTE_HI_NX or 0). */
export function pteHi(pfn: number, flagsHi: number): number {
  return (pfn >>> 20) | flagsHi;
}

/** Frame number of a present entry. */
export function ptePfn(lo: number, hi: number): number {
  return (lo >>> 12) | ((hi & 0x7ff) << 20);
}

/** Is the translation valid for the processor? */
export function pteIsPresentToCpu(lo: number): boolean {
  return (lo & PTE_P) !== 0;
}

/** Does the entry hold a frame, PROT_NONE included (pte_present)? */
export function pteIsPresent(lo: number): boolean {
  return (lo & (PTE_P | PTE_PROTNONE)) !== 0;
}

/** Is nothing there (pte_none)? */
export function pteIsNone(lo: number, hi: number): boolean {
  return lo === 0 && hi === 0;
}

/** Does a non-empty entry hold a swap entry or another software form? */
export function pteIsSwap(lo: number, hi: number): boolean {
  return (lo & (PTE_P | PTE_PROTNONE)) === 0 && (lo !== 0 || hi !== 0);
}
