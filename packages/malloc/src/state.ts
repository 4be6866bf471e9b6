/**
 * What an allocator knows: arenas with their bins, thread caches, thresholds, the break.
 * Source: glibc 2.36 malloc/malloc.c, struct malloc_state, struct malloc_par, tcache_perthread_struct; malloc/arena.c.
 */
import { type ProgramMemory } from "@pageframe/contracts";
import { CHUNK_BIN_HEAD, CHUNK_TCACHE, CHUNK_USED, ChunkPool, NO_CHUNK } from "./chunk-pool.ts";
import {
  DEFAULT_MMAP_MAX,
  DEFAULT_MMAP_THRESHOLD,
  DEFAULT_TOP_PAD,
  DEFAULT_TRIM_THRESHOLD,
  HEADER_BYTES,
  MIN_LARGE_SIZE,
  NR_BINS,
  NR_FAST_BINS,
  SIZE_SZ,
  TCACHE_FILL_COUNT,
  TCACHE_MAX_BINS,
  tcacheIndex,
} from "./sizes.ts";

/** A mapping of 64 MiB that an arena beside the first takes memory from (heap_info). */
export interface Heap {
  readonly address: number;
  /** Bytes in use, and bytes that are readable and writable. */
  size: number;
  mprotectSize: number;
  /** Fenceposts at its end once another heap follows; NO_CHUNK before. */
  endPost: number;
}

/** One arena (malloc_state). */
export class Arena {
  readonly id: number;
  /** Rows of the heads of its bins, by bin. */
  readonly bins: Int32Array = new Int32Array(NR_BINS);
  /** Fast bins: rows, the one freed last at the end. */
  readonly fast: number[][] = Array.from({ length: NR_FAST_BINS }, () => []);
  hasFastChunks = false;
  /** The piece at the end, from which new chunks are cut; NO_CHUNK before the first. */
  top: number = NO_CHUNK;
  /** Address of the rest of the last small request that split a chunk; -1: none. */
  lastRemainder = -1;
  systemBytes = 0;
  /** Threads that use it. */
  nrThreads = 0;
  /** Its heaps, newest last; none for the first arena, which uses brk. */
  readonly heaps: Heap[] = [];

  constructor(id: number, pool: ChunkPool) {
    this.id = id;
    for (let bin = 0; bin < NR_BINS; bin++) {
      const head = pool.alloc(-1, 0, CHUNK_BIN_HEAD, id);
      pool.fwd[head] = head;
      pool.bck[head] = head;
      this.bins[bin] = head;
    }
  }
}

/** A thread as malloc sees it: its arena, and chunks that it keeps at hand. */
export interface MallocThread {
  /** Null before its first request. */
  arena: Arena | null;
  /** Chunks by size, the one freed last at the end; null before the cache is there. */
  tcache: number[][] | null;
  /** Address of the cache itself. */
  tcacheAddress: number;
}

/** All that one program's allocator keeps. */
export class MallocState {
  readonly memory: ProgramMemory;
  readonly pool: ChunkPool = new ChunkPool();
  readonly arenas: Arena[] = [];
  /** Arenas that no thread uses any more, the last one first in line. */
  readonly freeArenas: Arena[] = [];
  /** Arena that reused_arena() gives next. */
  nextToUse = 0;
  readonly maxArenas: number;
  readonly mainThread: MallocThread;

  mmapThreshold: number = DEFAULT_MMAP_THRESHOLD;
  trimThreshold: number = DEFAULT_TRIM_THRESHOLD;
  topPad: number = DEFAULT_TOP_PAD;
  maxMmaps: number = DEFAULT_MMAP_MAX;
  /** Do the thresholds follow what is freed? Not after one was set. */
  isDynamic = true;
  nrMmaps = 0;
  mmappedBytes = 0;
  /** The break, as it was left; -1 before it was asked. */
  curbrk = -1;
  /** Does the first arena grow by brk without gaps? */
  isContiguous = true;
  /** End of the last reservation for heaps, aligned by luck; 0: none. */
  alignedHeapArea = 0;

  constructor(memory: ProgramMemory, nrCpus: number) {
    this.memory = memory;
    this.maxArenas = nrCpus * 8;
    const main = new Arena(0, this.pool);
    main.nrThreads = 1;
    this.arenas.push(main);
    this.mainThread = { arena: main, tcache: null, tcacheAddress: -1 };
  }

  /** glibc writes the size into a chunk's header. */
  touchHead(row: number): void {
    this.memory.touch(this.pool.address[row] + SIZE_SZ, SIZE_SZ);
  }

  /** It writes the links of a chunk in a list, and its size behind it; large ones have two more links. */
  touchFree(row: number): void {
    const { address, size } = this.pool;
    this.touchHead(row);
    const nrLinks = size[row] >= MIN_LARGE_SIZE ? 4 : 2;
    this.memory.touch(address[row] + HEADER_BYTES, nrLinks * SIZE_SZ);
    this.memory.touch(address[row] + size[row], SIZE_SZ);
  }

  /** Puts a chunk into a list, and says what is written for that. */
  link(head: number, row: number): void {
    this.pool.insertAfter(head, row);
    this.touchNeighbours(row);
  }

  /** Takes a chunk out of its list. */
  unlink(row: number): void {
    this.touchNeighbours(row);
    this.pool.unlink(row);
  }

  /** Keeps a chunk in a thread's cache. False when there is no room for its size. */
  tcachePut(thread: MallocThread | null, row: number): boolean {
    const { pool } = this;
    const index = tcacheIndex(pool.size[row]);
    const stack = index < TCACHE_MAX_BINS ? thread?.tcache?.[index] : undefined;
    if (stack === undefined || stack.length >= TCACHE_FILL_COUNT) return false;
    stack.push(row);
    pool.state[row] = CHUNK_TCACHE;
    this.memory.touch(pool.address[row] + HEADER_BYTES, 2 * SIZE_SZ);
    return true;
  }

  /** Takes a chunk of a size out of a thread's cache, or NO_CHUNK. */
  tcacheGet(thread: MallocThread | null, size: number): number {
    const index = tcacheIndex(size);
    const row = index < TCACHE_MAX_BINS ? thread?.tcache?.[index].pop() : undefined;
    if (row === undefined) return NO_CHUNK;
    this.pool.state[row] = CHUNK_USED;
    return row;
  }

  private touchNeighbours(row: number): void {
    const { pool, memory } = this;
    for (const other of [pool.fwd[row], pool.bck[row]]) {
      if (pool.state[other] !== CHUNK_BIN_HEAD) memory.touch(pool.address[other] + HEADER_BYTES, 2 * SIZE_SZ);
    }
  }
}
