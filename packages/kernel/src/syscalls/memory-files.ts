/**
 * System calls on files in memory: open on tmpfs, memfd_create, seals.
 * Source: Linux 6.18 mm/shmem.c, mm/memfd.c, memfd_add_seals().
 */
import {
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSYS,
  EPERM,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  NO_VMA,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  VM_MAYWRITE,
  VM_SHARED,
} from "@pageframe/contracts";
import { FMODE_READ, FMODE_WRITE } from "@pageframe/vma";
import { type Inode } from "../files/inode.ts";
import { evictInode, newShmemInode } from "../files/shmem.ts";
import { emptyShmem } from "../files/truncate.ts";
import { type System } from "../system.ts";

/** Longest name of a memfd (MFD_NAME_MAX_LEN), and of a file. */
const MFD_NAME_MAX_LEN = 249;
const NAME_MAX = 255;
const MFD_ALL_FLAGS = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;
const F_ALL_SEALS =
  F_SEAL_SEAL | F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
const TMPFS_PATH = "/dev/shm/";

/** open(2) in /dev/shm, and so shm_open(3). Returns the file's id, -ENOENT, -EEXIST or -EINVAL. */
export function sysOpenTmpfs(sys: System, name: string, openFlags: number): number {
  if (name === "" || name.length > NAME_MAX || name.includes("/")) return -EINVAL;
  const { files } = sys;
  const known = files.tmpfsNames.get(name);
  if (known === undefined && (openFlags & O_CREAT) === 0) return -ENOENT;
  if (known !== undefined && (openFlags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
  const inode = known === undefined ? newShmemInode(sys, TMPFS_PATH + name, 0, 1, true) : files.inode(known);
  inode.seals |= F_SEAL_SEAL;
  files.tmpfsNames.set(name, inode.id);
  const access = openFlags & O_ACCMODE;
  const mode = (access === O_WRONLY ? 0 : FMODE_READ) | (access === O_RDONLY ? 0 : FMODE_WRITE);
  const file = files.openInode(inode, mode);
  if ((openFlags & O_TRUNC) !== 0) emptyShmem(sys, inode);
  return file.id;
}

/** unlink(2) in /dev/shm, and so shm_unlink(3): the file lives on while it is open or mapped. 0 or -ENOENT. */
export function sysUnlinkTmpfs(sys: System, name: string): number {
  const { files } = sys;
  const known = files.tmpfsNames.get(name);
  if (known === undefined) return -ENOENT;
  files.tmpfsNames.delete(name);
  const inode = files.inode(known);
  inode.nrLinks = 0;
  if (inode.nrFiles === 0) evictInode(sys, inode);
  return 0;
}

/** memfd_create(2). Returns the file's id, -EINVAL, or -ENOSYS for huge pages. */
export function sysMemfdCreate(sys: System, name: string, flags: number): number {
  if ((flags & ~MFD_ALL_FLAGS) !== 0 || name.length > MFD_NAME_MAX_LEN) return -EINVAL;
  if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) === (MFD_EXEC | MFD_NOEXEC_SEAL)) return -EINVAL;
  if ((flags & MFD_HUGETLB) !== 0) return -ENOSYS;
  const inode = newShmemInode(sys, `/memfd:${name}`, 0, 0, false);
  if ((flags & MFD_NOEXEC_SEAL) !== 0) inode.seals = F_SEAL_EXEC;
  else if ((flags & MFD_ALLOW_SEALING) === 0) inode.seals = F_SEAL_SEAL;
  return sys.files.openInode(inode, FMODE_READ | FMODE_WRITE).id;
}

/** fcntl(2) F_ADD_SEALS. Returns 0, -EBADF, -EINVAL, -EPERM, or -EBUSY while somebody could write through a mapping. */
export function sysAddSeals(sys: System, fileId: number, seals: number): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  const { inode, mode } = file;
  if ((mode & FMODE_WRITE) === 0) return -EPERM;
  if ((seals & ~F_ALL_SEALS) !== 0 || !inode.isShmem) return -EINVAL;
  if ((inode.seals & F_SEAL_SEAL) !== 0) return -EPERM;
  let added = seals;
  // What is executable and stays so must not change any more.
  if ((seals & F_SEAL_EXEC) !== 0 && (inode.seals & F_SEAL_EXEC) === 0) {
    added |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
  }
  if ((added & ~inode.seals & F_SEAL_WRITE) !== 0 && isMappedWritable(sys, inode)) return -EBUSY;
  inode.seals |= added;
  return 0;
}

/** fcntl(2) F_GET_SEALS: the seals, -EBADF or -EINVAL. */
export function sysGetSeals(sys: System, fileId: number): number {
  const file = sys.files.descriptor(fileId);
  if (file === null) return -EBADF;
  return file.inode.isShmem ? file.inode.seals : -EINVAL;
}

/** Is there a shared mapping through which the inode can be written, or could be after mprotect()? */
function isMappedWritable(sys: System, inode: Inode): boolean {
  if (inode.nrMappings === 0) return false;
  for (const mm of sys.mms) {
    if (mm === null) continue;
    const { pool } = mm.space;
    for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
      const fileId = pool.fileId[vma];
      if (fileId < 0 || sys.files.inodeOf(fileId) !== inode) continue;
      const wanted = VM_SHARED | VM_MAYWRITE;
      if ((pool.vmFlags[vma] & wanted) === wanted) return true;
    }
  }
  return false;
}
