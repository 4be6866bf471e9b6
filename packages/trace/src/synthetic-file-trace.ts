/**
 * Generates small traces of file work of known shape, for tests and teaching. Cold. The same options give the same trace.
 *
 * They have calls on files only: no accesses and no mappings.
 */
import {
  EINVAL,
  KernelError,
  O_CREAT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type SyscallEvent,
  type TraceFile,
} from "@pageframe/contracts";
import { CompiledTrace } from "./compiled-trace.ts";
import { FileTable } from "./file-table.ts";
import { O_APPEND } from "./number-names.ts";
import { RunLog } from "./run-log.ts";
import { mulberry32 } from "./synthetic-trace.ts";

/** What a trace that reads one file has. */
export interface FileReadTraceOptions {
  /** Size of the file, 1..2^40. */
  readonly fileBytes: number;
  /** Bytes of one read, 1..2^30. */
  readonly requestBytes: number;
}

/** What a trace that reads one file at random has besides. */
export interface RandomFileTraceOptions extends FileReadTraceOptions {
  /** Reads, 1..2^24. */
  readonly nrRequests: number;
  /** Seed of all randomness, a 32-bit integer; 1 when absent. */
  readonly seed?: number;
}

/** What a trace that appends to a log has. */
export interface LogFileTraceOptions {
  /** Records, 1..2^24. */
  readonly nrRecords: number;
  /** Bytes of one record, 1..2^30. */
  readonly recordBytes: number;
  /** Records between calls of fsync; 1 when absent. */
  readonly recordsPerSync?: number;
}

/** What a trace like that of a compilation has. */
export interface CompileFileTraceOptions {
  /** Sources, each read once and turned into one object file, 1..2^20. */
  readonly nrSources: number;
  /** Headers, all read for every source, 0..2^16; calls grow with the product. */
  readonly nrHeaders: number;
  /** Size of every file, 1..2^30. */
  readonly fileBytes: number;
}

const MAX_CALLS = 2 ** 24;
const MAX_FILE_BYTES = 2 ** 40;
const MAX_REQUEST_BYTES = 2 ** 30;
/** What stdio and compilers read at a time. */
const STDIO_BYTES = 4096;

/** Generates one pass over a file: open, read until it ends, close. */
export function sequentialFileTrace(options: FileReadTraceOptions): CompiledTrace {
  const { fileBytes, requestBytes } = options;
  checkAll([
    ["fileBytes", fileBytes, 1, MAX_FILE_BYTES],
    ["requestBytes", requestBytes, 1, MAX_REQUEST_BYTES],
    ["fileBytes / requestBytes", Math.ceil(fileBytes / requestBytes), 1, MAX_CALLS],
  ]);
  const work = new FileWork();
  const fileId = work.addExisting("data", fileBytes);
  work.readWhole(fileId, requestBytes);
  return work.finish("sequential file", options);
}

/** Generates reads at random multiples of `requestBytes`, all alike. */
export function randomFileTrace(options: RandomFileTraceOptions): CompiledTrace {
  const { fileBytes, requestBytes, nrRequests, seed = 1 } = options;
  checkAll([
    ["fileBytes", fileBytes, 1, MAX_FILE_BYTES],
    ["requestBytes", requestBytes, 1, Math.min(fileBytes, MAX_REQUEST_BYTES)],
    ["nrRequests", nrRequests, 1, MAX_CALLS],
    ["seed", seed, -(2 ** 31), 2 ** 32 - 1],
  ]);
  const random = mulberry32(seed);
  const work = new FileWork();
  const fileId = work.addExisting("data", fileBytes);
  const openId = work.open(fileId, O_RDONLY);
  const nrPlaces = Math.floor(fileBytes / requestBytes);
  for (let request = 0; request < nrRequests; request++) {
    work.read(fileId, openId, Math.floor(random() * nrPlaces) * requestBytes, requestBytes);
  }
  work.close(fileId, openId);
  return work.finish("random file", options);
}

/** Generates a log that is appended to, with fsync after every few records. */
export function logFileTrace(options: LogFileTraceOptions): CompiledTrace {
  const { nrRecords, recordBytes, recordsPerSync = 1 } = options;
  checkAll([
    ["nrRecords", nrRecords, 1, MAX_CALLS],
    ["recordBytes", recordBytes, 1, MAX_REQUEST_BYTES],
    ["recordsPerSync", recordsPerSync, 1, MAX_CALLS],
  ]);
  const work = new FileWork();
  const fileId = work.addCreated("log");
  const openId = work.open(fileId, O_WRONLY | O_CREAT | O_APPEND);
  for (let record = 0; record < nrRecords; record++) {
    work.write(fileId, openId, record * recordBytes, recordBytes);
    if ((record + 1) % recordsPerSync === 0) work.push({ name: "fsync", tid: 1, fileId, openId });
  }
  work.close(fileId, openId);
  return work.finish("log file", options);
}

