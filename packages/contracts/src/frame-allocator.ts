/** The frame-allocator seat: who hands out physical pages. */
import type { Gfp } from "./gfp.ts";
import type { CpuId, NodeId, Order, Pfn } from "./units.ts";

/** One range of usable RAM, [startPfn, endPfn), on one node. Ranges are sorted and disjoint. */
export interface MemoryRange {
  readonly startPfn: Pfn;
  readonly endPfn: Pfn;
  readonly nodeId: NodeId;
}

/** In which order an allocation tries zones, by its preferred node. Zone ids; populated zones only. */
export interface Zonelists {
  /** From the preferred node's highest zone down, then the other nodes, nearest first (ZONELIST_FALLBACK). */
  readonly fallback: readonly Int32Array[];
  /** The node's own zones, for __GFP_THISNODE (ZONELIST_NOFALLBACK). */
  readonly thisNode: readonly Int32Array[];
}

/** What everyone may know of a zone. Zone ids are `nodeId * MAX_NR_ZONES + zoneType`; fields are live. */
export interface ZoneView {
  readonly id: number;
  readonly nodeId: NodeId;
  /** ZONE_DMA .. ZONE_DEVICE. */
  readonly zoneType: number;
  /** `DMA`, `DMA32`, `Normal`, ... */
  readonly name: string;
  readonly startPfn: Pfn;
  /** Pages from first to last, holes included. */
  readonly spannedPages: number;
  /** Pages of RAM. */
  readonly presentPages: number;
  /** Pages that the allocator manages: present less those reserved at boot. */
  readonly managedPages: number;
  /** Free pages, without those on per-CPU lists (NR_FREE_PAGES). */
  readonly nrFreePages: number;
  /** Pages by WMARK_MIN, WMARK_LOW, WMARK_HIGH, WMARK_PROMO. */
  readonly watermarks: Int32Array;
  /** Pages kept back from an allocation that could also use zone type [index] (lowmem_reserve). */
  readonly lowmemReserve: Int32Array;
  /** Free blocks of one order, all migratetypes (free_area[order].nr_free). */
  nrFreeBlocks(order: Order): number;
  /** Free blocks of one order and migratetype. O(blocks). */
  nrFreeBlocksOfType(order: Order, migratetype: number): number;
  /** Pages on per-CPU lists of this zone. */
  nrPcpPages(): number;
}

/**
 * What the allocator does when a zonelist is short, in Linux's order: wake kswapd, reclaim directly, kill.
 * Whoever owns reclaim implements it; {@link NO_MEMORY_PRESSURE_HANDLER} when nobody does.
 */
export interface MemoryPressureHandler {
  /** A zone of the list fell below its low watermark. Must not allocate. */
  wakeKswapd(nodeId: NodeId, order: Order, highestZoneType: number): void;
  /** Reclaims in the caller's name; returns pages freed (0: no progress). */
  directReclaim(gfp: Gfp, order: Order, nodeId: NodeId): number;
  /** Nothing else helped. Returns true when a task was killed and the allocation is worth another try. */
  outOfMemory(gfp: Gfp, order: Order): boolean;
}

/** Nobody reclaims: an allocation that finds no page fails. */
export const NO_MEMORY_PRESSURE_HANDLER: MemoryPressureHandler = {
  wakeKswapd: () => undefined,
  directReclaim: () => 0,
  outOfMemory: () => false,
};

/** Hands out and takes back blocks of 2^order physically contiguous, naturally aligned pages. */
export interface FrameAllocator {
  readonly name: string;
  /** All zones by id, empty ones included: `zones[nodeId * MAX_NR_ZONES + zoneType]`. */
  readonly zones: readonly ZoneView[];
  /**
   * Takes a block: refcount 1, flags clear, compound when __GFP_COMP and order > 0, zeroed when __GFP_ZERO.
   * `nodeId` is the preferred node or NUMA_NO_NODE for the CPU's own. Returns the first pfn or NO_PFN.
   */
  allocPages(gfp: Gfp, order: Order, cpu: CpuId, nodeId: NodeId): Pfn;
  /** Gives back a block that was taken with this order; its refcount must be 0 or the caller's single reference. */
  freePages(pfn: Pfn, order: Order, cpu: CpuId): void;
  /** Moves the pages of one CPU's lists (all CPUs: -1) back to the zones (drain_pages). */
  drainPcp(cpu: CpuId): void;
  /** Who acts under pressure. Set once by whoever wires the system; starts as NO_MEMORY_PRESSURE_HANDLER. */
  setPressureHandler(handler: MemoryPressureHandler): void;
  /** Node of the CPU, for allocations without a preference. */
  nodeOfCpu(cpu: CpuId): NodeId;
  /** Free pages over all zones, per-CPU lists not included. */
  nrFreePages(): number;
  /** Pages that user allocations cannot use: high watermarks and lowmem reserves (totalreserve_pages). */
  totalReservePages(): number;
  /**
   * Would an allocation of this order for `highestZoneType` leave the zone above `watermark` pages and its reserve?
   * `watermark` is in pages: `zone.watermarks[WMARK_HIGH]`, boosted or not. Used by kswapd.
   */
  zoneWatermarkOk(zoneId: number, order: Order, watermark: number, highestZoneType: number): boolean;
  /** Walks everything; calls bug() at the first contradiction. O(frames). */
  checkInvariants(): void;
}
