/**
 * Grouping by mobility: what to do when the wanted migratetype has no block. Warm: per fallback.
 *
 * First a whole pageblock is claimed for the wanted type, from the largest free block down, so that later allocations
 * find room there. When no pageblock is worth it, the smallest block is stolen and its pageblock keeps its type.
 * Source: Linux 6.18 mm/page_alloc.c: fallbacks[], find_suitable_fallback(), should_try_claim_block(),
 * try_to_claim_block(), __rmqueue_claim(), __rmqueue_steal(), move_freepages_block(), boost_watermark().
 */
import {
  MAX_PAGE_ORDER,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MIGRATE_RECLAIMABLE,
  MIGRATE_TYPES,
  MIGRATE_UNMOVABLE,
  NR_PAGE_ORDERS,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
  PG_BUDDY,
  PG_LRU,
  TP_MM_PAGE_ALLOC_EXTFRAG,
  WMARK_HIGH,
  pageFlagsOrder,
} from "@pageframe/contracts";
import { type Memmap } from "@pageframe/memmap";
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT } from "./alloc-flags.ts";
import { type FreeAreas } from "./free-area.ts";
import { ZONE_BOOSTED_WATERMARK, type ZoneTable } from "./zone-table.ts";

/** Types to fall back to, two for each wanted type, in order of preference. */
const FALLBACKS = Uint8Array.of(
  MIGRATE_RECLAIMABLE, // for unmovable
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE, // for movable
  MIGRATE_UNMOVABLE,
  MIGRATE_UNMOVABLE, // for reclaimable
  MIGRATE_MOVABLE,
);
const NO_TYPE = -1;

/** Moves pageblocks between migratetypes. */
export class Mobility {
  private readonly memmap: Memmap;
  private readonly areas: FreeAreas;
  private readonly table: ZoneTable;
  private readonly isGrouped: boolean;
  private readonly watermarkBoostFactor: number;

  constructor(
    memmap: Memmap,
    areas: FreeAreas,
    table: ZoneTable,
    isGrouped: boolean,
    watermarkBoostFactor: number,
  ) {
    this.memmap = memmap;
    this.areas = areas;
    this.table = table;
    this.isGrouped = isGrouped;
    this.watermarkBoostFactor = watermarkBoostFactor;
  }

  /** Makes a pageblock of another type one of `migratetype` that has a block of `order`; false when none is worth it. */
  claim(zoneId: number, order: number, migratetype: number, allocFlags: number): boolean {
    const least = (allocFlags & ALLOC_NOFRAGMENT) !== 0 && order < PAGEBLOCK_ORDER ? PAGEBLOCK_ORDER : order;
    for (let current = MAX_PAGE_ORDER; current >= least; current--) {
      if (!this.isWorthClaiming(current, migratetype)) return false;
      const fallbackType = this.findFallback(zoneId, current, migratetype);
      if (fallbackType === NO_TYPE) continue;
      const pfn = this.areas.first(zoneId, fallbackType, current);
      if (this.tryToClaim(zoneId, pfn, current, migratetype, fallbackType, allocFlags)) {
        this.table.trace?.emit(TP_MM_PAGE_ALLOC_EXTFRAG, pfn, order, current, fallbackType);
        return true;
      }
    }
    return false;
  }

  /** Type that has the smallest block of at least `order`, by preference among equals; -1 when none has. */
  findTypeToSteal(zoneId: number, order: number, migratetype: number): number {
    for (let current = order; current < NR_PAGE_ORDERS; current++) {
      const fallbackType = this.findFallback(zoneId, current, migratetype);
      if (fallbackType === NO_TYPE) continue;
      if (this.table.trace !== null) {
        const pfn = this.areas.first(zoneId, fallbackType, current);
        this.table.trace.emit(TP_MM_PAGE_ALLOC_EXTFRAG, pfn, order, current, fallbackType);
      }
      return fallbackType;
    }
    return NO_TYPE;
  }

  /**
   * Moves the free blocks of the pageblocks that a block touches to another type's lists; the pageblocks take that
   * type. Returns pages moved, or -1 when the pageblock reaches into another zone.
   */
  moveFreePages(zoneId: number, pfn: number, order: number, fromType: number, toType: number): number {
    const { areas } = this;
    const start = (pfn >>> PAGEBLOCK_ORDER) << PAGEBLOCK_ORDER;
    const end = start + Math.max(PAGEBLOCK_NR_PAGES, 1 << order);
    if (!this.isWithinZone(zoneId, start, end)) return -1;
    const { flags } = this.memmap;
    let nrMoved = 0;
    for (let row = start; row < end;) {
      if ((flags[row] & PG_BUDDY) === 0) {
        row++;
        continue;
      }
      const blockOrder = pageFlagsOrder(flags[row]);
      areas.remove(zoneId, fromType, blockOrder, row);
      areas.addLast(zoneId, toType, blockOrder, row);
      nrMoved += 1 << blockOrder;
      row += 1 << blockOrder;
    }
    this.setBlockTypes(start, order, toType);
    return nrMoved;
  }

