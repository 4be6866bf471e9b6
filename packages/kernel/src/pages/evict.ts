/**
 * Carries out what reclaim proposes: looks at accessed bits through the reverse mapping, unmaps a victim everywhere,
 * writes it out or drops it, frees the frame. Hot: per page scanned.
 * Source: Linux 6.18 mm/rmap.c, folio_referenced_one(), try_to_unmap_one(); mm/vmscan.c, shrink_folio_list(), pageout().
 * Differs: a write to an asynchronous device is over when the call returns; what follows from it is kept: the page stays in
 * the swap cache until somebody looks at it again.
 */
import {
  EVICT_BUSY,
  EVICT_DIRTY,
  EVICT_FREED,
  EVICT_IN_USE,
  EVICT_IO_ERROR,
  EVICT_NO_SWAP,
  EVICT_UNEVICTABLE,
  EVICT_WRITTEN,
  NO_ENTRY,
  NO_VMA,
  NR_VMSCAN_WRITE,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_DIRTY,
  PG_LOCKED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
  PG_WRITEBACK,
  PGLAZYFREED,
  type Pfn,
  PTE_A,
  PTE_D,
  PTE_MARKER_HI,
  PTE_MARKER_UFFD_WP,
  PTE_SOFT_DIRTY,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  pteMarkerLo,
  type ReclaimHost,
  swapEntryToPteHi,
  swapEntryToPteLo,
  VM_EXEC,
  VM_LOCKED,
  VM_RAND_READ,
  VM_SEQ_READ,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_LINK } from "@pageframe/memmap";
import { markPageDirty } from "../filemap/dirty.ts";
import { invalidatePage } from "../filemap/drop-pages.ts";
import { takeShadow } from "../filemap/shadows.ts";
import { dropFilePage, writeBackFilePage } from "../files/file-pages.ts";
import { type Inode } from "../files/inode.ts";
import { dropShmemPage } from "../files/shmem.ts";
import { moveShmemToSwap } from "../files/shmem-swap.ts";
import { isInLockedVma, mlockPage } from "./mlock-pages.ts";
import { countSwapEntries, putUserPage, removeRmap } from "./pages.ts";
import { addPageToSwap, writeToSwap } from "./swap-pages.ts";
import { leavesMarkers } from "../uffd/write-protect.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";
import { CAUSE_SCAN } from "../time.ts";

/** The rest of the machine, as reclaim sees it. Its `pfn`s head folios. */
export class Evictor implements ReclaimHost {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  /**
   * Clears accessed bits of every entry that maps the folio, and counts the mappings that had some. Translations stay in the TLB,
   * as on x86, where a stale accessed bit costs less than a flush (ptep_clear_flush_young). Mappings of files that are read in
   * order or at random say nothing (vma_has_recency). Differs: those of anonymous memory are not looked at for that.
   */
  pageReferenced(pfn: Pfn): number {
    const { sys } = this;
    const { rmap } = sys;
    sys.time.spend(CAUSE_SCAN, 1);
    const { flags } = sys.memmap;
    const isAnon = (flags[pfn] & PG_ANON) !== 0;
    const endPfn = pfn + sys.memmap.nrFolioPages(pfn);
    const isLarge = endPfn > pfn + 1;
    let nrReferenced = 0;
    // Several pages of a folio in one mapping are one use of it (folio_referenced_one).
    const counted: VmaId[] = [];
    for (let page = pfn; page < endPfn; page++) {
      for (let link = rmap.head[page]; link !== NO_LINK; link = rmap.linkNext[link]) {
        const mm = sys.mmOf(rmap.linkMm[link]);
        const vpn = rmap.linkVpn[link];
        const entry = mm.pageTable.findEntry(vpn);
        if (entry === NO_ENTRY) continue;
        const lo = mm.pageTable.entryLo(entry);
        if ((lo & PTE_A) === 0) continue;
        const vma = isAnon ? NO_VMA : mm.space.findVma(vpn);
        if (vma !== NO_VMA && (mm.space.pool.vmFlags[vma] & (VM_SEQ_READ | VM_RAND_READ)) !== 0) continue;
        mm.pageTable.setEntry(entry, lo & ~PTE_A, mm.pageTable.entryHi(entry));
        if (isLarge) {
          if (counted.includes(vma)) continue;
          counted.push(vma);
        }
        nrReferenced++;
      }
    }
    return nrReferenced;
  }

  isMappedExecutable(pfn: Pfn): boolean {
    const { sys } = this;
    const { rmap } = sys;
    const endPfn = pfn + sys.memmap.nrFolioPages(pfn);
    for (let page = pfn; page < endPfn; page++) {
      for (let link = rmap.head[page]; link !== NO_LINK; link = rmap.linkNext[link]) {
        const { space } = sys.mmOf(rmap.linkMm[link]);
        const vma = space.findVma(rmap.linkVpn[link]);
        if (vma >= 0 && (space.pool.vmFlags[vma] & VM_EXEC) !== 0) return true;
      }
    }
    return false;
  }

