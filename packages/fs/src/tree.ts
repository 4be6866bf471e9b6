/**
 * The tree below an inode: extents of a file, leaves of names of a directory. Hot: per block mapped, per name looked up.
 *
 * The root is in the inode (ten entries), nodes are blocks of 254; all leaves lie equally deep. An entry of a node is the
 * least key below it and a block; the first entry of a node stands for everything below the second. Keys may repeat (names
 * with one hash). A node is never empty: the last entry takes its node along. Levels count from the leaves (0) to the root,
 * and every node says its level, so that no image makes a walk go round.
 * Source: Linux 6.18 fs/ext4/extents.c. Differs: keys of first entries are not kept exact; nodes are not merged.
 */
import { EFBIG, EUCLEAN } from "@pageframe/contracts";
import { type BlockStore } from "./block-store.ts";
import { getU16, getU32, getU64, setU16, setU32, setU64 } from "./bytes.ts";
import { type Groups } from "./groups.ts";
import { type Inodes } from "./inodes.ts";
import {
  ENTRY_BLOCK,
  ENTRY_BLOCKS,
  ENTRY_KEY,
  ENTRY_SIZE,
  HEADER_COUNT,
  HEADER_EXTRA,
  HEADER_GENERATION,
  HEADER_OWNER,
  HEADER_SIZE,
  INODE_BLOCKS,
  INODE_COUNT,
  INODE_DEPTH,
  INODE_GENERATION,
  INODE_ROOT,
  inodeAt,
  KIND_NODE,
  MAX_DEPTH,
  NODE_ENTRIES,
  ROOT_ENTRIES,
} from "./layout.ts";

/** A walk over one inode's tree; open() begins another. */
export class Tree {
  private readonly store: BlockStore;
  private readonly groups: Groups;
  private readonly inodes: Inodes;
  private readonly leafKind: number;
  private ino = 0;
  private generation = 0;
  /** Level of the root. */
  depth = 0;
  /** Blocks that the inode says it has: no walk visits more. */
  nrBlocks = 0;
  /** Node on each level of the path (not of the root), and the entry that was followed in it. */
  readonly pathBlock: Float64Array = new Float64Array(MAX_DEPTH + 1);
  readonly pathSlot: Int32Array = new Int32Array(MAX_DEPTH + 1);
  /** Of the node that was got last: where its count and its entries are. */
  entriesAt = 0;
  count = 0;
  private countAt = 0;

  constructor(store: BlockStore, groups: Groups, inodes: Inodes, leafKind: number) {
    this.store = store;
    this.groups = groups;
    this.inodes = inodes;
    this.leafKind = leafKind;
  }

  /** Turns to an inode, whose kind the caller has looked at. */
  open(ino: number): number {
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    this.ino = ino;
    this.generation = getU32(bytes, at + INODE_GENERATION);
    this.depth = getU16(bytes, at + INODE_DEPTH);
    this.nrBlocks = getU64(bytes, at + INODE_BLOCKS);
    return 0;
  }

  /** Node on the path, to read; `entriesAt` and `count` are set for it. -EUCLEAN, -EIO. */
  getNode(level: number): Uint8Array | number {
    if (level === this.depth) return this.place(this.inodes.get(this.ino), level);
    return this.place(this.store.get(this.pathBlock[level], this.kindOf(level)), level);
  }

  /** The same, to change. */
  modifyNode(level: number): Uint8Array | number {
    if (level === this.depth) return this.place(this.inodes.modify(this.ino, true), level);
    return this.place(this.store.modify(this.pathBlock[level], this.kindOf(level)), level);
  }

  private kindOf(level: number): number {
    return level === 0 ? this.leafKind : KIND_NODE;
  }

  private place(bytes: Uint8Array | number, level: number): Uint8Array | number {
    if (typeof bytes === "number") return bytes;
    if (level === this.depth) {
      const at = inodeAt(this.ino);
      this.countAt = at + INODE_COUNT;
      this.entriesAt = at + INODE_ROOT;
    } else {
      const isOwn =
        getU32(bytes, HEADER_OWNER) === this.ino && getU32(bytes, HEADER_GENERATION) === this.generation;
      if (!isOwn || (level > 0 && getU32(bytes, HEADER_EXTRA) !== level)) return -EUCLEAN;
      this.countAt = HEADER_COUNT;
      this.entriesAt = HEADER_SIZE;
    }
    this.count = getU32(bytes, this.countAt);
    return bytes;
  }

  /** Key of an entry of the node that was got last. */
  keyAt(bytes: Uint8Array, slot: number): number {
    return getU32(bytes, this.entriesAt + slot * ENTRY_SIZE + ENTRY_KEY);
  }

