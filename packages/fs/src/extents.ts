/**
 * Which blocks a file has: extents in a tree. Hot: per run of pages read or written.
 *
 * Source: Linux 6.18 fs/ext4/extents.c, ext4_ext_map_blocks(), ext4_ext_remove_space(). Differs: no unwritten extents, no
 * delayed allocation: blocks are taken when asked for.
 */
import { EUCLEAN, NO_BLOCK, type BlockMapping } from "@pageframe/contracts";
import { type BlockStore } from "./block-store.ts";
import { getU32, getU64, setU32, setU64 } from "./bytes.ts";
import { type Groups } from "./groups.ts";
import { type Inodes } from "./inodes.ts";
import { ENTRY_BLOCK, ENTRY_BLOCKS, ENTRY_KEY, ENTRY_SIZE, KIND_EXTENTS, MAX_FILE_BLOCKS } from "./layout.ts";
import { Tree } from "./tree.ts";

/** A step of freeing ends when it has changed so many blocks of metadata. */
const STEP_BLOCKS = 20;
/** A file that goes on within so many blocks after a hole goes on as far behind on the device. */
const NEAR_BLOCKS = 512;

/** Extents of a mounted file system's files. */
export class Extents {
  private readonly store: BlockStore;
  private readonly groups: Groups;
  private readonly tree: Tree;
  /** Where find() was: entry of the leaf that lies at or before the block, or -1. */
  private slot = -1;

  constructor(store: BlockStore, groups: Groups, inodes: Inodes) {
    this.store = store;
    this.groups = groups;
    this.tree = new Tree(store, groups, inodes, KIND_EXTENTS);
  }

  /** Fills `into` with what lies at a block of a file, extent or hole, at most `nrBlocks`. Returns 0 or -errno. O(log). */
  find(ino: number, fileBlock: number, nrBlocks: number, into: BlockMapping): number {
    const { tree } = this;
    into.isNew = false;
    into.block = NO_BLOCK;
    const opened = tree.open(ino);
    if (opened < 0) return opened;
    const descended = tree.descend(fileBlock, false);
    if (descended < 0) return descended;
    const leaf = tree.getNode(0);
    if (typeof leaf === "number") return leaf;
    const slot = tree.findSlot(leaf, fileBlock, false);
    this.slot = slot;
    if (slot >= 0) {
      const at = tree.entriesAt + slot * ENTRY_SIZE;
      const offset = fileBlock - getU32(leaf, at + ENTRY_KEY);
      const nrHere = getU32(leaf, at + ENTRY_BLOCKS) - offset;
      if (nrHere > 0) {
        into.block = getU64(leaf, at + ENTRY_BLOCK) + offset;
        into.nrBlocks = Math.min(nrBlocks, nrHere);
        return 0;
      }
    }
    let end = slot + 1 < tree.count ? tree.keyAt(leaf, slot + 1) : tree.nextKey();
    if (end < -1) return end + 1;
    if (end === -1) end = MAX_FILE_BLOCKS;
    into.nrBlocks = Math.min(nrBlocks, end - fileBlock);
    return into.nrBlocks > 0 ? 0 : -EUCLEAN;
  }

  /** Gives blocks to the hole that find() has just put into `into`, perhaps fewer. Within an operation. */
  fill(ino: number, fileBlock: number, into: BlockMapping): number {
    const { tree, groups } = this;
    const start = groups.allocBlocks(this.goalFor(ino, fileBlock), into.nrBlocks);
    if (start < 0) return start;
    const nrBlocks = groups.nrAllocated;
    into.block = start;
    into.nrBlocks = nrBlocks;
    into.isNew = true;
    const counted = tree.addBlocks(nrBlocks);
    if (counted < 0) return counted;
    const leaf = tree.modifyNode(0);
    if (typeof leaf === "number") return leaf;
    const { slot } = this;
    const { geometry } = this.store;
    if (slot >= 0) {
      const at = tree.entriesAt + slot * ENTRY_SIZE;
      const nrBefore = getU32(leaf, at + ENTRY_BLOCKS);
      const block = getU64(leaf, at + ENTRY_BLOCK);
      const isNext = getU32(leaf, at + ENTRY_KEY) + nrBefore === fileBlock && block + nrBefore === start;
      if (isNext && geometry.isData(block, nrBefore + nrBlocks)) {
        setU32(leaf, at + ENTRY_BLOCKS, nrBefore + nrBlocks);
        return 0;
      }
    }
    if (slot + 1 < tree.count) {
      const at = tree.entriesAt + (slot + 1) * ENTRY_SIZE;
      const nrBehind = getU32(leaf, at + ENTRY_BLOCKS);
      const isBefore =
        tree.keyAt(leaf, slot + 1) === fileBlock + nrBlocks &&
        getU64(leaf, at + ENTRY_BLOCK) === start + nrBlocks;
      if (isBefore && geometry.isData(start, nrBlocks + nrBehind)) {
        setU32(leaf, at + ENTRY_KEY, fileBlock);
        setU32(leaf, at + ENTRY_BLOCKS, nrBlocks + nrBehind);
        setU64(leaf, at + ENTRY_BLOCK, start);
        return 0;
      }
    }
    return tree.insert(0, slot + 1, fileBlock, nrBlocks, start);
  }

