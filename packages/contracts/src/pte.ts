/**
 * x86-64 page-table entries as two int32 halves, `lo` and `hi`: the canonical form of every page table. Hot: per walk.
 *
 *     lo bit  0 P          present                     lo bit  7 PS   leaf at PMD or PUD (PAT in a PTE)
 *             1 RW         writable                            8 G    global; PROT_NONE when not present
 *             2 US         user                                9      software: special
 *             3 PWT                                           10      software: uffd-wp
 *             4 PCD                                           11      software: soft-dirty
 *             5 A          accessed                   12..31  PFN bits 0..19 (12: PAT of a large leaf)
 *             6 D          dirty                      hi 0..19 PFN bits 20..39, hi 26 software: saved-dirty,
 *                                                     hi 27..30 protection key, hi 31 NX
 *
 * A PROT_NONE entry (P clear, G set) holds its frame number inverted, so that a processor that speculates past the clear
 * P (L1TF) meets no memory: make such entries with leafLo() and leafHi(), read them with leafPfn().
 * Source: Intel SDM vol. 3A sections 5.5.4 (tables 5-15 to 5-20) and 5.5.5; Linux 6.18
 * arch/x86/include/asm/pgtable_types.h, pgtable.h, pgtable-invert.h.
 */
import { type BitNames } from "./bit-names.ts";

export const PTE_P: number = 1 << 0;
export const PTE_RW: number = 1 << 1;
export const PTE_US: number = 1 << 2;
export const PTE_PWT: number = 1 << 3;
export const PTE_PCD: number = 1 << 4;
export const PTE_A: number = 1 << 5;
export const PTE_D: number = 1 << 6;
export const PTE_PS: number = 1 << 7;
/** PAT of a PTE: the bit that is PS one level up. */
export const PTE_PAT: number = 1 << 7;
/** PAT of a leaf at PMD or above: the lowest bit of the frame number, which alignment keeps free. */
export const PTE_PAT_LARGE: number = 1 << 12;
export const PTE_G: number = 1 << 8;
/** PROT_NONE: the global bit of an entry that is not present. */
export const PTE_PROTNONE: number = PTE_G;
export const PTE_SPECIAL: number = 1 << 9;
export const PTE_UFFD_WP: number = 1 << 10;
export const PTE_SOFT_DIRTY: number = 1 << 11;
/** In the high half. */
export const PTE_HI_NX: number = 1 << 31;
/** In the high half: what was dirty when it became read-only, where shadow stacks are in use (_PAGE_SAVED_DIRTY). */
export const PTE_HI_SAVED_DIRTY: number = 1 << 26;
/** In the high half: the protection key. */
export const PTE_HI_PKEY_MASK: number = 15 << 27;
export const PTE_HI_PKEY_SHIFT = 27;
/** In the high half: frame number bits 20..39. */
export const PTE_HI_PFN_MASK = 0xfffff;
/** In the low half: everything but the frame number. */
export const PTE_LO_FLAGS_MASK = 0xfff;

/** Names of the processor's bits in the low half, lowest first. */
export const PTE_FLAG_NAMES: BitNames = [
  [PTE_P, "P"],
  [PTE_RW, "RW"],
  [PTE_US, "US"],
  [PTE_PWT, "PWT"],
  [PTE_PCD, "PCD"],
  [PTE_A, "A"],
  [PTE_D, "D"],
  [PTE_PS, "PS"],
  [PTE_G, "G"],
];

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

/** Frame number of an entry with P set that is no large leaf; see leafPfn() for the others. */
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

/** Low bits that a change of protection keeps (_COMMON_PAGE_CHG_MASK), without the frame number and PAT. */
const PTE_LO_KEPT: number = PTE_PWT | PTE_PCD | PTE_SPECIAL | PTE_A | PTE_D | PTE_SOFT_DIRTY | PTE_UFFD_WP;

/** Frame-number bits in the low half of a leaf at `level`; the bits below are zero in its frame number. */
export function pfnMaskLo(level: number): number {
  return level === 1 ? -4096 : level === 2 ? -0x200000 : level === 3 ? -0x40000000 : 0;
}

/** Frame-number bits in the high half of a leaf at `level` (1..4). */
export function pfnMaskHi(level: number): number {
  return level < 4 ? PTE_HI_PFN_MASK : 0xfff80;
}

/**
 * Is the frame number stored inverted? True for whatever is neither empty nor present to the processor.
 * Source: Linux 6.18 arch/x86/include/asm/pgtable-invert.h, __pte_needs_invert().
 */
export function pteNeedsInvert(lo: number, hi: number): boolean {
  return (lo & PTE_P) === 0 && (lo | hi) !== 0;
}

/** Mask to xor over both halves of an entry before its frame number is read: 0 or -1 (protnone_mask). */
export function protnoneMask(lo: number, hi: number): number {
  return pteNeedsInvert(lo, hi) ? -1 : 0;
}

