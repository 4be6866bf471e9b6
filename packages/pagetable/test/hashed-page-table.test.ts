import { NO_PFN, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { describe, expect, it } from "vitest";
import { HashedPageTable, KernelHalf } from "../src/index.ts";
import { CountingFrames, joined } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;

function newHashed(nrFrames = 4096): {
  table: HashedPageTable;
  frames: CountingFrames;
  contents: FrameContents;
} {
  const contents = new FrameContents(nrFrames, "none");
  const frames = new CountingFrames(100, nrFrames - 100);
  return { table: new HashedPageTable({ contents, frames }), frames, contents };
}

/** Multiplies as 32-bit registers do. */
const multiply = (a: bigint, b: bigint): bigint => (a * b) & 0xffffffffn;

/** hashedHash() in 64-bit arithmetic: lowbias32 over the key's halves. */
function hashOf(key: bigint): bigint {
  let hash = (key & 0xffffffffn) ^ multiply(key >> 32n, 0x27d4eb2fn);
  hash = multiply(hash ^ (hash >> 16n), 0x7feb352dn);
  hash = multiply(hash ^ (hash >> 15n), 0x846ca68bn);
  return hash ^ (hash >> 16n);
}

/** A walker that knows the drawing in hashed-table.ts, and nothing of the code: the entry of a page, and the probes. */
function walk(contents: FrameContents, rootPfn: number, vpn: bigint): { entry: bigint; nrProbes: number } {
  const { words, slotOf } = contents;
  const word = (pfn: number, at: number): number => words[slotOf[pfn] * 1024 + at];
  const shapes = [
    { pages: 16n, entries: 16n, recordWords: 34, records: 30, list: 64 },
    { pages: 512n, entries: 1n, recordWords: 4, records: 256, list: 576 },
    { pages: 262144n, entries: 1n, recordWords: 4, records: 256, list: 832 },
  ];
  let nrProbes = 0;
  for (const [at, { pages, entries, recordWords, records, list }] of shapes.entries()) {
    const nrFrames = word(rootPfn, 4 * at);
    if (nrFrames === 0) continue;
    const key = vpn / pages;
    const hash = hashOf(key);
    let frame = Number(hash % BigInt(nrFrames));
    let record = Number(((hash >> 16n) * BigInt(records)) >> 16n);
    while (true) {
      const isIndirect = word(rootPfn, 4 * at + 1) === 1;
      const pfn = isIndirect
        ? word(word(rootPfn, list + Math.floor(frame / 1024)), frame % 1024)
        : word(rootPfn, list + frame);
      const base = record * recordWords;
      const word1 = word(pfn, base + 1) >>> 0;
      nrProbes++;
      if (word1 === 0) break;
      if (BigInt(word1 & 0x1fff) === key >> 32n && BigInt(word(pfn, base) >>> 0) === (key & 0xffffffffn)) {
        const entry = base + 2 + 2 * Number((vpn * entries) / pages - key * entries);
        return { entry: joined(word(pfn, entry), word(pfn, entry + 1)), nrProbes };
      }
      record++;
      if (record === records) {
        record = 0;
        frame = (frame + 1) % nrFrames;
      }
    }
  }
  return { entry: 0n, nrProbes };
}

describe("HashedPageTable", () => {
  it("starts with a root alone, and takes one frame for the first 16 pages", () => {
    const { table, frames } = newHashed();
    expect([...table.nrTables]).toEqual([0, 1, 0, 0]);
    for (let vpn = 32; vpn < 48; vpn++) table.map(vpn, 1, vpn, USER_RW, 0);
    expect([...table.nrTables]).toEqual([0, 2, 0, 0]);
    table.map(0x200, 2, 0x400, USER_RW, 0);
    expect([...table.nrTables]).toEqual([0, 2, 1, 0]);
    expect(frames.inUse.size).toBe(3);
  });

  it("writes a record where the hash of its key says", () => {
    const { table, contents } = newHashed();
    // Key 0x12345678 / 16 = 0x1234567 of one frame; entry 8 of the record.
    table.map(0x12345678, 1, 0x42, USER_RW, 0);
    const index = Number(((hashOf(0x1234567n) >> 16n) * 30n) >> 16n);
    const record = contents.wordBase(101) + 34 * index;
    expect([contents.words[record], contents.words[record + 1] >>> 0]).toEqual([0x1234567, 0x80010000]);
    expect(contents.words[record + 2 + 16]).toBe(0x42007);
    expect(table.findEntry(0x12345678)).toBe(record + 2 + 16);
    // Pages above 2^36: key 0x1f123456789 has its high half in the tag.
    table.map(0x1f1234567891, 1, 0x43, USER_RW, 0);
    const steps = table.walkEntries(0x1f1234567891);
    expect(steps.at(-1)).toMatchObject({ level: 1, tablePfn: 101, lo: 0x43007 });
    expect([steps.at(-2)!.lo >>> 0, steps.at(-2)!.hi >>> 0]).toEqual([0x23456789, 0x800101f1]);
  });

  it("leads a walker that reads RAM alone to every page, over lists and directories", () => {
    const { table, frames, contents } = newHashed(8192);
    const vpnOf = (page: number): number => ((page * 48271) % 2147483647) * 8;
    const nrPages = 13_000;
    for (let page = 0; page < nrPages; page++) expect(table.map(vpnOf(page), 1, page, USER_RW, 0)).toBe(0);
    for (let leaf = 0; leaf < 20; leaf++) table.map(2 ** 40 + leaf * 2 ** 20, 2, 512 * leaf, USER_RW, 0);
    table.map(2 ** 41, 3, 2 ** 18, USER_RW, 0);
    // 13000 records of 16 pages need 1024 frames, more than the root's list holds: one directory frame.
    expect([...table.nrTables]).toEqual([0, 1 + 1024 + 1, 1, 1]);
    expect(contents.words[contents.wordBase(table.rootPfn) + 1]).toBe(1);
    let nrProbes = 0;
    for (let page = 0; page < nrPages; page++) {
      const found = walk(contents, table.rootPfn, BigInt(vpnOf(page)));
      if (found.entry !== (BigInt(page) << 12n) + 7n) expect(found.entry).toBe((BigInt(page) << 12n) + 7n);
      nrProbes += found.nrProbes;
    }
    // 42 % full: a search that hits looks at (1 + 1 / (1 - 0.42)) / 2 = 1.37 records (Knuth vol. 3, 6.4 (D)).
    expect(nrProbes / nrPages).toBeGreaterThan(1.2);
    expect(nrProbes / nrPages).toBeLessThan(1.6);
    expect(walk(contents, table.rootPfn, 2n ** 40n + 3n * 2n ** 20n + 77n).entry).toBe(0x600087n);
    expect(walk(contents, table.rootPfn, 2n ** 41n + 262143n).entry).toBe(0x40000087n);
    expect(walk(contents, table.rootPfn, 5n).entry).toBe(0n);
    table.checkInvariants();
    // With few left the tables shrink: 100 records fit in 8 frames, none of them full to an eighth below that.
    for (let page = 100; page < nrPages; page++) table.unmap(vpnOf(page));
    for (let page = 100; page < nrPages; page++) {
      const region = vpnOf(page) - (vpnOf(page) % 512);
      if (table.nextPopulated(region, region + 512) === region + 512)
        table.freeTables(region, region + 512, region, region + 512);
    }
    expect(frames.inUse.size).toBeLessThan(30);
    table.checkInvariants();
    for (let page = 0; page < 100; page++)
      expect(walk(contents, table.rootPfn, BigInt(vpnOf(page))).entry).toBe((BigInt(page) << 12n) + 7n);
  });

  it("searches no longer for what was there and is gone", () => {
    const { table, contents } = newHashed();
    for (let round = 0; round < 200; round++) {
      for (let page = 0; page < 20; page++) table.map((round * 20 + page) * 4096, 1, 7, USER_RW, 0);
      for (let page = 0; page < 20; page++) table.unmap((round * 20 + page) * 4096);
      table.map(2 ** 30, 1, 9, USER_RW, 0);
      table.freeTables(0, 2 ** 29, 0, 2 ** 29);
    }
    table.checkInvariants();
    expect(walk(contents, table.rootPfn, 2n ** 30n)).toEqual({ entry: 0x9007n, nrProbes: 1 });
  });

  it("fills its tables to 15/16 when there are no frames to grow", () => {
    const { table, frames } = newHashed();
    table.map(0, 1, 7, USER_RW, 0);
    frames.limit = frames.inUse.size;
    let nr = 1;
    while (table.map(nr * 4096, 1, 7, USER_RW, 0) === 0) nr++;
    // 28 of 30.
    expect(nr).toBe(28);
    table.checkInvariants();
  });

  it("says so when there is no frame for its root", () => {
    const contents = new FrameContents(64, "none");
    const frames = { allocTable: () => NO_PFN, freeTable: () => undefined };
    expect(() => new HashedPageTable({ contents, frames })).toThrow(/^ENOMEM: .*one frame for its root/);
  });

  it("leaves the kernel half to the kernel's own root", () => {
    const contents = new FrameContents(4096, "none");
    const frames = new CountingFrames(100, 3000);
    const half = new KernelHalf({ contents, frames, ranges: [{ startPfn: 0, endPfn: 4096, nodeId: 0 }] });
    const table = new HashedPageTable({ contents, frames, kernelHalf: half });
    expect(table.limitVpn).toBe(2 ** 36);
    expect(table.map(2 ** 35 - 1, 1, 7, USER_RW, 0)).toBe(0);
    expect(() => table.map(2 ** 35, 1, 7, USER_RW, 0)).toThrow(/KernelHalf.pageTable/);
    expect(table.nextPopulated(2 ** 35, 2 ** 36)).toBe(2 ** 36);
    table.checkInvariants();
    half.checkInvariants();
  });
});
