/**
 * Dropping pages of disk files and of disks that nothing maps.
 * Source: Linux 6.18 mm/truncate.c, truncate_inode_pages_range(), invalidate_mapping_pages(), mapping_evict_folio().
 */
import { NO_SHADOW, PG_DIRTY, PG_LOCKED, PG_WRITEBACK, type Pfn } from "@pageframe/contracts";
import { dropBuffer } from "../disk/buffers.ts";
import { waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { clearPageDirty } from "./dirty.ts";
import { settleDirtyInode } from "./dirty-inodes.ts";
import { deleteFromPageCache } from "./page-cache.ts";
import { takeShadow } from "./shadows.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";

/** Drops a page that nothing maps, dirty or not, after its I/O is over. */
function truncatePage(sys: System, inode: Inode, pfn: Pfn): void {
  const { memmap } = sys;
  memmap.getPage(pfn);
  waitOnPage(sys, pfn, PG_LOCKED | PG_WRITEBACK);
  clearPageDirty(sys, pfn);
  deleteFromPageCache(sys, inode, pfn);
  putUserPage(sys, pfn, sys.currentCpu);
  putUserPage(sys, pfn, sys.currentCpu);
}

/** Drops pages [startPgoff, endPgoff), dirty ones too, after their I/O is over. Nothing may map them. O(pages in the cache). */
export function dropPages(sys: System, inode: Inode, startPgoff: number, endPgoff: number): void {
  const { pages } = inode;
  for (
    let at = pages.nextPage(startPgoff, endPgoff - 1);
    at >= 0;
    at = pages.nextPage(at + 1, endPgoff - 1)
  ) {
    truncatePage(sys, inode, pages.load(at));
  }
  settleDirtyInode(sys, inode);
}

/**
 * Takes a clean page that nobody maps or holds out of the cache (mapping_evict_folio, __remove_mapping). False when it must stay.
 * `isReclaim`: memory is short, and the page may be missed: it leaves a shadow.
 */
export function invalidatePage(sys: System, inode: Inode, pfn: Pfn, isReclaim = false): boolean {
  const { memmap } = sys;
  if (memmap.hasFlags(pfn, PG_DIRTY | PG_WRITEBACK | PG_LOCKED)) return false;
  if (memmap.refcount[pfn] > 1 || memmap.mapcount[pfn] > 0) return false;
  const buffer = inode.ownDisk?.buffers.get(memmap.index[pfn]);
  if (inode.ownDisk !== null && buffer !== undefined) {
    if (buffer.nrRefs > 0) return false;
    dropBuffer(sys, inode.ownDisk, buffer, isReclaim ? takeShadow(sys, pfn) : NO_SHADOW);
    return true;
  }
  deleteFromPageCache(sys, inode, pfn, isReclaim ? takeShadow(sys, pfn) : NO_SHADOW);
  putUserPage(sys, pfn, sys.currentCpu);
  return true;
}

/** Drops what is clean and free of pages [startPgoff, endPgoff). Returns how many went (invalidate_mapping_pages). */
export function invalidatePages(sys: System, inode: Inode, startPgoff: number, endPgoff: number): number {
  const { pages } = inode;
  let nrDropped = 0;
  for (
    let at = pages.nextPage(startPgoff, endPgoff - 1);
    at >= 0;
    at = pages.nextPage(at + 1, endPgoff - 1)
  ) {
    if (invalidatePage(sys, inode, pages.load(at))) nrDropped++;
  }
  return nrDropped;
}
