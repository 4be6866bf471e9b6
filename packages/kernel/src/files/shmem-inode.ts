/**
 * What a shmem inode has: pages in memory, and the charge for all that are no holes. Hot: per page that comes or goes.
 * Source: Linux 6.18 mm/shmem.c, shmem_add_to_page_cache(), shmem_inode_acct_blocks(), shmem_reacct_size().
 */
import { bug, ENOSPC, PAGE_SIZE, type Pfn } from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { type Inode } from "./inode.ts";
import { countFilePage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Makes a page that is in no file one of a shmem inode; the reference of its owner becomes the cache's. */
export function addToCache(sys: System, inode: Inode, pgoff: number, pfn: Pfn): void {
  sys.memmap.mapping[pfn] = inode.id;
  sys.memmap.index[pfn] = pgoff;
  inode.pages.store(pgoff, pfn);
  if (pgoff >= inode.pastLastPage) inode.pastLastPage = pgoff + 1;
  countFilePage(sys, pfn, true, 1);
}

/** Takes a page out of a shmem inode; the cache's reference is the caller's then (filemap_remove_folio). */
export function removeFromCache(sys: System, inode: Inode, pfn: Pfn): void {
  const { memmap } = sys;
  if (inode.pages.load(memmap.index[pfn]) !== pfn) bug(`pfn ${pfn} is not cached by inode ${inode.id}`);
  inode.pages.erase(memmap.index[pfn]);
  countFilePage(sys, pfn, true, -1);
  memmap.mapping[pfn] = NO_MAPPING;
}

/** Charges or gives back the difference of two sizes, where the whole size is charged. 0 or -ENOMEM (shmem_reacct_size). */
export function reacctSize(sys: System, task: Task, inode: Inode, newBytes: number): number {
  if (!inode.isReserved) return 0;
  const nrPages = Math.ceil(newBytes / PAGE_SIZE) - Math.ceil(inode.sizeBytes / PAGE_SIZE);
  if (nrPages > 0) return sys.vmCommit.charge(nrPages, task.mm.space.totalVm, task.mm.space.isPrivileged);
  sys.vmCommit.uncharge(-nrPages);
  return 0;
}

/** Gives back the charge of pages that became holes. */
export function unchargePages(sys: System, inode: Inode, nrPages: number): void {
  if (inode.isLimited) sys.files.nrTmpfsBlocks -= nrPages;
  if (!inode.isReserved) sys.vmCommit.uncharge(nrPages);
}

/** Most pages of all files in /dev/shm: half of RAM (shmem_default_max_blocks). */
export function maxTmpfsBlocks(sys: System): number {
  return Math.floor(sys.frames.zones.reduce((sum, zone) => sum + zone.managedPages, 0) / 2);
}

/** Charges one page that is no hole any more. 0 or -ENOSPC (shmem_inode_acct_blocks). */
export function chargePage(sys: System, task: Task, inode: Inode): number {
  const { space } = task.mm;
  if (!inode.isReserved && sys.vmCommit.charge(1, space.totalVm, space.isPrivileged) !== 0) return -ENOSPC;
  if (!inode.isLimited) return 0;
  if (sys.files.nrTmpfsBlocks >= maxTmpfsBlocks(sys)) {
    if (!inode.isReserved) sys.vmCommit.uncharge(1);
    return -ENOSPC;
  }
  sys.files.nrTmpfsBlocks++;
  return 0;
}
