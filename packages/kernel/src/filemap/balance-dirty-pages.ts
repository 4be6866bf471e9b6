/**
 * Holding back who writes faster than disks do. Hot: per page written.
 * Source: Linux 6.18 mm/page-writeback.c, balance_dirty_pages_ratelimited().
 */
import { NR_ACTIVE_FILE, NR_DIRTY, NR_INACTIVE_FILE } from "@pageframe/contracts";
import { waitForAnyDisk } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { writePages } from "./write-out.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Share of dirtyable memory that may be dirty (vm.dirty_ratio). */
const DIRTY_RATIO = 0.2;

/** A task has dirtied a page of an inode: above the limit it waits until pages were written. */
export function balanceDirtyPages(sys: System, _task: Task, inode: Inode): void {
  const { vmstat } = sys;
  const nrFilePages = vmstat.globalNode(NR_ACTIVE_FILE) + vmstat.globalNode(NR_INACTIVE_FILE);
  const limit = (sys.frames.nrFreePages() + nrFilePages) * DIRTY_RATIO;
  if (vmstat.globalNode(NR_DIRTY) <= limit) return;
  writePages(sys, inode, 0, Infinity, false);
  waitForAnyDisk(sys);
}
