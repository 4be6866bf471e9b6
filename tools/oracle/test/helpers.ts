import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { runCommand } from "../src/command.ts";

/** A new directory with these files, for as long as the test runs. */
export function directoryWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = mkdtempSync(join(tmpdir(), "oracle-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

/** What the command printed and returned. */
export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command. */
export function run(...args: string[]): Outcome {
  const written = { out: "", err: "" };
  const exitCode = runCommand(args, {
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    freshSeed: () => 1,
  });
  return { exitCode, ...written };
}
