import { describe, expect, it } from "vitest";
import {
  MAP_GROWSDOWN,
  MAP_SHARED,
  NO_PAGES_HOST,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_NONE,
  PROT_READ,
  VM_ACCOUNT,
} from "@pageframe/contracts";
import { FMODE_READ } from "@pageframe/vma";
import { ANON, ARENA, RW, check, map, maps, named, newSpace, protect, write } from "./helpers.ts";

const AT = ARENA * PAGE_SIZE;

describe("mprotect", () => {
  // Return values and maps: recorded on Linux 6.18.15.
  it("applies rights up to a hole and then says ENOMEM", () => {
    const mm = newSpace();
    map(mm, 0, 8);
    expect(protect(mm, 4, 8, PROT_READ)).toBe("ENOMEM");
    expect(maps(mm)).toEqual(["0-4 rw-p", "4-8 r--p"]);
    expect(protect(mm, 50, 1, PROT_READ)).toBe("ENOMEM");
    expect(named(mm.mprotect(AT + 8, PAGE_SIZE, PROT_READ))).toBe("EINVAL");
    expect(protect(mm, 0, 0, PROT_READ)).toBe(0);
    expect(named(mm.mprotect(AT, 2 ** 64, PROT_READ))).toBe("ENOMEM");
    expect(named(mm.mprotect(AT, PAGE_SIZE, 0x100))).toBe("EINVAL");
    check(mm);
  });

  it("stops at a mapping that may not have the right", () => {
    const mm = newSpace();
    map(mm, 0, 4, PROT_READ);
    mm.mmap(AT + 4 * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED, 1, 0, FMODE_READ);
    expect(protect(mm, 0, 8, RW)).toBe("EACCES");
    expect(maps(mm)).toEqual(["0-4 rw-p", "4-8 r--s"]);
  });

  it("reaches down to the start of a growing mapping with PROT_GROWSDOWN, and only there", () => {
    const mm = newSpace();
    map(mm, 2990, 14, RW, ANON | MAP_GROWSDOWN);
    map(mm, 0, 1);
    expect(protect(mm, 3001, 1, PROT_READ | PROT_GROWSDOWN)).toBe(0);
    expect(maps(mm)).toEqual(["0-1 rw-p", "2990-3002 r--p", "3002-3004 rw-p"]);
    expect(protect(mm, 0, 1, RW | PROT_GROWSDOWN)).toBe("EINVAL");
  });

  it("tells the host which entries change, but not of rights that were there", () => {
    const calls: number[][] = [];
    const changeProtection = (_mm: number, start: number, end: number, vmFlags: number): void => {
      calls.push([start - ARENA, end - ARENA, vmFlags & 7]);
    };
    const mm = newSpace({}, { ...NO_PAGES_HOST, changeProtection });
    map(mm, 0, 8);
    protect(mm, 2, 3, PROT_READ);
    protect(mm, 0, 8, PROT_READ | PROT_EXEC);
    protect(mm, 0, 8, PROT_READ | PROT_EXEC);
    expect(calls).toEqual([
      [2, 5, 1],
      [0, 2, 5],
      [2, 5, 5],
      [5, 8, 5],
    ]);
    expect(maps(mm)).toEqual(["0-8 r-xp"]);
  });

  it("takes the promise of memory back only where nothing was written", () => {
    const mm = newSpace();
    map(mm, 0, 4);
    map(mm, 10, 4);
    write(mm, 10);
    expect(mm.commit.committedPages).toBe(8);
    protect(mm, 0, 4, PROT_NONE);
    protect(mm, 10, 4, PROT_NONE);
    expect(mm.commit.committedPages).toBe(4);
    expect(mm.pool.vmFlags[mm.findVma(ARENA)] & VM_ACCOUNT).toBe(0);
    protect(mm, 0, 4, RW);
    expect(mm.commit.committedPages).toBe(8);
    mm.unmapAll();
    expect(mm.commit.committedPages).toBe(0);
  });

  it("splits up to max_map_count", () => {
    const mm = newSpace({ maxMapCount: 2 });
    map(mm, 0, 9);
    expect(protect(mm, 3, 3, PROT_READ)).toBe("ENOMEM");
    // The split at the start was made before the second was refused.
    expect(maps(mm)).toEqual(["0-3 rw-p", "3-9 rw-p"]);
    check(mm);
  });
});
