import { format } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { compare, type Expectation, instrument, REPORT_NAME, type Report } from "../src/examples.ts";
import { collectReadmes, writeExample } from "../src/readmes.ts";

const reporter = globalThis as unknown as Record<typeof REPORT_NAME, Report | undefined>;
afterEach(() => {
  reporter[REPORT_NAME] = undefined;
});

/** Runs a file and collects what it printed, by README line. */
async function run(path: string): Promise<Expectation[]> {
  const printed: Expectation[] = [];
  reporter[REPORT_NAME] = (line, ...args) => {
    printed.push({ line, text: format(...args) });
  };
  await import(/* @vite-ignore */ path);
  return printed;
}

const readmes = collectReadmes();

it.each(readmes.filter((readme) => readme.mustHaveExample))("finds an example in $path", (readme) => {
  expect(readme.exists, `${readme.path} is missing`).toBe(true);
  expect(readme.examples.length, `${readme.path} has no \`\`\`ts example`).toBeGreaterThan(0);
});

describe.each(readmes.filter(({ examples }) => examples.length > 0))("$path", (readme) => {
  it.each(readme.examples)("prints in block $block (line $line) what its comments say", async (example) => {
    const where = `${readme.path}, block ${example.block}`;
    const { code, expectations } = instrument(example);
    const path = writeExample("run", readme, example, code);
    const printed = await run(path).catch((cause: unknown) => {
      throw new Error(`${where}, from line ${example.line}: does not run: ${String(cause)}`, { cause });
    });
    const differences = compare(where, expectations, printed);
    if (differences.length > 0) throw new Error(differences.join("\n"));
  });
});
