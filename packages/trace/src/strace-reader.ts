/**
 * Reads the text of strace and compiles it: calls on files and calls that shape address spaces, of all processes of the
 * log, without accesses, which strace does not see.
 *
 * Calls stand where they returned. Threads are numbered from 1 in the order in which they show; clone events tell which
 * process a thread is of. What execve(2) mapped does not show, so that calls that change it are left out and counted.
 * Calls that never return are left out too.
 */
import {
  CLONE_VFORK,
  CLONE_VM,
  EINVAL,
  KernelError,
  MAX_TRACE_BYTES,
  type SyscallEvent,
} from "@pageframe/contracts";
import { MalformedCall } from "./call-arguments.ts";
import { CompiledTrace } from "./compiled-trace.ts";
import { FileCalls } from "./file-calls.ts";
import { FileTable } from "./file-table.ts";
import { LineSplitter } from "./line-splitter.ts";
import { isMemoryCall, memoryEventOf, NR_MEMORY_ARGUMENTS } from "./memory-calls.ts";
import { applyToMm } from "./mapped-pages.ts";
import { CLONE_FLAGS } from "./number-names.ts";
import { RunLog } from "./run-log.ts";
import { SIGNAL_NUMBERS } from "./signal-numbers.ts";
import { StraceArguments, targetAt } from "./strace-arguments.ts";
import { parseCall, parseStraceLine, parseStraceResult, type StraceLine } from "./strace-line.ts";
import { StraceThreads } from "./strace-threads.ts";
import { type TracedThread } from "./traced-process.ts";

/** What {@link StraceReader} needs to know besides the text. */
export interface StraceReaderOptions {
  /** What errors call the text: its file name. */
  readonly sourceName: string;
  /** Command line for the metadata, when not the one that the first execve shows: to keep private paths out. */
  readonly command?: string;
}

/** A line longer than this is not strace's, unless somebody asked for strings as long. */
const MAX_LINE_CHARACTERS = 2 ** 24;
/** Words of a line shown in a complaint. */
const MAX_SHOWN_CHARACTERS = 80;
const ATTACHED_AT_END = /strace: Process (\d+) attached$/;

/** A call that has not returned. */
interface UnfinishedCall {
  readonly name: string;
  readonly args: string;
}

/** Compiles strace's text: `push` all chunks, then `end`. */
export class StraceReader {
  private readonly sourceName: string;
  private readonly hasCommand: boolean;
  private command: string;
  private readonly splitter = new LineSplitter();
  private readonly log = new RunLog();
  private readonly files = new FileTable();
  private readonly fileCalls = new FileCalls(this.files);
  private readonly threads = new StraceThreads();
  private readonly unfinished = new Map<TracedThread, UnfinishedCall>();
  /** Processes that called exit_group or were ended, by any of their threads. */
  private readonly ended = new Set<TracedThread["process"]>();
  /** Start of a line into which strace wrote a remark: what follows is the rest of it. */
  private interrupted = "";
  private isInSummary = false;
  private nrLines = 0;
  private nrCalls = 0;
  private nrFailedSyscalls = 0;
  private nrSkippedSyscalls = 0;
  private startBrk = 0;

  constructor(options: StraceReaderOptions) {
    this.sourceName = options.sourceName;
    this.hasCommand = options.command !== undefined;
    this.command = options.command ?? "";
  }

  /** Reads the next bytes of the text. Throws EINVAL with source, line number and text at a malformed line. */
  push(chunk: Uint8Array): void {
    for (const line of this.splitter.split(chunk)) {
      this.nrLines++;
      this.readLine(line);
    }
    if (this.splitter.rest.length > MAX_LINE_CHARACTERS) {
      this.nrLines++;
      this.fail(`a line of at most ${MAX_LINE_CHARACTERS} bytes (is this text?)`, this.splitter.rest);
    }
  }

