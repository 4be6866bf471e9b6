/**
 * malloc(3) and its relatives for one program.
 * Source: glibc 2.36 malloc/malloc.c, __libc_malloc(), __libc_free(), __libc_realloc(), _int_realloc(), __libc_calloc(),
 * _int_memalign(), mtrim(), int_mallinfo(); malloc/arena.c, arena_get2(), reused_arena(), __malloc_arena_thread_freeres().
 */
import { EINVAL, KernelError, type ProgramMemory, type Vaddr } from "@pageframe/contracts";
import { allocChunk } from "./alloc-chunk.ts";
import { consolidate, freeChunk } from "./bins.ts";
import { CHUNK_BINNED, CHUNK_MMAPPED, CHUNK_TOP, CHUNK_USED, NO_CHUNK } from "./chunk-pool.ts";
import {
  alignDown,
  alignUp,
  binIndex,
  chunkSizeOf,
  DEFAULT_MMAP_THRESHOLD_MAX,
  HEADER_BYTES,
  MALLOC_ALIGNMENT,
  MAX_REQUEST,
  MINSIZE,
  NR_BINS,
  PAGE_BYTES,
  SIZE_SZ,
  TCACHE_MAX_BINS,
  TCACHE_STRUCT_BYTES,
  UNSORTED_BIN,
} from "./sizes.ts";
import { type Arena, MallocState, type MallocThread } from "./state.ts";
import { newArena } from "./system.ts";
import { systrim } from "./trim.ts";

/** What is in use, in bytes and pieces, over all arenas (mallinfo2(3); names are its fields'). */
export interface Mallinfo {
  /** Bytes from brk and heaps. */
  arena: number;
  /** Free chunks, and chunks in fast bins. */
  ordblks: number;
  smblks: number;
  /** Chunks with a mapping of their own, and their bytes. */
  hblks: number;
  hblkhd: number;
  /** Bytes in fast bins; in use, thread caches included; free. */
  fsmblks: number;
  uordblks: number;
  fordblks: number;
  /** Bytes at the end of the first arena. */
  keepcost: number;
}

/** Bytes of a free chunk that malloc_trim() keeps: its header and four links. */
const FREE_HEADER_BYTES = 48;

/**
 * The allocator of one program. Sizes and addresses are in bytes. Requests that cannot be met give 0 (NULL); an address that
 * malloc did not give throws EINVAL, where glibc aborts the program.
 */
export class Malloc {
  readonly state: MallocState;

  constructor(memory: ProgramMemory, nrCpus = 1) {
    this.state = new MallocState(memory, nrCpus);
  }

  /** The thread that calls without saying which it is. */
  get mainThread(): MallocThread {
    return this.state.mainThread;
  }

  /** Makes a thread; its arena and cache come with its first request. */
  createThread(): MallocThread {
    return { arena: null, tcache: null, tcacheAddress: -1 };
  }

