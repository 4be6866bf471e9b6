/**
 * The block of the compiled loop (../compiled/translate-runs.ts), and how it meets the TLB's fields. Hot: per batch of
 * accesses.
 *
 * Words of the block, in this order: where the TLB's arrays are, its geometry, what the loop changes, whose accesses these
 * are, where the walker is, and the rules of the four user rights.
 */
import { type CompiledWalker } from "@pageframe/contracts";
import { type Arena, compileModule, type WasmModule } from "@pageframe/memmap";
import { TRANSLATE_RUNS_WASM } from "./translate-runs.wasm.ts";
import { type TlbStore } from "./tlb-store.ts";

const CELLS = 0;
const ROW_BYTES = 1;
const SIGNATURES = 2;
const LRU_HEAD = 3;
const L1_SET_MASK = 4;
const L1_STRIDE = 5;
const L2_FIRST = 6;
const L2_SET_MASK = 7;
const L2_STRIDE = 8;
const TICK = 9;
const CLOCK = 10;
const NR_VALID = 11;
const NR_L2_HITS = 12;
const NR_MISSES = 13;
const NR_FOLDED = 14;
const STOPPED_ENTRY = 15;
const OWNER = 16;
const WALKER_STATE = 17;
const LEAF_PFN_AT = 18;
const LEAF_FLAGS_AT = 19;
const WANT = 20;
const MASK = 24;
const LOOKS_AHEAD = 28;
/** One word more is the loop's own. */
const NR_BLOCK_WORDS = 30;
const NR_USER_RIGHTS = 4;
const WORD_BYTES = 4;
const RUN_BYTES = 8;

/** Largest set that the loop searches: eight words of signatures. */
const MAX_STRIDE = 32;
/** Most runs that are copied into the arena at a time: their copying costs no more than the call. */
export const NR_STAGED_RUNS = 2048;
/** As many as are copied faster one by one than by a call. */
const NR_COPIED_ONE_BY_ONE = 32;

/** `stoppedEntry` of a page that only TlbWalker.walk() can translate; it is counted as a miss. */
export const NEEDS_WALK = -3;
/** `stoppedEntry` when nothing stopped it. */
export const RAN_THROUGH = -4;

const MODULE = compileModule(TRANSLATE_RUNS_WASM);

/** The loop over accesses as compiled code, for one TLB. */
export class CompiledLoop {
  readonly arena: Arena;
  private readonly module: WasmModule;
  private readonly block: Int32Array;
  private readonly staged: Int32Array;
  private readonly store: TlbStore;

  private constructor(
    arena: Arena,
    module: WasmModule,
    block: Int32Array,
    staged: Int32Array,
    store: TlbStore,
  ) {
    this.arena = arena;
    this.module = module;
    this.block = block;
    this.staged = staged;
    this.store = store;
  }

  /** Makes the loop for a TLB whose arrays lie in `arena`; null where that cannot be. */
  static create(store: TlbStore, arena: Arena | null): CompiledLoop | null {
    if (MODULE === null || arena === null || store.l1Stride > MAX_STRIDE || store.l2Stride > MAX_STRIDE) {
      return null;
    }
    if (store.l2Stride === 0 || !arena.holds(store.cells) || !arena.holds(store.lruHead)) return null;
    const block = arena.takeWords(NR_BLOCK_WORDS);
    const staged = arena.takeWords(2 * NR_STAGED_RUNS);
    if (block === null || staged === null) return null;
    block[CELLS] = store.cells.byteOffset;
    block[ROW_BYTES] = store.nrRows * WORD_BYTES;
    block[SIGNATURES] = store.signatures.byteOffset;
    block[LRU_HEAD] = store.lruHead.byteOffset;
    block[L1_SET_MASK] = store.l1SetMask;
    block[L1_STRIDE] = store.l1Stride;
    block[L2_FIRST] = store.l2First;
    block[L2_SET_MASK] = store.l2SetMask;
    block[L2_STRIDE] = store.l2Stride;
    block[TICK] = store.tick;
    return new CompiledLoop(arena, MODULE, block, staged, store);
  }

  /** Hits of the second level, misses, and accesses folded into the runs, of the last run(). */
  get nrL2Hits(): number {
    return this.block[NR_L2_HITS];
  }

  get nrMisses(): number {
    return this.block[NR_MISSES];
  }

  get nrFolded(): number {
    return this.block[NR_FOLDED];
  }

  /** Why the last run() stopped. */
  get stoppedEntry(): number {
    return this.block[STOPPED_ENTRY];
  }

  /** Can it work with that walker now? */
  serves(walker: CompiledWalker): boolean {
    return walker.arena === this.arena;
  }

  /**
   * Translates runs as Tlb.translateRuns() does, but at most `maxRuns` (up to NR_STAGED_RUNS); reads and writes the store's clock and
   * nrValid. `owner` is the part of the tag that is the same for all. Returns the first run that it has not done.
   */
  run(
    words: Int32Array,
    fromRun: number,
    toRun: number,
    maxRuns: number,
    owner: number,
    want: Int32Array,
    mask: Int32Array,
    walker: CompiledWalker,
  ): number {
    const { arena, block, staged, store } = this;
    block[CLOCK] = store.clock;
    block[NR_VALID] = store.nrValid;
    block[NR_L2_HITS] = 0;
    block[NR_MISSES] = 0;
    block[OWNER] = owner;
    block[WALKER_STATE] = walker.state;
    block[LEAF_PFN_AT] = walker.leafPfnAt;
    block[LEAF_FLAGS_AT] = walker.leafFlagsAt;
    block[LOOKS_AHEAD] = Number(walker.looksAhead);
    for (let right = 0; right < NR_USER_RIGHTS; right++) {
      block[WANT + right] = want[right];
      block[MASK + right] = mask[right];
    }
    const nrRuns = Math.min(toRun - fromRun, maxRuns);
    this.stage(words, fromRun, nrRuns);
    const { translateRuns } = arena.exportsOf(this.module, walker.exports);
    const start = staged.byteOffset;
    const stopped = translateRuns(block.byteOffset, start, start + nrRuns * RUN_BYTES);
    store.clock = block[CLOCK];
    store.nrValid = block[NR_VALID];
    return fromRun + (stopped - start) / RUN_BYTES;
  }

  private stage(words: Int32Array, fromRun: number, nrRuns: number): void {
    const { staged } = this;
    if (nrRuns > NR_COPIED_ONE_BY_ONE) {
      staged.set(words.subarray(2 * fromRun, 2 * (fromRun + nrRuns)));
      return;
    }
    for (let at = 0; at < 2 * nrRuns; at++) staged[at] = words[2 * fromRun + at];
  }
}
