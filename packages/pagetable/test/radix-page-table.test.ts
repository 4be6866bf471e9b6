import {
  EEXIST,
  ENOMEM,
  NO_ENTRY,
  NO_PFN,
  PTE_A,
  PTE_D,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_US,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { describe, expect, it } from "vitest";
import { VPN_LIMIT } from "../src/index.ts";
import { CountingFrames, newPageTable } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;
/** Index 1 at every level: 2^27 + 2^18 + 2^9 + 1. */
const VPN_1111 = 0x8040201;

describe("RadixPageTable", () => {
  it("writes the bits that the processor reads, at every level", () => {
    const { table, contents } = newPageTable();
    expect(table.map(VPN_1111, 1, 0x1234, USER_RW, PTE_HI_NX)).toBe(0);
    // Frames come in order: root 100, PUD 101, PMD 102, PTE 103. Tables: P RW US A D = 0x67; pfn << 12.
    const steps = table.walkEntries(VPN_1111);
    expect(steps.map(({ level, tablePfn, index }) => [level, tablePfn, index])).toEqual([
      [4, 100, 1],
      [3, 101, 1],
      [2, 102, 1],
      [1, 103, 1],
    ]);
    expect(steps.map(({ lo, hi }) => [lo, hi])).toEqual([
      [0x65067, 0],
      [0x66067, 0],
      [0x67067, 0],
      [0x1234007, 0x80000000 | 0],
    ]);
    expect(contents.words[contents.wordBase(103) + 2]).toBe(0x1234007);
    table.checkInvariants();
  });

  it("puts frame bits 20 and up into the high half", () => {
    const { table, contents } = newPageTable();
    table.map(5, 1, 0x7fffffff, USER_RW, PTE_HI_NX);
    const entry = table.findEntry(5);
    expect(contents.words[entry] >>> 0).toBe(0xfffff007);
    expect(contents.words[entry + 1] >>> 0).toBe(0x800007ff);
  });

  it("maps 2 MiB and 1 GiB leaves with the PS bit and finds them from any page inside", () => {
    const { table, contents } = newPageTable();
    expect(table.map(0x200, 2, 0x400, USER_RW, 0)).toBe(0);
    expect(table.map(0x40000, 3, 0x80000, USER_RW, 0)).toBe(0);
    const huge = table.findEntry(0x3ff);
    expect(table.lastLevel).toBe(2);
    expect(contents.words[huge]).toBe(0x400087);
    const giant = table.findEntry(0x7ffff);
    expect(table.lastLevel).toBe(3);
    expect(contents.words[giant] >>> 0).toBe(0x80000087);
    // Root, one PUD table, one PMD table: large leaves need no tables below.
    expect([...table.nrTables]).toEqual([0, 0, 1, 1, 1]);
    table.checkInvariants();
  });

  it("refuses a large leaf whose page or frame is not aligned to it", () => {
    const { table } = newPageTable();
    expect(() => table.map(0x201, 2, 0x400, USER_RW, 0)).toThrow(
      /^EINVAL: .*0x201.*multiple of their 512 pages/,
    );
    expect(() => table.map(0x200, 2, 0x401, USER_RW, 0)).toThrow(/^EINVAL/);
    expect(() => table.map(0, 4, 0, USER_RW, 0)).toThrow(/^EINVAL/);
  });

  it("answers -EEXIST when an entry, a larger leaf or a table is in the way", () => {
    const { table } = newPageTable();
    table.map(0x200, 2, 0x400, USER_RW, 0);
    table.map(0, 1, 7, USER_RW, 0);
    expect(table.map(0, 1, 8, USER_RW, 0)).toBe(-EEXIST);
    expect(table.map(0x203, 1, 8, USER_RW, 0)).toBe(-EEXIST);
    expect(table.lastLevel).toBe(2);
    expect(table.map(0, 2, 0x800, USER_RW, 0)).toBe(-EEXIST);
    expect(table.allocEntry(0x203, 1)).toBe(NO_ENTRY);
    table.checkInvariants();
  });

  it("answers -ENOMEM when table frames run out, and keeps the tables made so far", () => {
    const { table, frames } = newPageTable(null, new CountingFrames(100, 3));
    expect(table.map(0, 1, 7, USER_RW, 0)).toBe(-ENOMEM);
    expect(table.lastLevel).toBe(0);
    expect([...table.nrTables]).toEqual([0, 0, 1, 1, 1]);
    table.checkInvariants();
    frames.limit = 4;
    expect(table.map(0, 1, 7, USER_RW, 0)).toBe(0);
    expect(() => newPageTable(null, new CountingFrames(100, 0))).toThrow(/^ENOMEM/);
  });

  it("stops a search at the level where a table is missing", () => {
    const { table } = newPageTable();
    expect(table.findEntry(0)).toBe(NO_ENTRY);
    expect(table.lastLevel).toBe(4);
    table.map(0, 1, 7, USER_RW, 0);
    expect(table.findEntry(512)).toBe(NO_ENTRY);
    expect(table.lastLevel).toBe(2);
    expect(table.findEntry(262144)).toBe(NO_ENTRY);
    expect(table.lastLevel).toBe(3);
    // The entry of an unmapped page in an existing table is found, and empty.
    expect(table.findEntry(511)).toBe(table.findEntry(0) + 2 * 511);
    expect(table.lastLevel).toBe(1);
  });

  it("gives back what was in an entry when it unmaps it", () => {
    const { table } = newPageTable();
    table.map(9, 1, 7, USER_RW, PTE_HI_NX);
    expect(table.unmap(9)).toBe(1);
    expect([table.lastLo, table.lastHi]).toEqual([0x7007, 0x80000000 | 0]);
    expect(table.unmap(9)).toBe(0);
    expect([table.lastLo, table.lastHi]).toEqual([0, 0]);
    expect(table.unmap(VPN_LIMIT - 1)).toBe(0);
    table.map(0x200, 2, 0x400, USER_RW, 0);
    expect(table.unmap(0x2ab)).toBe(2);
    expect(table.lastLo).toBe(0x400087);
    table.checkInvariants();
  });

  it("treats swap entries and PROT_NONE as populated leaves", () => {
    const { table } = newPageTable();
    const slot = swapEntry(1, 77);
    table.setEntry(table.allocEntry(3, 1), swapEntryToPteLo(slot, 0), swapEntryToPteHi(slot));
    // A PROT_NONE entry holds its frame inverted: 9 in bits 12..51 is 000ffffffffff6 there.
    table.setEntry(table.allocEntry(5, 1), 0xffff6000 | PTE_PROTNONE, 0xfffff);
    expect(table.nextPopulated(0, 512)).toBe(3);
    expect(table.nextPopulated(4, 512)).toBe(5);
    // Only entries with a frame change their rights.
    expect(table.protect(0, 512, PTE_P, PTE_PROTNONE, 0, 0)).toBe(1);
    expect(table.unmap(5)).toBe(1);
    expect([table.lastLo, table.lastHi]).toEqual([0x9001, 0]);
    expect(table.unmap(3)).toBe(1);
    expect(table.lastLo).toBe(swapEntryToPteLo(slot, 0));
  });

  it("skips missing tables, empty tables and holes, and stops at the end asked for", () => {
    const { table } = newPageTable();
    const far = 0x7fffffffe;
    table.map(far, 1, 7, USER_RW, 0);
    table.map(0x200, 2, 0x400, USER_RW, 0);
    table.map(1030, 1, 8, USER_RW, 0);
    table.unmap(1030);
    expect(table.nextPopulated(0, VPN_LIMIT)).toBe(0x200);
    // A page in the middle of a large leaf is populated.
    expect(table.nextPopulated(0x2ff, VPN_LIMIT)).toBe(0x2ff);
    expect(table.nextPopulated(0x400, VPN_LIMIT)).toBe(far);
    expect(table.nextPopulated(0x400, far)).toBe(far);
    expect(table.nextPopulated(far + 1, VPN_LIMIT)).toBe(VPN_LIMIT);
    expect(table.nextPopulated(0, 0x200)).toBe(0x200);
    expect(table.nextPopulated(0, 0x1ff)).toBe(0x1ff);
    expect(table.nextPopulated(8, 8)).toBe(8);
  });

  it("changes rights over a range, and counts only entries that change", () => {
    const { table, contents } = newPageTable();
    for (const vpn of [10, 11, 600, 5000]) table.map(vpn, 1, vpn, USER_RW, 0);
    table.map(0x800, 2, 0x800, USER_RW, 0);
    expect(table.protect(11, 5000, 0, PTE_RW, PTE_HI_NX, 0)).toBe(3);
    expect(table.protect(11, 5000, 0, PTE_RW, PTE_HI_NX, 0)).toBe(0);
    const read = (vpn: number): number[] => {
      const entry = table.findEntry(vpn);
      return [contents.words[entry] & 0xfff, contents.words[entry + 1] >>> 31];
    };
    expect([10, 11, 600, 0x800, 5000].map(read)).toEqual([
      [0x07, 0],
      [0x05, 1],
      [0x05, 1],
      [0x85, 1],
      [0x07, 0],
    ]);
    table.checkInvariants();
  });

  it("stops at a range that cuts a large leaf", () => {
    const { table } = newPageTable();
    table.map(0x200, 2, 0x400, USER_RW, 0);
    expect(() => table.protect(0x201, 0x400, 0, PTE_RW, 0, 0)).toThrow(/cuts the leaf at 0x200/);
    expect(() => table.protect(0, 0x3ff, 0, PTE_RW, 0, 0)).toThrow(/cuts the leaf at 0x200/);
    expect(table.protect(0, 0x400, 0, PTE_RW, 0, 0)).toBe(1);
  });

  it("takes accessed and dirty bits that the processor set behind its back", () => {
    const { table, contents } = newPageTable();
    table.map(10, 1, 7, USER_RW, 0);
    contents.words[table.findEntry(10)] |= PTE_A | PTE_D;
    table.checkInvariants();
    table.unmap(10);
    expect(table.lastLo & (PTE_A | PTE_D)).toBe(PTE_A | PTE_D);
  });

  it("does not let a table be overwritten by a leaf", () => {
    const { table } = newPageTable();
    table.map(0, 1, 7, USER_RW, 0);
    const middle = table.allocEntry(0, 2);
    expect(table.lastLevel).toBe(2);
    expect(() => table.setEntry(middle, 0x400087, 0)).toThrow(/points to a table/);
    // Freed first, the place may be taken: how huge pages are collapsed.
    table.unmap(0);
    table.freeTables(0, 512, 0, 512);
    expect(table.map(0, 2, 0x400, USER_RW, 0)).toBe(0);
    table.checkInvariants();
  });

  it("keeps working when the frame contents move as they grow", () => {
    const { table, contents } = newPageTable();
    const before = contents.words;
    // The contents of 4096 frames have room for 1024 slots before they move.
    for (let index = 0; index < 1200; index++) expect(table.map(index * 512, 1, index, USER_RW, 0)).toBe(0);
    expect(contents.words).not.toBe(before);
    for (let index = 0; index < 1200; index++) {
      expect(contents.words[table.findEntry(index * 512)]).toBe((index << 12) | 7);
    }
    table.checkInvariants();
  });

  it("works over dense contents, where a frame's slot is its number", () => {
    const { table, frames, contents } = newPageTable(
      null,
      new CountingFrames(3, 10),
      new FrameContents(64, "dense"),
    );
    table.map(0, 1, 7, USER_RW, 0);
    expect(table.findEntry(0)).toBe(6 * 1024);
    table.unmap(0);
    table.destroy();
    expect(frames.inUse.size).toBe(0);
    expect(table.rootPfn).toBe(NO_PFN);
    expect(contents.words.every((word) => word === 0)).toBe(true);
  });
});
