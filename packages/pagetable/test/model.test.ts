import { PAGES_PER_LEVEL, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KERNEL_HALF_VPN, KernelHalf, type RadixPageTable } from "../src/index.ts";
import { CountingFrames, newPageTable } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;
const END = KERNEL_HALF_VPN;

interface Leaf {
  readonly level: number;
  readonly pfn: number;
  isWritable: boolean;
}

/** Leaves by first page: what a page table is, without tables. */
type Model = Map<number, Leaf>;

function leafAt(model: Model, vpn: number): [number, Leaf] | undefined {
  for (const level of [1, 2, 3]) {
    const start = vpn - (vpn % PAGES_PER_LEVEL[level]);
    const leaf = model.get(start);
    if (leaf?.level === level) return [start, leaf];
  }
  return undefined;
}

function overlaps(model: Model, start: number, end: number): boolean {
  return [...model].some(([vpn, { level }]) => vpn < end && vpn + PAGES_PER_LEVEL[level] > start);
}

function expectSame(table: RadixPageTable, contents: FrameContents, model: Model): void {
  const found: [number, number, number, boolean][] = [];
  for (let vpn = table.nextPopulated(0, END); vpn < END;) {
    const entry = table.findEntry(vpn);
    const lo = contents.words[entry];
    found.push([vpn, table.lastLevel, lo >>> 12, (lo & PTE_RW) !== 0]);
    vpn = table.nextPopulated(vpn + PAGES_PER_LEVEL[table.lastLevel], END);
  }
  const expected = [...model]
    .sort(([a], [b]) => a - b)
    .map(([vpn, { level, pfn, isWritable }]) => [vpn, level, pfn, isWritable]);
  expect(found).toEqual(expected);
}

/** Pages crowd around the edges of tables of every level, so that random ranges meet. */
const anyVpn = fc
  .tuple(
    fc.constantFrom(0, 262144 - 512, 262144, 3 * 262144, 134217728 - 512, 134217728, END - 1024),
    fc.integer({ min: 0, max: 1023 }),
  )
  .map(([base, offset]) => base + offset);
const anyLevel = fc.constantFrom(1, 1, 1, 1, 2, 2, 3);

const anyOperation = fc.oneof(
  fc.record({ kind: fc.constant("map" as const), vpn: anyVpn, level: anyLevel, pfn: fc.nat(3000) }),
  fc.record({ kind: fc.constant("unmap" as const), vpn: anyVpn }),
  fc.record({
    kind: fc.constant("protect" as const),
    vpn: anyVpn,
    end: anyVpn,
    isWritable: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("munmap" as const), vpn: anyVpn, end: anyVpn }),
  fc.record({ kind: fc.constant("find" as const), vpn: anyVpn }),
);

describe("RadixPageTable against a map of leaves", () => {
  it("agrees after every random operation", () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 40 }), (operations) => {
        const contents = new FrameContents(4096, "none");
        const frames = new CountingFrames(100, 3000);
        const half = new KernelHalf({ contents, frames, ranges: [{ startPfn: 0, endPfn: 4096, nodeId: 0 }] });
        const nrKernelTables = frames.inUse.size;
        const { table } = newPageTable(half, frames, contents);
        const model: Model = new Map();
        for (const operation of operations) {
          if (operation.kind === "map") {
            const nrPages = PAGES_PER_LEVEL[operation.level];
            const vpn = operation.vpn - (operation.vpn % nrPages);
            const pfn = operation.level === 1 ? operation.pfn : operation.pfn * nrPages;
            const isFree = !overlaps(model, vpn, vpn + nrPages);
            // An empty table in a large leaf's place goes first, as khugepaged has it.
            if (isFree && operation.level > 1) table.freeTables(vpn, vpn + nrPages, vpn, vpn + nrPages);
            const error = table.map(vpn, operation.level, pfn % 2 ** 20, USER_RW, 0);
            expect(error === 0).toBe(isFree);
            if (isFree) model.set(vpn, { level: operation.level, pfn: pfn % 2 ** 20, isWritable: true });
          } else if (operation.kind === "unmap") {
            const hit = leafAt(model, operation.vpn);
            expect(table.unmap(operation.vpn)).toBe(hit?.[1].level ?? 0);
            expect(table.lastLo >>> 12).toBe(hit?.[1].pfn ?? 0);
            if (hit) model.delete(hit[0]);
          } else if (operation.kind === "protect") {
            const { start, end } = wholeLeaves(model, operation.vpn, operation.end);
            let nrChanged = 0;
            for (const [vpn, leaf] of model) {
              if (vpn < start || vpn >= end || leaf.isWritable === operation.isWritable) continue;
              leaf.isWritable = operation.isWritable;
              nrChanged++;
            }
            const [set, clear] = operation.isWritable ? [PTE_RW, 0] : [0, PTE_RW];
            expect(table.protect(start, end, set, clear, 0, 0)).toBe(nrChanged);
          } else if (operation.kind === "munmap") {
            const { start, end } = wholeLeaves(model, operation.vpn, operation.end);
            for (let vpn = table.nextPopulated(start, end); vpn < end; vpn = table.nextPopulated(vpn, end)) {
              expect(table.unmap(vpn)).toBe(leafAt(model, vpn)?.[1].level);
              model.delete(vpn);
            }
            // Floor and ceiling: the mapped neighbours.
            let floor = 0;
            let ceiling = END;
            for (const [vpn, { level }] of model) {
              if (vpn < start) floor = Math.max(floor, vpn + PAGES_PER_LEVEL[level]);
              else ceiling = Math.min(ceiling, vpn);
            }
            table.freeTables(start, end, floor, ceiling);
            if (start < end) expect(table.findEntry(start) === -1 || floor > 0 || ceiling < END).toBe(true);
          } else {
            const entry = table.findEntry(operation.vpn);
            const hit = leafAt(model, operation.vpn);
            if (hit === undefined) expect(entry === -1 || contents.words[entry] === 0).toBe(true);
            else expect(contents.words[entry] >>> 12).toBe(hit[1].pfn);
          }
          table.checkInvariants();
          expectSame(table, contents, model);
        }
        for (const vpn of model.keys()) table.unmap(vpn);
        table.destroy();
        expect(frames.inUse.size).toBe(nrKernelTables);
        half.checkInvariants();
      }),
      { numRuns: 150, seed: 20_2011 },
    );
  });
});

/** Widens a range so that it cuts no leaf. */
function wholeLeaves(model: Model, one: number, other: number): { start: number; end: number } {
  let start = Math.min(one, other);
  let end = Math.max(one, other);
  const first = leafAt(model, start);
  if (first) start = first[0];
  const last = leafAt(model, end - 1);
  if (last && end > start) end = last[0] + PAGES_PER_LEVEL[last[1].level];
  return { start, end };
}
