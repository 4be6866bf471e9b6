/**
 * All occupants under the same random range operations as a map of leaves: what a page table is, without tables. The model
 * writes entries with 64-bit arithmetic of its own.
 */
import {
  NO_ENTRY,
  PAGES_PER_LEVEL,
  type PageTable,
  PTE_A,
  PTE_D,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_US,
  swapEntry,
  swapEntryToPteHi,
  swapEntryToPteLo,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pageTables } from "../src/index.ts";
import { joined, newOccupant, readEntry } from "./helpers.ts";

/** Low flags of a page, bits 0..11 of the entry without PS; `nx` is bit 63. A swap slot has `slot` alone. */
interface Leaf {
  readonly level: number;
  readonly pfn: number;
  readonly flags: number;
  readonly nx: boolean;
  readonly slot: number | null;
}

/** Leaves by their first page, of a table whose entries cover `pages` of each level. */
class Model extends Map<number, Leaf> {
  readonly pages: readonly number[];
  readonly hasNx: boolean;

  constructor(table: PageTable, hasNx: boolean) {
    super();
    this.pages = table.pagesPerLevel;
    this.hasNx = hasNx;
  }
}

const PFN_BITS = 0x000ffffffffff000n;

/** The entry of a leaf, worked out anew: frame inverted where P is clear, in the bits that its size leaves it. */
function encode(leaf: Leaf, pages: readonly number[]): bigint {
  const { level, pfn, flags, nx, slot } = leaf;
  if (slot !== null)
    return joined(swapEntryToPteLo(swapEntry(2, slot), 0), swapEntryToPteHi(swapEntry(2, slot)));
  // A 4 MiB leaf has the canonical form of a 2 MiB one.
  const mask = PFN_BITS & ~(BigInt(Math.min(pages[level], PAGES_PER_LEVEL[level])) * 4096n - 1n);
  const frame = BigInt(pfn) << 12n;
  const stored = (flags & PTE_P) !== 0 ? frame : frame ^ mask;
  return stored | BigInt(flags) | (level > 1 ? 0x80n : 0n) | (nx ? 1n << 63n : 0n);
}

function leafAt(model: Model, vpn: number): [number, Leaf] | undefined {
  for (let level = 1; level < model.pages.length; level++) {
    const start = vpn - (vpn % model.pages[level]);
    const leaf = model.get(start);
    if (leaf?.level === level) return [start, leaf];
  }
  return undefined;
}

function overlaps(model: Model, start: number, end: number): boolean {
  return [...model].some(([vpn, { level }]) => vpn < end && vpn + model.pages[level] > start);
}

/** Replaces a large leaf by its parts; false for one that has none. */
function splitInModel(model: Model, vpn: number, leaf: Leaf): boolean {
  if (leaf.level === 1 || leaf.slot !== null) return false;
  const nrPages = model.pages[leaf.level - 1];
  const nrParts = model.pages[leaf.level] / nrPages;
  model.delete(vpn);
  for (let part = 0; part < nrParts; part++) {
    model.set(vpn + part * nrPages, { ...leaf, level: leaf.level - 1, pfn: leaf.pfn + part * nrPages });
  }
  return true;
}

const JOINED = PTE_A | PTE_D | PTE_SOFT_DIRTY;

/** The leaf that the parts make, or undefined. */
function joinedInModel(model: Model, vpn: number, level: number): Leaf | undefined {
  const nrPages = model.pages[level - 1];
  const nrParts = model.pages[level] / nrPages;
  const first = model.get(vpn);
  if (first?.level !== level - 1 || first.slot !== null || first.pfn % (nrParts * nrPages) !== 0)
    return undefined;
  let { flags } = first;
  for (let part = 0; part < nrParts; part++) {
    const leaf = model.get(vpn + part * nrPages);
    if (leaf?.level !== level - 1 || leaf.slot !== null || leaf.pfn !== first.pfn + part * nrPages)
      return undefined;
    if (leaf.nx !== first.nx || ((leaf.flags ^ first.flags) & ~JOINED) !== 0) return undefined;
    flags |= leaf.flags & JOINED;
  }
  return { ...first, level, flags };
}

