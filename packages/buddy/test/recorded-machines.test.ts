import {
  GFP_DMA,
  GFP_KERNEL,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
  NR_FREE_PAGES_BLOCKS,
  NUMA_HIT,
  NUMA_LOCAL,
  NUMA_OTHER,
  WMARK_HIGH,
  WMARK_LOW,
  WMARK_MIN,
  WMARK_PROMO,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { type BootableFrameAllocator } from "../src/index.ts";
import { DMA, DMA32, makeMachine, type Machine, NODE1_DMA32, NORMAL } from "./helpers.ts";

// Two QEMU machines under Linux 6.18.15 (Debian): /proc/zoneinfo, /proc/pagetypeinfo, sysctl and dmesg after boot.
// The kernel's own memory is spread over the zones; here each zone's managed pages are one range at its end.

/** 128 MiB, one node, one CPU. */
function bootN1(): Machine {
  const machine = makeMachine([
    { startPfn: 1, endPfn: 159, nodeId: 0 },
    { startPfn: 256, endPfn: 32729, nodeId: 0 },
  ]);
  const { allocator } = machine;
  // dmesg: 2672 (initrd) + 4180 + 1472 + 1804 + 2028 KiB were freed after the watermarks were set: 3039 pages.
  allocator.releaseBootMemory(256, 4096);
  allocator.releaseBootMemory(32729 - (18032 - 3039), 32729);
  allocator.finishBoot();
  allocator.releaseBootMemory(32729 - 18032, 32729 - (18032 - 3039));
  return machine;
}

/** 256 MiB, two nodes with a CPU each. */
function bootN2(): Machine {
  const machine = makeMachine(
    [
      { startPfn: 1, endPfn: 159, nodeId: 0 },
      { startPfn: 256, endPfn: 65536, nodeId: 0 },
      { startPfn: 65536, endPfn: 131033, nodeId: 1 },
    ],
    [0, 1],
  );
  const { allocator } = machine;
  // Of the pages freed late, the initrd's 668 were on node 1 and 2371 on node 0.
  allocator.releaseBootMemory(256, 4096);
  allocator.releaseBootMemory(65536 - (50386 - 2371), 65536);
  allocator.releaseBootMemory(131033 - (64358 - 668), 131033);
  allocator.finishBoot();
  allocator.releaseBootMemory(65536 - 50386, 65536 - (50386 - 2371));
  allocator.releaseBootMemory(131033 - 64358, 131033 - (64358 - 668));
  return machine;
}

function marks(allocator: BootableFrameAllocator, zoneId: number): number[] {
  const { watermarks } = allocator.zones[zoneId];
  return [WMARK_MIN, WMARK_LOW, WMARK_HIGH, WMARK_PROMO].map((mark) => watermarks[mark]);
}

function extent(allocator: BootableFrameAllocator, zoneId: number): number[] {
  const { startPfn, spannedPages, presentPages, managedPages } = allocator.zones[zoneId];
  return [startPfn, spannedPages, presentPages, managedPages];
}

describe("a recorded machine of one node and 128 MiB", () => {
  const { allocator } = bootN1();

  it("has the recorded zones", () => {
    expect(extent(allocator, DMA)).toEqual([1, 4095, 3998, 3840]);
    expect(extent(allocator, DMA32)).toEqual([4096, 28633, 28633, 18032]);
    expect(extent(allocator, NORMAL)).toEqual([0, 0, 0, 0]);
    expect(allocator.zones.map((zone) => zone.name)).toEqual(["DMA", "DMA32", "Normal", "Movable", "Device"]);
  });

  it("computes the recorded min_free_kbytes and watermarks", () => {
    expect(allocator.minFreeKbytes).toBe(1097);
    expect(marks(allocator, DMA)).toEqual([55, 68, 81, 94]);
    expect(marks(allocator, DMA32)).toEqual([218, 272, 326, 380]);
    expect(marks(allocator, NORMAL)).toEqual([0, 0, 0, 0]);
    expect(marks(allocator, 3)).toEqual([32, 32, 32, 32]);
    expect(marks(allocator, 4)).toEqual([0, 0, 0, 0]);
  });

  it("keeps back the recorded lowmem reserves", () => {
    expect(Array.from(allocator.zones[DMA].lowmemReserve)).toEqual([0, 70, 70, 70, 70]);
    expect(Array.from(allocator.zones[DMA32].lowmemReserve)).toEqual([0, 0, 0, 0, 0]);
  });

  it("sizes per-CPU lists as recorded", () => {
    expect(allocator.zones[DMA].collectPagesets()).toEqual([
      { count: 0, high: 0, batch: 1, highMin: 68, highMax: 480 },
    ]);
    expect(allocator.zones[DMA32].collectPagesets()).toMatchObject([
      { batch: 3, highMin: 272, highMax: 1874 },
    ]);
    expect(allocator.zones[NORMAL].collectPagesets()).toEqual([]);
  });

  it("counts the recorded number of pageblocks", () => {
    // /proc/pagetypeinfo: 1 + 7 in DMA, 12 + 42 + 2 in DMA32; the types are the running system's.
    const nrBlocks = (zoneId: number): number =>
      [0, 1, 2, 3, 4].reduce((sum, type) => sum + allocator.nrPageblocksOfType(zoneId, type), 0);
    expect(nrBlocks(DMA)).toBe(8);
    expect(nrBlocks(DMA32)).toBe(56);
  });

  it("has the recorded free blocks in ZONE_DMA after the one allocation there", () => {
    // dmesg: "DMA: preallocated 128 KiB GFP_KERNEL|GFP_DMA pool": 32 pages. They come from the pageblock at 0, whose
    // first frame is no RAM and which is therefore unmovable from the start. /proc/pagetypeinfo, orders 0 to 10.
    const fresh = bootN1();
    expect(fresh.allocator.allocPages(GFP_KERNEL | GFP_DMA, 5, 0, 0)).toBe(256);
    const blocks = (type: number): number[] =>
      Array.from({ length: 11 }, (_, order) => fresh.allocator.zones[DMA].nrFreeBlocksOfType(order, type));
    expect(blocks(MIGRATE_UNMOVABLE)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]);
    expect(blocks(MIGRATE_MOVABLE)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3]);
    expect(
      [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE].map((type) => fresh.allocator.nrPageblocksOfType(DMA, type)),
    ).toEqual([1, 7]);
    // /proc/zoneinfo: pages free 3808, nr_free_pages_blocks 3584, numa_hit 1, numa_local 1.
    expect(fresh.allocator.zones[DMA].nrFreePages).toBe(3808);
    expect(fresh.vmstat.zoneStat(DMA, NR_FREE_PAGES_BLOCKS)).toBe(3584);
    expect([NUMA_HIT, NUMA_LOCAL, NUMA_OTHER].map((item) => fresh.vmstat.numaStat(DMA, item))).toEqual([
      1, 1, 0,
    ]);
  });

  it("reserves each zone's high watermark and largest lowmem reserve", () => {
    expect(allocator.totalReservePages()).toBe(81 + 70 + 326);
  });

  it("is sound", () => {
    allocator.checkInvariants();
    expect(allocator.nrFreePages() + allocator.zones[DMA32].nrPcpPages()).toBe(3840 + 18032);
  });
});

