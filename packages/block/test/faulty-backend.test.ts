import { EIO, REQ_OP_READ, REQ_OP_WRITE } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultyBlockBackend, MemoryBlockBackend } from "../src/index.ts";
import { drain, framesBio, newQueue } from "./helpers.ts";

const sectors = (nrSectors: number, byte: number): Uint8Array => new Uint8Array(nrSectors * 512).fill(byte);

/** First byte of each sector; -1 for a sector whose bytes differ. */
function sectorBytes(backend: Pick<MemoryBlockBackend, "readSectors">, nrSectors: number): number[] {
  const into = sectors(nrSectors, 99);
  expect(backend.readSectors(0, into)).toBe(0);
  return Array.from({ length: nrSectors }, (_, sector) => {
    const bytes = into.subarray(sector * 512, sector * 512 + 512);
    return bytes.every((byte) => byte === bytes[0]) ? bytes[0] : -1;
  });
}

describe("FaultyBlockBackend", () => {
  it("fails about as many calls as asked for, and the same ones for the same seed", () => {
    const outcomes = (seed: number): number[] => {
      const backend = new FaultyBlockBackend(new MemoryBlockBackend(8), {
        seed,
        faults: [
          { on: "reads", rate: 0.25 },
          { on: "writes", rate: 0.5 },
        ],
      });
      return Array.from({ length: 400 }, (_, call) =>
        call % 2 === 0 ? backend.readSectors(0, sectors(1, 0)) : backend.writeSectors(0, sectors(1, 1)),
      );
    };
    const failures = outcomes(1).map((result, call) => (result === -EIO ? 1 + (call % 2) : 0));
    const nrReadErrors = failures.filter((failure) => failure === 1).length;
    const nrWriteErrors = failures.filter((failure) => failure === 2).length;
    expect(nrReadErrors).toBeGreaterThan(30);
    expect(nrReadErrors).toBeLessThan(70);
    expect(nrWriteErrors).toBeGreaterThan(75);
    expect(nrWriteErrors).toBeLessThan(125);
    expect(outcomes(1)).toEqual(outcomes(1));
    expect(outcomes(1)).not.toEqual(outcomes(2));
  });

  it("fails calls that touch the sectors of a fault, and no others", () => {
    const faults = [{ on: "writes", rate: 1, startSector: 16, endSector: 24 }] as const;
    const backend = new FaultyBlockBackend(new MemoryBlockBackend(64), { seed: 1, faults });
    expect([0, 8, 9, 16, 23, 24].map((sector) => backend.writeSectors(sector, sectors(8, 1)))).toEqual([
      0,
      0,
      -EIO,
      -EIO,
      -EIO,
      0,
    ]);
    expect(backend.readSectors(16, sectors(8, 1))).toBe(0);
    expect(backend.nrWriteErrors).toBe(3);
  });

  it("goes on failing where a fault is persistent, and recovers where it is not", () => {
    const reads = (isPersistent: boolean): number[] => {
      const faults = [{ on: "reads", rate: 0.3, isPersistent }] as const;
      const backend = new FaultyBlockBackend(new MemoryBlockBackend(8), { seed: 5, faults });
      return Array.from({ length: 60 }, () => backend.readSectors(0, sectors(8, 0)));
    };
    expect(reads(false).lastIndexOf(0)).toBeGreaterThan(reads(false).indexOf(-EIO));
    expect(reads(true)).toContain(0);
    expect(reads(true).lastIndexOf(0)).toBeLessThan(reads(true).indexOf(-EIO));
  });

  it("lets the first sectors of a torn write arrive, and fails", () => {
    const faults = [{ on: "writes", rate: 1, isTorn: true }] as const;
    const found = new Set<number>();
    for (let seed = 0; seed < 100; seed++) {
      const backend = new FaultyBlockBackend(new MemoryBlockBackend(8), { seed, faults });
      expect(backend.writeSectors(0, sectors(8, 1))).toBe(-EIO);
      const bytes = sectorBytes(backend, 8);
      const nrArrived = bytes.lastIndexOf(1) + 1;
      expect(bytes).toEqual([...Array<number>(nrArrived).fill(1), ...Array<number>(8 - nrArrived).fill(0)]);
      found.add(nrArrived);
    }
    expect([...found].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("keeps what is not flushed to itself, and still reads it", () => {
    const inner = new MemoryBlockBackend(8);
    const backend = new FaultyBlockBackend(inner, { seed: 1 });
    backend.writeSectors(0, sectors(4, 1));
    backend.writeSectors(2, sectors(4, 2));
    expect(sectorBytes(backend, 8)).toEqual([1, 1, 2, 2, 2, 2, 0, 0]);
    expect(sectorBytes(inner, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(backend.flush()).toBe(0);
    expect(sectorBytes(inner, 8)).toEqual([1, 1, 2, 2, 2, 2, 0, 0]);
  });

  it("pushes the oldest writes out of a cache that is full", () => {
    const inner = new MemoryBlockBackend(8);
    const backend = new FaultyBlockBackend(inner, { seed: 1, writeCacheSectors: 4 });
    backend.writeSectors(0, sectors(3, 1));
    backend.writeSectors(1, sectors(3, 2));
    expect(sectorBytes(inner, 8)).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
    expect(sectorBytes(backend, 8)).toEqual([1, 2, 2, 2, 0, 0, 0, 0]);
    const through = new FaultyBlockBackend(inner, { seed: 1, writeCacheSectors: 0 });
    through.writeSectors(7, sectors(1, 3));
    expect(sectorBytes(inner, 8)).toEqual([1, 1, 1, 0, 0, 0, 0, 3]);
  });

  it("stops at the write it is told, for good", () => {
    const inner = new MemoryBlockBackend(16);
    const backend = new FaultyBlockBackend(inner, { seed: 1, cutAfterWrites: 3 });
    expect(backend.writeSectors(0, sectors(1, 1))).toBe(0);
    expect(backend.flush()).toBe(0);
    expect(backend.writeSectors(1, sectors(1, 1))).toBe(0);
    expect(backend.writeSectors(2, sectors(1, 1))).toBe(-EIO);
    expect(backend.writeSectors(3, sectors(1, 1))).toBe(-EIO);
    expect(backend.readSectors(0, sectors(1, 1))).toBe(-EIO);
    expect(backend.ioWithoutBytes(0, 8, true)).toBe(-EIO);
    expect(backend.flush()).toBe(-EIO);
    expect(backend.isCut).toBe(true);
    const found = sectorBytes(backend.afterPowerCut(), 4);
    expect(found[0]).toBe(1);
    expect(found[3]).toBe(0);
  });

  it("leaves after a cut what was flushed, and of the rest any mixture, sector by sector", () => {
    const outcomes = new Set<string>();
    const inner = new MemoryBlockBackend(8);
    const backend = new FaultyBlockBackend(inner, { seed: 3 });
    backend.writeSectors(0, sectors(8, 1));
    backend.flush();
    backend.writeSectors(0, sectors(2, 2));
    backend.writeSectors(1, sectors(2, 3));
    backend.cutPower();
    for (let outcome = 0; outcome < 500; outcome++) {
      const found = sectorBytes(backend.afterPowerCut(inner.fork()), 8);
      expect(found.slice(3)).toEqual([1, 1, 1, 1, 1]);
      outcomes.add(found.slice(0, 3).join(""));
    }
    // Old and new of the first and third sector, three versions of the second.
    expect([...outcomes].sort()).toEqual(
      ["111", "113", "121", "123", "131", "133", "211", "213", "221", "223", "231", "233"].sort(),
    );
  });

  it("fails and stops where pages have no bytes, too", () => {
    const backend = new FaultyBlockBackend(new MemoryBlockBackend(64), { seed: 1, cutAfterWrites: 2 });
    const { queue } = newQueue({ backend, mode: "none" });
    const bios = [REQ_OP_WRITE, REQ_OP_READ, REQ_OP_WRITE, REQ_OP_READ].map((op) => framesBio(op, 0, [1]));
    for (const bio of bios) queue.submitBio(bio, 0);
    drain(queue);
    expect(bios.map(({ status }) => status)).toEqual([0, 0, -EIO, -EIO]);
  });

  it("refuses what makes no sense", () => {
    const inner = new MemoryBlockBackend(8);
    const make = (options: object) => () => new FaultyBlockBackend(inner, { seed: 1, ...options });
    expect(make({ faults: [{ on: "reads", rate: 2 }] })).toThrow("EINVAL: fault rate 2 is not within 0 to 1");
    expect(make({ faults: [{ on: "reads", rate: 1, startSector: 8, endSector: 8 }] })).toThrow("no range");
    expect(make({ cutAfterWrites: 0 })).toThrow("writes are counted from 1");
    expect(make({ writeCacheSectors: -1 })).toThrow("a cache of -1 sectors");
  });
});

const NR_SECTORS = 32;

describe("FaultyBlockBackend against the versions of each sector", () => {
  it("loses no flushed sector in any power cut, and invents none", () => {
    const anyWrite = fc.record({
      sector: fc.nat(NR_SECTORS - 1),
      nrSectors: fc.integer({ min: 1, max: 9 }),
      isFlush: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(anyWrite, { minLength: 1, maxLength: 30 }),
        fc.nat(1000),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(0, 5, 1000),
        (operations, seed, cutAfterWrites, writeCacheSectors) => {
          const backend = new FaultyBlockBackend(new MemoryBlockBackend(NR_SECTORS), {
            seed,
            cutAfterWrites,
            writeCacheSectors,
          });
          const allowed = Array.from({ length: NR_SECTORS }, () => [0]);
          let byte = 0;
          for (const { sector, nrSectors, isFlush } of operations) {
            const size = Math.min(nrSectors, NR_SECTORS - sector);
            const isCutBefore = backend.isCut;
            const result = backend.writeSectors(sector, sectors(size, ++byte));
            expect(result).toBe(backend.isCut ? -EIO : 0);
            if (!isCutBefore) for (let at = sector; at < sector + size; at++) allowed[at].push(byte);
            if (isFlush && backend.flush() === 0) {
              for (let at = 0; at < NR_SECTORS; at++) allowed[at] = allowed[at].slice(-1);
            }
            if (!backend.isCut) {
              expect(sectorBytes(backend, NR_SECTORS)).toEqual(allowed.map((bytes) => bytes.at(-1)));
            }
          }
          const found = sectorBytes(backend.afterPowerCut(), NR_SECTORS);
          found.forEach((foundByte, sector) => {
            expect(allowed[sector]).toContain(foundByte);
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
