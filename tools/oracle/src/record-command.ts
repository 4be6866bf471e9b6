/** `--record`: asks the kernel of this machine, and the model, on the spot. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { collectCorpus, collectScripts } from "./corpus.ts";
import { withDiskFor } from "./disk.ts";
import { generateScript } from "./generator/generate.ts";
import { buildRecorder, collectMissing, hasRotatingSwap, thisHost } from "./host.ts";
import { InputError } from "./input-error.ts";
import { MACHINE_FILE } from "./machine.ts";
import { modelOf } from "./model.ts";
import { readMachineFacts, recordTwice } from "./recording.ts";
import { type LeftOut } from "./left-out.ts";
import { type Score, score } from "./scoreboard.ts";

/** What to record. */
export interface RecordOptions {
  /** Scripts, or directories of them; none for random ones. */
  readonly paths: readonly string[];
  readonly seed: number;
  readonly count: number;
  readonly operations: number;
  /** Whether random scripts have files on a disk. */
  readonly isOnDisk: boolean;
  /** Where scripts, records and machine.json are kept; without it they are gone afterwards. */
  readonly out?: string;
  readonly ignore: readonly LeftOut[];
}

/** What came of it. */
export interface RecordOutcome {
  readonly score: Score;
  /** Fields that the kernel answered in two ways, as `SCRIPT:LINE key`; they are not compared. */
  readonly twoAnswers: readonly string[];
}

/** Records and compares. Throws InputError with all that this machine lacks. */
export function record(options: RecordOptions): RecordOutcome {
  const host = thisHost();
  const missing = collectMissing(host);
  if (missing.length > 0) throw new InputError(missing);
  const recorder = buildRecorder(host.compiler!);
  const directory = options.out === undefined ? mkdtempSync(join(tmpdir(), "oracle-")) : resolve(options.out);
  mkdirSync(directory, { recursive: true });
  try {
    return recordInto(directory, recorder, options);
  } finally {
    if (options.out === undefined) rmSync(directory, { recursive: true });
  }
}

function recordInto(directory: string, recorder: string, options: RecordOptions): RecordOutcome {
  const scripts =
    options.paths.length > 0 ? copyScripts(directory, options.paths) : writeScripts(directory, options);
  const twoAnswers: Record<string, readonly string[]> = {};
  withDiskFor(scripts, (disk) => {
    for (const path of scripts) {
      const recording = recordTwice(recorder, path, disk);
      writeFileSync(`${path.slice(0, -".mm".length)}.jsonl.gz`, gzipSync(recording.text, { level: 9 }));
      if (recording.twoAnswers.length > 0) twoAnswers[basename(path)] = recording.twoAnswers;
    }
  });
  const facts = { ...readMachineFacts(recorder), swapRotational: hasRotatingSwap(), twoAnswers };
  writeFileSync(join(directory, MACHINE_FILE), `${JSON.stringify(facts, null, 2)}\n`);
  const entries = collectCorpus(scripts);
  return {
    score: score(entries, modelOf(entries), options.ignore),
    twoAnswers: Object.entries(twoAnswers).flatMap(([name, fields]) =>
      fields.map((field) => `${name}:${field}`),
    ),
  };
}

function copyScripts(directory: string, paths: readonly string[]): string[] {
  return collectScripts(paths).map((path) => {
    const copy = join(directory, basename(path));
    if (resolve(path) !== copy) copyFileSync(path, copy);
    return copy;
  });
}

function writeScripts(directory: string, options: RecordOptions): string[] {
  const { seed, count, operations, isOnDisk } = options;
  const hasReadahead = !hasRotatingSwap();
  return Array.from({ length: count }, (_, index) => {
    const path = join(directory, `${seed + index}.mm`);
    writeFileSync(path, generateScript(seed + index, operations, { hasReadahead, isOnDisk }));
    return path;
  });
}
