import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LONG_MIN, oomBadness, oomScore } from "../src/index.ts";
import { makeTask } from "./helpers.ts";

describe("oomBadness", () => {
  it("adds resident, swapped and page-table pages", () => {
    expect(oomBadness(makeTask({ rssPages: 100, swapPages: 20, pageTablePages: 3 }), 1_000_000)).toBe(123);
  });

  it("adds whole pages for each thousandth of oom_score_adj", () => {
    // 21872 / 1000 = 21 pages a point, not 21.872.
    expect(oomBadness(makeTask({ rssPages: 1186, pageTablePages: 12, oomScoreAdj: 1000 }), 21872)).toBe(
      22198,
    );
    expect(oomBadness(makeTask({ rssPages: 2722, pageTablePages: 15, oomScoreAdj: -600 }), 21872)).toBe(
      -9863,
    );
    expect(oomBadness(makeTask({ rssPages: 5, oomScoreAdj: 1000 }), 999)).toBe(5);
  });

  it("spares init, kernel threads and whoever asks with -1000", () => {
    expect(oomBadness(makeTask({ rssPages: 5, isUnkillable: true }), 1000)).toBe(LONG_MIN);
    expect(oomBadness(makeTask({ rssPages: 5, oomScoreAdj: -1000 }), 1000)).toBe(LONG_MIN);
    expect(oomBadness(makeTask({ rssPages: 5, oomScoreAdj: -999 }), 1000)).toBe(-994);
  });
});

describe("oomScore", () => {
  // /proc/PID/oom_score on Linux 6.18.15, 128 MiB, no swap: MemTotal 87488 kB; pages as in the OOM report that followed.
  it.each([
    ["sh", 432, 9, 0, 680],
    ["A", 3490, 16, 0, 773],
    ["B", 1698, 12, 300, 910],
    ["C", 2722, 15, -600, 366],
    ["D", 1186, 12, 1000, 1342],
  ])("gives what was recorded for %s", (name, rssPages, pageTablePages, oomScoreAdj, score) => {
    expect(oomScore(makeTask({ name, rssPages, pageTablePages, oomScoreAdj }), 21872)).toBe(score);
  });

  it("is 0 for a task that is never killed", () => {
    expect(oomScore(makeTask({ rssPages: 500, isUnkillable: true }), 21872)).toBe(0);
    expect(oomScore(makeTask({ rssPages: 500, oomScoreAdj: -1000 }), 21872)).toBe(0);
  });

  it("is 666 for a task without memory and 1333 for one that holds all of it", () => {
    expect(oomScore(makeTask({}), 1000)).toBe(666);
    expect(oomScore(makeTask({ rssPages: 1000 }), 1000)).toBe(1333);
  });

  it("truncates towards zero below nothing too", () => {
    // Badness 5 - 10 = -5 of 3000: -1.67 thousandths count as -1; (1000 - 1) * 2 / 3 = 666.
    expect(oomScore(makeTask({ rssPages: 4, oomScoreAdj: -3 }), 3000)).toBe(666);
    // -7 of 3000: -2.33 counts as -2; 998 * 2 / 3 = 665.33.
    expect(oomScore(makeTask({ rssPages: 2, oomScoreAdj: -3 }), 3000)).toBe(665);
  });

  it("is never negative, and grows with memory", () => {
    const task = fc.record({
      rssPages: fc.nat(1 << 20),
      swapPages: fc.nat(1 << 20),
      pageTablePages: fc.nat(1 << 12),
      oomScoreAdj: fc.integer({ min: -999, max: 1000 }),
    });
    fc.assert(
      fc.property(task, fc.integer({ min: 1, max: 1 << 28 }), (given, totalPages) => {
        const score = oomScore(makeTask(given), totalPages);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(
          oomScore(makeTask({ ...given, rssPages: given.rssPages + totalPages }), totalPages),
        ).toBeGreaterThan(score);
      }),
      { seed: 11 },
    );
  });

  it("needs memory to compare with", () => {
    expect(() => oomScore(makeTask({}), 0)).toThrow("EINVAL: totalPages (0)");
  });
});
