/**
 * Makes an empty file system (mkfs).
 *
 * Bitmaps and inode tables are made when they are first needed, so a large device costs its descriptors and its journal.
 * Source: mke2fs(8). Differs: no lost+found, no reserved blocks.
 */
import {
  EINVAL,
  EIO,
  ENOSPC,
  EROFS,
  FS_BLOCK_SIZE,
  KernelError,
  S_IFDIR,
  type FileSystemHost,
} from "@pageframe/contracts";
import { setU16, setU32, setU64 } from "./bytes.ts";
import { nrZeroBits } from "./check-block.ts";
import { descriptorAt, descriptorBlock, fillBits, fillNewBitmap } from "./groups.ts";
import { encodeJournalStart } from "./journal.ts";
import {
  DESCRIPTORS_PER_BLOCK,
  GROUP_BLOCKS,
  GROUP_DIRS,
  GROUP_FLAGS,
  GROUP_FREE_BLOCKS,
  GROUP_FREE_INODES,
  GROUP_INODES_INIT,
  GROUP_TABLE_BLOCKS,
  HEADER_COUNT,
  INODE_CTIME,
  INODE_GENERATION,
  INODE_LINKS,
  INODE_MODE,
  INODE_MTIME,
  INODE_PARENT,
  inodeAt,
  INODES_PER_BLOCK,
  KIND_GROUPS,
  KIND_INODE_BITMAP,
  KIND_INODES,
  KIND_STATE,
  MIN_JOURNAL_BLOCKS,
  ROOT_INO,
  sealBlock,
  setHeader,
  STATE_BLOCK,
  SUPERBLOCK,
  type Geometry,
} from "./layout.ts";
import { encodeSuperblock, geometryOf, makeId } from "./superblock.ts";

/** What may be chosen; what is not given follows from the size of the device. */
export interface MakeOptions {
  /** Inodes, rounded up to 16 per group; one per 16 KiB unless given. */
  readonly nrInodes?: number;
  /** Blocks of the journal, at least 64; 1/32 of the device, between 64 and 4096, unless given. */
  readonly journalBlocks?: number;
  /** Makes the id and the seed of the hash of names; 0 unless given. */
  readonly seed?: number;
  /** Permissions of the root directory; 0755 unless given. */
  readonly rootMode?: number;
}

const JOURNAL_CHUNK = 64;

/** Makes a file system on a device. Returns 0, -ENOSPC when the device is too small, -EROFS, -EIO. Throws for bad options. */
export function makeFileSystem(host: FileSystemHost, options: MakeOptions = {}): number {
  const { nrBlocks } = host;
  const journalBlocks =
    options.journalBlocks ?? Math.min(4096, Math.max(MIN_JOURNAL_BLOCKS, Math.floor(nrBlocks / 32)));
  const nrInodes = options.nrInodes ?? Math.floor(nrBlocks / 4);
  if (!Number.isInteger(journalBlocks) || journalBlocks < MIN_JOURNAL_BLOCKS) {
    throw new KernelError(
      EINVAL,
      `journalBlocks (${journalBlocks}) must be a whole number of at least ${MIN_JOURNAL_BLOCKS}`,
    );
  }
  if (!Number.isInteger(nrInodes) || nrInodes < 0)
    throw new KernelError(EINVAL, `nrInodes (${nrInodes}) must be a whole number`);
  if (host.isReadOnly) return -EROFS;
  const nrGroups = Math.max(1, Math.ceil((nrBlocks - journalBlocks) / GROUP_BLOCKS));
  const inodesPerGroup = Math.max(1, Math.ceil(nrInodes / nrGroups / INODES_PER_BLOCK)) * INODES_PER_BLOCK;
  if (inodesPerGroup > GROUP_BLOCKS / 2)
    throw new KernelError(
      EINVAL,
      `nrInodes (${nrInodes}) must be at most ${(nrGroups * GROUP_BLOCKS) / 2} on a device of ${nrBlocks} blocks`,
    );
  const id = makeId(options.seed ?? 0);
  const hashSeed = Math.imul((options.seed ?? 0) + 1, 0x9e3779b1) >>> 0;
  const geometry = geometryOf(nrBlocks, journalBlocks, inodesPerGroup, hashSeed, id);
  if (geometry.nrGroups < 1) return -ENOSPC;
  const writer = new Writer(host);
  writer.put(SUPERBLOCK, new Uint8Array(FS_BLOCK_SIZE));
  if (writer.finish() < 0 || clearJournal(host, geometry) < 0) return -EIO;
  writeGroups(writer, geometry);
  writeRoot(writer, geometry, host.nowNs, options.rootMode ?? 0o755);
  writer.put(STATE_BLOCK, sealed(geometry, STATE_BLOCK, KIND_STATE));
  writer.put(nrBlocks - 1, encodeSuperblock(geometry, id, nrBlocks - 1));
  // Last: before it there is nothing that could be mounted.
  if (writer.finish() < 0) return -EIO;
  writer.put(SUPERBLOCK, encodeSuperblock(geometry, id, SUPERBLOCK));
  return writer.finish();
}

