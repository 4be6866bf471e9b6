/** The flusher of a device: when it wakes, what it writes next, when it stops. */
import { type DirtySysctls } from "./dirty-sysctls.ts";
import {
  B_IO,
  B_MORE_IO,
  B_DIRTY_TIME,
  I_SYNC,
  type InodeQueues,
  type InodeWritten,
  NO_INODE,
} from "./inode-queues.ts";
import { centisecsToJiffies, div, jiffiesOf, nsOfJiffies, timerExpiry } from "./units.ts";
import { type DirtyCounts, isOverBgThresh } from "./wb-share.ts";
import { type WbDevice, type WbDomain } from "./wb-state.ts";

/** Why something is written (enum wb_reason), as tracepoints name it. */
export const WB_REASON_BACKGROUND = 0;
export const WB_REASON_VMSCAN = 1;
export const WB_REASON_SYNC = 2;
export const WB_REASON_PERIODIC = 3;
export const WB_REASON_LAPTOP_TIMER = 4;
export const WB_REASON_FS_FREE_SPACE = 5;
export const WB_REASON_FORKER_THREAD = 6;
export const WB_REASON_FOREIGN_FLUSH = 7;

/** As many pages as there are (LONG_MAX). */
export const NR_ALL_PAGES: number = Number.MAX_SAFE_INTEGER;
/** Least pages of an inode's turn: 4 MiB (MIN_WRITEBACK_PAGES). */
export const MIN_WRITEBACK_PAGES = 1024;
/** Part of the dirty limit that a turn may write at most (DIRTY_SCOPE). */
const DIRTY_SCOPE = 8;
/** `superId` of no file system. */
export const NO_SUPER = -1;

/** What is to be written (struct wb_writeback_work). */
export interface WritebackWork {
  /** Only inodes of this superblock, or NO_SUPER for all. */
  readonly superId: number;
  /** Pages left to write; goes down. */
  nrPages: number;
  /** Waits for what is in flight, for data integrity (WB_SYNC_ALL). */
  readonly isSyncAll: boolean;
  /** Only what is dirty at the start of each inode, all of it. */
  readonly isTagged: boolean;
  readonly forKupdate: boolean;
  readonly forBackground: boolean;
  /** sync(2). */
  readonly forSync: boolean;
  /** Each turn goes on where the last of the inode ended. */
  readonly isRangeCyclic: boolean;
  /** WB_REASON_*. */
  readonly reason: number;
  /** The caller's word; -1 for what the flusher gave itself. */
  readonly id: number;
}

/** What the flusher looks at. */
export interface FlusherView {
  readonly sysctls: DirtySysctls;
  readonly domain: WbDomain;
  readonly wb: WbDevice;
  readonly queues: InodeQueues;
  /** Counts of the machine; read anew at each look. */
  readonly counts: DirtyCounts;
  /** Inodes in memory that are dirty (get_nr_dirty_inodes). */
  readonly nrDirtyInodes: number;
  /** Superblock of block devices' own pages, or NO_SUPER. */
  readonly blockDeviceSuper: number;
}

/** What next() asks for. */
export const FLUSH_DONE = 0;
export const FLUSH_WRITE = 1;
export const FLUSH_WAIT = 2;
export const FLUSH_WORK_DONE = 3;

const PHASE_WORK_LIST = 0;
const PHASE_START_ALL = 1;
const PHASE_OLD = 2;
const PHASE_BACKGROUND = 3;
const PHASE_END = 4;

/** Where wb_writeback() is. */
const AT_TOP = 0;
const AT_SUPER = 1;
const AT_INODE = 2;
const AT_BATCH_END = 3;

/** No timer. */
const NEVER = Infinity;

/**
 * Pages of an inode's turn: half a second of the device's bandwidth or an eighth of the dirty limit, up to the next
 * multiple of MIN_WRITEBACK_PAGES. Source: Linux 6.18 fs/fs-writeback.c, writeback_chunk_size().
 */
export function writebackChunkSize(domain: WbDomain, wb: WbDevice, work: WritebackWork): number {
  if (work.isSyncAll || work.isTagged) return NR_ALL_PAGES;
  const nrPages = Math.min(div(wb.avgWriteBandwidth, 2), div(domain.dirtyLimit, DIRTY_SCOPE), work.nrPages);
  return (div(nrPages, MIN_WRITEBACK_PAGES) + 1) * MIN_WRITEBACK_PAGES;
}

