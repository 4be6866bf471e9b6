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
 *
 * Of the 32 types the upper ones are no areas: the kernel keeps other things in not-present entries (non_swap_entry()):
 *
 *     0..23  swap areas                      28 SWP_DEVICE_WRITE      offset = frame of device memory
 *     24     SWP_HWPOISON   offset = frame   29 SWP_DEVICE_READ
 *     25     SWP_MIGRATION_READ              30 SWP_DEVICE_EXCLUSIVE
 *     26     SWP_MIGRATION_READ_EXCLUSIVE    31 SWP_PTE_MARKER        offset = PTE_MARKER_* bits
 *     27     SWP_MIGRATION_WRITE             offset of 25..27: bits 0..33 frame, 34 was accessed, 35 was dirty
 *
 * Each group starts where the one before ends, so a kernel without one moves those below it down and has more areas:
 * MAX_SWAPFILES is 32 - 1 (marker) - 3 (CONFIG_DEVICE_PRIVATE) - 3 (CONFIG_MIGRATION) - 1 (CONFIG_MEMORY_FAILURE) = 24 with
 * all of them, as distributions build it; it was 23 until 6.14, when exclusive device entries had two types.
 * Source: Linux 6.18 arch/x86/include/asm/pgtable_64.h, __swp_entry(); include/linux/swap.h; include/linux/swapops.h.
 * SWP_PFN_BITS is MAX_PHYSMEM_BITS - PAGE_SHIFT = 46 - 12. Differs: Linux has 52 - 12 when booted with five levels.
 */
import type { SwapEntry } from "./units.ts";

/** Areas a machine may have (MAX_SWAPFILES with migration, device and poison types on). */
export const MAX_SWAPFILES = 24;
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

export const SWP_HWPOISON: number = MAX_SWAPFILES;
export const SWP_MIGRATION_READ: number = MAX_SWAPFILES + 1;
export const SWP_MIGRATION_READ_EXCLUSIVE: number = MAX_SWAPFILES + 2;
export const SWP_MIGRATION_WRITE: number = MAX_SWAPFILES + 3;
export const SWP_DEVICE_WRITE: number = MAX_SWAPFILES + 4;
export const SWP_DEVICE_READ: number = MAX_SWAPFILES + 5;
export const SWP_DEVICE_EXCLUSIVE: number = MAX_SWAPFILES + 6;
export const SWP_PTE_MARKER: number = MAX_SWAPFILES + 7;

/** Frame bits in the offset of a frame-holding entry; above them accessed and dirty of a migration entry. */
export const SWP_PFN_BITS = 34;
/** The two, in the high half of the entry, where a clear bit means set (offsets are stored inverted). */
const PTE_HI_MIG_YOUNG: number = 1 << (SWP_PFN_BITS - 23);
const PTE_HI_MIG_DIRTY: number = 1 << (SWP_PFN_BITS - 22);
/** Offset bits in the high half, and frame bits among them (a pfn has 31). */
const PTE_HI_OFFSET_MASK = 0x07ffffff;
const PTE_HI_SWP_PFN_MASK = 0xff;

/** Marker: write-protected by userfaultfd, though nothing is there. */
export const PTE_MARKER_UFFD_WP = 1;
/** Marker: an access gets SIGBUS (VM_FAULT_HWPOISON): the swap read failed, or UFFDIO_POISON asked for it. */
export const PTE_MARKER_POISONED = 2;
/** Marker: a guard page (MADV_GUARD_INSTALL); an access gets SIGSEGV. */
export const PTE_MARKER_GUARD = 4;
export const PTE_MARKER_MASK = 7;

/** Type of a not-present entry, 0..31: an area, or one of SWP_*. */
export function pteSwpType(hi: number): number {
  return hi >>> 27;
}

/** Does a non-empty, not-present entry hold something else than a swap entry (non_swap_entry)? */
export function pteIsNonSwap(hi: number): boolean {
  return hi >>> 27 >= MAX_SWAPFILES;
}

/** Low half of an entry of a type that holds a frame: SWP_MIGRATION_*, SWP_DEVICE_*, SWP_HWPOISON. */
export function pfnSwpPteLo(pfn: number, flags: number): number {
  return (~pfn << 9) | flags;
}

/** High half of an entry of a type that holds a frame; `isYoung` and `isDirty` are kept by SWP_MIGRATION_* alone. */
export function pfnSwpPteHi(type: number, pfn: number, isYoung: boolean, isDirty: boolean): number {
  const offsetHi = (pfn >>> 23) | (isYoung ? PTE_HI_MIG_YOUNG : 0) | (isDirty ? PTE_HI_MIG_DIRTY : 0);
  return (~offsetHi & PTE_HI_OFFSET_MASK) | (type << 27);
}

/** Frame of an entry of a type that holds one (swp_offset_pfn). */
export function pteSwpPfn(lo: number, hi: number): number {
  return (~lo >>> 9) | ((~hi & PTE_HI_SWP_PFN_MASK) << 23);
}

/** Does a not-present entry stand for a page that is being moved (is_migration_entry)? */
export function pteIsMigration(hi: number): boolean {
  const type = hi >>> 27;
  return type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE;
}

/** Had the page of a migration entry been accessed? */
export function pteMigrationIsYoung(hi: number): boolean {
  return (hi & PTE_HI_MIG_YOUNG) === 0;
}

/** Had the page of a migration entry been written? */
export function pteMigrationIsDirty(hi: number): boolean {
  return (hi & PTE_HI_MIG_DIRTY) === 0;
}

/** Low half of an entry that only carries PTE_MARKER_* bits (make_pte_marker). */
export function pteMarkerLo(markers: number): number {
  return ~markers << 9;
}

/** High half of a marker entry. */
export const PTE_MARKER_HI = -1;

/** Marker bits of a not-present entry; 0 when it is none, or empty (pte_marker_get). */
export function pteMarkers(lo: number, hi: number): number {
  return hi === PTE_MARKER_HI && (lo & 1) === 0 ? (~lo >>> 9) & PTE_MARKER_MASK : 0;
}
