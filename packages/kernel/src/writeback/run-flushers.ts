/**
 * Flushers of disks, as daemons: they write dirty pages that are old, or too many, or that somebody asked for.
 *
 * They run at the end of system calls and faults, and while time passes; never while anything on the stack is within a
 * file system. A flusher stops when its disk has enough to do, and goes on when some of that is done.
 * Source: Linux 6.18 fs/fs-writeback.c, wb_workfn(), writeback_sb_inodes(), __writeback_single_inode(),
 * wakeup_flusher_threads(). Differs: what a file system reads and commits on the way takes the time of who runs.
 */
import {
  bug,
  TP_GLOBAL_DIRTY_STATE,
  TP_WRITEBACK_PAGES_WRITTEN,
  TP_WRITEBACK_SINGLE_INODE,
  TP_WRITEBACK_SINGLE_INODE_START,
  TP_WRITEBACK_START,
  TP_WRITEBACK_WRITTEN,
  type TraceSink,
} from "@pageframe/contracts";
import {
  FLUSH_DONE,
  FLUSH_WAIT,
  FLUSH_WRITE,
  jiffiesOf,
  nsOfJiffies,
  PAGECACHE_TAG_DIRTY,
  type WritebackWork,
  updateBandwidth,
  writeoutPeriod,
} from "@pageframe/pagecache";
import { type Disk, type Inode } from "../files/inode.ts";
import { writePages } from "../filemap/write-out.ts";
import { globalDirtyLimits, readDirtyCounts } from "./dirty-limits.ts";
import { type BackingDevice } from "./dirty-state.ts";
import { type System } from "../system.ts";

/** Bios in flight at which a flusher waits: requests that a disk's queue takes (nr_requests). */
const MAX_BIOS_IN_FLIGHT = 256;
/** Daemons of file systems run at most so often, in nanoseconds: what is due still after a run waits. */
const MIN_DAEMON_INTERVAL_NS = 1e9;

/** Has everything written that is dirty, without waiting (wakeup_flusher_threads). `reason`: WB_REASON_*. */
export function wakeupFlushers(sys: System, reason: number): void {
  const { nowNs } = sys.time;
  for (const { bdi } of sys.disks) bdi.flusher.startAll(bdi.queues, reason, nowNs);
}

/** When writeback has something to do next, besides what waits for I/O; Infinity when nothing is planned. */
export function nextWritebackNs(sys: System): number {
  let nextNs = Infinity;
  for (const { bdi } of sys.disks) {
    if (!bdi.flusher.isRunning) nextNs = Math.min(nextNs, bdi.flusher.nextWakeNs);
    nextNs = Math.min(nextNs, bdi.bandwidthDueNs);
  }
  const { domain } = sys.writeback;
  if (domain.periodTime !== 0) nextNs = Math.min(nextNs, nsOfJiffies(domain.periodTime, domain.hz));
  for (const superBlock of sys.mounts) {
    if (superBlock !== null)
      nextNs = Math.min(nextNs, Math.max(superBlock.fs.daemonDueNs, superBlock.nextDaemonNs));
  }
  return nextNs;
}

/** Runs what is due of writeback: timers, flushers, daemons of file systems. Cheap when nothing is. */
export function runWriteback(sys: System): void {
  const { writeback, mounts } = sys;
  if (writeback.isFlushing || (sys.disks.length === 0 && mounts.length === 0)) return;
  runTimers(sys);
  runFlushers(sys);
  writeback.isFlushing = true;
  for (const superBlock of mounts) {
    if (superBlock === null) continue;
    const { nowNs } = sys.time;
    if (Math.max(superBlock.fs.daemonDueNs, superBlock.nextDaemonNs) > nowNs) continue;
    superBlock.fs.runDaemon(nowNs);
    superBlock.nextDaemonNs = nowNs + MIN_DAEMON_INTERVAL_NS;
  }
  writeback.isFlushing = false;
}

/** Runs flushers that are awake. What they write has its blocks already: nothing is committed. */
export function runFlushers(sys: System): void {
  const { writeback } = sys;
  if (writeback.isFlushing) return;
  writeback.isFlushing = true;
  for (const disk of sys.disks) runFlusher(sys, disk);
  writeback.isFlushing = false;
}

