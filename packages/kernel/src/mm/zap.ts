/**
 * Taking pages out of an address space: munmap, exit, the reaper of killed tasks. And what else an address space asks
 * of its pages: other rights, tables freed, memory for VMAs.
 * Source: Linux 6.18 mm/memory.c, zap_pte_range(), free_pgtables(); mm/memory.c, zap_install_uffd_wp_if_needed().
 */
import {
  type AddressSpaceHost,
  type MmId,
  PAGES_PER_LEVEL,
  type Paddr,
  PG_ANON,
  PG_SWAPCACHE,
  PTE_A,
  PTE_D,
  PTE_MARKER_GUARD,
  PTE_MARKER_HI,
  PTE_MARKER_UFFD_WP,
  PTE_SPECIAL,
  pteIsNonSwap,
  pteIsPresent,
  leafPfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  pteMarkerLo,
  pteMarkers,
  pteToSwapEntry,
  type Vpn,
} from "@pageframe/contracts";
import { type Gather } from "../tlb/coherence.ts";
import { NO_SHM_ID } from "../files/files.ts";
import { putMappedFile } from "../files/sysv-shm.ts";
import { markPageDirty } from "../filemap/dirty.ts";
import { FolioRow } from "./folio-row.ts";
import { COUNT_BATCHED } from "./rss-stat.ts";
import { changeProtection, MM_CP_MPROTECT } from "./change-protection.ts";
import { movePages } from "./move-pages.ts";
import { countSwapEntries, putUserPage, removeRmap } from "../pages/pages.ts";
import { freeSwapEntry, freeSwapOfPage } from "../pages/swap-pages.ts";
import { uffdForked, uffdRemapped, uffdUnmapped } from "../uffd/events.ts";
import { entryIsUffdWp, leavesMarkers } from "../uffd/write-protect.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Pages that one level-1 table maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/**
 * Empties every entry of [startVpn, endVpn) and drops what it held (unmap_page_range). `gather`, open on the address space,
 * flushes. Guards stay, and the write protection of pages of files, unless `dropMarkers`, which is for mappings that go
 * (ZAP_FLAG_DROP_MARKER). O(populated).
 */
export function zapPages(
  sys: System,
  gather: Gather,
  mm: Mm,
  startVpn: Vpn,
  endVpn: Vpn,
  dropMarkers = false,
): void {
  const cpu = sys.currentCpu;
  // Pages in LRU batches are held by them: drain first, so that pages of the range are really freed (lru_add_drain).
  sys.lru.drain(cpu);
  const { cursor } = mm;
  // Without `dropMarkers` the range lies in one mapping.
  const isWpKept = !dropMarkers && leavesMarkers(mm, mm.space.findVma(startVpn));
  // A page of a file that was written must not be written any more once its table is done (tlb_delay_rmap).
  let dirtyTableEndVpn: Vpn = Infinity;
  let tableEndVpn: Vpn = 0;
  const row = new FolioRow();
  mm.rssStat.updateHiwater();
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { vpn, lo, hi } = cursor;
    if (vpn >= tableEndVpn) {
      mm.rssStat.flushVec(cpu);
      tableEndVpn = vpn - (vpn % PMD_PAGES) + PMD_PAGES;
    }
    if (vpn >= dirtyTableEndVpn) {
      gather.flushTlbOnly();
      dirtyTableEndVpn = Infinity;
    }
    if (!pteIsPresent(lo) && pteIsNonSwap(hi)) {
      const kept = PTE_MARKER_GUARD | (isWpKept ? PTE_MARKER_UFFD_WP : 0);
      if (dropMarkers || (pteMarkers(lo, hi) & kept) === 0) cursor.clear();
      continue;
    }
    if (isWpKept && entryIsUffdWp(lo, hi)) cursor.set(pteMarkerLo(PTE_MARKER_UFFD_WP), PTE_MARKER_HI);
    else cursor.clear();
    if (pteIsPresent(lo)) {
      gather.takeEntries(vpn, vpn + 1);
      if ((lo & PTE_SPECIAL) !== 0) continue;
      const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
      let isRowStart = true;
      if ((sys.memmap.flags[pfn] & PG_ANON) === 0) {
        if ((lo & PTE_D) !== 0) {
          markPageDirty(sys, pfn);
          dirtyTableEndVpn = vpn - (vpn % PMD_PAGES) + PMD_PAGES;
        }
        isRowStart = row.take(sys.memmap.compoundHead(pfn), pfn);
        if ((lo & PTE_A) !== 0) row.noteUse(sys, mm, vpn);
      }
      removeRmap(sys, mm, vpn, pfn, COUNT_BATCHED, isRowStart);
      if ((sys.memmap.flags[pfn] & PG_SWAPCACHE) !== 0 && sys.memmap.mapcount[pfn] === 0)
        freeSwapOfPage(sys, pfn);
      putUserPage(sys, pfn, cpu);
      gather.takePage();
    } else {
      freeSwapEntry(sys, pteToSwapEntry(lo, hi), cpu);
      countSwapEntries(sys, mm, -1, COUNT_BATCHED);
    }
  }
  mm.rssStat.flushVec(cpu);
  if (dirtyTableEndVpn !== Infinity) gather.flushTlbOnly();
  // What was unlocked or used is settled before its pages are freed (free_pages_and_swap_cache).
  if (tableEndVpn !== 0) sys.lru.drain(cpu);
}

