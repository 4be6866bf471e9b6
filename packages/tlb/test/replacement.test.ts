import { RUN_READ, TLB_4K, TLB_MISS } from "@pageframe/contracts";
import { ModelTlb, type TlbReplacement } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

/** One set of `ways`. */
const oneSet = (replacement: TlbReplacement, ways: number, seed = 1): ModelTlb =>
  new ModelTlb({
    name: "one set",
    seed,
    levels: [[{ name: "L1", entries: ways, ways, holds: ["4KiB"], replacement }]],
  });

/** Accesses pages in turn; says of each which page had to go for it, "hit", or "-" where there was room. */
function victims(tlb: ModelTlb, pages: readonly number[]): string[] {
  const held = (): number[] => {
    const vpns: number[] = [];
    tlb.forEachEntry((vpnLo) => vpns.push(vpnLo));
    return vpns;
  };
  return pages.map((vpn) => {
    const before = held();
    if (tlb.lookup(vpn, 0, 0, RUN_READ) !== TLB_MISS) return "hit";
    tlb.insert(vpn, 0, 0, TLB_4K, vpn, 0, RUN_READ);
    tlb.checkInvariants();
    const after = new Set(held());
    return before.filter((page) => !after.has(page)).join() || "-";
  });
}

describe("tree-plru", () => {
  // Ways 0 to 3 hold pages 0 to 3. Root, left node, right node; 0 leads left, 1 right; a use turns its path away.
  // After filling: way 0 left 1 1 -, way 1 gives 1 0 -, way 2 gives 0 0 1, way 3 gives 0 0 0.
  it("follows the bits from the root to the way that has to go", () => {
    const tlb = oneSet("tree-plru", 4);
    expect(victims(tlb, [0, 1, 2, 3])).toEqual(["-", "-", "-", "-"]);
    // 0 0 0 leads to way 0; filling it gives 1 1 0, which leads to way 2; filling that gives 0 1 1: way 1; then 1 0 1: way 3.
    expect(victims(tlb, [4, 5, 6, 7])).toEqual(["0", "2", "1", "3"]);
  });

  it("turns the bits away from a way that is used again", () => {
    const tlb = oneSet("tree-plru", 4);
    victims(tlb, [0, 1, 2, 3]);
    // A use of page 0 gives 1 1 0: way 2, though page 1 is the least recent. Way 2 gives 0 1 1; page 1 used: 1 0 1: way 3.
    expect(victims(tlb, [0, 8, 1, 9])).toEqual(["hit", "2", "hit", "3"]);
  });

  it("with two ways is LRU", () => {
    expect(victims(oneSet("tree-plru", 2), [0, 1, 0, 2, 0, 3])).toEqual(["-", "-", "hit", "1", "hit", "2"]);
  });
});

describe("nru", () => {
  it("takes the lowest way that has not been used since all had been", () => {
    const tlb = oneSet("nru", 4);
    // Filling way 3 would set the last bit: only its own stays. Ways 0, 1, 2 go next; with way 2 all bits would be set.
    // Then way 0 again, which holds page 4 by now.
    expect(victims(tlb, [0, 1, 2, 3, 4, 5, 6, 7])).toEqual(["-", "-", "-", "-", "0", "1", "2", "4"]);
  });

  it("spares what has been used", () => {
    const tlb = oneSet("nru", 4);
    victims(tlb, [0, 1, 2, 3]); // bits: way 3
    // Page 0 sets bit 0; ways 1 and 2 are left. Way 1 is filled: bits 0, 1, 3. Way 2 would set all: only bit 2 stays.
    expect(victims(tlb, [0, 10, 11, 12, 13])).toEqual(["hit", "1", "2", "0", "10"]);
  });
});

describe("fifo", () => {
  it("takes the page that came first, used or not", () => {
    expect(victims(oneSet("fifo", 3), [0, 1, 2, 0, 3, 0, 1])).toEqual(["-", "-", "-", "hit", "0", "1", "2"]);
  });
});

describe("lru", () => {
  it("takes the page whose last use is longest ago", () => {
    expect(victims(oneSet("lru", 3), [0, 1, 2, 0, 3, 1])).toEqual(["-", "-", "-", "hit", "1", "2"]);
  });
});

describe("random", () => {
  const pages = Array.from({ length: 60 }, (_, page) => page);

  it("draws the same for the same seed, and something else for another", () => {
    const [one, same, other] = [5, 5, 6].map((seed) => victims(oneSet("random", 8, seed), pages));
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it("takes the ways that xorshift32 says", () => {
    // From 1: 270369, 67634689, 2647435461 (Marsaglia 2003, shifts 13, 17, 5); modulo 4 they are 1, 1, 1; the fourth,
    // 307599695, is 3.
    expect(victims(oneSet("random", 4), [0, 1, 2, 3, 4, 5, 6, 7])).toEqual([
      "-",
      "-",
      "-",
      "-",
      "1",
      "4",
      "5",
      "3",
    ]);
  });

  it("takes every way in time", () => {
    const gone = new Set(victims(oneSet("random", 8), pages).slice(8));
    for (const page of [0, 1, 2, 3, 4, 5, 6, 7]) expect(gone.has(String(page))).toBe(true);
  });
});

describe("every policy", () => {
  it.each(["lru", "tree-plru", "fifo", "random", "nru"] as const)(
    "fills a way that was flushed before it lets a page go: %s",
    (replacement) => {
      const tlb = oneSet(replacement, 4);
      victims(tlb, [0, 1, 2, 3, 1]);
      tlb.flushPage(1, 0, 0);
      tlb.checkInvariants();
      expect(victims(tlb, [8, 0, 2, 3])).toEqual(["-", "hit", "hit", "hit"]);
    },
  );
});
