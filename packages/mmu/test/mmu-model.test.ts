import {
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { ModelTlb, SetAssociativeTlb } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Machine, USER_TABLE } from "./helpers.ts";

/** A TLB so small that entries come and go. */
const TINY = {
  l1: { entries: 2, ways: 1 },
  l1Large: { entries: 1, ways: 1 },
  l1Huge: { entries: 1, ways: 1 },
  l2: { entries: 6, ways: 3 },
  l2Huge: { entries: 1, ways: 1 },
};

/** First levels apart, groups of four pages in one entry, prefetches; as small. */
const coalescing = (): ModelTlb =>
  new ModelTlb({
    name: "coalescing",
    coalescePages: 4,
    prefetchNextPage: true,
    levels: [
      [
        { name: "I", entries: 2, ways: 1, holds: ["4KiB"], serves: "instructions" },
        { name: "D", entries: 3, ways: 3, holds: ["4KiB", "coalesced", "2MiB"], serves: "data" },
      ],
      [{ name: "L2", entries: 8, ways: 4, holds: ["4KiB", "coalesced", "1GiB"] }],
    ],
  });

const vpns = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 }))
  .map(([page, pmd, pud]) => page + pmd * 512 + pud * 262144);
const bits = (...each: number[]): fc.Arbitrary<number> =>
  fc.subarray(each).map((chosen) => chosen.reduce((all, bit) => all | bit, 0));
const steps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("access" as const),
      vpn: vpns,
      kind: fc.constantFrom(RUN_READ, RUN_WRITE, RUN_EXEC),
      isUser: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("edit" as const),
      vpn: vpns,
      level: fc.constantFrom(1, 1, 1, 2, 3),
      /** For a leaf; a table keeps its frame. */
      pfn: fc.integer({ min: 512, max: 1023 }),
      /** A leaf's frame is in a row with its neighbours', not the one drawn. */
      isInRow: fc.boolean(),
      lo: bits(PTE_RW, PTE_US, PTE_G, PTE_A, PTE_D),
      isPresent: fc.constantFrom(true, true, true, false),
      isLarge: fc.boolean(),
      /** Key 0 mostly, else NX, a reserved bit, key 1 or key 15. */
      hi: fc.constantFrom(0, 0, 0, PTE_HI_NX, 0x1000, 1 << 27, 15 << 27),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("wrpkru" as const),
      /** Nothing denied; key 0 not written; key 1 not used; key 15 not written. */
      pkru: fc.constantFrom(0, 0b10, 0b0100, 0x8000_0000),
    }),
  },
);

describe.each([
  { name: "a small TLB", makeTlb: () => new SetAssociativeTlb(TINY), flags: USER_TABLE },
  // All pages were accessed before, so that they are groups from the start.
  { name: "a TLB that coalesces and prefetches", makeTlb: coalescing, flags: USER_TABLE | PTE_A },
])("Mmu with $name against a walk without any cache", ({ makeTlb, flags: firstFlags }) => {
  it("gives the same frame or fault, and the same A and D, when every edit is followed by a flush", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 150, size: "max" }), (list) => {
        const machine = new Machine({ tlb: makeTlb(), protectionKeys: true });
        const { mmu, contents } = machine;
        // All tables are made first, so that entries keep their places whatever is written into them.
        const places = new Map<string, { at: number; table: number }>();
        for (const page of [0, 1, 2, 3]) {
          for (const region of [0, 512, 262144, 262144 + 512]) {
            for (const level of [1, 2, 3]) {
              const at = machine.entryOf(page + region, level);
              const table = level === 1 ? 0 : machine.contents.words[at] & ~0xfff;
              if (level === 1) machine.contents.words[at] = ((512 + page) << 12) | firstFlags;
              places.set(`${page + region}:${level}`, { at, table });
            }
          }
        }
        let nrAccesses = 0;
        for (const step of list) {
          if (step.op === "edit") {
            const { level, hi } = step;
            const { at, table } = places.get(`${step.vpn}:${level}`)!;
            const flags = step.lo | (step.isPresent ? PTE_P : 0);
            const largePfn = level === 2 ? 512 : 0;
            const pfn = step.isInRow ? 512 + (step.vpn % 4) : step.pfn;
            if (level === 1) contents.words[at] = (pfn << 12) | flags;
            else if (step.isLarge) contents.words[at] = (largePfn << 12) | flags | PTE_PS;
            else contents.words[at] = table | flags;
            contents.words[at + 1] = hi;
            const nrPages = 512 ** (level - 1);
            mmu.flushRange(step.vpn - (step.vpn % nrPages), nrPages, 0);
          } else if (step.op === "wrpkru") {
            mmu.writePkru(step.pkru);
          } else {
            nrAccesses++;
            const { vpn, kind, isUser } = step;
            const expected = mmu.translateAddress(vpn * 4096, kind, isUser);
            const result = mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, isUser);
            expect(result).toBe(expected.faultCode === -1 ? expected.pfn : -1 - expected.faultCode);
            if (result >= 0) {
              const after = mmu.translateAddress(vpn * 4096, kind, isUser).levels;
              const used = kind === RUN_WRITE ? PTE_A | PTE_D : PTE_A;
              after.forEach(({ entry }, depth) => {
                const isLeaf = depth === after.length - 1;
                expect(Number(entry & 0xfffn) & (isLeaf ? used : PTE_A)).toBe(isLeaf ? used : PTE_A);
              });
            }
          }
          mmu.checkInvariants();
        }
        const { accesses, l1Hits, l2Hits, walks } = mmu.stats;
        expect(accesses).toBe(nrAccesses);
        expect(l1Hits + l2Hits + walks).toBe(accesses);
      }),
      { seed: 20_260_801, numRuns: 100 },
    );
  });
});
