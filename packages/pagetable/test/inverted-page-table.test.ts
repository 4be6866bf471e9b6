import {
  NO_ENTRY,
  PTE_P,
  PTE_RW,
  PTE_US,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvertedPageTable, InvertedTable, KernelHalf } from "../src/index.ts";
import { CountingFrames, joined, readEntry } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;
const SLOT = swapEntry(1, 77);

interface Shared {
  readonly half: KernelHalf;
  readonly frames: CountingFrames;
  readonly contents: FrameContents;
  readonly newSpace: () => InvertedPageTable;
}

/** A machine of 4096 frames whose address spaces share one inverted table. */
function newMachine(): Shared {
  const contents = new FrameContents(4096, "none");
  const frames = new CountingFrames(1000, 3000);
  const half = new KernelHalf({ contents, frames, ranges: [{ startPfn: 0, endPfn: 4096, nodeId: 0 }] });
  return {
    half,
    frames,
    contents,
    newSpace: () => new InvertedPageTable({ contents, frames, kernelHalf: half }),
  };
}

const multiply = (a: bigint, b: bigint): bigint => (a * b) & 0xffffffffn;

/** invertedHash() in 64-bit arithmetic. */
function hashOf(lo: bigint, hi: bigint): bigint {
  let hash = (lo >> 4n) ^ multiply(hi, 0x27d4eb2fn);
  hash = multiply(hash ^ (hash >> 16n), 0x7feb352dn);
  hash = multiply(hash ^ (hash >> 15n), 0x846ca68bn);
  return hash ^ (hash >> 16n) ^ (lo & 15n);
}

/** A walker that knows the drawing in inverted-table.ts, and nothing of the code: entry, and number of the record. */
function walk(contents: FrameContents, rootPfn: number, vpn: bigint): { entry: bigint; record: number } {
  const { words, slotOf } = contents;
  const word = (pfn: number, at: number): number => words[slotOf[pfn] * 1024 + at];
  const nrAnchors = word(rootPfn, 1) + 1;
  const chunkPfn = (chunk: number): number => {
    const directory = word(word(rootPfn, 3), Math.floor(chunk / 1024));
    return word(directory, chunk % 1024);
  };
  for (const [at, pages] of [1n, 512n, 262144n].entries()) {
    const key = vpn / pages;
    const tag = (key >> 32n) | (BigInt(at + 1) << 14n) | (BigInt(word(rootPfn, 0)) << 16n);
    const anchor = Number(hashOf(key & 0xffffffffn, tag) % BigInt(nrAnchors));
    let link = word(chunkPfn(Math.floor(anchor / 1024)), anchor % 1024);
    while (link !== 0) {
      const record = link - 1;
      const pfn = chunkPfn(nrAnchors / 1024 + Math.floor(record / 128));
      const base = (record % 128) * 8;
      if (
        BigInt(word(pfn, base + 2) >>> 0) === (key & 0xffffffffn) &&
        BigInt(word(pfn, base + 3) >>> 0) === tag
      )
        return { entry: joined(word(pfn, base), word(pfn, base + 1)), record };
      link = word(pfn, base + 4);
    }
  }
  return { entry: 0n, record: -1 };
}

