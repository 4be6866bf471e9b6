import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach } from "vitest";
import { main } from "../src/cli.ts";
import { type Io } from "../src/io.ts";

/** What one call of the command did. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a call may differ from one in a pipe with an empty environment. */
export interface CallOptions {
  readonly env?: Record<string, string>;
  readonly isTTY?: boolean;
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly interrupt?: AbortSignal;
}

/** Calls the command in this process. */
export async function pageframe(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
  const texts = { stdout: "", stderr: "" };
  const { env = {}, isTTY = false, stdin = chunksOf(""), interrupt = new AbortController().signal } = options;
  const io: Io = {
    stdin,
    stdout: { isTTY, write: (text: string) => (texts.stdout += text) },
    stderr: { write: (text: string) => (texts.stderr += text) },
    env,
    interrupt,
  };
  const exitCode = await main(args, io);
  return { exitCode, ...texts };
}

/** A stream of the text, in chunks of three bytes. */
export async function* chunksOf(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 3) yield await Promise.resolve(bytes.subarray(at, at + 3));
}

/** Pages of the array that the tiny trace walks over, and how often it does. */
export const TINY_ARRAY_PAGES = 60;
export const TINY_ROUNDS = 4;

/**
 * Lackey text of a program of one instruction page and one stack page that maps an array, writes one word in each of
 * its pages, round after round, and exits: 62 pages, and with each word an instruction fetch.
 */
export function tinyTrace(): string {
  const lines = [
    "==7== Lackey, an example Valgrind tool",
    "==7== Using Valgrind-3.19.0 and LibVEX; rerun with -h for copyright info",
    "==7== Command: ./tiny 60",
    "I  00401000,3",
    " S 1fff000ff0,8",
    `SYSCALL[7,1](9) sys_mmap ( 0x0, ${TINY_ARRAY_PAGES * 4096}, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000) `,
  ];
  for (let round = 0; round < TINY_ROUNDS; round++) {
    for (let page = 0; page < TINY_ARRAY_PAGES; page++) {
      lines.push("I  00401003,4", ` S ${(0x4835000 + page * 4096).toString(16).padStart(8, "0")},8`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A folder for each test of the file, and shorthands for files in it. */
export function useFolder(): { path: (name: string) => string; write: typeof writeIn; gzip: typeof writeIn } {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pageframe-test-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write: (name, content) => writeIn(path(name), content),
    gzip: (name, content) => writeIn(path(name), gzipSync(content)),
  };
}

/** Writes a file and returns its path. */
function writeIn(path: string, content: string | Uint8Array): string {
  writeFileSync(path, content);
  return path;
}
