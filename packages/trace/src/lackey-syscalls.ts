/**
 * Reads the lines that Valgrind writes with `--trace-syscalls=yes`. Cold: per system call.
 *
 * One call takes one line, or two when its result comes later:
 *
 *     SYSCALL[PID,TID](NR) sys_munmap ( 0x483c000, 39015 )[sync] --> Success(0x0)
 *     SYSCALL[PID,TID](NR) sys_openat ( 4294967196, 0x40290b1(/etc/ld.so.cache), 524288 ) --> [async] ...
 *     SYSCALL[PID,TID](NR) ... [async] --> Success(0x4)
 *     SYSCALL[PID,TID](NR) unimplemented (by the kernel) syscall: 334! (ni_syscall)
 *      --> [pre-fail] Failure(0x26)
 *
 * An event stands where the call's result stands. Calls of another process (a forked child writes to the same log) and
 * calls whose result never comes are skipped.
 * Source: Valgrind 3.19 coregrind/m_syswrap/syswrap-main.c, VG_(client_syscall)(); formats of the arguments in
 * syswrap-generic.c and syswrap-linux.c.
 */
import { MAP_ANONYMOUS, NO_FILE, type SyscallEvent } from "@pageframe/contracts";
import { type FileTable } from "./file-table.ts";

/** A call whose result has not been read yet. */
interface PendingCall {
  readonly pid: number;
  readonly tid: number;
  /** Name and arguments, such as `sys_brk ( 0x0 )`. */
  readonly call: string;
}

/** How many numeric arguments each shaping call must print; a path counts as one. */
const NR_ARGUMENTS = { brk: 1, exit_group: 1, madvise: 3, mmap: 6, mprotect: 3, mremap: 4, munmap: 2 };

/** Reads system-call lines one after the other and turns those that shape the address space into events. */
export class LackeySyscalls {
  nrFailedSyscalls = 0;
  nrSkippedSyscalls = 0;
  readonly #files: FileTable;
  /** Process whose calls count: the first one seen. */
  #pid = -1;
  /** Calls that returned to the scheduler (`[async] ...`), by `pid,tid`. */
  readonly #async = new Map<string, PendingCall>();
  /** The call whose result is on the next line, without a header. */
  #open: PendingCall | null = null;

  constructor(files: FileTable) {
    this.#files = files;
  }

  /**
   * Reads one line. Returns the event that it completes, null when there is none, or a string that says what was
   * expected when the line is malformed.
   */
  readLine(line: string): SyscallEvent | null | string {
    if (line.startsWith(" -->")) return this.#readResultLine(line);
    const header = /^SYSCALL\[(\d+),(\d+)\]\( *\d+\) (.*)$/.exec(line);
    if (header === null) return "'SYSCALL[pid,tid](nr) name ( arguments ) --> result'";
    this.#skipOpen();
    const pid = Number(header[1]);
    const tid = Number(header[2]);
    const text = header[3];
    if (this.#pid < 0) this.#pid = pid;
    const key = `${pid},${tid}`;
    if (text.startsWith("... [async] -->")) {
      const pending = this.#async.get(key);
      if (pending === undefined)
        return "a line 'SYSCALL[...] name ( arguments ) --> [async] ...' before this one";
      this.#async.delete(key);
      return this.#complete(pending, text);
    }
    const arrow = text.lastIndexOf("-->");
    const call = arrow < 0 ? text : text.slice(0, arrow);
    const pending: PendingCall = { pid, tid, call: call.replace(/\[sync\] *$/, "").trim() };
    if (arrow < 0) {
      this.#open = pending;
      return null;
    }
    if (/^--> \[async\] \.\.\. *$/.test(text.slice(arrow))) {
      this.#async.set(key, pending);
      return null;
    }
    return this.#complete(pending, text.slice(arrow));
  }

  /** Counts the calls whose result never came. */
  end(): void {
    this.#skipOpen();
    this.nrSkippedSyscalls += this.#async.size;
    this.#async.clear();
  }

  #skipOpen(): void {
    if (this.#open !== null) this.nrSkippedSyscalls++;
    this.#open = null;
  }

  #readResultLine(line: string): SyscallEvent | null | string {
    const pending = this.#open;
    this.#open = null;
    // After fork the child writes its own copy of the parent's result line: nothing is open then.
    return pending === null ? null : this.#complete(pending, line);
  }

