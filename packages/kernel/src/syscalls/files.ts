/**
 * System calls on files: open on tmpfs, memfd_create, read and write at an offset, truncation, seals.
 * Source: Linux 6.18 fs/open.c, do_ftruncate(), vfs_fallocate(); fs/read_write.c, ksys_pread64(); mm/shmem.c,
 * shmem_file_read_iter(), shmem_write_begin(), shmem_write_end(); mm/memfd.c; mm/fadvise.c, generic_fadvise().
 */
import {
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSYS,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  NO_VMA,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DSYNC,
  O_EXCL,
  O_RDONLY,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
  PAGE_SIZE,
  PG_DIRTY,
  PG_UPTODATE,
  type Pfn,
  POSIX_FADV_NOREUSE,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WAIT_BEFORE,
  SYNC_FILE_RANGE_WRITE,
  VM_MAYWRITE,
  VM_SHARED,
} from "@pageframe/contracts";
import { FMODE_READ, FMODE_WRITE } from "@pageframe/vma";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { getFilePage } from "../files/file-pages.ts";
import { closeFile, evictInode, newShmemInode, SGP_READ, SGP_WRITE, shmemGetPage } from "../files/shmem.ts";
import { allocateDisk, punchDisk, setDiskSize } from "../files/disk-size.ts";
import { BufferSink, BufferSource } from "../filemap/buffer-io.ts";
import { directRead, directWrite } from "../filemap/direct.ts";
import { adviseFile } from "../filemap/fadvise.ts";
import { checkAndAdvance, fsyncFile } from "../filemap/fsync.ts";
import { filemapRead, type ReadSink } from "../filemap/read.ts";
import { seekDataOrHole } from "../filemap/seek.ts";
import { filemapWrite, MAX_FILE_BYTES, type WriteSource } from "../filemap/write.ts";
import { waitForWrites, writePages } from "../filemap/write-out.ts";
import { allocateShmem, emptyShmem, punchShmem, setShmemSize } from "../files/truncate.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Longest name of a memfd (MFD_NAME_MAX_LEN), and of a file. */
const MFD_NAME_MAX_LEN = 249;
const NAME_MAX = 255;
const MFD_ALL_FLAGS = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;
const F_ALL_SEALS =
  F_SEAL_SEAL | F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
const SYNC_FILE_RANGE_ALL = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
const TMPFS_PATH = "/dev/shm/";

/** open(2) in /dev/shm, and so shm_open(3). Returns the file's id, -ENOENT, -EEXIST or -EINVAL. */
export function sysOpenTmpfs(sys: System, name: string, openFlags: number): number {
  if (name === "" || name.length > NAME_MAX || name.includes("/")) return -EINVAL;
  const { files } = sys;
  const known = files.tmpfsNames.get(name);
  if (known === undefined && (openFlags & O_CREAT) === 0) return -ENOENT;
  if (known !== undefined && (openFlags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
  const inode = known === undefined ? newShmemInode(sys, TMPFS_PATH + name, 0, 1, true) : files.inode(known);
  inode.seals |= F_SEAL_SEAL;
  files.tmpfsNames.set(name, inode.id);
  const access = openFlags & O_ACCMODE;
  const mode = (access === O_WRONLY ? 0 : FMODE_READ) | (access === O_RDONLY ? 0 : FMODE_WRITE);
  const file = files.openInode(inode, mode);
  if ((openFlags & O_TRUNC) !== 0) emptyShmem(sys, inode);
  return file.id;
}

/** unlink(2) in /dev/shm, and so shm_unlink(3): the file lives on while it is open or mapped. 0 or -ENOENT. */
export function sysUnlinkTmpfs(sys: System, name: string): number {
  const { files } = sys;
  const known = files.tmpfsNames.get(name);
  if (known === undefined) return -ENOENT;
  files.tmpfsNames.delete(name);
  const inode = files.inode(known);
  inode.nrLinks = 0;
  if (inode.nrFiles === 0) evictInode(sys, inode);
  return 0;
}

/** memfd_create(2). Returns the file's id, -EINVAL, or -ENOSYS for huge pages. */
export function sysMemfdCreate(sys: System, name: string, flags: number): number {
  if ((flags & ~MFD_ALL_FLAGS) !== 0 || name.length > MFD_NAME_MAX_LEN) return -EINVAL;
  if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) === (MFD_EXEC | MFD_NOEXEC_SEAL)) return -EINVAL;
  if ((flags & MFD_HUGETLB) !== 0) return -ENOSYS;
  const inode = newShmemInode(sys, `/memfd:${name}`, 0, 0, false);
  if ((flags & MFD_NOEXEC_SEAL) !== 0) inode.seals = F_SEAL_EXEC;
  else if ((flags & MFD_ALLOW_SEALING) === 0) inode.seals = F_SEAL_SEAL;
  return sys.files.openInode(inode, FMODE_READ | FMODE_WRITE).id;
}

/** close(2). 0 or -EBADF. */
export function sysClose(sys: System, fileId: number): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  closeFile(sys, file);
  return 0;
}

/** ftruncate(2). Returns 0, -EBADF, -EINVAL (negative, not writable, not shared memory), -EPERM (sealed) or -ENOMEM. */
export function sysFtruncate(sys: System, task: Task, fileId: number, lengthBytes: number): number {
  if (lengthBytes < 0) return -EINVAL;
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  if ((file.mode & FMODE_WRITE) === 0) return -EINVAL;
  if (file.inode.kind === "disk") return setDiskSize(sys, task, file.inode, lengthBytes);
  if (!file.inode.isShmem) return -EINVAL;
  return setShmemSize(sys, task, file.inode, lengthBytes);
}

