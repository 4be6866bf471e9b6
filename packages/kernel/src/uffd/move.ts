/**
 * UFFDIO_MOVE: pages of private anonymous memory change their address, without a copy.
 * Source: Linux 6.18 mm/userfaultfd.c, move_pages(), move_pages_ptes(), move_present_ptes(), move_swap_pte(),
 * move_zeropage_pte(), validate_move_areas(). Differs: no huge pages; one page at a time.
 */
import {
  EBUSY,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  ENOENT,
  ENOMEM,
  leafPfn,
  NO_ENTRY,
  NO_PFN,
  NO_VMA,
  PAGE_SIZE,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PT_LEVEL_PTE,
  PTE_D,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  pteHi,
  pteIsNone,
  pteIsNonSwap,
  pteIsPresent,
  pteLo,
  pteToSwapEntry,
  UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
  type Vaddr,
  VM_ACCESS_FLAGS,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { prepareMmAnonVma } from "../pages/own-page.ts";
import { linearPageIndex, vmFlagsToPteHi, vmFlagsToPteLo } from "../pages/pages.ts";
import { pageMaybeDmaPinned } from "../pages/pins.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { type UserfaultCtx } from "./context.ts";

/**
 * Moves the pages of [src, src + lengthBytes) to `dst`, lowest first. `mode`: UFFDIO_MOVE_MODE_*. Returns the bytes done when
 * there are any, else the first error: -ENOENT for a hole, -EEXIST where something is, -EBUSY for a page that is not the
 * mapping's alone, -EINVAL for mappings that do not go together, -ENOMEM, -EFAULT.
 */
export function uffdMove(
  sys: System,
  task: Task,
  ctx: UserfaultCtx,
  dst: Vaddr,
  src: Vaddr,
  lengthBytes: number,
  mode: number,
): number {
  const { mm } = ctx;
  const dstVma = findHolding(mm, dst);
  if (dstVma === NO_VMA) return -ENOENT;
  if ((mm.space.pool.vmFlags[dstVma] & VM_SHARED) === 0 && !prepareMmAnonVma(sys, mm, dstVma, task.cpu)) {
    return -ENOMEM;
  }
  const srcVma = findHolding(mm, src);
  if (srcVma === NO_VMA) return -ENOENT;
  const { pool } = mm.space;
  if (src + lengthBytes > pool.endVpn[srcVma] * PAGE_SIZE) return -EINVAL;
  if (dst + lengthBytes > pool.endVpn[dstVma] * PAGE_SIZE) return -EINVAL;
  if (!isMoveable(ctx, srcVma, dstVma)) return -EINVAL;
  const allowsHoles = (mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES) !== 0;
  let nrDone = 0;
  let error = 0;
  while (nrDone < lengthBytes && error === 0) {
    const srcVpn = (src + nrDone) / PAGE_SIZE;
    error = movePage(sys, mm, dstVma, (dst + nrDone) / PAGE_SIZE, srcVpn, allowsHoles);
    if (error === 0) nrDone += PAGE_SIZE;
    if (error === 0 && task.killedBy !== null) error = -EINTR;
  }
  return nrDone > 0 ? nrDone : error;
}

function findHolding({ space }: Mm, address: Vaddr): VmaId {
  const vma = space.findVma(address / PAGE_SIZE);
  return vma !== NO_VMA && space.pool.startVpn[vma] * PAGE_SIZE <= address ? vma : NO_VMA;
}

/** Are both private, anonymous and of the same rights, and is the target the context's (validate_move_areas)? */
function isMoveable({ mm, id }: UserfaultCtx, srcVma: VmaId, dstVma: VmaId): boolean {
  const { pool } = mm.space;
  const srcFlags = pool.vmFlags[srcVma];
  const dstFlags = pool.vmFlags[dstVma];
  const alien = VM_SHARED | VM_PFNMAP | VM_IO | VM_HUGETLB | VM_MIXEDMAP;
  return (
    ((srcFlags ^ dstFlags) & (VM_ACCESS_FLAGS | VM_LOCKED)) === 0 &&
    (srcFlags & VM_WRITE) !== 0 &&
    ((srcFlags | dstFlags) & alien) === 0 &&
    pool.uffd[dstVma] === id &&
    pool.fileId[srcVma] === NO_FILE &&
    pool.fileId[dstVma] === NO_FILE
  );
}

/** Moves what one entry holds. Returns 0 or an errno. */
function movePage(
  sys: System,
  mm: Mm,
  dstVma: VmaId,
  dstVpn: Vpn,
  srcVpn: Vpn,
  allowsHoles: boolean,
): number {
  const { pageTable } = mm;
  const { memmap } = sys;
  if (pageTable.findEntry(srcVpn) === NO_ENTRY && !allowsHoles) return -ENOENT;
  const dst = pageTable.allocEntry(dstVpn, PT_LEVEL_PTE);
  if (dst === NO_ENTRY) return -ENOMEM;
  if (!pteIsNone(pageTable.entryLo(dst), pageTable.entryHi(dst))) return -EEXIST;
  const src = pageTable.findEntry(srcVpn);
  const lo = src === NO_ENTRY ? 0 : pageTable.entryLo(src);
  const hi = src === NO_ENTRY ? 0 : pageTable.entryHi(src);
  if (pteIsNone(lo, hi)) return allowsHoles ? 0 : -ENOENT;
  const vmFlags = mm.space.pool.vmFlags[dstVma];
  const flagsLo = vmFlagsToPteLo(vmFlags);
  const flagsHi = vmFlagsToPteHi(vmFlags);
  if (!pteIsPresent(lo)) {
    if (pteIsNonSwap(hi)) return -EFAULT;
    if ((lo & PTE_SWP_EXCLUSIVE) === 0) return -EBUSY;
    const cached = sys.swap.lookupCache(pteToSwapEntry(lo, hi));
    if (cached !== NO_PFN) memmap.index[cached] = linearPageIndex(mm, dstVma, dstVpn);
    pageTable.setEntry(src, 0, 0);
    pageTable.setEntry(dst, lo | PTE_SWP_SOFT_DIRTY, hi);
    return 0;
  }
  const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
  if ((lo & PTE_SPECIAL) !== 0) {
    pageTable.setEntry(src, 0, 0);
    sys.tlbFlusher.flushPage(mm, srcVpn);
    pageTable.setEntry(dst, pteLo(pfn, flagsLo | PTE_SPECIAL), pteHi(pfn, flagsHi));
    return 0;
  }
  const owned = PG_ANON | PG_ANON_EXCLUSIVE;
  if ((memmap.flags[pfn] & owned) !== owned || pageMaybeDmaPinned(sys, pfn)) return -EBUSY;
  pageTable.setEntry(src, 0, 0);
  sys.tlbFlusher.flushPage(mm, srcVpn);
  memmap.index[pfn] = linearPageIndex(mm, dstVma, dstVpn);
  pageTable.setEntry(dst, pteLo(pfn, flagsLo | PTE_RW | PTE_SOFT_DIRTY | (lo & PTE_D)), pteHi(pfn, flagsHi));
  // The page is counted, and locked, as before.
  sys.rmap.remove(pfn, mm.id, srcVpn);
  sys.rmap.add(pfn, mm.id, dstVpn);
  return 0;
}
