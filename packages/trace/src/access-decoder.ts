/**
 * Decodes the access lines of lackey's text. Hot: per line.
 *
 *     I  04001090,3      fetch of 3 bytes at hexadecimal address 04001090
 *      L 1fff000658,8    load
 *      S 1fff000650,8    store
 *      M 0402ecc8,4      load and store of the same place: one access, a write
 *
 * Lackey pads addresses to 8 digits and writes up to 12 for user addresses; sizes have one or two digits but for a few.
 * Only lines of that form are decoded here, straight through [13 ns a line; a loop over digits and a size of any length 21];
 * the reader takes any other line by itself.
 * Source: Valgrind 3.19 lackey/lk_main.c, trace_instr(), trace_load(), trace_store(), trace_modify().
 */
import {
  PAGE_SIZE,
  RUN_EXEC,
  RUN_KIND_SHIFT,
  RUN_READ,
  RUN_SPLIT,
  RUN_VPN_HI_MASK,
  RUN_WRITE,
} from "@pageframe/contracts";

const NEWLINE = 10;
const SPACE = 32;
const COMMA = 44;
const DIGIT_0 = 48;

/** Longest line decoded here: three characters, 12 digits, comma, 2 digits, newline. */
const MAX_LINE_BYTES = 19;
/** A batch ends at this many words, so that it stays in the L1 cache; its last line may add two more accesses. */
const MAX_BATCH_WORDS = 4096;

/** Value of a hexadecimal digit by its character; -1 for other characters. */
const HEX_VALUES = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) HEX_VALUES[digit.toString(16).charCodeAt(0)] = digit;

/** Kind of an access by the second character of its line, and the first character that goes with it. */
const KINDS = new Int8Array(256).fill(-1);
const FIRST_CHARACTERS = new Uint8Array(256);
for (const [prefix, kind] of [
  ["I ", RUN_EXEC],
  [" L", RUN_READ],
  [" S", RUN_WRITE],
  [" M", RUN_WRITE],
] as const) {
  KINDS[prefix.charCodeAt(1)] = kind;
  FIRST_CHARACTERS[prefix.charCodeAt(1)] = prefix.charCodeAt(0);
}

/** Decodes access lines into batches of accesses, each as a run of one access (see contracts access-run.ts). */
export class AccessDecoder {
  /** The batch: the first `nrAccesses` pairs of words. */
  readonly words: Int32Array = new Int32Array(MAX_BATCH_WORDS + 4);
  /** Accesses in the batch, second halves of straddling ones included. */
  nrAccesses = 0;
  /** Lines in the batch. */
  nrLines = 0;

  /** Accesses in all batches so far; a straddling access counts once, and once more in `nrSplits`. */
  nrReads = 0;
  nrWrites = 0;
  nrFetches = 0;
  nrSplits = 0;

  /**
   * Decodes lines from `bytes[start]` into a new batch. Returns where it stopped: at `end`, at a line that it does not
   * decode, or, with a full batch, at the line after the batch.
   */
  decode(bytes: Uint8Array, start: number, end: number): number {
    const hexValues = HEX_VALUES;
    const words = this.words;
    const lastStart = end - MAX_LINE_BYTES;
    let nrWords = 0;
    let nrLines = 0;
    let nrWrites = 0;
    let nrFetches = 0;
    let at = start;
    while (at <= lastStart && nrWords < MAX_BATCH_WORDS) {
      const second = bytes[at + 1];
      const kind = KINDS[second];
      if (kind < 0 || bytes[at] !== FIRST_CHARACTERS[second] || bytes[at + 2] !== SPACE) break;
      let comma = at + 11;
      while (bytes[comma] !== COMMA && comma < at + 15) comma++;
      let vpnTop = 0;
      // Negative as soon as one character is no digit.
      let digits = 0;
      for (let digitAt = at + 3; digitAt < comma - 8; digitAt++) {
        const digit = hexValues[bytes[digitAt]];
        vpnTop = (vpnTop << 4) | digit;
        digits |= digit;
      }
      const digit7 = hexValues[bytes[comma - 8]];
      const digit6 = hexValues[bytes[comma - 7]];
      const digit5 = hexValues[bytes[comma - 6]];
      const digit4 = hexValues[bytes[comma - 5]];
      const digit3 = hexValues[bytes[comma - 4]];
      const digit2 = hexValues[bytes[comma - 3]];
      const digit1 = hexValues[bytes[comma - 2]];
      const digit0 = hexValues[bytes[comma - 1]];
      digits |= digit7 | digit6 | digit5 | digit4 | digit3 | digit2 | digit1 | digit0;
      let sizeBytes = bytes[comma + 1] - DIGIT_0;
      let newline = comma + 2;
      if (sizeBytes <= 0 || sizeBytes > 9) break;
      if (bytes[newline] !== NEWLINE) {
        const units = bytes[newline] - DIGIT_0;
        if (units < 0 || units > 9) break;
        sizeBytes = sizeBytes * 10 + units;
        newline++;
      }
      if (digits < 0 || bytes[comma] !== COMMA || bytes[newline] !== NEWLINE) break;
      words[nrWords] =
        (vpnTop << 20) | (digit7 << 16) | (digit6 << 12) | (digit5 << 8) | (digit4 << 4) | digit3;
      words[nrWords + 1] = (vpnTop >>> 12) | (kind << RUN_KIND_SHIFT);
      nrWords += 2;
      nrLines++;
      nrWrites += kind & RUN_WRITE;
      nrFetches += kind >>> 1;
      at = newline + 1;
      if (((digit2 << 8) | (digit1 << 4) | digit0) + sizeBytes > PAGE_SIZE) {
        addNextPage(words, nrWords);
        nrWords += 2;
      }
    }
    this.#finishBatch(nrWords, nrLines, nrWrites, nrFetches);
    return at;
  }

  /**
   * Makes a batch of one access, given as its line's second character, the halves of its page, and the offset in the
   * page where it ends.
   */
  setOne(character: number, vpnLo: number, vpnHi: number, endOffset: number): void {
    const kind = KINDS[character];
    this.words[0] = vpnLo;
    this.words[1] = vpnHi | (kind << RUN_KIND_SHIFT);
    const isSplit = endOffset > PAGE_SIZE;
    if (isSplit) addNextPage(this.words, 2);
    this.#finishBatch(isSplit ? 4 : 2, 1, kind & RUN_WRITE, kind >>> 1);
  }

  #finishBatch(nrWords: number, nrLines: number, nrWrites: number, nrFetches: number): void {
    this.nrAccesses = nrWords >>> 1;
    this.nrLines = nrLines;
    this.nrReads += nrLines - nrWrites - nrFetches;
    this.nrWrites += nrWrites;
    this.nrFetches += nrFetches;
    this.nrSplits += this.nrAccesses - nrLines;
  }
}

/** Writes at `words[at]` the second half of the access before it: the same kind, on the next page. */
function addNextPage(words: Int32Array, at: number): void {
  const vpnLo = (words[at - 2] + 1) | 0;
  const hiAndKind = words[at - 1];
  const vpnHi = (hiAndKind + (vpnLo === 0 ? 1 : 0)) & RUN_VPN_HI_MASK;
  words[at] = vpnLo;
  words[at + 1] = vpnHi | (hiAndKind & ~RUN_VPN_HI_MASK) | RUN_SPLIT;
}
