/**
 * How large a slot and a slab are: alignment, free pointer, order, and how many slabs a CPU and a node keep.
 * Source: Linux 6.18 mm/slub.c, calculate_sizes(), calculate_order(), set_cpu_partial(); mm/slab_common.c,
 * calculate_alignment().
 */
import {
  EINVAL,
  KernelError,
  MAX_PAGE_ORDER,
  PAGE_SIZE,
  SLAB_CTOR,
  SLAB_HWCACHE_ALIGN,
  SLAB_TYPESAFE_BY_RCU,
  SLAB_USE_FREEPTR_OFFSET,
} from "@pageframe/contracts";

/** Bytes of a pointer: the least alignment and the room of a free pointer. */
const POINTER_BYTES = 8;
/** Bytes of a cache line (cache_line_size). */
const CACHE_LINE_BYTES = 64;
/** Least alignment of a slab object on x86-64 (ARCH_SLAB_MINALIGN). */
const ARCH_SLAB_MINALIGN = 8;
/** Most objects that a slab's 15-bit count holds. */
const MAX_OBJS_PER_PAGE = 32767;
/** Bounds of the empty slabs that a node keeps. */
const MIN_PARTIAL = 5;
const MAX_PARTIAL = 10;

/** What the boot parameters slub_min_order, slub_max_order and slub_min_objects choose, and the number of CPUs. */
export interface SlabTuning {
  readonly nrCpus: number;
  /** 0 unless set. */
  readonly minOrder: number;
  /** PAGE_ALLOC_COSTLY_ORDER (3) unless set. */
  readonly maxOrder: number;
  /** Objects that a slab should hold at least; 0 derives it from the number of CPUs. */
  readonly minObjects: number;
}

/** The layout of a cache. */
export interface SlabGeometry {
  readonly alignBytes: number;
  /** Distance between objects (kmem_cache.size). */
  readonly slotBytes: number;
  /** Where in a free object the link to the next one lies (kmem_cache.offset). */
  readonly freePointerOffset: number;
  /** Order and objects of a slab (kmem_cache.oo). */
  readonly order: number;
  readonly objectsPerSlab: number;
  /** Smallest order that holds an object, for when memory is in pieces (kmem_cache.min). */
  readonly minOrder: number;
  readonly objectsPerMinSlab: number;
  /** Partial slabs that a node keeps even when they are empty. */
  readonly minPartial: number;
  /** Free objects that a CPU should keep, and that many as half-full slabs. */
  readonly cpuPartial: number;
  readonly cpuPartialSlabs: number;
}

/** Rounds up to a multiple of a power of two. */
function alignUp(nrBytes: number, alignBytes: number): number {
  return Math.ceil(nrBytes / alignBytes) * alignBytes;
}

/** Smallest order whose pages hold `nrBytes` (get_order); `nrBytes` is at least 1. */
export function orderOfBytes(nrBytes: number): number {
  let order = 0;
  while (PAGE_SIZE * 2 ** order < nrBytes) order++;
  return order;
}

/** Objects of `slotBytes` in a slab of `order` (order_objects). */
export function objectsOfOrder(order: number, slotBytes: number): number {
  return Math.floor((PAGE_SIZE * 2 ** order) / slotBytes);
}

/**
 * Alignment of objects: a cache line with SLAB_HWCACHE_ALIGN, halved while two objects still fit in what is left of it.
 * Source: Linux 6.18 mm/slab_common.c, calculate_alignment().
 */
export function calculateAlignment(flags: number, alignBytes: number, objectBytes: number): number {
  let align = alignBytes;
  if ((flags & SLAB_HWCACHE_ALIGN) !== 0) {
    let line = CACHE_LINE_BYTES;
    while (objectBytes <= line / 2) line /= 2;
    align = Math.max(align, line);
  }
  return alignUp(Math.max(align, ARCH_SLAB_MINALIGN), POINTER_BYTES);
}