  /** Ends the text and returns the trace. Throws EINVAL when the text stops inside a line or holds no call. */
  end(): CompiledTrace {
    if (this.splitter.rest !== "") {
      this.nrLines++;
      this.readLine(this.splitter.rest, " (is the file cut short?)");
    }
    if (this.nrCalls === 0) {
      throw new KernelError(
        EINVAL,
        `${this.sourceName}: no system call in ${this.nrLines} lines; record with strace -f -o LOG PROGRAM`,
      );
    }
    this.nrSkippedSyscalls += this.unfinished.size;
    const counts = {
      nrReads: 0,
      nrWrites: 0,
      nrFetches: 0,
      nrSplits: 0,
      nrRuns: 0,
      nrEvents: this.log.events.length,
      nrFailedSyscalls: this.nrFailedSyscalls,
      nrSkippedSyscalls: this.nrSkippedSyscalls,
      nrLines: this.nrLines,
    };
    const metadata = {
      command: this.command,
      source: "strace",
      recordedWith: "",
      counts,
      nrFootprintPages: 0,
      nrFilePages: this.files.countTouchedPages(),
      startBrk: this.startBrk,
      files: this.files.collectFiles(),
      initialRegions: [],
    };
    return new CompiledTrace(metadata, this.log);
  }

  private readLine(text: string, hint = ""): void {
    const line = this.interrupted + text;
    this.interrupted = "";
    if (line.trim() === "" || this.isInSummary) return;
    const attached = ATTACHED_AT_END.exec(line);
    if (attached !== null && attached.index > 0) {
      this.threads.announce(attached[1]);
      this.interrupted = line.slice(0, attached.index);
      return;
    }
    const parsed = parseStraceLine(line);
    if (parsed.kind === "malformed") this.fail(parsed.expected + hint, line);
    try {
      this.readParsed(parsed);
    } catch (error) {
      if (!(error instanceof MalformedCall)) throw error;
      this.fail(error.expected + hint, line);
    }
  }

  private readParsed(line: StraceLine): void {
    switch (line.kind) {
      case "call":
        this.readCall(this.threads.get(line.pid), line.name, line.args, line.result);
        break;
      case "unfinished":
        this.startCall(this.threads.get(line.pid), line.name, line.args);
        break;
      case "resumed":
        this.resumeCall(line.pid, line.name, line.rest);
        break;
      case "exited":
        this.endThread(line.pid, line.status);
        break;
      case "killed":
        this.endThread(line.pid, 128 + (SIGNAL_NUMBERS[line.signal] ?? 0));
        break;
      case "superseded":
        this.threads.supersede(line.pid, line.byPid);
        break;
      case "attached":
        this.threads.announce(line.pid);
        break;
      case "summary":
        this.isInSummary = true;
        break;
      case "other":
      case "malformed":
    }
  }

  private startCall(thread: TracedThread, name: string, args: string): void {
    this.addCloneEvents();
    const before = this.unfinished.get(thread);
    if (before !== undefined) this.nrSkippedSyscalls++;
    this.unfinished.set(thread, { name, args });
    const flags = cloneFlagsOf(name, args);
    if (flags !== undefined) this.threads.startClone(thread, flags);
  }

  /** A call whose beginning the log does not show (strace attached later) is left out. */
  private resumeCall(pid: string, name: string, rest: string): void {
    const thread = this.threads.get(pid, true);
    const started = this.unfinished.get(thread);
    this.unfinished.delete(thread);
    this.threads.endClone(thread);
    if (started?.name !== name) {
      this.nrSkippedSyscalls++;
      return;
    }
    const line = parseCall(pid, name, `${started.args}${rest}`);
    if (line.kind === "malformed") throw new MalformedCall(line.expected);
    if (line.kind === "call") this.readCall(thread, name, line.args, line.result);
    else this.startCall(thread, name, started.args);
  }

