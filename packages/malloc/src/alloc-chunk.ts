/**
 * Finding a chunk for a request: bins, top, kernel, in this order. Hot: per malloc that the thread's cache does not answer.
 * Source: glibc 2.36 malloc/malloc.c, _int_malloc().
 */
import { consolidate, cutTop, sortUnsorted, takeFast, takeFitting, takeSmall } from "./bins.ts";
import { NO_CHUNK } from "./chunk-pool.ts";
import { MAX_FAST_BYTES, MIN_LARGE_SIZE, MINSIZE } from "./sizes.ts";
import { type Arena, type MallocState, type MallocThread } from "./state.ts";
import { sysmalloc } from "./system.ts";

/** Takes a chunk of `size` bytes, or a little more, from an arena. Returns NO_CHUNK when the kernel gives no memory. */
export function allocChunk(
  state: MallocState,
  arena: Arena,
  thread: MallocThread | null,
  size: number,
): number {
  const isSmall = size < MIN_LARGE_SIZE;
  if (isSmall) {
    const exact = size <= MAX_FAST_BYTES ? takeFast(state, arena, thread, size) : NO_CHUNK;
    if (exact !== NO_CHUNK) return exact;
    const small = takeSmall(state, arena, thread, size);
    if (small !== NO_CHUNK) return small;
  } else if (arena.hasFastChunks) {
    consolidate(state, arena);
  }
  for (;;) {
    const sorted = sortUnsorted(state, arena, thread, size);
    if (sorted !== NO_CHUNK) return sorted;
    const fitting = takeFitting(state, arena, size);
    if (fitting !== NO_CHUNK) return fitting;
    const { top } = arena;
    if (top !== NO_CHUNK && state.pool.size[top] >= size + MINSIZE) return cutTop(state, arena, size);
    if (!arena.hasFastChunks) return sysmalloc(state, arena, thread, size);
    consolidate(state, arena);
  }
}
