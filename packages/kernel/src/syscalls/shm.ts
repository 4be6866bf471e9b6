/**
 * shmget(2), shmat(2), shmdt(2), shmctl(2). Source: Linux 6.18 ipc/shm.c.
 */
import {
  EEXIST,
  EIDRM,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOSPC,
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  IPC_RMID,
  IPC_STAT,
  MAP_FIXED,
  MAP_SHARED,
  NO_VMA,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  SHM_EXEC,
  SHM_NORESERVE,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  SHMMIN,
  type Vaddr,
} from "@pageframe/contracts";
import { FMODE_READ, FMODE_WRITE, OVERCOMMIT_NEVER } from "@pageframe/vma";
import { closeFile, newShmemInode } from "../files/shmem.ts";
import { type ShmSegment } from "../files/shm-segments.ts";
import { destroyIfUnused } from "../files/sysv-shm.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

const S_IRWXUGO = 0o777;

/** What shmctl(2) tells with IPC_STAT (struct shmid_ds). */
export interface ShmidDs {
  readonly key: number;
  readonly segszBytes: number;
  /** VMAs that map it: a split attachment counts twice. */
  readonly nattch: number;
  readonly mode: number;
  readonly cpid: number;
  readonly lpid: number;
  readonly isRemoved: boolean;
}

/** shmget(2). Returns the segment's id, -EINVAL, -EEXIST, -ENOENT, -ENOSPC or -ENOMEM. */
export function sysShmget(sys: System, task: Task, key: number, sizeBytes: number, shmFlags: number): number {
  const known = sys.sysvShm.findKey(key);
  if (known !== null) {
    if ((shmFlags & (IPC_CREAT | IPC_EXCL)) === (IPC_CREAT | IPC_EXCL)) return -EEXIST;
    return known.sizeBytes < sizeBytes ? -EINVAL : known.id;
  }
  if (key !== IPC_PRIVATE && (shmFlags & IPC_CREAT) === 0) return -ENOENT;
  if (sizeBytes < SHMMIN) return -EINVAL;
  const isReserved = (shmFlags & SHM_NORESERVE) === 0 || sys.vmCommit.overcommitMemory === OVERCOMMIT_NEVER;
  const { space } = task.mm;
  const nrPages = Math.ceil(sizeBytes / PAGE_SIZE);
  if (isReserved && sys.vmCommit.charge(nrPages, space.totalVm, space.isPrivileged) !== 0) return -ENOMEM;
  const id = sys.sysvShm.nextId();
  if (id < 0) {
    if (isReserved) sys.vmCommit.uncharge(nrPages);
    return -ENOSPC;
  }
  const name = `/SYSV${(key >>> 0).toString(16).padStart(8, "0")}`;
  const inode = newShmemInode(sys, name, sizeBytes, 0, false, id);
  inode.isReserved = isReserved;
  inode.nrFiles++;
  const mode = shmFlags & S_IRWXUGO;
  sys.sysvShm.add({ id, key, sizeBytes, mode, inode, creatorPid: task.pid, lastPid: 0, isRemoved: false });
  return id;
}

