/**
 * The page allocator around a core of free frames: zonelists, watermarks, per-CPU lists, and the state of pages that
 * are handed out and taken back. Hot: per page.
 *
 * A page is free in the core, free on a per-CPU list, reserved (PG_RESERVED), or its user's. The usual allocation ends
 * in allocPages(): the first zone of the list is well above its high watermark and its per-CPU list holds a page.
 * Source: Linux 6.18 mm/page_alloc.c: __alloc_frozen_pages_noprof(), get_page_from_freelist(), rmqueue(),
 * free_pages_prepare(), __free_frozen_pages().
 * Differs: no cpusets, no dirty-page spreading, no node reclaim (zone_reclaim_mode), no memory acceptance, no kcompactd.
 */
import {
  __GFP_COMP,
  __GFP_KSWAPD_RECLAIM,
  __GFP_THISNODE,
  __GFP_ZERO,
  bug,
  type CpuId,
  EINVAL,
  type Gfp,
  KernelError,
  MAX_NR_ZONES,
  MAX_PAGE_ORDER,
  type MemoryPressureHandler,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  NO_PFN,
  NO_SWAP_ENTRY,
  type NodeId,
  NR_FREE_PAGES,
  NR_FREE_PAGES_BLOCKS,
  NUMA_FOREIGN,
  NUMA_HIT,
  NUMA_LOCAL,
  NUMA_MISS,
  NUMA_OTHER,
  NUMA_STAT_NAMES,
  type Order,
  PAGE_ALLOC_COSTLY_ORDER,
  type Pfn,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
  PG_CHECK_AT_FREE,
  PG_HEAD,
  PG_RESERVED,
  PG_TAIL,
  PGALLOC_DMA,
  PGFREE,
  pageFlagsToString,
  TP_MM_PAGE_ALLOC,
  TP_MM_PAGE_FREE,
  type TraceSink,
  WMARK_HIGH,
  WMARK_LOW,
  ZONE_NORMAL,
  ZONE_STAT_NAMES,
  type Zonelists,
} from "@pageframe/contracts";
import { type FrameContents, type Memmap, NO_MAPPING, NO_ZONE, type VmStat } from "@pageframe/memmap";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_WMARK_MASK,
  gfpZone,
} from "./alloc-flags.ts";
import { type BootableFrameAllocator, type FrameAllocatorConfig } from "./config.ts";
import { type FrameCore } from "./frame-core.ts";
import { isPcpOrder, listIndex, ON_PCP_LIST, PerCpuPages } from "./per-cpu-pages.ts";
import {
  buildRoutes,
  preferredZones,
  ROUTE_GFP_BITS,
  ROUTE_GFP_MASK,
  ROUTE_HIGHEST_SHIFT,
  ROUTE_TYPE_SHIFT,
  ROUTE_ZONE_MASK,
} from "./routes.ts";
import { SlowPath } from "./slow-path.ts";
import { isWatermarkOk, isWatermarkOkFast } from "./zone-watermark.ts";
import { Tunables } from "./tunables.ts";
import {
  ZONE_BELOW_HIGH,
  ZONE_BOOSTED_WATERMARK,
  ZONE_FAST_MARK,
  ZONE_PGALLOC,
  ZONE_RECLAIM_ACTIVE,
  type ZoneTable,
  ZONE_WORDS,
} from "./zone-table.ts";
import { Zone } from "./zone.ts";
import { defaultZonelists } from "./zonelists.ts";

const NR_ZONE_STATS = ZONE_STAT_NAMES.length;
const NR_NUMA_STATS = NUMA_STAT_NAMES.length;
const MIXED_BLOCK: number = NO_ZONE;
// V8 folds a constant of this module into the code, and loads one that is imported: 19 against 23 M pairs/s.
const THIS_NODE: number = __GFP_THISNODE;
const PREPARED: number = __GFP_ZERO | __GFP_COMP;
const COSTLY_ORDER: number = PAGE_ALLOC_COSTLY_ORDER;
const NR_PCP_TYPES: number = MIGRATE_PCPTYPES;
const BLOCK_SHIFT: number = PAGEBLOCK_ORDER;
const FREE_PAGES: number = NR_FREE_PAGES;
const FREE_PAGES_BLOCKS: number = NR_FREE_PAGES_BLOCKS;
const HIT: number = NUMA_HIT;
const FREED: number = PGFREE;
const WORDS_OF_ZONE: number = ZONE_WORDS;
const MARK_OF_ZONE: number = ZONE_FAST_MARK;
const PGALLOC_OF_ZONE: number = ZONE_PGALLOC;
const GFP_BITS: number = ROUTE_GFP_BITS;
const GFP_MASK: number = ROUTE_GFP_MASK;
const ZONE_MASK: number = ROUTE_ZONE_MASK;
const TYPE_SHIFT: number = ROUTE_TYPE_SHIFT;
const HIGHEST_SHIFT: number = ROUTE_HIGHEST_SHIFT;

