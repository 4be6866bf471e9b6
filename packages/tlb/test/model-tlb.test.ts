import {
  PTE_D,
  PTE_G,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_MISS,
} from "@pageframe/contracts";
import {
  CORTEX_A76,
  ModelTlb,
  type ModelTlbConfig,
  SetAssociativeTlb,
  TraceWalker,
  tlbPreset,
  ZEN_4,
} from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EasyWalker, pageText } from "./helpers.ts";

const USER = PTE_RW | PTE_US;

/** One level of `entries` for every page size. */
const single = (entries: number, more: Partial<ModelTlbConfig> = {}): ModelTlbConfig => ({
  name: "single",
  levels: [[{ name: "L1", entries, ways: entries, holds: ["4KiB", "2MiB", "1GiB"] }]],
  ...more,
});

/** Looks pages up and, on a miss, walks and inserts. Returns which hit. */
function access(
  tlb: ModelTlb,
  walker: EasyWalker | TraceWalker,
  pages: readonly number[],
  kind = RUN_READ,
): boolean[] {
  return pages.map((vpn) => {
    if (tlb.lookup(vpn, 0, 0, kind) !== TLB_MISS) return true;
    if (walker.walk(vpn, 0) !== 0) return false;
    tlb.insert(vpn, 0, 0, walker.leafSize, walker.leafPfn, walker.leafFlags, kind, walker);
    tlb.checkInvariants();
    return false;
  });
}

describe("a prefetch of the next page", () => {
  const config = single(8, { prefetchNextPage: true });

  it("halves the misses of a sequential loop, and counts what it was good for", () => {
    const tlb = new ModelTlb(config);
    const walker = new EasyWalker(TLB_4K, USER);
    expect(access(tlb, walker, [10, 11, 12, 13])).toEqual([false, true, false, true]);
    expect(tlb.stats).toMatchObject({ misses: 2, prefetches: 2, usefulPrefetches: 2, prefetchWalks: 2 });
    expect(walker.nrWalks).toBe(4);
    expect(access(tlb, walker, [11, 11])).toEqual([true, true]);
    expect(tlb.stats.usefulPrefetches).toBe(2);
  });

  it("of a page that is missing faults silently", () => {
    const tlb = new ModelTlb(config);
    expect(access(tlb, new EasyWalker(TLB_4K, USER, [11]), [10, 11])).toEqual([false, false]);
    expect(tlb.stats).toMatchObject({ prefetches: 0, prefetchWalks: 1 });
  });

  it("does not walk for a page that is there, nor beyond the last page", () => {
    const tlb = new ModelTlb(config);
    const walker = new EasyWalker(TLB_4K, USER);
    access(tlb, walker, [11, 10]);
    expect(tlb.stats.prefetchWalks).toBe(1);
    tlb.insert(-1, 0x1fff, 0, TLB_4K, 7, USER, RUN_READ, walker);
    expect(tlb.stats.prefetchWalks).toBe(1);
  });

  it("is not useful when the page is gone before it is used", () => {
    const tlb = new ModelTlb(single(2, { prefetchNextPage: true }));
    const walker = new EasyWalker(TLB_4K, USER);
    expect(access(tlb, walker, [10, 20, 11])).toEqual([false, false, false]);
    expect(tlb.stats).toMatchObject({ prefetches: 3, usefulPrefetches: 0 });
  });

  it("goes on behind a large page", () => {
    const tlb = new ModelTlb(config);
    expect(access(tlb, new TraceWalker({ pageSize: TLB_2M }), [700, 1024, 1600])).toEqual([
      false,
      true,
      false,
    ]);
  });

  it("leaves room for the page that missed", () => {
    const tlb = new ModelTlb(single(1, { prefetchNextPage: true }));
    expect(access(tlb, new EasyWalker(TLB_4K, USER), [10, 10])).toEqual([false, true]);
  });
});

