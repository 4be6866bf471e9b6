/**
 * Encodes runs as tokens. Hot: per run. The counterpart of run-decoder.ts; FORMAT.md has the code.
 *
 * Both sides keep a dictionary of the runs met (words, numbered from 0) and a table that predicts, from the last two
 * runs, the next one. A token says how many runs the table predicted rightly and names the run that it did not.
 */
import {
  EINVAL,
  KernelError,
  RUN_COUNT_SHIFT,
  RUN_EXEC,
  RUN_KIND_SHIFT,
  runKind,
  runVpnHi,
  vpnOf,
} from "@pageframe/contracts";
import { type ByteWriter } from "./byte-writer.ts";
import { contextOf, MAX_DICTIONARY_RUNS, NR_CONTEXTS, TOKEN_RUN_BITS, TOKEN_RUN_MASK } from "./pft-layout.ts";
import { WordPairSet } from "./word-pair-set.ts";

/** Encodes the runs of one trace, in order. */
export class RunEncoder {
  readonly #dictionary = new WordPairSet();
  /** Row of the run that followed last, by context; -1 when none did. */
  readonly #predictions = new Int32Array(NR_CONTEXTS).fill(-1);
  #lastRow = 0;
  #rowBefore = 0;
  /** Page of the latest run added to the dictionary. */
  #lastNewVpn = 0;

  /** Appends the tokens of the first `nrRuns` runs of `words`. Throws EINVAL for a run of no known kind. */
  encode(words: Int32Array, nrRuns: number, out: ByteWriter): void {
    const dictionary = this.#dictionary;
    const predictions = this.#predictions;
    let nrPredicted = 0;
    for (let at = 0; at < 2 * nrRuns; at += 2) {
      const word0 = words[at];
      const word1 = words[at + 1];
      const context = contextOf(this.#lastRow, this.#rowBefore);
      const nrKnown = dictionary.nrPairs;
      const row = dictionary.findOrAdd(word0, word1);
      if (predictions[context] === row) {
        nrPredicted++;
      } else {
        const isNew = row === nrKnown;
        writeToken(out, nrPredicted, isNew ? 0 : row + 1);
        nrPredicted = 0;
        if (isNew) this.#writeNewRun(word0, word1, out);
        predictions[context] = row;
      }
      this.#rowBefore = this.#lastRow;
      this.#lastRow = row;
      if (dictionary.nrPairs === MAX_DICTIONARY_RUNS) this.#clear();
    }
    if (nrPredicted > 0) writeToken(out, nrPredicted, 0);
  }

  #writeNewRun(word0: number, word1: number, out: ByteWriter): void {
    if (word1 < 0 || runKind(word1) > RUN_EXEC) {
      throw new KernelError(EINVAL, `run with word 1 of ${word1} is no read, write or fetch`);
    }
    const vpn = vpnOf(word0, runVpnHi(word1));
    out.writeSigned(vpn - this.#lastNewVpn);
    out.writeVarint(rotateCount(word1));
    this.#lastNewVpn = vpn;
  }

  #clear(): void {
    this.#dictionary.clear();
    this.#predictions.fill(-1);
    this.#lastRow = 0;
    this.#rowBefore = 0;
  }
}

/** Kind and RUN_SPLIT in bits 0..2, accesses - 1 above: small numbers for common runs. */
function rotateCount(word1: number): number {
  return ((word1 >>> RUN_KIND_SHIFT) & 7) | ((word1 >>> RUN_COUNT_SHIFT) << 3);
}

function writeToken(out: ByteWriter, nrPredicted: number, symbol: number): void {
  const nrInToken = Math.min(nrPredicted, TOKEN_RUN_MASK);
  out.writeVarint((symbol << TOKEN_RUN_BITS) | nrInToken);
  if (nrInToken === TOKEN_RUN_MASK) out.writeVarint(nrPredicted - TOKEN_RUN_MASK);
}