function runTimers(sys: System): void {
  const { domain } = sys.writeback;
  const { nowNs } = sys.time;
  if (domain.periodTime !== 0 && jiffiesOf(nowNs, domain.hz) >= domain.periodTime)
    writeoutPeriod(domain, nowNs);
  for (const { bdi } of sys.disks) {
    if (bdi.bandwidthDueNs > nowNs) continue;
    bdi.bandwidthDueNs = Infinity;
    updateBandwidth(domain, bdi.wb, nowNs);
  }
}

/** Runs the flusher of a disk until it sleeps or the disk has enough to do. */
function runFlusher(sys: System, disk: Disk): void {
  const { bdi, device } = disk;
  const { flusher } = bdi;
  if (!flusher.isRunning) {
    if (flusher.nextWakeNs > sys.time.nowNs) return;
    flusher.begin();
    bdi.nrPagesOfRun = 0;
  }
  while (device.nrInFlight < MAX_BIOS_IN_FLIGHT) {
    readDirtyCounts(sys);
    const before = flusher.work;
    const action = flusher.next(bdi, sys.time.nowNs);
    if (sys.trace !== null) traceWork(sys, sys.trace, bdi, before, action);
    if (action === FLUSH_DONE) return;
    if (action === FLUSH_WAIT) bug(`inode ${flusher.inode} is being written while a flusher runs`);
    if (action === FLUSH_WRITE) writeInode(sys, disk, sys.files.inode(flusher.inode));
  }
}

/** Tells of work that ended and began, and of what a run of the flusher wrote. Differs: once per work, not per batch of it. */
function traceWork(
  sys: System,
  trace: TraceSink,
  bdi: BackingDevice,
  before: WritebackWork | null,
  action: number,
): void {
  const { work } = bdi.flusher;
  if (before !== null && before !== work) emitWork(trace, TP_WRITEBACK_WRITTEN, before);
  if (work !== null && before !== work) {
    emitWork(trace, TP_WRITEBACK_START, work);
    const { thresh, bgThresh } = globalDirtyLimits(sys);
    const { nrFileDirty, nrWriteback } = sys.writeback.counts;
    trace.emit(TP_GLOBAL_DIRTY_STATE, nrFileDirty, nrWriteback, bgThresh, thresh);
  }
  if (action === FLUSH_DONE) trace.emit(TP_WRITEBACK_PAGES_WRITTEN, bdi.nrPagesOfRun, 0, 0, 0);
}

function emitWork(trace: TraceSink, tracepoint: number, work: WritebackWork): void {
  trace.emit(tracepoint, work.nrPages, work.reason, Number(work.forKupdate), Number(work.forBackground));
}

/** The turn of one inode (__writeback_single_inode). */
function writeInode(sys: System, disk: Disk, inode: Inode): void {
  const { bdi } = disk;
  const { flusher, queues } = bdi;
  const isSync = flusher.work?.isSyncAll === true;
  const nrToWrite = flusher.nrToWrite;
  sys.trace?.emit(TP_WRITEBACK_SINGLE_INODE_START, inode.id, queues.getState(inode.id), nrToWrite, 0);
  const nrWritten = isSync ? writePages(sys, inode, 0, Infinity, true) : writeCyclic(sys, inode, nrToWrite);
  const hasDirtyPages = inode.pages.isMarked(PAGECACHE_TAG_DIRTY);
  queues.takeDirty(inode.id, hasDirtyPages, isSync, -1);
  bdi.nrPagesOfRun += nrWritten;
  sys.trace?.emit(TP_WRITEBACK_SINGLE_INODE, inode.id, queues.getState(inode.id), nrToWrite, nrWritten);
  readDirtyCounts(sys);
  const result = {
    nrLeftToWrite: nrToWrite - nrWritten,
    nrSkipped: 0,
    hasDirtyPages,
    isSyncOrTagged: isSync,
  };
  flusher.written(bdi, result, sys.time.nowNs);
}

/** Writes pages of an inode from where the last turn ended, and on from its start. Returns how many. */
function writeCyclic(sys: System, inode: Inode, nrToWrite: number): number {
  const first = inode.writebackIndex;
  let nrWritten = writePages(sys, inode, first, Infinity, false, nrToWrite);
  if (nrWritten < nrToWrite && first > 0)
    nrWritten += writePages(sys, inode, 0, first, false, nrToWrite - nrWritten);
  inode.writebackIndex =
    nrWritten < nrToWrite ? 0 : Math.max(0, inode.pages.nextMarked(first, Infinity, PAGECACHE_TAG_DIRTY));
  return nrWritten;
}
