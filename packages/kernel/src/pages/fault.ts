/**
 * The page-fault handler. Hot: per page fault.
 *
 * Source: Linux 6.18 arch/x86/mm/fault.c, do_user_addr_fault(), access_error(); mm/memory.c, handle_pte_fault(),
 * do_anonymous_page(), do_wp_page(), wp_can_reuse_anon_folio(), handle_pte_marker().
 * Differs: no huge pages yet; a major fault is answered at once.
 */
import {
  BUS_ADRERR,
  BUS_MCEERR_AR,
  type CpuId,
  NO_ENTRY,
  NO_PFN,
  NO_VMA,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_LRU,
  PG_SWAPCACHE,
  PGFAULT,
  PGMAJFAULT,
  PGREUSE,
  PTE_A,
  PTE_D,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  pteHi,
  pteIsNonSwap,
  pteIsPresent,
  pteLo,
  pteMarkers,
  leafPfn,
  PT_LEVEL_PTE,
  type Pfn,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGBUS,
  SIGKILL,
  SIGSEGV,
  TP_PAGE_FAULT_KERNEL,
  TP_PAGE_FAULT_USER,
  VM_EXEC,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_GROWSDOWN,
  VM_READ,
  VM_SHARED,
  VM_UFFD_FLAGS,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  VM_WRITE,
  type VmaId,
  type Vpn,
  X86_PF_PROT,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { balanceDirtyPages } from "../filemap/balance-dirty-pages.ts";
import { markPageDirty } from "../filemap/dirty.ts";
import { pageMkwrite } from "../filemap/fault.ts";
import { COUNT_NONE, COUNT_NOW } from "../mm/rss-stat.ts";
import { doFilePage } from "./file-fault.ts";
import { allocZeroedPage, copyContents, mapWritten, prepareAnonVma } from "./own-page.ts";
import {
  addNewAnonPage,
  allocUserPage,
  putUserPage,
  removeRmap,
  vmFlagsToPteHi,
  vmFlagsToPteLo,
  writtenPteLo,
} from "./pages.ts";
import { swapInPage } from "./swap-in.ts";
import { freeSwapOfPage } from "./swap-pages.ts";
import { type System } from "../system.ts";
import { BLOCKED_ON_UFFD, type Task, type TaskSignal } from "../task.ts";
import { CAUSE_MINOR_FAULT } from "../time.ts";
import { handleUserfault } from "../uffd/handle-userfault.ts";

/**
 * How a fault that let go of its mapping to wait for a page of a disk counts for its task. An access: as what it found. One that is
 * known to come again (FAULT_FLAG_TRIED): as major, whatever it waited for. One that begins anew: as minor, the page is there.
 */
const FAULT_OF_ACCESS = 0;
export const FAULT_AGAIN = 1;
export const FAULT_ANEW = 2;

/**
 * Answers a fault of `task` on page `vpn` with the processor's error code. Returns null when the access is worth
 * another try, or the signal that it raises; BLOCKED_ON_UFFD is none. `offset`: byte in the page, for userfaultfds.
 */
export function handleUserFault(
  sys: System,
  task: Task,
  vpn: Vpn,
  errorCode: number,
  offset = 0,
): TaskSignal | null {
  const { space } = task.mm;
  let vma = space.findVma(vpn);
  if (vma === NO_VMA) return segv(SEGV_MAPERR, vpn);
  const { pool } = space;
  if (pool.startVpn[vma] > vpn) {
    if ((pool.vmFlags[vma] & VM_GROWSDOWN) === 0 || space.expandStack(vpn) < 0) return segv(SEGV_MAPERR, vpn);
    vma = space.findVma(vpn);
  }
  if (isAccessError(pool.vmFlags[vma], errorCode)) return segv(SEGV_ACCERR, vpn);

  sys.time.spend(CAUSE_MINOR_FAULT, 1);
  const isWrite = (errorCode & X86_PF_WRITE) !== 0;
  const result =
    (pool.vmFlags[vma] & VM_UFFD_FLAGS) === 0
      ? handleMmFault(sys, task, vma, vpn, isWrite, false)
      : handleWatchedFault(sys, task, vma, vpn, isWrite, (errorCode & X86_PF_USER) !== 0, offset);
  const tracepoint = (errorCode & X86_PF_USER) !== 0 ? TP_PAGE_FAULT_USER : TP_PAGE_FAULT_KERNEL;
  sys.trace?.emit(tracepoint, task.pid, vpn, errorCode, result);
  if (task.killedBy !== null) return task.killedBy;
  if ((result & VM_FAULT_RETRY) !== 0) {
    return { signal: BLOCKED_ON_UFFD, code: sys.uffd.waits.get(task.pid)?.uffd ?? 0, vpn };
  }
  if ((result & VM_FAULT_ERROR) !== 0) {
    if ((result & VM_FAULT_HWPOISON) !== 0) return { signal: SIGBUS, code: BUS_MCEERR_AR, vpn };
    if ((result & VM_FAULT_SIGBUS) !== 0) return { signal: SIGBUS, code: BUS_ADRERR, vpn };
    if ((result & VM_FAULT_SIGSEGV) !== 0) return segv(SEGV_MAPERR, vpn);
    // Nobody could be killed and there is no page: Linux panics here ("System is deadlocked on memory").
    return { signal: SIGKILL, code: 0, vpn: 0 };
  }
  return null;
}

/** As handleMmFault(), for a fault in a mapping that a userfaultfd watches, and that may wait for it (VM_FAULT_RETRY). */
export function handleWatchedFault(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  isWrite: boolean,
  isUser: boolean,
  offset: number,
): number {
  const { uffd } = sys;
  uffd.mayRetry = true;
  uffd.isUser = isUser;
  uffd.offset = offset;
  const result = handleMmFault(sys, task, vma, vpn, isWrite, false);
  uffd.mayRetry = false;
  uffd.isUser = false;
  return result;
}

/**
 * Makes a page of a mapping present, writable when `isWrite`, the mapping's own when `isUnshare` (for a pin that only
 * reads), and counts the fault. Returns VM_FAULT_* bits; the task may have been killed for memory meanwhile. A fault that
 * waits (VM_FAULT_RETRY) is counted when it is over. `mode` is a FAULT_* value.
 * Source: Linux 6.18 mm/memory.c, handle_mm_fault(), mm_account_fault().
 */
export function handleMmFault(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  isWrite: boolean,
  isUnshare: boolean,
  mode: number = FAULT_OF_ACCESS,
): number {
  sys.readahead.hasWaited = false;
  const result = handlePteFault(sys, task, vma, vpn, isWrite, isUnshare);
  if ((result & VM_FAULT_RETRY) !== 0) return result;
  sys.vmstat.events[PGFAULT]++;
  const isMajor = (result & VM_FAULT_MAJOR) !== 0;
  // The machine counts reads, those that fail too; a task counts faults that were answered.
  if (isMajor) sys.vmstat.events[PGMAJFAULT]++;
  if (task.killedBy !== null || (result & VM_FAULT_ERROR) !== 0) return result;
  if (countsAsMajor(sys, mode, isMajor)) task.nrMajorFaults++;
  else task.nrMinorFaults++;
  return result;
}

/** Which kind of fault its task is charged with: see FAULT_OF_ACCESS. */
function countsAsMajor(sys: System, mode: number, isMajor: boolean): boolean {
  return sys.readahead.hasWaited && mode !== FAULT_OF_ACCESS ? mode === FAULT_AGAIN : isMajor;
}

function segv(code: number, vpn: Vpn): TaskSignal {
  return { signal: SIGSEGV, code, vpn };
}

/** Does the mapping forbid the access? A fetch from a page without VM_EXEC shows as a protection fault on a read. */
function isAccessError(vmFlags: number, errorCode: number): boolean {
  if ((errorCode & X86_PF_WRITE) !== 0) return (vmFlags & VM_WRITE) === 0;
  if ((errorCode & X86_PF_PROT) !== 0) return true;
  return (vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) === 0;
}

/** Chooses by what the entry holds. Returns VM_FAULT_* bits. */
function handlePteFault(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  isWrite: boolean,
  isUnshare: boolean,
): number {
  const isFile = task.mm.space.pool.fileId[vma] >= 0;
  const entry = isFile ? task.mm.pageTable.findEntry(vpn) : task.mm.pageTable.allocEntry(vpn, 1);
  if (entry === NO_ENTRY) return isFile ? doFilePage(sys, task, vma, vpn, isWrite) : VM_FAULT_OOM;
  const lo = task.mm.pageTable.entryLo(entry);
  const hi = task.mm.pageTable.entryHi(entry);
  if (lo === 0 && hi === 0) {
    return isFile
      ? doFilePage(sys, task, vma, vpn, isWrite)
      : doAnonymousPage(sys, task, vma, vpn, entry, isWrite);
  }
  if (!pteIsPresent(lo)) return doSwapPage(sys, task, vma, vpn, entry, isWrite);
  if ((isWrite || isUnshare) && (lo & PTE_RW) === 0) return doWpPage(sys, task, vma, vpn, entry, isUnshare);
  // Somebody else's fault, or a right that was given since: only this CPU's TLB was behind, and the fault has dropped what
  // it held of the page (flush_tlb_fix_spurious_fault does nothing on x86).
  const touchedLo = lo | PTE_A | (isWrite ? PTE_D | PTE_SOFT_DIRTY : 0);
  if ((lo & PTE_SPECIAL) === 0) task.mm.pageTable.setEntry(entry, touchedLo, hi);
  return 0;
}

function doAnonymousPage(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  entry: number,
  isWrite: boolean,
): number {
  const { mm, cpu } = task;
  const vmFlags = mm.space.pool.vmFlags[vma];
  if ((vmFlags & VM_UFFD_MISSING) !== 0) {
    if (isWrite && !prepareAnonVma(sys, task, vma)) return VM_FAULT_OOM;
    return handleUserfault(sys, task, vma, vpn, VM_UFFD_MISSING, isWrite);
  }
  if (!isWrite) {
    const lo = pteLo(sys.zeroPfn, vmFlagsToPteLo(vmFlags) | PTE_SPECIAL);
    mm.pageTable.setEntry(entry, lo, pteHi(sys.zeroPfn, vmFlagsToPteHi(vmFlags)));
    return 0;
  }
  if (!prepareAnonVma(sys, task, vma)) return VM_FAULT_OOM;
  const pfn = allocZeroedPage(sys, task, vpn);
  if (pfn === NO_PFN) return VM_FAULT_OOM;
  mapWritten(sys, task, vpn, entry, pfn, vmFlags);
  addNewAnonPage(sys, mm, vma, vpn, pfn, cpu);
  return 0;
}

/** A write to a page that is present and not writable, or a demand for a page of one's own (do_wp_page). */
function doWpPage(sys: System, task: Task, vma: VmaId, vpn: Vpn, entry: number, isUnshare: boolean): number {
  const { mm, cpu } = task;
  const { memmap } = sys;
  const vmFlags = mm.space.pool.vmFlags[vma];
  let lo = mm.pageTable.entryLo(entry);
  const hi = mm.pageTable.entryHi(entry);
  if ((lo & PTE_UFFD_WP) !== 0 && (vmFlags & VM_UFFD_WP) !== 0 && !isUnshare) {
    if (!sys.uffd.context(mm.space.pool.uffd[vma]).isWpAsync) {
      return handleUserfault(sys, task, vma, vpn, VM_UFFD_WP, true);
    }
    lo &= ~PTE_UFFD_WP;
    mm.pageTable.setEntry(entry, lo, hi);
  }
  const old = leafPfn(lo, hi, PT_LEVEL_PTE);
  const isZeroPage = (lo & PTE_SPECIAL) !== 0;

  if (!isZeroPage && ((vmFlags & VM_SHARED) !== 0 || mayReuseAnon(sys, old, cpu))) {
    if (isUnshare) return 0;
    if ((vmFlags & VM_SHARED) !== 0) {
      const error = dirtySharedPage(sys, task, old);
      if (error !== 0) return error;
    }
    sys.vmstat.events[PGREUSE]++;
    // A right more needs no flush: other CPUs fault once and find it (ptep_set_access_flags).
    mm.pageTable.setEntry(entry, lo | writtenPteLo(vmFlags) | PTE_A, hi);
    if ((vmFlags & VM_SHARED) !== 0) balanceAfterWrite(sys, task, old);
    return 0;
  }

  if (!prepareAnonVma(sys, task, vma)) return VM_FAULT_OOM;
  // The old page must stay while the allocation reclaims others.
  if (!isZeroPage) memmap.getPage(old);
  const copy = isZeroPage ? allocZeroedPage(sys, task, vpn) : allocUserPage(sys, cpu, task.pid, vpn);
  if (copy === NO_PFN || task.killedBy !== null) {
    if (copy !== NO_PFN) putUserPage(sys, copy, cpu);
    if (!isZeroPage) putUserPage(sys, old, cpu);
    return VM_FAULT_OOM;
  }
  // One anonymous page in the place of another changes no count (wp_page_copy).
  const copyCount = !isZeroPage && memmap.hasFlags(old, PG_ANON) ? COUNT_NONE : COUNT_NOW;
  const isUnchanged = mm.pageTable.entryLo(entry) === lo && mm.pageTable.entryHi(entry) === hi;
  if (!isZeroPage) {
    if (isUnchanged) {
      copyContents(sys, copy, old);
      removeRmap(sys, mm, vpn, old, copyCount);
      memmap.putPageTestzero(old);
      if (memmap.hasFlags(old, PG_SWAPCACHE) && memmap.mapcount[old] === 0) freeSwapOfPage(sys, old);
    }
    putUserPage(sys, old, cpu);
    if (!isUnchanged) {
      // Reclaim took the page's entry meanwhile; the access faults again and finds it (pte_same).
      putUserPage(sys, copy, cpu);
      return 0;
    }
  }
  if (isUnshare) {
    // Nothing was written: the copy is as clean and as read-only as the page was.
    const copyLo = pteLo(copy, vmFlagsToPteLo(vmFlags) | (lo & (PTE_SOFT_DIRTY | PTE_UFFD_WP)));
    mm.pageTable.setEntry(entry, copyLo, pteHi(copy, vmFlagsToPteHi(vmFlags)));
  } else {
    mapWritten(sys, task, vpn, entry, copy, vmFlags);
  }
  addNewAnonPage(sys, mm, vma, vpn, copy, cpu, copyCount);
  // Other CPUs may still read the old page (ptep_clear_flush).
  sys.tlbFlusher.flushPage(mm, vpn);
  return 0;
}

/** A shared mapping writes to a page that it could only read: a disk hears of it first (do_page_mkwrite). 0 or VM_FAULT_*. */
function dirtySharedPage(sys: System, task: Task, pfn: Pfn): number {
  const { memmap } = sys;
  const inodeId = memmap.mapping[memmap.compoundHead(pfn)];
  const inode = inodeId === NO_MAPPING ? null : sys.files.inode(inodeId);
  if (inode?.kind !== "disk") {
    markPageDirty(sys, pfn);
    return 0;
  }
  memmap.getPage(pfn);
  const error = pageMkwrite(sys, inode, pfn);
  putUserPage(sys, pfn, task.cpu);
  return error;
}

/** A shared mapping has written to a page, which its entry holds: the task may have to wait (fault_dirty_shared_page). */
function balanceAfterWrite(sys: System, task: Task, pfn: Pfn): void {
  const mapping = sys.memmap.mapping[sys.memmap.compoundHead(pfn)];
  if (mapping === NO_MAPPING) return;
  const inode = sys.files.inode(mapping);
  if (inode.kind === "disk") balanceDirtyPages(sys, task, inode);
}

/** May a write take over an anonymous page: is this mapping its only user? (wp_can_reuse_anon_folio) */
function mayReuseAnon(sys: System, pfn: Pfn, cpu: CpuId): boolean {
  const { memmap } = sys;
  const flags = memmap.flags[pfn];
  if ((flags & PG_ANON) === 0) return false;
  if ((flags & PG_ANON_EXCLUSIVE) !== 0) return true;
  if (memmap.refcount[pfn] > 3) return false;
  // A page on its way to a list has the batch's reference too.
  if ((flags & PG_LRU) === 0) sys.lru.drain(cpu);
  const isCached = (memmap.flags[pfn] & PG_SWAPCACHE) !== 0;
  if (memmap.refcount[pfn] > (isCached ? 2 : 1)) return false;
  if (isCached && !freeSwapOfPage(sys, pfn)) return false;
  memmap.setFlags(pfn, PG_ANON_EXCLUSIVE);
  return true;
}

/** A page that was write-protected before it was there: it comes, and is protected (pte_marker_handle_uffd_wp). */
function doProtectedMissing(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  entry: number,
  isWrite: boolean,
): number {
  const { pageTable, space } = task.mm;
  const isFile = space.pool.fileId[vma] >= 0;
  const result = isFile
    ? doFilePage(sys, task, vma, vpn, isWrite)
    : doAnonymousPage(sys, task, vma, vpn, entry, isWrite);
  if ((result & (VM_FAULT_ERROR | VM_FAULT_RETRY)) !== 0) return result;
  const filled = pageTable.findEntry(vpn);
  const lo = pageTable.entryLo(filled);
  if (pteIsPresent(lo)) {
    pageTable.setEntry(filled, (lo & ~PTE_RW) | PTE_UFFD_WP, pageTable.entryHi(filled));
  }
  return result;
}

/** An entry that is not present: it names a swap slot or is a marker (do_swap_page). */
function doSwapPage(sys: System, task: Task, vma: VmaId, vpn: Vpn, entry: number, isWrite: boolean): number {
  const hi = task.mm.pageTable.entryHi(entry);
  if (pteIsNonSwap(hi)) {
    const markers = pteMarkers(task.mm.pageTable.entryLo(entry), hi);
    if ((markers & PTE_MARKER_POISONED) !== 0) return VM_FAULT_HWPOISON;
    if ((markers & PTE_MARKER_GUARD) !== 0) return VM_FAULT_SIGSEGV;
    if ((task.mm.space.pool.vmFlags[vma] & VM_UFFD_WP) !== 0) {
      return doProtectedMissing(sys, task, vma, vpn, entry, isWrite);
    }
    // Write-protection that nobody asks for any more: the access faults again and finds nothing.
    task.mm.pageTable.setEntry(entry, 0, 0);
    return 0;
  }
  const result = swapInPage(sys, task, vma, vpn, entry, isWrite);
  if ((result & VM_FAULT_ERROR) !== 0 || !isWrite || (task.mm.pageTable.entryLo(entry) & PTE_RW) !== 0)
    return result;
  // The page is shared still: the same fault goes on to copy it.
  return result | doWpPage(sys, task, vma, vpn, entry, false);
}
