/**
 * A block device in a file of the host: an image that is there, or one that is made.
 *
 * Sectors are read and written in place. For snapshots the file's old pages are kept when they are first overwritten
 * after the snapshot, so that an image of any size costs only what changes.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import {
  type BlockBackend,
  EACCES,
  EEXIST,
  EINVAL,
  EIO,
  ENOENT,
  ENOSPC,
  errnoName,
  type ExternalState,
  KernelError,
  PAGE_SIZE,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { isSystemError, systemSentence } from "./errors.ts";

/** How an image is opened. */
export interface HostFileBlockOptions {
  /** Nothing is written to the file, which may be write-protected. */
  readonly isReadOnly?: boolean;
  /** Sectors that are used; as many as the file has when left out. A file that has less is refused. */
  readonly nrSectors?: number;
}

/** What the file was when a snapshot was taken: its pages that were overwritten since, and whether one was lost. */
interface SavedPages {
  readonly pages: Map<number, Uint8Array>;
  isIncomplete: boolean;
}

/** Sectors in a regular file. Nothing throws once it is open: what fails answers -EIO or -ENOSPC. */
export class HostFileBlockBackend implements BlockBackend, ExternalState {
  readonly name = "host-file";
  readonly path: string;
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  /** Transfers and flushes that failed. */
  nrFailures = 0;
  private firstErrno = 0;
  /** -1 once it is closed. */
  private fd: number;
  /** Snapshots that somebody still holds. */
  private snapshots: WeakRef<SavedPages>[] = [];

