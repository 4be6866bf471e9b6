/** What a frame allocator is made from, and what it can do beyond the seat's contract. */
import {
  type FrameAllocator,
  type MemoryRange,
  type NodeId,
  type Pfn,
  type TraceSink,
  type Zonelists,
} from "@pageframe/contracts";
import { type FrameContents, type Memmap, type VmStat } from "@pageframe/memmap";
import { type Zone } from "./zone.ts";

/** The machine and the knobs that a frame allocator is made from. */
export interface FrameAllocatorConfig {
  readonly memmap: Memmap;
  readonly vmstat: VmStat;
  /** For __GFP_ZERO; without it pages have no bytes to clear. */
  readonly contents?: FrameContents;
  /** Usable RAM, sorted. All of it is reserved until releaseBootMemory(). */
  readonly ranges: readonly MemoryRange[];
  readonly nrCpus: number;
  /** Node of each CPU. */
  readonly cpuNodes: readonly NodeId[];
  /** Absent: each node first, then the others in the order of their ids, highest zone first. */
  readonly zonelists?: Zonelists;
  /** vm.min_free_kbytes; -1 or absent: Linux's formula. */
  readonly minFreeKbytes?: number;
  /** vm.watermark_scale_factor, default 10. */
  readonly watermarkScaleFactor?: number;
  /** vm.watermark_boost_factor. Default 0 (Linux: 15000), because a boost stays until clearWatermarkBoost(). */
  readonly watermarkBoostFactor?: number;
  /** vm.lowmem_reserve_ratio, default [256, 256, 32, 0, 0]. */
  readonly lowmemReserveRatio?: readonly number[];
  /** vm.percpu_pagelist_high_fraction, default 0: lists grow and shrink by themselves. */
  readonly percpuPagelistHighFraction?: number;
  /** Group pages by mobility; absent: when there are more pages than one pageblock for each type. */
  readonly mobilityGrouping?: boolean;
  readonly trace?: TraceSink | null;
}

/** The allocator at boot, and the knobs that a running kernel turns. */
export interface BootMemory {
  /** The zones with all that /proc/zoneinfo shows of them. */
  readonly zones: readonly Zone[];
  /** Who listens to tracepoints. */
  trace: TraceSink | null;
  /**
   * Hands reserved frames [startPfn, endPfn) over: before finishBoot() in the largest aligned blocks, to the tails of
   * the lists (memblock_free_all); afterwards page by page (free_reserved_area). Throws EINVAL when a frame is not RAM,
   * or not reserved.
   */
  releaseBootMemory(startPfn: Pfn, endPfn: Pfn): void;
  /** Computes watermarks, reserves and per-CPU limits from what is managed now. */
  finishBoot(): void;
  /** vm.min_free_kbytes as in force. */
  readonly minFreeKbytes: number;
  /** Sets vm.min_free_kbytes and recomputes all that follows. */
  setMinFreeKbytes(kbytes: number): void;
  /** Sets vm.watermark_scale_factor (1..3000) and recomputes all that follows. */
  setWatermarkScaleFactor(factor: number): void;
  /** Drops a zone's boost, as kswapd does when it has balanced the node. */
  clearWatermarkBoost(zoneId: number): void;
  /** kswapd begins or ends work on a zone: per-CPU lists stay short meanwhile (ZONE_RECLAIM_ACTIVE). */
  setReclaimActive(zoneId: number, isActive: boolean): void;
  /** Lets unused per-CPU pages trickle back; once per virtual second and CPU (refresh_cpu_vm_stats). */
  decayPcp(cpu: number): void;
  /** From here to memallocRestore(), allocations ignore watermarks and never reclaim (PF_MEMALLOC). Nests. */
  memallocSave(): void;
  memallocRestore(): void;
  /** Pageblocks of one type in a zone, as /proc/pagetypeinfo counts them. O(pageblocks). */
  nrPageblocksOfType(zoneId: number, migratetype: number): number;
}

/** What an occupant of the frame-allocator seat is here. */
export type BootableFrameAllocator = FrameAllocator & BootMemory;