  /** A thread ends: its cache is freed, and its arena is the next thread's if nobody else uses it. */
  exitThread(thread: MallocThread): void {
    const { state } = this;
    const { tcache, tcacheAddress, arena } = thread;
    thread.tcache = null;
    for (const stack of tcache ?? []) {
      for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
        state.pool.state[row] = CHUNK_USED;
        this.freeRow(row, null);
      }
    }
    if (tcache !== null) this.freeRow(state.pool.find(tcacheAddress - HEADER_BYTES), null);
    thread.arena = null;
    if (arena !== null && --arena.nrThreads === 0) state.freeArenas.push(arena);
  }

  malloc(nrBytes: number, thread: MallocThread = this.mainThread): Vaddr {
    if (nrBytes > MAX_REQUEST) return 0;
    this.initTcache(thread);
    const size = chunkSizeOf(nrBytes);
    const cached = this.state.tcacheGet(thread, size);
    if (cached !== NO_CHUNK) return this.addressOf(cached);
    return this.addressOf(this.alloc(thread, size));
  }

  free(address: Vaddr, thread: MallocThread = this.mainThread): void {
    if (address === 0) return;
    const { state } = this;
    const row = this.rowOf(address);
    if (state.pool.state[row] === CHUNK_MMAPPED) {
      const size = state.pool.size[row];
      // What comes and goes is better kept in the heap: both thresholds grow with it.
      if (state.isDynamic && size > state.mmapThreshold && size <= DEFAULT_MMAP_THRESHOLD_MAX) {
        state.mmapThreshold = size;
        state.trimThreshold = 2 * size;
      }
      this.munmapChunk(row);
      return;
    }
    this.initTcache(thread);
    this.freeRow(row, thread);
  }

  /** realloc(3): 0 frees; an address of 0 allocates. */
  realloc(address: Vaddr, nrBytes: number, thread: MallocThread = this.mainThread): Vaddr {
    if (address === 0) return this.malloc(nrBytes, thread);
    if (nrBytes === 0) {
      this.free(address, thread);
      return 0;
    }
    const { state } = this;
    const row = this.rowOf(address);
    const isMapped = state.pool.state[row] === CHUNK_MMAPPED;
    if (!isMapped) this.initTcache(thread);
    if (nrBytes > MAX_REQUEST) return 0;
    const size = chunkSizeOf(nrBytes);
    const resized = isMapped ? this.remapChunk(row, size) : this.resize(row, size, thread);
    if (resized !== NO_CHUNK) return this.addressOf(resized);
    const usable = state.pool.size[row] - (isMapped ? HEADER_BYTES : SIZE_SZ);
    const moved = this.malloc(nrBytes, thread);
    if (moved === 0) return 0;
    state.memory.touch(moved, Math.min(usable, nrBytes));
    if (isMapped) this.munmapChunk(row);
    else this.freeRow(row, thread);
    return moved;
  }

  /** calloc(3): what is not fresh from the kernel is filled with zeros, and so becomes resident. */
  calloc(nrMembers: number, memberBytes: number, thread: MallocThread = this.mainThread): Vaddr {
    const nrBytes = nrMembers * memberBytes;
    if (nrBytes > MAX_REQUEST) return 0;
    const { state } = this;
    this.initTcache(thread);
    const oldTop = thread.arena?.top ?? NO_CHUNK;
    const oldTopAddress = oldTop === NO_CHUNK ? -1 : state.pool.address[oldTop];
    const oldTopBytes = oldTop === NO_CHUNK ? 0 : state.pool.size[oldTop];
    const row = this.alloc(thread, chunkSizeOf(nrBytes));
    const address = this.addressOf(row);
    if (row === NO_CHUNK || state.pool.state[row] === CHUNK_MMAPPED) return address;
    const isFromTop = state.pool.address[row] === oldTopAddress;
    const size = state.pool.size[row];
    const dirty = isFromTop && size > oldTopBytes ? oldTopBytes : size;
    state.memory.touch(address, dirty - SIZE_SZ);
    return address;
  }

  /** memalign(3), aligned_alloc(3): `alignment` is rounded up to a power of two. */
  memalign(alignment: number, nrBytes: number, thread: MallocThread = this.mainThread): Vaddr {
    if (alignment <= MALLOC_ALIGNMENT) return this.malloc(nrBytes, thread);
    if (nrBytes > MAX_REQUEST || alignment > MAX_REQUEST) return 0;
    const { state } = this;
    const { pool } = state;
    const align = 2 ** Math.ceil(Math.log2(Math.max(alignment, MINSIZE)));
    const size = chunkSizeOf(nrBytes);
    const arena = this.arenaOf(thread);
    const row = allocChunk(state, arena, thread, chunkSizeOf(size + align + MINSIZE));
    if (row === NO_CHUNK) return 0;
    const start = pool.address[row];
    if ((start + HEADER_BYTES) % align === 0)
      return this.addressOf(this.cutEnd(row, size, thread, MINSIZE + 1));
    let aligned = alignDown(start + HEADER_BYTES + align - 1, align) - HEADER_BYTES;
    if (aligned - start < MINSIZE) aligned += align;
    const leadBytes = aligned - start;
    if (pool.state[row] === CHUNK_MMAPPED) {
      pool.setAddress(row, aligned);
      pool.size[row] -= leadBytes;
      pool.owner[row] += leadBytes;
      state.touchHead(row);
      return this.addressOf(row);
    }
    const kept = pool.split(row, leadBytes, CHUNK_USED);
    state.touchHead(kept);
    state.touchHead(row);
    this.freeRow(row, thread);
    return this.addressOf(this.cutEnd(kept, size, thread, MINSIZE + 1));
  }

  /** Bytes that the program may use at an address (malloc_usable_size). */
  usableSize(address: Vaddr): number {
    const row = this.rowOf(address);
    const { pool } = this.state;
    return pool.size[row] - (pool.state[row] === CHUNK_MMAPPED ? HEADER_BYTES : SIZE_SZ);
  }

  /** malloc_trim(3): gives whole free pages back. True when there were any. */
  trim(padBytes = 0): boolean {
    const { state } = this;
    let isAny = false;
    for (const arena of state.arenas) {
      consolidate(state, arena);
      if (this.dropFreePages(arena)) isAny = true;
      if (arena.id === 0 && systrim(state, arena, padBytes)) isAny = true;
    }
    return isAny;
  }

  /** mallinfo2(3). */
  info(): Mallinfo {
    const { state } = this;
    const { pool } = state;
    const info: Mallinfo = {
      arena: 0,
      ordblks: 0,
      smblks: 0,
      hblks: state.nrMmaps,
      hblkhd: state.mmappedBytes,
      fsmblks: 0,
      uordblks: 0,
      fordblks: 0,
      keepcost: 0,
    };
    for (const arena of state.arenas) {
      const topBytes = arena.top === NO_CHUNK ? 0 : pool.size[arena.top];
      let free = topBytes;
      info.ordblks++;
      for (const stack of arena.fast) {
        for (const row of stack) {
          info.smblks++;
          info.fsmblks += pool.size[row];
          free += pool.size[row];
        }
      }
      for (const head of arena.bins) {
        for (let row = pool.fwd[head]; row !== head; row = pool.fwd[row]) {
          info.ordblks++;
          free += pool.size[row];
        }
      }
      info.arena += arena.systemBytes;
      info.fordblks += free;
      info.uordblks += arena.systemBytes - free;
      if (arena.id === 0) info.keepcost = topBytes;
    }
    return info;
  }

  /** malloc_stats(3), as it prints them. */
  statsText(): string {
    const { state } = this;
    const { pool } = state;
    const right = (bytes: number): string => String(bytes).padStart(10);
    let [system, used] = [state.mmappedBytes, state.mmappedBytes];
    let text = "";
    for (const arena of state.arenas) {
      let free = arena.top === NO_CHUNK ? 0 : pool.size[arena.top];
      for (const stack of arena.fast) for (const row of stack) free += pool.size[row];
      for (const head of arena.bins) {
        for (let row = pool.fwd[head]; row !== head; row = pool.fwd[row]) free += pool.size[row];
      }
      const inUse = arena.systemBytes - free;
      text += `Arena ${arena.id}:\nsystem bytes     = ${right(arena.systemBytes)}\nin use bytes     = ${right(inUse)}\n`;
      system += arena.systemBytes;
      used += inUse;
    }
    return `${text}Total (incl. mmap):\nsystem bytes     = ${right(system)}\nin use bytes     = ${right(used)}\n`;
  }

  /** Sets M_MMAP_THRESHOLD, M_TRIM_THRESHOLD or M_TOP_PAD (mallopt(3)); the thresholds stay fixed from then on. */
  setOption(option: "mmapThreshold" | "trimThreshold" | "topPad", nrBytes: number): void {
    this.state[option] = nrBytes;
    this.state.isDynamic = false;
  }

  /** Checks chunks, bins and counts; calls bug() on the first fault. O(n). */
  checkInvariants(): void {
    this.state.pool.checkInvariants();
  }

  /** Makes a thread's cache before its first request. */
  private initTcache(thread: MallocThread): void {
    if (thread.tcache !== null) return;
    const row = this.alloc(thread, chunkSizeOf(TCACHE_STRUCT_BYTES));
    if (row === NO_CHUNK) return;
    thread.tcacheAddress = this.addressOf(row);
    this.state.memory.touch(thread.tcacheAddress, TCACHE_STRUCT_BYTES);
    thread.tcache = Array.from({ length: TCACHE_MAX_BINS }, () => []);
  }

  private alloc(thread: MallocThread, size: number): number {
    return allocChunk(this.state, this.arenaOf(thread), thread, size);
  }

  /** Arena of a thread: one that is free, a new one, or in turn one of those that are there. */
  private arenaOf(thread: MallocThread): Arena {
    const { state } = this;
    if (thread.arena !== null) return thread.arena;
    let arena = state.freeArenas.pop() ?? null;
    if (arena === null && state.arenas.length < state.maxArenas) arena = newArena(state);
    if (arena === null) {
      arena = state.arenas[state.nextToUse];
      state.nextToUse = (state.nextToUse + 1) % state.arenas.length;
    }
    arena.nrThreads++;
    thread.arena = arena;
    return arena;
  }

  private freeRow(row: number, thread: MallocThread | null): void {
    freeChunk(this.state, this.state.arenas[this.state.pool.owner[row]], thread, row);
  }

  /** Resizes a chunk where it is, into the top or a free neighbour, or moves it. Returns NO_CHUNK without memory. */
  private resize(row: number, size: number, thread: MallocThread): number {
    const { state } = this;
    const { pool } = state;
    if (pool.size[row] >= size) return this.cutEnd(row, size, thread);
    const arena = state.arenas[pool.owner[row]];
    const next = pool.next[row];
    if (next === arena.top && pool.size[row] + pool.size[next] >= size + MINSIZE) {
      const needed = size - pool.size[row];
      const rest = pool.split(next, needed, CHUNK_TOP);
      pool.mergeNext(row);
      arena.top = rest;
      state.touchHead(row);
      state.touchHead(rest);
      return row;
    }
    const isNextFree = next !== NO_CHUNK && pool.state[next] === CHUNK_BINNED;
    if (isNextFree && pool.size[row] + pool.size[next] >= size) {
      state.unlink(next);
      pool.mergeNext(row);
      return this.cutEnd(row, size, thread);
    }
    const moved = allocChunk(state, arena, thread, size);
    if (moved === NO_CHUNK) return NO_CHUNK;
    if (moved === pool.next[row]) {
      pool.mergeNext(row);
      return this.cutEnd(row, size, thread);
    }
    state.memory.touch(pool.address[moved] + HEADER_BYTES, pool.size[row] - SIZE_SZ);
    this.freeRow(row, thread);
    return this.cutEnd(moved, size, thread);
  }

  /** Frees the end of a used chunk behind `size` bytes, if it has `leastBytes`. Returns the chunk. */
  private cutEnd(row: number, size: number, thread: MallocThread, leastBytes: number = MINSIZE): number {
    const { state } = this;
    const { pool } = state;
    if (pool.state[row] === CHUNK_MMAPPED || pool.size[row] - size < leastBytes) {
      state.touchHead(row);
      return row;
    }
    const rest = pool.split(row, size, CHUNK_USED);
    state.touchHead(row);
    state.touchHead(rest);
    this.freeRow(rest, thread);
    return row;
  }

  /** mremap_chunk(): NO_CHUNK when the kernel refuses; the chunk itself when it is large enough. */
  private remapChunk(row: number, size: number): number {
    const { state } = this;
    const { pool } = state;
    const offset = pool.owner[row];
    const total = offset + pool.size[row];
    const wanted = alignUp(size + offset + SIZE_SZ, PAGE_BYTES);
    if (wanted === total) return row;
    const moved = state.memory.mremap(pool.address[row] - offset, total, wanted);
    if (moved < 0) return pool.size[row] - SIZE_SZ >= size ? row : NO_CHUNK;
    pool.setAddress(row, moved + offset);
    pool.size[row] = wanted - offset;
    state.mmappedBytes += wanted - total;
    state.touchHead(row);
    return row;
  }

  private munmapChunk(row: number): void {
    const { state } = this;
    const { pool } = state;
    const offset = pool.owner[row];
    const total = offset + pool.size[row];
    state.nrMmaps--;
    state.mmappedBytes -= total;
    state.memory.munmap(pool.address[row] - offset, total);
    pool.free(row);
  }

  /** Gives the whole pages inside free chunks of a page and more back. */
  private dropFreePages(arena: Arena): boolean {
    const { pool, memory } = this.state;
    let isAny = false;
    for (let bin = UNSORTED_BIN; bin < NR_BINS; bin++) {
      if (bin !== UNSORTED_BIN && bin < binIndex(PAGE_BYTES)) continue;
      const head = arena.bins[bin];
      for (let row = pool.bck[head]; row !== head; row = pool.bck[row]) {
        const start = alignUp(pool.address[row] + FREE_HEADER_BYTES, PAGE_BYTES);
        const left = pool.size[row] - (start - pool.address[row]);
        if (left < PAGE_BYTES) continue;
        memory.dontneed(start, alignDown(left, PAGE_BYTES));
        isAny = true;
      }
    }
    return isAny;
  }

  private addressOf(row: number): Vaddr {
    return row === NO_CHUNK ? 0 : this.state.pool.address[row] + HEADER_BYTES;
  }

  /** Chunk at an address of the program. Throws EINVAL when malloc did not give it, or it was freed. */
  private rowOf(address: Vaddr): number {
    const { pool } = this.state;
    const row = pool.find(address - HEADER_BYTES);
    const isUsed = row !== NO_CHUNK && (pool.state[row] === CHUNK_USED || pool.state[row] === CHUNK_MMAPPED);
    if (!isUsed)
      throw new KernelError(EINVAL, `0x${address.toString(16)} is not an address that malloc has given`);
    return row;
  }
}
