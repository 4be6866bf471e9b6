import { NO_ENTRY, PTE_A, PTE_D, PTE_HI_NX, PTE_P, PTE_PROTNONE, PTE_RW, PTE_US } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { describe, expect, it } from "vitest";
import { KernelHalf, RADIX4, RADIX5, type RadixLayout, RadixPageTable, SV39, SV48 } from "../src/index.ts";
import { CountingFrames, joined, newPageTable, readEntry } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;

/** Index 1 at levels 1 to n. */
const VPN_111 = 0x40201;
const VPN_1111 = 0x8040201;
const VPN_11111 = 0x1008040201;

function newTable(layout: RadixLayout): {
  table: RadixPageTable;
  frames: CountingFrames;
  contents: FrameContents;
} {
  const contents = new FrameContents(4096, "none");
  const frames = new CountingFrames(100, 3000);
  return { table: new RadixPageTable({ contents, frames }, layout), frames, contents };
}

describe("RadixPageTable with five levels", () => {
  it("walks all five, with x86-64 entries", () => {
    const { table } = newTable(RADIX5);
    expect(table.map(VPN_11111, 1, 0x1234, USER_RW, PTE_HI_NX)).toBe(0);
    // Frames come in order: root 100, P4D 101, PUD 102, PMD 103, PTE 104. Tables: P RW US A D = 0x67; pfn << 12.
    expect(
      table.walkEntries(VPN_11111).map(({ lo, hi, ...step }) => ({ ...step, entry: joined(lo, hi) })),
    ).toEqual([
      { level: 5, tablePfn: 100, index: 1, entry: 0x65067n },
      { level: 4, tablePfn: 101, index: 1, entry: 0x66067n },
      { level: 3, tablePfn: 102, index: 1, entry: 0x67067n },
      { level: 2, tablePfn: 103, index: 1, entry: 0x68067n },
      { level: 1, tablePfn: 104, index: 1, entry: 0x8000000001234007n },
    ]);
    expect([...table.nrTables]).toEqual([0, 1, 1, 1, 1, 1]);
  });

  it("reaches the last page of the 57-bit address space", () => {
    const { table } = newTable(RADIX5);
    expect(table.limitVpn).toBe(2 ** 45);
    expect(table.map(2 ** 45 - 1, 1, 7, USER_RW, 0)).toBe(0);
    expect(table.walkEntries(2 ** 45 - 1).map(({ index }) => index)).toEqual([511, 511, 511, 511, 511]);
    expect(table.nextPopulated(0, 2 ** 45)).toBe(2 ** 45 - 1);
    table.checkInvariants();
  });

  it("folds a level away that is not there", () => {
    // The P4D of four levels is the PGD; the PUD of three is the PGD.
    const four = newTable(RADIX4).table;
    four.map(VPN_1111, 1, 7, USER_RW, 0);
    expect(four.allocEntry(VPN_1111, 5)).toBe(four.allocEntry(VPN_1111, 4));
    expect(four.lastLevel).toBe(4);
    const five = newTable(RADIX5).table;
    five.map(VPN_1111, 1, 7, USER_RW, 0);
    expect(five.allocEntry(VPN_1111, 5)).not.toBe(five.allocEntry(VPN_1111, 4));
    const three = newTable(SV39).table;
    three.map(VPN_111, 1, 7, USER_RW, 0);
    expect(three.allocEntry(VPN_111, 5)).toBe(three.allocEntry(VPN_111, 3));
    expect([four.nrLevels, five.nrLevels, three.nrLevels]).toEqual([4, 5, 3]);
  });
});

