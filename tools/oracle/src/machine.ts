/** `machine.json`: the kernel and the settings behind the records of a directory, as `recorder --machine` prints them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError, systemSentence } from "./input-error.ts";
import { isObject, type Json } from "./observations.ts";
import { type Shown, SHOWN_BY_MODEL } from "./shown.ts";

/** Name of the file, beside the records. */
export const MACHINE_FILE = "machine.json";

/** What of a machine the comparison needs. */
export interface Machine {
  /** As `uname -r` has it. */
  readonly release: string;
  /** What it says that its kernel shows. */
  readonly shown: Partial<Shown>;
  /** Memory and swap in KiB, where it says so. */
  readonly memTotalKb: number | null;
  readonly swapTotalKb: number | null;
  /** Fields that the kernel answered in two ways when asked twice: per script, `LINE key`. */
  readonly twoAnswers: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Reads the machine of the records in `directory`; null when nothing is said of it. Throws InputError. */
export function readMachine(directory: string): Machine | null {
  const path = join(directory, MACHINE_FILE);
  return existsSync(path) ? parseMachine(readText(path), path) : null;
}

/** Parses a machine. Throws InputError naming `path`. */
function parseMachine(text: string, path: string): Machine {
  const value = parseJson(text, path);
  if (!isObject(value)) throw new InputError(`${path}: must be a JSON object`);
  const { release, twoAnswers = {} } = value;
  if (typeof release !== "string") throw new InputError(`${path}: "release" must be a string`);
  const shown: Record<string, boolean> = {};
  for (const key of Object.keys(SHOWN_BY_MODEL)) {
    if (!Object.hasOwn(value, key)) continue;
    const said = value[key];
    if (typeof said !== "boolean") throw new InputError(`${path}: "${key}" must be true or false`);
    shown[key] = said;
  }
  return {
    release,
    shown,
    memTotalKb: sizeOf(value, "memTotalKb", path),
    swapTotalKb: sizeOf(value, "swapTotalKb", path),
    twoAnswers: parseTwoAnswers(twoAnswers, path),
  };
}

function sizeOf(value: Readonly<Record<string, Json>>, key: string, path: string): number | null {
  const size = value[key] ?? null;
  if (size !== null && typeof size !== "number") {
    throw new InputError(`${path}: "${key}" must be a number of KiB`);
  }
  return size;
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
