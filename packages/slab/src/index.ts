export { type ObjectAllocatorConfig } from "./config.ts";
export { KERNEL_CACHES, type KernelCache } from "./kernel-caches.ts";
export {
  KMALLOC_CGROUP,
  KMALLOC_CLASS_BYTES,
  KMALLOC_DMA,
  KMALLOC_FAMILIES,
  KMALLOC_NORMAL,
  KMALLOC_RECLAIM,
  kmallocCacheName,
  type KmallocFamily,
  kmallocIndex,
  kmallocType,
  NR_KMALLOC_CLASSES,
  ZERO_SIZE_PTR,
} from "./kmalloc.ts";
export { objectAllocators } from "./object-allocators.ts";
export {
  calculateAlignment,
  calculateOrder,
  calculateSizes,
  objectsOfOrder,
  orderOfBytes,
  type SlabGeometry,
  type SlabTuning,
} from "./sizing.ts";
export { type SlabCache } from "./slab-cache.ts";
export { SlobAllocator } from "./slob.ts";
export { SlubAllocator } from "./slub.ts";
