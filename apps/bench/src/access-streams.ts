/**
 * Streams of accesses to translate, one access in four a write. Each access is a run of its own (access-run.ts in
 * contracts), so that nothing is folded.
 *
 *     seq     64-byte steps through 1 GiB        hot   32 pages at random: all hits in the first TLB level
 *     rnd256  256 MiB at random                  mix   one of seq, rnd256 and zipf at random
 *     zipf    a million pages, Zipf with exponent 1, scattered
 *     low256  as rnd256, from 1 GiB on: an address that every format of page tables has
 */
import { writeFileSync } from "node:fs";
import { packRun, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import { type BenchInput, type Scale } from "./bench-case.ts";
import { SplitMix64 } from "./split-mix-64.ts";

/** Names of the streams. */
export const STREAM_NAMES = ["seq", "rnd256", "zipf", "hot", "mix", "low256"] as const;
export type StreamName = (typeof STREAM_NAMES)[number];

const SEED = 7;
const NR_ZIPF_PAGES = 1_000_000;
const ZIPF_SCATTER = 2_654_435_761;
const SEQ_STEP_BYTES = 64;
const SEQ_BYTES = 2 ** 30;
/** Pages at which the areas begin: addresses 0x7f1200000000, 0x555500000000, 0x600000000000. */
const SEQ_VPN = 0x7f1200000;
const RANDOM_VPN = 0x555500000;
const ZIPF_VPN = 0x600000000;
const LOW_VPN = 0x40000;

const NR_ACCESSES: Readonly<Record<Scale, number>> = { full: 8_000_000, quick: 1_000_000, tiny: 20_000 };

/** The stream as a file of two words an access, which C programs read as one number of 64 bits. */
export function streamInput(name: StreamName): BenchInput {
  return {
    name: `stream-${name}`,
    write: (path, scale) => {
      writeFileSync(path, new Uint8Array(accessStream(name, NR_ACCESSES[scale]).buffer));
    },
  };
}

/** Makes the first `nrAccesses` of a stream. */
export function accessStream(name: StreamName, nrAccesses: number): Int32Array {
  const words = new Int32Array(2 * nrAccesses);
  const random = new SplitMix64(SEED);
  const ranks = new ZipfRanks(NR_ZIPF_PAGES);
  let seqBytes = 0;
  for (let at = 0; at < words.length; at += 2) {
    random.next();
    const { hi, lo } = random;
    const kind = (lo & 0x300) === 0 ? RUN_WRITE : RUN_READ;
    const stream = name === "mix" ? STREAM_NAMES[(hi >>> 28) % 3] : name;
    let vpn: number;
    if (stream === "seq") {
      vpn = SEQ_VPN + Math.floor(seqBytes / 4096);
      seqBytes = (seqBytes + SEQ_STEP_BYTES) % SEQ_BYTES;
    } else if (stream === "rnd256" || stream === "low256") {
      vpn = (stream === "low256" ? LOW_VPN : RANDOM_VPN) + (((hi & 0xff) << 8) | (lo >>> 24));
    } else if (stream === "zipf") {
      random.next();
      vpn = ZIPF_VPN + ((ranks.rankOf(random.hi, random.lo) * ZIPF_SCATTER) % NR_ZIPF_PAGES);
    } else {
      vpn = SEQ_VPN + ((lo >>> 12) & 31);
    }
    words[at] = vpn | 0;
    words[at + 1] = packRun(Math.floor(vpn / 2 ** 32), kind, false, 1);
  }
  return words;
}

/** Draws ranks 0, 1, 2, ... in proportion to 1 / (rank + 1). */
class ZipfRanks {
  private readonly cumulated: Float64Array;

  constructor(nrRanks: number) {
    this.cumulated = new Float64Array(nrRanks);
    let sum = 0;
    for (let rank = 0; rank < nrRanks; rank++) {
      sum += 1 / (rank + 1);
      this.cumulated[rank] = sum;
    }
  }

  /** Rank for 64 random bits, of which the upper 53 count. */
  rankOf(hi: number, lo: number): number {
    const { cumulated } = this;
    const fraction = ((hi >>> 0) * 2 ** 21 + (lo >>> 11)) / 2 ** 53;
    const drawn = fraction * cumulated[cumulated.length - 1];
    let low = 0;
    let high = cumulated.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulated[middle] > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
