/**
 * Dirty inodes of a device, in the order they are written.
 *
 *   newly dirtied --> dirty ... | --> io ... --> next to write
 *                 --> dirtyTime |     ^ moreIo: had their turn, written again after the others
 *
 * Each queue is a ring through `links`: [2 * slot] the next older, [2 * slot + 1] the next younger. Slots 0 to 3 are the
 * queues themselves: what is older than the queue is its youngest, what is younger its oldest. Every move is O(1).
 * Invariant: an inode is on at most one queue; on `dirty` and `dirtyTime` inodes are ordered by `dirtiedWhen`.
 *
 * Source: Linux 6.18 fs/fs-writeback.c; struct bdi_writeback b_dirty, b_io, b_more_io, b_dirty_time. Times are jiffies.
 */
import { bug } from "@pageframe/contracts";

/** State of an inode: bits of i_state in struct inode. */
export const I_DIRTY_SYNC: number = 1 << 3;
export const I_DIRTY_DATASYNC: number = 1 << 4;
export const I_DIRTY_PAGES: number = 1 << 5;
/** It is being written, by the flusher or by somebody else. */
export const I_SYNC: number = 1 << 1;
/** Only its timestamps are newer than on the device (lazytime). */
export const I_DIRTY_TIME: number = 1 << 11;
/** The flusher has it on `io` or `moreIo`. */
export const I_SYNC_QUEUED: number = 1 << 16;
export const I_DIRTY_INODE: number = I_DIRTY_SYNC | I_DIRTY_DATASYNC;
export const I_DIRTY: number = I_DIRTY_INODE | I_DIRTY_PAGES;
export const I_DIRTY_ALL: number = I_DIRTY | I_DIRTY_TIME;

/** Queues of InodeQueues. */
export const B_DIRTY = 0;
export const B_IO = 1;
export const B_MORE_IO = 2;
export const B_DIRTY_TIME = 3;
/** On none. */
export const B_NONE = -1;

/** No inode. */
export const NO_INODE = -1;

const NR_QUEUES = 4;

/** How a call of writepages on an inode went, for requeue(). */
export interface InodeWritten {
  /** Pages of the chunk that were not written; 0 or less when it is used up. */
  readonly nrLeftToWrite: number;
  /** Pages that could not be written now. */
  readonly nrSkipped: number;
  /** Has it dirty pages now (PAGECACHE_TAG_DIRTY)? */
  readonly hasDirtyPages: boolean;
  /** All that was dirty at the start was to be written (WB_SYNC_ALL, tagged_writepages). */
  readonly isSyncOrTagged: boolean;
}

/** The queues of one device. Inodes are numbers of the caller's choice, not negative; a number belongs to one inode of the device. */
export class InodeQueues {
  private links: Int32Array = new Int32Array(2 * NR_QUEUES);
  /** Per slot: queue, state, superblock, times. */
  private queueOf: Int8Array = new Int8Array(NR_QUEUES);
  private stateOf: Int32Array = new Int32Array(NR_QUEUES);
  private superOf: Int32Array = new Int32Array(NR_QUEUES);
  private inodeOf: Float64Array = new Float64Array(NR_QUEUES);
  private dirtiedWhenOf: Float64Array = new Float64Array(NR_QUEUES);
  private dirtiedTimeWhenOf: Float64Array = new Float64Array(NR_QUEUES);
  private readonly slotOfInode: Map<number, number> = new Map<number, number>();
  private readonly freeSlots: number[] = [];
  private readonly lengths: Int32Array = new Int32Array(NR_QUEUES);

  constructor() {
    for (let queue = 0; queue < NR_QUEUES; queue++) this.links.fill(queue, 2 * queue, 2 * queue + 2);
  }

  /** Inodes on a queue. */
  nrOn(queue: number): number {
    return this.lengths[queue];
  }

  /** Has the flusher anything to write (wb_has_dirty_io)? Timestamps alone do not count. */
  get hasDirtyIo(): boolean {
    return this.lengths[B_DIRTY] + this.lengths[B_IO] + this.lengths[B_MORE_IO] > 0;
  }

  /** Queue of an inode, or B_NONE. */
  getQueue(inode: number): number {
    const slot = this.slotOfInode.get(inode);
    return slot === undefined ? B_NONE : this.queueOf[slot];
  }

  /** I_* bits of an inode; 0 when it is clean. */
  getState(inode: number): number {
    const slot = this.slotOfInode.get(inode);
    return slot === undefined ? 0 : this.stateOf[slot];
  }

  /** Jiffy that an inode counts as dirty since; -1 when it is clean. */
  getDirtiedWhen(inode: number): number {
    const slot = this.slotOfInode.get(inode);
    return slot === undefined ? -1 : this.dirtiedWhenOf[slot];
  }

