/**
 * The kmalloc size classes and families.
 * Source: Linux 6.18 mm/slab_common.c, kmalloc_info[], create_kmalloc_caches(); include/linux/slab.h, kmalloc_type().
 */
import {
  __GFP_ACCOUNT,
  __GFP_DMA,
  __GFP_RECLAIMABLE,
  type Gfp,
  SLAB_ACCOUNT,
  SLAB_CACHE_DMA,
  SLAB_RECLAIM_ACCOUNT,
} from "@pageframe/contracts";

/** Bytes of a class by its index, as Linux numbers them: 1 and 2 are the odd ones; index 0 is none. */
export const KMALLOC_CLASS_BYTES: readonly number[] = [
  0, 96, 192, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
];
/** Classes of one family. */
export const NR_KMALLOC_CLASSES = 13;
/** What kmalloc(0) returns: an address that may be freed and not used. */
export const ZERO_SIZE_PTR = 16;

/** Caches of one kind of allocation (enum kmalloc_cache_type). */
export interface KmallocFamily {
  /** Before the size in a cache's name. */
  readonly prefix: string;
  readonly flags: number;
}

export const KMALLOC_NORMAL = 0;
export const KMALLOC_RECLAIM = 1;
export const KMALLOC_DMA = 2;
export const KMALLOC_CGROUP = 3;
/** The families in the order in which they are made. */
export const KMALLOC_FAMILIES: readonly KmallocFamily[] = [
  { prefix: "kmalloc-", flags: 0 },
  { prefix: "kmalloc-rcl-", flags: SLAB_RECLAIM_ACCOUNT },
  { prefix: "dma-kmalloc-", flags: SLAB_CACHE_DMA },
  { prefix: "kmalloc-cg-", flags: SLAB_ACCOUNT },
];

/**
 * Index of the smallest class that holds `nrBytes` (1..8192): 1 for 65..96, 2 for 129..192, else log2 rounded up, at
 * least 3.
 */
export function kmallocIndex(nrBytes: number): number {
  if (nrBytes <= 8) return 3;
  if (nrBytes > 64 && nrBytes <= 96) return 1;
  if (nrBytes > 128 && nrBytes <= 192) return 2;
  return 32 - Math.clz32(nrBytes - 1);
}

/** Family that the flags ask for (KMALLOC_*): DMA before reclaimable before accounted. */
export function kmallocType(gfp: Gfp): number {
  if ((gfp & (__GFP_DMA | __GFP_RECLAIMABLE | __GFP_ACCOUNT)) === 0) return KMALLOC_NORMAL;
  if ((gfp & __GFP_DMA) !== 0) return KMALLOC_DMA;
  return (gfp & __GFP_RECLAIMABLE) !== 0 ? KMALLOC_RECLAIM : KMALLOC_CGROUP;
}

/** Name of a class in a family, such as `kmalloc-rcl-96` or `kmalloc-8k`. */
export function kmallocCacheName(family: KmallocFamily, classBytes: number): string {
  return `${family.prefix}${classBytes < 1024 ? classBytes : `${classBytes / 1024}k`}`;
}

/** Alignment that kmalloc promises: the largest power of two that divides the class. */
export function kmallocAlign(classBytes: number): number {
  return Math.max(8, classBytes & -classBytes);
}
