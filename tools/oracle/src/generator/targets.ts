/** Choosing addresses, lengths and the like: mostly where something is, sometimes where nothing or something odd is. */
import { type Random } from "./random.ts";
import { ARENA_PAGES, type Sketch, type SketchPage } from "./sketch.ts";

/** Pages in a row. */
export interface Range {
  readonly start: number;
  readonly nrPages: number;
}

/** A page of the arena; nine times in ten a mapped one for which `test` holds, if there is one. */
function somePage(random: Random, sketch: Sketch, test: (page: SketchPage) => boolean = () => true): number {
  const pages = random.oneIn(10) ? [] : sketch.current.collectPages(test);
  return pages.length === 0 ? random.below(ARENA_PAGES - 8) : random.pick(pages);
}

/** Pages in a row that lie mostly within what is mapped, and seldom reach beyond the last page of the arena. */
export function someRange(
  random: Random,
  sketch: Sketch,
  mostPages = 16,
  test: (page: SketchPage) => boolean = () => true,
): Range {
  const start = somePage(random, sketch, test);
  const isMapped = sketch.current.pages[start] != null;
  if (isMapped && random.oneIn(4)) return sketch.current.areaAround(start);
  return { start, nrPages: random.between(1, Math.min(mostPages, ARENA_PAGES - start)) };
}

/** Any pages of the arena, mapped or not. */
export function anyRange(random: Random, mostPages = 16): Range {
  const start = random.below(ARENA_PAGES - 8);
  return { start, nrPages: random.between(1, Math.min(mostPages, ARENA_PAGES - start)) };
}

/** `ADDRESS PAGES`, now and then not on a page boundary, of no pages, or in the heap or the last mapping. */
export function rangeText(random: Random, sketch: Sketch, { start, nrPages }: Range): string {
  const { nrBreakPages, nrLastMapped } = sketch.current;
  const length = random.oneIn(40) ? oddLength(random) : String(nrPages);
  if (nrBreakPages > 0 && random.oneIn(15)) return inside(random, "b", nrBreakPages);
  if (nrLastMapped > 0 && random.oneIn(15)) return inside(random, "m", nrLastMapped);
  return `${random.oneIn(60) ? `${start}.1` : start} ${length}`;
}

function inside(random: Random, anchor: string, nrPages: number): string {
  const start = random.below(nrPages);
  return `${anchor}+${start} ${random.between(1, nrPages - start)}`;
}

/** Nothing, or not whole pages. */
function oddLength(random: Random): string {
  return random.pick(["0", "0.1", "1.1", "2.4095"]);
}

/** An address to read or write at. */
export function accessAddress(random: Random, sketch: Sketch, test: (page: SketchPage) => boolean): string {
  const { nrBreakPages, nrLastMapped } = sketch.current;
  if (nrBreakPages > 0 && random.oneIn(12)) return `b+${random.below(nrBreakPages + 1)}`;
  if (nrLastMapped > 0 && random.oneIn(12)) return `m+${random.below(nrLastMapped)}`;
  // Below the stack, which grows; at the null page; far out.
  if (random.oneIn(80)) return random.pick(["s-1", "s-2", "s-5", "@0", "@1000", "5000"]);
  const page = somePage(random, sketch, test);
  return random.oneIn(20) ? `${page}.${random.pick([1, 17, 2048, 4095])}` : String(page);
}
