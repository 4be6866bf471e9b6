/**
 * Five streams of accesses, drawn with splitmix64 from seed 7: reads, and one write in four. Each access is a run of its
 * own (access-run.ts in contracts): nothing is folded, so that every access is looked up.
 *
 *     seq     64-byte steps through 1 GiB           hot   32 pages, at random
 *     rnd256  256 MiB, at random                    mix   one of seq, rnd256 and zipf, at random
 *     zipf    a million pages, Zipf with exponent 1
 */
import { packRun, RUN_READ, RUN_WRITE } from "@pageframe/contracts";

/** Names of the streams. */
export const STREAM_NAMES = ["seq", "rnd256", "zipf", "hot", "mix"] as const;
export type StreamName = (typeof STREAM_NAMES)[number];

const NR_ZIPF_PAGES = 1_000_000;
const ZIPF_SCATTER = 2_654_435_761;
/** High halves of the three areas' first addresses: 0x7f1200000000, 0x555500000000, 0x600000000000. */
const HOT_HI = 0x7f12;
const RANDOM_HI = 0x5555;
const ZIPF_HI = 0x6000;

/** splitmix64 in int32 halves; next() leaves the 64 bits in `hi` and `lo`. */
class SplitMix64 {
  hi = 0;
  lo = 0;
  private stateHi = 0;
  private stateLo: number;

  constructor(seed: number) {
    this.stateLo = seed;
  }

  next(): void {
    const low = (this.stateLo >>> 0) + 0x7f4a7c15;
    this.stateLo = low | 0;
    this.stateHi = (this.stateHi + (0x9e3779b9 | 0) + (low > 0xffffffff ? 1 : 0)) | 0;
    this.hi = this.stateHi;
    this.lo = this.stateLo;
    this.xorShift(30);
    this.multiply(0xbf58476d, 0x1ce4e5b9);
    this.xorShift(27);
    this.multiply(0x94d049bb, 0x133111eb);
    this.xorShift(31);
  }

  private xorShift(nrBits: number): void {
    this.lo ^= (this.lo >>> nrBits) | (this.hi << (32 - nrBits));
    this.hi ^= this.hi >>> nrBits;
  }

  /** Multiplies modulo 2^64. */
  private multiply(factorHi: number, factorLo: number): void {
    const { hi, lo } = this;
    const lowProduct = (lo & 0xffff) * (factorLo & 0xffff);
    const middle = (lo >>> 16) * (factorLo & 0xffff) + (lowProduct >>> 16);
    const middleLow = (middle & 0xffff) + (lo & 0xffff) * (factorLo >>> 16);
    const carry =
      (lo >>> 16) * (factorLo >>> 16) + Math.floor(middle / 65536) + Math.floor(middleLow / 65536);
    this.lo = Math.imul(lo, factorLo);
    this.hi = (Math.imul(hi, factorLo) + Math.imul(lo, factorHi) + (carry | 0)) | 0;
  }
}

/** Makes the first `nrAccesses` of a stream, 2 words each. */
export function accessStream(name: StreamName, nrAccesses: number): Int32Array {
  const words = new Int32Array(2 * nrAccesses);
  const random = new SplitMix64(7);
  const cumulated = zipfWeights();
  let step = 0;
  for (let at = 0; at < words.length; at += 2) {
    random.next();
    const { hi, lo } = random;
    const part = name === "mix" ? (hi >>> 28) % 3 : STREAM_NAMES.indexOf(name);
    const isWrite = (lo & 0x300) === 0;
    const inPage = lo >>> 20;
    let areaHi = HOT_HI;
    let offset: number;
    if (part === 0) {
      offset = step;
      step = (step + 64) % 2 ** 30;
    } else if (part === 1) {
      areaHi = RANDOM_HI;
      offset = ((lo >>> 12) | (hi << 20)) & 0xfffffff;
    } else if (part === 2) {
      random.next();
      const rank = zipfRank(cumulated, random.hi, random.lo);
      areaHi = ZIPF_HI;
      offset = ((rank * ZIPF_SCATTER) % NR_ZIPF_PAGES) * 4096 + inPage;
    } else {
      offset = ((lo >>> 12) & 31) * 4096 + inPage;
    }
    words[at] = (offset >>> 12) | (areaHi << 20);
    words[at + 1] = packRun(areaHi >>> 12, isWrite ? RUN_WRITE : RUN_READ, false, 1);
  }
  return words;
}

function zipfWeights(): Float64Array {
  const cumulated = new Float64Array(NR_ZIPF_PAGES);
  let sum = 0;
  for (let rank = 0; rank < NR_ZIPF_PAGES; rank++) {
    sum += 1 / (rank + 1);
    cumulated[rank] = sum;
  }
  return cumulated;
}

/** Turns 53 random bits into a rank. */
function zipfRank(cumulated: Float64Array, hi: number, lo: number): number {
  const drawn = ((hi >>> 0) * 2 ** 21 + (lo >>> 11)) * 2 ** -53 * cumulated[NR_ZIPF_PAGES - 1];
  let low = 0;
  let high = NR_ZIPF_PAGES - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulated[middle] > drawn) high = middle;
    else low = middle + 1;
  }
  return low;
}
