/**
 * What else than faults a userfaultfd hears of, when it has asked for it: forks, moves, discarded and unmapped memory.
 * Source: Linux 6.18 fs/userfaultfd.c, dup_userfaultfd(), mremap_userfaultfd_prep(), userfaultfd_remove(),
 * userfaultfd_unmap_prep(), userfaultfd_event_wait_completion(). Differs: a call whose message nobody reads does not wait; until
 * it is read, ioctls answer -EAGAIN, as they do while Linux waits.
 */
import {
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_REMOVE,
  type MmId,
  NO_VMA,
  PAGE_SIZE,
  UFFD_EVENT_FORK,
  UFFD_EVENT_REMAP,
  UFFD_EVENT_REMOVE,
  UFFD_EVENT_UNMAP,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  VM_LOCKED,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_SHARED,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE, NO_UFFD } from "@pageframe/vma";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Does the context that watches a mapping want to hear of moves? If not, what moves is watched no more. */
export function wantsRemaps(sys: System, uffd: number): boolean {
  return (sys.uffd.context(uffd).features & UFFD_FEATURE_EVENT_REMAP) !== 0;
}

/** A watched mapping was moved. Returns whether the context goes along. */
export function uffdRemapped(sys: System, uffd: number, fromVpn: Vpn, toVpn: Vpn, nrPages: number): boolean {
  if (!wantsRemaps(sys, uffd)) return false;
  sys.uffd.addEvent(sys.uffd.context(uffd), {
    event: UFFD_EVENT_REMAP,
    from: fromVpn * PAGE_SIZE,
    to: toVpn * PAGE_SIZE,
    len: nrPages * PAGE_SIZE,
  });
  return true;
}

/** A range is unmapped of which a context watches a part. */
export function uffdUnmapped(sys: System, uffd: number, startVpn: Vpn, endVpn: Vpn): void {
  const ctx = sys.uffd.context(uffd);
  if ((ctx.features & UFFD_FEATURE_EVENT_UNMAP) === 0) return;
  sys.uffd.addEvent(ctx, {
    event: UFFD_EVENT_UNMAP,
    start: startVpn * PAGE_SIZE,
    end: endVpn * PAGE_SIZE,
  });
}

/** The context for a child's mapping, made with the first; NO_UFFD when the parent's does not want to hear of forks. */
export function uffdForked(sys: System, uffd: number, child: MmId): number {
  const parent = sys.uffd.context(uffd);
  if ((parent.features & UFFD_FEATURE_EVENT_FORK) === 0) return NO_UFFD;
  const known = sys.uffd.forks.get(uffd);
  if (known !== undefined) return known;
  const ctx = sys.uffd.open(parent.flags, sys.mmOf(child));
  ctx.features = parent.features;
  ctx.isInitialized = true;
  sys.uffd.forks.set(uffd, ctx.id);
  return ctx.id;
}

/** A fork is over: the contexts of the child are told of, or closed when it failed (dup_userfaultfd_complete, _fail). */
export function finishUffdForks(sys: System, isDone: boolean): void {
  const { uffd } = sys;
  for (const [parent, child] of uffd.forks) {
    if (isDone) uffd.addEvent(uffd.context(parent), { event: UFFD_EVENT_FORK, ufd: child });
    else uffd.contexts[child] = null;
  }
  uffd.forks.clear();
}

/** Tells of memory that madvise(2) is about to discard in [startVpn, endVpn), up to a mapping that refuses it. */
export function uffdRemoving(sys: System, mm: Mm, startVpn: Vpn, endVpn: Vpn, advice: number): void {
  const { space } = mm;
  const { pool } = space;
  for (let vma = space.findVma(startVpn); vma !== NO_VMA; vma = space.nextVma(vma)) {
    if (pool.startVpn[vma] >= endVpn || !mayDiscard(mm, vma, advice)) return;
    if (pool.uffd[vma] === NO_UFFD) continue;
    const ctx = sys.uffd.context(pool.uffd[vma]);
    if ((ctx.features & UFFD_FEATURE_EVENT_REMOVE) === 0) continue;
    sys.uffd.addEvent(ctx, {
      event: UFFD_EVENT_REMOVE,
      start: Math.max(startVpn, pool.startVpn[vma]) * PAGE_SIZE,
      end: Math.min(endVpn, pool.endVpn[vma]) * PAGE_SIZE,
    });
  }
}

/** Is it an advice that a userfaultfd hears of? */
export function isUffdRemoval(advice: number): boolean {
  return (
    advice === MADV_DONTNEED ||
    advice === MADV_DONTNEED_LOCKED ||
    advice === MADV_FREE ||
    advice === MADV_REMOVE
  );
}

/** Does a mapping not refuse to discard its pages? */
function mayDiscard(mm: Mm, vma: number, advice: number): boolean {
  const { pool } = mm.space;
  const vmFlags = pool.vmFlags[vma];
  if (advice !== MADV_DONTNEED_LOCKED && (vmFlags & VM_LOCKED) !== 0) return false;
  if (advice !== MADV_REMOVE) return (vmFlags & VM_PFNMAP) === 0;
  const shared = VM_SHARED | VM_MAYWRITE;
  return pool.fileId[vma] !== NO_FILE && (vmFlags & shared) === shared;
}
