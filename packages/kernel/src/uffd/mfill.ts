/**
 * Filling pages of a watched mapping: what UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_CONTINUE and UFFDIO_POISON do, page by page.
 * Source: Linux 6.18 mm/userfaultfd.c, mfill_atomic(), mfill_atomic_install_pte() and its callers; mm/shmem.c,
 * shmem_mfill_atomic_pte(). Differs: no huge pages.
 */
import {
  EAGAIN,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  ENOENT,
  ENOMEM,
  NO_ENTRY,
  NO_PFN,
  NO_VMA,
  PAGE_SIZE,
  PG_SWAPBACKED,
  PG_UPTODATE,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_D,
  PTE_MARKER_HI,
  PTE_MARKER_POISONED,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  pteHi,
  pteIsNone,
  pteIsPresent,
  pteLo,
  pteMarkerLo,
  pteMarkers,
  type Vaddr,
  VM_SHARED,
  VM_UFFD_WP,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE, NO_UFFD } from "@pageframe/vma";
import { addToCache, chargePage, unchargePages } from "../files/shmem-inode.ts";
import { SGP_NOALLOC, shmemGetPage } from "../files/shmem.ts";
import { prepareMmAnonVma } from "../pages/own-page.ts";
import { pageProtLo } from "../pages/page-prot.ts";
import {
  addNewAnonPage,
  addRmap,
  allocUserPage,
  linearPageIndex,
  putUserPage,
  vmFlagsToPteHi,
} from "../pages/pages.ts";
import { copyFromUser } from "../pages/uaccess.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { CAUSE_COPY_PAGE, CAUSE_ZERO_PAGE } from "../time.ts";
import { type UserfaultCtx } from "./context.ts";
import { isShmemVma } from "./register.ts";

/** What pages are filled with: a program's bytes, zeros, what the file has, nothing that could be read. */
export const MFILL_ATOMIC_COPY = 0;
export const MFILL_ATOMIC_ZEROPAGE = 1;
export const MFILL_ATOMIC_CONTINUE = 2;
export const MFILL_ATOMIC_POISON = 3;

/**
 * Fills the pages of [dst, dst + lengthBytes), lowest first, for `task`, whose memory the bytes from `src` on are copied from.
 * `isWp`: the pages are write-protected. Returns the bytes done when there are any, else the first error: -ENOENT where
 * the range is not in one watched mapping, -EAGAIN while mappings change, -EEXIST for a page that is there, -EFAULT, -ENOMEM,
 * -EINVAL.
 */
export function mfillAtomic(
  sys: System,
  task: Task,
  ctx: UserfaultCtx,
  dst: Vaddr,
  src: Vaddr,
  lengthBytes: number,
  mode: number,
  isWp: boolean,
): number {
  let nrDone = 0;
  let error = 0;
  while (nrDone < lengthBytes && error === 0) {
    const vpn = (dst + nrDone) / PAGE_SIZE;
    let vma = findTarget(sys, task, ctx, dst, lengthBytes, mode, isWp);
    let pfn = NO_PFN;
    if (vma >= 0 && mode === MFILL_ATOMIC_COPY) {
      pfn = copyIn(sys, task, vpn, src + nrDone);
      // Copying may have let others run, who change mappings.
      vma = pfn < 0 ? pfn : findTarget(sys, task, ctx, dst, lengthBytes, mode, isWp);
      if (vma < 0 && pfn >= 0) putUserPage(sys, pfn, task.cpu);
    }
    error = vma < 0 ? vma : fillPage(sys, task, ctx.mm, vma, vpn, pfn, mode, isWp);
    if (error === 0) nrDone += PAGE_SIZE;
    if (error === 0 && task.killedBy !== null) error = -EINTR;
  }
  return nrDone > 0 ? nrDone : error;
}

/** The watched mapping that holds all of the range and can be filled so, or an errno. */
function findTarget(
  sys: System,
  task: Task,
  ctx: UserfaultCtx,
  dst: Vaddr,
  lengthBytes: number,
  mode: number,
  isWp: boolean,
): VmaId {
  const { mm } = ctx;
  const { space } = mm;
  const { pool } = space;
  const vma = space.findVma(dst / PAGE_SIZE);
  if (vma === NO_VMA || pool.startVpn[vma] * PAGE_SIZE > dst) return -ENOENT;
  if ((pool.vmFlags[vma] & VM_SHARED) === 0 && !prepareMmAnonVma(sys, mm, vma, task.cpu)) return -ENOMEM;
  if (dst + lengthBytes > pool.endVpn[vma] * PAGE_SIZE || pool.uffd[vma] === NO_UFFD) return -ENOENT;
  if (ctx.events.length > 0) return -EAGAIN;
  if (isWp && (pool.vmFlags[vma] & VM_UFFD_WP) === 0) return -EINVAL;
  const isShmem = isShmemVma(sys, mm, vma);
  if (!isShmem && (pool.fileId[vma] !== NO_FILE || mode === MFILL_ATOMIC_CONTINUE)) return -EINVAL;
  return vma;
}

