/**
 * What recorded calls do to the bytes of files: where they read and write, and how long files are. Cold: per system call.
 *
 * Positions are followed per open file: what read(2) and write(2) leave it at, where lseek(2) puts it, the end of the file
 * for O_APPEND. Lengths are what the calls returned.
 */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MAX_TRACE_BYTES,
  type SyscallEvent,
} from "@pageframe/contracts";
import { type CallArguments, NULL_POINTER, UNKNOWN_OFFSET } from "./call-arguments.ts";
import { type OpenFile } from "./descriptors.ts";
import { type FileTable } from "./file-table.ts";
import {
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_MODES,
  FILE_ADVICE,
  SEEK_END,
  SYNC_RANGE_FLAGS,
  WHENCES,
} from "./number-names.ts";
import { type OpenFiles } from "./open-files.ts";
import { type TracedThread } from "./traced-process.ts";

/** An offset that says "at the position": what preadv2(2) takes for it, and a pointer to none. */
export const AT_POSITION = NULL_POINTER;

/** Appends the events of calls on bytes to `events`. */
export class FileIo {
  private readonly files: FileTable;
  private readonly open: OpenFiles;
  private readonly events: SyscallEvent[];

  constructor(files: FileTable, open: OpenFiles, events: SyscallEvent[]) {
    this.files = files;
    this.open = open;
    this.events = events;
  }

  /** `offsetBytes` may be AT_POSITION, or UNKNOWN_OFFSET: then the call is left out. */
  read(
    { tid }: TracedThread,
    file: OpenFile | undefined,
    offsetBytes: number,
    lengthBytes: number,
    askedBytes: number | undefined,
  ): void {
    if (file === undefined || offsetBytes === UNKNOWN_OFFSET) return;
    const isAtPosition = offsetBytes === AT_POSITION;
    const start = isAtPosition ? file.positionBytes : offsetBytes;
    if (isAtPosition) file.positionBytes += lengthBytes;
    const requestedBytes = Math.min(askedBytes ?? lengthBytes, MAX_TRACE_BYTES);
    const { fileId, openId } = file;
    this.events.push({ name: "read", tid, fileId, openId, offsetBytes: start, lengthBytes, requestedBytes });
    this.files.noteRead(fileId, start, lengthBytes, requestedBytes);
  }

  write({ tid }: TracedThread, file: OpenFile | undefined, offsetBytes: number, lengthBytes: number): void {
    if (file === undefined || offsetBytes === UNKNOWN_OFFSET || lengthBytes === 0) return;
    const { fileId, openId } = file;
    const isAtPosition = offsetBytes === AT_POSITION;
    // Also pwrite(2) appends to a file opened with O_APPEND (its BUGS section).
    let start = isAtPosition ? file.positionBytes : offsetBytes;
    if (file.isAppend) start = this.files.sizeBytesOf(fileId);
    if (isAtPosition) file.positionBytes = start + lengthBytes;
    this.events.push({ name: "write", tid, fileId, openId, offsetBytes: start, lengthBytes });
    this.files.noteWritten(fileId, start, lengthBytes);
  }

  seek(file: OpenFile | undefined, args: CallArguments, result: number): void {
    if (file === undefined) return;
    file.positionBytes = result;
    const endBytes = result - args.number(1);
    if (args.number(2, WHENCES) === SEEK_END && endBytes >= 0) this.files.noteSize(file.fileId, endBytes);
  }

  truncate(tid: number, fileId: number | undefined, lengthBytes: number): void {
    if (fileId === undefined) return;
    this.events.push({ name: "truncate", tid, fileId, lengthBytes: Math.min(lengthBytes, MAX_TRACE_BYTES) });
    this.files.noteTruncated(fileId, lengthBytes);
  }

  fallocate(thread: TracedThread, args: CallArguments): void {
    const file = this.open.provenFileOf(thread, args, 0);
    if (file === undefined) return;
    const { fileId, openId } = file;
    const mode = args.number(1, FALLOC_MODES);
    const offsetBytes = bytesOf(args, 2);
    const lengthBytes = bytesOf(args, 3);
    const { files } = this;
    this.events.push({ name: "fallocate", tid: thread.tid, fileId, openId, mode, offsetBytes, lengthBytes });
    if ((mode & FALLOC_FL_COLLAPSE_RANGE) !== 0) {
      files.noteTruncated(fileId, Math.max(0, files.sizeBytesOf(fileId) - lengthBytes));
    } else if ((mode & FALLOC_FL_INSERT_RANGE) !== 0) {
      files.noteGrown(fileId, files.sizeBytesOf(fileId) + lengthBytes);
    } else if ((mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) === 0) {
      files.noteGrown(fileId, offsetBytes + lengthBytes);
    }
  }

  advise(
    name: "sync_file_range" | "fadvise64" | "readahead",
    thread: TracedThread,
    args: CallArguments,
  ): void {
    const file = this.open.provenFileOf(thread, args, 0);
    if (file === undefined) return;
    const { tid } = thread;
    const { fileId, openId } = file;
    const range = { tid, fileId, openId, offsetBytes: bytesOf(args, 1), lengthBytes: bytesOf(args, 2) };
    switch (name) {
      case "sync_file_range":
        this.events.push({ name, ...range, flags: args.number(3, SYNC_RANGE_FLAGS) });
        break;
      case "fadvise64":
        this.events.push({ name, ...range, advice: args.number(3, FILE_ADVICE) });
        break;
      case "readahead":
        this.events.push({ name, ...range });
    }
  }

  statDescriptor(thread: TracedThread, args: CallArguments, statIndex: number): void {
    const shown = args.stat(statIndex);
    if (shown === undefined || !(shown.isRegular || shown.isDirectory)) return;
    const { open } = this;
    const file = shown.isRegular ? open.provenFileOf(thread, args, 0) : open.fileOf(thread, args, 0);
    if (file !== undefined) this.files.noteStat(file.fileId, shown.sizeBytes, shown.isDirectory);
  }

  statPath(thread: TracedThread, args: CallArguments, dirIndex: number, statIndex: number): void {
    const shown = args.stat(statIndex);
    const path = this.open.resolve(thread, args, dirIndex, dirIndex + 1);
    if (shown === undefined || path === undefined || !(shown.isRegular || shown.isDirectory)) return;
    this.files.noteStatOfPath(this.files.follow(path), shown.sizeBytes, shown.isDirectory);
  }
}

/** A length or offset, cut down to what a trace holds. */
export function bytesOf(args: CallArguments, index: number): number {
  return Math.min(args.count(index), MAX_TRACE_BYTES);
}
