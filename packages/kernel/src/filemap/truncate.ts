/**
 * Dropping pages of disk files that may be mapped: truncation, holes, direct I/O.
 * Source: Linux 6.18 mm/truncate.c, truncate_pagecache(), truncate_pagecache_range(), invalidate_inode_pages2_range().
 */
import {
  type BlockMapping,
  EBUSY,
  ENOMEM,
  GFP_HIGHUSER_MOVABLE,
  NO_BLOCK,
  NO_PFN,
  PAGE_SIZE,
  PG_DIRTY,
  PG_LOCKED,
  PG_UPTODATE,
  PG_WRITEBACK,
} from "@pageframe/contracts";
import { waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { unmapMapping } from "../files/unmap-mapping.ts";
import { markPageDirty } from "./dirty.ts";
import { dropPages, folioEnd, invalidatePage, nextFolio, truncateFolio } from "./drop-pages.ts";
import { splitFolio } from "./split-folio.ts";
import { noteOrdered } from "./write-ordered.ts";
import { addToPageCache, allocCachePage, makeUptodate } from "./page-cache.ts";
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
  const firstPart = Math.floor(startByte / PAGE_SIZE);
  const isLarge = isInLargeFolio(sys, inode, firstPart) || isInLargeFolio(sys, inode, endPgoff);
  // What may fail comes first: nothing is lost then. A large folio is cut first, or it would be dirty as a whole.
  if (!isLarge) {
    const error = zeroEnds(sys, inode, startByte, endByte);
    if (error < 0) return error;
  }
  unmapMapping(sys, inode, startPgoff, endPgoff, evenCows);
  cutLargeFolio(sys, inode, firstPart, startPgoff, endPgoff);
  if (endPgoff !== Infinity) cutLargeFolio(sys, inode, endPgoff, startPgoff, endPgoff);
  dropPages(sys, inode, startPgoff, endPgoff);
  return isLarge ? zeroEnds(sys, inode, startByte, endByte) : 0;
}

function isInLargeFolio(sys: System, inode: Inode, pgoff: number): boolean {
  const pfn = pgoff === Infinity ? NO_PFN : inode.pages.load(pgoff);
  return pfn !== NO_PFN && sys.memmap.nrFolioPages(sys.memmap.compoundHead(pfn)) > 1;
}

/** Zeroes the parts of pages at both ends of bytes [startByte, endByte). Returns 0 or -errno. */
function zeroEnds(sys: System, inode: Inode, startByte: number, endByte: number): number {
  const firstPart = Math.floor(startByte / PAGE_SIZE);
  const endPgoff = endByte === Infinity ? Infinity : Math.floor(endByte / PAGE_SIZE);
  const from = startByte % PAGE_SIZE;
  let error = 0;
  if (from !== 0)
    error = zeroPart(sys, inode, firstPart, from, Math.min(endByte - firstPart * PAGE_SIZE, PAGE_SIZE));
  if (error === 0 && endByte % PAGE_SIZE > 0 && (endPgoff !== firstPart || from === 0))
    error = zeroPart(sys, inode, endPgoff, 0, endByte % PAGE_SIZE);
  return error;
}

/**
 * Pages [startPgoff, endPgoff) go: a large folio at `pgoff` of which others stay is split, so that they can; or becomes zeros
 * there when it is dirty, or goes as a whole (truncate_inode_partial_folio).
 */
function cutLargeFolio(sys: System, inode: Inode, pgoff: number, startPgoff: number, endPgoff: number): void {
  const { memmap } = sys;
  const pfn = inode.pages.load(pgoff);
  if (pfn === NO_PFN) return;
  const folio = memmap.compoundHead(pfn);
  const firstPgoff = memmap.index[folio];
  const end = folioEnd(sys, folio);
  if (end - firstPgoff === 1 || (firstPgoff >= startPgoff && end <= endPgoff)) return;
  waitOnPage(sys, folio, PG_LOCKED | PG_WRITEBACK);
  const from = Math.max(firstPgoff, startPgoff);
  const to = Math.min(end, endPgoff);
  if (from >= to) return;
  if (splitFolio(sys, inode, folio, from)) {
    if (to < end) splitFolio(sys, inode, memmap.compoundHead(inode.pages.load(to)), to);
    return;
  }
  if (memmap.hasFlags(folio, PG_DIRTY)) {
    for (let at = from; at < to; at++) sys.contents.zeroPage(folio + at - firstPgoff);
    return;
  }
  unmapMapping(sys, inode, firstPgoff, end, false);
  truncateFolio(sys, inode, folio);
}

