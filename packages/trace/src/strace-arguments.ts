/**
 * Arguments and results as strace prints them: numbers in decimal, hexadecimal and octal, names joined with `|`, strings in
 * C's notation, structures, descriptors with what they lead to (`-y`), comments (`-X verbose`). Cold: per system call.
 * Source: strace(1); strace 6.1 src/util.c, string_quote(), printfd(), src/xlat.c.
 */
import {
  type CallArguments,
  MalformedCall,
  NULL_POINTER,
  type NumberNames,
  type ShownStat,
  UNKNOWN_OFFSET,
} from "./call-arguments.ts";
import { AT_FDCWD } from "./number-names.ts";
import { utf8Of } from "./paths.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  v: "\v",
  f: "\f",
  a: "\x07",
  b: "\b",
};
/** A string in quotes and the dots that follow when it is cut short. */
const STRING = /"(?:[^"\\]|\\.)*"(?:\.\.\.)?/g;

/** One call's arguments in strace's text. */
export class StraceArguments implements CallArguments {
  private readonly name: string;
  private readonly parts: readonly string[];
  readonly resultTarget: string | undefined;

  /** `text` is what stands between the parentheses; `resultTarget` what strace says of the returned descriptor. */
  constructor(name: string, text: string, resultTarget: string | undefined) {
    this.name = name;
    this.parts = splitArguments(text);
    this.resultTarget = resultTarget;
  }

  get nrArguments(): number {
    return this.parts.length;
  }

  number(index: number, names: NumberNames = {}): number {
    return this.knownNumber(index, names) ?? this.fail(index, `a number${nameExamples(names)}`);
  }

  knownNumber(index: number, names: NumberNames): number | undefined {
    const part = this.part(index);
    return part === undefined ? undefined : numberOf(part, names);
  }

  count(index: number): number {
    const value = this.number(index);
    return value >= 0 ? value : this.fail(index, "a number of 0 or more");
  }

  fd(index: number): number {
    const digits = /^(?:0x[0-9a-f]+|-?\d+|AT_FDCWD)(?=$|<| \/\*)/.exec(this.part(index) ?? "");
    if (digits === null) return this.fail(index, "a descriptor");
    return digits[0] === "AT_FDCWD" ? AT_FDCWD : Number(digits[0]) | 0;
  }

  fdTarget(index: number): string | undefined {
    const part = this.part(index) ?? "";
    const start = /^(?:0x[0-9a-f]+|-?\d+|AT_FDCWD)(?=<)/.exec(part);
    return start === null ? undefined : targetAt(part, start[0].length);
  }

  path(index: number): string | undefined {
    const part = this.part(index);
    return part?.startsWith('"') === true ? utf8Of(unquoted(part)) : undefined;
  }

  pointedOffset(index: number): number {
    const part = this.part(index) ?? "";
    if (part === "NULL" || part === "0") return NULL_POINTER;
    const offset = /^\[(\d+)\]/.exec(part);
    return offset === null ? UNKNOWN_OFFSET : Number(offset[1]);
  }

  iovecBytes(index: number): number | undefined {
    const part = (this.part(index) ?? "").replace(STRING, "");
    // Long lists end in dots.
    if (!part.startsWith("[") || part.includes("...")) return undefined;
    return [...part.matchAll(/iov_len=(\d+)/g)].reduce((nrBytes, [, length]) => nrBytes + Number(length), 0);
  }

  stat(index: number): ShownStat | undefined {
    const part = this.part(index) ?? "";
    const mode = /\bstx?_mode=(?:S_IF(\w+)|0(\d+))/.exec(part);
    if (mode === null) return undefined;
    const size = /\bstx?_size=(\d+)/.exec(part);
    const type = parseInt(mode.at(2) ?? "0", 8) & S_IFMT;
    const isRegular = mode.at(1) === "REG" || type === S_IFREG;
    const isDirectory = mode.at(1) === "DIR" || type === S_IFDIR;
    return { isRegular: isRegular && size !== null, isDirectory, sizeBytes: Number(size?.[1] ?? 0) };
  }

  field(index: number, field: string, names: NumberNames = {}): number | undefined {
    const value = new RegExp(`\\b${field}=([^,}]+)`).exec(this.part(index) ?? "");
    return value === null ? undefined : numberOf(value[1].trim(), names);
  }