  nrFreeSwapSlots(): number {
    return this.sys.swap.nrFreeSlots;
  }

  nrSwapSlots(): number {
    return this.sys.swap.nrTotalSlots;
  }

  evictPage(pfn: Pfn): number {
    const flags = this.sys.memmap.flags[pfn];
    if ((flags & PG_UNEVICTABLE) !== 0) return EVICT_UNEVICTABLE;
    if ((flags & (PG_LOCKED | PG_WRITEBACK)) !== 0) return EVICT_BUSY;
    if (this.isMappedLocked(pfn)) {
      // The lock got lost on the way (try_to_unmap_one).
      mlockPage(this.sys, pfn);
      return EVICT_UNEVICTABLE;
    }
    return (flags & PG_ANON) !== 0 ? this.evictAnon(pfn) : this.evictFile(pfn);
  }

  /** Does a locked mapping hold the page? */
  private isMappedLocked(pfn: Pfn): boolean {
    const { sys } = this;
    const { rmap } = sys;
    const endPfn = pfn + sys.memmap.nrFolioPages(pfn);
    for (let page = pfn; page < endPfn; page++) {
      for (let link = rmap.head[page]; link !== NO_LINK; link = rmap.linkNext[link]) {
        if (isInLockedVma(sys.mmOf(rmap.linkMm[link]), rmap.linkVpn[link])) return true;
      }
    }
    return false;
  }

  private evictAnon(pfn: Pfn): number {
    const { sys } = this;
    const { memmap } = sys;
    const isCached = (memmap.flags[pfn] & PG_SWAPCACHE) !== 0;
    if (memmap.refcount[pfn] !== memmap.mapcount[pfn] + (isCached ? 1 : 0)) return EVICT_BUSY;
    if ((memmap.flags[pfn] & PG_SWAPBACKED) === 0) return this.dropLazyfree(pfn);
    if (!isCached && !addPageToSwap(sys, pfn)) return EVICT_NO_SWAP;
    if (!this.unmapAnon(pfn)) return EVICT_IN_USE;
    return this.writeAndFree(pfn);
  }

  /** Writes a page of the swap cache to its slot if it is dirty, and frees it, unless the device takes its time. */
  private writeAndFree(pfn: Pfn): number {
    const { sys } = this;
    const swapEntry = sys.memmap.private[pfn];
    if ((sys.memmap.flags[pfn] & PG_DIRTY) !== 0) {
      sys.unmapBatch.beforeWrite();
      if (writeToSwap(sys, pfn) < 0) return EVICT_IO_ERROR;
      sys.vmstat.modNode(sys.nodeOf(pfn), NR_VMSCAN_WRITE, 1);
      if (sys.swap.isWrittenLater(swapEntry)) return EVICT_WRITTEN;
    }
    sys.swap.deleteFromCache(pfn, takeShadow(sys, pfn));
    putUserPage(sys, pfn, 0);
    sys.unmapBatch.freed();
    return EVICT_FREED;
  }

  /** Frees a page that MADV_FREE gave up, unless it was written since: then it is a page like any other again. */
  private dropLazyfree(pfn: Pfn): number {
    const { sys } = this;
    const { memmap, rmap } = sys;
    // The last reference must not go with the last entry.
    memmap.getPage(pfn);
    while (rmap.head[pfn] !== NO_LINK) {
      const link = rmap.head[pfn];
      const vpn = rmap.linkVpn[link];
      const mm = sys.mmOf(rmap.linkMm[link]);
      const entry = mm.pageTable.findEntry(vpn);
      const lo = mm.pageTable.entryLo(entry);
      if ((lo & PTE_D) !== 0) memmap.setFlags(pfn, PG_DIRTY);
      const isDirty = memmap.hasFlags(pfn, PG_DIRTY);
      if (isDirty) memmap.setFlags(pfn, PG_SWAPBACKED);
      if (isDirty || isLocked(mm, vpn)) {
        memmap.putPageTestzero(pfn);
        return EVICT_IN_USE;
      }
      mm.pageTable.setEntry(entry, 0, 0);
      sys.unmapBatch.unmapped(mm, vpn, lo);
      mm.rssStat.updateHiwater();
      removeRmap(sys, mm, vpn, pfn);
      memmap.putPageTestzero(pfn);
    }
    putUserPage(sys, pfn, 0);
    sys.vmstat.countEvents(PGLAZYFREED, 1);
    sys.unmapBatch.freed();
    return EVICT_FREED;
  }

  private evictFile(pfn: Pfn): number {
    const { sys } = this;
    const { memmap } = sys;
    if (memmap.refcount[pfn] !== memmap.folioMapcount(pfn) + 1) return EVICT_BUSY;
    const endPfn = pfn + memmap.nrFolioPages(pfn);
    for (let page = pfn; page < endPfn; page++) if (!this.unmapFile(page)) return EVICT_IN_USE;
    if ((memmap.flags[pfn] & PG_SWAPBACKED) !== 0) return this.evictShmem(pfn);
    const inode = sys.files.inode(memmap.mapping[pfn]);
    if (inode.kind === "disk" || inode.kind === "bdev") return this.evictDiskPage(inode, pfn);
    if ((memmap.flags[pfn] & PG_DIRTY) !== 0) sys.unmapBatch.beforeWrite();
    writeBackFilePage(sys, pfn);
    dropFilePage(sys, pfn);
    sys.unmapBatch.freed();
    return EVICT_FREED;
  }

