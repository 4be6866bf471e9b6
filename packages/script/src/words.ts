/** The words of one line, taken from left to right and turned into values; what does not fit is a {@link BadWord}. */
import { PAGE_SIZE } from "@pageframe/contracts";
import { type ScriptAddress } from "./script.ts";

/** Words that a line has at most; the recorder reads no more. */
export const MAX_WORDS = 16;

const TWO_64 = 2 ** 64;
const INTEGER = /^[+-]?\d+$/;
const PAGES_AND_BYTES = /^([+-]?\d+)(?:\.(\d+))?$/;
const FROM_A_PLACE = /^([bms])([+-]?\d+)?$/;
const BASES = { b: "brk", m: "map", s: "stack" } as const;

/** Thrown while a line is read; the parser adds file and line. */
export class BadWord extends Error {}

/** The words behind an operation's name. */
export class Words {
  private readonly words: readonly string[];
  /** How to write the operation: `munmap ADDRESS PAGES`. */
  private readonly usage: string;
  /** Words taken. */
  private nrTaken = 1;

  /** `words[0]` is the operation's name. */
  constructor(words: readonly string[], usage: string) {
    this.words = words;
    this.usage = usage;
  }

  /** Is there another word? */
  get hasMore(): boolean {
    return this.nrTaken < this.words.length;
  }

  /** Takes the next word. */
  word(expected: string): string {
    if (!this.hasMore) {
      const last = this.words[this.words.length - 1];
      throw new BadWord(`the line ends after "${last}"; expected ${expected}, as in ${this.usage}`);
    }
    return this.words[this.nrTaken++];
  }

  /** Takes the next word if it is this one. */
  takeIf(word: string): boolean {
    if (this.words[this.nrTaken] !== word) return false;
    this.nrTaken++;
    return true;
  }

  /** Takes a whole number. */
  integer(expected: string): number {
    const word = this.word(expected);
    if (!INTEGER.test(word)) throw notExpected(word, expected);
    return Number(word);
  }

  /** Takes a whole number if there is a word. */
  integerOr(expected: string, otherwise: number): number {
    return this.hasMore ? this.integer(expected) : otherwise;
  }

  /** Takes a number of pages, or pages and bytes, as bytes. */
  bytes(expected: string): number {
    const word = this.word(expected);
    const nrBytes = bytesOf(word);
    if (nrBytes === null) throw notExpected(word, `${expected} (N, or N.B for N pages and B bytes)`);
    return nrBytes;
  }

  /** Takes a length in pages, as the kernel sees it: below zero is near 2^64. */
  lengthBytes(expected = "a number of pages"): number {
    const nrBytes = this.bytes(expected);
    return nrBytes < 0 ? nrBytes + TWO_64 : nrBytes;
  }

  /** Takes an address. */
  address(expected = "an address"): ScriptAddress {
    const word = this.word(expected);
    const place = FROM_A_PLACE.exec(word);
    if (place !== null) {
      const base = BASES[place[1] as keyof typeof BASES];
      return { base, offsetBytes: Number(place[2] || 0) * PAGE_SIZE };
    }
    const hex = /^@(?:0x)?([0-9a-f]{1,16})$/i.exec(word);
    if (hex !== null) return { base: "absolute", offsetBytes: Number.parseInt(hex[1], 16) };
    const offsetBytes = bytesOf(word);
    if (offsetBytes === null) throw notExpected(word, `${expected} (N, N.B, b+N, m+N, s-N or @HEX)`);
    return { base: "arena", offsetBytes };
  }

  /** Takes one of a few words. */
  oneOf<Name extends string>(what: string, names: readonly Name[]): Name {
    const word = this.word(`${what} (${names.join(", ")})`);
    const name = names.find((known) => known === word);
    if (name === undefined) throw notExpected(word, `${what} (${names.join(", ")})`);
    return name;
  }

  /** Takes words joined by commas, each one of `names`; `-` is none of them. */
  list(what: string, names: readonly string[]): string[] {
    const word = this.word(`${what} of ${names.join(", ")}`);
    if (word === "-") return [];
    const parts = word.split(",");
    for (const part of parts) {
      if (!names.includes(part))
        throw notExpected(part, `${what} of ${names.join(", ")}, joined by commas, or -`);
    }
    return parts;
  }

  /** Takes the words that are left, each one of `names`. */
  rest(what: string, names: readonly string[]): string[] {
    const words = this.words.slice(this.nrTaken);
    this.nrTaken = this.words.length;
    for (const word of words)
      if (!names.includes(word)) throw notExpected(word, `${what} (${names.join(", ")})`);
    return words;
  }

  /** Says that all words were taken. */
  end(): void {
    if (this.hasMore)
      throw new BadWord(`"${this.words[this.nrTaken]}" is a word too many; expected ${this.usage}`);
  }
}

/** A word that is something else than was expected. */
export function notExpected(word: string, expected: string): BadWord {
  return new BadWord(`"${word}" found; expected ${expected}`);
}

/** Bytes of `N` or `N.B`, or null. */
function bytesOf(word: string): number | null {
  const match = PAGES_AND_BYTES.exec(word);
  return match === null ? null : Number(match[1]) * PAGE_SIZE + Number(match[2] || 0);
}