describe("RadixPageTable of RISC-V", () => {
  it("writes Sv39 entries: pointers with V alone, frames from bit 10 on", () => {
    const { table, contents } = newTable(SV39);
    table.map(VPN_111, 1, 0x1234, USER_RW | PTE_A | PTE_D, PTE_HI_NX);
    // 101 << 10 | V = 0x19401. 0x1234 << 10 = 0x48d000; V R W U A D = 0xd7.
    expect(table.walkEntries(VPN_111)).toEqual([
      { level: 3, tablePfn: 100, index: 1, lo: 0x19401, hi: 0 },
      { level: 2, tablePfn: 101, index: 1, lo: 0x19801, hi: 0 },
      { level: 1, tablePfn: 102, index: 1, lo: 0x48d0d7, hi: 0 },
    ]);
    expect(contents.words[contents.wordBase(102) + 2]).toBe(0x48d0d7);
    // Read in canonical form, a pointer is one of x86-64.
    const pointer = table.allocEntry(VPN_111, 2);
    expect([table.entryLo(pointer), table.entryHi(pointer)]).toEqual([(102 << 12) | 0x67, 0]);
    expect(readEntry(table, VPN_111)).toBe(0x8000000001234067n);
  });

  it("has leaves at every level: 2 MiB, 1 GiB, and 512 GiB with Sv48", () => {
    const { table, contents } = newTable(SV48);
    expect(table.map(0x200, 2, 0x400, USER_RW, 0)).toBe(0);
    expect(table.map(0x40000, 3, 0x80000, USER_RW, 0)).toBe(0);
    expect(table.map(2 ** 27, 4, 2 ** 28, USER_RW, 0)).toBe(0);
    // V R W X U = 0x1f; 0x400 << 10, 0x80000 << 10, 2^28 << 10 = 2^38.
    const inRam = (vpn: number): bigint => {
      const { lo, hi } = table.walkEntries(vpn).at(-1)!;
      return joined(lo, hi);
    };
    expect([inRam(0x3ff), inRam(0x7ffff), inRam(2 ** 28 - 1)]).toEqual([
      0x10001fn,
      0x2000001fn,
      0x400000001fn,
    ]);
    expect(contents.words[contents.wordBase(100) + 2]).toBe(0x1f);
    expect(readEntry(table, 2 ** 28 - 1)).toBe(0x10000000087n);
    expect(table.lastLevel).toBe(4);
    table.checkInvariants();
    expect(table.split(2 ** 27 + 5)).toBe(0);
    expect(table.lastLevel).toBe(4);
    expect(readEntry(table, 2 ** 27 + 262144)).toBe(0x10040000087n);
    expect(table.collapse(2 ** 27, 4)).toBe(0);
    expect(readEntry(table, 2 ** 27)).toBe(0x10000000087n);
    table.checkInvariants();
  });

  it("ends at bit 38, and with Sv48 at bit 47", () => {
    expect(newTable(SV39).table.limitVpn).toBe(2 ** 27);
    expect(newTable(SV48).table.limitVpn).toBe(2 ** 36);
    const { table } = newTable(SV39);
    table.map(2 ** 27 - 1, 1, 7, USER_RW, 0);
    expect(table.walkEntries(2 ** 27 - 1).map(({ index }) => index)).toEqual([511, 511, 511]);
  });

  it("keeps V clear in what is not present", () => {
    const { table } = newTable(SV39);
    table.map(5, 1, 9, USER_RW, 0);
    table.protect(0, 512, PTE_PROTNONE, USER_RW, 0, 0);
    expect(table.walkEntries(5).at(-1)!.lo & 1).toBe(0);
    expect(readEntry(table, 5)).toBe(0x000fffffffff6100n);
    const cursor = table.cursor(0, 512);
    cursor.next();
    cursor.set(cursor.lo | PTE_A, cursor.hi);
    expect(cursor.harvest(PTE_A | PTE_D)).toBe(PTE_A);
    expect(readEntry(table, 5)).toBe(0x000fffffffff6100n);
  });
});

describe("KernelHalf of other layouts", () => {
  // Top index of the direct map and of vmalloc: the page / (pages of a top entry).
  for (const [layout, directIndex, vmallocIndex] of [
    [RADIX5, 273, 416],
    [SV39, 344, 280],
    [SV48, 351, 287],
  ] as const) {
    it(`is shared by all address spaces of ${layout.name}`, () => {
      const contents = new FrameContents(4096, "none");
      const frames = new CountingFrames(1000, 3000);
      const half = new KernelHalf({
        contents,
        frames,
        ranges: [{ startPfn: 0, endPfn: 4096, nodeId: 0 }],
        layout,
      });
      expect(half.pageTable.walkEntries(half.directMapVpn(600))[0].index).toBe(directIndex);
      expect(half.pageTable.walkEntries(layout.vmallocVpn)[0].index).toBe(vmallocIndex);
      expect([...half.nrDirectMapLeaves]).toEqual([0, 0, 8, 0]);
      const table = new RadixPageTable({ contents, frames, kernelHalf: half }, layout);
      expect(half.pageTable.map(layout.vmallocVpn + 3, 1, 42, PTE_P | PTE_RW, 0)).toBe(0);
      expect(readEntry(table, layout.vmallocVpn + 3)).toBe(0x2a003n);
      expect(readEntry(table, half.directMapVpn(600))).toBe(0x80000000002001e3n);
      expect(() => table.map(layout.limitVpn / 2, 1, 7, USER_RW, 0)).toThrow(/KernelHalf.pageTable/);
      expect(table.map(layout.limitVpn / 2 - 1, 1, 7, USER_RW, 0)).toBe(0);
      table.checkInvariants();
      half.checkInvariants();
      table.unmap(layout.limitVpn / 2 - 1);
      table.destroy();
      half.checkInvariants();
    });
  }

  it("does not fit a table of another kind", () => {
    const { contents, frames } = newPageTable();
    const half = new KernelHalf({ contents, frames, ranges: [{ startPfn: 0, endPfn: 4096, nodeId: 0 }] });
    expect(() => new RadixPageTable({ contents, frames, kernelHalf: half }, RADIX5)).toThrow(
      "EINVAL: a page table of kind radix5 cannot share a kernel half of kind radix4",
    );
  });

  it("splits leaves of the direct map for all address spaces at once", () => {
    const contents = new FrameContents(4096, "none");
    const frames = new CountingFrames(1000, 3000);
    const half = new KernelHalf({ contents, frames, ranges: [{ startPfn: 0, endPfn: 4096, nodeId: 0 }] });
    const { table } = newPageTable(half, frames, contents);
    const vpn = half.directMapVpn(600);
    expect(half.pageTable.split(vpn)).toBe(0);
    expect(half.pageTable.protect(vpn, vpn + 1, 0, PTE_RW, 0, 0)).toBe(1);
    // Frame 600: P A D G = 0x161, NX.
    expect(readEntry(table, vpn)).toBe(0x8000000000258161n);
    expect(table.findEntry(half.directMapVpn(4096))).toBe(NO_ENTRY);
    half.checkInvariants();
  });
});
