/**
 * The superblock: what kind of file system lies here and how large it is. Written by mkfs only; a copy is the last block.
 *
 *     32 version | 36 features: compatible, 40 incompatible, 44 compatible for reading | 48 block size | 52 inode size
 *     56 blocks (64 bits) | 64 blocks of the journal | 68 inodes of a group | 72 seed of the hash | 80 id (16 bytes)
 */
import { EINVAL, EUCLEAN, FS_BLOCK_SIZE, type FileSystemHost } from "@pageframe/contracts";
import { getU32, getU64, setU32, setU64 } from "./bytes.ts";
import { crc32c } from "./crc32c.ts";
import {
  Geometry,
  GROUP_BLOCKS,
  HEADER_BLOCK,
  HEADER_KIND,
  HEADER_SIZE,
  INODE_SIZE,
  INODES_PER_BLOCK,
  isSealed,
  KIND_SUPERBLOCK,
  MIN_JOURNAL_BLOCKS,
  sealBlock,
  setHeader,
  SUPERBLOCK,
} from "./layout.ts";

export const VERSION = 1;
const SUPER_VERSION: number = HEADER_SIZE;
const SUPER_INCOMPAT = 40;
const SUPER_RO_COMPAT = 44;
const SUPER_BLOCK_SIZE = 48;
const SUPER_INODE_SIZE = 52;
const SUPER_BLOCKS = 56;
const SUPER_JOURNAL = 64;
const SUPER_INODES = 68;
const SUPER_HASH_SEED = 72;
const SUPER_ID = 80;
const ID_SIZE = 16;
/** Seed of the superblock's own checksum: its id is inside. */
const SUPER_SEED = 0x50464653;
/** Most blocks of a device. */
const MAX_BLOCKS: number = 2 ** 36;

/** What cannot be mounted, and why in one sentence. */
export interface MountFailure {
  /** Negative errno. */
  readonly errno: number;
  readonly sentence: string;
}

/** A superblock that was read. */
export interface FoundSuperblock {
  readonly geometry: Geometry;
  /** Features that this version does not know and that forbid writing. */
  readonly mustNotWrite: boolean;
  /** The first copy is damaged: the second was read. */
  readonly isBackup: boolean;
  /** FS_BLOCK_SIZE bytes as they must be in block 0. */
  readonly primary: Uint8Array;
}

/** 16 bytes from a seed, for telling file systems apart. */
export function makeId(seed: number): Uint8Array {
  const id = new Uint8Array(ID_SIZE);
  let state = (seed ^ 0x9e3779b9) | 0;
  for (let at = 0; at < ID_SIZE; at += 4) {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    setU32(id, at, word ^ (word >>> 14));
  }
  return id;
}

/** Sizes and places of a file system with this id. */
export function geometryOf(
  nrBlocks: number,
  nrJournalBlocks: number,
  inodesPerGroup: number,
  hashSeed: number,
  id: Uint8Array,
): Geometry {
  return new Geometry(nrBlocks, nrJournalBlocks, inodesPerGroup, crc32c(0, id, 0, ID_SIZE), hashSeed);
}

/** A superblock for a place, 0 or the last block. */
export function encodeSuperblock(geometry: Geometry, id: Uint8Array, block: number): Uint8Array {
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  setHeader(bytes, KIND_SUPERBLOCK, block, 0, 0);
  setU32(bytes, SUPER_VERSION, VERSION);
  setU32(bytes, SUPER_BLOCK_SIZE, FS_BLOCK_SIZE);
  setU32(bytes, SUPER_INODE_SIZE, INODE_SIZE);
  setU64(bytes, SUPER_BLOCKS, geometry.nrBlocks);
  setU32(bytes, SUPER_JOURNAL, geometry.nrJournalBlocks);
  setU32(bytes, SUPER_INODES, geometry.inodesPerGroup);
  setU32(bytes, SUPER_HASH_SEED, geometry.hashSeed);
  bytes.set(id, SUPER_ID);
  sealBlock(bytes, SUPER_SEED);
  return bytes;
}

