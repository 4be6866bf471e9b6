import {
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  MIGRATE_MOVABLE,
  NO_PFN,
  TP_MM_PAGE_PCPU_DRAIN,
  WMARK_HIGH,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { bootFlat, DMA32, makeMachine, type Machine } from "./helpers.ts";

/** One zone of 64 Ki frames: batch 15 (65536 / 1024 / 4 = 16, 16 + 8 rounded down to 16, less 1), high_max 8192. */
function bootZone(cpuNodes = [0]): Machine {
  const machine = makeMachine([{ startPfn: 4096, endPfn: 69632, nodeId: 0 }], cpuNodes);
  machine.allocator.releaseBootMemory(4096, 69632);
  machine.allocator.finishBoot();
  return machine;
}

describe("per-CPU lists", () => {
  it("refill by batches that double while nothing is freed", () => {
    const { allocator } = bootZone();
    const zone = allocator.zones[DMA32];
    // 4 * sqrt(65536 * 4 KiB) = 2048 KiB = 512 pages; low = 512 + 128.
    expect(zone.collectPagesets()).toEqual([{ count: 0, high: 0, batch: 15, highMin: 640, highMax: 8192 }]);
    allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
    expect(zone.nrPcpPages()).toBe(14);
    for (let nr = 0; nr < 14; nr++) allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
    expect(zone.nrPcpPages()).toBe(0);
    allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
    expect(zone.nrPcpPages()).toBe(29);
    expect(zone.nrFreePages).toBe(65536 - 15 - 30);
    // `high` grew by what was taken from the zone.
    expect(zone.collectPagesets()[0].high).toBe(640 + 15 + 30);
  });

  it("hand out a refill in the order of its addresses, and a freed page first", () => {
    const { allocator } = bootZone();
    const taken = Array.from({ length: 4 }, () => allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0));
    expect(taken).toEqual([4096, 4097, 4098, 4099]);
    allocator.freePages(4097, 0, 0);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0)).toBe(4097);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0)).toBe(4100);
  });

  it("take at least two blocks of a higher order", () => {
    const { allocator } = bootZone();
    allocator.allocPages(GFP_HIGHUSER_MOVABLE, 1, 0, 0);
    // 15 >> 1 = 7 blocks, one of them handed out.
    expect(allocator.zones[DMA32].nrPcpPages()).toBe(12);
    allocator.allocPages(GFP_HIGHUSER_MOVABLE, 3, 0, 0);
    // 15 >> 3 = 1, raised to 2.
    expect(allocator.zones[DMA32].nrPcpPages()).toBe(12 + 8);
    allocator.checkInvariants();
  });

  it("belong to one CPU and one kind of page each", () => {
    const { allocator } = bootZone([0, 0]);
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
    allocator.freePages(pfn, 0, 1);
    expect(allocator.zones[DMA32].collectPagesets().map(({ count }) => count)).toEqual([14, 1]);
    expect(allocator.allocPages(GFP_KERNEL, 0, 1, 0)).not.toBe(pfn);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 1, 0)).toBe(pfn);
    allocator.drainPcp(0);
    expect(allocator.zones[DMA32].collectPagesets()[0].count).toBe(0);
    allocator.checkInvariants();
  });

  it("give pages back when they hold too many, the longest unused first", () => {
    const { allocator } = bootZone();
    const zone = allocator.zones[DMA32];
    const taken = Array.from({ length: 12000 }, () => allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0));
    allocator.drainPcp(0);
    const returned: number[] = [];
    allocator.trace = {
      emit: (tracepoint, pfn) => {
        if (tracepoint === TP_MM_PAGE_PCPU_DRAIN) returned.push(pfn);
      },
    };
    for (const pfn of taken) {
      allocator.freePages(pfn, 0, 0);
      const [{ count, highMax }] = zone.collectPagesets();
      expect(count).toBeLessThanOrEqual(highMax);
    }
    expect(returned.length).toBeGreaterThan(12000 - 8192);
    expect(returned).toEqual(taken.slice(0, returned.length));
    allocator.checkInvariants();
  });

  it("do not grow beyond their share when the zone runs low", () => {
    const { allocator } = bootZone();
    const zone = allocator.zones[DMA32];
    const taken: number[] = [];
    while (zone.nrFreePages > zone.watermarks[WMARK_HIGH] / 2) {
      const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
      if (pfn === NO_PFN) break;
      taken.push(pfn);
    }
    for (let nr = 0; nr < 2000; nr++) allocator.freePages(taken[nr], 0, 0);
    const [{ count, high, highMin }] = zone.collectPagesets();
    expect(count).toBeLessThanOrEqual(Math.max(high, highMin));
    allocator.checkInvariants();
  });

  it("hold at most four batches while kswapd works on the zone", () => {
    const { allocator } = bootZone();
    const zone = allocator.zones[DMA32];
    const taken = Array.from({ length: 1000 }, () => allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0));
    allocator.drainPcp(-1);
    allocator.setReclaimActive(DMA32, true);
    for (const pfn of taken) allocator.freePages(pfn, 0, 0);
    expect(zone.nrPcpPages()).toBeLessThanOrEqual(60);
    allocator.setReclaimActive(DMA32, false);
    allocator.checkInvariants();
  });

  it("trickle back when unused", () => {
    const { allocator } = bootZone();
    const zone = allocator.zones[DMA32];
    const taken = Array.from({ length: 5000 }, () => allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0));
    for (const pfn of taken) allocator.freePages(pfn, 0, 0);
    const [before] = zone.collectPagesets();
    allocator.decayPcp(0);
    const [after] = zone.collectPagesets();
    expect(after.high).toBe(Math.max(before.count - 480, before.high - (before.high >> 3), 640));
    for (let second = 0; second < 60; second++) allocator.decayPcp(0);
    expect(zone.collectPagesets()[0].high).toBe(640);
    expect(zone.nrPcpPages()).toBeLessThanOrEqual(640);
    allocator.checkInvariants();
  });

  it("share a fixed high when vm.percpu_pagelist_high_fraction says so", () => {
    const { allocator } = bootFlat(4096, { percpuPagelistHighFraction: 64 });
    expect(allocator.zones[0].collectPagesets()[0]).toMatchObject({ highMin: 64, highMax: 64 });
  });

  it("take freed pages by their pageblock's type", () => {
    const { allocator, memmap } = bootZone();
    const pfn = allocator.allocPages(GFP_KERNEL, 0, 0, 0);
    memmap.pageblockMigratetype[pfn >>> 9] = MIGRATE_MOVABLE;
    allocator.freePages(pfn, 0, 0);
    expect(allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0)).toBe(pfn);
  });
});
