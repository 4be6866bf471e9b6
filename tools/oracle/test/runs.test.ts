import { describe, expect, it } from "vitest";
import { collectRunDifferences, joinRuns, parseRuns, runsToJson } from "../src/runs.ts";

describe("runs of pages", () => {
  it("are read and written as observations have them", () => {
    const json = [
      ["A+0", 2, "Pxd"],
      ["M-14", 1, "S"],
      ["0x1000", 3, "-"],
    ];
    expect(runsToJson(parseRuns(json)!)).toEqual(json);
  });

  it("are not read from anything else", () => {
    expect(parseRuns([["A+0", 2]])).toBeNull();
    expect(parseRuns([["nowhere", 2, "P"]])).toBeNull();
    expect(parseRuns({ "A+0": 2 })).toBeNull();
  });

  it("join where neighbours say the same, and leave out what says nothing", () => {
    const runs = parseRuns([
      ["A+0", 2, "P"],
      ["A+2", 1, "P"],
      ["A+3", 1, ""],
      ["A+4", 1, "P"],
      ["B+5", 1, "P"],
    ])!;
    expect(runsToJson(joinRuns(runs))).toEqual([
      ["A+0", 3, "P"],
      ["A+4", 1, "P"],
      ["B+5", 1, "P"],
    ]);
  });

  it("differ page by page, wherever the runs end", () => {
    const expected = parseRuns([
      ["A+0", 10, "P"],
      ["A+10", 2, "S"],
    ])!;
    const actual = parseRuns([
      ["A+0", 4, "P"],
      ["A+4", 2, "Pd"],
      ["A+6", 4, "P"],
    ])!;
    expect(collectRunDifferences(expected, actual)).toEqual([
      { at: "A+4", nrPages: 2, expected: "P", actual: "Pd" },
      { at: "A+10", nrPages: 2, expected: "S", actual: null },
    ]);
  });

  it("are equal when only their ends differ", () => {
    const expected = parseRuns([["A-4", 8, "P"]])!;
    const actual = parseRuns([
      ["A-4", 4, "P"],
      ["A+0", 4, "P"],
    ])!;
    expect(collectRunDifferences(expected, actual)).toEqual([]);
  });
});
