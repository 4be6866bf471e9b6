import { describe, expect, it } from "vitest";
import {
  PAGE_FLAG_NAMES,
  pageFlagsOrder,
  pageFlagsToString,
  PG_ACTIVE,
  PG_FLAGS_MASK,
  PG_HEAD,
  PG_LRU,
  PG_ORDER_MASK,
  PG_ORDER_SHIFT,
  PG_SWAPBACKED,
} from "../src/index.ts";

describe("page flags", () => {
  it("have a bit each and a name each, below the order", () => {
    const bits = PAGE_FLAG_NAMES.map(([bit]) => bit);
    expect(new Set(bits).size).toBe(bits.length);
    for (const bit of bits) {
      expect(Number.isInteger(Math.log2(bit))).toBe(true);
      expect(bit & PG_FLAGS_MASK).toBe(bit);
    }
    expect(PG_FLAGS_MASK & PG_ORDER_MASK).toBe(0);
  });

  it("have Linux's numbers where Linux has them", () => {
    // enum pageflags of Linux 6.18: locked 0, writeback 1, referenced 2, ..., mlocked 20.
    const numbers = Object.fromEntries(PAGE_FLAG_NAMES.map(([bit, name]) => [name, Math.log2(bit)]));
    expect(numbers).toMatchObject({
      ...{ locked: 0, writeback: 1, referenced: 2, uptodate: 3, dirty: 4, lru: 5, head: 6, active: 8 },
      ...{ workingset: 9, swapcache: 10, anon_exclusive: 11, reserved: 13, private: 14, reclaim: 16 },
      ...{ swapbacked: 17, unevictable: 18, mlocked: 20 },
    });
  });

  it("carry an order beside them", () => {
    const flags = PG_HEAD | PG_FLAGS_MASK | (10 << PG_ORDER_SHIFT);
    expect(pageFlagsOrder(flags)).toBe(10);
    expect(pageFlagsOrder(PG_FLAGS_MASK)).toBe(0);
  });

  it("are spelled lowest bit first", () => {
    expect(pageFlagsToString(PG_SWAPBACKED | PG_LRU | PG_ACTIVE | (3 << PG_ORDER_SHIFT))).toBe(
      "lru|active|swapbacked",
    );
    expect(pageFlagsToString(0)).toBe("");
  });
});
