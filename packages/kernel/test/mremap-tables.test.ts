import {
  MADV_DONTNEED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_READ,
  PTE_SOFT_DIRTY,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, spawnWith, wrongPages } from "./helpers.ts";

/** Pages that one table of level 1 maps. */
const TABLE_PAGES = 512;

describe("page tables that mremap moves to", () => {
  // As Linux 6.18.44 shows in VmPTE.
  it("are there wherever the source has a table, even an empty one, and nowhere else", () => {
    const kernel = bootKernel({ memory: "16MiB" });
    const task = spawnWith(kernel, "test", 3 * TABLE_PAGES);
    fill(kernel, task, 0, 1);
    fill(kernel, task, 2 * TABLE_PAGES, 1);
    kernel.madvise(task, at(0), PAGE_SIZE, MADV_DONTNEED);
    const before = task.mm.pageTable.nrTables[1];
    const move = (page: number, nrPages: number, to: number): number => {
      const bytes = nrPages * PAGE_SIZE;
      expect(kernel.mremap(task, at(page), bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at(to))).toBe(at(to));
      return task.mm.pageTable.nrTables[1] - before;
    };
    // The table of pages 0 to 511 serves what stays there too.
    expect(move(0, 8, 100 * TABLE_PAGES)).toBe(1);
    expect(move(TABLE_PAGES, 8, 200 * TABLE_PAGES)).toBe(1);
    expect(move(2 * TABLE_PAGES, 8, 300 * TABLE_PAGES - 4)).toBe(3);
    kernel.audit();
    kernel.exit(task);
    kernel.audit();
  });

  // VmPTE as Linux 6.18.44 shows it for the same moves; soft-dirty by move_normal_pmd(), which sets none.
  it("are the source's own where all their pages move, and what they hold is not soft-dirty", () => {
    const { kernel, task, move, isSoftDirty } = bootCleared();
    const before = task.mm.pageTable.nrTables[1];
    expect(move(0, TABLE_PAGES + 8, 100 * TABLE_PAGES, MREMAP_DONTUNMAP)).toBe(before + 1);
    expect([0, 1, 511, 512, 519].map((page) => isSoftDirty(100 * TABLE_PAGES + page))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(wrongPages(kernel, task, 100 * TABLE_PAGES, 8, -100 * TABLE_PAGES)).toEqual([]);
    // Nothing is left of the source's first table: a new one is made for what is written there.
    kernel.write(task, at(0), 1);
    expect(task.mm.pageTable.nrTables[1]).toBe(before + 2);
    kernel.audit();
    kernel.exit(task);
    kernel.audit();
  });

  it("move whole with a part of their pages when nothing else is mapped in them, here and there", () => {
    const nrLate = 8;
    const first = TABLE_PAGES - nrLate;
    const realigned = (page: number, to: number, nrPages: number): boolean => {
      const { kernel, task, move, isSoftDirty } = bootCleared(first);
      if (page === first + 1) kernel.mprotect(task, at(first), PAGE_SIZE, PROT_READ);
      move(page, nrPages, to);
      kernel.audit();
      return !isSoftDirty(to);
    };
    const to = 100 * TABLE_PAGES;
    expect(realigned(first, to + first, nrLate)).toBe(true);
    expect(realigned(first, to + first, 3 * nrLate)).toBe(true);
    // Short of the table's end; aligned otherwise; another mapping before it.
    expect(realigned(first, to + first, nrLate - 1)).toBe(false);
    expect(realigned(first, to + first - 1, nrLate)).toBe(false);
    expect(realigned(first + 1, to + first + 1, nrLate)).toBe(false);
  });
});

/** A task whose pages from `first` on, to the end of the third table, are written and then cleared of soft-dirty. */
function bootCleared(first = 0): {
  kernel: Kernel;
  task: Task;
  move: (page: number, nrPages: number, to: number, flags?: number) => number;
  isSoftDirty: (page: number) => boolean;
} {
  const kernel = bootKernel({ memory: "32MiB", contents: "sparse" });
  const task = spawnWith(kernel, "test", 3 * TABLE_PAGES - first, 0, first);
  fill(kernel, task, first, 3 * TABLE_PAGES - first);
  kernel.proc.clearRefs(task, 4);
  return {
    kernel,
    task,
    move: (page, nrPages, to, flags = 0) => {
      const bytes = nrPages * PAGE_SIZE;
      const how = flags | MREMAP_MAYMOVE | MREMAP_FIXED;
      expect(kernel.mremap(task, at(page), bytes, bytes, how, at(to))).toBe(at(to));
      return task.mm.pageTable.nrTables[1];
    },
    isSoftDirty: (page) => {
      const { pageTable } = task.mm;
      return (pageTable.entryLo(pageTable.findEntry(at(page) / PAGE_SIZE)) & PTE_SOFT_DIRTY) !== 0;
    },
  };
}
