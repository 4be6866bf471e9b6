/** What led to a line of a script, for people. */
import {
  type EntryChange,
  type ExplainedFault,
  type LineExplanation,
  type MappingChange,
  observationLine,
} from "@pageframe/script";
import { decodeEntry } from "./entry-text.ts";
import { formatCount, formatNoun } from "./format.ts";

const LABEL_WIDTH = 12;
const PTE_LEVEL = 1;

/** Writes the explanation: the observation, then what the kernel found, changed, took and flushed. */
export function explanationText(explanation: LineExplanation): string {
  const { line, text, process, observation, faults, mappings, entries } = explanation;
  const what = observation === null ? "nothing that is observed" : observationLine(observation);
  return [
    labelled("line", `${line}, in ${process}: ${text.trim()}`),
    labelled("observed", what),
    ...signalLines(explanation),
    ...faults.map((fault) => labelled("fault", describeFault(fault, process))),
    ...mappings.map((change) => labelled("mappings", describeMappings(change, process))),
    ...runsOf(entries).map((run) => labelled("entries", describeEntries(run, process))),
    labelled("frames", describeFrames(explanation)),
    labelled("TLB", describeFlushes(explanation.flushes)),
    "",
  ].join("\n");
}

/** A signal says what the access did not find. */
function signalLines({ observation }: LineExplanation): string[] {
  if (observation?.sig === undefined) return [];
  const { sig, code, addr = "" } = observation;
  const why =
    sig === "SIGSEGV" && code === "MAPERR"
      ? "no mapping holds it, and none grows down to it"
      : sig === "SIGSEGV" && code === "ACCERR"
        ? "the mapping that holds it, or a guard in it, forbids the access"
        : sig === "SIGBUS"
          ? "its mapping is there, and its file has no such page"
          : "the instruction there is invalid";
  return [labelled("signal", `at ${addr}: ${why}`)];
}

function describeFault(fault: ExplainedFault, process: string): string {
  const { at, access, mapping, kind, isMajor, nrAround } = fault;
  const found = mapping === null ? "a mapping that is gone by now" : `mapping ${mapping}`;
  const around = nrAround === 0 ? "" : `, and ${formatNoun(nrAround, "page", "pages")} around it`;
  const count = isMajor ? "major" : "minor";
  return `${owner(fault.process, process)}${access} of ${at}, in ${found}: ${kind}${around} (${count})`;
}

function describeMappings(change: MappingChange, process: string): string {
  const { kind, before, after } = change;
  const from = before.map((row) => `[${row}]`).join(" ");
  const to = after.map((row) => `[${row}]`).join(" ");
  const both = kind === "made" ? to : kind === "removed" ? from : `${from} -> ${to}`;
  return `${owner(change.process, process)}${kind} ${both}`;
}

/** Neighbouring entries with the same flags before and the same flags after. */
function runsOf(entries: readonly EntryChange[]): EntryChange[][] {
  const runs: EntryChange[][] = [];
  for (const change of entries) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && isAlike(last, change)) run.push(change);
    else runs.push([change]);
  }
  return runs;
}

/** Is a change that of the next page, and of the same kind? */
function isAlike(last: EntryChange, change: EntryChange): boolean {
  return (
    last.process === change.process &&
    last.vpn + 1 === change.vpn &&
    entryFlags(last.before) === entryFlags(change.before) &&
    entryFlags(last.after) === entryFlags(change.after)
  );
}

/** Frames and slots are told of single pages only: those of a run are rarely in a row. */
function describeEntries(run: readonly EntryChange[], process: string): string {
  const [first] = run;
  if (run.length === 1) {
    return `${owner(first.process, process)}${first.at}: ${entryText(first.before)} -> ${entryText(first.after)}`;
  }
  const pages = `${formatNoun(run.length, "page", "pages")} from ${first.at}`;
  return `${owner(first.process, process)}${pages}: ${entryFlags(first.before)} -> ${entryFlags(first.after)}`;
}

/** Kind, frame or slot, and flags of an entry. */
function entryText(entry: bigint): string {
  const { pfn, swap } = decodeEntry(entry, PTE_LEVEL);
  const where =
    swap !== null
      ? ` area ${swap.area} offset ${formatCount(swap.offset)}`
      : pfn !== null
        ? ` in frame ${formatCount(pfn)}`
        : "";
  const [kind, ...flags] = entryFlags(entry).split(" ");
  return [kind + where, ...flags].join(" ");
}

function entryFlags(entry: bigint): string {
  const { kind, flags } = decodeEntry(entry, PTE_LEVEL);
  return [kind, ...flags].join(" ");
}

function describeFrames({ nrPagesTaken, nrTablesTaken, nrFramesFreed }: LineExplanation): string {
  const taken = [
    ...(nrPagesTaken === 0 ? [] : [formatNoun(nrPagesTaken, "page", "pages")]),
    ...(nrTablesTaken === 0 ? [] : [formatNoun(nrTablesTaken, "page table", "page tables")]),
  ];
  const freed = nrFramesFreed === 0 ? "none given back" : `${formatCount(nrFramesFreed)} given back`;
  return `${taken.length === 0 ? "none taken" : `${taken.join(" and ")} taken`}, ${freed}`;
}

function describeFlushes(flushes: readonly number[]): string {
  if (flushes.length === 0) return "nothing flushed";
  return flushes
    .map((nrPages) => (nrPages < 0 ? "all flushed" : `${formatNoun(nrPages, "page", "pages")} flushed`))
    .join(", ");
}

/** Whose it is, where it is not the process that the line ran in. */
function owner(process: string, runningProcess: string): string {
  return process === runningProcess ? "" : `${process}: `;
}

function labelled(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`;
}