describe("InvertedPageTable", () => {
  it("takes table frames by the RAM of the machine, once for all address spaces", () => {
    const { half, frames, newSpace } = newMachine();
    const before = frames.inUse.size;
    const first = newSpace();
    // Top, directory, 4 of 1024 anchors, 32 of 128 records; and a root.
    expect(frames.inUse.size - before).toBe(1 + 1 + 4 + 32 + 1);
    expect(half.inverted!.nrTableFrames).toBe(38);
    const second = newSpace();
    expect(frames.inUse.size - before).toBe(40);
    expect([first.space, second.space]).toEqual([0, 1]);
    first.destroy();
    expect(newSpace().space).toBe(0);
    second.destroy();
  });

  it("stands a page's record at the place of its frame", () => {
    const { contents, newSpace } = newMachine();
    newSpace();
    const table = newSpace();
    table.map(0x1234567, 1, 300, USER_RW, 0);
    expect(walk(contents, table.rootPfn, 0x1234567n)).toEqual({ entry: 0x12c007n, record: 300 });
    // Record 300 is the 44th of the third chunk of records: entry, key, level 1 of address space 1.
    const { tablePfn, index } = table.walkEntries(0x1234567).at(-1)!;
    expect(index).toBe(44);
    const at = contents.wordBase(tablePfn) + 44 * 8;
    expect([...contents.words.subarray(at, at + 5)]).toEqual([0x12c007, 0, 0x1234567, 0x14000, 0]);
    expect(table.inverted.nrOverflow).toBe(0);
    table.checkInvariants();
  });

  it("keeps further mappings of a frame in overflow, where they are found as well", () => {
    const { contents, newSpace } = newMachine();
    const [parent, child] = [newSpace(), newSpace()];
    parent.map(10, 1, 300, USER_RW, 0);
    child.map(10, 1, 300, PTE_P | PTE_US, 0);
    parent.map(99, 1, 300, USER_RW, 0);
    expect(walk(contents, parent.rootPfn, 10n)).toEqual({ entry: 0x12c007n, record: 300 });
    expect(walk(contents, child.rootPfn, 10n)).toMatchObject({ entry: 0x12c005n });
    expect(walk(contents, child.rootPfn, 10n).record).toBeGreaterThanOrEqual(4096);
    expect(walk(contents, parent.rootPfn, 99n).record).toBeGreaterThanOrEqual(4096);
    expect(walk(contents, child.rootPfn, 99n).record).toBe(-1);
    expect(parent.inverted.nrOverflow).toBe(2);
    parent.unmap(10);
    expect(readEntry(child, 10)).toBe(0x12c005n);
    parent.checkInvariants();
    child.checkInvariants();
  });

  it("lets a swapped page lodge at its old frame until the frame has another page", () => {
    const { contents, newSpace } = newMachine();
    const table = newSpace();
    table.map(10, 1, 300, USER_RW, 0);
    table.setEntry(table.findEntry(10), swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT));
    expect(walk(contents, table.rootPfn, 10n).record).toBe(300);
    table.map(20, 1, 300, USER_RW, 0);
    expect(walk(contents, table.rootPfn, 20n).record).toBe(300);
    expect(walk(contents, table.rootPfn, 10n)).toMatchObject({
      entry: joined(swapEntryToPteLo(SLOT, 0), swapEntryToPteHi(SLOT)),
    });
    expect(table.inverted.nrOverflow).toBe(1);
    // Swapped in to frame 301: home again.
    table.setEntry(table.findEntry(10), (301 << 12) | USER_RW, 0);
    expect(walk(contents, table.rootPfn, 10n)).toEqual({ entry: 0x12d007n, record: 301 });
    expect(table.inverted.nrOverflow).toBe(0);
    table.checkInvariants();
  });

  it("writes entries without taking memory, however full it is", () => {
    const { frames, newSpace } = newMachine();
    const table = newSpace();
    for (let page = 0; page < 500; page++) table.map(page, 1, page, USER_RW, 0);
    frames.limit = frames.inUse.size;
    // All swapped out; their frames go to other pages as long as there are records for those.
    for (let page = 0; page < 500; page++)
      table.setEntry(table.findEntry(page), swapEntryToPteLo(page, 0), swapEntryToPteHi(page));
    let nr = 0;
    while (nr < 500 && table.map(1000 + nr, 1, nr, USER_RW, 0) === 0) nr++;
    expect(nr).toBe(128);
    for (let page = 0; page < 500; page++)
      table.setEntry(table.findEntry(page), ((page + 600) << 12) | USER_RW, 0);
    for (let page = 0; page < 500; page++)
      expect(readEntry(table, page)).toBe((BigInt(page + 600) << 12n) + 7n);
    table.checkInvariants();
  });

  it("holds frames beyond RAM and large leaves, and leads a walker to them", () => {
    const { contents, newSpace } = newMachine();
    const table = newSpace();
    table.map(7, 1, 0x7fffffff, USER_RW, 0);
    table.map(0x200, 2, 0x400, USER_RW, 0);
    table.map(0x40000, 3, 0x80000, USER_RW, 0);
    expect(walk(contents, table.rootPfn, 7n).entry).toBe(0x7fffffff007n);
    expect(walk(contents, table.rootPfn, 0x2abn)).toEqual({ entry: 0x400087n, record: 0x400 });
    expect(walk(contents, table.rootPfn, 0x7ffffn).entry).toBe(0x80000087n);
    table.checkInvariants();
  });

  it("gives everything back when the last address space goes", () => {
    const { half, frames, newSpace } = newMachine();
    const before = frames.inUse.size;
    const [first, second] = [newSpace(), newSpace()];
    for (let page = 0; page < 1000; page++) {
      first.map(page, 1, 5, USER_RW, 0);
      second.map(page, 1, page, USER_RW, 0);
    }
    expect(() => first.destroy()).toThrow(/still mapped/);
    for (const table of [first, second]) {
      for (let page = 0; page < 1000; page++) table.unmap(page);
      table.destroy();
    }
    expect(frames.inUse.size).toBe(before);
    expect(half.inverted!.nrTableFrames).toBe(0);
    expect(newSpace().findEntry(0)).toBe(NO_ENTRY);
  });

  it("says so when there are no frames for it", () => {
    const contents = new FrameContents(4096, "none");
    for (const limit of [0, 10, 38]) {
      const frames = new CountingFrames(100, limit);
      expect(() => new InvertedPageTable({ contents, frames })).toThrow(/^ENOMEM/);
      expect(frames.inUse.size).toBe(0);
    }
    const huge = { slotOf: { length: 2 ** 28 } } as unknown as FrameContents;
    expect(() => new InvertedTable(huge, new CountingFrames(0, 0))).toThrow(/^EINVAL: .*268435456 frames/);
  });

  it("agrees with a map when address spaces share frames at random", () => {
    const operation = fc.record({
      kind: fc.constantFrom("map", "map", "map", "unmap", "swap", "free"),
      space: fc.nat(2),
      vpn: fc.nat(40).map((n) => n * 37),
      pfn: fc.nat(12),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const { contents, frames, newSpace } = newMachine();
        const before = frames.inUse.size;
        const tables = [newSpace(), newSpace(), newSpace()];
        const models = tables.map(() => new Map<number, bigint>());
        for (const { kind, space, vpn, pfn } of operations) {
          const table = tables[space];
          const model = models[space];
          if (kind === "map") {
            if (model.has(vpn)) table.setEntry(table.findEntry(vpn), (pfn << 12) | USER_RW, 0);
            else expect(table.map(vpn, 1, pfn, USER_RW, 0)).toBe(0);
            model.set(vpn, (BigInt(pfn) << 12n) | 7n);
          } else if (kind === "unmap") {
            expect(table.unmap(vpn)).toBe(model.delete(vpn) ? 1 : 0);
          } else if (kind === "swap" && model.has(vpn)) {
            const [lo, hi] = [swapEntryToPteLo(pfn, 0), swapEntryToPteHi(pfn)];
            table.setEntry(table.findEntry(vpn), lo, hi);
            model.set(vpn, joined(lo, hi));
          } else if (kind === "free") {
            const region = vpn - (vpn % 512);
            if (![...model.keys()].some((at) => at >= region && at < region + 512))
              table.freeTables(region, region + 512, 0, table.limitVpn);
          }
          for (const [nr, each] of tables.entries()) {
            each.checkInvariants();
            for (const [at, entry] of models[nr])
              expect(walk(contents, each.rootPfn, BigInt(at)).entry).toBe(entry);
          }
          expect(walk(contents, table.rootPfn, BigInt(vpn)).entry).toBe(model.get(vpn) ?? 0n);
        }
        for (const [nr, each] of tables.entries()) {
          for (const at of models[nr].keys()) each.unmap(at);
          each.destroy();
        }
        expect(frames.inUse.size).toBe(before);
      }),
      { numRuns: 25, seed: 801 },
    );
  });
});