describe("a coalesced entry", () => {
  const contiguous = (): TraceWalker => new TraceWalker({ isContiguous: true });

  it("gives each of its pages its own frame", () => {
    const tlb = new ModelTlb(ZEN_4);
    access(tlb, contiguous(), [6]);
    expect([4, 5, 6, 7].map((vpn) => tlb.cells[tlb.pfnAt + tlb.lookup(vpn, 0, 0, RUN_READ)])).toEqual([
      4, 5, 6, 7,
    ]);
    expect(tlb.lookup(8, 0, 0, RUN_READ)).toBe(TLB_MISS);
    expect(tlb.stats).toMatchObject({ coalescedFills: 1, coalescedHits: 4, l1Hits: 4, misses: 2 });
    const texts: string[] = [];
    tlb.forEachEntry((...page) => texts.push(pageText(...page)));
    expect(texts).toEqual([4, 5, 6, 7].map((vpn) => `0x${vpn} pcid 0 size 0 -> ${vpn} flags 0x6`));
  });

  it("gives way to the page alone when that is to be dirty, and the others miss", () => {
    const tlb = new ModelTlb(ZEN_4);
    access(tlb, contiguous(), [6]);
    const entry = tlb.lookup(5, 0, 0, RUN_WRITE);
    tlb.setEntryFlags(entry, PTE_D);
    tlb.checkInvariants();
    const again = tlb.lookup(5, 0, 0, RUN_WRITE);
    expect([tlb.cells[tlb.pfnAt + again], tlb.cells[tlb.flagsAt + again]]).toEqual([5, USER | PTE_D]);
    expect([4, 6, 7].map((vpn) => tlb.lookup(vpn, 0, 0, RUN_READ))).toEqual([TLB_MISS, TLB_MISS, TLB_MISS]);
    expect(tlb.stats.coalescedSplits).toBe(1);
  });

  it("goes as a whole when one of its pages is flushed", () => {
    const tlb = new ModelTlb(CORTEX_A76);
    access(tlb, contiguous(), [6]);
    tlb.flushPage(15, 0, 0);
    expect(tlb.stats.entriesFlushed).toBe(2);
    expect(tlb.lookup(0, 0, 0, RUN_READ)).toBe(TLB_MISS);
  });

  it("takes the place of its pages' own entries", () => {
    const tlb = new ModelTlb(ZEN_4);
    access(tlb, new TraceWalker(), [4, 5]);
    access(tlb, contiguous(), [6]);
    expect(tlb.store.nrValid).toBe(2); // one in each level
  });
});

describe("what every array holds for a page", () => {
  it("is told without a lookup", () => {
    const tlb = new ModelTlb(ZEN_4);
    access(tlb, new TraceWalker({ isContiguous: true }), [6]);
    tlb.insert(4, 0, 1, TLB_4K, 99, USER | PTE_G, RUN_EXEC);
    const { stats } = tlb;
    const group = { pageSize: TLB_4K, pfn: 5, flags: USER };
    expect(tlb.peek(5, 0, 0)).toEqual([
      { array: "L1 DTLB", ...group },
      { array: "L2 DTLB", ...group },
    ]);
    expect(tlb.peek(4, 0, 2)).toEqual([
      { array: "L1 ITLB", pageSize: TLB_4K, pfn: 99, flags: USER | PTE_G },
      { array: "L2 ITLB", pageSize: TLB_4K, pfn: 99, flags: USER | PTE_G },
    ]);
    expect(tlb.peek(8, 0, 0)).toEqual([]);
    expect(tlb.stats).toEqual(stats);
  });
});

describe("parts of large pages", () => {
  it("are what a second level keeps of 1 GiB pages on Zen 4, and one INVLPG drops them all", () => {
    const tlb = new ModelTlb(ZEN_4);
    const walker = new TraceWalker({ pageSize: TLB_1G });
    access(tlb, walker, [0]);
    // The first level has the whole page. 72 others push it out.
    expect(access(tlb, walker, [262143])).toEqual([true]);
    access(
      tlb,
      new TraceWalker(),
      Array.from({ length: 72 }, (_, nth) => 300_000 + nth),
    );
    // In the second there is only the part of 2 MiB that the first access was in.
    expect(access(tlb, walker, [511, 512])).toEqual([true, false]);
    expect(tlb.stats.l2Hits).toBe(1);
    expect(tlb.store.nrFragments).toBe(3); // two in the second level, one promoted
    tlb.flushPage(200_000, 0, 0);
    expect([0, 512].map((vpn) => tlb.lookup(vpn, 0, 0, RUN_READ))).toEqual([TLB_MISS, TLB_MISS]);
    expect(tlb.store.nrFragments).toBe(0);
  });

  it("are spared by INVPCID type 0 when the page is global", () => {
    const tlb = new ModelTlb(tlbPreset("skylake"));
    // No array for fetches from 1 GiB pages in the first level: it keeps 2 MiB of it.
    tlb.insert(5, 0, 1, TLB_1G, 0, USER | PTE_G, RUN_EXEC);
    expect(tlb.store.nrFragments).toBe(1);
    tlb.flushPcidPage(600, 0, 1);
    expect(tlb.store.nrFragments).toBe(1);
    tlb.flushPage(600, 0, 2);
    expect(tlb.store.nrValid).toBe(0);
  });

  it("have the frames of their part", () => {
    const tlb = new ModelTlb(tlbPreset("skylake"));
    const entry = tlb.insert(262144 + 1030, 0, 1, TLB_1G, 262144, USER, RUN_EXEC);
    expect(tlb.cells[tlb.pfnAt + entry]).toBe(262144 + 1024);
  });
});

