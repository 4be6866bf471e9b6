/**
 * Gives files stable ids: one id for one path over the whole trace, whatever descriptors the program opens it with.
 * Cold: per open, close and mmap of a file. A descriptor whose open was not seen (inherited, duplicated, received) is
 * a file of its own until it is closed.
 */
import { NO_FILE, PAGE_SIZE, type TraceFile } from "@pageframe/contracts";

/** Files of a trace by id, and what each open descriptor refers to. */
export class FileTable {
  readonly #files: { name: string; nrPages: number }[] = [];
  readonly #idOfPath = new Map<string, number>();
  readonly #pathOfFd = new Map<number, string>();
  readonly #idOfUnknownFd = new Map<number, number>();

  /** Notes that a descriptor refers to a path from now on. */
  open(fd: number, path: string): void {
    this.#idOfUnknownFd.delete(fd);
    this.#pathOfFd.set(fd, path);
  }

  /** Notes that a descriptor refers to nothing from now on. */
  close(fd: number): void {
    this.#idOfUnknownFd.delete(fd);
    this.#pathOfFd.delete(fd);
  }

  /** Returns the id of the file behind a descriptor, a new one when needed; NO_FILE when `fd` is negative. */
  fileIdOfFd(fd: number): number {
    if (fd < 0) return NO_FILE;
    const path = this.#pathOfFd.get(fd);
    if (path !== undefined) return this.#fileIdOfPath(path);
    let fileId = this.#idOfUnknownFd.get(fd);
    if (fileId === undefined) {
      fileId = this.add(`fd ${fd}`, 0);
      this.#idOfUnknownFd.set(fd, fileId);
    }
    return fileId;
  }

  /** Adds a file that no descriptor refers to. Returns its id. */
  add(name: string, nrPages: number): number {
    return this.#files.push({ name, nrPages }) - 1;
  }

  /** Notes that bytes of a file are mapped: it has at least the pages up to their end. */
  noteMapped(fileId: number, offsetBytes: number, lengthBytes: number): void {
    const file = this.#files[fileId];
    file.nrPages = Math.max(file.nrPages, Math.ceil((offsetBytes + lengthBytes) / PAGE_SIZE));
  }

  /** Copies out the files by id. */
  collectFiles(): TraceFile[] {
    return this.#files.map((file) => ({ ...file }));
  }

  #fileIdOfPath(path: string): number {
    let fileId = this.#idOfPath.get(path);
    if (fileId === undefined) {
      fileId = this.add(path, 0);
      this.#idOfPath.set(path, fileId);
    }
    return fileId;
  }
}
