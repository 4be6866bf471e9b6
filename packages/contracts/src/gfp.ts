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
/** For a huge page without waiting for one, and with. */
export const GFP_TRANSHUGE_LIGHT: number =
  (GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM;
export const GFP_TRANSHUGE: number = GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM;

/** Flags as an int32 of the bits above. */
export type Gfp = number;

/** Names for messages; earlier ones win. Source: Linux 6.18 include/trace/events/mmflags.h, __def_gfpflag_names. */
export const GFP_FLAG_NAMES: readonly (readonly [Gfp, string])[] = [
  [GFP_TRANSHUGE, "GFP_TRANSHUGE"],
  [GFP_TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT"],
  [GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"],
  [GFP_HIGHUSER, "GFP_HIGHUSER"],
  [GFP_USER, "GFP_USER"],
  [GFP_KERNEL_ACCOUNT, "GFP_KERNEL_ACCOUNT"],
  [GFP_KERNEL, "GFP_KERNEL"],
  [GFP_NOFS, "GFP_NOFS"],
  [GFP_ATOMIC, "GFP_ATOMIC"],
  [GFP_NOIO, "GFP_NOIO"],
  [GFP_NOWAIT, "GFP_NOWAIT"],
  [GFP_DMA, "GFP_DMA"],
  [GFP_DMA32, "GFP_DMA32"],
  [__GFP_RECLAIM, "__GFP_RECLAIM"],
  [__GFP_HIGHMEM, "__GFP_HIGHMEM"],
  [__GFP_MOVABLE, "__GFP_MOVABLE"],
  [__GFP_RECLAIMABLE, "__GFP_RECLAIMABLE"],
  [__GFP_HIGH, "__GFP_HIGH"],
  [__GFP_IO, "__GFP_IO"],
  [__GFP_FS, "__GFP_FS"],
  [__GFP_ZERO, "__GFP_ZERO"],
  [__GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM"],
  [__GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM"],
  [__GFP_WRITE, "__GFP_WRITE"],
  [__GFP_NOWARN, "__GFP_NOWARN"],
  [__GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL"],
  [__GFP_NOFAIL, "__GFP_NOFAIL"],
  [__GFP_NORETRY, "__GFP_NORETRY"],
  [__GFP_MEMALLOC, "__GFP_MEMALLOC"],
  [__GFP_COMP, "__GFP_COMP"],
  [__GFP_NOMEMALLOC, "__GFP_NOMEMALLOC"],
  [__GFP_HARDWALL, "__GFP_HARDWALL"],
  [__GFP_THISNODE, "__GFP_THISNODE"],
  [__GFP_ACCOUNT, "__GFP_ACCOUNT"],
];

/** Spells flags as printk's %pGg does, such as `GFP_HIGHUSER_MOVABLE|__GFP_ZERO`; unnamed bits in hexadecimal. */
export function gfpToString(gfp: Gfp): string {
  const words: string[] = [];
  let left = gfp;
  for (const [mask, name] of GFP_FLAG_NAMES) {
    if ((left & mask) !== mask) continue;
    words.push(name);
    left &= ~mask;
  }
  if (left !== 0) words.push(`0x${(left >>> 0).toString(16)}`);
  return words.join("|");
}

/** Migratetype that the flags ask for. Source: include/linux/gfp.h, gfp_migratetype(). */
export function gfpMigratetype(gfp: Gfp): number {
  return (gfp & __GFP_MOVABLE) !== 0
    ? MIGRATE_MOVABLE
    : (gfp & __GFP_RECLAIMABLE) !== 0
      ? MIGRATE_RECLAIMABLE
      : MIGRATE_UNMOVABLE;
}
