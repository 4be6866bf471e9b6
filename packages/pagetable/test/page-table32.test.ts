/** The two formats of 32-bit x86, bit by bit: Intel SDM vol. 3A sections 5.3 (tables 5-3 to 5-6) and 5.4 (tables 5-7 to 5-11). */
import {
  EEXIST,
  EINVAL,
  NO_ENTRY,
  pfnSwpPteHi,
  pfnSwpPteLo,
  pte32Of,
  pte32ToHi,
  pte32ToLo,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SWP_EXCLUSIVE,
  PTE_US,
  SWP_MIGRATION_WRITE,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KernelHalf, PAE } from "../src/index.ts";
import { joined, type Machine, newOccupant, readEntry } from "./helpers.ts";

const RW = PTE_P | PTE_RW | PTE_US;

/** The words that a walk reads, top first. */
function wordsOf(machine: Machine, vpn: number): string[] {
  return machine.table.walkEntries(vpn).map(({ lo, hi }) => joined(lo, hi).toString(16));
}

describe("x86-32", () => {
  it("has entries of one word, 1024 in a table", () => {
    const machine = newOccupant("x86-32");
    // c0123 is index 300h of the directory and 123h of the table: bits 31..22 and 21..12 of c0123000.
    expect(machine.table.map(0xc0123, 1, 0x12345, PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G, 0)).toBe(0);
    const steps = machine.table.walkEntries(0xc0123);
    expect(steps.map(({ level, tablePfn, index }) => [level, tablePfn, index])).toEqual([
      [2, 100, 0x300],
      [1, 101, 0x123],
    ]);
    // Kernel table: P RW A D; frame 101 = 65h. Then frame 12345h with P RW A D G = 163h.
    expect(wordsOf(machine, 0xc0123)).toEqual(["65063", "12345163"]);
    expect(readEntry(machine.table, 0xc0123)).toBe(0x12345163n);
    expect(machine.table.findEntry(0xbffff)).toBe(NO_ENTRY);
    machine.table.checkInvariants();
  });

  it("maps 4 MiB with PS, above 4 GiB with PSE-36", () => {
    const machine = newOccupant("x86-32");
    // Table 5-4: frame 0c00 pages (address 00c00000) in bits 31..22, P RW US PS.
    expect(machine.table.map(0x400, 2, 0xc00, RW, 0)).toBe(0);
    expect(wordsOf(machine, 0x7ff)).toEqual(["c00087"]);
    // Address 12_c0000000: bits 39..32 are 12h, in bits 20..13 of the entry: 24000h. PAT is bit 12.
    expect(machine.table.map(0x800, 2, 0x12c0000, RW | 0x1000, 0)).toBe(0);
    expect(wordsOf(machine, 0x800)).toEqual(["c0025087"]);
    // The canonical form has the whole frame number in bits 12 up.
    expect(readEntry(machine.table, 0x800)).toBe(0x12c0001087n);
    expect(machine.table.unmap(0xbff)).toBe(2);
    expect(machine.table.unmap(0x800)).toBe(0);
    machine.table.checkInvariants();
  });

  it("refuses frames that an entry has no bits for, and leaves that are not aligned", () => {
    const { table } = newOccupant("x86-32");
    expect(() => table.map(5, 1, 0x100000, RW, 0)).toThrow(/^EINVAL: pfn 1048576 .*20 bits/);
    expect(() => table.map(0x400, 2, 0x10000000, RW, 0)).toThrow(/^EINVAL: .*28 bits/);
    expect(() => table.map(0x200, 2, 0x400, RW, 0)).toThrow(/^EINVAL: .*multiple of their 1024 pages/);
    expect(() => table.map(0x400, 2, 0x200, RW, 0)).toThrow(/^EINVAL/);
    expect(() => table.map(0, 3, 0, RW, 0)).toThrow(/^EINVAL: .*level 1 to 2/);
    expect(table.findEntry(0x400)).toBe(NO_ENTRY);
  });

  it("loses NX, which it has no bit for", () => {
    const machine = newOccupant("x86-32");
    machine.table.map(5, 1, 7, RW, PTE_HI_NX);
    expect(readEntry(machine.table, 5)).toBe(0x7007n);
    expect(machine.table.protect(0, 1024, 0, 0, PTE_HI_NX, 0)).toBe(0);
    expect(machine.table.protect(0, 1024, 0, PTE_RW, PTE_HI_NX, 0)).toBe(1);
    expect(wordsOf(machine, 5)[1]).toBe("7005");
  });

  it("keeps the frame of PROT_NONE as it is, and shows it inverted as every table does", () => {
    const machine = newOccupant("x86-32");
    machine.table.map(5, 1, 9, RW | PTE_A, 0);
    expect(machine.table.protect(0, 1024, PTE_PROTNONE, RW, 0, 0)).toBe(1);
    // Linux pgtable-2level.h: no inverted frames. A and G (PROTNONE).
    expect(wordsOf(machine, 5)[1]).toBe("9120");
    expect(readEntry(machine.table, 5)).toBe(0x000fffffffff6120n);
    machine.table.map(0x400, 2, 0xc00, RW, 0);
    machine.table.protect(0x400, 0x800, PTE_PROTNONE, RW, 0, 0);
    expect(wordsOf(machine, 0x400)).toEqual(["c00180"]);
    machine.table.protect(0, 0x800, PTE_P | PTE_US, PTE_PROTNONE, 0, 0);
    expect(readEntry(machine.table, 0x400)).toBe(0xc00085n);
    expect(readEntry(machine.table, 5)).toBe(0x9025n);
    expect(() => machine.table.protect(0x401, 0x800, 0, PTE_US, 0, 0)).toThrow(/cuts the leaf at 0x400/);
  });

  it("has a swap entry of 5 bits of type and 23 of offset", () => {
    const machine = newOccupant("x86-32");
    const slot = swapEntry(3, 0x1234);
    const { table } = machine;
    table.setEntry(table.allocEntry(5, 1), swapEntryToPteLo(slot, PTE_SWP_EXCLUSIVE), swapEntryToPteHi(slot));
    // Offset 1234h << 9 = 246800h, type 3 << 1, exclusive bit 7.
    expect(wordsOf(machine, 5)[1]).toBe("246886");
    expect(readEntry(table, 5)).toBe(
      joined(swapEntryToPteLo(slot, PTE_SWP_EXCLUSIVE), swapEntryToPteHi(slot)),
    );
    const wide = swapEntry(3, 2 ** 23);
    expect(() => pte32Of(swapEntryToPteLo(wide, 0), swapEntryToPteHi(wide), 1)).toThrow(/^EINVAL: .*23 bits/);
    const first = swapEntry(0, 0);
    expect(() => pte32Of(swapEntryToPteLo(first, 0), swapEntryToPteHi(first), 1)).toThrow(/^EINVAL/);
  });

  it("splits a 4 MiB leaf into 1024 pages and joins them", () => {
    const machine = newOccupant("x86-32");
    const { table } = machine;
    table.map(0x400, 2, 0x800, RW | 0x1018, 0);
    expect(table.map(0x433, 1, 5, RW, 0)).toBe(-EEXIST);
    expect(table.split(0x433)).toBe(0);
    // PAT goes from bit 12 to bit 7; PWT PCD stay.
    expect(wordsOf(machine, 0x433)[1]).toBe("83309f");
    expect(wordsOf(machine, 0x7ff)[1]).toBe("bff09f");
    table.setEntry(table.findEntry(0x500), table.entryLo(table.findEntry(0x500)) | PTE_D, 0);
    expect(table.collapse(0x400, 3)).toBe(-EINVAL);
    expect(table.collapse(0x400, 2)).toBe(0);
    expect(wordsOf(machine, 0x400)).toEqual(["8010df"]);
    table.unmap(0x400);
    // Frames in a row, but from one that is no multiple of 1024.
    for (let page = 0; page < 1024; page++) table.map(0x400 + page, 1, 0x200 + page, RW, 0);
    expect(table.collapse(0x400, 2)).toBe(-EINVAL);
    // Above 4 GiB no page-table entry can name the parts.
    table.map(0x800, 2, 0x100000, RW, 0);
    expect(table.split(0x800)).toBe(-EINVAL);
    // A page on the move: type 27 << 1, offset << 9.
    table.setEntry(
      table.allocEntry(0xc00, 2),
      pfnSwpPteLo(0x400, 0),
      pfnSwpPteHi(SWP_MIGRATION_WRITE, 0x400, true, true),
    );
    expect(table.split(0xc00)).toBe(0);
    expect(wordsOf(machine, 0xc03)[1]).toBe(((0x403 << 9) | (27 << 1)).toString(16));
    table.checkInvariants();
  });

  it("gives every word back that a leaf can be", () => {
    const flags = fc.integer({ min: 0, max: 0xfff }).map((bits) => bits | PTE_P);
    fc.assert(
      fc.property(
        flags,
        fc.nat(2 ** 20 - 1),
        fc.nat(2 ** 18 - 1),
        fc.boolean(),
        (bits, pfn, large, isPat) => {
          const small = ((pfn << 12) | bits) >>> 0;
          expect(pte32Of(pte32ToLo(small, 1), pte32ToHi(small, 1), 1) >>> 0).toBe(small);
          const word =
            (((large & 0x3ff) << 22) | ((large >>> 10) << 13) | (isPat ? 0x1000 : 0) | bits | 0x80) >>> 0;
          expect(pte32Of(pte32ToLo(word, 2), pte32ToHi(word, 2), 2) >>> 0).toBe(word);
        },
      ),
      { seed: 20_261_120 },
    );
  });
});

