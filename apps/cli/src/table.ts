/** What the replays came to, as a table for people: one column for each amount of memory. */
import Table from "cli-table3";
import { type TraceMetadata } from "@pageframe/contracts";
import { type DiskCounts, formatBytes, formatPages } from "@pageframe/kernel";
import pc from "picocolors";
import { formatCount, formatNoun, formatTime, signalName, timeUnitFor } from "./format.ts";
import { type Io } from "./io.ts";
import { type RunReport } from "./replay-runs.ts";

/** A row: its label, and what stands in the column of a run. */
type Row = readonly [label: string, cell: (report: RunReport) => string];
type Colors = ReturnType<typeof pc.createColors>;

/** What the causes of time (CAUSE_NAMES of the kernel) are called; others appear under their own names. */
const CAUSE_LABELS: Readonly<Record<string, string>> = {
  access: "accesses",
  tlbL2: "level 2 TLB hits",
  walk: "page walks",
  minorFault: "fault handling",
  zeroPage: "zeroing pages",
  copyPage: "copying pages",
  swapIn: "swapping in",
  swapOut: "swapping out",
  fileRead: "reading files",
  fileWrite: "writing files",
  scan: "scanning pages",
  syscall: "system calls",
  tlbFlushOne: "flushing TLB pages",
  tlbFlushAll: "flushing TLBs",
  tlbIpi: "TLB interrupts",
  cr3Write: "CR3 writes (KPTI)",
  ioWait: "waiting for disks",
  idle: "waiting for nothing",
};

/** Characters of a table without rules: columns two spaces apart. */
export const NO_LINES = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** Says whether to colour what goes to stdout: on a terminal, unless NO_COLOR is set (no-color.org). */
export function colorsFor(io: Io): Colors {
  const isWanted = io.stdout.isTTY === true && (io.env["NO_COLOR"] ?? "") === "" && io.env["TERM"] !== "dumb";
  return pc.createColors(isWanted);
}

/** Describes the trace in two lines. */
export function describeTrace(metadata: TraceMetadata, colors: Colors): string {
  const { command, source, recordedWith, counts, nrFootprintPages, nrFilePages } = metadata;
  const { nrReads, nrWrites, nrFetches, nrEvents } = counts;
  const title = command === "" ? source : command;
  const recorder = recordedWith === "" ? "" : `, recorded with ${recordedWith}`;
  return (
    `${colors.bold(title)}${recorder}\n` +
    `${formatNoun(nrReads + nrWrites + nrFetches, "access", "accesses")}, ` +
    `${formatNoun(nrEvents, "system call")} on mappings${nrFilePages === 0 ? "" : " and files"}, ` +
    `${formatNoun(nrFootprintPages, "page")} touched (${formatPages(nrFootprintPages)})` +
    `${nrFilePages === 0 ? "" : `, ${formatPages(nrFilePages)} of files read or written`}\n`
  );
}

