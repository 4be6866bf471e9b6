/** The model's answers to the committed scripts, held against what a kernel answered. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { collectCorpus } from "../src/corpus.ts";
import { differenceText } from "../src/difference-text.ts";
import { kindOfKey } from "../src/kinds.ts";
import { modelOf } from "../src/model.ts";
import { score } from "../src/scoreboard.ts";

const RECORDS = fileURLToPath(new URL("../records", import.meta.url));
const DIRECTORIES = ["areas", "random", "disk-areas", "disk-random"];

/** Kinds of observations in which a script is known to differ, per script; the aim is an empty list. */
const known = JSON.parse(readFileSync(join(RECORDS, "known-differences.json"), "utf8")) as Record<
  string,
  readonly string[] | undefined
>;

describe.each(DIRECTORIES)("the records in %s", (directory) => {
  const entries = collectCorpus([join(RECORDS, directory)]);

  it.each(entries.map((entry) => [entry.name, entry] as const))(
    "are those of the model: %s",
    (name, entry) => {
      const { scripts, differences } = score([entry], modelOf([entry]));
      expect(scripts.map(({ notModelled, crash }) => [notModelled, crash])).toEqual([[null, null]]);
      const unknown = differences.filter(({ key }) => known[name]?.includes(kindOfKey(key)!) !== true);
      expect(unknown.map(differenceText)).toEqual([]);
    },
  );
});

describe("the list of known differences", () => {
  it("names scripts that are there", () => {
    const missing = Object.keys(known).filter(
      (name) => !DIRECTORIES.some((directory) => existsSync(join(RECORDS, directory, name))),
    );
    expect(missing).toEqual([]);
  });
});
