/**
 * Recorded calls that make, copy and close descriptors, and what descriptors and paths lead to. Cold: per system call.
 *
 * What a descriptor leads to is known from the call that made it, or from what the recorder says of it. A descriptor of
 * which neither is known (inherited, a pipe, a socket) is no file until a call succeeds on it that works on files only:
 * then it is a file called `fd N`, read from its beginning.
 */
import {
  NO_FILE,
  NO_OPEN,
  O_ACCMODE,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  type SyscallEvent,
} from "@pageframe/contracts";
import { type CallArguments } from "./call-arguments.ts";
import { type OpenFile } from "./descriptors.ts";
import { type FileTable } from "./file-table.ts";
import {
  AT_FDCWD,
  CLOSE_RANGE_CLOEXEC,
  CLOSE_RANGE_FLAGS,
  CLOSE_RANGE_UNSHARE,
  DESCRIPTOR_FLAGS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_SETFD,
  F_SETFL,
  FCNTL_COMMANDS,
  FD_CLOEXEC,
  O_APPEND,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_TMPFILE,
  OPEN_FLAGS,
} from "./number-names.ts";
import { isFilePath, isPath, joinPath } from "./paths.ts";
import { type TracedThread } from "./traced-process.ts";

/** Follows descriptors; appends open and close events to `events`. */
export class OpenFiles {
  readonly files: FileTable;
  readonly events: SyscallEvent[];
  private nrOpens = 0;

  constructor(files: FileTable, events: SyscallEvent[]) {
    this.files = files;
    this.events = events;
  }

  /** open, openat, openat2 and creat; `dirIndex` is -1 when the path is relative to the working directory. */
  open(thread: TracedThread, args: CallArguments, dirIndex: number, flags: number, fd: number): void {
    const path = this.openedPath(thread, args, dirIndex);
    const isCloseOnExec = (flags & O_CLOEXEC) !== 0;
    if (path === undefined && args.resultTarget === undefined) {
      // A path that does not show is as good as an open that does not.
      this.close(thread, fd);
      return;
    }
    if (path === undefined || !isFilePath(path) || (flags & O_PATH) !== 0) {
      const file = this.noFile(path ?? "");
      this.install(thread, fd, file, isCloseOnExec);
      return;
    }
    const fileId = this.fileIdOfOpened(path, flags);
    const file = this.newFile(thread.tid, fileId, path, flags);
    this.install(thread, fd, file, isCloseOnExec);
  }

  /** memfd_create: its pages are no file's, unless it is mapped. */
  memfd(thread: TracedThread, args: CallArguments, fd: number, isCloseOnExec: boolean): void {
    const file = this.noFile(`memfd:${args.path(0) ?? ""} ${this.nrOpens++}`);
    this.install(thread, fd, file, isCloseOnExec);
  }

  close(thread: TracedThread, fd: number): void {
    this.noteGone(thread.tid, thread.process.descriptors.close(fd));
  }

  closeRange(thread: TracedThread, args: CallArguments): void {
    const { process } = thread;
    const firstFd = args.count(0);
    const lastFd = args.count(1);
    const flags = args.nrArguments > 2 ? args.number(2, CLOSE_RANGE_FLAGS) : 0;
    if ((flags & CLOSE_RANGE_UNSHARE) !== 0) this.unshare(thread);
    if ((flags & CLOSE_RANGE_CLOEXEC) !== 0) {
      process.descriptors.setCloseOnExec(firstFd, lastFd, true);
    } else {
      this.noteGone(thread.tid, process.descriptors.closeRange(firstFd, lastFd));
    }
  }

  /** dup, dup2, dup3 and fcntl(F_DUPFD): `fd` becomes what argument 0 is. */
  duplicate(thread: TracedThread, args: CallArguments, fd: number, isCloseOnExec: boolean): void {
    if (args.fd(0) === fd) return;
    const file = this.find(thread, args, 0);
    if (file === undefined) this.close(thread, fd);
    else this.install(thread, fd, file, isCloseOnExec);
  }

  fcntl(thread: TracedThread, args: CallArguments, result: number): void {
    const command = args.knownNumber(1, FCNTL_COMMANDS);
    switch (command) {
      case F_DUPFD:
      case F_DUPFD_CLOEXEC:
        this.duplicate(thread, args, result, command === F_DUPFD_CLOEXEC);
        break;
      case F_SETFD: {
        const isCloseOnExec = (args.number(2, DESCRIPTOR_FLAGS) & FD_CLOEXEC) !== 0;
        thread.process.descriptors.setCloseOnExec(args.fd(0), args.fd(0), isCloseOnExec);
        break;
      }
      case F_SETFL: {
        const file = this.find(thread, args, 0);
        if (file !== undefined) file.isAppend = (args.number(2, OPEN_FLAGS) & O_APPEND) !== 0;
      }
    }
  }

  /** The process gets descriptors of its own (unshare(2), execve(2)). */
  unshare({ process }: TracedThread): void {
    if (!process.descriptors.isShared) return;
    const own = process.descriptors.copy();
    process.descriptors.release();
    process.descriptors = own;
  }

