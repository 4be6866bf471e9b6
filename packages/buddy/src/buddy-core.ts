/**
 * Linux's buddy allocator over one table of zones: splitting, merging, and grouping by mobility. Hot: per block.
 *
 * The buddy of a block of 2^order frames at pfn is the block at `pfn ^ 2^order`. Both free, same order, same zone: they
 * merge. Above pageblock size, blocks of HighAtomic or Isolate type merge with their own type only.
 * Source: Linux 6.18 mm/page_alloc.c: __rmqueue_smallest(), expand(), __free_one_page(), __rmqueue(),
 * reserve_highatomic_pageblock(), unreserve_highatomic_pageblock().
 * Differs: no CMA, no page reporting, no list shuffling, no memory offlining.
 */
import {
  MAX_PAGE_ORDER,
  MIGRATE_HIGHATOMIC,
  MIGRATE_ISOLATE,
  MIGRATE_PCPTYPES,
  MIGRATE_TYPES,
  NO_PFN,
  NR_FREE_PAGES,
  NR_PAGE_ORDERS,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
  PG_BUDDY,
  PG_ORDER_SHIFT,
  TP_MM_PAGE_ALLOC_ZONE_LOCKED,
  ZONE_STAT_NAMES,
} from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_NON_BLOCK,
  ALLOC_NOFRAGMENT,
  ALLOC_OOM,
  migratetypeTable,
} from "./alloc-flags.ts";
import { checkFreeAreas } from "./buddy-audit.ts";
import { FreeAreas } from "./free-area.ts";
import { type FrameCore } from "./frame-core.ts";
import { Mobility } from "./mobility.ts";
import { type ZoneTable } from "./zone-table.ts";

const NR_ZONE_STATS = ZONE_STAT_NAMES.length;

/** The buddy allocator's free lists, as an exchangeable core. */
export class BuddyCore implements FrameCore {
  readonly areas: FreeAreas;
  readonly migratetypes: Uint8Array;
  private readonly mobility: Mobility;
  private readonly table: ZoneTable;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;
  private readonly flags: Int32Array;
  private readonly zoneOf: Uint8Array;
  private readonly blockType: Uint8Array;
  private readonly zoneStats: Float64Array;
  private readonly nrFrames: number;
  /** This bulk found neither a block of its type nor one to claim, and need not look again (RMQUEUE_STEAL). */
  private isStealing = false;

  /** `watermarkBoostFactor` is vm.watermark_boost_factor, 0 for no boosts. */
  constructor(
    memmap: Memmap,
    vmstat: VmStat,
    table: ZoneTable,
    isGrouped: boolean,
    watermarkBoostFactor: number,
  ) {
    this.areas = new FreeAreas(memmap, vmstat, table);
    this.migratetypes = migratetypeTable(isGrouped);
    this.mobility = new Mobility(memmap, this.areas, table, isGrouped, watermarkBoostFactor);
    this.table = table;
    this.memmap = memmap;
    this.vmstat = vmstat;
    this.flags = memmap.flags;
    this.zoneOf = memmap.zoneId;
    this.blockType = memmap.pageblockMigratetype;
    this.zoneStats = vmstat.zone;
    this.nrFrames = memmap.nrFrames;
  }

  rmqueue(zoneId: number, order: number, migratetype: number, allocFlags: number): number {
    let pfn = NO_PFN;
    if ((allocFlags & ALLOC_HIGHATOMIC) !== 0) pfn = this.rmqueueSmallest(zoneId, order, MIGRATE_HIGHATOMIC);
    if (pfn === NO_PFN) {
      this.isStealing = false;
      pfn = this.rmqueueAnyType(zoneId, order, migratetype, allocFlags, 0);
      if (pfn === NO_PFN && (allocFlags & (ALLOC_OOM | ALLOC_NON_BLOCK)) !== 0) {
        pfn = this.rmqueueSmallest(zoneId, order, MIGRATE_HIGHATOMIC);
      }
    }
    return pfn;
  }