/** Takes a page that nobody has, with a program's bytes. Returns the frame, -ENOMEM or -EFAULT. */
function copyIn(sys: System, task: Task, vpn: Vpn, src: Vaddr): number {
  const pfn = allocUserPage(sys, task.cpu, task.pid, vpn);
  if (pfn === NO_PFN) return -ENOMEM;
  const bytes = new Uint8Array(PAGE_SIZE);
  if (task.killedBy !== null || copyFromUser(sys, task, bytes, src) !== 0) {
    putUserPage(sys, pfn, task.cpu);
    return task.killedBy === null ? -EFAULT : -ENOMEM;
  }
  sys.contents.writePage(pfn, bytes);
  sys.memmap.setFlags(pfn, PG_UPTODATE);
  sys.time.spend(CAUSE_COPY_PAGE, 1);
  return pfn;
}

/** Fills one page; `copied` is the page that MFILL_ATOMIC_COPY brings, which is mapped or given back. Returns 0 or an errno. */
function fillPage(
  sys: System,
  task: Task,
  mm: Mm,
  vma: VmaId,
  vpn: Vpn,
  copied: Pfn,
  mode: number,
  isWp: boolean,
): number {
  const isShared = (mm.space.pool.vmFlags[vma] & VM_SHARED) !== 0;
  if (mm.pageTable.allocEntry(vpn, PT_LEVEL_PTE) === NO_ENTRY) {
    if (copied !== NO_PFN) putUserPage(sys, copied, task.cpu);
    return -ENOMEM;
  }
  switch (mode) {
    case MFILL_ATOMIC_CONTINUE:
      return continuePage(sys, task, mm, vma, vpn, isWp);
    case MFILL_ATOMIC_POISON:
      return installEmpty(sys, mm, vma, vpn, pteMarkerLo(PTE_MARKER_POISONED), PTE_MARKER_HI);
    case MFILL_ATOMIC_ZEROPAGE:
      return isShared ? fillShmem(sys, task, mm, vma, vpn, NO_PFN, false) : fillZero(sys, mm, vma, vpn);
    default:
      return isShared
        ? fillShmem(sys, task, mm, vma, vpn, copied, isWp)
        : installNew(sys, task, mm, vma, vpn, copied, isWp);
  }
}

/** Is the page beyond the end of the mapping's file (mfill_file_over_size)? */
function isOverSize(sys: System, mm: Mm, vma: VmaId, vpn: Vpn): boolean {
  const fileId = mm.space.pool.fileId[vma];
  if (fileId === NO_FILE) return false;
  return linearPageIndex(mm, vma, vpn) >= Math.ceil(sys.files.inodeOf(fileId).sizeBytes / PAGE_SIZE);
}

/** May a page be mapped at an entry: is there nothing, or but a marker (pte_none_mostly)? Returns 0, -EFAULT or -EEXIST. */
function checkEntry(sys: System, mm: Mm, vma: VmaId, vpn: Vpn): number {
  if (isOverSize(sys, mm, vma, vpn)) return -EFAULT;
  const entry = mm.pageTable.findEntry(vpn);
  const lo = mm.pageTable.entryLo(entry);
  const hi = mm.pageTable.entryHi(entry);
  const isFree = pteIsNone(lo, hi) || (!pteIsPresent(lo) && pteMarkers(lo, hi) !== 0);
  return isFree ? 0 : -EEXIST;
}

/** Writes an entry where there is nothing at all. Returns 0, -EFAULT or -EEXIST. */
function installEmpty(sys: System, mm: Mm, vma: VmaId, vpn: Vpn, lo: number, hi: number): number {
  if (isOverSize(sys, mm, vma, vpn)) return -EFAULT;
  const entry = mm.pageTable.findEntry(vpn);
  if (!pteIsNone(mm.pageTable.entryLo(entry), mm.pageTable.entryHi(entry))) return -EEXIST;
  mm.pageTable.setEntry(entry, lo, hi);
  return 0;
}

/** Maps the page of zeros (mfill_atomic_pte_zeropage). */
function fillZero(sys: System, mm: Mm, vma: VmaId, vpn: Vpn): number {
  const { pool } = mm.space;
  const flagsLo = pageProtLo(sys, pool.vmFlags[vma], pool.fileId[vma]) | PTE_SPECIAL;
  const flagsHi = vmFlagsToPteHi(pool.vmFlags[vma]);
  return installEmpty(sys, mm, vma, vpn, pteLo(sys.zeroPfn, flagsLo), pteHi(sys.zeroPfn, flagsHi));
}

