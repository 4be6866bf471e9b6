/** What is wrong with a script, all of it at once. */
import { EINVAL, KernelError } from "@pageframe/contracts";

/** One line that cannot be read. */
export interface ScriptProblem {
  /** From 1. */
  readonly line: number;
  /** What was found and what was expected, without a full stop. */
  readonly message: string;
}

/** All bad lines of a script. `problemLines` reads `FILE:LINE: what was found; what was expected`. */
export class ScriptError extends KernelError {
  readonly fileName: string;
  readonly problems: readonly ScriptProblem[];

  constructor(fileName: string, problems: readonly ScriptProblem[]) {
    super(EINVAL, problems.map(({ line, message }) => `${fileName}:${line}: ${message}`).join("\n"));
    this.fileName = fileName;
    this.problems = problems;
  }

  /** One sentence a bad line. */
  get problemLines(): string[] {
    return this.problems.map(({ line, message }) => `${this.fileName}:${line}: ${message}`);
  }
}
