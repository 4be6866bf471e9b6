/** Runs a corpus and adds up what was equal. */
import { basename } from "node:path";
import { addTallies, compare, type Difference, emptyTallies, type Tallies } from "./compare.ts";
import { type CorpusEntry, readRecord } from "./corpus.ts";
import { type Circumstances, circumstancesOf } from "./circumstances.ts";
import { type LeftOut, leaveOut } from "./left-out.ts";
import { type Observation } from "./observations.ts";
import { type Shown } from "./shown.ts";

/** What the other side of a comparison observed. */
export interface Answer {
  readonly observations: readonly Observation[];
  /** The first line that it could not do, with everything after it, and why; null when it did all. */
  readonly notModelled: { readonly line: number; readonly reason: string } | null;
  /** The mistake that ended the run before the script did, or null. */
  readonly crash: Crash | null;
}

/** A mistake of the model: everything from its line on is missing. */
export interface Crash {
  readonly line: number;
  readonly message: string;
}

/** Answers a script as a kernel that shows what `shown` says. */
export type Answerer = (entry: CorpusEntry, shown: Shown) => Answer;

/** Of one script. */
export interface ScriptScore {
  readonly name: string;
  readonly tallies: Tallies;
  readonly nrDifferent: number;
  readonly notModelled: Answer["notModelled"];
  readonly crash: Crash | null;
}

/** Of all scripts. */
export interface Score {
  readonly tallies: Tallies;
  readonly scripts: readonly ScriptScore[];
  readonly differences: readonly Difference[];
  /** What was left out in any of the scripts, and why: a sentence each. */
  readonly leftOut: readonly string[];
}

/**
 * Runs every script. `ignored` is left out everywhere, and what a record's machine cannot be compared in there. Reads
 * all records before it runs the first script, so that bad input shows at once.
 */
export function score(
  entries: readonly CorpusEntry[],
  answer: Answerer,
  ignored: readonly LeftOut[] = [],
): Score {
  const records = entries.map(readRecord);
  const circumstances = new Map<string, Circumstances>();
  for (const { directory } of entries) {
    if (circumstances.has(directory)) continue;
    const recordsThere = records.filter((_, index) => entries[index].directory === directory);
    circumstances.set(directory, circumstancesOf(directory, recordsThere, ignored));
  }
  const tallies = emptyTallies();
  const scripts: ScriptScore[] = [];
  const differences: Difference[] = [];
  for (const [index, entry] of entries.entries()) {
    const here = circumstances.get(entry.directory)!;
    const cleaned = (observations: readonly Observation[]) =>
      observations.map((observation) => leaveOut(observation, here));
    const { observations, notModelled, crash } = answer(entry, here.shown);
    const result = compare({
      scriptName: entry.name,
      expected: cleaned(records[index]),
      actual: cleaned(observations),
      notModelledFrom: notModelled?.line ?? Infinity,
      leftOut: here.machine?.twoAnswers.get(basename(entry.name)) ?? new Set(),
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
  const sentences = [...circumstances.values()].flatMap((each) => each.sentences);
  return { tallies, scripts, differences, leftOut: [...new Set(sentences)] };
}
