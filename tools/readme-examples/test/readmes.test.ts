import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import {
  collectExamples,
  compare,
  type Expectation,
  instrument,
  REPORT_NAME,
  type Report,
} from "../src/examples.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const generated = fileURLToPath(new URL("../.generated/", import.meta.url));

const workspaces = (group: string): string[] =>
  readdirSync(root + group)
    .filter((name) => existsSync(`${root}${group}/${name}/package.json`))
    .map((name) => `${group}/${name}/README.md`);
const mustExist = workspaces("packages");
const readmes = [...mustExist, ...workspaces("apps"), "README.md"];

const found = globalThis as unknown as Record<typeof REPORT_NAME, Report | undefined>;
afterEach(() => {
  found[REPORT_NAME] = undefined;
});

/** Runs one example and collects what it printed, by README line. */
async function run(file: string, code: string): Promise<Expectation[]> {
  const printed: Expectation[] = [];
  found[REPORT_NAME] = (line, ...args) => {
    printed.push({ line, text: format(...args) });
  };
  mkdirSync(generated, { recursive: true });
  const path = generated + file;
  // Written only when it differs, or watch mode would run for ever.
  if (!existsSync(path) || readFileSync(path, "utf8") !== code) writeFileSync(path, code);
  await import(/* @vite-ignore */ path);
  return printed;
}

describe.each(readmes)("%s", (readme) => {
  const exists = existsSync(root + readme);
  const examples = exists ? collectExamples(readFileSync(root + readme, "utf8")) : [];

  it.runIf(mustExist.includes(readme))("has an example", () => {
    expect(exists, `${readme} is missing`).toBe(true);
    expect(examples.length, `${readme} has no \`\`\`ts example`).toBeGreaterThan(0);
  });

  it.each(examples)("prints in block $block (line $line) what its comments say", async (example) => {
    const where = `${readme}, block ${example.block}`;
    const { code, expectations } = instrument(example);
    const file = `${readme.replaceAll("/", "-").replace(/-?README\.md$/, "") || "root"}-${example.block}.ts`;
    const printed = await run(file, `${code}\nexport {};\n`).catch((error: unknown) => {
      throw new Error(`${where}, from line ${example.line}: does not run`, { cause: error });
    });
    const differences = compare(where, expectations, printed);
    expect(differences, differences.join("\n")).toEqual([]);
  });
});
