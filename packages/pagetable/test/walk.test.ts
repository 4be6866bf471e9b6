import {
  pfnSwpPteHi,
  pfnSwpPteLo,
  PTE_MARKER_GUARD,
  PTE_MARKER_HI,
  PTE_PROTNONE,
  PTE_P,
  PTE_RW,
  PTE_SWP_EXCLUSIVE,
  PTE_US,
  pteMarkerLo,
  SWP_DEVICE_WRITE,
  SWP_HWPOISON,
  SWP_MIGRATION_READ_EXCLUSIVE,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { decodePte, decodeRiscvPte, pageTables } from "../src/index.ts";
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

describe("decodePte, of what is not present to the processor", () => {
  it("names migration, device and poison entries and markers", () => {
    const migration = [pfnSwpPteLo(9, 0), pfnSwpPteHi(SWP_MIGRATION_READ_EXCLUSIVE, 9, true, false)] as const;
    expect(decodePte(...migration)).toEqual({
      kind: "migration",
      pfn: 9,
      swapEntry: -1,
      flags: ["READ", "EXCLUSIVE", "A"],
    });
    expect(decodePte(pfnSwpPteLo(9, 0), pfnSwpPteHi(SWP_HWPOISON, 9, false, false))).toMatchObject({
      kind: "poison",
      pfn: 9,
    });
    expect(decodePte(pfnSwpPteLo(9, 0), pfnSwpPteHi(SWP_DEVICE_WRITE, 9, false, false))).toMatchObject({
      kind: "device",
      flags: ["WRITE"],
    });
    expect(decodePte(pteMarkerLo(PTE_MARKER_GUARD), PTE_MARKER_HI)).toEqual({
      kind: "marker",
      pfn: -1,
      swapEntry: -1,
      flags: ["GUARD"],
    });
    expect(decodePte(swapEntryToPteLo(5, PTE_SWP_EXCLUSIVE), swapEntryToPteHi(5)).flags).toEqual([
      "EXCLUSIVE",
    ]);
  });

  it("tells PAT from PS by the level, and finds the frame of a large leaf", () => {
    expect(decodePte(0x5081, 0, 1)).toMatchObject({ pfn: 5, flags: ["P", "PAT"] });
    // 2 MiB leaf of frame 0x400 with PAT, bit 12.
    expect(decodePte(0x401081, 0, 2)).toMatchObject({ pfn: 0x400, flags: ["P", "PS", "PAT"] });
  });

  it("names the bits of RISC-V entries", () => {
    expect(decodeRiscvPte(0x48d1dff, 3 << 27)).toEqual({
      kind: "present",
      pfn: 0x12347,
      swapEntry: -1,
      flags: ["V", "R", "W", "X", "U", "G", "A", "D", "SPECIAL", "SOFT_DIRTY", "UFFD_WP"],
    });
    expect(decodeRiscvPte(0x19001, 0)).toMatchObject({ pfn: 100, flags: ["V"] });
    expect(decodeRiscvPte(pteMarkerLo(PTE_MARKER_GUARD), PTE_MARKER_HI).kind).toBe("marker");
  });
});

describe("pageTables", () => {
  it("has four levels as its default", () => {
    expect(pageTables.map(({ name }) => name)).toEqual([
      "radix4",
      "radix5",
      "x86-32",
      "pae",
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
