/**
 * Dropping pages of disk files that may be mapped: truncation, holes, direct I/O.
 * Source: Linux 6.18 mm/truncate.c, truncate_pagecache(), truncate_pagecache_range(), invalidate_inode_pages2_range().
 */
import {
  type BlockMapping,
  EBUSY,
  GFP_HIGHUSER_MOVABLE,
  NO_BLOCK,
  NO_PFN,
  PAGE_SIZE,
  PG_DIRTY,
  PG_LOCKED,
  PG_WRITEBACK,
  type Pfn,
} from "@pageframe/contracts";
import { waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { unmapMapping } from "../files/unmap-mapping.ts";
import { markPageDirty } from "./dirty.ts";
import { dropPages, invalidatePage } from "./drop-pages.ts";
import { readCachePage } from "./page-cache.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";

/**
 * Drops the pages of bytes [startByte, endByte) from the cache and from all mappings, private copies too with `evenCows`, and
 * zeroes the parts of pages at both ends. O(pages in the cache). Returns 0, or -EIO, -ENOMEM when an end could not be read.
 */
export function truncatePages(
  sys: System,
  inode: Inode,
  startByte: number,
  endByte: number,
  evenCows: boolean,
): number {
  const startPgoff = Math.ceil(startByte / PAGE_SIZE);
  const endPgoff = endByte === Infinity ? Infinity : Math.floor(endByte / PAGE_SIZE);
  unmapMapping(sys, inode, startPgoff, endPgoff, evenCows);
  dropPages(sys, inode, startPgoff, endPgoff);
  const firstPart = Math.floor(startByte / PAGE_SIZE);
  let error = 0;
  if (startByte % PAGE_SIZE !== 0) {
    error = zeroPart(
      sys,
      inode,
      firstPart,
      startByte % PAGE_SIZE,
      Math.min(endByte - firstPart * PAGE_SIZE, PAGE_SIZE),
    );
  }
  if (error === 0 && endByte % PAGE_SIZE > 0 && (endPgoff !== firstPart || startByte % PAGE_SIZE === 0)) {
    error = zeroPart(sys, inode, endPgoff, 0, endByte % PAGE_SIZE);
  }
  return error;
}

/**
 * Zeroes bytes [from, to) of a page. A hole stays one: only what a mapping wrote there goes. Beyond the end of the file there is
 * nothing to zero (ext4_block_zero_page_range, truncate_inode_pages_partial).
 */
function zeroPart(sys: System, inode: Inode, pgoff: number, from: number, to: number): number {
  if (pgoff * PAGE_SIZE >= inode.sizeBytes) return 0;
  const cached = inode.pages.load(pgoff);
  if (cached === NO_PFN || !sys.memmap.hasFlags(cached, PG_DIRTY)) {
    const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
    const error = inode.superBlock?.fs.mapBlocks(inode.fsIno, pgoff, 1, false, mapping) ?? 0;
    if (error < 0) return error;
    if (mapping.block === NO_BLOCK) {
      // Looking may have reclaimed it.
      const pfn = inode.pages.load(pgoff);
      if (pfn !== NO_PFN) sys.contents.fillBytes(pfn, from, to, 0);
      return 0;
    }
  }
  const pfn = readCachePage(sys, inode, pgoff, GFP_HIGHUSER_MOVABLE);
  if (pfn < 0) return pfn;
  sys.contents.fillBytes(pfn, from, to, 0);
  markPageDirty(sys, pfn);
  putUserPage(sys, pfn, sys.currentCpu);
  return 0;
}

/**
 * A file is about to grow to `newBytes`, with a gap behind its old end: what the last page holds there becomes zeros
 * (pagecache_isize_extended). Returns 0 or -errno.
 */
export function zeroPastEnd(sys: System, inode: Inode, newBytes: number): number {
  const offset = inode.sizeBytes % PAGE_SIZE;
  if (offset === 0) return 0;
  const pgoff = Math.floor(inode.sizeBytes / PAGE_SIZE);
  return zeroPart(sys, inode, pgoff, offset, Math.min(PAGE_SIZE, newBytes - pgoff * PAGE_SIZE));
}

/**
 * Drops pages [startPgoff, endPgoff) that are clean, unmapping them first: for direct I/O. Returns 0, or -EBUSY when one had to
 * stay (invalidate_inode_pages2_range).
 */
export function invalidateForDirect(sys: System, inode: Inode, startPgoff: number, endPgoff: number): number {
  const { pages } = inode;
  if (pages.nextPage(startPgoff, endPgoff - 1) < 0) return 0;
  unmapMapping(sys, inode, startPgoff, endPgoff, false);
  sys.lru.drainAll();
  let error = 0;
  for (
    let at = pages.nextPage(startPgoff, endPgoff - 1);
    at >= 0;
    at = pages.nextPage(at + 1, endPgoff - 1)
  ) {
    const pfn: Pfn = pages.load(at);
    waitOnPage(sys, pfn, PG_WRITEBACK | PG_LOCKED);
    if (pfn !== NO_PFN && !invalidatePage(sys, inode, pfn)) error = -EBUSY;
  }
  return error;
}
