/**
 * Which blocks and inodes are free: bitmaps in groups, counts in the descriptors. Hot: per block given out.
 *
 * Invariant: the free count of a bitmap's header, that of its descriptor and the clear bits are equal. What the running
 * transaction freed is clear on the device's side but not given out before the commit.
 * Source: Linux 6.18 fs/ext4/{balloc,ialloc,mballoc}.c. Differs: the longest run from a goal on, no buddies, no preallocation.
 */
import { ENOSPC, EUCLEAN } from "@pageframe/contracts";
import { type BlockStore } from "./block-store.ts";
import { getU32, setU32 } from "./bytes.ts";
import { nrZeroBits } from "./check-block.ts";
import {
  DESCRIPTOR_SIZE,
  DESCRIPTORS_PER_BLOCK,
  GROUP_BLOCKS,
  GROUP_BLOCKS_INIT,
  GROUP_DIRS,
  GROUP_FLAGS,
  GROUP_FREE_BLOCKS,
  GROUP_FREE_INODES,
  GROUP_INODES_INIT,
  GROUP_TABLE_BLOCKS,
  GROUP_TABLE_START,
  HEADER_COUNT,
  HEADER_SIZE,
  INODES_PER_BLOCK,
  KIND_BLOCK_BITMAP,
  KIND_GROUPS,
  KIND_INODE_BITMAP,
  KIND_INODES,
  type Geometry,
} from "./layout.ts";

/** Sets bits [from, to) of a bitmap block, or clears them. */
export function fillBits(bitmap: Uint8Array, from: number, to: number, isSet: boolean): void {
  for (let bit = from; bit < to; bit++) {
    const at = HEADER_SIZE + (bit >> 3);
    if ((bit & 7) === 0 && bit + 8 <= to) {
      bitmap[at] = isSet ? 0xff : 0;
      bit += 7;
    } else if (isSet) bitmap[at] |= 1 << (bit & 7);
    else bitmap[at] &= ~(1 << (bit & 7));
  }
}

