import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  ALLOCSTALL_DMA,
  ALLOCSTALL_DMA32,
  ALLOCSTALL_MOVABLE,
  ALLOCSTALL_NORMAL,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  type MemoryPressureHandler,
  NO_PFN,
  NR_ZONE_INACTIVE_FILE,
  NUMA_NO_NODE,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { DMA, DMA32, makeMachine, type Machine } from "./helpers.ts";

/** Order 4: 16 pages that never lie on per-CPU lists, so that counts are exact. */
const ORDER = 4;

/** One zone, DMA32, of 1024 frames; watermarks 64, 80, 96. */
function bootSmall(options: Parameters<typeof makeMachine>[2] = {}): Machine {
  const machine = makeMachine([{ startPfn: 4096, endPfn: 5120, nodeId: 0 }], [0], options);
  machine.allocator.releaseBootMemory(4096, 5120);
  machine.allocator.finishBoot();
  return machine;
}

function fill({ allocator }: Machine, gfp: number, order = ORDER): number[] {
  const taken: number[] = [];
  for (;;) {
    const pfn = allocator.allocPages(gfp, order, 0, 0);
    if (pfn === NO_PFN) return taken;
    taken.push(pfn);
  }
}

/** Notes what it is asked for; frees and kills as told. */
class Recorder implements MemoryPressureHandler {
  readonly calls: string[] = [];
  reclaim: () => number = () => 0;
  kill: () => boolean = () => false;

  wakeKswapd(nodeId: number, order: number, highestZoneType: number): void {
    this.calls.push(`kswapd node ${nodeId} order ${order} zones to ${highestZoneType}`);
  }

  directReclaim(gfp: number, order: number, nodeId: number): number {
    this.calls.push(`reclaim node ${nodeId} order ${order}`);
    return this.reclaim();
  }

  outOfMemory(gfp: number, order: number): boolean {
    this.calls.push(`oom order ${order}`);
    return this.kill();
  }
}

function bootPressed(): Machine & { recorder: Recorder; taken: number[] } {
  const machine = bootSmall();
  const taken = fill(machine, GFP_KERNEL);
  const recorder = new Recorder();
  machine.allocator.setPressureHandler(recorder);
  return { ...machine, recorder, taken };
}

describe("watermarks", () => {
  it("are as small as the zone", () => {
    // 4 * sqrt(4096 KiB) = 256 KiB.
    expect(Array.from(bootSmall().allocator.zones[DMA32].watermarks)).toEqual([64, 80, 96, 112]);
  });

  it("keep the min watermark from ordinary allocations", () => {
    const machine = bootSmall();
    // free - 15 > 64 holds down to 80 free pages: 60 blocks.
    expect(fill(machine, GFP_KERNEL)).toHaveLength(60);
    expect(machine.allocator.nrFreePages()).toBe(64);
  });

  it.each([
    // min - min / 2 = 36: free - 15 > 36 holds at 80 and 64.
    ["__GFP_HIGH", GFP_KERNEL | __GFP_HIGH, 2],
    // 36 - 36 / 4 = 27: at 48 too.
    ["GFP_ATOMIC", GFP_ATOMIC, 3],
    ["GFP_ATOMIC | __GFP_NOMEMALLOC, as __GFP_HIGH", GFP_ATOMIC | __GFP_NOMEMALLOC, 2],
    ["GFP_NOWAIT, which may not sleep but is not urgent", GFP_NOWAIT, 0],
    ["__GFP_MEMALLOC: all of it", GFP_KERNEL | __GFP_MEMALLOC, 5],
    ["__GFP_MEMALLOC | __GFP_NOMEMALLOC", GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 0],
  ])("open reserves to %s", (_name, gfp, nrBlocks) => {
    const machine = bootSmall({ minFreeKbytes: 72 * 4 });
    fill(machine, GFP_KERNEL);
    expect(machine.allocator.nrFreePages()).toBe(80);
    expect(fill(machine, gfp)).toHaveLength(nrBlocks);
    machine.allocator.checkInvariants();
  });

  it("open all reserves between memallocSave and memallocRestore", () => {
    const machine = bootPressed();
    machine.allocator.memallocSave();
    expect(fill(machine, GFP_KERNEL)).toHaveLength(4);
    machine.allocator.memallocRestore();
    expect(machine.recorder.calls.filter((call) => call.startsWith("reclaim"))).toEqual([]);
    expect(() => machine.allocator.memallocRestore()).toThrow("memallocRestore() without memallocSave()");
  });

  it("need a free block of the order, not just enough pages", () => {
    const machine = bootSmall();
    const taken = fill(machine, GFP_KERNEL | __GFP_MEMALLOC, 5);
    for (const pfn of taken) if ((pfn / 32) % 2 === 0) machine.allocator.freePages(pfn, 5, 0);
    expect(machine.allocator.nrFreePages()).toBe(512);
    expect(machine.allocator.zoneWatermarkOk(DMA32, 6, 64, 2)).toBe(false);
    expect(machine.allocator.zoneWatermarkOk(DMA32, 5, 64, 2)).toBe(true);
    expect(machine.allocator.allocPages(GFP_KERNEL, 6, 0, 0)).toBe(NO_PFN);
    expect(machine.allocator.allocPages(GFP_KERNEL, 5, 0, 0)).not.toBe(NO_PFN);
  });
});

