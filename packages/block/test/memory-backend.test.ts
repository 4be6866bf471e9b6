import { describe, expect, it } from "vitest";
import { MemoryBlockBackend } from "../src/index.ts";

const sectors = (nrSectors: number, byte: number): Uint8Array => new Uint8Array(nrSectors * 512).fill(byte);

describe("MemoryBlockBackend", () => {
  it("reads zeros where nothing was written, and takes no memory for it", () => {
    // 1 TiB.
    const backend = new MemoryBlockBackend(2 ** 31);
    const into = sectors(8, 9);
    expect(backend.readSectors(2 ** 31 - 8, into)).toBe(0);
    expect(into).toEqual(sectors(8, 0));
    expect(backend.usedBytes).toBe(0);
    backend.writeSectors(2 ** 31 - 8, sectors(8, 5));
    backend.readSectors(2 ** 31 - 8, into);
    expect(into).toEqual(sectors(8, 5));
    expect(backend.usedBytes).toBe(4096);
  });

  it("writes and reads across its chunks", () => {
    const backend = new MemoryBlockBackend(1000);
    backend.writeSectors(30, sectors(70, 3));
    const into = sectors(74, 9);
    backend.readSectors(28, into);
    expect(into).toEqual(Uint8Array.from([...sectors(2, 0), ...sectors(70, 3), ...sectors(2, 0)]));
  });

  it("forks without copying, and both go their own way", () => {
    const backend = new MemoryBlockBackend(64);
    backend.writeSectors(0, sectors(64, 1));
    const fork = backend.fork();
    backend.writeSectors(0, sectors(1, 2));
    fork.writeSectors(1, sectors(1, 3));
    fork.writeSectors(40, sectors(1, 4));
    const second = fork.fork();
    second.writeSectors(1, sectors(1, 5));
    const firstBytes = (of: MemoryBlockBackend): number[] =>
      [0, 1, 2, 40].map((sector) => {
        const into = sectors(1, 9);
        of.readSectors(sector, into);
        return into[0];
      });
    expect(firstBytes(backend)).toEqual([2, 1, 1, 1]);
    expect(firstBytes(fork)).toEqual([1, 3, 1, 4]);
    expect(firstBytes(second)).toEqual([1, 5, 1, 4]);
  });

  it("keeps its bytes through any number of forks and writes in between", () => {
    let backend = new MemoryBlockBackend(64);
    const before: [MemoryBlockBackend, number[]][] = [];
    const model = Array<number>(64).fill(0);
    const bytesOf = (of: MemoryBlockBackend): number[] => {
      const into = sectors(64, 9);
      of.readSectors(0, into);
      return model.map((_, sector) => into[sector * 512]);
    };
    for (let round = 1; round <= 30; round++) {
      for (const sector of [(round * 7) % 64, (round * 13) % 64]) {
        backend.writeSectors(sector, sectors(1, round));
        model[sector] = round;
      }
      before.push([backend, [...model]]);
      if (round % 3 !== 0) backend = backend.fork();
      else before[before.length - 1] = [backend.fork(), [...model]];
      expect(bytesOf(backend)).toEqual(model);
    }
    for (const [fork, bytes] of before) expect(bytesOf(fork)).toEqual(bytes);
    expect(backend.usedBytes).toBe(8 * 4096);
  });

  it("refuses a size that no device has", () => {
    expect(() => new MemoryBlockBackend(0)).toThrow("EINVAL: a device of 0 sectors cannot be");
    expect(() => new MemoryBlockBackend(1.5)).toThrow("EINVAL");
  });
});
