/**
 * Sizes of chunks and the bins that they belong to, on 64-bit machines.
 * Source: glibc 2.36 malloc/malloc.c, "Malloc tunables" and "Indexing"; sizes of its structures as compiled for x86-64.
 */

export const PAGE_BYTES = 4096;
/** A size field; a chunk's header is two of them. */
export const SIZE_SZ = 8;
export const HEADER_BYTES = 16;
export const MALLOC_ALIGNMENT = 16;
/** Smallest chunk. */
export const MINSIZE = 32;
/** Largest request: PTRDIFF_MAX, rounded as numbers are. */
export const MAX_REQUEST: number = 2 ** 63 - 2 ** 12;

/** M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD as they start; how far the first grows; M_MMAP_MAX. */
export const DEFAULT_MMAP_THRESHOLD = 131072;
export const DEFAULT_MMAP_THRESHOLD_MAX = 33554432;
export const DEFAULT_TRIM_THRESHOLD = 131072;
export const DEFAULT_TOP_PAD = 131072;
export const DEFAULT_MMAP_MAX = 65536;
/** Least that is mapped when brk fails. */
export const MMAP_AS_MORECORE_SIZE = 1048576;

/** Heaps of further arenas. */
export const HEAP_MIN_SIZE = 32768;
export const HEAP_MAX_SIZE: number = 2 * DEFAULT_MMAP_THRESHOLD_MAX;
/** Bytes of heap_info, and of an arena's malloc_state, at the start of a heap. */
export const HEAP_INFO_BYTES = 48;
export const ARENA_BYTES = 2200;

/** Chunks up to this go to fast bins (global_max_fast). */
export const MAX_FAST_BYTES = 128;
export const NR_FAST_BINS = 10;
/** A freed piece of this size makes fast chunks join their neighbours and the top be trimmed. */
export const FASTBIN_CONSOLIDATION_THRESHOLD = 65536;

/** Thread caches: sizes, chunks of each, and bytes of the structure. */
export const TCACHE_MAX_BINS = 64;
export const TCACHE_FILL_COUNT = 7;
export const TCACHE_STRUCT_BYTES = 640;

export const NR_BINS = 128;
/** Bin of chunks that were not looked at yet. */
export const UNSORTED_BIN = 1;
/** Chunks from here on lie in large bins. */
export const MIN_LARGE_SIZE = 1024;

/** Bytes of the chunk that answers a request (request2size). */
export function chunkSizeOf(request: number): number {
  return Math.max(MINSIZE, alignUp(request + SIZE_SZ, MALLOC_ALIGNMENT));
}

/** Bin of a chunk: one a size below 1 KiB, ever wider ranges above. */
export function binIndex(size: number): number {
  if (size < MIN_LARGE_SIZE) return size / 16;
  const bySpacing = (shift: number): number => Math.floor(size / 2 ** shift);
  if (bySpacing(6) <= 48) return 48 + bySpacing(6);
  if (bySpacing(9) <= 20) return 91 + bySpacing(9);
  if (bySpacing(12) <= 10) return 110 + bySpacing(12);
  if (bySpacing(15) <= 4) return 119 + bySpacing(15);
  if (bySpacing(18) <= 2) return 124 + bySpacing(18);
  return 126;
}

/** Place of a size in a thread cache; TCACHE_MAX_BINS or more when it has none. */
export function tcacheIndex(size: number): number {
  return (size - MINSIZE) / MALLOC_ALIGNMENT;
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}
