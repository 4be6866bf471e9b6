/**
 * Turns recorded calls on files into events: looks up what each call means. Cold: per system call.
 *
 * Descriptors are followed by open-files.ts, bytes by file-io.ts, names by file-names.ts.
 */
import { NO_FILE, O_CREAT, O_TRUNC, O_WRONLY, type SyscallEvent } from "@pageframe/contracts";
import { type CallArguments } from "./call-arguments.ts";
import { AT_POSITION, bytesOf, FileIo } from "./file-io.ts";
import { FileNames } from "./file-names.ts";
import { type FileTable } from "./file-table.ts";
import { MSYNC_FLAGS, O_CLOEXEC, OPEN_FLAGS, RENAME_FLAGS } from "./number-names.ts";
import { OpenFiles } from "./open-files.ts";
import { type TracedThread } from "./traced-process.ts";

const MFD_CLOEXEC = 1;

/** Follows calls on files; the events of a call are in `events` afterwards. */
export class FileCalls {
  readonly events: SyscallEvent[] = [];
  readonly open: OpenFiles;
  private readonly files: FileTable;
  private readonly io: FileIo;
  private readonly names: FileNames;

  constructor(files: FileTable) {
    this.files = files;
    this.open = new OpenFiles(files, this.events);
    this.io = new FileIo(files, this.open, this.events);
    this.names = new FileNames(files, this.open, this.events);
  }

