/**
 * Dropping pages of disk files and of disks that nothing maps.
 * Source: Linux 6.18 mm/truncate.c, truncate_inode_pages_range(), invalidate_mapping_pages(), mapping_evict_folio().
 */
import { NO_PFN, NO_SHADOW, PG_DIRTY, PG_LOCKED, PG_WRITEBACK, type Pfn } from "@pageframe/contracts";
import { dropBuffer } from "../disk/buffers.ts";
import { waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { clearPageDirty } from "./dirty.ts";
import { deleteFromPageCache } from "./page-cache.ts";
import { takeShadow } from "./shadows.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";

/** Drops a folio that nothing maps, dirty or not, after its I/O is over (truncate_inode_folio). */
export function truncateFolio(sys: System, inode: Inode, folio: Pfn): void {
  const { memmap } = sys;
  memmap.getPage(folio);
  waitOnPage(sys, folio, PG_LOCKED | PG_WRITEBACK);
  clearPageDirty(sys, folio);
  forgetDelayed(sys, inode, folio);
  deleteFromPageCache(sys, inode, folio);
  putUserPage(sys, folio, sys.currentCpu);
  putUserPage(sys, folio, sys.currentCpu);
}

/** What waits for a block to be written waits no more. */
function forgetDelayed(sys: System, inode: Inode, folio: Pfn): void {
  if (inode.delayed.size === 0) return;
  const end = folioEnd(sys, folio);
  for (let pgoff = sys.memmap.index[folio]; pgoff < end; pgoff++) inode.delayed.delete(pgoff);
}

/**
 * Drops folios that lie in pages [startPgoff, endPgoff), dirty ones too, after their I/O is over; those that reach beyond stay.
 * Nothing may map them. O(pages in the cache).
 */
export function dropPages(sys: System, inode: Inode, startPgoff: number, endPgoff: number): void {
  for (let folio = nextFolio(sys, inode, startPgoff, endPgoff); folio !== NO_PFN;) {
    const next = folioEnd(sys, folio);
    if (sys.memmap.index[folio] >= startPgoff && next <= endPgoff) truncateFolio(sys, inode, folio);
    folio = nextFolio(sys, inode, next, endPgoff);
  }
}

/** First folio with pages in [startPgoff, endPgoff), by its head; NO_PFN when there is none. */
export function nextFolio(sys: System, inode: Inode, startPgoff: number, endPgoff: number): Pfn {
  const at = inode.pages.nextPage(startPgoff, endPgoff - 1);
  return at < 0 ? NO_PFN : sys.memmap.compoundHead(inode.pages.load(at));
}

/** First page offset behind a folio (folio_next_index). */
export function folioEnd(sys: System, folio: Pfn): number {
  return sys.memmap.index[folio] + sys.memmap.nrFolioPages(folio);
}

/**
 * Takes a clean folio that nobody maps or holds out of the cache (mapping_evict_folio, __remove_mapping). False when it must stay.
 * `isReclaim`: memory is short, and the page may be missed: it leaves a shadow.
 */
export function invalidatePage(sys: System, inode: Inode, pfn: Pfn, isReclaim = false): boolean {
  const { memmap } = sys;
  if (memmap.hasFlags(pfn, PG_DIRTY | PG_WRITEBACK | PG_LOCKED)) return false;
  if (memmap.refcount[pfn] > 1 || memmap.folioMapcount(pfn) > 0) return false;
  const buffer = inode.ownDisk?.buffers.get(memmap.index[pfn]);
  if (inode.ownDisk !== null && buffer !== undefined) {
    if (buffer.nrRefs > 0 || buffer.hasWriteError) return false;
    dropBuffer(sys, inode.ownDisk, buffer, isReclaim ? takeShadow(sys, pfn) : NO_SHADOW);
    return true;
  }
  deleteFromPageCache(sys, inode, pfn, isReclaim ? takeShadow(sys, pfn) : NO_SHADOW);
  putUserPage(sys, pfn, sys.currentCpu);
  return true;
}

/**
 * Drops folios that are clean and free and lie in pages [startPgoff, endPgoff); those that reach beyond stay. Returns how many
 * pages went (invalidate_mapping_pages).
 */
export function invalidatePages(sys: System, inode: Inode, startPgoff: number, endPgoff: number): number {
  let nrDropped = 0;
  for (let folio = nextFolio(sys, inode, startPgoff, endPgoff); folio !== NO_PFN;) {
    const next = folioEnd(sys, folio);
    const nrPages = sys.memmap.nrFolioPages(folio);
    const isInside = next - nrPages >= startPgoff && next <= endPgoff;
    if (isInside) {
      if (invalidatePage(sys, inode, folio)) nrDropped += nrPages;
      else sys.lru.deactivateFilePage(folio, sys.currentCpu);
    }
    folio = nextFolio(sys, inode, next, endPgoff);
  }
  return nrDropped;
}
