/** What every occupant of the page-table seat promises. Run it with describePageTable(name, features). */
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  NO_ENTRY,
  NO_PFN,
  type PageTable,
  pfnSwpPteHi,
  pfnSwpPteLo,
  PTE_A,
  PTE_D,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_US,
  SWP_MIGRATION_WRITE,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { joined, newOccupant, readEntry } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;
const SLOT = swapEntry(1, 77);

/** Leaves of [start, end) as a cursor visits them: first page, level, entry. */
function leavesOf(table: PageTable, start: number, end: number): [number, number, bigint][] {
  const found: [number, number, bigint][] = [];
  const cursor = table.cursor(start, end);
  while (cursor.next()) found.push([cursor.vpn, cursor.level, joined(cursor.lo, cursor.hi)]);
  return found;
}

/** What the tests of a table ask for: leaves of 1 GiB and 38-bit addresses; leaves of 2 MiB and entries of 64 bits. */
export interface Features {
  readonly has1GiB: boolean;
  readonly has2MiB: boolean;
  /** Pages of a leaf of level 2. */
  readonly largePages: number;
}

/** A leaf's canonical entry. */
function leaf(pfn: number, flagsLo: number, flagsHi = 0): bigint {
  return (BigInt(pfn) << 12n) | BigInt(flagsLo) | (BigInt(flagsHi >>> 0) << 32n);
}

