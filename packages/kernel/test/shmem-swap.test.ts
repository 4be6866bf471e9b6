import {
  EACCES,
  EINVAL,
  MADV_PAGEOUT,
  MADV_REMOVE,
  MADV_WILLNEED,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PROT_READ,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  ARENA_VPN,
  at,
  countersOf,
  faultsOf,
  fill,
  mapPages,
  meminfoKib,
  READ_WRITE,
  settledFreePages,
  SHARED_ANON,
  wrongPages,
} from "./helpers.ts";

const SHARED = MAP_SHARED | MAP_FIXED;
const PRIVATE = MAP_PRIVATE | MAP_FIXED;

/** A machine whose swap is a device that writes later (unless `synchronous`), and a task. */
function boot(synchronous = false): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({
    memory: "16MiB",
    contents: "sparse",
    swap: [{ size: "8MiB", synchronous }],
  });
  return { kernel, task: kernel.spawn("test") };
}

function isMapped(task: Task, page: number): boolean {
  const entry = task.mm.pageTable.findEntry(ARENA_VPN + page);
  return entry >= 0 && task.mm.pageTable.entryLo(entry) !== 0;
}

function usedSwap(kernel: Kernel): number {
  return kernel.sys.swap.nrTotalSlots - kernel.sys.swap.nrFreeSlots;
}

describe("shared memory in swap", () => {
  it("leaves no trace in page tables, and comes back as a minor fault while the swap cache has it", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 4);
    expect(kernel.madvise(task, at(0), 4 * PAGE_SIZE, MADV_PAGEOUT)).toBe(0);
    expect([0, 1, 2, 3].filter((page) => isMapped(task, page))).toEqual([]);
    expect([task.mm.nrSwapEntries, task.mm.rssShmem, usedSwap(kernel)]).toEqual([0, 0, 4]);
    kernel.audit();
    // Written and not yet reclaimed.
    expect(faultsOf(task, () => kernel.read(task, at(1)))).toEqual([1, 0]);
    expect(usedSwap(kernel)).toBe(3);
    expect(wrongPages(kernel, task, 0, 4)).toEqual([]);
    kernel.audit();
  });

  it("is read back as a major fault once its frame is gone", () => {
    const { kernel, task } = boot(true);
    mapPages(kernel, task, 0, 2, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 2);
    kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_PAGEOUT);
    expect(countersOf(kernel, ["pswpin", "pgmajfault"], () => kernel.read(task, at(0)))).toEqual({
      pswpin: 1,
      pgmajfault: 1,
    });
    expect(wrongPages(kernel, task, 0, 2)).toEqual([]);
    expect(usedSwap(kernel)).toBe(0);
    kernel.audit();
  });

  it("frees clean pages that nobody has written: they are holes again", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 2, READ_WRITE, SHARED_ANON);
    kernel.read(task, at(0));
    expect(meminfoKib(kernel, "Shmem")).toBe(4);
    kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_PAGEOUT);
    expect([meminfoKib(kernel, "Shmem"), usedSwap(kernel)]).toEqual([0, 0]);
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([1, 0]);
    kernel.audit();
  });

  it("frees slots with the pages that truncation takes, and when nothing maps it any more", () => {
    const { kernel, task } = boot();
    const free = settledFreePages(kernel);
    const fileId = kernel.memfdCreate("swapped");
    kernel.ftruncate(task, fileId, 4 * PAGE_SIZE);
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED, fileId);
    fill(kernel, task, 0, 4);
    kernel.madvise(task, at(0), 4 * PAGE_SIZE, MADV_PAGEOUT);
    kernel.ftruncate(task, fileId, PAGE_SIZE + 1);
    // The cut page comes back to be zeroed.
    expect(usedSwap(kernel)).toBe(1);
    kernel.audit();
    kernel.closeFile(fileId);
    kernel.munmap(task, at(0), 4 * PAGE_SIZE);
    expect(usedSwap(kernel)).toBe(0);
    expect(settledFreePages(kernel)).toBeGreaterThanOrEqual(free - 4);
    kernel.audit();
  });

  it("is read into the swap cache by MADV_WILLNEED", () => {
    const { kernel, task } = boot(true);
    mapPages(kernel, task, 0, 2, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 2);
    kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_PAGEOUT);
    expect(kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_WILLNEED)).toBe(0);
    kernel.audit();
    expect(faultsOf(task, () => wrongPages(kernel, task, 0, 2))).toEqual([2, 0]);
  });

  it("survives memory pressure byte for byte, and comes back from fork's other side", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 1500, READ_WRITE, SHARED_ANON);
    expect(fill(kernel, task, 0, 1500)).toBe(true);
    const child = kernel.fork(task);
    mapPages(kernel, child, 2000, 3200);
    expect(fill(kernel, child, 2000, 3200)).toBe(true);
    expect(usedSwap(kernel)).toBeGreaterThan(500);
    kernel.audit();
    expect(wrongPages(kernel, child, 0, 1500)).toEqual([]);
    expect(wrongPages(kernel, task, 0, 1500)).toEqual([]);
    kernel.audit();
  });
});

describe("MADV_REMOVE", () => {
  it("makes a hole for all who map the file, swap included", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 4);
    kernel.madvise(task, at(1), PAGE_SIZE, MADV_PAGEOUT);
    const child = kernel.fork(task);
    expect(kernel.madvise(child, at(1), 2 * PAGE_SIZE, MADV_REMOVE)).toBe(0);
    expect([1, 2].map((page) => kernel.read(task, at(page)))).toEqual([0, 0]);
    expect([...wrongPages(kernel, child, 0, 1), ...wrongPages(kernel, task, 3, 1)]).toEqual([]);
    expect(usedSwap(kernel)).toBe(0);
    kernel.audit();
  });

  it("refuses private mappings, and those without a file or the right to write", () => {
    const { kernel, task } = boot();
    const writer = kernel.openTmpfs("f");
    const reader = kernel.openTmpfs("f", 0);
    kernel.ftruncate(task, writer, PAGE_SIZE);
    mapPages(kernel, task, 0, 1, READ_WRITE, PRIVATE, writer);
    mapPages(kernel, task, 1, 1, PROT_READ, SHARED, reader);
    mapPages(kernel, task, 2, 1);
    const results = [0, 1, 2].map((page) => kernel.madvise(task, at(page), PAGE_SIZE, MADV_REMOVE));
    expect(results).toEqual([-EACCES, -EACCES, -EINVAL]);
  });
});
