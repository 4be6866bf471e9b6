/** msync(2). Source: Linux 6.18 mm/msync.c. */
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
  VM_SHARED,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { fsyncFile } from "../filemap/fsync.ts";
import { linearPageIndex } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

const ADDRESS_END: number = 2 ** 64;

/**
 * msync(2): with MS_SYNC shared mappings of files on disks are written, and waited for; MS_ASYNC does nothing. Returns 0;
 * -EINVAL; -ENOMEM over holes, after all the rest; -EBUSY for MS_INVALIDATE of locked memory, and an error of a write that the
 * opening which is mapped has not told yet, with what lies below done.
 */
export function sysMsync(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  flags: number,
): number {
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
    const startVpn = Math.max(at, space.pool.startVpn[vma]);
    at = space.pool.endVpn[vma];
    if ((flags & MS_SYNC) === 0) continue;
    const error = syncMapping(sys, task, vma, startVpn, Math.min(at, endVpn));
    if (error < 0) return error;
  }
  return result;
}

/** Writes the part [startVpn, endVpn) of a shared mapping to its disk (vfs_fsync_range). Returns 0 or -errno. */
function syncMapping(sys: System, task: Task, vma: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  const { pool } = task.mm.space;
  const fileId = pool.fileId[vma];
  if (fileId === NO_FILE || (pool.vmFlags[vma] & VM_SHARED) === 0) return 0;
  const file = sys.files.file(fileId);
  if (file.inode.kind !== "disk") return 0;
  const startPgoff = linearPageIndex(task.mm, vma, startVpn);
  return fsyncFile(sys, file, true, startPgoff, startPgoff + (endVpn - startVpn));
}
