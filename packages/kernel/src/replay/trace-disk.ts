/**
 * The disk of a replay: the files that were there before the trace began are made on it before the machine looks at it. Cold.
 *
 * They get their sizes, blocks that lie together, and bytes where RAM has bytes: a pattern that is a function of file and offset.
 * None of it passes through the machine's memory, queue or clock.
 */
import {
  type BlockBackend,
  type BlockMapping,
  EEXIST,
  EINVAL,
  ENOENT,
  errnoName,
  type FileSystem,
  FS_BLOCK_SIZE,
  KernelError,
  NO_BLOCK,
  PAGE_SECTORS,
  PAGE_SIZE,
  S_IFDIR,
  S_IFREG,
  type TraceMetadata,
} from "@pageframe/contracts";
import { makeFileSystem, mountFileSystem } from "@pageframe/fs";
import { BackendHost } from "./backend-host.ts";
import { initialFileByte } from "../files/files.ts";
import { parentOf, recordedPath, type TracePaths } from "./trace-paths.ts";

/** Smallest disk of a replay, and what it has besides twice the files. */
const MIN_DISK_BYTES: number = 64 * 2 ** 20;
/** A file has blocks up to here; what a sparse file of the recording has behind are holes. */
const MAX_ALLOCATED_BYTES: number = 2 ** 40;
/** Largest file of the file system. */
const MAX_FILE_BYTES: number = 2 ** 44 - PAGE_SIZE;
/** Blocks of the journal of a disk that a replay makes. */
const JOURNAL_BLOCKS = 256;
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/** Size of a disk on which the files of a trace find room, with what the program writes: as configurations have it. */
export function replayDiskSize(metadata: TraceMetadata): string {
  let nrBytes = metadata.nrFilePages * PAGE_SIZE;
  for (const { sizeBytes } of metadata.files) nrBytes += Math.min(sizeBytes, MAX_ALLOCATED_BYTES) + PAGE_SIZE;
  return `${Math.ceil((2 * nrBytes + MIN_DISK_BYTES) / 2 ** 20)}MiB`;
}

/**
 * Makes the files of a trace on a disk that is not mounted, with a file system if the disk is empty. What is there already stays
 * as it is. `isElsewhere` says of paths that they lie on another mount. Returns the ids of the files that it made.
 * Throws EINVAL for a disk that holds something else, and the file system's error when there is no room.
 */
export function makeTraceFiles(
  diskName: string,
  backend: BlockBackend,
  metadata: TraceMetadata,
  paths: TracePaths,
  withBytes: boolean,
  isElsewhere: (path: string) => boolean,
): Set<number> {
  const host = new BackendHost(backend);
  const fs = mountOrMake(diskName, host, backend, metadata);
  const made = new Set<number>();
  if (!fs.isReadOnly) {
    const maker = new FileMaker(diskName, fs, withBytes ? backend : null);
    metadata.files.forEach(({ sizeBytes, isCreated, isDirectory }, fileId) => {
      if (isCreated) return;
      const path = paths.pathOf(fileId);
      if (isElsewhere(path)) return;
      if (isDirectory) maker.directory(path);
      else if (maker.file(path, fileId, sizeBytes)) made.add(fileId);
    });
    // What the program makes lies in directories that were there, unless it makes those too.
    const own = new Set(
      metadata.files.flatMap(({ name, isCreated, isDirectory }) =>
        isCreated && isDirectory ? [recordedPath(name)] : [],
      ),
    );
    for (const { name, isCreated } of metadata.files) {
      const path = isCreated ? recordedPath(name) : null;
      if (path === null || isElsewhere(path)) continue;
      const parent = parentOf(path);
      if (!isBelow(parent, own)) maker.directory(parent);
    }
  }
  const left = fs.unmount();
  const written = host.writeBack();
  if (left < 0 || written < 0 || backend.flush() < 0)
    refuse(diskName, "it cannot be written", left || -EINVAL);
  return made;
}

/** Is a directory one of these, or below one? */
function isBelow(path: string, directories: ReadonlySet<string | null>): boolean {
  for (let at = path; at !== ""; at = parentOf(at)) if (directories.has(at)) return true;
  return false;
}