/** Finds the superblock of a device. Returns it or what is wrong. */
export function readSuperblock(host: FileSystemHost): FoundSuperblock | MountFailure {
  if (host.nrBlocks < 1) return fail("there is no file system here: the device has no block of 4096 bytes");
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  const result = host.readBlocks(SUPERBLOCK, bytes);
  if (result < 0) return { errno: result, sentence: "the superblock (block 0) cannot be read" };
  if (getU32(bytes, HEADER_KIND) !== KIND_SUPERBLOCK) {
    return fail("there is no file system of this kind here: block 0 has no superblock");
  }
  if (isSealed(bytes, KIND_SUPERBLOCK, SUPERBLOCK, SUPER_SEED)) return decode(host, bytes, false);
  // The copy is where the device ends, or where the damaged one says that the file system does.
  for (const last of [host.nrBlocks - 1, getU64(bytes, SUPER_BLOCKS) - 1]) {
    if (last < 1 || last >= host.nrBlocks || host.readBlocks(last, bytes) < 0) continue;
    if (!isSealed(bytes, KIND_SUPERBLOCK, last, SUPER_SEED)) continue;
    setU64(bytes, HEADER_BLOCK, SUPERBLOCK);
    sealBlock(bytes, SUPER_SEED);
    return decode(host, bytes, true);
  }
  return {
    errno: -EUCLEAN,
    sentence: "the superblock (block 0) has a wrong checksum, and its copy in the last block is not there",
  };
}

/** Id of a superblock as 32 hexadecimal digits. */
export function idOf(superblock: Uint8Array): string {
  const id = superblock.subarray(SUPER_ID, SUPER_ID + ID_SIZE);
  return Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Is the copy in the last block whole? */
export function readBackup(host: FileSystemHost, geometry: Geometry): boolean {
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  const last = geometry.nrBlocks - 1;
  return host.readBlocks(last, bytes) === 0 && isSealed(bytes, KIND_SUPERBLOCK, last, SUPER_SEED);
}

function decode(
  host: FileSystemHost,
  primary: Uint8Array,
  isBackup: boolean,
): FoundSuperblock | MountFailure {
  const version = getU32(primary, SUPER_VERSION);
  if (version !== VERSION)
    return fail(`the file system has version ${version}; only version ${VERSION} is known`);
  const features = getU32(primary, SUPER_INCOMPAT);
  if (features !== 0)
    return fail(`the file system has features 0x${features.toString(16)} that are not known`);
  if (getU32(primary, SUPER_BLOCK_SIZE) !== FS_BLOCK_SIZE || getU32(primary, SUPER_INODE_SIZE) !== INODE_SIZE)
    return fail("the superblock gives a size of blocks or inodes that is not known");
  const nrBlocks = getU64(primary, SUPER_BLOCKS);
  const nrJournalBlocks = getU32(primary, SUPER_JOURNAL);
  const inodesPerGroup = getU32(primary, SUPER_INODES);
  if (nrBlocks > host.nrBlocks) {
    return fail(
      `the image is truncated: the file system has ${nrBlocks} blocks of 4096 bytes, the device ${host.nrBlocks}`,
    );
  }
  const isSane =
    nrJournalBlocks >= MIN_JOURNAL_BLOCKS &&
    nrJournalBlocks < nrBlocks &&
    inodesPerGroup >= INODES_PER_BLOCK &&
    inodesPerGroup % INODES_PER_BLOCK === 0 &&
    inodesPerGroup <= GROUP_BLOCKS;
  const id = primary.slice(SUPER_ID, SUPER_ID + ID_SIZE);
  const hashSeed = getU32(primary, SUPER_HASH_SEED);
  const geometry = isSane ? geometryOf(nrBlocks, nrJournalBlocks, inodesPerGroup, hashSeed, id) : null;
  if (geometry === null || geometry.nrGroups < 1 || nrBlocks > MAX_BLOCKS)
    return fail("the superblock gives sizes that cannot be: blocks, journal or inodes");
  const mustNotWrite = getU32(primary, SUPER_RO_COMPAT) !== 0;
  return { geometry, mustNotWrite, isBackup, primary };
}

function fail(sentence: string): MountFailure {
  return { errno: -EINVAL, sentence };
}
