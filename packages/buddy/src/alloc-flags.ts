/**
 * What an allocation may do, from its gfp flags: ALLOC_* bits and the highest zone type.
 * Source: Linux 6.18 mm/internal.h (ALLOC_*), include/linux/gfp.h gfp_zone(), mm/page_alloc.c gfp_to_alloc_flags().
 */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NOMEMALLOC,
  type Gfp,
  MIGRATE_UNMOVABLE,
  WMARK_MIN,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_MOVABLE,
  ZONE_NORMAL,
  gfpMigratetype,
} from "@pageframe/contracts";

/** The low two bits are WMARK_MIN, WMARK_LOW or WMARK_HIGH. */
export const ALLOC_WMARK_MASK = 3;
export const ALLOC_NO_WATERMARKS = 0x4;
/** The caller is an OOM victim: half of what is left of the min watermark is open to it. */
export const ALLOC_OOM = 0x8;
/** The caller cannot sleep: a quarter of the halved min watermark more. */
export const ALLOC_NON_BLOCK = 0x10;
/** Same bit as __GFP_HIGH: half of the min watermark is open. */
export const ALLOC_MIN_RESERVE: number = __GFP_HIGH;
/** Do not put pages of different mobility into one pageblock. */
export const ALLOC_NOFRAGMENT = 0x100;
/** Pageblocks of type MIGRATE_HIGHATOMIC are open. */
export const ALLOC_HIGHATOMIC = 0x200;
/** Same bit as __GFP_KSWAPD_RECLAIM: kswapd may be woken. */
export const ALLOC_KSWAPD: number = __GFP_KSWAPD_RECLAIM;
/** Any of the flags that open reserves. */
export const ALLOC_RESERVES: number = ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM;

const GFP_ZONES = Uint8Array.of(
  ZONE_NORMAL, // 0
  ZONE_DMA, // DMA
  ZONE_NORMAL, // HIGHMEM
  ZONE_DMA, // DMA | HIGHMEM, forbidden in Linux
  ZONE_DMA32, // DMA32
  ZONE_DMA, // DMA32 | DMA, forbidden
  ZONE_DMA32, // DMA32 | HIGHMEM, forbidden
  ZONE_DMA, // forbidden
  ZONE_NORMAL, // MOVABLE
  ZONE_DMA, // MOVABLE | DMA
  ZONE_MOVABLE, // MOVABLE | HIGHMEM
  ZONE_DMA, // forbidden
  ZONE_DMA32, // MOVABLE | DMA32
  ZONE_DMA, // forbidden
  ZONE_DMA32, // forbidden
  ZONE_DMA, // forbidden
);

/** Highest zone type that the flags admit. Differs: combinations that Linux forbids give the lower zone. */
export function gfpZone(gfp: Gfp): number {
  return GFP_ZONES[gfp & 15];
}

/** Migratetypes by the low five gfp bits; all MIGRATE_UNMOVABLE when pages are not grouped by mobility. */
export function migratetypeTable(isGrouped: boolean): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, gfp) => (isGrouped ? gfpMigratetype(gfp) : MIGRATE_UNMOVABLE));
}

/** ALLOC_* flags of the slow path. */
export function gfpToAllocFlags(gfp: Gfp, order: number): number {
  let allocFlags = WMARK_MIN | (gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM));
  if ((gfp & (__GFP_DIRECT_RECLAIM | __GFP_NOMEMALLOC)) === 0) {
    allocFlags |= ALLOC_NON_BLOCK;
    if (order > 0 && (allocFlags & ALLOC_MIN_RESERVE) !== 0) allocFlags |= ALLOC_HIGHATOMIC;
  }
  return allocFlags;
}
