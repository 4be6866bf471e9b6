/** Runs cases: each run in a process of its own, JavaScript and C in turn. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchCase, type Measurement, type Scale } from "./bench-case.ts";
import { type CaseResult, caseResult } from "./case-result.ts";
import { type Compiler, CPrograms } from "./c-programs.ts";

const CASE_PROGRAM = fileURLToPath(import.meta.resolve("./case.js"));

/** How a suite is run. */
export interface SuiteOptions {
  readonly cases: readonly BenchCase[];
  readonly scale: Scale;
  /** Runs of each case in each language. */
  readonly nrRuns: number;
  readonly compiler: Compiler | null;
  /** Hears what is going on. */
  readonly onProgress: (what: string) => void;
}

/** Measures all cases. Throws an Error when a process fails or counts differ. */
export function runSuite(options: SuiteOptions): CaseResult[] {
  const directory = mkdtempSync(join(tmpdir(), "pageframe-bench-"));
  try {
    const programs = options.compiler === null ? null : new CPrograms(options.compiler, directory);
    return options.cases.map((benchCase) => measureCase(benchCase, options, programs, directory));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function measureCase(
  benchCase: BenchCase,
  { scale, nrRuns, onProgress }: SuiteOptions,
  programs: CPrograms | null,
  directory: string,
): CaseResult {
  const { name, counterpart } = benchCase;
  onProgress(`${name}: preparing`);
  const inputPath = inputOf(benchCase, scale, directory);
  const program = counterpart === null ? null : (programs?.pathOf(counterpart, scale) ?? null);
  const js: Measurement[] = [];
  const c: Measurement[] = [];
  for (let run = 1; run <= nrRuns; run++) {
    onProgress(`${name}: run ${run} of ${nrRuns}`);
    js.push(measureProcess(name, process.execPath, [CASE_PROGRAM, name, scale, inputPath]));
    if (program !== null && counterpart !== null) {
      c.push(measureProcess(name, program, counterpart.arguments(scale, inputPath)));
    }
  }
  return caseResult(benchCase, js, c);
}

/** Path of the case's input file, written when it is not there yet; empty when it needs none. */
function inputOf({ input }: BenchCase, scale: Scale, directory: string): string {
  if (input === null) return "";
  const path = join(directory, input.name);
  if (!existsSync(path)) input.write(path, scale);
  return path;
}

function measureProcess(name: string, command: string, commandArguments: readonly string[]): Measurement {
  const { status, signal, stdout, stderr } = spawnSync(command, commandArguments, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${name}: ${command} ended with ${signal ?? `code ${status}`}:\n${stderr.trim()}`);
  }
  return JSON.parse(stdout) as Measurement;
}
