import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { NO_VMA } from "@pageframe/contracts";
import { NO_FILE, NO_GAP, VmaPool, VmaTree } from "@pageframe/vma";
import { NODE_MAX_GAP, NODE_SIZE } from "../src/vma-pool.ts";

function add(tree: VmaTree, startVpn: number, endVpn: number): number {
  const vma = tree.pool.alloc(0, startVpn, endVpn, 0, 0, NO_FILE);
  tree.insert(vma);
  return vma;
}

function newTree(...ranges: readonly (readonly [number, number])[]): VmaTree {
  const tree = new VmaTree(new VmaPool(1));
  for (const [startVpn, endVpn] of ranges) add(tree, startVpn, endVpn);
  return tree;
}

describe("VmaTree", () => {
  it("finds the lowest VMA that ends above a page, whether it holds the page or not", () => {
    const tree = newTree([10, 20], [20, 30], [50, 60]);
    const startOf = (vpn: number): number => tree.pool.startVpn[tree.find(vpn)];
    expect([0, 9, 10, 19, 20, 29, 30, 49, 59].map(startOf)).toEqual([10, 10, 10, 10, 20, 20, 50, 50, 50]);
    expect(tree.find(60)).toBe(NO_VMA);
    expect(newTree().find(0)).toBe(NO_VMA);
  });

  it("finds the highest gap below a limit, clipped to the limits", () => {
    const tree = newTree([10, 20], [30, 40], [45, 50]);
    expect([tree.findGapTopDown(0, 100, 5), tree.gapEnd]).toEqual([50, 100]);
    expect([tree.findGapTopDown(0, 52, 3), tree.gapEnd]).toEqual([40, 45]);
    expect([tree.findGapTopDown(0, 48, 6), tree.gapEnd]).toEqual([20, 30]);
    expect([tree.findGapTopDown(0, 28, 8), tree.gapEnd]).toEqual([20, 28]);
    expect([tree.findGapTopDown(25, 45, 5), tree.gapEnd]).toEqual([40, 45]);
    expect(tree.findGapTopDown(21, 42, 10)).toBe(NO_GAP);
    expect([tree.findGapTopDown(0, 42, 10), tree.gapEnd]).toEqual([20, 30]);
  });

  it("finds the lowest gap above a limit, clipped to the limits", () => {
    const tree = newTree([10, 20], [30, 40], [45, 50]);
    expect([tree.findGapBottomUp(0, 100, 5), tree.gapEnd]).toEqual([0, 10]);
    expect([tree.findGapBottomUp(6, 100, 5), tree.gapEnd]).toEqual([20, 30]);
    expect([tree.findGapBottomUp(26, 100, 5), tree.gapEnd]).toEqual([40, 45]);
    expect([tree.findGapBottomUp(26, 60, 6), tree.gapEnd]).toEqual([50, 60]);
    expect(tree.findGapBottomUp(26, 55, 6)).toBe(NO_GAP);
    expect([newTree().findGapBottomUp(3, 9, 6), 0]).toEqual([3, 0]);
  });

  it("stays balanced when VMAs come in order", () => {
    const tree = newTree();
    for (let at = 0; at < 1000; at++) add(tree, 2 * at, 2 * at + 1);
    tree.checkInvariants();
    // An AVL tree of 1000 rows is at most 1.44 * log2(1002) = 14 high.
    expect(Math.max(...tree.pool.height)).toBeLessThanOrEqual(14);
  });

  it("agrees with an array of pages under random inserts, removals and resizes", () => {
    const limit = 200;
    const step = fc.record({
      kind: fc.constantFrom("insert", "insert", "erase", "resize", "down", "up", "find"),
      at: fc.nat(limit - 1),
      nr: fc.integer({ min: 1, max: 20 }),
      low: fc.nat(limit),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const tree = newTree();
        const pages = new Array<number>(limit).fill(NO_VMA);
        const isFree = (from: number, nr: number): boolean =>
          from >= 0 && from + nr <= limit && pages.slice(from, from + nr).every((owner) => owner === NO_VMA);
        for (const { kind, at, nr, low } of steps) {
          const there = pages[at];
          if (kind === "insert" && isFree(at, nr)) {
            pages.fill(add(tree, at, at + nr), at, at + nr);
          } else if (kind === "erase" && there !== NO_VMA) {
            tree.erase(there);
            tree.pool.free(there);
            for (let vpn = 0; vpn < limit; vpn++) if (pages[vpn] === there) pages[vpn] = NO_VMA;
          } else if (kind === "resize" && there !== NO_VMA) {
            const start = pages.indexOf(there);
            for (let vpn = 0; vpn < limit; vpn++) if (pages[vpn] === there) pages[vpn] = NO_VMA;
            const end = isFree(start, nr) ? start + nr : start + 1;
            tree.setRange(there, start, end);
            pages.fill(there, start, end);
          } else if (kind === "down") {
            // The highest start such that the range is free and within the limits, from the definition.
            let expected = NO_GAP;
            for (let from = Math.max(0, low); from + nr <= at; from++) if (isFree(from, nr)) expected = from;
            const gap = tree.findGapTopDown(low, at, nr);
            expect(gap === NO_GAP ? NO_GAP : tree.gapEnd - nr).toBe(expected);
          } else if (kind === "up") {
            let expected = NO_GAP;
            for (let from = at - nr; from >= low; from--) if (isFree(from, nr)) expected = from;
            expect(tree.findGapBottomUp(low, at, nr)).toBe(expected);
          } else if (kind === "find") {
            const first = pages.slice(at).find((owner) => owner !== NO_VMA) ?? NO_VMA;
            expect(tree.find(at)).toBe(first);
          }
          tree.checkInvariants();
          tree.pool.checkInvariants();
        }
      }),
      { seed: 20, numRuns: 150 },
    );
  });

  it("reports a broken gap as a bug", () => {
    const tree = newTree([10, 20], [30, 40]);
    tree.pool.node[NODE_SIZE * tree.find(30) + NODE_MAX_GAP] = 3;
    expect(() => tree.checkInvariants()).toThrow(/largest gap 3, expected 10/);
  });
});

describe("VmaPool", () => {
  it("grows when full and hands freed rows out again", () => {
    const pool = new VmaPool(1);
    const first = pool.alloc(0, 1, 2, 0, 0, NO_FILE);
    const second = pool.alloc(3, 5, 6, 0, 0, NO_FILE);
    expect([first, second, pool.nrUsed, pool.nrRows]).toEqual([0, 1, 2, 2]);
    pool.free(first);
    expect([pool.alloc(0, 7, 8, 0, 0, NO_FILE), pool.nrRows, pool.startVpn[second]]).toEqual([0, 2, 5]);
    pool.checkInvariants();
  });

  it("calls a double free a bug", () => {
    const pool = new VmaPool(4);
    const vma = pool.alloc(0, 1, 2, 0, 0, NO_FILE);
    pool.free(vma);
    expect(() => pool.free(vma)).toThrow(/freed twice/);
  });
});
