/**
 * What MADV_REMOVE and MADV_WILLNEED do to mappings of files.
 * Source: Linux 6.18 mm/madvise.c, madvise_remove(), madvise_willneed(), shmem_swapin_range().
 */
import {
  EACCES,
  EINVAL,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  NO_PFN,
  PAGE_SIZE,
  VM_LOCKED,
  VM_MAYWRITE,
  VM_SHARED,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { willneedPages } from "../filemap/fadvise.ts";
import { linearPageIndex } from "../pages/pages.ts";
import { readIntoSwapCache } from "../pages/swap-cluster.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { fallocateFile } from "./files.ts";

/**
 * MADV_REMOVE: makes a hole of [startVpn, endVpn) in the file, for all who map it. Returns 0, -EINVAL without a file or
 * locked, -EACCES when the mapping is not shared and cannot become writable, or what fallocate() says.
 */
export function removeFileRange(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  const { pool } = mm.space;
  const vmFlags = pool.vmFlags[vma];
  const fileId = pool.fileId[vma];
  if ((vmFlags & VM_LOCKED) !== 0 || fileId === NO_FILE) return -EINVAL;
  if ((vmFlags & (VM_SHARED | VM_MAYWRITE)) !== (VM_SHARED | VM_MAYWRITE)) return -EACCES;
  const offsetBytes = linearPageIndex(mm, vma, startVpn) * PAGE_SIZE;
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const lengthBytes = (endVpn - startVpn) * PAGE_SIZE;
  return fallocateFile(sys, task, sys.files.file(fileId), mode, offsetBytes, lengthBytes);
}

/** MADV_WILLNEED on a file: reads ahead what is on a disk; what shared memory has in swap, into the swap cache. Always 0. */
export function willneedFile(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  const file = sys.files.file(mm.space.pool.fileId[vma]);
  const { inode } = file;
  const startPgoff = linearPageIndex(mm, vma, startVpn);
  const endPgoff = startPgoff + (endVpn - startVpn);
  willneedPages(sys, file, startPgoff, endPgoff);
  if (inode.swapped.size > 0) {
    for (let pgoff = startPgoff; pgoff < endPgoff && task.killedBy === null; pgoff++) {
      const entry = inode.swapped.get(pgoff);
      if (entry !== undefined && sys.swap.lookupCache(entry) === NO_PFN)
        readIntoSwapCache(sys, task, pgoff, entry);
    }
  }
  if (inode.isShmem) sys.lru.drain(task.cpu);
  return 0;
}