/** Are bits [from, to) of a bitmap block all set? */
function areSet(bitmap: Uint8Array, from: number, to: number): boolean {
  for (let bit = from; bit < to; bit++) {
    if ((bitmap[HEADER_SIZE + (bit >> 3)] & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** The allocator of a mounted file system. */
export class Groups {
  private readonly store: BlockStore;
  private readonly geometry: Geometry;
  /** Free blocks, inodes and directories of each group, as the descriptors say with the operation under way. */
  private readonly freeBlocks: Int32Array;
  private readonly freeInodes: Int32Array;
  private readonly nrDirs: Int32Array;
  nrFreeBlocks = 0;
  nrFreeInodes = 0;
  /** Groups whose counts the operation under way changed, and ranges that it freed (start, number). */
  private readonly changedGroups: number[] = [];
  private readonly freedRanges: number[] = [];
  /** Blocks that the last allocBlocks() gave. */
  nrAllocated = 0;
  /** Result of the last search in a bitmap. */
  private runStart = 0;
  private runBlocks = 0;

  constructor(store: BlockStore) {
    this.store = store;
    this.geometry = store.geometry;
    this.freeBlocks = new Int32Array(this.geometry.nrGroups);
    this.freeInodes = new Int32Array(this.geometry.nrGroups);
    this.nrDirs = new Int32Array(this.geometry.nrGroups);
  }

  /** Reads the descriptors' counts. Returns 0 or -errno. O(groups). */
  load(): number {
    for (let group = 0; group < this.geometry.nrGroups; group++) {
      const result = this.loadGroup(group);
      if (result < 0) return result;
      if (group % DESCRIPTORS_PER_BLOCK === 0) this.store.trim();
    }
    return 0;
  }

  /** The operation under way was undone: its counts are those from before. */
  undo(): void {
    for (const group of this.changedGroups) this.loadGroup(group);
    const { freedBits, nrFreed } = this.store.transaction;
    for (let index = 0; index < this.freedRanges.length; index += 2) {
      const group = this.geometry.groupOf(this.freedRanges[index]);
      const bit = this.freedRanges[index] - this.geometry.groupStart(group);
      const nrBlocks = this.freedRanges[index + 1];
      const bits = freedBits.get(group);
      if (bits !== undefined) fillBits(bits, bit, bit + nrBlocks, false);
      nrFreed.set(group, (nrFreed.get(group) ?? 0) - nrBlocks);
    }
    this.settle();
  }

  /** The operation under way is kept. */
  settle(): void {
    this.changedGroups.length = 0;
    this.freedRanges.length = 0;
  }

  /** Does the running transaction keep blocks that a commit would make free? */
  get hasFreed(): boolean {
    for (const nrBlocks of this.store.transaction.nrFreed.values()) if (nrBlocks > 0) return true;
    return false;
  }

  /**
   * Takes up to `nrWanted` blocks that lie together, at `goal` if that is free, else near behind it. Returns the first, and
   * their number in `nrAllocated`; -ENOSPC, -EUCLEAN, -EIO.
   */
  allocBlocks(goal: number, nrWanted: number): number {
    const { geometry, freeBlocks } = this;
    const first = Math.max(0, geometry.groupOf(goal));
    const { nrFreed } = this.store.transaction;
    // First groups that may have a run as long as wanted, then any with a block.
    for (let pass = 0; pass < 2; pass++) {
      for (let turn = 0; turn < geometry.nrGroups; turn++) {
        const group = first + turn < geometry.nrGroups ? first + turn : first + turn - geometry.nrGroups;
        const nrUsable = freeBlocks[group] - (nrFreed.size > 0 ? (nrFreed.get(group) ?? 0) : 0);
        if (nrUsable < 1 || (pass === 0 && turn > 0 && nrUsable < nrWanted)) continue;
        const goalBit = turn === 0 ? goal - geometry.groupStart(group) : geometry.nrGroupMetadata;
        const start = this.allocInGroup(group, Math.max(goalBit, geometry.nrGroupMetadata), nrWanted);
        if (start !== -ENOSPC) return start;
      }
    }
    return -ENOSPC;
  }

  private allocInGroup(group: number, goalBit: number, nrWanted: number): number {
    const { geometry, store } = this;
    const nrBits = geometry.groupBlocks(group);
    const bitmap = this.blockBitmap(group);
    if (typeof bitmap === "number") return bitmap;
    const freed = store.transaction.freedBits.get(group) ?? null;
    this.findRun(bitmap, freed, goalBit < nrBits ? goalBit : geometry.nrGroupMetadata, nrBits, nrWanted);
    if (this.runBlocks === 0) return -ENOSPC;
    fillBits(bitmap, this.runStart, this.runStart + this.runBlocks, true);
    setU32(bitmap, HEADER_COUNT, getU32(bitmap, HEADER_COUNT) - this.runBlocks);
    const result = this.change(group, GROUP_FREE_BLOCKS, -this.runBlocks);
    if (result < 0) return result;
    this.nrAllocated = this.runBlocks;
    return geometry.groupStart(group) + this.runStart;
  }

  /**
   * Frees blocks that lie together. What is not data of one group, or is free already, is -EUCLEAN. They are not given out
   * before the commit.
   */
  freeBlocksAt(start: number, nrBlocks: number): number {
    const { geometry } = this;
    if (!geometry.isData(start, nrBlocks)) return -EUCLEAN;
    const group = geometry.groupOf(start);
    const bit = start - geometry.groupStart(group);
    const bitmap = this.blockBitmap(group);
    if (typeof bitmap === "number") return bitmap;
    if (!areSet(bitmap, bit, bit + nrBlocks)) return -EUCLEAN;
    fillBits(bitmap, bit, bit + nrBlocks, false);
    setU32(bitmap, HEADER_COUNT, getU32(bitmap, HEADER_COUNT) + nrBlocks);
    const result = this.change(group, GROUP_FREE_BLOCKS, nrBlocks);
    if (result < 0) return result;
    const { freedBits, nrFreed } = this.store.transaction;
    let bits = freedBits.get(group);
    if (bits === undefined) {
      bits = new Uint8Array(bitmap.length);
      freedBits.set(group, bits);
    }
    fillBits(bits, bit, bit + nrBlocks, true);
    nrFreed.set(group, (nrFreed.get(group) ?? 0) + nrBlocks);
    this.freedRanges.push(start, nrBlocks);
    return 0;
  }

  /**
   * Takes an inode near another: directories of the root go where most room is, the rest to the group of their directory.
   * Its block of the table is there afterwards. Returns its number, -ENOSPC, -EUCLEAN, -EIO.
   */
  allocInode(nearIno: number, isDir: boolean, isSpread: boolean): number {
    const { geometry } = this;
    const near = Math.floor((nearIno - 1) / geometry.inodesPerGroup);
    const first = isDir && isSpread ? this.roomiestGroup() : near;
    for (let turn = 0; turn < geometry.nrGroups; turn++) {
      const group = (first + turn) % geometry.nrGroups;
      if (this.freeInodes[group] > 0) return this.allocInodeIn(group, isDir);
    }
    return -ENOSPC;
  }

  private allocInodeIn(group: number, isDir: boolean): number {
    const { geometry } = this;
    const bitmap = this.inodeBitmap(group);
    if (typeof bitmap === "number") return bitmap;
    let at = HEADER_SIZE;
    while (at < bitmap.length && bitmap[at] === 0xff) at++;
    if (at === bitmap.length) return -EUCLEAN;
    const index = (at - HEADER_SIZE) * 8 + 31 - Math.clz32(~bitmap[at] & (bitmap[at] + 1));
    fillBits(bitmap, index, index + 1, true);
    setU32(bitmap, HEADER_COUNT, getU32(bitmap, HEADER_COUNT) - 1);
    let result = this.change(group, GROUP_FREE_INODES, -1);
    if (result === 0 && isDir) result = this.change(group, GROUP_DIRS, 1);
    if (result === 0) result = this.makeTableBlock(group, Math.floor(index / INODES_PER_BLOCK));
    return result < 0 ? result : group * geometry.inodesPerGroup + index + 1;
  }

  /** Blocks of the inode table are made when the first of their inodes is taken. */
  private makeTableBlock(group: number, index: number): number {
    const descriptor = this.modifyDescriptor(group);
    if (typeof descriptor === "number") return descriptor;
    const at = descriptorAt(group) + GROUP_TABLE_BLOCKS;
    const nrMade = getU32(descriptor, at);
    if (index < nrMade) return 0;
    if (index > nrMade) return -EUCLEAN;
    const block = this.geometry.groupStart(group) + 2 + index;
    const bytes = this.store.create(block, KIND_INODES, 0, 0);
    if (typeof bytes === "number") return bytes;
    setU32(descriptor, at, index + 1);
    return 0;
  }

  /** Gives an inode back; -EUCLEAN when it is free already. */
  freeInode(ino: number, isDir: boolean): number {
    const { geometry } = this;
    const group = Math.floor((ino - 1) / geometry.inodesPerGroup);
    const index = ino - 1 - group * geometry.inodesPerGroup;
    const bitmap = this.inodeBitmap(group);
    if (typeof bitmap === "number") return bitmap;
    if (!areSet(bitmap, index, index + 1)) return -EUCLEAN;
    fillBits(bitmap, index, index + 1, false);
    setU32(bitmap, HEADER_COUNT, getU32(bitmap, HEADER_COUNT) + 1);
    const result = this.change(group, GROUP_FREE_INODES, 1);
    return result === 0 && isDir ? this.change(group, GROUP_DIRS, -1) : result;
  }

  /** Is there a block of the table for this inode, which must be 1 to nrInodes? 1, 0, or -errno. */
  hasTableBlock(ino: number): number {
    const group = Math.floor((ino - 1) / this.geometry.inodesPerGroup);
    const index = ino - 1 - group * this.geometry.inodesPerGroup;
    const descriptor = this.store.get(descriptorBlock(group), KIND_GROUPS);
    if (typeof descriptor === "number") return descriptor;
    const nrMade = getU32(descriptor, descriptorAt(group) + GROUP_TABLE_BLOCKS);
    return index < nrMade * INODES_PER_BLOCK ? 1 : 0;
  }

  private roomiestGroup(): number {
    let best = 0;
    for (let group = 1; group < this.geometry.nrGroups; group++) {
      if (this.freeInodes[group] === 0) continue;
      const isRoomier =
        this.nrDirs[group] < this.nrDirs[best] ||
        (this.nrDirs[group] === this.nrDirs[best] && this.freeBlocks[group] > this.freeBlocks[best]);
      if (isRoomier || this.freeInodes[best] === 0) best = group;
    }
    return best;
  }

  /** First run from `goal` on that is long enough or begins there, going round once; else the longest. */
  private findRun(
    bitmap: Uint8Array,
    freed: Uint8Array | null,
    goal: number,
    nrBits: number,
    nrWanted: number,
  ): void {
    this.runStart = 0;
    this.runBlocks = 0;
    if (this.scanRuns(bitmap, freed, goal, nrBits, nrWanted, goal)) return;
    this.scanRuns(bitmap, freed, this.geometry.nrGroupMetadata, goal, nrWanted, -1);
  }

  /** Notes the longest run of [from, to); stops at one of `nrWanted`, or the one at `goal`. Says whether it stopped. */
  private scanRuns(
    bitmap: Uint8Array,
    freed: Uint8Array | null,
    from: number,
    to: number,
    nrWanted: number,
    goal: number,
  ): boolean {
    let start = -1;
    for (let bit = from; bit <= to; bit++) {
      const at = HEADER_SIZE + (bit >> 3);
      const byte = bit === to ? 0xff : freed === null ? bitmap[at] : bitmap[at] | freed[at];
      if (start < 0 && byte === 0xff) {
        bit |= 7;
        continue;
      }
      const isFree = (byte & (1 << (bit & 7))) === 0;
      if (isFree && start < 0) start = bit;
      if (start < 0) continue;
      const nrRun = isFree ? bit + 1 - start : bit - start;
      if (isFree && nrRun < nrWanted) continue;
      if (nrRun > this.runBlocks) {
        this.runStart = start;
        this.runBlocks = nrRun;
      }
      if (nrRun >= nrWanted || start === goal) return true;
      start = -1;
    }
    return false;
  }

  private blockBitmap(group: number): Uint8Array | number {
    const { geometry } = this;
    const bitmap = this.bitmap(group, geometry.groupStart(group), KIND_BLOCK_BITMAP, GROUP_BLOCKS_INIT);
    if (typeof bitmap === "number") return bitmap;
    return getU32(bitmap, HEADER_COUNT) === this.freeBlocks[group] ? bitmap : -EUCLEAN;
  }

  private inodeBitmap(group: number): Uint8Array | number {
    const { geometry } = this;
    const bitmap = this.bitmap(group, geometry.groupStart(group) + 1, KIND_INODE_BITMAP, GROUP_INODES_INIT);
    if (typeof bitmap === "number") return bitmap;
    return getU32(bitmap, HEADER_COUNT) === this.freeInodes[group] ? bitmap : -EUCLEAN;
  }

  /** A bitmap to change; made when this is the first change. */
  private bitmap(group: number, block: number, kind: number, flag: number): Uint8Array | number {
    const descriptor = this.store.get(descriptorBlock(group), KIND_GROUPS);
    if (typeof descriptor === "number") return descriptor;
    const flags = getU32(descriptor, descriptorAt(group) + GROUP_FLAGS);
    if ((flags & flag) !== 0) return this.store.modify(block, kind);
    const writable = this.modifyDescriptor(group);
    if (typeof writable === "number") return writable;
    const bitmap = this.store.create(block, kind, 0, 0);
    if (typeof bitmap === "number") return bitmap;
    setU32(writable, descriptorAt(group) + GROUP_FLAGS, flags | flag);
    fillNewBitmap(bitmap, kind, group, this.geometry);
    return bitmap;
  }

  private modifyDescriptor(group: number): Uint8Array | number {
    return this.store.modify(descriptorBlock(group), KIND_GROUPS);
  }

  /** Adds to a count of a group's descriptor. */
  private change(group: number, field: number, difference: number): number {
    const descriptor = this.modifyDescriptor(group);
    if (typeof descriptor === "number") return descriptor;
    const at = descriptorAt(group) + field;
    const value = getU32(descriptor, at) + difference;
    if (value < 0) return -EUCLEAN;
    setU32(descriptor, at, value);
    this.changedGroups.push(group);
    if (field === GROUP_FREE_BLOCKS) {
      this.freeBlocks[group] = value;
      this.nrFreeBlocks += difference;
    } else if (field === GROUP_FREE_INODES) {
      this.freeInodes[group] = value;
      this.nrFreeInodes += difference;
    } else this.nrDirs[group] = value;
    return 0;
  }

  private loadGroup(group: number): number {
    const descriptor = this.store.get(descriptorBlock(group), KIND_GROUPS);
    if (typeof descriptor === "number") return descriptor;
    const at = descriptorAt(group);
    const nrBlocks = getU32(descriptor, at + GROUP_FREE_BLOCKS);
    const nrInodes = getU32(descriptor, at + GROUP_FREE_INODES);
    this.nrFreeBlocks += nrBlocks - this.freeBlocks[group];
    this.nrFreeInodes += nrInodes - this.freeInodes[group];
    this.freeBlocks[group] = nrBlocks;
    this.freeInodes[group] = nrInodes;
    this.nrDirs[group] = getU32(descriptor, at + GROUP_DIRS);
    return 0;
  }
}

/** Block that holds a group's descriptor. */
export function descriptorBlock(group: number): number {
  return GROUP_TABLE_START + Math.floor(group / DESCRIPTORS_PER_BLOCK);
}

/** Offset of a group's descriptor in its block. */
export function descriptorAt(group: number): number {
  return HEADER_SIZE + (group % DESCRIPTORS_PER_BLOCK) * DESCRIPTOR_SIZE;
}

/** What a bitmap holds before anything was taken: what is not there is in use. */
export function fillNewBitmap(bitmap: Uint8Array, kind: number, group: number, geometry: Geometry): void {
  if (kind === KIND_BLOCK_BITMAP) {
    fillBits(bitmap, 0, geometry.nrGroupMetadata, true);
    fillBits(bitmap, geometry.groupBlocks(group), GROUP_BLOCKS, true);
  } else fillBits(bitmap, geometry.inodesPerGroup, GROUP_BLOCKS, true);
  setU32(bitmap, HEADER_COUNT, nrZeroBits(bitmap));
}