/** Maps a new page of a private mapping, or gives it back. */
function installNew(sys: System, task: Task, mm: Mm, vma: VmaId, vpn: Vpn, pfn: Pfn, isWp: boolean): number {
  const error = checkEntry(sys, mm, vma, vpn);
  if (error !== 0) {
    putUserPage(sys, pfn, task.cpu);
    return error;
  }
  setFilledEntry(sys, mm, vma, vpn, pfn, true, isWp);
  addNewAnonPage(sys, mm, vma, vpn, pfn, task.cpu);
  return 0;
}

/** Makes a page a file's, `copied` or, for NO_PFN, one of zeros, and maps it (shmem_mfill_atomic_pte). */
function fillShmem(
  sys: System,
  task: Task,
  mm: Mm,
  vma: VmaId,
  vpn: Vpn,
  copied: Pfn,
  isWp: boolean,
): number {
  const { memmap } = sys;
  const inode = sys.files.inodeOf(mm.space.pool.fileId[vma]);
  const pgoff = linearPageIndex(mm, vma, vpn);
  const isCharged = chargePage(sys, task, inode) === 0;
  let error = isCharged ? 0 : -ENOMEM;
  let pfn = copied;
  if (error === 0 && pfn === NO_PFN) {
    pfn = allocUserPage(sys, task.cpu, task.pid, pgoff);
    if (pfn === NO_PFN) error = -ENOMEM;
    else sys.contents.zeroPage(pfn);
    sys.time.spend(CAUSE_ZERO_PAGE, 1);
  }
  if (error === 0 && isOverSize(sys, mm, vma, vpn)) error = -EFAULT;
  if (error === 0 && (inode.pages.load(pgoff) !== NO_PFN || inode.swapped.has(pgoff))) error = -EEXIST;
  error ||= checkEntry(sys, mm, vma, vpn);
  if (error !== 0) {
    if (pfn !== NO_PFN) putUserPage(sys, pfn, task.cpu);
    if (isCharged) unchargePages(sys, inode, 1);
    return error;
  }
  addToCache(sys, inode, pgoff, pfn);
  memmap.setFlags(pfn, PG_SWAPBACKED | PG_UPTODATE);
  // One reference came with the page and is the cache's; this one is the entry's.
  memmap.getPage(pfn);
  sys.lru.addPage(pfn, task.cpu);
  setFilledEntry(sys, mm, vma, vpn, pfn, true, isWp);
  addRmap(sys, mm, vpn, pfn);
  return 0;
}

/** Maps the page that a file has (mfill_atomic_pte_continue). */
function continuePage(sys: System, task: Task, mm: Mm, vma: VmaId, vpn: Vpn, isWp: boolean): number {
  const { pool } = mm.space;
  const inode = sys.files.inodeOf(pool.fileId[vma]);
  const pfn = shmemGetPage(sys, task, inode, linearPageIndex(mm, vma, vpn), SGP_NOALLOC);
  if (pfn === NO_PFN) return -EFAULT;
  if (pfn < 0) return pfn;
  const error = checkEntry(sys, mm, vma, vpn);
  if (error !== 0) {
    putUserPage(sys, pfn, task.cpu);
    return error;
  }
  setFilledEntry(sys, mm, vma, vpn, pfn, (pool.vmFlags[vma] & VM_SHARED) !== 0, isWp);
  addRmap(sys, mm, vpn, pfn);
  return 0;
}

/** Writes the entry of a filled page: dirty, writable if the mapping and `mayWrite` say so, or write-protected. */
function setFilledEntry(
  sys: System,
  mm: Mm,
  vma: VmaId,
  vpn: Vpn,
  pfn: Pfn,
  mayWrite: boolean,
  isWp: boolean,
): void {
  const { pool } = mm.space;
  const vmFlags = pool.vmFlags[vma];
  let flagsLo = pageProtLo(sys, vmFlags, pool.fileId[vma]) | PTE_D | PTE_SOFT_DIRTY;
  if (mayWrite && (vmFlags & VM_WRITE) !== 0) flagsLo |= PTE_RW;
  if (isWp) flagsLo = (flagsLo & ~PTE_RW) | PTE_UFFD_WP;
  const entry = mm.pageTable.findEntry(vpn);
  mm.pageTable.setEntry(entry, pteLo(pfn, flagsLo), pteHi(pfn, vmFlagsToPteHi(vmFlags)));
}
