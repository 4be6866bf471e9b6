/**
 * Inodes that have dirty pages, in the order in which they became dirty.
 * Source: Linux 6.18 fs/fs-writeback.c, __mark_inode_dirty().
 */
import { PAGECACHE_TAG_DIRTY } from "@pageframe/pagecache";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";

/** An inode has got a dirty page (__mark_inode_dirty with I_DIRTY_PAGES). */
export function noteDirtyInode(sys: System, inode: Inode): void {
  if (sys.dirtyInodes.has(inode.id)) return;
  inode.dirtiedWhenNs = sys.time.nowNs;
  sys.dirtyInodes.add(inode.id);
}

/** An inode was written: it leaves the list when it is clean. */
export function settleDirtyInode(sys: System, inode: Inode): void {
  if (!inode.pages.isMarked(PAGECACHE_TAG_DIRTY)) sys.dirtyInodes.delete(inode.id);
}
