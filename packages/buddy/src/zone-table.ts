/**
 * What the allocator keeps of each zone, by zone id (`nodeId * MAX_NR_ZONES + zoneType`). Hot: per page.
 *
 *     startPfn spanned present managed      extent, in pages
 *     watermarks[zone][WMARK_*]             pages, without boost
 *     lowmemReserve[zone][zoneType]         pages kept from allocations that could also use zoneType
 *     boost                                 pages added to every watermark after a pageblock changed its type
 *     nrReservedHighatomic                  pages of pageblocks set aside for atomic high orders
 *     nrFreeHighatomic                      free ones of these
 *
 * What every allocation reads lies together in `words`, ZONE_WORDS int32 words a zone:
 *
 *     ZONE_FLAGS      ZONE_BELOW_HIGH | ZONE_RECLAIM_ACTIVE | ZONE_BOOSTED_WATERMARK
 *     ZONE_PCP        index in `words` of CPU 0's per-CPU record (per-cpu-pages.ts), -1 for a zone without RAM; the
 *                     records follow the zones
 *     ZONE_FAST_MARK  by highest zone type: free pages above which an order-0 allocation needs no further check; NEVER
 *                     while ZONE_BELOW_HIGH is set or something is set aside for atomic high orders
 *     ZONE_PGALLOC    event that counts the zone's allocations, PGALLOC_*
 */
import {
  EINVAL,
  KernelError,
  MAX_DMA32_PFN,
  MAX_DMA_PFN,
  MAX_NR_ZONES,
  MAX_NUMNODES,
  type MemoryRange,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
  PAGEBLOCK_NR_PAGES,
  PGALLOC_DMA,
  type TraceSink,
  WMARK_HIGH,
  WMARK_MIN,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_NORMAL,
} from "@pageframe/contracts";
import { type Memmap, NO_ZONE } from "@pageframe/memmap";

/** Free pages were seen below the high watermark: per-CPU lists shrink until they are above it. */
export const ZONE_BELOW_HIGH = 1;
/** kswapd works on the zone: per-CPU lists hold little. */
export const ZONE_RECLAIM_ACTIVE = 2;
/** The boost is new: kswapd is to be woken. */
export const ZONE_BOOSTED_WATERMARK = 4;

export const ZONE_FLAGS = 0;
export const ZONE_PCP = 1;
export const ZONE_FAST_MARK = 2;
export const ZONE_PGALLOC = 7;
export const ZONE_WORDS = 8;

const NEVER = 0x7fffffff;
/** Where the zone types that hold RAM begin and end. */
const RAM_ZONES: readonly (readonly [zoneType: number, start: number, end: number])[] = [
  [ZONE_DMA, 0, MAX_DMA_PFN],
  [ZONE_DMA32, MAX_DMA_PFN, MAX_DMA32_PFN],
  [ZONE_NORMAL, MAX_DMA32_PFN, Infinity],
];

const NR_RAM_ZONES = RAM_ZONES.length;

/** The zones of all nodes, empty ones included. */
export class ZoneTable {
  readonly nrNodes: number;
  readonly nrZones: number;
  readonly startPfn: Int32Array;
  readonly spanned: Int32Array;
  readonly present: Int32Array;
  readonly managed: Int32Array;
  readonly watermarks: readonly Int32Array[];
  readonly lowmemReserve: readonly Int32Array[];
  readonly boost: Int32Array;
  readonly nrReservedHighatomic: Int32Array;
  readonly nrFreeHighatomic: Int32Array;
  readonly words: Int32Array;
  /** Who listens to tracepoints. */
  trace: TraceSink | null;

  /** `nrPcpWords` int32 words of `words` are for per-CPU records. */
  constructor(nrNodes: number, nrPcpWords: number, trace: TraceSink | null) {
    const nrZones = nrNodes * MAX_NR_ZONES;
    this.nrNodes = nrNodes;
    this.nrZones = nrZones;
    this.startPfn = new Int32Array(nrZones);
    this.spanned = new Int32Array(nrZones);
    this.present = new Int32Array(nrZones);
    this.managed = new Int32Array(nrZones);
    this.watermarks = Array.from({ length: nrZones }, () => new Int32Array(4));
    this.lowmemReserve = Array.from({ length: nrZones }, () => new Int32Array(MAX_NR_ZONES));
    this.boost = new Int32Array(nrZones);
    this.nrReservedHighatomic = new Int32Array(nrZones);
    this.nrFreeHighatomic = new Int32Array(nrZones);
    this.words = new Int32Array(nrZones * ZONE_WORDS + nrPcpWords);
    for (let zoneId = 0; zoneId < nrZones; zoneId++) {
      this.words[zoneId * ZONE_WORDS + ZONE_PCP] = -1;
      this.words[zoneId * ZONE_WORDS + ZONE_PGALLOC] = PGALLOC_DMA + (zoneId % MAX_NR_ZONES);
    }
    this.trace = trace;
  }

