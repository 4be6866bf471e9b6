/** What munmap, madvise, mremap and exit give back: pages, tables, charges; and that nothing of it can be reached. */
import {
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_READ,
  SEGV_MAPERR,
  SIGSEGV,
  MADV_DONTNEED,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  at,
  faultsOf,
  fill,
  mapPages,
  mapsLine,
  mapsOf,
  meminfoKib,
  settledFreePages,
  spawnWith,
  wrongPages,
} from "./helpers.ts";

const NOWHERE = { signal: SIGSEGV, code: SEGV_MAPERR };

function boot(): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "4MiB", contents: "sparse" });
  return { kernel, task: kernel.spawn("test") };
}

describe("munmap", () => {
  it("frees every page and every table of what it unmaps", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 1);
    fill(kernel, task, 0, 1);
    const before = settledFreePages(kernel);
    const tables = task.mm.nrTablePages;
    mapPages(kernel, task, 512, 600);
    fill(kernel, task, 512, 600);
    expect(task.mm.nrTablePages).toBe(tables + 2);
    expect(settledFreePages(kernel)).toBe(before - 602);
    expect(kernel.munmap(task, at(512), 600 * PAGE_SIZE)).toBe(0);
    expect([task.mm.nrTablePages, task.mm.rss]).toEqual([tables, 1]);
    expect(settledFreePages(kernel)).toBe(before);
    kernel.audit();
  });

  it("takes a piece out of the middle and leaves the rest as it was", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 10);
    fill(kernel, task, 0, 10);
    expect(kernel.munmap(task, at(3), 4 * PAGE_SIZE)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 3, "rw-p"), mapsLine(7, 10, "rw-p")]);
    for (const page of [3, 4, 5, 6]) {
      expect(kernel.read(task, at(page))).toMatchObject(NOWHERE);
      expect(kernel.write(task, at(page), 1)).toMatchObject(NOWHERE);
    }
    expect(wrongPages(kernel, task, 0, 3)).toEqual([]);
    expect(wrongPages(kernel, task, 7, 3)).toEqual([]);
    expect(task.mm.rss).toBe(6);
    kernel.audit();
  });

  it("succeeds over holes, and does nothing where nothing is mapped", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 2);
    mapPages(kernel, task, 6, 2);
    fill(kernel, task, 0, 2);
    expect(kernel.munmap(task, at(1), 6 * PAGE_SIZE)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 1, "rw-p"), mapsLine(7, 8, "rw-p")]);
    expect(kernel.munmap(task, at(100), PAGE_SIZE)).toBe(0);
    expect(kernel.munmap(task, at(0) + 1, PAGE_SIZE)).toBe(-22);
    expect(kernel.munmap(task, at(0), 0)).toBe(-22);
    kernel.audit();
  });

  it("shows zeros where memory is mapped anew", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4);
    fill(kernel, task, 0, 4);
    kernel.munmap(task, at(0), 4 * PAGE_SIZE);
    mapPages(kernel, task, 0, 4);
    expect([0, 1, 2, 3].map((page) => kernel.read(task, at(page)))).toEqual([0, 0, 0, 0]);
    kernel.audit();
  });

  it("takes the promise back: Committed_AS falls by what was mapped", () => {
    const { kernel, task } = boot();
    const before = meminfoKib(kernel, "Committed_AS");
    mapPages(kernel, task, 0, 100);
    mapPages(kernel, task, 200, 50, PROT_READ);
    // Memory that cannot be written is not charged.
    expect(meminfoKib(kernel, "Committed_AS") - before).toBe(400);
    kernel.munmap(task, at(20), 30 * PAGE_SIZE);
    expect(meminfoKib(kernel, "Committed_AS") - before).toBe(280);
    kernel.exit(task);
    expect(meminfoKib(kernel, "Committed_AS")).toBe(before);
  });

  it("of the last sharer frees a page that a fork shared", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 40);
    fill(kernel, task, 0, 40);
    const child = kernel.fork(task);
    const before = settledFreePages(kernel);
    kernel.munmap(task, at(0), 40 * PAGE_SIZE);
    const between = settledFreePages(kernel);
    // Tables of levels 1 to 3 only.
    expect(between - before).toBe(3);
    kernel.munmap(child, at(0), 40 * PAGE_SIZE);
    expect(settledFreePages(kernel) - between).toBe(43);
    kernel.audit();
  });
});

describe("madvise MADV_DONTNEED", () => {
  it("drops pages and keeps the mapping: the next access faults and finds zeros", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    fill(kernel, task, 0, 8);
    const before = settledFreePages(kernel);
    expect(kernel.madvise(task, at(2), 3 * PAGE_SIZE, MADV_DONTNEED)).toBe(0);
    expect(settledFreePages(kernel) - before).toBe(3);
    expect(task.mm.rss).toBe(5);
    expect(faultsOf(task, () => expect(kernel.read(task, at(2))).toBe(0))).toEqual([1, 0]);
    expect(wrongPages(kernel, task, 0, 2)).toEqual([]);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 8, "rw-p")]);
    kernel.audit();
  });

  it("takes whole pages: EINVAL for a start inside a page, ENOMEM after dropping what lies before a hole and behind it", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 2);
    mapPages(kernel, task, 4, 2);
    fill(kernel, task, 0, 2);
    fill(kernel, task, 4, 2);
    expect(kernel.madvise(task, at(0) + 5, PAGE_SIZE, MADV_DONTNEED)).toBe(-22);
    expect(task.mm.rss).toBe(4);
    expect(kernel.madvise(task, at(1), 4 * PAGE_SIZE, MADV_DONTNEED)).toBe(-12);
    expect(task.mm.rss).toBe(2);
    expect(kernel.madvise(task, at(100), PAGE_SIZE, MADV_DONTNEED)).toBe(-12);
    expect(kernel.madvise(task, at(0), 0, MADV_DONTNEED)).toBe(0);
    kernel.audit();
  });
});

