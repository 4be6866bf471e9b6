/**
 * Faulting in ranges of memory at once, for mlock(2), MAP_POPULATE and what grows in locked memory.
 * Source: Linux 6.18 mm/gup.c, __mm_populate(), populate_vma_page_range(), __get_user_pages(), follow_page_pte().
 */
import {
  EFAULT,
  EHWPOISON,
  EINTR,
  ENOMEM,
  leafPfn,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_POPULATE,
  NO_ENTRY,
  NO_VMA,
  PAGE_SIZE,
  pagesOfBytes,
  PT_LEVEL_PTE,
  PTE_D,
  PTE_RW,
  PTE_SPECIAL,
  pteIsPresent,
  type Vaddr,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_IO,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_SHARED,
  VM_UFFD_FLAGS,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { isAccessible } from "@pageframe/vma";
import { markPageDirty } from "../filemap/dirty.ts";
import { FAULT_ANEW, handleMmFault, handleWatchedFault } from "../pages/fault.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { walkAgain } from "../tlb/walk-again.ts";
import { waitForUserfault } from "../uffd/wait.ts";

/** Faults that one page may take before the kernel is considered broken. */
const MAX_FAULTS_PER_PAGE = 16;

/**
 * Faults in what is mapped in [startVpn, endVpn); holes and the kernel's own mappings are left out. Returns 0, or the first
 * error: -EFAULT for a mapping without rights or a page that cannot be had, -ENOMEM, -EINTR when the task was killed. With
 * `ignoresErrors` it goes on with the next mapping (mm_populate). The faults are the task's.
 */
export function mmPopulate(
  sys: System,
  task: Task,
  startVpn: Vpn,
  endVpn: Vpn,
  ignoresErrors: boolean,
): number {
  const { space } = task.mm;
  for (let at = startVpn; at < endVpn;) {
    const vma = space.findVma(at);
    if (vma === NO_VMA || space.pool.startVpn[vma] >= endVpn) return 0;
    const start = Math.max(at, space.pool.startVpn[vma]);
    const end = Math.min(endVpn, space.pool.endVpn[vma]);
    at = end;
    if ((space.pool.vmFlags[vma] & (VM_IO | VM_PFNMAP)) !== 0) continue;
    const error = populateVma(sys, task, vma, start, end);
    if (error !== 0 && !ignoresErrors) return error;
  }
  return 0;
}

/** After mmap(2): faults in what MAP_POPULATE or locked memory asks for. */
export function populateMapping(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  mapFlags: number,
): void {
  const isPopulated = (mapFlags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE;
  if (isPopulated || (mapFlags & MAP_LOCKED) !== 0 || (task.mm.space.defFlags & VM_LOCKED) !== 0) {
    mmPopulate(sys, task, address / PAGE_SIZE, address / PAGE_SIZE + pagesOfBytes(lengthBytes), true);
  }
}

/** After a mapping grew: faults in the new pages [startVpn, endVpn) when the mapping is locked. */
export function populateGrowth(sys: System, task: Task, startVpn: Vpn, endVpn: Vpn): void {
  const { space } = task.mm;
  if (startVpn >= endVpn || space.lockedVm === 0) return;
  const vma = space.findVma(startVpn);
  if (vma === NO_VMA || (space.pool.vmFlags[vma] & VM_LOCKED) === 0) return;
  mmPopulate(sys, task, startVpn, endVpn, true);
}

/**
 * Faults in a part of one mapping: for writing what is private and writable, to break copy-on-write, else for reading.
 * Memory locked on fault stays as it is. Returns 0, -EFAULT, -ENOMEM or -EINTR.
 */
export function populateVma(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const vmFlags = task.mm.space.pool.vmFlags[vma];
  if ((vmFlags & VM_LOCKONFAULT) !== 0) return 0;
  if (!isAccessible(vmFlags)) return -EFAULT;
  const isWrite = (vmFlags & (VM_WRITE | VM_SHARED)) === VM_WRITE;
  let error = 0;
  for (let vpn = startVpn; vpn < endVpn && error === 0; vpn++) {
    error = populatePage(sys, task, vpn, isWrite, FAULT_ANEW);
    if (error === -EHWPOISON) error = -EFAULT;
  }
  sys.lru.drain(sys.currentCpu);
  return error;
}

/**
 * Makes one page of a mapping present, writable when `isWrite`, and marks it as used. Returns 0, -EFAULT, -EHWPOISON, -ENOMEM, or
 * -EINTR: the task was killed, or waits for a userfaultfd that nobody has answered. `mode`: FAULT_AGAIN or FAULT_ANEW.
 */
export function populatePage(sys: System, task: Task, vpn: Vpn, isWrite: boolean, mode: number): number {
  const { space } = task.mm;
  for (let nrFaults = 0; nrFaults < MAX_FAULTS_PER_PAGE; nrFaults++) {
    if (isKilled(task)) return -EINTR;
    if (touchPage(sys, task, vpn, isWrite)) return 0;
    // Who served a userfaultfd may have changed the mappings.
    const vma = space.findVma(vpn);
    if (vma === NO_VMA || space.pool.startVpn[vma] > vpn) return -EFAULT;
    const result =
      (space.pool.vmFlags[vma] & VM_UFFD_FLAGS) === 0
        ? handleMmFault(sys, task, vma, vpn, isWrite, false, mode)
        : handleWatchedFault(sys, task, vma, vpn, isWrite, false, 0);
    if ((result & VM_FAULT_RETRY) !== 0 && !waitForUserfault(sys, task)) return -EINTR;
    if ((result & VM_FAULT_ERROR) === 0) {
      if (isWrite) walkAgain(sys, task.mm, vpn);
      continue;
    }
    if (isKilled(task)) return -EINTR;
    if ((result & VM_FAULT_HWPOISON) !== 0) return -EHWPOISON;
    return (result & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT;
  }
  return -EFAULT;
}

/** Marks a page that is there and will do as used (FOLL_TOUCH); false when it must be faulted in. */
function touchPage(sys: System, task: Task, vpn: Vpn, isWrite: boolean): boolean {
  const { pageTable } = task.mm;
  const entry = pageTable.findEntry(vpn);
  if (entry === NO_ENTRY) return false;
  const lo = pageTable.entryLo(entry);
  if (!pteIsPresent(lo) || (isWrite && (lo & PTE_RW) === 0)) return false;
  const pfn = leafPfn(lo, pageTable.entryHi(entry), PT_LEVEL_PTE);
  if ((lo & PTE_SPECIAL) === 0 || pfn === sys.zeroPfn) {
    if (isWrite && (lo & PTE_D) === 0) markPageDirty(sys, pfn);
    sys.lru.markAccessed(pfn, sys.currentCpu);
  }
  return true;
}

/** Was the task killed for memory meanwhile (fatal_signal_pending)? */
function isKilled(task: Task): boolean {
  return task.killedBy !== null;
}
