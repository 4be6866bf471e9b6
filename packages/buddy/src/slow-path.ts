/**
 * What happens when no zone of the list is above its low watermark: wake kswapd, try again down to the min watermark,
 * reclaim in the caller's name, kill. Warm.
 *
 * Every loop is bounded. While reclaim or the OOM killer runs (memallocDepth > 0), allocations ignore watermarks and do
 * not come back here for reclaim, as PF_MEMALLOC has it.
 * Source: Linux 6.18 mm/page_alloc.c: __alloc_pages_slowpath(), __alloc_pages_direct_reclaim(),
 * should_reclaim_retry(), __alloc_pages_may_oom(), wake_all_kswapds().
 * Differs: no compaction, so costly orders give up after one reclaim; OOM does not need __GFP_FS, since nobody else
 * would free memory meanwhile; after MAX_ROUNDS rounds that reclaim something but never enough, the allocation fails.
 */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  ALLOCSTALL_DMA,
  bug,
  type CpuId,
  type Gfp,
  MAX_NR_ZONES,
  type MemoryPressureHandler,
  NO_MEMORY_PRESSURE_HANDLER,
  NO_PFN,
  type NodeId,
  type Order,
  type Pfn,
  NR_ZONE_ACTIVE_ANON,
  NR_ZONE_ACTIVE_FILE,
  NR_ZONE_INACTIVE_ANON,
  NR_ZONE_INACTIVE_FILE,
  PAGE_ALLOC_COSTLY_ORDER,
  WMARK_HIGH,
  WMARK_MIN,
  ZONE_NORMAL,
  type Zonelists,
} from "@pageframe/contracts";
import { type VmStat } from "@pageframe/memmap";
import {
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  gfpToAllocFlags,
  gfpZone,
} from "./alloc-flags.ts";
import { type FrameCore } from "./frame-core.ts";
import { isWatermarkOk } from "./zone-watermark.ts";
import { type ZoneTable } from "./zone-table.ts";

/** Rounds of reclaim without progress before it is given up. */
const MAX_RECLAIM_RETRIES = 16;
/** Rounds of reclaim and kills one allocation may cost in all. */
const MAX_ROUNDS = 4096;

/** What the slow path asks of the allocator around it. */
export interface PageSource {
  readonly zonelists: Zonelists;
  /** Walks the zonelist once; returns a page ready for its user, or NO_PFN. */
  getPageFromFreelist(gfp: Gfp, order: Order, cpu: CpuId, nodeId: NodeId, allocFlags: number): Pfn;
  nodeOfCpu(cpu: CpuId): NodeId;
  drainPcp(cpu: CpuId): void;
}

/** The slow path of one allocator. */
export class SlowPath {
  handler: MemoryPressureHandler = NO_MEMORY_PRESSURE_HANDLER;
  /** Above 0: whoever allocates now is freeing memory. */
  memallocDepth = 0;
  private readonly source: PageSource;
  private readonly table: ZoneTable;
  private readonly core: FrameCore;
  private readonly vmstat: VmStat;
  /** Rounds of reclaim without progress in a row, of the allocation in its slow path; there is one at a time. */
  private nrNoProgress = 0;

  constructor(source: PageSource, table: ZoneTable, core: FrameCore, vmstat: VmStat) {
    this.source = source;
    this.table = table;
    this.core = core;
    this.vmstat = vmstat;
  }

