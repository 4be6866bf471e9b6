import {
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  findOccupant,
  GFP_KERNEL,
  KernelBug,
  PG_SLAB,
  SLAB_RECLAIM_ACCOUNT,
  TP_KMEM_CACHE_ALLOC,
  TP_KMEM_CACHE_FREE,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { objectAllocators, type SlabCache, type SlubAllocator } from "../src/index.ts";
import { type Machine, makeMachine, nodeStat } from "./helpers.ts";

/** 4 objects in a slab of 8 pages, 3 slabs on a CPU's partial list, 6 kept by a node. */
function addBigCache(slub: SlubAllocator, flags = 0): { cache: number; view: SlabCache } {
  const cache = slub.createCache("big", 8192, 0, flags);
  return { cache, view: slub.caches[cache] };
}

function allocMany(machine: Machine, cache: number, nr: number, cpu = 0): number[] {
  const addresses: number[] = [];
  for (let done = 0; done < nr; done++) addresses.push(machine.slub.allocObject(cache, GFP_KERNEL, cpu));
  machine.slub.checkInvariants();
  return addresses;
}

function freeAll(machine: Machine, cache: number, addresses: readonly number[], cpu = 0): void {
  for (const address of addresses) {
    machine.slub.freeObject(cache, address, cpu);
    machine.slub.checkInvariants();
  }
}

const SLAB_BYTES = 8 * 4096;

describe("SlubAllocator", () => {
  it("is the default of its seat", () => {
    expect(objectAllocators[0].name).toBe("slub");
    expect(findOccupant("object allocator", objectAllocators, "slub")).toBe(objectAllocators[0]);
  });

  it("hands out a fresh slab in address order, and freed objects last in, first out", () => {
    const machine = makeMachine();
    const cache = machine.slub.createCache("vm_area_struct", 192, 64, 0);
    const [a, b, c] = allocMany(machine, cache, 3);
    expect([a, b, c]).toEqual([4096, 4096 + 192, 4096 + 384]);
    freeAll(machine, cache, [a, c]);
    expect(allocMany(machine, cache, 3)).toEqual([c, a, 4096 + 576]);
  });

  it("marks the first frame of a slab and points it back to its cache", () => {
    const { slub, memmap } = makeMachine();
    const { cache } = addBigCache(slub);
    slub.allocObject(cache, GFP_KERNEL, 0);
    expect(memmap.flags[8] & PG_SLAB).toBe(PG_SLAB);
    expect(memmap.flags[9] & PG_SLAB).toBe(0);
    expect(memmap.compoundHead(15)).toBe(8);
    expect(memmap.compoundOrder(8)).toBe(3);
    expect(memmap.private[8]).toBe(cache);
  });

  it("shows a cache as /proc/slabinfo does: objects that a CPU holds ready count as active", () => {
    const machine = makeMachine();
    const { cache, view } = addBigCache(machine.slub);
    expect([view.nrActiveObjects, view.nrTotalObjects, view.nrSlabs]).toEqual([0, 0, 0]);
    const addresses = allocMany(machine, cache, 5);
    expect([view.nrActiveObjects, view.nrTotalObjects, view.nrSlabs]).toEqual([8, 8, 2]);
    expect(view.nrAllocatedObjects).toBe(5);
    machine.slub.freeObject(cache, addresses[0], 0);
    expect(machine.slub.shrinkAll()).toBe(0);
    // Both slabs are on the node's list now, with 3 of 4 and 1 of 4 objects in use.
    expect([view.nrActiveObjects, view.nrTotalObjects, view.nrSlabs]).toEqual([4, 8, 2]);
    expect(view.nrAllocatedObjects).toBe(4);
  });

  it("gives each CPU a slab of its own", () => {
    const machine = makeMachine([0, 0]);
    const { cache, view } = addBigCache(machine.slub);
    expect(allocMany(machine, cache, 2, 0)).toEqual([SLAB_BYTES, SLAB_BYTES + 8192]);
    expect(allocMany(machine, cache, 2, 1)).toEqual([2 * SLAB_BYTES, 2 * SLAB_BYTES + 8192]);
    expect(view.nrSlabs).toBe(2);
  });

  it("finds what another CPU freed into its slab only when its own freelist is used up", () => {
    const machine = makeMachine([0, 0]);
    const { cache, view } = addBigCache(machine.slub);
    const [first] = allocMany(machine, cache, 1, 0);
    freeAll(machine, cache, [first], 1);
    expect(allocMany(machine, cache, 4, 0)).toEqual([
      first + 8192,
      first + 2 * 8192,
      first + 3 * 8192,
      first,
    ]);
    expect(view.nrSlabs).toBe(1);
  });

  it("keeps a full slab that gets a free object on the freeing CPU's partial list", () => {
    const machine = makeMachine([0, 0]);
    const { cache, view } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 8, 0);
    freeAll(machine, cache, [addresses[1]], 1);
    expect(view.nrPartial[0]).toBe(0);
    expect(allocMany(machine, cache, 1, 1)).toEqual([addresses[1]]);
    expect(view.nrSlabs).toBe(2);
  });

  it("moves a CPU's partial slabs to the node when there are too many, and keeps min_partial empty ones", () => {
    const machine = makeMachine();
    const { cache, view } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 48);
    expect(view.nrSlabs).toBe(12);
    freeAll(machine, cache, addresses);
    // Slabs 1 to 3 and 4 to 6 fill the CPU's list and go to the node; 7 to 9 find it with 6 and are freed; 10 and 11 stay
    // on the CPU's list; 12 is the one it allocates from.
    expect(view.nrPartial[0]).toBe(6);
    expect(view.nrSlabs).toBe(9);
    expect(view.nrAllocatedObjects).toBe(0);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(72);
    expect(machine.slub.shrinkAll()).toBe(72);
    machine.slub.checkInvariants();
    expect(view.nrSlabs).toBe(0);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(0);
  });

  it("frees a slab of the node's list at once when it becomes empty beyond min_partial", () => {
    const machine = makeMachine();
    const { cache, view } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 40);
    // One object of each slab but the last goes; the flush puts the nine on the node's list.
    freeAll(
      machine,
      cache,
      addresses.filter((_, at) => at % 4 === 0 && at < 36),
    );
    machine.slub.shrinkAll();
    expect([view.nrPartial[0], view.nrSlabs]).toEqual([9, 10]);
    freeAll(machine, cache, [addresses[1], addresses[2], addresses[3]]);
    expect([view.nrPartial[0], view.nrSlabs]).toEqual([8, 9]);
  });

  it("takes several partial slabs from the node at once", () => {
    const machine = makeMachine();
    const { cache, view } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 24);
    freeAll(
      machine,
      cache,
      addresses.filter((_, at) => at % 4 === 0),
    );
    machine.slub.shrinkAll();
    expect(view.nrPartial[0]).toBe(6);
    allocMany(machine, cache, 1);
    // One to allocate from, and two for the CPU's list: more than half of its three.
    expect(view.nrPartial[0]).toBe(3);
  });

  it("turns to the fullest slab first after a shrink", () => {
    const machine = makeMachine();
    const { cache } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 12);
    const pick = (...at: number[]): number[] => at.map((one) => addresses[one]);
    // Left in use: 1 of slab 1, 3 of slab 2, 2 of slab 3.
    freeAll(machine, cache, pick(0, 1, 2, 4, 8, 9));
    machine.slub.shrinkAll();
    // Sorted: slabs 2, 3, 1. The CPU takes 2 to allocate from and puts 3, then 1 on top, on its own list.
    expect(allocMany(machine, cache, 6)).toEqual(pick(4, 2, 1, 0, 9, 8));
  });

  it("makes a slab of the smallest order when the full order is not to be had", () => {
    const machine = makeMachine();
    machine.frames.maxOrder = 1;
    const { cache, view } = addBigCache(machine.slub);
    expect(allocMany(machine, cache, 1)).toEqual([2 * 4096]);
    expect([view.nrSlabs, view.nrTotalObjects]).toEqual([1, 1]);
    const [first, second] = machine.frames.calls;
    expect(first.order).toBe(3);
    expect(first.gfp & (__GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)).toBe(
      __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC,
    );
    expect(first.gfp & __GFP_RECLAIM).toBe(0);
    expect(second.order).toBe(1);
    expect(second.gfp & GFP_KERNEL).toBe(GFP_KERNEL);
    expect(second.gfp & __GFP_NORETRY).toBe(0);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(2);
  });

  it("returns -1 when there are no pages", () => {
    const machine = makeMachine();
    machine.frames.maxOrder = -1;
    const { cache } = addBigCache(machine.slub);
    expect(machine.slub.allocObject(cache, GFP_KERNEL, 0)).toBe(-1);
    expect(machine.slub.kmalloc(9000, GFP_KERNEL, 0)).toBe(-1);
    machine.slub.checkInvariants();
  });

  it("survives a search for pages that uses the same cache on the same CPU", () => {
    const machine = makeMachine();
    const { cache, view } = addBigCache(machine.slub);
    const inner: number[] = [];
    machine.frames.beforeAlloc = () => {
      machine.frames.beforeAlloc = () => undefined;
      inner.push(machine.slub.allocObject(cache, GFP_KERNEL, 0));
    };
    const outer = machine.slub.allocObject(cache, GFP_KERNEL, 0);
    machine.slub.checkInvariants();
    expect(inner).toEqual([SLAB_BYTES]);
    expect(outer).toBe(2 * SLAB_BYTES);
    expect([view.nrSlabs, view.nrPartial[0], view.nrAllocatedObjects]).toEqual([2, 1, 2]);
  });

  it("stops at a double free, wherever the slab is", () => {
    const machine = makeMachine([0, 0]);
    const { cache } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 5);
    freeAll(machine, cache, [addresses[4], addresses[0]]);
    expect(() => machine.slub.freeObject(cache, addresses[4], 0)).toThrow(KernelBug);
    expect(() => machine.slub.freeObject(cache, addresses[4], 1)).toThrow(KernelBug);
    expect(() => machine.slub.freeObject(cache, addresses[0], 0)).toThrow(KernelBug);
  });

  it("stops at a free of another cache's object, and of an address between objects", () => {
    const machine = makeMachine();
    const { cache } = addBigCache(machine.slub);
    const other = machine.slub.createCache("other", 700, 0, 0);
    const [big] = allocMany(machine, cache, 5);
    const [small] = allocMany(machine, other, 20);
    expect(() => machine.slub.freeObject(cache, small, 0)).toThrow("freed into big, which did not give it");
    expect(() => machine.slub.freeObject(other, big, 0)).toThrow("freed into other, which did not give it");
    expect(() => machine.slub.freeObject(cache, big + 8, 0)).toThrow("not the start of an object");
    // Behind the last of 11 objects of 704 bytes in two pages.
    expect(() => machine.slub.freeObject(other, small + 11 * 704, 0)).toThrow("not the start of an object");
    expect(() => machine.slub.freeObject(cache, -1, 0)).toThrow("outside memory");
  });

  it("allocates on the CPU's own node and counts there", () => {
    const machine = makeMachine([0, 1]);
    const { cache } = addBigCache(machine.slub, SLAB_RECLAIM_ACCOUNT);
    const [remote] = allocMany(machine, cache, 1, 1);
    expect(remote).toBe(256 * 4096);
    expect(nodeStat(machine, 0, "nr_slab_reclaimable")).toBe(0);
    expect(nodeStat(machine, 1, "nr_slab_reclaimable")).toBe(8);
  });

  it("takes another node's partial slabs only while that node has more than min_partial", () => {
    const machine = makeMachine([0, 1]);
    const { cache, view } = addBigCache(machine.slub);
    const addresses = allocMany(machine, cache, 28, 0);
    freeAll(
      machine,
      cache,
      addresses.filter((_, at) => at % 4 === 0),
    );
    machine.slub.shrinkAll();
    expect(view.nrPartial[0]).toBe(7);
    // Seven is more than six: CPU 1 takes three of them. Four is not: then it makes a slab on its own node.
    expect(allocMany(machine, cache, 4, 1).map((address) => Math.floor(address / (256 * 4096)))).toEqual([
      0, 0, 0, 1,
    ]);
    expect(view.nrPartial[0]).toBe(4);
  });

  it("tells a listener of each object", () => {
    const events: number[][] = [];
    const machine = makeMachine([0], 256, { trace: { emit: (...event) => events.push(event) } });
    const { cache } = addBigCache(machine.slub);
    const address = machine.slub.allocObject(cache, GFP_KERNEL, 0);
    machine.slub.freeObject(cache, address, 0);
    expect(events).toEqual([
      [TP_KMEM_CACHE_ALLOC, cache, SLAB_BYTES, GFP_KERNEL, 0],
      [TP_KMEM_CACHE_FREE, cache, SLAB_BYTES, 0, 0],
    ]);
  });

  it("finds objects that are free twice or lost, and lists that lie", () => {
    const broken = (damage: (view: SlabCache, machine: Machine) => void): (() => void) => {
      const machine = makeMachine();
      const { cache, view } = addBigCache(machine.slub);
      const addresses = allocMany(machine, cache, 9);
      // Row 0 is full, row 1 on the CPU's partial list, row 2 the CPU's own with three objects on its freelist.
      freeAll(machine, cache, [addresses[4]]);
      damage(view, machine);
      return () => {
        machine.slub.checkInvariants();
      };
    };
    expect(broken(() => undefined)).not.toThrow();
    expect(broken((view) => (view.next[4] = 0))).toThrow("object 0 of slab 1 is free twice");
    expect(broken((view) => (view.next[5] = 0))).toThrow("object 1 of slab 1 is neither free nor handed out");
    expect(broken((view) => (view.inuse[1] = 4))).toThrow("slab 1 counts 4 used of 4, 1 are free");
    expect(broken((view) => (view.place[0] = 3))).toThrow("slab 0 says place 3; the lists say 4");
    expect(broken((view) => (view.cpuPartialRow[0] = 2))).toThrow("slab 2 is on two lists");
    expect(broken((view) => view.nrPartial[0]++)).toThrow("node 0 counts 1 partial slabs, lists 0");
    expect(broken((view) => view.nrSlabs++)).toThrow("counts 4 slabs of 12, has 3 of 12");
    expect(broken((view, machine) => (machine.memmap.private[view.slabPfn[0]] = 0))).toThrow(
      "of slab 0 does not say so",
    );
    expect(broken((_view, machine) => (machine.memmap.flags[200] |= PG_SLAB))).toThrow(
      "4 frames say they head a slab; the caches have 3",
    );
  });

  it("needs a node for each CPU", () => {
    expect(() => makeMachine([0], 256, { nrCpus: 2 })).toThrow("EINVAL: nrCpus (2)");
  });

  it("never hands out overlapping objects and loses none, whatever the order of calls", () => {
    const step = fc.record({
      what: fc.constantFrom(
        "alloc",
        "alloc",
        "alloc",
        "free",
        "free",
        "kmalloc",
        "kfree",
        "shrink",
        "starve",
      ),
      pick: fc.nat(),
      cpu: fc.nat(2),
    });
    const caches: [number, number][] = [
      [192, 64],
      [700, 0],
      [8192, 0],
      [3000, 0],
    ];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250 }), (steps) => {
        const machine = makeMachine([0, 1, 0], 128);
        const { slub, frames } = machine;
        const nrFreeAtFirst = frames.nrFreePages();
        const indices = caches.map(([bytes, align]) => slub.createCache(`c${bytes}`, bytes, align, 0));
        /** Address to cache (-1 for kmalloc) and bytes. */
        const live = new Map<number, [number, number]>();
        const keep = (address: number, cache: number, bytes: number): void => {
          if (address === -1) return;
          for (const [other, [, otherBytes]] of live) {
            if (address < other + otherBytes && other < address + bytes) throw new Error("objects overlap");
          }
          live.set(address, [cache, bytes]);
        };
        const drop = (wanted: (cache: number) => boolean, pick: number, cpu: number): void => {
          const found = [...live].filter(([, [cache]]) => wanted(cache));
          if (found.length === 0) return;
          const [address, [cache]] = found[pick % found.length];
          live.delete(address);
          if (cache === -1) slub.kfree(address, cpu);
          else slub.freeObject(cache, address, cpu);
        };
        for (const { what, pick, cpu } of steps) {
          const kind = pick % caches.length;
          if (what === "alloc")
            keep(slub.allocObject(indices[kind], GFP_KERNEL, cpu), indices[kind], caches[kind][0]);
          else if (what === "free") drop((cache) => cache !== -1, pick, cpu);
          else if (what === "kmalloc")
            keep(slub.kmalloc(1 + (pick % 12000), GFP_KERNEL, cpu), -1, 1 + (pick % 12000));
          else if (what === "kfree") drop((cache) => cache === -1, pick, cpu);
          else if (what === "shrink") slub.shrinkAll();
          else frames.maxOrder = pick % 4;
          slub.checkInvariants();
          frames.checkInvariants();
          let nrLive = 0;
          for (const index of indices) nrLive += slub.caches[index].nrAllocatedObjects;
          expect(nrLive).toBe([...live.values()].filter(([cache]) => cache !== -1).length);
        }
        while (live.size > 0) drop(() => true, 0, 0);
        slub.shrinkAll();
        slub.checkInvariants();
        expect(frames.nrFreePages()).toBe(nrFreeAtFirst);
        expect(
          nodeStat(machine, 0, "nr_slab_unreclaimable") + nodeStat(machine, 1, "nr_slab_unreclaimable"),
        ).toBe(0);
      }),
      { seed: 7, numRuns: 120 },
    );
  });
});
