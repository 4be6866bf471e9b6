import { describe, expect, it } from "vitest";
import {
  MAP_SHARED,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  NO_PAGES_HOST,
  PROT_EXEC,
  PROT_READ,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_LOCKED,
} from "@pageframe/contracts";
import { AddressSpace } from "@pageframe/vma";
import { ANON, ARENA, RW, check, map, maps, newSpace, protect, unmap, write } from "./helpers.ts";

// Expected maps: recorded on Linux 6.18.15 with a script of the same operations.
describe("Merging and splitting", () => {
  it("joins adjacent anonymous mappings, splits and rejoins under mprotect and munmap", () => {
    const mm = newSpace();
    map(mm, 0, 16);
    map(mm, 16, 16);
    expect(maps(mm)).toEqual(["0-32 rw-p"]);
    protect(mm, 4, 4, PROT_READ);
    expect(maps(mm)).toEqual(["0-4 rw-p", "4-8 r--p", "8-32 rw-p"]);
    protect(mm, 4, 4, RW);
    expect(maps(mm)).toEqual(["0-32 rw-p"]);
    unmap(mm, 8, 2);
    expect(maps(mm)).toEqual(["0-8 rw-p", "10-32 rw-p"]);
    map(mm, 8, 2);
    expect(maps(mm)).toEqual(["0-32 rw-p"]);
    write(mm, 0);
    map(mm, 32, 4);
    map(mm, 36, 4, PROT_READ);
    protect(mm, 36, 4, RW);
    expect(maps(mm)).toEqual(["0-40 rw-p"]);
    check(mm);
  });

  it("does not join two mappings that have been written to apart, and lends the gap between to one", () => {
    const mm = newSpace();
    map(mm, 100, 4);
    write(mm, 100);
    map(mm, 108, 4);
    write(mm, 108);
    map(mm, 104, 4);
    expect(maps(mm)).toEqual(["100-108 rw-p", "108-112 rw-p"]);
    check(mm);
  });

  it("joins what was written to under different rights: the later write takes the neighbour's anon_vma", () => {
    const mm = newSpace();
    map(mm, 0, 8, RW, ANON | MAP_NORESERVE);
    protect(mm, 4, 4, RW | PROT_EXEC);
    write(mm, 0);
    write(mm, 4);
    expect(maps(mm)).toEqual(["0-4 rw-p", "4-8 rwxp"]);
    protect(mm, 4, 4, RW);
    expect(maps(mm)).toEqual(["0-8 rw-p"]);
    check(mm);
  });

  it("turns islands of other rights into one mapping and stops at the first hole", () => {
    const mm = newSpace();
    map(mm, 200, 8);
    protect(mm, 202, 1, PROT_READ);
    protect(mm, 204, 1, PROT_READ);
    expect(maps(mm)).toEqual([
      "200-202 rw-p",
      "202-203 r--p",
      "203-204 rw-p",
      "204-205 r--p",
      "205-208 rw-p",
    ]);
    expect(protect(mm, 200, 8, PROT_READ)).toBe(0);
    expect(maps(mm)).toEqual(["200-208 r--p"]);
    expect(protect(mm, 199, 2, RW)).toBe("ENOMEM");
    expect(protect(mm, 207, 2, RW)).toBe("ENOMEM");
    expect(maps(mm)).toEqual(["200-207 r--p", "207-208 rw-p"]);
    map(mm, 200, 2);
    expect(maps(mm)).toEqual(["200-202 rw-p", "202-207 r--p", "207-208 rw-p"]);
    check(mm);
  });

  it("keeps shared mappings of different objects apart and joins one object at consecutive offsets", () => {
    const mm = newSpace();
    map(mm, 300, 4, RW, MAP_SHARED | MAP_ANONYMOUS, 1);
    map(mm, 304, 4, RW, MAP_SHARED | MAP_ANONYMOUS, 2);
    expect(maps(mm)).toEqual(["300-304 rw-s", "304-308 rw-s"]);
    map(mm, 400, 4, RW, MAP_SHARED, 3, 10);
    map(mm, 404, 4, RW, MAP_SHARED, 3, 14);
    map(mm, 408, 4, RW, MAP_SHARED, 3, 19);
    expect(maps(mm).slice(2)).toEqual(["400-408 rw-s", "408-412 rw-s"]);
    check(mm);
  });

  it("does not join what a child of fork inherited with what it maps itself", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    write(mm, 0);
    map(mm, 8, 4);
    const child = new AddressSpace(mm.pool, NO_PAGES_HOST, { id: 1 });
    expect(mm.forkInto(child)).toBe(0);
    map(mm, 4, 4);
    map(child, 4, 4);
    expect(maps(mm)).toEqual(["0-12 rw-p"]);
    // The untouched neighbour above is as good as new.
    expect(maps(child)).toEqual(["0-4 rw-p", "4-12 rw-p"]);
    check(child);
  });

  it("never joins special mappings", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    const vma = mm.findVma(ARENA);
    mm.modifyFlags(vma, ARENA, ARENA + 4, mm.pool.vmFlags[vma] | VM_DONTEXPAND);
    map(mm, 4, 4);
    mm.modifyFlags(mm.findVma(ARENA + 4), ARENA + 4, ARENA + 8, mm.pool.vmFlags[vma]);
    expect(maps(mm)).toEqual(["0-4 rw-p", "4-8 rw-p"]);
  });

  it("changes flags of a part, and joins it again when they are equal", () => {
    const mm = newSpace();
    map(mm, 200, 8);
    const plain = mm.pool.vmFlags[mm.findVma(ARENA + 200)];
    const part = mm.modifyFlags(
      mm.findVma(ARENA + 200),
      ARENA + 203,
      ARENA + 205,
      plain | VM_DONTDUMP | VM_LOCKED,
    );
    expect(maps(mm)).toEqual(["200-203 rw-p", "203-205 rw-p", "205-208 rw-p"]);
    expect(mm.lockedVm).toBe(2);
    check(mm);
    mm.modifyFlags(part, ARENA + 203, ARENA + 205, plain);
    expect(maps(mm)).toEqual(["200-208 rw-p"]);
    expect(mm.lockedVm).toBe(0);
    check(mm);
  });

  it("keeps memory policies apart", () => {
    const mm = newSpace();
    map(mm, 0, 8);
    mm.modifyPolicy(mm.findVma(ARENA), ARENA + 2, ARENA + 4, 5);
    expect(maps(mm)).toEqual(["0-2 rw-p", "2-4 rw-p", "4-8 rw-p"]);
    expect(mm.pool.mempolicy[mm.findVma(ARENA + 2)]).toBe(5);
    mm.modifyPolicy(mm.findVma(ARENA + 4), ARENA + 4, ARENA + 8, 5);
    expect(maps(mm)).toEqual(["0-2 rw-p", "2-8 rw-p"]);
    check(mm);
  });

  it("moves a border between two mappings without new rows", () => {
    const mm = newSpace();
    map(mm, 0, 8, RW, MAP_SHARED, 1, 0);
    map(mm, 8, 8, PROT_READ, MAP_SHARED, 1, 8);
    const nrUsed = mm.pool.nrUsed;
    protect(mm, 8, 3, RW);
    expect(maps(mm)).toEqual(["0-11 rw-s", "11-16 r--s"]);
    protect(mm, 5, 6, PROT_READ);
    expect(maps(mm)).toEqual(["0-5 rw-s", "5-16 r--s"]);
    expect([mm.pool.pgoff[mm.findVma(ARENA + 5)], mm.pool.nrUsed]).toEqual([5, nrUsed]);
    check(mm);
  });
});