  /** Returns a page ready for its user, or NO_PFN. */
  alloc(gfp: Gfp, order: number, cpu: CpuId, nodeId: NodeId): number {
    const node = nodeId < 0 ? this.source.nodeOfCpu(cpu) : nodeId;
    const list = this.zonelist(gfp, node);
    if (!list.some((zoneId) => zoneId % MAX_NR_ZONES <= gfpZone(gfp))) return NO_PFN;
    let allocFlags = gfpToAllocFlags(gfp, order);
    if ((allocFlags & ALLOC_KSWAPD) !== 0) this.wakeAllKswapds(list, gfp, order);
    if (this.mayUseAllReserves(gfp)) allocFlags = ALLOC_NO_WATERMARKS | (allocFlags & ALLOC_KSWAPD);
    const pfn = this.source.getPageFromFreelist(gfp, order, cpu, nodeId, allocFlags);
    if (pfn !== NO_PFN) return pfn;
    // Without the right to reclaim, __GFP_NOFAIL cannot be kept (Linux warns and fails).
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || this.memallocDepth > 0) return NO_PFN;
    return this.reclaimAndRetry(gfp, order, cpu, nodeId, node, allocFlags);
  }

  private reclaimAndRetry(
    gfp: Gfp,
    order: number,
    cpu: CpuId,
    nodeId: NodeId,
    node: NodeId,
    allocFlags: number,
  ): number {
    const list = this.zonelist(gfp, node);
    const mustNotFail = (gfp & __GFP_NOFAIL) !== 0;
    this.nrNoProgress = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const nrReclaimed = this.directReclaim(gfp, order, node);
      let pfn = this.getAfterReclaim(gfp, order, cpu, nodeId, allocFlags, list, nrReclaimed > 0);
      if (pfn !== NO_PFN) return pfn;
      const isGivenUp = (gfp & __GFP_NORETRY) !== 0 || this.isCostlyGivenUp(gfp, order);
      if (!isGivenUp) {
        if (this.shouldReclaimRetry(gfp, order, allocFlags, list, nrReclaimed > 0)) continue;
        // A last look with the high watermark, to catch what others freed in vain.
        const lastFlags = WMARK_HIGH;
        pfn = this.source.getPageFromFreelist(gfp, order, cpu, nodeId, lastFlags);
        if (pfn !== NO_PFN) return pfn;
        if (this.mayKill(gfp, order) && this.outOfMemory(gfp, order)) {
          this.nrNoProgress = 0;
          pfn = this.source.getPageFromFreelist(gfp, order, cpu, nodeId, allocFlags);
          if (pfn !== NO_PFN) return pfn;
          continue;
        }
      }
      if (!mustNotFail) return NO_PFN;
      pfn = this.source.getPageFromFreelist(gfp, order, cpu, nodeId, ALLOC_MIN_RESERVE);
      if (pfn !== NO_PFN) return pfn;
      if (nrReclaimed === 0) break;
    }
    if (!mustNotFail) return NO_PFN;
    const pfn = this.source.getPageFromFreelist(gfp, order, cpu, nodeId, ALLOC_NO_WATERMARKS);
    if (pfn === NO_PFN)
      bug(`__GFP_NOFAIL allocation of order ${order}: no page is left and none can be freed`);
    return pfn;
  }

  private directReclaim(gfp: Gfp, order: number, node: NodeId): number {
    this.vmstat.countEvents(ALLOCSTALL_DMA + gfpZone(gfp), 1);
    this.memallocDepth++;
    const nrReclaimed = this.handler.directReclaim(gfp, order, node);
    this.memallocDepth--;
    return nrReclaimed;
  }

  private outOfMemory(gfp: Gfp, order: number): boolean {
    this.memallocDepth++;
    const isKilled = this.handler.outOfMemory(gfp, order);
    this.memallocDepth--;
    return isKilled;
  }

  /** Pages freed may lie on per-CPU lists or in atomic reserves: drains both before a second try. */
  private getAfterReclaim(
    gfp: Gfp,
    order: number,
    cpu: CpuId,
    nodeId: NodeId,
    allocFlags: number,
    list: Int32Array,
    hasProgress: boolean,
  ): number {
    if (!hasProgress) return NO_PFN;
    const pfn = this.source.getPageFromFreelist(gfp, order, cpu, nodeId, allocFlags);
    if (pfn !== NO_PFN) return pfn;
    this.unreserveHighatomic(list, gfp, false);
    this.source.drainPcp(-1);
    return this.source.getPageFromFreelist(gfp, order, cpu, nodeId, allocFlags);
  }

  private shouldReclaimRetry(
    gfp: Gfp,
    order: number,
    allocFlags: number,
    list: Int32Array,
    hasProgress: boolean,
  ): boolean {
    if (hasProgress && order <= PAGE_ALLOC_COSTLY_ORDER) this.nrNoProgress = 0;
    else this.nrNoProgress++;
    if (this.nrNoProgress <= MAX_RECLAIM_RETRIES && this.couldReclaimEnough(gfp, order, allocFlags, list))
      return true;
    return this.unreserveHighatomic(list, gfp, true);
  }

  /** Would the allocation succeed if all that is on the LRU lists were freed? */
  private couldReclaimEnough(gfp: Gfp, order: number, allocFlags: number, list: Int32Array): boolean {
    const { table, core, vmstat } = this;
    const highest = gfpZone(gfp);
    for (let at = 0; at < list.length; at++) {
      const zoneId = list[at];
      if (zoneId % MAX_NR_ZONES > highest) continue;
      const available =
        core.nrFreePages(zoneId) +
        vmstat.zoneStat(zoneId, NR_ZONE_INACTIVE_FILE) +
        vmstat.zoneStat(zoneId, NR_ZONE_ACTIVE_FILE) +
        vmstat.zoneStat(zoneId, NR_ZONE_INACTIVE_ANON) +
        vmstat.zoneStat(zoneId, NR_ZONE_ACTIVE_ANON);
      const mark = table.mark(zoneId, WMARK_MIN);
      if (isWatermarkOk(table, core, zoneId, order, mark, highest, allocFlags, available)) return true;
    }
    return false;
  }

  private unreserveHighatomic(list: Int32Array, gfp: Gfp, isForced: boolean): boolean {
    const migratetype = this.core.migratetypes[gfp & 31];
    const highest = gfpZone(gfp);
    for (let at = 0; at < list.length; at++) {
      if (list[at] % MAX_NR_ZONES > highest) continue;
      if (this.core.unreserveHighatomic(list[at], migratetype, isForced)) return true;
    }
    return false;
  }

  private isCostlyGivenUp(gfp: Gfp, order: number): boolean {
    return order > PAGE_ALLOC_COSTLY_ORDER && (gfp & __GFP_RETRY_MAYFAIL) === 0;
  }

  /** Killing helps neither high orders nor low zones, and some callers would rather fail. */
  private mayKill(gfp: Gfp, order: number): boolean {
    return (
      order <= PAGE_ALLOC_COSTLY_ORDER &&
      (gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) === 0 &&
      gfpZone(gfp) >= ZONE_NORMAL
    );
  }

  private mayUseAllReserves(gfp: Gfp): boolean {
    if ((gfp & __GFP_NOMEMALLOC) !== 0) return false;
    return (gfp & __GFP_MEMALLOC) !== 0 || this.memallocDepth > 0;
  }

  private wakeAllKswapds(list: Int32Array, gfp: Gfp, order: number): void {
    const highest = gfpZone(gfp);
    let lastNode = -1;
    for (let at = 0; at < list.length; at++) {
      const zoneId = list[at];
      const node = Math.floor(zoneId / MAX_NR_ZONES);
      if (zoneId % MAX_NR_ZONES > highest || this.table.managed[zoneId] === 0 || node === lastNode) continue;
      this.handler.wakeKswapd(node, order, highest);
      lastNode = node;
    }
  }

  private zonelist(gfp: Gfp, node: NodeId): Int32Array {
    const { zonelists } = this.source;
    return (gfp & __GFP_THISNODE) !== 0 ? zonelists.thisNode[node] : zonelists.fallback[node];
  }
}
