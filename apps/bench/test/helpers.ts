import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchCase, type Measurement } from "../src/bench-case.ts";
import { benchCases } from "../src/bench-cases.ts";

/** A directory for the files of one test. */
export function testDirectory(): string {
  return mkdtempSync(join(tmpdir(), "pageframe-bench-test-"));
}

export function caseNamed(name: string): BenchCase {
  return benchCases.find((each) => each.name === name)!;
}

/** Writes the case's input into the directory; returns its path, empty without an input. */
export function writeInput({ input }: BenchCase, directory: string): string {
  if (input === null) return "";
  const path = join(directory, input.name);
  input.write(path, "tiny");
  return path;
}

/** Runs a case in this process, in its smallest size. */
export function runTiny(benchCase: BenchCase, directory: string): Measurement {
  return benchCase.run("tiny", writeInput(benchCase, directory));
}
