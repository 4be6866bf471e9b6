import { describe, expect, it } from "vitest";
import { differenceText } from "../src/difference-text.ts";
import { type Json } from "../src/observations.ts";

function textOf(key: string, expected: Json | undefined, actual: Json | undefined, op = ""): string {
  return differenceText({ scriptName: "3.mm", line: 14, process: "P1", op, key, expected, actual });
}

describe("the text of a difference", () => {
  it("names script, line, process, operation and key", () => {
    expect(textOf("min", 1, 2, "write 3 7")).toBe("3.mm:14: P1: write 3 7: min\n    expected 1, got 2");
  });

  it("says when a side has nothing", () => {
    expect(textOf("err", undefined, "EINVAL", "munmap 3 1")).toContain('expected nothing, got "EINVAL"');
  });

  it("names the VMA and the field of smaps", () => {
    const text = textOf(
      "smaps",
      [
        { at: "A+0", n: 4, Rss: 4, Swap: 8, VmFlags: "rd wr mr" },
        { at: "A+8", n: 1, Rss: 0 },
      ],
      [
        { at: "A+0", n: 4, Rss: 8, VmFlags: "rd mr ac" },
        { at: "A+8", n: 1, Rss: 0 },
      ],
    );
    expect(text.split("\n").slice(1)).toEqual([
      "    A+0: Rss: expected 4, got 8",
      "    A+0: Swap: expected 8, got nothing",
      '    A+0: VmFlags: lacks wr, has ac too much (expected "rd wr mr")',
    ]);
  });

  it("shows a VMA of smaps that only one side has", () => {
    expect(textOf("smaps", [], [{ at: "A+0", n: 4, Rss: 0 }])).toContain(
      'A+0: expected nothing, got {"at":"A+0","n":4,"Rss":0}',
    );
  });

  it("names the key of status", () => {
    expect(textOf("status", { VmSize: 8, VmRSS: 4 }, { VmSize: 8, VmRSS: 8 }).split("\n").slice(1)).toEqual([
      "    VmRSS: expected 4, got 8",
    ]);
  });

  it("names the pages of runs", () => {
    const text = textOf("pagemap", [["A+0", 4, "Px"]], [["A+0", 3, "Px"]]);
    expect(text.split("\n").slice(1)).toEqual(['    A+3, 1 page: expected "Px", got nothing']);
  });

  it("says when runs only end elsewhere", () => {
    const text = textOf(
      "mapcount",
      [["A+0", 2, "1"]],
      [
        ["A+0", 1, "1"],
        ["A+1", 1, "1"],
      ],
    );
    expect(text).toContain("the same pages, but runs end elsewhere");
  });

  it("shows the lines of maps that only one side has", () => {
    const text = textOf(
      "maps",
      [
        ["A+0", "A+8", "rw-p"],
        ["A+8", "A+9", "r--s", "f0", 3],
      ],
      [
        ["A+0", "A+8", "rw-p"],
        ["A+8", "A+10", "r--s", "f0", 3],
      ],
    );
    expect(text.split("\n").slice(1)).toEqual([
      "    expected A+8-A+9 r--s f0 3",
      "    got      A+8-A+10 r--s f0 3",
    ]);
  });

  it("is short even when everything differs", () => {
    const many = Array.from({ length: 100 }, (_, page) => [`A+${page * 2}`, 1, "P"]);
    expect(textOf("pagemap", many, []).split("\n")).toHaveLength(10);
  });
});