/**
 * A flusher, driven by its caller:
 *
 *   when nextWakeNs has come: flusher.begin(now); loop over flusher.next(view, now):
 *     FLUSH_WRITE      give at most `nrToWrite` dirty pages of `inode` to the device (its I_SYNC is set; wait for them if
 *                      work.isSyncAll and not forSync), queues.takeDirty(), write the inode if asked; flusher.written(...)
 *     FLUSH_WAIT       wait until nobody writes `inode` any more
 *     FLUSH_WORK_DONE  `doneWork` is over: tell who waits for it
 *     FLUSH_DONE       it sleeps until nextWakeNs
 *
 * Source: Linux 6.18 fs/fs-writeback.c, wb_workfn(), wb_do_writeback(), wb_writeback(), writeback_sb_inodes().
 * Differs: superblocks can always be pinned; no inodes that are new or being freed on the queues.
 */
export class Flusher {
  /** What next() gave: the work, the inode, pages of its turn. */
  work: WritebackWork | null = null;
  doneWork: WritebackWork | null = null;
  inode: number = NO_INODE;
  nrToWrite = 0;
  /** Is it between begin() and FLUSH_DONE (WB_writeback_running)? */
  isRunning = false;
  /** Work in order. */
  readonly workList: WritebackWork[] = [];
  /** Reason of a request to write everything, or -1 (WB_start_all). */
  startAllReason = -1;
  /** Jiffy of the last look for old data. */
  lastOldFlush: number;
  /** Inodes that are dirty since this jiffy or longer are written now. */
  dirtiedBefore = 0;

  private readonly hz: number;
  /** Jiffy of the timer, or NEVER. */
  private wakeAt: number = NEVER;
  private phase: number;
  private at: number = AT_TOP;
  private hasQueued = false;
  /** Of the call of __writeback_inodes_wb() and of writeback_sb_inodes(): when it began, what it wrote. */
  private batchStart = 0;
  private batchWrote = 0;
  private superStart = 0;
  private superWrote = 0;
  private superId = NO_SUPER;
  private superDirtiedBefore = 0;

  constructor(nowNs: number, hz: number) {
    this.hz = hz;
    this.phase = PHASE_END;
    this.lastOldFlush = jiffiesOf(nowNs, hz);
  }

  /** When it wakes; Infinity when nothing is planned. */
  get nextWakeNs(): number {
    return this.wakeAt === NEVER ? NEVER : nsOfJiffies(this.wakeAt, this.hz);
  }

  /** Wakes it now. Source: wb_wakeup(), wb_start_background_writeback(). */
  wakeup(nowNs: number): void {
    this.wakeAt = Math.min(this.wakeAt, jiffiesOf(nowNs, this.hz));
  }

  /** Wakes it one interval from now, unless it is to wake already. Source: wb_wakeup_delayed(). */
  wakeupDelayed(sysctls: DirtySysctls, nowNs: number): void {
    if (this.wakeAt !== NEVER || sysctls.dirtyWritebackCentisecs < 0) return;
    const now = jiffiesOf(nowNs, this.hz);
    const delay = centisecsToJiffies(sysctls.dirtyWritebackCentisecs, this.hz);
    this.wakeAt = delay === 0 ? now : timerExpiry(now + delay, now, this.hz);
  }

  /** Gives it work, to be done after what it was given before. Source: wb_queue_work(). */
  queueWork(work: WritebackWork, nowNs: number): void {
    this.workList.push(work);
    this.wakeup(nowNs);
  }

  /** Has everything written that is dirty, without anybody waiting (sync(2), reclaim). Source: wb_start_writeback(). */
  startAll(queues: InodeQueues, reason: number, nowNs: number): void {
    if (!queues.hasDirtyIo || this.startAllReason !== -1) return;
    this.startAllReason = reason;
    this.wakeup(nowNs);
  }

  /** The timer of dirtytime_expire_seconds: wakes it if timestamps are dirty. Source: wakeup_dirtytime_writeback(). */
  wakeupForTimes(queues: InodeQueues, nowNs: number): void {
    if (queues.nrOn(B_DIRTY_TIME) > 0) this.wakeup(nowNs);
  }