/** Draws rows without rules between them, under a line of headings unless that is null. */
export function drawRows(
  head: readonly string[] | null,
  rows: readonly (readonly string[])[],
  colAligns: readonly ("left" | "right")[],
): string {
  const table = new Table({
    head: [...(head ?? [])],
    colAligns: [...colAligns],
    chars: NO_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) table.push([...row]);
  const lines = table.toString().split("\n");
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** Draws the table, with a line for each program that did not reach its end. */
export function drawTable(reports: readonly RunReport[], colors: Colors): string {
  const table = new Table({
    head: ["memory", ...reports.map(({ memory }) => memory.text)].map((text) => colors.bold(text)),
    colAligns: ["left", ...reports.map(() => "right" as const)],
    chars: NO_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const [label, cell] of [...countRows(reports), ...timeRows(reports)]) {
    table.push([label, ...reports.map(cell)]);
  }
  const lines = table.toString().split("\n");
  // Padding at the end of lines is noise for whoever compares or copies.
  return `${[...lines.map((line) => line.trimEnd()), ...noteLines(reports)].join("\n")}\n`;
}

function countRows(reports: readonly RunReport[]): Row[] {
  const event =
    (...names: string[]) =>
    ({ result }: RunReport): string =>
      formatCount(names.reduce((sum, name) => sum + (result.vmstat[name] ?? 0), 0));
  const isSaidOtherwise = reports.some(({ memory }) => memory.text !== formatPages(memory.nrPages));
  const hasZeroPages = reports.some(
    ({ result: { vmstat } }) => vmstat["swpin_zero"] + vmstat["swpout_zero"] > 0,
  );
  return [
    ...(isSaidOtherwise
      ? ([["  in bytes", ({ memory }) => formatPages(memory.nrPages)]] satisfies Row[])
      : []),
    ["accesses", ({ result }) => formatCount(result.accesses)],
    ["  TLB hits, level 1", ({ result }) => formatCount(result.tlb.l1Hits)],
    ["  TLB hits, level 2", ({ result }) => formatCount(result.tlb.l2Hits)],
    ["  page walks", ({ result }) => formatCount(result.tlb.walks)],
    ["minor faults", ({ result }) => formatCount(result.minorFaults)],
    ["major faults", ({ result }) => formatCount(result.majorFaults)],
    ["pages scanned", event("pgscan_kswapd", "pgscan_direct")],
    ["pages stolen", event("pgsteal_kswapd", "pgsteal_direct")],
    ["pages swapped in", event("pswpin")],
    ["pages swapped out", event("pswpout")],
    ...(hasZeroPages
      ? ([
          ["  zero pages in", event("swpin_zero")],
          ["  zero pages out", event("swpout_zero")],
        ] satisfies Row[])
      : []),
    ...fileRows(reports),
    ["OOM kills", ({ result }) => formatCount(result.oomKills)],
    ["peak RSS", ({ result }) => formatPages(result.peakRssPages)],
  ];
}

/** Rows on files and disks, where there are any. */
function fileRows(reports: readonly RunReport[]): Row[] {
  const hasFiles = reports.some(({ result: { pageCache, disks } }) => {
    return pageCache.hits + pageCache.misses > 0 || disks.some(({ reads, writes }) => reads + writes > 0);
  });
  if (!hasFiles) return [];
  const ofDisks =
    (count: (disk: DiskCounts) => number) =>
    ({ result }: RunReport): number =>
      result.disks.reduce((sum, disk) => sum + count(disk), 0);
  const reads = ofDisks((disk) => disk.reads);
  const writes = ofDisks((disk) => disk.writes);
  const merges = ofDisks((disk) => disk.readMerges + disk.writeMerges);
  const readBytes = ofDisks((disk) => disk.readBytes);
  const writtenBytes = ofDisks((disk) => disk.writtenBytes);
  const busyNs = ofDisks((disk) => disk.busyNs);
  const unit = timeUnitFor(Math.max(...reports.map(busyNs)));
  return [
    ["page cache hits", ({ result }) => formatCount(result.pageCache.hits)],
    ["page cache misses", ({ result }) => formatCount(result.pageCache.misses)],
    ["pages read ahead", ({ result }) => formatCount(result.pageCache.readAhead)],
    ["  wanted later", ({ result }) => formatCount(result.pageCache.readAheadHits)],
    ["  gone unwanted", ({ result }) => formatCount(result.pageCache.readAheadWasted)],
    ["pages written back", ({ result }) => formatCount(result.pageCache.writtenBack)],
    ["disk reads", (report) => formatCount(reads(report))],
    ["disk writes", (report) => formatCount(writes(report))],
    ["  merged into those", (report) => formatCount(merges(report))],
    ["  read from disk", (report) => formatBytes(readBytes(report))],
    ["  written to disk", (report) => formatBytes(writtenBytes(report))],
    [`  disk busy, ${unit.name}`, (report) => formatTime(busyNs(report), unit)],
  ];
}

function timeRows(reports: readonly RunReport[]): Row[] {
  const total = (report: RunReport): number => totalNs(report);
  const unit = timeUnitFor(Math.max(...reports.map(total)));
  const causes = Object.keys(reports[0].result.timeNs).filter((cause) =>
    reports.some(({ result }) => result.timeNs[cause] > 0),
  );
  return [
    [`estimated time, ${unit.name}`, (report) => formatTime(total(report), unit)],
    ...causes.map((cause): Row => [
      `  ${CAUSE_LABELS[cause] ?? cause}`,
      ({ result }) => formatTime(result.timeNs[cause], unit),
    ]),
  ];
}

/** Estimated time of a run over all causes. */
export function totalNs({ result }: RunReport): number {
  return Object.values(result.timeNs).reduce((sum, ns) => sum + ns, 0);
}

function noteLines(reports: readonly RunReport[]): string[] {
  const notes = reports.flatMap(({ memory, result, isVerified }) => [
    ...(result.failedSyscalls.length === 0
      ? []
      : [
          `at ${memory.text} ${formatNoun(result.failedSyscalls.length, "system call")} failed that had not when ` +
            `recorded, the first: ${result.failedSyscalls[0]}`,
        ]),
    ...(result.killedBy === null
      ? []
      : [
          `at ${memory.text} the program was ended by ${signalName(result.killedBy.signal)}` +
            `${result.oomKills > 0 ? ", out of memory," : ""} after ${formatCount(result.accesses)} accesses`,
        ]),
    ...(isVerified ? [`at ${memory.text} every page held what was written to it`] : []),
  ]);
  return notes.length === 0 ? [] : ["", ...notes];
}
