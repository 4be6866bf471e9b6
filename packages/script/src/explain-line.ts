/**
 * Says which steps in the kernel led to what one line of a script observes: faults and what they found, mappings that changed,
 * page-table entries before and after, frames taken and given back, TLB flushes.
 */
import {
  EINVAL,
  KernelError,
  leafPfn,
  NO_ENTRY,
  PG_ANON,
  PG_SWAPBACKED,
  PG_TABLE,
  PT_LEVEL_PTE,
  PTE_RW,
  PTE_SPECIAL,
  pteIsPresent,
  pteMarkers,
  TLB_FLUSH_ON_TASK_SWITCH,
  VM_FAULT_MAJOR,
  X86_PF_INSTR,
  X86_PF_WRITE,
  PAGE_SIZE,
  type Vpn,
} from "@pageframe/contracts";
import { type Kernel, type Task } from "@pageframe/kernel";
import { type NotModelled, type Observation } from "./observation.ts";
import { mapsRow, observedMappings } from "./observed-mappings.ts";
import { placeName } from "./place-names.ts";
import { type Script } from "./script.ts";
import { type ScriptProcess } from "./script-process.ts";
import { type ScriptOptions, ScriptRunner } from "./script-runner.ts";
import { type RecordedFault, StepRecorder } from "./step-recorder.ts";
import { type World } from "./world.ts";

/** What a fault turned out to be. */
export type FaultKind =
  | "anonymous page"
  | "page of zeros"
  | "page of zeros replaced by a page"
  | "copy on write"
  | "reuse of a page that nobody else has"
  | "right to write a shared page"
  | "copy of a file's page"
  | "page of shared memory"
  | "page of a file"
  | "swap-in"
  | "nothing to do"
  | "not answered";

/** A page fault that the kernel handled. */
export interface ExplainedFault {
  readonly process: string;
  readonly at: string;
  readonly access: "read" | "write" | "fetch";
  /** The mapping that was found, as a row of maps; null when it is not one that is observed. */
  readonly mapping: string | null;
  readonly kind: FaultKind;
  readonly isMajor: boolean;
  /** Other pages that the fault mapped too, because the file had them in memory. */
  readonly nrAround: number;
}