  rmqueueBulk(
    zoneId: number,
    order: number,
    nr: number,
    migratetype: number,
    allocFlags: number,
    into: Int32Array,
    at: number,
  ): number {
    this.isStealing = false;
    for (let nrTaken = 0; nrTaken < nr; nrTaken++) {
      const pfn = this.rmqueueAnyType(zoneId, order, migratetype, allocFlags, 1);
      if (pfn === NO_PFN) return nrTaken;
      into[at + nrTaken] = pfn;
    }
    return nr;
  }

  freeOnePage(pfn: number, zoneId: number, order: number, toTail: boolean): void {
    const { flags, areas } = this;
    const migratetype = this.blockType[pfn >>> PAGEBLOCK_ORDER];
    this.accountFree(zoneId, migratetype, 1 << order);
    let block = pfn;
    let blockOrder = order;
    let buddy = 0;
    while (blockOrder < MAX_PAGE_ORDER) {
      buddy = block ^ (1 << blockOrder);
      if (!this.isFreeBuddy(buddy, zoneId, blockOrder)) break;
      let buddyType = migratetype;
      if (blockOrder >= PAGEBLOCK_ORDER) {
        buddyType = this.blockType[buddy >>> PAGEBLOCK_ORDER];
        // HighAtomic and Isolate blocks keep their pages to themselves: merging would lose their count.
        if (buddyType !== migratetype && (buddyType >= MIGRATE_PCPTYPES || migratetype >= MIGRATE_PCPTYPES))
          break;
      }
      areas.remove(zoneId, buddyType, blockOrder, buddy);
      if (buddyType !== migratetype) this.mobility.setBlockTypes(buddy, blockOrder, migratetype);
      block &= buddy;
      blockOrder++;
    }
    let isLast = toTail;
    if (!isLast && blockOrder < MAX_PAGE_ORDER - 1) {
      // The next larger block's buddy is free: keep this one for last, it is likely to merge twice soon.
      const larger = block & buddy;
      isLast = this.isFreeBuddy(larger ^ (1 << (blockOrder + 1)), zoneId, blockOrder + 1);
    }
    flags[block] = 0;
    if (isLast) areas.addLast(zoneId, migratetype, blockOrder, block);
    else areas.addFirst(zoneId, migratetype, blockOrder, block);
  }

  hasFreeBlock(zoneId: number, order: number, allocFlags: number): boolean {
    const { nonEmpty } = this.areas;
    const at = zoneId * MIGRATE_TYPES;
    let mask = nonEmpty[at] | nonEmpty[at + 1] | nonEmpty[at + 2];
    if ((allocFlags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) !== 0) mask |= nonEmpty[at + MIGRATE_HIGHATOMIC];
    return mask >>> order !== 0;
  }

  nrFreePages(zoneId: number): number {
    return this.zoneStats[zoneId * NR_ZONE_STATS + NR_FREE_PAGES];
  }

  nrFreeBlocks(zoneId: number, order: number): number {
    return this.areas.nrFree[zoneId * NR_PAGE_ORDERS + order];
  }

  nrFreeBlocksOfType(zoneId: number, order: number, migratetype: number): number {
    if (this.table.present[zoneId] === 0) return 0;
    return this.memmap.lists.countRows(this.areas.head(zoneId, migratetype, order));
  }

  reserveHighatomic(pfn: number, zoneId: number, order: number): void {
    const percent = Math.floor(this.table.managed[zoneId] / 100);
    if (percent < PAGEBLOCK_NR_PAGES) return;
    const most = Math.ceil(percent / PAGEBLOCK_NR_PAGES) * PAGEBLOCK_NR_PAGES;
    if (this.table.nrReservedHighatomic[zoneId] >= most) return;
    const blockType = this.blockType[pfn >>> PAGEBLOCK_ORDER];
    if (blockType >= MIGRATE_PCPTYPES) return;
    if (order < PAGEBLOCK_ORDER) {
      const nrMoved = this.mobility.moveFreePages(zoneId, pfn, 0, blockType, MIGRATE_HIGHATOMIC);
      if (nrMoved < 0) return;
      this.table.nrFreeHighatomic[zoneId] += nrMoved;
      this.table.nrReservedHighatomic[zoneId] += PAGEBLOCK_NR_PAGES;
    } else {
      this.mobility.setBlockTypes(pfn, order, MIGRATE_HIGHATOMIC);
      this.table.nrReservedHighatomic[zoneId] += 1 << order;
    }
    this.table.refreshFastMarks(zoneId);
  }

