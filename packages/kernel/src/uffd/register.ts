/**
 * Which mappings a userfaultfd watches, and for what.
 * Source: Linux 6.18 fs/userfaultfd.c, userfaultfd_register(), userfaultfd_unregister(), userfaultfd_release();
 * mm/userfaultfd.c, userfaultfd_register_range(), userfaultfd_clear_vma(); include/linux/userfaultfd_k.h,
 * vma_can_userfault(). Differs: no hugetlbfs.
 */
import {
  EBUSY,
  EINVAL,
  EPERM,
  NO_VMA,
  PAGE_SIZE,
  UFFD_API_REGISTER_MODES,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  VM_DROPPABLE,
  VM_MAYWRITE,
  VM_UFFD_FLAGS,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE, NO_UFFD, VM_SPECIAL } from "@pageframe/vma";
import { NO_SHM_ID } from "../files/files.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";
import { type UserfaultCtx } from "./context.ts";
import { writeProtectVma } from "./write-protect.ts";

/** VM_UFFD_* of UFFDIO_REGISTER_MODE_*; 0 for a mode that does not exist. */
export function uffdFlagsOfMode(mode: number): number {
  if ((mode & ~UFFD_API_REGISTER_MODES) !== 0) return 0;
  return (
    ((mode & UFFDIO_REGISTER_MODE_MISSING) !== 0 ? VM_UFFD_MISSING : 0) |
    ((mode & UFFDIO_REGISTER_MODE_WP) !== 0 ? VM_UFFD_WP : 0) |
    ((mode & UFFDIO_REGISTER_MODE_MINOR) !== 0 ? VM_UFFD_MINOR : 0)
  );
}

/** Has a context something to watch for in such a mapping (vma_can_userfault)? */
function canUserfault(sys: System, mm: Mm, vma: VmaId, uffdFlags: number, isWpAsync: boolean): boolean {
  const { pool } = mm.space;
  if ((pool.vmFlags[vma] & (VM_SPECIAL | VM_DROPPABLE)) !== 0) return false;
  const isShmem = isShmemVma(sys, mm, vma);
  if ((uffdFlags & VM_UFFD_MINOR) !== 0 && !isShmem) return false;
  if (isWpAsync && uffdFlags === VM_UFFD_WP) return true;
  return isShmem || pool.fileId[vma] === NO_FILE;
}

/** Is it a mapping of shared memory with a file, or MAP_SHARED | MAP_ANONYMOUS (vma_is_shmem)? SysV attachments are not. */
export function isShmemVma(sys: System, mm: Mm, vma: VmaId): boolean {
  const fileId = mm.space.pool.fileId[vma];
  if (fileId === NO_FILE) return false;
  const file = sys.files.file(fileId);
  return file.inode.isShmem && file.shmId === NO_SHM_ID;
}

/**
 * Lets a context watch what is mapped in [startVpn, endVpn) for `uffdFlags` (VM_UFFD_*). Returns 0; -EINVAL where nothing is
 * mapped, or something that cannot be watched so; -EPERM for what can never be written, -EBUSY for what another watches;
 * -ENOMEM with a part registered.
 */
export function registerRange(
  sys: System,
  ctx: UserfaultCtx,
  startVpn: Vpn,
  endVpn: Vpn,
  uffdFlags: number,
): number {
  const { mm } = ctx;
  const { space } = mm;
  const { pool } = space;
  const first = space.findVma(startVpn);
  if (first === NO_VMA || pool.startVpn[first] >= endVpn) return -EINVAL;
  for (let vma = first; vma !== NO_VMA && pool.startVpn[vma] < endVpn; vma = space.nextVma(vma)) {
    if (!canUserfault(sys, mm, vma, uffdFlags, ctx.isWpAsync)) return -EINVAL;
    if ((pool.vmFlags[vma] & VM_MAYWRITE) === 0) return -EPERM;
    if (pool.uffd[vma] !== NO_UFFD && pool.uffd[vma] !== ctx.id) return -EBUSY;
  }
  for (let at = startVpn; at < endVpn;) {
    let vma = space.findVma(at);
    if (vma === NO_VMA || pool.startVpn[vma] >= endVpn) break;
    const hasAll = pool.uffd[vma] === ctx.id && (pool.vmFlags[vma] & uffdFlags) === uffdFlags;
    if (!hasAll) {
      const start = Math.max(at, pool.startVpn[vma]);
      vma = space.modifyUffd(vma, start, Math.min(endVpn, pool.endVpn[vma]), ctx.id, uffdFlags);
      if (vma < 0) return vma;
    }
    at = pool.endVpn[vma];
  }
  return 0;
}

/**
 * Lets the context not watch [startVpn, endVpn) any more. Returns 0; -EINVAL where nothing is mapped, or something that could not
 * be watched, or that another context watches; -ENOMEM with a part done.
 */
export function unregisterRange(sys: System, ctx: UserfaultCtx, startVpn: Vpn, endVpn: Vpn): number {
  const { mm } = ctx;
  const { space } = mm;
  const { pool } = space;
  const first = space.findVma(startVpn);
  if (first === NO_VMA || pool.startVpn[first] >= endVpn) return -EINVAL;
  for (let vma = first; vma !== NO_VMA && pool.startVpn[vma] < endVpn; vma = space.nextVma(vma)) {
    if (pool.uffd[vma] !== NO_UFFD && pool.uffd[vma] !== ctx.id) return -EINVAL;
    if (!canUserfault(sys, mm, vma, pool.vmFlags[vma] & VM_UFFD_FLAGS, ctx.isWpAsync)) return -EINVAL;
  }
  for (let at = startVpn; at < endVpn;) {
    let vma = space.findVma(at);
    if (vma === NO_VMA || pool.startVpn[vma] >= endVpn) break;
    if (pool.uffd[vma] !== NO_UFFD) {
      const start = Math.max(at, pool.startVpn[vma]);
      const end = Math.min(endVpn, pool.endVpn[vma]);
      if ((pool.vmFlags[vma] & VM_UFFD_MISSING) !== 0) {
        sys.uffd.wake(sys.uffd.context(pool.uffd[vma]), start * PAGE_SIZE, end * PAGE_SIZE);
      }
      vma = clearVma(sys, mm, vma, start, end);
      if (vma < 0) return vma;
    }
    at = pool.endVpn[vma];
  }
  return 0;
}

/** Lets a context go: nothing is watched by it any more, and nobody waits for it (userfaultfd_release). */
export function releaseUffd(sys: System, ctx: UserfaultCtx): void {
  const { space } = ctx.mm;
  const { pool } = space;
  for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma)) {
    if (pool.uffd[vma] !== ctx.id) continue;
    const whole = clearVma(sys, ctx.mm, vma, pool.startVpn[vma], pool.endVpn[vma]);
    if (whole >= 0) vma = whole;
  }
  for (const wait of [...ctx.pending, ...ctx.read]) sys.uffd.dropWait(wait.pid);
  sys.uffd.contexts[ctx.id] = null;
}

/** Takes a part of a mapping from its context; protection goes too. Returns the VMA that holds it now, or an errno. */
function clearVma(sys: System, mm: Mm, vma: VmaId, startVpn: Vpn, endVpn: Vpn): VmaId {
  if ((mm.space.pool.vmFlags[vma] & VM_UFFD_WP) !== 0) writeProtectVma(sys, mm, vma, startVpn, endVpn, false);
  return mm.space.modifyUffd(vma, startVpn, endVpn, NO_UFFD, 0);
}