/** Mappings of a range that were others before. Rows of maps. */
export interface MappingChange {
  readonly process: string;
  readonly kind: "made" | "removed" | "split" | "merged" | "changed";
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A page-table entry that is another now; 64 bits, 0 for none. */
export interface EntryChange {
  readonly process: string;
  readonly at: string;
  readonly vpn: Vpn;
  readonly before: bigint;
  readonly after: bigint;
}

/** Everything that is told of a line. */
export interface LineExplanation {
  readonly line: number;
  readonly text: string;
  /** Process that ran it. */
  readonly process: string;
  /** Null for a line without one. */
  readonly observation: Observation | null;
  readonly notModelled: NotModelled | null;
  readonly faults: readonly ExplainedFault[];
  readonly mappings: readonly MappingChange[];
  readonly entries: readonly EntryChange[];
  /** Frames taken and given back, by what for. Those that a process takes to touch its own memory after fork are left out. */
  readonly nrPagesTaken: number;
  readonly nrTablesTaken: number;
  readonly nrFramesFreed: number;
  /** Pages of each TLB flush, -1 for all of an address space; context switches are left out. */
  readonly flushes: readonly number[];
}

/** A mapping as it was at one time. */
interface SeenMapping {
  readonly startVpn: Vpn;
  readonly endVpn: Vpn;
  /** What must be equal for nothing to have changed: the row and the flags. */
  readonly identity: string;
  readonly row: string;
  readonly isFile: boolean;
}

/** What one process had mapped at one time. */
interface SeenProcess {
  readonly mappings: readonly SeenMapping[];
  readonly entries: ReadonlyMap<Vpn, bigint>;
}

/**
 * Runs a script up to a line and explains that line, or says where the run ended before it. Throws EINVAL when the line holds no
 * operation.
 */
export function explainLine(
  script: Script,
  number: number,
  options: ScriptOptions = {},
): LineExplanation | NotModelled {
  const recorder = new StepRecorder();
  const runner = new ScriptRunner(script, { ...options, recorder });
  while (runner.nextLine !== null && runner.nextLine.number !== number) runner.step();
  const line = runner.nextLine;
  if (line === null) {
    if (runner.notModelled !== null) return runner.notModelled;
    throw new KernelError(EINVAL, `line ${number} of ${script.fileName} holds no operation`);
  }
  const { world } = runner;
  world.begin();
  const { name } = world.current;
  const before = seeAll(world);
  recorder.isOn = true;
  const observation = runner.step();
  recorder.isOn = false;
  const after = seeAll(world);
  const entries = world.processes.flatMap((process) => entryChanges(world, process, before, after));
  // Pages that came without a fault of their own.
  const around = entries.filter(
    (change) => change.before === 0n && !recorder.faults.some(({ vpn }) => vpn === change.vpn),
  );
  const { memmap } = world.kernel.sys;
  const nrTablesTaken = recorder.allocated.filter(({ pfn }) => memmap.hasFlags(pfn, PG_TABLE)).length;
  return {
    line: number,
    text: line.text,
    process: name,
    observation,
    notModelled: runner.notModelled,
    faults: recorder.faults.flatMap((fault) => explainFault(world, fault, before, after, around)),
    mappings: world.processes.flatMap((process) => mappingChanges(process, before, after)),
    entries,
    nrPagesTaken: recorder.allocated.length - nrTablesTaken,
    nrTablesTaken,
    nrFramesFreed: recorder.freed.reduce((sum, { order }) => sum + 2 ** order, 0),
    flushes: recorder.flushes
      .filter(({ reason }) => reason !== TLB_FLUSH_ON_TASK_SWITCH)
      .map(({ nrPages }) => nrPages),
  };
}

const NOTHING_SEEN: SeenProcess = { mappings: [], entries: new Map() };

function seeAll(world: World): Map<ScriptProcess, SeenProcess> {
  const seen = new Map<ScriptProcess, SeenProcess>();
  for (const process of world.processes) {
    const { task } = process;
    if (task !== null && !task.hasExited) seen.set(process, seeProcess(world, task));
  }
  return seen;
}

function seeProcess(world: World, task: Task): SeenProcess {
  const { space, pageTable } = task.mm;
  const mappings: SeenMapping[] = [];
  const entries = new Map<Vpn, bigint>();
  for (const observed of observedMappings(world, task)) {
    const { startVpn, endVpn } = observed;
    const row = mapsRow(world, observed).join(" ");
    const vma = space.findVma(startVpn);
    const isFile = space.pool.fileId[vma] >= 0;
    mappings.push({ startVpn, endVpn, identity: `${row} ${space.pool.vmFlags[vma]}`, row, isFile });
    for (let vpn = pageTable.nextPopulated(startVpn, endVpn); vpn < endVpn;) {
      entries.set(vpn, entryOf(task, vpn));
      vpn = pageTable.nextPopulated(vpn + 1, endVpn);
    }
  }
  return { mappings, entries };
}

/** The entry of a page with all its 64 bits; 0 where there is none. */
function entryOf({ mm: { pageTable } }: Task, vpn: Vpn): bigint {
  const entry = pageTable.findEntry(vpn);
  if (entry === NO_ENTRY) return 0n;
  const lo = BigInt.asUintN(32, BigInt(pageTable.entryLo(entry)));
  return lo + (BigInt.asUintN(32, BigInt(pageTable.entryHi(entry))) << 32n);
}

function entryChanges(
  world: World,
  process: ScriptProcess,
  before: ReadonlyMap<ScriptProcess, SeenProcess>,
  after: ReadonlyMap<ScriptProcess, SeenProcess>,
): EntryChange[] {
  const { entries: old } = before.get(process) ?? NOTHING_SEEN;
  const { entries: now } = after.get(process) ?? NOTHING_SEEN;
  const vpns = [...new Set([...old.keys(), ...now.keys()])].sort((a, b) => a - b);
  return vpns
    .map((vpn) => ({
      process: process.name,
      at: placeName(vpn * PAGE_SIZE, world.places),
      vpn,
      before: old.get(vpn) ?? 0n,
      after: now.get(vpn) ?? 0n,
    }))
    .filter((change) => change.before !== change.after);
}

/** Groups of mappings, old and new, that overlap each other; those that are as before are left out. */
function mappingChanges(
  process: ScriptProcess,
  before: ReadonlyMap<ScriptProcess, SeenProcess>,
  after: ReadonlyMap<ScriptProcess, SeenProcess>,
): MappingChange[] {
  const { mappings: old } = before.get(process) ?? NOTHING_SEEN;
  const { mappings: now } = after.get(process) ?? NOTHING_SEEN;
  const isIn = (mapping: SeenMapping, others: readonly SeenMapping[]): boolean =>
    others.some(({ identity }) => identity === mapping.identity);
  const gone = old.filter((mapping) => !isIn(mapping, now));
  const made = now.filter((mapping) => !isIn(mapping, old));
  const changes: MappingChange[] = [];
  const all = [...gone, ...made].sort((a, b) => a.startVpn - b.startVpn);
  for (let first = 0; first < all.length;) {
    let { endVpn } = all[first];
    let end = first + 1;
    while (end < all.length && all[end].startVpn < endVpn) {
      endVpn = Math.max(endVpn, all[end].endVpn);
      end++;
    }
    const group = all.slice(first, end);
    const from = group.filter((mapping) => gone.includes(mapping));
    const to = group.filter((mapping) => made.includes(mapping));
    changes.push({
      process: process.name,
      kind: changeKind(from.length, to.length),
      before: from.map(({ row }) => row),
      after: to.map(({ row }) => row),
    });
    first = end;
  }
  return changes;
}

function changeKind(nrBefore: number, nrAfter: number): MappingChange["kind"] {
  if (nrBefore === 0) return "made";
  if (nrAfter === 0) return "removed";
  return nrBefore < nrAfter ? "split" : nrBefore > nrAfter ? "merged" : "changed";
}

/** One fault; none of a process that is not of the script, or of memory that is not observed. */
function explainFault(
  world: World,
  fault: RecordedFault,
  before: ReadonlyMap<ScriptProcess, SeenProcess>,
  after: ReadonlyMap<ScriptProcess, SeenProcess>,
  claimed: EntryChange[],
): ExplainedFault[] {
  const { pid, vpn, errorCode, result } = fault;
  const process = world.processes.find(({ task }) => task?.pid === pid);
  if (process === undefined) return [];
  const seen = after.get(process) ?? NOTHING_SEEN;
  const mapping = seen.mappings.find(({ startVpn, endVpn }) => startVpn <= vpn && vpn < endVpn);
  const old = before.get(process)?.entries.get(vpn) ?? 0n;
  const now = seen.entries.get(vpn) ?? 0n;
  const kind = faultKind(world.kernel, old, now, mapping?.isFile === true);
  const mayMapAround = kind === "page of shared memory" || kind === "page of a file";
  return [
    {
      process: process.name,
      at: placeName(vpn * PAGE_SIZE, world.places),
      access:
        (errorCode & X86_PF_WRITE) !== 0 ? "write" : (errorCode & X86_PF_INSTR) !== 0 ? "fetch" : "read",
      mapping: mapping?.row ?? null,
      kind,
      isMajor: (result & VM_FAULT_MAJOR) !== 0,
      nrAround: mayMapAround ? claimAround(process.name, vpn, claimed) : 0,
    },
  ];
}

/** Pages that fault-around maps at most, from its first to its last. */
const FAULT_AROUND_PAGES = 16;

/** Takes the pages that a fault mapped beside its own out of those that are left; returns how many they are. */
function claimAround(process: string, vpn: Vpn, left: EntryChange[]): number {
  const isAround = (change: EntryChange): boolean =>
    change.process === process && Math.abs(change.vpn - vpn) < FAULT_AROUND_PAGES;
  const nrAround = left.filter(isAround).length;
  const others = left.filter((change) => !isAround(change));
  left.splice(0, left.length, ...others);
  return nrAround;
}

/** What a fault did, by the entry before the step and after it. */
function faultKind({ sys }: Kernel, before: bigint, after: bigint, isFile: boolean): FaultKind {
  const [oldLo, oldHi] = halves(before);
  const [lo, hi] = halves(after);
  if (!pteIsPresent(lo)) return "not answered";
  if ((lo & PTE_SPECIAL) !== 0) return before === after ? "nothing to do" : "page of zeros";
  const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
  const isAnon = sys.memmap.hasFlags(pfn, PG_ANON);
  const isMarker = !pteIsPresent(oldLo) && pteMarkers(oldLo, oldHi) !== 0;
  if (before === 0n || isMarker) {
    if (isAnon) return isFile ? "copy of a file's page" : "anonymous page";
    return sys.memmap.hasFlags(pfn, PG_SWAPBACKED) ? "page of shared memory" : "page of a file";
  }
  if (!pteIsPresent(oldLo)) return "swap-in";
  if (leafPfn(oldLo, oldHi, PT_LEVEL_PTE) !== pfn) {
    if ((oldLo & PTE_SPECIAL) !== 0) return "page of zeros replaced by a page";
    return "copy on write";
  }
  if ((oldLo & PTE_RW) === 0 && (lo & PTE_RW) !== 0) {
    return isAnon ? "reuse of a page that nobody else has" : "right to write a shared page";
  }
  return "nothing to do";
}

function halves(entry: bigint): [lo: number, hi: number] {
  return [Number(BigInt.asIntN(32, entry)), Number(BigInt.asIntN(32, entry >> 32n))];
}
