/**
 * Inodes of mounted file systems in memory: made when they are first named, kept while somebody has them open or they have
 * pages in the cache, dropped with their last page or name.
 * Source: Linux 6.18 fs/inode.c, iget_locked(), iput(), evict(); fs/open.c, do_dentry_open().
 */
import { S_IFDIR, S_IFMT, type FileAttributes, PAGE_SIZE } from "@pageframe/contracts";
import { type Inode } from "../files/inode.ts";
import { forgetDirtyInode } from "../filemap/dirty-inodes.ts";
import { dropPages } from "../filemap/drop-pages.ts";
import { countShadowNodes, noteShrinkable, shrinkShadows } from "../filemap/shadows.ts";
import { type SuperBlock } from "../files/inode.ts";
import { type System } from "../system.ts";

/** Permission of everybody to write. */
const S_IWOTH = 0o002;

/** Finds or makes the kernel's inode of an inode of a file system. Returns it, or -errno (iget). */
export function getInode(sys: System, superBlock: SuperBlock, fsIno: number): Inode | number {
  const known = superBlock.inodes.get(fsIno);
  if (known !== undefined) return sys.files.inode(known);
  const attributes = superBlock.fs.getattr(fsIno);
  if (typeof attributes === "number") return attributes;
  const inode = sys.files.addInode({
    name: "",
    kind: "disk",
    sizeBytes: attributes.sizeBytes,
    nrLinks: attributes.nrLinks,
    devMajor: superBlock.devMajor,
    devMinor: superBlock.devMinor,
    isReserved: false,
    isLimited: false,
    seals: 0,
    ino: fsIno,
  });
  inode.superBlock = superBlock;
  inode.disk = superBlock.disk;
  inode.fsIno = fsIno;
  inode.isDirectory = (attributes.mode & S_IFMT) === S_IFDIR;
  inode.isOnDisk = superBlock.disk !== null;
  superBlock.inodes.set(fsIno, inode.id);
  return inode;
}

/** Attributes of an inode, with the size that it has in memory. */
export function attributesOf(superBlock: SuperBlock, inode: Inode): FileAttributes | number {
  const attributes = superBlock.fs.getattr(inode.fsIno);
  return typeof attributes === "number" ? attributes : { ...attributes, sizeBytes: inode.sizeBytes };
}

/** May everybody write a file (S_IWOTH)? Files are root's; who is not root gets in by this alone. */
export function isWritableByAll(inode: Inode): boolean {
  if (inode.superBlock === null) return false;
  const attributes = inode.superBlock.fs.getattr(inode.fsIno);
  return typeof attributes !== "number" && (attributes.mode & S_IWOTH) !== 0;
}

/** Nobody has an inode open any more: without names it goes, with its pages and blocks (iput_final). */
export function putInode(sys: System, inode: Inode): void {
  if (inode.superBlock === null || inode.nrFiles > 0) return;
  if (inode.nrLinks === 0) {
    dropPages(sys, inode, 0, Infinity);
    inode.superBlock.fs.release(inode.fsIno);
    forgetInode(sys, inode);
  } else if (inode.pages.nrPages === 0 && inode.pages.nrShadows === 0) {
    forgetInode(sys, inode);
  } else noteShrinkable(sys, inode);
}

/** A pass of reclaim is over: shadows that are too many go, and inodes that only they kept. */
export function shrinkInodes(sys: System): void {
  for (const inode of shrinkShadows(sys)) forgetInode(sys, inode);
}

/** Drops an inode from memory; it has no files and no pages (evict). */
export function forgetInode(sys: System, inode: Inode): void {
  inode.pages.clear();
  countShadowNodes(sys);
  sys.shrinkableInodes.delete(inode.id);
  inode.superBlock?.inodes.delete(inode.fsIno);
  forgetDirtyInode(inode);
  sys.files.removeInode(inode);
}

/** Pages that a file has, the last one perhaps in part. */
export function nrPagesOf(inode: Inode): number {
  return Math.ceil(inode.sizeBytes / PAGE_SIZE);
}
