/**
 * The advices of madvise(2) that are about pages: what they do to a part of one mapping. madvise.ts has checked the range
 * and walks over the mappings.
 * Source: Linux 6.18 mm/madvise.c, madvise_dontneed_free(), madvise_dontneed_free_valid_vma().
 */
import {
  EINVAL,
  MADV_COLD,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_PAGEOUT,
  MADV_REMOVE,
  MADV_WILLNEED,
  VM_HUGETLB,
  VM_LOCKED,
  VM_PFNMAP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { removeFileRange, willneedFile } from "./madvise-files.ts";
import { installGuards, removeGuards } from "./madvise-guard.ts";
import { coldPages, freePages, pageoutPages, willneedAnon } from "./madvise-lru.ts";
import { zapPages } from "../mm/zap.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Does advisePages() know the advice? */
export function isPageAdvice(advice: number): boolean {
  switch (advice) {
    case MADV_REMOVE:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_GUARD_INSTALL:
    case MADV_GUARD_REMOVE:
      return true;
    default:
      return false;
  }
}

/** Is `sys.gather` open on the address space during the advice, to flush once for all mappings of the call? */
export function isGatheredAdvice(advice: number): boolean {
  return advice === MADV_DONTNEED || advice === MADV_DONTNEED_LOCKED || advice === MADV_FREE;
}

/** Gives an advice to [startVpn, endVpn), a part of the mapping `vma` of `task`. Returns 0 or -errno. */
export function advisePages(
  sys: System,
  task: Task,
  vma: VmaId,
  startVpn: Vpn,
  endVpn: Vpn,
  advice: number,
): number {
  switch (advice) {
    case MADV_WILLNEED:
      return task.mm.space.pool.fileId[vma] === NO_FILE
        ? willneedAnon(sys, task, vma, startVpn, endVpn)
        : willneedFile(sys, task, vma, startVpn, endVpn);
    case MADV_REMOVE:
      return removeFileRange(sys, task, vma, startVpn, endVpn);
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
      return dropPages(sys, task, vma, startVpn, endVpn, advice);
    case MADV_COLD:
      return coldPages(sys, task, vma, startVpn, endVpn);
    case MADV_PAGEOUT:
      return pageoutPages(sys, task, vma, startVpn, endVpn);
    case MADV_GUARD_INSTALL:
      return installGuards(sys, task, vma, startVpn, endVpn);
    case MADV_GUARD_REMOVE:
      return removeGuards(sys, task, vma, startVpn, endVpn);
    default:
      return -EINVAL;
  }
}

/** Drops the pages, at once or (MADV_FREE) when memory is short; the next access finds zeros or the file's bytes. */
function dropPages(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn, advice: number): number {
  const { mm } = task;
  const forbidden = VM_PFNMAP | VM_HUGETLB | (advice === MADV_DONTNEED_LOCKED ? 0 : VM_LOCKED);
  if ((mm.space.pool.vmFlags[vma] & forbidden) !== 0) return -EINVAL;
  if (advice === MADV_FREE) return freePages(sys, task, vma, startVpn, endVpn);
  zapPages(sys, sys.gather, mm, startVpn, endVpn);
  return 0;
}
