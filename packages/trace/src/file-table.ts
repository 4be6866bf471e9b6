/**
 * The files of a trace: one id for one file over the whole trace, under whatever names and descriptors, and what can be
 * inferred of the file before the trace. Cold: per call on files.
 *
 * A file's size is followed through the trace as far as the recording shows it. Whatever is read beyond what the program
 * wrote, and was not cut off before, has been there from the start.
 */
import { MAX_TRACE_BYTES, NO_FILE, PAGE_SIZE, type TraceFile } from "@pageframe/contracts";
import { VpnRanges } from "./vpn-ranges.ts";

/** Links that lead to links: as many as Linux follows (include/linux/namei.h, MAXSYMLINKS). */
const MAX_SYMLINKS = 40;

/** What is known of one file. */
interface FileState {
  readonly name: string;
  nrPages: number;
  /** Size before the trace, at least. */
  startBytes: number;
  /** Size now: exactly, or at least. */
  sizeBytes: number;
  isSizeExact: boolean;
  /** Bytes from here on are none from before the trace: a truncation took those. */
  oldEndBytes: number;
  /** The program may have made it: the first that was seen of it is an open with O_CREAT. */
  mayBeCreated: boolean;
  isDirectory: boolean;
  /** Names that the trace knows of. */
  nrNames: number;
  /** Pages that calls read or wrote. */
  readonly touchedPages: VpnRanges;
}

/** What stat(2) showed of a path that no call has worked on yet. */
interface SeenPath {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
}

/** Files of a trace by id, and which path is which file now. */
export class FileTable {
  private readonly files: FileState[] = [];
  private readonly idOfPath = new Map<string, number>();
  private readonly seenPaths = new Map<string, SeenPath>();
  /** Symbolic links that the program made, and where they lead. */
  private readonly symlinks = new Map<string, string>();
  /** Directories above every path that ever led to a file. */
  private readonly parents = new Set<string>();

  /** Returns the id of the file with a path now, NO_FILE when no call has worked on it. */
  findPath(path: string): number {
    return this.idOfPath.get(path) ?? NO_FILE;
  }

  /** Returns the id of the file with a path now, a new one when needed. */
  idOf(path: string): number {
    let fileId = this.findPath(path);
    if (fileId !== NO_FILE) return fileId;
    fileId = this.add(path, 0);
    const seen = this.seenPaths.get(path);
    if (seen !== undefined) this.noteStat(fileId, seen.sizeBytes, seen.isDirectory);
    this.setPath(path, fileId);
    return fileId;
  }

  /** Returns the id of the file with a path after an open with O_CREAT. */
  idOfCreated(path: string): number {
    const isNew = this.findPath(path) === NO_FILE && !this.seenPaths.has(path);
    const fileId = this.idOf(path);
    if (isNew) this.files[fileId].mayBeCreated = true;
    return fileId;
  }

  /** Adds a file that the program makes without a name (O_TMPFILE). Returns its id. */
  addCreated(name: string): number {
    const fileId = this.add(name, 0);
    this.files[fileId].mayBeCreated = true;
    return fileId;
  }

  /** Adds a file that no path leads to. Returns its id. */
  add(name: string, nrPages: number): number {
    const file: FileState = {
      name,
      nrPages,
      startBytes: nrPages * PAGE_SIZE,
      sizeBytes: nrPages * PAGE_SIZE,
      isSizeExact: false,
      oldEndBytes: Infinity,
      mayBeCreated: false,
      isDirectory: false,
      nrNames: 1,
      touchedPages: new VpnRanges(),
    };
    return this.files.push(file) - 1;
  }

  /** Tells the size as far as it is known. */
  sizeBytesOf(fileId: number): number {
    return this.files[fileId].sizeBytes;
  }

  /** Notes that bytes are mapped: the file has at least the pages up to their end. */
  noteMapped(fileId: number, offsetBytes: number, lengthBytes: number): void {
    const file = this.files[fileId];
    const endBytes = Math.min(offsetBytes + lengthBytes, MAX_TRACE_BYTES);
    file.nrPages = Math.max(file.nrPages, Math.ceil(endBytes / PAGE_SIZE));
    // A mapping may reach beyond the end, so that it tells nothing new of a size that is known.
    if (!file.isSizeExact) this.noteAtLeast(file, endBytes);
  }

  /** Notes a read that returned `lengthBytes`; less than it asked for shows where the file ends. */
  noteRead(fileId: number, offsetBytes: number, lengthBytes: number, requestedBytes: number): void {
    const file = this.files[fileId];
    const endBytes = offsetBytes + lengthBytes;
    if (lengthBytes > 0) this.noteAtLeast(file, endBytes);
    this.touch(file, offsetBytes, lengthBytes);
    if (lengthBytes < requestedBytes && endBytes <= file.sizeBytes) this.noteSize(fileId, endBytes);
  }

  /** Notes a write. */
  noteWritten(fileId: number, offsetBytes: number, lengthBytes: number): void {
    const file = this.files[fileId];
    file.sizeBytes = Math.max(file.sizeBytes, offsetBytes + lengthBytes);
    this.touch(file, offsetBytes, lengthBytes);
  }

  /** Notes that fallocate made the file at least so long. */
  noteGrown(fileId: number, endBytes: number): void {
    const file = this.files[fileId];
    file.sizeBytes = Math.max(file.sizeBytes, endBytes);
  }

  /** Notes the exact size now, as the recording shows it. */
  noteSize(fileId: number, sizeBytes: number): void {
    const file = this.files[fileId];
    this.noteAtLeast(file, sizeBytes);
    file.sizeBytes = sizeBytes;
    file.isSizeExact = true;
  }

