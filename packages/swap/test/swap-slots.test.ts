import { type SwapSlots } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClusterSlots, FirstFitSlots, swapSlots } from "../src/index.ts";

function takeSlots(slots: SwapSlots, nr: number): number[] {
  return Array.from({ length: nr }, () => slots.allocSlot());
}

/** What every occupant of the seat keeps to. */
function describeSwapSlots(name: string, create: (nrSlots: number) => SwapSlots): void {
  describe(`swap slots "${name}"`, () => {
    it("hands out every slot but the header's, once, and then -1", () => {
      const slots = create(700);
      const taken = takeSlots(slots, 699);
      expect(new Set(taken).size).toBe(699);
      expect(Math.min(...taken)).toBe(1);
      expect(Math.max(...taken)).toBe(699);
      expect(slots.nrFree).toBe(0);
      expect(slots.allocSlot()).toBe(-1);
      slots.freeSlot(350);
      expect(slots.isUsed(350)).toBe(false);
      expect(slots.allocSlot()).toBe(350);
      slots.checkInvariants();
    });

    it("stops at a slot that is freed twice, is out of range or is the header's", () => {
      const slots = create(10);
      const slot = slots.allocSlot();
      slots.freeSlot(slot);
      expect(() => slots.freeSlot(slot)).toThrow(/BUG/);
      expect(() => slots.freeSlot(0)).toThrow(/BUG/);
      expect(() => slots.freeSlot(10)).toThrow(/BUG/);
    });

    it("needs room for the header and a slot, and for no more than entries can name", () => {
      expect(() => create(1)).toThrow(/^EINVAL: a swap area of 1 pages/);
      expect(() => create(2 ** 26 + 1)).toThrow(/^EINVAL/);
      expect(() => create(2.5)).toThrow(/^EINVAL/);
      expect(takeSlots(create(2), 2)).toEqual([1, -1]);
    });

    it("agrees with a set of used slots under random operations", () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: 1100 }),
          fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 60 }),
          (nrSlots, operations) => {
            const slots = create(nrSlots);
            const used: number[] = [];
            for (const [isAlloc, choice] of operations) {
              if (isAlloc) {
                for (let nr = choice % 200; nr >= 0; nr--) {
                  const slot = slots.allocSlot();
                  expect(slot === -1).toBe(used.length === nrSlots - 1);
                  if (slot === -1) break;
                  expect(used.includes(slot)).toBe(false);
                  used.push(slot);
                }
              } else {
                for (let nr = choice % 150; nr >= 0 && used.length > 0; nr--) {
                  slots.freeSlot(used.splice(Math.imul(choice, nr + 1) % used.length, 1)[0]);
                }
              }
              expect(slots.nrFree).toBe(nrSlots - 1 - used.length);
              for (const slot of used) expect(slots.isUsed(slot)).toBe(true);
              slots.checkInvariants();
            }
          },
        ),
        { numRuns: 100, seed: 618 },
      );
    });
  });
}

for (const occupant of swapSlots) describeSwapSlots(occupant.name, (nrSlots) => occupant.create({ nrSlots }));

describe("ClusterSlots", () => {
  it("fills clusters one after another, the header's first", () => {
    const slots = new ClusterSlots(1024);
    const taken = takeSlots(slots, 600);
    expect(taken).toEqual(Array.from({ length: 600 }, (_, at) => at + 1));
  });

  it("goes on in its cluster rather than back to a slot that came free", () => {
    const slots = new ClusterSlots(1024);
    takeSlots(slots, 100);
    slots.freeSlot(7);
    expect(slots.allocSlot()).toBe(101);
  });

  it("prefers clusters in which slots came free to free ones", () => {
    const slots = new ClusterSlots(1024);
    // Clusters 0 and 1 are full.
    takeSlots(slots, 511);
    slots.freeSlot(300);
    slots.freeSlot(20);
    // In the order in which they were freed; then the free clusters.
    expect(takeSlots(slots, 3)).toEqual([300, 20, 512]);
    slots.checkInvariants();
  });

  it("takes a cluster that emptied as free, behind those that were free before", () => {
    const slots = new ClusterSlots(768);
    takeSlots(slots, 511);
    for (let slot = 256; slot < 512; slot++) slots.freeSlot(slot);
    expect(takeSlots(slots, 257)).toEqual([...Array.from({ length: 256 }, (_, at) => 512 + at), 256]);
    slots.checkInvariants();
  });

  it("starts its current cluster over when that emptied", () => {
    const slots = new ClusterSlots(1024);
    takeSlots(slots, 255 + 10);
    for (let slot = 256; slot < 266; slot++) slots.freeSlot(slot);
    expect(slots.allocSlot()).toBe(256);
  });

  it("finds holes behind the scan last", () => {
    const slots = new ClusterSlots(256);
    takeSlots(slots, 200);
    slots.freeSlot(9);
    // The current cluster is scanned to its end first.
    expect(takeSlots(slots, 57)).toEqual([...Array.from({ length: 55 }, (_, at) => 201 + at), 9, -1]);
  });
});

describe("FirstFitSlots", () => {
  it("takes the lowest free slot", () => {
    const slots = new FirstFitSlots(100);
    takeSlots(slots, 50);
    slots.freeSlot(30);
    slots.freeSlot(7);
    expect(takeSlots(slots, 3)).toEqual([7, 30, 51]);
  });
});
