/** Readahead from swap by slots. "Recorded": Linux 6.18.44 with a swap file on a disk that turns, vm.page-cluster 3. */
import { MADV_PAGEOUT, PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, countersOf, faultsOf, fill, mapPages, READ_WRITE, SHARED_ANON, wrongPages } from "./helpers.ts";

const NR_PAGES = 64;

/** A task whose pages are in swap and not in memory: page k of the arena in slot k + 4. */
function bootSwappedOut(rotational: boolean, flags?: number): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({
    memory: "8MiB",
    contents: "sparse",
    swap: [{ size: "2MiB", synchronous: false, rotational }],
  });
  const task = kernel.spawn("test");
  mapPages(kernel, task, 0, NR_PAGES, READ_WRITE, flags);
  mapPages(kernel, task, 100, 3);
  fill(kernel, task, 100, 3);
  kernel.madvise(task, at(100), 3 * PAGE_SIZE, MADV_PAGEOUT);
  fill(kernel, task, 0, NR_PAGES);
  kernel.madvise(task, at(0), NR_PAGES * PAGE_SIZE, MADV_PAGEOUT);
  return { kernel, task };
}

/** Drops what the swap cache has of pages that were written out already: they are read, and given up clean. */
function giveUp(kernel: Kernel, task: Task): void {
  expect(wrongPages(kernel, task, 0, NR_PAGES)).toEqual([]);
  kernel.madvise(task, at(0), NR_PAGES * PAGE_SIZE, MADV_PAGEOUT);
}

/** Pages of the range that are in memory. */
function pagesInMemory(kernel: Kernel, task: Task): number[] {
  const seen = new Uint8Array(NR_PAGES);
  expect(kernel.mincore(task, at(0), NR_PAGES * PAGE_SIZE, seen)).toBe(0);
  return [...seen.keys()].filter((page) => (seen[page] & 1) !== 0);
}

describe("swap on a disk that turns", () => {
  it("is read in aligned blocks of slots, whose size follows the pages that were of use", () => {
    const { kernel, task } = bootSwappedOut(true);
    giveUp(kernel, task);
    expect(pagesInMemory(kernel, task)).toEqual([]);
    // As the recorded machine was: nothing of use of late, and four pages read last.
    Object.assign(kernel.sys.swapCluster, { nrHits: 0, nrPages: 4, prevOffset: 0 });
    // Recorded: page read, pages that came into memory, swap_ra, swap_ra_hit.
    const recorded: readonly (readonly [number, readonly number[], number, number])[] = [
      [40, [40, 41], 1, 0],
      [41, [], 0, 1],
      [42, [42, 43], 1, 0],
      [10, [10, 11], 1, 0],
      [11, [], 0, 1],
      [12, [12, 13, 14, 15], 3, 0],
      [20, [20, 21], 1, 0],
      [21, [], 0, 1],
      [30, [28, 29, 30, 31], 3, 0],
      [50, [50, 51], 1, 0],
      [51, [], 0, 1],
      [52, [52, 53, 54, 55], 3, 0],
      [53, [], 0, 1],
      [54, [], 0, 1],
    ];
    for (const [page, came, nrAhead, nrHits] of recorded) {
      const before = pagesInMemory(kernel, task);
      const counters = countersOf(kernel, ["swap_ra", "swap_ra_hit", "pswpin"], () => {
        expect(faultsOf(task, () => kernel.read(task, at(page)))).toEqual(came.length > 0 ? [0, 1] : [1, 0]);
      });
      expect(pagesInMemory(kernel, task).filter((there) => !before.includes(there))).toEqual(came);
      expect(counters).toEqual({ swap_ra: nrAhead, swap_ra_hit: nrHits, pswpin: came.length });
    }
    expect(wrongPages(kernel, task, 0, NR_PAGES)).toEqual([]);
    kernel.audit();
  });

  it("brings along whatever lies beside, other programs' pages too", () => {
    const { kernel, task } = bootSwappedOut(true);
    giveUp(kernel, task);
    const child = kernel.fork(task);
    // The first read of a machine takes a whole block: slots 40 to 47.
    expect(kernel.read(child, at(40))).toBe(kernel.read(task, at(40)));
    expect(pagesInMemory(kernel, task)).toEqual([36, 37, 38, 39, 40, 41, 42, 43]);
    kernel.audit();
    kernel.exit(task);
    expect(wrongPages(kernel, child, 0, NR_PAGES)).toEqual([]);
    kernel.exit(child);
    kernel.audit();
  });

  it("is read page by page when vm.page-cluster says so, by slots and along mappings", () => {
    for (const rotational of [true, false]) {
      const { kernel, task } = bootSwappedOut(rotational);
      giveUp(kernel, task);
      expect(kernel.setSysctl("vm/page-cluster", "0")).toBe(0);
      expect(kernel.sysctl("vm/page-cluster")).toBe("0");
      kernel.read(task, at(40));
      expect(pagesInMemory(kernel, task)).toEqual([40]);
    }
  });

  it("is where shared memory comes from in blocks too, on any disk", () => {
    const kernel = bootKernel({
      memory: "4MiB",
      contents: "sparse",
      swap: [{ size: "8MiB", synchronous: false }],
    });
    const task = kernel.spawn("test");
    mapPages(kernel, task, 0, NR_PAGES, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, NR_PAGES);
    kernel.madvise(task, at(0), NR_PAGES * PAGE_SIZE, MADV_PAGEOUT);
    const hog = kernel.spawn("hog");
    mapPages(kernel, hog, 200, 1100);
    fill(kernel, hog, 200, 1100);
    kernel.exit(hog);
    expect(pagesInMemory(kernel, task)).toEqual([]);
    const counters = countersOf(kernel, ["swap_ra", "pswpin"], () => kernel.read(task, at(20)));
    // Page k lies in slot k + 1: slots 16 to 23.
    expect(pagesInMemory(kernel, task)).toEqual([15, 16, 17, 18, 19, 20, 21, 22]);
    expect(counters).toEqual({ swap_ra: 7, pswpin: 8 });
    expect(faultsOf(task, () => kernel.read(task, at(16)))).toEqual([1, 0]);
    expect(wrongPages(kernel, task, 0, NR_PAGES)).toEqual([]);
    kernel.audit();
  });
});
