import { describe, expect, it } from "vitest";
import { loopTrace, randomTrace, sequentialTrace, zipfTrace } from "../src/index.ts";
import { collectItems, type PlainRun } from "./helpers.ts";

const START = 0x10000;
const pagesOf = (trace: Parameters<typeof collectItems>[0]) =>
  collectItems(trace).flatMap((item) => {
    const { vpn, nrAccesses } = item as PlainRun;
    return new Array<number>(nrAccesses).fill(vpn - START);
  });

describe("synthetic traces", () => {
  it("pass over the pages once when sequential", () => {
    const trace = sequentialTrace({ nrPages: 3, nrAccesses: 6 });
    expect(collectItems(trace)).toEqual([
      { vpn: START, kind: 0, isSplit: false, nrAccesses: 2 },
      { vpn: START + 1, kind: 0, isSplit: false, nrAccesses: 2 },
      { vpn: START + 2, kind: 0, isSplit: false, nrAccesses: 2 },
    ]);
    expect(trace.metadata).toMatchObject({
      source: 'sequential {"nrPages":3,"nrAccesses":6}',
      counts: { nrReads: 6, nrWrites: 0, nrRuns: 3 },
      nrFootprintPages: 3,
      initialRegions: [{ startVpn: START, nrPages: 3, prot: 3, kind: "heap", fileId: -1, filePgoff: 0 }],
    });
  });

  it("pass over the pages again and again in a loop", () => {
    expect(pagesOf(loopTrace({ nrPages: 3, nrAccesses: 7 }))).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it("depend on the seed alone when random", () => {
    const options = { nrPages: 100, nrAccesses: 1000, writeShare: 0.25 };
    expect(collectItems(randomTrace({ ...options, seed: 7 }))).toEqual(
      collectItems(randomTrace({ ...options, seed: 7 })),
    );
    expect(collectItems(randomTrace({ ...options, seed: 7 }))).not.toEqual(
      collectItems(randomTrace({ ...options, seed: 8 })),
    );
  });

  it("write the share of accesses that is asked for", () => {
    const share = (writeShare: number) =>
      randomTrace({ nrPages: 10, nrAccesses: 10_000, writeShare }).metadata.counts.nrWrites;
    expect(share(0)).toBe(0);
    expect(share(1)).toBe(10_000);
    expect(Math.abs(share(0.25) - 2500)).toBeLessThan(200); // 4.6 standard deviations
  });

  it("follow Zipf's law when asked to", () => {
    const nrAccesses = 100_000;
    const counts = new Array<number>(100).fill(0);
    for (const page of pagesOf(zipfTrace({ nrPages: 100, nrAccesses, skew: 1 }))) counts[page]++;
    // Harmonic number H(100) = 5.187378; the k-th page is accessed with probability 1 / (k H).
    for (const k of [1, 2, 10, 100]) {
      const expected = nrAccesses / (k * 5.187378);
      expect(Math.abs(counts[k - 1] - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  it("refuse options out of range, all at once", () => {
    expect(() => loopTrace({ nrPages: 0, nrAccesses: 1.5, writeShare: 2, seed: NaN })).toThrow(
      "EINVAL: nrPages (0) must be an integer from 1 to 16777216; nrAccesses (1.5) must be an integer from 1 to " +
        "268435456; writeShare (2) must be from 0 to 1; seed (NaN) must be an integer",
    );
    expect(() => zipfTrace({ nrPages: 1, nrAccesses: 1, skew: -1 })).toThrow(
      "EINVAL: skew (-1) must be 0 or more",
    );
  });
});
