import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_TABLE_KERNEL,
  PTE_TABLE_USER,
  PTE_US,
  pteHi,
  pteIsNone,
  pteIsPresent,
  pteIsPresentToCpu,
  pteIsSwap,
  pteLo,
  ptePfn,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "../src/index.ts";

/** The entry as one 64-bit number. */
const joined = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

describe("page-table entries", () => {
  it("hold a dirty user page as x86-64 does", () => {
    // Frame 0x12345, P RW US A D, NX: 0x8000000012345067.
    const lo = pteLo(0x12345, PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D);
    const hi = pteHi(0x12345, PTE_HI_NX);
    expect(joined(lo, hi)).toBe(0x8000000012345067n);
    expect(ptePfn(lo, hi)).toBe(0x12345);
  });

  it("hold pointers to tables with Linux's flags", () => {
    // _PAGE_TABLE 0x67 and _KERNPG_TABLE 0x63.
    expect(PTE_TABLE_USER).toBe(0x67);
    expect(PTE_TABLE_KERNEL).toBe(0x63);
  });

  it("carry frame numbers of more than 20 bits over both halves", () => {
    // Frame 0x7fffffff at bit 12 is 0x7fffffff000.
    expect(joined(pteLo(0x7fffffff, 0), pteHi(0x7fffffff, 0))).toBe(0x7fffffff000n);
    fc.assert(
      fc.property(fc.nat(0x7fffffff), fc.nat(0xfff), fc.boolean(), (frame, flags, isNx) => {
        const lo = pteLo(frame, flags);
        const hi = pteHi(frame, isNx ? PTE_HI_NX : 0);
        expect(joined(lo, hi)).toBe((BigInt(frame) << 12n) | BigInt(flags) | (isNx ? 1n << 63n : 0n));
        expect(ptePfn(lo, hi)).toBe(frame);
      }),
      { seed: 3 },
    );
  });

  it("are none, swapped, PROT_NONE or present", () => {
    const classes = (lo: number, hi: number): boolean[] => [
      pteIsNone(lo, hi),
      pteIsSwap(lo, hi),
      pteIsPresent(lo),
      pteIsPresentToCpu(lo),
    ];
    expect(classes(0, 0)).toEqual([true, false, false, false]);
    expect(classes(swapEntryToPteLo(0, 0), swapEntryToPteHi(0))).toEqual([false, true, false, false]);
    expect(classes(pteLo(5, PTE_PROTNONE), 0)).toEqual([false, false, true, false]);
    expect(classes(pteLo(5, PTE_P), 0)).toEqual([false, false, true, true]);
    expect(classes(pteLo(0, PTE_P | PTE_G), 0)).toEqual([false, false, true, true]);
  });
});
