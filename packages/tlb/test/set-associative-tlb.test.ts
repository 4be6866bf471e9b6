import {
  PTE_D,
  PTE_G,
  PTE_PS,
  PTE_RW,
  PTE_US,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_ENTRY_1G,
  TLB_MISS,
} from "@pageframe/contracts";
import { SetAssociativeTlb, type TlbConfig } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";
import { pageText } from "./helpers.ts";

const USER = PTE_RW | PTE_US;
/** One set of two ways each, two sets of two in the second level. */
const TINY: TlbConfig = {
  l1: { entries: 2, ways: 2 },
  l1Large: { entries: 2, ways: 2 },
  l1Huge: { entries: 1, ways: 1 },
  l2: { entries: 4, ways: 2 },
  l2Huge: { entries: 1, ways: 1 },
};

const pfnOf = (tlb: SetAssociativeTlb, vpn: number, pcid = 0): number => {
  const entry = tlb.lookup(vpn, 0, pcid);
  return entry === TLB_MISS ? TLB_MISS : tlb.cells[tlb.pfnAt + entry];
};

describe("SetAssociativeTlb", () => {
  it("gives back what was inserted, and misses the rest", () => {
    const tlb = new SetAssociativeTlb();
    expect(tlb.lookup(0x1234, 0, 0)).toBe(TLB_MISS);
    tlb.insert(0x1234, 0, 0, TLB_4K, 99, USER);
    const entry = tlb.lookup(0x1234, 0, 0);
    expect(tlb.cells[tlb.pfnAt + entry]).toBe(99);
    expect(tlb.cells[tlb.flagsAt + entry]).toBe(USER);
    expect(tlb.stats).toEqual({ l1Hits: 1, l2Hits: 0, misses: 1, flushes: 0, entriesFlushed: 0 });
  });

  it("tells pages apart by the high half of their number", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(5, 0, 0, TLB_4K, 1, USER);
    tlb.insert(5, 0x1fff, 0, TLB_4K, 2, USER);
    expect(tlb.lookup(5, 1, 0)).toBe(TLB_MISS);
    expect(tlb.cells[tlb.pfnAt + tlb.lookup(5, 0x1fff, 0)]).toBe(2);
    expect(pfnOf(tlb, 5)).toBe(1);
  });

  it("keeps address spaces apart by their PCID", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(7, 0, 1, TLB_4K, 100, USER);
    tlb.insert(7, 0, 4095, TLB_4K, 200, USER);
    expect([pfnOf(tlb, 7, 1), pfnOf(tlb, 7, 4095), pfnOf(tlb, 7, 2)]).toEqual([100, 200, TLB_MISS]);
  });

  it("finds a global page under every PCID", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(7, 0, 1, TLB_4K, 100, PTE_G);
    expect([pfnOf(tlb, 7, 1), pfnOf(tlb, 7, 2)]).toEqual([100, 100]);
  });

  it("replaces the least recently used way and finds it again in the second level", () => {
    const tlb = new SetAssociativeTlb(TINY);
    tlb.insert(0, 0, 0, TLB_4K, 10, USER);
    tlb.insert(1, 0, 0, TLB_4K, 11, USER);
    expect(pfnOf(tlb, 0)).toBe(10); // 1 is now the least recent of the first level
    tlb.insert(2, 0, 0, TLB_4K, 12, USER);
    expect(tlb.stats.l1Hits).toBe(1);
    expect(pfnOf(tlb, 1)).toBe(11); // and comes from the second, in place of 0
    expect(tlb.stats).toMatchObject({ l1Hits: 1, l2Hits: 1, misses: 0 });
    expect(pfnOf(tlb, 1)).toBe(11);
    expect(tlb.stats).toMatchObject({ l1Hits: 2, l2Hits: 1, misses: 0 });
  });

  it("does not refresh the second level by hits in the first", () => {
    const tlb = new SetAssociativeTlb(TINY);
    tlb.insert(0, 0, 0, TLB_4K, 10, USER);
    tlb.insert(2, 0, 0, TLB_4K, 12, USER);
    expect(pfnOf(tlb, 0)).toBe(10);
    tlb.insert(4, 0, 0, TLB_4K, 14, USER); // evicts 2 from the first level, 0 from the second
    expect(pfnOf(tlb, 0)).toBe(10);
    expect(pfnOf(tlb, 4)).toBe(14);
    expect(tlb.stats).toMatchObject({ l1Hits: 3, l2Hits: 0, misses: 0 });
    expect(pfnOf(tlb, 2)).toBe(12);
    expect(tlb.stats).toMatchObject({ l1Hits: 3, l2Hits: 1, misses: 0 });
    expect(pfnOf(tlb, 0)).toBe(TLB_MISS);
  });

  it("covers a 2 MiB page and a 1 GiB page with one entry each", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(512 + 3, 0, 0, TLB_2M, 1024, USER);
    tlb.insert(5 * 262144 + 77, 0, 0, TLB_1G, 262144, USER);
    expect([pfnOf(tlb, 512), pfnOf(tlb, 1023), pfnOf(tlb, 1024)]).toEqual([1024, 1024, TLB_MISS]);
    expect([pfnOf(tlb, 5 * 262144), pfnOf(tlb, 6 * 262144 - 1), pfnOf(tlb, 6 * 262144)]).toEqual([
      262144,
      262144,
      TLB_MISS,
    ]);
    expect(tlb.cells[tlb.flagsAt + tlb.lookup(600, 0, 0)]).toBe(USER | PTE_PS);
    expect(tlb.cells[tlb.flagsAt + tlb.lookup(5 * 262144, 0, 0)]).toBe(USER | PTE_PS | TLB_ENTRY_1G);
  });

  it("promotes large pages from the second level", () => {
    const tlb = new SetAssociativeTlb(TINY);
    for (const region of [0, 2, 4]) tlb.insert(region * 512, 0, 0, TLB_2M, region * 512, USER);
    expect(pfnOf(tlb, 2 * 512)).toBe(1024);
    expect(pfnOf(tlb, 0)).toBe(TLB_MISS); // three pages in two ways of one set
    expect(tlb.stats).toMatchObject({ l1Hits: 1, l2Hits: 0, misses: 1 });
    tlb.insert(1 * 512, 0, 0, TLB_2M, 512, USER);
    expect(pfnOf(tlb, 4 * 512)).toBe(2048);
    expect(tlb.stats).toMatchObject({ l1Hits: 1, l2Hits: 1, misses: 1 });
  });

  it("sets flags in both levels", () => {
    const tlb = new SetAssociativeTlb(TINY);
    tlb.insert(0, 0, 0, TLB_4K, 10, USER);
    tlb.setEntryFlags(tlb.lookup(0, 0, 0), PTE_D);
    tlb.insert(1, 0, 0, TLB_4K, 11, USER);
    tlb.insert(3, 0, 0, TLB_4K, 13, USER);
    const entry = tlb.lookup(0, 0, 0);
    expect(tlb.nrL2Hits).toBe(1);
    expect(tlb.cells[tlb.flagsAt + entry]).toBe(USER | PTE_D);
  });

  it("replaces a page that it holds already, whatever its size", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(512, 0, 0, TLB_4K, 1, USER);
    tlb.insert(512, 0, 0, TLB_4K, 2, USER);
    expect(pfnOf(tlb, 512)).toBe(2);
    tlb.insert(512, 0, 0, TLB_2M, 1024, USER);
    expect(pfnOf(tlb, 512)).toBe(1024);
    expect(tlb.nrValid).toBe(2);
    tlb.checkInvariants();
  });

  it("flushes one page of one PCID, and global pages with it", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(1, 0, 1, TLB_4K, 10, USER);
    tlb.insert(1, 0, 2, TLB_4K, 20, USER);
    tlb.insert(2, 0, 1, TLB_4K, 30, PTE_G);
    tlb.flushPage(1, 0, 1);
    tlb.flushPage(2, 0, 2);
    expect([pfnOf(tlb, 1, 1), pfnOf(tlb, 1, 2), pfnOf(tlb, 2, 1)]).toEqual([TLB_MISS, 20, TLB_MISS]);
    expect(tlb.stats).toMatchObject({ flushes: 2, entriesFlushed: 4 });
  });

  it("spares a global page when it flushes one page of one PCID alone", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(1, 0, 1, TLB_4K, 10, USER);
    tlb.insert(1, 0, 2, TLB_4K, 20, USER);
    tlb.insert(3, 0, 1, TLB_4K, 30, PTE_G);
    tlb.insert(512, 0, 1, TLB_2M, 512, USER);
    for (const vpn of [1, 3, 700]) tlb.flushPcidPage(vpn, 0, 1);
    expect([pfnOf(tlb, 1, 1), pfnOf(tlb, 1, 2), pfnOf(tlb, 3, 1)]).toEqual([TLB_MISS, 20, 30]);
    expect(pfnOf(tlb, 512, 1)).toBe(TLB_MISS);
    expect(tlb.stats).toMatchObject({ flushes: 3, entriesFlushed: 4 });
    tlb.checkInvariants();
  });

  it("flushes a range, and a large page that reaches into it", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(512, 0, 0, TLB_2M, 512, USER);
    for (const vpn of [2047, 2048, 2049]) tlb.insert(vpn, 0, 0, TLB_4K, vpn, USER);
    tlb.flushRange(1023, 0, 2, 0); // pages 1023 and 1024
    expect(pfnOf(tlb, 700)).toBe(TLB_MISS);
    tlb.flushRange(2048, 0, 1_000_000, 0); // more pages than entries
    expect([pfnOf(tlb, 2047), pfnOf(tlb, 2048), pfnOf(tlb, 2049)]).toEqual([2047, TLB_MISS, TLB_MISS]);
  });

  it("flushes a range across the low half of the page number", () => {
    const tlb = new SetAssociativeTlb();
    for (const vpn of [1, 2, 3]) tlb.insert(vpn, 0, 0, TLB_4K, vpn, USER);
    tlb.insert(-1, 3, 0, TLB_4K, 70, USER);
    tlb.insert(0, 4, 0, TLB_4K, 71, USER);
    tlb.flushRange(-1, 3, 2, 0);
    expect([tlb.lookup(-1, 3, 0), tlb.lookup(0, 4, 0)]).toEqual([TLB_MISS, TLB_MISS]);
    expect(pfnOf(tlb, 1)).toBe(1);
  });

  it("spares global pages when it flushes a PCID, and all but a full flush", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(1, 0, 1, TLB_4K, 10, USER);
    tlb.insert(2, 0, 2, TLB_4K, 20, USER);
    tlb.insert(3, 0, 1, TLB_4K, 30, PTE_G);
    tlb.flushPcid(1);
    expect([pfnOf(tlb, 1, 1), pfnOf(tlb, 2, 2), pfnOf(tlb, 3, 1)]).toEqual([TLB_MISS, 20, 30]);
    tlb.flushAll(false);
    expect([pfnOf(tlb, 2, 2), pfnOf(tlb, 3, 2)]).toEqual([TLB_MISS, 30]);
    tlb.flushAll(true);
    expect(tlb.nrValid).toBe(0);
  });

  it("fills ways that a flush has emptied before it evicts", () => {
    const tlb = new SetAssociativeTlb(TINY);
    tlb.insert(0, 0, 0, TLB_4K, 10, USER);
    tlb.insert(2, 0, 0, TLB_4K, 12, USER);
    tlb.flushPage(2, 0, 0); // the most recent one
    tlb.insert(4, 0, 0, TLB_4K, 14, USER);
    expect([pfnOf(tlb, 0), pfnOf(tlb, 4)]).toEqual([10, 14]);
    expect(tlb.stats.l1Hits).toBe(2);
  });

  it("drops a page without counting a flush", () => {
    const tlb = new SetAssociativeTlb();
    tlb.insert(1, 0, 0, TLB_4K, 10, USER);
    tlb.dropPage(1, 0, 0);
    expect(tlb.stats).toMatchObject({ flushes: 0, entriesFlushed: 0 });
    expect(pfnOf(tlb, 1)).toBe(TLB_MISS);
  });

  it("shows each translation once, however many levels hold it", () => {
    const tlb = new SetAssociativeTlb(TINY);
    for (const vpn of [0, 2, 4]) tlb.insert(vpn, 0, 3, TLB_4K, 10 + vpn, USER);
    tlb.insert(9 * 262144, 0, 0, TLB_1G, 262144, PTE_G);
    const seen: string[] = [];
    tlb.forEachEntry((...page) => seen.push(pageText(...page)));
    // Page 0 is gone: both levels have two ways for the three even pages.
    expect(seen.sort()).toEqual([
      "0x2 pcid 3 size 0 -> 12 flags 0x6",
      "0x240000 pcid 0 size 2 -> 262144 flags 0x40000180",
      "0x4 pcid 3 size 0 -> 14 flags 0x6",
    ]);
  });

  it("shows what each array holds for a page, without counting or using it", () => {
    const tlb = new SetAssociativeTlb(TINY);
    for (const vpn of [0, 2, 4]) tlb.insert(vpn, 0, 3, TLB_4K, 10 + vpn, USER);
    expect(tlb.peek(0, 0, 3)).toEqual([]); // evicted from both levels
    for (let again = 0; again < 3; again++) {
      expect(tlb.peek(2, 0, 3)).toEqual([
        { array: "l1", pageSize: TLB_4K, pfn: 12, flags: USER },
        { array: "l2", pageSize: TLB_4K, pfn: 12, flags: USER },
      ]);
    }
    expect(tlb.peek(2, 0, 4)).toEqual([]);
    expect(tlb.stats).toMatchObject({ l1Hits: 0, misses: 0 });
    tlb.insert(6, 0, 3, TLB_4K, 16, USER); // in place of page 2, which is still the least recent
    expect(tlb.peek(2, 0, 3)).toEqual([]);
    tlb.insert(9 * 262144, 0, 0, TLB_1G, 262144, PTE_G);
    expect(tlb.peek(9 * 262144 + 5, 0, 3).map(({ array }) => array)).toEqual(["l1Huge", "l2Huge"]);
  });

  it("counts hits that a caller folded", () => {
    const tlb = new SetAssociativeTlb();
    tlb.lookup(1, 0, 0);
    tlb.addL1Hits(41);
    expect(tlb.stats).toMatchObject({ l1Hits: 41, misses: 1 });
  });

  it("keeps the order of use when its clock is set back", () => {
    const tlb = new SetAssociativeTlb(TINY);
    tlb.insert(0, 0, 0, TLB_4K, 10, USER);
    tlb.insert(1, 0, 0, TLB_4K, 11, USER);
    tlb.lookup(0, 0, 0);
    tlb.renumberUses();
    tlb.checkInvariants();
    tlb.insert(3, 0, 0, TLB_4K, 13, USER); // evicts 1
    tlb.lookup(0, 0, 0);
    expect(tlb.stats).toMatchObject({ l1Hits: 2, l2Hits: 0 });
    tlb.lookup(1, 0, 0);
    expect(tlb.stats).toMatchObject({ l1Hits: 2, l2Hits: 1 });
  });
});
