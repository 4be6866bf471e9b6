import {
  PTE_PROTNONE,
  PTE_P,
  PTE_RW,
  PTE_US,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { decodePte, pageTables } from "../src/index.ts";
import { newPageTable } from "./helpers.ts";

describe("walkEntries", () => {
  it("ends at the first empty entry", () => {
    const { table } = newPageTable();
    table.map(0, 1, 7, PTE_P | PTE_RW | PTE_US, 0);
    expect(table.walkEntries(512)).toEqual([
      { level: 4, tablePfn: 100, index: 0, lo: 0x65067, hi: 0 },
      { level: 3, tablePfn: 101, index: 0, lo: 0x66067, hi: 0 },
      { level: 2, tablePfn: 102, index: 1, lo: 0, hi: 0 },
    ]);
  });
});

describe("decodePte", () => {
  it("names the flags of a present entry, and its frame", () => {
    // Intel SDM table 5-20: P 0, R/W 1, U/S 2, PWT 3, PCD 4, A 5, D 6, G 8; protection key 62:59, XD 63.
    expect(decodePte(0x1234007, 0x80000000 | 0)).toEqual({
      kind: "present",
      pfn: 0x1234,
      swapEntry: -1,
      flags: ["P", "RW", "US", "NX"],
    });
    expect(decodePte(0xfff, 5 << 27).flags).toEqual([
      ...["P", "RW", "US", "PWT", "PCD", "A", "D", "PS", "G"],
      ...["SPECIAL", "UFFD_WP", "SOFT_DIRTY", "PK5"],
    ]);
  });

  it("tells apart what is not present", () => {
    expect(decodePte(0, 0).kind).toBe("empty");
    // The frame of PROT_NONE is inverted.
    expect(decodePte(0xffff6000 | PTE_PROTNONE, 0xfffff)).toEqual({
      kind: "protnone",
      pfn: 9,
      swapEntry: -1,
      flags: ["PROTNONE"],
    });
    const slot = swapEntry(3, 12345);
    expect(decodePte(swapEntryToPteLo(slot, 0), swapEntryToPteHi(slot))).toEqual({
      kind: "swap",
      pfn: -1,
      swapEntry: slot,
      flags: [],
    });
  });
});

describe("pageTables", () => {
  it("has four levels as its default", () => {
    expect(pageTables.map(({ name }) => name)).toEqual([
      "radix4",
      "radix5",
      "sv39",
      "sv48",
      "hashed",
      "inverted",
    ]);
    const { contents, frames } = newPageTable();
    const table = pageTables[0].create({ contents, frames });
    expect(table.map(1, 1, 2, PTE_P, 0)).toBe(0);
    expect(table.unmap(1)).toBe(1);
  });
});
