/**
 * Dropping clean pages of files (vm.drop_caches, bit 0). Cold.
 * Source: Linux 6.18 fs/drop_caches.c, drop_pagecache_sb(); mm/truncate.c, mapping_evict_folio().
 * Differs: pages of shared memory stay, clean ones too; bit 1 drops inodes without pages, other slabs have nothing to give.
 */
import { DROP_PAGECACHE, DROP_SLAB, PG_DIRTY, PG_WRITEBACK } from "@pageframe/contracts";
import { dropFilePage } from "./file-pages.ts";
import { type Inode } from "./inode.ts";
import { invalidatePages } from "../filemap/drop-pages.ts";
import { forgetInode } from "../fs/inodes.ts";
import { type System } from "../system.ts";

const DROP_PAGES = 1;
const DROP_OBJECTS = 2;

/** Drops what `what` says: 1 clean pages that nobody maps or holds, 2 kernel objects that can be made again, 3 both. */
export function dropCaches(sys: System, what: number): void {
  if ((what & DROP_PAGES) !== 0) {
    sys.lru.drainAll();
    for (const inode of sys.files.inodes) if (inode !== null) dropPagesOf(sys, inode);
    sys.vmstat.countEvents(DROP_PAGECACHE, 1);
  }
  if ((what & DROP_OBJECTS) !== 0) {
    for (const inode of [...sys.files.inodes]) if (inode !== null) dropUnusedInode(sys, inode);
    sys.vmstat.countEvents(DROP_SLAB, 1);
  }
}

function dropPagesOf(sys: System, inode: Inode): void {
  if (inode.kind === "disk" || inode.kind === "bdev") {
    invalidatePages(sys, inode, 0, Infinity);
    return;
  }
  if (inode.kind !== "generated") return;
  const { memmap } = sys;
  const { pages } = inode;
  for (let at = pages.nextPage(0, Infinity); at >= 0; at = pages.nextPage(at + 1, Infinity)) {
    const pfn = pages.load(at);
    const isBusy = memmap.refcount[pfn] > 1 || memmap.mapcount[pfn] > 0;
    if (!isBusy && !memmap.hasFlags(pfn, PG_DIRTY | PG_WRITEBACK)) dropFilePage(sys, pfn);
  }
}

/** An inode of a file system that nobody has open and that has no pages goes, unless shadows need nodes (mapping_shrinkable). */
function dropUnusedInode(sys: System, inode: Inode): void {
  if (inode.kind !== "disk" || inode.nrFiles > 0 || inode.pages.nrPages > 0) return;
  if (inode.pages.height === 0) forgetInode(sys, inode);
}
