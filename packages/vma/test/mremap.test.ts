import { describe, expect, it } from "vitest";
import {
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  NO_PAGES_HOST,
  PAGE_SIZE,
  PROT_READ,
  VM_LOCKED,
  VM_DONTEXPAND,
  ENOMEM,
} from "@pageframe/contracts";
import { AddressSpace, FILE_THP_ALIGNED, FMODE_READ, FMODE_WRITE, NO_ANON_VMA } from "@pageframe/vma";
import { ANON, ARENA, RW, check, map, maps, named, newSpace, write } from "./helpers.ts";

const MOVE = MREMAP_MAYMOVE;
const FIXED = MREMAP_MAYMOVE | MREMAP_FIXED;
const STAY = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;

/** mremap in pages of the arena; returns the page, or an errno's name. */
function remap(
  mm: AddressSpace,
  page: number,
  nrOld: number,
  nrNew: number,
  flags = 0,
  to = -ARENA,
): number | string {
  const bytes = (nr: number): number => nr * PAGE_SIZE;
  const ret = mm.mremap(bytes(ARENA + page), bytes(nrOld), bytes(nrNew), flags, bytes(ARENA + to));
  return ret < 0 ? named(ret) : ret / PAGE_SIZE - ARENA;
}

describe("mremap", () => {
  it("shrinks in place, also over holes and other mappings", () => {
    const mm = newSpace();
    map(mm, 0, 8);
    map(mm, 10, 4, PROT_READ);
    expect(remap(mm, 0, 12, 3)).toBe(0);
    expect(maps(mm)).toEqual(["0-3 rw-p", "12-14 r--p"]);
    expect(remap(mm, 0, 3, 3)).toBe(0);
    check(mm);
  });

  it("grows in place when the range ends its VMA and there is room, and joins what follows", () => {
    const mm = newSpace();
    map(mm, 0, 8);
    write(mm, 0);
    map(mm, 10, 4);
    expect(remap(mm, 4, 4, 6)).toBe(4);
    expect(maps(mm)).toEqual(["0-14 rw-p"]);
    expect(mm.commit.committedPages).toBe(14);
    map(mm, 20, 4, PROT_READ);
    expect([remap(mm, 0, 14, 21), remap(mm, 0, 10, 11)]).toEqual(["ENOMEM", "ENOMEM"]);
    check(mm);
  });

  it("moves elsewhere when it may and cannot grow, keeping the offset of written memory", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    map(mm, 4, 4, PROT_READ);
    write(mm, 1);
    const moved = mm.mremap(ARENA * PAGE_SIZE, 4 * PAGE_SIZE, 6 * PAGE_SIZE, MOVE) / PAGE_SIZE;
    expect(moved).toBe(mm.mmapBase - 6);
    expect(mm.pool.pgoff[mm.findVma(moved)]).toBe(ARENA);
    expect(maps(mm)).toEqual(["4-8 r--p"]);
    expect([mm.totalVm, mm.commit.committedPages]).toEqual([10, 6]);
    check(mm);
  });

  it("moves to a fixed place in place of what is there; untouched memory merges there", () => {
    const mm = newSpace();
    map(mm, 0, 8);
    map(mm, 20, 4);
    map(mm, 24, 4, PROT_READ);
    expect(remap(mm, 2, 4, 4, FIXED, 24)).toBe(24);
    expect(maps(mm)).toEqual(["0-2 rw-p", "6-8 rw-p", "20-28 rw-p"]);
    write(mm, 0);
    expect(remap(mm, 0, 2, 2, FIXED, 28)).toBe(28);
    expect(maps(mm)).toEqual(["6-8 rw-p", "20-28 rw-p", "28-30 rw-p"]);
    expect(mm.commit.committedPages).toBe(12);
    check(mm);
  });

  it("moves a range of several mappings to a fixed place with the holes between", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    map(mm, 4, 2, PROT_READ);
    map(mm, 8, 4);
    expect(remap(mm, 2, 8, 8, FIXED, 102)).toBe(102);
    expect(maps(mm)).toEqual(["0-2 rw-p", "10-12 rw-p", "102-104 rw-p", "104-106 r--p", "108-110 rw-p"]);
    expect(remap(mm, 98, 4, 4, FIXED, 200)).toBe("EFAULT");
    check(mm);
  });

  it("shrinks and moves at once", () => {
    const mm = newSpace();
    map(mm, 0, 8);
    expect(remap(mm, 0, 8, 3, FIXED, 50)).toBe(50);
    expect(maps(mm)).toEqual(["50-53 rw-p"]);
    expect(mm.commit.committedPages).toBe(3);
    check(mm);
  });

  it("leaves an empty mapping behind with MREMAP_DONTUNMAP, unlocked and as new", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    write(mm, 0);
    const vma = mm.findVma(ARENA);
    mm.modifyFlags(vma, ARENA, ARENA + 4, mm.pool.vmFlags[vma] | VM_LOCKED);
    expect(remap(mm, 0, 4, 4, STAY | MREMAP_FIXED, 10)).toBe(10);
    expect(maps(mm)).toEqual(["0-4 rw-p", "10-14 rw-p"]);
    expect([mm.lockedVm, mm.pool.anonVma[mm.findVma(ARENA)], mm.commit.committedPages]).toEqual([
      8, // Linux 6.18.44 goes on counting what it unlocks
      NO_ANON_VMA,
      8,
    ]);
    // Without a place, the new address is a hint.
    expect(remap(mm, 10, 4, 4, STAY, 30)).toBe(30);
    check(mm);
  });

  it("duplicates a shared mapping with length 0, but no private one", () => {
    const mm = newSpace();
    map(mm, 0, 4, RW, MAP_SHARED, 7, 5);
    expect(remap(mm, 1, 0, 2, FIXED, 50)).toBe(50);
    expect(maps(mm)).toEqual(["0-4 rw-s", "50-52 rw-s"]);
    expect(mm.pool.pgoff[mm.findVma(ARENA + 50)]).toBe(6);
    map(mm, 10, 4);
    expect(remap(mm, 10, 0, 2, MOVE)).toBe("EINVAL");
    check(mm);
  });

  it("refuses what Linux refuses, with its errno", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    map(mm, 4, 4, PROT_READ);
    expect(remap(mm, 50, 1, 1)).toBe("EFAULT");
    expect(remap(mm, 0, 6, 9, MOVE)).toBe("EFAULT");
    expect(remap(mm, 0, 4, 0)).toBe("EINVAL");
    expect(remap(mm, 0, 4, 4, 8)).toBe("EINVAL");
    expect(remap(mm, 0, 4, 4, MREMAP_FIXED, 20)).toBe("EINVAL");
    expect(remap(mm, 0, 4, 4, FIXED, 2)).toBe("EINVAL");
    expect(remap(mm, 0, 4, 5, STAY)).toBe("EINVAL");
    expect(named(mm.mremap(ARENA * PAGE_SIZE + 1, PAGE_SIZE, PAGE_SIZE, 0))).toBe("EINVAL");
    expect(named(mm.mremap(ARENA * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, FIXED, 100))).toBe("EINVAL");
    mm.modifyFlags(mm.findVma(ARENA), ARENA, ARENA + 4, mm.pool.vmFlags[mm.findVma(ARENA)] | VM_DONTEXPAND);
    expect([remap(mm, 0, 4, 5, MOVE), remap(mm, 0, 4, 4, STAY)]).toEqual(["EFAULT", "EINVAL"]);
    expect(maps(mm)).toEqual(["0-4 rw-p", "4-8 r--p"]);
  });

  it("stays three VMAs below max_map_count and within RLIMIT_AS and the overcommit limit", () => {
    const mm = newSpace({ maxMapCount: 5 });
    map(mm, 0, 4);
    map(mm, 4, 4, PROT_READ);
    expect([remap(mm, 0, 4, 5, MOVE), remap(mm, 0, 4, 4, FIXED, 50)]).toEqual(["ENOMEM", "ENOMEM"]);
    mm.maxMapCount = 100;
    mm.rlimitAsBytes = 8 * PAGE_SIZE;
    expect(remap(mm, 0, 4, 5, MOVE)).toBe("ENOMEM");
    expect(remap(mm, 0, 4, 4, FIXED, 50)).toBe(50);
    mm.rlimitAsBytes = Infinity;
    mm.commit.totalRamPages = 5;
    expect([remap(mm, 50, 4, 10), remap(mm, 50, 4, 9)]).toEqual(["ENOMEM", 50]);
    check(mm);
  });

  it("aligns what it moves as mmap does", () => {
    const mm = newSpace();
    map(mm, 0, 500);
    map(mm, 500, 1, PROT_READ);
    expect(mm.mremap(ARENA * PAGE_SIZE, 500 * PAGE_SIZE, 512 * PAGE_SIZE, MOVE)).toBe(0x7ffff7c00000);
    const mode = FMODE_READ | FMODE_WRITE | FILE_THP_ALIGNED;
    mm.mmap(ARENA * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 3, 7 * PAGE_SIZE, mode);
    map(mm, 4, 1);
    const moved = mm.mremap(ARENA * PAGE_SIZE, 4 * PAGE_SIZE, 2000 * PAGE_SIZE, MOVE, 0, mode);
    expect((moved / PAGE_SIZE - 7) % 512).toBe(0);
    check(mm);
  });

  it("has the host move pages while both places are mapped, and undoes the move when it cannot", () => {
    const calls: number[][] = [];
    let ret = 0;
    const movePages = (_mm: number, from: number, to: number, nrPages: number): number => {
      calls.push([from - ARENA, to - ARENA, nrPages]);
      expect(mm.pool.startVpn[mm.findVma(to)]).toBeLessThanOrEqual(to);
      expect(mm.pool.startVpn[mm.findVma(from)]).toBeLessThanOrEqual(from);
      return ret;
    };
    const mm: AddressSpace = newSpace({}, { ...NO_PAGES_HOST, movePages });
    map(mm, 0, 8);
    write(mm, 0);
    expect(remap(mm, 2, 3, 5, FIXED, 50)).toBe(50);
    ret = -ENOMEM;
    expect(remap(mm, 0, 2, 2, FIXED, 60)).toBe("ENOMEM");
    expect(calls).toEqual([
      [2, 50, 3],
      [0, 60, 2],
    ]);
    expect(maps(mm)).toEqual(["0-2 rw-p", "5-8 rw-p", "50-55 rw-p"]);
    expect(mm.commit.committedPages).toBe(10);
    check(mm);
  });

  it("does not join memory that came over fork with an untouched neighbour", () => {
    const mm = newSpace();
    map(mm, 0, 2);
    write(mm, 0);
    const child = new AddressSpace(mm.pool, NO_PAGES_HOST, { id: 1 });
    mm.forkInto(child);
    const join = (space: AddressSpace): string[] => {
      // Its offset makes the neighbour continue what is moved before it.
      map(space, 12, 2, RW, ANON);
      space.pool.pgoff[space.findVma(ARENA + 12)] = ARENA + 2;
      remap(space, 0, 2, 2, FIXED, 10);
      return maps(space);
    };
    expect(join(mm)).toEqual(["10-14 rw-p"]);
    expect(join(child)).toEqual(["10-12 rw-p", "12-14 rw-p"]);
    check(mm);
    check(child);
  });
});
