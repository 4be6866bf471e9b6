/** The command behind `npm run oracle`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { recordsIn } from "./against.ts";
import { totalOf } from "./compare.ts";
import { collectCorpus } from "./corpus.ts";
import { DEFAULT_OPERATIONS, generateScript } from "./generator/generate.ts";
import { InputError } from "./input-error.ts";
import { type LeftOut, leftOutNames } from "./left-out.ts";
import { modelOf } from "./model.ts";
import { record } from "./record-command.ts";
import { jsonReport, textReport, twoAnswersText } from "./report.ts";
import { type Score, score } from "./scoreboard.ts";

/** Exit codes. */
const EXIT_EQUAL = 0;
const EXIT_DIFFERENT = 1;
const EXIT_BAD_INPUT = 2;

const DEFAULT_DIFFERENCES = 10;
const DEFAULT_GENERATED = 1;
const DEFAULT_RECORDED = 20;
const MAX_SEED = 0x7fffffff;
const MAX_COUNT = 100_000;

const EXAMPLES = `
Examples:
  npm run -s oracle -- tools/oracle/records          hold the model against records
  npm run -s oracle -- --generate 7 --count 100 --out DIR
  npm run -s oracle -- --record --count 50           ask the kernel of this machine: Linux, root, swap
  npm run -s oracle -- --record --disk               likewise, with files on a disk
  npm run -s oracle -- --record DIR --out OTHER      record scripts of one's own
`;

interface Options {
  json?: true;
  differences: number;
  only: string;
  ignore: readonly LeftOut[];
  against?: string;
  generate?: number;
  record?: true;
  disk?: true;
  seed?: number;
  count?: number;
  operations: number;
  out?: string;
}

/** Where a run of the command writes. */
export interface CommandIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Some number, another one each time: the seed of recordings that ask for none. */
  readonly freshSeed: () => number;
}

/** Runs the command with the given arguments (without node and script). Returns the exit code; never throws. */
export function runCommand(args: readonly string[], io: CommandIo): number {
  try {
    let exitCode = EXIT_EQUAL;
    const program = createProgram(io);
    program.action((paths: string[], options: Options) => {
      exitCode = dispatch(paths, options, io);
    });
    program.parse([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_EQUAL : EXIT_BAD_INPUT;
    const problems = error instanceof InputError ? error.problems : [String(error)];
    for (const problem of problems) io.err(`oracle: ${problem}\n`);
    return EXIT_BAD_INPUT;
  }
}

function createProgram(io: CommandIo): Command {
  return new Command("oracle")
    .description("Counts where the model observes what a real kernel was recorded to.")
    .argument(
      "[paths...]",
      "directories of scripts (.mm) with records (.jsonl, .jsonl.gz, .jsonl.zst), or scripts",
    )
    .option("--json", "print the counts as JSON, and nothing else")
    .option("--differences <number>", "how many differences to print", countOf, DEFAULT_DIFFERENCES)
    .option("--only <substring>", "only scripts whose name has this in it", "")
    .option("--ignore <what>", `leave out, with commas: ${leftOutNames.join(", ")}`, ignoredOf, [])
    .option("--against <directory>", "compare with the records there instead of with the model")
    .option("--generate <seed>", "write random scripts: this seed's, and with --count the next ones'", seedOf)
    .option("--record", "record on this machine, and compare; random scripts unless paths are given")
    .option("--disk", "random scripts whose files lie on a disk (kind ext4)")
    .option("--seed <seed>", "first seed to record; default: another one each time", seedOf)
    .option(
      "--count <number>",
      `scripts to write (${DEFAULT_GENERATED}) or record (${DEFAULT_RECORDED})`,
      positiveOf,
    )
    .option("--operations <number>", "operations in a random script", positiveOf, DEFAULT_OPERATIONS)
    .option("--out <directory>", "where scripts and records go")
    .addHelpText("after", EXAMPLES)
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride();
}

function dispatch(paths: readonly string[], options: Options, io: CommandIo): number {
  if (options.generate !== undefined) return generateCommand(options.generate, options, io);
  if (options.record === true) return recordCommand(paths, options, io);
  if (paths.length === 0) throw new InputError("name a directory of scripts with records, or see --help");
  const entries = collectCorpus(paths, options.only);
  const answer = options.against === undefined ? modelOf(entries) : recordsIn(options.against);
  const result = score(entries, answer, options.ignore);
  io.out(options.json === true ? jsonReport(result) : textReport(result, options.differences));
  return exitCodeOf(result);
}

function generateCommand(seed: number, options: Options, io: CommandIo): number {
  const { count, operations, out } = options;
  const kind = { isOnDisk: options.disk === true };
  const nrScripts = count ?? DEFAULT_GENERATED;
  if (out === undefined) {
    if (nrScripts > 1) throw new InputError("several scripts need a directory: --out DIR");
    io.out(generateScript(seed, operations, kind));
    return EXIT_EQUAL;
  }
  mkdirSync(out, { recursive: true });
  for (let index = 0; index < nrScripts; index++) {
    writeFileSync(join(out, `${seed + index}.mm`), generateScript(seed + index, operations, kind));
  }
  return EXIT_EQUAL;
}

function recordCommand(paths: readonly string[], options: Options, io: CommandIo): number {
  const { operations, out, ignore } = options;
  const seed = options.seed ?? io.freshSeed();
  const count = options.count ?? DEFAULT_RECORDED;
  const isOnDisk = options.disk === true;
  const directory = out === undefined ? {} : { out };
  const outcome = record({ paths, seed, count, operations, isOnDisk, ignore, ...directory });
  if (options.json === true) {
    io.out(jsonReport(outcome.score));
  } else {
    if (paths.length === 0) io.out(`Seeds ${seed} to ${seed + count - 1}.\n\n`);
    io.out(textReport(outcome.score, options.differences) + twoAnswersText(outcome.twoAnswers));
  }
  return exitCodeOf(outcome.score);
}

function exitCodeOf({ tallies, scripts }: Score): number {
  const isEqual = totalOf(tallies).different === 0 && scripts.every(({ crash }) => crash === null);
  return isEqual ? EXIT_EQUAL : EXIT_DIFFERENT;
}

function integerOf(text: string, from: number, to: number): number {
  const count = Number(text);
  if (text.trim() === "" || !Number.isInteger(count) || count < from || count > to) {
    throw new InvalidArgumentError(`It must be an integer from ${from} to ${to}.`);
  }
  return count;
}

function countOf(text: string): number {
  return integerOf(text, 0, Number.MAX_SAFE_INTEGER);
}

function positiveOf(text: string): number {
  return integerOf(text, 1, MAX_COUNT);
}

function seedOf(text: string): number {
  return integerOf(text, 0, MAX_SEED);
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
