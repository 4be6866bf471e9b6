/** From the measurements of a case to what is reported of it. */
import { max, median, min } from "simple-statistics";
import { type BenchCase, type Measurement, type Target, valueIn } from "./bench-case.ts";

/** Values of several runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One language's runs, in the unit of the case. */
export interface Side extends Spread {
  /** (max - min) / median, in percent. */
  readonly spreadPercent: number;
  readonly values: readonly number[];
}

/** Whether the target was reached; `not compared` when that takes the C program and it did not run. */
export type Verdict = "met" | "missed" | "not compared";

/** What is reported of a case. */
export interface CaseResult {
  readonly name: string;
  readonly describe: string;
  readonly unit: string;
  /** Operations of one run. */
  readonly operations: number;
  readonly js: Side;
  readonly c: Side | null;
  /** JS rate over C rate, of neighbouring runs: what else the machine does slows both. */
  readonly ratio: Spread | null;
  readonly target: Target | null;
  readonly verdict: Verdict | null;
  readonly checks: Readonly<Record<string, number>>;
}

/** Thrown when two runs of a case counted differently. */
export class ChecksDiffer extends Error {}

/**
 * Sums up the runs of a case; `c` is empty when there was no compiler, else as long as `js`. Throws ChecksDiffer when
 * not all runs give the same counts.
 */
export function caseResult(
  benchCase: BenchCase,
  js: readonly Measurement[],
  c: readonly Measurement[],
): CaseResult {
  const { name, describe, unit, target } = benchCase;
  const { operations, checks } = js[0];
  js.forEach((run, at) => compareChecks(name, js[0], run, "the first run", `run ${at + 1}`));
  c.forEach((run, at) => compareChecks(name, js[0], run, "JavaScript", `the C program in run ${at + 1}`));
  const jsSide = sideOf(js.map((run) => valueIn(unit, run)));
  const cSide = c.length === 0 ? null : sideOf(c.map((run) => valueIn(unit, run)));
  const ratio = cSide === null ? null : spreadOf(jsSide.values.map((value, at) => value / cSide.values[at]));
  const verdict = verdictOf(target, jsSide, ratio);
  return {
    name,
    describe,
    unit: unit.label,
    operations,
    js: jsSide,
    c: cSide,
    ratio,
    target,
    verdict,
    checks,
  };
}

function compareChecks(
  caseName: string,
  expected: Measurement,
  found: Measurement,
  expectedFrom: string,
  foundFrom: string,
): void {
  const names = new Set([...Object.keys(expected.checks), ...Object.keys(found.checks)]);
  const differences = [...names]
    .filter((name) => expected.checks[name] !== found.checks[name])
    .map((name) => `${name} ${expected.checks[name]} against ${found.checks[name]}`);
  if (expected.operations !== found.operations) {
    differences.push(`operations ${expected.operations} against ${found.operations}`);
  }
  if (differences.length > 0) {
    throw new ChecksDiffer(
      `${caseName}: ${expectedFrom} and ${foundFrom} count differently: ${differences.join(", ")}`,
    );
  }
}

function verdictOf(target: Target | null, js: Side, ratio: Spread | null): Verdict | null {
  if (target === null) return null;
  if (target.of === "value") return js.median >= target.atLeast ? "met" : "missed";
  if (ratio === null) return "not compared";
  return ratio.median >= target.atLeast ? "met" : "missed";
}

function spreadOf(values: readonly number[]): Spread {
  const list = [...values];
  return { median: median(list), min: min(list), max: max(list) };
}

function sideOf(values: readonly number[]): Side {
  const spread = spreadOf(values);
  return { ...spread, spreadPercent: (100 * (spread.max - spread.min)) / spread.median, values };
}
