import { describe, expect, it } from "vitest";
import { MAP_LOCKED, MAP_SHARED, NO_PAGES_HOST, VM_DONTCOPY, VM_WIPEONFORK } from "@pageframe/contracts";
import { AddressSpace, NO_ANON_VMA, VmaPool, VmCommit } from "@pageframe/vma";
import { ANON, ARENA, RW, check, map, maps, named, newSpace, write } from "./helpers.ts";

describe("forkInto", () => {
  it("copies mappings but those of VM_DONTCOPY, unlocks, and gives written memory its own anon_vma", () => {
    const commit = new VmCommit();
    const mm = newSpace({ commit });
    map(mm, 0, 4, RW, ANON | MAP_LOCKED);
    map(mm, 10, 4);
    map(mm, 20, 4);
    map(mm, 30, 4, RW, MAP_SHARED, 7);
    [0, 10, 20].forEach((page) => write(mm, page));
    const flag = (page: number, bit: number): void => {
      const vma = mm.findVma(ARENA + page);
      mm.modifyFlags(vma, ARENA + page, ARENA + page + 4, mm.pool.vmFlags[vma] | bit);
    };
    flag(10, VM_DONTCOPY);
    flag(20, VM_WIPEONFORK);
    const child = new AddressSpace(mm.pool, NO_PAGES_HOST, { id: 1, commit });
    expect(mm.forkInto(child)).toBe(0);
    expect(maps(child)).toEqual(["0-4 rw-p", "20-24 rw-p", "30-34 rw-s"]);
    expect([child.totalVm, child.lockedVm, child.dataVm, mm.lockedVm]).toEqual([12, 0, 8, 4]);
    expect(commit.committedPages).toBe(12 + 8);
    const anonVmaOf = (space: AddressSpace, page: number): number =>
      mm.pool.anonVma[space.findVma(ARENA + page)];
    expect(anonVmaOf(child, 0)).not.toBe(anonVmaOf(mm, 0));
    expect(anonVmaOf(child, 20)).toBe(NO_ANON_VMA);
    check(mm);
    check(child);
    child.unmapAll();
    expect(commit.committedPages).toBe(12);
    mm.unmapAll();
    expect([commit.committedPages, mm.pool.nrUsed]).toEqual([0, 0]);
  });

  it("leaves the child empty when memory runs out on the way", () => {
    let nrLeft = 5;
    const host = { ...NO_PAGES_HOST, allocVmaObject: () => (nrLeft-- > 0 ? 8 : -1) };
    const commit = new VmCommit();
    const mm = newSpace({ commit }, host);
    [0, 10, 20].forEach((page) => map(mm, page, 4));
    const child = new AddressSpace(mm.pool, host, { id: 1, commit });
    expect(named(mm.forkInto(child))).toBe("ENOMEM");
    expect([child.mapCount, child.totalVm, commit.committedPages]).toEqual([0, 0, 12]);
    check(child);
    commit.totalRamPages = 3;
    nrLeft = 10;
    expect(named(mm.forkInto(child))).toBe("ENOMEM");
    expect([child.mapCount, commit.committedPages]).toEqual([0, 12]);
  });

  it("refuses a child that is not a fresh one of the same pool", () => {
    const mm = newSpace();
    expect(() => mm.forkInto(mm)).toThrow(/EINVAL/);
    expect(() => mm.forkInto(new AddressSpace(new VmaPool(), NO_PAGES_HOST, { id: 1 }))).toThrow(
      /empty one of the same pool/,
    );
  });
});
