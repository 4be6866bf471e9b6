/**
 * mincore(2): which pages could be had without reading anything in.
 * Source: Linux 6.18 mm/mincore.c, do_mincore(), mincore_pte_range(), mincore_page(), can_do_mincore().
 * Differs: all files are root's: without privileges a program sees the pages of memfds and shared anonymous memory, which
 * anybody may write, of files on disks that everybody may write, and of no other file.
 */
import {
  EFAULT,
  EINVAL,
  ENOMEM,
  MAX_SWAPFILES,
  NO_ENTRY,
  NO_PFN,
  NO_VMA,
  PAGE_SIZE,
  pagesOfBytes,
  PG_UPTODATE,
  type Pfn,
  pteIsPresent,
  pteToSwapEntry,
  SWP_PTE_MARKER,
  swapType,
  type Vaddr,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { isSpecialMapping, NO_FILE } from "@pageframe/vma";
import { findIncorePage } from "../files/shmem-swap.ts";
import { isWritableByAll } from "../fs/inodes.ts";
import { linearPageIndex } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";

/** Pages whose answers reach the program at once. */
const PAGES_PER_ROUND: number = PAGE_SIZE;

/**
 * mincore(2): writes 1 or 0 for each page to `vec`. Returns 0; -EINVAL for an address inside a page; -ENOMEM beyond user
 * space, or at a hole, with the rounds of 4096 pages before it answered; -EFAULT when `vec` is too short.
 */
export function sysMincore(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  vec: Uint8Array,
): number {
  const { space } = task.mm;
  if (address % PAGE_SIZE !== 0) return -EINVAL;
  if (address + lengthBytes > space.taskSizeVpn * PAGE_SIZE) return -ENOMEM;
  const startVpn = address / PAGE_SIZE;
  const endVpn = startVpn + pagesOfBytes(lengthBytes);
  for (let at = startVpn; at < endVpn;) {
    const vma = space.findVma(at);
    if (vma === NO_VMA || space.pool.startVpn[vma] > at) return -ENOMEM;
    const end = Math.min(endVpn, space.pool.endVpn[vma], at + PAGES_PER_ROUND);
    if (end - startVpn > vec.length) return -EFAULT;
    const isTold = isAllowed(sys, task.mm, vma);
    for (; at < end; at++) vec[at - startVpn] = !isTold || isInCore(sys, task.mm, vma, at) ? 1 : 0;
  }
  return 0;
}

/** May the program learn which pages are in memory? Else it is told that all are. */
function isAllowed(sys: System, mm: Mm, vma: VmaId): boolean {
  const { pool } = mm.space;
  if (isSpecialMapping(pool.vmFlags[vma])) return false;
  if (pool.fileId[vma] === NO_FILE || mm.space.isPrivileged) return true;
  const inode = sys.files.inodeOf(pool.fileId[vma]);
  return (inode.isShmem && !inode.isLimited) || isWritableByAll(inode);
}

function isInCore(sys: System, mm: Mm, vma: VmaId, vpn: Vpn): boolean {
  const entry = mm.pageTable.findEntry(vpn);
  const lo = entry === NO_ENTRY ? 0 : mm.pageTable.entryLo(entry);
  const hi = entry === NO_ENTRY ? 0 : mm.pageTable.entryHi(entry);
  if (pteIsPresent(lo)) return true;
  if (lo !== 0 || hi !== 0) {
    const swapEntry = pteToSwapEntry(lo, hi);
    const type = swapType(swapEntry);
    if (type < MAX_SWAPFILES) return isUptodate(sys, sys.swap.lookupCache(swapEntry));
    if (type !== SWP_PTE_MARKER) return true;
  }
  const fileId = mm.space.pool.fileId[vma];
  if (fileId === NO_FILE) return false;
  return isUptodate(sys, findIncorePage(sys, sys.files.inodeOf(fileId), linearPageIndex(mm, vma, vpn)));
}

function isUptodate(sys: System, pfn: Pfn): boolean {
  return pfn !== NO_PFN && sys.memmap.hasFlags(pfn, PG_UPTODATE);
}
