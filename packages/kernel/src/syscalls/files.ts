/**
 * System calls on open files: closed, resized, made durable, advised.
 * Source: Linux 6.18 fs/open.c, do_ftruncate(), vfs_fallocate(); fs/sync.c; mm/fadvise.c, generic_fadvise().
 */
import {
  EBADF,
  EINVAL,
  EOPNOTSUPP,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  PAGE_SIZE,
  POSIX_FADV_NOREUSE,
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WAIT_BEFORE,
  SYNC_FILE_RANGE_WRITE,
} from "@pageframe/contracts";
import { FMODE_WRITE } from "@pageframe/vma";
import { type OpenFile } from "../files/inode.ts";
import { closeFile } from "../files/shmem.ts";
import { allocateDisk, punchDisk, setDiskSize } from "../files/disk-size.ts";
import { adviseFile } from "../filemap/fadvise.ts";
import { checkAndAdvance, fsyncFile } from "../filemap/fsync.ts";
import { waitForWrites, writePages } from "../filemap/write-out.ts";
import { allocateShmem, punchShmem, setShmemSize } from "../files/truncate.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

const SYNC_FILE_RANGE_ALL = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

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
