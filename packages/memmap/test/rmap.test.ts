import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Memmap, NO_LINK, Rmap } from "../src/index.ts";

/** The mappings of a frame as `mm:vpn`, sorted. */
function collectMappings(rmap: Rmap, pfn: number): string[] {
  const mappings: string[] = [];
  for (let link = rmap.head[pfn]; link !== NO_LINK; link = rmap.linkNext[link]) {
    mappings.push(`${rmap.linkMm[link]}:${rmap.linkVpn[link]}`);
  }
  return mappings.sort();
}

describe("Rmap", () => {
  it("remembers every mapping of a frame and counts them in mapcount", () => {
    const memmap = new Memmap(4);
    const rmap = new Rmap(memmap);
    rmap.add(2, 0, 0x7ffffffff);
    rmap.add(2, 5, 2 ** 45 - 1);
    expect(collectMappings(rmap, 2)).toEqual(["0:34359738367", "5:35184372088831"]);
    expect([memmap.mapcount[2], memmap.mapcount[1], rmap.nrLinks]).toEqual([2, 0, 2]);
    rmap.remove(2, 0, 0x7ffffffff);
    expect(collectMappings(rmap, 2)).toEqual(["5:35184372088831"]);
    expect(memmap.mapcount[2]).toBe(1);
    rmap.checkInvariants();
  });

  it("tells mappings apart by address space and by page", () => {
    const rmap = new Rmap(new Memmap(4));
    rmap.add(1, 3, 100);
    expect(() => rmap.remove(1, 4, 100)).toThrow("rmap of pfn 1 holds no mapping of mm 4 at vpn 0x64");
    expect(() => rmap.remove(1, 3, 101)).toThrow("rmap of pfn 1 holds no mapping of mm 3 at vpn 0x65");
    expect(() => rmap.remove(2, 3, 100)).toThrow("rmap of pfn 2 holds no mapping");
  });

  it("grows when its links are used up, and uses freed ones first", () => {
    const rmap = new Rmap(new Memmap(4), 1);
    for (let vpn = 0; vpn < 5; vpn++) rmap.add(0, 0, vpn);
    expect(rmap.linkNext.length).toBe(8);
    for (let vpn = 0; vpn < 5; vpn++) rmap.remove(0, 0, vpn);
    for (let vpn = 0; vpn < 8; vpn++) rmap.add(3, 1, vpn);
    expect(rmap.linkNext.length).toBe(8);
    rmap.checkInvariants();
  });

  it("finds a mapcount that disagrees, a lost link and a chain that never ends", () => {
    const broken = (damage: (rmap: Rmap, memmap: Memmap) => void): (() => void) => {
      const memmap = new Memmap(4);
      const rmap = new Rmap(memmap, 4);
      rmap.add(1, 0, 7);
      rmap.add(1, 0, 8);
      damage(rmap, memmap);
      return () => {
        rmap.checkInvariants();
      };
    };
    expect(broken(() => undefined)).not.toThrow();
    expect(broken((_rmap, memmap) => memmap.mapcount[1]++)).toThrow(
      "pfn 1 has 2 reverse mappings and mapcount 3",
    );
    const lose = (rmap: Rmap, memmap: Memmap): void => {
      rmap.head[1] = rmap.linkNext[rmap.head[1]];
      memmap.mapcount[1]--;
    };
    expect(broken(lose)).toThrow("rmap pool: 1 chained, 2 counted, 2 free of 4");
    expect(broken((rmap) => (rmap.linkNext[rmap.head[1]] = rmap.head[1]))).toThrow(
      "reverse mappings of pfn 1 never end",
    );
  });

  it("holds what a set of mappings a frame holds, whatever the order of calls", () => {
    const step = fc.record({
      isAdd: fc.boolean(),
      pfn: fc.nat(3),
      mm: fc.nat(2),
      vpn: fc.constantFrom(0, 1, 2 ** 36),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memmap = new Memmap(4);
        const rmap = new Rmap(memmap, 2);
        const model = new Map<number, Set<string>>([0, 1, 2, 3].map((pfn) => [pfn, new Set<string>()]));
        for (const { isAdd, pfn, mm, vpn } of steps) {
          const key = `${mm}:${vpn}`;
          const mappings = model.get(pfn)!;
          if (isAdd === mappings.has(key)) continue;
          if (isAdd) {
            rmap.add(pfn, mm, vpn);
            mappings.add(key);
          } else {
            rmap.remove(pfn, mm, vpn);
            mappings.delete(key);
          }
          rmap.checkInvariants();
          let nrLinks = 0;
          for (const [frame, expected] of model) {
            expect(collectMappings(rmap, frame)).toEqual([...expected].sort());
            expect(memmap.mapcount[frame]).toBe(expected.size);
            nrLinks += expected.size;
          }
          expect(rmap.nrLinks).toBe(nrLinks);
        }
      }),
      { seed: 22, numRuns: 80 },
    );
  });
});
