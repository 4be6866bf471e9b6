import {
  PTE_D,
  PTE_G,
  PTE_PS,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_ENTRY_1G,
  TLB_MISS,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { SetAssociativeTlb, type TlbArrayConfig, type TlbConfig } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pageText } from "./helpers.ts";

interface Page {
  size: number;
  /** In units of the page's size. */
  number: number;
  /** PCID, or -1 when global. */
  owner: number;
  pfn: number;
  flags: number;
}

const SIZE_FLAGS = [0, PTE_PS, PTE_PS | TLB_ENTRY_1G];
const numberOf = (vpn: number, size: number): number => Math.floor(vpn / 512 ** size);
const isSame = (one: Page, other: Page): boolean =>
  one.size === other.size && one.number === other.number && one.owner === other.owner;

/** An array of entries as lists, most recent first. */
class NaiveArray {
  readonly sets: Page[][];
  private readonly ways: number;

  constructor({ entries, ways }: TlbArrayConfig) {
    this.ways = ways;
    this.sets = Array.from({ length: entries / ways }, () => []);
  }

  setOf(number: number): Page[] {
    return this.sets[number % this.sets.length];
  }

  find(vpn: number, size: number, owner: number): Page | undefined {
    return this.setOf(numberOf(vpn, size)).find(
      (page) => page.size === size && page.number === numberOf(vpn, size) && page.owner === owner,
    );
  }

  putFirst(page: Page): void {
    const set = this.setOf(page.number);
    const at = set.findIndex((other) => isSame(other, page));
    if (at >= 0) set.splice(at, 1);
    set.unshift(page);
    if (set.length > this.ways) set.pop();
  }

  drop(isDropped: (page: Page) => boolean): void {
    for (const [set, pages] of this.sets.entries()) this.sets[set] = pages.filter((page) => !isDropped(page));
  }

  get pages(): Page[] {
    return this.sets.flat();
  }
}

/** The TLB as the README describes it, without thought for speed. */
class NaiveTlb {
  l1Hits = 0;
  l2Hits = 0;
  misses = 0;
  private readonly l1: NaiveArray[];
  private readonly l2: NaiveArray[];

  constructor(config: TlbConfig) {
    const l2 = new NaiveArray(config.l2);
    this.l1 = [config.l1, config.l1Large, config.l1Huge].map((array) => new NaiveArray(array));
    this.l2 = [l2, l2, new NaiveArray(config.l2Huge)];
  }

  /** Plain pages first, then large and global ones; one of the own PCID before a global one. */
  private findAt(level: NaiveArray[], vpn: number, pcid: number): Page | undefined {
    return (
      level[TLB_4K].find(vpn, TLB_4K, pcid) ??
      level[TLB_2M].find(vpn, TLB_2M, pcid) ??
      level[TLB_2M].find(vpn, TLB_2M, -1) ??
      level[TLB_4K].find(vpn, TLB_4K, -1) ??
      level[TLB_1G].find(vpn, TLB_1G, pcid) ??
      level[TLB_1G].find(vpn, TLB_1G, -1)
    );
  }

  lookup(vpn: number, pcid: number): Page | undefined {
    let page = this.findAt(this.l1, vpn, pcid);
    if (page !== undefined) {
      this.l1Hits++;
      this.l1[page.size].putFirst(page);
      return page;
    }
    page = this.findAt(this.l2, vpn, pcid);
    if (page === undefined) {
      this.misses++;
      return undefined;
    }
    this.l2Hits++;
    this.l2[page.size].putFirst(page);
    const copy = { ...page };
    this.l1[page.size].putFirst(copy);
    return copy;
  }

  insert(vpn: number, pcid: number, size: number, pfn: number, flags: number): void {
    this.flushRange(vpn, 1, pcid);
    const owner = (flags & PTE_G) !== 0 ? -1 : pcid;
    const page = { size, number: numberOf(vpn, size), owner, pfn, flags: flags | SIZE_FLAGS[size] };
    this.l2[size].putFirst({ ...page });
    this.l1[size].putFirst(page);
  }

  setDirty(page: Page): void {
    page.flags |= PTE_D;
    for (const copy of this.l2[page.size].pages) if (isSame(copy, page)) copy.flags |= PTE_D;
  }

  flushRange(vpn: number, nrPages: number, pcid: number): void {
    this.drop((page) => {
      const first = page.number * 512 ** page.size;
      const reaches = first < vpn + nrPages && vpn < first + 512 ** page.size;
      return reaches && (page.owner === pcid || page.owner === -1);
    });
  }

  drop(isDropped: (page: Page) => boolean): void {
    for (const array of [...this.l1, this.l2[0], this.l2[2]]) array.drop(isDropped);
  }

  get texts(): string[] {
    const pages = [...this.l1.flatMap((array) => array.pages), ...this.l2[0].pages, ...this.l2[2].pages];
    const texts = pages.map((page) => {
      const vpn = page.number * 512 ** page.size;
      return pageText(vpnLo(vpn), vpnHi(vpn), Math.max(page.owner, 0), page.size, page.pfn, page.flags);
    });
    return [...new Set(texts)].sort();
  }
}

