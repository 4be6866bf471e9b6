/** Answers scripts from a second set of records: two kernels, or two recorders, are held against each other. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { collectCorpus, readRecord } from "./corpus.ts";
import { InputError } from "./input-error.ts";
import { type Answerer } from "./scoreboard.ts";

/** An answerer that reads the record of the same name in `directory`. Throws InputError where there is none. */
export function recordsIn(directory: string): Answerer {
  return ({ name }) => {
    const scriptPath = join(directory, name);
    if (!existsSync(scriptPath))
      throw new InputError(`${scriptPath}: no such file, so there is nothing to hold against`);
    const [entry] = collectCorpus([scriptPath]);
    return { observations: readRecord(entry), notModelled: null, crash: null };
  };
}