/** Generates what a compiler does, source by source: reads it and all headers, writes an object file. */
export function compileFileTrace(options: CompileFileTraceOptions): CompiledTrace {
  const { nrSources, nrHeaders, fileBytes } = options;
  checkAll([
    ["nrSources", nrSources, 1, 2 ** 20],
    ["nrHeaders", nrHeaders, 0, 2 ** 16],
    ["fileBytes", fileBytes, 1, MAX_REQUEST_BYTES],
    ["calls", nrSources * (nrHeaders + 2) * (Math.ceil(fileBytes / STDIO_BYTES) + 3), 1, MAX_CALLS],
  ]);
  const work = new FileWork();
  const headerIds = Array.from({ length: nrHeaders }, (_, header) =>
    work.addExisting(`include/${header}.h`, fileBytes),
  );
  for (let source = 0; source < nrSources; source++) {
    work.readWhole(work.addExisting(`${source}.c`, fileBytes), STDIO_BYTES);
    for (const headerId of headerIds) work.readWhole(headerId, STDIO_BYTES);
    const objectId = work.addCreated(`${source}.o`);
    const openId = work.open(objectId, O_WRONLY | O_CREAT | O_TRUNC);
    for (let at = 0; at < fileBytes; at += STDIO_BYTES) {
      work.write(objectId, openId, at, Math.min(STDIO_BYTES, fileBytes - at));
    }
    work.close(objectId, openId);
  }
  return work.finish("compile files", options);
}

/** Collects events of one thread and the files they work on. */
class FileWork {
  private readonly log = new RunLog();
  private readonly files = new FileTable();
  private nrOpens = 0;

  addExisting(name: string, sizeBytes: number): number {
    const fileId = this.files.idOf(name);
    this.files.noteSize(fileId, sizeBytes);
    return fileId;
  }

  addCreated(name: string): number {
    return this.files.idOfCreated(name);
  }

  push(event: SyscallEvent): void {
    this.log.addEvent(event);
  }

  open(fileId: number, flags: number): number {
    this.push({ name: "open", tid: 1, fileId, openId: this.nrOpens, flags });
    return this.nrOpens++;
  }

  close(fileId: number, openId: number): void {
    this.push({ name: "close", tid: 1, fileId, openId });
  }

  /** Reads as much of `requestedBytes` as there is. */
  read(fileId: number, openId: number, offsetBytes: number, requestedBytes: number): void {
    const leftBytes = Math.max(0, this.files.sizeBytesOf(fileId) - offsetBytes);
    const lengthBytes = Math.min(requestedBytes, leftBytes);
    this.push({ name: "read", tid: 1, fileId, openId, offsetBytes, lengthBytes, requestedBytes });
    this.files.noteRead(fileId, offsetBytes, lengthBytes, requestedBytes);
  }

  write(fileId: number, openId: number, offsetBytes: number, lengthBytes: number): void {
    this.push({ name: "write", tid: 1, fileId, openId, offsetBytes, lengthBytes });
    this.files.noteWritten(fileId, offsetBytes, lengthBytes);
  }

  /** Reads a file until a read returns nothing, as cat(1) does. */
  readWhole(fileId: number, requestBytes: number): void {
    const openId = this.open(fileId, O_RDONLY);
    const sizeBytes = this.files.sizeBytesOf(fileId);
    for (let at = 0; at < sizeBytes; at += requestBytes) this.read(fileId, openId, at, requestBytes);
    this.read(fileId, openId, sizeBytes, requestBytes);
    this.close(fileId, openId);
  }

  finish(name: string, options: object): CompiledTrace {
    const files: readonly TraceFile[] = this.files.collectFiles();
    const metadata = {
      command: "",
      source: `${name} ${JSON.stringify(options)}`,
      recordedWith: "",
      counts: {
        nrReads: 0,
        nrWrites: 0,
        nrFetches: 0,
        nrSplits: 0,
        nrRuns: 0,
        nrEvents: this.log.events.length,
        nrFailedSyscalls: 0,
        nrSkippedSyscalls: 0,
        nrLines: 0,
      },
      nrFootprintPages: 0,
      nrFilePages: this.files.countTouchedPages(),
      startBrk: 0,
      files,
      initialRegions: [],
    };
    return new CompiledTrace(metadata, this.log);
  }
}

/** Throws EINVAL with all options that are no integer in their range: name, value, lowest, highest. */
function checkAll(options: readonly (readonly [string, number, number, number])[]): void {
  const problems = options
    .filter(([, value, min, max]) => !Number.isInteger(value) || value < min || value > max)
    .map(([name, value, min, max]) => `${name} (${value}) must be an integer from ${min} to ${max}`);
  if (problems.length > 0) throw new KernelError(EINVAL, problems.join("; "));
}
