/**
 * Frames for page tables: from the frame allocator, counted, with a slab object for each table's lock. Cold.
 * Source: Linux 6.18 include/asm-generic/pgalloc.h, pagetable_alloc(); mm/memory.c, ptlock_alloc().
 */
import {
  GFP_KERNEL_ACCOUNT,
  __GFP_ZERO,
  NO_PFN,
  NR_PAGE_TABLE_PAGES,
  NUMA_NO_NODE,
  PG_TABLE,
  type Pfn,
  type TableFrames,
} from "@pageframe/contracts";
import { type System } from "../system.ts";

/** Gives page tables their frames. `memmap.private` holds the level, `memmap.index` the lock's address. */
export class TableFramesFromBuddy implements TableFrames {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  allocTable(level: number): Pfn {
    const { sys } = this;
    const lock = sys.allocObject(sys.caches.ptl, sys.currentCpu);
    if (lock < 0) return NO_PFN;
    const pfn = sys.frames.allocPages(GFP_KERNEL_ACCOUNT | __GFP_ZERO, 0, sys.currentCpu, NUMA_NO_NODE);
    if (pfn === NO_PFN) {
      sys.slab.freeObject(sys.caches.ptl, lock, sys.currentCpu);
      return NO_PFN;
    }
    const base = sys.contents.ensureSlot(pfn);
    sys.contents.words.fill(0, base, base + 1024);
    sys.memmap.setFlags(pfn, PG_TABLE);
    sys.memmap.private[pfn] = level;
    sys.memmap.index[pfn] = lock;
    sys.vmstat.modNode(sys.nodeOf(pfn), NR_PAGE_TABLE_PAGES, 1);
    return pfn;
  }

  freeTable(pfn: Pfn, _level: number): void {
    const { sys } = this;
    sys.slab.freeObject(sys.caches.ptl, sys.memmap.index[pfn], sys.currentCpu);
    sys.memmap.clearFlags(pfn, PG_TABLE);
    sys.memmap.private[pfn] = -1;
    sys.memmap.index[pfn] = 0;
    sys.contents.releaseSlot(pfn);
    sys.vmstat.modNode(sys.nodeOf(pfn), NR_PAGE_TABLE_PAGES, -1);
    sys.frames.freePages(pfn, 0, sys.currentCpu);
  }
}
