import { describe, expect, it } from "vitest";
import { parseMemorySizes, resolveMemorySizes } from "../src/memory-sizes.ts";

describe("memory sizes", () => {
  it("take a size, a percentage, and lists of both", () => {
    expect(parseMemorySizes("1MiB, 12.5%,512KiB")).toEqual([
      { kind: "pages", text: "1MiB", nrPages: 256 },
      { kind: "percent", text: "12.5%", percent: 12.5 },
      { kind: "pages", text: "512KiB", nrPages: 128 },
    ]);
  });

  it("round parts of the footprint up to whole pages", () => {
    // 33 % of 765 pages is 252.45.
    expect(resolveMemorySizes(parseMemorySizes("33%,150%"), 765)).toEqual([
      { text: "33%", nrPages: 253 },
      { text: "150%", nrPages: 1148 },
    ]);
  });

  it.each(["64", "64MB", "-1MiB", "", "1MiB,", "50", "0%", "%", "1e3%", "half"])("refuse %j", (text) => {
    expect(() => parseMemorySizes(text)).toThrow(/neither a size with a unit .* nor a percentage above 0/);
  });

  it("refuse what is too small to boot, and name the minimum", () => {
    expect(() => parseMemorySizes("60KiB")).toThrow(
      "memory 60KiB is too small to boot; the minimum is 64KiB",
    );
    expect(() => resolveMemorySizes(parseMemorySizes("15%"), 100)).toThrow(
      "memory 15% of the trace's 100 pages, 60KiB, is too small to boot; the minimum is 64KiB",
    );
    expect(resolveMemorySizes(parseMemorySizes("16%"), 100)).toEqual([{ text: "16%", nrPages: 16 }]);
  });

  it("refuse more than a model can hold", () => {
    expect(() => parseMemorySizes("2TiB")).toThrow("memory 2TiB is too large; the maximum is 1TiB");
  });
});