  /** It wakes. */
  begin(): void {
    this.wakeAt = NEVER;
    this.isRunning = true;
    this.phase = PHASE_WORK_LIST;
    this.work = null;
  }

  /** What is to be done next: FLUSH_*. */
  next(view: FlusherView, nowNs: number): number {
    const now = jiffiesOf(nowNs, this.hz);
    for (;;) {
      if (this.work === null && !this.findWork(view, now)) {
        if (this.workList.length > 0) {
          this.phase = PHASE_WORK_LIST;
          continue;
        }
        this.isRunning = false;
        if (view.queues.hasDirtyIo && view.sysctls.dirtyWritebackCentisecs !== 0)
          this.wakeupDelayed(view.sysctls, nowNs);
        return FLUSH_DONE;
      }
      const work = this.work;
      if (work === null) continue;
      switch (this.at) {
        case AT_TOP:
          if (!this.enterBatch(view, work, now) && this.finishWork(work)) return FLUSH_WORK_DONE;
          break;
        case AT_SUPER:
          this.enterSuper(view, work, now);
          break;
        case AT_INODE: {
          const action = this.nextInode(view, work, now);
          if (action !== FLUSH_DONE) return action;
          break;
        }
        default:
          this.at = AT_TOP;
          if (this.batchWrote > 0 || !this.hasQueued) break;
          // Nothing came of it: what is left is being written by others.
          this.inode = view.queues.getOldest(B_MORE_IO);
          if (this.inode === NO_INODE) {
            if (this.finishWork(work)) return FLUSH_WORK_DONE;
          } else if ((view.queues.getState(this.inode) & I_SYNC) !== 0) {
            return FLUSH_WAIT;
          }
      }
    }
  }

  /** The inode of FLUSH_WRITE was written as far as it goes now. */
  written(view: FlusherView, result: InodeWritten, nowNs: number): void {
    const now = jiffiesOf(nowNs, this.hz);
    const work = this.work;
    if (work === null) return;
    const nrWritten = this.nrToWrite - result.nrLeftToWrite;
    work.nrPages -= nrWritten;
    this.superWrote += Math.max(0, nrWritten - result.nrSkipped);
    // Inodes count like pages.
    if (view.queues.requeue(this.inode, result, this.superDirtiedBefore, now)) this.superWrote++;
    this.inode = NO_INODE;
    if (this.superWrote > 0 && this.isTurnOver(work, this.superStart, now)) this.leaveSuper(work, now);
  }

  /** Takes the next work item, or makes one. False when there is nothing left to do. */
  private findWork(view: FlusherView, now: number): boolean {
    for (;;) {
      switch (this.phase) {
        case PHASE_WORK_LIST: {
          const work = this.workList.shift();
          if (work !== undefined) return this.enterWork(work, now);
          this.phase = PHASE_START_ALL;
          break;
        }
        case PHASE_START_ALL: {
          this.phase = PHASE_OLD;
          const nrPages = view.counts.nrFileDirty + view.nrDirtyInodes;
          const reason = this.startAllReason;
          if (reason === -1) break;
          if (nrPages > 0) return this.enterWork(ownWork(nrPages, false, false, reason), now);
          this.startAllReason = -1;
          break;
        }
        case PHASE_OLD: {
          this.phase = PHASE_BACKGROUND;
          if (this.startAllReason !== -1) this.startAllReason = -1;
          const interval = view.sysctls.dirtyWritebackCentisecs;
          if (interval <= 0 || now < this.lastOldFlush + centisecsToJiffies(interval, this.hz)) break;
          this.lastOldFlush = now;
          const nrPages = view.counts.nrFileDirty + view.nrDirtyInodes;
          if (nrPages > 0) return this.enterWork(ownWork(nrPages, true, false, WB_REASON_PERIODIC), now);
          break;
        }
        case PHASE_BACKGROUND:
          this.phase = PHASE_END;
          if (isOverBgThresh(view.sysctls, view.domain, view.wb, view.counts)) {
            return this.enterWork(ownWork(NR_ALL_PAGES, false, true, WB_REASON_BACKGROUND), now);
          }
          break;
        default:
          return false;
      }
    }
  }

