import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  flipHi,
  flipLo,
  leafHi,
  leafLo,
  leafPfn,
  modifyHi,
  modifyLo,
  protnoneMask,
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
  pteFlagsTo4k,
  pteFlagsToLarge,
  pteHi,
  pteIsNone,
  pteIsPresent,
  pteIsPresentToCpu,
  pteIsSwap,
  pteLo,
  ptePatIndex,
  ptePfn,
  ptePkey,
  pteSetPkey,
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

describe("PROT_NONE entries", () => {
  // PAGE_NONE of Linux: PROTNONE and A, 0x120.
  const PAGE_NONE = PTE_PROTNONE | PTE_A;

  it("hold the frame number inverted in bits 12..51", () => {
    // Frame 0x12345: 0x12345000 inverted is 0x000fffffedcba000 there.
    const lo = leafLo(0x12345, 1, PAGE_NONE, 0);
    const hi = leafHi(0x12345, 1, PAGE_NONE, 0);
    expect(joined(lo, hi)).toBe(0x000fffffedcba120n);
    expect(protnoneMask(lo, hi)).toBe(-1);
    expect(leafPfn(lo, hi, 1)).toBe(0x12345);
    expect([protnoneMask(0, 0), protnoneMask(PTE_P, 0)]).toEqual([0, 0]);
  });

  it("invert only bits 21..51 of a 2 MiB leaf", () => {
    // Frame 0x400: 0x400000 inverted is 0x000fffffffa00000 there; PS, PROTNONE, A: 0x1a0.
    const lo = leafLo(0x400, 2, PAGE_NONE, 0);
    const hi = leafHi(0x400, 2, PAGE_NONE, 0);
    expect(joined(lo, hi)).toBe(0x000fffffffa001a0n);
    expect(leafPfn(lo, hi, 2)).toBe(0x400);
    // 1 GiB: bits 30..51. Frame 0x80000 is 0x80000000.
    expect(joined(leafLo(0x80000, 3, PAGE_NONE, 0), leafHi(0x80000, 3, PAGE_NONE, 0))).toBe(
      0x000fffff400001a0n,
    );
  });

  it("turn around when mprotect makes them and unmakes them", () => {
    // Frame 0x12345, soft-dirty D A US RW P, NX. To r-x: soft-dirty, D and A stay.
    const [lo, hi] = [0x12345867, PTE_HI_NX];
    const readExec = PTE_P | PTE_US | PTE_A;
    expect(joined(modifyLo(lo, hi, 1, readExec, 0), modifyHi(lo, hi, 1, readExec, 0))).toBe(0x12345865n);
    const noneLo = modifyLo(lo, hi, 1, PAGE_NONE, 0);
    const noneHi = modifyHi(lo, hi, 1, PAGE_NONE, 0);
    expect(joined(noneLo, noneHi)).toBe(0x000fffffedcba960n);
    expect(
      joined(
        modifyLo(noneLo, noneHi, 1, readExec, PTE_HI_NX),
        modifyHi(noneLo, noneHi, 1, readExec, PTE_HI_NX),
      ),
    ).toBe(0x8000000012345865n);
    // A swap entry needs no turning when it stays not present; an emptied entry stays empty.
    expect(flipLo(noneLo, noneHi, noneLo & ~PTE_A, noneHi, 1)).toBe(noneLo & ~PTE_A);
    expect([flipLo(0x5025, 0, 0, 0, 1), flipHi(0x5025, 0, 0, 0, 1)]).toEqual([0, 0]);
  });

  it("do not become accessed by a change of protection, whose own bits have A", () => {
    // Frame 0x12345, D US P: as fork leaves it in the child.
    expect(joined(modifyLo(0x12345045, 0, 1, PTE_P | PTE_US | PTE_A, 0), 0)).toBe(0x12345045n);
  });

  it("give back every frame at every level", () => {
    fc.assert(
      fc.property(
        fc.nat(0x7fffffff),
        fc.constantFrom(1, 2, 3, 4),
        fc.constantFrom(PTE_P, PAGE_NONE),
        (frame, level, flags) => {
          const aligned = frame - (frame % 512 ** (level - 1));
          expect(leafPfn(leafLo(aligned, level, flags, 0), leafHi(aligned, level, flags, 0), level)).toBe(
            aligned,
          );
        },
      ),
      { seed: 5 },
    );
  });
});

describe("cache modes and protection keys", () => {
  it("keep PAT in bit 7 of a PTE and bit 12 of a large leaf", () => {
    // Write-through is PAT PCD PWT (index 7): 0x98; with P RW 0x9b.
    const large = pteFlagsToLarge(0x9b);
    expect(large).toBe(0x101b);
    expect(pteFlagsTo4k(large | 0x80)).toBe(0x9b);
    const lo = leafLo(0x400, 2, large, 0);
    expect(lo).toBe(0x40109b);
    expect(leafPfn(lo, 0, 2)).toBe(0x400);
    expect([ptePatIndex(lo, 2), ptePatIndex(0x9b, 1), ptePatIndex(0x87, 2), ptePatIndex(0x13, 1)]).toEqual([
      7, 7, 0, 2,
    ]);
  });

  it("hold the protection key in bits 59..62", () => {
    // Key 5 << 59 is 0x2800000000000000.
    const hi = pteSetPkey(PTE_HI_NX | 0x12, 5);
    expect(hi >>> 0).toBe(0xa8000012);
    expect(ptePkey(hi)).toBe(5);
    expect(pteSetPkey(pteSetPkey(hi, 15), 0) >>> 0).toBe(0x80000012);
  });
});