/** shmat(2). Returns the address, -EINVAL, -EIDRM or -ENOMEM. Address 0: where there is room. */
export function sysShmat(sys: System, task: Task, id: number, address: Vaddr, shmFlags: number): number {
  let at = address;
  if (at !== 0) {
    if ((shmFlags & SHM_RND) !== 0) at -= at % PAGE_SIZE;
    if (at % PAGE_SIZE !== 0 || (at === 0 && (shmFlags & SHM_REMAP) !== 0)) return -EINVAL;
  } else if ((shmFlags & SHM_REMAP) !== 0) {
    return -EINVAL;
  }
  const isReadOnly = (shmFlags & SHM_RDONLY) !== 0;
  const prot = PROT_READ | (isReadOnly ? 0 : PROT_WRITE) | ((shmFlags & SHM_EXEC) !== 0 ? PROT_EXEC : 0);
  const segment = findSegment(sys, id);
  if (typeof segment === "number") return segment;
  const { space } = task.mm;
  const { sizeBytes, inode } = segment;
  if (at !== 0 && (shmFlags & SHM_REMAP) === 0) {
    const next = space.findVma(at / PAGE_SIZE);
    if (next !== NO_VMA && space.pool.startVpn[next] * PAGE_SIZE < at + sizeBytes) return -EINVAL;
  }
  const file = sys.files.openInode(inode, isReadOnly ? FMODE_READ : FMODE_READ | FMODE_WRITE, segment.id);
  const flags = MAP_SHARED | (address !== 0 ? MAP_FIXED : 0);
  const result = space.mmap(at, sizeBytes, prot, flags, file.id, 0, file.mode);
  closeFile(sys, file);
  if (result >= 0) segment.lastPid = task.pid;
  return result;
}

/** shmdt(2): unmaps what is left of the attachment at an address. Returns 0 or -EINVAL. O(mappings above). */
export function sysShmdt(sys: System, task: Task, address: Vaddr): number {
  if (address % PAGE_SIZE !== 0) return -EINVAL;
  const { space } = task.mm;
  const { pool } = space;
  const startVpn = address / PAGE_SIZE;
  let fileId = -1;
  let endVpn = Infinity;
  for (let vma = space.findVma(startVpn); vma !== NO_VMA && pool.endVpn[vma] <= endVpn;) {
    const next = space.nextVma(vma);
    const nextVpn = next === NO_VMA ? -1 : pool.startVpn[next];
    const isSegment = pool.fileId[vma] >= 0 && sys.files.file(pool.fileId[vma]).shmId >= 0;
    const isInPlace = pool.startVpn[vma] - startVpn === pool.pgoff[vma];
    if (isSegment && isInPlace && (fileId < 0 || pool.fileId[vma] === fileId)) {
      // The first piece tells which segment, and how far its pieces can reach.
      if (fileId < 0)
        endVpn = startVpn + Math.ceil(sys.files.inodeOf(pool.fileId[vma]).sizeBytes / PAGE_SIZE);
      fileId = pool.fileId[vma];
      space.munmap(pool.startVpn[vma] * PAGE_SIZE, (pool.endVpn[vma] - pool.startVpn[vma]) * PAGE_SIZE);
    }
    vma = nextVpn < 0 ? NO_VMA : space.findVma(nextVpn);
  }
  return fileId < 0 ? -EINVAL : 0;
}

/** shmctl(2) with IPC_RMID: the segment goes when nothing maps it. Returns 0, -EINVAL or -EIDRM. */
export function sysShmctl(sys: System, id: number, command: number): number {
  const segment = findSegment(sys, id);
  if (typeof segment === "number") return segment;
  if (command === IPC_STAT) return 0;
  if (command !== IPC_RMID) return -EINVAL;
  segment.isRemoved = true;
  segment.key = IPC_PRIVATE;
  destroyIfUnused(sys, segment);
  return 0;
}

/** shmctl(2) with IPC_STAT: what is known of a segment, or -EINVAL or -EIDRM. */
export function shmStat(sys: System, id: number): ShmidDs | number {
  const segment = findSegment(sys, id);
  if (typeof segment === "number") return segment;
  return {
    key: segment.key,
    segszBytes: segment.sizeBytes,
    nattch: segment.inode.nrMappings,
    mode: segment.mode,
    cpid: segment.creatorPid,
    lpid: segment.lastPid,
    isRemoved: segment.isRemoved,
  };
}

/** Segment of an id; -EINVAL for none, -EIDRM when another one is in its slot (ipc_obtain_object_check). */
function findSegment(sys: System, id: number): ShmSegment | number {
  const segment = sys.sysvShm.inSlotOf(id);
  if (segment === null) return -EINVAL;
  return segment.id === id ? segment : -EIDRM;
}
