/**
 * A swap area in a file of the host: pages really leave the process.
 *
 * The file starts with the header that mkswap(8) writes, labelled `pageframe`. A file that exists already is taken only
 * when it is empty or carries that label, so that no document and no system's own swap is ever overwritten.
 * Source: Linux 6.18 include/linux/swap.h, union swap_header.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import {
  EIO,
  ENOSPC,
  errnoName,
  type ExternalState,
  KernelError,
  PAGE_SIZE,
  type SwapBackend,
} from "@pageframe/contracts";
import { isSystemError, systemSentence, usageError } from "./errors.ts";

/** Offsets in the header page: version, last page, label; and the signature at its end. */
const VERSION_OFFSET = 1024;
const LAST_PAGE_OFFSET = 1028;
const LABEL_OFFSET = 1052;
const LABEL = "pageframe\0\0\0\0\0\0\0";
const SIGNATURE = "SWAPSPACE2";
const SIGNATURE_OFFSET: number = PAGE_SIZE - SIGNATURE.length;

/** A file that may be swapped to, open. One run after the other makes its own area of it. */
export class HostSwapFile {
  readonly path: string;
  readonly fd: number;
  private readonly wasCreated: boolean;

  /** Opens or creates the file; throws a usage error when it cannot be written or must not be overwritten. */
  constructor(path: string) {
    this.path = path;
    [this.fd, this.wasCreated] = openSwapFile(path);
  }

  /** Empties the file, sizes it and writes its header. `nrPages` counts the header. */
  makeArea(nrPages: number): HostFileSwapBackend {
    try {
      ftruncateSync(this.fd, 0);
      ftruncateSync(this.fd, nrPages * PAGE_SIZE);
    } catch (error) {
      const size = `${nrPages * PAGE_SIZE} bytes`;
      throw usageError(`swap file ${this.path} cannot be made ${size} long: ${systemSentence(error)}`);
    }
    const backend = new HostFileSwapBackend(this.path, this.fd, nrPages);
    const result = backend.writePage(0, headerPage(nrPages));
    if (result < 0) throw usageError(`swap file ${this.path} cannot be written: ${errnoName(result)}`);
    return backend;
  }

  /** Closes the file; removes it if it was created here, unless it is to be kept. */
  close(isKept: boolean): void {
    closeSync(this.fd);
    if (this.wasCreated && !isKept) unlinkSync(this.path);
  }
}

/** Pages in an open file. The file's owner closes it. */
export class HostFileSwapBackend implements SwapBackend, ExternalState {
  readonly name = "host-file";
  readonly path: string;
  readonly nrPages: number;
  /** Transfers that failed. */
  nrFailures = 0;
  private firstErrno = 0;
  private readonly fd: number;
  /** Offsets that were written. */
  private readonly written = new Set<number>();
  /** What pages without bytes move: zeros, there and back. */
  private readonly blank = new Uint8Array(PAGE_SIZE);

  constructor(path: string, fd: number, nrPages: number) {
    this.path = path;
    this.fd = fd;
    this.nrPages = nrPages;
  }

  /** A file that ends early reads as -EIO. */
  readPage(offset: number, into: Uint8Array): number {
    try {
      for (let done = 0; done < PAGE_SIZE;) {
        const nrBytes = readSync(this.fd, into, done, PAGE_SIZE - done, offset * PAGE_SIZE + done);
        if (nrBytes === 0) return this.fail(EIO);
        done += nrBytes;
      }
      return 0;
    } catch {
      return this.fail(EIO);
    }
  }

  writePage(offset: number, from: Uint8Array): number {
    try {
      for (let done = 0; done < PAGE_SIZE;) {
        done += writeSync(this.fd, from, done, PAGE_SIZE - done, offset * PAGE_SIZE + done);
      }
      this.written.add(offset);
      return 0;
    } catch (error) {
      const isFull = isSystemError(error, "ENOSPC") || isSystemError(error, "EDQUOT");
      return this.fail(isFull ? ENOSPC : EIO);
    }
  }

  /** Moves a page of zeros, so that the device works and fails as it would with bytes. */
  ioWithoutBytes(offset: number, isWrite: boolean): number {
    return isWrite ? this.writePage(offset, this.blank) : this.readPage(offset, this.blank);
  }

  /** Leaves the file open: it is its owner's to close. */
  close(): void {
    this.written.clear();
  }

  /** One sentence on what failed so far. */
  describeFailures(): string {
    const { nrFailures, path, firstErrno } = this;
    return `swap file ${path}: ${nrFailures} transfers failed, the first with ${errnoName(firstErrno)}`;
  }

  captureExternal(): unknown {
    const pages = new Map<number, Uint8Array>();
    for (const offset of this.written) {
      const page = new Uint8Array(PAGE_SIZE);
      this.orThrow(this.readPage(offset, page), "read");
      pages.set(offset, page);
    }
    return pages;
  }

  reinstateExternal(state: unknown): void {
    this.written.clear();
    for (const [offset, page] of state as Map<number, Uint8Array>) {
      this.orThrow(this.writePage(offset, page), "written");
    }
  }

  private fail(errno: number): number {
    if (this.nrFailures++ === 0) this.firstErrno = errno;
    return -errno;
  }

  private orThrow(result: number, done: string): void {
    if (result < 0) throw new KernelError(result, `swap file ${this.path} cannot be ${done}`);
  }
}

/** Opens the file for both ways; says whether it is new. */
function openSwapFile(path: string): [number, boolean] {
  const { O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = constants;
  const fail = (found: string): never => {
    throw usageError(
      `swap file ${path} ${found}`,
      "name a file that can be created, or one that pageframe made",
    );
  };
  try {
    return [openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600), true];
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) return fail(`cannot be created: ${systemSentence(error)}`);
  }
  let fd = -1;
  let stat: Stats;
  try {
    // A pipe without a reader must not block.
    fd = openSync(path, O_RDWR | O_NONBLOCK);
    stat = fstatSync(fd);
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    return fail(`cannot be written: ${systemSentence(error)}`);
  }
  if (stat.isFile() && (stat.size === 0 || hasOurHeader(fd))) return [fd, false];
  closeSync(fd);
  return fail(stat.isFile() ? "exists and is not a swap file of pageframe's" : "is not a regular file");
}

function hasOurHeader(fd: number): boolean {
  const page = Buffer.alloc(PAGE_SIZE);
  return (
    readSync(fd, page, 0, PAGE_SIZE, 0) === PAGE_SIZE &&
    page.toString("latin1", SIGNATURE_OFFSET) === SIGNATURE &&
    page.toString("latin1", LABEL_OFFSET, LABEL_OFFSET + LABEL.length) === LABEL
  );
}

function headerPage(nrPages: number): Uint8Array {
  const page = Buffer.alloc(PAGE_SIZE);
  page.writeUInt32LE(1, VERSION_OFFSET);
  page.writeUInt32LE(nrPages - 1, LAST_PAGE_OFFSET);
  page.write(LABEL, LABEL_OFFSET, "latin1");
  page.write(SIGNATURE, SIGNATURE_OFFSET, "latin1");
  return page;
}