/** Declares the tests of one occupant, but for those that ask for what it does not have. */
export function describePageTable(name: string, features: Features): void {
  const { has1GiB, has2MiB, largePages: L } = features;
  const NX = has2MiB ? PTE_HI_NX : 0;
  describe(`page table ${name}`, () => {
    it.runIf(has1GiB)("gives back the canonical entry of every page it maps", () => {
      const { table } = newOccupant(name);
      expect(table.map(5, 1, 0x123, USER_RW, PTE_HI_NX)).toBe(0);
      expect(table.map(0x3fffffe, 1, 0x7fffffff, PTE_P | PTE_US | PTE_A, 0)).toBe(0);
      // 0x123 << 12 with P RW US, NX; 0x7fffffff << 12 with P US A.
      expect(readEntry(table, 5)).toBe(0x8000000000123007n);
      expect(table.lastLevel).toBe(1);
      expect(readEntry(table, 0x3fffffe)).toBe(0x7fffffff025n);
      expect(readEntry(table, 6)).toBe(0n);
      expect(table.findEntry(0x2000000)).toBe(NO_ENTRY);
      table.checkInvariants();
    });

    it.runIf(has1GiB)("maps 2 MiB and 1 GiB leaves and finds them from any page inside", () => {
      const { table } = newOccupant(name);
      expect(table.map(0x200, 2, 0x400, USER_RW, 0)).toBe(0);
      expect(table.map(0x40000, 3, 0x80000, USER_RW, PTE_HI_NX)).toBe(0);
      for (const vpn of [0x200, 0x2ab, 0x3ff]) {
        expect(readEntry(table, vpn)).toBe(0x400087n);
        expect(table.lastLevel).toBe(2);
      }
      for (const vpn of [0x40000, 0x7ffff]) {
        expect(readEntry(table, vpn)).toBe(0x8000000080000087n);
        expect(table.lastLevel).toBe(3);
      }
      expect(readEntry(table, 0x1ff)).toBe(0n);
      expect(readEntry(table, 0x80000)).toBe(0n);
      table.checkInvariants();
    });

    it("refuses a leaf that is not aligned, or larger than there are", () => {
      const { table } = newOccupant(name);
      expect(() => table.map(L + 1, 2, 2 * L, USER_RW, 0)).toThrow(/^EINVAL: .*multiple of their \d+ pages/);
      expect(() => table.map(L, 2, 2 * L + 1, USER_RW, 0)).toThrow(/^EINVAL/);
      expect(() => table.map(0, table.maxLeafLevel + 1, 0, USER_RW, 0)).toThrow(/^EINVAL/);
    });

    it.runIf(has1GiB)("answers -EEXIST when a leaf of any size is in the way", () => {
      const { table } = newOccupant(name);
      table.map(L, 2, 2 * L, USER_RW, 0);
      table.map(0, 1, 7, USER_RW, 0);
      table.map(0x40000, 3, 0x80000, USER_RW, 0);
      expect(table.map(0, 1, 8, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(L + 3, 1, 8, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(0x40203, 1, 8, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(0x40200, 2, 3 * L, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(L, 2, 3 * L, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(0, 2, 4 * L, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(0, 3, 0x40000, USER_RW, 0)).toBe(-EEXIST);
      expect(table.allocEntry(L + 3, 1)).toBe(NO_ENTRY);
      expect(table.lastLevel).toBe(2);
      expect(leavesOf(table, 0, 0x80000).map(([vpn]) => vpn)).toEqual([0, L, 0x40000]);
      table.checkInvariants();
    });

    it("gives back what was in an entry when it unmaps it", () => {
      const { table } = newOccupant(name);
      table.map(9, 1, 7, USER_RW, PTE_HI_NX);
      expect(table.unmap(9)).toBe(1);
      expect(joined(table.lastLo, table.lastHi)).toBe(leaf(7, 0x007, NX));
      expect(table.unmap(9)).toBe(0);
      expect([table.lastLo, table.lastHi]).toEqual([0, 0]);
      table.map(L, 2, 2 * L, USER_RW, 0);
      expect(table.unmap(L + 0xab)).toBe(2);
      expect(table.lastLo).toBe((2 * L * 4096) | 0x87);
      expect(table.unmap(L)).toBe(0);
      table.checkInvariants();
    });

    it.runIf(has2MiB)("holds swap entries and PROT_NONE, and turns the frame around with the rights", () => {
      const { table } = newOccupant(name);
      table.setEntry(table.allocEntry(3, 1), swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      table.map(5, 1, 9, USER_RW | PTE_A, PTE_HI_NX);
      expect(table.nextPopulated(0, 512)).toBe(3);
      // To PROT_NONE: frame 9 inverted in bits 12..51, PROTNONE and A. The swap entry is left alone.
      expect(table.protect(0, 512, PTE_PROTNONE, USER_RW, 0, PTE_HI_NX)).toBe(1);
      expect(readEntry(table, 5)).toBe(0x000fffffffff6120n);
      expect(readEntry(table, 3)).toBe(joined(swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT)));
      expect(table.protect(0, 512, PTE_P | PTE_US, PTE_PROTNONE, 0, 0)).toBe(1);
      expect(readEntry(table, 5)).toBe(0x9025n);
      table.map(0x200, 2, 0x400, USER_RW, 0);
      expect(table.protect(0x200, 0x400, PTE_PROTNONE, USER_RW, 0, 0)).toBe(1);
      expect(readEntry(table, 0x2ff)).toBe(0x000fffffffa00180n);
      expect(table.lastLevel).toBe(2);
      table.checkInvariants();
    });

    it("fills, empties and fills again an entry it gave out", () => {
      const { table } = newOccupant(name);
      const entry = table.allocEntry(40, 1);
      expect([table.entryLo(entry), table.entryHi(entry), table.lastLevel]).toEqual([0, 0, 1]);
      expect(table.nextPopulated(0, 512)).toBe(512);
      table.setEntry(entry, 0x7007, 0);
      expect(readEntry(table, 40)).toBe(0x7007n);
      table.setEntry(entry, swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      expect(table.nextPopulated(0, 512)).toBe(40);
      table.setEntry(table.findEntry(40), 0x8067, 0);
      expect(readEntry(table, 40)).toBe(0x8067n);
      table.setEntry(table.findEntry(40), 0, 0);
      expect(table.nextPopulated(0, 512)).toBe(512);
      expect(table.map(40, 1, 9, USER_RW, 0)).toBe(0);
      table.checkInvariants();
    });

    it("maps one frame at several pages", () => {
      const { table } = newOccupant(name);
      for (const vpn of [10, 11, 5000, 0x90000]) expect(table.map(vpn, 1, 42, USER_RW, 0)).toBe(0);
      table.protect(11, 12, 0, PTE_RW, 0, 0);
      expect(table.unmap(10)).toBe(1);
      expect([11, 5000, 0x90000, 10].map((vpn) => readEntry(table, vpn))).toEqual([
        0x2a005n,
        0x2a007n,
        0x2a007n,
        0n,
      ]);
      table.checkInvariants();
      for (const vpn of [11, 5000, 0x90000]) expect(table.unmap(vpn)).toBe(1);
      table.checkInvariants();
    });

    it("gives a frame to another page while its old page holds a swap entry", () => {
      const { table } = newOccupant(name);
      table.map(10, 1, 42, USER_RW, 0);
      table.setEntry(table.findEntry(10), swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      expect(table.map(20, 1, 42, USER_RW, 0)).toBe(0);
      expect(readEntry(table, 10)).toBe(joined(swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT)));
      expect(readEntry(table, 20)).toBe(0x2a007n);
      table.setEntry(table.findEntry(10), 0x2b007, 0);
      expect([readEntry(table, 10), readEntry(table, 20)]).toEqual([0x2b007n, 0x2a007n]);
      table.checkInvariants();
    });

    it.runIf(has1GiB)("skips holes, and stops at the end asked for", () => {
      const { table } = newOccupant(name);
      const far = table.limitVpn / 2 - 2;
      table.map(far, 1, 7, USER_RW, 0);
      table.map(0x200, 2, 0x400, USER_RW, 0);
      table.map(0x80000, 3, 0x80000, USER_RW, 0);
      table.map(1030, 1, 8, USER_RW, 0);
      table.unmap(1030);
      expect(table.nextPopulated(0, table.limitVpn)).toBe(0x200);
      // A page in the middle of a large leaf is populated.
      expect(table.nextPopulated(0x2ff, table.limitVpn)).toBe(0x2ff);
      expect(table.nextPopulated(0x400, table.limitVpn)).toBe(0x80000);
      expect(table.nextPopulated(0xa1234, table.limitVpn)).toBe(0xa1234);
      expect(table.nextPopulated(0xc0000, table.limitVpn)).toBe(far);
      expect(table.nextPopulated(0xc0000, far)).toBe(far);
      expect(table.nextPopulated(far + 1, table.limitVpn)).toBe(table.limitVpn);
      expect(table.nextPopulated(0, 0x200)).toBe(0x200);
      expect(table.nextPopulated(0, 0x1ff)).toBe(0x1ff);
      expect(table.nextPopulated(8, 8)).toBe(8);
    });

    it("changes rights over a range, and counts only entries that change", () => {
      const { table } = newOccupant(name);
      for (const vpn of [10, 11, 600, 6000]) table.map(vpn, 1, vpn, USER_RW, 0);
      table.map(4 * L, 2, 4 * L, USER_RW, 0);
      expect(table.protect(11, 6000, 0, PTE_RW, PTE_HI_NX, 0)).toBe(3);
      expect(table.protect(11, 6000, 0, PTE_RW, PTE_HI_NX, 0)).toBe(0);
      expect([10, 11, 600, 4 * L, 6000].map((vpn) => readEntry(table, vpn))).toEqual([
        0xa007n,
        leaf(11, 0x005, NX),
        leaf(600, 0x005, NX),
        leaf(4 * L, 0x085, NX),
        0x1770007n,
      ]);
      expect(() => table.protect(4 * L + 1, 5 * L, 0, PTE_US, 0, 0)).toThrow(
        new RegExp(`cuts the leaf at 0x${(4 * L).toString(16)}`),
      );
      table.checkInvariants();
    });

    it("refuses pages beyond its address space", () => {
      const { table } = newOccupant(name);
      expect(() => table.map(table.limitVpn, 1, 7, USER_RW, 0)).toThrow(/is not below 2\^/);
      expect(() => table.allocEntry(-1, 1)).toThrow(/is not below 2\^/);
    });

    describePasses(name, features);
    describeSplits(name, features);
    describeFrames(name, features);
  });
}

function describePasses(name: string, { has1GiB, has2MiB, largePages: L }: Features): void {
  describe("in a pass with a cursor", () => {
    it.runIf(has1GiB)("visits populated leaves of the range in order, each once", () => {
      const { table } = newOccupant(name);
      const far = table.limitVpn / 2 - 1;
      for (const vpn of [far, 600, 3, 0x40001]) table.map(vpn, 1, 1, USER_RW, 0);
      table.map(0x200 * 5, 2, 0x400, USER_RW, 0);
      table.map(0x80000, 3, 0x40000, USER_RW, 0);
      const all = [
        [3, 1],
        [600, 1],
        [2560, 2],
        [0x40001, 1],
        [0x80000, 3],
        [far, 1],
      ];
      expect(leavesOf(table, 0, table.limitVpn).map(([vpn, level]) => [vpn, level])).toEqual(all);
      expect(leavesOf(table, 4, far).map(([vpn, level]) => [vpn, level])).toEqual(all.slice(1, 5));
      // A leaf that straddles an end is visited whole.
      expect(leavesOf(table, 2600, 0x90000).map(([vpn]) => vpn)).toEqual([2560, 0x40001, 0x80000]);
      expect(leavesOf(table, 4, 4)).toEqual([]);
      expect(leavesOf(table, 4, 600)).toEqual([]);
    });

    it("can be used again", () => {
      const { table } = newOccupant(name);
      for (const vpn of [3, 600]) table.map(vpn, 1, 1, USER_RW, 0);
      const cursor = table.cursor(0, 4);
      expect([cursor.next(), cursor.vpn, cursor.next()]).toEqual([true, 3, false]);
      cursor.reset(4, 1000);
      expect([cursor.next(), cursor.vpn, cursor.next(), cursor.next()]).toEqual([true, 600, false, false]);
    });

    it("empties what it is on", () => {
      const { table } = newOccupant(name);
      for (let vpn = 500; vpn < 530; vpn++) table.map(vpn, 1, vpn, USER_RW, 0);
      table.map(0x400, 2, 0x400, USER_RW, 0);
      const cursor = table.cursor(510, 0x600);
      let nr = 0;
      for (; cursor.next(); nr++) cursor.clear();
      expect(nr).toBe(21);
      expect(leavesOf(table, 0, 4096).map(([vpn]) => vpn)).toEqual([
        500, 501, 502, 503, 504, 505, 506, 507, 508, 509,
      ]);
      table.checkInvariants();
    });

    it.runIf(has2MiB)("writes what it is on, of whatever kind", () => {
      const { table } = newOccupant(name);
      table.map(7, 1, 9, USER_RW | PTE_D, 0);
      table.map(8, 1, 10, USER_RW | PTE_D, 0);
      const cursor = table.cursor(0, 512);
      cursor.next();
      cursor.set(swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      expect([cursor.lo, cursor.hi]).toEqual([swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT)]);
      cursor.next();
      cursor.set(cursor.lo & ~PTE_RW, cursor.hi | PTE_HI_NX);
      expect(cursor.next()).toBe(false);
      expect(leavesOf(table, 0, 512)).toEqual([
        [7, 1, joined(swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT))],
        [8, 1, 0x800000000000a045n],
      ]);
      table.checkInvariants();
    });

    it("harvests accessed and dirty bits of present leaves", () => {
      const { table } = newOccupant(name);
      table.map(1, 1, 5, USER_RW | PTE_A | PTE_D, 0);
      table.map(2, 1, 6, USER_RW | PTE_A | PTE_SOFT_DIRTY, 0);
      table.map(3, 1, 7, USER_RW, 0);
      table.setEntry(table.allocEntry(4, 1), swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      table.map(L, 2, 2 * L, USER_RW | PTE_A | PTE_D, 0);
      const harvest = (mask: number): number[] => {
        const found: number[] = [];
        const cursor = table.cursor(0, 2 * L);
        while (cursor.next()) found.push(cursor.harvest(mask));
        return found;
      };
      expect(harvest(PTE_A)).toEqual([PTE_A, PTE_A, 0, 0, PTE_A]);
      expect(harvest(PTE_A)).toEqual([0, 0, 0, 0, 0]);
      expect(harvest(PTE_D | PTE_SOFT_DIRTY)).toEqual([PTE_D, PTE_SOFT_DIRTY, 0, 0, PTE_D]);
      expect([1, 2, L].map((vpn) => readEntry(table, vpn))).toEqual([0x5007n, 0x6007n, leaf(2 * L, 0x087)]);
      expect(readEntry(table, 4)).toBe(joined(swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT)));
    });

    it("sees what happened to its leaf behind its back", () => {
      const { table } = newOccupant(name);
      table.map(5, 1, 7, USER_RW, 0);
      table.map(6, 1, 8, USER_RW, 0);
      const cursor = table.cursor(0, 512);
      expect(cursor.reload()).toBe(false);
      cursor.next();
      table.setEntry(table.findEntry(5), swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      expect([cursor.reload(), cursor.lo]).toEqual([true, swapEntryToPteLo(SLOT, 0)]);
      table.unmap(5);
      expect(cursor.reload()).toBe(false);
      expect([cursor.next(), cursor.vpn]).toEqual([true, 6]);
    });

    it("goes on when tables come and go between its steps", () => {
      const { table } = newOccupant(name);
      for (const vpn of [5, 700, 0x40000]) table.map(vpn, 1, 7, USER_RW, 0);
      const cursor = table.cursor(0, 0x80000);
      cursor.next();
      table.unmap(5);
      table.freeTables(5, 6, 0, 512);
      for (let region = 4; region < 60; region++) table.map(region * 512, 1, region, USER_RW, 0);
      expect([cursor.next(), cursor.vpn]).toEqual([true, 700]);
      expect([cursor.next(), cursor.vpn]).toEqual([true, 2048]);
      table.map(3000, 1, 7, USER_RW, 0);
      expect([cursor.next(), cursor.vpn]).toEqual([true, 2560]);
      expect([cursor.next(), cursor.vpn]).toEqual([true, 3000]);
      table.checkInvariants();
    });

    it("does not look into a table that is freed and serves another place", () => {
      const { table } = newOccupant(name);
      for (const vpn of [5, 6]) table.map(vpn, 1, 7, USER_RW, 0);
      const cursor = table.cursor(0, 0x80000);
      cursor.next();
      for (const vpn of [5, 6]) table.unmap(vpn);
      table.freeTables(5, 7, 0, 512);
      for (const vpn of [1024 + 7, 1024 + 9]) table.map(vpn, 1, 7, USER_RW, 0);
      expect([cursor.next(), cursor.vpn]).toEqual([true, 1031]);
      expect([cursor.next(), cursor.vpn, cursor.next()]).toEqual([true, 1033, false]);
    });

    it.runIf(has2MiB)("maps page by page, around what is there", () => {
      const { table } = newOccupant(name);
      table.map(1026, 1, 1, USER_RW, 0);
      table.map(3 * L, 2, 2 * L, USER_RW, 0);
      const cursor = table.cursor(1020, 3 * L + 514);
      const visited: [number, number, boolean][] = [];
      while (cursor.nextPage()) {
        const isEmpty = cursor.lo === 0 && cursor.hi === 0;
        if (visited.length < 8 || cursor.vpn > 1534) visited.push([cursor.vpn, cursor.level, isEmpty]);
        if (isEmpty) cursor.set((cursor.vpn << 12) | USER_RW, 0);
      }
      expect(visited).toEqual([
        ...[1020, 1021, 1022, 1023, 1024, 1025].map((vpn) => [vpn, 1, true]),
        [1026, 1, false],
        [1027, 1, true],
        [1535, 1, true],
        [3 * L, 2, false],
        [2048, 1, true],
        [2049, 1, true],
      ]);
      expect(leavesOf(table, 0, 1 << 20).length).toBe(2050 - 1020 - 512 + 1);
      expect(readEntry(table, 1533)).toBe(0x5fd007n);
      table.checkInvariants();
    });

    it.runIf(has1GiB)("splits large leaves that straddle the ends, if asked", () => {
      const { table } = newOccupant(name);
      table.map(0x200, 2, 0x400, USER_RW, 0);
      table.map(0x400, 2, 0x600, USER_RW, 0);
      table.map(0x40000, 3, 0x80000, USER_RW, 0);
      const cursor = table.cursor(0x3fe, 0x40000 + 513, true);
      const visited: [number, number][] = [];
      while (cursor.next()) {
        visited.push([cursor.vpn, cursor.level]);
        cursor.clear();
      }
      expect(visited).toEqual([
        [0x3fe, 1],
        [0x3ff, 1],
        [0x400, 2],
        [0x40000, 2],
        [0x40200, 1],
      ]);
      // 510 pages of the first leaf stay, and 511 pages and 510 leaves of 2 MiB of the last.
      const left = leavesOf(table, 0, 0x80000);
      expect(left.length).toBe(510 + 511 + 510);
      expect(left[0]).toEqual([0x200, 1, 0x400007n]);
      expect(left[510]).toEqual([0x40201, 1, 0x80201007n]);
      expect(left[510 + 511]).toEqual([0x40400, 2, 0x80400087n]);
      table.checkInvariants();
    });

    it("ends with an error when a table for a split or a page cannot be had", () => {
      const { table, frames } = newOccupant(name);
      const far = Math.min(0x100000, table.limitVpn / 4);
      for (let leaf = 1; leaf < 40; leaf++) table.map(L * leaf, 2, 2 * L, USER_RW, 0);
      frames.limit = frames.inUse.size;
      let error = 0;
      for (let leaf = 1; leaf < 40 && error === 0; leaf++) {
        const cursor = table.cursor(L * leaf, L * leaf + 1, true);
        while (cursor.next());
        error = cursor.error;
      }
      expect(error).toBe(-ENOMEM);
      table.checkInvariants();
      const cursor = table.cursor(far, 2 * far);
      while (cursor.nextPage());
      expect(cursor.error).toBe(-ENOMEM);
      expect(cursor.next()).toBe(false);
      frames.limit = 3900;
      cursor.reset(far, far + 1);
      expect([cursor.nextPage(), cursor.vpn]).toEqual([true, far]);
      table.checkInvariants();
    });
  });
}

function describeSplits(name: string, { has1GiB, has2MiB, largePages: L }: Features): void {
  const NX = has2MiB ? PTE_HI_NX : 0;
  describe("when leaves are split and collapsed", () => {
    it("makes pages of a large leaf, with its flags", () => {
      const { table } = newOccupant(name);
      table.map(L, 2, 2 * L, USER_RW | PTE_A | PTE_D | PTE_SOFT_DIRTY, PTE_HI_NX);
      expect(table.split(L + 0xab)).toBe(0);
      const parts = leavesOf(table, 0, 4096);
      expect(parts.length).toBe(L);
      // P RW US A D soft-dirty: 0x867.
      expect(parts[0]).toEqual([L, 1, leaf(2 * L, 0x867, NX)]);
      expect(parts[L - 1]).toEqual([2 * L - 1, 1, leaf(3 * L - 1, 0x867, NX)]);
      table.checkInvariants();
      expect(table.split(L + 0xab)).toBe(-ENOENT);
      expect(table.split(3 * L)).toBe(-ENOENT);
    });

    it.runIf(has1GiB)("makes 512 leaves of 2 MiB of a 1 GiB leaf", () => {
      const { table } = newOccupant(name);
      table.map(0x40000, 3, 0x80000, USER_RW, 0);
      expect(table.split(0x40000)).toBe(0);
      const parts = leavesOf(table, 0, 0x100000);
      expect(parts.length).toBe(512);
      expect(parts[0]).toEqual([0x40000, 2, 0x80000087n]);
      expect(parts[511]).toEqual([0x7fe00, 2, 0xbfe00087n]);
      table.checkInvariants();
      expect(table.split(0x7fe01)).toBe(0);
      expect(leavesOf(table, 0, 0x100000).length).toBe(1023);
      table.checkInvariants();
    });

    it("splits PROT_NONE and migration leaves, but no swap entry", () => {
      const { table } = newOccupant(name);
      table.map(L, 2, 2 * L, PTE_PROTNONE | PTE_A, 0);
      expect(table.split(L)).toBe(0);
      // The second frame inverted in bits 12..51, PROTNONE and A.
      expect(readEntry(table, L + 1)).toBe(leaf(2 * L + 1, 0, 0) ^ 0x000ffffffffff120n);
      // Entries of 32 bits have no room for accessed and dirty here.
      const moving = [
        pfnSwpPteLo(3 * L, 0),
        pfnSwpPteHi(SWP_MIGRATION_WRITE, 3 * L, has2MiB, false),
      ] as const;
      table.setEntry(table.allocEntry(2 * L, 2), ...moving);
      expect(table.split(2 * L)).toBe(0);
      expect(readEntry(table, 2 * L + 3)).toBe(
        joined(pfnSwpPteLo(3 * L + 3, 0), pfnSwpPteHi(SWP_MIGRATION_WRITE, 3 * L + 3, has2MiB, false)),
      );
      table.setEntry(table.allocEntry(3 * L, 2), swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      expect(table.split(3 * L)).toBe(-EINVAL);
      table.checkInvariants();
    });

    it.runIf(has1GiB)("answers -ENOMEM and changes nothing when there is no frame for the parts", () => {
      const { table, frames } = newOccupant(name);
      table.map(0x40000, 3, 0x80000, USER_RW, 0);
      frames.limit = frames.inUse.size;
      let error = table.split(0x40000);
      for (let vpn = 0x40000; error === 0 && vpn < 0x80000; vpn += 0x200) error = table.split(vpn);
      expect(error).toBe(-ENOMEM);
      const left = leavesOf(table, 0, 0x100000);
      expect(left[left.length - 1][0] + (left[left.length - 1][1] === 3 ? 0x40000 : 0x200)).toBe(0x80000);
      table.checkInvariants();
    });

    it.runIf(has1GiB)("joins 512 pages in a row to a 2 MiB leaf, and those to 1 GiB", () => {
      const { table, frames } = newOccupant(name);
      for (let page = 0; page < 512; page++) table.map(0x200 + page, 1, 0x400 + page, USER_RW, PTE_HI_NX);
      const before = frames.inUse.size;
      table.setEntry(table.findEntry(0x207), 0x407000 | USER_RW | PTE_A, PTE_HI_NX);
      table.setEntry(table.findEntry(0x3ff), 0x5ff000 | USER_RW | PTE_D, PTE_HI_NX);
      expect(table.collapse(0x2ab, 2)).toBe(0);
      expect(frames.inUse.size).toBeLessThanOrEqual(before);
      expect(leavesOf(table, 0, 4096)).toEqual([[0x200, 2, 0x80000000004000e7n]]);
      table.checkInvariants();
      for (let leaf = 0; leaf < 512; leaf++)
        table.map(0x40000 + leaf * 512, 2, 0x80000 + leaf * 512, USER_RW, 0);
      expect(table.collapse(0x40000, 3)).toBe(0);
      expect(leavesOf(table, 0x40000, 0x100000)).toEqual([[0x40000, 3, 0x80000087n]]);
      table.checkInvariants();
    });

    it("refuses to join what is not alike, not in a row, not there", () => {
      const { table } = newOccupant(name);
      expect(table.collapse(L, 2)).toBe(-EINVAL);
      for (let page = 0; page < L; page++) table.map(L + page, 1, 2 * L + 1 + page, USER_RW, 0);
      // The first frame is not aligned.
      expect(table.collapse(L, 2)).toBe(-EINVAL);
      for (let page = 0; page < L; page++)
        table.setEntry(table.findEntry(L + page), ((2 * L + page) << 12) | USER_RW, 0);
      const spoil = (vpn: number, lo: number, hi = 0): void => {
        const old = table.entryLo(table.findEntry(vpn));
        table.setEntry(table.findEntry(vpn), lo, hi);
        expect(table.collapse(L, 2)).toBe(-EINVAL);
        if (table.findEntry(vpn) === NO_ENTRY) table.allocEntry(vpn, 1);
        table.setEntry(table.findEntry(vpn), old, 0);
      };
      spoil(L + 0x100, ((2 * L + 0x100) << 12) | PTE_P | PTE_US);
      spoil(2 * L - 1, 0x9000 | USER_RW);
      spoil(L + 1, swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
      table.unmap(L + 0x33);
      expect(table.collapse(L, 2)).toBe(-EINVAL);
      table.map(L + 0x33, 1, 2 * L + 0x33, USER_RW, 0);
      expect(table.collapse(L, 2)).toBe(0);
      expect(table.collapse(L, 2)).toBe(-EINVAL);
      expect(table.collapse(L, 1)).toBe(-EINVAL);
      table.checkInvariants();
    });

    it("moves PAT between bit 7 and bit 12, where the format has it", () => {
      const { table } = newOccupant(name);
      if (name.startsWith("sv")) return;
      // P RW US, PWT PCD, PAT of a large leaf: write-through.
      table.map(L, 2, 2 * L, USER_RW | 0x1018, 0);
      expect(readEntry(table, L)).toBe(leaf(2 * L, 0x109f));
      expect(table.split(L)).toBe(0);
      expect(readEntry(table, L + 1)).toBe(leaf(2 * L + 1, 0x09f));
      expect(readEntry(table, L + 2)).toBe(leaf(2 * L + 2, 0x09f));
      expect(table.collapse(L, 2)).toBe(0);
      expect(readEntry(table, L + 2)).toBe(leaf(2 * L, 0x109f));
      table.checkInvariants();
    });
  });
}

function describeFrames(name: string, { has1GiB, largePages: L }: Features): void {
  describe("with its frames", () => {
    it("gives all back when what was mapped is unmapped and freed", () => {
      const { table, frames } = newOccupant(name);
      const empty = frames.inUse.size;
      for (let region = 0; region < 300; region++) table.map(region * 700, 1, region, USER_RW, 0);
      table.map(0x80000, 2, 0x400, USER_RW, 0);
      if (has1GiB) table.map(0x140000, 3, 0x40000, USER_RW, 0);
      const cursor = table.cursor(0, table.limitVpn);
      while (cursor.next()) cursor.clear();
      table.freeTables(0, table.limitVpn, 0, table.limitVpn);
      expect(frames.inUse.size).toBe(empty);
      table.checkInvariants();
      table.destroy();
      expect(frames.inUse.size).toBe(0);
      expect([...table.nrTables].every((nr) => nr === 0)).toBe(true);
      expect(table.rootPfn).toBe(NO_PFN);
    });

    it("keeps the tables of a region that floor or ceiling cut", () => {
      const { table } = newOccupant(name);
      table.map(5, 1, 7, USER_RW, 0);
      table.map(2 * L - 24, 1, 8, USER_RW, 0);
      table.unmap(5);
      table.unmap(2 * L - 24);
      table.freeTables(5, 6, 1, L);
      table.freeTables(5, 6, 0, L - 1);
      table.freeTables(2 * L - 24, 2 * L - 23, 0, 2 * L - 1);
      table.checkInvariants();
      // Empty, they are still in the way of a large leaf.
      expect(table.map(0, 2, 2 * L, USER_RW, 0)).toBe(-EEXIST);
      expect(table.map(L, 2, 2 * L, USER_RW, 0)).toBe(-EEXIST);
      table.map(L, 1, 8, USER_RW, 0);
      table.freeTables(5, 6, 0, L);
      table.checkInvariants();
      expect(table.findEntry(5)).toBe(NO_ENTRY);
      expect(table.map(0, 2, 2 * L, USER_RW, 0)).toBe(0);
      expect(readEntry(table, L)).toBe(0x8007n);
    });

    it("lets a large leaf take the place of pages that are gone", () => {
      const { table } = newOccupant(name);
      for (let page = 0; page < 40; page++) table.map(L + page, 1, page, USER_RW, 0);
      for (let page = 0; page < 40; page++) table.unmap(L + page);
      table.freeTables(L, 2 * L, L, 2 * L);
      expect(table.map(L, 2, 2 * L, USER_RW, 0)).toBe(0);
      table.unmap(L);
      expect(table.map(2 * L - 1, 1, 9, USER_RW, 0)).toBe(0);
      expect(readEntry(table, 2 * L - 1)).toBe(0x9007n);
      table.checkInvariants();
    });

    it("stops rather than lose a page that is still mapped", () => {
      const { table } = newOccupant(name);
      table.map(5, 1, 7, USER_RW, 0);
      expect(() => table.freeTables(5, 6, 0, table.limitVpn)).toThrow(/still/);
      const { table: large } = newOccupant(name);
      large.map(0, 2, 0x400, USER_RW, 0);
      expect(() => large.freeTables(0, 512, 0, large.limitVpn)).toThrow(/level 2 is still mapped at vpn 0x0/);
      expect(() => large.destroy()).toThrow(/still mapped/);
    });

    it("answers -ENOMEM when they run out, and works on when there are more", () => {
      const { table, frames } = newOccupant(name);
      frames.limit = frames.inUse.size + 3;
      let nr = 0;
      let error = 0;
      while (error === 0 && nr < 5000) error = table.map((nr++ * 521) % 0x200000, 1, nr, USER_RW, 0);
      expect(error).toBe(-ENOMEM);
      expect(table.lastLevel).toBe(0);
      expect(leavesOf(table, 0, table.limitVpn).length).toBe(nr - 1);
      table.checkInvariants();
      frames.limit = 3900;
      expect(table.map(((nr - 1) * 521) % 0x200000, 1, nr, USER_RW, 0)).toBe(0);
      expect(leavesOf(table, 0, table.limitVpn).length).toBe(nr);
      table.checkInvariants();
    });

    it("keeps thousands of pages, whatever the order they come in", () => {
      const { table } = newOccupant(name);
      const vpnOf = (page: number): number => ((page * 7919) % 10007) * 37;
      for (let page = 0; page < 3000; page++) expect(table.map(vpnOf(page), 1, page, USER_RW, 0)).toBe(0);
      table.checkInvariants();
      for (let page = 0; page < 3000; page += 2) expect(table.unmap(vpnOf(page))).toBe(1);
      for (let page = 0; page < 3000; page++) {
        const expected = page % 2 === 0 ? 0n : (BigInt(page) << 12n) | BigInt(USER_RW);
        if (readEntry(table, vpnOf(page)) !== expected) expect(readEntry(table, vpnOf(page))).toBe(expected);
      }
      const visited = leavesOf(table, 0, table.limitVpn).map(([vpn]) => vpn);
      expect(visited).toEqual(
        Array.from({ length: 1500 }, (_, at) => vpnOf(2 * at + 1)).sort((a, b) => a - b),
      );
      table.checkInvariants();
    });

    it("spells out a walk that ends with the entry of the page", () => {
      const { table } = newOccupant(name);
      table.map(0x12345, 1, 7, USER_RW, 0);
      const steps = table.walkEntries(0x12345);
      expect(steps.length).toBeGreaterThanOrEqual(table.nrLevels);
      const last = steps[steps.length - 1];
      // P in bit 0 in every format.
      expect([last.level, last.lo & 1]).toEqual([1, 1]);
      expect(table.walkEntries(0x54321).at(-1)!.lo & 1).toBe(0);
    });
  });
}
