/**
 * Pages of disk files in the page cache: made, found, taken out. Hot: per page read in.
 *
 * A cached page holds one reference of the cache's. It is found by (inode, page offset); what was evicted leaves a shadow.
 * Source: Linux 6.18 mm/filemap.c, filemap_add_folio(), __filemap_remove_folio(), read_cache_folio().
 */
import {
  __GFP_COMP,
  bug,
  EIO,
  ENOMEM,
  type Gfp,
  GFP_HIGHUSER_MOVABLE,
  NO_PFN,
  NO_SHADOW,
  type Order,
  PG_LOCKED,
  PG_UPTODATE,
  type Pfn,
  TP_MM_FILEMAP_ADD_TO_PAGE_CACHE,
  TP_MM_FILEMAP_DELETE_FROM_PAGE_CACHE,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { countFilePage, putUserPage } from "../pages/pages.ts";
import { markPageDirty } from "./dirty.ts";
import { readPages, zeroCachePage } from "./read-pages.ts";
import { countShadowNodes, noteShrinkable } from "./shadows.ts";
import { type System } from "../system.ts";

/** Takes a folio for the page cache, on the running CPU's node (filemap_alloc_folio). NO_PFN when there is none. */
export function allocCachePage(sys: System, gfp: Gfp, order: Order = 0): Pfn {
  const cpu = sys.currentCpu;
  const flags = order === 0 ? gfp : gfp | __GFP_COMP;
  return sys.frames.allocPages(flags, order, cpu, sys.cpus[cpu]?.nodeId ?? 0);
}

/**
/**
 * Makes a folio that is in no file a part of an inode, from an offset that is a multiple of its size on; its owner's reference
 * becomes the cache's. It goes on the LRU lists, as active when it was evicted a short time ago, unless what it held is to be
 * overwritten (__GFP_WRITE). Differs: the cache holds one reference to a large folio, not one for each page.
 */
export function addToPageCache(
  sys: System,
  inode: Inode,
  pgoff: number,
  pfn: Pfn,
  isToBeWritten = false,
): void {
  const { memmap } = sys;
  const shadow = inode.pages.nrShadows > 0 ? inode.pages.loadShadow(pgoff) : NO_SHADOW;
  memmap.mapping[pfn] = inode.id;
  memmap.index[pfn] = pgoff;
  const order = memmap.compoundOrder(pfn);
  if (order === 0) inode.pages.store(pgoff, pfn);
  else inode.pages.storeLarge(pgoff, order, pfn);
  countFilePage(sys, pfn, false, 1);
  if (shadow !== NO_SHADOW) {
    countShadowNodes(sys);
    if (!isToBeWritten) sys.reclaimPolicy.refault?.(pfn, shadow);
  }
  sys.lru.addPage(pfn, sys.currentCpu);
  sys.trace?.emit(TP_MM_FILEMAP_ADD_TO_PAGE_CACHE, inode.id, pfn, pgoff, order);
}

/**
 * Takes a clean folio out of the page cache; the cache's reference is the caller's then. `shadow`: what takes its place when
 * reclaim takes it.
 */
export function deleteFromPageCache(sys: System, inode: Inode, pfn: Pfn, shadow: number = NO_SHADOW): void {
  const { memmap } = sys;
  const pgoff = memmap.index[pfn];
  if (inode.pages.load(pgoff) !== pfn) bug(`pfn ${pfn} is not page ${pgoff} of inode ${inode.id}`);
  if (shadow === NO_SHADOW) inode.pages.erase(pgoff);
  else inode.pages.storeShadow(pgoff, shadow);
  countShadowNodes(sys);
  noteShrinkable(sys, inode);
  sys.readahead.noteGone(pfn, memmap.nrFolioPages(pfn));
  countFilePage(sys, pfn, false, -1);
  memmap.mapping[pfn] = NO_MAPPING;
  sys.trace?.emit(TP_MM_FILEMAP_DELETE_FROM_PAGE_CACHE, inode.id, pfn, pgoff, 0);
}

/**
 * Finds a page of a file, or reads it alone, and waits for it; a reference is taken. Returns the frame, -ENOMEM or -EIO
 * (read_mapping_folio).
 */
export function readCachePage(sys: System, inode: Inode, pgoff: number, gfp: Gfp): number {
  const { memmap } = sys;
  let pfn = inode.pages.load(pgoff);
  if (pfn === NO_PFN) {
    pfn = allocCachePage(sys, gfp);
    if (pfn === NO_PFN) return -ENOMEM;
    addToPageCache(sys, inode, pgoff, pfn);
  }
  memmap.getPage(pfn);
  return makeUptodate(sys, inode, pfn);
}

/** Waits for a page that is held, and reads it again if that failed. Returns it, or -EIO with the reference dropped. */
export function makeUptodate(sys: System, inode: Inode, pfn: Pfn): number {
  const { memmap } = sys;
  waitOnPage(sys, pfn, PG_LOCKED);
  if (!memmap.hasFlags(pfn, PG_UPTODATE)) {
    memmap.setFlags(pfn, PG_LOCKED);
    const folio = memmap.compoundHead(pfn);
    const pfns = Array.from({ length: memmap.nrFolioPages(folio) }, (_, at) => folio + at);
    readPages(sys, inode, memmap.index[folio], pfns, true);
    waitOnPage(sys, pfn, PG_LOCKED);
  }
  if (memmap.hasFlags(pfn, PG_UPTODATE)) return pfn;
  putUserPage(sys, pfn, sys.currentCpu);
  return -EIO;
}

/** Makes a page of a file zeros that are to be written. Returns 0 or -ENOMEM. */
export function makeZeroPage(sys: System, inode: Inode, pgoff: number): number {
  const { memmap } = sys;
  let pfn = inode.pages.load(pgoff);
  if (pfn === NO_PFN) {
    pfn = allocCachePage(sys, GFP_HIGHUSER_MOVABLE);
    if (pfn === NO_PFN) return -ENOMEM;
    addToPageCache(sys, inode, pgoff, pfn);
  }
  memmap.getPage(pfn);
  waitOnPage(sys, pfn, PG_LOCKED);
  if (!memmap.hasFlags(pfn, PG_UPTODATE)) {
    if (memmap.nrFolioPages(memmap.compoundHead(pfn)) > 1) {
      const error = makeUptodate(sys, inode, pfn);
      if (error < 0) return error;
    } else {
      zeroCachePage(sys, pfn);
    }
  }
  markPageDirty(sys, pfn);
  putUserPage(sys, pfn, sys.currentCpu);
  return 0;
}
