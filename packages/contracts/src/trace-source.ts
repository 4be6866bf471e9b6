/**
 * What a replay sees of a trace, wherever the trace comes from: metadata, then blocks in the order of the program.
 */
import { type Vaddr, type Vpn } from "./units.ts";
import { type SyscallEvent } from "./syscall-event.ts";

/** A mapping that was there before the first traced access: what execve(2) and its loader made. */
export interface InitialRegion {
  readonly startVpn: Vpn;
  readonly nrPages: number;
  /** PROT_READ | PROT_WRITE | PROT_EXEC bits. */
  readonly prot: number;
  /**
   * `text`, `rodata` and `data` are private mappings of a file. `stack` is anonymous and grows down: it covers the
   * top pages only. `heap` is anonymous memory of a synthetic trace; a recorded trace makes its heap by brk events.
   */
  readonly kind: "text" | "rodata" | "data" | "stack" | "heap";
  /** Index into `TraceMetadata.files`, or NO_FILE. */
  readonly fileId: number;
  /** Offset into the file, in pages; 0 without a file. */
  readonly filePgoff: number;
}

/** A file that the program opens or maps. Its id is its index in `TraceMetadata.files`. */
export interface TraceFile {
  /**
   * Path as the program first named it, relative to where it started unless absolute; `fd N` when the open was not
   * seen, `execve N` for what execve mapped. Two files have one name when the first was removed or renamed.
   */
  readonly name: string;
  /** Pages the file must have so that every mapping of it lies within: its largest mapped offset. */
  readonly nrPages: number;
  /**
   * Bytes it must have before the trace starts: what the recording tells of its size, or else the end of what was
   * read or mapped and not written before. 0 for a directory, and for what the program makes.
   */
  readonly sizeBytes: number;
  /** The program makes it: it is not there before the trace starts. */
  readonly isCreated: boolean;
  readonly isDirectory: boolean;
}

/** How much of each thing a trace holds. */
export interface TraceCounts {
  /** Loads of the program. An access that straddles two pages counts once. */
  readonly nrReads: number;
  /** Stores, and loads with a store to the same place. */
  readonly nrWrites: number;
  /** Instruction fetches. */
  readonly nrFetches: number;
  /** Accesses that straddle two pages: each adds one to the sum of the runs' counts. */
  readonly nrSplits: number;
  readonly nrRuns: number;
  readonly nrEvents: number;
  /** Calls that failed; they are not in the trace. */
  readonly nrFailedSyscalls: number;
  /**
   * Calls that are not in the trace although they succeeded: those that neither shape the address space nor work on
   * files, those on pipes, sockets, terminals, /dev, /proc and /sys, those of processes that are left out, and those that
   * never returned.
   */
  readonly nrSkippedSyscalls: number;
  /** Lines of the text it was compiled from; 0 for a synthetic trace. */
  readonly nrLines: number;
}

/** All that is known of a trace besides its blocks. */
export interface TraceMetadata {
  /** Command line of the traced program; empty when unknown. */
  readonly command: string;
  /** Where the trace comes from: `lackey`, `strace`, or the generator and its arguments. */
  readonly source: string;
  /** Recorder with its version, such as `Valgrind-3.19.0`; empty for a synthetic trace. */
  readonly recordedWith: string;
  readonly counts: TraceCounts;
  /** Distinct pages of the address space accessed; 0 for strace, which does not see accesses. */
  readonly nrFootprintPages: number;
  /** Distinct pages of files that read and write events touch. */
  readonly nrFilePages: number;
  /** The break before the first brk call, or 0 when the program never asks: a replay's mm->start_brk. */
  readonly startBrk: Vaddr;
  readonly files: readonly TraceFile[];
  /** Ascending, without overlap. */
  readonly initialRegions: readonly InitialRegion[];
}

/** Most runs in one block. */
export const MAX_BLOCK_RUNS = 65536;

/** Runs to replay: `nrRuns` pairs of words from `words[0]` (see contracts access-run.ts). Valid until the next block. */
export interface RunsBlock {
  readonly kind: "runs";
  readonly words: Int32Array;
  /** 1..MAX_BLOCK_RUNS. */
  readonly nrRuns: number;
}

/** A system call to replay. */
export interface SyscallBlock {
  readonly kind: "syscall";
  readonly event: SyscallEvent;
}

/** The next piece of a trace. */
export type TraceBlock = RunsBlock | SyscallBlock;

/** A trace to replay: a stored one, a compiled one, a generated one. */
export interface TraceSource {
  readonly metadata: TraceMetadata;
  /** Returns the next block in program order, or null at the end. */
  next(): TraceBlock | null;
  /** Goes back to before the first block. */
  rewind(): void;
}
