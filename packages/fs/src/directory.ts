/**
 * Names of directories: leaves of names in a tree ordered by hash. Hot: per name looked up.
 *
 *     entry of a leaf: hash (32 bits) | inode (32 bits) | type (S_IFMT >> 12) | bytes of the name | the name
 *
 * A leaf's entries lie in no order; when it is full, the upper half by hash moves to a new leaf.
 * Source: Linux 6.18 fs/ext4/namei.c, dx_probe(), do_split(). Differs: any depth, from the first name on; names with one
 * hash may fill several leaves.
 */
import { ENOENT, EUCLEAN, FS_BLOCK_SIZE, type DirectoryEntry } from "@pageframe/contracts";
import { type BlockStore } from "./block-store.ts";
import { decodeUtf8, getU32, setU32, setU64 } from "./bytes.ts";
import { crc32c } from "./crc32c.ts";
import { type Groups } from "./groups.ts";
import { type Inodes } from "./inodes.ts";
import {
  HEADER_COUNT,
  HEADER_EXTRA,
  HEADER_SIZE,
  INODE_CTIME,
  INODE_MTIME,
  INODE_NAMES,
  inodeAt,
  KIND_NAMES,
  NAME_HASH,
  NAME_INO,
  NAME_SIZE,
  NAME_TEXT,
  NAME_TYPE,
} from "./layout.ts";
import { Tree } from "./tree.ts";