  /** The next inode to write of a queue (its oldest), or NO_INODE. */
  getOldest(queue: number): number {
    const slot = this.links[2 * queue + 1];
    return slot < NR_QUEUES ? NO_INODE : this.inodeOf[slot];
  }

  /** Superblock of an inode on a queue. */
  getSuper(inode: number): number {
    return this.superOf[this.slot(inode)];
  }

  /**
   * Marks an inode dirty: I_DIRTY_* bits, or I_DIRTY_TIME alone. It gets its place and time when it was clean. Returns true
   * when it is the first dirty one of the device: wb_wakeup_delayed() is due.
   * Source: __mark_inode_dirty().
   */
  markDirty(inode: number, superId: number, flags: number, nowJiffies: number): boolean {
    const slot = this.slotOfInode.get(inode) ?? this.newSlot(inode, superId);
    const state = this.stateOf[slot];
    let added = flags;
    if ((flags & I_DIRTY_INODE) !== 0) {
      // The timestamps go with the inode.
      this.stateOf[slot] &= ~I_DIRTY_TIME;
      added &= ~I_DIRTY_TIME;
    }
    if ((this.stateOf[slot] & added) === added) return false;
    const wasDirty = (state & I_DIRTY) !== 0;
    this.stateOf[slot] |= added;
    if ((state & I_SYNC_QUEUED) !== 0 || wasDirty) return false;
    this.dirtiedWhenOf[slot] = nowJiffies;
    if ((flags & I_DIRTY_TIME) !== 0 && (flags & I_DIRTY_INODE) === 0)
      this.dirtiedTimeWhenOf[slot] = nowJiffies;
    return this.moveToYoungest(slot, (this.stateOf[slot] & I_DIRTY) !== 0 ? B_DIRTY : B_DIRTY_TIME);
  }

  /**
   * Puts what is to be written onto `io`: what had its turn, then inodes dirty since `dirtiedBefore` or longer, then those
   * whose timestamps are old since `timesBefore`. Of several superblocks one after the other, in the order of their oldest
   * inode; `blockDeviceSuper` (or -1) is no file system's. Returns how many came. O(inodes moved).
   * Source: queue_io(), move_expired_inodes().
   */
  queueIo(dirtiedBefore: number, timesBefore: number, blockDeviceSuper: number): number {
    for (let slot = this.links[2 * B_MORE_IO + 1]; slot >= NR_QUEUES; slot = this.links[2 * B_MORE_IO + 1]) {
      this.moveToYoungest(slot, B_IO);
    }
    return (
      this.moveExpired(B_DIRTY, dirtiedBefore, blockDeviceSuper) +
      this.moveExpired(B_DIRTY_TIME, timesBefore, blockDeviceSuper)
    );
  }

  /** Puts an inode back among the dirty ones, as if dirtied now unless it is the youngest anyhow. Source: redirty_tail_locked(). */
  redirtyTail(inode: number, nowJiffies: number): void {
    const slot = this.slot(inode);
    this.stateOf[slot] &= ~I_SYNC_QUEUED;
    const youngest = this.links[2 * B_DIRTY];
    if (youngest >= NR_QUEUES && this.dirtiedWhenOf[slot] < this.dirtiedWhenOf[youngest]) {
      this.dirtiedWhenOf[slot] = nowJiffies;
    }
    this.moveToYoungest(slot, B_DIRTY);
  }

  /** Gives an inode another turn, after the others. Source: requeue_io(). */
  requeueIo(inode: number): void {
    this.moveToYoungest(this.slot(inode), B_MORE_IO);
  }

  /** Somebody begins to write an inode: sets I_SYNC. An inode that is clean here may be written too (sync of pages in flight). */
  beginSync(inode: number, superId: number): void {
    const slot = this.slotOfInode.get(inode) ?? this.newSlot(inode, superId);
    this.stateOf[slot] |= I_SYNC;
  }

  /**
   * The pages of an inode were given to the device: what is dirty from now on is dirtied anew. `propagatesTimes`: data
   * integrity is asked for. Returns the I_DIRTY bits that were set (with I_DIRTY_SYNC when old timestamps come along): the
   * inode itself is to be written when more than I_DIRTY_PAGES is among them.
   * Source: __writeback_single_inode().
   */
  takeDirty(inode: number, hasDirtyPages: boolean, propagatesTimes: boolean, timesBefore: number): number {
    const slot = this.slot(inode);
    let state = this.stateOf[slot];
    if ((state & I_DIRTY_TIME) !== 0 && (propagatesTimes || this.dirtiedTimeWhenOf[slot] < timesBefore)) {
      state = (state & ~I_DIRTY_TIME) | I_DIRTY_SYNC;
    }
    const dirty = state & I_DIRTY;
    state &= ~I_DIRTY;
    if (hasDirtyPages) state |= I_DIRTY_PAGES;
    this.stateOf[slot] = state;
    return dirty;
  }

