import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  leafHi,
  leafLo,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PCD,
  PTE_PROTNONE,
  PTE_PWT,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_TABLE_USER,
  PTE_UFFD_WP,
  PTE_US,
  riscvHi,
  riscvIsPointer,
  riscvLo,
  riscvPfn,
  riscvToCanonicalHi,
  riscvToCanonicalLo,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "../src/index.ts";

/** The entry in RAM as one 64-bit number, of a leaf of `level` with canonical flags. */
const inRam = (pfn: number, level: number, flagsLo: number, flagsHi: number): bigint => {
  const lo = leafLo(pfn, level, flagsLo, flagsHi);
  const hi = leafHi(pfn, level, flagsLo, flagsHi);
  return (BigInt(riscvHi(lo, hi) >>> 0) << 32n) | BigInt(riscvLo(lo, hi, level) >>> 0);
};

describe("RISC-V entries", () => {
  it("hold user pages with V R W X U G A D in bits 0..7 and the frame from bit 10 on", () => {
    // 0x12345 << 10 = 0x48d1400. V R W U A D = 0xd7; V R X U A = 0x5b.
    expect(inRam(0x12345, 1, PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, PTE_HI_NX)).toBe(0x48d14d7n);
    expect(inRam(0x12345, 1, PTE_P | PTE_US | PTE_A, 0)).toBe(0x48d145bn);
    // Kernel data, global: V R W G A D = 0xe7.
    expect(inRam(0x12345, 1, PTE_P | PTE_RW | PTE_G | PTE_A | PTE_D, PTE_HI_NX)).toBe(0x48d14e7n);
  });

  it("carry large frame numbers over both halves", () => {
    // 0x7fffffff << 10 = 0x1fffffffc00.
    expect(inRam(0x7fffffff, 1, PTE_P, PTE_HI_NX)).toBe(0x1fffffffc03n);
    expect(riscvPfn(0xfffffc03 | 0, 0x1ff)).toBe(0x7fffffff);
  });

  it("keep what software notes in bits 8, 59 and 60, and the memory type in 61 and 62", () => {
    expect(inRam(0, 1, PTE_P | PTE_SPECIAL, PTE_HI_NX)).toBe(0x103n);
    expect(inRam(0, 1, PTE_P | PTE_SOFT_DIRTY, PTE_HI_NX)).toBe(0x0800000000000003n);
    expect(inRam(0, 1, PTE_P | PTE_UFFD_WP, PTE_HI_NX)).toBe(0x1000000000000003n);
    expect(inRam(0, 1, PTE_P | PTE_PWT, PTE_HI_NX)).toBe(0x2000000000000003n);
    expect(inRam(0, 1, PTE_P | PTE_PCD | PTE_PWT, PTE_HI_NX)).toBe(0x4000000000000003n);
  });

  it("have superpages at every level, without a size bit", () => {
    // Frame 0x400 << 10 = 0x100000; PAT of a large leaf (bit 12) has no place.
    expect(inRam(0x400, 2, PTE_P | 0x1000, PTE_HI_NX)).toBe(0x100003n);
    expect(riscvToCanonicalLo(0x100003, 0, 2)).toBe(0x400081);
    expect(riscvToCanonicalLo(0x100003, 0, 1)).toBe(0x400001);
  });

  it("point to tables with V alone", () => {
    // Frame 100 << 10 = 0x19000.
    expect(riscvIsPointer(0x19001)).toBe(true);
    expect(riscvIsPointer(0x19003)).toBe(false);
    expect(riscvIsPointer(0x19000)).toBe(false);
    expect([riscvToCanonicalLo(0x19001, 0, 2), riscvToCanonicalHi(0x19001, 0)]).toEqual([
      (100 << 12) | PTE_TABLE_USER,
      0,
    ]);
  });

  it("leave what is not present as it is, with V clear", () => {
    const slot = swapEntry(3, 12345);
    const noneLo = leafLo(9, 1, PTE_PROTNONE | PTE_A, 0);
    for (const [lo, hi] of [
      [swapEntryToPteLo(slot, 0), swapEntryToPteHi(slot)],
      [noneLo, leafHi(9, 1, PTE_PROTNONE | PTE_A, 0)],
    ]) {
      expect([riscvLo(lo, hi, 1), riscvHi(lo, hi)]).toEqual([lo, hi]);
      expect([riscvToCanonicalLo(lo, hi, 1), riscvToCanonicalHi(lo, hi)]).toEqual([lo, hi]);
      expect(riscvLo(lo, hi, 1) & 1).toBe(0);
    }
  });

  it("give back every flag that has a bit", () => {
    const flag = (bit: number): fc.Arbitrary<number> => fc.constantFrom(0, bit);
    fc.assert(
      fc.property(
        fc.nat(0x7fffffff),
        fc.constantFrom(1, 2, 3, 4),
        fc.tuple(
          ...[PTE_RW, PTE_US, PTE_A, PTE_D, PTE_G, PTE_SPECIAL, PTE_UFFD_WP, PTE_SOFT_DIRTY, PTE_PCD].map(
            flag,
          ),
        ),
        flag(PTE_HI_NX),
        (pfn, level, flags, flagsHi) => {
          const aligned = pfn - (pfn % 512 ** (level - 1));
          const flagsLo = flags.reduce((all, bit) => all | bit, PTE_P);
          const lo = leafLo(aligned, level, flagsLo, flagsHi);
          const hi = leafHi(aligned, level, flagsLo, flagsHi);
          const [ramLo, ramHi] = [riscvLo(lo, hi, level), riscvHi(lo, hi)];
          expect([riscvToCanonicalLo(ramLo, ramHi, level), riscvToCanonicalHi(ramLo, ramHi)]).toEqual([
            lo,
            hi,
          ]);
        },
      ),
      { seed: 7 },
    );
  });
});