describe("a recorded machine of two nodes and 256 MiB", () => {
  const { allocator } = bootN2();

  it("has the recorded zones", () => {
    expect(extent(allocator, DMA)).toEqual([1, 4095, 3998, 3840]);
    expect(extent(allocator, DMA32)).toEqual([4096, 61440, 61440, 50386]);
    expect(extent(allocator, NODE1_DMA32)).toEqual([65536, 65497, 65497, 64358]);
  });

  it("computes the recorded min_free_kbytes and watermarks", () => {
    expect(allocator.minFreeKbytes).toBe(2719);
    expect(marks(allocator, DMA)).toEqual([22, 27, 32, 37]);
    expect(marks(allocator, DMA32)).toEqual([282, 352, 422, 492]);
    expect(marks(allocator, NODE1_DMA32)).toEqual([374, 467, 560, 653]);
    expect(marks(allocator, 8)).toEqual([32, 32, 32, 32]);
  });

  it("keeps back the recorded lowmem reserves", () => {
    expect(Array.from(allocator.zones[DMA].lowmemReserve)).toEqual([0, 196, 196, 196, 196]);
    expect(Array.from(allocator.zones[NODE1_DMA32].lowmemReserve)).toEqual([0, 0, 0, 0, 0]);
  });

  it("sizes per-CPU lists as recorded", () => {
    expect(allocator.zones[DMA].collectPagesets()).toMatchObject([
      { batch: 1, highMin: 27, highMax: 480 },
      { batch: 1, highMin: 27, highMax: 480 },
    ]);
    expect(allocator.zones[DMA32].collectPagesets()[1]).toMatchObject({
      batch: 15,
      highMin: 352,
      highMax: 6001,
    });
    expect(allocator.zones[NODE1_DMA32].collectPagesets()[0]).toMatchObject({
      batch: 15,
      highMin: 467,
      highMax: 7961,
    });
  });
});
