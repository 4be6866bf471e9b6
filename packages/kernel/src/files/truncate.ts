/**
 * Changing the size of shared memory, and making holes in it.
 * Source: Linux 6.18 mm/shmem.c, shmem_setattr(), shmem_fallocate(); mm/memfd.c, memfd_add_seals().
 */
import {
  EINTR,
  ENOSPC,
  NO_PFN,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  PAGE_SIZE,
  PG_DIRTY,
  PG_UPTODATE,
} from "@pageframe/contracts";
import { type Inode } from "./inode.ts";
import { maxTmpfsBlocks, reacctSize } from "./shmem-inode.ts";
import { dropShmemPage, SGP_FALLOC, shmemGetPage, truncateShmem } from "./shmem.ts";
import { unmapMapping } from "./unmap-mapping.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * Gives a shmem inode another size. What lies beyond the new end is gone, private copies too; the rest of the last page
 * is zeroed. Returns 0, -EPERM (sealed) or -ENOMEM.
 */
export function setShmemSize(sys: System, task: Task, inode: Inode, newBytes: number): number {
  const oldBytes = inode.sizeBytes;
  if (newBytes < oldBytes && (inode.seals & F_SEAL_SHRINK) !== 0) return -EPERM;
  if (newBytes > oldBytes && (inode.seals & F_SEAL_GROW) !== 0) return -EPERM;
  if (newBytes !== oldBytes) {
    const error = reacctSize(sys, task, inode, newBytes);
    if (error !== 0) return error;
    inode.sizeBytes = newBytes;
  }
  if (newBytes > oldBytes) return 0;
  const holePage = Math.ceil(newBytes / PAGE_SIZE);
  if (oldBytes > holePage * PAGE_SIZE) unmapMapping(sys, inode, holePage, Infinity, true);
  truncateShmem(sys, task, inode, newBytes, Infinity);
  return 0;
}

/** Gives a shmem inode whose size is not charged as a whole the size 0, as open(2) with O_TRUNC does. */
export function emptyShmem(sys: System, inode: Inode): void {
  inode.sizeBytes = 0;
  unmapMapping(sys, inode, 0, Infinity, true);
  truncateShmem(sys, null, inode, 0, Infinity);
}

/** Makes a hole of bytes [startByte, endByte); private copies stay. Returns 0, or -EPERM (sealed). */
export function punchShmem(
  sys: System,
  task: Task,
  inode: Inode,
  startByte: number,
  endByte: number,
): number {
  if ((inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
  unmapMapping(sys, inode, Math.ceil(startByte / PAGE_SIZE), Math.floor(endByte / PAGE_SIZE), false);
  truncateShmem(sys, task, inode, startByte, endByte);
  return 0;
}

/**
 * Gives bytes [startByte, endByte) pages, which hold zeros only once somebody looks; the size grows unless `keepSize`.
 * Returns 0, -EPERM (sealed), -EINTR, -ENOMEM, -ENOSPC or -EIO, and then no page more than before.
 */
export function allocateShmem(
  sys: System,
  task: Task,
  inode: Inode,
  startByte: number,
  endByte: number,
  keepSize: boolean,
): number {
  if ((inode.seals & F_SEAL_GROW) !== 0 && endByte > inode.sizeBytes) return -EPERM;
  const startPage = Math.floor(startByte / PAGE_SIZE);
  const endPage = Math.ceil(endByte / PAGE_SIZE);
  if (inode.isLimited && endPage - startPage > maxTmpfsBlocks(sys)) return -ENOSPC;
  for (let pgoff = startPage; pgoff < endPage; pgoff++) {
    const pfn = task.killedBy === null ? shmemGetPage(sys, task, inode, pgoff, SGP_FALLOC) : -EINTR;
    if (pfn < 0) {
      undoAllocation(sys, inode, startPage, pgoff);
      return pfn;
    }
    sys.memmap.setFlags(pfn, PG_DIRTY);
    putUserPage(sys, pfn, task.cpu);
  }
  if (!keepSize && endByte > inode.sizeBytes) inode.sizeBytes = endByte;
  return 0;
}

/** Takes back the pages of [startPage, endPage) that nobody has looked at. */
function undoAllocation(sys: System, inode: Inode, startPage: number, endPage: number): void {
  for (let pgoff = startPage; pgoff < endPage; pgoff++) {
    const pfn = inode.pages.load(pgoff);
    if (pfn !== NO_PFN && !sys.memmap.hasFlags(pfn, PG_UPTODATE)) dropShmemPage(sys, inode, pfn);
  }
}
