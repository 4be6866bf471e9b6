import { describe, expect, it } from "vitest";
import { MAX_SHADOW, NO_PFN, NO_SHADOW } from "@pageframe/contracts";
import {
  isShadowEntry,
  MAX_PGOFF,
  PAGECACHE_TAG_DIRTY,
  PageIndex,
  PageIndexPool,
  shadowOfEntry,
} from "@pageframe/pagecache";
import { check } from "./helpers.ts";

const MAX_PFN = 0x7fffffff;

describe("PageIndex", () => {
  it("needs no node for page 0, and grows and shrinks with the largest index", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    expect([index.load(0), index.height, pool.nrNodes]).toEqual([NO_PFN, 0, 0]);
    index.store(0, 0);
    expect([index.load(0), index.load(1), index.height, pool.nrNodes]).toEqual([0, NO_PFN, 0, 0]);
    index.store(63, 7);
    expect([index.load(63), index.height, pool.nrNodes]).toEqual([7, 1, 1]);
    // 64 needs a second level; its leaf is another node.
    index.store(64, 8);
    expect([index.height, pool.nrNodes]).toEqual([2, 3]);
    index.store(MAX_PGOFF - 1, MAX_PFN);
    // 44 bits are 8 levels of 6.
    expect([index.load(MAX_PGOFF - 1), index.height]).toEqual([MAX_PFN, 8]);
    check(pool, index);
    index.erase(MAX_PGOFF - 1);
    expect([index.height, pool.nrNodes]).toEqual([2, 3]);
    index.erase(64);
    index.erase(63);
    expect([index.load(0), index.height, pool.nrNodes, index.nrPages]).toEqual([0, 0, 0, 1]);
    check(pool, index);
  });

  it("tells pages, shadows and nothing apart at the ends of their ranges", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    for (const pgoff of [0, 5]) {
      index.store(pgoff, MAX_PFN);
      expect([index.load(pgoff), index.loadShadow(pgoff)]).toEqual([MAX_PFN, NO_SHADOW]);
      for (const shadow of [0, MAX_SHADOW]) {
        index.storeShadow(pgoff, shadow);
        expect([index.load(pgoff), index.loadShadow(pgoff)]).toEqual([NO_PFN, shadow]);
        const entry = index.loadEntry(pgoff);
        expect([isShadowEntry(entry), shadowOfEntry(entry)]).toEqual([true, shadow]);
      }
      expect(isShadowEntry(index.loadEntry(9))).toBe(false);
      check(pool, index);
    }
    expect([index.nrPages, index.nrShadows]).toEqual([0, 2]);
  });

  it("shows a large folio at each of its indices, and takes it out whole", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    for (const [pgoff, order] of [
      [0, 2],
      [0, 6],
      [64, 6],
      [2048, 11],
      [512, 9],
      [32, 5],
    ]) {
      const nr = 2 ** order;
      index.storeLarge(pgoff, order, 5000);
      check(pool, index);
      expect(index.nrPages).toBe(nr);
      for (let at = pgoff; at < pgoff + nr; at++) expect(index.load(at)).toBe(5000 + at - pgoff);
      expect([index.load(pgoff + nr), pgoff > 0 ? index.load(pgoff - 1) : NO_PFN]).toEqual([NO_PFN, NO_PFN]);
      expect([index.orderOf(pgoff), index.orderOf(pgoff + nr - 1)]).toEqual([order, order]);
      index.setMark(pgoff + nr - 1, PAGECACHE_TAG_DIRTY);
      expect(index.getMark(pgoff, PAGECACHE_TAG_DIRTY)).toBe(true);
      expect(index.nextMarked(pgoff + 1, Infinity, PAGECACHE_TAG_DIRTY)).toBe(pgoff + 1);
      expect(index.nextMiss(pgoff + 1, 10_000)).toBe(pgoff + nr);
      expect(index.prevMiss(pgoff + nr - 1, 10_000)).toBe(pgoff - 1);
      expect(() => {
        index.store(pgoff + 1, 1);
      }).toThrow("larger folio");
      index.erase(pgoff + nr - 1);
      expect([index.nrPages, pool.nrNodes, index.isMarked(PAGECACHE_TAG_DIRTY)]).toEqual([0, 0, false]);
      check(pool, index);
    }
  });

  it("splits a large folio into smaller ones that keep its marks", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    index.storeLarge(512, 9, 1000);
    index.setMark(512, PAGECACHE_TAG_DIRTY);
    index.split(700, 7);
    expect([index.orderOf(512), index.orderOf(1023), index.load(1023)]).toEqual([7, 7, 1511]);
    check(pool, index);
    index.split(512, 2);
    expect([index.orderOf(639), index.orderOf(640), index.load(639)]).toEqual([2, 7, 1127]);
    index.split(636, 0);
    check(pool, index);
    for (const pgoff of [512, 639, 640, 1023]) expect(index.getMark(pgoff, PAGECACHE_TAG_DIRTY)).toBe(true);
    expect([index.orderOf(639), index.nrPages]).toEqual([0, 512]);
    index.erase(639);
    expect([index.load(638), index.load(639), index.load(640)]).toEqual([1126, NO_PFN, 1128]);
    check(pool, index);
  });

  it("leaves one shadow for a large folio, which single pages displace in part", () => {
    const pool = new PageIndexPool();
    const index = new PageIndex(pool);
    index.storeLarge(1024, 8, 64);
    index.storeShadow(1100, 77);
    expect([index.nrPages, index.nrShadows]).toEqual([0, 256]);
    expect([index.loadShadow(1024), index.loadShadow(1279), index.loadShadow(1280)]).toEqual([77, 77, -1]);
    index.store(1100, 3);
    expect([index.nrPages, index.nrShadows, index.load(1100)]).toEqual([1, 255, 3]);
    expect([index.loadShadow(1099), index.loadShadow(1279)]).toEqual([77, 77]);
    check(pool, index);
    index.storeLarge(1024, 8, 64);
    expect([index.nrPages, index.nrShadows, index.load(1100)]).toEqual([256, 0, 140]);
    check(pool, index);
  });

  it("lists nodes of nothing but shadows, and drops the oldest first", () => {
    const pool = new PageIndexPool();
    const [first, second] = [new PageIndex(pool), new PageIndex(pool)];
    for (const index of [first, second]) {
      for (let pgoff = 0; pgoff < 128; pgoff++) index.store(pgoff, pgoff);
    }
    for (let pgoff = 64; pgoff < 128; pgoff++) second.storeShadow(pgoff, 1);
    for (let pgoff = 0; pgoff < 64; pgoff++) first.storeShadow(pgoff, 2);
    expect([pool.nrShadowNodes, first.nrShadows, second.nrShadows]).toEqual([2, 64, 64]);
    first.store(3, 9);
    expect(pool.nrShadowNodes).toBe(1);
    first.storeShadow(3, 2);
    expect(pool.dropShadowNodes(1)).toBe(1);
    expect([first.nrShadows, second.nrShadows, second.height]).toEqual([64, 0, 1]);
    expect(pool.dropShadowNodes(10)).toBe(1);
    expect([first.nrShadows, first.nrPages, second.nrPages]).toEqual([0, 64, 64]);
    check(pool, first, second);
  });

  it("refuses an index, an order or a shadow that cannot be", () => {
    const index = new PageIndex(new PageIndexPool());
    const cases: (() => void)[] = [
      (): void => {
        index.store(MAX_PGOFF, 1);
      },
      (): void => {
        index.store(-1, 1);
      },
      (): void => {
        index.storeLarge(2, 2, 1);
      },
      (): void => {
        index.store(1, NO_PFN);
      },
      (): void => {
        index.storeShadow(1, MAX_SHADOW + 1);
      },
    ];
    for (const call of cases) expect(call).toThrow(/^EINVAL|a page|pages|shadow/);
    expect([index.load(-1), index.load(MAX_PGOFF), index.nextPage(0, Infinity)]).toEqual([
      NO_PFN,
      NO_PFN,
      -1,
    ]);
  });
});
