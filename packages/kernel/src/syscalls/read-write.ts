/**
 * read(2), write(2), lseek(2) and their kin, for every kind of file.
 * Source: Linux 6.18 fs/read_write.c, ksys_read(), ksys_pread64(), vfs_llseek(); mm/shmem.c, shmem_file_read_iter(),
 * shmem_write_begin(), shmem_write_end().
 */
import {
  EBADF,
  EINVAL,
  EISDIR,
  ENXIO,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_WRITE,
  NO_VMA,
  O_APPEND,
  O_DIRECT,
  O_DSYNC,
  O_SYNC,
  PAGE_SIZE,
  PG_DIRTY,
  PG_UPTODATE,
  type Pfn,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from "@pageframe/contracts";
import { FMODE_READ, FMODE_WRITE } from "@pageframe/vma";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { getFilePage } from "../files/file-pages.ts";
import { SGP_READ, SGP_WRITE, shmemGetPage } from "../files/shmem.ts";
import { BufferSink, BufferSource } from "../filemap/buffer-io.ts";
import { directRead, directWrite } from "../filemap/direct.ts";
import { fsyncFile } from "../filemap/fsync.ts";
import { filemapRead, type ReadSink } from "../filemap/read.ts";
import { seekDataOrHole } from "../filemap/seek.ts";
import { filemapWrite, MAX_FILE_BYTES, type WriteSource } from "../filemap/write.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** read(2) at the file's position, which moves. Returns the bytes read or -errno. */
export function sysRead(sys: System, task: Task, fileId: number, to: Uint8Array): number {
  const file = sys.files.descriptor(fileId);
  if (file === null || (file.mode & FMODE_READ) === 0) return -EBADF;
  const nrRead = readFile(sys, task, file, to, file.position);
  if (nrRead > 0) file.position += nrRead;
  return nrRead;
}

/** write(2) at the file's position, or at its end with O_APPEND; the position moves. Returns the bytes written or -errno. */
export function sysWrite(sys: System, task: Task, fileId: number, from: Uint8Array): number {
  const file = sys.files.descriptor(fileId);
  if (file === null || (file.mode & FMODE_WRITE) === 0) return -EBADF;
  if ((file.openFlags & O_APPEND) !== 0) file.position = file.inode.sizeBytes;
  const nrWritten = writeFile(sys, task, file, from, file.position);
  if (nrWritten > 0) file.position += nrWritten;
  return nrWritten;
}

/** pread(2) of cached pages into a sink. Returns the bytes taken or -errno. */
export function sysReadTo(
  sys: System,
  fileId: number,
  sink: ReadSink,
  nrBytes: number,
  offsetBytes: number,
): number {
  const file = sys.files.descriptor(fileId);
  if (file === null || (file.mode & FMODE_READ) === 0) return -EBADF;
  if (file.inode.isDirectory) return -EISDIR;
  if (file.inode.kind !== "disk" || (file.openFlags & O_DIRECT) !== 0 || offsetBytes < 0) return -EINVAL;
  return filemapRead(sys, file, offsetBytes, nrBytes, sink);
}

/** pwrite(2) into cached pages from a source. Returns the bytes written or -errno. */
export function sysWriteFrom(
  sys: System,
  task: Task,
  fileId: number,
  source: WriteSource,
  nrBytes: number,
  offsetBytes: number,
): number {
  const file = sys.files.descriptor(fileId);
  if (file === null || (file.mode & FMODE_WRITE) === 0) return -EBADF;
  if (file.inode.kind !== "disk" || (file.openFlags & O_DIRECT) !== 0 || offsetBytes < 0) return -EINVAL;
  const position = (file.openFlags & O_APPEND) !== 0 ? file.inode.sizeBytes : offsetBytes;
  return durably(sys, file, filemapWrite(sys, task, file, position, nrBytes, source));
}

/** lseek(2). Returns the position, -EBADF, -EINVAL, or -ENXIO when there is no data behind. */
export function sysLseek(sys: System, fileId: number, offsetBytes: number, whence: number): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  const position = seekTarget(file, offsetBytes, whence);
  if (position < 0) return position;
  if (position > MAX_FILE_BYTES) return -EINVAL;
  file.position = position;
  return position;
}

function seekTarget(file: OpenFile, offsetBytes: number, whence: number): number {
  const { inode } = file;
  switch (whence) {
    case SEEK_SET:
      return offsetBytes < 0 ? -EINVAL : offsetBytes;
    case SEEK_CUR:
      return file.position + offsetBytes < 0 ? -EINVAL : file.position + offsetBytes;
    case SEEK_END:
      return inode.sizeBytes + offsetBytes < 0 ? -EINVAL : inode.sizeBytes + offsetBytes;
    case SEEK_DATA:
    case SEEK_HOLE:
      if (offsetBytes < 0 || offsetBytes >= inode.sizeBytes) return -ENXIO;
      return seekDataOrHole(inode, offsetBytes, whence === SEEK_DATA);
    default:
      return -EINVAL;
  }
}

/** pread(2) into a buffer of the kernel's. Returns the bytes read, fewer at the end of the file, or -errno. */
export function sysPread(
  sys: System,
  task: Task,
  fileId: number,
  to: Uint8Array,
  offsetBytes: number,
): number {
  const file = sys.files.descriptor(fileId);
  if (file === null || (file.mode & FMODE_READ) === 0) return -EBADF;
  if (offsetBytes < 0) return -EINVAL;
  return readFile(sys, task, file, to, offsetBytes);
}

