import { PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, mapPages, spawnWith } from "./helpers.ts";

describe("resident set counters", () => {
  it("notice a peak only as far as a CPU has handed in what it counts, 32 pages at a time", () => {
    const kernel = bootKernel({ memory: "16MiB" });
    const task = spawnWith(kernel, "task", 200);
    fill(kernel, task, 0, 80);
    // 80 = 2 * 32 + 16: the last 16 are the CPU's own still.
    expect([task.mm.rss, task.mm.peakRss]).toEqual([80, 80]);
    kernel.munmap(task, at(0), 50 * PAGE_SIZE);
    expect([task.mm.rss, task.mm.peakRss]).toEqual([30, 64]);
    kernel.audit();
  });

  it("let a peak be forgotten that lay below the batch", () => {
    const kernel = bootKernel({ memory: "16MiB" });
    const task = spawnWith(kernel, "task", 200);
    fill(kernel, task, 0, 31);
    expect(task.mm.peakRss).toBe(31);
    kernel.munmap(task, at(0), 20 * PAGE_SIZE);
    expect([task.mm.rss, task.mm.peakRss]).toEqual([11, 11]);
    kernel.audit();
  });

  it("count the pages of one page table in one step when they are unmapped or forked", () => {
    const kernel = bootKernel({ memory: "16MiB" });
    const task = kernel.spawn("task");
    // 10 pages on each side of a border between page tables.
    mapPages(kernel, task, 502, 20);
    fill(kernel, task, 502, 20);
    const child = kernel.fork(task);
    // Two steps of 10 pages: nothing is handed in.
    expect([child.mm.rss, child.mm.rssStat.approximate]).toEqual([20, 0]);
    mapPages(kernel, child, 1024, 40);
    fill(kernel, child, 1024, 12);
    expect(child.mm.rssStat.approximate).toBe(32);
    const grandchild = kernel.fork(child);
    // 10 + 10 + 12 pages pass the batch with the third table.
    expect([grandchild.mm.rss, grandchild.mm.rssStat.approximate, grandchild.mm.rssStat.hiwater]).toEqual([
      32, 32, 32,
    ]);
    kernel.audit();
  });

  it("do not change when entries move", () => {
    const kernel = bootKernel({ memory: "16MiB" });
    const task = spawnWith(kernel, "task", 31);
    fill(kernel, task, 0, 31);
    expect(kernel.mremap(task, at(0), 31 * PAGE_SIZE, 31 * PAGE_SIZE, 3, at(600))).toBe(at(600));
    expect([task.mm.rss, task.mm.rssStat.approximate]).toEqual([31, 0]);
    kernel.audit();
  });
});
