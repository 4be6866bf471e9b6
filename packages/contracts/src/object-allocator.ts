/** The object-allocator seat: kernel objects smaller than, or not multiples of, a page. */
import type { Gfp } from "./gfp.ts";
import type { CpuId, Paddr } from "./units.ts";

/** Objects have a constructor. Differs: Linux passes a function; only its effect on the layout is modelled. */
export const SLAB_CTOR = 0x1;
/** Objects have a field that may hold the free pointer (kmem_cache_args.use_freeptr_offset). */
export const SLAB_USE_FREEPTR_OFFSET = 0x2;
export const SLAB_HWCACHE_ALIGN = 0x2000;
/** Slabs come from ZONE_DMA. */
export const SLAB_CACHE_DMA = 0x4000;
export const SLAB_RECLAIM_ACCOUNT = 0x20000;
export const SLAB_PANIC = 0x40000;
/** A freed object may still be read: the free pointer must not lie on its fields. */
export const SLAB_TYPESAFE_BY_RCU = 0x80000;
export const SLAB_ACCOUNT = 0x4000000;
/** Largest kmalloc that a cache serves; larger ones go to whole pages. */
export const KMALLOC_MAX_CACHE_SIZE = 8192;

/** One cache, as /proc/slabinfo shows it. Fields are live. */
export interface ObjectCacheView {
  readonly name: string;
  /** Bytes the user asked for, and bytes with padding and metadata. */
  readonly objectBytes: number;
  readonly slotBytes: number;
  readonly alignBytes: number;
  /** Order of a full-size slab, and objects in it. */
  readonly order: number;
  readonly objectsPerSlab: number;
  readonly nrActiveObjects: number;
  readonly nrSlabs: number;
}

/** Allocates objects of fixed kinds from whole pages. Objects are named by their physical address. */
export interface ObjectAllocator {
  readonly name: string;
  readonly caches: readonly ObjectCacheView[];
  /**
   * Makes a cache and returns its index in `caches`. `alignBytes` 0 means pointer size. Throws EINVAL on an object of
   * no bytes, or larger than the largest slab.
   */
  createCache(name: string, objectBytes: number, alignBytes: number, flags: number): number;
  /** Takes an object. Returns its address, or -1 when no page could be had (-ENOMEM). */
  allocObject(cache: number, gfp: Gfp, cpu: CpuId): Paddr;
  /** Gives an object back to the cache it came from. Freeing twice is a bug. */
  freeObject(cache: number, address: Paddr, cpu: CpuId): void;
  /** Takes at least `nrBytes` from the smallest kmalloc class that holds them, or whole pages above 8 KiB. */
  kmalloc(nrBytes: number, gfp: Gfp, cpu: CpuId): Paddr;
  /** Gives back what kmalloc gave. */
  kfree(address: Paddr, cpu: CpuId): void;
  /** Returns empty slabs to the frame allocator; returns pages freed (kmem_cache_shrink on all). */
  shrinkAll(): number;
  checkInvariants(): void;
}
