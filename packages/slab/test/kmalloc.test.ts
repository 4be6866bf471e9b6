import {
  __GFP_ACCOUNT,
  __GFP_DMA,
  __GFP_RECLAIMABLE,
  GFP_KERNEL,
  GFP_KERNEL_ACCOUNT,
  KernelBug,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { KMALLOC_CLASS_BYTES, kmallocIndex, ZERO_SIZE_PTR } from "../src/index.ts";
import { makeMachine, nodeStat } from "./helpers.ts";

describe("kmallocIndex", () => {
  it("finds the class at both ends of each", () => {
    const ends = [1, 8, 9, 16, 17, 32, 33, 64, 65, 96, 97, 128, 129, 192, 193, 256, 257, 512, 513, 1024];
    expect(ends.map((bytes) => KMALLOC_CLASS_BYTES[kmallocIndex(bytes)])).toEqual([
      8, 8, 16, 16, 32, 32, 64, 64, 96, 96, 128, 128, 192, 192, 256, 256, 512, 512, 1024, 1024,
    ]);
    expect([1025, 2048, 2049, 4096, 4097, 8192].map((bytes) => kmallocIndex(bytes))).toEqual([
      11, 11, 12, 12, 13, 13,
    ]);
  });
});

describe("kmalloc", () => {
  it("makes its caches in Linux's order", () => {
    const { slub } = makeMachine();
    const names = slub.caches.map((cache) => cache.name);
    expect(names.slice(0, 15)).toEqual([
      ...["kmalloc-96", "kmalloc-192", "kmalloc-8", "kmalloc-16", "kmalloc-32", "kmalloc-64", "kmalloc-128"],
      ...["kmalloc-256", "kmalloc-512", "kmalloc-1k", "kmalloc-2k", "kmalloc-4k", "kmalloc-8k"],
      ...["kmalloc-rcl-96", "kmalloc-rcl-192"],
    ]);
    expect(names[26]).toBe("dma-kmalloc-96");
    expect(names[51]).toBe("kmalloc-cg-8k");
  });

  it("serves each kind of request from its own family", () => {
    const { slub } = makeMachine();
    slub.kmalloc(100, GFP_KERNEL, 0);
    slub.kmalloc(100, GFP_KERNEL | __GFP_RECLAIMABLE, 0);
    slub.kmalloc(100, GFP_KERNEL | __GFP_DMA | __GFP_RECLAIMABLE, 0);
    slub.kmalloc(100, GFP_KERNEL_ACCOUNT, 0);
    slub.kmalloc(100, GFP_KERNEL | __GFP_ACCOUNT | __GFP_RECLAIMABLE, 0);
    const used = slub.caches.filter((cache) => cache.nrAllocatedObjects > 0);
    expect(used.map((cache) => [cache.name, cache.nrAllocatedObjects])).toEqual([
      ["kmalloc-128", 1],
      ["kmalloc-rcl-128", 2],
      ["dma-kmalloc-128", 1],
      ["kmalloc-cg-128", 1],
    ]);
  });

  it("counts reclaimable and other slabs apart, in pages", () => {
    const machine = makeMachine();
    machine.slub.kmalloc(4096, GFP_KERNEL, 0);
    machine.slub.kmalloc(1024, GFP_KERNEL | __GFP_RECLAIMABLE, 0);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(8);
    expect(nodeStat(machine, 0, "nr_slab_reclaimable")).toBe(2);
  });

  it("takes whole pages above 8 KiB and gives them back", () => {
    const machine = makeMachine();
    const before = machine.frames.nrFreePages();
    const address = machine.slub.kmalloc(8193, GFP_KERNEL, 0);
    expect(address % 16384).toBe(0);
    expect(before - machine.frames.nrFreePages()).toBe(4);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(4);
    machine.slub.checkInvariants();
    machine.slub.kfree(address, 0);
    expect(machine.frames.nrFreePages()).toBe(before);
    expect(nodeStat(machine, 0, "nr_slab_unreclaimable")).toBe(0);
    expect(() => machine.slub.kfree(address, 0)).toThrow(KernelBug);
  });

  it("gives nothing above the largest block, and an address without memory for no bytes", () => {
    const { slub, frames } = makeMachine([0], 4096);
    expect(slub.kmalloc(4 * 1024 * 1024, GFP_KERNEL, 0)).toBe(1024 * 4096);
    expect(slub.kmalloc(4 * 1024 * 1024 + 1, GFP_KERNEL, 0)).toBe(-1);
    const before = frames.nrFreePages();
    const nothing = slub.kmalloc(0, GFP_KERNEL, 0);
    expect(nothing).toBe(ZERO_SIZE_PTR);
    slub.kfree(nothing, 0);
    slub.kfree(-1, 0);
    expect(frames.nrFreePages()).toBe(before);
    expect(() => slub.kmalloc(-5, GFP_KERNEL, 0)).toThrow("EINVAL: kmalloc of -5 bytes");
  });

  it("stops when it is given back what it did not give", () => {
    const { slub } = makeMachine();
    const small = slub.kmalloc(64, GFP_KERNEL, 0);
    const large = slub.kmalloc(20000, GFP_KERNEL, 0);
    expect(() => slub.kfree(small + 8, 0)).toThrow("freed twice, or is not the start of an object");
    expect(() => slub.kfree(large + 4096, 0)).toThrow("which kmalloc did not give");
    expect(() => slub.kfree(100 * 4096, 0)).toThrow("which kmalloc did not give");
    expect(() => slub.kfree(256 * 4096, 0)).toThrow("outside memory");
    slub.kfree(small, 0);
    expect(() => slub.kfree(small, 0)).toThrow("freed twice");
  });
});
