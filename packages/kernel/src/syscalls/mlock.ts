/**
 * mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2).
 * Source: Linux 6.18 mm/mlock.c, do_mlock(), apply_vma_lock_flags(), mlock_fixup(), apply_mlockall_flags().
 */
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  EPERM,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  NO_VMA,
  PAGE_SIZE,
  type Vaddr,
  VM_DROPPABLE,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKONFAULT,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type AddressSpace, VM_LOCKED_MASK, VM_SPECIAL } from "@pageframe/vma";
import { mlockMappedPages } from "../pages/mlock-pages.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { mmPopulate } from "./mm-populate.ts";

const ADDRESS_END: number = 2 ** 64;

/** mlock(2): 0, -EPERM without any right to lock, -ENOMEM over the limit, holes or what cannot be read, -EINVAL, -EAGAIN. */
export function sysMlock(sys: System, task: Task, address: Vaddr, lengthBytes: number): number {
  return lockRange(sys, task, address, lengthBytes, VM_LOCKED);
}

/** mlock2(2): as mlock(2); MLOCK_ONFAULT locks pages as they come, and faults in none. */
export function sysMlock2(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  flags: number,
): number {
  if ((flags & ~MLOCK_ONFAULT) !== 0) return -EINVAL;
  const lockFlags = (flags & MLOCK_ONFAULT) !== 0 ? VM_LOCKED | VM_LOCKONFAULT : VM_LOCKED;
  return lockRange(sys, task, address, lengthBytes, lockFlags);
}

/** munlock(2): 0, -ENOMEM over holes with what lies before unlocked, -EINVAL. */
export function sysMunlock(sys: System, task: Task, address: Vaddr, lengthBytes: number): number {
  const startVpn = Math.floor(address / PAGE_SIZE);
  return applyLockFlags(sys, task.mm, startVpn, startVpn + nrPagesOf(address, lengthBytes), 0);
}

/** mlockall(2): 0, -EINVAL, -EPERM, or -ENOMEM over the limit. Mappings that cannot be locked are left as they are. */
export function sysMlockall(sys: System, task: Task, flags: number): number {
  const { space } = task.mm;
  if (flags === 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0 || flags === MCL_ONFAULT) {
    return -EINVAL;
  }
  if (!canLock(space)) return -EPERM;
  const isCurrent = (flags & MCL_CURRENT) !== 0;
  if (isCurrent && space.totalVm > lockLimit(space) && !space.isPrivileged) return -ENOMEM;
  const lockFlags = (flags & MCL_ONFAULT) !== 0 ? VM_LOCKED | VM_LOCKONFAULT : VM_LOCKED;
  space.defFlags &= ~VM_LOCKED_MASK;
  if ((flags & MCL_FUTURE) !== 0) space.defFlags |= lockFlags;
  if (!isCurrent) return 0;
  lockAll(sys, task.mm, lockFlags);
  mmPopulate(sys, task, 0, space.taskSizeVpn, true);
  return 0;
}

/** munlockall(2): always 0. */
export function sysMunlockall(sys: System, task: Task): number {
  task.mm.space.defFlags &= ~VM_LOCKED_MASK;
  lockAll(sys, task.mm, 0);
  return 0;
}

/** Checks rights and limit, flags the mappings, and faults their pages in (do_mlock). */
function lockRange(sys: System, task: Task, address: Vaddr, lengthBytes: number, lockFlags: number): number {
  const { space } = task.mm;
  if (!canLock(space)) return -EPERM;
  const startVpn = Math.floor(address / PAGE_SIZE);
  const nrPages = nrPagesOf(address, lengthBytes);
  const endVpn = startVpn + nrPages;
  const limit = lockLimit(space);
  if (!space.isPrivileged && space.lockedVm + nrPages > limit) {
    // What is locked in the range already counts once.
    if (space.lockedVm + nrPages - countLocked(space, startVpn, endVpn) > limit) return -ENOMEM;
  }
  const error = applyLockFlags(sys, task.mm, startVpn, endVpn, lockFlags);
  if (error !== 0) return error;
  const populated = mmPopulate(sys, task, startVpn, endVpn, false);
  // As POSIX has it (__mlock_posix_error_return).
  if (populated === -EFAULT) return -ENOMEM;
  return populated === -ENOMEM ? -EAGAIN : populated;
}