const CONFIGS: TlbConfig[] = [
  {
    l1: { entries: 4, ways: 2 },
    l1Large: { entries: 2, ways: 1 },
    l1Huge: { entries: 2, ways: 2 },
    l2: { entries: 6, ways: 3 },
    l2Huge: { entries: 2, ways: 1 },
  },
  {
    l1: { entries: 5, ways: 5 },
    l1Large: { entries: 6, ways: 3 },
    l1Huge: { entries: 1, ways: 1 },
    l2: { entries: 24, ways: 6 },
    l2Huge: { entries: 3, ways: 3 },
  },
];

/** Few enough pages that sets fill, in several regions of each size and on both sides of bit 32. */
const vpns = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom(0, 1, 2, 3, 512, 1024), fc.constantFrom(0, 2 ** 32))
  .map(([page, region, base]) => base + region * 512 + page);
const pcids = fc.integer({ min: 0, max: 2 });
const operations = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("access" as const),
      vpn: vpns,
      pcid: pcids,
      isWrite: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant("insert" as const),
      vpn: vpns,
      pcid: pcids,
      size: fc.constantFrom(TLB_4K, TLB_4K, TLB_2M, TLB_1G),
      flags: fc.constantFrom(0, PTE_G),
    }),
  },
  fc.record({ op: fc.constant("flushPage" as const), vpn: vpns, pcid: pcids }),
  fc.record({ op: fc.constant("flushPcidPage" as const), vpn: vpns, pcid: pcids }),
  fc.record({
    op: fc.constant("flushRange" as const),
    vpn: vpns,
    pcid: pcids,
    nrPages: fc.constantFrom(1, 3, 600, 300000),
  }),
  fc.record({ op: fc.constant("flushPcid" as const), pcid: pcids }),
  fc.record({ op: fc.constant("flushAll" as const), andGlobal: fc.boolean() }),
  fc.record({ op: fc.constant("renumber" as const) }),
);

describe("SetAssociativeTlb against lists", () => {
  for (const [which, config] of CONFIGS.entries()) {
    it(`holds the same pages and counts the same hits after every step (geometry ${which})`, () => {
      fc.assert(
        fc.property(fc.array(operations, { maxLength: 200, size: "max" }), (steps) => {
          const tlb = new SetAssociativeTlb(config);
          const model = new NaiveTlb(config);
          let nextPfn = 1;
          for (const step of steps) {
            if (step.op === "access") {
              const { vpn, pcid, isWrite } = step;
              const entry = tlb.lookup(vpnLo(vpn), vpnHi(vpn), pcid);
              const page = model.lookup(vpn, pcid);
              expect(entry === TLB_MISS).toBe(page === undefined);
              if (page === undefined) {
                tlb.insert(vpnLo(vpn), vpnHi(vpn), pcid, TLB_4K, nextPfn, 0);
                model.insert(vpn, pcid, TLB_4K, nextPfn++, 0);
              } else {
                expect(tlb.cells[tlb.pfnAt + entry]).toBe(page.pfn);
                expect(tlb.cells[tlb.flagsAt + entry]).toBe(page.flags);
                if (isWrite) {
                  tlb.setEntryFlags(entry, PTE_D);
                  model.setDirty(page);
                }
              }
            } else if (step.op === "insert") {
              const { vpn, pcid, size, flags } = step;
              tlb.insert(vpnLo(vpn), vpnHi(vpn), pcid, size, nextPfn, flags);
              model.insert(vpn, pcid, size, nextPfn++, flags);
            } else if (step.op === "flushPage") {
              tlb.flushPage(vpnLo(step.vpn), vpnHi(step.vpn), step.pcid);
              model.flushRange(step.vpn, 1, step.pcid);
            } else if (step.op === "flushPcidPage") {
              tlb.flushPcidPage(vpnLo(step.vpn), vpnHi(step.vpn), step.pcid);
              model.drop((page) => page.owner === step.pcid && page.number === numberOf(step.vpn, page.size));
            } else if (step.op === "flushRange") {
              tlb.flushRange(vpnLo(step.vpn), vpnHi(step.vpn), step.nrPages, step.pcid);
              model.flushRange(step.vpn, step.nrPages, step.pcid);
            } else if (step.op === "flushPcid") {
              tlb.flushPcid(step.pcid);
              model.drop((page) => page.owner === step.pcid);
            } else if (step.op === "flushAll") {
              tlb.flushAll(step.andGlobal);
              model.drop((page) => step.andGlobal || page.owner !== -1);
            } else {
              tlb.renumberUses();
            }
            tlb.checkInvariants();
            const texts: string[] = [];
            tlb.forEachEntry((...page) => texts.push(pageText(...page)));
            expect(texts.sort()).toEqual(model.texts);
            const { l1Hits, l2Hits, misses } = tlb.stats;
            expect({ l1Hits, l2Hits, misses }).toEqual({
              l1Hits: model.l1Hits,
              l2Hits: model.l2Hits,
              misses: model.misses,
            });
          }
        }),
        { seed: 20_260_801, numRuns: 120 },
      );
    });
  }
});
