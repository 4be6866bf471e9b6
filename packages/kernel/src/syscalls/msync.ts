/**
 * msync(2). Source: Linux 6.18 mm/msync.c.
 * Differs: files on disk are not written back; shared memory has no disk to be written to.
 */
import {
  EBUSY,
  EINVAL,
  ENOMEM,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  NO_VMA,
  PAGE_SIZE,
  type Vaddr,
  VM_LOCKED,
} from "@pageframe/contracts";
import { type Task } from "../task.ts";

const ADDRESS_END: number = 2 ** 64;

/** msync(2): 0, -EINVAL, -ENOMEM over holes, -EBUSY for MS_INVALIDATE of locked memory. */
export function sysMsync(task: Task, address: Vaddr, lengthBytes: number, flags: number): number {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0 || address % PAGE_SIZE !== 0) return -EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return -EINVAL;
  // A length up to 2^64 wraps to 0.
  const nrPages = Math.ceil(lengthBytes / PAGE_SIZE) % (ADDRESS_END / PAGE_SIZE);
  const endVpn = address / PAGE_SIZE + nrPages;
  if (endVpn * PAGE_SIZE >= ADDRESS_END) return -ENOMEM;

  const { space } = task.mm;
  let result = 0;
  for (let at = address / PAGE_SIZE; at < endVpn;) {
    const vma = space.findVma(at);
    if (vma === NO_VMA) return -ENOMEM;
    if (at < space.pool.startVpn[vma]) {
      if (flags === MS_ASYNC || space.pool.startVpn[vma] >= endVpn) return -ENOMEM;
      result = -ENOMEM;
    }
    if ((flags & MS_INVALIDATE) !== 0 && (space.pool.vmFlags[vma] & VM_LOCKED) !== 0) return -EBUSY;
    at = space.pool.endVpn[vma];
  }
  return result;
}
