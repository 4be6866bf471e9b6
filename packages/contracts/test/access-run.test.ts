import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  packRun,
  RUN_EXEC,
  RUN_MAX_COUNT,
  RUN_SPLIT,
  RUN_WRITE,
  runCount,
  runKind,
  runVpnHi,
} from "../src/index.ts";

describe("access runs", () => {
  it("lay out word 1 as drawn: page number, kind, split, count", () => {
    // 0x1fff | 1 << 13 | 1 << 15 | (3 - 1) << 16
    expect(packRun(0x1fff, RUN_WRITE, true, 3)).toBe(0x2bfff);
    expect(packRun(0, RUN_EXEC, false, 1)).toBe(0x4000);
  });

  it("stay positive at their largest", () => {
    expect(packRun(0x1fff, RUN_EXEC, true, RUN_MAX_COUNT)).toBe(0x7fffdfff);
  });

  it("give back what was packed", () => {
    const count = fc.integer({ min: 1, max: RUN_MAX_COUNT });
    fc.assert(
      fc.property(
        fc.nat(0x1fff),
        fc.nat(RUN_EXEC),
        fc.boolean(),
        count,
        (vpnHi, kind, isSplit, nrAccesses) => {
          const word = packRun(vpnHi, kind, isSplit, nrAccesses);
          expect([runVpnHi(word), runKind(word), runCount(word)]).toEqual([vpnHi, kind, nrAccesses]);
          expect((word & RUN_SPLIT) !== 0).toBe(isSplit);
        },
      ),
      { seed: 6 },
    );
  });
});