describe("mremap", () => {
  it("moves single pages between holes, each to its own place", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    mapPages(kernel, task, 8, 1, PROT_READ);
    const filled = [1, 2, 5];
    for (const page of filled) fill(kernel, task, page, 1);
    const moved = kernel.mremap(task, at(0), 8 * PAGE_SIZE, 16 * PAGE_SIZE, MREMAP_MAYMOVE);
    const found = Array.from({ length: 8 }, (_, page) => kernel.read(task, moved + page * PAGE_SIZE));
    expect(found).toEqual([0, 2, 3, 0, 0, 6, 0, 0]);
    kernel.audit();
  });

  it("moves pages with their bytes and without a fault", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    mapPages(kernel, task, 8, 1, PROT_READ);
    fill(kernel, task, 0, 8);
    kernel.read(task, at(8));
    const rss = task.mm.rss;
    const moved = kernel.mremap(task, at(0), 8 * PAGE_SIZE, 16 * PAGE_SIZE, MREMAP_MAYMOVE);
    expect(moved).toBeGreaterThan(0);
    expect(moved).not.toBe(at(0));
    expect(
      faultsOf(task, () => {
        for (let page = 0; page < 8; page++)
          expect(kernel.read(task, moved + page * PAGE_SIZE)).toBe(page + 1);
        for (let page = 0; page < 8; page++)
          expect(kernel.write(task, moved + page * PAGE_SIZE, 9)).toBeNull();
      }),
    ).toEqual([0, 0]);
    expect(task.mm.rss).toBe(rss);
    expect(kernel.read(task, at(0))).toMatchObject(NOWHERE);
    expect(kernel.read(task, moved + 15 * PAGE_SIZE)).toBe(0);
    kernel.audit();
  });

  it("moves pages that are in swap", () => {
    const kernel = bootKernel({ memory: "1MiB", swap: [{ size: "2MiB" }], contents: "sparse" });
    const task = spawnWith(kernel, "test", 300);
    fill(kernel, task, 0, 300);
    expect(task.mm.nrSwapEntries).toBeGreaterThan(0);
    mapPages(kernel, task, 300, 1, PROT_READ);
    const moved = kernel.mremap(task, at(0), 300 * PAGE_SIZE, 310 * PAGE_SIZE, MREMAP_MAYMOVE);
    kernel.audit();
    let nrWrong = 0;
    for (let page = 0; page < 300; page++) {
      if (kernel.read(task, moved + page * PAGE_SIZE) !== 1 + (page % 251)) nrWrong++;
    }
    expect(nrWrong).toBe(0);
    kernel.audit();
  });

  it("keeps a shared page shared when one side moves it", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4);
    mapPages(kernel, task, 4, 1, PROT_READ);
    fill(kernel, task, 0, 4);
    const child = kernel.fork(task);
    const moved = kernel.mremap(task, at(0), 4 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE);
    kernel.audit();
    kernel.write(task, moved, 99);
    expect(wrongPages(kernel, child, 0, 4)).toEqual([]);
    kernel.exit(task);
    fill(kernel, child, 0, 4, 7);
    expect(wrongPages(kernel, child, 0, 4, 7)).toEqual([]);
    kernel.audit();
  });
});

describe("exit", () => {
  it("gives back all that a task had: pages, tables, kernel stack, objects, swap slots, charges", () => {
    const kernel = bootKernel({ memory: "1MiB", swap: [{ size: "2MiB" }], contents: "sparse" });
    const live = (): number[] => [
      settledFreePages(kernel),
      kernel.sys.swap.nrFreeSlots,
      kernel.sys.vmCommit.committedPages,
      kernel.sys.tasks.size,
      kernel.proc.vmstat()["nr_kernel_stack"],
      kernel.proc.vmstat()["nr_page_table_pages"],
      kernel.proc.vmstat()["nr_anon_pages"],
      kernel.proc.vmstat()["nr_swapcached"],
    ];
    const life = (): void => {
      const parent = spawnWith(kernel, "parent", 400);
      fill(kernel, parent, 0, 400);
      const child = kernel.fork(parent);
      fill(kernel, child, 100, 100, 5);
      kernel.exit(parent);
      expect(wrongPages(kernel, child, 200, 200)).toEqual([]);
      kernel.exit(child);
      kernel.audit();
    };
    life();
    const first = live();
    for (let round = 0; round < 3; round++) life();
    expect(live()).toEqual(first);
    // What is in swap still is the stack of init.
    expect(kernel.sys.swap.nrFreeSlots).toBe(512 - kernel.sys.tasks.get(1)!.mm.nrSwapEntries);
  });

  it("of one task leaves the others alone", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 10);
    fill(kernel, task, 0, 10);
    const other = spawnWith(kernel, "other", 10);
    fill(kernel, other, 0, 10, 50);
    kernel.exit(task);
    expect(wrongPages(kernel, other, 0, 10, 50)).toEqual([]);
    const third = spawnWith(kernel, "third", 10);
    fill(kernel, third, 0, 10, 90);
    expect(wrongPages(kernel, other, 0, 10, 50)).toEqual([]);
    kernel.audit();
  });
});
