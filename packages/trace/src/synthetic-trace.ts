/**
 * Generates small traces of known shape, for tests and teaching. Cold. The same options give the same trace.
 *
 * A synthetic trace has no system calls: one `heap` region, readable and writable, holds all its pages.
 */
import {
  EINVAL,
  KernelError,
  NO_FILE,
  PROT_READ,
  PROT_WRITE,
  RUN_KIND_SHIFT,
  RUN_READ,
  RUN_WRITE,
  type Vpn,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { CompiledTrace } from "./compiled-trace.ts";
import { RunFolder } from "./run-folder.ts";
import { RunLog } from "./run-log.ts";
import { WordPairSet } from "./word-pair-set.ts";

/** What every synthetic trace has. */
export interface SyntheticTraceOptions {
  /** Pages of the region, 1..2^24. */
  readonly nrPages: number;
  /** Accesses, 1..2^28. */
  readonly nrAccesses: number;
  /** Share of writes among the accesses, 0..1; 0 when absent. Drawn at random, so that the exact number varies. */
  readonly writeShare?: number;
  /** Seed of all randomness, a 32-bit integer; 1 when absent. */
  readonly seed?: number;
}

/** What a Zipf trace has besides. */
export interface ZipfTraceOptions extends SyntheticTraceOptions {
  /** Exponent s: the k-th page is accessed in proportion to 1 / k^s. 1 when absent. */
  readonly skew?: number;
}

/** First page of the region: address 0x10000000. */
const START_VPN: Vpn = 0x10000;
const MAX_PAGES = 2 ** 24;
const MAX_ACCESSES = 2 ** 28;

/** Generates one pass over the pages in order; each is accessed nrAccesses / nrPages times in a row. */
export function sequentialTrace(options: SyntheticTraceOptions): CompiledTrace {
  const { nrPages, nrAccesses } = options;
  return generate("sequential", options, () => (access) => Math.floor((access * nrPages) / nrAccesses));
}

/** Generates passes over the pages in order, one access a page, again and again. */
export function loopTrace(options: SyntheticTraceOptions): CompiledTrace {
  return generate("loop", options, () => (access) => access % options.nrPages);
}

/** Generates accesses to pages drawn at random, all alike. */
export function randomTrace(options: SyntheticTraceOptions): CompiledTrace {
  return generate("random", options, (random) => () => Math.floor(random() * options.nrPages));
}

/** Generates accesses to pages drawn by Zipf's law; the first page is the most popular. */
export function zipfTrace(options: ZipfTraceOptions): CompiledTrace {
  const { nrPages, skew = 1 } = options;
  if (!Number.isFinite(skew) || skew < 0) throw new KernelError(EINVAL, `skew (${skew}) must be 0 or more`);
  return generate("zipf", { ...options, skew }, (random) => {
    const cumulative = new Float64Array(nrPages);
    let total = 0;
    for (let page = 0; page < nrPages; page++) cumulative[page] = total += (page + 1) ** -skew;
    return () => findFirstAbove(cumulative, random() * total);
  });
}

/** Makes the trace of `nextPage`, called with 0, 1, 2, ...; it draws from the same stream as the kinds of access. */
function generate(
  name: string,
  options: ZipfTraceOptions,
  nextPageFrom: (random: () => number) => (access: number) => number,
): CompiledTrace {
  checkOptions(options);
  const { nrPages, nrAccesses, writeShare = 0, seed = 1 } = options;
  const random = mulberry32(seed);
  const nextPage = nextPageFrom(random);
  const log = new RunLog();
  const folder = new RunFolder(log);
  const pages = new WordPairSet();
  const words = new Int32Array(2);
  let nrWrites = 0;
  for (let access = 0; access < nrAccesses; access++) {
    const vpn = START_VPN + nextPage(access);
    const kind = writeShare > 0 && random() < writeShare ? RUN_WRITE : RUN_READ;
    nrWrites += kind;
    words[0] = vpnLo(vpn);
    words[1] = vpnHi(vpn) | (kind << RUN_KIND_SHIFT);
    pages.findOrAdd(vpnLo(vpn), vpnHi(vpn));
    folder.addAccesses(words, 1);
  }
  folder.close();
  const metadata = {
    command: "",
    source: `${name} ${JSON.stringify(options)}`,
    recordedWith: "",
    counts: {
      nrReads: nrAccesses - nrWrites,
      nrWrites,
      nrFetches: 0,
      nrSplits: 0,
      nrRuns: log.nrRuns,
      nrEvents: 0,
      nrFailedSyscalls: 0,
      nrSkippedSyscalls: 0,
      nrLines: 0,
    },
    nrFootprintPages: pages.nrPairs,
    nrFilePages: 0,
    startBrk: 0,
    files: [],
    initialRegions: [
      {
        startVpn: START_VPN,
        nrPages,
        prot: PROT_READ | PROT_WRITE,
        kind: "heap" as const,
        fileId: NO_FILE,
        filePgoff: 0,
      },
    ],
  };
  return new CompiledTrace(metadata, log);
}

function checkOptions({ nrPages, nrAccesses, writeShare = 0, seed = 1 }: SyntheticTraceOptions): void {
  const problems: string[] = [];
  if (!Number.isInteger(nrPages) || nrPages < 1 || nrPages > MAX_PAGES) {
    problems.push(`nrPages (${nrPages}) must be an integer from 1 to ${MAX_PAGES}`);
  }
  if (!Number.isInteger(nrAccesses) || nrAccesses < 1 || nrAccesses > MAX_ACCESSES) {
    problems.push(`nrAccesses (${nrAccesses}) must be an integer from 1 to ${MAX_ACCESSES}`);
  }
  if (!(writeShare >= 0 && writeShare <= 1)) problems.push(`writeShare (${writeShare}) must be from 0 to 1`);
  if (!Number.isInteger(seed)) problems.push(`seed (${seed}) must be an integer`);
  if (problems.length > 0) throw new KernelError(EINVAL, problems.join("; "));
}

/** Index of the first number above `value` in ascending numbers of which the last is above it. */
function findFirstAbove(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Mulberry32 (T. Ettinger, 2017): uniform numbers in [0, 1) from a 32-bit state. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
