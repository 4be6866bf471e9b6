import { describe, expect, it } from "vitest";
import { Arena, usedLength } from "@pageframe/memmap";

function reserve(nrBytes: number): Arena {
  const arena = Arena.reserve(nrBytes);
  if (arena === null) throw new Error("no WebAssembly here");
  return arena;
}

describe("Arena", () => {
  it("hands out zeroed words on cache lines until it is full", () => {
    const arena = reserve(65_536);
    const one = arena.takeWords(3)!;
    const other = arena.takeWords(17)!;
    expect([one.byteOffset, other.byteOffset, one.length, other.length]).toEqual([64, 128, 3, 17]);
    expect(Array.from(other)).toEqual(new Array(17).fill(0));
    expect(arena.takeWords(arena.nrFreeBytes / 4 + 1)).toBeNull();
    const rest = arena.takeWords(arena.nrFreeBytes / 4)!;
    expect([arena.holds(rest), arena.nrFreeBytes]).toEqual([true, 0]);
    expect(arena.holds(new Int32Array(4))).toBe(false);
  });

  it("has its tail behind all other arrays", () => {
    const arena = Arena.reserve(100, 7)!;
    expect([arena.tail.byteOffset, arena.tail.length, arena.nrFreeBytes]).toEqual([64 + 128, 7, 128]);
    expect(arena.takeWords(33)).toBeNull();
    arena.tail.fill(5);
    expect(Array.from(arena.takeWords(32)!)).toEqual(new Array(32).fill(0));
    expect(Array.from(arena.duplicate()!.tail)).toEqual(new Array(7).fill(5));
  });

  it("is not reserved above 1 GiB", () => {
    expect(Arena.reserve(2 ** 30 + 1)).toBeNull();
  });

  it("is copied with what is in it, and lives on by itself", () => {
    const arena = reserve(1000);
    arena.takeWords(5)!.set([1, 2, 3, 4, -1]);
    const copy = arena.duplicate()!;
    const words = new Int32Array(copy.buffer, 64, 5);
    expect(Array.from(words)).toEqual([1, 2, 3, 4, -1]);
    words[0] = 9;
    expect(new Int32Array(arena.buffer, 64, 5)[0]).toBe(1);
    expect(copy.takeWords(1)!.byteOffset).toBe(arena.takeWords(1)!.byteOffset);
  });
});

describe("usedLength", () => {
  it("ends behind the last byte that is not zero, in steps of 8", () => {
    const buffer = new ArrayBuffer(64);
    expect(usedLength(buffer)).toBe(0);
    new Uint8Array(buffer)[17] = 1;
    expect(usedLength(buffer)).toBe(24);
    // The bits of -0 are not all zero.
    new Float64Array(buffer)[4] = -0;
    expect(usedLength(buffer)).toBe(40);
  });

  it("takes a last word that is not whole as used when it holds anything", () => {
    const buffer = new ArrayBuffer(12);
    expect(usedLength(buffer)).toBe(0);
    new Uint8Array(buffer)[11] = 1;
    expect(usedLength(buffer)).toBe(12);
  });
});
