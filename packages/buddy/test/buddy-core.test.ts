import {
  __GFP_COMP,
  __GFP_MEMALLOC,
  __GFP_RECLAIMABLE,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  NO_PFN,
  NR_FREE_PAGES_BLOCKS,
  PG_LRU,
  TP_MM_PAGE_ALLOC_EXTFRAG,
  WMARK_HIGH,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { bootFlat, DMA32, makeMachine, type Machine } from "./helpers.ts";

/** One zone, DMA32, of `nrFrames` frames from 4096 on. Order 4 and up goes straight to the free lists. */
function bootZone(nrFrames: number, options: Parameters<typeof makeMachine>[2] = {}): Machine {
  const endPfn = 4096 + nrFrames;
  const machine = makeMachine([{ startPfn: 4096, endPfn, nodeId: 0 }], [0], options);
  machine.allocator.releaseBootMemory(4096, endPfn);
  machine.allocator.finishBoot();
  return machine;
}

function blocks({ allocator }: Machine): number[] {
  return Array.from({ length: 11 }, (_, order) => allocator.zones[DMA32].nrFreeBlocks(order));
}

function blocksOfType({ allocator }: Machine, type: number): number[] {
  return Array.from({ length: 11 }, (_, order) => allocator.zones[DMA32].nrFreeBlocksOfType(order, type));
}

function pageblocks({ allocator }: Machine): number[] {
  return [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC].map((type) =>
    allocator.nrPageblocksOfType(DMA32, type),
  );
}

describe("the buddy allocator", () => {
  it("splits a larger block and hands out its lower half", () => {
    const machine = bootZone(1024);
    expect(blocks(machine)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(machine.allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0)).toBe(4096);
    expect(blocks(machine)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]);
    machine.allocator.checkInvariants();
  });

  it("prefers the smallest block that fits", () => {
    const { allocator } = bootZone(2048);
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    // The order-5 buddy of the first block, not a part of a larger one.
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 5, 0, 0)).toBe(pfn + 32);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0)).toBe(pfn + 16);
  });

  it("merges a freed block with its buddy, again and again", () => {
    const machine = bootZone(1024);
    const { allocator } = machine;
    const first = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    const second = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    allocator.freePages(first, 4, 0);
    expect(blocks(machine)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]);
    allocator.freePages(second, 4, 0);
    expect(blocks(machine)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    allocator.checkInvariants();
  });

  it("hands out the block freed last first, unless it is likely to merge soon", () => {
    const { allocator } = bootZone(1024);
    const taken = Array.from({ length: 64 }, () => allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0));
    // Blocks 1 and 9: their buddies 0 and 8 are in use, and so is the other half of the next size.
    allocator.freePages(taken[1], 4, 0);
    allocator.freePages(taken[9], 4, 0);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0)).toBe(taken[9]);
    // Blocks 10 and 11 merge to order 5; block 9 completes no pair, but once block 8 is freed it would merge twice.
    allocator.freePages(taken[10], 4, 0);
    allocator.freePages(taken[11], 4, 0);
    allocator.freePages(taken[9], 4, 0);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0)).toBe(taken[1]);
    allocator.checkInvariants();
  });

  it("keeps memory released at boot in the order of its addresses", () => {
    const { allocator } = bootZone(4096);
    const taken = Array.from({ length: 3 }, () => allocator.allocPages(GFP_HIGHUSER_MOVABLE, 10, 0, 0));
    expect(taken).toEqual([4096, 5120, 6144]);
  });

  it("counts pages in free pageblocks", () => {
    const { allocator, vmstat } = bootZone(2048);
    expect(vmstat.zoneStat(DMA32, NR_FREE_PAGES_BLOCKS)).toBe(2048);
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    expect(vmstat.zoneStat(DMA32, NR_FREE_PAGES_BLOCKS)).toBe(1536);
    allocator.freePages(pfn, 4, 0);
    expect(vmstat.zoneStat(DMA32, NR_FREE_PAGES_BLOCKS)).toBe(2048);
  });
});