describe("first levels for kinds of access", () => {
  it("keep what they hold when another one misses", () => {
    const tlb = new ModelTlb(ZEN_4);
    const walker = new TraceWalker();
    for (const kind of [RUN_READ, RUN_EXEC, RUN_WRITE, RUN_EXEC, RUN_READ]) access(tlb, walker, [3], kind);
    expect(tlb.stats).toMatchObject({ misses: 2, l1Hits: 3 });
  });

  it("do not keep another frame for the same page", () => {
    const tlb = new ModelTlb(ZEN_4);
    access(tlb, new TraceWalker(), [3], RUN_EXEC);
    tlb.insert(3, 0, 0, TLB_4K, 99, USER, RUN_READ);
    expect(tlb.lookup(3, 0, 0, RUN_EXEC)).toBe(TLB_MISS);
    tlb.checkInvariants();
  });
});

describe("ModelTlb of Skylake's data TLB", () => {
  const config: ModelTlbConfig = {
    name: "as set-associative",
    levels: [
      [
        { name: "l1", entries: 64, ways: 4, holds: ["4KiB"] },
        { name: "l1Large", entries: 32, ways: 4, holds: ["2MiB"] },
        { name: "l1Huge", entries: 4, ways: 4, holds: ["1GiB"] },
      ],
      [
        { name: "l2", entries: 1536, ways: 12, holds: ["4KiB", "2MiB"] },
        { name: "l2Huge", entries: 16, ways: 4, holds: ["1GiB"] },
      ],
    ],
  };
  /** 4 KiB pages in the first GiB, the last of them global; 2 MiB pages in the second; 1 GiB pages above. */
  const leafOf = (vpn: number): [size: number, flags: number] =>
    vpn < 262144 ? [TLB_4K, vpn > 250_000 ? PTE_G : 0] : [vpn < 524288 ? TLB_2M : TLB_1G, 0];

  it("hits, misses and drops as SetAssociativeTlb does over random streams", () => {
    const step = fc.record({
      vpn: fc.oneof(
        fc.integer({ min: 0, max: 250_000 }),
        fc.integer({ min: 0, max: 90 }).map((nth) => nth * 128),
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: 250_001, max: 250_020 }),
        fc.integer({ min: 262144, max: 524287 }),
        fc.integer({ min: 524288, max: 20 * 262144 }),
      ),
      pcid: fc.constantFrom(0, 1),
      what: fc.constantFrom(
        ...Array.from({ length: 40 }, () => "access"),
        "flushPage",
        "flushRange",
        "flushPcid",
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000, size: "max" }), (steps) => {
        const model = new ModelTlb(config);
        const known = new SetAssociativeTlb();
        for (const { vpn, pcid, what } of steps) {
          for (const tlb of [model, known]) {
            if (what === "flushPage") tlb.flushPage(vpn, 0, pcid);
            else if (what === "flushRange") tlb.flushRange(vpn, 0, 500, pcid);
            else if (what === "flushPcid") tlb.flushPcid(pcid);
            else if (tlb.lookup(vpn, 0, pcid, RUN_READ) === TLB_MISS) {
              const [size, flags] = leafOf(vpn);
              tlb.insert(vpn, 0, pcid, size, 0, flags, RUN_READ);
            }
          }
        }
        expect(model.stats).toMatchObject(known.stats);
      }),
      { seed: 20_261_123, numRuns: 10 },
    );
  });
});