function mountOrMake(
  diskName: string,
  host: BackendHost,
  backend: BlockBackend,
  metadata: TraceMetadata,
): FileSystem {
  let mounted = mountFileSystem(host);
  if ("fs" in mounted) return mounted.fs;
  if (!isEmpty(backend)) {
    throw new KernelError(
      EINVAL,
      `disk ${diskName} holds no file system of this machine, and is not empty: ${mounted.sentence}; ` +
        "an empty image or one that an earlier run made would work",
    );
  }
  const nrInodes = Math.max(Math.floor(host.nrBlocks / 4), 2 * metadata.files.length + 64);
  const error = makeFileSystem(host, { journalBlocks: JOURNAL_BLOCKS, nrInodes });
  if (error < 0) refuse(diskName, "it takes no file system", error);
  mounted = mountFileSystem(host);
  if ("fs" in mounted) return mounted.fs;
  return refuse(diskName, mounted.sentence, mounted.errno);
}

/** Is there nothing at the start and at the end, where other systems leave their marks? */
function isEmpty(backend: BlockBackend): boolean {
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  for (const sector of [0, PAGE_SECTORS, backend.nrSectors - PAGE_SECTORS]) {
    if (sector < 0 || backend.readSectors(sector, bytes) < 0 || bytes.some((byte) => byte !== 0))
      return false;
  }
  return true;
}

function refuse(diskName: string, sentence: string, error: number): never {
  throw new KernelError(
    error,
    `the files of the trace do not find room on disk ${diskName}: ${sentence} (${errnoName(error)}); ` +
      "a larger disk would work",
  );
}

/** Makes directories and files with blocks. */
class FileMaker {
  private readonly diskName: string;
  private readonly fs: FileSystem;
  /** Where bytes are written to; null without bytes. */
  private readonly backend: BlockBackend | null;
  private readonly directories = new Map<string, number>();

  constructor(diskName: string, fs: FileSystem, backend: BlockBackend | null) {
    this.diskName = diskName;
    this.fs = fs;
    this.backend = backend;
    this.directories.set("", fs.rootIno);
  }

  /** Inode of a directory, made with those above it; the root's where a file is in the way. */
  directory(path: string): number {
    const known = this.directories.get(path);
    if (known !== undefined) return known;
    const { fs } = this;
    const parent = this.directory(parentOf(path));
    const name = path.slice(path.lastIndexOf("/") + 1);
    let ino = fs.lookup(parent, name);
    if (ino === -ENOENT) ino = fs.create(parent, name, S_IFDIR | DIRECTORY_MODE);
    if (ino < 0) this.failed(path, ino);
    const attributes = fs.getattr(ino);
    const isDirectory = typeof attributes !== "number" && (attributes.mode & S_IFDIR) === S_IFDIR;
    const found = isDirectory ? ino : fs.rootIno;
    this.directories.set(path, found);
    return found;
  }

  /** Makes a file; false when there is one. */
  file(path: string, fileId: number, sizeBytes: number): boolean {
    const { fs } = this;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const ino = fs.create(this.directory(parentOf(path)), name, S_IFREG | FILE_MODE);
    if (ino === -EEXIST) return false;
    if (ino < 0) this.failed(path, ino);
    const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
    const nrBlocks = Math.ceil(Math.min(sizeBytes, MAX_ALLOCATED_BYTES) / FS_BLOCK_SIZE);
    const sized = fs.setSize(ino, Math.min(sizeBytes, MAX_FILE_BYTES));
    if (sized < 0) this.failed(path, sized);
    for (let done = 0; done < nrBlocks; done += mapping.nrBlocks) {
      const error = fs.mapBlocks(ino, done, nrBlocks - done, true, mapping);
      if (error < 0) this.failed(path, error);
      this.fill(fileId, done, mapping, sizeBytes);
    }
    return true;
  }

  /** Writes the pattern into blocks; behind the file's end they hold zeros. */
  private fill(fileId: number, fileBlock: number, mapping: BlockMapping, sizeBytes: number): void {
    const { backend } = this;
    if (backend === null) return;
    const bytes = new Uint8Array(FS_BLOCK_SIZE);
    for (let at = 0; at < mapping.nrBlocks; at++) {
      const nrBytes = Math.min(FS_BLOCK_SIZE, sizeBytes - (fileBlock + at) * FS_BLOCK_SIZE);
      bytes.fill(0);
      for (let offset = 0; offset < nrBytes; offset++) {
        bytes[offset] = initialFileByte(fileId, fileBlock + at, offset);
      }
      const error = backend.writeSectors((mapping.block + at) * PAGE_SECTORS, bytes);
      if (error < 0) refuse(this.diskName, "it cannot be written", error);
    }
  }

  private failed(path: string, error: number): never {
    return refuse(this.diskName, `${path} cannot be made`, error);
  }
}