/** Splits the leaf that a page is inside of, but not at the start of. False when it cannot be split. */
function cutInModel(model: Model, vpn: number): boolean {
  for (let hit = leafAt(model, vpn); hit !== undefined && hit[0] !== vpn; hit = leafAt(model, vpn)) {
    if (!splitInModel(model, ...hit)) return false;
  }
  return true;
}

function expectSame(table: PageTable, model: Model): void {
  const expected = [...model]
    .sort(([a], [b]) => a - b)
    .map(([vpn, leaf]): [number, number, bigint] => [vpn, leaf.level, encode(leaf, model.pages)]);
  const visited: [number, number, bigint][] = [];
  const cursor = table.cursor(0, table.limitVpn);
  while (cursor.next()) visited.push([cursor.vpn, cursor.level, joined(cursor.lo, cursor.hi)]);
  expect(visited).toEqual(expected);
  // The same, page by page: every leaf is found, and holes end where the next one starts.
  const stride = Math.max(1, Math.floor(expected.length / 50));
  for (let at = 0; at < expected.length; at += stride) {
    const [vpn, level, entry] = expected[at];
    if (readEntry(table, vpn + model.pages[level] - 1) !== entry) expect(readEntry(table, vpn)).toBe(entry);
    expect(table.lastLevel).toBe(level);
    const end = vpn + model.pages[level];
    expect(table.nextPopulated(end, table.limitVpn)).toBe(expected[at + 1]?.[0] ?? table.limitVpn);
  }
}

/** Places where tables of several levels meet, so that random ranges do; each is a base that every occupant has. */
const PLACES = [0, 262144 - 512, 262144, 3 * 262144, -1024, -262144 - 512];
const anyPlace = fc.nat(PLACES.length - 1);
const anyOffset = fc.nat(1023);
const anyVpn = fc.tuple(anyPlace, anyOffset);
const anyFlags = fc
  .subarray([PTE_RW, PTE_A, PTE_D, PTE_SOFT_DIRTY])
  .map((bits) => bits.reduce((all, bit) => all | bit, PTE_P | PTE_US));

type Place = readonly [number, number];
type Operation =
  | { kind: "map"; at: Place; level: number; pfn: number; flags: number; nx: boolean }
  | { kind: "fill"; at: Place; nrPages: number; pfn: number; flags: number }
  | { kind: "swap-out" | "unmap" | "find" | "split"; at: Place }
  | { kind: "collapse"; at: Place; level: number; isMade: boolean }
  | { kind: "touch"; at: Place; bits: number }
  | { kind: "protect"; at: Place; to: Place; right: "none" | "read" | "write" | "exec" }
  | { kind: "munmap" | "harvest"; at: Place; to: Place };

const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant("map" as const),
    at: anyVpn,
    level: fc.constantFrom(1, 1, 1, 1, 2, 2, 3),
    pfn: fc.nat(5000),
    flags: anyFlags,
    nx: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("fill" as const),
    at: fc.oneof(anyVpn, fc.tuple(anyPlace, fc.constantFrom(0, 512))),
    nrPages: fc.constantFrom(3, 40, 512, 512),
    pfn: fc.nat(2),
    flags: anyFlags,
  }),
  fc.record({ kind: fc.constantFrom("swap-out" as const, "unmap" as const, "find" as const), at: anyVpn }),
  fc.record({ kind: fc.constant("split" as const), at: anyVpn }),
  fc.record({
    kind: fc.constant("collapse" as const),
    at: fc.oneof(anyVpn, fc.tuple(anyPlace, fc.constantFrom(0, 512))),
    level: fc.constantFrom(2, 2, 2, 3),
    isMade: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("touch" as const), at: anyVpn, bits: fc.constantFrom(PTE_A, PTE_A | PTE_D) }),
  fc.record({
    kind: fc.constant("protect" as const),
    at: anyVpn,
    to: anyVpn,
    right: fc.constantFrom("none" as const, "read" as const, "write" as const, "exec" as const),
  }),
  fc.record({ kind: fc.constantFrom("munmap" as const, "harvest" as const), at: anyVpn, to: anyVpn }),
);

