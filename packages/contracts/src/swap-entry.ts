/**
 * Swap entries: as a number inside the model, and packed into a not-present page-table entry as Linux does on x86-64.
 *
 * As a number (SwapEntry): `type * 2^26 + offset`, so that it fits int32; an area holds at most 2^26 pages (256 GiB)
 * and there are at most MAX_SWAPFILES areas. Differs: Linux's swp_entry_t is an unsigned long with 5 + 50 bits.
 *
 * In the entry, bit 0 clear:
 *
 *     bit 0 P=0 | 1 soft-dirty | 2 uffd-wp | 3 exclusive | 4..8 zero | 9..58 ~offset | 59..63 type
 *
 * The offset is stored inverted so that a leaked entry points outside memory (L1TF).
 * Source: Linux 6.18 arch/x86/include/asm/pgtable_64.h, __swp_entry(); include/linux/swapops.h.
 */
import type { SwapEntry } from "./units.ts";

/** Areas a machine may have (MAX_SWAPFILES with migration and device types on). */
export const MAX_SWAPFILES = 23;
export const SWAP_OFFSET_BITS = 26;
export const MAX_SWAP_OFFSET: number = 2 ** SWAP_OFFSET_BITS - 1;
/** Absence of a swap entry. */
export const NO_SWAP_ENTRY = -1;

export const PTE_SWP_SOFT_DIRTY: number = 1 << 1;
export const PTE_SWP_UFFD_WP: number = 1 << 2;
export const PTE_SWP_EXCLUSIVE: number = 1 << 3;

/** Makes an entry of an area's type (0..MAX_SWAPFILES - 1) and a page offset in it. */
export function swapEntry(type: number, offset: number): SwapEntry {
  return type * 2 ** SWAP_OFFSET_BITS + offset;
}

/** Area of an entry. */
export function swapType(entry: SwapEntry): number {
  return entry >>> SWAP_OFFSET_BITS;
}

/** Page offset of an entry in its area. */
export function swapOffset(entry: SwapEntry): number {
  return entry & MAX_SWAP_OFFSET;
}

/** Low half of the page-table entry that holds `entry`; `flags` of PTE_SWP_*. */
export function swapEntryToPteLo(entry: SwapEntry, flags: number): number {
  return (~swapOffset(entry) << 9) | flags;
}

/** High half of the page-table entry that holds `entry`. */
export function swapEntryToPteHi(entry: SwapEntry): number {
  // Offset bits 23..25 land in bits 32..34; the inverted zeros above them fill up to bit 58.
  return ((~swapOffset(entry) >> 23) & 0x07ffffff) | (swapType(entry) << 27);
}

/** Reads the swap entry back from a not-present page-table entry. */
export function pteToSwapEntry(lo: number, hi: number): SwapEntry {
  const offset = ~((lo >>> 9) | (hi << 23)) & MAX_SWAP_OFFSET;
  return swapEntry(hi >>> 27, offset);
}
