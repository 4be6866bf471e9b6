/**
 * mmap(2) with the file behind it.
 * Source: Linux 6.18 mm/mmap.c, ksys_mmap_pgoff(); mm/shmem.c, shmem_zero_setup(), shmem_mmap(); mm/memfd.c,
 * check_write_seal().
 */
import {
  bug,
  EBADF,
  EINVAL,
  ENODEV,
  ENOMEM,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  KernelError,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_SHARED,
  NO_VMA,
  PAGE_SIZE,
  PROT_WRITE,
  type Vaddr,
  VM_MAYWRITE,
} from "@pageframe/contracts";
import { FMODE_READ, FMODE_WRITE, NO_FILE, OVERCOMMIT_NEVER } from "@pageframe/vma";
import { closeFile, newShmemInode } from "../files/shmem.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

const MAP_TYPE = 0x0f;

/**
 * mmap(2): the address, or -errno. `fileId` names an open file, or is NO_FILE with MAP_ANONYMOUS. Throws EINVAL for a file
 * that was never opened.
 */
export function sysMmap(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  prot: number,
  flags: number,
  fileId: number,
  offsetBytes: number,
): number {
  const { space } = task.mm;
  if ((flags & MAP_ANONYMOUS) !== 0) {
    if ((flags & MAP_TYPE) === MAP_SHARED)
      return mapSharedAnon(sys, task, address, lengthBytes, prot, flags, offsetBytes);
    return space.mmap(address, lengthBytes, prot, flags, NO_FILE, offsetBytes);
  }
  if (fileId === NO_FILE) return -EBADF;
  if (fileId < 0 || fileId >= sys.files.opened.length) {
    throw new KernelError(EINVAL, `file ${fileId} was not opened; ${sys.files.opened.length} files are`);
  }
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  const isShared = (flags & MAP_TYPE & MAP_SHARED) !== 0;
  if (file.inode.isDirectory) return -ENODEV;
  const isWriteSealed = (file.inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
  if (isWriteSealed && isShared && (prot & PROT_WRITE) !== 0) return -EPERM;
  const result = space.mmap(address, lengthBytes, prot, flags, fileId, offsetBytes, file.mode);
  if (result >= 0 && isWriteSealed && isShared) {
    // What cannot be written now must not become writable later.
    const vma = space.findVma(result / PAGE_SIZE);
    if (vma === NO_VMA) bug("a mapping that was just made is not there");
    space.pool.vmFlags[vma] &= ~VM_MAYWRITE;
  }
  return result;
}

/** Maps an object of its own, without a name, whose whole size is charged unless MAP_NORESERVE says otherwise. */
function mapSharedAnon(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  prot: number,
  flags: number,
  offsetBytes: number,
): number {
  const { space } = task.mm;
  const nrPages = Math.ceil(lengthBytes / PAGE_SIZE);
  const isReserved = (flags & MAP_NORESERVE) === 0 || sys.vmCommit.overcommitMemory === OVERCOMMIT_NEVER;
  const inode = newShmemInode(sys, "/dev/zero", nrPages * PAGE_SIZE, 0, false);
  const file = sys.files.openInode(inode, FMODE_READ | FMODE_WRITE);
  let result = space.mmap(address, lengthBytes, prot, flags, file.id, offsetBytes);
  if (result >= 0 && isReserved) {
    if (sys.vmCommit.charge(nrPages, space.totalVm, space.isPrivileged) === 0) {
      inode.isReserved = true;
    } else {
      // What was there before is gone already (__mmap_region).
      space.munmap(result, lengthBytes);
      result = -ENOMEM;
    }
  }
  // From here on the mapping alone holds the object.
  closeFile(sys, file);
  return result;
}
