/** Observation lines: the JSON of a record or of the model, parsed and checked. */
import { InputError } from "./input-error.ts";
import { kindOfKey, lineKeys, observationKeys } from "./kinds.ts";

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What was observed at one line of a script. */
export interface Observation {
  /** Line of the script, from 1. */
  readonly line: number;
  /** Name of the process, or empty where the line concerns the machine. */
  readonly process: string;
  /** Text of the operation, or empty for a snapshot. */
  readonly op: string;
  /** The fields: every top-level key but those that say which line it is. */
  readonly fields: ReadonlyMap<string, Json>;
}

/** Parses JSON lines. Throws InputError, naming `fileName` and the line of it, on anything that no recorder writes. */
export function parseObservations(text: string, fileName: string): Observation[] {
  const observations: Observation[] = [];
  let last = 0;
  for (const [index, source] of text.split("\n").entries()) {
    if (source.trim() === "") continue;
    const where = `${fileName}:${index + 1}`;
    const observation = parseObservation(source, where);
    if (observation.line <= last) {
      throw new InputError(
        `${where}: "l" is ${observation.line} after ${last}; lines of a script come in order`,
      );
    }
    last = observation.line;
    observations.push(observation);
  }
  return observations;
}

function parseObservation(source: string, where: string): Observation {
  const value = parseJson(source, where);
  if (!isObject(value))
    throw new InputError(`${where}: a line must be a JSON object, found ${shown(source)}`);
  const { l, p = "", op = "" } = value;
  if (typeof l !== "number" || !Number.isInteger(l) || l < 1) {
    throw new InputError(
      `${where}: "l" must be the number of a script line, found ${shown(JSON.stringify(l))}`,
    );
  }
  if (typeof p !== "string" || typeof op !== "string") {
    throw new InputError(`${where}: "p" and "op" must be strings`);
  }
  const fields = new Map<string, Json>();
  for (const [key, field] of Object.entries(value)) {
    if (lineKeys.includes(key)) continue;
    if (kindOfKey(key) === null) {
      throw new InputError(`${where}: "${key}" is no observation; known are ${observationKeys.join(", ")}`);
    }
    fields.set(key, field);
  }
  return { line: l, process: p, op, fields };
}

function parseJson(source: string, where: string): Json {
  try {
    return JSON.parse(source) as Json;
  } catch {
    throw new InputError(`${where}: not JSON: ${shown(source)}`);
  }
}

/** Is it an object with keys, not an array? */
export function isObject(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(source: string | undefined): string {
  const text = source ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
