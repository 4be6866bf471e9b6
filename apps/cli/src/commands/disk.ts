/** `pageframe disk`: makes disk images, checks them, and moves files between them and the host. */
import { randomInt } from "node:crypto";
import { existsSync, lstatSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  EEXIST,
  type FileAttributes,
  FS_BLOCK_SIZE,
  O_CREAT,
  O_EXCL,
  O_WRONLY,
  PAGE_SECTORS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { formatBytes, isSize, parsePages } from "@pageframe/kernel";
import { asUsage, DiskImage, withImage } from "../disk-image.ts";
import { runError, systemSentence, usageError } from "../errors.ts";
import { formatCount, formatNoun } from "../format.ts";
import { HostFileBlockBackend } from "../host-file-block.ts";
import { breathe, type Io } from "../io.ts";
import { jsonText } from "../json-report.ts";
import { OutputFile } from "../output-file.ts";
import { drawRows } from "../table.ts";

/** Options of `disk make`. */
export interface DiskMakeOptions {
  readonly size: string;
  readonly inodes?: number;
  readonly seed?: number;
  readonly force?: true;
}

/** Options of the commands that print. */
export interface DiskShowOptions {
  readonly json?: true;
}

/** Options of `disk put`. */
export interface DiskPutOptions {
  readonly parents?: true;
}

/** Bytes that are moved at once. */
const CHUNK_BYTES = 256 * 1024;
const MAX_SEED = 0xffffffff;

/** Makes an image with an empty file system; it is there whole or not at all. */
export function diskMakeCommand(path: string, options: DiskMakeOptions, io: Io): void {
  const nrPages = parseImageSize(options.size);
  const target = targetOf(path, options.force === true);
  const temporaryPath = `${target}.${process.pid}.tmp`;
  let image: DiskImage | null = null;
  try {
    image = new DiskImage(path, HostFileBlockBackend.create(temporaryPath, nrPages * PAGE_SECTORS));
    image.makeFileSystem(options.inodes, options.seed ?? randomInt(MAX_SEED));
    image.close();
    // Somebody may have made one meanwhile.
    if (options.force !== true && existsSync(target)) throw thereAlready(path);
    renameSync(temporaryPath, target);
  } catch (error) {
    image?.close();
    rmSync(temporaryPath, { force: true });
    throw asUsage(error);
  }
  io.stderr.write(`${path}: an empty file system of ${formatBytes(nrPages * FS_BLOCK_SIZE)}\n`);
}

/** Checks an image, which does not change. Throws a run error when there are problems. */
export function diskCheckCommand(path: string, options: DiskShowOptions, io: Io): void {
  const image = DiskImage.openReadOnly(path);
  try {
    const found = image.describe();
    const problems = image.check();
    if (problems === null)
      throw usageError(`image ${path} cannot be checked: ${"sentence" in found ? found.sentence : ""}`);
    const journal = "journal" in found ? found.journal : "damaged";
    if (options.json === true) io.stdout.write(jsonText({ journal, problems }));
    else if (problems.length > 0) io.stdout.write(`${problems.join("\n")}\n`);
    else
      io.stdout.write(
        `clean${journal === "dirty" ? "; it was not unmounted, and the next mount replays its journal" : ""}\n`,
      );
    if (problems.length > 0) throw runError(`image ${path} has ${formatNoun(problems.length, "problem")}`);
  } finally {
    image.close();
  }
}

/** Lists a directory of an image, or one file. */
export async function diskLsCommand(
  path: string,
  inner: string,
  options: DiskShowOptions,
  io: Io,
): Promise<void> {
  const entries = await withImage(path, false, (image) => listPath(image, absolute(inner)));
  if (options.json === true) {
    io.stdout.write(jsonText({ path: absolute(inner), entries }));
    return;
  }
  const rows = entries.map(({ name, mode, nrLinks, sizeBytes, allocatedBytes, target }) => [
    modeText(mode),
    formatCount(nrLinks),
    formatCount(sizeBytes),
    formatBytes(allocatedBytes),
    target === null ? name : `${name} -> ${target}`,
  ]);
  if (rows.length > 0) {
    io.stdout.write(
      drawRows(["mode", "links", "bytes", "on disk", "name"], rows, [
        "left",
        "right",
        "right",
        "right",
        "left",
      ]),
    );
  }
}

/** Copies files of the host into an image: one to a name, or several into a directory. */
export async function diskPutCommand(
  path: string,
  names: readonly string[],
  options: DiskPutOptions,
  io: Io,
): Promise<void> {
  const to = absolute(names[names.length - 1]);
  const from = names.slice(0, -1);
  if (from.length === 0)
    throw usageError(
      "disk put needs a file of the host and a path in the image",
      "pageframe disk put IMAGE HOSTFILE... PATH",
    );
  await withImage(path, true, async (image) => {
    const isInto = from.length > 1 || to.endsWith("/") || isDirectory(image, to);
    if (options.parents === true) makeParents(image, isInto ? `${to}/x` : to);
    for (const hostPath of from)
      await putFile(image, hostPath, isInto ? join(to, basename(hostPath)) : to, io);
  });
}

/** Copies a file of an image to the host. */
export async function diskGetCommand(path: string, inner: string, hostPath: string, io: Io): Promise<void> {
  const place =
    statSync(hostPath, { throwIfNoEntry: false })?.isDirectory() === true
      ? join(hostPath, basename(inner))
      : hostPath;
  await withImage(path, false, async (image) => {
    const { kernel, task } = image;
    const file = kernel.open(task, absolute(inner));
    if (file < 0) throw image.error("read", inner, -file);
    const output = await OutputFile.start(place, path);
    try {
      const chunk = new Uint8Array(CHUNK_BYTES);
      for (;;) {
        const nrBytes = kernel.readFile(task, file, chunk);
        if (nrBytes < 0) throw image.error("read", inner, -nrBytes);
        if (nrBytes === 0) break;
        await output.append(chunk.subarray(0, nrBytes));
        await breathe(io);
      }
      await output.commit(new Uint8Array(0));
    } finally {
      await output.discard();
      kernel.closeFile(file);
    }
  });
}

/** Says what the superblock holds, and what is in use. */
export async function diskInfoCommand(path: string, options: DiskShowOptions, io: Io): Promise<void> {
  const info = await withImage(path, false, (image) => {
    const found = image.describe();
    const stats = image.kernel.statfs(image.task, "/");
    if ("sentence" in found || typeof stats === "number") throw runError(`image ${path} cannot be read`);
    return {
      ...found,
      nrFreeBlocks: stats.nrFreeBlocks,
      nrInodes: stats.nrInodes,
      nrFreeInodes: stats.nrFreeInodes,
    };
  });
  if (options.json === true) {
    io.stdout.write(jsonText({ ...info, blockSizeBytes: FS_BLOCK_SIZE }));
    return;
  }
  const blocks = (nrBlocks: number): string => formatBytes(nrBlocks * FS_BLOCK_SIZE);
  const rows = [
    ["file system", `pffs, version ${info.version}${info.isBackup ? ", its first superblock damaged" : ""}`],
    ["id", info.id],
    ["size", `${blocks(info.nrBlocks)}, ${formatNoun(info.nrGroups, "group")} of blocks`],
    ["journal", `${blocks(info.nrJournalBlocks)}, ${info.journal}`],
    ["free", blocks(info.nrFreeBlocks)],
    ["inodes", `${formatCount(info.nrInodes)}, ${formatCount(info.nrFreeInodes)} free`],
  ];
  io.stdout.write(drawRows(null, rows, ["left", "left"]));
}

/** An entry as `disk ls` shows it. */
interface ListedEntry {
  readonly name: string;
  readonly ino: number;
  readonly mode: number;
  readonly nrLinks: number;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly target: string | null;
}

function listPath(image: DiskImage, path: string): ListedEntry[] {
  const { kernel, task } = image;
  const attributes = kernel.stat(task, path);
  if (typeof attributes === "number") throw image.error("listed", path, -attributes);
  if ((attributes.mode & S_IFMT) !== S_IFDIR) return [listed(image, path, basename(path))];
  const entries = kernel.readdir(task, path);
  if (typeof entries === "number") throw image.error("listed", path, -entries);
  const byName = (left: { name: string }, right: { name: string }): number =>
    left.name < right.name ? -1 : 1;
  return [...entries].sort(byName).map(({ name }) => listed(image, join(path, name), name));
}

function listed(image: DiskImage, path: string, name: string): ListedEntry {
  const { kernel, task } = image;
  const attributes = kernel.stat(task, path, false);
  if (typeof attributes === "number") throw image.error("listed", path, -attributes);
  const { ino, mode, nrLinks, sizeBytes, nrSectors } = attributes;
  const target = (mode & S_IFMT) === S_IFLNK ? kernel.readlink(task, path) : null;
  if (typeof target === "number") throw image.error("listed", path, -target);
  return { name, ino, mode, nrLinks, sizeBytes, allocatedBytes: nrSectors * SECTOR_SIZE, target };
}

/** Copies a file under a name of its own first, so that nobody finds half of it and what was there before stays until the end. */
async function putFile(image: DiskImage, hostPath: string, path: string, io: Io): Promise<void> {
  const { kernel, task } = image;
  if (isDirectory(image, path))
    throw usageError(`${path} of image ${image.path} is a directory, and ${hostPath} is a file`);
  const input = await openHostFile(hostPath);
  const partPath = `${path}.part${process.pid}`;
  let file = -1;
  try {
    const mode = (await input.stat()).mode & 0o777;
    file = kernel.open(task, partPath, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (file < 0) throw image.error("written", path, -file);
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await input.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      for (let done = 0; done < bytesRead;) {
        const written = kernel.writeFile(task, file, chunk.subarray(done, bytesRead));
        if (written < 0) throw image.error("written", path, -written);
        done += written;
      }
      await breathe(io);
    }
    const synced = kernel.fsync(task, file);
    if (synced < 0) throw image.error("written", path, -synced);
    const renamed = kernel.rename(task, partPath, path);
    if (renamed < 0) throw image.error("written", path, -renamed);
  } catch (error) {
    if (file >= 0) kernel.unlink(task, partPath);
    if (error instanceof Error && "syscall" in error)
      throw usageError(`${hostPath} cannot be read: ${systemSentence(error)}`);
    throw error;
  } finally {
    if (file >= 0) kernel.closeFile(file);
    await input.close();
  }
}

async function openHostFile(path: string): Promise<FileHandle> {
  const refuse = (what: string): Error => usageError(`${path} cannot be put into the image: ${what}`);
  try {
    if (!statSync(path).isFile()) throw refuse("it is not a regular file");
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw refuse(systemSentence(error));
    throw error;
  }
}

function isDirectory(image: DiskImage, path: string): boolean {
  const attributes: FileAttributes | number = image.kernel.stat(image.task, path);
  return typeof attributes !== "number" && (attributes.mode & S_IFMT) === S_IFDIR;
}

/** Makes the directories above a path that are not there. */
function makeParents(image: DiskImage, path: string): void {
  const names = path.split("/").filter((name) => name !== "");
  for (let count = 1; count < names.length; count++) {
    const parent = `/${names.slice(0, count).join("/")}`;
    const error = image.kernel.mkdir(image.task, parent);
    if (error < 0 && error !== -EEXIST) throw image.error("made", parent, -error);
  }
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

/** As ls -l writes it. */
function modeText(mode: number): string {
  const kinds: Readonly<Record<number, string>> = { [S_IFDIR]: "d", [S_IFREG]: "-", [S_IFLNK]: "l" };
  const rights = Array.from("rwxrwxrwx", (letter, at) => ((mode >> (8 - at)) & 1 ? letter : "-"));
  return `${kinds[mode & S_IFMT] ?? "?"}${rights.join("")}`;
}

function parseImageSize(text: string): number {
  if (isSize(text)) return parsePages(text);
  throw usageError(
    `size "${text}" is not a number with a unit B, KiB, MiB, GiB or TiB`,
    "write --size 64MiB",
  );
}

/** File that an image replaces or becomes. Throws a usage error where something is that must stay. */
function targetOf(path: string, isForced: boolean): string {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return path;
  if (!isForced) throw thereAlready(path);
  let target: string;
  try {
    target = realpathSync(path);
  } catch (error) {
    throw usageError(`image ${path} cannot be made: ${systemSentence(error)}`);
  }
  if (!statSync(target).isFile())
    throw usageError(`image ${path} cannot be made: what is there is not a regular file`);
  return target;
}

function thereAlready(path: string): Error {
  return usageError(`image ${path} cannot be made: a file of that name is there`, "--force replaces it");
}
