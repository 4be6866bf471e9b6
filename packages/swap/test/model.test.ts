import { EBUSY, EIO, NO_PFN, NO_SWAP_ENTRY } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultySwapBackend, MemorySwapBackend } from "../src/index.ts";
import { addArea, newMachine } from "./helpers.ts";

/** What a slot in use holds, without slots. */
interface Slot {
  count: number;
  pfn: number;
  /** First byte of what was written; undefined before the first write. */
  written: number | undefined;
}

const NR_FRAMES = 24;

const anyOperation = fc.record({
  kind: fc.constantFrom(
    ...(["add", "add", "add", "duplicate", "free", "uncache", "write", "read", "off", "on"] as const),
  ),
  pick: fc.nat(),
  value: fc.integer({ min: 0, max: 3 }),
});

describe("SwapAreas against a map of slots", () => {
  it("agrees after every random operation, with a device that fails", () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 80 }), fc.nat(1000), (operations, seed) => {
        const { swap, contents } = newMachine();
        const newBackend = (): FaultySwapBackend =>
          new FaultySwapBackend(new MemorySwapBackend(9), { probability: 0.2, seed });
        addArea(swap, "/0", 8, 1, newBackend());
        addArea(swap, "/1", 8, 1, newBackend());
        const model = new Map<number, Slot>();
        const pick = (choice: number, wanted: (slot: Slot) => boolean): [number, Slot] | undefined => {
          const fitting = [...model].filter(([, slot]) => wanted(slot));
          return fitting[choice % Math.max(fitting.length, 1)];
        };
        const drop = (entry: number, slot: Slot): void => {
          if (slot.count === 0 && slot.pfn === NO_PFN) model.delete(entry);
        };
        for (const { kind, pick: choice, value } of operations) {
          if (kind === "add") {
            const cached = new Set([...model.values()].map(({ pfn }) => pfn));
            let pfn = choice % NR_FRAMES;
            while (cached.has(pfn)) pfn = (pfn + 1) % NR_FRAMES;
            contents.zeroPage(pfn);
            contents.writeByte(pfn, 0, value);
            const entry = swap.getSwapPage(pfn);
            expect(entry === NO_SWAP_ENTRY).toBe(model.size === swap.nrTotalSlots);
            expect(model.has(entry)).toBe(false);
            if (entry !== NO_SWAP_ENTRY) model.set(entry, { count: 0, pfn, written: undefined });
          } else if (kind === "duplicate") {
            const [entry, slot] = pick(choice, () => true) ?? [];
            if (entry === undefined || slot === undefined) continue;
            swap.swapDuplicate(entry);
            slot.count++;
          } else if (kind === "free") {
            const [entry, slot] = pick(choice, ({ count }) => count > 0) ?? [];
            if (entry === undefined || slot === undefined) continue;
            slot.count--;
            expect(swap.freeSwapAndCache(entry)).toBe(slot.count === 0 ? slot.pfn : NO_PFN);
            drop(entry, slot);
          } else if (kind === "uncache") {
            const [entry, slot] = pick(choice, ({ pfn }) => pfn !== NO_PFN) ?? [];
            if (entry === undefined || slot === undefined) continue;
            swap.deleteFromCache(slot.pfn);
            slot.pfn = NO_PFN;
            drop(entry, slot);
          } else if (kind === "write") {
            const [entry, slot] = pick(choice, ({ pfn }) => pfn !== NO_PFN) ?? [];
            if (entry === undefined || slot === undefined) continue;
            const error = swap.writePage(entry, slot.pfn);
            const byte = contents.readByte(slot.pfn, 0);
            expect(error === 0 || (error === -EIO && byte !== 0)).toBe(true);
            if (error === 0) slot.written = byte;
            // A failed write of another page over zeros leaves neither to read: the RAM copy counts.
            else if (slot.written === 0) slot.written = undefined;
          } else if (kind === "read") {
            const [entry, slot] =
              pick(choice, ({ pfn, written }) => pfn === NO_PFN && written !== undefined) ?? [];
            if (entry === undefined || slot === undefined) continue;
            contents.writeByte(40, 0, 77);
            const error = swap.readPage(entry, 40);
            expect(contents.readByte(40, 0)).toBe(error === 0 ? slot.written : 77);
          } else if (kind === "off") {
            const type = choice % 2;
            const isOn = swap.areas[type] !== null;
            const isUsed = [...model.keys()].some((entry) => entry >>> 26 === type);
            if (isOn) expect(swap.swapoff(type)).toBe(isUsed ? -EBUSY : 0);
          } else {
            const type = swap.areas.indexOf(null);
            if (type >= 0) expect(addArea(swap, `/${type}`, 8, value, newBackend())).toBe(type);
          }
          swap.checkInvariants();
          expect(swap.nrTotalSlots - swap.nrFreeSlots).toBe(model.size);
          for (const [entry, { count, pfn }] of model) {
            expect([swap.swapCount(entry), swap.lookupCache(entry)]).toEqual([count, pfn]);
          }
        }
      }),
      { numRuns: 200, seed: 618 },
    );
  });
});
