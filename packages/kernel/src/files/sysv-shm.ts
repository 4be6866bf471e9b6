/**
 * The ends of SysV segments and of files that nothing maps any more.
 * Source: Linux 6.18 ipc/shm.c, __shm_close(), shm_destroy(), shm_may_destroy().
 */
import { type OpenFile } from "./inode.ts";
import { evictInode } from "./shmem.ts";
import { type ShmSegment } from "./shm-segments.ts";
import { type System } from "../system.ts";

/** Lets a segment go that was removed and that nothing maps. */
export function destroyIfUnused(sys: System, segment: ShmSegment): void {
  const { inode } = segment;
  if (!segment.isRemoved || inode.nrMappings > 0) return;
  sys.sysvShm.remove(segment);
  if (--inode.nrFiles === 0) evictInode(sys, inode);
}

/** A VMA of a file goes: what nobody can reach any more goes with it. */
export function putMappedFile(sys: System, file: OpenFile): void {
  const { shmId, inode } = file;
  const unreachable = sys.files.unmapFile(file.id);
  if (unreachable !== null) evictInode(sys, unreachable);
  if (shmId < 0) return;
  const segment = sys.sysvShm.inSlotOf(shmId);
  if (segment?.inode !== inode) return;
  segment.lastPid = sys.cpus[sys.currentCpu].current?.pid ?? segment.lastPid;
  destroyIfUnused(sys, segment);
}
