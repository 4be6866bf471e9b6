import {
  findOccupant,
  GFP_KERNEL,
  KernelBug,
  type ObjectAllocator,
  SLAB_HWCACHE_ALIGN,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { objectAllocators } from "../src/index.ts";
import { type Machine, makeMachine, nodeStat } from "./helpers.ts";

/** Every occupant of the seat keeps these promises. */
describe.each(objectAllocators.map(({ name }) => name))("%s as an object allocator", (name) => {
  const make = (machine: Machine): ObjectAllocator =>
    findOccupant("object allocator", objectAllocators, name).create(machine.config);

  it("carries the name of its entry", () => {
    expect(make(makeMachine()).name).toBe(name);
  });

  it("shows each cache under the index that createCache gave", () => {
    const allocator = make(makeMachine());
    const cache = allocator.createCache("mm_struct", 1496, 0, SLAB_HWCACHE_ALIGN);
    expect(allocator.caches[cache]).toMatchObject({ name: "mm_struct", objectBytes: 1496, alignBytes: 64 });
    expect(allocator.caches[cache].nrActiveObjects).toBe(0);
  });

  it("aligns objects as asked", () => {
    const allocator = make(makeMachine());
    const odd = allocator.createCache("odd", 40, 0, 0);
    const aligned = allocator.createCache("aligned", 100, 256, 0);
    for (let round = 0; round < 20; round++) {
      expect(allocator.allocObject(odd, GFP_KERNEL, 0) % 8).toBe(0);
      expect(allocator.allocObject(aligned, GFP_KERNEL, 0) % 256).toBe(0);
      expect(allocator.kmalloc(512, GFP_KERNEL, 0) % 512).toBe(0);
    }
    allocator.checkInvariants();
  });

  it("refuses objects of no bytes and of more than the largest block", () => {
    const allocator = make(makeMachine());
    expect(() => allocator.createCache("none", 0, 0, 0)).toThrow("EINVAL");
    expect(() => allocator.createCache("huge", 2 ** 22 + 1, 0, 0)).toThrow("EINVAL");
    expect(() => allocator.createCache("odd", 8, 3, 0)).toThrow("EINVAL");
    expect(() => allocator.kmalloc(-1, GFP_KERNEL, 0)).toThrow("EINVAL");
    expect(allocator.kmalloc(2 ** 22 + 1, GFP_KERNEL, 0)).toBe(-1);
  });

  it("returns -1 when there are no pages", () => {
    const machine = makeMachine();
    const allocator = make(machine);
    const cache = allocator.createCache("task_struct", 6528, 64, 0);
    machine.frames.maxOrder = -1;
    expect(allocator.allocObject(cache, GFP_KERNEL, 0)).toBe(-1);
    expect(allocator.kmalloc(32, GFP_KERNEL, 0)).toBe(-1);
    expect(allocator.kmalloc(10000, GFP_KERNEL, 0)).toBe(-1);
    allocator.checkInvariants();
  });

  it("stops at double frees, foreign frees and addresses inside objects", () => {
    const allocator = make(makeMachine());
    const one = allocator.createCache("one", 200, 0, 0);
    const two = allocator.createCache("two", 200, 0, 0);
    const large = allocator.createCache("large", 8192, 0, 0);
    const object = allocator.allocObject(one, GFP_KERNEL, 0);
    const other = allocator.allocObject(one, GFP_KERNEL, 0);
    const pages = allocator.allocObject(large, GFP_KERNEL, 0);
    expect(() => allocator.freeObject(two, object, 0)).toThrow(KernelBug);
    expect(() => allocator.freeObject(one, object + 8, 0)).toThrow(KernelBug);
    expect(() => allocator.freeObject(one, pages, 0)).toThrow(KernelBug);
    expect(() => allocator.freeObject(large, pages + 4096, 0)).toThrow(KernelBug);
    expect(() => allocator.kfree(200 * 4096, 0)).toThrow(KernelBug);
    expect(() => allocator.freeObject(one, -8, 0)).toThrow(KernelBug);
    allocator.freeObject(one, other, 0);
    expect(() => allocator.freeObject(one, other, 0)).toThrow(KernelBug);
    allocator.freeObject(large, pages, 0);
    expect(() => allocator.freeObject(large, pages, 0)).toThrow(KernelBug);
  });

  it("gives no memory for no bytes and takes it back", () => {
    const machine = makeMachine();
    const allocator = make(machine);
    const before = machine.frames.nrFreePages();
    const nothing = allocator.kmalloc(0, GFP_KERNEL, 0);
    expect(nothing).toBe(16);
    allocator.kfree(nothing, 0);
    allocator.kfree(-1, 0);
    expect(machine.frames.nrFreePages()).toBe(before);
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
    const kinds = [
      [192, 64],
      [700, 0],
      [8192, 0],
      [3000, 0],
    ];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const machine = makeMachine([0, 1, 0], 128);
        const { frames } = machine;
        const allocator = make(machine);
        const nrFreeAtFirst = frames.nrFreePages();
        const caches = kinds.map(([bytes, align]) => allocator.createCache(`c${bytes}`, bytes, align, 0));
        /** By address: cache (-1 for kmalloc) and bytes. */
        const live = new Map<number, readonly [number, number]>();
        const keep = (address: number, cache: number, bytes: number): void => {
          if (address === -1) return;
          for (const [other, [, otherBytes]] of live) {
            if (address < other + otherBytes && other < address + bytes) throw new Error("objects overlap");
          }
          live.set(address, [cache, bytes]);
        };
        const drop = (isKmalloc: boolean, pick: number, cpu: number): void => {
          const found = [...live].filter(([, [cache]]) => (cache === -1) === isKmalloc);
          if (found.length === 0) return;
          const [address, [cache]] = found[pick % found.length];
          live.delete(address);
          if (cache === -1) allocator.kfree(address, cpu);
          else allocator.freeObject(cache, address, cpu);
        };
        for (const { what, pick, cpu } of steps) {
          const kind = pick % kinds.length;
          const bytes = 1 + (pick % 12000);
          if (what === "alloc") {
            keep(allocator.allocObject(caches[kind], GFP_KERNEL, cpu), caches[kind], kinds[kind][0]);
          } else if (what === "kmalloc") keep(allocator.kmalloc(bytes, GFP_KERNEL, cpu), -1, bytes);
          else if (what === "free") drop(false, pick, cpu);
          else if (what === "kfree") drop(true, pick, cpu);
          else if (what === "shrink") allocator.shrinkAll();
          else frames.maxOrder = pick % 4;
          allocator.checkInvariants();
          frames.checkInvariants();
          for (const cache of caches) {
            const nrLive = [...live.values()].filter(([owner]) => owner === cache).length;
            expect(allocator.caches[cache].nrActiveObjects).toBeGreaterThanOrEqual(nrLive);
          }
        }
        for (const [address, [cache]] of live) {
          if (cache === -1) allocator.kfree(address, 0);
          else allocator.freeObject(cache, address, 0);
        }
        allocator.shrinkAll();
        allocator.checkInvariants();
        expect(frames.nrFreePages()).toBe(nrFreeAtFirst);
        for (const node of [0, 1]) expect(nodeStat(machine, node, "nr_slab_unreclaimable")).toBe(0);
      }),
      { seed: 8, numRuns: 60 },
    );
  });
});

