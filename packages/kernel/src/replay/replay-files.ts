/**
 * Calls on files of a replay: which file of the machine each recorded file and open file description is. Cold: per call.
 *
 * Reads and writes have recorded positions and lengths; the bytes of a write are a function of its number. With models of
 * what files must hold, every byte that a call reads is compared.
 */
import {
  EINVAL,
  EISDIR,
  ENOENT,
  EROFS,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  type FallocateEvent,
  type FileEvent,
  NO_FILE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  type OpenEvent,
  type ReadEvent,
  SECTOR_SIZE,
  type SyncEvent,
  type TraceMetadata,
  type MsyncEvent,
  type WriteEvent,
} from "@pageframe/contracts";
import { FMODE_WRITE } from "@pageframe/vma";
import { FileModel } from "./file-model.ts";
import { type Kernel } from "../kernel.ts";
import { walkPath } from "../fs/path-walk.ts";
import { checkByte, fillWritten, RecordedRead, RecordedWrite } from "./replay-io.ts";
import { type TracePaths } from "./trace-paths.ts";
import { type Task } from "../task.ts";

/** What the kernel reads of a program's file to see what it is (BINPRM_BUF_SIZE). */
const BINPRM_BUF_SIZE = 256;
/** Bytes of one direct transfer of the replay's. */
const DIRECT_BYTES: number = 2 ** 20;
/** open(2): a file without a name. It implies O_DIRECTORY. */
const O_TMPFILE = 0o20200000;
/** A descriptor of a directory, which the machine does not open. */
const DIRECTORY = -1;

/** Calls whose events name a file. */
export type NamedFileEvent = Exclude<FileEvent, SyncEvent | MsyncEvent>;

/** The files of a replay. */
export class ReplayFiles {
  private readonly kernel: Kernel;
  private readonly metadata: TraceMetadata;
  private readonly paths: TracePaths;
  /** Descriptors of the machine by open file description of the trace, and of which file each is. */
  private readonly opens = new Map<number, { readonly descriptor: number; readonly fileId: number }>();
  /** Descriptor that mappings of a file use: the last that the program opened, or one of the replay's own. */
  private readonly mapped = new Map<number, number>();
  private readonly ownDescriptors = new Set<number>();
  /** What each file must hold, by its id in the trace; of others nothing is known. Null when nothing is verified. */
  private readonly models: Map<number, FileModel> | null;
  /** File of the trace by inode of the machine, as long as it is open. */
  private readonly fileOfInode = new Map<number, number>();
  private nrWrites = 0;

  constructor(kernel: Kernel, metadata: TraceMetadata, paths: TracePaths, made: ReadonlySet<number> | null) {
    this.kernel = kernel;
    this.metadata = metadata;
    this.paths = paths;
    this.models = made === null ? null : new Map();
    for (const fileId of made ?? []) {
      this.models?.set(fileId, new FileModel(fileId, metadata.files[fileId].sizeBytes));
    }
  }

  /** Model of what an inode's file must hold, or null when nothing is known of it. */
  modelOf(inodeId: number): FileModel | null {
    const fileId = this.fileOfInode.get(inodeId);
    return fileId === undefined ? null : (this.models?.get(fileId) ?? null);
  }

  /** File of the trace that an inode is, or NO_FILE. */
  fileIdOf(inodeId: number): number {
    return this.fileOfInode.get(inodeId) ?? NO_FILE;
  }

  /** Descriptor for mapping a file of the trace, one that may be written if need be; or -errno. */
  descriptorOf(task: Task, fileId: number, isWrite: boolean): number {
    const { files } = this.kernel.sys;
    const known = this.mapped.get(fileId);
    if (known !== undefined && (!isWrite || (files.file(known).mode & FMODE_WRITE) !== 0)) return known;
    for (const { descriptor, fileId: other } of known === undefined ? [] : this.opens.values()) {
      if (other === fileId && (files.file(descriptor).mode & FMODE_WRITE) !== 0) return descriptor;
    }
    const path = this.paths.pathOf(fileId);
    let descriptor = this.kernel.open(task, path, O_RDWR);
    if (descriptor === -EROFS && !isWrite) descriptor = this.kernel.open(task, path, O_RDONLY);
    if (descriptor < 0) return descriptor;
    this.noteOpen(fileId, descriptor);
    this.ownDescriptors.add(descriptor);
    return descriptor;
  }