  /** Watermark in pages, boost included (wmark_pages). */
  mark(zoneId: number, watermark: number): number {
    return this.watermarks[zoneId][watermark] + this.boost[zoneId];
  }

  /** The min watermark without boost. */
  unboostedMin(zoneId: number): number {
    return this.watermarks[zoneId][WMARK_MIN];
  }

  /** Are any of the flag bits set? */
  hasFlags(zoneId: number, bits: number): boolean {
    return (this.words[zoneId * ZONE_WORDS + ZONE_FLAGS] & bits) !== 0;
  }

  setFlags(zoneId: number, bits: number): void {
    this.words[zoneId * ZONE_WORDS + ZONE_FLAGS] |= bits;
    this.refreshFastMarks(zoneId);
  }

  clearFlags(zoneId: number, bits: number): void {
    this.words[zoneId * ZONE_WORDS + ZONE_FLAGS] &= ~bits;
    this.refreshFastMarks(zoneId);
  }

  /** Recomputes the fast marks after watermarks, boost, reserves or flags changed. */
  refreshFastMarks(zoneId: number): void {
    const isFast =
      !this.hasFlags(zoneId, ZONE_BELOW_HIGH | ZONE_BOOSTED_WATERMARK) &&
      this.nrReservedHighatomic[zoneId] === 0;
    const high = this.mark(zoneId, WMARK_HIGH);
    const reserve = this.lowmemReserve[zoneId];
    for (let zoneType = 0; zoneType < MAX_NR_ZONES; zoneType++) {
      this.words[zoneId * ZONE_WORDS + ZONE_FAST_MARK + zoneType] = isFast ? high + reserve[zoneType] : NEVER;
    }
  }
}

/**
 * Makes the zones that the memory ranges give; fills `memmap.zoneId` and the types of pageblocks. Throws EINVAL on ranges that are unsorted,
 * overlap, reach past the memmap or name an impossible node. O(frames).
 */
export function layOutZones(
  memmap: Memmap,
  ranges: readonly MemoryRange[],
  nrNodes: number,
  nrPcpWordsPerZone: number,
  trace: TraceSink | null,
): ZoneTable {
  checkRanges(ranges, memmap.nrFrames, nrNodes);
  const table = new ZoneTable(nrNodes, nrNodes * NR_RAM_ZONES * nrPcpWordsPerZone, trace);
  const endPfn = new Int32Array(table.nrZones);
  for (const range of ranges) {
    for (const [zoneType, zoneStart, zoneEnd] of RAM_ZONES) {
      const start = Math.max(range.startPfn, zoneStart);
      const end = Math.min(range.endPfn, zoneEnd);
      if (start >= end) continue;
      const zoneId = range.nodeId * MAX_NR_ZONES + zoneType;
      if (table.present[zoneId] === 0) table.startPfn[zoneId] = start;
      table.present[zoneId] += end - start;
      endPfn[zoneId] = end;
      memmap.zoneId.fill(zoneId, start, end);
    }
  }
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    table.spanned[zoneId] = endPfn[zoneId] - table.startPfn[zoneId];
  }
  initPageblocks(memmap);
  return table;
}

/**
 * Pageblocks start movable. One whose first frame is no RAM is never initialised and stays 0, unmovable, as the first
 * 2 MiB of a PC do (memmap_init_range()).
 */
function initPageblocks(memmap: Memmap): void {
  const types = memmap.pageblockMigratetype;
  for (let block = 0; block < types.length; block++) {
    const isRam = memmap.zoneId[block * PAGEBLOCK_NR_PAGES] !== NO_ZONE;
    types[block] = isRam ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE;
  }
}

function checkRanges(ranges: readonly MemoryRange[], nrFrames: number, nrNodes: number): void {
  if (!Number.isInteger(nrNodes) || nrNodes < 1 || nrNodes > MAX_NUMNODES) {
    throw new KernelError(EINVAL, `number of nodes (${nrNodes}) must be from 1 to ${MAX_NUMNODES}`);
  }
  if (ranges.length === 0)
    throw new KernelError(EINVAL, "no memory range was given; at least one must hold RAM");
  let last = 0;
  for (const { startPfn, endPfn, nodeId } of ranges) {
    const text = `memory range [${startPfn}, ${endPfn}) of node ${nodeId}`;
    if (!Number.isInteger(startPfn) || !Number.isInteger(endPfn) || startPfn < 0 || startPfn >= endPfn) {
      throw new KernelError(EINVAL, `${text} is not a range of frames`);
    }
    if (startPfn < last) {
      throw new KernelError(EINVAL, `${text} begins before ${last}; ranges must be sorted and disjoint`);
    }
    if (endPfn > nrFrames)
      throw new KernelError(EINVAL, `${text} reaches past the memmap's ${nrFrames} frames`);
    if (!Number.isInteger(nodeId) || nodeId < 0 || nodeId >= nrNodes) {
      throw new KernelError(EINVAL, `${text}: there are nodes 0 to ${nrNodes - 1}`);
    }
    last = endPfn;
  }
}
