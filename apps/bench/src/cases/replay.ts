/** A recorded program's trace replayed through the whole kernel, and the decoding of the trace alone. */
import { bug, PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel, type KernelConfigInput, Replay, type ReplayResult } from "@pageframe/kernel";
import { type TraceReader } from "@pageframe/trace";
import { type BenchCase, type Measurement, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";
import { readTrace, traceInput } from "../demo-trace.ts";

const NR_PASSES: Readonly<Record<Scale, number>> = { full: 4, quick: 1, tiny: 1 };

/** Replays a trace on fresh machines; boots are not measured. */
function replayOn(config: KernelConfigInput, trace: TraceReader, scale: Scale): Measurement {
  const { nrReads, nrWrites, nrFetches } = trace.metadata.counts;
  const nrAccesses = nrReads + nrWrites + nrFetches;
  let seconds = 0;
  const results: ReplayResult[] = [];
  for (let pass = -1; pass < NR_PASSES[scale]; pass++) {
    const kernel = bootKernel(config);
    const taken = timed(() => {
      results.push(new Replay(kernel, trace).runToEnd());
    });
    // Pass -1 warms up.
    if (pass >= 0) seconds += taken;
  }
  const { accesses, killedBy, minorFaults, majorFaults, tlb } = results[0];
  if (accesses !== nrAccesses || killedBy !== null) {
    bug(
      `${accesses} of ${nrAccesses} accesses were replayed${killedBy === null ? "" : ", then a signal came"}`,
    );
  }
  return {
    operations: NR_PASSES[scale] * nrAccesses,
    seconds,
    checks: { accesses, minorFaults, majorFaults, ...tlb },
  };
}

/** A size for the configuration: a part of the trace's footprint. */
function partOfFootprint(trace: TraceReader, part: number): string {
  return `${Math.ceil((trace.metadata.nrFootprintPages * part * PAGE_SIZE) / 1024)}KiB`;
}

const common = { group: "replay", counterpart: null, input: traceInput };

export const replayCases: readonly BenchCase[] = [
  {
    ...common,
    name: "replay",
    describe: "an access of the demo trace, decoded and run through the kernel; runs on a page are folded",
    unit: { kind: "rate", label: "M accesses/s", one: 1e6 },
    target: { of: "value", atLeast: 15 },
    run: (scale, inputPath) => replayOn({ memory: "64MiB" }, readTrace(inputPath), scale),
  },
  {
    ...common,
    name: "replay-pressure",
    describe: "the same with memory for half of the program's pages, and swap",
    unit: { kind: "rate", label: "M accesses/s", one: 1e6 },
    target: null,
    run(scale, inputPath) {
      const trace = readTrace(inputPath);
      const memory = partOfFootprint(trace, 0.5);
      return replayOn({ memory, swap: [{ size: partOfFootprint(trace, 2) }] }, trace, scale);
    },
  },
  {
    ...common,
    name: "replay-decode",
    describe: "an access of the demo trace decoded, without a kernel",
    unit: { kind: "rate", label: "M accesses/s", one: 1e6 },
    target: null,
    run(scale, inputPath) {
      const trace = readTrace(inputPath);
      const { counts } = trace.metadata;
      let nrRuns = 0;
      const decode = (): void => {
        trace.rewind();
        for (let block = trace.next(); block !== null; block = trace.next()) {
          if (block.kind === "runs") nrRuns += block.nrRuns;
        }
      };
      decode();
      const seconds = timed(() => {
        for (let pass = 0; pass < NR_PASSES[scale]; pass++) decode();
      });
      const operations = NR_PASSES[scale] * (counts.nrReads + counts.nrWrites + counts.nrFetches);
      return { operations, seconds, checks: { nrRuns } };
    },
  },
];
