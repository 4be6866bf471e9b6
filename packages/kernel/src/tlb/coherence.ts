/**
 * What the rest of the kernel asks of those who keep TLBs coherent: tlb-flush.ts, mmu-gather.ts and unmap-batch.ts, or a
 * test's own.
 */
import { type Vpn } from "@pageframe/contracts";
import { type CpuMask } from "./cpu-mask.ts";
import { type Mm } from "../task.ts";

/** Flushes on every CPU that may use what is dropped. */
export interface TlbFlushes {
  /** Drops every translation of an address space (flush_tlb_mm). */
  flushMm(mm: Mm): void;
  /** Drops those of [vpn, endVpn), on lazy CPUs too (flush_tlb_range). */
  flushRange(mm: Mm, vpn: Vpn, endVpn: Vpn): void;
  /** Drops that of one page (flush_tlb_page). */
  flushPage(mm: Mm, vpn: Vpn): void;
  /**
   * Drops those of [vpn, endVpn), or all with TLB_FLUSH_ALL as end: one in `stridePages` pages, all when that are more than
   * the ceiling. With `areTablesFreed` lazy CPUs are interrupted too: they may still walk those tables.
   */
  flushMmRange(mm: Mm, vpn: Vpn, endVpn: Vpn, stridePages: number, areTablesFreed: boolean): void;
  /** Brings all CPUs of a mask up to date, whatever they have loaded (arch_tlbbatch_flush). */
  flushCpus(mask: CpuMask): void;
}

/** Collects what one pass takes out of an address space, and flushes once. */
export interface Gather {
  readonly isOpen: boolean;
  /** Begins on an address space; `isFullMm` when all of it goes (tlb_gather_mmu, tlb_gather_mmu_fullmm). */
  begin(mm: Mm, isFullMm?: boolean): void;
  /** Present entries in [vpn, endVpn) were emptied, or got other rights (tlb_remove_tlb_entry, tlb_flush_pte_range). */
  takeEntries(vpn: Vpn, endVpn: Vpn): void;
  /** A page is to be freed after the flush; flushes when too many wait (__tlb_remove_page). */
  takePage(): void;
  /** Tables were freed, the first and last of them for these pages (pte_free_tlb). */
  takeTables(firstVpn: Vpn, lastVpn: Vpn): void;
  /** Flushes what was gathered so far, if anything was (tlb_flush_mmu_tlbonly). */
  flushTlbOnly(): void;
  /** Flushes and ends (tlb_finish_mmu). */
  finish(): void;
}

/** Flushes for pages that reclaim unmaps. */
export interface ReclaimFlushes {
  /** Is a flush put off? */
  readonly isPending: boolean;
  /** An entry with low half `lo` was emptied: flushes it now, or later when other CPUs must be told. */
  unmapped(mm: Mm, vpn: Vpn, lo: number): void;
  /** A page is about to be written out: no CPU may still write to it (try_to_unmap_flush_dirty). */
  beforeWrite(): void;
  /** A page was freed; a full batch of them is flushed. */
  freed(): void;
  /** Flushes what is put off (try_to_unmap_flush). */
  flush(): void;
}
