/** Translation through TLB, walk caches and page tables in simulated RAM, one lookup an access. */
import { readFileSync } from "node:fs";
import { type BenchCase, type Scale } from "../bench-case.ts";
import { STREAM_NAMES, streamInput, type StreamName } from "../access-streams.ts";
import { timed } from "../cpu-time.ts";
import { DemandMapper } from "../demand-mapper.ts";

const NR_WARM_UP_PASSES = 1;
/** Passes over the stream that are measured; pages are mapped by then. */
const NR_PASSES: Readonly<Record<StreamName, number>> = { seq: 6, rnd256: 2, zipf: 2, hot: 6, mix: 2 };
const TARGETS: Partial<Record<StreamName, number>> = { hot: 0.5, mix: 0.5 };

function nrPasses(stream: StreamName, scale: Scale): number {
  return scale === "tiny" ? 1 : NR_PASSES[stream];
}

/** Reads a file of int32 words. */
export function readWords(path: string): Int32Array {
  const bytes = readFileSync(path);
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function translationCase(stream: StreamName): BenchCase {
  const atLeast = TARGETS[stream];
  return {
    name: `translation-${stream}`,
    group: "translation",
    describe: "an access: TLB, walk of four levels on a miss, A and D bits",
    unit: { kind: "rate", label: "M accesses/s", one: 1e6 },
    target: atLeast === undefined ? null : { of: "C", atLeast },
    counterpart: {
      program: "tlb",
      macros: () => ({}),
      arguments: (scale, inputPath) => [
        inputPath,
        String(NR_WARM_UP_PASSES),
        String(nrPasses(stream, scale)),
      ],
    },
    input: streamInput(stream),
    run(scale, inputPath) {
      const words = readWords(inputPath);
      const mapper = new DemandMapper();
      for (let pass = 0; pass < NR_WARM_UP_PASSES; pass++) mapper.run(words);
      const nr = nrPasses(stream, scale);
      const seconds = timed(() => {
        for (let pass = 0; pass < nr; pass++) mapper.run(words);
      });
      return { operations: (nr * words.length) / 2, seconds, checks: mapper.checks() };
    },
  };
}

export const translationCases: readonly BenchCase[] = STREAM_NAMES.map(translationCase);
