/**
 * Opens a trace, whatever it is: lackey's text, strace's or a .pft file, plain or gzipped, by its first bytes and not its
 * name.
 * Text streams through in chunks; only the compiled trace stays in memory.
 */
import { createReadStream, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type TraceSource } from "@pageframe/contracts";
import { isStraceText, LackeyReader, StraceReader, TraceReader } from "@pageframe/trace";
import { CliError, systemSentence, usageError } from "./errors.ts";
import { type Io } from "./io.ts";
import { type Progress, SILENT, startProgress } from "./progress.ts";

/** Bytes that tell what a file is: the start of a text's first line. */
const START_BYTES = 512;
const CHUNK_BYTES = 1 << 18;

const HINT =
  'a trace is what "pageframe record", valgrind --tool=lackey --trace-mem=yes or strace -f writes, or a .pft file; ' +
  "gzipped or not";

/** Formats by their first bytes. */
const GZIP_MAGIC = "\x1f\x8b";
const PFT_MAGIC = "\x89PFT";
const OTHER_MAGICS: readonly (readonly [string, string])[] = [
  [GZIP_MAGIC, "gzipped once more; gzip -d undoes one"],
  ["\x28\xb5\x2f\xfd", "zstd; zstd -d decompresses it"],
  ["\xfd7zXZ", "xz; xz -d decompresses it"],
  ["BZh", "bzip2; bzip2 -d decompresses it"],
  ["PK\x03\x04", "a zip archive; unzip unpacks it"],
  ["\x7fELF", 'a program; "pageframe record -- PROGRAM" traces it'],
];

/** Opens and compiles the trace in a file, or in standard input for `-`. Throws usage errors that name the file. */
export async function openTrace(path: string, io: Io): Promise<TraceSource> {
  if (path === "-") return await decode(interruptible(io.stdin, SILENT, io), "standard input", io);
  const found = await statTrace(path);
  const progress = startProgress(io, `reading ${path}`, found.size);
  try {
    const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    return await decode(interruptible(file, progress, io), path, io);
  } finally {
    progress.stop();
  }
}

async function statTrace(path: string): Promise<Stats> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    throw usageError(`trace ${path} cannot be read: ${systemSentence(error)}`, HINT);
  }
  if (found.isDirectory()) throw usageError(`trace ${path} is a directory; a file was expected`, HINT);
  return found;
}

/** Passes chunks on until they end or the user interrupts, which may be while none come. */
async function* interruptible(
  chunks: AsyncIterable<Uint8Array>,
  progress: Progress,
  io: Io,
): AsyncGenerator<Uint8Array> {
  const interrupted = new Promise<never>((_, reject) => {
    io.interrupt.addEventListener("abort", () => reject(io.interrupt.reason as Error), { once: true });
  });
  // Nobody may be waiting when it comes.
  interrupted.catch(() => undefined);
  const iterator = chunks[Symbol.asyncIterator]();
  let nrBytes = 0;
  try {
    for (;;) {
      io.interrupt.throwIfAborted();
      const next = await Promise.race([iterator.next(), interrupted]);
      if (next.done === true) return;
      nrBytes += next.value.length;
      progress.update(nrBytes);
      yield next.value;
    }
  } finally {
    // Not awaited: it would wait for the chunk that does not come.
    void iterator.return?.();
  }
}

async function decode(chunks: AsyncIterable<Uint8Array>, name: string, io: Io): Promise<TraceSource> {
  try {
    const [start, all] = await lookAtStart(chunks);
    if (!start.startsWith(GZIP_MAGIC)) return await decodePlain(start, all, name, "");
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // Errors of either end come out of the last stream, where they are awaited.
    pipeline(Readable.from(all, { objectMode: false }), gunzip, () => undefined);
    const [innerStart, inner] = await lookAtStart(gunzip as AsyncIterable<Uint8Array>);
    return await decodePlain(innerStart, inner, name, "what is gzipped ");
  } catch (error) {
    io.interrupt.throwIfAborted();
    throw explainReadError(error, name);
  }
}

/** `what` is put before `is`: what the bytes are in. */
async function decodePlain(
  start: string,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  what: string,
): Promise<TraceSource> {
  if (start === "") throw usageError(`trace ${name}: ${what === "" ? "the file " : what}is empty`, HINT);
  const other = OTHER_MAGICS.find(([magic]) => start.startsWith(magic));
  if (other !== undefined) {
    throw usageError(`trace ${name}: ${what === "" ? "this " : what}is ${other[1]}`, HINT);
  }
  if (start.startsWith(PFT_MAGIC)) return new TraceReader(await collect(chunks), name);
  const Reader = isStraceText(start) ? StraceReader : LackeyReader;
  const reader = new Reader({ sourceName: name });
  for await (const chunk of chunks) reader.push(chunk);
  return reader.end();
}

/** Reads the first bytes as characters; the second result gives all bytes, these included. */
async function lookAtStart(chunks: AsyncIterable<Uint8Array>): Promise<[string, AsyncIterable<Uint8Array>]> {
  const iterator = chunks[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < START_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  return [start.toString("latin1", 0, START_BYTES), joined(start, iterator)];
}

async function* joined(
  start: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield start;
    for (;;) {
      const next = await rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

function explainReadError(error: unknown, name: string): unknown {
  if (error instanceof CliError || !(error instanceof Error) || !("code" in error)) return error;
  switch (error.code) {
    case "Z_BUF_ERROR":
      return usageError(`trace ${name} is cut short: the gzip data ends before its end mark`, HINT);
    case "Z_DATA_ERROR":
      return usageError(`trace ${name} is damaged: ${error.message} in the gzip data`, HINT);
    default:
      // Errors of the system have a call; those of the readers speak for themselves.
      return "syscall" in error
        ? usageError(`trace ${name} cannot be read: ${systemSentence(error)}`, HINT)
        : error;
  }
}
