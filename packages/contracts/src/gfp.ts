/**
 * Allocation flags with Linux's bits. Source: Linux 6.18 include/linux/gfp_types.h.
 */
import { MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE } from "./zones.ts";

export const __GFP_DMA: number = 1 << 0;
export const __GFP_HIGHMEM: number = 1 << 1;
export const __GFP_DMA32: number = 1 << 2;
export const __GFP_MOVABLE: number = 1 << 3;
export const __GFP_RECLAIMABLE: number = 1 << 4;
export const __GFP_HIGH: number = 1 << 5;
export const __GFP_IO: number = 1 << 6;
export const __GFP_FS: number = 1 << 7;
export const __GFP_ZERO: number = 1 << 8;
export const __GFP_DIRECT_RECLAIM: number = 1 << 10;
export const __GFP_KSWAPD_RECLAIM: number = 1 << 11;
export const __GFP_WRITE: number = 1 << 12;
export const __GFP_NOWARN: number = 1 << 13;
export const __GFP_RETRY_MAYFAIL: number = 1 << 14;
export const __GFP_NOFAIL: number = 1 << 15;
export const __GFP_NORETRY: number = 1 << 16;
export const __GFP_MEMALLOC: number = 1 << 17;
export const __GFP_COMP: number = 1 << 18;
export const __GFP_NOMEMALLOC: number = 1 << 19;
export const __GFP_HARDWALL: number = 1 << 20;
export const __GFP_THISNODE: number = 1 << 21;
export const __GFP_ACCOUNT: number = 1 << 22;

export const __GFP_RECLAIM: number = __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM;

export const GFP_ATOMIC: number = __GFP_HIGH | __GFP_KSWAPD_RECLAIM;
export const GFP_KERNEL: number = __GFP_RECLAIM | __GFP_IO | __GFP_FS;
export const GFP_KERNEL_ACCOUNT: number = GFP_KERNEL | __GFP_ACCOUNT;
export const GFP_NOWAIT: number = __GFP_KSWAPD_RECLAIM | __GFP_NOWARN;
export const GFP_NOIO: number = __GFP_RECLAIM;
export const GFP_NOFS: number = __GFP_RECLAIM | __GFP_IO;
export const GFP_USER: number = __GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL;
export const GFP_DMA: number = __GFP_DMA;
export const GFP_DMA32: number = __GFP_DMA32;
export const GFP_HIGHUSER: number = GFP_USER | __GFP_HIGHMEM;
export const GFP_HIGHUSER_MOVABLE: number = GFP_HIGHUSER | __GFP_MOVABLE;

/** Flags as an int32 of the bits above. */
export type Gfp = number;

/** Migratetype that the flags ask for. Source: include/linux/gfp.h, gfp_migratetype(). */
export function gfpMigratetype(gfp: Gfp): number {
  return (gfp & __GFP_MOVABLE) !== 0
    ? MIGRATE_MOVABLE
    : (gfp & __GFP_RECLAIMABLE) !== 0
      ? MIGRATE_RECLAIMABLE
      : MIGRATE_UNMOVABLE;
}