/**
 * Zeroes bytes [from, to) of a page, which counts as used. A hole stays one: its page is made, not up to date, and only what a
 * mapping wrote there goes. Beyond the end of the file there is nothing to zero (ext4_block_zero_page_range,
 * truncate_inode_pages_partial). Returns 0 or -errno.
 */
function zeroPart(sys: System, inode: Inode, pgoff: number, from: number, to: number): number {
  if (pgoff * PAGE_SIZE >= inode.sizeBytes) return 0;
  const held = holdPage(sys, inode, pgoff);
  if (held < 0) return held;
  if (!sys.memmap.hasFlags(held, PG_DIRTY)) {
    const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
    const error = inode.superBlock?.fs.mapBlocks(inode.fsIno, pgoff, 1, false, mapping) ?? 0;
    if (error < 0 || mapping.block === NO_BLOCK) {
      if (error >= 0 && sys.memmap.hasFlags(held, PG_UPTODATE)) sys.contents.fillBytes(held, from, to, 0);
      putUserPage(sys, held, sys.currentCpu);
      return Math.min(error, 0);
    }
  }
  const pfn = makeUptodate(sys, inode, held);
  if (pfn < 0) return pfn;
  sys.contents.fillBytes(pfn, from, to, 0);
  markPageDirty(sys, pfn);
  noteOrdered(inode, pgoff);
  putUserPage(sys, pfn, sys.currentCpu);
  return 0;
}

/** Finds or makes a page of a file, and marks it as used (FGP_ACCESSED | FGP_CREAT). Takes a reference. The frame or -ENOMEM. */
function holdPage(sys: System, inode: Inode, pgoff: number): number {
  let pfn = inode.pages.load(pgoff);
  if (pfn === NO_PFN) {
    pfn = allocCachePage(sys, GFP_HIGHUSER_MOVABLE);
    if (pfn === NO_PFN) return -ENOMEM;
    // It is read when somebody needs it.
    addToPageCache(sys, inode, pgoff, pfn);
  }
  sys.memmap.getPage(pfn);
  sys.lru.markAccessed(sys.memmap.compoundHead(pfn), sys.currentCpu);
  return pfn;
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
 * A file that ended at `oldBytes` was written to from `position` on, behind that end: what lies before it in its page is zeros
 * already, but looking there counts as a use, unless the old end did in the same page (ext4_zero_partial_blocks).
 */
export function zeroBeforeWrite(sys: System, inode: Inode, oldBytes: number, position: number): void {
  const pgoff = Math.floor(position / PAGE_SIZE);
  const isSamePage = oldBytes % PAGE_SIZE !== 0 && Math.floor(oldBytes / PAGE_SIZE) === pgoff;
  if (position % PAGE_SIZE === 0 || isSamePage) return;
  const pfn = inode.pages.load(pgoff);
  if (pfn === NO_PFN) return;
  sys.lru.markAccessed(sys.memmap.compoundHead(pfn), sys.currentCpu);
  noteOrdered(inode, pgoff);
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
  for (let folio = nextFolio(sys, inode, startPgoff, endPgoff); folio !== NO_PFN;) {
    const next = folioEnd(sys, folio);
    unmapMapping(sys, inode, sys.memmap.index[folio], next, false);
    waitOnPage(sys, folio, PG_WRITEBACK | PG_LOCKED);
    if (!invalidatePage(sys, inode, folio)) error = -EBUSY;
    folio = nextFolio(sys, inode, next, endPgoff);
  }
  return error;
}