describe("grouping by mobility", () => {
  it("is off on a machine too small for one pageblock of each type", () => {
    const small = bootFlat(2048);
    small.allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    expect(small.allocator.nrPageblocksOfType(0, MIGRATE_UNMOVABLE)).toBe(2);
    const large = bootFlat(2560);
    large.allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    expect(large.allocator.nrPageblocksOfType(0, MIGRATE_UNMOVABLE)).toBe(0);
  });

  it("claims the pageblocks of the largest block for an unmovable page", () => {
    const machine = bootZone(4096);
    expect(pageblocks(machine)).toEqual([0, 8, 0, 0]);
    machine.allocator.allocPages(GFP_KERNEL, 4, 0, 0);
    expect(pageblocks(machine)).toEqual([2, 6, 0, 0]);
    expect(blocksOfType(machine, MIGRATE_UNMOVABLE)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]);
    expect(blocksOfType(machine, MIGRATE_MOVABLE)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    machine.allocator.checkInvariants();
  });

  it("falls back from unmovable to reclaimable before movable", () => {
    const machine = bootZone(4096);
    const { allocator } = machine;
    allocator.allocPages(GFP_KERNEL | __GFP_RECLAIMABLE, 10, 0, 0);
    const kept = allocator.allocPages(GFP_KERNEL | __GFP_RECLAIMABLE, 10, 0, 0);
    allocator.freePages(kept, 10, 0);
    expect(pageblocks(machine)).toEqual([0, 4, 4, 0]);
    expect(allocator.allocPages(GFP_KERNEL, 4, 0, 0)).toBe(kept);
    expect(pageblocks(machine)).toEqual([2, 4, 2, 0]);
  });

  /** Every pageblock is in use but for one free block of order 5 each, of `gfp`'s type. */
  function fillBut(machine: Machine, gfp: number): number[] {
    const { allocator } = machine;
    const taken: number[] = [];
    for (;;) {
      const pfn = allocator.allocPages(gfp | __GFP_MEMALLOC, 5, 0, 0);
      if (pfn === NO_PFN) break;
      taken.push(pfn);
    }
    const freed = taken.filter((pfn) => pfn % 512 === 0);
    for (const pfn of freed) allocator.freePages(pfn, 5, 0);
    return freed;
  }

  it("steals from a mixed movable pageblock rather than spoil the whole", () => {
    const machine = bootZone(4096);
    const { memmap, allocator } = machine;
    fillBut(machine, GFP_HIGHUSER_MOVABLE);
    // All used pages are on the LRU: movable. 32 free + 0 alike pages are less than half a pageblock.
    for (let pfn = 4096; pfn < 8192; pfn++)
      if (memmap.refcount[pfn] > 0 || pfn % 512 >= 32) memmap.flags[pfn] |= PG_LRU;
    const pfn = allocator.allocPages(GFP_KERNEL | __GFP_MEMALLOC, 4, 0, 0);
    expect(pfn % 512).toBe(0);
    expect(pageblocks(machine)).toEqual([0, 8, 0, 0]);
    expect(memmap.migratetypeOf(pfn)).toBe(MIGRATE_MOVABLE);
  });

  it("claims a movable pageblock that holds mostly pages that cannot move anyway", () => {
    const machine = bootZone(4096);
    fillBut(machine, GFP_HIGHUSER_MOVABLE);
    machine.allocator.allocPages(GFP_KERNEL | __GFP_MEMALLOC, 4, 0, 0);
    expect(pageblocks(machine)).toEqual([1, 7, 0, 0]);
    machine.allocator.checkInvariants();
  });

  it("lets a small movable page steal the smallest block and change nothing", () => {
    const machine = bootZone(4096);
    const freed = fillBut(machine, GFP_KERNEL);
    const small = freed[3] + 32;
    machine.allocator.freePages(small, 5, 0);
    const seen: number[][] = [];
    machine.allocator.trace = { emit: (...event: number[]) => void seen.push(event) };
    // Order 6 at freed[3] is larger than the order-5 blocks elsewhere: one of those is taken, the first of its list.
    const pfn = machine.allocator.allocPages(GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC, 4, 0, 0);
    expect(pfn % 512).toBe(0);
    expect(pfn).not.toBe(freed[3]);
    expect(pageblocks(machine)).toEqual([8, 0, 0, 0]);
    expect(seen.filter(([tracepoint]) => tracepoint === TP_MM_PAGE_ALLOC_EXTFRAG)).toEqual([
      [TP_MM_PAGE_ALLOC_EXTFRAG, pfn, 4, 5, MIGRATE_UNMOVABLE],
    ]);
    machine.allocator.checkInvariants();
  });

  it("boosts the watermarks when a part of a pageblock is claimed, if told to", () => {
    const machine = bootZone(4096, { watermarkBoostFactor: 15000 });
    const { allocator } = machine;
    fillBut(machine, GFP_HIGHUSER_MOVABLE);
    expect(allocator.zones[DMA32].watermarkBoost).toBe(0);
    allocator.allocPages(GFP_KERNEL | __GFP_MEMALLOC, 4, 0, 0);
    // At most 150 % of the high watermark, but at least a pageblock.
    expect(allocator.zones[DMA32].watermarks[WMARK_HIGH]).toBeLessThan(341);
    expect(allocator.zones[DMA32].watermarkBoost).toBe(512);
    allocator.clearWatermarkBoost(DMA32);
    expect(allocator.zones[DMA32].watermarkBoost).toBe(0);
  });
});

describe("the reserve for atomic high orders", () => {
  it("sets a pageblock aside after an atomic allocation of high order, where 1 % of the zone is a pageblock", () => {
    const machine = bootZone(51200);
    const { allocator } = machine;
    const nrFree = allocator.nrFreePages();
    // Drive the zone below its low watermark: only the slow path knows ALLOC_HIGHATOMIC.
    const gfp = GFP_HIGHUSER_MOVABLE;
    const low = allocator.zones[DMA32].watermarks[1];
    const taken: number[] = [];
    while (allocator.zones[DMA32].nrFreePages > low + 20) taken.push(allocator.allocPages(gfp, 4, 0, 0));
    expect(taken).not.toContain(NO_PFN);
    const pfn = allocator.allocPages(GFP_ATOMIC, 4, 0, 0);
    expect(pfn).not.toBe(NO_PFN);
    expect(allocator.zones[DMA32].nrReservedHighatomic).toBe(512);
    expect(pageblocks(machine)[3]).toBe(1);
    allocator.checkInvariants();
    allocator.freePages(pfn, 4, 0);
    for (const each of taken) allocator.freePages(each, 4, 0);
    allocator.checkInvariants();
    expect(allocator.nrFreePages()).toBe(nrFree);
    // What is set aside does not count for others.
    expect(allocator.zoneWatermarkOk(DMA32, 0, nrFree - 512 - 1, 2)).toBe(true);
    expect(allocator.zoneWatermarkOk(DMA32, 0, nrFree - 512, 2)).toBe(false);
  });

  it("keeps huge pages whole in the per-CPU lists", () => {
    const machine = bootZone(8192);
    const { allocator } = machine;
    const huge = allocator.allocPages(GFP_HIGHUSER_MOVABLE | __GFP_COMP, 9, 0, 0);
    expect(huge % 512).toBe(0);
    allocator.freePages(huge, 9, 0);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE | __GFP_COMP, 9, 0, 0)).toBe(huge);
    allocator.checkInvariants();
  });
});
