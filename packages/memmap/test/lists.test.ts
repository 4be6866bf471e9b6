import { KernelBug } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NOT_LISTED, RowLists } from "../src/index.ts";

/** Rows of a list, first to last. */
function collectRows(lists: RowLists, head: number): number[] {
  const rows: number[] = [];
  for (let row = lists.next[head]; row !== head; row = lists.next[row]) rows.push(row);
  return rows;
}

describe("RowLists", () => {
  it("starts with empty lists whose heads lie behind the frames", () => {
    const lists = new RowLists(8, 3);
    const head = lists.newHead();
    expect(head).toBe(8);
    expect(lists.isEmpty(head)).toBe(true);
    expect([lists.first(head), lists.last(head), lists.countRows(head)]).toEqual([NOT_LISTED, NOT_LISTED, 0]);
    expect(lists.isListed(3)).toBe(false);
  });

  it("gives consecutive heads until none is left", () => {
    const lists = new RowLists(8, 3);
    expect(lists.newHeads(3)).toBe(8);
    expect(() => lists.newHead()).toThrow(KernelBug);
  });

  it("puts rows first and last, and takes them from anywhere", () => {
    const lists = new RowLists(8, 1);
    const head = lists.newHead();
    lists.addLast(head, 5);
    lists.addFirst(head, 0);
    lists.addLast(head, 7);
    expect(collectRows(lists, head)).toEqual([0, 5, 7]);
    lists.remove(5);
    expect(collectRows(lists, head)).toEqual([0, 7]);
    expect(lists.isListed(5)).toBe(false);
    expect([lists.first(head), lists.last(head)]).toEqual([0, 7]);
  });

  it("moves one list behind another and leaves the first empty", () => {
    const lists = new RowLists(8, 2);
    const from = lists.newHead();
    const to = lists.newHead();
    lists.spliceLast(from, to);
    expect(lists.isEmpty(to)).toBe(true);
    for (const row of [1, 2]) lists.addLast(from, row);
    lists.addLast(to, 3);
    lists.spliceLast(from, to);
    expect(collectRows(lists, to)).toEqual([3, 1, 2]);
    expect(lists.isEmpty(from)).toBe(true);
  });

  it("stops when a row is removed that is on no list", () => {
    const lists = new RowLists(8, 1);
    lists.newHead();
    expect(() => lists.remove(4)).toThrow("row 4 is removed and is on no list");
  });

  it("finds a link that does not point back, one that leads outside, and a list that never ends", () => {
    const broken = (damage: (lists: RowLists) => void): (() => void) => {
      const lists = new RowLists(8, 1);
      const head = lists.newHead();
      for (const row of [1, 2, 3]) lists.addLast(head, row);
      damage(lists);
      return () => {
        lists.checkList(head);
      };
    };
    expect(broken(() => undefined)).not.toThrow();
    expect(broken((lists) => (lists.prev[2] = 3))).toThrow("row 2 does not point back to 1");
    expect(broken((lists) => (lists.next[2] = -1))).toThrow("row 2 points to -1");
    const roundTrip = (lists: RowLists): void => {
      lists.next[3] = 1;
      lists.prev[1] = 3;
      lists.next[8] = 1;
    };
    expect(broken(roundTrip)).toThrow(KernelBug);
  });

  it("does what arrays do, whatever the order of calls", () => {
    const NR_LISTS = 3;
    const NR_ROWS = 12;
    const step = fc.record({
      what: fc.constantFrom("first", "last", "remove", "splice"),
      list: fc.nat(NR_LISTS - 1),
      other: fc.nat(NR_LISTS - 1),
      row: fc.nat(NR_ROWS - 1),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const lists = new RowLists(NR_ROWS, NR_LISTS);
        const head = lists.newHeads(NR_LISTS);
        const model: number[][] = Array.from({ length: NR_LISTS }, () => []);
        for (const { what, list, other, row } of steps) {
          const holder = model.find((rows) => rows.includes(row));
          if (what === "splice" && list !== other) {
            lists.spliceLast(head + list, head + other);
            model[other].push(...model[list].splice(0));
          } else if (what === "remove" && holder !== undefined) {
            lists.remove(row);
            holder.splice(holder.indexOf(row), 1);
          } else if (what === "first" && holder === undefined) {
            lists.addFirst(head + list, row);
            model[list].unshift(row);
          } else if (what === "last" && holder === undefined) {
            lists.addLast(head + list, row);
            model[list].push(row);
          }
          for (let each = 0; each < NR_LISTS; each++) {
            expect(lists.checkList(head + each)).toBe(model[each].length);
            expect(collectRows(lists, head + each)).toEqual(model[each]);
            expect(lists.first(head + each)).toBe(model[each].at(0) ?? NOT_LISTED);
            expect(lists.last(head + each)).toBe(model[each].at(-1) ?? NOT_LISTED);
          }
          for (let each = 0; each < NR_ROWS; each++) {
            expect(lists.isListed(each)).toBe(model.some((rows) => rows.includes(each)));
          }
        }
      }),
      { seed: 21, numRuns: 60 },
    );
  });
});
