import {
  EBUSY,
  EINVAL,
  MAX_SHADOW,
  MAX_SWAPFILES,
  NO_PFN,
  NO_SHADOW,
  NO_SWAP_ENTRY,
  NR_FILE_PAGES,
  NR_SWAPCACHED,
  PG_SWAPCACHE,
  swapEntry,
  swapOffset,
  swapType,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { ClusterSlots, FirstFitSlots, MemorySwapBackend, type SwapAreas } from "../src/index.ts";
import { addArea, newMachine } from "./helpers.ts";

function takeEntries(swap: SwapAreas, nr: number): number[] {
  return Array.from({ length: nr }, () => swap.allocEntry());
}

describe("SwapAreas, when areas come and go", () => {
  it("gives priorities -2, -3, ... to areas without one", () => {
    // Linux 6.18.15, /proc/swaps of a machine with one area: /dev/vda partition 262140 0 -2 (KiB: 65535 pages).
    const { swap } = newMachine();
    addArea(swap, "/dev/vda", 65535);
    addArea(swap, "/fast", 10, 5);
    addArea(swap, "/second", 10);
    expect(swap.views()).toEqual([
      { name: "/dev/vda", type: 0, kind: "file", sizePages: 65535, usedPages: 0, priority: -2 },
      { name: "/fast", type: 1, kind: "file", sizePages: 10, usedPages: 0, priority: 5 },
      { name: "/second", type: 2, kind: "file", sizePages: 10, usedPages: 0, priority: -3 },
    ]);
    expect([swap.nrTotalSlots, swap.nrFreeSlots]).toEqual([65555, 65555]);
    swap.checkInvariants();
  });

  it("moves automatic priorities up when an area before them goes, and reuses its type", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    addArea(swap, "/b", 10);
    addArea(swap, "/c", 10, 3);
    expect(swap.swapoff(0)).toBe(0);
    expect(swap.views().map(({ name, priority }) => [name, priority])).toEqual([
      ["/b", -2],
      ["/c", 3],
    ]);
    expect(addArea(swap, "/d", 10)).toBe(0);
    expect(swap.views()[0].priority).toBe(-3);
    expect(swap.nrTotalSlots).toBe(30);
    swap.checkInvariants();
  });

  it("keeps an area on while a slot of it is in use", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    const entry = swap.getSwapPage(3);
    expect(swap.swapoff(0)).toBe(-EBUSY);
    swap.deleteFromCache(3);
    expect(swap.swapCount(entry)).toBe(0);
    expect(swap.swapoff(0)).toBe(0);
    expect(swap.swapoff(0)).toBe(-EINVAL);
    expect(swap.swapoff(7)).toBe(-EINVAL);
    expect([swap.nrTotalSlots, swap.nrFreeSlots]).toEqual([0, 0]);
    swap.checkInvariants();
  });

  it("refuses what swapon(2) refuses, and says why", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    expect(() => addArea(swap, "/a", 10)).toThrow("EBUSY: swap area /a is on already");
    expect(() => addArea(swap, "/b", 10, 32768)).toThrow(/^EINVAL: swap priority 32768/);
    expect(() => addArea(swap, "/b", 10, 0.5)).toThrow(/^EINVAL/);
    expect(() => addArea(swap, "/b", 10, 0, new MemorySwapBackend(10))).toThrow(
      "EINVAL: swap backend memory holds 10 pages, and 11 slots are asked for",
    );
    const slots = new FirstFitSlots(9);
    slots.allocSlot();
    expect(() => swap.swapon({ name: "/b", slots, backend: new MemorySwapBackend(9) })).toThrow(
      /^EINVAL: 1 slots/,
    );
    for (let nr = 1; nr < MAX_SWAPFILES; nr++) addArea(swap, `/${nr}`, 10);
    expect(() => addArea(swap, "/b", 10)).toThrow("EPERM: 24 swap areas are on: no more can be");
  });
});

describe("SwapAreas, when it hands out slots", () => {
  it("has none without an area", () => {
    const { swap } = newMachine();
    expect(swap.allocEntry()).toBe(NO_SWAP_ENTRY);
    expect(swap.getSwapPage(1)).toBe(NO_SWAP_ENTRY);
  });

  it("fills the area of highest priority first", () => {
    const { swap } = newMachine();
    addArea(swap, "/low", 3);
    addArea(swap, "/high", 2, 0);
    expect(takeEntries(swap, 6)).toEqual([
      swapEntry(1, 1),
      swapEntry(1, 2),
      swapEntry(0, 1),
      swapEntry(0, 2),
      swapEntry(0, 3),
      NO_SWAP_ENTRY,
    ]);
    expect(swap.nrFreeSlots).toBe(0);
  });

  it("gives areas of equal priority turns of a cluster", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 1023, 7);
    addArea(swap, "/b", 1023, 7);
    // Cluster 0 ends at slot 255, the next at 511.
    const types = takeEntries(swap, 255 + 255 + 256 + 1).map(swapType);
    expect(types.slice(0, 255).every((type) => type === 0)).toBe(true);
    expect(types.slice(255, 510).every((type) => type === 1)).toBe(true);
    expect(types.slice(510, 766).every((type) => type === 0)).toBe(true);
    expect(types[766]).toBe(1);
  });

  it("goes back to a higher priority when the cluster it fills is done", () => {
    const { swap } = newMachine();
    addArea(swap, "/low", 1023);
    addArea(swap, "/high", 1, 5);
    const high = swap.getSwapPage(1);
    expect(swapType(high)).toBe(1);
    expect(swapType(swap.getSwapPage(2))).toBe(0);
    swap.deleteFromCache(1);
    expect(swapType(swap.getSwapPage(3))).toBe(0);
    takeEntries(swap, 253);
    expect(swapType(swap.allocEntry())).toBe(1);
  });
});

