import { FS_BLOCK_SIZE, S_IFDIR, S_IFLNK, S_IFMT, SECTOR_SIZE, type FileSystem } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { checkFileSystem, makeFileSystem } from "../src/index.ts";
import {
  DIR_MODE,
  FILE_MODE,
  mustMount,
  newDevice,
  PowerCut,
  Random,
  TestDevice,
  TestHost,
  TestPages,
} from "./helpers.ts";

/** Power cuts of a run. */
const NR_CUTS = Number(process.env["PAGEFRAME_STEPS"] ?? 40);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 1);
const NR_BLOCKS = 420;
/** Most blocks of a file. */
const FILE_BLOCKS = 24;

/** What is known of a file: every version that each of its blocks may have. The first is the promised one. */
class KnownFile {
  ino: number;
  kind: number;
  sizeBytes = 0;
  target = "";
  nrLinks = 1;
  versions = new Map<number, Uint8Array[]>();
  constructor(ino: number, kind: number) {
    this.ino = ino;
    this.kind = kind;
  }
  current(fileBlock: number): Uint8Array {
    return this.versions.get(fileBlock)?.at(-1) ?? new Uint8Array(FS_BLOCK_SIZE);
  }
  change(fileBlock: number, page: Uint8Array): void {
    const list = this.versions.get(fileBlock);
    if (list === undefined) this.versions.set(fileBlock, [new Uint8Array(FS_BLOCK_SIZE), page]);
    else list.push(page);
  }
  /** Is each sector that the file shows one of its versions? */
  allows(fileBlock: number, page: Uint8Array, nrBytes: number): boolean {
    const list = this.versions.get(fileBlock) ?? [new Uint8Array(FS_BLOCK_SIZE)];
    for (let at = 0; at < nrBytes; at += SECTOR_SIZE) {
      const end = Math.min(at + SECTOR_SIZE, nrBytes);
      const isKnown = list.some((version) => equal(version.subarray(at, end), page.subarray(at, end)));
      if (!isKnown) return false;
    }
    return true;
  }
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

interface Snapshot {
  /** Path -> what stat shows. */
  readonly shown: Map<string, string>;
  readonly files: Map<string, KnownFile>;
}

interface Promised {
  readonly index: number;
  readonly file: KnownFile;
  readonly state: string;
}

/** Random work on one mounted file system, with a model of what it must hold. */
class World {
  readonly random: Random;
  readonly host: TestHost;
  readonly fs: FileSystem;
  readonly pages: TestPages;
  /** Path ("/a/b") -> file. */
  names: Map<string, KnownFile>;
  /** States that a crash may leave. */
  snapshots: Snapshot[] = [];
  promised: Promised[] = [];
  opened: KnownFile[] = [];
  nrFull = 0;

  constructor(random: Random, host: TestHost, fs: FileSystem, names: Map<string, KnownFile>) {
    this.random = random;
    this.host = host;
    this.fs = fs;
    this.pages = new TestPages(host, fs);
    this.names = names;
    this.note();
  }

  note(): void {
    const shown = new Map<string, string>();
    for (const [path, file] of this.names) shown.set(path, show(file));
    this.snapshots.push({ shown, files: new Map(this.names) });
  }

  private stateOf(file: KnownFile, snapshot: Snapshot): string {
    const parts: string[] = [];
    for (const [path, found] of snapshot.files)
      if (found === file) parts.push(`${path} ${snapshot.shown.get(path)!}`);
    return parts.sort().join(", ");
  }

  /** Was what fsync promised of a file kept in a snapshot? */
  keepsPromises(index: number): boolean {
    return this.promised.every(
      ({ index: since, file, state }) =>
        index >= since || this.stateOf(file, this.snapshots[index]) === state,
    );
  }

  private dirs(): string[] {
    return ["", ...[...this.names].filter(([, file]) => file.kind === S_IFDIR).map(([path]) => path)];
  }

  private inoOf(dir: string): number {
    return dir === "" ? this.fs.rootIno : this.names.get(dir)!.ino;
  }

  private splitPath(path: string): [number, string] {
    const at = path.lastIndexOf("/");
    return [this.inoOf(path.slice(0, at)), path.slice(at + 1)];
  }

  private isFull(result: number): boolean {
    if (result >= 0) return false;
    if (result !== -28) throw new Error(`operation failed with ${result}`);
    this.nrFull++;
    return true;
  }

  private bury(file: KnownFile): void {
    file.nrLinks--;
    if (file.kind === S_IFDIR || file.nrLinks === 0) this.opened.push(file);
  }

