/** Lackey's text to a compiled trace: parsed, checked, folded into page runs, its footprint and regions found. */
import { closeSync, openSync, readSync } from "node:fs";
import { runCount } from "@pageframe/contracts";
import { type CompiledTrace, LackeyReader } from "@pageframe/trace";
import { type BenchCase, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";
import { lackeyInput } from "../lackey-text.ts";

const CHUNK_BYTES = 1 << 20;
const NR_WARM_UP_PASSES = 1;
const NR_PASSES: Readonly<Record<Scale, number>> = { full: 3, quick: 1, tiny: 1 };

/** Reads and compiles the text of a file. */
function compile(path: string): CompiledTrace {
  const reader = new LackeyReader({ sourceName: path });
  const chunk = new Uint8Array(CHUNK_BYTES);
  const file = openSync(path, "r");
  for (let nrBytes = readSync(file, chunk); nrBytes > 0; nrBytes = readSync(file, chunk)) {
    reader.push(chunk.subarray(0, nrBytes));
  }
  closeSync(file);
  return reader.end();
}

/** Sum of the page numbers of all accesses, modulo 2^32. */
function pageSum(trace: CompiledTrace): number {
  let sum = 0;
  trace.rewind();
  for (let block = trace.next(); block !== null; block = trace.next()) {
    if (block.kind !== "runs") continue;
    for (let run = 0; run < block.nrRuns; run++) {
      sum = (sum + Math.imul(block.words[2 * run], runCount(block.words[2 * run + 1]))) | 0;
    }
  }
  return sum >>> 0;
}

export const lackeyCases: readonly BenchCase[] = [
  {
    name: "lackey",
    group: "lackey",
    describe: "a line of lackey's text read, parsed and folded into page runs",
    unit: { kind: "rate", label: "M lines/s", one: 1e6 },
    target: { of: "C", atLeast: 0.25 },
    counterpart: {
      program: "lackey",
      macros: () => ({}),
      arguments: (scale, inputPath) => [inputPath, String(NR_WARM_UP_PASSES), String(NR_PASSES[scale])],
    },
    input: lackeyInput,
    run(scale, inputPath) {
      let trace = compile(inputPath);
      const seconds = timed(() => {
        for (let pass = 0; pass < NR_PASSES[scale]; pass++) trace = compile(inputPath);
      });
      const { nrLines, nrReads, nrWrites, nrFetches, nrSplits } = trace.metadata.counts;
      return {
        operations: NR_PASSES[scale] * nrLines,
        seconds,
        checks: { nrLines, nrReads, nrWrites, nrFetches, nrSplits, pageSum: pageSum(trace) },
      };
    },
  },
];