/** Hash of a name, 0 to 2^32 - 1: a checksum, mixed so that its bits do not follow from one another (fmix32 of MurmurHash3). */
export function hashName(name: Uint8Array, seed: number): number {
  let hash = crc32c(seed, name, 0, name.length);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Directories of a mounted file system; that an inode is one is for the caller to know. */
export class Directories {
  private readonly store: BlockStore;
  private readonly inodes: Inodes;
  private readonly tree: Tree;
  /** What find() has found, and where in its leaf. */
  foundIno = 0;
  foundType = 0;
  private foundAt = 0;

  constructor(store: BlockStore, groups: Groups, inodes: Inodes) {
    this.store = store;
    this.inodes = inodes;
    this.tree = new Tree(store, groups, inodes, KIND_NAMES);
  }

  /** Looks a name up: 0 and `foundIno`, `foundType`; -ENOENT, -EUCLEAN, -EIO. O(log) of the names. */
  find(dirIno: number, name: Uint8Array): number {
    const { tree } = this;
    const opened = tree.open(dirIno);
    if (opened < 0) return opened;
    if (tree.depth === 0) return -ENOENT;
    const hash = hashName(name, this.store.geometry.hashSeed);
    const descended = tree.descend(hash, true);
    if (descended < 0) return descended;
    for (let nrVisited = 0; nrVisited <= tree.nrBlocks; nrVisited++) {
      const leaf = tree.getNode(0);
      if (typeof leaf === "number") return leaf;
      if (this.findInLeaf(leaf, hash, name)) return 0;
      const next = tree.nextKey();
      if (next < -1) return next + 1;
      if (next === -1 || next > hash) return -ENOENT;
      const moved = tree.nextLeaf();
      if (moved < 0) return moved;
    }
    return -EUCLEAN;
  }

  private findInLeaf(leaf: Uint8Array, hash: number, name: Uint8Array): boolean {
    const end = getU32(leaf, HEADER_EXTRA);
    for (let at = HEADER_SIZE; at < end; at += NAME_TEXT + leaf[at + NAME_SIZE]) {
      if (getU32(leaf, at + NAME_HASH) !== hash || leaf[at + NAME_SIZE] !== name.length) continue;
      let nrEqual = 0;
      while (nrEqual < name.length && leaf[at + NAME_TEXT + nrEqual] === name[nrEqual]) nrEqual++;
      if (nrEqual < name.length) continue;
      this.foundAt = at;
      this.foundIno = getU32(leaf, at + NAME_INO);
      this.foundType = leaf[at + NAME_TYPE] << 12;
      return true;
    }
    return false;
  }

  /** Adds a name that is not there. Returns 0, -ENOSPC, ... Within an operation. */
  insert(dirIno: number, name: Uint8Array, ino: number, type: number): number {
    const { tree } = this;
    const opened = tree.open(dirIno);
    if (opened < 0) return opened;
    const hash = hashName(name, this.store.geometry.hashSeed);
    if (tree.depth === 0) {
      const made = tree.makeFirstLeaf();
      if (made < 0) return made;
    } else {
      const descended = tree.descend(hash, false);
      if (descended < 0) return descended;
    }
    let leaf = tree.modifyNode(0);
    if (typeof leaf === "number") return leaf;
    if (tree.count === 0) setU32(leaf, HEADER_EXTRA, HEADER_SIZE);
    if (getU32(leaf, HEADER_EXTRA) + NAME_TEXT + name.length > FS_BLOCK_SIZE) {
      const split = this.split(leaf, hash);
      if (typeof split === "number") return split;
      leaf = split;
    }
    const at = getU32(leaf, HEADER_EXTRA);
    setU32(leaf, at + NAME_HASH, hash);
    setU32(leaf, at + NAME_INO, ino);
    leaf[at + NAME_TYPE] = type >>> 12;
    leaf[at + NAME_SIZE] = name.length;
    leaf.set(name, at + NAME_TEXT);
    setU32(leaf, HEADER_COUNT, getU32(leaf, HEADER_COUNT) + 1);
    setU32(leaf, HEADER_EXTRA, at + NAME_TEXT + name.length);
    return this.countNames(dirIno, 1);
  }

  /** Moves the upper half of the path's leaf to a new one; returns the leaf that `hash` belongs to. */
  private split(leaf: Uint8Array, hash: number): Uint8Array | number {
    const { tree } = this;
    const places: number[] = [];
    const end = getU32(leaf, HEADER_EXTRA);
    for (let at = HEADER_SIZE; at < end; at += NAME_TEXT + leaf[at + NAME_SIZE]) places.push(at);
    places.sort((one, other) => getU32(leaf, one) - getU32(leaf, other) || one - other);
    const block = tree.newNode(0);
    if (block < 0) return block;
    const upper = this.store.modify(block, KIND_NAMES);
    if (typeof upper === "number") return upper;
    const old = leaf.slice();
    const half = HEADER_SIZE + ((end - HEADER_SIZE) >> 1);
    let to = HEADER_SIZE;
    let nrLower = 0;
    while (nrLower < places.length - 1 && (nrLower === 0 || to < half)) {
      to = copyEntry(old, places[nrLower++], leaf, to);
    }
    leaf.fill(0, to);
    setU32(leaf, HEADER_COUNT, nrLower);
    setU32(leaf, HEADER_EXTRA, to);
    to = HEADER_SIZE;
    for (let index = nrLower; index < places.length; index++) to = copyEntry(old, places[index], upper, to);
    setU32(upper, HEADER_COUNT, places.length - nrLower);
    setU32(upper, HEADER_EXTRA, to);
    const key = getU32(upper, HEADER_SIZE + NAME_HASH);
    const result = tree.insert(1, tree.pathSlot[1] + 1, key, 0, block);
    if (result < 0) return result;
    return hash < key ? leaf : upper;
  }

  /** Gives the name that find() has just found another inode. Within an operation. */
  replaceFound(dirIno: number, ino: number, type: number): number {
    const leaf = this.tree.modifyNode(0);
    if (typeof leaf === "number") return leaf;
    setU32(leaf, this.foundAt + NAME_INO, ino);
    leaf[this.foundAt + NAME_TYPE] = type >>> 12;
    return this.countNames(dirIno, 0);
  }

  /** Takes the name that find() has just found away. Within an operation. */
  removeFound(dirIno: number): number {
    const { tree } = this;
    const leaf = tree.modifyNode(0);
    if (typeof leaf === "number") return leaf;
    const end = getU32(leaf, HEADER_EXTRA);
    const nrBytes = NAME_TEXT + leaf[this.foundAt + NAME_SIZE];
    leaf.copyWithin(this.foundAt, this.foundAt + nrBytes, end);
    leaf.fill(0, end - nrBytes, end);
    setU32(leaf, HEADER_EXTRA, end - nrBytes);
    setU32(leaf, HEADER_COUNT, tree.count - 1);
    if (tree.count === 1) {
      const result = tree.removeNode(0);
      if (result < 0) return result;
    }
    return this.countNames(dirIno, -1);
  }

  /** A directory changed: its times, and its number of names. */
  private countNames(dirIno: number, difference: number): number {
    const bytes = this.inodes.modify(dirIno, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(dirIno);
    const nrNames = getU32(bytes, at + INODE_NAMES) + difference;
    if (nrNames < 0) return -EUCLEAN;
    setU32(bytes, at + INODE_NAMES, nrNames);
    setU64(bytes, at + INODE_MTIME, this.store.host.nowNs);
    setU64(bytes, at + INODE_CTIME, this.store.host.nowNs);
    return 0;
  }

  /** All names, in the order of their hashes' leaves. -EUCLEAN, -EIO. */
  list(dirIno: number): DirectoryEntry[] | number {
    const { tree } = this;
    const entries: DirectoryEntry[] = [];
    const opened = tree.open(dirIno);
    if (opened < 0) return opened;
    if (tree.depth === 0) return entries;
    const descended = tree.descend(0, true);
    if (descended < 0) return descended;
    for (let nrVisited = 0; nrVisited <= tree.nrBlocks; nrVisited++) {
      const leaf = tree.getNode(0);
      if (typeof leaf === "number") return leaf;
      const end = getU32(leaf, HEADER_EXTRA);
      for (let at = HEADER_SIZE; at < end; at += NAME_TEXT + leaf[at + NAME_SIZE]) {
        const name = decodeUtf8(leaf, at + NAME_TEXT, leaf[at + NAME_SIZE]);
        entries.push({ name, ino: getU32(leaf, at + NAME_INO), type: leaf[at + NAME_TYPE] << 12 });
      }
      this.store.trim();
      const moved = tree.nextLeaf();
      if (moved < 0) return moved;
      if (moved === 0) return entries;
    }
    return -EUCLEAN;
  }
}

function copyEntry(from: Uint8Array, at: number, to: Uint8Array, place: number): number {
  const nrBytes = NAME_TEXT + from[at + NAME_SIZE];
  to.set(from.subarray(at, at + nrBytes), place);
  return place + nrBytes;
}
