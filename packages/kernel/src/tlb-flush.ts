/**
 * Flushes of translations on every CPU that may hold them, as Linux's flush_tlb_* do by inter-processor interrupt.
 */
import { TP_TLB_FLUSH, type Vpn } from "@pageframe/contracts";
import { type System } from "./system.ts";
import { type Mm } from "./task.ts";

/** Pages above which a range is flushed whole (tlb_single_page_flush_ceiling). Source: arch/x86/mm/tlb.c. */
const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;

/** Drops one page of an address space from all TLBs (flush_tlb_page). */
export function flushTlbPage(sys: System, mm: Mm, vpn: Vpn): void {
  for (const cpu of sys.cpus) if (mm.mayBeOnCpu(cpu.id)) cpu.mmu.flushPage(vpn, mm.pcid);
  sys.trace?.emit(TP_TLB_FLUSH, mm.id, 1, 0, 0);
}

/** Drops [vpn, endVpn) of an address space from all TLBs; everything of it above the ceiling (flush_tlb_range). */
export function flushTlbRange(sys: System, mm: Mm, vpn: Vpn, endVpn: Vpn): void {
  const nrPages = endVpn - vpn;
  if (nrPages <= 0) return;
  if (nrPages > TLB_SINGLE_PAGE_FLUSH_CEILING) {
    flushTlbMm(sys, mm);
    return;
  }
  for (const cpu of sys.cpus) if (mm.mayBeOnCpu(cpu.id)) cpu.mmu.flushRange(vpn, nrPages, mm.pcid);
  sys.trace?.emit(TP_TLB_FLUSH, mm.id, nrPages, 0, 0);
}

/** Drops every translation of an address space from all TLBs (flush_tlb_mm). */
export function flushTlbMm(sys: System, mm: Mm): void {
  for (const cpu of sys.cpus) if (mm.mayBeOnCpu(cpu.id)) cpu.mmu.flushPcid(mm.pcid);
  sys.trace?.emit(TP_TLB_FLUSH, mm.id, -1, 0, 0);
}
