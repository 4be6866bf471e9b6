import {
  __GFP_COMP,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_DMA32,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  __GFP_RECLAIMABLE,
  KernelBug,
  MAX_NR_ZONES,
  NO_PFN,
  NUMA_FOREIGN,
  NUMA_HIT,
  NUMA_LOCAL,
  NUMA_MISS,
  NUMA_NO_NODE,
  NUMA_OTHER,
  PG_BUDDY,
  PG_DIRTY,
  PG_HEAD,
  PG_LRU,
  PG_RESERVED,
  PG_TAIL,
  PGALLOC_DMA,
  PGALLOC_DMA32,
  PGFREE,
  TP_MM_PAGE_ALLOC,
  TP_MM_PAGE_FREE,
  WMARK_HIGH,
} from "@pageframe/contracts";
import { FrameContents, NO_MAPPING } from "@pageframe/memmap";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameAllocators } from "../src/index.ts";
import { bootFlat, DMA, DMA32, makeMachine, type Machine, NODE1_DMA32 } from "./helpers.ts";

const occupants = frameAllocators.map(({ name }) => name);

/** Two nodes with a CPU each; node 0 has DMA and DMA32, node 1 DMA32, with an unaligned border between them. */
function bootTwoNodes(occupant: string): Machine {
  const machine = makeMachine(
    [
      { startPfn: 1, endPfn: 159, nodeId: 0 },
      { startPfn: 256, endPfn: 6000, nodeId: 0 },
      { startPfn: 6000, endPfn: 8100, nodeId: 1 },
    ],
    [0, 1],
    { minFreeKbytes: 256 },
    occupant,
  );
  machine.allocator.releaseBootMemory(256, 6000);
  machine.allocator.releaseBootMemory(6000, 8100);
  machine.allocator.finishBoot();
  return machine;
}

function drained({ allocator }: Machine): number {
  allocator.drainPcp(-1);
  return allocator.nrFreePages();
}

it("lists the buddy allocator first", () => {
  expect(occupants).toEqual(["buddy", "bitmap-first-fit"]);
});

