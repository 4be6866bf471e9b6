/**
 * Decodes tokens into runs. Hot: per run. The counterpart of run-encoder.ts; FORMAT.md has the code.
 *
 * Every token is checked before it is used, so that a damaged file ends in EINVAL: rows against the dictionary, counts
 * against the block, reads against the payload.
 */
import {
  RUN_COUNT_SHIFT,
  RUN_EXEC,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_MAX_COUNT,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { type ByteReader } from "./byte-reader.ts";
import { contextOf, MAX_DICTIONARY_RUNS, NR_CONTEXTS, TOKEN_RUN_BITS, TOKEN_RUN_MASK } from "./pft-layout.ts";

const VPN_END = 2 ** 45;

/** Decodes the runs of one trace, in order. */
export class RunDecoder {
  /** Words of the runs met, by row: at `[2 * row]` and `[2 * row + 1]`. */
  #dictionary = new Int32Array(1024);
  #nrRows = 0;
  readonly #predictions = new Int32Array(NR_CONTEXTS).fill(-1);
  #lastRow = 0;
  #rowBefore = 0;
  #lastNewVpn = 0;

  /** Goes back to the state before the first run. */
  reset(): void {
    this.#clear();
    this.#lastNewVpn = 0;
  }

  /** Decodes `nrRuns` runs into `words`, up to the end of the reader. Throws EINVAL at damaged tokens. */
  decode(input: ByteReader, nrRuns: number, words: Int32Array): void {
    const predictions = this.#predictions;
    const { bytes, end } = input;
    const nrWords = 2 * nrRuns;
    let dictionary = this.#dictionary;
    let lastRow = this.#lastRow;
    let rowBefore = this.#rowBefore;
    let at = input.at;
    let nrDone = 0;
    while (nrDone < nrWords) {
      // The first two bytes of a token by hand: nearly all tokens have no more.
      let token = at < end ? bytes[at++] : this.#failAt(input, at, "the block ends before its last run");
      if (token >= 128) {
        const second = at < end ? bytes[at++] : 128;
        if (second < 128) token = (token & 127) | (second << 7);
        else {
          input.at = at - 2;
          token = input.readVarint();
          at = input.at;
        }
      }
      let nrPredicted = token & TOKEN_RUN_MASK;
      if (nrPredicted === TOKEN_RUN_MASK) {
        input.at = at;
        nrPredicted += input.readVarint();
        at = input.at;
      }
      if (nrPredicted > (nrWords - nrDone) / 2)
        this.#failAt(input, at, "a token has more runs than its block");
      const stop = nrDone + 2 * nrPredicted;
      while (nrDone < stop) {
        const row = predictions[contextOf(lastRow, rowBefore)];
        if (row < 0) this.#failAt(input, at, "a token relies on a prediction that was never made");
        words[nrDone] = dictionary[2 * row];
        words[nrDone + 1] = dictionary[2 * row + 1];
        nrDone += 2;
        rowBefore = lastRow;
        lastRow = row;
      }
      const symbol = Math.floor(token / (1 << TOKEN_RUN_BITS));
      if (nrDone === nrWords) {
        if (nrPredicted === 0 || symbol !== 0)
          this.#failAt(input, at, "a token has more runs than its block");
        break;
      }
      let row = symbol - 1;
      if (row < 0) {
        row = this.#nrRows;
        input.at = at;
        this.#addNewRun(input);
        at = input.at;
        dictionary = this.#dictionary;
      } else if (row >= this.#nrRows) {
        this.#failAt(input, at, `a token names run ${row} of a dictionary of ${this.#nrRows}`);
      }
      predictions[contextOf(lastRow, rowBefore)] = row;
      words[nrDone] = dictionary[2 * row];
      words[nrDone + 1] = dictionary[2 * row + 1];
      nrDone += 2;
      rowBefore = lastRow;
      lastRow = row;
      if (this.#nrRows === MAX_DICTIONARY_RUNS) {
        this.#clear();
        lastRow = 0;
        rowBefore = 0;
      }
    }
    this.#lastRow = lastRow;
    this.#rowBefore = rowBefore;
    input.at = at;
  }

  /** Reads a run that the dictionary does not hold and adds it. */
  #addNewRun(input: ByteReader): void {
    const vpn = this.#lastNewVpn + input.readSigned();
    const kindAndCount = input.readVarint();
    if (vpn < 0 || vpn >= VPN_END) input.fail(`a run lies at page ${vpn}, beyond 2^45`);
    if ((kindAndCount & RUN_KIND_MASK) > RUN_EXEC || kindAndCount >= 8 * RUN_MAX_COUNT) {
      input.fail("a run has no known kind or too many accesses");
    }
    if (2 * this.#nrRows === this.#dictionary.length) {
      const grown = new Int32Array(2 * this.#dictionary.length);
      grown.set(this.#dictionary);
      this.#dictionary = grown;
    }
    const row = this.#nrRows++;
    this.#dictionary[2 * row] = vpnLo(vpn);
    this.#dictionary[2 * row + 1] =
      vpnHi(vpn) | ((kindAndCount & 7) << RUN_KIND_SHIFT) | ((kindAndCount >>> 3) << RUN_COUNT_SHIFT);
    this.#lastNewVpn = vpn;
  }

  #clear(): void {
    this.#nrRows = 0;
    this.#predictions.fill(-1);
    this.#lastRow = 0;
    this.#rowBefore = 0;
  }

  #failAt(input: ByteReader, at: number, sentence: string): never {
    input.at = at;
    return input.fail(sentence);
  }
}
