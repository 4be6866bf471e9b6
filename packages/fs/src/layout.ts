/**
 * Where things lie on the device.
 *
 *     block 0                superblock; its copy is the last block of the device
 *     block 1                state: head of the list of orphans
 *     2 ..                   group descriptors, 127 to a block
 *     journalStart ..        journal
 *     firstGroupBlock ..     groups of 32512 blocks: block bitmap, inode bitmap, inode table, data
 *
 * Every block of metadata begins with the same 32 bytes:
 *
 *     0 kind | 4 crc32c of the rest, seeded by the file system's id | 8 its own number (64 bits) | 16 inode that owns it, or 0
 *     20 generation of that inode | 24 count | 28 extra (level of a node, used bytes of a leaf of names)
 */
import { FS_BLOCK_SIZE, SECTOR_SIZE } from "@pageframe/contracts";
import { crc32c } from "./crc32c.ts";
import { getU32, getU64, setU32, setU64 } from "./bytes.ts";

/** Kinds of blocks: four letters, first letter in the low byte. */
export const KIND_SUPERBLOCK = 0x62734650;
export const KIND_STATE = 0x74734650;
export const KIND_GROUPS = 0x64674650;
export const KIND_BLOCK_BITMAP = 0x62624650;
export const KIND_INODE_BITMAP = 0x62694650;
export const KIND_INODES = 0x6e694650;
export const KIND_NODE = 0x646e4650;
export const KIND_EXTENTS = 0x78654650;
export const KIND_NAMES = 0x6d6e4650;
export const KIND_SYMLINK = 0x6c734650;
export const KIND_JOURNAL = 0x736a4650;
export const KIND_DESCRIPTOR = 0x646a4650;
export const KIND_REVOKE = 0x726a4650;
export const KIND_COMMIT = 0x636a4650;

/** Offsets in the header. */
export const HEADER_SIZE = 32;
export const HEADER_KIND = 0;
export const HEADER_CHECKSUM = 4;
export const HEADER_BLOCK = 8;
export const HEADER_OWNER = 16;
export const HEADER_GENERATION = 20;
export const HEADER_COUNT = 24;
export const HEADER_EXTRA = 28;

/** Blocks of a group: bits of a bitmap block. */
export const GROUP_BLOCKS: number = (FS_BLOCK_SIZE - HEADER_SIZE) * 8;
/** Bytes of a group descriptor, and how many a block holds. */
export const DESCRIPTOR_SIZE = 32;
export const DESCRIPTORS_PER_BLOCK = (FS_BLOCK_SIZE - HEADER_SIZE) / DESCRIPTOR_SIZE;
/** Offsets in a group descriptor: counts, then flags, then blocks of the inode table that were ever written. */
export const GROUP_FREE_BLOCKS = 0;
export const GROUP_FREE_INODES = 4;
export const GROUP_DIRS = 8;
export const GROUP_FLAGS = 12;
export const GROUP_TABLE_BLOCKS = 16;
/** Flags of a group: its bitmaps were written; before that all but the group's own metadata is free. */
export const GROUP_BLOCKS_INIT = 1;
export const GROUP_INODES_INIT = 2;

/** Inodes of a block of the table, and bytes of one. */
export const INODES_PER_BLOCK = 16;
export const INODE_SIZE = 248;
/** Offsets in an inode. */
export const INODE_MODE = 0;
export const INODE_DEPTH = 2;
export const INODE_LINKS = 4;
export const INODE_BYTES = 8;
export const INODE_MTIME = 16;
export const INODE_CTIME = 24;
export const INODE_BLOCKS = 32;
export const INODE_GENERATION = 40;
export const INODE_FLAGS = 44;
export const INODE_NEXT_ORPHAN = 48;
export const INODE_PREV_ORPHAN = 52;
export const INODE_PARENT = 56;
export const INODE_COUNT = 60;
export const INODE_PENDING_START = 64;
export const INODE_PENDING_END = 72;
export const INODE_NAMES = 80;
export const INODE_ROOT = 88;
/** Bytes of the root: entries of the tree, or the target of a short symbolic link. */
export const INODE_ROOT_SIZE: number = INODE_SIZE - INODE_ROOT;
/** `INODE_FLAGS`: it is on the list of orphans; a range of its blocks is being freed. */
export const INODE_ORPHAN = 1;
export const INODE_PENDING = 2;

/** Bytes of an entry of a tree: key (32 bits), length (32 bits), block (64 bits). */
export const ENTRY_SIZE = 16;
export const ENTRY_KEY = 0;
export const ENTRY_BLOCKS = 4;
export const ENTRY_BLOCK = 8;
export const ROOT_ENTRIES: number = INODE_ROOT_SIZE / ENTRY_SIZE;
export const NODE_ENTRIES: number = (FS_BLOCK_SIZE - HEADER_SIZE) / ENTRY_SIZE;
/** Deepest tree: 254^4 leaves hold more than 2^32 extents. */
export const MAX_DEPTH = 6;

/** Offsets in an entry of a leaf of names; the name follows. */
export const NAME_HASH = 0;
export const NAME_INO = 4;
export const NAME_TYPE = 8;
export const NAME_SIZE = 9;
export const NAME_TEXT = 10;

/** Offset of the list's head in the state block. */
export const STATE_ORPHAN: number = HEADER_SIZE;

/** Blocks with a fixed place. */
export const SUPERBLOCK = 0;
export const STATE_BLOCK = 1;
export const GROUP_TABLE_START = 2;

/** The root directory, and how many inodes nobody gets (number 1, as in ext2). */
export const ROOT_INO = 2;