/** A frame allocator over any core. */
export class PageAllocator implements BootableFrameAllocator {
  readonly name: string;
  readonly zones: readonly Zone[];
  readonly table: ZoneTable;
  readonly core: FrameCore;
  readonly pcp: PerCpuPages;
  readonly zonelists: Zonelists;
  private readonly memmap: Memmap;
  private readonly contents: FrameContents | null;
  private readonly cpuNodes: Int32Array;
  private readonly nrCpus: number;
  private readonly tunables: Tunables;
  private readonly slowPath: SlowPath;
  /** First zone to try, by `((isThisNode * nrNodes) + node) * MAX_NR_ZONES + highestZoneType`; -1: none. */
  private readonly preferredZone: Int32Array;
  private readonly migratetypes: Uint8Array;
  private isBooted = false;
  /** Who listens; the table's other users have it too. */
  private sink: TraceSink | null;
  // What the fast paths touch, without a step through another object.
  private readonly nrNodes: number;
  /** Routes of the nodes' fallback lists, then of their own zones. */
  private readonly routes: Int32Array;
  private readonly words: Int32Array;
  private readonly flags: Int32Array;
  private readonly refcount: Int32Array;
  private readonly zoneOf: Uint8Array;
  /** Zone of a pageblock whose frames are all in one, else MIXED_BLOCK. */
  private readonly zoneOfBlock: Uint8Array;
  private readonly blockType: Uint8Array;
  /** All counters; those of zones come first, then NUMA events from `numaAt` on, events from `eventsAt` on. */
  private readonly stats: Float64Array;
  private readonly numaAt: number;
  private readonly eventsAt: number;
  private readonly vmstat: VmStat;

  constructor(name: string, config: FrameAllocatorConfig, table: ZoneTable, core: FrameCore) {
    const { memmap, vmstat } = config;
    checkMachine(config, table.nrNodes);
    this.name = name;
    this.sink = table.trace;
    this.table = table;
    this.core = core;
    this.memmap = memmap;
    this.contents = config.contents ?? null;
    this.nrCpus = config.nrCpus;
    this.cpuNodes = Int32Array.from(config.cpuNodes);
    this.pcp = new PerCpuPages(memmap, table, core, this.cpuNodes);
    this.zones = Array.from({ length: table.nrZones }, (_, id) => new Zone(id, table, core, this.pcp));
    this.zonelists = config.zonelists ?? defaultZonelists(table);
    this.preferredZone = preferredZones(this.zonelists, table.nrNodes);
    this.migratetypes = core.migratetypes;
    this.tunables = new Tunables(config, table, this.pcp);
    this.slowPath = new SlowPath(this, table, core, vmstat);
    this.nrNodes = table.nrNodes;
    this.routes = buildRoutes(this.preferredZone, core.migratetypes);
    this.words = table.words;
    this.flags = memmap.flags;
    this.refcount = memmap.refcount;
    this.zoneOf = memmap.zoneId;
    this.zoneOfBlock = zonesOfBlocks(memmap);
    this.blockType = memmap.pageblockMigratetype;
    this.stats = vmstat.all;
    this.numaAt = vmstat.zone.length;
    this.eventsAt = vmstat.all.length - vmstat.events.length;
    this.vmstat = vmstat;
    for (const { startPfn, endPfn } of config.ranges) {
      this.flags.fill(PG_RESERVED, startPfn, endPfn);
      this.refcount.fill(1, startPfn, endPfn);
    }
  }

  get trace(): TraceSink | null {
    return this.sink;
  }

  set trace(sink: TraceSink | null) {
    this.sink = sink;
    this.table.trace = sink;
  }

