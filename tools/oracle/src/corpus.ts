/** Finds scripts and their records, and reads them. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as zlib from "node:zlib";
import { InputError, systemSentence } from "./input-error.ts";
import { type Observation, parseObservations } from "./observations.ts";

/** A script and where its record is. */
export interface CorpusEntry {
  /** File name, with `.mm`. */
  readonly name: string;
  readonly directory: string;
  readonly scriptPath: string;
  readonly recordPath: string;
}

const RECORD_ENDINGS = [".jsonl", ".jsonl.gz", ".jsonl.zst"];

/**
 * Collects the scripts of directories (and single scripts) with their records, in the order that people count: 2 comes
 * before 10. Throws InputError with every path that cannot be used and every script without a record.
 */
export function collectCorpus(paths: readonly string[], only = ""): CorpusEntry[] {
  const problems: string[] = [];
  const entries = paths.flatMap((path) =>
    scriptsAt(path, problems)
      .filter((scriptPath) => basename(scriptPath).includes(only))
      .flatMap((scriptPath) => entryOf(scriptPath, problems)),
  );
  if (problems.length > 0) throw new InputError(problems);
  if (entries.length === 0) throw new InputError(`${paths.join(", ")}: no script's name has "${only}" in it`);
  return entries;
}

/** Collects the scripts of directories (and single scripts), with records or without. Throws InputError. */
export function collectScripts(paths: readonly string[]): string[] {
  const problems: string[] = [];
  const scripts = paths.flatMap((path) => scriptsAt(path, problems));
  if (problems.length > 0) throw new InputError(problems);
  return scripts;
}

function scriptsAt(path: string, problems: string[]): string[] {
  try {
    if (!statSync(path).isDirectory()) {
      if (path.endsWith(".mm")) return [path];
      problems.push(`${path}: must be a directory or a script (.mm)`);
      return [];
    }
    const names = readdirSync(path).filter((name) => name.endsWith(".mm"));
    if (names.length === 0) problems.push(`${path}: there is no script (.mm) in it`);
    return names.sort(byNumber).map((name) => join(path, name));
  } catch (error) {
    problems.push(`${path}: ${systemSentence(error)}`);
    return [];
  }
}

function byNumber(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}

function entryOf(scriptPath: string, problems: string[]): CorpusEntry[] {
  const stem = scriptPath.slice(0, -".mm".length);
  const ending = RECORD_ENDINGS.find((each) => existsSync(stem + each));
  if (ending === undefined) {
    const names = RECORD_ENDINGS.map((each) => basename(stem) + each);
    problems.push(`${scriptPath}: has no record beside it (${names.join(", ")})`);
    return [];
  }
  const directory = dirname(scriptPath);
  return [{ name: basename(scriptPath), directory, scriptPath, recordPath: stem + ending }];
}

/** Reads a script's text. Throws InputError. */
export function readScript({ scriptPath }: CorpusEntry): string {
  return readBytes(scriptPath).toString("utf8");
}

/** Reads and checks a record, whichever way it is compressed. Throws InputError. */
export function readRecord({ recordPath }: CorpusEntry): Observation[] {
  const observations = parseObservations(unpack(readBytes(recordPath), recordPath), recordPath);
  if (observations.length === 0)
    throw new InputError(`${recordPath}: is empty; a record has a JSON object a line`);
  return observations;
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new InputError(`${path}: ${systemSentence(error)}`);
  }
}

function unpack(bytes: Buffer, path: string): string {
  try {
    if (path.endsWith(".gz")) return zlib.gunzipSync(bytes).toString("utf8");
    if (path.endsWith(".zst")) return unzstd(bytes).toString("utf8");
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot be decompressed: ${systemSentence(error)}`);
  }
}

/** Node has Zstandard from 22.15 on. */
function unzstd(bytes: Buffer): Buffer {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Buffer) => Buffer };
  if (zstdDecompressSync === undefined) {
    throw new Error(`Node ${process.version} has no Zstandard, 22.15 has: use it, or gzip the record`);
  }
  return zstdDecompressSync(bytes);
}