  /** Carries a call out. Returns what the kernel answers: -errno when it fails here. */
  call(task: Task, event: NamedFileEvent): number {
    const { kernel, paths } = this;
    const { fileId } = event;
    switch (event.name) {
      case "open":
        return this.open(task, event);
      case "close":
        return this.close(event.openId, fileId);
      case "read":
        return this.read(task, event);
      case "write":
        return this.write(task, event);
      case "truncate":
        return this.truncate(task, fileId, event.lengthBytes);
      case "fallocate":
        return this.fallocate(task, event);
      case "fsync":
      case "fdatasync":
        return this.sync(task, fileId, event.openId, event.name === "fdatasync");
      case "sync_file_range":
        return this.on(event.openId, (file) =>
          kernel.syncFileRange(task, file, event.offsetBytes, event.lengthBytes, event.flags),
        );
      case "fadvise64":
        return this.on(event.openId, (file) =>
          kernel.fadvise(task, file, event.offsetBytes, event.lengthBytes, event.advice),
        );
      case "readahead":
        return this.on(event.openId, (file) =>
          kernel.readahead(task, file, event.offsetBytes, event.lengthBytes),
        );
      case "rename": {
        const from = paths.pathOf(fileId);
        const replaced = event.replacedFileId;
        return kernel.rename(task, from, paths.rename(fileId, replaced));
      }
      case "unlink":
        return this.unlink(task, fileId);
      case "mkdir":
        return this.make(task, fileId, (path) => kernel.mkdir(task, path));
      case "execve":
        return this.readHeader(task, fileId);
    }
  }

  private open(task: Task, event: OpenEvent): number {
    const { fileId, openId } = event;
    const { kernel } = this;
    if ((event.flags & O_TMPFILE) === O_TMPFILE) {
      const flags = (event.flags & ~O_TMPFILE) | O_CREAT | O_EXCL;
      const made = this.make(task, fileId, (path) => kernel.open(task, path, flags));
      if (made >= 0) {
        this.opened(openId, fileId, made, true);
        kernel.unlink(task, this.paths.pathOf(fileId));
      }
      return made;
    }
    const flags = event.flags & ~O_DIRECTORY;
    const isKnownDirectory = this.metadata.files[fileId].isDirectory;
    let descriptor = isKnownDirectory ? -EISDIR : this.openFile(task, fileId, flags);
    if (descriptor === -EISDIR) {
      this.opens.set(openId, { descriptor: DIRECTORY, fileId });
      return this.statDirectory(task, fileId);
    }
    // Inherited descriptors are opened for both, since nobody knows.
    if (descriptor === -EROFS && (flags & (O_CREAT | O_TRUNC)) === 0) {
      descriptor = this.openFile(task, fileId, O_RDONLY);
    }
    if (descriptor >= 0) this.opened(openId, fileId, descriptor, (flags & O_TRUNC) !== 0);
    return descriptor;
  }

  private openFile(task: Task, fileId: number, flags: number): number {
    const { kernel } = this;
    return (flags & O_CREAT) === 0
      ? kernel.open(task, this.paths.pathOf(fileId), flags)
      : this.make(task, fileId, (path) => kernel.open(task, path, flags));
  }

  /** Makes a name; in the root when its directory is missing, because the recording does not show who made that. */
  private make(task: Task, fileId: number, make: (path: string) => number): number {
    const made = make(this.paths.pathOf(fileId));
    return made === -ENOENT ? make(this.paths.moveToRoot(fileId)) : made;
  }

  private opened(openId: number, fileId: number, descriptor: number, isEmptied: boolean): void {
    this.opens.set(openId, { descriptor, fileId });
    this.noteOpen(fileId, descriptor);
    if (this.models === null) return;
    if (this.metadata.files[fileId].isCreated && !this.models.has(fileId)) {
      this.models.set(fileId, new FileModel(fileId, 0));
    } else if (isEmptied) this.models.get(fileId)?.setSize(0);
  }

  private noteOpen(fileId: number, descriptor: number): void {
    const own = this.mapped.get(fileId);
    if (own !== undefined && this.ownDescriptors.delete(own)) this.kernel.closeFile(own);
    this.mapped.set(fileId, descriptor);
    this.fileOfInode.set(this.kernel.sys.files.inodeOf(descriptor).id, fileId);
  }

  private close(openId: number, fileId: number): number {
    const descriptor = this.opens.get(openId)?.descriptor ?? DIRECTORY;
    this.opens.delete(openId);
    if (descriptor === DIRECTORY) return 0;
    if (this.mapped.get(fileId) === descriptor) this.mapped.delete(fileId);
    return this.kernel.closeFile(descriptor);
  }

  private read(task: Task, event: ReadEvent): number {
    const { offsetBytes, lengthBytes, requestedBytes, fileId } = event;
    const model = this.models?.get(fileId) ?? null;
    return this.on(event.openId, (file) => {
      const { files, contents } = this.kernel.sys;
      if ((files.file(file).openFlags & O_DIRECT) !== 0) {
        return this.readDirectly(task, file, offsetBytes, Math.max(lengthBytes, requestedBytes), model);
      }
      const sink = new RecordedRead(contents, offsetBytes, lengthBytes, model);
      return this.kernel.readTo(task, file, sink, Math.max(lengthBytes, requestedBytes), offsetBytes);
    });
  }

