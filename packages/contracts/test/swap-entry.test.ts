import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MAX_SWAP_OFFSET,
  MAX_SWAPFILES,
  NO_SWAP_ENTRY,
  pfnSwpPteHi,
  pfnSwpPteLo,
  PTE_MARKER_GUARD,
  PTE_MARKER_HI,
  PTE_MARKER_POISONED,
  PTE_MARKER_UFFD_WP,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  pteIsMigration,
  pteIsNonSwap,
  pteIsPresent,
  pteIsSwap,
  pteMarkerLo,
  pteMarkers,
  pteMigrationIsDirty,
  pteMigrationIsYoung,
  pteSwpPfn,
  pteSwpType,
  pteToSwapEntry,
  SWP_DEVICE_EXCLUSIVE,
  SWP_HWPOISON,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  SWP_PTE_MARKER,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
  swapOffset,
  swapType,
} from "../src/index.ts";

const joined = (entry: number, flags = 0): bigint =>
  (BigInt(swapEntryToPteHi(entry) >>> 0) << 32n) | BigInt(swapEntryToPteLo(entry, flags) >>> 0);

/** __swp_entry() of Linux 6.18 arch/x86/include/asm/pgtable_64.h, in 64 bits: offset inverted at bits 9..58, type above. */
const encodedByLinux = (type: number, offset: number): bigint =>
  ((((~BigInt(offset) & (2n ** 64n - 1n)) << 14n) & (2n ** 64n - 1n)) / 32n) | (BigInt(type) << 59n);

describe("swap entries", () => {
  it("are packed into page-table entries as x86-64 packs them", () => {
    // type 0, offset 1: ~1 = fffffffffffffffe; << 14 = ffffffffffff8000; >> 5 = 07fffffffffffc00.
    expect(joined(swapEntry(0, 1))).toBe(0x07fffffffffffc00n);
    // type 3 << 59 = 1800000000000000; ~0x2345678 << 14 >> 5 = 07fffffb97530e00.
    expect(joined(swapEntry(3, 0x2345678))).toBe(0x1ffffffb97530e00n);
    // type 22 << 59 = b000000000000000; ~(2^26 - 1) << 14 >> 5 = 07fffff800000000.
    expect(joined(swapEntry(22, MAX_SWAP_OFFSET))).toBe(0xb7fffff800000000n);
    // Soft-dirty is bit 1, uffd-wp bit 2, exclusive bit 3.
    expect(joined(swapEntry(0, 0), PTE_SWP_SOFT_DIRTY | PTE_SWP_UFFD_WP | PTE_SWP_EXCLUSIVE)).toBe(
      0x07fffffffffffe0en,
    );
  });

  it("come back from a page-table entry, whatever its flags", () => {
    const type = fc.nat(MAX_SWAPFILES - 1);
    const flags = fc.constantFrom(
      0,
      PTE_SWP_SOFT_DIRTY,
      PTE_SWP_EXCLUSIVE,
      PTE_SWP_SOFT_DIRTY | PTE_SWP_UFFD_WP,
    );
    fc.assert(
      fc.property(type, fc.nat(MAX_SWAP_OFFSET), flags, (area, offset, bits) => {
        const entry = swapEntry(area, offset);
        expect(joined(entry, bits)).toBe(encodedByLinux(area, offset) | BigInt(bits));
        expect(pteToSwapEntry(swapEntryToPteLo(entry, bits), swapEntryToPteHi(entry))).toBe(entry);
        expect([swapType(entry), swapOffset(entry)]).toEqual([area, offset]);
      }),
      { seed: 4 },
    );
  });

  it("fit int32, so that struct page's private word holds them", () => {
    const largest = swapEntry(MAX_SWAPFILES - 1, MAX_SWAP_OFFSET);
    expect(largest | 0).toBe(largest);
    expect(NO_SWAP_ENTRY).toBe(-1);
  });
});

const frameEntry = (
  type: number,
  pfn: number,
  isYoung = false,
  isDirty = false,
): { lo: number; hi: number; all: bigint } => {
  const lo = pfnSwpPteLo(pfn, 0);
  const hi = pfnSwpPteHi(type, pfn, isYoung, isDirty);
  return { lo, hi, all: (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0) };
};