  private readCall(thread: TracedThread, name: string, argsText: string, resultText: string): void {
    this.addCloneEvents();
    this.nrCalls++;
    const result = parseStraceResult(resultText);
    if (result === null) throw new MalformedCall(`a number or '?' behind the equals sign of ${name}`);
    if (result.hasFailed) {
      this.nrFailedSyscalls++;
      return;
    }
    const events = this.fileCalls.events;
    events.length = 0;
    const flags = cloneFlagsOf(name, argsText);
    if (flags !== undefined) {
      this.threads.clone(thread, String(result.value), flags);
    } else if (name === "exit_group") {
      const args = new StraceArguments(name, argsText, undefined);
      this.exit(thread, args.nrArguments > 0 ? args.number(0) : 0);
    } else if (!Number.isNaN(result.value)) {
      const target = result.targetAt < 0 ? undefined : targetAt(resultText, result.targetAt);
      this.applyCall(thread, new StraceArguments(name, argsText, target), name, result.value);
    }
    if (events.some(hasHugeNumber)) throw new MalformedCall(`numbers below 2^52 in the call of ${name}`);
    const nrEvents = events.length + this.threads.events.length;
    if (nrEvents === 0) this.nrSkippedSyscalls++;
    this.addCloneEvents();
    this.addEvents(events);
  }

  private applyCall(thread: TracedThread, args: StraceArguments, name: string, result: number): void {
    const { mm } = thread.process;
    if (name === "execve") this.noteCommand(args);
    if (!isMemoryCall(name)) {
      this.fileCalls.apply(name, args, result, thread);
      return;
    }
    if (args.nrArguments < NR_MEMORY_ARGUMENTS[name]) {
      throw new MalformedCall(`${NR_MEMORY_ARGUMENTS[name]} arguments of ${name}`);
    }
    const event = memoryEventOf(name, args, result, thread, this.fileCalls);
    if (event.name === "brk" && this.startBrk === 0 && mm === this.threads.firstProcess.mm)
      this.startBrk = result;
    if (applyToMm(mm, event)) this.fileCalls.events.push(event);
  }

  private exit(thread: TracedThread, status: number): void {
    if (this.ended.has(thread.process)) return;
    this.ended.add(thread.process);
    this.fileCalls.exit(thread);
    this.fileCalls.events.push({ name: "exit_group", tid: thread.tid, status, result: 0 });
  }

  private endThread(pid: string, status: number): void {
    const thread = this.threads.get(pid);
    this.addCloneEvents();
    if (this.unfinished.delete(thread)) this.nrSkippedSyscalls++;
    if (!this.threads.end(pid)) return;
    this.fileCalls.events.length = 0;
    this.exit(thread, status);
    this.addEvents(this.fileCalls.events);
  }

  /** The command line is the first one that the log shows. */
  private noteCommand(args: StraceArguments): void {
    if (this.hasCommand || this.command !== "") return;
    this.command = (args.texts(1) ?? [args.path(0) ?? ""]).join(" ");
  }

  private addCloneEvents(): void {
    this.addEvents(this.threads.events);
    this.threads.events.length = 0;
  }

  private addEvents(events: readonly SyscallEvent[]): void {
    for (const event of events) this.log.addEvent(event);
  }

  private fail(expected: string, found: string): never {
    const shortened =
      found.length > MAX_SHOWN_CHARACTERS ? `${found.slice(0, MAX_SHOWN_CHARACTERS - 3)}...` : found;
    throw new KernelError(
      EINVAL,
      `${this.sourceName}:${this.nrLines}: expected ${expected}; found ${JSON.stringify(shortened)}`,
    );
  }
}

/** Tells whether a number of an event cannot be stored. */
function hasHugeNumber(event: SyscallEvent): boolean {
  return Object.values(event).some((value) => typeof value === "number" && Math.abs(value) > MAX_TRACE_BYTES);
}

/** CLONE_ bits of a call that makes a thread or process, or undefined when it is none. */
function cloneFlagsOf(name: string, argsText: string): number | undefined {
  switch (name) {
    case "fork":
      return 0;
    case "vfork":
      return CLONE_VM | CLONE_VFORK;
    case "clone":
    case "clone3": {
      const args = new StraceArguments(name, argsText, undefined);
      const flags = name === "clone" ? args.named("flags", CLONE_FLAGS) : args.field(0, "flags", CLONE_FLAGS);
      if (flags === undefined) throw new MalformedCall(`flags=CLONE_... in ${name}`);
      // The lowest byte is the signal that clone(2) sends to the parent.
      return flags - (flags % 256);
    }
    default:
      return undefined;
  }
}