  /**
   * Finds the place of an inode that the flusher has written, and clears I_SYNC. `dirtiedBefore` is the flusher's.
   * Returns true when it is clean. Source: requeue_inode(), inode_sync_complete().
   */
  requeue(inode: number, written: InodeWritten, dirtiedBefore: number, nowJiffies: number): boolean {
    const slot = this.slot(inode);
    this.stateOf[slot] &= ~I_SYNC;
    const state = this.stateOf[slot];
    // What sync wrote is not to be found again by the same sync.
    if ((state & I_DIRTY) !== 0 && written.isSyncOrTagged) this.dirtiedWhenOf[slot] = nowJiffies;
    if (written.nrSkipped > 0) {
      if ((state & I_DIRTY_ALL) !== 0) this.redirtyTail(inode, nowJiffies);
      else this.drop(slot);
    } else if (written.hasDirtyPages) {
      if (written.nrLeftToWrite <= 0 && this.dirtiedWhenOf[slot] <= dirtiedBefore) this.requeueIo(inode);
      else this.redirtyTail(inode, nowJiffies);
    } else if ((state & I_DIRTY) !== 0) {
      this.redirtyTail(inode, nowJiffies);
    } else if ((state & I_DIRTY_TIME) !== 0) {
      this.dirtiedWhenOf[slot] = nowJiffies;
      this.moveToYoungest(slot, B_DIRTY_TIME);
      this.stateOf[slot] &= ~I_SYNC_QUEUED;
    } else {
      this.drop(slot);
    }
    return (state & I_DIRTY_ALL) === 0;
  }

  /**
   * Finds the place of an inode that somebody else than the flusher has written (fsync), and clears I_SYNC.
   * Returns true when it is clean. Source: writeback_single_inode().
   */
  endSync(inode: number, nowJiffies: number): boolean {
    const slot = this.slot(inode);
    this.stateOf[slot] &= ~I_SYNC;
    const state = this.stateOf[slot];
    if ((state & I_DIRTY_ALL) === 0) {
      this.drop(slot);
      return true;
    }
    if ((state & I_SYNC_QUEUED) !== 0) return false;
    if ((state & I_DIRTY) !== 0) {
      this.redirtyTail(inode, nowJiffies);
    } else {
      this.dirtiedWhenOf[slot] = nowJiffies;
      this.moveToYoungest(slot, B_DIRTY_TIME);
    }
    return false;
  }

  /** Forgets an inode that is freed. Source: inode_io_list_del(). */
  forget(inode: number): void {
    const slot = this.slotOfInode.get(inode);
    if (slot !== undefined) this.drop(slot);
  }

  /** Inodes of a queue, the next to write first. O(n). */
  collect(queue: number): number[] {
    const inodes: number[] = [];
    for (let slot = this.links[2 * queue + 1]; slot >= NR_QUEUES; slot = this.links[2 * slot + 1]) {
      inodes.push(this.inodeOf[slot]);
    }
    return inodes;
  }

  checkInvariants(): void {
    let nrLinked = 0;
    for (let queue = 0; queue < NR_QUEUES; queue++) {
      let nr = 0;
      let older = queue;
      for (let slot = this.links[2 * queue + 1]; slot !== queue; slot = this.links[2 * slot + 1]) {
        if (this.queueOf[slot] !== queue)
          bug(`inode ${this.inodeOf[slot]} is on queue ${queue}, not ${this.queueOf[slot]}`);
        if (this.links[2 * slot] !== older) bug(`inode ${this.inodeOf[slot]} is not linked back`);
        const isOrdered = queue === B_DIRTY || queue === B_DIRTY_TIME;
        if (isOrdered && older >= NR_QUEUES && this.dirtiedWhenOf[older] > this.dirtiedWhenOf[slot]) {
          bug(`inode ${this.inodeOf[slot]} is older than the one before`);
        }
        if ((this.stateOf[slot] & I_DIRTY_ALL) === 0 && (this.stateOf[slot] & I_SYNC) === 0) {
          bug(`clean inode ${this.inodeOf[slot]} is on queue ${queue}`);
        }
        older = slot;
        nr++;
      }
      if (nr !== this.lengths[queue]) bug(`queue ${queue} has ${nr} inodes, not ${this.lengths[queue]}`);
      nrLinked += nr;
    }
    for (const [inode, slot] of this.slotOfInode) {
      if (this.inodeOf[slot] !== inode) bug(`slot ${slot} is not of inode ${inode}`);
      if (this.queueOf[slot] === B_NONE) nrLinked++;
    }
    if (nrLinked !== this.slotOfInode.size)
      bug(`${nrLinked} inodes are linked or held, ${this.slotOfInode.size} known`);
  }