describe("pae", () => {
  it("has four entries at the top, which carry P alone", () => {
    const machine = newOccupant("pae");
    // c0123 is index 3 of the top table, 0 of the directory, 123h of the table.
    expect(machine.table.map(0xc0123, 1, 0x7fffffff, PTE_P | PTE_RW, PTE_HI_NX)).toBe(0);
    const steps = machine.table.walkEntries(0xc0123);
    expect(steps.map(({ level, index }) => [level, index])).toEqual([
      [3, 3],
      [2, 0],
      [1, 0x123],
    ]);
    // Table 5-8: bits 1, 2 and 5 to 8 of a PDPTE are reserved. Frame 101 = 65h, then 66h with P RW A D.
    expect(wordsOf(machine, 0xc0123)).toEqual(["65001", "66063", "800007fffffff003"]);
    // 3 GiB are the user's: bfe00 has pointers with US.
    machine.table.map(0xbfe05, 1, 9, RW, 0);
    expect(wordsOf(machine, 0xbfe05)).toEqual(["67001", "68067", "9007"]);
    machine.table.checkInvariants();
  });

  it("maps 2 MiB and nothing larger", () => {
    const machine = newOccupant("pae");
    expect(machine.table.map(0xffe00, 2, 0x12345600, PTE_P | PTE_RW, PTE_HI_NX)).toBe(0);
    // Table 5-10: frame in bits 51..21, PS.
    expect(wordsOf(machine, 0xfffff)[1]).toBe("8000012345600083");
    expect(() => machine.table.map(0, 3, 0, RW, 0)).toThrow(/^EINVAL: .*level 1 to 2/);
    expect(() => machine.table.map(0x100000, 1, 0, RW, 0)).toThrow(/is not below 2\^20/);
  });

  it("has no kernel half to share", () => {
    const { contents, frames } = newOccupant("pae");
    expect(() => new KernelHalf({ contents, frames, ranges: [], layout: PAE })).toThrow(/^EINVAL: .*pae/);
  });
});
