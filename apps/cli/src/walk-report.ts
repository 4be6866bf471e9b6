/** What is to be said about one address, as data. */
import {
  BUS_ADRERR,
  PAGE_SIZE,
  PT_LEVEL_PGD,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGBUS,
  SIGSEGV,
  VM_EVENT_NAMES,
  X86_PF_INSTR,
  X86_PF_PK,
  X86_PF_PROT,
  X86_PF_RSVD,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import { type AccessExplanation, type Kernel, type Task, type TaskSignal } from "@pageframe/kernel";
import { type Address, hex, hex64 } from "./address.ts";
import { decodeEntry, type DecodedEntry } from "./entry-text.ts";
import { signalName } from "./format.ts";

/** One entry on the way. */
export interface LevelReport {
  readonly name: string;
  readonly index: number;
  /** Physical address of the entry. */
  readonly entryAddress: string;
  /** The 64 bits. */
  readonly entry: string;
  readonly decoded: DecodedEntry;
}

/** A translation: where the byte is. */
export interface TranslationReport {
  readonly physicalAddress: string;
  readonly pfn: number;
  readonly pageBytes: number;
}

/** The fault that the processor raises. */
export interface FaultReport {
  readonly vector: number;
  readonly mnemonic: string;
  readonly errorCode: string;
  /** Names of the bits of the error code. */
  readonly errorBits: readonly string[];
  /** One clause on what was wrong. */
  readonly text: string;
}

/** What the kernel answers. */
export interface OutcomeReport {
  readonly kind: "minor fault" | "major fault" | "signal";
  readonly signal: { readonly name: string; readonly code: string } | null;
  /** Events of /proc/vmstat that were counted on the way. */
  readonly events: Readonly<Record<string, number>>;
  /** Line of maps when the fault changed it, as the growth of a stack does; else null. */
  readonly mapping: string | null;
  /** The leaf entry and the translation afterwards; null with a signal. */
  readonly level: LevelReport | null;
  readonly translation: TranslationReport | null;
}

/** What one array of the TLB holds. */
export interface HoldingReport {
  /** The array, as the configuration of TLBs names it. */
  readonly array: string;
  readonly pageBytes: number;
  /** Frame of the address by this entry. */
  readonly pfn: number;
  readonly flags: readonly string[];
}

/** Everything about one access to one address. */
export interface WalkReport {
  readonly address: string;
  /** User accesses only. */
  readonly access: "read" | "write" | "exec";
  readonly accessesBefore: number;
  readonly task: { readonly pid: number; readonly name: string; readonly cpu: number };
  /** Part of the address space, or null in a hole. */
  readonly area: string | null;
  /** Line of /proc/PID/maps, or null. */
  readonly mapping: string | null;
  readonly levels: readonly LevelReport[];
  /** What each array of the TLB holds for the address, the first level first. */
  readonly tlb: readonly HoldingReport[];
  readonly translation: TranslationReport | null;
  readonly fault: FaultReport | null;
  readonly outcome: OutcomeReport | null;
}

const KINDS: Readonly<Record<WalkReport["access"], number>> = {
  read: RUN_READ,
  write: RUN_WRITE,
  exec: RUN_EXEC,
};
/** Levels by their names; the top of five is out of reach of large pages, like that of four. */
const LEVEL_OF_NAME: Readonly<Record<string, number>> = {
  PTE: PT_LEVEL_PTE,
  PMD: PT_LEVEL_PMD,
  PUD: PT_LEVEL_PUD,
};
const ERROR_BITS: readonly (readonly [number, string])[] = [
  [X86_PF_PROT, "PROT"],
  [X86_PF_WRITE, "WRITE"],
  [X86_PF_USER, "USER"],
  [X86_PF_RSVD, "RSVD"],
  [X86_PF_INSTR, "INSTR"],
  [X86_PF_PK, "PK"],
];
/**
 * Looks at an address, then lets the access happen on this machine to see what the kernel answers to a fault: the machine
 * has changed after that.
 */
export function reportWalk(
  kernel: Kernel,
  task: Task,
  address: Address,
  access: WalkReport["access"],
  accessesBefore: number,
): WalkReport {
  const kind = KINDS[access];
  const before = kernel.explain(task, address.vpn, kind);
  const { walk } = before;
  return {
    address: address.text,
    access,
    accessesBefore,
    task: { pid: task.pid, name: task.name, cpu: task.cpu },
    area: before.area,
    mapping: before.mapping,
    levels: levelsOf(before),
    tlb: walk.tlb.map(({ array, pageBytes, pfn, flags }) => ({
      array,
      pageBytes,
      pfn,
      flags: flags.split(" "),
    })),
    translation: translationOf(before, address.offset),
    fault:
      walk.fault === null
        ? null
        : {
            vector: walk.fault.vector,
            mnemonic: walk.fault.name,
            errorCode: hex(walk.fault.errorCode),
            errorBits: namesOf(walk.fault.errorCode, ERROR_BITS),
            text: walk.fault.text,
          },
    outcome: walk.faultCode < 0 ? null : letFault(kernel, task, address, kind, before.mapping),
  };
}

/** Carries the access out and says what came of it. */
function letFault(
  kernel: Kernel,
  task: Task,
  address: Address,
  kind: number,
  oldMapping: string | null,
): OutcomeReport {
  const { nrMajorFaults } = task;
  const before = kernel.proc.vmstat();
  const signal = kernel.access(task, address.vpn, kind);
  const after = kernel.proc.vmstat();
  const events = Object.fromEntries(
    VM_EVENT_NAMES.map((name) => [name, after[name] - before[name]] as const).filter(([, nr]) => nr !== 0),
  );
  if (signal !== null) {
    const named = { name: signalName(signal.signal), code: signalCode(signal) };
    return { kind: "signal", signal: named, events, mapping: null, level: null, translation: null };
  }
  const now = kernel.explain(task, address.vpn, kind);
  return {
    kind: task.nrMajorFaults > nrMajorFaults ? "major fault" : "minor fault",
    signal: null,
    events,
    mapping: now.mapping === oldMapping ? null : now.mapping,
    level: levelsOf(now).at(-1) ?? null,
    translation: translationOf(now, address.offset),
  };
}

function levelsOf({ walk }: AccessExplanation): LevelReport[] {
  return walk.levels.map(({ name, index, paddr, entry, canonical }) => ({
    name,
    index,
    entryAddress: hex(paddr),
    entry: hex64(entry),
    decoded: decodeEntry(canonical, LEVEL_OF_NAME[name] ?? PT_LEVEL_PGD),
  }));
}

function translationOf({ walk }: AccessExplanation, offset: number): TranslationReport | null {
  if (walk.faultCode >= 0) return null;
  return {
    physicalAddress: hex(walk.pfn * PAGE_SIZE + offset),
    pfn: walk.pfn,
    pageBytes: walk.pageBytes,
  };
}

function namesOf(bits: number, names: readonly (readonly [number, string])[]): string[] {
  return names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/** Name of a signal's si_code. */
function signalCode({ signal, code }: TaskSignal): string {
  if (signal === SIGSEGV && code === SEGV_MAPERR) return "SEGV_MAPERR";
  if (signal === SIGSEGV && code === SEGV_ACCERR) return "SEGV_ACCERR";
  if (signal === SIGBUS && code === BUS_ADRERR) return "BUS_ADRERR";
  return `si_code ${code}`;
}
