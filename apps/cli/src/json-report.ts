/** What the replays came to, as JSON for programs: the same bytes for the same trace, options and version. */
import { type TraceMetadata } from "@pageframe/contracts";
import { parseKernelConfig } from "@pageframe/kernel";
import { signalName } from "./format.ts";
import { type RunReport } from "./replay-runs.ts";
import { totalNs } from "./table.ts";

/** Writes the report; names of files stay out, so that the same trace elsewhere gives the same text. */
export function jsonReport(metadata: TraceMetadata, reports: readonly RunReport[]): string {
  return jsonText({ trace: traceJson(metadata), runs: reports.map((report) => runJson(report, metadata)) });
}

/** The metadata without the lists. */
export function traceJson(metadata: TraceMetadata): object {
  const { command, source, recordedWith, nrFootprintPages, nrFilePages, counts } = metadata;
  return { command, source, recordedWith, footprintPages: nrFootprintPages, filePages: nrFilePages, counts };
}

/** Indented, with a newline at the end. */
export function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function runJson(report: RunReport, { nrFootprintPages, nrFilePages }: TraceMetadata): object {
  const { memory, result, isVerified } = report;
  const { killedBy } = result;
  const { memory: _memory, swap, disks, ...config } = parseKernelConfig(report.config);
  return {
    memory: memory.text,
    memoryPages: memory.nrPages,
    memoryOfFootprint: memory.nrPages / (nrFootprintPages + nrFilePages),
    accesses: result.accesses,
    splitAccesses: result.splitAccesses,
    tlb: result.tlb,
    minorFaults: result.minorFaults,
    majorFaults: result.majorFaults,
    start: report.start,
    pageCache: result.pageCache,
    disks: result.disks,
    oomKills: result.oomKills,
    peakRssPages: result.peakRssPages,
    totalTimeNs: totalNs(report),
    timeNs: result.timeNs,
    killedBy: killedBy === null ? null : { name: signalName(killedBy.signal), ...killedBy },
    failedSyscalls: result.failedSyscalls,
    isVerified,
    vmstat: result.vmstat,
    config: {
      ...config,
      swap: swap.map(({ size, priority }) => ({ size, priority })),
      disks: disks.map(({ name, size, model, scheduler }) => ({ name, size, model, scheduler })),
    },
  };
}