  allocPages(gfp: Gfp, order: Order, cpu: CpuId, nodeId: NodeId): Pfn {
    const { words, stats } = this;
    const node = nodeId < 0 ? this.cpuNodes[cpu] : nodeId;
    const list = (gfp & THIS_NODE) === 0 ? node : this.nrNodes + node;
    const route = this.routes[(list << GFP_BITS) | (gfp & GFP_MASK)];
    if (order <= COSTLY_ORDER && route >= 0) {
      const zoneId = route & ZONE_MASK;
      const zone = zoneId * WORDS_OF_ZONE;
      const nrFreeAfter = stats[zoneId * NR_ZONE_STATS + FREE_PAGES] - (1 << order);
      if (
        nrFreeAfter >= words[zone + MARK_OF_ZONE + (route >>> HIGHEST_SHIFT)] &&
        (stats[zoneId * NR_ZONE_STATS + FREE_PAGES_BLOCKS] > 0 ||
          order === 0 ||
          this.core.hasFreeBlock(zoneId, order, 0))
      ) {
        const type = (route >>> TYPE_SHIFT) & 3;
        const pfn = this.pcp.pop(zoneId, cpu, order, order * NR_PCP_TYPES + type);
        if (pfn >= 0) {
          this.refcount[pfn] = 1;
          stats[this.eventsAt + words[zone + PGALLOC_OF_ZONE]] += 1 << order;
          const numa = this.numaAt + zoneId * NR_NUMA_STATS;
          stats[numa + HIT]++;
          stats[numa + this.pcp.locality(zoneId, cpu)]++;
          if ((gfp & PREPARED) !== 0) this.prepare(gfp, pfn, order);
          if (this.sink !== null) this.sink.emit(TP_MM_PAGE_ALLOC, pfn, order, gfp, type);
          return pfn;
        }
      }
    }
    return this.allocPagesWalking(gfp, order, cpu, nodeId);
  }

  freePages(pfn: Pfn, order: Order, cpu: CpuId): void {
    if (this.flags[pfn] !== 0) this.clearBlock(pfn, order);
    if (this.refcount[pfn] > 1) bug(`pfn ${pfn} is freed with ${this.refcount[pfn]} references`);
    this.refcount[pfn] = 0;
    const block = pfn >>> BLOCK_SHIFT;
    let zoneId = this.zoneOfBlock[block];
    if (zoneId === MIXED_BLOCK) zoneId = this.zoneOf[pfn];
    this.stats[this.eventsAt + FREED] += 1 << order;
    if (this.sink !== null) this.sink.emit(TP_MM_PAGE_FREE, pfn, order, 0, 0);
    const migratetype = this.blockType[block];
    if (order <= COSTLY_ORDER && migratetype < NR_PCP_TYPES) {
      this.pcp.give(pfn, zoneId, cpu, order, order * NR_PCP_TYPES + migratetype);
    } else if (isPcpOrder(order) && migratetype !== MIGRATE_ISOLATE) {
      const listType = migratetype < MIGRATE_PCPTYPES ? migratetype : MIGRATE_MOVABLE;
      this.pcp.give(pfn, zoneId, cpu, order, listIndex(listType, order));
    } else {
      this.core.freeOnePage(pfn, zoneId, order, false);
    }
  }

  drainPcp(cpu: CpuId): void {
    if (cpu >= 0) this.pcp.drain(cpu);
    else for (let each = 0; each < this.nrCpus; each++) this.pcp.drain(each);
  }

  setPressureHandler(handler: MemoryPressureHandler): void {
    this.slowPath.handler = handler;
  }

  nodeOfCpu(cpu: CpuId): NodeId {
    return this.cpuNodes[cpu];
  }

