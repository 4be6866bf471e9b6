import { describe, expect, it } from "vitest";
import { simulateReplacement } from "../src/index.ts";

const BELADY = Int32Array.of(1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5);
const repeat = (nrPages: number, nrTimes: number): Int32Array =>
  Int32Array.from({ length: nrPages * nrTimes }, (_, at) => at % nrPages);

describe("simulateReplacement", () => {
  it("shows Belady's anomaly under fifo: 9 faults in 3 frames, 10 in 4", () => {
    // Belady, Nelson, Shedler 1969.
    expect(simulateReplacement("fifo", BELADY, 3)).toEqual({ faults: 9, evictions: 6 });
    expect(simulateReplacement("fifo", BELADY, 4)).toEqual({ faults: 10, evictions: 6 });
  });

  it("spares a page under clock that fifo would evict", () => {
    // 4 clears the bits of 1, 2, 3 and evicts 1; 2 is used again, so 5 evicts 3 under clock and 2 under fifo.
    const pages = Int32Array.of(1, 2, 3, 4, 2, 5, 2);
    expect(simulateReplacement("clock", pages, 3)).toEqual({ faults: 5, evictions: 2 });
    expect(simulateReplacement("fifo", pages, 3)).toEqual({ faults: 6, evictions: 3 });
  });

  it.each(["active-inactive", "clock", "fifo"])(
    "faults on every access of a loop that does not fit, under %s",
    (name) => {
      expect(simulateReplacement(name, repeat(1200, 4), 1000).faults).toBe(4800);
    },
  );

  it.each(["active-inactive", "clock", "fifo"])("faults once a page when all pages fit, under %s", (name) => {
    expect(simulateReplacement(name, repeat(1000, 4), 1000)).toEqual({ faults: 1000, evictions: 0 });
  });

  it.each(["active-inactive", "clock", "fifo"])("gets by with a single frame, under %s", (name) => {
    const pages = Int32Array.of(-5, -5, 7, -5);
    expect(simulateReplacement(name, pages, 1)).toEqual({ faults: 3, evictions: 2 });
  });

  it("refuses unknown policies and impossible numbers", () => {
    expect(() => simulateReplacement("lru", BELADY, 3)).toThrow(
      'EINVAL: unknown reclaim policy "lru"; known: active-inactive, clock, fifo',
    );
    expect(() => simulateReplacement("fifo", BELADY, 0)).toThrow(/^EINVAL: nrFrames \(0\)/);
    expect(() => simulateReplacement("fifo", BELADY, 3, 0)).toThrow(/^EINVAL: nrToReclaim \(0\)/);
  });
});