  /** The same of an argument that is written with its name: `flags=CLONE_VM|...`. */
  named(name: string, names: NumberNames): number | undefined {
    const index = this.parts.findIndex((part) => part.startsWith(`${name}=`));
    return index < 0 ? undefined : numberOf(this.parts[index].slice(name.length + 1), names);
  }

  texts(index: number): string[] | undefined {
    const part = this.part(index);
    return part?.startsWith("[") === true
      ? [...part.matchAll(STRING)].map(([text]) => utf8Of(unquoted(text)))
      : undefined;
  }

  private part(index: number): string | undefined {
    return index < this.parts.length ? this.parts[index] : undefined;
  }

  private fail(index: number, expected: string): never {
    throw new MalformedCall(`${expected} as argument ${index + 1} of ${this.name}`);
  }
}

/** What strace writes behind a descriptor in angle brackets that open at `at`; undefined when they do not close. */
export function targetAt(text: string, at: number): string | undefined {
  const end = annotationEnd(text, at);
  if (end < 0) return undefined;
  // With -yy what a device is stands in brackets of its own.
  return utf8Of(unescaped(text.slice(at + 1, end).replace(/<[a-z]+ [^<>]*>$/, "")));
}

/** Splits at the commas that stand outside of strings, brackets, comments and descriptors' targets. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = stringEnd(text, at);
        break;
      case "(":
      case "[":
      case "{":
        depth++;
        break;
      case ")":
      case "]":
      case "}":
        depth--;
        break;
      case "<":
        at = Math.max(at, annotationEnd(text, at));
        break;
      case "/":
        if (text[at + 1] === "*") at = Math.max(at, text.indexOf("*/", at + 2));
        break;
      case ",":
        if (depth > 0) break;
        parts.push(text.slice(start, at).trim());
        start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  if (last !== "" || parts.length > 0) parts.push(last);
  return parts;
}

/** Index of the quote that ends a string, or of the text's end. */
function stringEnd(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === '"') return end;
  }
  return text.length;
}

/** Index of the bracket that ends what opens at `at`: `<` and `>` nest, `->` is an arrow; -1 when it is no target. */
function annotationEnd(text: string, at: number): number {
  // 21<<MAP_HUGE_SHIFT
  if (text[at + 1] === "<" || text[at - 1] === "<") return -1;
  let depth = 0;
  for (let end = at; end < text.length; end++) {
    if (text[end] === "<") depth++;
    else if (text[end] === ">" && text[end - 1] !== "-" && --depth === 0) return end;
  }
  return -1;
}

/** Value of numbers and names joined with `|`, or undefined when one is not known. */
function numberOf(text: string, names: NumberNames): number | undefined {
  const plain = text.replace(/ ?\/\*.*?\*\//g, "").replace(/<.*>$/, "");
  let sum = 0;
  // Names overlap (O_SYNC, O_DSYNC): joined bit by bit where they fit 31 bits.
  for (const word of plain.split("|")) {
    const value = wordValue(word.trim(), names);
    if (value === undefined) return undefined;
    sum = sum >= 0 && value >= 0 && sum < 2 ** 31 && value < 2 ** 31 ? sum | value : sum + value;
  }
  return sum;
}

function wordValue(word: string, names: NumberNames): number | undefined {
  if (word === "NULL") return 0;
  if (/^0[0-7]+$/.test(word)) return parseInt(word, 8);
  if (/^(?:0x[0-9a-f]+|-?\d+)$/.test(word)) return Number(word);
  const shifted = /^(\d+)<<(\w+)$/.exec(word);
  if (shifted !== null && Object.hasOwn(names, shifted[2]))
    return Number(shifted[1]) * 2 ** names[shifted[2]];
  // The signal among the flags of clone.
  if (word.startsWith("SIG")) return 0;
  return Object.hasOwn(names, word) ? names[word] : undefined;
}

function nameExamples(names: NumberNames): string {
  const known = Object.keys(names);
  return known.length === 0 ? "" : ` or names like ${known[0]}`;
}

/** Text of a string with its quotes, without the dots of one cut short. */
function unquoted(quoted: string): string {
  return unescaped(quoted.slice(1, quoted.lastIndexOf('"')));
}

/** Replaces escapes by the bytes that they stand for: `\n`, `\"`, `\12`, `\x0a`. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    /\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))/g,
    (_, hex?: string, octal?: string, other?: string) => {
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 255);
      return ESCAPES[other!] ?? other!;
    },
  );
}
