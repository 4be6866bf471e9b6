import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { collectExamples, type Example } from "./examples.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const generated = fileURLToPath(new URL("../.generated/", import.meta.url));

/** A README that is, or must be, in the repository. */
export interface Readme {
  /** Path from the root. */
  readonly path: string;
  readonly exists: boolean;
  /** Packages are used by others: each shows how. */
  readonly mustHaveExample: boolean;
  readonly examples: readonly Example[];
}

/** Collects the READMEs of all packages and apps, and the root's. */
export function collectReadmes(): Readme[] {
  const of = (group: string): string[] =>
    readdirSync(root + group)
      .filter((name) => existsSync(`${root}${group}/${name}/package.json`))
      .map((name) => `${group}/${name}/README.md`);
  return [...of("packages"), ...of("apps"), "README.md"].map((path) => {
    const exists = existsSync(root + path);
    return {
      path,
      exists,
      mustHaveExample: path.startsWith("packages/"),
      examples: exists ? collectExamples(readFileSync(root + path, "utf8")) : [],
    };
  });
}

/** Removes what {@link writeExample} wrote, so that examples since deleted go too. */
export function clearExamples(kind: "run" | "types"): void {
  rmSync(generated + kind, { recursive: true, force: true });
}

/**
 * Writes code of an example where imports of `@pageframe/*` resolve, on the lines it has in its README, and returns
 * the path. `kind` is a directory of its own for each use.
 */
export function writeExample(kind: "run" | "types", readme: Readme, example: Example, code: string): string {
  const name = readme.path.replace(/\/?README\.md$/, "").replaceAll("/", "-") || "root";
  const path = `${generated}${kind}/${name}-${example.block}.ts`;
  // The export makes it a module even when it imports nothing.
  const text = `${"\n".repeat(example.line - 1)}${code}\nexport {};\n`;
  mkdirSync(`${generated}${kind}`, { recursive: true });
  // Written only when it differs, or vitest's watch mode would run for ever.
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
  return path;
}
