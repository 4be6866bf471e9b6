/** Writes a file whole or not at all: beside its place first, then by a rename. */
import { type Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { isSystemError, runError, systemSentence, usageError } from "./errors.ts";

/** A file that will be at `path` once commit() is done. */
export class OutputFile {
  readonly path: string;
  private readonly target: string;
  private readonly temporaryPath: string;
  private readonly handle: FileHandle;

  private constructor(path: string, target: string, temporaryPath: string, handle: FileHandle) {
    this.path = path;
    this.target = target;
    this.temporaryPath = temporaryPath;
    this.handle = handle;
  }

  /**
   * Starts the file. Throws a usage error when it cannot be written, is not a regular file, or is the file at
   * `inputPath`. Nothing at `path` changes yet.
   */
  static async start(path: string, inputPath: string | null = null): Promise<OutputFile> {
    // A link stays one: the file that it leads to is replaced.
    const target = (await nullIfAbsent(realpath(path), path)) ?? path;
    const existing = await nullIfAbsent<Stats>(stat(target), path);
    if (existing !== null && !existing.isFile()) {
      const kind = existing.isDirectory() ? "a directory" : "not a regular file";
      throw usageError(`output ${path} is ${kind}`, "name a file, such as -o trace.pft.gz");
    }
    if (existing !== null && inputPath !== null) {
      const input = await stat(inputPath).catch(() => null);
      if (input !== null && input.dev === existing.dev && input.ino === existing.ino) {
        throw usageError(`output ${path} is the input ${inputPath} itself`, "name another file with -o");
      }
    }
    const temporaryPath = `${target}.${process.pid}.tmp`;
    try {
      return new OutputFile(path, target, temporaryPath, await open(temporaryPath, "w"));
    } catch (error) {
      throw usageError(`output ${path} cannot be written: ${systemSentence(error)}`);
    }
  }

  /** Writes bytes behind those that were written already; they are nowhere to be seen before commit(). */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.handle.writeFile(bytes);
    } catch (error) {
      throw runError(`output ${this.path} cannot be written: ${systemSentence(error)}`);
    }
  }

  /** Writes the bytes, and puts the file in its place. */
  async commit(bytes: Uint8Array): Promise<void> {
    try {
      await this.handle.writeFile(bytes);
      await this.handle.close();
      await rename(this.temporaryPath, this.target);
    } catch (error) {
      throw runError(`output ${this.path} cannot be written: ${systemSentence(error)}`);
    }
  }

  /** Takes away what commit() has not put in place; may be called after it. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => undefined);
    await rm(this.temporaryPath, { force: true });
  }
}

async function nullIfAbsent<Value>(found: Promise<Value>, path: string): Promise<Value | null> {
  try {
    return await found;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw usageError(`output ${path} cannot be written: ${systemSentence(error)}`);
  }
}