describe("not-present entries that are no swap entries", () => {
  it("use the types above the areas", () => {
    expect([SWP_HWPOISON, SWP_MIGRATION_READ, SWP_MIGRATION_READ_EXCLUSIVE, SWP_MIGRATION_WRITE]).toEqual([
      24, 25, 26, 27,
    ]);
    expect([SWP_DEVICE_EXCLUSIVE, SWP_PTE_MARKER]).toEqual([30, 31]);
    expect(pteIsNonSwap(swapEntryToPteHi(swapEntry(MAX_SWAPFILES - 1, 7)))).toBe(false);
    expect(pteIsNonSwap(frameEntry(SWP_HWPOISON, 7).hi)).toBe(true);
  });

  it("are migration entries with accessed and dirty above the frame", () => {
    // Offset 1 inverted at bits 9..58: 07fffffffffffc00. Type 25 << 59: c800000000000000.
    expect(frameEntry(SWP_MIGRATION_READ, 1).all).toBe(0xcffffffffffffc00n);
    // Offset 0x12345 + bits 34 and 35, inverted: 3fff3fffedcba; << 9: 7ffe7fffdb97400. Type 27: d800000000000000.
    const { lo, hi, all } = frameEntry(SWP_MIGRATION_WRITE, 0x12345, true, true);
    expect(all).toBe(0xdfffe7fffdb97400n);
    expect([pteIsMigration(hi), pteMigrationIsYoung(hi), pteMigrationIsDirty(hi)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([pteSwpType(hi), pteSwpPfn(lo, hi)]).toEqual([SWP_MIGRATION_WRITE, 0x12345]);
    const clean = frameEntry(SWP_MIGRATION_READ_EXCLUSIVE, 0x7fffffff, true, false).hi;
    expect([pteMigrationIsYoung(clean), pteMigrationIsDirty(clean)]).toEqual([true, false]);
    expect(pteIsMigration(frameEntry(SWP_DEVICE_EXCLUSIVE, 1).hi)).toBe(false);
  });

  it("are poisoned frames", () => {
    // Offset 0x12345 inverted << 9: 07fffffffdb97400. Type 24: c000000000000000.
    expect(frameEntry(SWP_HWPOISON, 0x12345).all).toBe(0xc7fffffffdb97400n);
  });

  it("are markers: guard pages, poison, write protection of nothing", () => {
    const marker = (bits: number): bigint =>
      (BigInt(PTE_MARKER_HI >>> 0) << 32n) | BigInt(pteMarkerLo(bits) >>> 0);
    // Type 31 and the inverted offset fill the entry with ones, but for the marker's bits at 9 up and bits 0..8.
    expect(marker(PTE_MARKER_UFFD_WP)).toBe(0xfffffffffffffc00n);
    expect(marker(PTE_MARKER_POISONED)).toBe(0xfffffffffffffa00n);
    expect(marker(PTE_MARKER_GUARD)).toBe(0xfffffffffffff600n);
    expect(pteMarkers(pteMarkerLo(PTE_MARKER_GUARD), PTE_MARKER_HI)).toBe(PTE_MARKER_GUARD);
    const swapped = swapEntry(3, 5);
    expect(pteMarkers(swapEntryToPteLo(swapped, 0), swapEntryToPteHi(swapped))).toBe(0);
    expect([pteMarkers(0, 0), pteMarkers(-1, -1)]).toEqual([0, 0]);
  });

  it("give back type and frame, and are never present", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: SWP_HWPOISON, max: SWP_DEVICE_EXCLUSIVE }),
        fc.nat(0x7fffffff),
        fc.boolean(),
        fc.boolean(),
        (type, pfn, isYoung, isDirty) => {
          const { lo, hi } = frameEntry(type, pfn, isYoung, isDirty);
          expect([pteSwpType(hi), pteSwpPfn(lo, hi)]).toEqual([type, pfn]);
          expect([pteMigrationIsYoung(hi), pteMigrationIsDirty(hi)]).toEqual([isYoung, isDirty]);
          expect([pteIsPresent(lo), pteIsSwap(lo, hi)]).toEqual([false, true]);
        },
      ),
      { seed: 6 },
    );
  });
});
