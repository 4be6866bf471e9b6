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

/**
 * Splits the text between the parentheses. A path may hold anything: it ends at the first `)` behind which the rest is
 * arguments again. Returns null when the text is no list of arguments.
 */
function splitArguments(text: string): string[] | null {
  const number = /^(?:-?\d+|0x[0-9a-f]+)(?=, |$)/.exec(text);
  if (number !== null) return withRest(number[0], text);
  const start = /^0x[0-9a-f]+\(/.exec(text);
  if (start === null) return null;
  for (let end = text.indexOf(")", start[0].length); end >= 0; end = text.indexOf(")", end + 1)) {
    const parts = withRest(text.slice(0, end + 1), text);
    if (parts !== null) return parts;
  }
  return null;
}

function withRest(first: string, text: string): string[] | null {
  if (first.length === text.length) return [first];
  if (!text.startsWith(", ", first.length)) return null;
  const rest = splitArguments(text.slice(first.length + 2));
  return rest === null ? null : [first, ...rest];
}
