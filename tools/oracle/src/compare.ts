/** Holds what the model observed against a record, field by field. */
import { isDeepStrictEqual } from "node:util";
import { type Kind, kindOfKey, kinds } from "./kinds.ts";
import { type Json, type Observation } from "./observations.ts";

/** How many fields of one kind were equal, were not, or were beyond what the model does. */
export interface Tally {
  equal: number;
  different: number;
  notModelled: number;
}

/** One tally a kind. */
export type Tallies = Record<Kind, Tally>;

/** A field that the kernel and the model answer differently; undefined is a field that is not there. */
export interface Difference {
  readonly scriptName: string;
  readonly line: number;
  readonly process: string;
  readonly op: string;
  readonly key: string;
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
}

/** Outcome of one script. */
export interface Comparison {
  readonly tallies: Tallies;
  readonly differences: readonly Difference[];
}

/** What one script is compared with. */
export interface ComparisonInput {
  readonly scriptName: string;
  readonly expected: readonly Observation[];
  readonly actual: readonly Observation[];
  /** First line that the model does not do; nothing from it on is compared. Infinity: it does all. */
  readonly notModelledFrom: number;
  /** Fields that the kernel itself answered in two ways, as `LINE key`. */
  readonly leftOut: ReadonlySet<string>;
}

/** Zero of each kind. */
export function emptyTallies(): Tallies {
  const zeros = kinds.map((kind) => [kind, { equal: 0, different: 0, notModelled: 0 }] as const);
  return Object.fromEntries(zeros) as Tallies;
}

/** Adds `more` to `tallies`. */
export function addTallies(tallies: Tallies, more: Tallies): void {
  for (const kind of kinds) {
    tallies[kind].equal += more[kind].equal;
    tallies[kind].different += more[kind].different;
    tallies[kind].notModelled += more[kind].notModelled;
  }
}

/** The sum over all kinds. */
export function totalOf(tallies: Tallies): Tally {
  const total = { equal: 0, different: 0, notModelled: 0 };
  for (const kind of kinds) {
    total.equal += tallies[kind].equal;
    total.different += tallies[kind].different;
    total.notModelled += tallies[kind].notModelled;
  }
  return total;
}

/** Name of a field within a script, as `leftOut` has it. */
export function fieldName(line: number, key: string): string {
  return `${line} ${key}`;
}

/**
 * Compares line by line. A field that only one side has is different. Beyond the first line that is not modelled only
 * the record's fields count, as not modelled.
 */
export function compare(input: ComparisonInput): Comparison {
  const { scriptName, expected, actual, notModelledFrom, leftOut } = input;
  const tallies = emptyTallies();
  const differences: Difference[] = [];
  const actualByLine = new Map(actual.map((observation) => [observation.line, observation]));
  const expectedByLine = new Map(expected.map((observation) => [observation.line, observation]));
  const lines = [...new Set([...expectedByLine.keys(), ...actualByLine.keys()])].sort((a, b) => a - b);
  for (const line of lines) {
    const ours = actualByLine.get(line);
    const theirs = expectedByLine.get(line);
    const isModelled = line < notModelledFrom;
    const keys = new Set([
      ...(theirs?.fields.keys() ?? []),
      ...(isModelled ? (ours?.fields.keys() ?? []) : []),
    ]);
    for (const key of keys) {
      if (leftOut.has(fieldName(line, key))) continue;
      const tally = tallies[kindOfKey(key)!];
      const field = { expected: theirs?.fields.get(key), actual: ours?.fields.get(key) };
      if (!isModelled) {
        tally.notModelled++;
      } else if (isDeepStrictEqual(field.expected, field.actual)) {
        tally.equal++;
      } else {
        tally.different++;
        const { process, op } = (theirs ?? ours)!;
        differences.push({ scriptName, line, process, op, key, ...field });
      }
    }
  }
  return { tallies, differences };
}
