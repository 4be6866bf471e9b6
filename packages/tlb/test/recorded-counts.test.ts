import { RUN_READ, TLB_4K, TLB_MISS, type Tlb } from "@pageframe/contracts";
import { ModelTlb, SetAssociativeTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

/**
 * Hits of both levels and misses over 20 000 accesses, twice over. From tlb.c, a C model of a 64-entry 4-way and a
 * 1536-entry 12-way LRU TLB with time stamps, over the streams of gen_addr.c (gcc -O2; both in the project's prototypes).
 */
const RECORDED: Record<string, [number, number, number][]> = {
  seq: [
    [19687, 0, 313],
    [19687, 313, 0],
  ],
  rnd256: [
    [21, 413, 19566],
    [21, 434, 19545],
  ],
  zipf: [
    [3765, 4845, 11390],
    [3767, 5038, 11195],
  ],
  hot: [
    [19968, 0, 32],
    [20000, 0, 0],
  ],
  mix: [
    [8180, 1500, 10320],
    [8182, 1566, 10252],
  ],
};
const STREAMS = Object.keys(RECORDED);
const NR_ACCESSES = 20_000;
const NR_ZIPF = 1_000_000;
const MASK_64 = (1n << 64n) - 1n;

function* splitmix64(): Generator<bigint, never> {
  let state = 7n;
  while (true) {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64;
    let mixed = ((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
    yield mixed ^ (mixed >> 31n);
  }
}

const cumulated = new Float64Array(NR_ZIPF);
for (let rank = 0, sum = 0; rank < NR_ZIPF; rank++) {
  sum += 1 / (rank + 1);
  cumulated[rank] = sum;
}

/** First rank whose cumulated weight is above a target. */
function firstAbove(target: number): number {
  let low = 0;
  let high = NR_ZIPF - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulated[middle] > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Page numbers of a stream, as gen_addr.c draws them. */
function pagesOf(name: string): number[] {
  const random = splitmix64();
  let step = 0n;
  return Array.from({ length: NR_ACCESSES }, () => {
    const drawn = random.next().value;
    const part = name === "mix" ? Number(drawn >> 60n) % 3 : STREAMS.indexOf(name);
    let address = 0x7f1200000000n;
    if (part === 0) {
      address += step % (1n << 30n);
      step += 64n;
    } else if (part === 1) {
      address = 0x555500000000n + ((drawn >> 12n) & 0xfffffffn);
    } else if (part === 2) {
      const target = Number(random.next().value >> 11n) * 2 ** -53 * cumulated[NR_ZIPF - 1];
      const rank = firstAbove(target);
      address = 0x600000000000n + (((BigInt(rank) * 2654435761n) % 1000000n) << 12n);
    } else {
      address += ((drawn >> 12n) & 31n) << 12n;
    }
    return Number(address >> 12n);
  });
}

const makers: Record<string, () => Tlb> = {
  SetAssociativeTlb: () => new SetAssociativeTlb(),
  ModelTlb: () =>
    new ModelTlb({
      name: "64 and 1536",
      levels: [
        [{ name: "L1", entries: 64, ways: 4, holds: ["4KiB"] }],
        [{ name: "L2", entries: 1536, ways: 12, holds: ["4KiB"] }],
      ],
    }),
};

describe.each(Object.keys(makers))("%s against a C model", (maker) => {
  for (const name of STREAMS) {
    it(`hits and misses as often over ${name}`, () => {
      const pages = pagesOf(name);
      const tlb = makers[maker]();
      let before = tlb.stats;
      for (const [l1Hits, l2Hits, misses] of RECORDED[name]) {
        for (const vpn of pages) {
          const high = Math.floor(vpn / 2 ** 32);
          if (tlb.lookup(vpn | 0, high, 0, RUN_READ) !== TLB_MISS) continue;
          tlb.insert(vpn | 0, high, 0, TLB_4K, 1, 0, RUN_READ);
        }
        const after = tlb.stats;
        expect([
          after.l1Hits - before.l1Hits,
          after.l2Hits - before.l2Hits,
          after.misses - before.misses,
        ]).toEqual([l1Hits, l2Hits, misses]);
        before = after;
      }
      tlb.checkInvariants();
    });
  }
});
