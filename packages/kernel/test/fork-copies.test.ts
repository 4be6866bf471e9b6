/** What fork copies: page tables and no page; then one page for each that is written. On a task with 1 GiB written. */
import { MAP_POPULATE, PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  countersOf,
  faultsOf,
  mapPages,
  PRIVATE_ANON,
  READ_WRITE,
  settledFreePages,
  stampOf,
} from "./helpers.ts";

const NR_PAGES: number = 2 ** 30 / PAGE_SIZE;
/** Every so many pages one is stamped and looked at. */
const STRIDE = 509;

function stampedPages(): number[] {
  return Array.from({ length: Math.ceil(NR_PAGES / STRIDE) }, (_, nth) => nth * STRIDE);
}

/** Stamped pages that do not hold what was written there. */
function wrongIn(kernel: Kernel, task: Task, stamp = 0): number[] {
  return stampedPages().filter((page) => kernel.read(task, at(page)) !== stampOf(page, stamp));
}

describe("fork of a task that has written 1 GiB", () => {
  let kernel: Kernel;
  let parent: Task;
  let child: Task;

  beforeAll(() => {
    kernel = bootKernel({ memory: "2GiB", contents: "sparse" });
    parent = kernel.spawn("parent");
    mapPages(kernel, parent, 0, NR_PAGES, READ_WRITE, PRIVATE_ANON | MAP_POPULATE);
    for (const page of stampedPages()) kernel.write(parent, at(page), stampOf(page));
    // The first fork of a machine takes slab pages for its kernel objects.
    kernel.exit(kernel.fork(parent));
    kernel.wait(parent);
    for (const page of stampedPages()) kernel.write(parent, at(page), stampOf(page));
  });

  it("takes frames for page tables and kernel objects, none for pages", () => {
    expect(parent.mm.rssAnon).toBe(NR_PAGES);
    const freeBefore = settledFreePages(kernel);
    const names = [
      "nr_anon_pages",
      "nr_page_table_pages",
      "nr_slab_reclaimable",
      "nr_slab_unreclaimable",
      "pgfault",
    ] as const;
    const counts = countersOf(kernel, names, () => (child = kernel.fork(parent)));
    const freeAfter = settledFreePages(kernel);
    const nrSlab = counts.nr_slab_reclaimable + counts.nr_slab_unreclaimable;
    const nrFrames = freeBefore - freeAfter;
    expect(nrFrames).toBe(counts.nr_page_table_pages + nrSlab + child.stackPfns.length);
    // 512 tables of 512 entries, and the three levels above.
    expect(child.mm.nrTablePages).toBe(NR_PAGES / 512 + 3);
    expect([counts.nr_page_table_pages, counts.nr_anon_pages, counts.pgfault]).toEqual([
      NR_PAGES / 512 + 3,
      0,
      0,
    ]);
    expect(child.mm.rssAnon).toBe(NR_PAGES);
  });

  it("leaves both with the same bytes, read without a fault or a frame", () => {
    const freeBefore = settledFreePages(kernel);
    expect(faultsOf(child, () => expect(wrongIn(kernel, child)).toEqual([]))).toEqual([0, 0]);
    expect(faultsOf(parent, () => expect(wrongIn(kernel, parent)).toEqual([]))).toEqual([0, 0]);
    expect(settledFreePages(kernel)).toBe(freeBefore);
  });

  it("copies exactly one page at the child's first write, which the parent does not see", () => {
    const page = 3 * STRIDE;
    const freeBefore = settledFreePages(kernel);
    expect(faultsOf(child, () => kernel.write(child, at(page), 99))).toEqual([1, 0]);
    expect(freeBefore - settledFreePages(kernel)).toBe(1);
    expect([kernel.read(child, at(page)), kernel.read(parent, at(page))]).toEqual([99, stampOf(page)]);
    // The rest of the page came along, and the second write is free.
    expect(kernel.read(child, at(page) + 1)).toBe(kernel.read(parent, at(page) + 1));
    expect(faultsOf(child, () => kernel.write(child, at(page) + 1, 98))).toEqual([0, 0]);
    expect([kernel.read(child, at(page)), kernel.read(parent, at(page) + 1)]).toEqual([99, 0]);
    expect(wrongIn(kernel, parent)).toEqual([]);
    expect(wrongIn(kernel, child)).toEqual([page]);
  });

  it("copies for the parent as well while the child lives", () => {
    const page = 5 * STRIDE;
    const freeBefore = settledFreePages(kernel);
    expect(faultsOf(parent, () => kernel.write(parent, at(page), 77))).toEqual([1, 0]);
    expect(freeBefore - settledFreePages(kernel)).toBe(1);
    expect([kernel.read(child, at(page)), kernel.read(parent, at(page))]).toEqual([stampOf(page), 77]);
    // The child's page is its own now: it is written in place.
    expect(faultsOf(child, () => kernel.write(child, at(page), 76))).toEqual([1, 0]);
    expect(freeBefore - settledFreePages(kernel)).toBe(1);
    kernel.write(parent, at(page), stampOf(page));
  });

  it("lets the parent write its pages in place once the child is gone", () => {
    kernel.exit(child);
    kernel.wait(parent);
    const freeBefore = settledFreePages(kernel);
    const counts = countersOf(kernel, ["pgreuse", "pgfault"], () => {
      for (const page of stampedPages()) kernel.write(parent, at(page), stampOf(page, 1));
    });
    expect(settledFreePages(kernel)).toBe(freeBefore);
    // All but the one that it has copied, which was its own all the time.
    const nrShared = stampedPages().length - 1;
    expect([counts.pgreuse, counts.pgfault]).toEqual([nrShared, nrShared]);
    expect(wrongIn(kernel, parent, 1)).toEqual([]);
    expect(parent.mm.rssAnon).toBe(NR_PAGES);
    kernel.audit();
  });
});