  /** Opens an image. Throws ENOENT, EACCES or EINVAL when it is missing, protected, too small or no regular file. */
  constructor(path: string, options: HostFileBlockOptions = {}) {
    const { isReadOnly = false } = options;
    this.path = path;
    this.isReadOnly = isReadOnly;
    this.fd = openImage(path, isReadOnly);
    try {
      this.nrSectors = nrUsableSectors(path, this.fd, options.nrSectors);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  /** Makes an image that reads zeros, and opens it. Throws EEXIST when there is a file: no file is overwritten. */
  static create(path: string, nrSectors: number): HostFileBlockBackend {
    if (!Number.isSafeInteger(nrSectors) || nrSectors <= 0) {
      throw new KernelError(
        EINVAL,
        `an image of ${nrSectors} sectors cannot be made; a positive integer would work`,
      );
    }
    makeImage(path, nrSectors);
    return new HostFileBlockBackend(path);
  }

  readSectors(sector: number, into: Uint8Array): number {
    try {
      for (let done = 0; done < into.length;) {
        const nrBytes = readSync(this.fd, into, done, into.length - done, sector * SECTOR_SIZE + done);
        // The file has become shorter.
        if (nrBytes === 0) return this.fail(EIO);
        done += nrBytes;
      }
      return 0;
    } catch {
      return this.fail(EIO);
    }
  }

  writeSectors(sector: number, from: Uint8Array): number {
    if (this.isReadOnly) return this.fail(EIO);
    this.savePages(sector, from.length / SECTOR_SIZE);
    try {
      for (let done = 0; done < from.length;) {
        done += writeSync(this.fd, from, done, from.length - done, sector * SECTOR_SIZE + done);
      }
      return 0;
    } catch (error) {
      const isFull = isSystemError(error, "ENOSPC") || isSystemError(error, "EDQUOT");
      return this.fail(isFull ? ENOSPC : EIO);
    }
  }

  /** Waits until the host has the file on its disk (fdatasync). */
  flush(): number {
    if (this.isReadOnly) return 0;
    try {
      fdatasyncSync(this.fd);
      return 0;
    } catch {
      return this.fail(EIO);
    }
  }

  /** Closes the file; everything answers -EIO from then on. */
  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
    this.snapshots = [];
  }

  /** One sentence on what failed so far. */
  describeFailures(): string {
    const { nrFailures, path, firstErrno } = this;
    return `image ${path}: ${nrFailures} transfers failed, the first with ${errnoName(firstErrno)}`;
  }

  captureExternal(): unknown {
    const state: SavedPages = { pages: new Map(), isIncomplete: false };
    this.snapshots.push(new WeakRef(state));
    return state;
  }

  /** Throws EIO when the file cannot be put back. */
  reinstateExternal(state: unknown): void {
    const { pages, isIncomplete } = state as SavedPages;
    let isBack = !isIncomplete;
    for (const [page, bytes] of pages) {
      if (this.writeSectors((page * PAGE_SIZE) / SECTOR_SIZE, bytes) < 0) isBack = false;
    }
    if (!isBack)
      throw new KernelError(EIO, `image ${this.path} cannot be put back as it was at the snapshot`);
    pages.clear();
  }

  /** Keeps the pages that are about to be overwritten for the snapshots that do not have them. */
  private savePages(sector: number, nrSectors: number): void {
    if (this.snapshots.length === 0) return;
    const states: SavedPages[] = [];
    this.snapshots = this.snapshots.filter((reference) => {
      const state = reference.deref();
      if (state !== undefined) states.push(state);
      return state !== undefined;
    });
    const lastPage = Math.floor(((sector + nrSectors) * SECTOR_SIZE - 1) / PAGE_SIZE);
    for (let page = Math.floor((sector * SECTOR_SIZE) / PAGE_SIZE); page <= lastPage; page++) {
      const lacking = states.filter(({ pages }) => !pages.has(page));
      if (lacking.length === 0) continue;
      const start = page * PAGE_SIZE;
      const bytes = new Uint8Array(Math.min(PAGE_SIZE, this.nrSectors * SECTOR_SIZE - start));
      const isRead = this.readSectors(start / SECTOR_SIZE, bytes) === 0;
      for (const state of lacking) {
        if (isRead) state.pages.set(page, bytes);
        else state.isIncomplete = true;
      }
    }
  }

  private fail(errno: number): number {
    if (this.nrFailures++ === 0) this.firstErrno = errno;
    return -errno;
  }
}

function openImage(path: string, isReadOnly: boolean): number {
  const { O_RDONLY, O_RDWR, O_NONBLOCK } = constants;
  try {
    // A pipe without a reader must not block.
    return openSync(path, (isReadOnly ? O_RDONLY : O_RDWR) | O_NONBLOCK);
  } catch (error) {
    const wanted = isReadOnly ? "read" : "written";
    if (isSystemError(error, "ENOENT")) {
      throw new KernelError(ENOENT, `image ${path} does not exist; the name of an image file would work`);
    }
    if (isSystemError(error, "EISDIR")) throw notRegular(path);
    const sentence = `image ${path} cannot be ${wanted}: ${systemSentence(error)}`;
    if (!isSystemError(error, "EACCES") && !isSystemError(error, "EROFS"))
      throw new KernelError(EINVAL, sentence);
    throw new KernelError(EACCES, isReadOnly ? sentence : `${sentence}; opening it read-only may work`);
  }
}

function nrUsableSectors(path: string, fd: number, nrWanted?: number): number {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw notRegular(path);
  const nrSectors = Math.floor(stat.size / SECTOR_SIZE);
  const nrNeeded = nrWanted ?? 1;
  if (!Number.isSafeInteger(nrNeeded) || nrNeeded <= 0) {
    throw new KernelError(
      EINVAL,
      `image ${path} cannot have ${nrNeeded} sectors; a positive integer would work`,
    );
  }
  if (nrSectors < nrNeeded) {
    const needed = nrNeeded * SECTOR_SIZE;
    throw new KernelError(EINVAL, `image ${path} has ${stat.size} bytes; at least ${needed} would work`);
  }
  return nrWanted ?? nrSectors;
}

function notRegular(path: string): KernelError {
  return new KernelError(EINVAL, `image ${path} is not a regular file; an image file would work`);
}

function makeImage(path: string, nrSectors: number): void {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  let fd = -1;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    ftruncateSync(fd, nrSectors * SECTOR_SIZE);
  } catch (error) {
    const errno = isSystemError(error, "EEXIST") ? EEXIST : EINVAL;
    throw new KernelError(errno, `image ${path} cannot be made: ${systemSentence(error)}`);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
