/**
 * Page tables at work: nanoseconds per operation, and bytes of table per mapped page. Each operation runs over `nrPages`
 * pages in batches, so that the compiler optimises the batch and not the loop around it.
 */
import {
  NO_PFN,
  type PageTable,
  type Pfn,
  PTE_A,
  PTE_P,
  PTE_RW,
  PTE_US,
  type TableFrames,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { pageTables } from "../src/index.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US | PTE_A;
const BATCH = 16384;
/** Table frames lie above the data frames. */
const MAX_TABLE_FRAMES = 300_000;
/** Pages between two mapped ones, about, when the mapping is sparse: one page in 2 MiB. */
const SPARSE_STRIDE = 512;

/** Frames for tables, from a number upward; those given back are used again. */
class BenchFrames implements TableFrames {
  nrInUse = 0;
  private readonly free: Pfn[] = [];
  private next: Pfn;
  private readonly end: Pfn;

  constructor(first: Pfn, end: Pfn) {
    this.next = first;
    this.end = end;
  }

  allocTable(): Pfn {
    const pfn = this.free.pop() ?? (this.next < this.end ? this.next++ : NO_PFN);
    if (pfn !== NO_PFN) this.nrInUse++;
    return pfn;
  }

  freeTable(pfn: Pfn): void {
    this.free.push(pfn);
    this.nrInUse--;
  }
}

/** A page table of a kind over a machine with `nrPages` data frames and as many more for tables as it may need. */
function newBenchTable(name: string, nrPages: number): { table: PageTable; frames: BenchFrames } {
  // An inverted table is as large as RAM: no more frames for it than it needs.
  const nrFrames = nrPages + (name === "inverted" ? nrPages >>> 6 : MAX_TABLE_FRAMES);
  const contents = new FrameContents(nrFrames, "none");
  const frames = new BenchFrames(nrPages, nrFrames);
  const occupant = pageTables.find((known) => known.name === name);
  if (occupant === undefined) throw new Error(`no page table is called ${name}`);
  return { table: occupant.create({ contents, frames }), frames };
}

/** Nanoseconds per page of each operation. */
export interface PageTableTimes {
  readonly map: number;
  /** Finding pages in order, and in random order. */
  readonly find: number;
  readonly findRandom: number;
  /** Changing the rights of the whole range. */
  readonly protect: number;
  /** Clearing accessed bits with a cursor. */
  readonly harvest: number;
  readonly unmap: number;
  /** Mapping and emptying with a cursor. */
  readonly cursorMap: number;
  readonly cursorClear: number;
}

/** Measures one kind of table; `seconds` reads a clock. */
export function measurePageTable(name: string, nrPages: number, seconds: () => number): PageTableTimes {
  const { table } = newBenchTable(name, nrPages);
  const firstVpn = 0x10000;
  const order = shuffled(nrPages);
  const perPage = (work: () => number): number => {
    const start = seconds();
    if (work() < 0) throw new Error("the work did not get done");
    return ((seconds() - start) * 1e9) / nrPages;
  };
  const cursor = table.cursor(firstVpn, firstVpn + nrPages);
  const times = {
    map: perPage(() => inBatches(nrPages, (from, to) => mapPages(table, firstVpn, from, to))),
    find: perPage(() => inBatches(nrPages, (from, to) => findPages(table, firstVpn, from, to))),
    findRandom: perPage(() =>
      inBatches(nrPages, (from, to) => findInOrder(table, firstVpn, order, from, to)),
    ),
    protect: perPage(() => table.protect(firstVpn, firstVpn + nrPages, 0, PTE_RW, 0, 0) - nrPages),
    harvest: perPage(() => {
      cursor.reset(firstVpn, firstVpn + nrPages);
      let nr = 0;
      while (cursor.next()) if (cursor.harvest(PTE_A) !== 0) nr++;
      return nr - nrPages;
    }),
    unmap: perPage(() => inBatches(nrPages, (from, to) => unmapPages(table, firstVpn, from, to))),
    cursorMap: perPage(() => {
      cursor.reset(firstVpn, firstVpn + nrPages);
      let pfn = 0;
      while (cursor.nextPage()) cursor.set((pfn++ << 12) | USER_RW, 0);
      return pfn - nrPages;
    }),
    cursorClear: perPage(() => {
      cursor.reset(firstVpn, firstVpn + nrPages);
      let nr = 0;
      for (; cursor.next(); nr++) cursor.clear();
      return nr - nrPages;
    }),
  };
  table.freeTables(firstVpn, firstVpn + nrPages, 0, table.limitVpn);
  table.destroy();
  return times;
}

/** How pages lie: all in a row; one in each 2 MiB; in rows of 16 at random places; 2 MiB leaves in a row. */
export type BenchPattern = "dense" | "sparse" | "islands" | "huge";
export const BENCH_PATTERNS: readonly BenchPattern[] = ["dense", "sparse", "islands", "huge"];

/**
 * Bytes of table frames per mapped 4 KiB page when `nrPages` are mapped. Of the inverted table this holds for a machine with
 * as many frames as pages.
 */
export function tableBytesPerPage(name: string, pattern: BenchPattern, nrPages: number): number {
  const { table, frames } = newBenchTable(name, nrPages);
  const isHuge = pattern === "huge";
  let state = 12345;
  let vpn = 0x10000;
  for (let page = 0; page < nrPages; page += isHuge ? 512 : 1) {
    if (pattern === "sparse") vpn = 0x10000 + page * SPARSE_STRIDE + (page & 511);
    else if (pattern === "islands" && (page & 15) === 0) {
      do {
        state = Math.imul(state, 1103515245) + 12345;
        vpn = (state >>> 6) & ~15;
      } while (table.nextPopulated(vpn, vpn + 16) !== vpn + 16);
    }
    if (table.map(vpn, isHuge ? 2 : 1, page, USER_RW, 0) !== 0)
      throw new Error(`page ${page} cannot be mapped`);
    vpn += isHuge ? 512 : 1;
  }
  return (frames.nrInUse * 4096) / nrPages;
}

function inBatches(nr: number, work: (from: number, to: number) => number): number {
  for (let from = 0; from < nr; from += BATCH) if (work(from, Math.min(nr, from + BATCH)) < 0) return -1;
  return 0;
}

function mapPages(table: PageTable, firstVpn: number, from: number, to: number): number {
  let error = 0;
  for (let page = from; page < to; page++) error |= table.map(firstVpn + page, 1, page, USER_RW, 0);
  return error;
}

function findPages(table: PageTable, firstVpn: number, from: number, to: number): number {
  let all = 0;
  for (let page = from; page < to; page++) all |= table.entryLo(table.findEntry(firstVpn + page)) & 1;
  return all - 1;
}

function findInOrder(
  table: PageTable,
  firstVpn: number,
  order: Int32Array,
  from: number,
  to: number,
): number {
  let all = 0;
  for (let at = from; at < to; at++) all |= table.entryLo(table.findEntry(firstVpn + order[at])) & 1;
  return all - 1;
}

function unmapPages(table: PageTable, firstVpn: number, from: number, to: number): number {
  let sum = 0;
  for (let page = from; page < to; page++) sum += table.unmap(firstVpn + page);
  return sum === to - from ? 0 : -1;
}

function shuffled(nr: number): Int32Array {
  const order = Int32Array.from({ length: nr }, (_, at) => at);
  let state = 1;
  for (let at = nr - 1; at > 0; at--) {
    state = Math.imul(state, 1664525) + 1013904223;
    const other = (state >>> 0) % (at + 1);
    const kept = order[at];
    order[at] = order[other];
    order[other] = kept;
  }
  return order;
}
