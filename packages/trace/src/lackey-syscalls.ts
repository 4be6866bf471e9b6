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
import { type SyscallEvent } from "@pageframe/contracts";
import { MalformedCall } from "./call-arguments.ts";
import { FileCalls } from "./file-calls.ts";
import { type FileTable } from "./file-table.ts";
import { LackeyArguments } from "./lackey-arguments.ts";
import { isMemoryCall, memoryEventOf, NR_MEMORY_ARGUMENTS } from "./memory-calls.ts";
import { newProcess, type TracedProcess } from "./traced-process.ts";

/** A call whose result has not been read yet. */
interface PendingCall {
  readonly pid: number;
  readonly tid: number;
  /** Name and arguments, such as `sys_brk ( 0x0 )`. */
  readonly call: string;
}

/** Reads system-call lines one after the other and turns those that shape the address space or work on files into events. */
export class LackeySyscalls {
  nrFailedSyscalls = 0;
  nrSkippedSyscalls = 0;
  /** Events of the line read last. */
  readonly events: SyscallEvent[];
  readonly #fileCalls: FileCalls;
  readonly #process: TracedProcess = newProcess();
  /** Process whose calls count: the first one seen. */
  #pid = -1;
  /** Calls that returned to the scheduler (`[async] ...`), by `pid,tid`. */
  readonly #async = new Map<string, PendingCall>();
  /** The call whose result is on the next line, without a header. */
  #open: PendingCall | null = null;

  constructor(files: FileTable) {
    this.#fileCalls = new FileCalls(files);
    this.events = this.#fileCalls.events;
  }

  /**
   * Reads one line; the events that it completes are in `events` afterwards. Returns null, or a string that says what
   * was expected when the line is malformed.
   */
  readLine(line: string): string | null {
    this.events.length = 0;
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

  #readResultLine(line: string): string | null {
    const pending = this.#open;
    this.#open = null;
    // After fork the child writes its own copy of the parent's result line: nothing is open then.
    return pending === null ? null : this.#complete(pending, line);
  }

  #complete(pending: PendingCall, resultText: string): string | null {
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
    const malformed = this.#apply(pending, Number(result[2]));
    if (malformed === null && this.events.length === 0) this.nrSkippedSyscalls++;
    return malformed;
  }

  #apply({ tid, call }: PendingCall, result: number): string | null {
    const name = /^(?:sys_)?(\w*)/.exec(call)![1];
    const thread = { tid, process: this.#process };
    const isMemory = isMemoryCall(name);
    const nrArguments = isMemory ? NR_MEMORY_ARGUMENTS[name] : 0;
    const expected = `${nrArguments} numbers in parentheses after ${name}, addresses and lengths not negative`;
    const args = new LackeyArguments(call, expected);
    try {
      if (!isMemory) {
        this.#fileCalls.apply(name, args, result, thread);
      } else if (args.nrArguments < nrArguments) {
        return expected;
      } else {
        const event = memoryEventOf(name, args, result, thread, this.#fileCalls);
        if (name === "exit_group") this.#fileCalls.exit(thread);
        this.events.push(event);
      }
    } catch (error) {
      if (!(error instanceof MalformedCall)) throw error;
      // Valgrind writes some calls in forms of their own; only those that shape the address space must be understood.
      return isMemory ? expected : null;
    }
    return null;
  }
}
