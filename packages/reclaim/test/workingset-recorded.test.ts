import { describe, expect, it } from "vitest";
import { readFile } from "./file-reader.ts";

// Recorded on Linux 6.18.44 (classic LRU): a task in a memory cgroup with a limit of 2048 pages reads a file of 8192
// pages on ext4 by pread(2), one page at a time, POSIX_FADV_RANDOM; mincore(2) before each read tells the misses,
// memory.stat of the cgroup workingset_refault_file. It was read every eighth time, so that the sizes of lists that reclaim goes by
// were up to date. About 40 pages of the limit were the kernel's, about 50 the task's own.
const LIMIT = 2010;
const OWN = 50;

const range = (nr: number, page: (at: number) => number): number[] =>
  Array.from({ length: nr }, (_, at) => page(at));

/** Pages of 8000, the low ones more often than the high ones: products of three draws of the C standard's example of rand(). */
function skewed(nr: number): number[] {
  let state = 1;
  const draw = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % 8000;
  };
  return range(nr, () => Math.floor((Math.floor((draw() * draw()) / 8000) * draw()) / 8000));
}

describe("Workingset against a recorded kernel", () => {
  it("misses every read of a loop that does not fit", () => {
    expect(
      readFile(
        range(30_000, (at) => at % 3000),
        LIMIT,
        OWN,
      ),
    ).toEqual({ misses: 30_000, refaults: 27_000 });
  });

  it("keeps pages that are used again and again while as many others pass by once", () => {
    const pages = range(40_000, (at) => (at % 2 === 0 ? (at / 2) % 600 : 1000 + (((at - 1) / 2) % 7000)));
    expect(readFile(pages, LIMIT, OWN)).toEqual({ misses: 20_600, refaults: 13_000 });
  });

  it("takes one round to let a new working set displace the old one", () => {
    const pages = [
      ...range(7000, (at) => at % 700),
      ...range(8000, (at) => (at % 2 === 0 ? (at / 2) % 700 : 4000 + (((at - 1) / 2) % 4000))),
      ...range(30_000, (at) => 1000 + (at % 1500)),
    ];
    expect(readFile(pages, LIMIT, OWN)).toEqual({ misses: 7700, refaults: 1500 });
  });

  it("misses as often as the kernel where some pages are used more than others", () => {
    // Three recordings: 8667, 8688 and 8519 misses, 4269, 4280 and 4125 refaults.
    const { misses, refaults } = readFile(skewed(30_000), LIMIT, OWN);
    expect(misses).toBeGreaterThan(8519 - 85);
    expect(misses).toBeLessThan(8688 + 85);
    expect(refaults).toBeGreaterThan(4125 - 41);
    expect(refaults).toBeLessThan(4280 + 41);
  });
});
