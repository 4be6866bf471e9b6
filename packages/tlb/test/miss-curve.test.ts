import { KernelError, TLB_4K, TLB_MISS, vpnHi, vpnLo } from "@pageframe/contracts";
import { MissCurve, missCurve, ModelTlb, NEVER_USED } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Misses of a fully associative LRU TLB, simulated. */
function simulated(nrEntries: number, pages: readonly number[]): number {
  const tlb = new ModelTlb({
    name: "one",
    levels: [[{ name: "L1", entries: nrEntries, ways: nrEntries, holds: ["4KiB"] }]],
  });
  for (const vpn of pages) {
    const [lo, hi] = [vpnLo(vpn), vpnHi(vpn)];
    if (tlb.lookup(lo, hi, 0, 0) === TLB_MISS) tlb.insert(lo, hi, 0, TLB_4K, 1, 0, 0);
  }
  return tlb.stats.misses;
}

const curveOf = (pages: readonly number[]): MissCurve => {
  const curve = new MissCurve();
  for (const vpn of pages) curve.access(vpnLo(vpn), vpnHi(vpn), 0);
  return curve;
};

describe("MissCurve", () => {
  it("gives the number of different pages since the last use, by hand", () => {
    const curve = new MissCurve();
    const distances = Array.from("abcabbdca").map((page) => curve.access(page.charCodeAt(0), 0, 0));
    expect(distances).toEqual([NEVER_USED, NEVER_USED, NEVER_USED, 3, 3, 1, NEVER_USED, 4, 4]);
    // One entry hits "bb", three also the first a and b that come back, four everything but first uses.
    expect([...curve.curve()]).toEqual([9, 8, 8, 6, 4]);
    expect([0, 1, 2, 3, 4, 99].map((entries) => curve.missesAt(entries))).toEqual([9, 8, 8, 6, 4, 4]);
    expect([curve.nrAccesses, curve.nrPages]).toEqual([9, 4]);
  });

  it("tells pages apart by the high half of their number and by PCID", () => {
    const curve = new MissCurve();
    for (const [hi, asid] of [
      [0, 0],
      [1, 0],
      [0x1fff, 4095],
      [0, 1],
    ]) {
      expect(curve.access(5, hi, asid)).toBe(NEVER_USED);
    }
    expect(curve.access(5, 0, 0)).toBe(4);
  });

  it("agrees with a simulation of every size, over random streams", () => {
    const page = fc.oneof(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom(2 ** 32, 2 ** 33),
    );
    fc.assert(
      fc.property(fc.array(page, { maxLength: 300, size: "max" }), (pages) => {
        const curve = curveOf(pages);
        curve.checkInvariants();
        for (const entries of [1, 2, 3, 7, 16, 45]) {
          expect(curve.missesAt(entries)).toBe(simulated(entries, pages));
        }
      }),
      { seed: 20_261_122, numRuns: 60 },
    );
  });

  it("agrees with a simulation when its tables have grown and its times been renumbered many times", () => {
    let state = 1;
    const pages = Array.from({ length: 60_000 }, (_, at) => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const drawn = state >>> 8;
      return at % 3 === 0 ? drawn % 50 : at % 3 === 1 ? drawn % 3000 : (at / 3) | (0 % 9000);
    });
    const curve = curveOf(pages);
    curve.checkInvariants();
    const misses = curve.curve();
    for (const entries of [16, 72, 1536, 4096]) {
      expect(misses[entries]).toBe(simulated(entries, pages));
      expect(curve.missesAt(entries)).toBe(misses[entries]);
    }
    expect(misses[curve.nrPages]).toBe(curve.nrPages);
  });

  it("takes byte addresses, and refuses what is none", () => {
    const curve = missCurve([0, 4095, 4096, 2 ** 47, 8]);
    expect([...curve.curve()]).toEqual([5, 4, 4, 3]);
    for (const address of [-1, 0.5, 2 ** 53]) {
      expect(() => missCurve([address])).toThrow(
        new KernelError(22, `address ${address} is no integer from 0 to 2^53 - 1`),
      );
    }
  });
});
