/**
 * Descriptors of traced processes, as files_struct and struct file keep them: which open file a number stands for, who
 * shares it, and where its position is. Cold: per call on files.
 *
 * Descriptors that dup(2) and fork(2) made share one open file and its position; threads and processes made with
 * CLONE_FILES share the whole table. An open file goes with its last descriptor.
 * Source: open(2), "Open file descriptions"; Linux 6.18 fs/file.c, dup_fd(), do_close_on_exec().
 */
import { NO_FILE } from "@pageframe/contracts";

/** What a descriptor leads to. */
export interface OpenFile {
  readonly openId: number;
  /** Index of its file, or NO_FILE for a pipe, a socket, a device, /proc, /sys. */
  readonly fileId: number;
  /** Path it was opened with; empty when unknown. */
  readonly path: string;
  /** Writes go to the end of the file (O_APPEND). */
  isAppend: boolean;
  positionBytes: number;
  /** Descriptors that lead here, in all tables. */
  nrDescriptors: number;
}

/** One slot of a table. */
interface Descriptor {
  readonly file: OpenFile;
  isCloseOnExec: boolean;
}

/** The descriptors of one process, or of several that share them. Methods return the open files that went. */
export class DescriptorTable {
  private readonly descriptors = new Map<number, Descriptor>();
  /** Processes that use the table. */
  private nrUsers = 1;

  /** Returns what a descriptor leads to, or undefined when the recording does not show it. */
  find(fd: number): OpenFile | undefined {
    return this.descriptors.get(fd)?.file;
  }

  /** Puts an open file in a slot, in place of what was there. */
  install(fd: number, file: OpenFile, isCloseOnExec: boolean): OpenFile[] {
    const before = this.descriptors.get(fd);
    file.nrDescriptors++;
    this.descriptors.set(fd, { file, isCloseOnExec });
    return before === undefined ? [] : dropped(before);
  }

  /** Empties a slot. */
  close(fd: number): OpenFile[] {
    const before = this.descriptors.get(fd);
    this.descriptors.delete(fd);
    return before === undefined ? [] : dropped(before);
  }

  /** Empties all slots of `firstFd..lastFd` (close_range(2)). */
  closeRange(firstFd: number, lastFd: number): OpenFile[] {
    return this.fdsIn(firstFd, lastFd).flatMap((fd) => this.close(fd));
  }

  /** Sets or clears FD_CLOEXEC of the known descriptors among `firstFd..lastFd`. */
  setCloseOnExec(firstFd: number, lastFd: number, isCloseOnExec: boolean): void {
    for (const fd of this.fdsIn(firstFd, lastFd)) this.descriptors.get(fd)!.isCloseOnExec = isCloseOnExec;
  }

  /** Closes what execve(2) closes. The table must have one user. */
  exec(): OpenFile[] {
    return [...this.descriptors].flatMap(([fd, { isCloseOnExec }]) => (isCloseOnExec ? this.close(fd) : []));
  }

  /** Makes another process use this table. Returns it. */
  share(): this {
    this.nrUsers++;
    return this;
  }

  /** Makes a copy for another process; both lead to the same open files. */
  copy(): DescriptorTable {
    const table = new DescriptorTable();
    for (const [fd, { file, isCloseOnExec }] of this.descriptors) table.install(fd, file, isCloseOnExec);
    return table;
  }

  /** A process stops using the table: with the last one, all is closed. */
  release(): OpenFile[] {
    return --this.nrUsers === 0 ? this.closeRange(0, Infinity) : [];
  }

  get isShared(): boolean {
    return this.nrUsers > 1;
  }

  private fdsIn(firstFd: number, lastFd: number): number[] {
    return [...this.descriptors.keys()].filter((fd) => fd >= firstFd && fd <= lastFd).sort((a, b) => a - b);
  }
}

/** Takes one descriptor off an open file; lists the file when that was the last. */
function dropped({ file }: Descriptor): OpenFile[] {
  return --file.nrDescriptors === 0 && file.fileId !== NO_FILE ? [file] : [];
}