  step(): void {
    const { random, fs } = this;
    this.host.nowNs += random.below(200_000_000);
    const choice = random.below(100);
    if (choice < 18) this.create();
    else if (choice < 50) this.write();
    else if (choice < 58) this.truncate();
    else if (choice < 64) this.punch();
    else if (choice < 72) this.rename();
    else if (choice < 80) this.unlink();
    else if (choice < 84) this.link();
    else if (choice < 92) this.fsync();
    else if (choice < 94) this.sync();
    else if (choice < 97) fs.runDaemon(this.host.nowNs);
    else {
      const file = this.opened.pop();
      if (file === undefined) return;
      this.pages.forget(file.ino);
      this.isFull(fs.release(file.ino));
    }
  }

  private create(): void {
    const { random, fs } = this;
    const dir = random.pick(this.dirs());
    const path = `${dir}/n${random.below(12)}${random.below(8) === 0 ? "x".repeat(200) : ""}`;
    if (this.names.has(path) || path.length > 600) return;
    const [dirIno, name] = this.splitPath(path);
    const choice = random.below(10);
    let mode = FILE_MODE;
    let target: string | undefined;
    if (choice < 2) mode = DIR_MODE;
    else if (choice < 3) {
      mode = S_IFLNK | 0o777;
      target = "t".repeat(1 + random.below(random.below(2) === 0 ? 100 : 900));
    }
    const ino = fs.create(dirIno, name, mode, target);
    if (this.isFull(ino)) return;
    const file = new KnownFile(ino, mode & S_IFMT);
    file.target = target ?? "";
    this.names.set(path, file);
    this.note();
  }

  private someFile(): [string, KnownFile] | null {
    const files = [...this.names].filter(([, file]) => (file.kind & S_IFMT) === (FILE_MODE & S_IFMT));
    return files.length === 0 ? null : this.random.pick(files);
  }

  private write(): void {
    const found = this.someFile();
    if (found === null) return;
    const { random } = this;
    const [, file] = found;
    const offset = random.below(3) === 0 ? file.sizeBytes : random.below(FILE_BLOCKS * FS_BLOCK_SIZE);
    const nrBytes = 1 + random.below(3 * FS_BLOCK_SIZE);
    if (offset + nrBytes > FILE_BLOCKS * FS_BLOCK_SIZE) return;
    const bytes = new Uint8Array(nrBytes);
    for (let at = 0; at < nrBytes; at += 64) bytes.fill(1 + random.below(255), at, at + 64);
    // Blocks one by one, so that a full device leaves what the model has too.
    for (let done = 0; done < nrBytes;) {
      const fileBlock = Math.floor((offset + done) / FS_BLOCK_SIZE);
      const at = offset + done - fileBlock * FS_BLOCK_SIZE;
      const nrHere = Math.min(FS_BLOCK_SIZE - at, nrBytes - done);
      const part = bytes.subarray(done, done + nrHere);
      const page = file.current(fileBlock).slice();
      page.set(part, at);
      // The version is known before it can reach the device.
      file.change(fileBlock, page);
      if (this.isFull(this.pages.pwrite(file.ino, offset + done, part))) {
        file.versions.get(fileBlock)!.pop();
        return;
      }
      file.sizeBytes = Math.max(file.sizeBytes, offset + done + nrHere);
      this.note();
      done += nrHere;
    }
  }

  private truncate(): void {
    const found = this.someFile();
    if (found === null) return;
    const [, file] = found;
    const { random } = this;
    const sizeBytes = random.below(4) === 0 ? 0 : random.below(FILE_BLOCKS * FS_BLOCK_SIZE);
    const last = Math.floor(sizeBytes / FS_BLOCK_SIZE);
    for (let fileBlock = last; fileBlock < FILE_BLOCKS && sizeBytes < file.sizeBytes; fileBlock++) {
      const page = file.current(fileBlock).slice();
      page.fill(0, fileBlock === last ? sizeBytes % FS_BLOCK_SIZE : 0);
      file.change(fileBlock, page);
    }
    if (this.isFull(this.pages.truncate(file.ino, sizeBytes))) throw new Error("truncate needs no room");
    file.sizeBytes = sizeBytes;
    this.note();
  }

  private punch(): void {
    const found = this.someFile();
    if (found === null) return;
    const [, file] = found;
    const start = this.random.below(FILE_BLOCKS);
    const end = start + 1 + this.random.below(FILE_BLOCKS - start);
    const before = new Map([...file.versions].map(([fileBlock, list]) => [fileBlock, list.length]));
    for (let fileBlock = start; fileBlock < end; fileBlock++)
      file.change(fileBlock, new Uint8Array(FS_BLOCK_SIZE));
    if (this.isFull(this.pages.punch(file.ino, start, end))) {
      // Pages that were dropped unwritten are gone, blocks are not: what is there is some version.
      for (const [fileBlock, list] of file.versions) {
        list.length = before.get(fileBlock) ?? 1;
      }
      const now = this.pages.read(file.ino) as Uint8Array;
      for (let fileBlock = start; fileBlock < end; fileBlock++) {
        const page = new Uint8Array(FS_BLOCK_SIZE);
        page.set(now.subarray(fileBlock * FS_BLOCK_SIZE, (fileBlock + 1) * FS_BLOCK_SIZE));
        file.change(fileBlock, page);
      }
    }
    this.note();
  }

