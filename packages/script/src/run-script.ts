/** Runs whole scripts. */
import { type NotModelled, type Observation, observationLine } from "./observation.ts";
import { type Script } from "./script.ts";
import { type ScriptOptions, ScriptRunner } from "./script-runner.ts";

/** What a run gave. */
export interface ScriptRun {
  /** The observations as the recorder prints them, without line ends. */
  readonly lines: readonly string[];
  readonly observations: readonly Observation[];
  /** The line from which on the script was not run, or null when all was. */
  readonly notModelled: NotModelled | null;
}

/** Runs a script on a machine like that of the records, or one that the options ask for. */
export function runScript(script: Script, options: ScriptOptions = {}): ScriptRun {
  const runner = new ScriptRunner(script, options);
  const observations: Observation[] = [];
  while (runner.nextLine !== null) {
    const observation = runner.step();
    if (observation !== null) observations.push(observation);
  }
  return { lines: observations.map(observationLine), observations, notModelled: runner.notModelled };
}