/**
 * Order of a slab for slots of `slotBytes`: the smallest that holds enough objects and wastes at most 1/16, failing
 * that 1/8, 1/4, 1/2. Above MAX_PAGE_ORDER no slab holds an object.
 * Source: Linux 6.18 mm/slub.c, calculate_order() and calc_slab_order().
 */
export function calculateOrder(slotBytes: number, tuning: SlabTuning): number {
  const maxObjects = Math.max(objectsOfOrder(tuning.maxOrder, slotBytes), 1);
  const wantedObjects = tuning.minObjects > 0 ? tuning.minObjects : 4 * (fls(tuning.nrCpus) + 1);
  const minObjects = Math.min(wantedObjects, maxObjects);
  const minOrder = Math.max(tuning.minOrder, orderOfBytes(minObjects * slotBytes));
  if (objectsOfOrder(minOrder, slotBytes) > MAX_OBJS_PER_PAGE) {
    return orderOfBytes(slotBytes * MAX_OBJS_PER_PAGE) - 1;
  }
  for (let fraction = 16; fraction > 1; fraction /= 2) {
    for (let order = minOrder; order <= tuning.maxOrder; order++) {
      const slabBytes = PAGE_SIZE * 2 ** order;
      if (slabBytes % slotBytes <= slabBytes / fraction) return order;
    }
  }
  return orderOfBytes(slotBytes);
}

/**
 * Lays out a cache. `alignBytes` 0 means pointer size. Throws EINVAL for an object of no bytes, an alignment that is no
 * power of two, and an object that no slab holds.
 * Source: Linux 6.18 mm/slub.c, calculate_sizes(). Differs: no red zones, poison, tracks or sheaves.
 */
export function calculateSizes(
  objectBytes: number,
  alignBytes: number,
  flags: number,
  tuning: SlabTuning,
): SlabGeometry {
  if (!Number.isInteger(objectBytes) || objectBytes < 1) {
    throw new KernelError(EINVAL, `object of ${objectBytes} bytes; a cache needs a whole number from 1`);
  }
  if (!Number.isInteger(alignBytes) || (alignBytes !== 0 && !Number.isInteger(Math.log2(alignBytes)))) {
    throw new KernelError(EINVAL, `alignment of ${alignBytes} bytes is neither 0 nor a power of two`);
  }
  const align = calculateAlignment(flags, alignBytes, objectBytes);
  const wordBytes = alignUp(objectBytes, POINTER_BYTES);
  const keepsFields = (flags & (SLAB_CTOR | SLAB_TYPESAFE_BY_RCU)) !== 0;
  const isOutside = keepsFields && (flags & SLAB_USE_FREEPTR_OFFSET) === 0;
  const slotBytes = alignUp(isOutside ? wordBytes + POINTER_BYTES : wordBytes, align);
  const order = calculateOrder(slotBytes, tuning);
  if (order > MAX_PAGE_ORDER) {
    throw new KernelError(
      EINVAL,
      `object of ${objectBytes} bytes needs slabs of order ${order}; the largest is ${MAX_PAGE_ORDER}`,
    );
  }
  const objectsPerSlab = objectsOfOrder(order, slotBytes);
  const minOrder = orderOfBytes(slotBytes);
  const cpuPartial = slotBytes >= PAGE_SIZE ? 6 : slotBytes >= 1024 ? 24 : slotBytes >= 256 ? 52 : 120;
  const halfOfLog2 = Math.floor((fls(slotBytes) - 1) / 2);
  return {
    alignBytes: align,
    slotBytes,
    freePointerOffset: isOutside ? wordBytes : Math.floor(objectBytes / 2 / POINTER_BYTES) * POINTER_BYTES,
    order,
    objectsPerSlab,
    minOrder,
    objectsPerMinSlab: objectsOfOrder(minOrder, slotBytes),
    minPartial: Math.max(MIN_PARTIAL, Math.min(MAX_PARTIAL, halfOfLog2)),
    cpuPartial,
    cpuPartialSlabs: Math.ceil((cpuPartial * 2) / objectsPerSlab),
  };
}

/** Position of the highest set bit, from 1; 0 for 0 (fls). */
function fls(n: number): number {
  return 32 - Math.clz32(n);
}
