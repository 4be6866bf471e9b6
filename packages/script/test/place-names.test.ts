import { describe, expect, it } from "vitest";
import { placeName } from "@pageframe/script";

const PAGE = 4096;
const BRK = 0x79c000;
const MMAP_TOP = 0x7ffff7ff6000;
const STACK = 0x7ffffffd6000;
const places = { brk0: BRK, mmapTop: MMAP_TOP, stackBottom: STACK };

describe("names of addresses", () => {
  it.each([
    ["the first page of the arena", 0x100000000000, "A+0"],
    ["a byte of the arena", 0x100000000000 + 3 * PAGE + 17, "A+3.17"],
    ["the last page of the arena", 0x104000000000 - PAGE, "A+67108863"],
    ["the initial break", BRK, "B+0"],
    ["below the initial break", BRK - 2 * PAGE, "B-2"],
    // Division goes towards zero.
    ["less than a page below the initial break", BRK - 1, "B+0"],
    ["far above the initial break", BRK + 0x3ffff000, "B+262143"],
    ["behind the heap's reach", BRK + 0x40000000, "0x4079c000"],
    ["the end of the first un-hinted page", MMAP_TOP + PAGE, "M-0"],
    ["the first un-hinted page", MMAP_TOP, "M-1"],
    ["below it", MMAP_TOP - 13 * PAGE, "M-14"],
    ["above it", MMAP_TOP + 2 * PAGE, `0x${(MMAP_TOP + 2 * PAGE).toString(16)}`],
    ["the stack's bottom", STACK, "S+0"],
    ["below the stack", STACK - 4 * PAGE, "S-4"],
    ["the null page", 8, "0x8"],
  ])("tell %s", (_, address, name) => {
    expect(placeName(address, places)).toBe(name);
  });

  it("know no place while it is not known", () => {
    const unknown = { brk0: 0, mmapTop: 0, stackBottom: 0 };
    expect(placeName(BRK, unknown)).toBe("0x79c000");
    expect(placeName(STACK, unknown)).toBe("0x7ffffffd6000");
  });
});
