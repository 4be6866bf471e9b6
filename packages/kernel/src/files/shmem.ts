/**
 * Shared memory with files: pages of tmpfs, memfd, shared anonymous mappings and SysV segments. Hot: per shmem fault.
 *
 * A page is in memory (`inode.pages`), in swap (`inode.swapped`), or a hole. Every page that is no hole is charged: to the
 * overcommit account unless the whole size was, and to the /dev/shm mount if it lies there.
 * Source: Linux 6.18 mm/shmem.c, shmem_get_folio_gfp(), shmem_undo_range(), shmem_evict_inode(). Differs: no huge pages, no quotas.
 */
import {
  EINVAL,
  ENOMEM,
  NO_PFN,
  PAGE_SIZE,
  PG_DIRTY,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PG_UPTODATE,
  type Pfn,
} from "@pageframe/contracts";
import { type Inode, type OpenFile } from "./inode.ts";
import { putInode } from "../fs/inodes.ts";
import { addToCache, chargePage, removeFromCache, unchargePages } from "./shmem-inode.ts";
import { freeShmemSwap, swapInShmem } from "./shmem-swap.ts";
import { allocUserPage, putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_ZERO_PAGE } from "../time.ts";

/** Devices of the kernel's own mount (memfd, shared anonymous memory, SysV segments) and of /dev/shm. */
const SHM_MNT_DEV_MINOR = 1;
const TMPFS_DEV_MINOR = 26;

/** How a page is asked for (enum sgp_type): leave holes alone, beyond the end is -EINVAL; make a page, likewise. */
export const SGP_READ = 0;
/** As SGP_READ, but beyond what was allocated nothing is looked at: for UFFDIO_CONTINUE. */
export const SGP_NOALLOC = 1;
export const SGP_CACHE = 2;
/** Make a page that the caller fills, even beyond the end; make one that stays as it is until somebody looks. */
export const SGP_WRITE = 3;
export const SGP_FALLOC = 4;

/**
 * Finds, swaps in or makes the page of a shmem inode and takes a reference. Returns the frame; NO_PFN for a hole under
 * SGP_READ and SGP_NOALLOC; or an errno below NO_PFN: -EINVAL beyond the end, -ENOMEM, -ENOSPC when the page cannot be charged, -EIO.
 * `sys.files.nrReads` counts a page that had to be read. A page made under SGP_WRITE or SGP_FALLOC is not PG_UPTODATE.
 */
export function shmemGetPage(sys: System, task: Task, inode: Inode, pgoff: number, sgp: number): number {
  const { memmap } = sys;
  if (sgp <= SGP_CACHE && pgoff * PAGE_SIZE >= inode.sizeBytes) return -EINVAL;
  const found = inode.pages.load(pgoff);
  if (found !== NO_PFN) {
    memmap.getPage(found);
    if (sgp === SGP_WRITE) sys.lru.markAccessed(found, sys.currentCpu);
    if (memmap.hasFlags(found, PG_UPTODATE)) return found;
    if (sgp === SGP_READ) {
      putUserPage(sys, found, task.cpu);
      return NO_PFN;
    }
    if (sgp !== SGP_WRITE) clearPage(sys, found);
    return found;
  }
  if (inode.swapped.has(pgoff)) {
    const pfn = swapInShmem(sys, task, inode, pgoff);
    if (pfn >= 0 && sgp === SGP_WRITE) sys.lru.markAccessed(pfn, sys.currentCpu);
    return pfn;
  }
  if (sgp <= SGP_NOALLOC) return NO_PFN;

  const error = chargePage(sys, task, inode);
  if (error !== 0) return error;
  const pfn = allocUserPage(sys, task.cpu, task.pid, pgoff);
  if (pfn === NO_PFN || task.killedBy !== null) {
    if (pfn !== NO_PFN) putUserPage(sys, pfn, task.cpu);
    unchargePages(sys, inode, 1);
    return -ENOMEM;
  }
  addToCache(sys, inode, pgoff, pfn);
  memmap.setFlags(pfn, PG_SWAPBACKED | (sgp === SGP_WRITE ? PG_REFERENCED : 0));
  // One reference came with the page and is the cache's; this one is the caller's.
  memmap.getPage(pfn);
  sys.lru.addPage(pfn, task.cpu);
  if (sgp === SGP_CACHE) clearPage(sys, pfn);
  return pfn;
}

/** Drops a clean or unwanted page that nothing maps, and its charge; a hole is left. */
export function dropShmemPage(sys: System, inode: Inode, pfn: Pfn): void {
  removeFromCache(sys, inode, pfn);
  sys.memmap.clearFlags(pfn, PG_DIRTY);
  putUserPage(sys, pfn, sys.currentCpu);
  unchargePages(sys, inode, 1);
}

/**
 * Makes holes of the pages in bytes [startByte, endByte) of an inode, in memory and in swap, and zeroes the parts of pages
 * at both ends (shmem_undo_range). Nothing may map the whole pages. O(pages that the inode has).
 */
