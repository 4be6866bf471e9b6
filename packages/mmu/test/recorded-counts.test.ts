import { describe, expect, it } from "vitest";
import { accessStream, STREAM_NAMES } from "../bench/access-streams.ts";
import { DemandMapper, FIRST_DATA_PFN } from "../bench/translation.ts";

/**
 * Per repetition: hits of the first level, of the second, walks; pages mapped; sum of the frame numbers (first data page
 * is 1). From tlb.c, a C model of the same TLB over a four-level walk, with the streams of gen_addr.c of 20 000 accesses
 * (gcc -O2; both in the project's prototypes).
 */
const RECORDED: Record<string, { hits: [number, number, number][]; pages: number; sum: number }> = {
  seq: {
    hits: [
      [19687, 0, 313],
      [19687, 313, 0],
    ],
    pages: 313,
    sum: 3135008,
  },
  rnd256: {
    hits: [
      [21, 413, 19566],
      [21, 434, 19545],
    ],
    pages: 17245,
    sum: 165188318,
  },
  zipf: {
    hits: [
      [3765, 4845, 11390],
      [3767, 5038, 11195],
    ],
    pages: 9670,
    sum: 54602310,
  },
  hot: {
    hits: [
      [19968, 0, 32],
      [20000, 0, 0],
    ],
    pages: 32,
    sum: 328226,
  },
  mix: {
    hits: [
      [8180, 1500, 10320],
      [8182, 1566, 10252],
    ],
    pages: 9626,
    sum: 86344795,
  },
};
const NR_ACCESSES = 20_000;

describe("Mmu against a C model", () => {
  for (const name of STREAM_NAMES) {
    const { hits, pages, sum } = RECORDED[name];

    it(`hits, walks and faults as often over ${name}, driven by runs`, () => {
      const words = accessStream(name, NR_ACCESSES);
      const mapper = new DemandMapper();
      const total = [0, 0, 0];
      for (const counts of hits) {
        mapper.run(words);
        counts.forEach((count, at) => (total[at] += count));
        const { accesses, l1Hits, l2Hits, walks, faults, faultRewalks } = mapper.mmu.stats;
        expect([l1Hits, l2Hits, walks]).toEqual(total);
        expect([faults, faultRewalks]).toEqual([pages, pages]);
        expect(l1Hits + l2Hits + walks).toBe(accesses);
      }
      mapper.mmu.checkInvariants();
    });

    it(`finds the same frames over ${name}, access by access`, () => {
      const words = accessStream(name, NR_ACCESSES);
      const mapper = new DemandMapper();
      const offset = (FIRST_DATA_PFN - 1) * NR_ACCESSES;
      for (const [l1Hits, l2Hits, walks] of hits) {
        const before = mapper.mmu.stats;
        expect(mapper.runSingly(words) - offset).toBe(sum);
        const after = mapper.mmu.stats;
        expect([
          after.l1Hits - before.l1Hits,
          after.l2Hits - before.l2Hits,
          after.walks - before.walks,
        ]).toEqual([l1Hits, l2Hits, walks]);
      }
    });
  }
});