  /**
   * Reads a call that succeeded and appends its events, none when it has no effect on files. Throws MalformedCall when
   * its arguments cannot be read.
   */
  apply(name: string, args: CallArguments, result: number, thread: TracedThread): void {
    const { open, io, names, events } = this;
    const { tid } = thread;
    switch (name) {
      case "open":
        open.open(thread, args, -1, args.number(1, OPEN_FLAGS), result);
        break;
      case "creat":
        open.open(thread, args, -1, O_CREAT | O_WRONLY | O_TRUNC, result);
        break;
      case "openat":
        open.open(thread, args, 0, args.number(2, OPEN_FLAGS), result);
        break;
      case "openat2":
        open.open(thread, args, 0, args.field(2, "flags", OPEN_FLAGS) ?? 0, result);
        break;
      case "memfd_create":
        open.memfd(thread, args, result, (args.knownNumber(1, MEMFD_FLAGS) ?? 0) === MFD_CLOEXEC);
        break;
      case "close":
        open.close(thread, args.fd(0));
        break;
      case "close_range":
        open.closeRange(thread, args);
        break;
      case "dup":
      case "dup2":
        open.duplicate(thread, args, result, false);
        break;
      case "dup3":
        open.duplicate(thread, args, result, (args.number(2, OPEN_FLAGS) & O_CLOEXEC) !== 0);
        break;
      case "fcntl":
      case "fcntl64":
        open.fcntl(thread, args, result);
        break;

      case "read":
        io.read(thread, open.fileOf(thread, args, 0), AT_POSITION, result, args.count(2));
        break;
      case "readv":
        io.read(thread, open.fileOf(thread, args, 0), AT_POSITION, result, args.iovecBytes(1));
        break;
      case "pread":
      case "pread64":
        io.read(thread, open.provenFileOf(thread, args, 0), args.count(3), result, args.count(2));
        break;
      case "preadv":
      case "preadv2":
        io.read(thread, open.fileOf(thread, args, 0), offsetOf(args, 3), result, args.iovecBytes(1));
        break;
      case "write":
      case "writev":
        io.write(thread, open.fileOf(thread, args, 0), AT_POSITION, result);
        break;
      case "pwrite":
      case "pwrite64":
        io.write(thread, open.provenFileOf(thread, args, 0), args.count(3), result);
        break;
      case "pwritev":
      case "pwritev2":
        io.write(thread, open.fileOf(thread, args, 0), offsetOf(args, 3), result);
        break;
      case "sendfile":
      case "sendfile64":
        io.read(thread, open.fileOf(thread, args, 1), args.pointedOffset(2), result, undefined);
        io.write(thread, open.fileOf(thread, args, 0), AT_POSITION, result);
        break;
      case "copy_file_range":
      case "splice":
        io.read(thread, open.fileOf(thread, args, 0), args.pointedOffset(1), result, undefined);
        io.write(thread, open.fileOf(thread, args, 2), args.pointedOffset(3), result);
        break;
      case "lseek":
        io.seek(open.fileOf(thread, args, 0), args, result);
        break;

      case "ftruncate":
      case "ftruncate64":
        io.truncate(tid, open.provenFileOf(thread, args, 0)?.fileId, args.count(1));
        break;
      case "truncate":
      case "truncate64":
        io.truncate(tid, names.fileIdAt(thread, args, -1, 0), args.count(1));
        break;
      case "fallocate":
        io.fallocate(thread, args);
        break;
      case "fsync":
      case "fdatasync": {
        const file = open.provenFileOf(thread, args, 0);
        if (file !== undefined) events.push({ name, tid, fileId: file.fileId, openId: file.openId });
        break;
      }
      case "sync":
      case "syncfs":
        events.push({ name: "sync", tid });
        break;
      case "sync_file_range":
      case "fadvise64":
      case "readahead":
        io.advise(name, thread, args);
        break;
      case "msync": {
        const flags = args.number(2, MSYNC_FLAGS);
        events.push({ name, tid, address: args.count(0), lengthBytes: bytesOf(args, 1), flags });
        break;
      }

      case "fstat":
      case "fstat64":
        io.statDescriptor(thread, args, 1);
        break;
      case "stat":
      case "stat64":
      case "lstat":
      case "lstat64":
        io.statPath(thread, args, -1, 1);
        break;
      case "newfstatat":
      case "fstatat64":
        if (args.path(1) === "") io.statDescriptor(thread, args, 2);
        else io.statPath(thread, args, 0, 2);
        break;
      case "statx":
        if (args.path(1) === "") io.statDescriptor(thread, args, 4);
        else io.statPath(thread, args, 0, 4);
        break;

      case "rename":
        names.rename(thread, args, -1, -1, 0);
        break;
      case "renameat":
        names.rename(thread, args, 0, 2, 0);
        break;
      case "renameat2":
        names.rename(thread, args, 0, 2, args.number(4, RENAME_FLAGS));
        break;
      case "link":
        names.link(open.resolve(thread, args, -1, 0), open.resolve(thread, args, -1, 1));
        break;
      case "linkat":
        names.link(open.resolve(thread, args, 0, 1), open.resolve(thread, args, 2, 3));
        break;
      case "symlink":
        names.symlink(args.path(0), open.resolve(thread, args, -1, 1));
        break;
      case "symlinkat":
        names.symlink(args.path(0), open.resolve(thread, args, 1, 2));
        break;
      case "unlink":
      case "rmdir":
        names.unlink(tid, open.resolve(thread, args, -1, 0), name === "rmdir");
        break;
      case "unlinkat":
        names.unlink(tid, open.resolve(thread, args, 0, 1), false);
        break;
      case "mkdir":
        names.mkdir(tid, open.resolve(thread, args, -1, 0));
        break;
      case "mkdirat":
        names.mkdir(tid, open.resolve(thread, args, 0, 1));
        break;
      case "chdir":
        thread.process.fs.workingDirectory = open.resolve(thread, args, -1, 0) ?? "";
        break;
      case "fchdir": {
        const fd = args.fd(0);
        const known = args.fdTarget(0) ?? thread.process.descriptors.find(fd)?.path;
        thread.process.fs.workingDirectory = known ?? `fd ${fd}`;
        break;
      }
      case "execve":
        names.exec(thread, names.fileIdAt(thread, args, -1, 0));
        break;
      case "execveat":
        names.exec(thread, names.fileIdAt(thread, args, 0, 1));
        break;
    }
  }

  /** A process ended: its descriptors are closed. */
  exit(thread: TracedThread): void {
    this.open.noteGone(thread.tid, thread.process.descriptors.release());
  }

  /** Returns the id of the file that argument `index` maps, and notes how far. */
  mappedFileId(
    args: CallArguments,
    index: number,
    thread: TracedThread,
    offsetBytes: number,
    lengthBytes: number,
  ): number {
    const fileId = this.open.mappedFileId(args, index, thread);
    if (fileId !== NO_FILE) this.files.noteMapped(fileId, offsetBytes, lengthBytes);
    return fileId;
  }
}

const MEMFD_FLAGS = { MFD_CLOEXEC };

/** Offset of preadv2 and pwritev2: -1 means at the position. */
function offsetOf(args: CallArguments, index: number): number {
  const offset = args.number(index);
  return offset < 0 || offset >= 2 ** 63 ? AT_POSITION : offset;
}
