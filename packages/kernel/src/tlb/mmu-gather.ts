/**
 * Collects what is taken out of one address space's tables, so that one flush does for all of it. Hot: per page unmapped.
 * Source: Linux 6.18 include/asm-generic/tlb.h; mm/mmu_gather.c; arch/x86/include/asm/tlb.h, tlb_flush().
 * Differs: frames are freed before the flush and not after it; no program runs between.
 */
import { bug, PAGES_PER_LEVEL, PT_LEVEL_PMD, TLB_FLUSH_ALL, type Vpn } from "@pageframe/contracts";
import { type Gather } from "./coherence.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/**
 * Pages that are gathered before a flush must come: 8 in the gather itself (MMU_GATHER_BUNDLE), then 19 batches
 * (MAX_GATHER_BATCH_COUNT) of 510 (MAX_GATHER_BATCH).
 */
const MAX_GATHERED_PAGES: number = 8 + 19 * 510;

/** One pass of unmapping or of changing rights (struct mmu_gather). */
export class MmuGather implements Gather {
  private readonly sys: System;
  private mm: Mm | null = null;
  private isFullMm = false;
  /** The range that entries were taken from, and what was. */
  private startVpn: Vpn = Infinity;
  private endVpn: Vpn = 0;
  private hasEntries = false;
  private hasTables = false;
  private nrPages = 0;

  constructor(sys: System) {
    this.sys = sys;
  }

  get isOpen(): boolean {
    return this.mm !== null;
  }

  begin(mm: Mm, isFullMm = false): void {
    if (this.mm !== null) bug(`a gather of mm ${this.mm.id} is open when one of mm ${mm.id} begins`);
    this.mm = mm;
    this.isFullMm = isFullMm;
  }

  takeEntries(vpn: Vpn, endVpn: Vpn): void {
    this.hasEntries = true;
    this.adjustRange(vpn, endVpn);
  }

  takePage(): void {
    if (++this.nrPages < MAX_GATHERED_PAGES) return;
    this.flushTlbOnly();
    this.nrPages = 0;
  }

  takeTables(firstVpn: Vpn, lastVpn: Vpn): void {
    this.hasTables = true;
    this.adjustRange(firstVpn, lastVpn + 1);
  }

  flushTlbOnly(): void {
    const { mm } = this;
    if (mm === null) bug("a gather is flushed before it began");
    if (!this.hasEntries && !this.hasTables) return;
    const stridePages = this.hasEntries ? 1 : PAGES_PER_LEVEL[PT_LEVEL_PMD];
    const endVpn = this.isFullMm ? TLB_FLUSH_ALL : this.endVpn;
    this.sys.tlbFlusher.flushMmRange(mm, this.startVpn, endVpn, stridePages, this.hasTables);
    this.startVpn = Infinity;
    this.endVpn = 0;
    this.hasEntries = false;
    this.hasTables = false;
  }

  finish(): void {
    this.flushTlbOnly();
    this.mm = null;
    this.nrPages = 0;
  }

  private adjustRange(vpn: Vpn, endVpn: Vpn): void {
    if (vpn < this.startVpn) this.startVpn = vpn;
    if (endVpn > this.endVpn) this.endVpn = endVpn;
  }
}
