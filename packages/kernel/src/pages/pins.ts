/**
 * References that the kernel holds on pages of programs, and what they forbid: migration, reclaim, sharing by fork.
 *
 * A plain reference (FOLL_GET) counts one, a pin (FOLL_PIN) GUP_PIN_COUNTING_BIAS: that is how others see that a device
 * may be reading or writing the page. `System.gupRefs` sums both for audits; Linux has no such list.
 * Source: Linux 6.18 mm/gup.c, try_grab_folio(), gup_put_folio(); include/linux/mm.h, folio_maybe_dma_pinned(),
 * folio_needs_cow_for_dma(), folio_expected_ref_count(); Documentation/core-api/pin_user_pages.rst.
 * Differs: the page of zeros gets no plain reference either; it never goes away.
 */
import {
  bug,
  FOLL_PIN,
  GUP_PIN_COUNTING_BIAS,
  NR_FOLL_PIN_ACQUIRED,
  NR_FOLL_PIN_RELEASED,
  PG_ANON,
  PG_LOCKED,
  PG_LRU,
  PG_PRIVATE,
  PG_SWAPCACHE,
  PG_WRITEBACK,
  type Pfn,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { putUserPage } from "./pages.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Takes a plain reference, or a pin with FOLL_PIN (try_grab_folio). */
export function grabPage(sys: System, pfn: Pfn, gupFlags: number): void {
  if (pfn === sys.zeroPfn) return;
  const nrRefs = refsOf(gupFlags);
  const folio = sys.memmap.compoundHead(pfn);
  sys.memmap.refcount[folio] += nrRefs;
  sys.gupRefs.set(folio, (sys.gupRefs.get(folio) ?? 0) + nrRefs);
  if ((gupFlags & FOLL_PIN) !== 0) sys.vmstat.modNode(sys.nodeOf(pfn), NR_FOLL_PIN_ACQUIRED, 1);
}

/** Gives a reference or pin back; the page is freed with its last reference (gup_put_folio). */
export function ungrabPage(sys: System, pfn: Pfn, gupFlags: number): void {
  if (pfn === sys.zeroPfn) return;
  const nrRefs = refsOf(gupFlags);
  const folio = sys.memmap.compoundHead(pfn);
  const nrLeft = (sys.gupRefs.get(folio) ?? 0) - nrRefs;
  if (nrLeft < 0) bug(`pfn ${pfn} is unpinned more often than it was pinned`);
  if (nrLeft === 0) sys.gupRefs.delete(folio);
  else sys.gupRefs.set(folio, nrLeft);
  if ((gupFlags & FOLL_PIN) !== 0) sys.vmstat.modNode(sys.nodeOf(pfn), NR_FOLL_PIN_RELEASED, 1);
  sys.memmap.refcount[folio] -= nrRefs - 1;
  putUserPage(sys, folio, sys.currentCpu);
}

function refsOf(gupFlags: number): number {
  return (gupFlags & FOLL_PIN) !== 0 ? GUP_PIN_COUNTING_BIAS : 1;
}

/** May a device be using the page? True for a pin, and for a page with very many references (folio_maybe_dma_pinned). */
export function pageMaybeDmaPinned(sys: System, pfn: Pfn): boolean {
  return sys.memmap.refcount[sys.memmap.compoundHead(pfn)] >= GUP_PIN_COUNTING_BIAS;
}

/** Must fork copy the page instead of sharing it? (folio_needs_cow_for_dma) */
export function pageNeedsCowForDma(sys: System, mm: Mm, pfn: Pfn): boolean {
  return mm.hasPinned && pageMaybeDmaPinned(sys, pfn);
}

/**
 * References that a folio of a program, given by its head, has when only page tables, swap cache, page cache and buffers hold it
 * (folio_expected_ref_count). What is above that belongs to somebody who would lose it.
 */
export function pageExpectedRefCount(sys: System, pfn: Pfn): number {
  const { memmap } = sys;
  const flags = memmap.flags[pfn];
  const isSwapCached = (flags & PG_SWAPCACHE) !== 0 ? 1 : 0;
  if ((flags & PG_ANON) !== 0) return isSwapCached + memmap.mapcount[pfn];
  const isInFile = memmap.mapping[pfn] !== NO_MAPPING ? 1 : 0;
  const isPrivate = (flags & PG_PRIVATE) !== 0 ? 1 : 0;
  return isSwapCached + isInFile + isPrivate + memmap.folioMapcount(pfn);
}

/**
 * Can the page move to another frame? Only one on an LRU list can be isolated, and only one without references beside
 * those expected: a pin, a plain reference or a place in an LRU batch (drain it first) each block it.
 * Source: Linux 6.18 mm/migrate.c, __folio_migrate_mapping(), with the reference of the isolation left out on both sides.
 */
export function pageCanMigrate(sys: System, pfn: Pfn): boolean {
  const { memmap } = sys;
  const flags = memmap.flags[pfn];
  if ((flags & PG_LRU) === 0 || (flags & (PG_LOCKED | PG_WRITEBACK)) !== 0) return false;
  return memmap.refcount[pfn] === pageExpectedRefCount(sys, pfn);
}
