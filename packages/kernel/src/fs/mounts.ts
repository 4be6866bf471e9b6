/**
 * mkfs, mount(2), umount(2). Cold.
 * Source: Linux 6.18 fs/namespace.c, fs/super.c, get_tree_bdev(), generic_shutdown_super().
 */
import { EBUSY, EEXIST, EINVAL, ENOENT, errnoName, type FileSystem } from "@pageframe/contracts";
import {
  checkFileSystem,
  describeFileSystem,
  type FileSystemDescription,
  makeFileSystem,
  type MakeOptions,
  type MountFailure,
  mountFileSystem,
} from "@pageframe/fs";
import { dropAllBuffers } from "../disk/buffers.ts";
import { type Disk } from "../files/inode.ts";
import { syncFileSystem } from "../filemap/fsync.ts";
import { dropPages } from "../filemap/drop-pages.ts";
import { forgetInode } from "./inodes.ts";
import { mountAt } from "./path-walk.ts";
import { SuperBlock } from "../files/inode.ts";
import { DiskHost } from "./disk-host.ts";
import { writeAndWait } from "../filemap/write-out.ts";
import { type System } from "../system.ts";

/** Block devices of virtio disks; file systems that lie on none get minor numbers of major 0. */
const VIRTBLK_MAJOR = 254;
const FIRST_ANON_MINOR = 40;

/** Disk by its name, or null. */
export function diskByName(sys: System, name: string): Disk | null {
  return sys.disks.find((disk) => disk.name === name) ?? null;
}

/** Makes an empty file system on a disk. Returns 0, -EBUSY while it is mounted, -ENOSPC when it is too small, or -EIO. */
export function makeFileSystemOn(sys: System, disk: Disk, options: MakeOptions): number {
  if (disk.mountedAt >= 0) return -EBUSY;
  const error = makeFileSystem(new DiskHost(sys, disk, false), options);
  const written = writeAndWait(sys, disk.inode);
  dropAllBuffers(sys, disk);
  return error < 0 ? error : written;
}

/** Says what is wrong with the file system on a disk, one sentence each (fsck -n); -EBUSY while it is mounted. */
export function checkFileSystemOn(sys: System, disk: Disk): string[] | number {
  if (disk.mountedAt >= 0) return -EBUSY;
  const problems = checkFileSystem(new DiskHost(sys, disk, true));
  dropAllBuffers(sys, disk);
  return problems;
}

/** What a disk says of its file system (dumpe2fs -h), or why it says nothing. */
export function describeFileSystemOn(sys: System, disk: Disk): FileSystemDescription | MountFailure {
  return describeFileSystem(new DiskHost(sys, disk, true));
}

/** Mounts what lies on a disk at a path. Returns 0 or -errno; the sentence that says why is in `sys.mountProblem`. */
export function mountDisk(sys: System, disk: Disk, path: string, isReadOnly: boolean): number {
  sys.mountProblem = "";
  if (disk.mountedAt >= 0) return refuse(sys, -EBUSY, `${disk.name} is mounted already`);
  const place = mountPath(sys, path);
  if (typeof place === "number") return place;
  const id = freeMountId(sys);
  // The file system may write while it is mounted: replay of its journal.
  disk.mountedAt = id;
  const mounted = mountFileSystem(new DiskHost(sys, disk, isReadOnly), { readOnly: isReadOnly });
  if (!("fs" in mounted)) {
    disk.mountedAt = -1;
    dropAllBuffers(sys, disk);
    return refuse(sys, mounted.errno < 0 ? mounted.errno : -mounted.errno, mounted.sentence);
  }
  sys.mounts[id] = new SuperBlock(id, mounted.fs, disk, place, VIRTBLK_MAJOR, disk.id * 16);
  return 0;
}

/** Mounts a file system that has its bytes itself. Returns 0 or -errno. */
export function mountOther(sys: System, fs: FileSystem, path: string): number {
  sys.mountProblem = "";
  const place = mountPath(sys, path);
  if (typeof place === "number") return place;
  const id = freeMountId(sys);
  sys.mounts[id] = new SuperBlock(id, fs, null, place, 0, FIRST_ANON_MINOR + id);
  return 0;
}

/** Unmounts: everything is written and leaves memory. Returns 0, -EINVAL where nothing is mounted, -EBUSY while files are open, or -EIO. */
export function unmount(sys: System, path: string): number {
  const superBlock = mountAt(sys, normalPath(path));
  if (superBlock === null) return -EINVAL;
  for (const id of superBlock.inodes.values()) if (sys.files.inode(id).nrFiles > 0) return -EBUSY;
  const synced = syncFileSystem(sys, superBlock);
  for (const id of [...superBlock.inodes.values()]) {
    const inode = sys.files.inode(id);
    dropPages(sys, inode, 0, Infinity);
    forgetInode(sys, inode);
  }
  const left = superBlock.fs.unmount();
  const { disk } = superBlock;
  let written = 0;
  if (disk !== null) {
    written = writeAndWait(sys, disk.inode);
    dropAllBuffers(sys, disk);
    disk.mountedAt = -1;
  }
  sys.mounts[superBlock.id] = null;
  // What an aborted journal says of itself goes before what the syncs said, -EROFS.
  return left < 0 ? left : synced < 0 ? synced : written;
}

function freeMountId(sys: System): number {
  const free = sys.mounts.indexOf(null);
  return free >= 0 ? free : sys.mounts.length;
}

function mountPath(sys: System, path: string): string | number {
  const place = normalPath(path);
  if (!path.startsWith("/")) return refuse(sys, -ENOENT, `mount path "${path}" does not begin with /`);
  if (mountAt(sys, place) !== null) return refuse(sys, -EEXIST, `something is mounted at ${path} already`);
  return place;
}

function normalPath(path: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return names.length === 0 ? "" : `/${names.join("/")}`;
}

function refuse(sys: System, error: number, sentence: string): number {
  sys.mountProblem = `${errnoName(error)}: ${sentence}`;
  return error;
}