  private enterWork(work: WritebackWork, now: number): boolean {
    this.work = work;
    this.at = AT_TOP;
    this.hasQueued = false;
    this.dirtiedBefore = now;
    return true;
  }

  /** The work is over. True when somebody is to be told. */
  private finishWork(work: WritebackWork): boolean {
    this.work = null;
    if (work.id === -1) return false;
    this.doneWork = work;
    return true;
  }

  /** One turn of wb_writeback(): false when the work is to stop. */
  private enterBatch(view: FlusherView, work: WritebackWork, now: number): boolean {
    if (work.nrPages <= 0) return false;
    if ((work.forBackground || work.forKupdate) && this.workList.length > 0) return false;
    if (work.forBackground && !isOverBgThresh(view.sysctls, view.domain, view.wb, view.counts)) return false;
    if (view.queues.nrOn(B_IO) === 0) {
      if (work.forKupdate || work.forBackground) this.dirtiedBefore = this.dirtyLine(view, work, now);
      const timesBefore = work.forSync
        ? this.dirtiedBefore
        : now - view.sysctls.dirtytimeExpireSeconds * this.hz;
      view.queues.queueIo(this.dirtiedBefore, timesBefore, view.blockDeviceSuper);
      this.hasQueued = true;
    }
    this.batchStart = now;
    this.batchWrote = 0;
    this.at = AT_SUPER;
    this.superId = NO_SUPER;
    return true;
  }

  /** Begins writeback_sb_inodes() for the superblock whose turn it is, or ends the batch. */
  private enterSuper(view: FlusherView, work: WritebackWork, now: number): void {
    const oldest = view.queues.getOldest(B_IO);
    if (oldest === NO_INODE) {
      this.at = AT_BATCH_END;
      return;
    }
    this.superId = work.superId === NO_SUPER ? view.queues.getSuper(oldest) : work.superId;
    this.superStart = now;
    this.superWrote = 0;
    this.superDirtiedBefore = this.dirtyLine(view, work, now);
    this.at = AT_INODE;
  }

  /** The next inode of the superblock: FLUSH_WRITE, FLUSH_WAIT, or FLUSH_DONE when the superblock's turn is over. */
  private nextInode(view: FlusherView, work: WritebackWork, now: number): number {
    const { queues } = view;
    for (let inode = queues.getOldest(B_IO); inode !== NO_INODE; inode = queues.getOldest(B_IO)) {
      if (queues.getSuper(inode) !== this.superId) {
        if (work.superId === NO_SUPER) break;
        queues.redirtyTail(inode, now);
        continue;
      }
      this.inode = inode;
      if ((queues.getState(inode) & I_SYNC) !== 0) {
        if (work.isSyncAll) return FLUSH_WAIT;
        queues.requeueIo(inode);
        continue;
      }
      queues.beginSync(inode, this.superId);
      this.nrToWrite = writebackChunkSize(view.domain, view.wb, work);
      return FLUSH_WRITE;
    }
    this.leaveSuper(work, now);
    return FLUSH_DONE;
  }

  /** writeback_sb_inodes() returns. */
  private leaveSuper(work: WritebackWork, now: number): void {
    this.batchWrote += this.superWrote;
    this.superWrote = 0;
    const isBatchOver =
      work.superId !== NO_SUPER || (this.batchWrote > 0 && this.isTurnOver(work, this.batchStart, now));
    this.at = isBatchOver ? AT_BATCH_END : AT_SUPER;
  }

  /** After a tenth of a second or all pages it looks up again. */
  private isTurnOver(work: WritebackWork, start: number, now: number): boolean {
    return now > start + div(this.hz, 10) || work.nrPages <= 0;
  }

  /** What is dirty since then or longer is old enough. */
  private dirtyLine(view: FlusherView, work: WritebackWork, now: number): number {
    return work.forKupdate ? now - centisecsToJiffies(view.sysctls.dirtyExpireCentisecs, this.hz) : now;
  }
}

function ownWork(
  nrPages: number,
  forKupdate: boolean,
  forBackground: boolean,
  reason: number,
): WritebackWork {
  return {
    superId: NO_SUPER,
    nrPages,
    isSyncAll: false,
    isTagged: false,
    forKupdate,
    forBackground,
    forSync: false,
    isRangeCyclic: true,
    reason,
    id: -1,
  };
}
