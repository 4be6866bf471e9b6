import { describe, expect, it } from "vitest";
import { PAGECACHE_TAG_DIRTY, PageIndex, PageIndexPool } from "@pageframe/pagecache";
import { check } from "./helpers.ts";

/** Counts what is read of a pool's slots and marks from now on. */
function countReads(pool: PageIndexPool): { nr: number } {
  const reads = { nr: 0 };
  for (const name of ["slots", "marks"] as const) {
    pool[name] = new Proxy(pool[name], {
      get(target, key): unknown {
        reads.nr++;
        return Reflect.get(target, key);
      },
    });
  }
  return reads;
}

describe("PageIndex, work per call", () => {
  it("looks up with one read per level, however many pages and files there are", () => {
    const pool = new PageIndexPool();
    const files = Array.from({ length: 2000 }, (_, file) => {
      const index = new PageIndex(pool);
      for (let pgoff = 0; pgoff < (file === 0 ? 20_000 : 3); pgoff++) index.store(pgoff, pgoff);
      return index;
    });
    const reads = countReads(pool);
    const cost = (file: number, pgoff: number): number => {
      reads.nr = 0;
      expect(files[file].load(pgoff)).toBe(pgoff);
      return reads.nr;
    };
    expect([cost(1, 2), cost(1999, 2)]).toEqual([1, 1]);
    // 20,000 pages take three levels.
    expect([cost(0, 0), cost(0, 19_999)]).toEqual([3, 3]);
  });

  it("finds a far marked page without looking at what lies between, and passes over full nodes", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    const nr = 200_000;
    for (let pgoff = 0; pgoff < nr; pgoff++) index.store(pgoff, pgoff);
    index.setMark(199_000, PAGECACHE_TAG_DIRTY);
    index.setMark(3, PAGECACHE_TAG_DIRTY);
    const reads = countReads(pool);
    expect(index.nextMarked(4, Infinity, PAGECACHE_TAG_DIRTY)).toBe(199_000);
    // Three levels up and down, a few slots and words of marks in each.
    expect(reads.nr).toBeLessThan(25);
    reads.nr = 0;
    expect(index.nextMiss(0, 2 * nr)).toBe(nr);
    // A full node of 64 takes one descent of three reads.
    expect(reads.nr).toBeLessThan((nr / 64) * 4);
  });

  it("gives the nodes of scattered pages back while they are walked, and takes as few again", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    const nr = 20_000;
    for (let page = 0; page < nr; page++) index.store(page * 977, page);
    const { nrNodes } = pool;
    let nrErased = 0;
    for (let at = index.nextPage(0, Infinity); at >= 0; at = index.nextPage(at + 1, Infinity)) {
      index.erase(at);
      nrErased++;
    }
    expect([nrErased, pool.nrNodes, index.nrPages, index.height]).toEqual([nr, 0, 0, 0]);
    for (let page = 0; page < nr; page++) index.store(page * 977, page);
    expect(pool.nrNodes).toBe(nrNodes);
    check(pool, index);
  });
});
