/**
 * Direct I/O: between a program and the disk, past the page cache, and in agreement with it.
 *
 * What the cache holds dirty of the range is written first; before and after a direct write the cache drops its pages of it.
 * Source: Linux 6.18 fs/iomap/direct-io.c, __iomap_dio_rw(); fs/ext4/file.c; mm/filemap.c, kiocb_write_and_wait(),
 * kiocb_invalidate_pages(). Differs: a write to a part of a block reads the block first.
 */
import {
  type BlockMapping,
  EFBIG,
  EINVAL,
  EIO,
  FS_BLOCK_SIZE,
  NO_BLOCK,
  PAGE_SIZE,
  REQ_OP_READ,
  REQ_OP_WRITE,
  REQ_SYNC,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { transferBytes } from "../disk/io.ts";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { invalidateForDirect, zeroPastEnd } from "./truncate.ts";
import { MAX_FILE_BYTES, setInodeSize } from "./write.ts";
import { writeAndWait } from "./write-out.ts";
import { type System } from "../system.ts";

/** May a direct transfer begin and end there? Position and length are multiples of a sector. */
function isAligned(position: number, nrBytes: number): boolean {
  return position % SECTOR_SIZE === 0 && nrBytes % SECTOR_SIZE === 0;
}

/** Reads past the cache. Returns the bytes read, 0 at the end, -EINVAL (not aligned) or -EIO. */
export function directRead(sys: System, file: OpenFile, to: Uint8Array, position: number): number {
  const { inode } = file;
  if (inode.disk === null) return -EINVAL;
  const nrBytes = Math.max(0, Math.min(to.length, inode.sizeBytes - position));
  // Where there is nothing to read nobody asks how it is aligned.
  if (nrBytes === 0) return 0;
  if (!isAligned(position, to.length)) return -EINVAL;
  const firstPgoff = Math.floor(position / PAGE_SIZE);
  const endPgoff = Math.ceil((position + nrBytes) / PAGE_SIZE);
  if (writeAndWait(sys, inode, firstPgoff, endPgoff) < 0) return -EIO;
  const block = new Uint8Array(FS_BLOCK_SIZE);
  for (let done = 0; done < nrBytes;) {
    const offset = (position + done) % FS_BLOCK_SIZE;
    const nrHere = Math.min(FS_BLOCK_SIZE - offset, nrBytes - done);
    const error = readBlock(sys, inode, Math.floor((position + done) / FS_BLOCK_SIZE), block);
    if (error < 0) return done > 0 ? done : error;
    to.set(block.subarray(offset, offset + nrHere), done);
    done += nrHere;
  }
  return nrBytes;
}

/** Writes past the cache; the file grows. Returns the bytes written, -EINVAL (not aligned), -ENOSPC, -EFBIG or -EIO. */
export function directWrite(sys: System, file: OpenFile, from: Uint8Array, position: number): number {
  const { inode } = file;
  if (inode.disk === null || inode.superBlock === null) return -EINVAL;
  if (from.length === 0) return 0;
  if (!isAligned(position, from.length)) return -EINVAL;
  if (position + from.length > MAX_FILE_BYTES) return -EFBIG;
  const firstPgoff = Math.floor(position / PAGE_SIZE);
  const endPgoff = Math.ceil((position + from.length) / PAGE_SIZE);
  if (writeAndWait(sys, inode, firstPgoff, endPgoff) < 0) return -EIO;
  if (position > inode.sizeBytes) {
    const zeroed = zeroPastEnd(sys, inode, position);
    if (zeroed < 0) return zeroed;
    // The page of the old end may be among those that are written directly.
    if (writeAndWait(sys, inode, firstPgoff, endPgoff) < 0) return -EIO;
  }
  invalidateForDirect(sys, inode, firstPgoff, endPgoff);
  let done = 0;
  let error = 0;
  while (done < from.length) {
    const offset = (position + done) % FS_BLOCK_SIZE;
    const nrHere = Math.min(FS_BLOCK_SIZE - offset, from.length - done);
    const pgoff = Math.floor((position + done) / FS_BLOCK_SIZE);
    error = writeBlock(sys, inode, pgoff, offset, from.subarray(done, done + nrHere));
    if (error < 0) break;
    done += nrHere;
    if (position + done > inode.sizeBytes) {
      error = setInodeSize(inode, position + done);
      if (error < 0) break;
    }
  }
  if (done > 0) inode.superBlock.fs.touch(inode.fsIno);
  // What a mapping brought in meanwhile is old now.
  invalidateForDirect(sys, inode, firstPgoff, endPgoff);
  return done > 0 ? done : error;
}

function readBlock(sys: System, inode: Inode, pgoff: number, into: Uint8Array): number {
  const { superBlock, disk } = inode;
  if (superBlock === null || disk === null) return -EIO;
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const error = superBlock.fs.mapBlocks(inode.fsIno, pgoff, 1, false, mapping);
  if (error < 0) return error;
  if (mapping.block === NO_BLOCK) {
    into.fill(0);
    return 0;
  }
  return transferBytes(sys, disk, REQ_OP_READ, REQ_SYNC, mapping.block, into);
}

function writeBlock(sys: System, inode: Inode, pgoff: number, offset: number, from: Uint8Array): number {
  const { superBlock, disk } = inode;
  if (superBlock === null || disk === null) return -EIO;
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  if (from.length < FS_BLOCK_SIZE) {
    const error = readBlock(sys, inode, pgoff, bytes);
    if (error < 0) return error;
    // Beyond the end a block may hold what the file once had.
    const nrInFile = inode.sizeBytes - pgoff * FS_BLOCK_SIZE;
    if (nrInFile < FS_BLOCK_SIZE) bytes.fill(0, Math.max(0, nrInFile));
  }
  bytes.set(from, offset);
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const error = superBlock.fs.mapBlocks(inode.fsIno, pgoff, 1, true, mapping);
  if (error < 0) return error;
  return transferBytes(sys, disk, REQ_OP_WRITE, REQ_SYNC, mapping.block, bytes);
}