/**
 * fallocate(2): gives a range pages, or takes them with FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE. Returns 0, -EBADF,
 * -EINVAL, -EOPNOTSUPP, -EPERM (sealed), -ENOSPC, -ENOMEM or -EINTR.
 */
export function sysFallocate(
  sys: System,
  task: Task,
  fileId: number,
  mode: number,
  offsetBytes: number,
  lengthBytes: number,
): number {
  const file = sys.files.descriptor(fileId);
  return file === null ? -EBADF : fallocateFile(sys, task, file, mode, offsetBytes, lengthBytes);
}

/** fallocate() of a file, which need not have a descriptor any more (vfs_fallocate). */
export function fallocateFile(
  sys: System,
  task: Task,
  file: OpenFile,
  mode: number,
  offsetBytes: number,
  lengthBytes: number,
): number {
  if (offsetBytes < 0 || lengthBytes <= 0) return -EINVAL;
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) return -EOPNOTSUPP;
  const isPunch = (mode & FALLOC_FL_PUNCH_HOLE) !== 0;
  const keepSize = (mode & FALLOC_FL_KEEP_SIZE) !== 0;
  if (isPunch && !keepSize) return -EOPNOTSUPP;
  if ((file.mode & FMODE_WRITE) === 0) return -EBADF;
  const { inode } = file;
  const endBytes = offsetBytes + lengthBytes;
  if (inode.kind === "disk") {
    return isPunch
      ? punchDisk(sys, inode, offsetBytes, endBytes)
      : allocateDisk(sys, task, inode, offsetBytes, endBytes, keepSize);
  }
  if (!inode.isShmem) return -EOPNOTSUPP;
  return isPunch
    ? punchShmem(sys, task, inode, offsetBytes, endBytes)
    : allocateShmem(sys, task, inode, offsetBytes, endBytes, keepSize);
}

/**
 * fsync(2), or fdatasync(2) with `dataOnly`. Shared memory has nowhere to go to, and generated files write their pages when they
 * leave. 0, -EBADF, or the error of a write that this opening has not heard of yet.
 */
export function sysFsync(sys: System, fileId: number, dataOnly = false): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  return file.inode.kind === "disk" ? fsyncFile(sys, file, dataOnly) : 0;
}

/** posix_fadvise(2): tmpfs ignores advice, generated files have no readahead. 0, -EBADF or -EINVAL. */
export function sysFadvise(
  sys: System,
  fileId: number,
  offsetBytes: number,
  lengthBytes: number,
  advice: number,
): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  if (lengthBytes < 0 || advice < 0 || advice > POSIX_FADV_NOREUSE) return -EINVAL;
  return file.inode.kind === "disk" ? adviseFile(sys, file, offsetBytes, lengthBytes, advice) : 0;
}

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

/** sync_file_range(2): waits, writes and waits as `flags` say. Returns 0, -EBADF, -EINVAL or -EIO. */
export function sysSyncFileRange(
  sys: System,
  fileId: number,
  offsetBytes: number,
  lengthBytes: number,
  flags: number,
): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  if (offsetBytes < 0 || lengthBytes < 0 || (flags & ~SYNC_FILE_RANGE_ALL) !== 0) return -EINVAL;
  if (file.inode.kind !== "disk") return 0;
  const { inode } = file;
  const start = Math.floor(offsetBytes / PAGE_SIZE);
  const end = lengthBytes === 0 ? Infinity : Math.ceil((offsetBytes + lengthBytes) / PAGE_SIZE);
  if ((flags & SYNC_FILE_RANGE_WAIT_BEFORE) !== 0) waitForWrites(sys, inode, start, end);
  if ((flags & SYNC_FILE_RANGE_WRITE) !== 0) writePages(sys, inode, start, end, false);
  if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) !== 0) waitForWrites(sys, inode, start, end);
  return (flags & (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER)) === 0
    ? 0
    : checkAndAdvance(sys, file);
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
export function writeFile(
  sys: System,
  task: Task,
  file: OpenFile,
  from: Uint8Array,
  offsetBytes: number,
): number {
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

/** fcntl(2) F_ADD_SEALS. Returns 0, -EBADF, -EINVAL, -EPERM, or -EBUSY while somebody could write through a mapping. */
export function sysAddSeals(sys: System, fileId: number, seals: number): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  const { inode, mode } = file;
  if ((mode & FMODE_WRITE) === 0) return -EPERM;
  if ((seals & ~F_ALL_SEALS) !== 0 || !inode.isShmem) return -EINVAL;
  if ((inode.seals & F_SEAL_SEAL) !== 0) return -EPERM;
  let added = seals;
  // What is executable and stays so must not change any more.
  if ((seals & F_SEAL_EXEC) !== 0 && (inode.seals & F_SEAL_EXEC) === 0) {
    added |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
  }
  if ((added & ~inode.seals & F_SEAL_WRITE) !== 0 && isMappedWritable(sys, inode)) return -EBUSY;
  inode.seals |= added;
  return 0;
}

/** fcntl(2) F_GET_SEALS: the seals, -EBADF or -EINVAL. */
export function sysGetSeals(sys: System, fileId: number): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  return file.inode.isShmem ? file.inode.seals : -EINVAL;
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

/** Is there a shared mapping through which the inode can be written, or could be after mprotect()? */
function isMappedWritable(sys: System, inode: Inode): boolean {
  if (inode.nrMappings === 0) return false;
  for (const mm of sys.mms) {
    if (mm === null) continue;
    const { pool } = mm.space;
    for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
      const fileId = pool.fileId[vma];
      if (fileId < 0 || sys.files.inodeOf(fileId) !== inode) continue;
      const wanted = VM_SHARED | VM_MAYWRITE;
      if ((pool.vmFlags[vma] & wanted) === wanted) return true;
    }
  }
  return false;
}
