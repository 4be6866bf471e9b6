/**
 * The processes of a recording: which thread is of which process, and what fork(2) copies or shares. Cold.
 *
 * Source: clone(2); Linux 6.18 kernel/fork.c, copy_files(), copy_fs(), copy_mm().
 */
import { CLONE_FILES, CLONE_FS, CLONE_THREAD, CLONE_VM } from "@pageframe/contracts";
import { DescriptorTable, type OpenFile } from "./descriptors.ts";
import { VpnRanges } from "./vpn-ranges.ts";

/** One process, or thread group. */
export interface TracedProcess {
  descriptors: DescriptorTable;
  /** Working directory, shared with CLONE_FS; "" where the program started. */
  fs: { workingDirectory: string };
  /** Address space, shared with CLONE_VM. */
  mm: TracedMm;
  /** Threads that live. */
  nrThreads: number;
}

/** What a recording shows of an address space. */
export interface TracedMm {
  /** Pages that recorded calls have mapped now. */
  readonly mapped: VpnRanges;
  /** The break after the last brk call, or 0. */
  brk: number;
}

/** One thread. */
export interface TracedThread {
  readonly tid: number;
  process: TracedProcess;
}

/** Makes the process that a recording starts with. */
export function newProcess(): TracedProcess {
  return { descriptors: new DescriptorTable(), fs: { workingDirectory: "" }, mm: newMm(), nrThreads: 1 };
}

/** Makes the process of a new thread: the same one with CLONE_THREAD, otherwise one with copies of what is not shared. */
export function cloneProcess(parent: TracedProcess, flags: number): TracedProcess {
  if ((flags & CLONE_THREAD) !== 0) {
    parent.nrThreads++;
    return parent;
  }
  const { descriptors, fs, mm } = parent;
  return {
    descriptors: (flags & CLONE_FILES) !== 0 ? descriptors.share() : descriptors.copy(),
    fs: (flags & CLONE_FS) !== 0 ? fs : { ...fs },
    mm: (flags & CLONE_VM) !== 0 ? mm : { mapped: mm.mapped.copy(), brk: mm.brk },
    nrThreads: 1,
  };
}

/** A process executes another program. Returns the open files that went. */
export function execProcess(process: TracedProcess): OpenFile[] {
  process.mm = newMm();
  process.nrThreads = 1;
  if (process.descriptors.isShared) {
    const own = process.descriptors.copy();
    process.descriptors.release();
    process.descriptors = own;
  }
  return process.descriptors.exec();
}

function newMm(): TracedMm {
  return { mapped: new VpnRanges(), brk: 0 };
}
