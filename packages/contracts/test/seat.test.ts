import { describe, expect, it } from "vitest";
import { findOccupant, isExternalState, type SeatTable } from "../src/index.ts";

const seats: SeatTable<number, string> = [
  { name: "clock", describe: "second chance", create: (config) => `clock ${config}` },
  { name: "lru", describe: "least recently used", create: (config) => `lru ${config}` },
];

describe("seats", () => {
  it("find an occupant by name and make it from a config", () => {
    expect(findOccupant("replacement policy", seats, "lru").create(8)).toBe("lru 8");
  });

  it("list the known names when there is none", () => {
    expect(() => findOccupant("replacement policy", seats, "LRU")).toThrow(
      'EINVAL: unknown replacement policy "LRU"; known: clock, lru',
    );
  });
});

describe("external state", () => {
  it("is known by its two methods", () => {
    const file = { captureExternal: () => 1, reinstateExternal: () => undefined };
    expect(isExternalState(file)).toBe(true);
    expect(isExternalState({ captureExternal: () => 1 })).toBe(false);
  });
});