/** Carries out an operation on the table and on the model, and compares what they answer. */
function run(operation: Operation, table: PageTable, model: Model): void {
  // Tables of 64-bit address spaces are tried in the user's half.
  const half = table.limitVpn <= 2 ** 20 ? table.limitVpn : table.limitVpn / 2;
  const { pages } = model;
  const vpnOf = ([place, offset]: Place): number => (PLACES[place] < 0 ? half : 0) + PLACES[place] + offset;
  const vpn = vpnOf(operation.at);
  switch (operation.kind) {
    case "map": {
      const level = Math.min(operation.level, table.maxLeafLevel);
      const nrPages = pages[level];
      const start = vpn - (vpn % nrPages);
      // 1000 leaves of 4 MiB are what 32-bit entries can name in parts.
      const pfn = (operation.pfn % (nrPages === 1024 ? 1000 : 5001)) * nrPages;
      const isFree = !overlaps(model, start, start + nrPages);
      // An empty table in a large leaf's place goes first, as khugepaged has it.
      if (isFree && level > 1) table.freeTables(start, start + nrPages, start, start + nrPages);
      const error = table.map(start, level, pfn, operation.flags, operation.nx ? PTE_HI_NX : 0);
      expect(error === 0).toBe(isFree);
      const { flags } = operation;
      const nx = operation.nx && model.hasNx;
      if (isFree) model.set(start, { level, pfn, flags, nx, slot: null });
      return;
    }
    case "fill": {
      // One pass that maps what is free, frames in a row that fit the place.
      const cursor = table.cursor(vpn, vpn + operation.nrPages);
      const origin = operation.pfn * pages[2] - (vpn - (vpn % pages[2]));
      for (let at = vpn; at < vpn + operation.nrPages;) {
        expect(cursor.nextPage()).toBe(true);
        const hit = leafAt(model, at);
        expect([cursor.vpn, cursor.level]).toEqual([hit?.[0] ?? at, hit?.[1].level ?? 1]);
        if (hit === undefined) {
          const pfn = origin + at + pages[2];
          cursor.set((pfn << 12) | operation.flags, 0);
          model.set(at, { level: 1, pfn, flags: operation.flags, nx: false, slot: null });
        }
        at = cursor.vpn + pages[cursor.level];
      }
      expect(cursor.nextPage()).toBe(false);
      return;
    }
    case "unmap": {
      const hit = leafAt(model, vpn);
      expect(table.unmap(vpn)).toBe(hit?.[1].level ?? 0);
      expect(joined(table.lastLo, table.lastHi)).toBe(encodeOrZero(hit, pages));
      if (hit) model.delete(hit[0]);
      return;
    }
    case "swap-out": {
      const hit = leafAt(model, vpn);
      if (hit === undefined) return;
      const slot = hit[0] % 65536;
      table.setEntry(
        table.findEntry(vpn),
        swapEntryToPteLo(swapEntry(2, slot), 0),
        swapEntryToPteHi(swapEntry(2, slot)),
      );
      model.set(hit[0], { ...hit[1], slot });
      return;
    }
    case "find":
      expect(readEntry(table, vpn)).toBe(encodeOrZero(leafAt(model, vpn), pages));
      return;
    case "split": {
      const hit = leafAt(model, vpn);
      expect(table.split(vpn) === 0).toBe(hit !== undefined && splitInModel(model, ...hit));
      return;
    }
    case "collapse": {
      const level = Math.min(operation.level, table.maxLeafLevel);
      const start = vpn - (vpn % pages[level]);
      // Few random places hold 512 leaves in a row: make such a place, with a page that was touched.
      const [place, offset] = operation.at;
      const first = offset - (vpn % pages[2]);
      const at: Place = [place, first];
      if (operation.isMade) {
        run({ kind: "munmap", at, to: [place, first + pages[2]] }, table, model);
        run({ kind: "fill", at, nrPages: pages[2], pfn: 3, flags: PTE_P | PTE_US }, table, model);
        run({ kind: "touch", at: operation.at, bits: PTE_A | PTE_D }, table, model);
      }
      const whole = joinedInModel(model, start, level);
      expect(table.collapse(vpn, level) === 0).toBe(whole !== undefined);
      if (whole === undefined) return;
      for (let at = start; at < start + pages[level]; at += pages[level - 1]) model.delete(at);
      model.set(start, whole);
      return;
    }
    case "touch": {
      const hit = leafAt(model, vpn);
      if (hit === undefined || (hit[1].flags & PTE_P) === 0 || hit[1].slot !== null) return;
      const entry = table.findEntry(vpn);
      table.setEntry(entry, table.entryLo(entry) | operation.bits, table.entryHi(entry));
      model.set(hit[0], { ...hit[1], flags: hit[1].flags | operation.bits });
      return;
    }
    case "protect": {
      const other = vpnOf(operation.to);
      const { start, end } = wholeLeaves(model, vpn, other);
      const [set, clear] = {
        none: [PTE_PROTNONE, PTE_P | PTE_US | PTE_RW],
        read: [PTE_P | PTE_US, PTE_PROTNONE | PTE_RW],
        write: [PTE_P | PTE_US | PTE_RW, PTE_PROTNONE],
        exec: [PTE_P | PTE_US, PTE_PROTNONE],
      }[operation.right];
      const nx = operation.right !== "exec";
      const isNx = nx && model.hasNx;
      let nrChanged = 0;
      for (const [at, leaf] of model) {
        if (at < start || at >= end || leaf.slot !== null) continue;
        const changed = { ...leaf, flags: (leaf.flags & ~clear) | set, nx: isNx };
        if (changed.flags === leaf.flags && changed.nx === leaf.nx) continue;
        model.set(at, changed);
        nrChanged++;
      }
      expect(table.protect(start, end, set, clear, nx ? PTE_HI_NX : 0, nx ? 0 : PTE_HI_NX)).toBe(nrChanged);
      return;
    }
    case "harvest": {
      const { start, end } = wholeLeaves(model, vpn, vpnOf(operation.to));
      const cursor = table.cursor(start, end);
      while (cursor.next()) {
        const leaf = model.get(cursor.vpn)!;
        const bits = leaf.slot === null ? leaf.flags & (PTE_A | PTE_D) : 0;
        expect(cursor.harvest(PTE_A | PTE_D)).toBe(bits);
        model.set(cursor.vpn, { ...leaf, flags: leaf.flags & ~bits });
      }
      return;
    }
    case "munmap": {
      const start = Math.min(vpn, vpnOf(operation.to));
      const end = Math.max(vpn, vpnOf(operation.to));
      const cursor = table.cursor(start, end, true);
      // A swapped large leaf at an end cannot be cut: the pass ends there with an error.
      const isCut = start === end || (cutInModel(model, start) && cutInModel(model, end));
      while (cursor.next()) cursor.clear();
      if (!isCut) {
        model.clear();
        const rest = table.cursor(0, table.limitVpn);
        while (rest.next()) rest.clear();
        return;
      }
      for (const at of model.keys()) if (at >= start && at < end) model.delete(at);
      // Floor and ceiling: the mapped neighbours.
      let floor = 0;
      let ceiling = half;
      for (const [at, { level }] of model) {
        if (at < start) floor = Math.max(floor, at + pages[level]);
        else ceiling = Math.min(ceiling, at);
      }
      table.freeTables(start, end, floor, ceiling);
      if (start < end && floor === 0 && ceiling === half) expect(table.findEntry(start)).toBe(NO_ENTRY);
    }
  }
}