/** May the process lock anything (can_do_mlock)? */
function canLock(space: AddressSpace): boolean {
  return space.rlimitMemlockBytes !== 0 || space.isPrivileged;
}

/** RLIMIT_MEMLOCK in pages. */
function lockLimit(space: AddressSpace): number {
  return Math.floor(space.rlimitMemlockBytes / PAGE_SIZE);
}

/** Pages from the one that holds `address` to the one with the last byte; a length up to 2^64 wraps to 0. */
function nrPagesOf(address: Vaddr, lengthBytes: number): number {
  return Math.ceil(((address % PAGE_SIZE) + lengthBytes) / PAGE_SIZE) % (ADDRESS_END / PAGE_SIZE);
}

/** Pages of a range that lie in locked mappings (count_mm_mlocked_page_nr). */
function countLocked(space: AddressSpace, startVpn: Vpn, endVpn: Vpn): number {
  const { pool } = space;
  let nr = 0;
  for (let vma = space.findVma(startVpn); vma !== NO_VMA; vma = space.nextVma(vma)) {
    if (pool.startVpn[vma] >= endVpn) break;
    if ((pool.vmFlags[vma] & VM_LOCKED) === 0) continue;
    nr += Math.min(pool.endVpn[vma], endVpn) - Math.max(pool.startVpn[vma], startVpn);
  }
  return nr;
}

/** Gives the mappings of a range lock flags, up to the first hole (apply_vma_lock_flags). */
function applyLockFlags(sys: System, mm: Mm, startVpn: Vpn, endVpn: Vpn, lockFlags: number): number {
  if (endVpn * PAGE_SIZE >= ADDRESS_END) return -EINVAL;
  const { space } = mm;
  for (let at = startVpn; at < endVpn;) {
    const vma = space.findVma(at);
    if (vma === NO_VMA || space.pool.startVpn[vma] > at) return -ENOMEM;
    const locked = lockVma(sys, mm, vma, at, Math.min(space.pool.endVpn[vma], endVpn), lockFlags);
    if (locked < 0) return locked;
    at = space.pool.endVpn[locked];
  }
  return 0;
}

/** Gives every mapping lock flags; those that fail are left out. */
function lockAll(sys: System, mm: Mm, lockFlags: number): void {
  const { space } = mm;
  for (let vma = space.firstVma; vma !== NO_VMA;) {
    const { startVpn, endVpn } = space.pool;
    const locked = lockVma(sys, mm, vma, startVpn[vma], endVpn[vma], lockFlags);
    vma = space.nextVma(locked < 0 ? vma : locked);
  }
}

/** Gives a part of one mapping lock flags; returns the mapping that holds it then, or an errno (mlock_fixup). */
function lockVma(sys: System, mm: Mm, vma: VmaId, startVpn: Vpn, endVpn: Vpn, lockFlags: number): VmaId {
  const { space } = mm;
  const oldFlags = space.pool.vmFlags[vma];
  const vmFlags = (oldFlags & ~VM_LOCKED_MASK) | lockFlags;
  // Special mappings and huge pages stay where they are anyway.
  if (vmFlags === oldFlags || (oldFlags & (VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) !== 0) return vma;
  const modified = space.modifyFlags(vma, startVpn, endVpn, vmFlags);
  if (modified < 0) return modified;
  const isLocking = (lockFlags & VM_LOCKED) !== 0;
  // Locked before and after: locking twice would be wrong.
  if (!isLocking || (oldFlags & VM_LOCKED) === 0) mlockMappedPages(sys, mm, startVpn, endVpn, isLocking);
  return modified;
}
