/**
 * The shape of a TLB: how many entries each of its five arrays has, and in how many ways.
 *
 *     l1       4 KiB pages                 l2       4 KiB and 2 MiB pages, shared
 *     l1Large  2 MiB pages                 l2Huge   1 GiB pages
 *     l1Huge   1 GiB pages
 *
 * Source: Intel 64 and IA-32 Architectures Optimization Reference Manual (248966-045), table 2-15 (Skylake).
 */
import { EINVAL, KernelError } from "@pageframe/contracts";
import { type Arena } from "@pageframe/memmap";

/** One array: `entries / ways` sets, a power of two. As many ways as entries make it fully associative. */
export interface TlbArrayConfig {
  readonly entries: number;
  readonly ways: number;
}

/** Geometry of a TLB. `entries: 0` leaves out `l2` or `l2Huge`; the first level is always there. */
export interface TlbConfig {
  readonly l1: TlbArrayConfig;
  readonly l1Large: TlbArrayConfig;
  readonly l1Huge: TlbArrayConfig;
  readonly l2: TlbArrayConfig;
  readonly l2Huge: TlbArrayConfig;
}

/** What a TLB is made of: what is left out of the geometry is Skylake's. */
export interface TlbOptions extends Partial<TlbConfig> {
  /** Where its arrays go, so that compiled code reaches them together with the page tables. */
  readonly arena?: Arena | null;
}

/** Data TLB of Intel Skylake. The default. */
export const SKYLAKE_TLB: TlbConfig = {
  l1: { entries: 64, ways: 4 },
  l1Large: { entries: 32, ways: 4 },
  l1Huge: { entries: 4, ways: 4 },
  l2: { entries: 1536, ways: 12 },
  l2Huge: { entries: 16, ways: 4 },
};

/** Most entries of all arrays together. */
export const MAX_TLB_ENTRIES = 65536;

const ARRAYS = ["l1", "l1Large", "l1Huge", "l2", "l2Huge"] as const;

/** What is wrong with a geometry. */
export interface TlbProblem {
  /** The array that cannot be, or null when it is all of them together. */
  readonly array: keyof TlbConfig | null;
  readonly message: string;
}

/** Collects what is wrong with a partial geometry completed from Skylake's; empty when nothing is. */
export function tlbProblems(partial: Partial<TlbConfig>): TlbProblem[] {
  const config: TlbConfig = { ...SKYLAKE_TLB, ...partial };
  const problems: TlbProblem[] = [];
  let nrEntries = 0;
  for (const array of ARRAYS) {
    const message = arrayProblem(array, config[array]);
    if (message !== "") problems.push({ array, message });
    nrEntries += config[array].entries;
  }
  if (problems.length === 0 && nrEntries > MAX_TLB_ENTRIES) {
    const message = `all arrays together (${nrEntries} entries) may have at most ${MAX_TLB_ENTRIES}`;
    problems.push({ array: null, message });
  }
  return problems;
}

/** Completes a partial geometry from Skylake's and checks it. Throws EINVAL that lists every problem. */
export function tlbConfig(partial: Partial<TlbConfig> = {}): TlbConfig {
  const problems = tlbProblems(partial);
  if (problems.length > 0) {
    throw new KernelError(EINVAL, problems.map(({ message }) => message).join("; "));
  }
  return Object.freeze({ ...SKYLAKE_TLB, ...partial });
}

/** Sets of an array; 0 when it is left out. */
export function nrSets({ entries, ways }: TlbArrayConfig): number {
  return entries === 0 ? 0 : entries / ways;
}

function arrayProblem(name: (typeof ARRAYS)[number], { entries, ways }: TlbArrayConfig): string {
  if (entries === 0 && (name === "l2" || name === "l2Huge")) return "";
  if (!Number.isInteger(entries) || entries < 1) {
    return `${name}.entries (${entries}) must be a positive integer`;
  }
  if (!Number.isInteger(ways) || ways < 1) return `${name}.ways (${ways}) must be a positive integer`;
  if (entries % ways !== 0)
    return `${name}.entries (${entries}) must be a multiple of ${name}.ways (${ways})`;
  if (!Number.isInteger(Math.log2(entries / ways))) {
    return `${name} has ${entries / ways} sets (${entries} entries in ${ways} ways), which must be a power of two`;
  }
  return "";
}