  nrFreePages(): number {
    let nrFree = 0;
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) nrFree += this.core.nrFreePages(zoneId);
    return nrFree;
  }

  totalReservePages(): number {
    return this.tunables.totalReservePages;
  }

  zoneWatermarkOk(zoneId: number, order: Order, watermark: number, highestZoneType: number): boolean {
    const nrFree = this.core.nrFreePages(zoneId);
    return isWatermarkOk(this.table, this.core, zoneId, order, watermark, highestZoneType, 0, nrFree);
  }

  releaseBootMemory(startPfn: Pfn, endPfn: Pfn): void {
    for (let pfn = startPfn; pfn < endPfn; pfn++) {
      if (!this.memmap.hasFlags(pfn, PG_RESERVED)) {
        throw new KernelError(
          EINVAL,
          `release of frames [${startPfn}, ${endPfn}): frame ${pfn} is not reserved RAM`,
        );
      }
    }
    for (let pfn = startPfn; pfn < endPfn;) {
      const zoneId = this.zoneOf[pfn];
      let end = pfn + 1;
      while (end < endPfn && this.zoneOf[end] === zoneId) end++;
      this.releaseInZone(zoneId, pfn, end);
      pfn = end;
    }
    if (this.isBooted) this.tunables.refreshReserves();
  }

  finishBoot(): void {
    this.isBooted = true;
    this.tunables.initialise();
  }

  get minFreeKbytes(): number {
    return this.tunables.minFreeKbytes;
  }

  setMinFreeKbytes(kbytes: number): void {
    this.tunables.setMinFreeKbytes(kbytes);
  }

  setWatermarkScaleFactor(factor: number): void {
    this.tunables.setWatermarkScaleFactor(factor);
  }

  clearWatermarkBoost(zoneId: number): void {
    this.table.boost[zoneId] = 0;
    this.table.refreshFastMarks(zoneId);
  }

  setReclaimActive(zoneId: number, isActive: boolean): void {
    if (isActive) this.table.setFlags(zoneId, ZONE_RECLAIM_ACTIVE);
    else this.table.clearFlags(zoneId, ZONE_RECLAIM_ACTIVE);
  }

  decayPcp(cpu: number): void {
    this.pcp.decay(cpu);
  }

  memallocSave(): void {
    this.slowPath.memallocDepth++;
  }

  memallocRestore(): void {
    if (this.slowPath.memallocDepth === 0) bug("memallocRestore() without memallocSave()");
    this.slowPath.memallocDepth--;
  }

  nrPageblocksOfType(zoneId: number, migratetype: number): number {
    const start = this.table.startPfn[zoneId];
    const end = start + this.table.spanned[zoneId];
    let nrBlocks = 0;
    for (let pfn = start; pfn < end; pfn += PAGEBLOCK_NR_PAGES) {
      if (this.zoneOf[pfn] === zoneId && this.memmap.migratetypeOf(pfn) === migratetype) nrBlocks++;
    }
    return nrBlocks;
  }

  /**
   * Walks a zonelist for a block that the watermark in `allocFlags` leaves; returns NO_PFN when no zone has one. The
   * page is ready for its user (get_page_from_freelist).
   */
  getPageFromFreelist(gfp: Gfp, order: number, cpu: CpuId, nodeId: NodeId, allocFlags: number): number {
    const { table } = this;
    const highest = gfpZone(gfp);
    const node = nodeId < 0 ? this.cpuNodes[cpu] : nodeId;
    const isThisNode = (gfp & __GFP_THISNODE) !== 0;
    const list = isThisNode ? this.zonelists.thisNode[node] : this.zonelists.fallback[node];
    const preferred = this.preferredZone[((isThisNode ? table.nrNodes : 0) + node) * MAX_NR_ZONES + highest];
    for (let at = 0; at < list.length; at++) {
      const zoneId = list[at];
      if (zoneId % MAX_NR_ZONES > highest) continue;
      if (
        (allocFlags & ALLOC_NOFRAGMENT) !== 0 &&
        Math.floor(zoneId / MAX_NR_ZONES) !== Math.floor(preferred / MAX_NR_ZONES)
      ) {
        // Staying on the node is worth more than keeping pageblocks pure.
        break;
      }
      if (!this.isZoneUsable(zoneId, order, highest, allocFlags)) continue;
      const pfn = this.rmqueue(gfp, order, cpu, zoneId, preferred, allocFlags);
      if (pfn !== NO_PFN) return pfn;
    }
    if ((allocFlags & ALLOC_NOFRAGMENT) !== 0) {
      return this.getPageFromFreelist(gfp, order, cpu, nodeId, allocFlags & ~ALLOC_NOFRAGMENT);
    }
    return NO_PFN;
  }

  checkInvariants(): void {
    const isFree = new Uint8Array(this.memmap.nrFrames);
    this.core.checkInvariants(isFree);
    this.pcp.checkInvariants(isFree);
    const nrManaged = new Int32Array(this.table.nrZones);
    for (let pfn = 0; pfn < this.memmap.nrFrames; pfn++) {
      const zoneId = this.zoneOf[pfn];
      if (zoneId === NO_ZONE) continue;
      if (!this.memmap.hasFlags(pfn, PG_RESERVED)) nrManaged[zoneId]++;
    }
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) {
      if (nrManaged[zoneId] !== this.table.managed[zoneId]) {
        bug(
          `zone ${zoneId} manages ${this.table.managed[zoneId]} pages, ${nrManaged[zoneId]} are not reserved`,
        );
      }
    }
  }

  private allocPagesWalking(gfp: Gfp, order: number, cpu: CpuId, nodeId: NodeId): number {
    if (cpu < 0 || cpu >= this.nrCpus) bug(`allocation on CPU ${cpu}; there are ${this.nrCpus}`);
    if (nodeId >= this.table.nrNodes) bug(`allocation on node ${nodeId}; there are ${this.table.nrNodes}`);
    if (order < 0 || order > MAX_PAGE_ORDER) return NO_PFN;
    const allocFlags = WMARK_LOW | this.fragmentationFlags(gfp, cpu, nodeId);
    let pfn = this.getPageFromFreelist(gfp, order, cpu, nodeId, allocFlags);
    if (pfn === NO_PFN) pfn = this.slowPath.alloc(gfp, order, cpu, nodeId);
    if (pfn !== NO_PFN && this.sink !== null) {
      this.sink.emit(TP_MM_PAGE_ALLOC, pfn, order, gfp, this.migratetypes[gfp & 31]);
    }
    return pfn;
  }

  private prepare(gfp: Gfp, pfn: number, order: number): void {
    if ((gfp & __GFP_COMP) !== 0 && order > 0) this.memmap.prepCompound(pfn, order);
    if ((gfp & __GFP_ZERO) !== 0) this.zero(pfn, order);
  }

  /** The first pass keeps pageblocks pure when there is a lower zone to go to (alloc_flags_nofragment). */
  private fragmentationFlags(gfp: Gfp, cpu: CpuId, nodeId: NodeId): number {
    const flags = gfp & __GFP_KSWAPD_RECLAIM;
    const node = nodeId < 0 ? this.cpuNodes[cpu] : nodeId;
    const list = (gfp & __GFP_THISNODE) === 0 ? node : this.table.nrNodes + node;
    const preferred = this.preferredZone[list * MAX_NR_ZONES + gfpZone(gfp)];
    if (preferred < 0 || preferred % MAX_NR_ZONES !== ZONE_NORMAL) return flags;
    if (this.table.nrNodes > 1 && this.table.present[preferred - 1] === 0) return flags;
    return flags | ALLOC_NOFRAGMENT;
  }

  private isZoneUsable(zoneId: number, order: number, highest: number, allocFlags: number): boolean {
    const { table, core } = this;
    if (!table.hasFlags(zoneId, ZONE_BELOW_HIGH)) {
      const high = table.mark(zoneId, WMARK_HIGH);
      if (isWatermarkOkFast(table, core, zoneId, order, high, highest, allocFlags)) return true;
      // From here on per-CPU lists shrink, so that reclaim is not started for pages that lie there.
      table.setFlags(zoneId, ZONE_BELOW_HIGH);
    }
    if ((allocFlags & ALLOC_NO_WATERMARKS) !== 0) return true;
    const mark = table.mark(zoneId, allocFlags & ALLOC_WMARK_MASK);
    return isWatermarkOkFast(table, core, zoneId, order, mark, highest, allocFlags);
  }

  private rmqueue(
    gfp: Gfp,
    order: number,
    cpu: CpuId,
    zoneId: number,
    preferred: number,
    allocFlags: number,
  ): number {
    const migratetype = this.migratetypes[gfp & 31];
    let pfn = NO_PFN;
    if (isPcpOrder(order)) pfn = this.pcp.take(zoneId, cpu, order, migratetype, allocFlags);
    if (pfn === NO_PFN) pfn = this.core.rmqueue(zoneId, order, migratetype, allocFlags);
    if ((allocFlags & ALLOC_KSWAPD) !== 0 && this.table.hasFlags(zoneId, ZONE_BOOSTED_WATERMARK)) {
      this.table.clearFlags(zoneId, ZONE_BOOSTED_WATERMARK);
      this.slowPath.handler.wakeKswapd(Math.floor(zoneId / MAX_NR_ZONES), 0, zoneId % MAX_NR_ZONES);
    }
    if (pfn === NO_PFN) return NO_PFN;
    this.countAlloc(zoneId, preferred, 1 << order, cpu);
    this.refcount[pfn] = 1;
    this.prepare(gfp, pfn, order);
    if ((allocFlags & ALLOC_HIGHATOMIC) !== 0) this.core.reserveHighatomic(pfn, zoneId, order);
    return pfn;
  }

  /** PGALLOC_* in pages; NUMA events in allocations (zone_statistics). */
  private countAlloc(zoneId: number, preferred: number, nrPages: number, cpu: CpuId): void {
    const { vmstat } = this;
    const node = (zoneId / MAX_NR_ZONES) | 0;
    vmstat.countEvents(PGALLOC_DMA + zoneId - node * MAX_NR_ZONES, nrPages);
    if (zoneId === preferred || node === ((preferred / MAX_NR_ZONES) | 0)) {
      vmstat.modNuma(zoneId, NUMA_HIT, 1);
    } else {
      vmstat.modNuma(zoneId, NUMA_MISS, 1);
      vmstat.modNuma(preferred, NUMA_FOREIGN, 1);
    }
    vmstat.modNuma(zoneId, node === this.cpuNodes[cpu] ? NUMA_LOCAL : NUMA_OTHER, 1);
  }

  /** Makes the block read as zeros: frames forget their bytes, page tables' too. */
  private zero(pfn: number, order: number): void {
    if (this.contents === null) return;
    const end = pfn + (1 << order);
    for (let row = pfn; row < end; row++) this.contents.releaseSlot(row);
  }

  /** Checks and clears what the pages of a block carry; a compound page is taken apart. */
  private clearBlock(pfn: number, order: number): void {
    const { flags } = this;
    if ((flags[pfn] & PG_HEAD) !== 0) {
      const compoundOrder = this.memmap.compoundOrder(pfn);
      if (compoundOrder !== order) bug(`compound page ${pfn} of order ${compoundOrder} is freed as ${order}`);
      this.memmap.destroyCompound(pfn);
    }
    const end = pfn + (1 << order);
    for (let row = pfn; row < end; row++) if (flags[row] !== 0) this.clearPage(row);
  }

  private clearPage(pfn: number): void {
    const { flags, mapcount, mapping, private: owner } = this.memmap;
    if (flags[pfn] === ON_PCP_LIST) bug(`pfn ${pfn} is freed and is free already, on a per-CPU list`);
    if ((flags[pfn] & (PG_CHECK_AT_FREE | PG_TAIL)) !== 0) {
      bug(`pfn ${pfn} is freed with flags ${pageFlagsToString(flags[pfn])}`);
    }
    if (mapcount[pfn] !== 0) bug(`pfn ${pfn} is freed while mapped ${mapcount[pfn]} times`);
    flags[pfn] = 0;
    mapping[pfn] = NO_MAPPING;
    owner[pfn] = NO_SWAP_ENTRY;
  }

  private releaseInZone(zoneId: number, startPfn: number, endPfn: number): void {
    this.flags.fill(0, startPfn, endPfn);
    this.refcount.fill(0, startPfn, endPfn);
    this.table.managed[zoneId] += endPfn - startPfn;
    for (let pfn = startPfn; pfn < endPfn;) {
      let order = this.isBooted
        ? 0
        : pfn === 0
          ? MAX_PAGE_ORDER
          : Math.min(MAX_PAGE_ORDER, 31 - Math.clz32(pfn & -pfn));
      while (pfn + (1 << order) > endPfn) order--;
      if (this.isBooted) this.freePages(pfn, order, 0);
      else {
        this.stats[this.eventsAt + PGFREE] += 1 << order;
        this.core.freeOnePage(pfn, zoneId, order, true);
      }
      pfn += 1 << order;
    }
  }
}