/** Writes through the buffers, so that none is left with what was there before. */
class Writer {
  private readonly host: FileSystemHost;
  private readonly blocks: number[] = [];
  private result = 0;

  constructor(host: FileSystemHost) {
    this.host = host;
  }

  put(block: number, bytes: Uint8Array): void {
    const buffer = this.host.newBuffer(block);
    if (typeof buffer === "number") {
      this.result = -EIO;
      return;
    }
    buffer.bytes.set(bytes);
    this.host.markDirty(buffer);
    this.host.putBuffer(buffer);
    this.blocks.push(block);
    if (this.blocks.length === JOURNAL_CHUNK) this.sync();
  }

  /** All that was put is durable when it returns 0. */
  finish(): number {
    this.sync();
    if (this.result === 0 && this.host.flush() < 0) this.result = -EIO;
    return this.result;
  }

  private sync(): void {
    if (this.blocks.length > 0 && this.host.syncBuffers(this.blocks) < 0) this.result = -EIO;
    this.blocks.length = 0;
  }
}

/** Zeros: what an earlier file system left there must not be replayed. */
function clearJournal(host: FileSystemHost, geometry: Geometry): number {
  const zeros = new Uint8Array(JOURNAL_CHUNK * FS_BLOCK_SIZE);
  for (let done = 0; done < geometry.nrJournalBlocks; done += JOURNAL_CHUNK) {
    const nrHere = Math.min(JOURNAL_CHUNK, geometry.nrJournalBlocks - done);
    const chunk = zeros.subarray(0, nrHere * FS_BLOCK_SIZE);
    if (host.writeBlocks(geometry.journalStart + done, chunk) < 0) return -EIO;
  }
  return host.writeBlocks(geometry.journalStart, encodeJournalStart(geometry, 0, 1, true));
}

function sealed(geometry: Geometry, block: number, kind: number): Uint8Array {
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  setHeader(bytes, kind, block, 0, 0);
  sealBlock(bytes, geometry.checksumSeed);
  return bytes;
}

/** Descriptors: everything is free but inodes 1 and 2. */
function writeGroups(writer: Writer, geometry: Geometry): void {
  for (
    let first = 0;
    first < geometry.nrGroupTableBlocks * DESCRIPTORS_PER_BLOCK;
    first += DESCRIPTORS_PER_BLOCK
  ) {
    const bytes = new Uint8Array(FS_BLOCK_SIZE);
    setHeader(bytes, KIND_GROUPS, descriptorBlock(first), 0, 0);
    for (let group = first; group < first + DESCRIPTORS_PER_BLOCK && group < geometry.nrGroups; group++) {
      const at = descriptorAt(group);
      setU32(bytes, at + GROUP_FREE_BLOCKS, geometry.groupBlocks(group) - geometry.nrGroupMetadata);
      setU32(bytes, at + GROUP_FREE_INODES, geometry.inodesPerGroup - (group === 0 ? ROOT_INO : 0));
      if (group > 0) continue;
      setU32(bytes, at + GROUP_DIRS, 1);
      setU32(bytes, at + GROUP_FLAGS, GROUP_INODES_INIT);
      setU32(bytes, at + GROUP_TABLE_BLOCKS, 1);
    }
    sealBlock(bytes, geometry.checksumSeed);
    writer.put(descriptorBlock(first), bytes);
  }
}

function writeRoot(writer: Writer, geometry: Geometry, nowNs: number, mode: number): void {
  const bitmap = new Uint8Array(FS_BLOCK_SIZE);
  const bitmapBlock = geometry.groupStart(0) + 1;
  setHeader(bitmap, KIND_INODE_BITMAP, bitmapBlock, 0, 0);
  fillNewBitmap(bitmap, KIND_INODE_BITMAP, 0, geometry);
  fillBits(bitmap, 0, ROOT_INO, true);
  setU32(bitmap, HEADER_COUNT, nrZeroBits(bitmap));
  sealBlock(bitmap, geometry.checksumSeed);
  writer.put(bitmapBlock, bitmap);
  const table = new Uint8Array(FS_BLOCK_SIZE);
  const at = inodeAt(ROOT_INO);
  setHeader(table, KIND_INODES, geometry.inodeBlock(ROOT_INO), 0, 0);
  setU16(table, at + INODE_MODE, S_IFDIR | (mode & 0o7777));
  setU32(table, at + INODE_LINKS, 2);
  setU32(table, at + INODE_GENERATION, 1);
  setU32(table, at + INODE_PARENT, ROOT_INO);
  setU64(table, at + INODE_MTIME, nowNs);
  setU64(table, at + INODE_CTIME, nowNs);
  sealBlock(table, geometry.checksumSeed);
  writer.put(geometry.inodeBlock(ROOT_INO), table);
}
