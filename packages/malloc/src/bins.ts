/**
 * Taking chunks out of the bins and back: fast, small, unsorted and large bins, the top. Hot: per malloc and free that the
 * thread's cache does not answer.
 * Source: glibc 2.36 malloc/malloc.c, _int_malloc(), _int_free(), malloc_consolidate(); Doug Lea, "A Memory Allocator" (2000).
 */
import { CHUNK_BINNED, CHUNK_FAST, CHUNK_TOP, CHUNK_USED, NO_CHUNK } from "./chunk-pool.ts";
import {
  binIndex,
  FASTBIN_CONSOLIDATION_THRESHOLD,
  MAX_FAST_BYTES,
  MIN_LARGE_SIZE,
  MINSIZE,
  NR_BINS,
  TCACHE_FILL_COUNT,
  TCACHE_MAX_BINS,
  tcacheIndex,
  UNSORTED_BIN,
} from "./sizes.ts";
import { type Arena, type MallocState, type MallocThread } from "./state.ts";
import { heapTrim, systrim } from "./trim.ts";

/** Chunks of the unsorted bin that one request sorts at most. */
const MAX_SORTED = 10000;

/** Takes a chunk back: into the thread's cache, a fast bin, or joined with its free neighbours. */
export function freeChunk(state: MallocState, arena: Arena, thread: MallocThread | null, row: number): void {
  const { pool } = state;
  if (state.tcachePut(thread, row)) return;
  if (pool.size[row] <= MAX_FAST_BYTES) {
    pool.state[row] = CHUNK_FAST;
    state.memory.touch(pool.address[row] + 16, 8);
    arena.fast[pool.size[row] / 16 - 2].push(row);
    arena.hasFastChunks = true;
    return;
  }
  const joined = coalesce(state, arena, row);
  if (joined < FASTBIN_CONSOLIDATION_THRESHOLD) return;
  if (arena.hasFastChunks) consolidate(state, arena);
  if (arena.heaps.length > 0) heapTrim(state, arena);
  else if (pool.size[arena.top] >= state.trimThreshold) systrim(state, arena, state.topPad);
}

/** Cuts `size` bytes from the start of the top. */
export function cutTop(state: MallocState, arena: Arena, size: number): number {
  const { pool } = state;
  const { top } = arena;
  const rest = pool.split(top, size, CHUNK_TOP);
  pool.state[top] = CHUNK_USED;
  arena.top = rest;
  state.touchHead(top);
  state.touchHead(rest);
  return top;
}

/** Empties the fast bins: their chunks join their neighbours and go to the unsorted bin (malloc_consolidate). */
export function consolidate(state: MallocState, arena: Arena): void {
  arena.hasFastChunks = false;
  for (const stack of arena.fast) {
    for (let row = stack.pop(); row !== undefined; row = stack.pop()) coalesce(state, arena, row);
  }
}

/** Joins a chunk with free neighbours; it becomes part of the top or goes to the unsorted bin. Returns its new size. */
function coalesce(state: MallocState, arena: Arena, freed: number): number {
  const { pool } = state;
  let row = freed;
  const before = pool.prev[row];
  if (before !== NO_CHUNK && pool.state[before] === CHUNK_BINNED) {
    state.unlink(before);
    pool.mergeNext(before);
    row = before;
  }
  const behind = pool.next[row];
  if (behind === arena.top) {
    pool.mergeNext(row);
    pool.state[row] = CHUNK_TOP;
    arena.top = row;
    state.touchHead(row);
    return pool.size[row];
  }
  if (behind !== NO_CHUNK && pool.state[behind] === CHUNK_BINNED) {
    state.unlink(behind);
    pool.mergeNext(row);
  }
  addUnsorted(state, arena, row);
  return pool.size[row];
}

function addUnsorted(state: MallocState, arena: Arena, row: number): void {
  state.pool.state[row] = CHUNK_BINNED;
  state.link(arena.bins[UNSORTED_BIN], row);
  state.touchFree(row);
}

/** A chunk of the size's fast bin; more of them go to the thread's cache while it has room. */
export function takeFast(
  state: MallocState,
  arena: Arena,
  thread: MallocThread | null,
  size: number,
): number {
  const stack = arena.fast[size / 16 - 2];
  const row = stack.pop();
  if (row === undefined) return NO_CHUNK;
  while (stack.length > 0 && state.tcachePut(thread, stack[stack.length - 1])) stack.pop();
  state.pool.state[row] = CHUNK_USED;
  return row;
}

