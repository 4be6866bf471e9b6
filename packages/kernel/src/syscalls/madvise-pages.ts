/**
 * The advices of madvise(2) that are about pages: what they do to a part of one mapping. madvise.ts has checked the range
 * and walks over the mappings.
 * Source: Linux 6.18 mm/madvise.c.
 */
import {
  EINVAL,
  MADV_DONTNEED,
  VM_HUGETLB,
  VM_LOCKED,
  VM_PFNMAP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { zapPages } from "../mm/zap.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Does advisePages() know the advice? */
export function isPageAdvice(advice: number): boolean {
  return advice === MADV_DONTNEED;
}

/** Is `sys.gather` open on the address space during the advice, to flush once for all mappings of the call? */
export function isGatheredAdvice(advice: number): boolean {
  return advice === MADV_DONTNEED;
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
    case MADV_DONTNEED:
      return dropPages(sys, task, vma, startVpn, endVpn);
    default:
      return -EINVAL;
  }
}

/** Drops the pages; the next access finds zeros or the file's bytes (madvise_dontneed_single_vma). */
function dropPages(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = task;
  const vmFlags = mm.space.pool.vmFlags[vma];
  if ((vmFlags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) !== 0) return -EINVAL;
  zapPages(sys, sys.gather, mm, startVpn, endVpn);
  return 0;
}
