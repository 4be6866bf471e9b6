import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_PFN, NO_SHADOW } from "@pageframe/contracts";
import {
  MAX_PGOFF,
  PAGECACHE_TAG_DIRTY,
  PAGECACHE_TAG_TOWRITE,
  PAGECACHE_TAG_WRITEBACK,
  PageIndex,
  PageIndexPool,
} from "@pageframe/pagecache";
import { check } from "./helpers.ts";

const MARKS = [PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_WRITEBACK, PAGECACHE_TAG_TOWRITE];

interface ModelPage {
  pfn: number;
  start: number;
  order: number;
}

/** What a page index says, in maps. */
class Model {
  readonly pages = new Map<number, ModelPage>();
  readonly shadows = new Map<number, number>();
  readonly marks = [new Set<number>(), new Set<number>(), new Set<number>()];

  put(pgoff: number, order: number, pfn: number): boolean {
    const places = Array.from({ length: 2 ** order }, (_, n) => pgoff + n);
    if (places.some((at) => (this.pages.get(at)?.order ?? 0) > order)) return false;
    for (const set of this.marks) {
      if (places.some((at) => set.has(at))) for (const at of places) set.add(at);
    }
    for (const at of places) {
      this.shadows.delete(at);
      this.pages.set(at, { pfn: pfn + at - pgoff, start: pgoff, order });
    }
    return true;
  }
  /** Takes a page out, a folio whole; returns where it was. */
  erase(pgoff: number): number[] {
    const places = this.places(pgoff);
    for (const at of places) {
      this.pages.delete(at);
      for (const set of this.marks) set.delete(at);
    }
    return places;
  }
  split(pgoff: number, order: number): void {
    for (const at of this.places(pgoff)) {
      const page = this.pages.get(at);
      if (page !== undefined && page.order > order)
        this.pages.set(at, { pfn: page.pfn, start: at - (at % 2 ** order), order });
    }
  }
  setMark(pgoff: number, mark: number, isSet: boolean): void {
    for (const at of this.places(pgoff)) {
      if (isSet) this.marks[mark].add(at);
      else this.marks[mark].delete(at);
    }
  }
  /** Indices of the folio at an index. */
  private places(pgoff: number): number[] {
    const page = this.pages.get(pgoff);
    return page === undefined ? [] : Array.from({ length: 2 ** page.order }, (_, n) => page.start + n);
  }
}

interface Step {
  readonly op: string;
  readonly offset: number;
  readonly extra: number;
}

/** Places close together around the borders of nodes of several levels. */
const start = fc.constantFrom(0, 0, 4096 - 128, 2 ** 18 - 128, 2 ** 30 - 128, 2 ** 36 - 128, MAX_PGOFF - 512);
const offset = fc.nat({ max: 255 });
const extra = fc.constantFrom(0, 0, 1, 2, 3, 5, 6, 7);
const steps = fc.array(
  fc.record({
    op: fc.constantFrom(
      "store",
      "store",
      "large",
      "large",
      "shadow",
      "erase",
      "split",
      "tag",
      "mark",
      "unmark",
    ),
    offset,
    extra,
  }),
  { maxLength: 60 },
);

function apply(index: PageIndex, model: Model, step: Step, pgoff: number, pfn: number): void {
  const { op } = step;
  const order = op === "store" ? 0 : step.extra;
  const mark = step.extra % 3;
  if (op === "store" || op === "large") {
    const first = pgoff - (pgoff % 2 ** order);
    const store = (): void => {
      index.storeLarge(first, order, pfn);
    };
    if (model.put(first, order, pfn)) store();
    else expect(store).toThrow("larger folio");
  } else if (op === "shadow") {
    const places = model.erase(pgoff);
    for (const at of places.length > 0 ? places : [pgoff]) model.shadows.set(at, pfn);
    index.storeShadow(pgoff, pfn);
  } else if (op === "erase") {
    if (model.erase(pgoff).length === 0 && model.shadows.has(pgoff)) {
      // How a shadow of several pages was cut is the index's choice: it goes by entries.
      const nr = 2 ** index.orderOf(pgoff);
      const first = pgoff - (pgoff % nr);
      for (let at = first; at < first + nr; at++) expect(model.shadows.delete(at)).toBe(true);
    }
    index.erase(pgoff);
  } else if (op === "split") {
    model.split(pgoff, order);
    index.split(pgoff, order);
  } else if (op === "tag") {
    for (let at = pgoff; at <= pgoff + 40; at++) {
      if (model.marks[PAGECACHE_TAG_DIRTY].has(at)) model.setMark(at, PAGECACHE_TAG_TOWRITE, true);
    }
    index.tagForWriteback(pgoff, pgoff + 40);
  } else {
    model.setMark(pgoff, mark, op === "mark");
    if (op === "mark") index.setMark(pgoff, mark);
    else index.clearMark(pgoff, mark);
  }
}