describe("SwapAreas, when it counts", () => {
  it("frees a slot when the last entry goes and no page of it is cached", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    const entry = swap.getSwapPage(3);
    swap.swapDuplicate(entry);
    swap.swapDuplicate(entry);
    expect(swap.swapCount(entry)).toBe(2);
    swap.deleteFromCache(3);
    expect(swap.nrFreeSlots).toBe(9);
    expect(swap.swapFree(entry)).toBe(1);
    expect(swap.swapFree(entry)).toBe(0);
    expect(swap.nrFreeSlots).toBe(10);
    expect(swap.swapCount(entry)).toBe(0);
    expect(swap.lookupCache(entry)).toBe(NO_PFN);
    swap.checkInvariants();
  });

  it("keeps the slot of a cached page that nothing names", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    const entry = swap.getSwapPage(3);
    swap.swapDuplicate(entry);
    swap.swapDuplicate(entry);
    expect(swap.freeSwapAndCache(entry)).toBe(NO_PFN);
    expect(swap.freeSwapAndCache(entry)).toBe(3);
    expect(swap.nrFreeSlots).toBe(9);
    swap.deleteFromCache(3);
    expect(swap.nrFreeSlots).toBe(10);
    swap.checkInvariants();
  });

  it("counts past what fits a byte of swap_map", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    const entry = swap.getSwapPage(3);
    for (let nr = 1; nr <= 300; nr++) {
      swap.swapDuplicate(entry);
      expect(swap.swapCount(entry)).toBe(nr);
    }
    swap.checkInvariants();
    // SWAP_MAP_MAX.
    expect(swap.areas[0]?.swapMap[1]).toBe(0x3e);
    for (let nr = 299; nr >= 0; nr--) expect(swap.swapFree(entry)).toBe(nr);
    swap.checkInvariants();
    expect(() => swap.swapFree(entry)).toThrow(/nothing names it/);
  });

  it("marks cached pages in the memmap and in nr_swapcached and nr_file_pages", () => {
    const { swap, memmap, vmstat } = newMachine();
    addArea(swap, "/a", 10);
    const entry = swap.getSwapPage(3);
    expect(memmap.private[3]).toBe(entry);
    expect(memmap.hasFlags(3, PG_SWAPCACHE)).toBe(true);
    expect(swap.lookupCache(entry)).toBe(3);
    expect([vmstat.nodeStat(0, NR_SWAPCACHED), vmstat.nodeStat(0, NR_FILE_PAGES)]).toEqual([1, 1]);
    swap.deleteFromCache(3);
    expect(memmap.private[3]).toBe(NO_SWAP_ENTRY);
    expect(memmap.hasFlags(3, PG_SWAPCACHE)).toBe(false);
    expect([vmstat.nodeStat(0, NR_SWAPCACHED), vmstat.nodeStat(0, NR_FILE_PAGES)]).toEqual([0, 0]);
  });

  it("stops at entries and pages that cannot be", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    expect(() => swap.swapDuplicate(swapEntry(0, 4))).toThrow(/names a free slot of \/a/);
    expect(() => swap.swapCount(swapEntry(3, 4))).toThrow(/no swap area of type 3/);
    expect(() => swap.deleteFromCache(3)).toThrow(/pfn 3 is not in the swap cache/);
    const entry = swap.getSwapPage(3);
    expect(() => swap.addToCache(entry, 4)).toThrow(/is cached in pfn 3 already/);
    expect(() => swap.getSwapPage(3)).toThrow(/pfn 3 is in the swap cache already/);
  });

  it("reports a slot that nobody holds", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    expect(swapOffset(swap.allocEntry())).toBe(1);
    expect(() => swap.checkInvariants()).toThrow(/slot 1 of \/a: used true, named 0 times/);
  });

  it("closes the backend of an area that goes", () => {
    const { swap } = newMachine();
    let nrClosed = 0;
    const backend = new MemorySwapBackend(8);
    backend.close = (): void => {
      nrClosed++;
    };
    swap.swapon({ name: "/a", slots: new ClusterSlots(8), backend });
    swap.swapoff(0);
    expect(nrClosed).toBe(1);
  });
});

describe("SwapAreas, when reclaim takes a page of the swap cache", () => {
  it("keeps its shadow until a page of the slot is cached again, or the slot is free", () => {
    const { swap } = newMachine();
    addArea(swap, "/a", 10);
    const entry = swap.getSwapPage(3);
    swap.swapDuplicate(entry);
    expect(swap.shadowOf(entry)).toBe(NO_SHADOW);
    swap.deleteFromCache(3, MAX_SHADOW);
    expect(swap.shadowOf(entry)).toBe(MAX_SHADOW);
    expect(swap.lookupCache(entry)).toBe(NO_PFN);
    swap.checkInvariants();
    swap.addToCache(entry, 5);
    expect(swap.shadowOf(entry)).toBe(NO_SHADOW);
    swap.deleteFromCache(5, 0);
    expect(swap.shadowOf(entry)).toBe(0);
    swap.checkInvariants();
    expect(swap.swapFree(entry)).toBe(0);
    swap.checkInvariants();
    expect(swap.shadowOf(swap.allocEntry())).toBe(NO_SHADOW);
  });
});
