import { PTE_D, RUN_EXEC, RUN_READ, RUN_WRITE, TLB_MISS, vpnHi, vpnLo } from "@pageframe/contracts";
import { ModelTlb, type ModelTlbConfig, type TlbReplacement } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pageText } from "./helpers.ts";
import { NaiveModelTlb, NaiveWalker } from "./naive-model-tlb.ts";

/** Split first levels of different kinds, a second for both, parts of large pages, everything small enough to fill. */
const splitConfig = (replacement: TlbReplacement): ModelTlbConfig => ({
  name: `split ${replacement}`,
  coalescePages: 4,
  prefetchNextPage: true,
  seed: 7,
  levels: [
    [
      { name: "I", entries: 4, ways: 2, holds: ["4KiB"], serves: "instructions", replacement },
      { name: "L", entries: 4, ways: 4, holds: ["4KiB", "coalesced", "2MiB"], serves: "loads", replacement },
      {
        name: "S",
        entries: 2,
        ways: 2,
        holds: ["4KiB", "coalesced", "2MiB", "1GiB"],
        serves: "stores",
        replacement,
      },
    ],
    [
      { name: "L2", entries: 16, ways: 4, holds: ["4KiB", "coalesced"], replacement },
      { name: "L2 large", entries: 4, ways: 2, holds: ["2MiB"], serves: "data", replacement },
    ],
  ],
});

/** One level over another and a third, all for everything; 4 KiB pages only in the first. */
const deepConfig = (replacement: TlbReplacement): ModelTlbConfig => ({
  name: `deep ${replacement}`,
  levels: [
    [{ name: "L1", entries: 4, ways: 4, holds: ["4KiB"], replacement }],
    [{ name: "L2", entries: 8, ways: 2, holds: ["4KiB", "2MiB"], replacement }],
    [{ name: "L3", entries: 16, ways: 8, holds: ["4KiB", "2MiB", "1GiB"], replacement }],
  ],
});

const vpns = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 15 }) },
  { weight: 2, arbitrary: fc.integer({ min: 60, max: 75 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 32, max: 2 ** 32 + 9 }) },
  { weight: 2, arbitrary: fc.constantFrom(512, 700, 1024, 1500) },
  { weight: 2, arbitrary: fc.constantFrom(262144, 262144 + 600, 3 * 262144 - 1) },
);
const pcids = fc.integer({ min: 0, max: 2 });
const operations = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      op: fc.constant("access" as const),
      vpn: vpns,
      pcid: pcids,
      kind: fc.constantFrom(RUN_READ, RUN_WRITE, RUN_EXEC),
    }),
  },
  fc.record({ op: fc.constant("flushPage" as const), vpn: vpns, pcid: pcids }),
  fc.record({ op: fc.constant("flushPcidPage" as const), vpn: vpns, pcid: pcids }),
  fc.record({
    op: fc.constant("flushRange" as const),
    vpn: vpns,
    pcid: pcids,
    nrPages: fc.constantFrom(1, 3, 600),
  }),
  fc.record({ op: fc.constant("flushPcid" as const), pcid: pcids }),
  fc.record({ op: fc.constant("flushAll" as const), andGlobal: fc.boolean() }),
);

const reaches = (entry: { leafVpn: number; leafPages: number }, vpn: number, nrPages: number): boolean =>
  entry.leafVpn < vpn + nrPages && vpn < entry.leafVpn + entry.leafPages;

describe.each(["lru", "tree-plru", "fifo", "random", "nru"] as const)(
  "ModelTlb against lists: %s",
  (replacement) => {
    it.each([splitConfig(replacement), deepConfig(replacement)])(
      "does the same, step by step: $name",
      (config) => {
        fc.assert(
          fc.property(fc.array(operations, { maxLength: 150, size: "max" }), (steps) => {
            const tlb = new ModelTlb(config);
            const naive = new NaiveModelTlb(config);
            const walker = new NaiveWalker();
            const naiveWalker = new NaiveWalker();
            for (const step of steps) {
              if (step.op === "access") {
                const { vpn, pcid, kind } = step;
                const [lo, hi] = [vpnLo(vpn), vpnHi(vpn)];
                const entry = tlb.lookup(lo, hi, pcid, kind);
                const found = naive.lookup(vpn, pcid, kind);
                expect(entry === TLB_MISS).toBe(found === undefined);
                if (found === undefined) {
                  const leaf = naiveWalker.walkTo(vpn, kind === RUN_WRITE);
                  expect(walker.walk(lo, hi, kind) === 0).toBe(leaf !== undefined);
                  if (leaf !== undefined) {
                    tlb.insert(lo, hi, pcid, leaf.size, leaf.pfn, leaf.flags, kind, walker);
                    naive.insert(vpn, pcid, leaf.size, leaf.pfn, leaf.flags, kind, naiveWalker);
                  }
                } else {
                  const flags = tlb.cells[tlb.flagsAt + entry];
                  expect(flags & ~0x40000080).toBe(found.flags & ~0x40000080);
                  if (kind === RUN_WRITE && (flags & PTE_D) === 0) {
                    walker.walk(lo, hi, kind);
                    naiveWalker.walkTo(vpn, true);
                    tlb.setEntryFlags(entry, PTE_D);
                    naive.setDirty(found, vpn, pcid, kind);
                  }
                }
              } else if (step.op === "flushPage") {
                tlb.flushPage(vpnLo(step.vpn), vpnHi(step.vpn), step.pcid);
                naive.flush((entry) => [-1, step.pcid].includes(entry.owner) && reaches(entry, step.vpn, 1));
              } else if (step.op === "flushPcidPage") {
                tlb.flushPcidPage(vpnLo(step.vpn), vpnHi(step.vpn), step.pcid);
                naive.flush((entry) => entry.owner === step.pcid && reaches(entry, step.vpn, 1));
              } else if (step.op === "flushRange") {
                tlb.flushRange(vpnLo(step.vpn), vpnHi(step.vpn), step.nrPages, step.pcid);
                naive.flush(
                  (entry) => [-1, step.pcid].includes(entry.owner) && reaches(entry, step.vpn, step.nrPages),
                );
              } else if (step.op === "flushPcid") {
                tlb.flushPcid(step.pcid);
                naive.flush((entry) => entry.owner === step.pcid);
              } else {
                tlb.flushAll(step.andGlobal);
                naive.flush((entry) => step.andGlobal || entry.owner !== -1);
              }
              tlb.checkInvariants();
              const texts: string[] = [];
              tlb.forEachEntry((...page) => texts.push(pageText(...page)));
              expect(texts.sort()).toEqual(naive.texts);
              expect(walker.nrWalks).toBe(naiveWalker.nrWalks);
            }
            const { stats } = tlb;
            expect(stats.l1Hits + stats.l2Hits).toBe(naive.levelHits.reduce((sum, nr) => sum + nr, 0));
            expect(stats).toMatchObject({
              levelHits: naive.levelHits,
              misses: naive.misses,
              entriesFlushed: naive.entriesFlushed,
              prefetches: naive.prefetches,
              usefulPrefetches: naive.usefulPrefetches,
              prefetchWalks: naive.prefetchWalks,
              coalescedFills: naive.coalescedFills,
              coalescedHits: naive.coalescedHits,
              coalescedSplits: naive.coalescedSplits,
            });
          }),
          { seed: 20_261_120, numRuns: 40 },
        );
      },
    );
  },
);
