/**
 * Dropping clean pages of files (vm.drop_caches = 1). Cold.
 * Source: Linux 6.18 fs/drop_caches.c, drop_pagecache_sb(); mm/truncate.c, mapping_evict_folio().
 * Differs: pages of shared memory stay, clean ones too.
 */
import { PG_DIRTY, PG_WRITEBACK } from "@pageframe/contracts";
import { dropFilePage } from "./file-pages.ts";
import { type System } from "../system.ts";

/** Drops every clean page of a file that nobody maps or holds. */
export function dropPageCache(sys: System): void {
  const { memmap } = sys;
  sys.lru.drainAll();
  for (const inode of sys.files.inodes) {
    if (inode?.kind !== "generated") continue;
    for (const pfn of [...inode.cached.values()]) {
      const isBusy = memmap.refcount[pfn] > 1 || memmap.mapcount[pfn] > 0;
      if (!isBusy && !memmap.hasFlags(pfn, PG_DIRTY) && !memmap.hasFlags(pfn, PG_WRITEBACK))
        dropFilePage(sys, pfn);
    }
  }
}
