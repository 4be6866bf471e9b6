/**
 * What a general TLB is made of, as data: levels of arrays, each with page sizes, kinds of access and a replacement policy.
 *
 * A level has at most one array for a page size and a kind of access. A page size that no array of a level takes is held
 * there as a fragment: the part of the next smaller size that the access is in, as processors do ("smashed" or
 * "fractured" pages). Source: Intel SDM vol. 3A section 5.10.2.3 (one page, several entries).
 */
import { EINVAL, KernelError } from "@pageframe/contracts";
import { MAX_TLB_ENTRIES, nrSets } from "./tlb-config.ts";
import { REPLACEMENTS, type TlbReplacement } from "./replacement.ts";

/** What an entry may map: a page of the page table, or a group of 4 KiB pages that `coalescePages` has made one. */
export type TlbEntrySize = "4KiB" | "2MiB" | "1GiB" | "coalesced";

/** Whose accesses an array serves. */
export type TlbServes = "all" | "instructions" | "data" | "loads" | "stores";

/** One array: `entries / ways` sets, a power of two. As many ways as entries make it fully associative. */
export interface ModelTlbArray {
  /** As it stands in messages. */
  readonly name: string;
  readonly entries: number;
  readonly ways: number;
  readonly holds: readonly TlbEntrySize[];
  /** Default `all`. */
  readonly serves?: TlbServes;
  /** Default `lru`. */
  readonly replacement?: TlbReplacement;
}

/** A TLB of one to three levels. A hit fills the levels above, a miss all. */
export interface ModelTlbConfig {
  readonly name: string;
  readonly levels: readonly (readonly ModelTlbArray[])[];
  /** 4 KiB pages of an aligned group that become one entry when they are contiguous: 0 (default: never), 4, 8 or 16. */
  readonly coalescePages?: number;
  /** A miss also walks for the next page and inserts it. Default false. */
  readonly prefetchNextPage?: boolean;
  /** Start of what `random` draws. Default 1. */
  readonly seed?: number;
}

/** Codes of entry sizes: TLB_4K, TLB_2M and TLB_1G, and this. */
export const SIZE_COALESCED = 3;
export const NR_ENTRY_SIZES = 4;
/** Kinds of access, with one unused so that they index by two bits. */
export const NR_KINDS = 4;

const SIZES: readonly TlbEntrySize[] = ["4KiB", "2MiB", "1GiB", "coalesced"];
const SERVES: Record<TlbServes, readonly [read: boolean, write: boolean, exec: boolean]> = {
  all: [true, true, true],
  instructions: [false, false, true],
  data: [true, true, false],
  loads: [true, false, false],
  stores: [false, true, false],
};
const KINDS = ["reads", "writes", "fetches"] as const;
const MAX_LEVELS = 3;
const MAX_ARRAYS = 32;

/** Code of an entry size. */
export function entrySizeCode(entrySize: TlbEntrySize): number {
  return SIZES.indexOf(entrySize);
}

/** Does an array look after accesses of `kind` (RUN_READ, RUN_WRITE, RUN_EXEC)? */
export function servesKind(array: ModelTlbArray, kind: number): boolean {
  return SERVES[array.serves ?? "all"][kind] ?? false;
}

/** Checks a TLB's description. Throws EINVAL that lists every problem. */
export function modelTlbConfig(config: ModelTlbConfig): ModelTlbConfig {
  const problems: string[] = [];
  const arrays = config.levels.flat();
  if (config.levels.length < 1 || config.levels.length > MAX_LEVELS) {
    problems.push(`a TLB of ${config.levels.length} levels: 1 to ${MAX_LEVELS} work`);
  }
  if (arrays.length > MAX_ARRAYS) problems.push(`${arrays.length} arrays: at most ${MAX_ARRAYS} work`);
  for (const array of arrays) problems.push(...arrayProblems(array));
  const nrEntries = arrays.reduce((sum, { entries }) => sum + entries, 0);
  if (problems.length === 0 && nrEntries > MAX_TLB_ENTRIES) {
    problems.push(`all arrays together (${nrEntries} entries) may have at most ${MAX_TLB_ENTRIES}`);
  }
  if (problems.length === 0) problems.push(...levelProblems(config.levels));
  const { coalescePages = 0, seed = 1 } = config;
  if (![0, 4, 8, 16].includes(coalescePages)) {
    problems.push(`coalescePages (${coalescePages}) must be 0, 4, 8 or 16`);
  }
  const isHeld = arrays.some(({ holds }) => holds.includes("coalesced"));
  if (isHeld !== coalescePages > 0) {
    problems.push(
      isHeld
        ? "an array holds coalesced entries, and coalescePages is 0"
        : `coalescePages is ${coalescePages}, and no array holds coalesced entries`,
    );
  }
  if (!Number.isInteger(seed)) problems.push(`seed (${seed}) must be an integer`);
  if (problems.length > 0) throw new KernelError(EINVAL, `${config.name}: ${problems.join("; ")}`);
  return config;
}

function arrayProblems({ name, entries, ways, holds, replacement = "lru" }: ModelTlbArray): string[] {
  if (!Number.isInteger(entries) || entries < 1) {
    return [`${name}.entries (${entries}) must be a positive integer`];
  }
  if (!Number.isInteger(ways) || ways < 1) return [`${name}.ways (${ways}) must be a positive integer`];
  if (entries % ways !== 0)
    return [`${name}.entries (${entries}) must be a multiple of ${name}.ways (${ways})`];
  const sets = nrSets({ entries, ways });
  const problems: string[] = [];
  if (!isPowerOfTwo(sets)) {
    problems.push(
      `${name} has ${sets} sets (${entries} entries in ${ways} ways), which must be a power of two`,
    );
  }
  if (replacement === "tree-plru" && !isPowerOfTwo(ways)) {
    problems.push(`${name} has ${ways} ways, and tree-plru needs a power of two; lru or nru would work`);
  }
  if (!REPLACEMENTS.includes(replacement)) {
    problems.push(`${name}.replacement "${replacement}": known are ${REPLACEMENTS.join(", ")}`);
  }
  if (holds.length === 0) problems.push(`${name} holds no page size`);
  return problems;
}

/** A kind and size needs one array in a level, at most, and 4 KiB pages one in the first level. */
function levelProblems(levels: readonly (readonly ModelTlbArray[])[]): string[] {
  const problems: string[] = [];
  for (const [level, arrays] of levels.entries()) {
    for (const [kind, kindName] of KINDS.entries()) {
      for (const entrySize of SIZES) {
        const homes = arrays.filter((array) => servesKind(array, kind) && array.holds.includes(entrySize));
        if (homes.length > 1) {
          const names = homes.map(({ name }) => name).join(" and ");
          problems.push(`${names} are both for ${kindName} of ${entrySize} in level ${level + 1}`);
        } else if (homes.length === 0 && level === 0 && entrySize === "4KiB") {
          problems.push(`no array of level 1 is for ${kindName} of 4KiB`);
        }
      }
    }
  }
  return problems;
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(Math.log2(n));
}
