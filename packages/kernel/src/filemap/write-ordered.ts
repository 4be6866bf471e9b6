/**
 * Data that must be on the disk before the transaction that shows it. Cold: per commit.
 *
 * Where Linux delays allocation, pages that nobody asked to write have no blocks when a transaction is committed, and so stay
 * dirty. Here they have blocks; a copy of them goes there, and they stay dirty too. What a new end of the file made zeros in
 * a block that had been written is written as it is on Linux, and clean then.
 * Source: Linux 6.18 fs/jbd2/commit.c, journal_submit_data_buffers(); fs/ext4/super.c, ext4_journal_submit_inode_data_buffers();
 * fs/ext4/inode.c, ext4_jbd2_inode_add_write(). Differs: blocks are not allocated late, which the copies make up for.
 */
import {
  type BlockMapping,
  EIO,
  NO_BLOCK,
  NO_PFN,
  PAGE_SIZE,
  PG_DIRTY,
  REQ_OP_WRITE,
  REQ_SYNC,
} from "@pageframe/contracts";
import { PAGECACHE_TAG_DIRTY } from "@pageframe/pagecache";
import { transferBytes } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";
import { waitForWrites, writePages } from "./write-out.ts";

/** Most pages that are copied at a time. */
const COPY_PAGES = 256;

/** A block is new for a page of a file, whose write is to come. */
export function noteDelayed(inode: Inode, pgoff: number): void {
  inode.delayed.add(pgoff);
}

/** A part of a page became zeros because the file's end moved: it is to be written before the size is. */
export function noteOrdered(inode: Inode, pgoff: number): void {
  inode.orderedStart = Math.min(inode.orderedStart, pgoff);
  inode.orderedEnd = Math.max(inode.orderedEnd, pgoff + 1);
}

/** Brings what an inode has dirty to the disk, for a commit. Returns 0, or -EIO when a write failed. */
export function writeOrderedData(sys: System, inode: Inode): number {
  const { pages } = inode;
  const before = inode.nrWriteErrors;
  const { orderedStart, orderedEnd } = inode;
  inode.orderedStart = Infinity;
  inode.orderedEnd = 0;
  for (
    let at = nextDirty(inode, orderedStart, orderedEnd);
    at >= 0;
    at = nextDirty(inode, at + 1, orderedEnd)
  ) {
    if (!inode.delayed.has(at)) writePages(sys, inode, at, at + 1, true);
  }
  waitForWrites(sys, inode, 0, Infinity);
  let isWhole = true;
  if (pages.isMarked(PAGECACHE_TAG_DIRTY)) isWhole = copyDirtyPages(sys, inode);
  return isWhole && inode.nrWriteErrors === before ? 0 : -EIO;
}

function nextDirty(inode: Inode, startPgoff: number, endPgoff: number): number {
  return startPgoff < endPgoff ? inode.pages.nextMarked(startPgoff, endPgoff - 1, PAGECACHE_TAG_DIRTY) : -1;
}

/** Writes the bytes of dirty pages to their blocks and leaves the pages as they are. False when one could not be written. */
function copyDirtyPages(sys: System, inode: Inode): boolean {
  const { disk, superBlock } = inode;
  if (disk === null || superBlock === null) return true;
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  let isWhole = true;
  for (let at = nextPageToCopy(sys, inode, 0); at >= 0; at = nextPageToCopy(sys, inode, at)) {
    const error = superBlock.fs.mapBlocks(inode.fsIno, at, COPY_PAGES, false, mapping);
    const hasBlock = error >= 0 && mapping.block !== NO_BLOCK;
    const nrPages = hasBlock ? countToCopy(sys, inode, at, Math.min(mapping.nrBlocks, COPY_PAGES)) : 0;
    if (nrPages > 0) {
      const bytes = bytesOf(sys, inode, at, nrPages);
      if (transferBytes(sys, disk, REQ_OP_WRITE, REQ_SYNC, mapping.block, bytes) < 0) isWhole = false;
    }
    if (error < 0) isWhole = false;
    at += Math.max(1, nrPages);
  }
  return isWhole;
}

/** Page offset of the first page from `pgoff` on that is of a dirty folio and in the file, or -1. */
function nextPageToCopy(sys: System, inode: Inode, pgoff: number): number {
  if (isToCopy(sys, inode, pgoff)) return pgoff;
  return nextDirty(inode, pgoff, Math.ceil(inode.sizeBytes / PAGE_SIZE));
}

function isToCopy(sys: System, inode: Inode, pgoff: number): boolean {
  if (pgoff * PAGE_SIZE >= inode.sizeBytes) return false;
  const pfn = inode.pages.load(pgoff);
  return pfn !== NO_PFN && sys.memmap.hasFlags(pfn, PG_DIRTY);
}

function countToCopy(sys: System, inode: Inode, pgoff: number, most: number): number {
  let nr = 0;
  while (nr < most && isToCopy(sys, inode, pgoff + nr)) nr++;
  return nr;
}

/** What pages in a row hold, without what lies behind the file's end. */
function bytesOf(sys: System, inode: Inode, pgoff: number, nrPages: number): Uint8Array {
  const bytes = new Uint8Array(nrPages * PAGE_SIZE);
  for (let at = 0; at < nrPages; at++) {
    const nrBytes = Math.min(PAGE_SIZE, inode.sizeBytes - (pgoff + at) * PAGE_SIZE);
    sys.contents.copyOut(inode.pages.load(pgoff + at), 0, bytes, at * PAGE_SIZE, nrBytes);
  }
  return bytes;
}
