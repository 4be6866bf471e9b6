/**
 * Would an allocation leave a zone enough? Hot: per allocation that misses the fast mark.
 * Source: Linux 6.18 mm/page_alloc.c: __zone_watermark_ok(), zone_watermark_fast(), __zone_watermark_unusable_free().
 */
import { WMARK_MIN } from "@pageframe/contracts";
import {
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_RESERVES,
  ALLOC_WMARK_MASK,
} from "./alloc-flags.ts";
import { type FrameCore } from "./frame-core.ts";
import { type ZoneTable } from "./zone-table.ts";

/** Do `nrFree` pages, less this block, stay above `mark` and the reserve, and is there a block of the order? */
export function isWatermarkOk(
  table: ZoneTable,
  core: FrameCore,
  zoneId: number,
  order: number,
  mark: number,
  highestZoneType: number,
  allocFlags: number,
  nrFree: number,
): boolean {
  let min = mark;
  let usable = nrFree - ((1 << order) - 1);
  if ((allocFlags & ALLOC_RESERVES) === 0) {
    usable -= table.nrFreeHighatomic[zoneId];
  } else {
    if ((allocFlags & ALLOC_MIN_RESERVE) !== 0) {
      min -= min >> 1;
      if ((allocFlags & ALLOC_NON_BLOCK) !== 0) min -= min >> 2;
    }
    if ((allocFlags & ALLOC_OOM) !== 0) min -= min >> 1;
  }
  if (usable <= min + table.lowmemReserve[zoneId][highestZoneType]) return false;
  return order === 0 || core.hasFreeBlock(zoneId, order, allocFlags);
}

/** The same with what is free now; a __GFP_HIGH page may ignore the boost at the min watermark. */
export function isWatermarkOkFast(
  table: ZoneTable,
  core: FrameCore,
  zoneId: number,
  order: number,
  mark: number,
  highestZoneType: number,
  allocFlags: number,
): boolean {
  const nrFree = core.nrFreePages(zoneId);
  if (isWatermarkOk(table, core, zoneId, order, mark, highestZoneType, allocFlags, nrFree)) return true;
  if (
    order !== 0 ||
    (allocFlags & ALLOC_MIN_RESERVE) === 0 ||
    table.boost[zoneId] === 0 ||
    (allocFlags & ALLOC_WMARK_MASK) !== WMARK_MIN
  ) {
    return false;
  }
  const min = table.unboostedMin(zoneId);
  return isWatermarkOk(table, core, zoneId, order, min, highestZoneType, allocFlags, nrFree);
}