/** The oldest chunk of the size's small bin, likewise. */
export function takeSmall(
  state: MallocState,
  arena: Arena,
  thread: MallocThread | null,
  size: number,
): number {
  const { pool } = state;
  const head = arena.bins[binIndex(size)];
  const row = pool.bck[head];
  if (row === head) return NO_CHUNK;
  state.unlink(row);
  pool.state[row] = CHUNK_USED;
  for (let more = pool.bck[head]; more !== head && hasTcacheRoom(thread, size); more = pool.bck[head]) {
    state.unlink(more);
    state.tcachePut(thread, more);
  }
  return row;
}

function hasTcacheRoom(thread: MallocThread | null, size: number): boolean {
  const index = tcacheIndex(size);
  const stack = index < TCACHE_MAX_BINS ? thread?.tcache?.[index] : undefined;
  return stack !== undefined && stack.length < TCACHE_FILL_COUNT;
}

/**
 * Puts the unsorted chunks into their bins, oldest first, and returns one that fits exactly. A small request takes a part of
 * the last remainder when nothing else is there.
 */
export function sortUnsorted(
  state: MallocState,
  arena: Arena,
  thread: MallocThread | null,
  size: number,
): number {
  const { pool } = state;
  const head = arena.bins[UNSORTED_BIN];
  let isCached = false;
  for (let nrSorted = 0; nrSorted < MAX_SORTED; nrSorted++) {
    const row = pool.bck[head];
    if (row === head) break;
    const isOnly = pool.bck[row] === head;
    const isRemainder = isOnly && pool.address[row] === arena.lastRemainder;
    if (size < MIN_LARGE_SIZE && isRemainder && pool.size[row] > size + MINSIZE) {
      state.unlink(row);
      arena.lastRemainder = pool.address[splitOff(state, arena, row, size)];
      return row;
    }
    state.unlink(row);
    if (pool.size[row] === size) {
      pool.state[row] = CHUNK_USED;
      if (!state.tcachePut(thread, row)) return row;
      isCached = true;
    } else {
      sortIn(state, arena, row);
    }
  }
  return isCached ? state.tcacheGet(thread, size) : NO_CHUNK;
}

/** Puts a chunk into its bin: large bins are sorted, a chunk of a size that is there becomes its second. */
function sortIn(state: MallocState, arena: Arena, row: number): void {
  const { pool } = state;
  const size = pool.size[row];
  const head = arena.bins[binIndex(size)];
  let after = head;
  if (size >= MIN_LARGE_SIZE) {
    while (pool.fwd[after] !== head && pool.size[pool.fwd[after]] > size) after = pool.fwd[after];
    const equal = pool.fwd[after];
    if (equal !== head && pool.size[equal] === size) after = equal;
  }
  state.link(after, row);
}

/** The smallest chunk that is large enough, from the bins; what is too much goes to the unsorted bin. */
export function takeFitting(state: MallocState, arena: Arena, size: number): number {
  const { pool } = state;
  const own = binIndex(size);
  if (size >= MIN_LARGE_SIZE) {
    const head = arena.bins[own];
    const first = pool.fwd[head];
    if (first !== head && pool.size[first] >= size) {
      let row = pool.bck[head];
      while (pool.size[row] < size) row = pool.bck[row];
      // The first of several of a size carries links that are dear to change: the second goes.
      const isLast = row === pool.bck[head];
      while (pool.bck[row] !== head && pool.size[pool.bck[row]] === pool.size[row]) row = pool.bck[row];
      if (
        !(isLast && row === pool.bck[head]) &&
        pool.fwd[row] !== head &&
        pool.size[pool.fwd[row]] === pool.size[row]
      )
        row = pool.fwd[row];
      takeWhole(state, arena, row, size, false);
      return row;
    }
  }
  for (let bin = own + 1; bin < NR_BINS; bin++) {
    const head = arena.bins[bin];
    const row = pool.bck[head];
    if (row === head) continue;
    takeWhole(state, arena, row, size, size < MIN_LARGE_SIZE);
    return row;
  }
  return NO_CHUNK;
}

/** Takes a chunk out of its bin and cuts off what is too much. */
function takeWhole(
  state: MallocState,
  arena: Arena,
  row: number,
  size: number,
  isRemainderKept: boolean,
): void {
  const { pool } = state;
  state.unlink(row);
  if (pool.size[row] - size < MINSIZE) {
    pool.state[row] = CHUNK_USED;
    return;
  }
  const rest = splitOff(state, arena, row, size);
  if (isRemainderKept) arena.lastRemainder = pool.address[rest];
}

/** Cuts a chunk to `size`; the rest goes to the unsorted bin. Returns the rest. */
function splitOff(state: MallocState, arena: Arena, row: number, size: number): number {
  const rest = state.pool.split(row, size, CHUNK_BINNED);
  state.pool.state[row] = CHUNK_USED;
  state.touchHead(row);
  addUnsorted(state, arena, rest);
  return rest;
}
