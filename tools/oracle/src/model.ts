/** The model's answers: scripts run by @pageframe/script. */
import {
  observationLine,
  parseScript,
  type Script,
  ScriptError,
  type ScriptOptions,
  ScriptRunner,
} from "@pageframe/script";
import { type CorpusEntry, readScript } from "./corpus.ts";
import { InputError } from "./input-error.ts";
import { parseObservations } from "./observations.ts";
import { type Answer, type Answerer, type Crash } from "./scoreboard.ts";

/** Reads the scripts at once. Throws InputError with every line that cannot be read. */
export function modelOf(entries: readonly CorpusEntry[]): Answerer {
  const problems: string[] = [];
  const scripts = new Map<string, Script>();
  for (const entry of entries) {
    try {
      scripts.set(entry.scriptPath, parseScript(readScript(entry), entry.scriptPath));
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      problems.push(...error.problemLines);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return (entry, { softDirty }) => answer(scripts.get(entry.scriptPath)!, { softDirty });
}

/** Runs a script to its end, or to where the model fails: that is a difference like others, and what was before counts. */
function answer(script: Script, machine: ScriptOptions["machine"] = {}): Answer {
  const runner = new ScriptRunner(script, { machine });
  const lines: string[] = [];
  let crash: Crash | null = null;
  while (crash === null && runner.nextLine !== null) {
    const { number, text } = runner.nextLine;
    try {
      const observation = runner.step();
      if (observation !== null) lines.push(observationLine(observation));
    } catch (error) {
      crash = { line: number, message: `${text}: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
  const observations = parseObservations(lines.join("\n"), "the model");
  return { observations, notModelled: runner.notModelled, crash };
}
