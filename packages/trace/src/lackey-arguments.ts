/**
 * Arguments of a call as Valgrind prints them: numbers in decimal or `0x` hexadecimal, paths as `0xADDRESS(PATH)`. What
 * pointers point to does not show, apart from paths. Cold: per system call.
 * Source: Valgrind 3.19 coregrind/m_syswrap/syswrap-generic.c, syswrap-linux.c, the PRINT lines.
 */
import { type CallArguments, MalformedCall, NULL_POINTER, UNKNOWN_OFFSET } from "./call-arguments.ts";
import { utf8Of } from "./paths.ts";

/** One call's arguments in lackey's text. */
export class LackeyArguments implements CallArguments {
  private readonly parts: readonly string[];
  private readonly expected: string;
  readonly resultTarget: undefined = undefined;

  /** `call` is the call with its parentheses; `expected` says what it must look like. */
  constructor(call: string, expected: string) {
    const inside = /\( ?(.*?) ?\)$/.exec(call);
    this.parts = inside === null ? [] : (splitArguments(inside[1]) ?? []);
    this.expected = expected;
  }

  get nrArguments(): number {
    return this.parts.length;
  }

  number(index: number): number {
    const part = index < this.parts.length ? this.parts[index] : "";
    const value = /^-?\d+$|^0x[0-9a-f]+$/.test(part) ? Number(part) : NaN;
    return Number.isSafeInteger(value) ? value : this.fail();
  }

  knownNumber(index: number): number {
    return this.number(index);
  }

  count(index: number): number {
    const value = this.number(index);
    return value >= 0 ? value : this.fail();
  }

  fd(index: number): number {
    return this.number(index) | 0;
  }

  path(index: number): string | undefined {
    const path = index < this.parts.length ? /^0x[0-9a-f]+\((.*)\)$/.exec(this.parts[index]) : null;
    return path === null ? undefined : utf8Of(path[1]);
  }

  pointedOffset(index: number): number {
    return this.number(index) === 0 ? NULL_POINTER : UNKNOWN_OFFSET;
  }

  fdTarget(): undefined {
    return undefined;
  }

  iovecBytes(): undefined {
    return undefined;
  }

  stat(): undefined {
    return undefined;
  }

  field(): undefined {
    return undefined;
  }

  texts(): undefined {
    return undefined;
  }

  private fail(): never {
    throw new MalformedCall(this.expected);
  }
}

/** More than any call has. */
const MAX_ARGUMENTS = 16;
/** Longest path (include/uapi/linux/limits.h, PATH_MAX). */
const PATH_MAX = 4096;

/**
 * Splits the text between the parentheses. A path may hold anything: it ends at the first `)` behind which the rest is
 * arguments again. Returns null when the text is no list of arguments.
 */
function splitArguments(text: string): string[] | null {
  const parts: string[] = [];
  return collectArguments(text, 0, parts, new Set()) ? parts : null;
}

/** Appends the arguments from `at` on. `failed` holds starts that lead nowhere, so that each is tried once. */
function collectArguments(text: string, at: number, parts: string[], failed: Set<number>): boolean {
  if (failed.has(at) || parts.length === MAX_ARGUMENTS) return false;
  const endsFrom = (end: number): boolean => {
    if (end < text.length && !text.startsWith(", ", end)) return false;
    parts.push(text.slice(at, end));
    if (end === text.length || collectArguments(text, end + 2, parts, failed)) return true;
    parts.pop();
    return false;
  };
  const [number] = matchAt(/(?:-?\d+|0x[0-9a-f]+)(?=, |$)/y, text, at);
  if (number !== undefined && endsFrom(at + number.length)) return true;
  const [start] = matchAt(/0x[0-9a-f]+\(/y, text, at);
  if (start !== undefined) {
    const first = at + start.length;
    for (let end = text.indexOf(")", first); end >= 0; end = text.indexOf(")", end + 1)) {
      if (end - first > PATH_MAX) break;
      if (endsFrom(end + 1)) return true;
    }
  }
  failed.add(at);
  return false;
}

function matchAt(pattern: RegExp, text: string, at: number): readonly (string | undefined)[] {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? [];
}
