/**
 * Holding back who dirties pages faster than disks write. Hot: per page written.
 *
 * A task that is held back sleeps: time passes, I/O completes, flushers run. It must be within no file system then.
 * Source: Linux 6.18 mm/page-writeback.c, balance_dirty_pages_ratelimited(), balance_dirty_pages().
 */
import {
  kibOfPages,
  TP_BALANCE_DIRTY_PAGES,
  TP_BDI_DIRTY_RATELIMIT,
  type TraceSink,
} from "@pageframe/contracts";
import {
  afterPause,
  balanceDirtyPages as decide,
  isBalanceDue,
  type ThrottleDecision,
  type WbDevice,
} from "@pageframe/pagecache";
import { type Disk, type Inode } from "../files/inode.ts";
import { passTime } from "../pages/pass-time.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { readDirtyCounts } from "../writeback/dirty-limits.ts";

/** Pauses in a row in which a disk wrote nothing, after which it is taken to write nothing any more: 20 s. */
const MAX_IDLE_PAUSES = 100;

/** A task has dirtied a page of an inode: when that is too many it sleeps. Ends for every device. */
export function balanceDirtyPages(sys: System, task: Task, inode: Inode): void {
  const { disk } = inode;
  if (disk === null) return;
  const { domain, cpus } = sys.writeback;
  if (isBalanceDue(domain, disk.bdi.wb, task.wb, cpus[task.cpu])) throttle(sys, task, disk);
}

/** Cold: per look at a task. */
function throttle(sys: System, task: Task, disk: Disk): void {
  const { sysctls, domain, counts, decision } = sys.writeback;
  const { wb, flusher } = disk.bdi;
  const { nrDirtied } = task.wb;
  let nrIdle = 0;
  while (task.killedBy === null) {
    readDirtyCounts(sys);
    const stampBefore = wb.bwTimeStamp;
    decide(sysctls, domain, wb, task.wb, counts, nrDirtied, sys.time.nowNs, decision);
    if (sys.trace !== null && !decision.isFreerun)
      traceDecision(sys.trace, wb, decision, stampBefore !== wb.bwTimeStamp);
    if (decision.startsBackground && !flusher.isRunning) flusher.wakeup(sys.time.nowNs);
    if (decision.isFreerun || decision.pauseNs === 0) return;
    const nrWrittenBefore = wb.nrWritten;
    passTime(sys, sys.time.nowNs + decision.pauseNs);
    nrIdle = wb.nrWritten === nrWrittenBefore ? nrIdle + 1 : 0;
    if (!afterPause(domain, task.wb, decision) || nrIdle === MAX_IDLE_PAUSES) return;
  }
}

/** Tells of a decision, and of rates that were measured anew for it. Rates are KiB/s, pauses jiffies. */
function traceDecision(
  trace: TraceSink,
  wb: WbDevice,
  decision: ThrottleDecision,
  isMeasured: boolean,
): void {
  if (isMeasured) {
    trace.emit(
      TP_BDI_DIRTY_RATELIMIT,
      kibOfPages(wb.writeBandwidth),
      kibOfPages(wb.avgWriteBandwidth),
      kibOfPages(wb.dirtyRatelimit),
      kibOfPages(wb.balancedDirtyRatelimit),
    );
  }
  const { position, setpoint, taskRatelimit, pause } = decision;
  trace.emit(TP_BALANCE_DIRTY_PAGES, position.nrDirty, setpoint, kibOfPages(taskRatelimit), pause);
}
