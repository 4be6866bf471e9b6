import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  NO_PAGES_HOST,
  NO_VMA,
  PAGE_SIZE,
  PROT_READ,
} from "@pageframe/contracts";
import { AddressSpace, MappingIndex, VmaPool } from "@pageframe/vma";
import { ARENA, RW, map, protect, unmap } from "./helpers.ts";

const NR_PAGES = 64;
const NR_FILES = 4;
/** Two files are openings of each object. */
const HOST = { ...NO_PAGES_HOST, getFile: (fileId: number): number => fileId >> 1 };

/** Rows that a query gives, in its order. */
function found(index: MappingIndex, objectId: number, start: number, end: number): number[] {
  const rows: number[] = [];
  for (let vma = index.first(objectId, start, end); vma !== NO_VMA; vma = index.next(vma, start, end))
    rows.push(vma);
  return rows;
}

/** The same by looking at every mapping of every address space. */
function scanned(spaces: readonly AddressSpace[], objectId: number, start: number, end: number): number[] {
  const rows: number[] = [];
  for (const space of spaces) {
    const { pool } = space;
    space.forEachVma((vma) => {
      const endPgoff = pool.pgoff[vma] + pool.endVpn[vma] - pool.startVpn[vma];
      if (pool.fileId[vma] >= 0 && pool.fileId[vma] >> 1 === objectId)
        if (pool.pgoff[vma] < end && endPgoff > start) rows.push(vma);
    });
  }
  return rows.sort((a, b) => a - b);
}

describe("MappingIndex", () => {
  it("finds what overlaps, by first page, and not what only touches", () => {
    const index = new MappingIndex();
    index.insert(7, 0, 10, 20);
    index.insert(3, 0, 0, 5);
    index.insert(200, 0, 5, 11);
    index.insert(4, 1, 0, 100);
    expect(found(index, 0, 5, 10)).toEqual([200]);
    expect(found(index, 0, 4, 11)).toEqual([3, 200, 7]);
    expect(found(index, 0, 20, Infinity)).toEqual([]);
    expect(found(index, 2, 0, Infinity)).toEqual([]);
    index.update(200, 19, 30);
    index.remove(3);
    expect(found(index, 0, 0, Infinity)).toEqual([7, 200]);
    expect([index.has(3), index.has(200), index.has(5000)]).toEqual([false, true, false]);
    index.checkInvariants();
  });

  it("agrees with a scan of all mappings under random mmap, munmap, mprotect, mremap, fork and exit", () => {
    const step = fc.record({
      kind: fc.constantFrom(
        "file",
        "file",
        "anon",
        "unmap",
        "protect",
        "move",
        "grow",
        "leave",
        "fork",
        "exit",
      ),
      page: fc.nat(NR_PAGES - 1),
      nrPages: fc.integer({ min: 1, max: 24 }),
      to: fc.nat(NR_PAGES - 1),
      fileId: fc.nat(NR_FILES - 1),
      flags: fc.constantFrom(MAP_SHARED, 2),
      which: fc.nat(7),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new VmaPool(1);
        const spaces = [new AddressSpace(pool, HOST)];
        let nextId = 1;
        for (const { kind, page, nrPages, to, fileId, flags, which } of steps) {
          const space = spaces[which % spaces.length];
          const nr = Math.min(nrPages, NR_PAGES - page);
          const [from, target] = [(ARENA + page) * PAGE_SIZE, (ARENA + NR_PAGES + to) * PAGE_SIZE];
          const bytes = nr * PAGE_SIZE;
          if (kind === "file") map(space, page, nr, RW, flags, fileId, to);
          else if (kind === "anon") map(space, page, nr);
          else if (kind === "unmap") unmap(space, page, nr);
          else if (kind === "protect") protect(space, page, nr, PROT_READ);
          else if (kind === "move") space.mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target);
          else if (kind === "leave") space.mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
          else if (kind === "grow") space.mremap(from, PAGE_SIZE, bytes, MREMAP_MAYMOVE);
          else if (kind === "fork" && spaces.length < 8) {
            const child = new AddressSpace(pool, HOST, { id: nextId++ });
            expect(space.forkInto(child)).toBe(0);
            spaces.push(child);
          } else if (kind === "exit" && spaces.length > 1) {
            space.unmapAll();
            spaces.splice(which % spaces.length, 1);
          }
          pool.checkInvariants();
          for (const objectId of [0, 1]) {
            for (const [start, end] of [
              [0, Infinity],
              [page, page + nr],
              [to, to + 1],
            ]) {
              const rows = found(pool.mappings, objectId, start, end);
              expect(rows.map((vma) => pool.pgoff[vma])).toEqual(
                rows.map((vma) => pool.pgoff[vma]).sort((a, b) => a - b),
              );
              expect(rows.sort((a, b) => a - b)).toEqual(scanned(spaces, objectId, start, end));
            }
          }
        }
        for (const space of spaces) space.unmapAll();
        expect(pool.mappings.collect(0).concat(pool.mappings.collect(1))).toEqual([]);
      }),
      { seed: 11, numRuns: 150 },
    );
  });

  it("costs no more than the depth of a balanced tree, be a file mapped 10,000 times", () => {
    const nrRows = 10_000;
    const space = new AddressSpace(new VmaPool(1), HOST);
    const { mappings } = space.pool;
    // A hole before each: nothing merges.
    for (let nth = 0; nth < nrRows; nth++) map(space, 2 * nth, 1, RW, MAP_SHARED, 0, nth);
    // About 2 ln n = 18 rows on a path of a random tree; inserting looks at a path and turns at most twice on average.
    expect(mappings.nrVisits / nrRows).toBeLessThan(40);
    mappings.nrVisits = 0;
    for (let nth = 0; nth < nrRows; nth++) expect(found(mappings, 0, nth, nth + 1)).toHaveLength(1);
    expect(mappings.nrVisits / nrRows).toBeLessThan(60);
    mappings.nrVisits = 0;
    for (let nth = 0; nth < nrRows; nth++) unmap(space, 2 * nth, 1);
    expect(mappings.nrVisits / nrRows).toBeLessThan(40);
  });
});
