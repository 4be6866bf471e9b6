/**
 * Entries in a row that map one folio, and what is done once for all of them when they go.
 * Source: Linux 6.18 mm/memory.c, zap_present_ptes(), zap_present_folio_ptes(); mm/internal.h, folio_pte_batch().
 */
import {
  NO_PFN,
  NO_VMA,
  PG_RESERVED,
  type Pfn,
  VM_RAND_READ,
  VM_SEQ_READ,
  type Vpn,
} from "@pageframe/contracts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Where a walk over entries stands in a large folio. */
export class FolioRow {
  private folio: Pfn = NO_PFN;
  private nextPfn: Pfn = NO_PFN;
  private isUsed = false;

  /** Takes the next entry, which maps a page of `folio`. True when it begins a row: always for folios of one page. */
  take(folio: Pfn, pfn: Pfn): boolean {
    const isStart = folio !== this.folio || pfn !== this.nextPfn;
    this.folio = folio;
    this.nextPfn = pfn + 1;
    if (isStart) this.isUsed = false;
    return isStart;
  }

  /** The entry taken last was used: the LRU learns of it once a row, unless the mapping says that it means nothing. */
  noteUse(sys: System, mm: Mm, vpn: Vpn): void {
    if (this.isUsed) return;
    this.isUsed = true;
    const { pool } = mm.space;
    const vma = mm.space.findVma(vpn);
    const isUnhelpful =
      vma !== NO_VMA && pool.startVpn[vma] <= vpn && (pool.vmFlags[vma] & (VM_SEQ_READ | VM_RAND_READ)) !== 0;
    if (isUnhelpful || sys.memmap.hasFlags(this.folio, PG_RESERVED)) return;
    sys.lru.markAccessed(this.folio, sys.currentCpu);
  }
}
