/**
 * The state block of the compiled walk (../compiled/walk.ts), and how it meets PageWalker's fields. Hot: per batch of
 * accesses.
 *
 * Words of the block, in this order: what the walk needs to know, what it found, what it counted, and the rules of the four user rights. The rows of the walk caches are not in it: both sides work on them.
 */
import { type CompiledWalker } from "@pageframe/contracts";
import {
  type Arena,
  compileModule,
  type FrameContents,
  type WasmExports,
  type WasmModule,
} from "@pageframe/memmap";
import { type RightTable } from "./rights.ts";
import { WALK_WASM } from "./walk.wasm.ts";
import { type WalkCaches } from "./walk-caches.ts";

const ROOT_PFN = 0;
const TAG = 1;
const LEVELS = 2;
const HI_RESERVED = 3;
const LIMIT_SHIFT = 4;
const PDE_MASK = 5;
const PDPTE_MASK = 6;
const PML4E_MASK = 7;
const PDE_KEEP = 8;
const PDPTE_KEEP = 9;
const PML4E_KEEP = 10;
const PDE_ROWS = 11;
const PDPTE_ROWS = 12;
const PML4E_ROWS = 13;
const WORDS = 14;
const SLOT_OF = 15;
const NR_FRAMES = 16;
const LEAF_PFN = 17;
const LEAF_FLAGS = 18;
const NR_READS = 19;
const NR_PDE_HITS = 20;
const NR_PDPTE_HITS = 21;
const NR_PML4E_HITS = 22;
const WANT = 23;
const MASK = 27;
const SETS = 31;
const NR_STATE_WORDS = 35;
const NR_USER_RIGHTS = 4;
const WORD_BYTES = 4;

/** Slots in use from which on looking ahead pays: as many tables as a host's caches beside its core do not hold. */
const MIN_SLOTS_TO_LOOK_AHEAD = 256;

const MODULE = compileModule(WALK_WASM);

/** What of a PageWalker the compiled walk reads and counts. */
export interface WalkerFields {
  readonly rootPfn: number;
  /** PCID of the current address space, as the walk caches' rows have it. */
  readonly cacheTag: number;
  nrReads: number;
  readonly caches: WalkCaches;
  readonly rights: RightTable;
}

/** The walk as compiled code, for one PageWalker. */
export class CompiledWalk implements CompiledWalker {
  readonly arena: Arena;
  readonly state: number;
  readonly leafPfnAt: number;
  readonly leafFlagsAt: number;
  looksAhead = false;
  private readonly module: WasmModule;
  private readonly block: Int32Array;
  private readonly walker: WalkerFields;
  private readonly contents: FrameContents;

  private constructor(
    arena: Arena,
    module: WasmModule,
    block: Int32Array,
    walker: WalkerFields,
    contents: FrameContents,
  ) {
    this.contents = contents;
    this.arena = arena;
    this.module = module;
    this.block = block;
    this.walker = walker;
    this.state = block.byteOffset;
    this.leafPfnAt = block.byteOffset + LEAF_PFN * WORD_BYTES;
    this.leafFlagsAt = block.byteOffset + LEAF_FLAGS * WORD_BYTES;
  }

  /** Makes the compiled walk for a walker over `contents`; null where that cannot be. */
  static create(
    contents: FrameContents,
    walker: WalkerFields,
    nrLevels: number,
    hiReserved: number,
    limitShift: number,
  ): CompiledWalk | null {
    const arena = contents.compiledArena;
    const { caches } = walker;
    if (MODULE === null || arena?.holds(caches.rows) !== true) return null;
    const block = arena.takeWords(NR_STATE_WORDS);
    if (block === null) return null;
    block[LEVELS] = nrLevels;
    block[HI_RESERVED] = hiReserved;
    block[LIMIT_SHIFT] = limitShift;
    block[PDE_MASK] = caches.pdeMask;
    block[PDPTE_MASK] = caches.pdpteMask;
    block[PML4E_MASK] = caches.pml4eMask;
    block[PDE_KEEP] = caches.pdeKeep;
    block[PDPTE_KEEP] = caches.pdpteKeep;
    block[PML4E_KEEP] = caches.pml4eKeep;
    block[PDE_ROWS] = caches.rows.byteOffset;
    block[PDPTE_ROWS] = caches.rows.byteOffset + caches.pdpteFirst * WORD_BYTES;
    block[PML4E_ROWS] = caches.rows.byteOffset + caches.pml4eFirst * WORD_BYTES;
    block[WORDS] = contents.words.byteOffset;
    block[SLOT_OF] = contents.slotOf.byteOffset;
    block[NR_FRAMES] = contents.slotOf.length;
    return new CompiledWalk(arena, MODULE, block, walker, contents);
  }

  get exports(): WasmExports {
    return this.arena.exportsOf(this.module);
  }

  enter(): void {
    const { block, walker } = this;
    const { want, mask, sets } = walker.rights;
    this.looksAhead = this.contents.nrUsedSlots >= MIN_SLOTS_TO_LOOK_AHEAD;
    block[ROOT_PFN] = walker.rootPfn;
    block[TAG] = walker.cacheTag;
    for (let right = 0; right < NR_USER_RIGHTS; right++) {
      block[WANT + right] = want[right];
      block[MASK + right] = mask[right];
      block[SETS + right] = sets[right];
    }
  }

  leave(): void {
    const { block, walker } = this;
    const { caches } = walker;
    walker.nrReads += block[NR_READS];
    caches.nrPdeHits += block[NR_PDE_HITS];
    caches.nrPdpteHits += block[NR_PDPTE_HITS];
    caches.nrPml4eHits += block[NR_PML4E_HITS];
    block[NR_READS] = 0;
    block[NR_PDE_HITS] = 0;
    block[NR_PDPTE_HITS] = 0;
    block[NR_PML4E_HITS] = 0;
  }

  /** Does everything still lie where the compiled code reaches it? Not when RAM has outgrown the arena. */
  get isUsable(): boolean {
    return this.contents.compiledArena === this.arena;
  }
}
