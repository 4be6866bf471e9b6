/** Asks the kernel of this machine. */
import { spawnSync } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import { fieldName } from "./compare.ts";
import { InputError } from "./input-error.ts";
import { leaveOut } from "./left-out.ts";
import { type Observation, parseObservations } from "./observations.ts";

const MAX_RECORD_BYTES = 1 << 28;

/** What a kernel answered to a script. */
export interface Recording {
  /** JSON lines. */
  readonly text: string;
  /** Fields that it answered otherwise when asked again, as `LINE key`. */
  readonly twoAnswers: readonly string[];
}

/** Runs a script twice, its files of kind ext4 in `disk`. Throws InputError with what the recorder says when it cannot. */
export function recordTwice(recorder: string, scriptPath: string, disk: string): Recording {
  const text = runRecorder(recorder, scriptPath, disk);
  const again = runRecorder(recorder, scriptPath, disk);
  const twoAnswers = collectTwoAnswers(
    withoutZeroPage(parseObservations(text, `record of ${scriptPath}`)),
    withoutZeroPage(parseObservations(again, `second record of ${scriptPath}`)),
  );
  return { text, twoAnswers };
}

/** The first run changes what the second sees of the page of zeros. */
function withoutZeroPage(observations: readonly Observation[]): Observation[] {
  const leftOut = { names: new Set(["zero-page"] as const), statusKeys: new Set<string>() };
  return observations.map((observation) => leaveOut(observation, leftOut));
}

/** Names the fields of which two records of a script say different things, or of which only one says anything. */
export function collectTwoAnswers(first: readonly Observation[], second: readonly Observation[]): string[] {
  const fieldsOf = (observations: readonly Observation[]) =>
    new Map(
      observations.flatMap(({ line, fields }) =>
        [...fields].map(([key, value]) => [fieldName(line, key), value] as const),
      ),
    );
  const ours = fieldsOf(first);
  const others = fieldsOf(second);
  return [...new Set([...ours.keys(), ...others.keys()])].filter(
    (name) => !isDeepStrictEqual(ours.get(name), others.get(name)),
  );
}

/** The machine's facts, as machine.json holds them. */
export function readMachineFacts(recorder: string): Record<string, unknown> {
  return JSON.parse(runRecorder(recorder, "--machine", ".")) as Record<string, unknown>;
}

function runRecorder(recorder: string, argument: string, disk: string): string {
  const { status, signal, stdout, stderr } = spawnSync(recorder, [argument], {
    encoding: "utf8",
    maxBuffer: MAX_RECORD_BYTES,
    env: { ...process.env, RECORDER_DIR: disk },
  });
  if (status !== 0)
    throw new InputError(stderr.trim() || `the recorder ended with ${signal ?? status ?? "nothing"}`);
  return stdout;
}