  /** Clean pages of disks go; dirty ones wait for writeback, which reclaim leaves to the flusher. */
  private evictDiskPage(inode: Inode, pfn: Pfn): number {
    const { sys } = this;
    if ((sys.memmap.flags[pfn] & PG_DIRTY) !== 0) return EVICT_DIRTY;
    if (!invalidatePage(sys, inode, pfn, true)) return EVICT_BUSY;
    sys.unmapBatch.freed();
    return EVICT_FREED;
  }

  /** Shared memory: dirty pages go to swap, clean ones are holes as good as new. Nothing maps the page any more. */
  private evictShmem(pfn: Pfn): number {
    const { sys } = this;
    const { memmap } = sys;
    const isDirty = (memmap.flags[pfn] & PG_DIRTY) !== 0;
    const isCached = (memmap.flags[pfn] & PG_SWAPCACHE) !== 0;
    if (!isDirty && !isCached) {
      dropShmemPage(sys, sys.files.inode(memmap.mapping[pfn]), pfn);
      sys.unmapBatch.freed();
      return EVICT_FREED;
    }
    if (!isCached && !moveShmemToSwap(sys, pfn)) return EVICT_NO_SWAP;
    return this.writeAndFree(pfn);
  }

  /** Replaces every entry that maps an anonymous page by its swap entry. False when a mapping is locked. */
  private unmapAnon(pfn: Pfn): boolean {
    const { sys } = this;
    const { memmap, rmap } = sys;
    const swapEntry = memmap.private[pfn];
    const exclusive = (memmap.flags[pfn] & PG_ANON_EXCLUSIVE) !== 0 ? PTE_SWP_EXCLUSIVE : 0;
    while (rmap.head[pfn] !== NO_LINK) {
      const link = rmap.head[pfn];
      const vpn = rmap.linkVpn[link];
      const mm = sys.mmOf(rmap.linkMm[link]);
      if (isLocked(mm, vpn)) return false;
      const entry = mm.pageTable.findEntry(vpn);
      const lo = mm.pageTable.entryLo(entry);
      if ((lo & PTE_D) !== 0) memmap.setFlags(pfn, PG_DIRTY);
      sys.swap.swapDuplicate(swapEntry);
      const flags =
        exclusive |
        ((lo & PTE_SOFT_DIRTY) !== 0 ? PTE_SWP_SOFT_DIRTY : 0) |
        ((lo & PTE_UFFD_WP) !== 0 ? PTE_SWP_UFFD_WP : 0);
      mm.pageTable.setEntry(entry, swapEntryToPteLo(swapEntry, flags), swapEntryToPteHi(swapEntry));
      sys.unmapBatch.unmapped(mm, vpn, lo);
      mm.rssStat.updateHiwater();
      removeRmap(sys, mm, vpn, pfn);
      countSwapEntries(sys, mm, 1);
      memmap.putPageTestzero(pfn);
    }
    memmap.clearFlags(pfn, PG_ANON_EXCLUSIVE);
    return true;
  }

  /** Empties every entry that maps a file page, which its file still knows. False when a mapping is locked. */
  private unmapFile(pfn: Pfn): boolean {
    const { sys } = this;
    const { memmap, rmap } = sys;
    while (rmap.head[pfn] !== NO_LINK) {
      const link = rmap.head[pfn];
      const vpn = rmap.linkVpn[link];
      const mm = sys.mmOf(rmap.linkMm[link]);
      if (isLocked(mm, vpn)) return false;
      const entry = mm.pageTable.findEntry(vpn);
      const lo = mm.pageTable.entryLo(entry);
      if ((lo & PTE_D) !== 0) markPageDirty(sys, pfn);
      if ((lo & PTE_UFFD_WP) !== 0 && leavesMarkers(mm, mm.space.findVma(vpn))) {
        mm.pageTable.setEntry(entry, pteMarkerLo(PTE_MARKER_UFFD_WP), PTE_MARKER_HI);
      } else {
        mm.pageTable.setEntry(entry, 0, 0);
      }
      sys.unmapBatch.unmapped(mm, vpn, lo);
      mm.rssStat.updateHiwater();
      removeRmap(sys, mm, vpn, pfn);
      memmap.putPageTestzero(pfn);
    }
    return true;
  }
}

/** Is the page in a locked mapping of the address space? */
function isLocked(mm: Mm, vpn: Vpn): boolean {
  const { space } = mm;
  if (space.lockedVm === 0) return false;
  const vma = space.findVma(vpn);
  return vma >= 0 && (space.pool.vmFlags[vma] & VM_LOCKED) !== 0;
}
