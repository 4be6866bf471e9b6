/** Calls about files and shared memory, each a short way to the functions beside. */
import { O_CREAT, O_RDWR, POSIX_FADV_WILLNEED, type Vaddr } from "@pageframe/contracts";
import { type Task } from "../task.ts";
import { sysClose, sysFadvise, sysFallocate, sysFsync, sysFtruncate, sysSyncFileRange } from "./files.ts";
import { sysAddSeals, sysGetSeals, sysMemfdCreate, sysOpenTmpfs, sysUnlinkTmpfs } from "./memory-files.ts";
import { sysPread, sysPwrite, sysLseek, sysRead, sysReadTo, sysWrite, sysWriteFrom } from "./read-write.ts";
import { type ShmidDs, shmStat, sysShmat, sysShmctl, sysShmdt, sysShmget } from "./shm.ts";
import { type ReadSink } from "../filemap/read.ts";
import { type WriteSource } from "../filemap/write.ts";
import { NameCalls } from "./name-calls.ts";

/** Files that are open, files in memory, and SysV segments. */
export class FileCalls extends NameCalls {
  /** Makes a file to map; returns its id. Its bytes are generated (files.ts). */
  openFile(name: string): number {
    return this.sys.files.open(name).id;
  }

  /**
   * open(2) of a file in /dev/shm, O_RDWR | O_CREAT by default: its id, or -errno. Descriptors belong to the machine: every
   * task may use them.
   */
  openTmpfs(name: string, openFlags: number = O_RDWR | O_CREAT): number {
    return sysOpenTmpfs(this.sys, name, openFlags);
  }

  /** unlink(2) of a file in /dev/shm: 0 or -ENOENT. It lives on while it is open or mapped. */
  unlinkTmpfs(name: string): number {
    return sysUnlinkTmpfs(this.sys, name);
  }

  /** memfd_create(2): the file's id, or -errno. `flags`: MFD_* bits. */
  memfdCreate(name: string, flags = 0): number {
    return sysMemfdCreate(this.sys, name, flags);
  }

  /** close(2), for all tasks: 0 or -EBADF. Mappings keep the file. */
  closeFile(fileId: number): number {
    return sysClose(this.sys, fileId);
  }

