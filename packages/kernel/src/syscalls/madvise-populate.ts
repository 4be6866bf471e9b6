/**
 * MADV_POPULATE_READ and MADV_POPULATE_WRITE: every page of a range faulted in, or an error.
 * Source: Linux 6.18 mm/madvise.c, madvise_populate(); mm/gup.c, faultin_page_range(), __get_user_pages(), check_vma_flags().
 */
import { EINVAL, ENOMEM, NO_VMA, VM_IO, VM_PFNMAP, VM_READ, VM_WRITE, type Vpn } from "@pageframe/contracts";
import { FAULT_AGAIN } from "../pages/fault.ts";
import { populatePage } from "./mm-populate.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * Faults in [startVpn, endVpn), lowest first, for reading or for writing. Returns 0; -ENOMEM at a hole or without memory,
 * -EINVAL at a mapping without the right, -EFAULT or -EHWPOISON at a page that would raise a signal, -EINTR when the task was killed.
 */
export function populatePages(sys: System, task: Task, startVpn: Vpn, endVpn: Vpn, isWrite: boolean): number {
  const { space } = task.mm;
  let error = 0;
  for (let at = startVpn; at < endVpn && error === 0;) {
    const vma = space.findVma(at);
    const { pool } = space;
    if (vma === NO_VMA || pool.startVpn[vma] > at) error = -ENOMEM;
    else if (!isAllowed(pool.vmFlags[vma], isWrite)) error = -EINVAL;
    else {
      const partEndVpn = Math.min(pool.endVpn[vma], endVpn);
      for (; at < partEndVpn && error === 0; at++) error = populatePage(sys, task, at, isWrite, FAULT_AGAIN);
    }
  }
  sys.lru.drain(sys.currentCpu);
  return error;
}

function isAllowed(vmFlags: number, isWrite: boolean): boolean {
  return (vmFlags & (VM_IO | VM_PFNMAP)) === 0 && (vmFlags & (isWrite ? VM_WRITE : VM_READ)) !== 0;
}
