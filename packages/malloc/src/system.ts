/**
 * What an allocator asks of the kernel: brk for the first arena, mappings for large chunks, heaps for other arenas.
 * Source: glibc 2.36 malloc/malloc.c, sysmalloc(), sysmalloc_mmap(); malloc/arena.c, new_heap(), grow_heap(),
 * _int_new_arena().
 */
import {
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from "@pageframe/contracts";
import { cutTop, freeChunk } from "./bins.ts";
import { CHUNK_FENCEPOST, CHUNK_MMAPPED, CHUNK_TOP, CHUNK_USED, NO_CHUNK } from "./chunk-pool.ts";
import {
  alignDown,
  alignUp,
  ARENA_BYTES,
  HEAP_INFO_BYTES,
  HEAP_MAX_SIZE,
  HEAP_MIN_SIZE,
  MALLOC_ALIGNMENT,
  MINSIZE,
  MMAP_AS_MORECORE_SIZE,
  PAGE_BYTES,
  SIZE_SZ,
} from "./sizes.ts";
import { Arena, type Heap, type MallocState, type MallocThread } from "./state.ts";
import { sbrk } from "./trim.ts";

const READ_WRITE: number = PROT_READ | PROT_WRITE;
/** Two headers. */
const FENCEPOST_BYTES = 32;
const ANON: number = MAP_PRIVATE | MAP_ANONYMOUS;

/** Gets memory for a chunk that no bin and no top can serve. Returns the chunk, or NO_CHUNK. */
export function sysmalloc(
  state: MallocState,
  arena: Arena,
  thread: MallocThread | null,
  size: number,
): number {
  const mayMap = state.nrMmaps < state.maxMmaps;
  const isLarge = size >= state.mmapThreshold && mayMap;
  if (isLarge) {
    const mapped = mmapChunk(state, size);
    if (mapped !== NO_CHUNK) return mapped;
  }
  const isGrown =
    arena.id === 0 ? growMain(state, arena, thread, size) : growHeaps(state, arena, thread, size);
  if (!isGrown && arena.id !== 0 && !isLarge) return mmapChunk(state, size);
  if (arena.top === NO_CHUNK || state.pool.size[arena.top] < size + MINSIZE) return NO_CHUNK;
  return cutTop(state, arena, size);
}

/** Maps a chunk of its own. */
function mmapChunk(state: MallocState, size: number): number {
  const nrBytes = alignUp(size + SIZE_SZ, PAGE_BYTES);
  const address = state.memory.mmap(0, nrBytes, READ_WRITE, ANON);
  if (address < 0) return NO_CHUNK;
  const row = state.pool.alloc(address, nrBytes, CHUNK_MMAPPED, 0);
  state.nrMmaps++;
  state.mmappedBytes += nrBytes;
  state.touchHead(row);
  return row;
}

/** Makes the first arena's top large enough. False when there is no memory. */
function growMain(state: MallocState, arena: Arena, thread: MallocThread | null, size: number): boolean {
  const { pool } = state;
  const oldTop = arena.top;
  const oldSize = oldTop === NO_CHUNK ? 0 : pool.size[oldTop];
  const wanted = size + state.topPad + MINSIZE;
  const nrBytes = alignUp(state.isContiguous ? wanted - oldSize : wanted, PAGE_BYTES);
  let start = nrBytes > 0 ? sbrk(state, nrBytes) : -1;
  let grown = nrBytes;
  if (start < 0) {
    // brk is blocked: mappings serve as well, if they are not too many.
    const all = state.isContiguous ? alignUp(wanted + oldSize, PAGE_BYTES) : nrBytes;
    grown = Math.max(all, MMAP_AS_MORECORE_SIZE);
    start = state.memory.mmap(0, grown, READ_WRITE, ANON);
    if (start < 0) return false;
    state.isContiguous = false;
  }
  arena.systemBytes += grown;
  if (oldTop !== NO_CHUNK && start === pool.address[oldTop] + oldSize) {
    pool.size[oldTop] += grown;
    state.touchHead(oldTop);
    return true;
  }
  let end = start + grown;
  const first = alignUp(start, MALLOC_ALIGNMENT);
  if (state.isContiguous) {
    // The break was not on a border, or somebody else moved it: to the next border from here.
    if (oldTop !== NO_CHUNK) arena.systemBytes += start - (pool.address[oldTop] + oldSize);
    const shifted = end + (first - start) + oldSize;
    const correction = alignUp(shifted, PAGE_BYTES) - end;
    if (sbrk(state, correction) >= 0) {
      end += correction;
      arena.systemBytes += correction;
    }
  }
  arena.top = pool.alloc(first, end - first, CHUNK_TOP, arena.id);
  state.touchHead(arena.top);
  if (oldTop !== NO_CHUNK) endPiece(state, arena, thread, oldTop);
  return true;
}

/** A top that is no longer the last piece ends with two fenceposts; what is left of it is freed. Returns the fenceposts. */
function endPiece(state: MallocState, arena: Arena, thread: MallocThread | null, oldTop: number): number {
  const { pool } = state;
  const left = alignDown(pool.size[oldTop] - FENCEPOST_BYTES, MALLOC_ALIGNMENT);
  if (left < MINSIZE) {
    pool.state[oldTop] = CHUNK_FENCEPOST;
    return oldTop;
  }
  const post = pool.split(oldTop, left, CHUNK_FENCEPOST);
  state.touchHead(post);
  pool.state[oldTop] = CHUNK_USED;
  state.touchHead(oldTop);
  freeChunk(state, arena, thread, oldTop);
  return post;
}

/** Makes an arena in a heap of its own; null when there is no memory. */
export function newArena(state: MallocState): Arena | null {
  const headBytes = HEAP_INFO_BYTES + ARENA_BYTES + MALLOC_ALIGNMENT;
  const heap = newHeap(state, headBytes);
  if (heap === null) return null;
  const arena = new Arena(state.arenas.length, state.pool);
  arena.heaps.push(heap);
  arena.systemBytes = heap.size;
  const top = alignUp(heap.address + HEAP_INFO_BYTES + ARENA_BYTES, MALLOC_ALIGNMENT);
  arena.top = state.pool.alloc(top, heap.address + heap.size - top, CHUNK_TOP, arena.id);
  state.memory.touch(heap.address, HEAP_INFO_BYTES + ARENA_BYTES);
  state.touchHead(arena.top);
  state.arenas.push(arena);
  return arena;
}

/** Maps a heap, aligned to its largest size so that a chunk's address tells its heap. */
function newHeap(state: MallocState, neededBytes: number): Heap | null {
  const { memory } = state;
  if (neededBytes > HEAP_MAX_SIZE) return null;
  const padded = Math.min(Math.max(neededBytes + state.topPad, HEAP_MIN_SIZE), HEAP_MAX_SIZE);
  const size = alignUp(padded, PAGE_BYTES);
  let address = -1;
  if (state.alignedHeapArea > 0) {
    address = memory.mmap(state.alignedHeapArea, HEAP_MAX_SIZE, PROT_NONE, ANON | MAP_NORESERVE);
    state.alignedHeapArea = 0;
    if (address >= 0 && address % HEAP_MAX_SIZE !== 0) {
      memory.munmap(address, HEAP_MAX_SIZE);
      address = -1;
    }
  }
  if (address < 0) {
    const area = memory.mmap(0, 2 * HEAP_MAX_SIZE, PROT_NONE, ANON | MAP_NORESERVE);
    if (area < 0) {
      address = memory.mmap(0, HEAP_MAX_SIZE, PROT_NONE, ANON | MAP_NORESERVE);
      if (address < 0) return null;
      if (address % HEAP_MAX_SIZE !== 0) {
        memory.munmap(address, HEAP_MAX_SIZE);
        return null;
      }
    } else {
      address = alignUp(area, HEAP_MAX_SIZE);
      const before = address - area;
      if (before > 0) memory.munmap(area, before);
      else state.alignedHeapArea = address + HEAP_MAX_SIZE;
      memory.munmap(address + HEAP_MAX_SIZE, HEAP_MAX_SIZE - before);
    }
  }
  if (memory.mprotect(address, size, READ_WRITE) !== 0) {
    memory.munmap(address, HEAP_MAX_SIZE);
    return null;
  }
  return { address, size, mprotectSize: size, endPost: NO_CHUNK };
}

/** Makes the top of another arena large enough, with a further heap when its last is full. */
function growHeaps(state: MallocState, arena: Arena, thread: MallocThread | null, size: number): boolean {
  const { pool } = state;
  const oldTop = arena.top;
  const last = arena.heaps[arena.heaps.length - 1];
  const before = last.size;
  if (growHeap(state, last, MINSIZE + size - pool.size[oldTop])) {
    arena.systemBytes += last.size - before;
    pool.size[oldTop] += last.size - before;
    state.touchHead(oldTop);
    return true;
  }
  const heap = newHeap(state, size + MINSIZE + HEAP_INFO_BYTES);
  if (heap === null) return false;
  arena.heaps.push(heap);
  arena.systemBytes += heap.size;
  const start = heap.address + HEAP_INFO_BYTES;
  arena.top = pool.alloc(start, heap.size - HEAP_INFO_BYTES, CHUNK_TOP, arena.id);
  state.memory.touch(heap.address, HEAP_INFO_BYTES);
  state.touchHead(arena.top);
  last.endPost = endPiece(state, arena, thread, oldTop);
  return true;
}

function growHeap(state: MallocState, heap: Heap, nrBytes: number): boolean {
  const newSize = heap.size + alignUp(nrBytes, PAGE_BYTES);
  if (newSize > HEAP_MAX_SIZE) return false;
  if (newSize > heap.mprotectSize) {
    const from = heap.address + heap.mprotectSize;
    if (state.memory.mprotect(from, newSize - heap.mprotectSize, READ_WRITE) !== 0) return false;
    heap.mprotectSize = newSize;
  }
  heap.size = newSize;
  return true;
}