  #complete(pending: PendingCall, resultText: string): SyscallEvent | null | string {
    const result = /(Success|Failure)\((0x[0-9a-f]+)(?::0x[0-9a-f]+)?\) *$/.exec(resultText);
    if (result === null) return "'--> Success(0x...)' or '--> Failure(0x...)' at the end of the line";
    if (pending.pid !== this.#pid) {
      this.nrSkippedSyscalls++;
      return null;
    }
    if (result[1] === "Failure") {
      this.nrFailedSyscalls++;
      return null;
    }
    const event = this.#eventOf(pending, Number(result[2]));
    if (event === null) this.nrSkippedSyscalls++;
    return event;
  }

  #eventOf({ tid, call }: PendingCall, result: number): SyscallEvent | null | string {
    const name = /^(?:sys_)?(\w*)/.exec(call)![1];
    if (name === "open" || name === "openat") {
      const path = /0x[0-9a-f]+\((.*)\), /.exec(call);
      if (path !== null) this.#files.open(result, utf8Of(path[1]));
      return null;
    }
    const args = numbersOf(call);
    if (name === "close" && args.length === 1) this.#files.close(args[0] | 0);
    if (!isShaping(name)) return null;
    const nrArguments = NR_ARGUMENTS[name];
    const [address, lengthBytes] = args;
    const isSane = args.length >= nrArguments && args.every(Number.isSafeInteger) && !(lengthBytes < 0);
    if (!isSane || (address < 0 && name !== "exit_group")) {
      return `${nrArguments} numbers in parentheses after ${name}, addresses and lengths not negative`;
    }
    switch (name) {
      case "mmap": {
        const [, , prot, flags, fd, offsetBytes] = args;
        const fileId = (flags & MAP_ANONYMOUS) !== 0 ? NO_FILE : this.#files.fileIdOfFd(fd | 0);
        if (fileId !== NO_FILE) this.#files.noteMapped(fileId, offsetBytes, lengthBytes);
        return { name, tid, address, lengthBytes, prot, flags, fileId, offsetBytes, result };
      }
      case "munmap":
        return { name, tid, address, lengthBytes, result: 0 };
      case "mprotect":
        return { name, tid, address, lengthBytes, prot: args[2], result: 0 };
      case "madvise":
        return { name, tid, address, lengthBytes, advice: args[2], result: 0 };
      case "brk":
        return { name, tid, address, result };
      case "mremap": {
        const [, , newLengthBytes, flags] = args;
        const newAddress = args.length > 4 ? args[4] : 0;
        return { name, tid, address, oldLengthBytes: lengthBytes, newLengthBytes, flags, newAddress, result };
      }
      case "exit_group":
        return { name, tid, status: address, result: 0 };
    }
  }
}

function isShaping(name: string): name is keyof typeof NR_ARGUMENTS {
  return Object.hasOwn(NR_ARGUMENTS, name);
}

/** Numbers between a call's outer parentheses; NaN where there is something else. */
function numbersOf(call: string): number[] {
  const inside = /\( (.*) \)/.exec(call);
  if (inside === null) return [];
  return inside[1].split(", ").map((argument) => {
    const digits = argument.trim();
    return /^-?\d+$|^0x[0-9a-f]+$/.test(digits) ? Number(digits) : NaN;
  });
}

/** Text whose characters are the bytes of UTF-8; bytes that are not UTF-8 stay one character each. */
function utf8Of(bytes: string): string {
  try {
    return decodeURIComponent(bytes.replace(/[^a-z0-9]/gi, (byte) => `%${hexOf(byte.charCodeAt(0))}`));
  } catch {
    return bytes;
  }
}

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
