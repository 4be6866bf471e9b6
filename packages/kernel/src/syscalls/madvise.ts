/**
 * madvise(2): checks, the walk over the mappings of the range, and the advices that change a mapping's flags. What an
 * advice does to pages is in madvise-pages.ts.
 * Source: Linux 6.18 mm/madvise.c, do_madvise(), madvise_walk_vmas(), madvise_vma_behavior(), can_madvise_modify();
 * mm/ksm.c, ksm_madvise(); mm/khugepaged.c, hugepage_madvise().
 */
import {
  bug,
  EAGAIN,
  EINVAL,
  ENOMEM,
  EPERM,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WIPEONFORK,
  NO_VMA,
  PAGE_SIZE,
  type Vaddr,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_SEALED,
  VM_SEQ_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  VM_WRITE,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { isKsmCompatible, isSpecialMapping, NO_FILE, VM_SPECIAL } from "@pageframe/vma";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { advisePages, isGatheredAdvice, isPageAdvice } from "./madvise-pages.ts";
import { isUffdRemoval, uffdRemoving } from "../uffd/events.ts";
import { tellMonitors } from "../uffd/wait.ts";
import { populatePages } from "./madvise-populate.ts";

/** First address that 64 bits cannot hold. */
const ADDRESS_END: number = 2 ** 64;

/**
 * madvise(2) on the memory of `task`, which need not be the task that runs. Returns 0; -ENOMEM over holes, after doing all
 * the rest; -EINVAL, -EPERM, -EAGAIN, or what an advice says, with everything below the failure done. O(mappings).
 */
export function sysMadvise(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  advice: number,
): number {
  const isPopulate = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  if (!isPopulate && !isFlagAdvice(advice, task.mm.space.isThpEnabled) && !isPageAdvice(advice)) {
    return -EINVAL;
  }
  if (address % PAGE_SIZE !== 0) return -EINVAL;
  const endVpn = address / PAGE_SIZE + Math.ceil(lengthBytes / PAGE_SIZE);
  if (endVpn * PAGE_SIZE >= ADDRESS_END) return -EINVAL;
  if (lengthBytes === 0) return 0;
  if (isPopulate) {
    return populatePages(sys, task, address / PAGE_SIZE, endVpn, advice === MADV_POPULATE_WRITE);
  }
  if (sys.uffd.contexts.length > 0 && isUffdRemoval(advice)) {
    uffdRemoving(sys, task.mm, address / PAGE_SIZE, endVpn, advice);
    const { current } = sys.cpus[sys.currentCpu];
    if (sys.uffd.hasNews && current !== null) tellMonitors(sys, current);
  }
  const isFlushedAtOnce = isGatheredAdvice(advice);
  if (isFlushedAtOnce) sys.gather.begin(task.mm);
  const result = walkVmas(sys, task, address / PAGE_SIZE, endVpn, advice);
  if (isFlushedAtOnce) sys.gather.finish();
  return result;
}

/** Gives the advice to the mapped parts of [startVpn, endVpn), lowest first, up to the first failure. */
function walkVmas(sys: System, task: Task, startVpn: Vpn, endVpn: Vpn, advice: number): number {
  const { space } = task.mm;
  let result = 0;
  for (let at = startVpn; at < endVpn;) {
    const vma = space.findVma(at);
    if (vma === NO_VMA) return -ENOMEM;
    const { pool } = space;
    if (at < pool.startVpn[vma]) {
      result = -ENOMEM;
      at = pool.startVpn[vma];
      if (at >= endVpn) break;
    }
    const vmaEndVpn = pool.endVpn[vma];
    const error = adviseVma(sys, task, vma, at, Math.min(vmaEndVpn, endVpn), advice);
    if (error < 0) return error;
    // What a flag advice changed may have become one with mappings beyond.
    const changed = space.findVma(at);
    at = Math.max(vmaEndVpn, changed === NO_VMA ? 0 : space.pool.endVpn[changed]);
  }
  return result;
}

/** Gives the advice to [startVpn, endVpn), a part of one mapping. */
function adviseVma(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn, advice: number): number {
  const { space } = task.mm;
  const oldFlags = space.pool.vmFlags[vma];
  const fileId = space.pool.fileId[vma];
  if (!mayModify(oldFlags, fileId, advice)) return -EPERM;
  if (isPageAdvice(advice)) return advisePages(sys, task, vma, startVpn, endVpn, advice);
  const error = adviceError(oldFlags, fileId, advice);
  if (error !== 0) return error;
  const vmFlags = advisedFlags(oldFlags, advice);
  if (vmFlags === oldFlags) return 0;
  const modified = space.modifyFlags(vma, startVpn, endVpn, vmFlags);
  // Kernel memory that is short now may be there soon.
  return modified === -ENOMEM ? -EAGAIN : Math.min(modified, 0);
}

/** A sealed mapping loses no bytes that the program could not overwrite anyway (can_madvise_modify). */
function mayModify(vmFlags: number, fileId: number, advice: number): boolean {
  return (
    (vmFlags & VM_SEALED) === 0 || !isDiscard(advice) || fileId !== NO_FILE || (vmFlags & VM_WRITE) !== 0
  );
}

/** Does the advice make bytes disappear? */
function isDiscard(advice: number): boolean {
  switch (advice) {
    case MADV_FREE:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
    case MADV_GUARD_INSTALL:
      return true;
    default:
      return false;
  }
}

/** Is it an advice that changes only flags of the mapping? Those about huge pages are unknown to a kernel without. */
function isFlagAdvice(advice: number, isThpEnabled: boolean): boolean {
  if (advice === MADV_HUGEPAGE || advice === MADV_NOHUGEPAGE) return isThpEnabled;
  return (
    (advice >= MADV_NORMAL && advice <= MADV_SEQUENTIAL) ||
    (advice >= MADV_DONTFORK && advice <= MADV_KEEPONFORK)
  );
}

/** Why a mapping refuses a flag advice: 0 or -EINVAL. */
function adviceError(vmFlags: number, fileId: number, advice: number): number {
  switch (advice) {
    case MADV_DOFORK:
      return (vmFlags & VM_IO) !== 0 ? -EINVAL : 0;
    case MADV_WIPEONFORK: {
      const hasFile = fileId !== NO_FILE && !isSpecialMapping(vmFlags);
      return hasFile || (vmFlags & VM_SHARED) !== 0 ? -EINVAL : 0;
    }
    case MADV_KEEPONFORK:
      return (vmFlags & VM_DROPPABLE) !== 0 ? -EINVAL : 0;
    case MADV_DODUMP: {
      const isDevice = (vmFlags & VM_HUGETLB) === 0 && (vmFlags & VM_SPECIAL) !== 0;
      return isDevice || (vmFlags & VM_DROPPABLE) !== 0 ? -EINVAL : 0;
    }
    default:
      return 0;
  }
}

/** Flags of a mapping after an advice. */
function advisedFlags(vmFlags: number, advice: number): number {
  switch (advice) {
    case MADV_NORMAL:
      return vmFlags & ~(VM_RAND_READ | VM_SEQ_READ);
    case MADV_SEQUENTIAL:
      return (vmFlags & ~VM_RAND_READ) | VM_SEQ_READ;
    case MADV_RANDOM:
      return (vmFlags & ~VM_SEQ_READ) | VM_RAND_READ;
    case MADV_DONTFORK:
      return vmFlags | VM_DONTCOPY;
    case MADV_DOFORK:
      return vmFlags & ~VM_DONTCOPY;
    case MADV_WIPEONFORK:
      return vmFlags | VM_WIPEONFORK;
    case MADV_KEEPONFORK:
      return vmFlags & ~VM_WIPEONFORK;
    case MADV_DONTDUMP:
      return vmFlags | VM_DONTDUMP;
    case MADV_DODUMP:
      return vmFlags & ~VM_DONTDUMP;
    case MADV_MERGEABLE:
      return isKsmCompatible(vmFlags) ? vmFlags | VM_MERGEABLE : vmFlags;
    case MADV_UNMERGEABLE:
      return vmFlags & ~VM_MERGEABLE;
    case MADV_HUGEPAGE:
      return (vmFlags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
    case MADV_NOHUGEPAGE:
      return (vmFlags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
    default:
      return bug(`advice ${advice} does not change flags`);
  }
}
