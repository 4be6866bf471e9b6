/**
 * get_user_pages and pin_user_pages: frames behind a program's addresses, faulted in and held. Cold.
 * Source: Linux 6.18 mm/gup.c, __get_user_pages(), check_vma_flags(), follow_page_pte(), gup_must_unshare(),
 * is_valid_gup_args().
 * Differs: no FOLL_FORCE, FOLL_REMOTE and FOLL_NOWAIT; no ZONE_MOVABLE to move long-term pins out of; no fast path.
 */
import {
  EFAULT,
  EINTR,
  EINVAL,
  ENOMEM,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_PIN,
  FOLL_WRITE,
  leafPfn,
  NO_ENTRY,
  NO_VMA,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_D,
  PTE_RW,
  PTE_SPECIAL,
  pteIsPresent,
  type Vaddr,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_IO,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmaId,
  type Vpn,
  vpnOfAddress,
} from "@pageframe/contracts";
import { markPageDirty } from "../filemap/dirty.ts";
import { FAULT_AGAIN, handleMmFault } from "./fault.ts";
import { grabPage, ungrabPage } from "./pins.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Flags that a caller may give. */
const CALLER_FLAGS = FOLL_WRITE | FOLL_NOFAULT | FOLL_LONGTERM;
/** followPage() found nothing that will do: fault. */
const MUST_FAULT = -1;
/** followPage() found a page that a pin that only reads may not share: fault with FAULT_FLAG_UNSHARE (-EMLINK). */
const MUST_UNSHARE = -2;
/** Faults that one page may take before the kernel is considered broken. */
const MAX_FAULTS_PER_PAGE = 16;

/**
 * Takes a plain reference on each of `nrPages` pages from the one that holds `address` on (get_user_pages). Returns their
 * frames, fewer than asked for when a later page fails; or -EFAULT, -ENOMEM, -EINTR, -EINVAL when not even the first
 * could be had. Give them back with putUserPages().
 */
export function getUserPages(
  sys: System,
  task: Task,
  address: Vaddr,
  nrPages: number,
  gupFlags: number,
): Pfn[] | number {
  // Nobody may hold a page for long by a plain reference.
  if ((gupFlags & ~(CALLER_FLAGS & ~FOLL_LONGTERM)) !== 0) return -EINVAL;
  return collectPages(sys, task, address, nrPages, gupFlags | FOLL_GET);
}

/**
 * Pins pages for somebody who reads or, with FOLL_WRITE, writes their bytes past the page tables (pin_user_pages).
 * Returns as getUserPages() does. Give them back with unpinUserPages().
 */
export function pinUserPages(
  sys: System,
  task: Task,
  address: Vaddr,
  nrPages: number,
  gupFlags: number,
): Pfn[] | number {
  if ((gupFlags & ~CALLER_FLAGS) !== 0) return -EINVAL;
  task.mm.hasPinned = true;
  return collectPages(sys, task, address, nrPages, gupFlags | FOLL_PIN);
}

/** Drops plain references (put_page). */
export function putUserPages(sys: System, pfns: readonly Pfn[]): void {
  for (const pfn of pfns) ungrabPage(sys, pfn, FOLL_GET);
}

/** Drops pins; `isDirty` says that the bytes were written (unpin_user_pages, unpin_user_pages_dirty_lock). */
export function unpinUserPages(sys: System, pfns: readonly Pfn[], isDirty: boolean): void {
  for (const pfn of pfns) {
    if (isDirty && pfn !== sys.zeroPfn) markPageDirty(sys, pfn);
    ungrabPage(sys, pfn, FOLL_PIN);
  }
}

function collectPages(
  sys: System,
  task: Task,
  address: Vaddr,
  nrPages: number,
  gupFlags: number,
): Pfn[] | number {
  const pfns: Pfn[] = [];
  const startVpn = vpnOfAddress(address);
  for (let vpn = startVpn; vpn < startVpn + nrPages; vpn++) {
    const pfn = grabPageAt(sys, task, vpn, gupFlags);
    if (pfn < 0) return pfns.length > 0 ? pfns : pfn;
    pfns.push(pfn);
  }
  return pfns;
}

