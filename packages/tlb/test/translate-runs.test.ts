import {
  packRun,
  PTE_D,
  PTE_PS,
  PTE_RW,
  PTE_US,
  RUN_READ,
  RUN_WRITE,
  TLB_2M,
  TLB_4K,
  TLB_MISS,
  TLB_NOT_LOOKED_UP,
} from "@pageframe/contracts";
import { NoTlb, SetAssociativeTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";
import { EasyWalker } from "./helpers.ts";

const USER = PTE_RW | PTE_US;
/** As the MMU checks user reads, writes and fetches. */
const WANT = Int32Array.of(PTE_US, USER | PTE_D, PTE_US);
const MASK = Int32Array.of(PTE_US, USER | PTE_D, PTE_US);

const runs = (...list: [vpn: number, kind: number, nrAccesses: number, isSplit?: boolean][]): Int32Array =>
  Int32Array.from(list.flatMap(([vpn, kind, nr, isSplit]) => [vpn, packRun(0, kind, isSplit ?? false, nr)]));

describe("translateRuns of SetAssociativeTlb", () => {
  it("walks for what it lacks, goes on, and counts every access", () => {
    const tlb = new SetAssociativeTlb();
    const walker = new EasyWalker(TLB_4K, USER);
    const words = runs([1, RUN_READ, 5], [2, RUN_READ, 1], [1, RUN_READ, 2]);
    expect(tlb.translateRuns(words, 0, 3, 0, WANT, MASK, walker)).toBe(3);
    expect(walker.nrWalks).toBe(2);
    expect(tlb.stats).toMatchObject({ l1Hits: 6, l2Hits: 0, misses: 2 });
  });

  it("stops where the walk faults, with that lookup counted but not what it folds", () => {
    const tlb = new SetAssociativeTlb();
    const words = runs([1, RUN_READ, 5], [2, RUN_READ, 9]);
    expect(tlb.translateRuns(words, 0, 2, 0, WANT, MASK, new EasyWalker(TLB_4K, USER, [2]))).toBe(1);
    expect(tlb.stoppedEntry).toBe(TLB_MISS);
    expect(tlb.stats).toMatchObject({ l1Hits: 4, misses: 2 });
    expect(tlb.lookup(2, 0, 0)).toBe(TLB_MISS);
  });

  it("stops at an entry that does not allow the access", () => {
    const tlb = new SetAssociativeTlb();
    const words = runs([1, RUN_READ, 1], [1, RUN_WRITE, 3]);
    expect(tlb.translateRuns(words, 0, 2, 0, WANT, MASK, new EasyWalker(TLB_4K, USER))).toBe(1);
    expect(tlb.stoppedEntry).toBe(tlb.lookup(1, 0, 0)); // clean: the dirty bit must be set first
    tlb.setEntryFlags(tlb.stoppedEntry, PTE_D);
    expect(tlb.translateRuns(words, 1, 2, 0, WANT, MASK, new EasyWalker(TLB_4K, USER))).toBe(2);
  });

  it("leaves a split run to the caller", () => {
    const tlb = new SetAssociativeTlb();
    const words = runs([1, RUN_READ, 1], [2, RUN_READ, 1, true]);
    expect(tlb.translateRuns(words, 0, 2, 0, WANT, MASK, new EasyWalker(TLB_4K, USER))).toBe(1);
    expect(tlb.stoppedEntry).toBe(TLB_NOT_LOOKED_UP);
    expect(tlb.stats).toMatchObject({ l1Hits: 0, misses: 1 });
  });

  it("caches large pages that the walker finds", () => {
    const tlb = new SetAssociativeTlb();
    const walker = new EasyWalker(TLB_2M, USER | PTE_PS);
    const words = runs([512, RUN_READ, 1], [1000, RUN_READ, 1], [513, RUN_READ, 1]);
    expect(tlb.translateRuns(words, 0, 3, 0, WANT, MASK, walker)).toBe(3);
    expect(walker.nrWalks).toBe(1);
    expect(tlb.stats).toMatchObject({ l1Hits: 2, misses: 1 });
    tlb.checkInvariants();
  });

  it("does nothing with no runs", () => {
    const tlb = new SetAssociativeTlb();
    expect(tlb.translateRuns(new Int32Array(0), 0, 0, 0, WANT, MASK, new EasyWalker(TLB_4K, USER))).toBe(0);
    expect(tlb.stats).toMatchObject({ l1Hits: 0, misses: 0 });
  });

  it("goes on beyond the runs that one setting of its clock allows", () => {
    const ways = 2048;
    const tlb = new SetAssociativeTlb({ l1: { entries: ways, ways } });
    // A tick of 2048 leaves 2^18 runs before the clock is set back; page 0 stays the only one.
    const nrRuns = 2 ** 18 + 5;
    const words = new Int32Array(2 * nrRuns);
    expect(tlb.translateRuns(words, 0, nrRuns, 0, WANT, MASK, new EasyWalker(TLB_4K, USER))).toBe(nrRuns);
    for (let again = 0; again < 3; again++) {
      tlb.translateRuns(words, 0, nrRuns, 0, WANT, MASK, new EasyWalker(TLB_4K, USER));
    }
    expect(tlb.stats).toMatchObject({ l1Hits: 4 * nrRuns - 1, misses: 1 });
    tlb.checkInvariants();
  });
});

describe("NoTlb", () => {
  it("walks for every run", () => {
    const tlb = new NoTlb();
    const walker = new EasyWalker(TLB_4K, USER, [9]);
    const words = runs([1, RUN_READ, 5], [1, RUN_READ, 1], [2, RUN_READ, 1, true], [9, RUN_READ, 4]);
    expect(tlb.translateRuns(words, 0, 4, 0, WANT, MASK, walker)).toBe(2);
    expect(tlb.stoppedEntry).toBe(TLB_NOT_LOOKED_UP);
    expect(tlb.translateRuns(words, 3, 4, 0, WANT, MASK, walker)).toBe(3);
    expect(tlb.stoppedEntry).toBe(TLB_MISS);
    expect(walker.nrWalks).toBe(3);
    expect(tlb.stats).toMatchObject({ l1Hits: 4, l2Hits: 0, misses: 3 });
  });

  it("carries a translation to the caller and forgets it", () => {
    const tlb = new NoTlb();
    const entry = tlb.insert(600, 0, 0, TLB_2M, 512, USER);
    expect([tlb.cells[tlb.pfnAt + entry], tlb.cells[tlb.flagsAt + entry]]).toEqual([512, USER | PTE_PS]);
    expect(tlb.lookup(600, 0, 0)).toBe(TLB_MISS);
    tlb.flushAll(true);
    expect(tlb.stats).toEqual({ l1Hits: 0, l2Hits: 0, misses: 1, flushes: 1, entriesFlushed: 0 });
  });
});