describe("slob", () => {
  it("puts objects of different kinds side by side, first fit", () => {
    const machine = makeMachine();
    const allocator = findOccupant("object allocator", objectAllocators, "slob").create(machine.config);
    const a = allocator.createCache("a", 24, 0, 0);
    const b = allocator.createCache("b", 60, 0, 0);
    const first = allocator.allocObject(a, GFP_KERNEL, 0);
    const second = allocator.allocObject(b, GFP_KERNEL, 0);
    const third = allocator.kmalloc(10, GFP_KERNEL, 0);
    expect([second - first, third - first]).toEqual([24, 88]);
    allocator.freeObject(a, first, 0);
    expect(allocator.kmalloc(20, GFP_KERNEL, 0)).toBe(first);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(1);
  });

  it("keeps small, medium and other objects in pages of their own", () => {
    const machine = makeMachine();
    const allocator = findOccupant("object allocator", objectAllocators, "slob").create(machine.config);
    const pages = [8, 255, 256, 1023, 1024, 4095].map((nrBytes) =>
      Math.floor(allocator.kmalloc(nrBytes, GFP_KERNEL, 0) / 4096),
    );
    // 255 bytes take 256 in units of 8; 1023 take 1024; 4095 take a whole page and find the third list's too full.
    expect(pages).toEqual([1, 2, 2, 3, 3, 4]);
  });
});
