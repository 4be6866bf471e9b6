import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { runCount, runVpnHi, vpnOf } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { TraceReader } from "../src/index.ts";
import { findSegv } from "./segv-checker.ts";

const DEMO_URL = new URL("../../../apps/cli/demo/sort.pft.gz", import.meta.url);

describe("the demo trace of sort", () => {
  const trace = new TraceReader(gunzipSync(readFileSync(DEMO_URL)), "sort.pft");

  it("is whole, and holds what its metadata says", () => {
    const { counts, nrFootprintPages, command } = trace.metadata;
    expect(command).toBe("sort --parallel=1 -S 8M -o sorted.txt words.txt");
    trace.rewind();
    const pages = new Set<number>();
    let nrAccesses = 0;
    let nrEvents = 0;
    for (let block = trace.next(); block !== null; block = trace.next()) {
      if (block.kind === "syscall") {
        nrEvents++;
        continue;
      }
      for (let run = 0; run < block.nrRuns; run++) {
        const word1 = block.words[2 * run + 1];
        pages.add(vpnOf(block.words[2 * run], runVpnHi(word1)));
        nrAccesses += runCount(word1);
      }
    }
    expect(pages.size).toBe(nrFootprintPages);
    expect(nrEvents).toBe(counts.nrEvents);
    expect(nrAccesses).toBe(counts.nrReads + counts.nrWrites + counts.nrFetches + counts.nrSplits);
  });

  it("leaves no access without its mapping", () => {
    expect(findSegv(trace)).toBe("");
  });
});
