/**
 * A system call that shapes the address space or works on files, as the traced program made it. Only calls that
 * succeeded are events. Those of files are in file-event.ts.
 *
 * Numbers are Linux's own: bytes as the program passed them (not rounded to pages), `prot` PROT_ bits, `flags` MAP_ or
 * MREMAP_ bits. `result` is what the call returned: for mmap, mremap and brk the address it landed on. A replay that
 * wants the recorded addresses maps there with MAP_FIXED.
 */
import { type CloneEvent, type FileEvent } from "./file-event.ts";
import { type Vaddr } from "./units.ts";

/** Absence of a file: the mapping is anonymous, or not of a file. Zero is a valid file id. */
export const NO_FILE = -1;

/** What all events carry. */
interface SyscallEventBase {
  /** Thread that made the call, as the recorder numbers threads (lackey: from 1). */
  readonly tid: number;
  /** What the call returned: an address for mmap, mremap and brk, otherwise 0. */
  readonly result: Vaddr;
}

/** mmap(2): `result` is the mapping's first address. */
export interface MmapEvent extends SyscallEventBase {
  readonly name: "mmap";
  /** The hint, or with MAP_FIXED the demand; 0 when the kernel was free to choose. */
  readonly address: Vaddr;
  readonly lengthBytes: number;
  readonly prot: number;
  readonly flags: number;
  /** Index into `TraceMetadata.files`, or NO_FILE. Stays the same for one path over the whole trace. */
  readonly fileId: number;
  readonly offsetBytes: number;
}

/** munmap(2). */
export interface MunmapEvent extends SyscallEventBase {
  readonly name: "munmap";
  readonly address: Vaddr;
  readonly lengthBytes: number;
}

/** mprotect(2). */
export interface MprotectEvent extends SyscallEventBase {
  readonly name: "mprotect";
  readonly address: Vaddr;
  readonly lengthBytes: number;
  readonly prot: number;
}

/** brk(2): `address` 0 asks for the current break; `result` is the break afterwards. */
export interface BrkEvent extends SyscallEventBase {
  readonly name: "brk";
  readonly address: Vaddr;
}

/** mremap(2): `result` is the mapping's new first address. */
export interface MremapEvent extends SyscallEventBase {
  readonly name: "mremap";
  readonly address: Vaddr;
  readonly oldLengthBytes: number;
  readonly newLengthBytes: number;
  readonly flags: number;
  /** Where the caller wants it with MREMAP_FIXED, otherwise 0. */
  readonly newAddress: Vaddr;
}

/** madvise(2); `advice` is an MADV_ number. */
export interface MadviseEvent extends SyscallEventBase {
  readonly name: "madvise";
  readonly address: Vaddr;
  readonly lengthBytes: number;
  readonly advice: number;
}

/** exit_group(2): the thread's process ends. */
export interface ExitGroupEvent extends SyscallEventBase {
  readonly name: "exit_group";
  /** What it passed to exit; 128 and the signal's number when a signal ended it. */
  readonly status: number;
}

/** One call that shapes the address space. */
export type MemoryEvent =
  MmapEvent | MunmapEvent | MprotectEvent | BrkEvent | MremapEvent | MadviseEvent | ExitGroupEvent;

/** One call of a trace. */
export type SyscallEvent = MemoryEvent | FileEvent | CloneEvent;
