/**
 * Does a block of metadata make sense by itself? Asked once when it comes from the device: a forged image may have right
 * checksums, and the rest of the code relies on what is checked here (counts in range, keys in order, blocks within data).
 */
import { FS_BLOCK_SIZE, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "@pageframe/contracts";
import { getU16, getU32, getU64 } from "./bytes.ts";
import {
  DESCRIPTOR_SIZE,
  DESCRIPTORS_PER_BLOCK,
  ENTRY_BLOCK,
  ENTRY_BLOCKS,
  ENTRY_KEY,
  ENTRY_SIZE,
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
  HEADER_EXTRA,
  HEADER_SIZE,
  INODE_BLOCKS,
  INODE_BYTES,
  INODE_COUNT,
  INODE_DEPTH,
  INODE_FLAGS,
  INODE_LINKS,
  INODE_MODE,
  INODE_NEXT_ORPHAN,
  INODE_ORPHAN,
  INODE_PARENT,
  INODE_PENDING,
  INODE_PENDING_END,
  INODE_PENDING_START,
  INODE_PREV_ORPHAN,
  INODE_ROOT,
  INODE_ROOT_SIZE,
  INODE_SIZE,
  INODES_PER_BLOCK,
  KIND_BLOCK_BITMAP,
  KIND_EXTENTS,
  KIND_GROUPS,
  KIND_INODE_BITMAP,
  KIND_INODES,
  KIND_NAMES,
  KIND_NODE,
  KIND_STATE,
  KIND_SYMLINK,
  MAX_DEPTH,
  MAX_FILE_BLOCKS,
  MAX_TARGET,
  NAME_INO,
  NAME_SIZE,
  NAME_TEXT,
  NAME_TYPE,
  NODE_ENTRIES,
  ROOT_ENTRIES,
  STATE_ORPHAN,
  type Geometry,
} from "./layout.ts";

/** Says whether a sealed block of a kind can be relied on. O(size of the block). */
export function isBlockSound(bytes: Uint8Array, kind: number, block: number, geometry: Geometry): boolean {
  const count = getU32(bytes, HEADER_COUNT);
  const extra = getU32(bytes, HEADER_EXTRA);
  switch (kind) {
    case KIND_STATE:
      return getU32(bytes, STATE_ORPHAN) <= geometry.nrInodes;
    case KIND_GROUPS:
      return areGroupsSound(bytes, block, geometry);
    case KIND_BLOCK_BITMAP:
      return isBlockBitmapSound(bytes, block, geometry, count);
    case KIND_INODE_BITMAP:
      return nrZeroBits(bytes) === count && isFilled(bytes, geometry.inodesPerGroup, GROUP_BLOCKS);
    case KIND_INODES: {
      for (let index = 0; index < INODES_PER_BLOCK; index++) {
        if (!isInodeSound(bytes, HEADER_SIZE + index * INODE_SIZE, geometry)) return false;
      }
      return true;
    }
    case KIND_NODE:
      if (extra < 1 || extra >= MAX_DEPTH || count < 1 || count > NODE_ENTRIES) return false;
      return areChildrenSound(bytes, HEADER_SIZE, count, geometry);
    case KIND_EXTENTS:
      if (extra !== 0 || count < 1 || count > NODE_ENTRIES) return false;
      return areExtentsSound(bytes, HEADER_SIZE, count, geometry);
    case KIND_NAMES:
      return areNamesSound(bytes, count, extra, geometry);
    case KIND_SYMLINK:
      return count >= 1 && count <= MAX_TARGET;
    default:
      return false;
  }
}

/** Clear bits of a bitmap block. */
export function nrZeroBits(bytes: Uint8Array): number {
  let nrSet = 0;
  for (let at = HEADER_SIZE; at < FS_BLOCK_SIZE; at += 4) {
    let word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    word = word - ((word >>> 1) & 0x55555555);
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    nrSet += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return GROUP_BLOCKS - nrSet;
}

/** Are bits [from, to) of a bitmap block all set? */
function isFilled(bytes: Uint8Array, from: number, to: number): boolean {
  for (let bit = from; bit < to; bit++) {
    if ((bit & 7) === 0 && bit + 8 <= to && bytes[HEADER_SIZE + (bit >> 3)] === 0xff) bit += 7;
    else if ((bytes[HEADER_SIZE + (bit >> 3)] & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

function areGroupsSound(bytes: Uint8Array, block: number, geometry: Geometry): boolean {
  const first = (block - GROUP_TABLE_START) * DESCRIPTORS_PER_BLOCK;
  for (let index = 0; index < DESCRIPTORS_PER_BLOCK && first + index < geometry.nrGroups; index++) {
    const at = HEADER_SIZE + index * DESCRIPTOR_SIZE;
    const nrMax = geometry.groupBlocks(first + index) - geometry.nrGroupMetadata;
    const flags = getU32(bytes, at + GROUP_FLAGS);
    const nrFreeBlocks = getU32(bytes, at + GROUP_FREE_BLOCKS);
    const nrFreeInodes = getU32(bytes, at + GROUP_FREE_INODES);
    if (nrFreeBlocks > nrMax || nrFreeInodes > geometry.inodesPerGroup) return false;
    if ((flags & ~(GROUP_BLOCKS_INIT | GROUP_INODES_INIT)) !== 0) return false;
    if ((flags & GROUP_BLOCKS_INIT) === 0 && nrFreeBlocks !== nrMax) return false;
    if ((flags & GROUP_INODES_INIT) === 0 && nrFreeInodes !== geometry.inodesPerGroup) return false;
    if (getU32(bytes, at + GROUP_DIRS) > geometry.inodesPerGroup - nrFreeInodes) return false;
    if (getU32(bytes, at + GROUP_TABLE_BLOCKS) > geometry.nrTableBlocks) return false;
  }
  return true;
}

function isBlockBitmapSound(bytes: Uint8Array, block: number, geometry: Geometry, count: number): boolean {
  const group = geometry.groupOf(block);
  if (group < 0 || nrZeroBits(bytes) !== count) return false;
  return (
    isFilled(bytes, 0, geometry.nrGroupMetadata) && isFilled(bytes, geometry.groupBlocks(group), GROUP_BLOCKS)
  );
}

function isInodeSound(bytes: Uint8Array, at: number, geometry: Geometry): boolean {
  const mode = getU16(bytes, at + INODE_MODE);
  if (mode === 0) return true;
  const type = mode & S_IFMT;
  const sizeBytes = getU64(bytes, at + INODE_BYTES);
  const nrBlocks = getU64(bytes, at + INODE_BLOCKS);
  const depth = getU16(bytes, at + INODE_DEPTH);
  const count = getU32(bytes, at + INODE_COUNT);
  const flags = getU32(bytes, at + INODE_FLAGS);
  if ((flags & ~(INODE_ORPHAN | INODE_PENDING)) !== 0) return false;
  if (getU32(bytes, at + INODE_NEXT_ORPHAN) > geometry.nrInodes) return false;
  if (getU32(bytes, at + INODE_PREV_ORPHAN) > geometry.nrInodes) return false;
  if (getU32(bytes, at + INODE_LINKS) === 0 && (flags & INODE_ORPHAN) === 0) return false;
  if (nrBlocks > geometry.nrBlocks) return false;
  if ((flags & INODE_PENDING) !== 0) {
    if ((flags & INODE_ORPHAN) === 0 || type !== S_IFREG) return false;
    if (getU64(bytes, at + INODE_PENDING_START) >= getU64(bytes, at + INODE_PENDING_END)) return false;
    if (getU64(bytes, at + INODE_PENDING_END) > MAX_FILE_BLOCKS) return false;
  }
  if (type === S_IFLNK) {
    if (sizeBytes < 1 || sizeBytes > MAX_TARGET || depth !== 0) return false;
    if (sizeBytes <= INODE_ROOT_SIZE) return nrBlocks === 0;
    return nrBlocks === 1 && geometry.isData(getU64(bytes, at + INODE_ROOT + ENTRY_BLOCK), 1);
  }
  if (type !== S_IFREG && type !== S_IFDIR) return false;
  if (sizeBytes > MAX_FILE_BLOCKS * FS_BLOCK_SIZE || depth > MAX_DEPTH || count > ROOT_ENTRIES) return false;
  if (depth > 0) return count > 0 && areChildrenSound(bytes, at + INODE_ROOT, count, geometry);
  if (type === S_IFREG) return areExtentsSound(bytes, at + INODE_ROOT, count, geometry);
  const parent = getU32(bytes, at + INODE_PARENT);
  return count === 0 && parent >= 1 && parent <= geometry.nrInodes;
}

/** Keys ascend (they may repeat, for names with one hash), blocks lie in data. */
function areChildrenSound(bytes: Uint8Array, from: number, count: number, geometry: Geometry): boolean {
  let previous = 0;
  for (let slot = 0; slot < count; slot++) {
    const at = from + slot * ENTRY_SIZE;
    const key = getU32(bytes, at + ENTRY_KEY);
    if (key < previous || !geometry.isData(getU64(bytes, at + ENTRY_BLOCK), 1)) return false;
    previous = key;
  }
  return true;
}

/** Extents ascend, do not overlap, end within the largest file, and lie in the data of a group each. */
function areExtentsSound(bytes: Uint8Array, from: number, count: number, geometry: Geometry): boolean {
  let end = 0;
  for (let slot = 0; slot < count; slot++) {
    const at = from + slot * ENTRY_SIZE;
    const key = getU32(bytes, at + ENTRY_KEY);
    const nrBlocks = getU32(bytes, at + ENTRY_BLOCKS);
    if (key < end || key + nrBlocks > MAX_FILE_BLOCKS) return false;
    if (!geometry.isData(getU64(bytes, at + ENTRY_BLOCK), nrBlocks)) return false;
    end = key + nrBlocks;
  }
  return true;
}

function areNamesSound(bytes: Uint8Array, count: number, nrUsed: number, geometry: Geometry): boolean {
  if (count < 1 || nrUsed < HEADER_SIZE || nrUsed > FS_BLOCK_SIZE) return false;
  let at = HEADER_SIZE;
  for (let index = 0; index < count; index++) {
    if (at + NAME_TEXT > nrUsed) return false;
    const ino = getU32(bytes, at + NAME_INO);
    const type = bytes[at + NAME_TYPE] << 12;
    if (ino < 1 || ino > geometry.nrInodes || bytes[at + NAME_SIZE] === 0) return false;
    if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) return false;
    at += NAME_TEXT + bytes[at + NAME_SIZE];
  }
  return at === nrUsed;
}
