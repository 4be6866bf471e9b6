/** What is said about one address, for people. */
import Table from "cli-table3";
import { formatBytes } from "@pageframe/kernel";
import { hex } from "./address.ts";
import { formatCount, formatNoun } from "./format.ts";
import { NO_LINES } from "./table.ts";
import {
  type HoldingReport,
  type LevelReport,
  type TranslationReport,
  type WalkReport,
} from "./walk-report.ts";

const LABEL_WIDTH = 13;
const PAGE_BYTES = 4096;

/** Writes the report: the access, the mapping, a line for each level, and what comes of it. */
export function walkText(report: WalkReport): string {
  const { address, access, accessesBefore, task, mapping, area, levels, tlb, translation } = report;
  return [
    line("address", address),
    line("access", `user ${access} by ${task.name} (pid ${task.pid}) on CPU ${task.cpu}`),
    line("when", `after ${formatNoun(accessesBefore, "access", "accesses")}`),
    line("mapping", mapping === null ? `none: ${area ?? "a hole in the kernel's half"}` : squeezed(mapping)),
    "",
    ...drawLevels(levels),
    "",
    ...describeTlb(tlb),
    ...(translation === null ? faultLines(report) : [line("translation", describeTranslation(translation))]),
    "",
  ].join("\n");
}

/** The lines from a fault on. */
function faultLines({ fault, outcome }: WalkReport): string[] {
  if (fault === null || outcome === null) return [];
  const { signal, events, mapping, level, translation } = outcome;
  const counted = Object.entries(events).map(([name, nr]) => `${name} ${nr}`);
  return [
    line(
      "fault",
      `${fault.mnemonic} (vector ${fault.vector}), error code ${fault.errorCode}` +
        `${fault.errorBits.length === 0 ? "" : ` (${fault.errorBits.join(" ")})`}: ${fault.text}`,
    ),
    line("kernel", signal === null ? outcome.kind : `${signal.name} (${signal.code})`),
    ...(counted.length === 0 ? [] : [line("  counts", counted.join(", "))]),
    ...(mapping === null ? [] : [line("  mapping", squeezed(mapping))]),
    ...(level === null ? [] : [line("  entry", `${level.entry} ${describeEntry(level)}`)]),
    ...(translation === null ? [] : [line("  then", describeTranslation(translation))]),
  ];
}

/** A line for each array of the TLB that holds the address. */
function describeTlb(tlb: readonly HoldingReport[]): string[] {
  if (tlb.length === 0) return [line("TLB", "holds nothing for the address")];
  return tlb.map(({ array, pfn, pageBytes, flags }) =>
    line(`TLB ${array}`, `frame ${formatCount(pfn)}, page of ${formatBytes(pageBytes)}: ${flags.join(" ")}`),
  );
}

function drawLevels(levels: readonly LevelReport[]): string[] {
  const table = new Table({
    head: ["level", "index", "entry at", "entry", "what it says"],
    colAligns: ["left", "right", "right", "left", "left"],
    chars: NO_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const level of levels) {
    table.push([level.name, String(level.index), level.entryAddress, level.entry, describeEntry(level)]);
  }
  return table
    .toString()
    .split("\n")
    .map((text) => text.trimEnd());
}

/** Flags, and what the entry stands for. */
function describeEntry({ decoded: { kind, flags, pfn, swap } }: LevelReport): string {
  const what =
    swap !== null
      ? `swap area ${swap.area}, offset ${formatCount(swap.offset)}`
      : pfn !== null
        ? `${kind} at ${hex(pfn * PAGE_BYTES)}`
        : kind;
  return [what, ...(flags.length === 0 ? [] : [flags.join(" ")])].join(": ");
}

function describeTranslation({ physicalAddress, pfn, pageBytes }: TranslationReport): string {
  return `physical address ${physicalAddress}, frame ${formatCount(pfn)}, in a page of ${formatBytes(pageBytes)}`;
}

/** A line of maps without the blanks that align names. */
function squeezed(mapping: string): string {
  return mapping.replace(/ +/g, " ").trimEnd();
}

function line(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`;
}
