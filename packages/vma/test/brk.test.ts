import { describe, expect, it } from "vitest";
import { MAP_GROWSDOWN, PAGE_SIZE, PROT_READ } from "@pageframe/contracts";
import { ANON, ARENA, check, map, maps, newSpace, protect, unmap } from "./helpers.ts";
import { type AddressSpace } from "@pageframe/vma";

function newHeap(): AddressSpace {
  const mm = newSpace();
  mm.startBrk = ARENA * PAGE_SIZE;
  mm.brkAddress = mm.startBrk;
  return mm;
}

/** Moves the break to a page of the arena; returns the page where it is then. */
function brk(mm: AddressSpace, page: number): number {
  return mm.brk((ARENA + page) * PAGE_SIZE) / PAGE_SIZE - ARENA;
}

describe("brk", () => {
  // Answers and maps: recorded on Linux 6.18.15.
  it("grows and shrinks one mapping", () => {
    const mm = newHeap();
    expect([brk(mm, 4), maps(mm)]).toEqual([4, ["0-4 rw-p"]]);
    expect([brk(mm, 2), maps(mm)]).toEqual([2, ["0-2 rw-p"]]);
    expect([brk(mm, 10), maps(mm)]).toEqual([10, ["0-10 rw-p"]]);
    expect(mm.isHeapVma(mm.findVma(ARENA))).toBe(true);
    expect([brk(mm, 0), maps(mm)]).toEqual([0, []]);
    check(mm);
  });

  it("keeps one page free before the next mapping", () => {
    const mm = newHeap();
    brk(mm, 10);
    map(mm, 12, 1);
    expect([brk(mm, 11), brk(mm, 12), brk(mm, 13)]).toEqual([11, 11, 11]);
    unmap(mm, 12, 1);
    expect(brk(mm, 13)).toBe(13);
    protect(mm, 3, 2, PROT_READ);
    expect(maps(mm)).toEqual(["0-3 rw-p", "3-5 r--p", "5-13 rw-p"]);
    expect([brk(mm, 0), maps(mm)]).toEqual([0, []]);
    check(mm);
  });

  it("keeps the guard gap free before a stack", () => {
    const mm = newHeap();
    map(mm, 500, 10, 3, ANON | MAP_GROWSDOWN);
    expect([brk(mm, 244), brk(mm, 243)]).toEqual([0, 243]);
  });

  it("does not go below its start, and moves within a page without mapping", () => {
    const mm = newHeap();
    expect(brk(mm, -1)).toBe(0);
    const middle = mm.startBrk + 100;
    expect(mm.brk(middle)).toBe(middle);
    expect(mm.brk(middle + 3000)).toBe(middle + 3000);
    expect(maps(mm)).toEqual(["0-1 rw-p"]);
    expect(mm.brk(mm.startBrk)).toBe(mm.startBrk);
    expect(maps(mm)).toEqual([]);
  });

  it("does not join a mapping that lies below the heap's start", () => {
    const mm = newHeap();
    map(mm, -4, 4);
    brk(mm, 4);
    expect(mm.mapCount).toBe(2);
  });

  it("does not move past RLIMIT_DATA, RLIMIT_AS or the overcommit limit", () => {
    const mm = newHeap();
    mm.rlimitDataBytes = 4 * PAGE_SIZE;
    mm.dataBytes = PAGE_SIZE;
    expect([brk(mm, 4), brk(mm, 3)]).toEqual([0, 3]);
    mm.rlimitDataBytes = Infinity;
    mm.rlimitAsBytes = 5 * PAGE_SIZE;
    expect([brk(mm, 6), brk(mm, 5)]).toEqual([3, 5]);
    mm.rlimitAsBytes = Infinity;
    mm.commit.totalRamPages = 10;
    expect([brk(mm, 16), brk(mm, 15)]).toEqual([5, 15]);
    expect(mm.commit.committedPages).toBe(15);
    check(mm);
  });
});
