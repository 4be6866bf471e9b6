/** What every occupant of the TLB seat must do. */
import {
  packRun,
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
  TLB_NOT_LOOKED_UP,
  type Tlb,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { tlbs } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pageText } from "./helpers.ts";
import { NaiveWalker } from "./naive-model-tlb.ts";

const USER = PTE_RW | PTE_US;
const KINDS = [RUN_READ, RUN_WRITE, RUN_EXEC];
/** As the MMU checks user reads, writes and fetches; a write wants the dirty bit too. */
const WANT = Int32Array.of(PTE_US, USER | PTE_D, PTE_US);
const MASK = Int32Array.of(PTE_US, USER | PTE_D, PTE_US);

const isHeld = (tlb: Tlb, vpn: number, pcid: number): boolean =>
  KINDS.some((kind) => tlb.lookup(vpnLo(vpn), vpnHi(vpn), pcid, kind) !== TLB_MISS);

const textsOf = (tlb: Tlb): string[] => {
  const texts: string[] = [];
  tlb.forEachEntry((...page) => texts.push(pageText(...page)));
  return texts.sort();
};

/** Pages of two PCIDs, one of them global, of every size and for every kind of access. */
function fill(tlb: Tlb): void {
  for (const kind of KINDS) {
    for (const [vpn, pcid, size, flags] of [
      [5, 1, TLB_4K, USER],
      [6, 1, TLB_4K, USER],
      [5, 2, TLB_4K, USER],
      [7, 1, TLB_4K, USER | PTE_G],
      [1024, 1, TLB_2M, USER],
      [2 ** 32 + 262144, 1, TLB_1G, USER],
    ]) {
      const [lo, hi] = [vpnLo(vpn), vpnHi(vpn)];
      if (tlb.lookup(lo, hi, pcid, kind) !== TLB_MISS) continue;
      tlb.insert(lo, hi, pcid, size, vpn % 2 ** 31, flags, kind);
    }
  }
}

