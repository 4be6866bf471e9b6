/**
 * Watermarks, lowmem reserves and the sizes of per-CPU lists, from how many pages the zones manage. Cold.
 * Source: Linux 6.18 mm/page_alloc.c: calculate_min_free_kbytes(), __setup_per_zone_wmarks(),
 * setup_per_zone_lowmem_reserve(), calculate_totalreserve_pages(), zone_batchsize(), zone_highsize().
 */
import {
  MAX_NR_ZONES,
  SWAP_CLUSTER_MAX,
  WMARK_HIGH,
  WMARK_LOW,
  WMARK_MIN,
  WMARK_PROMO,
  ZONE_MOVABLE,
  ZONE_NORMAL,
} from "@pageframe/contracts";
import { type ZoneTable } from "./zone-table.ts";

/** vm.min_free_kbytes is kept within these when it is computed. */
const MIN_FREE_KBYTES_MIN = 128;
const MIN_FREE_KBYTES_MAX = 262144;
/** Per-CPU lists hold at most 1/8 of a zone (MIN_PERCPU_PAGELIST_HIGH_FRACTION). */
export const MIN_PERCPU_PAGELIST_HIGH_FRACTION = 8;
/** Default vm.lowmem_reserve_ratio, by zone type; 0 keeps nothing back. */
export const DEFAULT_LOWMEM_RESERVE_RATIO: readonly number[] = [256, 256, 32, 0, 0];
/** Default vm.watermark_scale_factor, in 1/10000 of a zone between watermarks. */
export const DEFAULT_WATERMARK_SCALE_FACTOR = 10;

function zoneTypeOf(zoneId: number): number {
  return zoneId % MAX_NR_ZONES;
}

/** Pages above the high watermarks of the zones that GFP_USER reaches (nr_free_buffer_pages). */
export function nrFreeBufferPages(table: ZoneTable): number {
  let nrPages = 0;
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    if (zoneTypeOf(zoneId) > ZONE_NORMAL) continue;
    nrPages += Math.max(0, table.managed[zoneId] - table.mark(zoneId, WMARK_HIGH));
  }
  return nrPages;
}

/** vm.min_free_kbytes as Linux computes it at boot: 4 * sqrt(lowmem KiB), from 128 to 262144. */
export function minFreeKbytesFor(nrBufferPages: number): number {
  const kbytes = Math.floor(Math.sqrt(nrBufferPages * 4 * 16));
  return Math.min(MIN_FREE_KBYTES_MAX, Math.max(MIN_FREE_KBYTES_MIN, kbytes));
}

/** Shares vm.min_free_kbytes over the zones and sets their four watermarks; boosts are dropped. */
export function setupWatermarks(table: ZoneTable, minFreeKbytes: number, scaleFactor: number): void {
  const pagesMin = Math.floor(minFreeKbytes / 4);
  let lowmemPages = 0;
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    if (zoneTypeOf(zoneId) !== ZONE_MOVABLE) lowmemPages += table.managed[zoneId];
  }
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    const managed = table.managed[zoneId];
    const share = lowmemPages === 0 ? 0 : Math.floor((pagesMin * managed) / lowmemPages);
    const isMovable = zoneTypeOf(zoneId) === ZONE_MOVABLE;
    const min = isMovable ? Math.min(128, Math.max(SWAP_CLUSTER_MAX, Math.floor(managed / 1024))) : share;
    const step = Math.max(Math.floor(share / 4), Math.floor((managed * scaleFactor) / 10000));
    const marks = table.watermarks[zoneId];
    marks[WMARK_MIN] = min;
    marks[WMARK_LOW] = min + step;
    marks[WMARK_HIGH] = min + 2 * step;
    marks[WMARK_PROMO] = min + 3 * step;
    table.boost[zoneId] = 0;
    table.refreshFastMarks(zoneId);
  }
}

/** Sets what each zone keeps back from allocations that could also use a higher zone of its node. */
export function setupLowmemReserve(table: ZoneTable, ratio: readonly number[]): void {
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    const zoneType = zoneTypeOf(zoneId);
    const reserve = table.lowmemReserve[zoneId];
    const divisor = ratio[zoneType];
    let higherPages = 0;
    for (let higher = zoneType + 1; higher < MAX_NR_ZONES; higher++) {
      higherPages += table.managed[zoneId - zoneType + higher];
      reserve[higher] = divisor === 0 || table.managed[zoneId] === 0 ? 0 : Math.floor(higherPages / divisor);
    }
    table.refreshFastMarks(zoneId);
  }
}

/** Pages that user allocations cannot use: per zone the largest reserve and the high watermark (totalreserve_pages). */
export function countTotalReservePages(table: ZoneTable): number {
  let total = 0;
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    let largest = 0;
    for (let zoneType = zoneTypeOf(zoneId); zoneType < MAX_NR_ZONES; zoneType++) {
      largest = Math.max(largest, table.lowmemReserve[zoneId][zoneType]);
    }
    total += Math.min(table.managed[zoneId], largest + table.mark(zoneId, WMARK_HIGH));
  }
  return total;
}

/** Pages that move between a per-CPU list and the zone at a time (zone_batchsize, at least 1). */
export function zoneBatchSize(managedPages: number): number {
  const quarter = Math.max(1, Math.floor(Math.min(managedPages >>> 10, 256) / 4));
  const widened = quarter + (quarter >>> 1);
  return Math.max(1, (1 << (31 - Math.clz32(widened))) - 1);
}

/**
 * Most pages on one CPU's lists of a zone (zone_highsize): an even share of the low watermark when `fraction` is 0,
 * else of 1/fraction of the zone. `nrLocalCpus` 0: the node has no CPUs, all of them share.
 */
export function zoneHighSize(
  lowMark: number,
  managedPages: number,
  batch: number,
  fraction: number,
  nrLocalCpus: number,
  nrCpus: number,
): number {
  const total = fraction === 0 ? lowMark : Math.floor(managedPages / fraction);
  return Math.max(Math.floor(total / (nrLocalCpus === 0 ? nrCpus : nrLocalCpus)), batch << 2);
}
