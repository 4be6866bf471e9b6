import { describe, expect, it } from "vitest";
import { type Measurement } from "../src/bench-case.ts";
import { caseResult, ChecksDiffer } from "../src/case-result.ts";
import { caseNamed } from "./helpers.ts";

/** Ten million operations in that many seconds. */
const run = (seconds: number, checks: Record<string, number> = { nrFailed: 0 }): Measurement => ({
  operations: 10_000_000,
  seconds,
  checks,
});

describe("the result of a case", () => {
  it("takes medians, and the ratio of neighbouring runs", () => {
    // 10, 5 and 2.5 M pairs/s against 20, 10 and 4.
    const result = caseResult(
      caseNamed("buddy-pairs"),
      [run(1), run(2), run(4)],
      [run(0.5), run(1), run(2.5)],
    );
    expect(result.js).toEqual({ median: 5, min: 2.5, max: 10, spreadPercent: 150, values: [10, 5, 2.5] });
    expect(result.c?.median).toBe(10);
    expect(result.ratio).toEqual({ median: 0.5, min: 0.5, max: 0.625 });
    expect(result.verdict).toBe("missed");
  });

  it("meets a target that it just reaches", () => {
    // Target: 0.7.
    expect(caseResult(caseNamed("buddy-pairs"), [run(2)], [run(1.4)]).verdict).toBe("met");
    // Target: 15 M accesses/s.
    expect(caseResult(caseNamed("replay"), [run(10 / 15)], []).verdict).toBe("met");
    expect(caseResult(caseNamed("replay"), [run(0.67)], []).verdict).toBe("missed");
  });

  it("has no verdict on a share of C without C", () => {
    const result = caseResult(caseNamed("buddy-pairs"), [run(1)], []);
    expect(result.verdict).toBe("not compared");
    expect(result.ratio).toBeNull();
  });

  it("shows time per operation where that is the unit", () => {
    expect(caseResult(caseNamed("fault"), [run(5)], []).js.median).toBeCloseTo(500, 9);
  });

  it("refuses runs that count differently, and says how", () => {
    const js = [run(1)];
    expect(() => caseResult(caseNamed("buddy-pairs"), js, [run(1, { nrFailed: 3 })])).toThrow(
      new ChecksDiffer(
        "buddy-pairs: JavaScript and the C program in run 1 count differently: nrFailed 0 against 3",
      ),
    );
    expect(() => caseResult(caseNamed("fault"), [run(1), run(1, { minorFaults: 1 })], [])).toThrow(
      "nrFailed 0 against undefined, minorFaults undefined against 1",
    );
  });
});
