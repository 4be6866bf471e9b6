/**
 * System calls on names: open, mkdir, unlink, rename, links, stat. Source: Linux 6.18 fs/open.c, do_open(); fs/namei.c,
 * do_unlinkat(), do_renameat2(), filename_create(); fs/stat.c.
 * Differs: no permissions and no umask; files of /dev/shm keep their own calls, and open() finds them by path too.
 */
import {
  type DirectoryEntry,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EROFS,
  ETXTBSY,
  EXDEV,
  type FileAttributes,
  type FileSystemStats,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_DSYNC,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "@pageframe/contracts";
import { FMODE_READ, FMODE_WRITE } from "@pageframe/vma";
import { type OpenFile } from "../files/inode.ts";
import { NO_SHM_ID } from "../files/files.ts";
import { closeFile } from "../files/shmem.ts";
import { setDiskSize } from "../files/disk-size.ts";
import { attributesOf, getInode, putInode } from "../fs/inodes.ts";
import { mountAt, type Place, typeOf, walkPath } from "../fs/path-walk.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

const TMPFS_PREFIX = "/dev/shm/";
const MODE_BITS = 0o7777;
const KEPT_FLAGS = O_APPEND | O_DIRECT | O_DSYNC | O_SYNC;

/** Name in /dev/shm that a path means, or null. */
export function tmpfsName(path: string): string | null {
  return path.startsWith(TMPFS_PREFIX) ? path.slice(TMPFS_PREFIX.length) : null;
}

/** open(2) of a file on a mounted file system. Returns the file's id or -errno. */
export function sysOpen(sys: System, task: Task, path: string, openFlags: number, mode: number): number {
  const followLast =
    (openFlags & O_NOFOLLOW) === 0 && (openFlags & (O_CREAT | O_EXCL)) !== (O_CREAT | O_EXCL);
  const place = walkPath(sys, path, followLast);
  if (typeof place === "number") return place;
  const access = openFlags & O_ACCMODE;
  if (access === O_ACCMODE) return -EINVAL;
  const isWrite = access !== O_RDONLY;
  const { fs } = place.superBlock;
  let fsIno = place.ino;
  if (fsIno === 0) {
    if ((openFlags & O_CREAT) === 0) return -ENOENT;
    if ((openFlags & O_DIRECTORY) !== 0) return -EINVAL;
    if (path.endsWith("/")) return -EISDIR;
    fsIno = fs.isReadOnly ? -EROFS : fs.create(place.dirIno, place.name, S_IFREG | (mode & MODE_BITS));
    if (fsIno < 0) return fsIno;
  } else {
    if ((openFlags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    const type = typeOf(place);
    if (type < 0) return type;
    if (type === S_IFLNK) return -ELOOP;
    if (type === S_IFDIR && ((openFlags & (O_CREAT | O_TRUNC)) !== 0 || isWrite)) return -EISDIR;
    if (type !== S_IFDIR && (openFlags & O_DIRECTORY) !== 0) return -ENOTDIR;
    // Directories have no direct I/O (FMODE_CAN_ODIRECT).
    if (type === S_IFDIR && (openFlags & O_DIRECT) !== 0) return -EINVAL;
    if ((isWrite || (openFlags & O_TRUNC) !== 0) && fs.isReadOnly) return -EROFS;
  }
  const inode = getInode(sys, place.superBlock, fsIno);
  if (typeof inode === "number") return inode;
  if (inode.name === "" || inode.nrFiles === 0) inode.name = place.path;
  const isDirectInVain = (openFlags & O_DIRECT) !== 0 && inode.disk === null;
  const isBusyText = (isWrite || (openFlags & O_TRUNC) !== 0) && inode.writeCount < 0;
  if (isDirectInVain || isBusyText) {
    putInode(sys, inode);
    return isBusyText ? -ETXTBSY : -EINVAL;
  }
  const fmode = (access === O_WRONLY ? 0 : FMODE_READ) | (isWrite ? FMODE_WRITE : 0);
  const file = sys.files.openInode(inode, fmode, NO_SHM_ID, openFlags & KEPT_FLAGS);
  if ((openFlags & O_TRUNC) !== 0 && inode.sizeBytes > 0) {
    const error = setDiskSize(sys, task, inode, 0);
    if (error < 0) {
      closeFile(sys, file);
      return error;
    }
  }
  return file.id;
}

/** mkdir(2): 0 or -errno. */
export function sysMkdir(sys: System, path: string, mode: number): number {
  const made = makeName(sys, path, S_IFDIR | (mode & MODE_BITS));
  return made < 0 ? made : 0;
}

/** symlink(2): 0 or -errno. */
export function sysSymlink(sys: System, target: string, path: string): number {
  if (target === "") return -ENOENT;
  const made = makeName(sys, path, S_IFLNK | 0o777, target);
  return made < 0 ? made : 0;
}

function makeName(sys: System, path: string, mode: number, target?: string): number {
  const place = walkPath(sys, path, false);
  if (typeof place === "number") return place;
  if (place.ino !== 0) return -EEXIST;
  if (place.superBlock.fs.isReadOnly) return -EROFS;
  return place.superBlock.fs.create(place.dirIno, place.name, mode, target);
}

/** link(2): another name for a file that is no directory. 0 or -errno. */
export function sysLink(sys: System, path: string, newPath: string): number {
  const from = existing(sys, path, false);
  if (typeof from === "number") return from;
  const to = walkPath(sys, newPath, false);
  if (typeof to === "number") return to;
  if (to.ino !== 0) return -EEXIST;
  if (to.superBlock !== from.superBlock) return -EXDEV;
  if (from.superBlock.fs.isReadOnly) return -EROFS;
  const error = from.superBlock.fs.link(from.ino, to.dirIno, to.name);
  if (error >= 0) noteLinks(sys, from, 1);
  return Math.min(0, error);
}

/** unlink(2): 0 or -errno. The file lives on while it is open or mapped. */
export function sysUnlink(sys: System, path: string): number {
  const place = walkPath(sys, path, false);
  if (typeof place === "number") return place;
  if (place.name === "") return -EISDIR;
  if (place.superBlock.fs.isReadOnly) return -EROFS;
  if (place.ino === 0) return -ENOENT;
  const fsIno = place.superBlock.fs.unlink(place.dirIno, place.name);
  if (fsIno < 0) return fsIno;
  lostName(sys, place, place.ino);
  return 0;
}

/** rmdir(2): 0 or -errno. */
export function sysRmdir(sys: System, path: string): number {
  const place = walkPath(sys, path, false);
  if (typeof place === "number") return place;
  if (place.name === "" || isBusy(sys, place.path)) return -EBUSY;
  if (place.superBlock.fs.isReadOnly) return -EROFS;
  if (place.ino === 0) return -ENOENT;
  const fsIno = place.superBlock.fs.rmdir(place.dirIno, place.name);
  if (fsIno < 0) return fsIno;
  lostName(sys, place, place.ino);
  return 0;
}

/** rename(2): what has the new name is replaced. 0 or -errno. */
export function sysRename(sys: System, path: string, newPath: string): number {
  const from = walkPath(sys, path, false);
  if (typeof from === "number") return from;
  const to = walkPath(sys, newPath, false);
  if (typeof to === "number") return to;
  if (from.superBlock !== to.superBlock) return -EXDEV;
  if (from.name === "" || to.name === "" || isBusy(sys, from.path) || isBusy(sys, to.path)) return -EBUSY;
  const { fs } = from.superBlock;
  if (fs.isReadOnly) return -EROFS;
  if (from.ino === 0) return -ENOENT;
  if (from.ino === to.ino) return 0;
  // A directory cannot go below itself, nor replace one that it lies in.
  if (to.path.startsWith(`${from.path}/`)) return -EINVAL;
  if (from.path.startsWith(`${to.path}/`)) return -ENOTEMPTY;
  const error = fs.rename(from.dirIno, from.name, to.dirIno, to.name);
  if (error < 0) return error;
  if (fs.replacedIno !== 0) lostName(sys, to, fs.replacedIno);
  renameInMemory(sys, from, to.path);
  return 0;
}

/** readlink(2): the target or -errno. */
export function sysReadlink(sys: System, path: string): string | number {
  const place = existing(sys, path, false);
  if (typeof place === "number") return place;
  const type = typeOf(place);
  if (type < 0) return type;
  return type === S_IFLNK ? place.superBlock.fs.readlink(place.ino) : -EINVAL;
}

/** stat(2), or lstat(2) without `followLast`: attributes or -errno. */
export function sysStat(sys: System, path: string, followLast: boolean): FileAttributes | number {
  const place = existing(sys, path, followLast);
  if (typeof place === "number") return place;
  const attributes = place.superBlock.fs.getattr(place.ino);
  if (typeof attributes === "number") return attributes;
  const known = place.superBlock.inodes.get(place.ino);
  return known === undefined ? attributes : { ...attributes, sizeBytes: sys.files.inode(known).sizeBytes };
}

/** fstat(2) of a file on a disk: attributes or -errno. */
export function fstatFile(file: OpenFile): FileAttributes | number {
  const { superBlock } = file.inode;
  return superBlock === null ? -EINVAL : attributesOf(superBlock, file.inode);
}

/** getdents(2) of a whole directory: its names but "." and "..", or -errno. */
export function sysReaddir(sys: System, path: string): DirectoryEntry[] | number {
  const place = existing(sys, path, true);
  if (typeof place === "number") return place;
  const type = typeOf(place);
  if (type < 0) return type;
  return type === S_IFDIR ? place.superBlock.fs.readdir(place.ino) : -ENOTDIR;
}

/** statfs(2): the file system that a path lies on, or -errno. */
export function sysStatfs(sys: System, path: string): FileSystemStats | number {
  const place = existing(sys, path, true);
  return typeof place === "number" ? place : place.superBlock.fs.statfs();
}

/** A place that exists, or -errno. */
function existing(sys: System, path: string, followLast: boolean): Place | number {
  const place = walkPath(sys, path, followLast);
  return typeof place !== "number" && place.ino === 0 ? -ENOENT : place;
}

/** Is something mounted at a path? */
function isBusy(sys: System, path: string): boolean {
  return mountAt(sys, path) !== null;
}

/** An inode has lost a name: without any it goes, now or with its last file. */
function lostName(sys: System, place: Place, fsIno: number): void {
  const { superBlock } = place;
  const id = superBlock.inodes.get(fsIno);
  const attributes = superBlock.fs.getattr(fsIno);
  const nrLinks = typeof attributes === "number" ? 0 : attributes.nrLinks;
  const isGone = nrLinks === 0 || (typeof attributes !== "number" && (attributes.mode & S_IFMT) === S_IFDIR);
  if (id === undefined) {
    if (isGone) superBlock.fs.release(fsIno);
    return;
  }
  const inode = sys.files.inode(id);
  inode.nrLinks = isGone ? 0 : nrLinks;
  putInode(sys, inode);
}

function noteLinks(sys: System, place: Place, delta: number): void {
  const id = place.superBlock.inodes.get(place.ino);
  if (id !== undefined) sys.files.inode(id).nrLinks += delta;
}

/** Files that are open show their new path in maps. O(inodes in memory). */
function renameInMemory(sys: System, from: Place, newPath: string): void {
  for (const id of from.superBlock.inodes.values()) {
    const inode = sys.files.inode(id);
    if (inode.name === from.path) inode.name = newPath;
    else if (inode.name.startsWith(`${from.path}/`))
      inode.name = newPath + inode.name.slice(from.path.length);
  }
}
