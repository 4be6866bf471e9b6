/** Runs a corpus and adds up what was equal. */
import { basename } from "node:path";
import { addTallies, compare, type Difference, emptyTallies, type Tallies } from "./compare.ts";
import { type CorpusEntry, readRecord } from "./corpus.ts";
import { type Machine, readMachine } from "./machine.ts";
import { type Observation } from "./observations.ts";
import { withoutSoftDirty } from "./soft-dirty.ts";

/** What the other side of a comparison observed. */
export interface Answer {
  readonly observations: readonly Observation[];
  /** The first line that it could not do, with everything after it, and why; null when it did all. */
  readonly notModelled: { readonly line: number; readonly reason: string } | null;
  /** The mistake that ended the run before the script did, or null. */
  readonly crash: string | null;
}

/** Answers a script on a machine (null: the machine of the shared records). */
export type Answerer = (entry: CorpusEntry, machine: Machine | null) => Answer;

/** Of one script. */
export interface ScriptScore {
  readonly name: string;
  readonly tallies: Tallies;
  readonly nrDifferent: number;
  readonly notModelled: Answer["notModelled"];
  readonly crash: string | null;
}

/** Of all scripts. */
export interface Score {
  readonly tallies: Tallies;
  readonly scripts: readonly ScriptScore[];
  readonly differences: readonly Difference[];
  /** Whether soft-dirty was left out anywhere. */
  readonly ignoredSoftDirty: boolean;
}

/** What to leave out. */
export interface ScoreOptions {
  /** Leaves soft-dirty out of every record; without it only where machine.json says that the kernel has none. */
  readonly ignoreSoftDirty: boolean;
}

/** Runs every script. Reads all records before it runs the first script, so that bad input shows at once. */
export function score(entries: readonly CorpusEntry[], answer: Answerer, options: ScoreOptions): Score {
  const machines = new Map<string, Machine | null>();
  for (const { directory } of entries) {
    if (!machines.has(directory)) machines.set(directory, readMachine(directory));
  }
  const records = entries.map(readRecord);
  const tallies = emptyTallies();
  const scripts: ScriptScore[] = [];
  const differences: Difference[] = [];
  let ignoredSoftDirty = false;
  for (const [index, entry] of entries.entries()) {
    const machine = machines.get(entry.directory) ?? null;
    const ignore = options.ignoreSoftDirty || machine?.hasSoftDirty === false;
    ignoredSoftDirty ||= ignore;
    const cleaned = (observations: readonly Observation[]) =>
      ignore ? observations.map(withoutSoftDirty) : observations;
    const { observations, notModelled, crash } = answer(entry, machine);
    const result = compare({
      scriptName: entry.name,
      expected: cleaned(records[index]),
      actual: cleaned(observations),
      notModelledFrom: notModelled?.line ?? Infinity,
      leftOut: machine?.twoAnswers.get(basename(entry.name)) ?? new Set(),
    });
    addTallies(tallies, result.tallies);
    differences.push(...result.differences);
    scripts.push({
      name: entry.name,
      tallies: result.tallies,
      nrDifferent: result.differences.length,
      notModelled,
      crash,
    });
  }
  return { tallies, scripts, differences, ignoredSoftDirty };
}