describe.each(tlbs)("$name", (occupant) => {
  const { name } = occupant;
  const create = (): Tlb => occupant.create({});
  const filled = (): Tlb => {
    const tlb = create();
    fill(tlb);
    tlb.checkInvariants();
    return tlb;
  };
  const remembers = name !== "none";

  it("gives a translation to the caller of insert, and to lookups of that page and PCID only", () => {
    const tlb = create();
    for (const kind of KINDS) {
      const entry = tlb.insert(9, 3, 1, TLB_4K, 77, USER, kind);
      expect([tlb.cells[tlb.pfnAt + entry], tlb.cells[tlb.flagsAt + entry]]).toEqual([77, USER]);
      const found = tlb.lookup(9, 3, 1, kind);
      expect(found !== TLB_MISS).toBe(remembers);
      if (remembers) expect(tlb.cells[tlb.pfnAt + found]).toBe(77);
    }
    expect([isHeld(tlb, 9, 1), isHeld(tlb, 3 * 2 ** 32 + 9, 2), isHeld(tlb, 3 * 2 ** 32 + 8, 1)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("serves any page of a large one, and global pages to every PCID", () => {
    const tlb = filled();
    expect([isHeld(tlb, 1024, 1), isHeld(tlb, 7, 3)]).toEqual([remembers, remembers]);
    const entry = tlb.insert(1024 + 77, 0, 1, TLB_2M, 1024, USER, RUN_READ);
    expect(tlb.cells[tlb.flagsAt + entry] & USER).toBe(USER);
    expect(tlb.lookup(1024 + 77, 0, 1, RUN_READ) !== TLB_MISS).toBe(remembers);
    tlb.checkInvariants();
  });

  it("replaces what it holds for a page", () => {
    const tlb = filled();
    for (const kind of KINDS) tlb.insert(5, 0, 1, TLB_4K, 500, PTE_US, kind);
    tlb.checkInvariants();
    for (const kind of KINDS) {
      const entry = tlb.lookup(5, 0, 1, kind);
      if (remembers) {
        expect([tlb.cells[tlb.pfnAt + entry], tlb.cells[tlb.flagsAt + entry]]).toEqual([500, PTE_US]);
      }
    }
    expect(textsOf(tlb).filter((text) => text.startsWith("0x5 pcid 1"))).toHaveLength(remembers ? 1 : 0);
  });

  it("sets flags of what a lookup has found, for all lookups to come", () => {
    const tlb = filled();
    const entry = tlb.lookup(5, 0, 1, RUN_WRITE);
    if (remembers) tlb.setEntryFlags(entry, PTE_D);
    tlb.checkInvariants();
    const again = tlb.lookup(5, 0, 1, RUN_WRITE);
    expect(again === TLB_MISS ? remembers : (tlb.cells[tlb.flagsAt + again] & PTE_D) === 0).toBe(false);
  });

  describe("keeps nothing stale", () => {
    const pages = (tlb: Tlb): boolean[] =>
      [
        [5, 1],
        [6, 1],
        [5, 2],
        [7, 1],
        [1024, 1],
        [2 ** 32 + 262144, 1],
      ].map(([vpn, pcid]) => isHeld(tlb, vpn, pcid));
    const only = (...held: boolean[]): boolean[] => held.map((one) => one && remembers);

    it.each<[string, (tlb: Tlb) => void, boolean[]]>([
      ["nothing", () => undefined, [true, true, true, true, true, true]],
      ["dropPage", (tlb) => tlb.dropPage(5, 0, 1), [false, true, true, true, true, true]],
      ["INVLPG", (tlb) => tlb.flushPage(5, 0, 1), [false, true, true, true, true, true]],
      ["INVLPG of a global page", (tlb) => tlb.flushPage(7, 0, 3), [true, true, true, false, true, true]],
      ["INVLPG in a 2 MiB page", (tlb) => tlb.flushPage(1300, 0, 1), [true, true, true, true, false, true]],
      [
        "INVLPG in a 1 GiB page",
        (tlb) => tlb.flushPage(500_000, 1, 1),
        [true, true, true, true, true, false],
      ],
      ["INVPCID type 0", (tlb) => tlb.flushPcidPage(5, 0, 2), [true, true, false, true, true, true]],
      ["INVPCID type 0, global", (tlb) => tlb.flushPcidPage(7, 0, 1), [true, true, true, true, true, true]],
      ["a range", (tlb) => tlb.flushRange(6, 0, 1020, 1), [true, false, true, false, false, true]],
      ["INVPCID type 1", (tlb) => tlb.flushPcid(1), [false, false, true, true, false, false]],
      ["INVPCID type 2", (tlb) => tlb.flushAll(true), [false, false, false, false, false, false]],
      ["INVPCID type 3", (tlb) => tlb.flushAll(false), [false, false, false, true, false, false]],
    ])("after %s", (_flush, flush, held) => {
      const tlb = filled();
      const { entriesFlushed } = tlb.stats;
      const before = textsOf(tlb).length;
      flush(tlb);
      tlb.checkInvariants();
      const gone = before - textsOf(tlb).length;
      expect(tlb.stats.entriesFlushed - entriesFlushed).toBeGreaterThanOrEqual(
        _flush === "dropPage" ? 0 : gone,
      );
      expect(pages(tlb)).toEqual(only(...held));
    });
  });

  it("counts every flush, and what it dropped", () => {
    const tlb = filled();
    tlb.flushPage(5, 0, 1);
    tlb.flushPcidPage(6, 0, 1);
    tlb.flushRange(5, 0, 3, 2);
    tlb.flushPcid(3);
    tlb.flushAll(true);
    tlb.dropPage(5, 0, 1);
    expect(tlb.stats.flushes).toBe(5);
    expect(tlb.stats.entriesFlushed > 0).toBe(remembers);
    expect(textsOf(tlb)).toEqual([]);
  });

  it("leaves split runs to the caller and stops where the walk faults", () => {
    const tlb = create();
    const words = Int32Array.of(1, packRun(0, RUN_READ, true, 1), 31, packRun(0, RUN_READ, false, 4));
    expect(tlb.translateRuns(words, 0, 2, 0, WANT, MASK, new NaiveWalker())).toBe(0);
    expect(tlb.stoppedEntry).toBe(TLB_NOT_LOOKED_UP);
    expect(tlb.translateRuns(words, 1, 2, 0, WANT, MASK, new NaiveWalker())).toBe(1);
    expect(tlb.stoppedEntry).toBe(TLB_MISS);
    expect(tlb.stats).toMatchObject({ l1Hits: 0, l2Hits: 0, misses: 1 });
  });

  it("does in batches what lookups and inserts by hand do", () => {
    const run = fc.record({
      vpn: fc.oneof(
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 0, max: 4000 }),
        fc.integer({ min: 2 ** 32, max: 2 ** 32 + 80 }),
        fc.integer({ min: 262144, max: 300_000 }),
      ),
      kind: fc.constantFrom(...KINDS),
      nr: fc.constantFrom(1, 1, 5),
    });
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 300, size: "max" }), (runs) => {
        const words = new Int32Array(
          runs.flatMap(({ vpn, kind, nr }) => [vpn, packRun(vpnHi(vpn), kind, false, nr)]),
        );
        const [tlb, byHand] = [create(), create()];
        const [walker, handWalker] = [new NaiveWalker(), new NaiveWalker()];
        let nrAccesses = 0;
        let at = 0;
        for (const [nth, { vpn, kind, nr }] of runs.entries()) {
          // By hand.
          const [lo, hi] = [vpnLo(vpn), vpnHi(vpn)];
          let entry = byHand.lookup(lo, hi, 0, kind);
          nrAccesses++;
          let isDone =
            entry !== TLB_MISS && ((byHand.cells[byHand.flagsAt + entry] ^ WANT[kind]) & MASK[kind]) === 0;
          if (entry === TLB_MISS && handWalker.walk(lo, hi, kind) === 0) {
            const { leafSize, leafPfn, leafFlags } = handWalker;
            entry = byHand.insert(lo, hi, 0, leafSize, leafPfn, leafFlags, kind, handWalker);
            isDone = true;
          }
          if (isDone) {
            byHand.addL1Hits(nr - 1);
            nrAccesses += nr - 1;
            continue;
          }
          // It stops here, and so does the batch.
          expect(tlb.translateRuns(words, at, runs.length, 0, WANT, MASK, walker)).toBe(nth);
          expect(tlb.stoppedEntry === TLB_MISS).toBe(entry === TLB_MISS);
          if (entry !== TLB_MISS) {
            expect(tlb.cells[tlb.pfnAt + tlb.stoppedEntry]).toBe(byHand.cells[byHand.pfnAt + entry]);
            walker.walk(lo, hi, kind);
            handWalker.walk(lo, hi, kind);
            tlb.setEntryFlags(tlb.stoppedEntry, PTE_D);
            byHand.setEntryFlags(entry, PTE_D);
          }
          at = nth + 1;
        }
        expect(tlb.translateRuns(words, at, runs.length, 0, WANT, MASK, walker)).toBe(runs.length);
        tlb.checkInvariants();
        expect(tlb.stats).toEqual(byHand.stats);
        const { l1Hits, l2Hits, misses } = tlb.stats;
        expect(l1Hits + l2Hits + misses).toBe(nrAccesses);
        expect([tlb.nrL2Hits, tlb.nrMisses]).toEqual([l2Hits, misses]);
        expect(walker.nrWalks).toBe(handWalker.nrWalks);
        expect(textsOf(tlb)).toEqual(textsOf(byHand));
      }),
      { seed: 20_261_121, numRuns: 25 },
    );
  });
});
