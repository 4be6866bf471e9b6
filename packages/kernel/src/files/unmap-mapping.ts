/**
 * Taking pages of a file out of every page table that maps them: truncation, holes punched.
 * Source: Linux 6.18 mm/memory.c, unmap_mapping_range_tree(), zap_pte_range() with zap_details.
 */
import {
  NO_VMA,
  PG_ANON,
  PTE_A,
  PTE_D,
  PTE_MARKER_HI,
  PTE_MARKER_UFFD_WP,
  PTE_SPECIAL,
  pteIsPresent,
  pteMarkerLo,
  leafPfn,
  PT_LEVEL_PTE,
  type Vpn,
  PAGES_PER_LEVEL,
  PT_LEVEL_PMD,
} from "@pageframe/contracts";
import { type Inode } from "./inode.ts";
import { markPageDirty } from "../filemap/dirty.ts";
import { COUNT_BATCHED } from "../mm/rss-stat.ts";
import { FolioRow } from "../mm/folio-row.ts";
import { zapPages } from "../mm/zap.ts";
import { putUserPage, removeRmap } from "../pages/pages.ts";
import { entryIsUffdWp, leavesMarkers } from "../uffd/write-protect.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Pages that one level-1 table maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/**
 * Unmaps pages [startPgoff, endPgoff) of an inode everywhere; with `evenCows` the private copies of them too, which are
 * lost then. That the pages were used is noted, unless the folio is only `isSplit` (try_to_unmap).
 * O(log(mappings) + mappings of these pages + populated entries).
 */
export function unmapMapping(
  sys: System,
  inode: Inode,
  startPgoff: number,
  endPgoff: number,
  evenCows: boolean,
  isSplit = false,
): void {
  if (inode.nrMappings === 0 || startPgoff >= endPgoff) return;
  const pool = sys.vmaPool;
  const { mappings } = pool;
  for (
    let vma = mappings.first(inode.id, startPgoff, endPgoff);
    vma !== NO_VMA;
    vma = mappings.next(vma, startPgoff, endPgoff)
  ) {
    const mm = sys.mmOf(pool.mmId[vma]);
    const startVpn = pool.startVpn[vma];
    const pgoff = pool.pgoff[vma];
    const fromVpn = startVpn + Math.max(0, startPgoff - pgoff);
    const toVpn = Math.min(pool.endVpn[vma], startVpn + (endPgoff - pgoff));
    sys.gather.begin(mm);
    if (evenCows) zapPages(sys, sys.gather, mm, fromVpn, toVpn);
    else zapFilePages(sys, mm, fromVpn, toVpn, isSplit);
    sys.gather.finish();
  }
}

/** Empties the entries of [startVpn, endVpn) that map pages of files; private copies stay (even_cows = 0). */
function zapFilePages(sys: System, mm: Mm, startVpn: Vpn, endVpn: Vpn, isSplit: boolean): void {
  const { memmap, gather } = sys;
  const { cursor } = mm;
  const isWpKept = leavesMarkers(mm, mm.space.findVma(startVpn));
  let tableEndVpn: Vpn = 0;
  let nrZapped = 0;
  const row = new FolioRow();
  mm.rssStat.updateHiwater();
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    const { vpn, lo, hi } = cursor;
    if (vpn >= tableEndVpn) {
      mm.rssStat.flushVec(sys.currentCpu);
      tableEndVpn = vpn - (vpn % PMD_PAGES) + PMD_PAGES;
    }
    if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) continue;
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    if (memmap.hasFlags(pfn, PG_ANON)) continue;
    if (isWpKept && entryIsUffdWp(lo, hi)) cursor.set(pteMarkerLo(PTE_MARKER_UFFD_WP), PTE_MARKER_HI);
    else cursor.clear();
    gather.takeEntries(vpn, vpn + 1);
    if ((lo & PTE_D) !== 0) markPageDirty(sys, pfn);
    const isRowStart = row.take(memmap.compoundHead(pfn), pfn);
    if ((lo & PTE_A) !== 0 && !isSplit) row.noteUse(sys, mm, vpn);
    removeRmap(sys, mm, vpn, pfn, COUNT_BATCHED, isRowStart);
    putUserPage(sys, pfn, sys.currentCpu);
    gather.takePage();
    nrZapped++;
  }
  mm.rssStat.flushVec(sys.currentCpu);
  // What was unlocked or used is settled (free_pages_and_swap_cache).
  if (nrZapped > 0 && !isSplit) sys.lru.drain(sys.currentCpu);
}