describe.each(occupants)("frame allocator %s", (occupant) => {
  it("goes by its name", () => {
    expect(bootFlat(1024, {}, occupant).allocator.name).toBe(occupant);
  });

  it("keeps all RAM reserved until it is released", () => {
    const { allocator, memmap } = makeMachine([{ startPfn: 0, endPfn: 4096, nodeId: 0 }], [0], {}, occupant);
    expect(allocator.nrFreePages()).toBe(0);
    expect(memmap.hasFlags(0, PG_RESERVED)).toBe(true);
    expect(allocator.allocPages(GFP_KERNEL, 0, 0, 0)).toBe(NO_PFN);
    allocator.releaseBootMemory(1000, 3000);
    expect(allocator.nrFreePages()).toBe(2000);
    expect(allocator.zones[DMA].managedPages).toBe(2000);
    expect(memmap.hasFlags(999, PG_RESERVED)).toBe(true);
    expect(memmap.hasFlags(1000, PG_RESERVED)).toBe(false);
    allocator.checkInvariants();
  });

  it("hands out a page with one reference and no flags", () => {
    const { allocator, memmap } = bootFlat(4096, {}, occupant);
    const pfn = allocator.allocPages(GFP_KERNEL, 0, 0, NUMA_NO_NODE);
    expect([memmap.refcount[pfn], memmap.flags[pfn], memmap.mapping[pfn]]).toEqual([1, 0, NO_MAPPING]);
    expect(memmap.lists.isListed(pfn)).toBe(false);
    allocator.checkInvariants();
  });

  it.each([0, 1, 2, 3, 4, 8, 9, 10])("aligns a block of order %i and takes it back whole", (order) => {
    const machine = bootFlat(8192, {}, occupant);
    const { allocator, memmap } = machine;
    const pfn = allocator.allocPages(GFP_KERNEL, order, 0, 0);
    expect(pfn % 2 ** order).toBe(0);
    expect(drained(machine)).toBe(8192 - 2 ** order);
    allocator.checkInvariants();
    allocator.freePages(pfn, order, 0);
    expect(memmap.refcount[pfn]).toBe(0);
    expect(drained(machine)).toBe(8192);
    // Zone DMA and DMA32 have four blocks of the largest order each: everything merged again.
    expect([DMA, DMA32].map((zoneId) => allocator.zones[zoneId].nrFreeBlocks(10))).toEqual([4, 4]);
    allocator.checkInvariants();
  });

  it("cannot give more than the largest order", () => {
    expect(bootFlat(8192, {}, occupant).allocator.allocPages(GFP_KERNEL, 11, 0, 0)).toBe(NO_PFN);
  });

  it("makes a compound page and takes it apart again", () => {
    const machine = bootFlat(4096, {}, occupant);
    const { allocator, memmap } = machine;
    const pfn = allocator.allocPages(GFP_KERNEL | __GFP_COMP, 2, 0, 0);
    expect(memmap.compoundOrder(pfn)).toBe(2);
    expect(memmap.hasFlags(pfn, PG_HEAD)).toBe(true);
    expect([1, 2, 3].map((tail) => memmap.flags[pfn + tail] & PG_TAIL)).toEqual([PG_TAIL, PG_TAIL, PG_TAIL]);
    memmap.checkInvariants();
    allocator.freePages(pfn, 2, 0);
    expect(drained(machine)).toBe(4096);
    allocator.checkInvariants();
  });

  it("clears bytes for __GFP_ZERO, also of frames that had them as page tables", () => {
    for (const mode of ["none", "sparse", "dense"] as const) {
      const contents = new FrameContents(4096, mode);
      const { allocator } = bootFlat(4096, { contents }, occupant);
      const pfn = allocator.allocPages(GFP_KERNEL, 1, 0, 0);
      contents.words[contents.ensureSlot(pfn + 1)] = 42;
      allocator.freePages(pfn, 1, 0);
      expect(allocator.allocPages(GFP_KERNEL | __GFP_ZERO, 1, 0, 0)).toBe(pfn);
      expect(contents.isZero(pfn + 1)).toBe(true);
    }
  });

  it("clears what a freed page carries", () => {
    const { allocator, memmap } = bootFlat(4096, {}, occupant);
    const pfn = allocator.allocPages(GFP_KERNEL, 0, 0, 0);
    memmap.flags[pfn] = PG_DIRTY;
    memmap.mapping[pfn] = 7;
    memmap.private[pfn] = 9;
    allocator.freePages(pfn, 0, 0);
    expect([memmap.mapping[pfn], memmap.private[pfn]]).toEqual([NO_MAPPING, -1]);
    allocator.checkInvariants();
  });

  it("stops at a page that cannot be freed", () => {
    const { allocator, memmap } = bootFlat(4096, {}, occupant);
    const pfn = allocator.allocPages(GFP_KERNEL, 0, 0, 0);
    memmap.refcount[pfn] = 2;
    expect(() => allocator.freePages(pfn, 0, 0)).toThrow(`pfn ${pfn} is freed with 2 references`);
    memmap.refcount[pfn] = 1;
    memmap.flags[pfn] = PG_LRU;
    expect(() => allocator.freePages(pfn, 0, 0)).toThrow(`pfn ${pfn} is freed with flags lru`);
    memmap.flags[pfn] = PG_DIRTY;
    memmap.mapcount[pfn] = 3;
    expect(() => allocator.freePages(pfn, 0, 0)).toThrow(`pfn ${pfn} is freed while mapped 3 times`);
    memmap.mapcount[pfn] = 0;
    allocator.freePages(pfn, 0, 0);
    expect(() => allocator.freePages(pfn, 0, 0)).toThrow(`pfn ${pfn} is freed and is free already`);
    allocator.drainPcp(-1);
    expect(() => allocator.freePages(0, 0, 0)).toThrow(KernelBug);
    const head = allocator.allocPages(GFP_KERNEL | __GFP_COMP, 3, 0, 0);
    expect(() => allocator.freePages(head, 2, 0)).toThrow(`compound page ${head} of order 3 is freed as 2`);
  });

  it("stops at a CPU or node that is not there", () => {
    const { allocator } = bootFlat(4096, {}, occupant);
    expect(() => allocator.allocPages(GFP_KERNEL, 4, 1, 0)).toThrow("allocation on CPU 1; there are 1");
    expect(() => allocator.allocPages(GFP_KERNEL, 4, 0, 1)).toThrow("allocation on node 1; there are 1");
  });

  it("keeps to the zones that the flags admit", () => {
    const { allocator, memmap } = bootTwoNodes(occupant);
    const zoneOf = (gfp: number): number => memmap.zoneId[allocator.allocPages(gfp, 0, 0, 0)];
    expect(zoneOf(GFP_KERNEL | GFP_DMA)).toBe(DMA);
    expect(zoneOf(GFP_KERNEL | GFP_DMA32)).toBe(DMA32);
    expect(zoneOf(GFP_KERNEL)).toBe(DMA32);
    expect(zoneOf(GFP_HIGHUSER_MOVABLE)).toBe(DMA32);
  });

  it("prefers the CPU's node, then takes what others have, unless the flags forbid it", () => {
    const { allocator, memmap, vmstat } = bootTwoNodes(occupant);
    const taken = new Map<number, number>();
    for (;;) {
      const pfn = allocator.allocPages(GFP_ATOMIC & ~0x20, 0, 1, NUMA_NO_NODE);
      if (pfn === NO_PFN) break;
      const zoneId = memmap.zoneId[pfn];
      taken.set(zoneId, (taken.get(zoneId) ?? 0) + 1);
    }
    expect([...taken.keys()]).toEqual([NODE1_DMA32, DMA32, DMA]);
    const nrRemote = taken.get(DMA32)! + taken.get(DMA)!;
    expect(vmstat.numaStat(NODE1_DMA32, NUMA_HIT)).toBe(taken.get(NODE1_DMA32));
    expect(vmstat.numaStat(NODE1_DMA32, NUMA_LOCAL)).toBe(taken.get(NODE1_DMA32));
    expect(vmstat.numaStat(NODE1_DMA32, NUMA_FOREIGN)).toBe(nrRemote);
    expect(vmstat.globalNuma(NUMA_MISS)).toBe(nrRemote);
    expect(vmstat.globalNuma(NUMA_OTHER)).toBe(nrRemote);
    expect(vmstat.events[PGALLOC_DMA]).toBe(taken.get(DMA));
    expect(vmstat.events[PGALLOC_DMA32]).toBe(taken.get(NODE1_DMA32)! + taken.get(DMA32)!);
    // Nothing but DMA's reserve for allocations that could have used DMA32 is left besides the min watermarks.
    const dma = allocator.zones[DMA];
    expect(dma.nrFreePages).toBeLessThanOrEqual(dma.watermarks[0] + dma.lowmemReserve[2]);
    allocator.checkInvariants();
  });

  it("stays on the node with __GFP_THISNODE", () => {
    const { allocator, memmap } = bootTwoNodes(occupant);
    const zones = new Set<number>();
    for (;;) {
      const pfn = allocator.allocPages(GFP_KERNEL | __GFP_THISNODE, 0, 0, 1);
      if (pfn === NO_PFN) break;
      zones.add(memmap.zoneId[pfn]);
    }
    expect([...zones]).toEqual([NODE1_DMA32]);
  });

  it("does not merge blocks of different nodes", () => {
    // 5888..6144 would be one block of order 8 but for the border at 6000.
    const { allocator } = bootTwoNodes(occupant);
    allocator.checkInvariants();
    expect(allocator.zones[DMA32].nrFreePages).toBe(6000 - 4096);
    expect(allocator.zones[NODE1_DMA32].nrFreePages).toBe(2100);
    // 6000 = 16 * 375 and 6016 = 128 * 47: orders 4 and 7 up to 6144; then 10, 9, 8, 7, 5 and 2 up to 8100.
    const blocks = Array.from({ length: 11 }, (_, order) => allocator.zones[NODE1_DMA32].nrFreeBlocks(order));
    expect(blocks).toEqual([0, 0, 1, 0, 1, 1, 0, 2, 1, 1, 1]);
  });

  it("counts allocations and frees in pages", () => {
    const { allocator, vmstat } = bootFlat(4096, {}, occupant);
    const atBoot = vmstat.events[PGFREE];
    expect(atBoot).toBe(4096);
    const pfn = allocator.allocPages(GFP_KERNEL, 3, 0, 0);
    allocator.freePages(pfn, 3, 0);
    allocator.freePages(allocator.allocPages(GFP_KERNEL, 5, 0, 0), 5, 0);
    expect(vmstat.events[PGALLOC_DMA]).toBe(8 + 32);
    expect(vmstat.events[PGFREE] - atBoot).toBe(8 + 32);
  });

  it("tells listeners of every allocation and free", () => {
    const { allocator } = bootFlat(4096, {}, occupant);
    const seen: number[][] = [];
    allocator.trace = { emit: (...event: number[]) => void seen.push(event) };
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 1, 0, 0);
    allocator.freePages(pfn, 1, 0);
    allocator.trace = null;
    allocator.allocPages(GFP_KERNEL, 0, 0, 0);
    const [alloc] = seen.filter(([tracepoint]) => tracepoint === TP_MM_PAGE_ALLOC);
    expect(alloc).toEqual([TP_MM_PAGE_ALLOC, pfn, 1, GFP_HIGHUSER_MOVABLE, 1]);
    expect(seen.filter(([tracepoint]) => tracepoint === TP_MM_PAGE_FREE)).toEqual([
      [TP_MM_PAGE_FREE, pfn, 1, 0, 0],
    ]);
  });

  it("frees memory late, page by page, and lets it count for reserves but not for watermarks", () => {
    const machine = makeMachine([{ startPfn: 0, endPfn: 8192, nodeId: 0 }], [0], {}, occupant);
    const { allocator } = machine;
    allocator.releaseBootMemory(0, 6144);
    allocator.finishBoot();
    const high = allocator.zones[DMA32].watermarks[WMARK_HIGH];
    expect(allocator.zones[DMA].lowmemReserve[2]).toBe(2048 / 256);
    allocator.releaseBootMemory(6144, 8192);
    expect(allocator.zones[DMA32].managedPages).toBe(4096);
    expect(allocator.zones[DMA].lowmemReserve[2]).toBe(4096 / 256);
    expect(allocator.zones[DMA32].watermarks[WMARK_HIGH]).toBe(high);
    expect(drained(machine)).toBe(8192);
    allocator.checkInvariants();
  });

  it("refuses to release what is not reserved RAM", () => {
    const { allocator } = makeMachine([{ startPfn: 256, endPfn: 4096, nodeId: 0 }], [0], {}, occupant);
    expect(() => allocator.releaseBootMemory(200, 300)).toThrow(
      "EINVAL: release of frames [200, 300): frame 200 is not reserved RAM",
    );
    allocator.releaseBootMemory(256, 300);
    expect(() => allocator.releaseBootMemory(299, 310)).toThrow("frame 299 is not reserved RAM");
  });

  it("turns its knobs", () => {
    const { allocator } = bootFlat(8192, {}, occupant);
    // sqrt(8192 pages * 4 KiB * 16) = 724 KiB = 181 pages, half for each zone.
    expect(allocator.minFreeKbytes).toBe(724);
    expect(Array.from(allocator.zones[DMA].watermarks)).toEqual([90, 112, 134, 156]);
    allocator.setMinFreeKbytes(1024);
    expect(Array.from(allocator.zones[DMA].watermarks)).toEqual([128, 160, 192, 224]);
    allocator.setWatermarkScaleFactor(1000);
    expect(Array.from(allocator.zones[DMA].watermarks)).toEqual([128, 537, 946, 1355]);
    expect(() => allocator.setMinFreeKbytes(-5)).toThrow("EINVAL: min_free_kbytes (-5)");
    expect(() => allocator.setWatermarkScaleFactor(3001)).toThrow(
      "EINVAL: watermark_scale_factor (3001) must be an integer from 1 to 3000",
    );
  });

  it("answers kswapd whether a zone is balanced", () => {
    const machine = bootFlat(8192, {}, occupant);
    const { allocator } = machine;
    expect(allocator.zoneWatermarkOk(DMA32, 0, 4095, 2)).toBe(true);
    expect(allocator.zoneWatermarkOk(DMA32, 0, 4096, 2)).toBe(false);
    // DMA keeps 16 pages from those that could use DMA32.
    expect(allocator.zoneWatermarkOk(DMA, 0, 4079, 2)).toBe(true);
    expect(allocator.zoneWatermarkOk(DMA, 0, 4080, 2)).toBe(false);
    expect(allocator.zoneWatermarkOk(DMA, 0, 4080, 0)).toBe(true);
    // A block of order 3 leaves 7 fewer.
    expect(allocator.zoneWatermarkOk(DMA32, 3, 4088, 2)).toBe(true);
    expect(allocator.zoneWatermarkOk(DMA32, 3, 4089, 2)).toBe(false);
  });

  it("behaves as a set of disjoint blocks under random use", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("alloc" as const),
        gfp: fc.constantFrom(
          GFP_KERNEL,
          GFP_HIGHUSER_MOVABLE,
          GFP_ATOMIC,
          GFP_KERNEL | __GFP_RECLAIMABLE,
          GFP_KERNEL | GFP_DMA,
          GFP_HIGHUSER_MOVABLE | __GFP_COMP,
        ),
        order: fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 6, 8, 9, 10),
        cpu: fc.nat(1),
        node: fc.constantFrom(NUMA_NO_NODE, 0, 1),
      }),
      fc.record({ kind: fc.constant("free" as const), pick: fc.nat(), cpu: fc.nat(1) }),
      fc.record({ kind: fc.constantFrom("drain" as const, "decay" as const), cpu: fc.nat(1) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = bootTwoNodes(occupant);
        const { allocator, memmap } = machine;
        const nrAtStart = allocator.nrFreePages();
        const held = new Map<number, number>();
        const owned = new Set<number>();
        for (const each of steps) {
          if (each.kind === "alloc") {
            const pfn = allocator.allocPages(each.gfp, each.order, each.cpu, each.node);
            if (pfn === NO_PFN) continue;
            expect(pfn % 2 ** each.order).toBe(0);
            expect(memmap.refcount[pfn]).toBe(1);
            const isCompound = (each.gfp & __GFP_COMP) !== 0 && each.order > 0;
            if (!isCompound) expect(memmap.flags[pfn]).toBe(0);
            for (let frame = pfn; frame < pfn + 2 ** each.order; frame++) {
              expect(owned.has(frame)).toBe(false);
              owned.add(frame);
              expect(memmap.zoneId[frame]).toBe(memmap.zoneId[pfn]);
            }
            held.set(pfn, each.order);
          } else if (each.kind === "free") {
            if (held.size === 0) continue;
            const pfn = [...held.keys()][each.pick % held.size];
            const order = held.get(pfn)!;
            allocator.freePages(pfn, order, each.cpu);
            held.delete(pfn);
            for (let frame = pfn; frame < pfn + 2 ** order; frame++) owned.delete(frame);
          } else if (each.kind === "drain") {
            allocator.drainPcp(each.cpu);
          } else {
            allocator.decayPcp(each.cpu);
          }
          allocator.checkInvariants();
          memmap.checkInvariants();
          const nrOnLists = allocator.zones.reduce((sum, zone) => sum + zone.nrPcpPages(), 0);
          expect(allocator.nrFreePages() + nrOnLists + owned.size).toBe(nrAtStart);
        }
        for (const [pfn, order] of held) allocator.freePages(pfn, order, 0);
        expect(drained(machine)).toBe(nrAtStart);
        allocator.checkInvariants();
      }),
      { seed: 20261120, numRuns: 40 },
    );
  });

  it("is the same after the same calls", () => {
    const run = (): number[] => {
      const { allocator } = bootTwoNodes(occupant);
      const taken = Array.from({ length: 300 }, (_, at) =>
        allocator.allocPages(GFP_KERNEL, at % 4, at % 2, NUMA_NO_NODE),
      );
      taken.forEach((pfn, at) => {
        if (at % 3 === 0) allocator.freePages(pfn, at % 4, 0);
      });
      return Array.from({ length: 100 }, () =>
        allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 1, NUMA_NO_NODE),
      );
    };
    expect(run()).toEqual(run());
  });

  it("finds a free frame that carries a user's mark", () => {
    const { allocator, memmap } = bootFlat(4096, {}, occupant);
    memmap.setFlags(100, PG_DIRTY);
    expect(() => allocator.checkInvariants()).toThrow(KernelBug);
    memmap.clearFlags(100, PG_DIRTY);
    const pfn = allocator.allocPages(GFP_KERNEL, 4, 0, 0);
    memmap.setFlags(pfn, PG_BUDDY);
    expect(() => allocator.checkInvariants()).toThrow(`pfn ${pfn} has PG_buddy`);
  });

  it("is made for machines that make sense only", () => {
    const make = (ranges: { startPfn: number; endPfn: number; nodeId: number }[], cpuNodes = [0]): unknown =>
      makeMachine(ranges, cpuNodes, {}, occupant);
    expect(() => make([{ startPfn: 10, endPfn: 10, nodeId: 0 }])).toThrow(
      "EINVAL: memory range [10, 10) of node 0 is not a range of frames",
    );
    expect(() =>
      make([
        { startPfn: 0, endPfn: 100, nodeId: 0 },
        { startPfn: 99, endPfn: 200, nodeId: 0 },
      ]),
    ).toThrow("memory range [99, 200) of node 0 begins before 100; ranges must be sorted and disjoint");
    expect(() => make([{ startPfn: 0, endPfn: 100, nodeId: 0 }], [1])).toThrow(
      "EINVAL: cpuNodes (1) must name one of 1 nodes for each of 1 CPUs",
    );
    expect(() => make([{ startPfn: 0, endPfn: 100, nodeId: 0 }], [])).toThrow("EINVAL: nrCpus (0)");
  });

  it("has every zone of every node, empty ones included", () => {
    const { allocator } = bootTwoNodes(occupant);
    expect(allocator.zones).toHaveLength(2 * MAX_NR_ZONES);
    expect(allocator.zones.map(({ id, nodeId, zoneType }) => [id, nodeId, zoneType])[7]).toEqual([7, 1, 2]);
    expect(allocator.nodeOfCpu(1)).toBe(1);
  });
});