/** Blocks of a file: 2^44 bytes. */
export const MAX_FILE_BLOCKS = 0x1_0000_0000;
/** Longest target of a symbolic link. */
export const MAX_TARGET: number = FS_BLOCK_SIZE - HEADER_SIZE;
/** Smallest journal. */
export const MIN_JOURNAL_BLOCKS = 64;
/** A group with fewer blocks of data than this is left out. */
const MIN_GROUP_DATA = 8;

/** Sizes and places, all derived from what the superblock says. Plain and never changed. */
export class Geometry {
  readonly nrBlocks: number;
  readonly nrJournalBlocks: number;
  readonly inodesPerGroup: number;
  readonly nrGroupTableBlocks: number;
  readonly journalStart: number;
  readonly firstGroupBlock: number;
  readonly nrTableBlocks: number;
  /** Blocks in front of a group's data: bitmaps and table. */
  readonly nrGroupMetadata: number;
  /** 0 when the device is too small. */
  readonly nrGroups: number;
  readonly nrInodes: number;
  /** First value of every checksum, and of the hash of names. */
  readonly checksumSeed: number;
  readonly hashSeed: number;

  constructor(
    nrBlocks: number,
    nrJournalBlocks: number,
    inodesPerGroup: number,
    checksumSeed: number,
    hashSeed: number,
  ) {
    this.nrBlocks = nrBlocks;
    this.nrJournalBlocks = nrJournalBlocks;
    this.inodesPerGroup = inodesPerGroup;
    this.nrGroupTableBlocks = Math.ceil(Math.ceil(nrBlocks / GROUP_BLOCKS) / DESCRIPTORS_PER_BLOCK);
    this.journalStart = GROUP_TABLE_START + this.nrGroupTableBlocks;
    this.firstGroupBlock = this.journalStart + nrJournalBlocks;
    this.nrTableBlocks = inodesPerGroup / INODES_PER_BLOCK;
    this.nrGroupMetadata = 2 + this.nrTableBlocks;
    const nrSpace = Math.max(0, nrBlocks - 1 - this.firstGroupBlock);
    const nrWhole = Math.floor(nrSpace / GROUP_BLOCKS);
    const hasTail = nrSpace - nrWhole * GROUP_BLOCKS >= this.nrGroupMetadata + MIN_GROUP_DATA;
    this.nrGroups = nrWhole + (hasTail ? 1 : 0);
    this.nrInodes = this.nrGroups * inodesPerGroup;
    this.checksumSeed = checksumSeed;
    this.hashSeed = hashSeed;
  }

  groupStart(group: number): number {
    return this.firstGroupBlock + group * GROUP_BLOCKS;
  }

  /** Blocks of a group; the last may be shorter. */
  groupBlocks(group: number): number {
    return Math.min(GROUP_BLOCKS, this.nrBlocks - 1 - this.groupStart(group));
  }

  /** Group of a block, or -1 outside the groups. */
  groupOf(block: number): number {
    const group = Math.floor((block - this.firstGroupBlock) / GROUP_BLOCKS);
    return group >= 0 && group < this.nrGroups ? group : -1;
  }

  /** Do blocks [start, start + nrBlocks) lie in the data of one group? */
  isData(start: number, nrBlocks: number): boolean {
    const group = this.groupOf(start);
    if (group < 0 || nrBlocks < 1) return false;
    const offset = start - this.groupStart(group);
    return offset >= this.nrGroupMetadata && offset + nrBlocks <= this.groupBlocks(group);
  }

  /** Block of the table that holds an inode, which must be 1 to nrInodes. */
  inodeBlock(ino: number): number {
    const group = Math.floor((ino - 1) / this.inodesPerGroup);
    const index = ino - 1 - group * this.inodesPerGroup;
    return this.groupStart(group) + 2 + Math.floor(index / INODES_PER_BLOCK);
  }
}

/** Offset of an inode in its block. */
export function inodeAt(ino: number): number {
  return HEADER_SIZE + ((ino - 1) % INODES_PER_BLOCK) * INODE_SIZE;
}

/** Begins a block: its header, all else as it is. */
export function setHeader(
  bytes: Uint8Array,
  kind: number,
  block: number,
  owner: number,
  generation: number,
): void {
  setU32(bytes, HEADER_KIND, kind);
  setU64(bytes, HEADER_BLOCK, block);
  setU32(bytes, HEADER_OWNER, owner);
  setU32(bytes, HEADER_GENERATION, generation);
}

function checksumOf(bytes: Uint8Array, seed: number, nrBytes: number): number {
  return crc32c(crc32c(seed, bytes, 0, HEADER_CHECKSUM), bytes, HEADER_CHECKSUM + 4, nrBytes);
}

/** Writes a block's checksum; nothing in it may change afterwards. */
export function sealBlock(bytes: Uint8Array, seed: number): void {
  setU32(bytes, HEADER_CHECKSUM, checksumOf(bytes, seed, FS_BLOCK_SIZE));
}

/** The same for the first sector alone: a block that is whole when that is. */
export function sealSector(bytes: Uint8Array, seed: number): void {
  setU32(bytes, HEADER_CHECKSUM, checksumOf(bytes, seed, SECTOR_SIZE));
}

/** Has its first sector the right checksum, as {@link sealSector} wrote it? */
export function isSectorSealed(bytes: Uint8Array, seed: number): boolean {
  return getU32(bytes, HEADER_CHECKSUM) === checksumOf(bytes, seed, SECTOR_SIZE);
}

/** Is it a block of this kind, written for this place, with the right checksum? */
export function isSealed(bytes: Uint8Array, kind: number, block: number, seed: number): boolean {
  return (
    getU32(bytes, HEADER_KIND) === kind &&
    getU64(bytes, HEADER_BLOCK) === block &&
    getU32(bytes, HEADER_CHECKSUM) === checksumOf(bytes, seed, FS_BLOCK_SIZE)
  );
}
