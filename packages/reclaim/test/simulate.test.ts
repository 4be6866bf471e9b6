import { describe, expect, it } from "vitest";
import { simulateReplacement } from "../src/index.ts";

const BELADY = Int32Array.of(1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5);

describe("simulateReplacement", () => {
  it("shows Belady's anomaly under fifo: 9 faults in 3 frames, 10 in 4", () => {
    // Belady, Nelson, Shedler 1969.
    expect(simulateReplacement("fifo", BELADY, 3)).toEqual({ faults: 9, evictions: 6 });
    expect(simulateReplacement("fifo", BELADY, 4)).toEqual({ faults: 10, evictions: 6 });
  });
});
