/** The command behind `npm run oracle`. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { recordsIn } from "./against.ts";
import { totalOf } from "./compare.ts";
import { collectCorpus } from "./corpus.ts";
import { InputError } from "./input-error.ts";
import { type LeftOut, leftOutNames } from "./left-out.ts";
import { modelOf } from "./model.ts";
import { jsonReport, textReport } from "./report.ts";
import { score } from "./scoreboard.ts";

/** Exit codes. */
const EXIT_EQUAL = 0;
const EXIT_DIFFERENT = 1;
const EXIT_BAD_INPUT = 2;

const DEFAULT_DIFFERENCES = 10;

interface Options {
  json?: true;
  differences: number;
  only: string;
  ignore: readonly LeftOut[];
  against?: string;
}

/** Where a run of the command writes. */
export interface CommandIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Runs the command with the given arguments (without node and script). Returns the exit code; never throws. */
export function runCommand(args: readonly string[], io: CommandIo): number {
  try {
    let exitCode = EXIT_EQUAL;
    createProgram(io, (code) => (exitCode = code)).parse([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_EQUAL : EXIT_BAD_INPUT;
    const problems = error instanceof InputError ? error.problems : [String(error)];
    for (const problem of problems) io.err(`oracle: ${problem}\n`);
    return EXIT_BAD_INPUT;
  }
}

function createProgram(io: CommandIo, exit: (code: number) => void): Command {
  return new Command("oracle")
    .description("Counts where the model observes what a real kernel was recorded to.")
    .argument(
      "<paths...>",
      "directories of scripts (.mm) with records (.jsonl, .jsonl.gz, .jsonl.zst), or scripts",
    )
    .option("--json", "print the counts as JSON, and nothing else")
    .option("--differences <number>", "how many differences to print", countOf, DEFAULT_DIFFERENCES)
    .option("--only <substring>", "only scripts whose name has this in it", "")
    .option("--ignore <what>", `leave out, with commas: ${leftOutNames.join(", ")}`, ignoredOf, [])
    .option("--against <directory>", "compare with the records there instead of with the model")
    .action((paths: string[], options: Options) => exit(scoreCommand(paths, options, io)))
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride();
}

function scoreCommand(paths: readonly string[], options: Options, io: CommandIo): number {
  const entries = collectCorpus(paths, options.only);
  const answer = options.against === undefined ? modelOf(entries) : recordsIn(options.against);
  const result = score(entries, answer, options.ignore);
  io.out(options.json === true ? jsonReport(result) : textReport(result, options.differences));
  const isEqual =
    totalOf(result.tallies).different === 0 && result.scripts.every(({ crash }) => crash === null);
  return isEqual ? EXIT_EQUAL : EXIT_DIFFERENT;
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new InvalidArgumentError("It must be an integer from 0.");
  }
  return count;
}

function ignoredOf(text: string): LeftOut[] {
  return text.split(",").map((part) => {
    const name = leftOutNames.find((each) => each === part);
    if (name === undefined) {
      throw new InvalidArgumentError(`There is no "${part}"; there are ${leftOutNames.join(", ")}.`);
    }
    return name;
  });
}