describe("the slow path", () => {
  it("wakes kswapd below the low watermark, and is content with the min watermark", () => {
    const machine = bootSmall();
    const recorder = new Recorder();
    machine.allocator.setPressureHandler(recorder);
    // free - 15 > 80 holds down to 96: 59 blocks from 1024.
    for (let nr = 0; nr < 58; nr++) machine.allocator.allocPages(GFP_KERNEL, ORDER, 0, 0);
    expect(recorder.calls).toEqual([]);
    expect(machine.allocator.nrFreePages()).toBe(96);
    expect(machine.allocator.allocPages(GFP_KERNEL, ORDER, 0, 0)).not.toBe(NO_PFN);
    expect(machine.allocator.nrFreePages()).toBe(80);
    expect(recorder.calls).toEqual([]);
    expect(machine.allocator.allocPages(GFP_KERNEL, ORDER, 0, 0)).not.toBe(NO_PFN);
    expect(recorder.calls).toEqual(["kswapd node 0 order 4 zones to 2"]);
  });

  it("wakes nobody for an allocation without __GFP_KSWAPD_RECLAIM", () => {
    const { allocator, recorder } = bootPressed();
    expect(allocator.allocPages(0, ORDER, 0, 0)).toBe(NO_PFN);
    expect(recorder.calls).toEqual([]);
  });

  it("reclaims in the caller's name and uses what that freed", () => {
    const { allocator, recorder, taken, vmstat } = bootPressed();
    const nrStalls = vmstat.events[ALLOCSTALL_NORMAL];
    recorder.reclaim = () => {
      for (const pfn of taken.splice(0, 2)) allocator.freePages(pfn, ORDER, 0);
      return 32;
    };
    expect(allocator.allocPages(GFP_KERNEL, ORDER, 0, NUMA_NO_NODE)).not.toBe(NO_PFN);
    expect(recorder.calls).toEqual(["kswapd node 0 order 4 zones to 2", "reclaim node 0 order 4"]);
    expect(vmstat.events[ALLOCSTALL_NORMAL] - nrStalls).toBe(1);
  });

  it("finds pages that reclaim left on per-CPU lists", () => {
    const { allocator, recorder, taken } = bootPressed();
    const singles = fill({ allocator } as Machine, GFP_KERNEL | __GFP_MEMALLOC, 0);
    recorder.reclaim = () => {
      for (const pfn of singles.splice(0)) allocator.freePages(pfn, 0, 0);
      for (const pfn of taken.splice(0, 1)) allocator.freePages(pfn, ORDER, 0);
      return 64;
    };
    expect(allocator.allocPages(GFP_KERNEL, 0, 0, 0)).not.toBe(NO_PFN);
    allocator.checkInvariants();
  });

  it("counts a stall by the highest zone that the caller could use", () => {
    const { allocator, vmstat } = bootPressed();
    allocator.allocPages(GFP_KERNEL | GFP_DMA, 0, 0, 0);
    // No zone at all can serve it: it fails before it stalls.
    expect(vmstat.events[ALLOCSTALL_DMA]).toBe(0);
    allocator.allocPages(GFP_HIGHUSER_MOVABLE, ORDER, 0, 0);
    expect(vmstat.events[ALLOCSTALL_MOVABLE]).toBe(1);
    allocator.allocPages(GFP_KERNEL | 4, ORDER, 0, 0);
    expect(vmstat.events[ALLOCSTALL_DMA32]).toBe(1);
  });

  it("never reclaims for callers that cannot sleep", () => {
    const { allocator, recorder } = bootPressed();
    fill({ allocator } as Machine, GFP_ATOMIC);
    expect(allocator.allocPages(GFP_ATOMIC, ORDER, 0, 0)).toBe(NO_PFN);
    expect(new Set(recorder.calls)).toEqual(new Set(["kswapd node 0 order 4 zones to 2"]));
  });

  it("kills when reclaim frees nothing, and tries again after", () => {
    const { allocator, recorder, taken } = bootPressed();
    recorder.kill = () => {
      for (const pfn of taken.splice(0)) allocator.freePages(pfn, ORDER, 0);
      return true;
    };
    expect(allocator.allocPages(GFP_KERNEL, 3, 0, 0)).not.toBe(NO_PFN);
    expect(recorder.calls).toEqual([
      "kswapd node 0 order 3 zones to 2",
      "reclaim node 0 order 3",
      "oom order 3",
    ]);
  });

  it("gives up when nobody is left to kill", () => {
    const { allocator, recorder } = bootPressed();
    expect(allocator.allocPages(GFP_KERNEL, 3, 0, 0)).toBe(NO_PFN);
    expect(recorder.calls.filter((call) => call.startsWith("oom"))).toHaveLength(1);
  });

  it.each([
    ["__GFP_NORETRY", GFP_KERNEL | __GFP_NORETRY, 3],
    ["__GFP_RETRY_MAYFAIL", GFP_KERNEL | __GFP_RETRY_MAYFAIL, 3],
    ["__GFP_THISNODE", GFP_KERNEL | __GFP_THISNODE, 3],
    ["an order above PAGE_ALLOC_COSTLY_ORDER", GFP_KERNEL, 4],
    ["an allocation below ZONE_NORMAL", GFP_KERNEL | 4, 3],
  ])("does not kill for %s", (_name, gfp, order) => {
    const { allocator, recorder } = bootPressed();
    expect(allocator.allocPages(gfp, order, 0, 0)).toBe(NO_PFN);
    expect(recorder.calls.filter((call) => call.startsWith("reclaim"))).toHaveLength(1);
    expect(recorder.calls.filter((call) => call.startsWith("oom"))).toEqual([]);
  });

  it("retries 16 times while reclaim makes no progress but could", () => {
    const { allocator, recorder, vmstat } = bootPressed();
    vmstat.modZone(DMA32, NR_ZONE_INACTIVE_FILE, 500);
    expect(allocator.allocPages(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0, 0, 0)).toBe(NO_PFN);
    expect(recorder.calls.filter((call) => call.startsWith("reclaim"))).toHaveLength(17);
  });

  it("ends even when reclaim always claims progress and every kill frees nothing", () => {
    const { allocator, recorder, vmstat } = bootPressed();
    vmstat.modZone(DMA32, NR_ZONE_INACTIVE_FILE, 500);
    recorder.reclaim = () => 1;
    recorder.kill = () => true;
    expect(allocator.allocPages(GFP_KERNEL, 0, 0, 0)).toBe(NO_PFN);
    expect(recorder.calls.length).toBeLessThan(10000);
  });

  it("lets who reclaims allocate from all reserves, without reclaiming again", () => {
    const { allocator, recorder } = bootPressed();
    const nested: number[] = [];
    recorder.reclaim = () => {
      for (let nr = 0; nr < 5; nr++) nested.push(allocator.allocPages(GFP_KERNEL, ORDER, 0, 0));
      return 0;
    };
    expect(allocator.allocPages(GFP_KERNEL | __GFP_NORETRY, ORDER, 0, 0)).toBe(NO_PFN);
    expect(nested.filter((pfn) => pfn !== NO_PFN)).toHaveLength(4);
    expect(recorder.calls.filter((call) => call.startsWith("reclaim"))).toHaveLength(1);
  });

  it("gives __GFP_NOFAIL the reserves, and stops when even these are gone", () => {
    const { allocator } = bootPressed();
    const gfp = GFP_KERNEL | __GFP_NOFAIL;
    expect((gfp & __GFP_DIRECT_RECLAIM) !== 0).toBe(true);
    for (let nr = 0; nr < 8; nr++) expect(allocator.allocPages(gfp, 3, 0, 0)).not.toBe(NO_PFN);
    expect(allocator.nrFreePages()).toBe(0);
    expect(() => allocator.allocPages(gfp, 3, 0, 0)).toThrow(
      "kernel BUG: __GFP_NOFAIL allocation of order 3: no page is left and none can be freed",
    );
  });

  it("opens the atomic reserve before it kills", () => {
    // 1 % of the zone must be a pageblock.
    const machine = makeMachine([{ startPfn: 4096, endPfn: 4096 + 51200, nodeId: 0 }]);
    const { allocator } = machine;
    allocator.releaseBootMemory(4096, 4096 + 51200);
    allocator.finishBoot();
    const recorder = new Recorder();
    allocator.setPressureHandler(recorder);
    const low = allocator.zones[DMA32].watermarks[1];
    while (allocator.zones[DMA32].nrFreePages > low + 20) allocator.allocPages(GFP_HIGHUSER_MOVABLE, 4, 0, 0);
    allocator.allocPages(GFP_ATOMIC, 4, 0, 0);
    expect(allocator.zones[DMA32].nrReservedHighatomic).toBe(512);
    fill(machine, GFP_HIGHUSER_MOVABLE, 3);
    expect(allocator.zones[DMA32].nrReservedHighatomic).toBe(0);
    allocator.checkInvariants();
  });

  it("keeps ZONE_DMA's reserve from those who could use higher zones", () => {
    const machine = makeMachine([{ startPfn: 0, endPfn: 4096 + 51200, nodeId: 0 }]);
    const { allocator } = machine;
    allocator.releaseBootMemory(0, 4096 + 51200);
    allocator.finishBoot();
    const dma = allocator.zones[DMA];
    expect(dma.lowmemReserve[2]).toBe(200);
    fill(machine, GFP_KERNEL);
    const [min] = dma.watermarks;
    expect(dma.nrFreePages).toBeGreaterThanOrEqual(min + 200);
    expect(dma.nrFreePages).toBeLessThanOrEqual(min + 200 + 16);
    expect(allocator.allocPages(GFP_KERNEL | GFP_DMA, ORDER, 0, 0)).not.toBe(NO_PFN);
  });
});