  /** Sets the type of the pageblocks that a block touches; without grouping, the three mobility types are one. */
  setBlockTypes(pfn: number, order: number, migratetype: number): void {
    const type = !this.isGrouped && migratetype < MIGRATE_PCPTYPES ? MIGRATE_UNMOVABLE : migratetype;
    const first = pfn >>> PAGEBLOCK_ORDER;
    const end = first + Math.max(1, (1 << order) >>> PAGEBLOCK_ORDER);
    this.memmap.pageblockMigratetype.fill(type, first, end);
  }

  /**
   * Unmovable pages would spoil a movable pageblock for good, so these always claim. Movable ones claim only where much
   * is to be had, because they can leave again.
   */
  private isWorthClaiming(blockOrder: number, migratetype: number): boolean {
    return blockOrder >= PAGEBLOCK_ORDER >>> 1 || migratetype !== MIGRATE_MOVABLE || !this.isGrouped;
  }

  private findFallback(zoneId: number, order: number, migratetype: number): number {
    const { nonEmpty } = this.areas;
    const bit = 1 << order;
    const preferred = FALLBACKS[migratetype * 2];
    if ((nonEmpty[zoneId * MIGRATE_TYPES + preferred] & bit) !== 0) return preferred;
    const second = FALLBACKS[migratetype * 2 + 1];
    if ((nonEmpty[zoneId * MIGRATE_TYPES + second] & bit) !== 0) return second;
    return NO_TYPE;
  }

  private tryToClaim(
    zoneId: number,
    pfn: number,
    blockOrder: number,
    migratetype: number,
    fallbackType: number,
    allocFlags: number,
  ): boolean {
    if (blockOrder >= PAGEBLOCK_ORDER) {
      this.areas.remove(zoneId, fallbackType, blockOrder, pfn);
      this.setBlockTypes(pfn, blockOrder, migratetype);
      this.areas.addFirst(zoneId, migratetype, blockOrder, pfn);
      return true;
    }
    if (this.boostWatermark(zoneId) && (allocFlags & ALLOC_KSWAPD) !== 0) {
      this.table.setFlags(zoneId, ZONE_BOOSTED_WATERMARK);
    }
    const start = (pfn >>> PAGEBLOCK_ORDER) << PAGEBLOCK_ORDER;
    if (!this.isWithinZone(zoneId, start, start + PAGEBLOCK_NR_PAGES)) return false;
    if (this.countFreeAndAlike(start, migratetype, fallbackType) < PAGEBLOCK_NR_PAGES / 2 && this.isGrouped) {
      return false;
    }
    this.moveFreePages(zoneId, pfn, 0, fallbackType, migratetype);
    return true;
  }

  /** Pages of the pageblock that are free, or in use by something as mobile as what claims it. O(pageblock). */
  private countFreeAndAlike(start: number, migratetype: number, fallbackType: number): number {
    const { flags } = this.memmap;
    const end = start + PAGEBLOCK_NR_PAGES;
    let nrFree = 0;
    let nrMovable = 0;
    for (let row = start; row < end;) {
      const word = flags[row];
      if ((word & PG_BUDDY) !== 0) {
        nrFree += 1 << pageFlagsOrder(word);
        row += 1 << pageFlagsOrder(word);
      } else {
        if ((word & PG_LRU) !== 0) nrMovable++;
        row++;
      }
    }
    if (migratetype === MIGRATE_MOVABLE) return nrFree + nrMovable;
    // Pages that cannot move are alike for an unmovable or reclaimable claim, but only a movable block is sure to
    // hold no others: between the two unmovable kinds nothing can be told.
    return fallbackType === MIGRATE_MOVABLE ? PAGEBLOCK_NR_PAGES - nrMovable : nrFree;
  }

  /** Raises the zone's watermarks for a while, so that kswapd makes room and mixing ends. */
  private boostWatermark(zoneId: number): boolean {
    const { table } = this;
    if (this.watermarkBoostFactor === 0 || PAGEBLOCK_NR_PAGES * 4 > table.managed[zoneId]) return false;
    const most = Math.floor((table.watermarks[zoneId][WMARK_HIGH] * this.watermarkBoostFactor) / 10000);
    if (most === 0) return false;
    table.boost[zoneId] = Math.min(
      table.boost[zoneId] + PAGEBLOCK_NR_PAGES,
      Math.max(PAGEBLOCK_NR_PAGES, most),
    );
    table.refreshFastMarks(zoneId);
    return true;
  }

  private isWithinZone(zoneId: number, start: number, end: number): boolean {
    const { startPfn, spanned } = this.table;
    return start >= startPfn[zoneId] && end <= startPfn[zoneId] + spanned[zoneId];
  }
}