  /** Behind the extent before; else before the one behind; else the data of the inode's group. */
  private goalFor(ino: number, fileBlock: number): number {
    const { tree, slot } = this;
    const { geometry } = this.store;
    const leaf = tree.getNode(0);
    if (typeof leaf !== "number" && slot >= 0) {
      const at = tree.entriesAt + slot * ENTRY_SIZE;
      const nrBefore = getU32(leaf, at + ENTRY_BLOCKS);
      const distance = fileBlock - getU32(leaf, at + ENTRY_KEY);
      const block = getU64(leaf, at + ENTRY_BLOCK);
      return block + (distance - nrBefore <= NEAR_BLOCKS ? distance : nrBefore);
    }
    if (typeof leaf !== "number" && tree.count > 0) {
      const distance = tree.keyAt(leaf, 0) - fileBlock;
      const block = getU64(leaf, tree.entriesAt + ENTRY_BLOCK);
      if (distance <= NEAR_BLOCKS) return Math.max(0, block - distance);
    }
    return geometry.groupStart(Math.floor((ino - 1) / geometry.inodesPerGroup));
  }

  /** Does a file have blocks from a block on? 1, 0 or -errno. */
  hasFrom(ino: number, fileBlock: number): number {
    const { tree } = this;
    const opened = tree.open(ino);
    if (opened < 0) return opened;
    const descended = tree.descend(MAX_FILE_BLOCKS - 1, false);
    if (descended < 0) return descended;
    const leaf = tree.getNode(0);
    if (typeof leaf === "number") return leaf;
    if (tree.count === 0) return 0;
    const at = tree.entriesAt + (tree.count - 1) * ENTRY_SIZE;
    return getU32(leaf, at + ENTRY_KEY) + getU32(leaf, at + ENTRY_BLOCKS) > fileBlock ? 1 : 0;
  }

  /**
   * Frees blocks [start, end) of a file from the end on, as many as one operation may. Returns 0 when none is left, 1 when
   * another step is needed, or -errno. Within an operation.
   */
  freeStep(ino: number, start: number, end: number): number {
    const { tree } = this;
    let limit = end;
    while (limit > start) {
      if (this.store.nrOperationBlocks >= STEP_BLOCKS) return 1;
      const opened = tree.open(ino);
      if (opened < 0) return opened;
      const descended = tree.descend(limit - 1, false);
      if (descended < 0) return descended;
      const leaf = tree.getNode(0);
      if (typeof leaf === "number") return leaf;
      const slot = tree.findSlot(leaf, limit - 1, false);
      if (slot >= 0) {
        const next = this.freeAt(leaf, slot, start, limit);
        if (next < 0) return next;
        limit = next;
      } else {
        const least = tree.leastKey();
        if (least < 0) return least;
        if (least >= limit) return -EUCLEAN;
        limit = least;
      }
    }
    return 0;
  }

  /** Frees what an extent has in [start, end). Returns where the next step ends: at most `start` when there is none. */
  private freeAt(leaf: Uint8Array, slot: number, start: number, end: number): number {
    const { tree } = this;
    const at = tree.entriesAt + slot * ENTRY_SIZE;
    const key = getU32(leaf, at + ENTRY_KEY);
    const nrBlocks = getU32(leaf, at + ENTRY_BLOCKS);
    const block = getU64(leaf, at + ENTRY_BLOCK);
    const from = Math.max(key, start);
    const to = Math.min(key + nrBlocks, end);
    if (to <= from) return start;
    let result = this.groups.freeBlocksAt(block + from - key, to - from);
    if (result === 0) result = tree.addBlocks(from - to);
    if (result < 0) return result;
    if (from === key && to === key + nrBlocks) {
      result = tree.remove(0, slot);
      return result < 0 ? result : from;
    }
    const writable = tree.modifyNode(0);
    if (typeof writable === "number") return writable;
    const place = tree.entriesAt + slot * ENTRY_SIZE;
    if (from === key) {
      setU32(writable, place + ENTRY_KEY, to);
      setU32(writable, place + ENTRY_BLOCKS, key + nrBlocks - to);
      setU64(writable, place + ENTRY_BLOCK, block + to - key);
      return from;
    }
    setU32(writable, place + ENTRY_BLOCKS, from - key);
    if (to === key + nrBlocks) return from;
    result = tree.insert(0, slot + 1, to, key + nrBlocks - to, block + to - key);
    return result < 0 ? result : from;
  }
}
