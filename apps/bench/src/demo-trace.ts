/** The trace that replay and parsing are measured with: the CLI's demo trace, or a generated one where there is none. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { encodeTrace, TraceReader, zipfTrace } from "@pageframe/trace";
import { type BenchInput, type Scale } from "./bench-case.ts";

const DEMO_DIRECTORY = fileURLToPath(new URL("../../cli/demo", import.meta.url));
const NR_GENERATED_PAGES = 4096;
const NR_GENERATED_ACCESSES: Readonly<Record<Scale, number>> = {
  full: 4_000_000,
  quick: 4_000_000,
  tiny: 20_000,
};

/** A `.pft` file, not compressed. Generated for tests, so that they take no time. */
export const traceInput: BenchInput = {
  name: "trace",
  write: (path, scale) => writeFileSync(path, traceBytes(scale)),
};

/** Bytes of the trace as a `.pft` file. */
export function traceBytes(scale: Scale): Uint8Array {
  const files = scale !== "tiny" && existsSync(DEMO_DIRECTORY) ? readdirSync(DEMO_DIRECTORY) : [];
  const demo = files.sort().find((file) => file.endsWith(".pft.gz"));
  if (demo !== undefined) return gunzipSync(readFileSync(`${DEMO_DIRECTORY}/${demo}`));
  const nrAccesses = NR_GENERATED_ACCESSES[scale];
  return encodeTrace(zipfTrace({ nrPages: NR_GENERATED_PAGES, nrAccesses, writeShare: 0.25 }));
}

/** Opens what `traceInput` wrote. */
export function readTrace(path: string): TraceReader {
  return new TraceReader(readFileSync(path), path);
}
