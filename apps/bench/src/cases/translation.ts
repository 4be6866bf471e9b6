/** Translation through TLB, walk caches and page tables in simulated RAM, one lookup an access. */
import { readFileSync } from "node:fs";
import { pageTables } from "@pageframe/pagetable";
import { tlbs } from "@pageframe/tlb";
import { streamInput, type StreamName } from "../access-streams.ts";
import { type BenchCase, type Measurement, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";
import { DemandMapper, type MapperSeats } from "../demand-mapper.ts";

const NR_WARM_UP_PASSES = 1;
/** Passes over the stream that are measured; pages are mapped by then. */
const NR_PASSES: Readonly<Record<StreamName, number>> = {
  ...{ seq: 6, rnd256: 2, zipf: 2, hot: 6, mix: 2 },
  low256: 1,
};
/** Streams that the C program is driven with, too. */
const C_STREAMS = ["seq", "rnd256", "zipf", "hot", "mix"] as const;
const TARGETS: Readonly<Record<(typeof C_STREAMS)[number], number>> = {
  seq: 0.6,
  rnd256: 0.6,
  zipf: 0.55,
  hot: 0.7,
  mix: 0.7,
};

function nrPasses(stream: StreamName, scale: Scale): number {
  return scale === "tiny" ? 1 : NR_PASSES[stream];
}

/** Reads a file of int32 words. */
export function readWords(path: string): Int32Array {
  const bytes = readFileSync(path);
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function translationCase(stream: (typeof C_STREAMS)[number]): BenchCase {
  return {
    name: `translation-${stream}`,
    group: "translation",
    describe: "an access: TLB, walk of four levels on a miss, A and D bits",
    unit: { kind: "rate", label: "M accesses/s", one: 1e6 },
    target: { of: "C", atLeast: TARGETS[stream] },
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
    run: (scale, inputPath) => measure({}, scale, inputPath, nrPasses(stream, scale)),
  };
}

/** Drives a stream through an MMU with these seats. */
function measure(seats: MapperSeats, scale: Scale, inputPath: string, nr: number): Measurement {
  const words = readWords(inputPath);
  const mapper = new DemandMapper(seats);
  for (let pass = 0; pass < NR_WARM_UP_PASSES; pass++) mapper.run(words);
  const seconds = timed(() => {
    for (let pass = 0; pass < nr; pass++) mapper.run(words);
  });
  return { operations: (nr * words.length) / 2, seconds, checks: mapper.checks() };
}

/** The same work without a counterpart, to compare occupants of a seat. */
function seatCase(
  group: string,
  name: string,
  describe: string,
  seats: MapperSeats,
  stream: StreamName,
): BenchCase {
  return {
    name: `${group}-${name}`,
    group,
    describe: `an access of ${stream}: ${describe}`,
    unit: { kind: "rate", label: "M accesses/s", one: 1e6 },
    target: null,
    counterpart: null,
    input: streamInput(stream),
    run: (scale, inputPath) => measure(seats, scale, inputPath, nrPasses(stream, scale)),
  };
}

const loopCases = (["hot", "mix"] as const).map((stream) =>
  seatCase("javascript", stream, "the loop without compiled code", { isCompiled: false }, stream),
);
const tlbSeatCases = tlbs.map(({ name, describe }) => seatCase("tlb", name, describe, { tlb: name }, "mix"));
const formatCases = pageTables.map(({ name, describe }) =>
  seatCase("format", name, describe, { pageTable: name }, "low256"),
);

export const translationCases: readonly BenchCase[] = [
  ...C_STREAMS.map(translationCase),
  ...loopCases,
  ...tlbSeatCases,
  ...formatCases,
];
