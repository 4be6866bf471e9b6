import {
  KernelBug,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
  NO_SWAP_ENTRY,
  PG_ACTIVE,
  PG_BUDDY,
  PG_DIRTY,
  PG_HEAD,
  PG_LRU,
  PG_ORDER_SHIFT,
  PG_TAIL,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { Memmap, NO_MAPPING, NO_ZONE } from "../src/index.ts";

describe("Memmap", () => {
  it("starts with free frames that have no zone, no file and no owner", () => {
    const memmap = new Memmap(1025);
    expect([memmap.flags[1024], memmap.refcount[1024], memmap.mapcount[1024]]).toEqual([0, 0, 0]);
    expect([memmap.mapping[1024], memmap.private[1024], memmap.zoneId[1024]]).toEqual([
      NO_MAPPING,
      NO_SWAP_ENTRY,
      NO_ZONE,
    ]);
    expect(memmap.lists.isListed(1024)).toBe(false);
    memmap.checkInvariants();
  });

  it("has a migratetype for each 512 frames, the last incomplete ones too", () => {
    const memmap = new Memmap(1025);
    expect(memmap.pageblockMigratetype.length).toBe(3);
    memmap.pageblockMigratetype[1] = MIGRATE_UNMOVABLE;
    expect([511, 512, 1023, 1024].map((pfn) => memmap.migratetypeOf(pfn))).toEqual([
      MIGRATE_MOVABLE,
      MIGRATE_UNMOVABLE,
      MIGRATE_UNMOVABLE,
      MIGRATE_MOVABLE,
    ]);
  });

  it("counts references and stops below none", () => {
    const memmap = new Memmap(4);
    memmap.getPage(2);
    memmap.getPage(2);
    expect(memmap.putPageTestzero(2)).toBe(false);
    expect(memmap.putPageTestzero(2)).toBe(true);
    expect(() => memmap.putPageTestzero(2)).toThrow("refcount of pfn 2 fell to -1");
  });

  it("sets, clears and tests flags without touching others or the order", () => {
    const memmap = new Memmap(4);
    memmap.flags[1] = PG_HEAD | (9 << PG_ORDER_SHIFT);
    memmap.setFlags(1, PG_LRU | PG_ACTIVE);
    memmap.clearFlags(1, PG_ACTIVE);
    expect(memmap.flags[1]).toBe(PG_HEAD | PG_LRU | (9 << PG_ORDER_SHIFT));
    expect(memmap.hasFlags(1, PG_ACTIVE | PG_LRU)).toBe(true);
    expect(memmap.hasFlags(1, PG_DIRTY)).toBe(false);
  });

  it("makes frames one compound page and takes it apart", () => {
    const memmap = new Memmap(16);
    memmap.prepCompound(4, 2);
    expect([3, 4, 5, 7, 8].map((pfn) => memmap.compoundHead(pfn))).toEqual([3, 4, 4, 4, 8]);
    expect([memmap.compoundOrder(4), memmap.compoundOrder(8)]).toEqual([2, 0]);
    expect([memmap.flags[4] & PG_HEAD, memmap.flags[4] & PG_TAIL, memmap.flags[7] & PG_TAIL]).toEqual([
      PG_HEAD,
      0,
      PG_TAIL,
    ]);
    // State is the head's, whichever page is asked for; entries that map it are each page's own.
    memmap.setFlags(6, PG_DIRTY);
    memmap.getPage(7);
    memmap.mapcount[5] = 2;
    expect([
      memmap.hasFlags(4, PG_DIRTY),
      memmap.hasFlags(7, PG_DIRTY),
      memmap.hasFlags(8, PG_DIRTY),
    ]).toEqual([true, true, false]);
    expect([memmap.refcount[4], memmap.refcount[7], memmap.folioMapcount(4), memmap.nrFolioPages(4)]).toEqual(
      [1, 0, 2, 4],
    );
    memmap.index[4] = 100;
    expect(memmap.pgoffOf(6)).toBe(102);
    memmap.clearFlags(5, PG_DIRTY);
    expect(memmap.putPageTestzero(6)).toBe(true);
    memmap.mapcount[5] = 0;
    memmap.checkInvariants();
    memmap.destroyCompound(4);
    expect([...memmap.flags]).toEqual(new Array(16).fill(0));
    expect([...memmap.mapping]).toEqual(new Array(16).fill(NO_MAPPING));
  });

  it("knows the order of a compound page alone, not of a free block", () => {
    const memmap = new Memmap(16);
    memmap.flags[8] = PG_BUDDY | (3 << PG_ORDER_SHIFT);
    expect(memmap.compoundOrder(8)).toBe(0);
  });

  it("finds compound pages that are torn", () => {
    const torn = (damage: (memmap: Memmap) => void): Memmap => {
      const memmap = new Memmap(16);
      memmap.prepCompound(4, 2);
      damage(memmap);
      return memmap;
    };
    const noTail = torn((memmap) => {
      memmap.flags[6] &= ~PG_TAIL;
    });
    expect(() => noTail.checkInvariants()).toThrow("pfn 6 should be a tail of compound page 4");
    expect(() => noTail.destroyCompound(4)).toThrow("pfn 6 is not a tail of compound page 4");
    const strayTail = torn((memmap) => {
      memmap.setFlags(12, PG_TAIL);
      memmap.mapping[12] = 4;
    });
    expect(() => strayTail.checkInvariants()).toThrow("pfn 12 is a tail of 4, which is no head of it");
    const pastTheEnd = torn((memmap) => {
      memmap.prepCompound(12, 2);
      memmap.flags[12] = PG_HEAD | (3 << PG_ORDER_SHIFT);
    });
    expect(() => pastTheEnd.checkInvariants()).toThrow(KernelBug);
  });

  it("refuses sizes that no machine here has", () => {
    expect(() => new Memmap(0)).toThrow("EINVAL: nrFrames (0)");
    expect(() => new Memmap(1.5)).toThrow("EINVAL: nrFrames (1.5)");
    expect(() => new Memmap(2 ** 31 - 8192)).toThrow(
      "EINVAL: nrFrames (2147475456) must be an integer from 1 to 2147475455",
    );
  });
});
