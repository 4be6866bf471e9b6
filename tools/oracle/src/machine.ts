/** `machine.json`: the kernel and the settings behind the records of a directory, as `recorder --machine` prints them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError, systemSentence } from "./input-error.ts";
import { type LeftOut } from "./left-out.ts";
import { isObject, type Json } from "./observations.ts";

/** Name of the file, beside the records. */
export const MACHINE_FILE = "machine.json";

/** What of a machine the comparison needs. */
export interface Machine {
  /** As `uname -r` has it. */
  readonly release: string;
  /** What its records cannot be held against the model in. */
  readonly leftOut: readonly LeftOut[];
  /** Fields that the kernel answered in two ways when asked twice: per script, `LINE key`. */
  readonly twoAnswers: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * What the model shows, which is what the kernel of the shared records does. A machine that shows something else has
 * it left out.
 */
const MODEL = { softDirty: true, guardVmFlag: false, ksmFlagOnAnonymous: true };
const LEFT_OUT: Readonly<Record<keyof typeof MODEL, LeftOut>> = {
  softDirty: "soft-dirty",
  guardVmFlag: "guard-flag",
  ksmFlagOnAnonymous: "ksm-flag",
};

/** Reads the machine of the records in `directory`; null when nothing is said of it. Throws InputError. */
export function readMachine(directory: string): Machine | null {
  const path = join(directory, MACHINE_FILE);
  return existsSync(path) ? parseMachine(readText(path), path) : null;
}

/** Parses a machine. Throws InputError naming `path`. */
export function parseMachine(text: string, path: string): Machine {
  const value = parseJson(text, path);
  if (!isObject(value)) throw new InputError(`${path}: must be a JSON object`);
  const { release, twoAnswers = {} } = value;
  if (typeof release !== "string") throw new InputError(`${path}: "release" must be a string`);
  // Always: the model begins with the counters of the recorder behind the shared records, not of this one.
  const leftOut: LeftOut[] = ["VmHWM"];
  for (const key of Object.keys(MODEL) as (keyof typeof MODEL)[]) {
    const shows = value[key] ?? MODEL[key];
    if (typeof shows !== "boolean") throw new InputError(`${path}: "${key}" must be true or false`);
    if (shows !== MODEL[key]) leftOut.push(LEFT_OUT[key]);
  }
  return { release, leftOut, twoAnswers: parseTwoAnswers(twoAnswers, path) };
}

function parseTwoAnswers(value: Json, path: string): Map<string, ReadonlySet<string>> {
  const wrong = new InputError(`${path}: "twoAnswers" must name a list of "LINE key" per script`);
  if (!isObject(value)) throw wrong;
  return new Map(
    Object.entries(value).map(([script, names]) => {
      if (!Array.isArray(names) || !(names as readonly Json[]).every((name) => typeof name === "string"))
        throw wrong;
      return [script, new Set(names as readonly string[])];
    }),
  );
}

function parseJson(text: string, path: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new InputError(`${path}: not JSON`);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new InputError(`${path}: ${systemSentence(error)}`);
  }
}
