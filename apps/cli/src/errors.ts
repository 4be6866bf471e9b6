/**
 * How the command fails: one line that says what was asked, what was found and what would work, at most one line on
 * what to do, and an exit code. Nothing else reaches the user, stack traces least of all.
 */
import { EINVAL, KernelBug, KernelError } from "@pageframe/contracts";
import { CommanderError } from "commander";
import { Interrupted, type Io } from "./io.ts";

/** Exit codes: the run failed; wrong usage or bad input. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** A failure that is the user's to mend. */
export class CliError extends Error {
  readonly exitCode: number;
  /** One line on what to do, or empty. */
  readonly hint: string;
  /** Lines between the error and the hint: one for each of several mistakes. */
  readonly details: readonly string[];

  constructor(exitCode: number, message: string, hint = "", details: readonly string[] = []) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
    this.hint = hint;
    this.details = details;
  }
}

/** Wrong options, or input that cannot be used: exit code 2. */
export function usageError(message: string, hint = "", details: readonly string[] = []): CliError {
  return new CliError(EXIT_USAGE, message, hint, details);
}

/** A run that was asked for rightly and failed: exit code 1. */
export function runError(message: string, hint = ""): CliError {
  return new CliError(EXIT_FAILED, message, hint);
}

/** What the system said, without its error name and call: `no such file or directory`. */
export function systemSentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+: (.*?)(?:, \w+.*)?$/.exec(message)?.[1] ?? message;
}

/** Is it an error of the operating system with that name, such as `ENOENT`? */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Prints the error, unless it is the user's own interrupt, and returns the exit code. */
export function reportError(error: unknown, io: Io): number {
  if (error instanceof Interrupted) return EXIT_FAILED;
  const { exitCode, message, hint, details } = explain(error);
  const lines = [`pageframe: error: ${message}`, ...details, ...(hint === "" ? [] : [hint])];
  io.stderr.write(`${lines.join("\n")}\n`);
  if (io.env["PAGEFRAME_DEBUG"] === "1" && error instanceof Error) io.stderr.write(`${error.stack ?? ""}\n`);
  return exitCode;
}

function explain(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof CommanderError) return explainCommander(error);
  // Of what the kernel refuses, EINVAL is in what was asked for; the rest (ENOMEM) happened while running.
  if (error instanceof KernelError) {
    return new CliError(error.errno === EINVAL ? EXIT_USAGE : EXIT_FAILED, error.sentence);
  }
  // A typed array that the host has no memory for.
  if (error instanceof RangeError && error.message.includes("llocation")) {
    return runError("Node cannot get the memory that this machine needs", "less --memory or --swap would do");
  }
  const what = error instanceof KernelBug ? error.message : `internal error: ${String(error)}`;
  return runError(
    what,
    "this is a mistake in pageframe, not yours: please report it with the command line and, if you can, the trace",
  );
}

/** Commander's own errors read `error: unknown option '--x'\n(Did you mean --y?)`. */
function explainCommander(error: CommanderError): CliError {
  const hint = '"pageframe --help" and "pageframe COMMAND --help" list what there is';
  // Without a command commander shows its help and fails.
  if (error.code === "commander.help") return usageError("a command is missing", hint);
  const message = error.message
    .replace(/^error: /, "")
    .replace(/\n\(Did you mean (.*)\?\)$/, "; did you mean $1?")
    .replace(/\.$/, "")
    .replace(/\. ([A-Z])/, (_, letter: string) => `; ${letter.toLowerCase()}`)
    .replaceAll("'", '"');
  return usageError(message, hint);
}