  unreserveHighatomic(zoneId: number, migratetype: number, isForced: boolean): boolean {
    const { table, areas } = this;
    // One pageblock stays unless the pressure is really high.
    if (table.nrReservedHighatomic[zoneId] <= (isForced ? 0 : PAGEBLOCK_NR_PAGES)) return false;
    const nonEmpty = areas.nonEmpty[zoneId * MIGRATE_TYPES + MIGRATE_HIGHATOMIC];
    if (nonEmpty === 0) return false;
    const order = 31 - Math.clz32(nonEmpty & -nonEmpty);
    const pfn = areas.first(zoneId, MIGRATE_HIGHATOMIC, order);
    const nrMoved = this.mobility.moveFreePages(zoneId, pfn, order, MIGRATE_HIGHATOMIC, migratetype);
    if (nrMoved < 0) return false;
    table.nrFreeHighatomic[zoneId] -= nrMoved;
    table.nrReservedHighatomic[zoneId] -= Math.min(
      table.nrReservedHighatomic[zoneId],
      Math.max(PAGEBLOCK_NR_PAGES, 1 << order),
    );
    table.refreshFastMarks(zoneId);
    return true;
  }

  checkInvariants(isFree: Uint8Array): void {
    checkFreeAreas(this.areas, this.memmap, this.vmstat, this.table, isFree);
  }

  /** Takes the first block of the smallest order that fits and puts its unused halves back. */
  private rmqueueSmallest(zoneId: number, order: number, migratetype: number): number {
    const { areas } = this;
    const fitting = (areas.nonEmpty[zoneId * MIGRATE_TYPES + migratetype] >>> order) << order;
    if (fitting === 0) return NO_PFN;
    const found = 31 - Math.clz32(fitting & -fitting);
    const pfn = areas.first(zoneId, migratetype, found);
    areas.remove(zoneId, migratetype, found, pfn);
    for (let half = found - 1; half >= order; half--)
      areas.addFirst(zoneId, migratetype, half, pfn + (1 << half));
    this.accountFree(zoneId, migratetype, -(1 << order));
    return pfn;
  }

  /** The wanted type first, then a whole pageblock of another type, then a block out of one (__rmqueue). */
  private rmqueueAnyType(
    zoneId: number,
    order: number,
    migratetype: number,
    allocFlags: number,
    isRefill: number,
  ): number {
    if (!this.isStealing) {
      const pfn = this.rmqueueSmallest(zoneId, order, migratetype);
      if (pfn !== NO_PFN) {
        if (this.table.trace !== null) {
          this.table.trace.emit(TP_MM_PAGE_ALLOC_ZONE_LOCKED, pfn, order, migratetype, isRefill);
        }
        return pfn;
      }
    }
    return this.rmqueueFallback(zoneId, order, migratetype, allocFlags);
  }

  private rmqueueFallback(zoneId: number, order: number, migratetype: number, allocFlags: number): number {
    if (!this.isStealing && this.mobility.claim(zoneId, order, migratetype, allocFlags)) {
      return this.rmqueueSmallest(zoneId, order, migratetype);
    }
    if ((allocFlags & ALLOC_NOFRAGMENT) !== 0) return NO_PFN;
    const fallbackType = this.mobility.findTypeToSteal(zoneId, order, migratetype);
    if (fallbackType < 0) return NO_PFN;
    this.isStealing = true;
    return this.rmqueueSmallest(zoneId, order, fallbackType);
  }

  private isFreeBuddy(buddy: number, zoneId: number, order: number): boolean {
    return (
      buddy < this.nrFrames &&
      this.flags[buddy] === (PG_BUDDY | (order << PG_ORDER_SHIFT)) &&
      this.zoneOf[buddy] === zoneId
    );
  }

  private accountFree(zoneId: number, migratetype: number, nrPages: number): void {
    if (migratetype >= MIGRATE_HIGHATOMIC) {
      if (migratetype === MIGRATE_ISOLATE) return;
      this.table.nrFreeHighatomic[zoneId] += nrPages;
    }
    this.zoneStats[zoneId * NR_ZONE_STATS + NR_FREE_PAGES] += nrPages;
  }
}
