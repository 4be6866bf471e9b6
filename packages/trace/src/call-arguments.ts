/**
 * The arguments of a recorded system call, whatever the recorder's notation: what lackey-arguments.ts and
 * strace-arguments.ts offer to traced-calls.ts. Cold.
 */

/** Names of numbers, such as those of O_ flags; bits may be joined with `|`. */
export type NumberNames = Readonly<Record<string, number>>;

/** A pointer argument to an offset: what it pointed to when the call was made. */
export const NULL_POINTER = -1;
export const UNKNOWN_OFFSET = -2;

/** What fstat(2) and its kind showed of a file. */
export interface ShownStat {
  readonly isRegular: boolean;
  readonly isDirectory: boolean;
  readonly sizeBytes: number;
}

/** One call's arguments; `index` counts from 0. Methods throw {@link MalformedCall} where there is something else. */
export interface CallArguments {
  readonly nrArguments: number;
  /** A number: an address, a length, flags. NULL is 0. May be negative. */
  number(index: number, names?: NumberNames): number;
  /** The same, or undefined when it has another name. */
  knownNumber(index: number, names: NumberNames): number | undefined;
  /** A number of 0 or more. */
  count(index: number): number;
  /** A descriptor; negative for AT_FDCWD and "none". */
  fd(index: number): number;
  /** A path, or undefined when the recording shows only its address. */
  path(index: number): string | undefined;
  /** What the recorder says a descriptor leads to (strace -y), or undefined. */
  fdTarget(index: number): string | undefined;
  /** The same of the descriptor that the call returned. */
  readonly resultTarget: string | undefined;
  /** What a pointer to an offset points to: the offset before the call, NULL_POINTER or UNKNOWN_OFFSET. */
  pointedOffset(index: number): number;
  /** Bytes that all parts of an iovec have together, or undefined when the recording does not show them. */
  iovecBytes(index: number): number | undefined;
  /** What a stat buffer holds after the call, or undefined when the recording does not show it. */
  stat(index: number): ShownStat | undefined;
  /** A field of a structure (open_how, clone_args), or undefined when the recording does not show it. */
  field(index: number, field: string, names?: NumberNames): number | undefined;
  /** The program and its arguments (execve), or undefined when the recording does not show them. */
  texts(index: number): string[] | undefined;
}

/** Raised for a call that is not written as it must be; `expected` says how. Never leaves the reader. */
export class MalformedCall extends Error {
  readonly expected: string;

  constructor(expected: string) {
    super(expected);
    this.expected = expected;
  }
}
