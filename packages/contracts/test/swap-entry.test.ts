import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MAX_SWAP_OFFSET,
  MAX_SWAPFILES,
  NO_SWAP_ENTRY,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  pteToSwapEntry,
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
