/** Calls about disks, mounts and names, each a short way to the functions beside. */
import {
  type DirectoryEntry,
  EBADF,
  ENODEV,
  type FileAttributes,
  type FileSystem,
  type FileSystemStats,
  O_RDONLY,
} from "@pageframe/contracts";
import { type FileSystemDescription, type MakeOptions, type MountFailure } from "@pageframe/fs";
import { syncAll, syncFileSystem } from "../filemap/fsync.ts";
import {
  checkFileSystemOn,
  describeFileSystemOn,
  diskByName,
  makeFileSystemOn,
  mountDisk,
  mountOther,
  unmount,
} from "../fs/mounts.ts";
import { type Task } from "../task.ts";
import {
  fstatFile,
  sysLink,
  sysMkdir,
  sysOpen,
  sysReaddir,
  sysReadlink,
  sysRename,
  sysRmdir,
  sysStat,
  sysStatfs,
  sysSymlink,
  sysUnlink,
  tmpfsName,
} from "./file-names.ts";
import { sysOpenTmpfs, sysUnlinkTmpfs } from "./memory-files.ts";
import { ProcessCalls } from "./process-calls.ts";

/** Permissions of new files and directories. */
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/** Disks, file systems, names. Paths begin at the root; there is no working directory. */
export class NameCalls extends ProcessCalls {
  /** Makes an empty file system on a disk (mkfs): 0, -ENODEV, -EBUSY while mounted, -ENOSPC when too small, or -EIO. */
  mkfs(diskName: string, options: MakeOptions = {}): number {
    const disk = diskByName(this.sys, diskName);
    return disk === null ? -ENODEV : makeFileSystemOn(this.sys, disk, options);
  }

  /** Checks the file system on a disk (fsck -n): a sentence for each problem, none when it is clean; -ENODEV, -EBUSY while mounted. */
  fsck(diskName: string): string[] | number {
    const disk = diskByName(this.sys, diskName);
    return disk === null ? -ENODEV : checkFileSystemOn(this.sys, disk);
  }

  /** What a disk's superblock says (dumpe2fs -h), mounted or not; a negative errno with a sentence where there is none. */
  describeFileSystem(diskName: string): FileSystemDescription | MountFailure {
    const disk = diskByName(this.sys, diskName);
    if (disk === null) return { errno: -ENODEV, sentence: `there is no disk "${diskName}"` };
    return describeFileSystemOn(this.sys, disk);
  }

  /** mount(2) of a disk: 0 or -errno; `mountProblem` says in a sentence why not. What a crash left is recovered. */
  mount(diskName: string, path: string, options: { readonly readOnly?: boolean } = {}): number {
    const disk = diskByName(this.sys, diskName);
    return disk === null ? -ENODEV : mountDisk(this.sys, disk, path, options.readOnly === true);
  }

  /** Mounts a file system that lies on no disk of the machine, such as a view of a host's directory: 0 or -errno. */
  mountFileSystem(fs: FileSystem, path: string): number {
    return mountOther(this.sys, fs, path);
  }

  /** Why the last mount failed; empty when it did not. */
  get mountProblem(): string {
    return this.sys.mountProblem;
  }

  /** umount(2): writes everything; 0, -EINVAL where nothing is mounted, -EBUSY while files are open, or -EIO. */
  umount(path: string): number {
    return unmount(this.sys, path);
  }

  /** open(2) of a path on a mounted file system or in /dev/shm: the file's id or -errno. `openFlags`: O_*. */
  open(task: Task, path: string, openFlags: number = O_RDONLY, mode: number = FILE_MODE): number {
    this.enter(task);
    const name = tmpfsName(path);
    return this.afterSyscall(
      name === null
        ? sysOpen(this.sys, task, path, openFlags, mode)
        : sysOpenTmpfs(this.sys, name, openFlags),
    );
  }

  /** stat(2), lstat(2) with `followLinks` false: attributes or -errno. */
  stat(task: Task, path: string, followLinks = true): FileAttributes | number {
    this.enter(task);
    const result = sysStat(this.sys, path, followLinks);
    this.afterSyscall(0);
    return result;
  }

  /** fstat(2) of a file on a mounted file system: attributes or -errno. */
  fstat(task: Task, fileId: number): FileAttributes | number {
    this.enter(task);
    const file = this.sys.files.descriptor(fileId);
    const result = file === null ? -EBADF : fstatFile(file);
    this.afterSyscall(0);
    return result;
  }

  /** mkdir(2): 0 or -errno. */
  mkdir(task: Task, path: string, mode: number = DIRECTORY_MODE): number {
    this.enter(task);
    return this.afterSyscall(sysMkdir(this.sys, path, mode));
  }

  /** rmdir(2): 0 or -errno. */
  rmdir(task: Task, path: string): number {
    this.enter(task);
    return this.afterSyscall(sysRmdir(this.sys, path));
  }

  /** unlink(2), in /dev/shm too: 0 or -errno. The file lives on while it is open or mapped. */
  unlink(task: Task, path: string): number {
    this.enter(task);
    const name = tmpfsName(path);
    return this.afterSyscall(name === null ? sysUnlink(this.sys, path) : sysUnlinkTmpfs(this.sys, name));
  }

  /** rename(2): 0 or -errno. */
  rename(task: Task, path: string, newPath: string): number {
    this.enter(task);
    return this.afterSyscall(sysRename(this.sys, path, newPath));
  }

  /** link(2): 0 or -errno. */
  link(task: Task, path: string, newPath: string): number {
    this.enter(task);
    return this.afterSyscall(sysLink(this.sys, path, newPath));
  }

  /** symlink(2): 0 or -errno. */
  symlink(task: Task, target: string, path: string): number {
    this.enter(task);
    return this.afterSyscall(sysSymlink(this.sys, target, path));
  }

  /** readlink(2): the target or -errno. */
  readlink(task: Task, path: string): string | number {
    this.enter(task);
    const result = sysReadlink(this.sys, path);
    this.afterSyscall(0);
    return result;
  }

  /** getdents(2): all names of a directory but "." and "..", or -errno. */
  readdir(task: Task, path: string): DirectoryEntry[] | number {
    this.enter(task);
    const result = sysReaddir(this.sys, path);
    this.afterSyscall(0);
    return result;
  }

  /** statfs(2): blocks and inodes of the file system that a path lies on, or -errno. */
  statfs(task: Task, path: string): FileSystemStats | number {
    this.enter(task);
    const result = sysStatfs(this.sys, path);
    this.afterSyscall(0);
    return result;
  }

  /** sync(2): writes everything that file systems have in memory, and waits. */
  sync(task: Task): void {
    this.enter(task);
    syncAll(this.sys);
    this.afterSyscall(0);
  }

  /** syncfs(2): the same for the file system of an open file. 0, -EBADF or -EIO. */
  syncfs(task: Task, fileId: number): number {
    this.enter(task);
    const superBlock = this.sys.files.descriptor(fileId)?.inode.superBlock ?? null;
    return this.afterSyscall(superBlock === null ? -EBADF : syncFileSystem(this.sys, superBlock));
  }
}
