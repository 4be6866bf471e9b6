/**
 * Inodes that have dirty pages, on the queues of their disk's flusher. A clean one may stay there until the flusher looks.
 * Source: Linux 6.18 fs/fs-writeback.c, __mark_inode_dirty(), inode_io_list_del().
 */
import { I_DIRTY_PAGES, jiffiesOf } from "@pageframe/pagecache";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";
import { BLOCK_DEVICE_SUPER } from "../writeback/dirty-state.ts";

/** An inode has got a dirty page (__mark_inode_dirty with I_DIRTY_PAGES). */
export function noteDirtyInode(sys: System, inode: Inode): void {
  if (inode.disk === null) return;
  const { bdi } = inode.disk;
  const { nowNs } = sys.time;
  const superId = inode.superBlock?.id ?? BLOCK_DEVICE_SUPER;
  const now = jiffiesOf(nowNs, sys.writeback.domain.hz);
  if (bdi.queues.markDirty(inode.id, superId, I_DIRTY_PAGES, now))
    bdi.flusher.wakeupDelayed(sys.writeback.sysctls, nowNs);
}

/** An inode leaves memory; it has no pages. */
export function forgetDirtyInode(inode: Inode): void {
  inode.disk?.bdi.queues.forget(inode.id);
}
