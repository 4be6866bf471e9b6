/**
 * Page-table entries of 32-bit paging (x86 without PAE), one 32-bit word each, and their translation from and to the
 * canonical form (pte.ts). Hot: per walk and per entry.
 *
 *     PTE, 4 KiB   bit 0 P | 1 RW | 2 US | 3 PWT | 4 PCD | 5 A | 6 D | 7 PAT | 8 G | 9..11 software | 12..31 frame
 *     PDE, 4 MiB   bits 0..6, 8..11 as above | 7 PS | 12 PAT | 13..20 address bits 32..39 (PSE-36) | 21 reserved, 0
 *                  22..31 address bits 22..31
 *     PDE, table   bits 0..5 as above | 6 ignored | 7 PS = 0 | 8..11 ignored | 12..31 frame of the table
 *     swap         bit 0 P = 0 | 1..5 type | 6 0 | 7 exclusive | 8 0 | 9..31 offset
 *
 * A table is one frame of 1024 words. A PROT_NONE leaf (P clear, G set) holds its frame as it is: only the wider entries
 * have it inverted. What 32 bits have no room for is lost: NX, protection keys, soft-dirty and uffd-wp of a swap entry, and
 * accessed and dirty of a migration entry.
 * Source: Intel SDM vol. 3A section 5.3 (figure 5-4, tables 5-3 to 5-6); Linux 6.18 arch/x86/include/asm/pgtable-2level.h.
 */
import { EINVAL, KernelError } from "./errno.ts";
import { leafHi, leafLo, leafPfn, PTE_P, PTE_PROTNONE, PTE_PS } from "./pte.ts";
import { pteIsMigration, PTE_SWP_EXCLUSIVE } from "./swap-entry.ts";

/** Entries in a table, and 4 KiB pages of a 4 MiB leaf. */
export const PTRS_PER_TABLE32 = 1024;
/** 4 KiB pages that an entry of each level covers. */
export const PAGES_PER_LEVEL32: readonly number[] = Object.freeze([0, 1, PTRS_PER_TABLE32]);
/** First page number that cannot be translated: 4 GiB. */
export const VPN_LIMIT32: number = 2 ** 20;
/** First frame that a PTE or a pointer to a table, and a 4 MiB leaf, cannot name. */
export const PTE32_PFN_LIMIT: number = 2 ** 20;
export const PDE32_PFN_LIMIT: number = 2 ** 28;
/** Bit of a 4 MiB leaf that must be zero (M = 40 in the manual's tables). */
export const PDE32_RESERVED: number = 1 << 21;

const PTE32_SWP_EXCLUSIVE: number = 1 << 7;
const PAT_LARGE: number = 1 << 12;
/** Offset bits of a canonical swap entry in its high half, and those of them that a migration entry may do without. */
const SWP_HI_OFFSET_MASK = 0x07ffffff;
const SWP_HI_FRAME_MASK = 0xff;

/** Does an entry of a page directory point to a page table? */
export function pde32IsPointer(word: number): boolean {
  return (word & (PTE_P | PTE_PS)) === PTE_P;
}

/** Frame of a leaf of `level` (1 or 2) that holds one, PROT_NONE included; for a pointer ask at level 1. */
export function pte32Pfn(word: number, level: number): number {
  return level === 1 ? word >>> 12 : ((word >>> 22) << 10) | ((word & 0x1fe000) << 7);
}

/**
 * The word of a leaf of `level` whose canonical halves are given. Throws EINVAL for a frame, a swap offset or another
 * software form that it cannot hold.
 */
export function pte32Of(lo: number, hi: number, level: number): number {
  if (lo === 0 && hi === 0) return 0;
  if ((lo & (PTE_P | PTE_PROTNONE)) === 0) return swap32Of(lo, hi);
  const pfn = leafPfn(lo, hi, level);
  if (pfn >= (level === 1 ? PTE32_PFN_LIMIT : PDE32_PFN_LIMIT)) {
    throw new KernelError(
      EINVAL,
      `pfn ${pfn} in a 32-bit entry of level ${level}: it holds ${level === 1 ? "20 bits" : "28 bits of a 4 MiB leaf"}`,
    );
  }
  if (level === 1) return (pfn << 12) | (lo & 0xfff);
  return ((pfn >>> 10) << 22) | ((pfn >>> 7) & 0x1fe000) | (lo & (0xfff | PAT_LARGE));
}

/** Canonical low half of an entry of `level`. A pointer reads as it is. */
export function pte32ToLo(word: number, level: number): number {
  if (word === 0) return 0;
  if ((word & (PTE_P | PTE_PROTNONE)) === 0) {
    return (~(word >>> 9) << 9) | ((word & PTE32_SWP_EXCLUSIVE) !== 0 ? PTE_SWP_EXCLUSIVE : 0);
  }
  if (level > 1 && pde32IsPointer(word)) return word;
  return leafLo(pte32Pfn(word, level), level, word & flagsMask(level), 0);
}

/** Canonical high half of an entry of `level`. */
export function pte32ToHi(word: number, level: number): number {
  if (word === 0) return 0;
  if ((word & (PTE_P | PTE_PROTNONE)) === 0) return SWP_HI_OFFSET_MASK | ((word & 0x3e) << 26);
  if (level > 1 && pde32IsPointer(word)) return 0;
  return leafHi(pte32Pfn(word, level), level, word & flagsMask(level), 0);
}

function flagsMask(level: number): number {
  return level === 1 ? 0xfff : 0xfff | PAT_LARGE;
}

function swap32Of(lo: number, hi: number): number {
  const offsetHi = ~hi & (pteIsMigration(hi) ? SWP_HI_FRAME_MASK : SWP_HI_OFFSET_MASK);
  const word =
    ((hi >>> 27) << 1) | ((lo & PTE_SWP_EXCLUSIVE) !== 0 ? PTE32_SWP_EXCLUSIVE : 0) | ((~lo >>> 9) << 9);
  if (offsetHi !== 0 || (lo & PTE_PS) !== 0 || (word & ~PTE32_SWP_EXCLUSIVE) === 0) {
    throw new KernelError(
      EINVAL,
      `not-present entry 0x${(hi >>> 0).toString(16)}:0x${(lo >>> 0).toString(16)} in 32 bits: they hold a type and ` +
        `an offset of 23 bits, not both 0`,
    );
  }
  return word;
}
