/**
 * What becomes of a fault that a userfaultfd wants to hear of. Cold: watched mappings alone.
 * Source: Linux 6.18 fs/userfaultfd.c, handle_userfault(), userfault_msg(). Differs: a task that faults while it exits or
 * dumps core is not modelled.
 */
import {
  NO_PFN,
  PAGE_SIZE,
  UFFD_EVENT_PAGEFAULT,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFD_PAGEFAULT_FLAG_WRITE,
  UFFD_USER_MODE_ONLY,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * Tells the userfaultfd that watches a mapping of the fault; `reason` is VM_UFFD_MISSING, VM_UFFD_WP or VM_UFFD_MINOR. Returns
 * VM_FAULT_RETRY: the task waits (sys.uffd.waits). VM_FAULT_SIGBUS when it may not wait, or the context wants it so.
 */
export function handleUserfault(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  reason: number,
  isWrite: boolean,
): number {
  const { uffd } = sys;
  const ctx = uffd.context(task.mm.space.pool.uffd[vma]);
  const { features } = ctx;
  if ((features & UFFD_FEATURE_SIGBUS) !== 0) return VM_FAULT_SIGBUS;
  if (!uffd.isUser && (ctx.flags & UFFD_USER_MODE_ONLY) !== 0) return VM_FAULT_SIGBUS;
  if (!uffd.mayRetry) return VM_FAULT_SIGBUS;
  const isExact = (features & UFFD_FEATURE_EXACT_ADDRESS) !== 0;
  const address = vpn * PAGE_SIZE + (isExact ? uffd.offset : 0);
  const flags =
    (isWrite ? UFFD_PAGEFAULT_FLAG_WRITE : 0) |
    (reason === VM_UFFD_WP ? UFFD_PAGEFAULT_FLAG_WP : 0) |
    (reason === VM_UFFD_MINOR ? UFFD_PAGEFAULT_FLAG_MINOR : 0);
  const ptid = (features & UFFD_FEATURE_THREAD_ID) !== 0 ? task.pid : 0;
  const msg = { event: UFFD_EVENT_PAGEFAULT, flags, address, ptid } as const;
  uffd.addWait({ pid: task.pid, uffd: ctx.id, address, msg });
  return VM_FAULT_RETRY;
}

/**
 * Asks the userfaultfd of a mapping of a shmem file about a page that has no entry: one that is cached or in swap when it
 * watches for those, a hole when it watches for missing pages. Returns 0 when it does not care (shmem_get_folio_gfp).
 */
export function handleShmemUserfault(
  sys: System,
  task: Task,
  vma: VmaId,
  vpn: Vpn,
  inode: Inode,
  pgoff: number,
  isWrite: boolean,
): number {
  // Beyond the end there is nothing to provide.
  if (!inode.isShmem || pgoff * PAGE_SIZE >= inode.sizeBytes) return 0;
  const vmFlags = task.mm.space.pool.vmFlags[vma];
  const reason =
    inode.pages.load(pgoff) !== NO_PFN || inode.swapped.has(pgoff) ? VM_UFFD_MINOR : VM_UFFD_MISSING;
  return (vmFlags & reason) !== 0 ? handleUserfault(sys, task, vma, vpn, reason, isWrite) : 0;
}
