import { MADV_DONTNEED, MREMAP_FIXED, MREMAP_MAYMOVE, PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, spawnWith } from "./helpers.ts";

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
});