function firstOf(has: (pgoff: number) => boolean, from: number, end: number): number {
  for (let at = from; at <= end; at++) if (has(at)) return at;
  return -1;
}

/** What there is to know of an index: pfn, shadow, order, marks. */
type Facts = [pgoff: number, pfn: number, shadow: number, order: number, marks: number];

function compareEntries(index: PageIndex, model: Model, from: number, end: number): void {
  const found: Facts[] = [];
  const expected: Facts[] = [];
  for (let at = from; at < end; at++) {
    const page = model.pages.get(at);
    const bits = (has: (mark: number) => boolean): number =>
      MARKS.reduce((sum, mark) => sum + (has(mark) ? 1 << mark : 0), 0);
    const order = page === undefined ? 0 : index.orderOf(at);
    found.push([at, index.load(at), index.loadShadow(at), order, bits((mark) => index.getMark(at, mark))]);
    expected.push([
      at,
      page?.pfn ?? NO_PFN,
      model.shadows.get(at) ?? NO_SHADOW,
      page?.order ?? 0,
      bits((mark) => model.marks[mark].has(at)),
    ]);
  }
  expect(found).toEqual(expected);
}

function compareSearches(index: PageIndex, model: Model, from: number, end: number): void {
  const isPage = (at: number): boolean => model.pages.has(at);
  const isEntry = (at: number): boolean => isPage(at) || model.shadows.has(at);
  for (const last of [end, from + 20]) {
    expect(index.nextPage(from, last)).toBe(firstOf(isPage, from, last));
    expect(index.nextEntry(from, last)).toBe(firstOf(isEntry, from, last));
    for (const mark of MARKS) {
      expect(index.nextMarked(from, last, mark)).toBe(firstOf((at) => model.marks[mark].has(at), from, last));
    }
  }
  for (const nr of [1, 30, 300]) {
    const miss = firstOf((at) => !isPage(at), from, from + nr - 1);
    expect(index.nextMiss(from, nr)).toBe(miss < 0 ? from + nr : miss);
    let back = from;
    while (back > Math.max(-1, from - nr) && isPage(back)) back--;
    expect(index.prevMiss(from, nr)).toBe(back);
  }
}

describe("PageIndex against maps", () => {
  it("answers as they do, at the borders of nodes too", () => {
    fc.assert(
      fc.property(start, steps, offset, (begin, todo, probe) => {
        const pool = new PageIndexPool();
        const index = new PageIndex(pool);
        const model = new Model();
        let pfn = 0;
        for (const step of todo) {
          pfn += 1000;
          apply(index, model, step, begin + step.offset, pfn);
          check(pool, index);
          const counts = [index.nrPages, index.nrShadows, ...MARKS.map((mark) => index.isMarked(mark))];
          const marked = model.marks.map((set) => set.size > 0);
          expect(counts).toEqual([model.pages.size, model.shadows.size, ...marked]);
        }
        const end = begin + 320;
        compareEntries(index, model, begin, end);
        for (const from of [begin, begin + 64, begin + probe]) compareSearches(index, model, from, end);
        index.clear();
        expect([index.nrPages, index.nrShadows, pool.nrNodes]).toEqual([0, 0, 0]);
        check(pool, index);
      }),
      { numRuns: 80 },
    );
  });
});
