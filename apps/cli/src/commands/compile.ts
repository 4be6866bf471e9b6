/** `pageframe compile`: turns a trace into a .pft file, which is smaller and opens faster. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type TraceSource } from "@pageframe/contracts";
import { formatBytes } from "@pageframe/kernel";
import { encodeTrace } from "@pageframe/trace";
import { formatCount, formatNoun } from "../format.ts";
import { type Io } from "../io.ts";
import { OutputFile } from "../output-file.ts";
import { openTrace } from "../trace-input.ts";

/** Options of `compile`. */
export interface CompileOptions {
  readonly output: string;
}

/** Runs the command. */
export async function compileCommand(tracePath: string, options: CompileOptions, io: Io): Promise<void> {
  const output = await OutputFile.start(options.output, tracePath);
  try {
    const source = await openTrace(tracePath, io);
    const bytes = await storeTrace(source, output);
    io.stdout.write(`${describeStored(source, options.output, bytes)}\n`);
  } finally {
    await output.discard();
  }
}

/** Writes the trace in its place, gzipped when the name ends in .gz. Returns the size of the file in bytes. */
export async function storeTrace(source: TraceSource, output: OutputFile): Promise<number> {
  const plain = encodeTrace(source);
  const bytes = output.path.endsWith(".gz") ? await promisify(gzip)(plain, { level: 9 }) : plain;
  await output.commit(bytes);
  return bytes.length;
}

/** One line on what was written. */
export function describeStored({ metadata }: TraceSource, path: string, nrBytes: number): string {
  const { nrReads, nrWrites, nrFetches, nrRuns, nrEvents } = metadata.counts;
  return (
    `${path}: ${formatBytes(nrBytes)}, ${formatCount(nrReads + nrWrites + nrFetches)} accesses in ` +
    `${formatNoun(nrRuns, "run")}, ${formatNoun(nrEvents, "system call")}, ` +
    `${formatNoun(metadata.nrFootprintPages, "page")} touched`
  );
}
