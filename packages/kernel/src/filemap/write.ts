/**
 * write(2) into the page cache. Hot: per page written.
 * Source: Linux 6.18 mm/filemap.c, generic_perform_write(); fs/buffer.c, __block_write_begin_int(), block_write_end().
 * Differs: blocks are taken when they are written to and not when they are written out (no delayed allocation), so that a
 * full disk answers -ENOSPC here.
 */
import {
  type BlockMapping,
  EFBIG,
  ENOMEM,
  GFP_HIGHUSER_MOVABLE,
  __GFP_WRITE,
  NO_BLOCK,
  NO_PFN,
  PAGE_SIZE,
  PG_LOCKED,
  PG_UPTODATE,
  type Pfn,
} from "@pageframe/contracts";
import { completeIo, waitOnPage } from "../disk/io.ts";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { balanceDirtyPages } from "./balance-dirty-pages.ts";
import { markPageDirty } from "./dirty.ts";
import { zeroBeforeWrite, zeroPastEnd } from "./truncate.ts";
import { noteDelayed } from "./write-ordered.ts";
import { addToPageCache, allocCachePage, makeUptodate } from "./page-cache.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Largest file (MAX_LFS_FILESIZE is 2^63 - 1; a number is exact up to 2^53). */
export const MAX_FILE_BYTES: number = 2 ** 53 - PAGE_SIZE;

/** Gives what is written: the bytes at `done` become `[offset, offset + nrBytes)` of a frame. */
export interface WriteSource {
  /** Returns the bytes given: fewer than asked for end the write. */
  give(pfn: Pfn, offset: number, done: number, nrBytes: number): number;
}

/**
 * Writes up to `nrBytes` at byte `position` of a file on a disk; the file grows. Returns the bytes written, or -ENOSPC, -EFBIG,
 * -EIO, -ENOMEM, -EROFS when not even one could be.
 */
export function filemapWrite(
  sys: System,
  task: Task,
  file: OpenFile,
  position: number,
  nrBytes: number,
  source: WriteSource,
): number {
  const { inode } = file;
  completeIo(sys);
  if (position >= MAX_FILE_BYTES) return -EFBIG;
  const endByte = Math.min(position + nrBytes, MAX_FILE_BYTES);
  let done = 0;
  const oldBytes = inode.sizeBytes;
  let error = position > oldBytes && nrBytes > 0 ? zeroPastEnd(sys, inode, position) : 0;
  if (error < 0) return error;
  while (position + done < endByte && task.killedBy === null) {
    const at = position + done;
    const offset = at % PAGE_SIZE;
    const nrHere = Math.min(PAGE_SIZE - offset, endByte - at);
    const pfn = pageToWrite(sys, inode, Math.floor(at / PAGE_SIZE), offset, nrHere);
    if (pfn < 0) {
      error = pfn;
      break;
    }
    const nrGiven = source.give(pfn, offset, done, nrHere);
    sys.memmap.setFlags(pfn, PG_UPTODATE);
    markPageDirty(sys, pfn);
    putUserPage(sys, pfn, sys.currentCpu);
    done += nrGiven;
    if (at + nrGiven > inode.sizeBytes) {
      error = setInodeSize(inode, at + nrGiven);
      if (error < 0) break;
    }
    if (nrGiven < nrHere) break;
    balanceDirtyPages(sys, task, inode);
  }
  if (done > 0 && position > oldBytes) zeroBeforeWrite(sys, inode, oldBytes, position);
  if (done > 0) inode.superBlock?.fs.touch(inode.fsIno);
  return done > 0 ? done : error;
}

/** Gives an inode a larger size, in memory and in its file system. Returns 0 or -errno. */
export function setInodeSize(inode: Inode, sizeBytes: number): number {
  const error = inode.superBlock?.fs.setSize(inode.fsIno, sizeBytes) ?? 0;
  if (error === 0) inode.sizeBytes = sizeBytes;
  return error;
}

/** Gives a page a block on the disk. Returns 0 with `mapping` filled, or -errno. */
export function allocateBlock(inode: Inode, pgoff: number, mapping: BlockMapping): number {
  const { superBlock } = inode;
  if (superBlock === null) return 0;
  const error = superBlock.fs.mapBlocks(inode.fsIno, pgoff, 1, true, mapping);
  if (error >= 0 && mapping.isNew) noteDelayed(inode, pgoff);
  return error;
}

/** A page to write into, with a block, and with what is around the write up to date. Takes a reference, or -errno. */
function pageToWrite(sys: System, inode: Inode, pgoff: number, offset: number, nrBytes: number): number {
  const { memmap } = sys;
  let pfn = inode.pages.load(pgoff);
  const isNewPage = pfn === NO_PFN;
  if (isNewPage) {
    pfn = allocCachePage(sys, GFP_HIGHUSER_MOVABLE | __GFP_WRITE);
    if (pfn === NO_PFN) return -ENOMEM;
    addToPageCache(sys, inode, pgoff, pfn, true);
    sys.nrCacheMisses++;
  } else {
    sys.nrCacheHits++;
    sys.readahead.noteWanted(pfn);
  }
  memmap.getPage(pfn);
  waitOnPage(sys, pfn, PG_LOCKED);
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const error = allocateBlock(inode, pgoff, mapping);
  if (error < 0) {
    putUserPage(sys, pfn, sys.currentCpu);
    return error;
  }
  if (memmap.hasFlags(pfn, PG_UPTODATE)) return pfn;
  if (memmap.nrFolioPages(memmap.compoundHead(pfn)) > 1) return makeUptodate(sys, inode, pfn);
  if (nrBytes === PAGE_SIZE) return pfn;
  // Beyond what the file had there is nothing to read: zeros.
  const isBeyondEnd = pgoff * PAGE_SIZE >= inode.sizeBytes;
  const coversAll = offset === 0 && pgoff * PAGE_SIZE + nrBytes >= inode.sizeBytes;
  if (mapping.isNew || isBeyondEnd || coversAll) {
    sys.contents.zeroPage(pfn);
    return pfn;
  }
  return makeUptodate(sys, inode, pfn);
}
