/**
 * Flushes for pages that reclaim has unmapped, put off until many can be done with one interrupt. Hot: per page evicted.
 * Source: Linux 6.18 mm/rmap.c, should_defer_flush(), set_tlb_ubc_flush_pending(), try_to_unmap_flush(),
 * try_to_unmap_flush_dirty(); arch/x86/include/asm/tlbflush.h, arch_tlbbatch_add_pending(); mm/vmscan.c, shrink_folio_list().
 * Differs: frames are freed before the flush and not after it, no program runs between; shrink_folio_list() also flushes at
 * its end, after 32 pages looked at. Here reclaim flushes when it is over. Nobody else changes tables until then, so
 * flush_tlb_batched_pending() has no counterpart.
 */
import { PTE_D, PTE_P, type Vpn } from "@pageframe/contracts";
import { type ReclaimFlushes } from "./coherence.ts";
import { CpuMask } from "./cpu-mask.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Pages that are freed together (PAGEVEC_SIZE). */
const FOLIO_BATCH_PAGES = 31;

/** What is unmapped and not flushed yet (tlbflush_unmap_batch). */
export class UnmapBatch implements ReclaimFlushes {
  private readonly sys: System;
  private readonly cpuMask: CpuMask = new CpuMask();
  private isFlushRequired = false;
  /** A page was dirty: it may have been writable, and must be flushed before it is written out. */
  private isWritable = false;
  private nrFreed = 0;

  constructor(sys: System) {
    this.sys = sys;
  }

  get isPending(): boolean {
    return this.isFlushRequired;
  }

  unmapped(mm: Mm, vpn: Vpn, lo: number): void {
    if ((lo & PTE_P) === 0) return;
    const { sys } = this;
    if (sys.asids.isBroadcast || !mm.cpuMask.hasOther(sys.currentCpu)) {
      sys.tlbFlusher.flushPage(mm, vpn);
      return;
    }
    sys.asids.bumpGeneration(mm.id);
    this.cpuMask.add(mm.cpuMask);
    this.isFlushRequired = true;
    if ((lo & PTE_D) !== 0) this.isWritable = true;
  }

  beforeWrite(): void {
    if (this.isWritable) this.flush();
  }

  freed(): void {
    if (++this.nrFreed >= FOLIO_BATCH_PAGES) this.flush();
  }

  flush(): void {
    this.nrFreed = 0;
    if (!this.isFlushRequired) return;
    this.sys.tlbFlusher.flushCpus(this.cpuMask);
    this.cpuMask.clearAll();
    this.isFlushRequired = false;
    this.isWritable = false;
  }
}