export function truncateShmem(
  sys: System,
  task: Task | null,
  inode: Inode,
  startByte: number,
  endByte: number,
): void {
  const startPage = Math.ceil(startByte / PAGE_SIZE);
  const endPage = Math.floor(endByte / PAGE_SIZE);
  if (startPage <= endPage) {
    dropShmemPages(sys, inode, startPage, Math.min(endPage, inode.pastLastPage));
    if (endPage >= inode.pastLastPage) inode.pastLastPage = Math.min(inode.pastLastPage, startPage);
  }
  if (task === null) return;
  const firstPart = Math.floor(startByte / PAGE_SIZE);
  if (startByte % PAGE_SIZE !== 0) {
    zeroPart(
      sys,
      task,
      inode,
      firstPart,
      startByte % PAGE_SIZE,
      Math.min(endByte - firstPart * PAGE_SIZE, PAGE_SIZE),
    );
  }
  if (endByte % PAGE_SIZE !== 0 && (endPage !== firstPart || startByte % PAGE_SIZE === 0)) {
    zeroPart(sys, task, inode, endPage, 0, endByte % PAGE_SIZE);
  }
}

/** Frees pages [startPage, endPage), in memory or in swap, in order. O(pages of the range, or pages there if fewer). */
function dropShmemPages(sys: System, inode: Inode, startPage: number, endPage: number): void {
  const { pages, swapped } = inode;
  if (pages.nrPages + swapped.size >= endPage - startPage) {
    for (let pgoff = startPage; pgoff < endPage; pgoff++) dropOffset(sys, inode, pgoff);
    return;
  }
  const pgoffs: number[] = [];
  for (let at = pages.nextPage(startPage, endPage - 1); at >= 0; at = pages.nextPage(at + 1, endPage - 1))
    pgoffs.push(at);
  for (const pgoff of swapped.keys()) if (pgoff >= startPage && pgoff < endPage) pgoffs.push(pgoff);
  for (const pgoff of pgoffs.sort((a, b) => a - b)) dropOffset(sys, inode, pgoff);
}

function dropOffset(sys: System, inode: Inode, pgoff: number): void {
  const pfn = inode.pages.load(pgoff);
  if (pfn !== NO_PFN) dropShmemPage(sys, inode, pfn);
  else if (inode.swapped.has(pgoff)) freeShmemSwap(sys, inode, pgoff);
}

/**
 * Nobody has an inode open any more: frees everything that it has when it has no name either; one of a disk stays in memory while
 * it has pages (shmem_evict_inode, iput).
 */
export function evictInode(sys: System, inode: Inode): void {
  if (inode.kind === "disk") {
    putInode(sys, inode);
    return;
  }
  if (inode.isShmem) {
    truncateShmem(sys, null, inode, 0, Infinity);
    if (inode.isReserved) sys.vmCommit.uncharge(Math.ceil(inode.sizeBytes / PAGE_SIZE));
  }
  sys.files.removeInode(inode);
}

/** Makes a page that nobody has written hold zeros. */
function clearPage(sys: System, pfn: Pfn): void {
  sys.contents.zeroPage(pfn);
  sys.memmap.setFlags(pfn, PG_UPTODATE);
  sys.time.spend(CAUSE_ZERO_PAGE, 1);
}

/** Zeroes bytes [from, to) of one page, if it is no hole (truncate_inode_partial_folio). */
function zeroPart(sys: System, task: Task, inode: Inode, pgoff: number, from: number, to: number): void {
  let pfn = inode.pages.load(pgoff);
  if (pfn !== NO_PFN) sys.memmap.getPage(pfn);
  else pfn = shmemGetPage(sys, task, inode, pgoff, SGP_READ);
  if (pfn < 0) return;
  sys.memmap.setFlags(pfn, PG_DIRTY);
  if (sys.contents.hasData) {
    const bytes = new Uint8Array(PAGE_SIZE);
    sys.contents.readPage(pfn, bytes);
    bytes.fill(0, from, to);
    sys.contents.writePage(pfn, bytes);
  }
  putUserPage(sys, pfn, task.cpu);
}

/** Makes an inode on the kernel's own mount, or on /dev/shm when `isLimited` (shmem_get_inode). */
export function newShmemInode(
  sys: System,
  name: string,
  sizeBytes: number,
  nrLinks: number,
  isLimited: boolean,
  ino?: number,
): Inode {
  return sys.files.addInode({
    name,
    kind: "shmem",
    sizeBytes,
    nrLinks,
    devMajor: 0,
    devMinor: isLimited ? TMPFS_DEV_MINOR : SHM_MNT_DEV_MINOR,
    isReserved: false,
    isLimited,
    seals: 0,
    ...(ino === undefined ? {} : { ino }),
  });
}

/** Drops a descriptor's hold on its file; what nobody can reach any more goes with it. */
export function closeFile(sys: System, file: OpenFile): void {
  const inode = sys.files.closeDescriptor(file);
  if (inode !== null) evictInode(sys, inode);
}
