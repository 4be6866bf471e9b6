/** The command behind `npm run bench`. Exits with 1 when a case fails or counts differ, never because of a time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { type BenchCase } from "./bench-case.ts";
import { benchCases, groupNames } from "./bench-cases.ts";
import { findCompiler } from "./c-programs.ts";
import { hostFacts } from "./host-facts.ts";
import { reportText, type SuiteReport } from "./report.ts";
import { runSuite } from "./suite.ts";

const DEFAULT_OUT = fileURLToPath(new URL("../.generated/latest.json", import.meta.url));
const DEFAULT_RUNS = 5;
const MAX_RUNS = 1000;

interface Options {
  only?: BenchCase[];
  runs?: number;
  quick?: true;
  json?: true;
  out: string;
}

function casesNamed(list: string): BenchCase[] {
  const names = list.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!benchCases.some((each) => each.group === name || each.name === name)) {
      throw new InvalidArgumentError(
        `There is no "${name}". Groups: ${groupNames.join(", ")}. Cases: see --help.`,
      );
    }
  }
  return benchCases.filter(({ group, name }) => names.includes(group) || names.includes(name));
}

function runsOf(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1 || runs > MAX_RUNS) {
    throw new InvalidArgumentError(`It must be an integer from 1 to ${MAX_RUNS}.`);
  }
  return runs;
}

function parseOptions(): Options {
  const width = Math.max(...benchCases.map(({ name }) => name.length));
  const lines = benchCases.map(({ name, describe }) => `  ${name.padEnd(width)}  ${describe}`);
  return new Command("bench")
    .description("Measures Pageframe, and C programs of the same work beside it when there is a compiler.")
    .option("--only <names>", `cases or groups, with commas: ${groupNames.join(", ")}`, casesNamed)
    .option("--runs <number>", `runs of each case (default: ${DEFAULT_RUNS}, with --quick 1)`, runsOf)
    .option("--quick", "smaller sizes: a look in half a minute")
    .option("--json", "print the results as JSON")
    .option("--out <file>", "where the results go as JSON", DEFAULT_OUT)
    .addHelpText("after", `\nCases, and what an operation is:\n${lines.join("\n")}`)
    .exitOverride()
    .parse()
    .opts<Options>();
}

function main(): void {
  const options = parseOptions();
  const date = new Date().toISOString();
  const compiler = findCompiler();
  const host = hostFacts(compiler);
  const scale = options.quick === true ? "quick" : "full";
  const nrRuns = options.runs ?? (options.quick === true ? 1 : DEFAULT_RUNS);
  const { isTTY } = process.stderr;
  const cases = runSuite({
    cases: options.only ?? benchCases,
    scale,
    nrRuns,
    compiler,
    onProgress: (what) => isTTY && process.stderr.write(`\r\x1b[K${what}`),
  });
  if (isTTY) process.stderr.write("\r\x1b[K");
  const report: SuiteReport = { date, host, scale, nrRuns, cases };
  const json = `${JSON.stringify(report, null, 2)}\n`;
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, json);
  process.stdout.write(
    options.json === true ? json : `${reportText(report)}\n\nAll runs: ${relative(".", options.out)}\n`,
  );
}

// Ctrl-C ends the process that is measured, and its end comes back as an error: so the temporary files are removed.
process.on("SIGINT", () => undefined);
try {
  main();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said it already.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