  /** Notes that the program cut the file, or lengthened it, to `sizeBytes`. */
  noteTruncated(fileId: number, sizeBytes: number): void {
    const file = this.files[fileId];
    file.sizeBytes = sizeBytes;
    file.isSizeExact = true;
    file.oldEndBytes = Math.min(file.oldEndBytes, sizeBytes);
  }

  /** Notes what stat(2) showed of a file. */
  noteStat(fileId: number, sizeBytes: number, isDirectory: boolean): void {
    if (isDirectory) this.files[fileId].isDirectory = true;
    else this.noteSize(fileId, sizeBytes);
  }

  /** Notes what stat(2) showed of a path, for when a call works on it. */
  noteStatOfPath(path: string, sizeBytes: number, isDirectory: boolean): void {
    const fileId = this.findPath(path);
    if (fileId === NO_FILE) this.seenPaths.set(path, { sizeBytes, isDirectory });
    else this.noteStat(fileId, sizeBytes, isDirectory);
  }

  noteDirectory(fileId: number): void {
    this.files[fileId].isDirectory = true;
  }

  /** Notes mkdir. Returns the directory's id. */
  makeDirectory(path: string): number {
    const fileId = this.idOfCreated(path);
    this.files[fileId].isDirectory = true;
    return fileId;
  }

  /** Notes a symbolic link to a path. */
  symlink(target: string, path: string): void {
    this.symlinks.set(path, target);
  }

  /** Returns the path that a path leads to when the program made it a symbolic link. */
  follow(path: string): string {
    let followed = path;
    for (let nrLinks = 0; nrLinks < MAX_SYMLINKS; nrLinks++) {
      const target = this.symlinks.get(followed);
      if (target === undefined) break;
      followed = target;
    }
    return followed;
  }

  /** Takes a symbolic link away. Returns whether the path was one. */
  unlinkSymlink(path: string): boolean {
    return this.symlinks.delete(path);
  }

  /** Moves a symbolic link. Returns whether the path was one. */
  renameSymlink(oldPath: string, newPath: string): boolean {
    const target = this.symlinks.get(oldPath);
    if (target === undefined) return false;
    this.symlinks.delete(oldPath);
    this.symlinks.set(newPath, target);
    return true;
  }

  /** Gives the file of `oldPath` another name besides. */
  link(oldPath: string, newPath: string): void {
    const fileId = this.idOf(oldPath);
    this.files[fileId].nrNames++;
    this.setPath(newPath, fileId);
  }

  /** Takes a name away. Returns the id of the file when that was its last name, otherwise NO_FILE. */
  unlink(path: string): number {
    const fileId = this.idOf(path);
    this.idOfPath.delete(path);
    return this.dropName(fileId);
  }

  /**
   * Moves a name; what is below it moves along. Returns the id of the file that lost its last name to it, or NO_FILE.
   */
  rename(oldPath: string, newPath: string): number {
    const fileId = this.idOf(oldPath);
    const replacedId = this.findPath(newPath);
    // Two names of one file stay both (rename(2)).
    if (replacedId === fileId) return NO_FILE;
    this.idOfPath.delete(oldPath);
    this.setPath(newPath, fileId);
    if (this.parents.has(oldPath)) this.moveBelow(oldPath, newPath);
    return replacedId === NO_FILE ? NO_FILE : this.dropName(replacedId);
  }

  /** Swaps what two paths lead to (RENAME_EXCHANGE). */
  exchange(onePath: string, otherPath: string): void {
    const oneId = this.idOf(onePath);
    const otherId = this.idOf(otherPath);
    this.setPath(onePath, otherId);
    this.setPath(otherPath, oneId);
  }

  /** Distinct pages that calls read or wrote. O(ranges). */
  countTouchedPages(): number {
    return this.files.reduce((nrPages, file) => nrPages + file.touchedPages.countPages(), 0);
  }

  /** Copies out the files by id. */
  collectFiles(): TraceFile[] {
    return this.files.map(({ name, nrPages, startBytes, mayBeCreated, isDirectory }) => ({
      name,
      nrPages,
      sizeBytes: isDirectory ? 0 : startBytes,
      isCreated: mayBeCreated && startBytes === 0,
      isDirectory,
    }));
  }

  /** The file has at least so many bytes now; those that were not written have been there from the start. */
  private noteAtLeast(file: FileState, endBytes: number): void {
    if (endBytes <= file.sizeBytes) return;
    file.sizeBytes = endBytes;
    file.startBytes = Math.max(file.startBytes, Math.min(endBytes, file.oldEndBytes));
  }

  private touch(file: FileState, offsetBytes: number, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    const startPage = Math.floor(offsetBytes / PAGE_SIZE);
    file.touchedPages.add(startPage, Math.ceil((offsetBytes + lengthBytes) / PAGE_SIZE));
  }

  private setPath(path: string, fileId: number): void {
    this.idOfPath.set(path, fileId);
    this.seenPaths.delete(path);
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const parent = path.slice(0, slash);
      if (this.parents.has(parent)) return;
      this.parents.add(parent);
    }
  }

  private dropName(fileId: number): number {
    return --this.files[fileId].nrNames === 0 ? fileId : NO_FILE;
  }

  private moveBelow(oldPath: string, newPath: string): void {
    const start = `${oldPath}/`;
    for (const [path, fileId] of [...this.idOfPath]) {
      if (!path.startsWith(start)) continue;
      this.idOfPath.delete(path);
      this.setPath(newPath + path.slice(oldPath.length), fileId);
    }
  }
}
