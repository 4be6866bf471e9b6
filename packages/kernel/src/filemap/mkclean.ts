/**
 * Write-protecting a page of a file wherever it is mapped shared, so that the next write to it is heard of.
 * Source: Linux 6.18 mm/rmap.c, folio_mkclean(), page_vma_mkclean_one(); mm/page-writeback.c, folio_clear_dirty_for_io().
 */
import { NO_ENTRY, PTE_D, PTE_RW, type Pfn, VM_SHARED } from "@pageframe/contracts";
import { NO_LINK } from "@pageframe/memmap";
import { clearPageDirty, markPageDirty } from "./dirty.ts";
import { type System } from "../system.ts";

/** Makes the entries of shared mappings of a folio clean and read-only. Returns how many were dirty or writable. O(mappings). */
function mkclean(sys: System, folio: Pfn): number {
  let nrCleaned = 0;
  const endPfn = folio + sys.memmap.nrFolioPages(folio);
  for (let pfn = folio; pfn < endPfn; pfn++) nrCleaned += mkcleanPage(sys, pfn);
  return nrCleaned;
}

function mkcleanPage(sys: System, pfn: Pfn): number {
  const { rmap } = sys;
  let nrCleaned = 0;
  for (let link = rmap.head[pfn]; link !== NO_LINK; link = rmap.linkNext[link]) {
    const mm = sys.mmOf(rmap.linkMm[link]);
    const vpn = rmap.linkVpn[link];
    const vma = mm.space.findVma(vpn);
    if (vma < 0 || (mm.space.pool.vmFlags[vma] & VM_SHARED) === 0) continue;
    const entry = mm.pageTable.findEntry(vpn);
    if (entry === NO_ENTRY) continue;
    const lo = mm.pageTable.entryLo(entry);
    if ((lo & (PTE_D | PTE_RW)) === 0) continue;
    mm.pageTable.setEntry(entry, lo & ~(PTE_D | PTE_RW), mm.pageTable.entryHi(entry));
    sys.tlbFlusher.flushPage(mm, vpn);
    nrCleaned++;
  }
  return nrCleaned;
}

/** Takes a folio's dirtiness to write it: entries first, so that no write is missed (folio_clear_dirty_for_io). */
export function clearPageDirtyForIo(sys: System, pfn: Pfn): void {
  if (sys.memmap.folioMapcount(pfn) > 0 && mkclean(sys, pfn) > 0) markPageDirty(sys, pfn);
  clearPageDirty(sys, pfn);
}