  /** Moves what is old enough to the young end of `io`, grouped by superblock if there are several. */
  private moveExpired(queue: number, dirtiedBefore: number, blockDeviceSuper: number): number {
    let nrMoved = 0;
    let superId = -1;
    let hasSeveral = false;
    let last = queue;
    for (let slot = this.links[2 * queue + 1]; slot !== queue; slot = this.links[2 * slot + 1]) {
      if (this.dirtiedWhenOf[slot] > dirtiedBefore) break;
      nrMoved++;
      last = slot;
      if (this.superOf[slot] === blockDeviceSuper) continue;
      if (superId !== -1 && superId !== this.superOf[slot]) hasSeveral = true;
      superId = this.superOf[slot];
    }
    if (nrMoved === 0) return 0;
    const groups = new Map<number, number[]>();
    for (let slot = this.links[2 * queue + 1]; ; slot = this.links[2 * queue + 1]) {
      this.stateOf[slot] |= I_SYNC_QUEUED;
      if (!hasSeveral) {
        this.moveToYoungest(slot, B_IO);
      } else {
        const group = groups.get(this.superOf[slot]);
        if (group === undefined) groups.set(this.superOf[slot], [slot]);
        else group.push(slot);
        this.unlink(slot);
      }
      if (slot === last) break;
    }
    for (const group of groups.values()) for (const slot of group) this.link(slot, B_IO);
    return nrMoved;
  }

  /** Moves to the young end; true when the device had nothing to write before. Source: inode_io_list_move_locked(). */
  private moveToYoungest(slot: number, queue: number): boolean {
    const hadDirtyIo = this.hasDirtyIo;
    if (this.queueOf[slot] !== B_NONE) this.unlink(slot);
    this.link(slot, queue);
    return !hadDirtyIo && queue !== B_DIRTY_TIME;
  }

  private link(slot: number, queue: number): void {
    const youngest = this.links[2 * queue];
    this.links[2 * slot] = youngest;
    this.links[2 * slot + 1] = queue;
    this.links[2 * youngest + 1] = slot;
    this.links[2 * queue] = slot;
    this.queueOf[slot] = queue;
    this.lengths[queue]++;
  }

  private unlink(slot: number): void {
    const older = this.links[2 * slot];
    const younger = this.links[2 * slot + 1];
    this.links[2 * older + 1] = younger;
    this.links[2 * younger] = older;
    this.lengths[this.queueOf[slot]]--;
    this.queueOf[slot] = B_NONE;
  }

  /** Takes a clean inode, or one that is freed, out. */
  private drop(slot: number): void {
    if (this.queueOf[slot] !== B_NONE) this.unlink(slot);
    this.slotOfInode.delete(this.inodeOf[slot]);
    this.stateOf[slot] = 0;
    this.freeSlots.push(slot);
  }

  private slot(inode: number): number {
    return this.slotOfInode.get(inode) ?? bug(`inode ${inode} is neither dirty nor being written`);
  }

  private newSlot(inode: number, superId: number): number {
    if (!Number.isInteger(inode) || inode < 0)
      bug(`inode ${inode} must be a whole number that is not negative`);
    if (this.freeSlots.length === 0) this.grow();
    const slot = this.freeSlots.pop() ?? bug("no slot after growing");
    this.slotOfInode.set(inode, slot);
    this.inodeOf[slot] = inode;
    this.superOf[slot] = superId;
    this.stateOf[slot] = 0;
    this.queueOf[slot] = B_NONE;
    this.dirtiedWhenOf[slot] = 0;
    this.dirtiedTimeWhenOf[slot] = 0;
    return slot;
  }

  private grow(): void {
    const nrOld = this.queueOf.length;
    const nrNew = nrOld * 2;
    this.links = copyInto(new Int32Array(2 * nrNew), this.links);
    this.queueOf = copyInto(new Int8Array(nrNew), this.queueOf);
    this.stateOf = copyInto(new Int32Array(nrNew), this.stateOf);
    this.superOf = copyInto(new Int32Array(nrNew), this.superOf);
    this.inodeOf = copyInto(new Float64Array(nrNew), this.inodeOf);
    this.dirtiedWhenOf = copyInto(new Float64Array(nrNew), this.dirtiedWhenOf);
    this.dirtiedTimeWhenOf = copyInto(new Float64Array(nrNew), this.dirtiedTimeWhenOf);
    for (let slot = nrNew - 1; slot >= nrOld; slot--) this.freeSlots.push(slot);
  }
}

function copyInto<T extends Int32Array | Int8Array | Float64Array>(into: T, from: T): T {
  into.set(from);
  return into;
}
