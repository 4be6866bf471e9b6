/**
 * Where pages may be in a general TLB: the arrays, their sets, and which array takes what. Nothing here changes.
 *
 * Entries of all arrays are numbered through, array after array; so are sets.
 *
 *     entry = first of array + set * ways + way        set = number of the page, in its own size, & (sets - 1)
 */
import { TLB_1G, TLB_2M, TLB_4K } from "@pageframe/contracts";
import {
  entrySizeCode,
  modelTlbConfig,
  type ModelTlbArray,
  type ModelTlbConfig,
  NR_ENTRY_SIZES,
  NR_KINDS,
  servesKind,
  SIZE_COALESCED,
} from "./model-tlb-config.ts";
import { REPLACEMENTS } from "./replacement.ts";
import { nrSets } from "./tlb-config.ts";

/** No array of a level takes a page size for a kind of access. */
const NO_ARRAY = -1;
/** The next size that a page is cut into when an array does not hold it; itself for the smallest. */
const SMALLER: readonly number[] = [TLB_4K, TLB_4K, TLB_2M, TLB_4K];
/** Sizes in the order in which lookups try them: the smallest page wins. */
const SEARCH_ORDER: readonly number[] = [TLB_4K, SIZE_COALESCED, TLB_2M, TLB_1G];

/** The geometry of a general TLB. */
export class ModelTlbPlaces {
  readonly config: ModelTlbConfig;
  readonly nrLevels: number;
  readonly nrArrays: number;
  readonly nrEntries: number;
  readonly nrSets: number;
  /** By array; `arrayFirst` and `arrayFirstSet` have one more as the end. */
  readonly arrayFirst: Int32Array;
  readonly arrayFirstSet: Int32Array;
  readonly arrayWays: Int32Array;
  readonly arraySetMask: Int32Array;
  readonly arrayPolicy: Int32Array;
  /** By array * NR_KINDS + kind: 1 when it looks after such accesses. */
  readonly servesKinds: Uint8Array;
  /** Array of every entry. */
  readonly arrayOf: Uint8Array;
  /** Bits of the 4 KiB page number that a page of each entry size does not have. */
  readonly sizeShift: Int32Array;
  /** By (level * NR_KINDS + kind) * NR_ENTRY_SIZES + size: the array that takes a page, and as what size. */
  readonly homeOf: Int32Array;
  readonly storedAs: Int32Array;
  /** What a lookup searches in level * NR_KINDS + kind, from `probeFirst` on: array * NR_ENTRY_SIZES + size. */
  readonly probeFirst: Int32Array;
  readonly probes: Int32Array;
  /** Everything that any array holds, in the same form. */
  readonly allProbes: Int32Array;

  constructor(config: ModelTlbConfig) {
    this.config = modelTlbConfig(config);
    const arrays = config.levels.flat();
    this.nrLevels = config.levels.length;
    this.nrArrays = arrays.length;
    this.arrayFirst = new Int32Array(arrays.length + 1);
    this.arrayFirstSet = new Int32Array(arrays.length + 1);
    this.arrayWays = Int32Array.from(arrays, ({ ways }) => ways);
    this.arraySetMask = Int32Array.from(arrays, (array) => nrSets(array) - 1);
    this.arrayPolicy = Int32Array.from(arrays, ({ replacement }) =>
      REPLACEMENTS.indexOf(replacement ?? "lru"),
    );
    this.servesKinds = Uint8Array.from(
      arrays.flatMap((array) =>
        Array.from({ length: NR_KINDS }, (_, kind) => Number(servesKind(array, kind))),
      ),
    );
    for (const [at, array] of arrays.entries()) {
      this.arrayFirst[at + 1] = this.arrayFirst[at] + array.entries;
      this.arrayFirstSet[at + 1] = this.arrayFirstSet[at] + nrSets(array);
    }
    this.nrEntries = this.arrayFirst[arrays.length];
    this.nrSets = this.arrayFirstSet[arrays.length];
    this.arrayOf = new Uint8Array(this.nrEntries);
    for (let array = 0; array < arrays.length; array++) {
      this.arrayOf.fill(array, this.arrayFirst[array], this.arrayFirst[array + 1]);
    }
    this.sizeShift = Int32Array.of(0, 9, 18, Math.log2(Math.max(config.coalescePages ?? 0, 1)));
    const nrLevelKinds = this.nrLevels * NR_KINDS;
    this.homeOf = new Int32Array(nrLevelKinds * NR_ENTRY_SIZES).fill(NO_ARRAY);
    this.storedAs = new Int32Array(nrLevelKinds * NR_ENTRY_SIZES);
    this.probeFirst = new Int32Array(nrLevelKinds + 1);
    this.probes = this.findHomes();
    this.allProbes = Int32Array.from(
      arrays.flatMap(({ holds }, array) => holds.map((name) => array * NR_ENTRY_SIZES + entrySizeCode(name))),
    );
  }

  /** First entry of a set. */
  firstOfSet(array: number, set: number): number {
    return this.arrayFirst[array] + (set - this.arrayFirstSet[array]) * this.arrayWays[array];
  }

  /** Fills `homeOf`, `storedAs` and `probeFirst`; returns the probes. */
  private findHomes(): Int32Array {
    const probes: number[] = [];
    let firstArray = 0;
    for (const [level, arrays] of this.config.levels.entries()) {
      for (let kind = 0; kind < NR_KINDS; kind++) {
        const levelKind = level * NR_KINDS + kind;
        for (const entrySize of SEARCH_ORDER) {
          let stored = entrySize;
          while (homeIn(arrays, kind, stored) < 0 && SMALLER[stored] !== stored) stored = SMALLER[stored];
          const home = homeIn(arrays, kind, stored);
          if (home < 0) continue;
          this.storedAs[levelKind * NR_ENTRY_SIZES + entrySize] = stored;
          this.homeOf[levelKind * NR_ENTRY_SIZES + entrySize] = firstArray + home;
          if (stored === entrySize) probes.push((firstArray + home) * NR_ENTRY_SIZES + entrySize);
        }
        this.probeFirst[levelKind + 1] = probes.length;
      }
      firstArray += arrays.length;
    }
    return Int32Array.from(probes);
  }
}

/** Which of a level's arrays takes a size for a kind of access, or -1. */
function homeIn(arrays: readonly ModelTlbArray[], kind: number, entrySize: number): number {
  return arrays.findIndex(
    (array) => servesKind(array, kind) && array.holds.some((name) => entrySizeCode(name) === entrySize),
  );
}

export { NO_ARRAY };
