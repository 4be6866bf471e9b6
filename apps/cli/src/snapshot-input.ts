/** Machines in files: what `run --save` writes and `walk --snapshot` reads, gzipped. */
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { KernelError } from "@pageframe/contracts";
import { decodeSnapshot, encodeSnapshot, type Kernel, type LoadedSnapshot } from "@pageframe/kernel";
import { systemSentence, usageError } from "./errors.ts";
import { type OutputFile } from "./output-file.ts";

const HINT = 'a snapshot is what "pageframe run TRACE --save FILE" writes';

/** Writes a machine in its place, with the program that ran on it and how far it got. */
export async function saveSnapshot(
  kernel: Kernel,
  pid: number,
  accesses: number,
  output: OutputFile,
): Promise<void> {
  await output.commit(await promisify(gzip)(encodeSnapshot(kernel, { pid, accesses })));
}

/** Reads a machine. Throws usage errors that name the file. */
export async function openSnapshot(path: string): Promise<LoadedSnapshot> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw usageError(`snapshot ${path} cannot be read: ${systemSentence(error)}`, HINT);
  }
  try {
    return decodeSnapshot(new Uint8Array(await promisify(gunzip)(bytes)));
  } catch (error) {
    if (error instanceof KernelError) throw usageError(`snapshot ${path}: ${error.sentence}`, HINT);
    throw usageError(`snapshot ${path} is not gzipped data, or damaged`, HINT);
  }
}