  /** Returns the open file of a descriptor in the page cache, or undefined when it is none or not known. */
  fileOf(thread: TracedThread, args: CallArguments, index: number): OpenFile | undefined {
    const file = this.find(thread, args, index);
    return file === undefined || file.fileId === NO_FILE ? undefined : file;
  }

  /** The same after a call that succeeds on files only: a descriptor of unknown origin is a file. */
  provenFileOf(thread: TracedThread, args: CallArguments, index: number): OpenFile | undefined {
    const file = this.find(thread, args, index) ?? this.inherited(thread, args.fd(index));
    return file.fileId === NO_FILE ? undefined : file;
  }

  /** Returns the id of the file that a descriptor maps; also of /dev/zero, memfds and their kind. NO_FILE for none. */
  mappedFileId(args: CallArguments, index: number, thread: TracedThread): number {
    const fd = args.fd(index);
    if (fd < 0) return NO_FILE;
    const file = this.find(thread, args, index) ?? this.inherited(thread, fd);
    return file.fileId === NO_FILE ? this.files.idOf(file.path) : file.fileId;
  }

  /** Resolves a path argument; undefined when the recording does not show it. `dirIndex` as in {@link open}. */
  resolve(
    thread: TracedThread,
    args: CallArguments,
    dirIndex: number,
    pathIndex: number,
  ): string | undefined {
    const path = args.path(pathIndex);
    if (path === undefined) return undefined;
    return joinPath(
      dirIndex < 0 ? thread.process.fs.workingDirectory : this.directory(thread, args, dirIndex),
      path,
    );
  }

  /** Closes what nothing leads to any more. */
  noteGone(tid: number, gone: readonly OpenFile[]): void {
    for (const { fileId, openId } of gone) this.events.push({ name: "close", tid, fileId, openId });
  }

  /** Opens an unnamed or named file of the trace. */
  private fileIdOfOpened(path: string, flags: number): number {
    if ((flags & O_TMPFILE) === O_TMPFILE) return this.files.addCreated(joinPath(path, `#${this.nrOpens}`));
    const fileId = (flags & O_CREAT) !== 0 ? this.files.idOfCreated(path) : this.files.idOf(path);
    if ((flags & O_DIRECTORY) !== 0) this.files.noteDirectory(fileId);
    if ((flags & O_TRUNC) !== 0 && (flags & O_ACCMODE) !== O_RDONLY) this.files.noteTruncated(fileId, 0);
    return fileId;
  }

  /** What the recorder calls the result, when that is a path, is free of symbolic links. */
  private openedPath(thread: TracedThread, args: CallArguments, dirIndex: number): string | undefined {
    const path = this.resolve(thread, args, dirIndex, dirIndex + 1);
    const target = args.resultTarget;
    if (target === undefined) return path === undefined ? undefined : this.files.follow(path);
    return isPath(target) ? target : undefined;
  }

  private directory(thread: TracedThread, args: CallArguments, index: number): string {
    const fd = args.fd(index);
    const target = args.fdTarget(index);
    if (fd !== AT_FDCWD) return target ?? thread.process.descriptors.find(fd)?.path ?? `fd ${fd}`;
    // From here on paths without an annotation are known whole too.
    if (target !== undefined) thread.process.fs.workingDirectory = target;
    return thread.process.fs.workingDirectory;
  }

  private find(thread: TracedThread, args: CallArguments, index: number): OpenFile | undefined {
    const fd = args.fd(index);
    const known = thread.process.descriptors.find(fd);
    const target = args.fdTarget(index);
    if (known !== undefined || target === undefined || fd < 0) return known;
    const file =
      isPath(target) && isFilePath(target)
        ? this.newFile(thread.tid, this.files.idOf(target), target, O_RDWR)
        : this.noFile(target);
    this.install(thread, fd, file, false);
    return file;
  }

  private inherited(thread: TracedThread, fd: number): OpenFile {
    const name = `fd ${fd}`;
    const file = this.newFile(thread.tid, this.files.add(name, 0), name, O_RDWR);
    this.install(thread, fd, file, false);
    return file;
  }

  private newFile(tid: number, fileId: number, path: string, flags: number): OpenFile {
    const openId = this.nrOpens++;
    this.events.push({ name: "open", tid, fileId, openId, flags });
    const isAppend = (flags & O_APPEND) !== 0;
    return { openId, fileId, path, isAppend, positionBytes: 0, nrDescriptors: 0 };
  }

  private noFile(path: string): OpenFile {
    const openId = NO_OPEN;
    return { openId, fileId: NO_FILE, path, isAppend: false, positionBytes: 0, nrDescriptors: 0 };
  }

  private install({ tid, process }: TracedThread, fd: number, file: OpenFile, isCloseOnExec: boolean): void {
    this.noteGone(tid, process.descriptors.install(fd, file, isCloseOnExec));
  }
}