/** Holds the frame of one page, faulting as often as it takes. Returns the frame or -errno. */
function grabPageAt(sys: System, task: Task, vpn: Vpn, gupFlags: number): number {
  const { space } = task.mm;
  for (let nrFaults = 0; nrFaults < MAX_FAULTS_PER_PAGE; nrFaults++) {
    if (isKilled(task)) return -EINTR;
    // A stack does not grow for this.
    const vma = space.findVma(vpn);
    if (vma === NO_VMA || space.pool.startVpn[vma] > vpn) return -EFAULT;
    if (!isAllowed(sys, space.pool.vmFlags[vma], space.pool.fileId[vma], gupFlags)) return -EFAULT;
    const found = followPage(sys, task, vma, vpn, gupFlags);
    if (found >= 0) return found;
    if ((gupFlags & FOLL_NOFAULT) !== 0) return -EFAULT;
    const isUnshare = found === MUST_UNSHARE;
    const isWrite = (gupFlags & FOLL_WRITE) !== 0;
    const result = handleMmFault(sys, task, vma, vpn, isWrite, isUnshare, FAULT_AGAIN);
    if ((result & VM_FAULT_ERROR) === 0) continue;
    if (isKilled(task)) return -EINTR;
    return (result & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT;
  }
  return -EFAULT;
}

/** Was the task killed for memory, perhaps by this very call (fatal_signal_pending)? */
function isKilled(task: Task): boolean {
  return task.killedBy !== null;
}

/** Does the mapping allow it? (check_vma_flags) */
function isAllowed(sys: System, vmFlags: number, fileId: number, gupFlags: number): boolean {
  if ((vmFlags & (VM_IO | VM_PFNMAP)) !== 0) return false;
  if ((gupFlags & FOLL_WRITE) === 0) return (vmFlags & VM_READ) !== 0;
  if ((vmFlags & VM_WRITE) === 0) return false;
  // A file must learn of every write to it, and a device tells of none (writable_file_mapping_allowed).
  const isLongtermPin = (gupFlags & (FOLL_PIN | FOLL_LONGTERM)) === (FOLL_PIN | FOLL_LONGTERM);
  const tracksDirty =
    fileId >= 0 &&
    (vmFlags & VM_SHARED) !== 0 &&
    ["generated", "disk"].includes(sys.files.inodeOf(fileId).kind);
  return !(isLongtermPin && tracksDirty);
}

/** Holds what an entry maps if that will do (follow_page_pte). Returns the frame, MUST_FAULT or MUST_UNSHARE. */
function followPage(sys: System, task: Task, vma: VmaId, vpn: Vpn, gupFlags: number): number {
  const { pageTable, space } = task.mm;
  const entry = pageTable.findEntry(vpn);
  if (entry === NO_ENTRY) return MUST_FAULT;
  const lo = pageTable.entryLo(entry);
  if (!pteIsPresent(lo)) return MUST_FAULT;
  const isWrite = (gupFlags & FOLL_WRITE) !== 0;
  const isWritable = (lo & PTE_RW) !== 0;
  if (isWrite && !isWritable) return MUST_FAULT;
  const pfn = leafPfn(lo, pageTable.entryHi(entry), PT_LEVEL_PTE);
  if (!isWritable && mustUnshare(sys, space.pool.vmFlags[vma], pfn, gupFlags)) return MUST_UNSHARE;
  grabPage(sys, pfn, gupFlags);
  // get_user_pages() touches (FOLL_TOUCH); a pin tells what it did when it ends.
  if ((gupFlags & FOLL_GET) !== 0 && (lo & PTE_SPECIAL) === 0) {
    if (isWrite && (lo & PTE_D) === 0) markPageDirty(sys, pfn);
    sys.lru.markAccessed(pfn, sys.currentCpu);
  }
  return pfn;
}

/**
 * Would a pin that only reads lose sight of the page when somebody writes? Then the mapping needs a page of its own first.
 * A pin that writes finds a writable entry, which is exclusive (gup_must_unshare).
 */
function mustUnshare(sys: System, vmFlags: number, pfn: Pfn, gupFlags: number): boolean {
  if ((gupFlags & (FOLL_WRITE | FOLL_PIN)) !== FOLL_PIN) return false;
  const { memmap } = sys;
  if (memmap.hasFlags(pfn, PG_ANON)) return !memmap.hasFlags(pfn, PG_ANON_EXCLUSIVE);
  // A page of a file, or of zeros: only who holds it for long sees the copy that a later write would make.
  if ((gupFlags & FOLL_LONGTERM) === 0) return false;
  return (vmFlags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
}
