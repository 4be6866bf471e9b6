/** Replays of calls on files: what is read, cached, written and compared; cold and warm; several processes. */
import { PAGE_SIZE, type TraceSource } from "@pageframe/contracts";
import {
  bootKernel,
  type KernelConfigInput,
  Replay,
  type ReplayOptions,
  type ReplayResult,
} from "@pageframe/kernel";
import {
  compileFileTrace,
  logFileTrace,
  randomFileTrace,
  sequentialFileTrace,
  StraceReader,
} from "@pageframe/trace";
import { describe, expect, it } from "vitest";

/** Bytes that strace shows of a file of 100 pages. */
const FILE_BYTES = 100 * PAGE_SIZE;

function straceOf(text: string): TraceSource {
  const reader = new StraceReader({ sourceName: "test.strace" });
  reader.push(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  return reader.end();
}

function replay(
  trace: TraceSource,
  options: ReplayOptions = {},
  config: KernelConfigInput = {},
): ReplayResult {
  const kernel = bootKernel({
    memory: "8MiB",
    contents: options.verify === true ? "sparse" : "none",
    ...config,
  });
  const result = new Replay(kernel, trace, options).runToEnd();
  kernel.audit();
  expect(result.failedSyscalls).toEqual([]);
  const { hits, misses, readAhead, readAheadHits, readAheadWasted } = result.pageCache;
  expect(hits + misses).toBeGreaterThan(0);
  expect(readAheadHits + readAheadWasted).toBeLessThanOrEqual(readAhead);
  return result;
}

describe("readahead of a replay", () => {
  it("is wasted where reads are far from each other", () => {
    // A page in every 64: each miss looks random, and only what was asked for is read.
    const random = randomFileTrace({ fileBytes: 2 ** 24, requestBytes: PAGE_SIZE, nrRequests: 200, seed: 5 });
    const linux = replay(random);
    const fixed = replay(random, {}, { seats: { readahead: "fixed" } });
    expect(linux.pageCache.readAhead).toBeLessThan(20);
    expect(fixed.pageCache.readAhead).toBeGreaterThan(20 * linux.pageCache.readAhead);
    // 8 MiB do not hold what fixed windows bring: of what left memory, almost all went unwanted.
    expect(fixed.pageCache.readAheadWasted).toBeGreaterThan(5 * fixed.pageCache.readAheadHits);
    expect(fixed.disks[0].readBytes).toBeGreaterThan(linux.disks[0].readBytes);
  });
});

describe("a replay of file work", () => {
  it("writes a log and makes every record durable", () => {
    const trace = logFileTrace({ nrRecords: 50, recordBytes: 1000, recordsPerSync: 5 });
    const { pageCache, disks } = replay(trace, { verify: true });
    // Ten calls of fsync: each writes the page that the log ends in, and those before it that are new.
    expect(pageCache.writtenBack).toBeGreaterThanOrEqual(13);
    expect(disks[0].flushes).toBeGreaterThanOrEqual(10);
  });

  it("reads headers once that many compilations need, as long as memory holds them", () => {
    const trace = compileFileTrace({ nrSources: 10, nrHeaders: 20, fileBytes: 8192 });
    const { pageCache } = replay(trace, { verify: true });
    // 10 sources and 20 headers of two pages: read once, by 4 KiB; object files are made.
    expect(pageCache.misses).toBeLessThanOrEqual(60 + 20);
    expect(pageCache.hits).toBeGreaterThan(9 * 40);
  });

  it("keeps processes of a recording apart, and follows their files", () => {
    const trace = straceOf(`7 execve("/bin/sh", ["sh"], 0x7ffc /* 3 vars */) = 0
7 openat(AT_FDCWD, "in", O_RDONLY) = 3
7 fstat(3, {st_mode=S_IFREG|0644, st_size=20000, ...}) = 0
7 fork() = 8
8 execve("/bin/cat", ["cat"], 0x7ffc /* 3 vars */) = 0
8 brk(NULL) = 0x555555560000
8 brk(0x555555581000) = 0x555555581000
8 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000
8 read(3, "ab"..., 8192) = 8192
8 mkdir("out", 0755) = 0
8 openat(AT_FDCWD, "out/a", O_RDWR|O_CREAT|O_TRUNC, 0644) = 4
8 write(4, "ab"..., 8192) = 8192
8 ftruncate(4, 5000) = 0
8 fallocate(4, 0, 0, 12288) = 0
8 pread64(4, "ab"..., 4096, 0) = 4096
8 fsync(4) = 0
8 rename("out/a", "out/b") = 0
8 close(4) = 0
8 unlink("out/b") = 0
8 rmdir("out") = 0
8 exit_group(0) = ?
8 +++ exited with 0 +++
7 read(3, "ab"..., 16384) = 11808
7 vfork() = 9
9 execve("/bin/true", ["true"], 0x7ffc /* 3 vars */) = 0
9 exit_group(0) = ?
9 +++ exited with 0 +++
7 fadvise64(3, 0, 0, POSIX_FADV_DONTNEED) = 0
7 sync() = 0
7 exit_group(0) = ?
7 +++ exited with 0 +++
`);
    const kernel = bootKernel({ memory: "8MiB", contents: "sparse" });
    const run = new Replay(kernel, trace, { verify: true });
    expect(run.runToEnd()).toMatchObject({ failedSyscalls: [], killedBy: null });
    kernel.audit();
    // The first program is still there to look at; its children are gone, and what they made.
    expect([...kernel.sys.tasks.keys()]).toEqual([1, run.task.pid]);
    expect(kernel.sys.zombies.size).toBe(0);
    const names = kernel.readdir(run.task, "/");
    expect(typeof names === "number" ? names : names.map(({ name }) => name).sort()).toEqual(["bin", "in"]);
  });

  it("tells which calls fail that had not: here the disk is full", () => {
    const trace = logFileTrace({ nrRecords: 20, recordBytes: 2 ** 20, recordsPerSync: 100 });
    const kernel = bootKernel({ memory: "8MiB", disks: [{ size: "4MiB" }] });
    const { failedSyscalls } = new Replay(kernel, trace).runToEnd();
    kernel.audit();
    expect(failedSyscalls).toContain("write: ENOSPC");
  });

  it("refuses a disk that holds something else, and one on which the files find no room", () => {
    const trace = sequentialFileTrace({ fileBytes: 2 ** 23, requestBytes: PAGE_SIZE });
    const small = bootKernel({ memory: "4MiB", disks: [{ size: "4MiB" }] });
    expect(() => new Replay(small, trace)).toThrow(
      /^ENOSPC: the files of the trace do not find room on disk vda/,
    );
    const other = bootKernel({ memory: "4MiB", disks: [{ size: "32MiB" }] });
    other.sys.disks[0].backend.writeSectors(2, new Uint8Array(512).fill(7));
    expect(() => new Replay(other, trace)).toThrow(/^EINVAL: disk vda holds no file system of this machine/);
  });
});

describe("a replay of a file that is read from start to end", () => {
  // cat reads 128 KiB at a time.
  const trace = sequentialFileTrace({ fileBytes: FILE_BYTES, requestBytes: 128 * 1024 });

  it("misses what the first request asks for with a cold cache, and finds the rest read ahead", () => {
    const { pageCache, disks, timeNs } = replay(trace);
    // The first window is the request: 32 pages, the most of a window. Its marker has the next one read, and so on.
    expect(pageCache).toMatchObject({ hits: 68, misses: 32, readAhead: 68, readAheadHits: 68 });
    expect(pageCache.readAheadWasted).toBe(0);
    expect(disks[0].readBytes - FILE_BYTES).toBeLessThan(10 * PAGE_SIZE);
    expect(timeNs["ioWait"]).toBeGreaterThan(0);
  });

  it("misses nothing with a warm cache, and reads nothing", () => {
    const { pageCache, disks, timeNs } = replay(trace, { start: "warm" });
    expect(pageCache).toMatchObject({ hits: 100, misses: 0, readAhead: 0 });
    expect(disks[0]).toMatchObject({ reads: 0, readBytes: 0 });
    expect(timeNs["ioWait"]).toBe(0);
  });

  it("misses every page when nothing is read ahead", () => {
    const { pageCache } = replay(trace, {}, { seats: { readahead: "none" } });
    expect(pageCache).toMatchObject({ hits: 0, misses: 100, readAhead: 0, readAheadHits: 0 });
  });

  it("gets the bytes of the file", () => {
    for (const start of ["cold", "warm"] as const) replay(trace, { verify: true, start });
  });
});
