import {
  EINVAL,
  MADV_PAGEOUT,
  PAGE_SIZE,
  PTE_A,
  PTE_SOFT_DIRTY,
  PTE_SWP_SOFT_DIRTY,
  pteIsPresent,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { clearRefs } from "../src/mm/clear-refs.ts";
import { at, faultsOf, fill, READ_WRITE, spawnWith } from "./helpers.ts";

function boot(): Kernel {
  return bootKernel({ memory: "4MiB", swap: [{ size: "4MiB", synchronous: false }], contents: "sparse" });
}

/** Pages [0, nrPages) whose entries say that they were written (soft-dirty), in memory or in swap. */
function softDirtyPages(task: Task, nrPages: number): number[] {
  const { pageTable } = task.mm;
  return Array.from({ length: nrPages }, (_, page) => page).filter((page) => {
    const lo = pageTable.entryLo(pageTable.findEntry(at(page) / PAGE_SIZE));
    return (lo & (pteIsPresent(lo) ? PTE_SOFT_DIRTY : PTE_SWP_SOFT_DIRTY)) !== 0;
  });
}

function youngPages(task: Task, nrPages: number): number[] {
  const { pageTable } = task.mm;
  return Array.from({ length: nrPages }, (_, page) => page).filter(
    (page) => (pageTable.entryLo(pageTable.findEntry(at(page) / PAGE_SIZE)) & PTE_A) !== 0,
  );
}

describe("clear_refs", () => {
  it("makes the next write to each page fault and be seen, once", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 8);
    fill(kernel, task, 0, 8);
    expect(softDirtyPages(task, 8)).toHaveLength(8);
    expect(clearRefs(kernel.sys, task.mm, 4)).toBe(0);
    expect(softDirtyPages(task, 8)).toEqual([]);
    expect(faultsOf(task, () => kernel.read(task, at(2)))).toEqual([0, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(3), 1))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(3), 2))).toEqual([0, 0]);
    expect(softDirtyPages(task, 8)).toEqual([3]);
    kernel.audit();
  });

  it("flushes and no more of a kernel that does not track writes, which shows none", () => {
    const kernel = bootKernel({ memory: "4MiB", softDirty: false });
    const task = spawnWith(kernel, "t", 2);
    fill(kernel, task, 0, 2);
    expect(kernel.proc.smapsText(task)).not.toMatch(/VmFlags:.* sd/);
    const [entry] = kernel.proc.pagemap(task, at(0) / PAGE_SIZE, 1);
    expect((entry >> 55n) & 1n).toBe(0n);
    expect(clearRefs(kernel.sys, task.mm, 4)).toBe(0);
    expect(faultsOf(task, () => kernel.write(task, at(1), 1))).toEqual([0, 0]);
    kernel.audit();
  });

  it("keeps what was written since over mprotect and over swap", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 8);
    fill(kernel, task, 0, 8);
    clearRefs(kernel.sys, task.mm, 4);
    kernel.write(task, at(3), 1);
    kernel.mprotect(task, at(0), 8 * PAGE_SIZE, 1);
    kernel.mprotect(task, at(0), 8 * PAGE_SIZE, READ_WRITE);
    // Page 3 may be written at once; the others must be seen first.
    expect(faultsOf(task, () => kernel.write(task, at(3), 2))).toEqual([0, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(4), 2))).toEqual([1, 0]);
    kernel.madvise(task, at(0), 8 * PAGE_SIZE, MADV_PAGEOUT);
    expect(softDirtyPages(task, 8)).toEqual([3, 4]);
    kernel.read(task, at(3));
    kernel.read(task, at(5));
    expect(softDirtyPages(task, 8)).toEqual([3, 4]);
    clearRefs(kernel.sys, task.mm, 4);
    expect(softDirtyPages(task, 8)).toEqual([]);
    kernel.audit();
  });

  it("forgets use, and a child begins without any", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 8);
    fill(kernel, task, 0, 8);
    const child = kernel.fork(task);
    expect([youngPages(task, 8).length, youngPages(child, 8)]).toEqual([8, []]);
    kernel.read(child, at(6));
    expect(youngPages(child, 8)).toEqual([6]);
    // 3 is about mappings of files: nothing here.
    clearRefs(kernel.sys, task.mm, 3);
    expect(youngPages(task, 8)).toHaveLength(8);
    clearRefs(kernel.sys, task.mm, 2);
    expect(youngPages(task, 8)).toEqual([]);
  });

  it("refuses other numbers", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 1);
    expect([0, 6, 1.5].map((type) => clearRefs(kernel.sys, task.mm, type))).toEqual([
      -EINVAL,
      -EINVAL,
      -EINVAL,
    ]);
  });
});
