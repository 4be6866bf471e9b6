/** `pageframe info`: says what a trace holds. */
import {
  type InitialRegion,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  type TraceFile,
  type TraceMetadata,
} from "@pageframe/contracts";
import { formatBytes } from "@pageframe/kernel";
import { formatCount } from "../format.ts";
import { type Io } from "../io.ts";
import { jsonText, traceJson } from "../json-report.ts";
import { colorsFor, describeTrace } from "../table.ts";
import { openTrace } from "../trace-input.ts";

/** Options of `info`. */
export interface InfoOptions {
  readonly json?: true;
}

const PAGE_DIGITS = 3;

/** Runs the command. */
export async function infoCommand(tracePath: string, options: InfoOptions, io: Io): Promise<void> {
  const { metadata } = await openTrace(tracePath, io);
  if (options.json === true) {
    const { files, initialRegions } = metadata;
    io.stdout.write(jsonText({ ...traceJson(metadata), files, initialRegions }));
  } else {
    io.stdout.write(`${describeTrace(metadata, colorsFor(io))}\n${describeContents(metadata)}`);
  }
}

function describeContents(metadata: TraceMetadata): string {
  const { counts, initialRegions, files } = metadata;
  const rows: (readonly [string, number])[] = [
    ["reads", counts.nrReads],
    ["writes", counts.nrWrites],
    ["instruction fetches", counts.nrFetches],
    ["accesses over two pages", counts.nrSplits],
    ["runs", counts.nrRuns],
    ["system calls replayed", counts.nrEvents],
    ["system calls that failed", counts.nrFailedSyscalls],
    ["system calls left out", counts.nrSkippedSyscalls],
    ["lines of text", counts.nrLines],
  ];
  const width = Math.max(...rows.map(([, count]) => formatCount(count).length));
  return [
    ...rows.map(([label, count]) => `${label.padEnd(26)}${formatCount(count).padStart(width)}`),
    "",
    ...(initialRegions.length === 0
      ? []
      : ["mapped at the start:", ...initialRegions.map((region) => `  ${describeRegion(region)}`)]),
    ...(files.length === 0
      ? []
      : ["", "files:", ...files.map((file) => `  ${file.name} (${describeFile(file)})`)]),
    "",
  ].join("\n");
}

function describeFile({ sizeBytes, isCreated, isDirectory }: TraceFile): string {
  const size = isDirectory ? "a directory" : formatBytes(sizeBytes);
  return isCreated ? `made by the program${isDirectory ? `, ${size}` : ""}` : size;
}

/** As /proc/PID/maps writes it: addresses, rights, what it is. */
function describeRegion({ startVpn, nrPages, prot, kind }: InitialRegion): string {
  const hex = (vpn: number): string => `${vpn.toString(16)}${"0".repeat(PAGE_DIGITS)}`;
  const right = (bit: number, letter: string): string => ((prot & bit) === 0 ? "-" : letter);
  const rights = right(PROT_READ, "r") + right(PROT_WRITE, "w") + right(PROT_EXEC, "x");
  return `${hex(startVpn)}-${hex(startVpn + nrPages)} ${rights} ${kind}`;
}
