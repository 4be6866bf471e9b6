import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import {
  EACCES,
  EINVAL,
  EIO,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EROFS,
  ESTALE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "@pageframe/contracts";
import { HostDirectory } from "../src/host-directory.ts";
import { useFolder } from "./helpers.ts";

const SECRET = "secret: nobody inside may read this";

describe("HostDirectory", () => {
  const folder = useFolder();

  /** A directory to be shown, beside one that must not be reached. */
  function makeTree(): HostDirectory {
    mkdirSync(folder.path("shown/sub/deep"), { recursive: true });
    mkdirSync(folder.path("outside/sub"), { recursive: true });
    folder.write("outside/secret", SECRET);
    folder.write("outside/sub/file", SECRET);
    folder.write("shown/hello", "hello, world\n");
    folder.write("shown/sub/file", Buffer.alloc(10_000, "x"));
    return new HostDirectory(folder.path("shown"));
  }

  /** First characters of a file, or the error. */
  function read(dir: HostDirectory, ino: number, pgoff = 0): string | number {
    const page = new Uint8Array(4096).fill(255);
    const result = dir.readPage(ino, pgoff, page);
    return result < 0 ? result : Buffer.from(page).toString("latin1").replace(/\0+$/, "");
  }

  /** Walks names that are no links. */
  const walk = (dir: HostDirectory, ...names: string[]): number =>
    names.reduce((ino, name) => (ino < 0 ? ino : dir.lookup(ino, name)), dir.rootIno);

  it("shows files, directories and links with their attributes", () => {
    const dir = makeTree();
    symlinkSync("sub/file", folder.path("shown/link"));
    expect(dir.readdir(dir.rootIno)).toEqual([
      { name: "hello", ino: 2, type: S_IFREG },
      { name: "link", ino: 3, type: S_IFLNK },
      { name: "sub", ino: 4, type: S_IFDIR },
    ]);
    expect(dir.lookup(dir.rootIno, "hello")).toBe(2);
    expect(dir.getattr(2)).toMatchObject({ ino: 2, nrLinks: 1, sizeBytes: 13 });
    const root = dir.getattr(dir.rootIno);
    expect(typeof root === "object" && root.mode & S_IFMT).toBe(S_IFDIR);
    expect(dir.readlink(3)).toBe("sub/file");
    expect(dir.readlink(2)).toBe(-EINVAL);
    expect(dir.lookup(dir.rootIno, "none")).toBe(-ENOENT);
    expect(dir.lookup(2, "none")).toBe(-ENOTDIR);
    expect(dir.readdir(2)).toBe(-ENOTDIR);
    expect(dir.getattr(99)).toBe(-ESTALE);
  });

  it("reads pages, with zeros behind the end", () => {
    const dir = makeTree();
    expect(read(dir, walk(dir, "hello"))).toBe("hello, world\n");
    const file = walk(dir, "sub", "file");
    expect(read(dir, file, 1)).toBe("x".repeat(4096));
    expect(read(dir, file, 2)).toBe("x".repeat(10_000 - 8192));
    expect(read(dir, file, 3)).toBe(-EIO);
    expect(read(dir, walk(dir, "sub"))).toBe(-EISDIR);
  });

  it("answers -EROFS to everything that would write", () => {
    const dir = makeTree();
    const into = { block: 0, nrBlocks: 0, isNew: false };
    expect([
      dir.create(),
      dir.link(),
      dir.unlink(),
      dir.rmdir(),
      dir.rename(),
      dir.setSize(),
      dir.punchHole(),
      dir.touch(),
      dir.mapBlocks(2, 0, 1, true, into),
    ]).toEqual(Array<number>(9).fill(-EROFS));
    expect([dir.syncInode(), dir.syncAll(), dir.unmount()]).toEqual([0, 0, 0]);
    expect(dir.statfs().nrBlocks).toBeGreaterThan(0);
  });

  it("takes no name that is a path, and not its parent", () => {
    const dir = makeTree();
    const sub = walk(dir, "sub");
    const names = [
      "..",
      ".",
      "",
      "/",
      "../outside",
      "../outside/secret",
      "sub/file",
      "/etc/passwd",
      "hello\0",
      "\0",
    ];
    for (const name of names) {
      expect(dir.lookup(dir.rootIno, name)).toBe(-EINVAL);
      expect(dir.lookup(sub, name)).toBe(-EINVAL);
    }
    expect(dir.lookup(sub, "..\\outside")).toBe(-ENOENT);
    expect(dir.lookup(dir.rootIno, "n".repeat(256))).toBe(-ENAMETOOLONG);
    expect(dir.lookup(dir.rootIno, "ä".repeat(128))).toBe(-ENAMETOOLONG);
    expect(dir.lookup(dir.rootIno, "n".repeat(255))).toBe(-ENOENT);
  });

  it("shows links as links, wherever they lead, and never follows one", () => {
    const dir = makeTree();
    const targets: Record<string, string> = {
      absolute: folder.path("outside/secret"),
      relative: "../outside/secret",
      folder: folder.path("outside"),
      dots: "../../../../../../../../etc",
      first: "second",
      second: "third",
      third: "../outside",
      loop: "loop",
      inside: "sub",
      proc: "/proc/self/root",
    };
    for (const [name, target] of Object.entries(targets)) symlinkSync(target, folder.path(`shown/${name}`));
    for (const [name, target] of Object.entries(targets)) {
      const ino = dir.lookup(dir.rootIno, name);
      const attributes = dir.getattr(ino);
      expect(typeof attributes === "object" && attributes.mode & S_IFMT).toBe(S_IFLNK);
      expect(dir.readlink(ino)).toBe(target);
      expect(dir.lookup(ino, "secret")).toBe(-ENOTDIR);
      expect(dir.lookup(ino, "file")).toBe(-ENOTDIR);
      expect(dir.readdir(ino)).toBe(-ENOTDIR);
      expect(read(dir, ino)).toBe(-EACCES);
    }
  });

  it("does not follow a link that takes a file's place after it was looked up", () => {
    const dir = makeTree();
    const hello = walk(dir, "hello");
    rmSync(folder.path("shown/hello"));
    symlinkSync("../outside/secret", folder.path("shown/hello"));
    expect(read(dir, hello)).toBe(-ESTALE);
    expect(dir.getattr(hello)).toBe(-ESTALE);
    expect(dir.readlink(hello)).toBe(-ESTALE);
    const link = walk(dir, "hello");
    expect(link).not.toBe(hello);
    expect(dir.readlink(link)).toBe("../outside/secret");
  });

  it("does not follow a link that takes a directory's place, nor one above it", () => {
    const dir = makeTree();
    const sub = walk(dir, "sub");
    const file = walk(dir, "sub", "file");
    const deep = walk(dir, "sub", "deep");
    renameSync(folder.path("shown/sub"), folder.path("moved"));
    symlinkSync("../outside/sub", folder.path("shown/sub"));
    expect(read(dir, file)).toBe(-ESTALE);
    expect([dir.lookup(sub, "file"), dir.readdir(sub), dir.getattr(file)]).toEqual([
      -ESTALE,
      -ESTALE,
      -ESTALE,
    ]);
    expect(dir.lookup(deep, "file")).toBe(-ESTALE);
    // The very same directory, but through a link that leads outside.
    rmSync(folder.path("shown/sub"));
    symlinkSync("../moved", folder.path("shown/sub"));
    expect([dir.lookup(sub, "file"), dir.readdir(deep), read(dir, file)]).toEqual([
      -ESTALE,
      -ESTALE,
      -ESTALE,
    ]);
    // Back in its place it is as before.
    rmSync(folder.path("shown/sub"));
    renameSync(folder.path("moved"), folder.path("shown/sub"));
    expect(dir.lookup(sub, "file")).toBe(file);
    expect(dir.readdir(deep)).toEqual([]);
  });

  it("does not follow a link that takes the root's place", () => {
    const dir = makeTree();
    const hello = walk(dir, "hello");
    renameSync(folder.path("shown"), folder.path("moved"));
    symlinkSync("outside", folder.path("shown"));
    expect(dir.lookup(dir.rootIno, "secret")).toBe(-ESTALE);
    expect(dir.readdir(dir.rootIno)).toBe(-ESTALE);
    expect(dir.getattr(dir.rootIno)).toBe(-ESTALE);
    expect(read(dir, hello)).toBe(-ESTALE);
  });

  it("takes a root that is named through a link for what it is when it is named", () => {
    makeTree();
    symlinkSync("shown", folder.path("alias"));
    const dir = new HostDirectory(folder.path("alias"));
    expect(dir.path.endsWith("/shown")).toBe(true);
    rmSync(folder.path("alias"));
    symlinkSync("outside", folder.path("alias"));
    expect(read(dir, walk(dir, "hello"))).toBe("hello, world\n");
    expect(walk(dir, "secret")).toBe(-ENOENT);
  });

  it("opens no pipe, socket or device, and leaves them out", async () => {
    const dir = makeTree();
    execFileSync("sh", ["-c", `mkfifo "$0"`, folder.path("shown/pipe")]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(folder.path("shown/socket"), resolve));
    expect(walk(dir, "pipe")).toBe(-EACCES);
    expect(walk(dir, "socket")).toBe(-EACCES);
    // A file that turns into a pipe: opening it must not wait for a writer.
    const hello = walk(dir, "hello");
    rmSync(folder.path("shown/hello"));
    execFileSync("sh", ["-c", `mkfifo "$0"`, folder.path("shown/hello")]);
    expect(read(dir, hello)).toBe(-ESTALE);
    expect(dir.readdir(dir.rootIno)).toEqual([
      { name: "sub", ino: expect.any(Number) as number, type: S_IFDIR },
    ]);
    await new Promise((resolve) => server.close(resolve));
    const devices = new HostDirectory("/dev");
    expect(walk(devices, "null")).toBe(-EACCES);
    expect(walk(devices, "zero")).toBe(-EACCES);
  });

  it("gives errors, and no exceptions, for files that change or vanish", () => {
    const dir = makeTree();
    const file = walk(dir, "sub", "file");
    const hello = walk(dir, "hello");
    const deep = walk(dir, "sub", "deep");
    appendFileSync(folder.path("shown/hello"), "more");
    expect(dir.getattr(hello)).toMatchObject({ sizeBytes: 17 });
    expect(read(dir, hello)).toBe("hello, world\nmore");
    truncateSync(folder.path("shown/sub/file"), 5000);
    expect(read(dir, file, 1)).toBe("x".repeat(5000 - 4096));
    expect(read(dir, file, 2)).toBe(-EIO);
    rmSync(folder.path("shown/sub"), { recursive: true });
    expect(dir.getattr(file)).toBe(-ESTALE);
    expect(dir.readdir(deep)).toBe(-ESTALE);
    expect(walk(dir, "sub")).toBe(-ENOENT);
    // It was read from: it is open, as a file that a program has open stays readable.
    expect(read(dir, file)).toBe("x".repeat(4096));
    dir.release(file);
    expect(read(dir, file)).toBe(-ESTALE);
    // Another file of that name is another inode.
    mkdirSync(folder.path("shown/sub"));
    folder.write("shown/sub/file", "new");
    expect(read(dir, file)).toBe(-ESTALE);
    expect(walk(dir, "sub", "file")).not.toBe(file);
    rmSync(folder.path("shown"), { recursive: true });
    expect(dir.getattr(dir.rootIno)).toBe(-ESTALE);
    expect(dir.lookup(dir.rootIno, "hello")).toBe(-ESTALE);
  });

  it("has one inode for the names of a file, and finds it by the one that is left", () => {
    const dir = makeTree();
    linkSync(folder.path("shown/hello"), folder.path("shown/sub/other"));
    const hello = walk(dir, "hello");
    expect(walk(dir, "sub", "other")).toBe(hello);
    rmSync(folder.path("shown/hello"));
    expect(read(dir, hello)).toBe("hello, world\n");
  });

  it("shows a directory of 3000 files, and keeps few of them open", () => {
    mkdirSync(folder.path("shown"));
    for (let file = 0; file < 3000; file++) folder.write(`shown/f${file}`, `${file}`);
    const dir = new HostDirectory(folder.path("shown"));
    const entries = dir.readdir(dir.rootIno);
    if (typeof entries === "number") throw new Error(`readdir: ${entries}`);
    expect(entries).toHaveLength(3000);
    expect(new Set(entries.map(({ ino }) => ino)).size).toBe(3000);
    const nrOpenBefore = readdirSync("/proc/self/fd").length;
    for (const { name, ino } of entries) expect(read(dir, ino)).toBe(name.slice(1));
    expect(readdirSync("/proc/self/fd").length - nrOpenBefore).toBeLessThanOrEqual(16);
    dir.unmount();
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(nrOpenBefore);
    expect(dir.readdir(dir.rootIno)).toEqual(entries);
  });

  it("leaves out names that are no UTF-8, and shows others as they are", () => {
    const dir = makeTree();
    writeFileSync(Buffer.concat([Buffer.from(folder.path("shown/")), Buffer.from([0x62, 0xff])]), "");
    for (const name of ["ä ö", "-rf", "new\nline", "\ufffd"]) folder.write(`shown/${name}`, name);
    const entries = dir.readdir(dir.rootIno);
    expect(typeof entries === "object" && entries.map(({ name }) => name)).toEqual([
      "-rf",
      "hello",
      "new\nline",
      "sub",
      "ä ö",
      "\ufffd",
    ]);
    expect(read(dir, walk(dir, "new\nline"))).toBe("new\nline");
  });

  it("answers an error for a tree that is deeper than a path may be", () => {
    const dir = makeTree();
    const name = "d".repeat(200);
    const half = Array<string>(12).fill(name).join("/");
    mkdirSync(folder.path(`shown/${half}`), { recursive: true });
    mkdirSync(folder.path(`half/${half}`), { recursive: true });
    renameSync(folder.path(`half/${name}`), folder.path(`shown/${half}/${name}`));
    let ino = dir.rootIno;
    let depth = 0;
    for (; ino > 0; depth++) ino = dir.lookup(ino, name);
    expect(ino).toBe(-ENAMETOOLONG);
    expect(depth).toBeGreaterThan(15);
    // The host's own calls cannot take it away either.
    execFileSync("rm", ["-rf", folder.path("shown")]);
  });

  it("numbers inodes again as before after it was put back", () => {
    const dir = makeTree();
    const hello = walk(dir, "hello");
    const state = dir.captureExternal();
    const sub = walk(dir, "sub");
    dir.reinstateExternal(state);
    expect(dir.getattr(sub)).toBe(-ESTALE);
    expect(walk(dir, "sub")).toBe(sub);
    expect(walk(dir, "hello")).toBe(hello);
    expect(read(dir, hello)).toBe("hello, world\n");
  });

  it("refuses to show what is no directory", () => {
    makeTree();
    const show = (name: string) => () => new HostDirectory(folder.path(name));
    expect(show("none")).toThrow("ENOENT: directory");
    expect(show("shown/hello")).toThrow("ENOTDIR");
    expect(show("shown/hello/x")).toThrow("ENOTDIR: directory");
  });
});