  private readDirectly(
    task: Task,
    file: number,
    offsetBytes: number,
    nrBytes: number,
    model: FileModel | null,
  ): number {
    let done = 0;
    while (done < nrBytes) {
      const nrHere = Math.min(DIRECT_BYTES, Math.ceil((nrBytes - done) / SECTOR_SIZE) * SECTOR_SIZE);
      const bytes = new Uint8Array(nrHere);
      const nrRead = this.kernel.pread(task, file, bytes, offsetBytes + done);
      if (nrRead < 0) return nrRead;
      if (model !== null) {
        for (let byte = 0; byte < nrRead; byte++) checkByte(model, offsetBytes + done + byte, bytes[byte]);
      }
      done += nrRead;
      if (nrRead < nrHere) break;
    }
    return done;
  }

  private write(task: Task, event: WriteEvent): number {
    const { lengthBytes, fileId } = event;
    const nrWrite = this.nrWrites++;
    return this.on(event.openId, (file) => {
      const { openFlags, inode } = this.kernel.sys.files.file(file);
      const at = (openFlags & O_APPEND) !== 0 ? inode.sizeBytes : event.offsetBytes;
      const nrWritten =
        (openFlags & O_DIRECT) !== 0
          ? this.writeDirectly(task, file, at, lengthBytes, nrWrite)
          : this.kernel.writeFrom(
              task,
              file,
              new RecordedWrite(this.kernel.sys.contents, at, nrWrite),
              lengthBytes,
              at,
            );
      if (nrWritten > 0) this.models?.get(fileId)?.write(at, nrWritten, nrWrite);
      return nrWritten;
    });
  }

  private writeDirectly(task: Task, file: number, at: number, nrBytes: number, nrWrite: number): number {
    let done = 0;
    while (done < nrBytes) {
      const bytes = new Uint8Array(Math.min(DIRECT_BYTES, nrBytes - done));
      fillWritten(bytes, at + done, nrWrite);
      const nrWritten = this.kernel.pwrite(task, file, bytes, at + done);
      if (nrWritten < 0) return done > 0 ? done : nrWritten;
      done += nrWritten;
      if (nrWritten < bytes.length) break;
    }
    return done;
  }

  private truncate(task: Task, fileId: number, lengthBytes: number): number {
    const file = this.descriptorOf(task, fileId, true);
    if (file < 0) return file;
    const result = this.kernel.ftruncate(task, file, lengthBytes);
    if (result === 0) this.models?.get(fileId)?.setSize(lengthBytes);
    return result;
  }

  private fallocate(task: Task, event: FallocateEvent): number {
    const { mode, offsetBytes, lengthBytes, fileId } = event;
    return this.on(event.openId, (file) => {
      const result = this.kernel.fallocate(task, file, mode, offsetBytes, lengthBytes);
      const model = this.models?.get(fileId);
      if (result < 0 || model === undefined) return result;
      const endByte = offsetBytes + lengthBytes;
      if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) model.zero(offsetBytes, endByte);
      else if ((mode & FALLOC_FL_KEEP_SIZE) === 0) model.setSize(Math.max(model.sizeBytes, endByte));
      return result;
    });
  }

  private sync(task: Task, fileId: number, openId: number, dataOnly: boolean): number {
    if (this.opens.get(openId)?.descriptor === DIRECTORY) {
      const place = walkPath(this.kernel.sys, this.paths.pathOf(fileId), true);
      if (typeof place === "number") return place;
      return place.superBlock.fs.isReadOnly ? 0 : place.superBlock.fs.syncInode(place.ino, dataOnly);
    }
    return this.on(openId, (file) =>
      dataOnly ? this.kernel.fdatasync(task, file) : this.kernel.fsync(task, file),
    );
  }

  private unlink(task: Task, fileId: number): number {
    const path = this.paths.pathOf(fileId);
    const result = this.metadata.files[fileId].isDirectory
      ? this.kernel.rmdir(task, path)
      : this.kernel.unlink(task, path);
    if (result === 0) this.paths.remove(fileId);
    return result;
  }

  /** The kernel looks at a program before it executes it. */
  private readHeader(task: Task, fileId: number): number {
    const { kernel } = this;
    const file = kernel.open(task, this.paths.pathOf(fileId));
    if (file < 0) return file;
    const sink = new RecordedRead(kernel.sys.contents, 0, BINPRM_BUF_SIZE, null);
    const result = kernel.readTo(task, file, sink, BINPRM_BUF_SIZE, 0);
    kernel.closeFile(file);
    return result;
  }

  private statDirectory(task: Task, fileId: number): number {
    const found = this.kernel.stat(task, this.paths.pathOf(fileId));
    return typeof found === "number" ? found : 0;
  }

  /** Does something to an open file; what could not be opened here was reported then. */
  private on(openId: number, work: (descriptor: number) => number): number {
    const descriptor = this.opens.get(openId)?.descriptor;
    if (descriptor === undefined) return 0;
    return descriptor === DIRECTORY ? -EINVAL : work(descriptor);
  }
}