  /** Last entry of the node that was got last with a key of at most `key` (below it, if strict), or -1. O(log). */
  findSlot(bytes: Uint8Array, key: number, isStrict: boolean): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const here = this.keyAt(bytes, middle);
      if (isStrict ? here < key : here <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Goes down to the leaf that a key belongs to: the last that may hold it or, if strict, the first. Returns 0 or -errno. */
  descend(key: number, isStrict: boolean): number {
    for (let level = this.depth; level > 0; level--) {
      const bytes = this.getNode(level);
      if (typeof bytes === "number") return bytes;
      const slot = Math.max(0, this.findSlot(bytes, key, isStrict));
      this.follow(bytes, level, slot);
    }
    return 0;
  }

  private follow(bytes: Uint8Array, level: number, slot: number): void {
    this.pathSlot[level] = slot;
    this.pathBlock[level - 1] = getU64(bytes, this.entriesAt + slot * ENTRY_SIZE + ENTRY_BLOCK);
  }

  /** Key at which the leaf behind this one begins, -1 when there is none; below -1: -errno - 1. */
  nextKey(): number {
    for (let level = 1; level <= this.depth; level++) {
      const bytes = this.getNode(level);
      if (typeof bytes === "number") return bytes - 1;
      if (this.pathSlot[level] + 1 < this.count) return this.keyAt(bytes, this.pathSlot[level] + 1);
    }
    return -1;
  }

  /** Least key that belongs to this leaf, 0 for the first; or -errno. */
  leastKey(): number {
    for (let level = 1; level <= this.depth; level++) {
      if (this.pathSlot[level] === 0) continue;
      const bytes = this.getNode(level);
      return typeof bytes === "number" ? bytes : this.keyAt(bytes, this.pathSlot[level]);
    }
    return 0;
  }

  /** Goes on to the leaf behind. Returns 1, 0 when this was the last, or -errno. */
  nextLeaf(): number {
    for (let level = 1; level <= this.depth; level++) {
      const bytes = this.getNode(level);
      if (typeof bytes === "number") return bytes;
      if (this.pathSlot[level] + 1 >= this.count) continue;
      this.follow(bytes, level, this.pathSlot[level] + 1);
      for (let below = level - 1; below > 0; below--) {
        const node = this.getNode(below);
        if (typeof node === "number") return node;
        this.follow(node, below, 0);
      }
      return 1;
    }
    return 0;
  }

  /**
   * Puts an entry into the node of the path on a level, before `slot`; nodes are split and the root grows as it must. The
   * path is void afterwards. Returns 0, -ENOSPC, ...
   */
  insert(level: number, slot: number, key: number, nrBlocks: number, block: number): number {
    let bytes = this.modifyNode(level);
    if (typeof bytes === "number") return bytes;
    if (level === this.depth && this.count === ROOT_ENTRIES) {
      const grown = this.growRoot(bytes);
      if (grown < 0) return grown;
      bytes = this.modifyNode(level);
      if (typeof bytes === "number") return bytes;
    }
    const nrMost = level === this.depth ? ROOT_ENTRIES : NODE_ENTRIES;
    if (this.count < nrMost) {
      this.putEntry(bytes, slot, key, nrBlocks, block);
      return 0;
    }
    const upper = this.newNode(level);
    if (upper < 0) return upper;
    const right = this.store.modify(upper, this.kindOf(level));
    if (typeof right === "number") return right;
    // Behind the last entry a node begins that only has the new one: files that grow at their end fill their nodes.
    const nrKept = slot === this.count ? this.count : this.count >> 1;
    const nrMoved = this.count - nrKept;
    const from = this.entriesAt + nrKept * ENTRY_SIZE;
    right.set(bytes.subarray(from, from + nrMoved * ENTRY_SIZE), HEADER_SIZE);
    bytes.fill(0, from, from + nrMoved * ENTRY_SIZE);
    setU32(right, HEADER_COUNT, nrMoved);
    setU32(bytes, this.countAt, nrKept);
    const isRight = slot > nrKept || nrMoved === 0;
    this.count = isRight ? nrMoved : nrKept;
    this.putEntry(isRight ? right : bytes, isRight ? slot - nrKept : slot, key, nrBlocks, block);
    return this.insert(level + 1, this.pathSlot[level + 1] + 1, this.keyAt(right, 0), 0, upper);
  }

  /** The root's entries move to a node of their own: the tree gets a level. The path goes on through it. */
  private growRoot(bytes: Uint8Array): number {
    const level = this.depth;
    if (level + 1 > MAX_DEPTH) return -EFBIG;
    const block = this.newNode(level);
    if (block < 0) return block;
    const node = this.store.modify(block, this.kindOf(level));
    if (typeof node === "number") return node;
    const at = inodeAt(this.ino);
    const nrEntries = getU32(bytes, at + INODE_COUNT);
    const root = bytes.subarray(at + INODE_ROOT, at + INODE_ROOT + nrEntries * ENTRY_SIZE);
    node.set(root, HEADER_SIZE);
    setU32(node, HEADER_COUNT, nrEntries);
    root.fill(0, ENTRY_SIZE);
    setU32(root, ENTRY_BLOCKS, 0);
    setU64(root, ENTRY_BLOCK, block);
    setU32(bytes, at + INODE_COUNT, 1);
    setU16(bytes, at + INODE_DEPTH, level + 1);
    this.depth = level + 1;
    this.pathBlock[level] = block;
    this.pathSlot[level + 1] = 0;
    return 0;
  }

  /** The first leaf of a directory: an empty one, and a root that names it. Returns its block or -errno. */
  makeFirstLeaf(): number {
    const block = this.newNode(0);
    if (block < 0) return block;
    const bytes = this.inodes.modify(this.ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(this.ino);
    setU16(bytes, at + INODE_DEPTH, 1);
    setU32(bytes, at + INODE_COUNT, 1);
    setU32(bytes, at + INODE_ROOT + ENTRY_KEY, 0);
    setU32(bytes, at + INODE_ROOT + ENTRY_BLOCKS, 0);
    setU64(bytes, at + INODE_ROOT + ENTRY_BLOCK, block);
    this.depth = 1;
    this.pathBlock[0] = block;
    this.pathSlot[1] = 0;
    return block;
  }

  /** Takes a block for a node that holds nothing yet, near the inode. */
  newNode(level: number): number {
    const { geometry } = this.store;
    const goal =
      level < this.depth
        ? this.pathBlock[level]
        : geometry.groupStart(Math.floor((this.ino - 1) / geometry.inodesPerGroup));
    const block = this.groups.allocBlocks(goal, 1);
    if (block < 0) return block;
    const bytes = this.store.create(block, this.kindOf(level), this.ino, this.generation);
    if (typeof bytes === "number") return bytes;
    if (level > 0) setU32(bytes, HEADER_EXTRA, level);
    const result = this.addBlocks(1);
    return result < 0 ? result : block;
  }

  /** Takes an entry out of the node of the path on a level; the last takes its node along. The path is void afterwards. */
  remove(level: number, slot: number): number {
    const bytes = this.modifyNode(level);
    if (typeof bytes === "number") return bytes;
    const end = this.entriesAt + this.count * ENTRY_SIZE;
    const at = this.entriesAt + slot * ENTRY_SIZE;
    bytes.copyWithin(at, at + ENTRY_SIZE, end);
    bytes.fill(0, end - ENTRY_SIZE, end);
    setU32(bytes, this.countAt, this.count - 1);
    if (this.count > 1) return 0;
    if (level < this.depth) return this.removeNode(level);
    setU16(bytes, inodeAt(this.ino) + INODE_DEPTH, 0);
    this.depth = 0;
    return 0;
  }

  /** Frees the node of the path on a level, which is not the root, and its entry above. */
  removeNode(level: number): number {
    const block = this.pathBlock[level];
    this.store.revoke(block);
    let result = this.groups.freeBlocksAt(block, 1);
    if (result === 0) result = this.addBlocks(-1);
    return result < 0 ? result : this.remove(level + 1, this.pathSlot[level + 1]);
  }

  /** Counts blocks that the inode got or lost. */
  addBlocks(difference: number): number {
    const bytes = this.inodes.modify(this.ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(this.ino) + INODE_BLOCKS;
    const nrBlocks = getU64(bytes, at) + difference;
    if (nrBlocks < 0) return -EUCLEAN;
    setU64(bytes, at, nrBlocks);
    return 0;
  }

  private putEntry(bytes: Uint8Array, slot: number, key: number, nrBlocks: number, block: number): void {
    const at = this.entriesAt + slot * ENTRY_SIZE;
    bytes.copyWithin(at + ENTRY_SIZE, at, this.entriesAt + this.count * ENTRY_SIZE);
    setU32(bytes, at + ENTRY_KEY, key);
    setU32(bytes, at + ENTRY_BLOCKS, nrBlocks);
    setU64(bytes, at + ENTRY_BLOCK, block);
    this.count++;
    setU32(bytes, this.countAt, this.count);
  }
}
