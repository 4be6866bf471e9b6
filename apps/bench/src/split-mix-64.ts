/** splitmix64 in int32 halves (S. Vigna, prng.di.unimi.it/splitmix64.c): the generator of the access streams. */

const GOLDEN_HI = 0x9e3779b9 | 0;
const GOLDEN_LO = 0x7f4a7c15;

/** next() leaves 64 random bits in `hi` and `lo`. */
export class SplitMix64 {
  hi = 0;
  lo = 0;
  private stateHi = 0;
  private stateLo: number;

  constructor(seed: number) {
    this.stateLo = seed | 0;
  }

  next(): void {
    const low = (this.stateLo >>> 0) + GOLDEN_LO;
    this.stateHi = (this.stateHi + GOLDEN_HI + (low > 0xffffffff ? 1 : 0)) | 0;
    this.stateLo = low | 0;
    this.hi = this.stateHi;
    this.lo = this.stateLo;
    this.foldDown(30);
    this.multiply(0xbf58476d, 0x1ce4e5b9);
    this.foldDown(27);
    this.multiply(0x94d049bb, 0x133111eb);
    this.foldDown(31);
  }

  /** z ^= z >> nrBits. */
  private foldDown(nrBits: number): void {
    this.lo ^= (this.lo >>> nrBits) | (this.hi << (32 - nrBits));
    this.hi ^= this.hi >>> nrBits;
  }

  /** z *= factor, modulo 2^64. */
  private multiply(factorHi: number, factorLo: number): void {
    const { hi, lo } = this;
    // The upper half of lo * factorLo, from products of 16-bit digits.
    const lo0 = lo & 0xffff;
    const lo1 = lo >>> 16;
    const factor0 = factorLo & 0xffff;
    const factor1 = factorLo >>> 16;
    const middle = lo1 * factor0 + ((lo0 * factor0) >>> 16);
    const carry = lo1 * factor1 + Math.floor(middle / 65536) + ((middle & 0xffff) + lo0 * factor1) / 65536;
    this.lo = Math.imul(lo, factorLo);
    this.hi = (Math.floor(carry) + Math.imul(hi, factorLo) + Math.imul(lo, factorHi)) | 0;
  }
}
