/** What recorded calls do to names: rename, link, unlink, mkdir, execve. Cold: per system call. */
import { NO_FILE, type SyscallEvent } from "@pageframe/contracts";
import { type CallArguments } from "./call-arguments.ts";
import { type FileTable } from "./file-table.ts";
import { RENAME_EXCHANGE } from "./number-names.ts";
import { type OpenFiles } from "./open-files.ts";
import { isFilePath, joinPath } from "./paths.ts";
import { execProcess, type TracedThread } from "./traced-process.ts";

/** Bytes of a program that execve reads to see what it is (include/uapi/linux/binfmts.h). */
const BINPRM_BUF_SIZE = 256;

/** Appends the events of calls on names to `events`. */
export class FileNames {
  private readonly files: FileTable;
  private readonly open: OpenFiles;
  private readonly events: SyscallEvent[];

  constructor(files: FileTable, open: OpenFiles, events: SyscallEvent[]) {
    this.files = files;
    this.open = open;
    this.events = events;
  }

  rename(
    thread: TracedThread,
    args: CallArguments,
    oldDirIndex: number,
    newDirIndex: number,
    flags: number,
  ): void {
    const { tid } = thread;
    const oldPath = this.open.resolve(thread, args, oldDirIndex, oldDirIndex + 1);
    // Without directories the paths are arguments 0 and 1, otherwise 1 and 3.
    const newPath = this.open.resolve(thread, args, newDirIndex, newDirIndex < 0 ? 1 : newDirIndex + 1);
    if (oldPath === undefined || newPath === undefined || !isFilePath(newPath)) return;
    if (this.files.renameSymlink(oldPath, newPath)) return;
    const fileId = this.files.idOf(oldPath);
    if ((flags & RENAME_EXCHANGE) !== 0) {
      const otherId = this.files.idOf(newPath);
      this.files.exchange(oldPath, newPath);
      this.events.push({ name: "rename", tid, fileId, replacedFileId: NO_FILE });
      this.events.push({ name: "rename", tid, fileId: otherId, replacedFileId: NO_FILE });
    } else if (this.files.findPath(newPath) !== fileId) {
      this.events.push({ name: "rename", tid, fileId, replacedFileId: this.files.rename(oldPath, newPath) });
    }
  }

  link(oldPath: string | undefined, newPath: string | undefined): void {
    if (oldPath !== undefined && newPath !== undefined) this.files.link(oldPath, newPath);
  }

  /** A link leads to a path relative to its own directory. */
  symlink(target: string | undefined, path: string | undefined): void {
    if (target === undefined || path === undefined) return;
    const slash = path.lastIndexOf("/");
    this.files.symlink(joinPath(path.slice(0, Math.max(0, slash)), target), path);
  }

  unlink(tid: number, path: string | undefined, isDirectory: boolean): void {
    if (path === undefined || !isFilePath(path) || this.files.unlinkSymlink(path)) return;
    const fileId = this.files.idOf(path);
    if (isDirectory) this.files.noteDirectory(fileId);
    if (this.files.unlink(path) !== NO_FILE) this.events.push({ name: "unlink", tid, fileId });
  }

  mkdir(tid: number, path: string | undefined): void {
    if (path === undefined || !isFilePath(path)) return;
    this.events.push({ name: "mkdir", tid, fileId: this.files.makeDirectory(path) });
  }

  exec(thread: TracedThread, fileId: number | undefined): void {
    const { tid } = thread;
    this.open.noteGone(tid, execProcess(thread.process));
    if (fileId === undefined) return;
    this.files.noteMapped(fileId, 0, BINPRM_BUF_SIZE);
    this.events.push({ name: "execve", tid, fileId });
  }

  fileIdAt(
    thread: TracedThread,
    args: CallArguments,
    dirIndex: number,
    pathIndex: number,
  ): number | undefined {
    const path = this.open.resolve(thread, args, dirIndex, pathIndex);
    return path === undefined || !isFilePath(path) ? undefined : this.files.idOf(this.files.follow(path));
  }
}
