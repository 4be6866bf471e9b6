/** From allocation flags to zones. */
import {
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  type Gfp,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_MOVABLE,
  ZONE_NORMAL,
} from "@pageframe/contracts";

/** Highest zone type that an allocation with these flags may use. Source: Linux 6.18 include/linux/gfp.h, gfp_zone(). */
export function gfpZone(gfp: Gfp): number {
  if ((gfp & __GFP_DMA) !== 0) return ZONE_DMA;
  if ((gfp & __GFP_DMA32) !== 0) return ZONE_DMA32;
  const movable = __GFP_HIGHMEM | __GFP_MOVABLE;
  return (gfp & movable) === movable ? ZONE_MOVABLE : ZONE_NORMAL;
}
