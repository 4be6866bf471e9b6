/**
 * What an allocator gives back to the kernel: the end of the first arena's heap, and heaps of other arenas.
 * Source: glibc 2.36 malloc/malloc.c, systrim(); misc/sbrk.c; malloc/arena.c, shrink_heap(), heap_trim().
 */
import { CHUNK_BINNED, CHUNK_TOP, NO_CHUNK } from "./chunk-pool.ts";
import { alignDown, HEAP_INFO_BYTES, HEAP_MAX_SIZE, MINSIZE, PAGE_BYTES } from "./sizes.ts";
import { type Arena, type MallocState } from "./state.ts";

/** sbrk(3): returns the break before, or -1. */
export function sbrk(state: MallocState, increment: number): number {
  if (state.curbrk < 0) state.curbrk = state.memory.brk(0);
  const before = state.curbrk;
  if (increment === 0) return before;
  state.curbrk = state.memory.brk(before + increment);
  return state.curbrk === before + increment ? before : -1;
}

/** Gives the end of the first arena back to the kernel, all but `padBytes`. False when there is nothing to give. */
export function systrim(state: MallocState, arena: Arena, padBytes: number): boolean {
  const { pool } = state;
  const { top } = arena;
  if (top === NO_CHUNK) return false;
  const area = pool.size[top] - MINSIZE - 1;
  if (area <= padBytes) return false;
  const extra = alignDown(area - padBytes, PAGE_BYTES);
  if (extra === 0 || sbrk(state, 0) !== pool.address[top] + pool.size[top]) return false;
  if (sbrk(state, -extra) < 0) return false;
  arena.systemBytes -= extra;
  pool.size[top] -= extra;
  state.touchHead(top);
  return true;
}

/** Gives heaps that are empty, and the end of the last, back to the kernel. */
export function heapTrim(state: MallocState, arena: Arena): void {
  const { pool, memory } = state;
  while (arena.heaps.length > 1) {
    const last = arena.heaps[arena.heaps.length - 1];
    if (pool.address[arena.top] !== last.address + HEAP_INFO_BYTES) break;
    const previous = arena.heaps[arena.heaps.length - 2];
    // The fenceposts, with what is free in front of them, become the top again.
    const post = previous.endPost;
    const front = pool.prev[post];
    const isFrontFree = front !== NO_CHUNK && pool.state[front] === CHUNK_BINNED;
    const newSize = pool.size[post] + (isFrontFree ? pool.size[front] : 0);
    if (newSize + (HEAP_MAX_SIZE - previous.size) < state.topPad + MINSIZE + PAGE_BYTES) break;
    arena.systemBytes -= last.size;
    if (last.address + HEAP_MAX_SIZE === state.alignedHeapArea) state.alignedHeapArea = 0;
    pool.free(arena.top);
    memory.munmap(last.address, HEAP_MAX_SIZE);
    arena.heaps.pop();
    arena.top = post;
    if (isFrontFree) {
      state.unlink(front);
      pool.mergeNext(front);
      arena.top = front;
    }
    pool.state[arena.top] = CHUNK_TOP;
    state.touchHead(arena.top);
  }
  const heap = arena.heaps[arena.heaps.length - 1];
  const topSize = pool.size[arena.top];
  const area = topSize - MINSIZE - 1;
  if (topSize < state.trimThreshold || area <= state.topPad) return;
  const extra = alignDown(area - state.topPad, PAGE_BYTES);
  if (extra === 0 || memory.dontneed(heap.address + heap.size - extra, extra) !== 0) return;
  heap.size -= extra;
  arena.systemBytes -= extra;
  pool.size[arena.top] -= extra;
  state.touchHead(arena.top);
}