function zonesOfBlocks(memmap: Memmap): Uint8Array {
  return Uint8Array.from(memmap.pageblockMigratetype, (_, block) => {
    const start = block * PAGEBLOCK_NR_PAGES;
    const frames = memmap.zoneId.subarray(start, start + PAGEBLOCK_NR_PAGES);
    return frames.every((zoneId) => zoneId === frames[0]) ? frames[0] : MIXED_BLOCK;
  });
}

function checkMachine(config: FrameAllocatorConfig, nrNodes: number): void {
  const { nrCpus, cpuNodes, zonelists } = config;
  if (!Number.isInteger(nrCpus) || nrCpus < 1) {
    throw new KernelError(EINVAL, `nrCpus (${nrCpus}) must be a positive integer`);
  }
  if (cpuNodes.length !== nrCpus || cpuNodes.some((node) => node < 0 || node >= nrNodes)) {
    throw new KernelError(
      EINVAL,
      `cpuNodes (${cpuNodes.join(", ")}) must name one of ${nrNodes} nodes for each of ${nrCpus} CPUs`,
    );
  }
  if (zonelists === undefined) return;
  if (zonelists.fallback.length !== nrNodes || zonelists.thisNode.length !== nrNodes) {
    throw new KernelError(
      EINVAL,
      `zonelists are given for ${zonelists.fallback.length} and ${zonelists.thisNode.length} nodes; there are ${nrNodes}`,
    );
  }
}
