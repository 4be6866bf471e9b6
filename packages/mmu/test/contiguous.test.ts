import { PTE_A, PTE_HI_NX, PTE_SOFT_DIRTY, RUN_READ, vpnHi, vpnLo } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { Machine } from "./helpers.ts";

/** P, RW, US and A. */
const RW_A = 0x27;
const leaf = (pfn: number, flags = RW_A): number => (pfn << 12) | flags;
/** Beyond 2^32 pages, at a multiple of 16 in its page table. */
const BASE = 2 ** 32 + 0x1230;

function group(nrPages: number, firstPfn: number): Machine {
  const machine = new Machine({ levels: 5 });
  for (let page = 0; page < nrPages; page++) machine.write(BASE + page, 1, leaf(firstPfn + page));
  return machine;
}

/** Walks for a page of the group, and asks. */
function isContiguous(machine: Machine, page: number, nrPages: number): boolean {
  const { walker } = machine.mmu;
  const [lo, hi] = [vpnLo(BASE + page), vpnHi(BASE + page)];
  expect(walker.walk(lo, hi, RUN_READ)).toBe(0);
  return walker.isContiguous(lo, hi, nrPages);
}

describe("PageWalker beside a leaf", () => {
  it("finds pages of an aligned group in frames one after another", () => {
    const machine = group(16, 0x100000);
    expect([0, 1, 2, 3, 15].map((page) => isContiguous(machine, page, 4))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(isContiguous(machine, 9, 16)).toBe(true);
    expect(machine.mmu.walker.nrReads).toBe(5 + 5); // one walk from the top, then one read each
  });

  it("looks at the group of the page only", () => {
    const machine = group(5, 0x200);
    expect([isContiguous(machine, 3, 4), isContiguous(machine, 4, 4)]).toEqual([true, false]);
  });

  it("finds no group in frames that are not aligned, not in order, or missing", () => {
    expect(isContiguous(group(4, 0x201), 0, 4)).toBe(false);
    const swapped = group(4, 0x200);
    swapped.write(BASE + 2, 1, leaf(0x203));
    swapped.write(BASE + 3, 1, leaf(0x202));
    expect(isContiguous(swapped, 0, 4)).toBe(false);
    expect(isContiguous(group(3, 0x200), 0, 4)).toBe(false);
  });

  it("finds no group where a page differs in rights, in D, or has not been accessed", () => {
    for (const flags of [RW_A & ~2, RW_A | 0x40, RW_A & ~PTE_A]) {
      const machine = group(4, 0x200);
      machine.write(BASE + 1, 1, leaf(0x201, flags));
      expect(isContiguous(machine, 0, 4)).toBe(false);
    }
    const machine = group(4, 0x200);
    machine.write(BASE + 3, 1, leaf(0x203), PTE_HI_NX);
    expect(isContiguous(machine, 0, 4)).toBe(false);
  });

  it("does not look at bits that only software uses", () => {
    const machine = group(4, 0x200);
    machine.write(BASE + 1, 1, leaf(0x201, RW_A | PTE_SOFT_DIRTY), 1 << 26); // bits 11 and 58
    expect(isContiguous(machine, 0, 4)).toBe(true);
    machine.write(BASE + 1, 1, leaf(0x201), 1 << 27); // bit 59: protection key
    expect(isContiguous(machine, 0, 4)).toBe(false);
  });

  it("works without a cache of PMD entries", () => {
    const machine = new Machine({ levels: 5, walkCaches: { pde: 0 } });
    for (let page = 0; page < 4; page++) machine.write(BASE + page, 1, leaf(0x200 + page));
    expect(isContiguous(machine, 2, 4)).toBe(true);
  });
});