function encodeOrZero(hit: [number, Leaf] | undefined, pages: readonly number[]): bigint {
  return hit === undefined ? 0n : encode(hit[1], pages);
}

/** Widens a range so that it cuts no leaf. */
function wholeLeaves(model: Model, one: number, other: number): { start: number; end: number } {
  let start = Math.min(one, other);
  let end = Math.max(one, other);
  const first = leafAt(model, start);
  if (first) start = first[0];
  const last = leafAt(model, end - 1);
  if (last && end > start) end = last[0] + model.pages[last[1].level];
  return { start, end };
}

describe("page tables against a map of leaves", () => {
  for (const { name } of pageTables) {
    it(`${name} agrees after every random operation`, () => {
      fc.assert(
        fc.property(fc.array(anyOperation, { maxLength: 30 }), (operations) => {
          const { table, frames } = newOccupant(name);
          const model = new Model(table, name !== "x86-32");
          for (const operation of operations) {
            run(operation, table, model);
            table.checkInvariants();
            expectSame(table, model);
          }
          const cursor = table.cursor(0, table.limitVpn);
          while (cursor.next()) cursor.clear();
          table.destroy();
          expect(frames.inUse.size).toBe(0);
        }),
        { numRuns: 60, seed: 20_2011 },
      );
    });
  }
});