  /** ftruncate(2): 0 or -errno. */
  ftruncate(task: Task, fileId: number, lengthBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysFtruncate(this.sys, task, fileId, lengthBytes));
  }

  /** fallocate(2): 0 or -errno. `mode`: 0, FALLOC_FL_KEEP_SIZE, or that with FALLOC_FL_PUNCH_HOLE. */
  fallocate(task: Task, fileId: number, mode: number, offsetBytes: number, lengthBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysFallocate(this.sys, task, fileId, mode, offsetBytes, lengthBytes));
  }

  /** pread(2): fills `to`; the bytes read, fewer at the end of the file, or -errno. Zeros when RAM has no bytes. */
  pread(task: Task, fileId: number, to: Uint8Array, offsetBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysPread(this.sys, task, fileId, to, offsetBytes));
  }

  /** pwrite(2): the bytes written, fewer when space ends on the way, or -errno. */
  pwrite(task: Task, fileId: number, from: Uint8Array, offsetBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysPwrite(this.sys, task, fileId, from, offsetBytes));
  }

  /**
   * pread(2) of a file on a disk that hands each cached page to `sink`: the bytes taken or -errno. -EINVAL for other files and
   * with O_DIRECT.
   */
  readTo(task: Task, fileId: number, sink: ReadSink, nrBytes: number, offsetBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysReadTo(this.sys, fileId, sink, nrBytes, offsetBytes));
  }

  /**
   * pwrite(2) to a file on a disk whose bytes `source` puts into each cached page: the bytes written or -errno. -EINVAL for
   * other files and with O_DIRECT.
   */
  writeFrom(task: Task, fileId: number, source: WriteSource, nrBytes: number, offsetBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysWriteFrom(this.sys, task, fileId, source, nrBytes, offsetBytes));
  }

  /** sync_file_range(2): 0, -EBADF, -EINVAL or -EIO. `flags`: SYNC_FILE_RANGE_*; a length of 0 means to the end. */
  syncFileRange(task: Task, fileId: number, offsetBytes: number, lengthBytes: number, flags: number): number {
    this.enter(task);
    return this.afterSyscall(sysSyncFileRange(this.sys, fileId, offsetBytes, lengthBytes, flags));
  }

  /** read(2): fills `to` from the file's position on, and moves it; the bytes read, 0 at the end, or -errno. */
  readFile(task: Task, fileId: number, to: Uint8Array): number {
    this.enter(task);
    return this.afterSyscall(sysRead(this.sys, task, fileId, to));
  }

  /** write(2): at the file's position, or at the end with O_APPEND; the bytes written or -errno. */
  writeFile(task: Task, fileId: number, from: Uint8Array): number {
    this.enter(task);
    return this.afterSyscall(sysWrite(this.sys, task, fileId, from));
  }

  /** lseek(2): the new position or -errno. `whence`: SEEK_*. */
  lseek(task: Task, fileId: number, offsetBytes: number, whence: number): number {
    this.enter(task);
    return this.afterSyscall(sysLseek(this.sys, fileId, offsetBytes, whence));
  }

  /** fdatasync(2): 0 or -errno. */
  fdatasync(task: Task, fileId: number): number {
    this.enter(task);
    return this.afterSyscall(sysFsync(this.sys, fileId, true));
  }

  /** readahead(2): reads pages of a range into the cache and does not wait. 0, -EBADF or -EINVAL. */
  readahead(task: Task, fileId: number, offsetBytes: number, lengthBytes: number): number {
    return this.fadvise(task, fileId, offsetBytes, lengthBytes, POSIX_FADV_WILLNEED);
  }

  /** fsync(2): 0, -EBADF, or the error of a write that this opening has not heard of. */
  fsync(task: Task, fileId: number): number {
    this.enter(task);
    return this.afterSyscall(sysFsync(this.sys, fileId));
  }

  /** posix_fadvise(2): 0, -EBADF or -EINVAL. Neither tmpfs nor generated files heed it. */
  fadvise(task: Task, fileId: number, offsetBytes: number, lengthBytes: number, advice: number): number {
    this.enter(task);
    return this.afterSyscall(sysFadvise(this.sys, fileId, offsetBytes, lengthBytes, advice));
  }

  /** fcntl(2) with F_ADD_SEALS: 0 or -errno. `seals`: F_SEAL_* bits. */
  addSeals(task: Task, fileId: number, seals: number): number {
    this.enter(task);
    return this.afterSyscall(sysAddSeals(this.sys, fileId, seals));
  }

  /** fcntl(2) with F_GET_SEALS: F_SEAL_* bits or -errno. */
  getSeals(task: Task, fileId: number): number {
    this.enter(task);
    return this.afterSyscall(sysGetSeals(this.sys, fileId));
  }

  /** shmget(2): a segment's id, or -errno. `shmFlags`: IPC_CREAT, IPC_EXCL, SHM_NORESERVE and permission bits. */
  shmget(task: Task, key: number, sizeBytes: number, shmFlags: number): number {
    this.enter(task);
    return this.afterSyscall(sysShmget(this.sys, task, key, sizeBytes, shmFlags));
  }

  /** shmat(2): the address, or -errno. `shmFlags`: SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC. */
  shmat(task: Task, id: number, address: Vaddr = 0, shmFlags = 0): number {
    this.enter(task);
    return this.afterSyscall(sysShmat(this.sys, task, id, address, shmFlags));
  }

  /** shmdt(2): 0 or -EINVAL. */
  shmdt(task: Task, address: Vaddr): number {
    this.enter(task);
    return this.afterSyscall(sysShmdt(this.sys, task, address));
  }

  /** shmctl(2) with IPC_RMID: 0 or -errno. */
  shmctl(task: Task, id: number, command: number): number {
    this.enter(task);
    return this.afterSyscall(sysShmctl(this.sys, id, command));
  }

  /** shmctl(2) with IPC_STAT: what is known of a segment, or -errno. */
  shmStat(id: number): ShmidDs | number {
    return shmStat(this.sys, id);
  }
}