/** Connects address spaces to pages. */
export class PagesOfAddressSpaces implements AddressSpaceHost {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  /** Begins a gather, unless exit has, which freePageTables() flushes. */
  unmapPages(mm: MmId, startVpn: Vpn, endVpn: Vpn): void {
    const { sys } = this;
    if (!sys.gather.isOpen) sys.gather.begin(sys.mmOf(mm));
    zapPages(sys, sys.gather, sys.mmOf(mm), startVpn, endVpn, true);
  }

  freePageTables(mm: MmId, startVpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const { sys } = this;
    const target = sys.mmOf(mm);
    const before = target.nrTablePages;
    target.pageTable.freeTables(startVpn, endVpn, floorVpn, ceilingVpn);
    // Walkers cache pointers to tables: they go with the tables.
    if (target.nrTablePages !== before) {
      const firstVpn = startVpn - (startVpn % PMD_PAGES);
      const lastVpn = endVpn - 1 - ((endVpn - 1) % PMD_PAGES);
      const isFirstShared = firstVpn < floorVpn;
      sys.gather.takeTables(isFirstShared ? firstVpn + PMD_PAGES : firstVpn, lastVpn);
    }
    sys.gather.finish();
  }

  changeProtection(mm: MmId, startVpn: Vpn, endVpn: Vpn, vmFlags: number): void {
    changeProtection(this.sys, this.sys.mmOf(mm), startVpn, endVpn, vmFlags, MM_CP_MPROTECT);
  }

  remapUffd(uffd: number, fromVpn: Vpn, toVpn: Vpn, nrPages: number): boolean {
    return uffdRemapped(this.sys, uffd, fromVpn, toVpn, nrPages);
  }

  unmapUffd(uffd: number, startVpn: Vpn, endVpn: Vpn): void {
    uffdUnmapped(this.sys, uffd, startVpn, endVpn);
  }

  forkUffd(uffd: number, child: MmId): number {
    return uffdForked(this.sys, uffd, child);
  }

  movePages(mm: MmId, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
    return movePages(this.sys, this.sys.mmOf(mm), fromVpn, toVpn, nrPages);
  }

  getFile(fileId: number): number {
    return this.sys.files.mapFile(fileId);
  }

  putFile(fileId: number): void {
    putMappedFile(this.sys, this.sys.files.file(fileId));
  }

  /** Attachments of SysV segments are counted by VMA (shm_close). */
  hasCloseHook(fileId: number): boolean {
    return this.sys.files.file(fileId).shmId !== NO_SHM_ID;
  }

  allocVmaObject(): Paddr {
    return this.sys.allocObject(this.sys.caches.vma, this.sys.currentCpu);
  }

  freeVmaObject(address: Paddr): void {
    this.sys.slab.freeObject(this.sys.caches.vma, address, this.sys.currentCpu);
  }
}