  private rename(): void {
    const { random, fs } = this;
    const paths = [...this.names.keys()];
    if (paths.length === 0) return;
    const from = random.pick(paths);
    const to =
      random.below(2) === 0 ? random.pick(paths) : `${random.pick(this.dirs())}/n${random.below(12)}`;
    if (to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`) || to.length > 500) return;
    const file = this.names.get(from)!;
    const old = this.names.get(to);
    if (old !== undefined && (old.kind === S_IFDIR) !== (file.kind === S_IFDIR)) return;
    if (old !== undefined && paths.some((path) => path.startsWith(`${to}/`))) return;
    const [fromDir, fromName] = this.splitPath(from);
    const [toDir, toName] = this.splitPath(to);
    if (this.isFull(fs.rename(fromDir, fromName, toDir, toName))) return;
    if (old === file) return;
    expect(fs.replacedIno).toBe(old === undefined ? 0 : old.ino);
    this.names.delete(from);
    if (old !== undefined) this.bury(old);
    this.names.set(to, file);
    for (const path of paths) {
      if (!path.startsWith(`${from}/`)) continue;
      this.names.set(to + path.slice(from.length), this.names.get(path)!);
      this.names.delete(path);
    }
    this.note();
  }

  private unlink(): void {
    const paths = [...this.names.keys()];
    if (paths.length === 0) return;
    const path = this.random.pick(paths);
    if (paths.some((other) => other.startsWith(`${path}/`))) return;
    const file = this.names.get(path)!;
    const [dirIno, name] = this.splitPath(path);
    const result = file.kind === S_IFDIR ? this.fs.rmdir(dirIno, name) : this.fs.unlink(dirIno, name);
    expect(result).toBe(file.ino);
    this.names.delete(path);
    this.bury(file);
    this.note();
  }

  private link(): void {
    const found = this.someFile();
    if (found === null) return;
    const path = `${this.random.pick(this.dirs())}/n${this.random.below(12)}`;
    if (this.names.has(path)) return;
    const [dirIno, name] = this.splitPath(path);
    if (this.isFull(this.fs.link(found[1].ino, dirIno, name))) return;
    found[1].nrLinks++;
    this.names.set(path, found[1]);
    this.note();
  }

  private fsync(): void {
    const found = this.someFile();
    if (found === null) return;
    const [, file] = found;
    expect(this.pages.write(file.ino)).toBe(0);
    expect(this.fs.syncInode(file.ino, false)).toBe(0);
    this.settle(file);
    const index = this.snapshots.length - 1;
    this.promised.push({ index, file, state: this.stateOf(file, this.snapshots[index]) });
  }

  private sync(): void {
    expect(this.pages.writeAll()).toBe(0);
    expect(this.fs.syncAll()).toBe(0);
    for (const file of new Set([...this.names.values(), ...this.opened])) this.settle(file);
    this.snapshots = this.snapshots.slice(-1);
    this.promised = [];
  }

  /** Only the newest version may be there from now on. */
  private settle(file: KnownFile): void {
    for (const [fileBlock, list] of file.versions) file.versions.set(fileBlock, list.slice(-1));
  }
}

function show(file: KnownFile): string {
  const isFile = (file.kind & S_IFMT) === (FILE_MODE & S_IFMT);
  return `${file.ino} ${file.kind.toString(8)} ${isFile ? `${file.sizeBytes} ${file.nrLinks}` : file.target}`;
}

/** What a mounted file system shows, path by path. */
function walk(fs: FileSystem, dirIno: number, prefix: string, into: Map<string, KnownFile>): void {
  const entries = fs.readdir(dirIno);
  if (typeof entries === "number") throw new Error(`readdir of ${prefix}/ gives ${entries}`);
  for (const { name, ino, type } of entries) {
    const attributes = fs.getattr(ino);
    if (typeof attributes === "number") throw new Error(`getattr of ${prefix}/${name} gives ${attributes}`);
    const file = new KnownFile(ino, type);
    file.sizeBytes = attributes.sizeBytes;
    file.nrLinks = attributes.nrLinks;
    if (type === S_IFLNK) file.target = fs.readlink(ino) as string;
    expect(fs.lookup(dirIno, name)).toBe(ino);
    into.set(`${prefix}/${name}`, file);
    if (type === S_IFDIR) walk(fs, ino, `${prefix}/${name}`, into);
  }
}

/** Finds the state that the crash left among those it may leave; the model of it goes on from there. */
function recoverModel(world: World, fs: FileSystem, pages: TestPages): Map<string, KnownFile> {
  const found = new Map<string, KnownFile>();
  walk(fs, fs.rootIno, "", found);
  const shown = new Map([...found].map(([path, file]) => [path, show(file)]));
  const reasons: string[] = [];
  const reason = `no state has these names: ${JSON.stringify([...shown].map(([path, text]) => `${path.slice(0, 20)} ${text.slice(0, 40)}`))}`;
  for (let index = world.snapshots.length - 1; index >= 0; index--) {
    const snapshot = world.snapshots[index];
    if (snapshot.shown.size !== shown.size) continue;
    if (![...shown].every(([path, text]) => snapshot.shown.get(path) === text)) continue;
    if (!world.keepsPromises(index)) {
      reasons.push(`${index}: a promise of fsync about names or sizes was not kept`);
      continue;
    }
    const wrong = findWrongData(snapshot, pages);
    if (wrong !== null) {
      reasons.push(`${index}: ${wrong}`);
      continue;
    }
    const byIno = new Map<number, KnownFile>();
    for (const [path, file] of found) {
      const same = byIno.get(file.ino) ?? file;
      byIno.set(file.ino, same);
      found.set(path, same);
    }
    for (const file of byIno.values())
      if ((file.kind & S_IFMT) === (FILE_MODE & S_IFMT)) readInto(file, pages);
    return found;
  }
  throw new Error(reasons.length > 0 ? reasons.join("\n") : reason);
}

function readInto(file: KnownFile, pages: TestPages): void {
  const bytes = pages.read(file.ino) as Uint8Array;
  for (let at = 0; at < bytes.length; at += FS_BLOCK_SIZE) {
    const page = new Uint8Array(FS_BLOCK_SIZE);
    page.set(bytes.subarray(at, at + FS_BLOCK_SIZE));
    file.versions.set(at / FS_BLOCK_SIZE, [page]);
  }
}

function findWrongData(snapshot: Snapshot, pages: TestPages): string | null {
  for (const [path, file] of snapshot.files) {
    if ((file.kind & S_IFMT) !== (FILE_MODE & S_IFMT)) continue;
    const bytes = pages.read(file.ino);
    if (typeof bytes === "number") return `${path} cannot be read: ${bytes}`;
    for (let at = 0; at < bytes.length; at += FS_BLOCK_SIZE) {
      const page = bytes.subarray(at, at + FS_BLOCK_SIZE);
      if (!file.allows(at / FS_BLOCK_SIZE, page, page.length))
        return `${path.slice(0, 30)} (inode ${file.ino}) shows in block ${at / FS_BLOCK_SIZE} what was never written there`;
    }
  }
  return null;
}

function runCuts(seed: number, nrCuts: number): { nrCuts: number; nrFull: number; nrRecoveries: number } {
  const random = new Random(seed);
  let image = newDevice(NR_BLOCKS);
  expect(
    makeFileSystem(new TestHost(image), { seed, journalBlocks: 64 + random.below(80), nrInodes: 64 }),
  ).toBe(0);
  let names = new Map<string, KnownFile>();
  let nrFull = 0;
  let nrRecoveries = 0;
  for (let cut = 0; cut < nrCuts; cut++) {
    const device = new TestDevice(image.durable);
    const host = new TestHost(device, new Random(random.below(2 ** 31)));
    const world = new World(random, host, mustMount(host), names);
    device.nrUntilCut = random.below(random.pick([30, 300, 1500]));
    try {
      for (let done = 0; done < 400; done++) world.step();
      device.nrUntilCut = 0;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    nrFull += world.nrFull;
    // The power goes again while the journal is replayed, and again.
    let after = new TestDevice(device.afterCut(random));
    while (random.below(3) === 0) {
      const again = new TestHost(after, new Random(random.below(2 ** 31)));
      after.nrUntilCut = random.below(200);
      nrRecoveries++;
      try {
        mustMount(again);
        after.nrUntilCut = 0;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      after = new TestDevice(after.afterCut(random));
    }
    const recovered = new TestHost(after, new Random(random.below(2 ** 31)));
    const fs = mustMount(recovered);
    names = recoverModel(world, fs, new TestPages(recovered, fs));
    expect(fs.unmount()).toBe(0);
    expect(recovered.nrReferences).toBe(0);
    expect(checkFileSystem(new TestHost(after))).toEqual([]);
    image = after;
  }
  return { nrCuts, nrFull, nrRecoveries };
}

describe("power cuts", () => {
  it("keep what fsync promised, bit for bit, and leave every other operation done or not done", () => {
    const result = runCuts(SEED, NR_CUTS);
    expect(result.nrCuts).toBe(NR_CUTS);
  });
});