/** Reads a file at an offset into a buffer of the kernel's. Returns the bytes read or -errno. */
export function readFile(
  sys: System,
  task: Task,
  file: OpenFile,
  to: Uint8Array,
  offsetBytes: number,
): number {
  const { inode } = file;
  if (inode.isDirectory) return -EISDIR;
  if (inode.kind === "disk") {
    return (file.openFlags & O_DIRECT) !== 0
      ? directRead(sys, file, to, offsetBytes)
      : filemapRead(sys, file, offsetBytes, to.length, new BufferSink(sys.contents, to));
  }
  const nrBytes = Math.min(to.length, Math.max(0, inode.sizeBytes - offsetBytes));
  for (let done = 0; done < nrBytes;) {
    const pgoff = Math.floor((offsetBytes + done) / PAGE_SIZE);
    const from = (offsetBytes + done) % PAGE_SIZE;
    const nrHere = Math.min(PAGE_SIZE - from, nrBytes - done);
    const pfn = inode.isShmem
      ? shmemGetPage(sys, task, inode, pgoff, SGP_READ)
      : getFilePage(sys, task, pgoff, file, pgoff, NO_VMA);
    // A hole is NO_PFN, and reads as zeros.
    if (pfn < -1) return done > 0 ? done : pfn;
    if (pfn < 0) {
      to.fill(0, done, done + nrHere);
    } else {
      if (from === 0 && inode.isShmem) sys.lru.markAccessed(pfn, sys.currentCpu);
      for (let at = 0; at < nrHere; at++) to[done + at] = sys.contents.readByte(pfn, from + at);
      putUserPage(sys, pfn, task.cpu);
    }
    done += nrHere;
  }
  return nrBytes;
}

/** pwrite(2) from a buffer of the kernel's. Returns the bytes written, fewer when space ends, or -errno. */
export function sysPwrite(
  sys: System,
  task: Task,
  fileId: number,
  from: Uint8Array,
  offsetBytes: number,
): number {
  const file = sys.files.descriptor(fileId);
  if (file === null || (file.mode & FMODE_WRITE) === 0) return -EBADF;
  if (offsetBytes < 0) return -EINVAL;
  return writeFile(sys, task, file, from, offsetBytes);
}

/** Writes a buffer of the kernel's to a file at an offset. Returns the bytes written or -errno. */
function writeFile(sys: System, task: Task, file: OpenFile, from: Uint8Array, offsetBytes: number): number {
  const { inode } = file;
  if (inode.kind === "disk") return writeDiskFile(sys, task, file, from, offsetBytes);
  for (let done = 0; done < from.length;) {
    const position = offsetBytes + done;
    const pgoff = Math.floor(position / PAGE_SIZE);
    const to = position % PAGE_SIZE;
    const nrHere = Math.min(PAGE_SIZE - to, from.length - done);
    const error = writeError(inode, position + nrHere);
    const pfn = error !== 0 ? error : writtenPage(sys, task, file, pgoff);
    if (pfn < 0) return done > 0 ? done : pfn;
    writePart(sys, pfn, from, done, to, nrHere);
    putUserPage(sys, pfn, task.cpu);
    done += nrHere;
    if (position + nrHere > inode.sizeBytes) inode.sizeBytes = position + nrHere;
  }
  return from.length;
}

function writeError(inode: Inode, endBytes: number): number {
  if ((inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
  return (inode.seals & F_SEAL_GROW) !== 0 && endBytes > inode.sizeBytes ? -EPERM : 0;
}

/** Writes to a file on a disk, at its end with O_APPEND; with O_SYNC or O_DSYNC it is durable then. */
function writeDiskFile(
  sys: System,
  task: Task,
  file: OpenFile,
  from: Uint8Array,
  offsetBytes: number,
): number {
  const { inode, openFlags } = file;
  const position = (openFlags & O_APPEND) !== 0 ? inode.sizeBytes : offsetBytes;
  const nrWritten =
    (openFlags & O_DIRECT) !== 0
      ? directWrite(sys, file, from, position)
      : filemapWrite(sys, task, file, position, from.length, new BufferSource(sys.contents, from));
  return durably(sys, file, nrWritten);
}

/** With O_SYNC or O_DSYNC what was written is durable when the call returns. */
function durably(sys: System, file: OpenFile, nrWritten: number): number {
  const { openFlags } = file;
  if (nrWritten <= 0 || (openFlags & O_DSYNC) === 0) return nrWritten;
  const error = fsyncFile(sys, file, (openFlags & O_SYNC) !== O_SYNC);
  return error < 0 ? error : nrWritten;
}

function writtenPage(sys: System, task: Task, file: OpenFile, pgoff: number): number {
  return file.inode.isShmem
    ? shmemGetPage(sys, task, file.inode, pgoff, SGP_WRITE)
    : getFilePage(sys, task, pgoff, file, pgoff, NO_VMA);
}

/** Copies bytes into a page; what else a new page has becomes zeros. */
function writePart(
  sys: System,
  pfn: Pfn,
  from: Uint8Array,
  start: number,
  to: number,
  nrBytes: number,
): void {
  const { contents, memmap } = sys;
  if (!memmap.hasFlags(pfn, PG_UPTODATE) && nrBytes < PAGE_SIZE) contents.zeroPage(pfn);
  if (nrBytes === PAGE_SIZE) contents.writePage(pfn, from.subarray(start, start + nrBytes));
  else for (let at = 0; at < nrBytes; at++) contents.writeByte(pfn, to + at, from[start + at]);
  memmap.setFlags(pfn, PG_UPTODATE | PG_DIRTY);
}