/** First frame of a leaf at `level` that holds one, PROT_NONE and large leaves included (pte_pfn, pmd_pfn, pud_pfn). */
export function leafPfn(lo: number, hi: number, level: number): number {
  const flip = protnoneMask(lo, hi);
  return ptePfn((lo ^ flip) & pfnMaskLo(level), (hi ^ flip) & pfnMaskHi(level));
}

/**
 * Low half of a leaf of `level` for `pfn` (pfn_pte, pfn_pmd): inverts the frame number when the flags lack P, adds PS
 * above level 1. PAT is PTE_PAT at level 1, PTE_PAT_LARGE above.
 */
export function leafLo(pfn: number, level: number, flagsLo: number, flagsHi: number): number {
  const flip = protnoneMask(flagsLo, flagsHi);
  return (((pfn << 12) ^ flip) & pfnMaskLo(level)) | flagsLo | (level > 1 ? PTE_PS : 0);
}

/** High half of a leaf of `level` for `pfn`. */
export function leafHi(pfn: number, level: number, flagsLo: number, flagsHi: number): number {
  const flip = protnoneMask(flagsLo, flagsHi);
  return (((pfn >>> 20) ^ flip) & pfnMaskHi(level)) | flagsHi;
}

/**
 * Low half of a leaf whose flags become `newLo`, `newHi`: the frame number is turned around when the leaf goes from
 * present to not present or back. Empty stays empty.
 * Source: Linux 6.18 arch/x86/include/asm/pgtable-invert.h, flip_protnone_guard().
 */
export function flipLo(lo: number, hi: number, newLo: number, newHi: number, level: number): number {
  return pteNeedsInvert(lo, hi) === pteNeedsInvert(newLo, newHi) ? newLo : newLo ^ pfnMaskLo(level);
}

/** High half to flipLo(). */
export function flipHi(lo: number, hi: number, newLo: number, newHi: number, level: number): number {
  return pteNeedsInvert(lo, hi) === pteNeedsInvert(newLo, newHi) ? newHi : newHi ^ pfnMaskHi(level);
}

/**
 * Low half of a present leaf that gets the protection `protLo`, `protHi` (vm_page_prot): keeps frame, cache mode, A, D and
 * software bits, also where `protLo` has A, takes P RW US G NX and the protection key. Source: Linux 6.18 arch/x86/include/asm/pgtable.h,
 * pte_modify(), pmd_modify(). Differs: no saved-dirty without shadow stacks.
 */
export function modifyLo(lo: number, hi: number, level: number, protLo: number, protHi: number): number {
  const kept = lo & (PTE_LO_KEPT | pfnMaskLo(level) | (level === 1 ? PTE_PAT : PTE_PS | PTE_PAT_LARGE));
  return flipLo(lo, hi, kept | (protLo & ~PTE_LO_KEPT), modifiedHi(hi, protHi), level);
}

/** High half to modifyLo(). */
export function modifyHi(lo: number, hi: number, level: number, protLo: number, protHi: number): number {
  return flipHi(lo, hi, protLo, modifiedHi(hi, protHi), level);
}

function modifiedHi(hi: number, protHi: number): number {
  return (hi & (PTE_HI_PFN_MASK | PTE_HI_SAVED_DIRTY)) | protHi;
}

/** Protection key of an entry, 0..15 (pte_flags_pkey). */
export function ptePkey(hi: number): number {
  return (hi >>> PTE_HI_PKEY_SHIFT) & 15;
}

/** High half with another protection key. */
export function pteSetPkey(hi: number, pkey: number): number {
  return (hi & ~PTE_HI_PKEY_MASK) | (pkey << PTE_HI_PKEY_SHIFT);
}

/** Low flags of a PTE as a large leaf has them: PAT moves from bit 7 to bit 12 (pgprot_4k_2_large); without PS. */
export function pteFlagsToLarge(flagsLo: number): number {
  return (flagsLo & ~(PTE_PAT | PTE_PAT_LARGE)) | ((flagsLo & PTE_PAT) << 5);
}

/** Low flags of a large leaf as a PTE has them: PS goes, PAT moves from bit 12 to bit 7 (pgprot_large_2_4k). */
export function pteFlagsTo4k(flagsLo: number): number {
  return (flagsLo & ~(PTE_PS | PTE_PAT_LARGE)) | ((flagsLo & PTE_PAT_LARGE) >>> 5);
}

/**
 * Index into the PAT register of a leaf at `level`: PAT PCD PWT as three bits. Linux programs it so that 0 is write-back,
 * 1 write-combining, 2 UC-, 3 uncached, 5 write-protect, 7 write-through.
 * Source: Intel SDM vol. 3A section 5.9.2; Linux 6.18 arch/x86/mm/pat/memtype.c, pat_bp_init().
 */
export function ptePatIndex(lo: number, level: number): number {
  const pat = level === 1 ? lo & PTE_PAT : (lo & PTE_PAT_LARGE) >>> 5;
  return (pat >>> 5) | ((lo & (PTE_PCD | PTE_PWT)) >>> 3);
}
