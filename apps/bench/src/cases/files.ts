/** Files in memory, beside the host kernel's own page cache (c/files.c) and beside a plain copy. */
import { bug, O_CREAT, O_RDWR, PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { PageIndex, PageIndexPool } from "@pageframe/pagecache";
import { type BenchCase, type Counterpart, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";

type BySize = Readonly<Record<Scale, number>>;

/** Bytes of one call: 128 KiB, as cp(1) and most programs move them. */
const BLOCK_BYTES: number = 32 * PAGE_SIZE;
const NR_CACHED_PAGES: BySize = { full: 16_384, quick: 4096, tiny: 64 };
const NR_CACHED_ROUNDS: BySize = { full: 20, quick: 8, tiny: 1 };
const NR_WARM_UP_ROUNDS = 2;
const NR_WRITEBACK_ROUNDS: BySize = { full: 3, quick: 2, tiny: 1 };
const NR_LOOKUPS: BySize = { full: 20_000_000, quick: 4_000_000, tiny: 1000 };
const ONCE: BySize = { full: 1, quick: 1, tiny: 1 };
/** A step that visits every page of a file of 2^n pages in an order that no cache line likes. */
const LOOKUP_STEP = 40_503;

const common = { group: "files", target: null, input: null };
const GIGABYTES = { kind: "rate", label: "GB/s", one: 1e9 } as const;

function counterpart(work: string, size: BySize, rounds: BySize): Counterpart {
  return {
    program: "files",
    macros: () => ({}),
    arguments: (scale) => [work, String(size[scale]), String(rounds[scale])],
  };
}

/** A machine with an empty file system on a disk that takes no time, and a task. */
function bootWithDisk(
  memory: string,
  diskSize: string,
  contents: "none" | "dense",
): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory, contents, disks: [{ size: diskSize, model: "none" }] });
  if (kernel.mkfs("vda") !== 0 || kernel.mount("vda", "/") !== 0)
    bug(`no file system: ${kernel.mountProblem}`);
  return { kernel, task: kernel.spawn("bench") };
}

function openFile(kernel: Kernel, task: Task, path: string): number {
  const file = kernel.open(task, path, O_RDWR | O_CREAT);
  return file < 0 ? bug(`open of ${path}: errno ${-file}`) : file;
}

function writeAll(kernel: Kernel, task: Task, file: number, block: Uint8Array, nrPages: number): void {
  for (let at = 0; at < nrPages * PAGE_SIZE; at += block.length) {
    if (kernel.pwrite(task, file, block, at) !== block.length) bug(`a write at byte ${at} failed`);
  }
}

function readAll(kernel: Kernel, task: Task, file: number, block: Uint8Array, nrPages: number): void {
  for (let at = 0; at < nrPages * PAGE_SIZE; at += block.length) {
    if (kernel.pread(task, file, block, at) !== block.length) bug(`a read at byte ${at} failed`);
  }
}

function cachedCase(name: string, describe: string, isWrite: boolean): BenchCase {
  return {
    ...common,
    name,
    describe,
    unit: GIGABYTES,
    counterpart: counterpart(isWrite ? "write" : "read", NR_CACHED_PAGES, NR_CACHED_ROUNDS),
    run(scale) {
      const nrPages = NR_CACHED_PAGES[scale];
      const { kernel, task } = bootWithDisk("512MiB", "128MiB", "dense");
      const file = openFile(kernel, task, "/file");
      const block = Uint8Array.from({ length: BLOCK_BYTES }, (_, at) => at * 7);
      writeAll(kernel, task, file, block, nrPages);
      let seconds = 0;
      for (let round = -NR_WARM_UP_ROUNDS; round < NR_CACHED_ROUNDS[scale]; round++) {
        const taken = timed(() => {
          if (isWrite) writeAll(kernel, task, file, block, nrPages);
          else readAll(kernel, task, file, block, nrPages);
        });
        if (round >= 0) seconds += taken;
      }
      return { operations: NR_CACHED_ROUNDS[scale] * nrPages * PAGE_SIZE, seconds, checks: { nrPages } };
    },
  };
}

function writebackCase(name: string, nrPages: number): BenchCase {
  const sizes: BySize = { full: nrPages, quick: Math.min(nrPages, 20_000), tiny: 64 };
  return {
    ...common,
    name,
    describe: `a dirty page written back by fsync, of ${nrPages.toLocaleString("en")} in one file`,
    unit: { kind: "time", label: "ns/page", one: 1e-9 },
    counterpart: counterpart("writeback", sizes, NR_WRITEBACK_ROUNDS),
    run(scale) {
      const nr = sizes[scale];
      // Memory enough that nobody is held back while pages are made dirty.
      const { kernel, task } = bootWithDisk(`${Math.max(64, Math.ceil(nr / 32))}MiB`, "1GiB", "none");
      const file = openFile(kernel, task, "/file");
      const page = new Uint8Array(PAGE_SIZE);
      let seconds = 0;
      for (let round = 0; round < NR_WRITEBACK_ROUNDS[scale]; round++) {
        for (let at = 0; at < nr; at++) kernel.pwrite(task, file, page, at * PAGE_SIZE);
        seconds += timed(() => {
          if (kernel.fsync(task, file) !== 0) bug("fsync failed");
        });
      }
      return { operations: NR_WRITEBACK_ROUNDS[scale] * nr, seconds, checks: { nrPages: nr } };
    },
  };
}

function lookupCase(name: string, nrPages: number): BenchCase {
  return {
    ...common,
    name,
    describe: `a page found in the index of a file with ${nrPages.toLocaleString("en")} cached pages, in no order`,
    unit: { kind: "time", label: "ns/lookup", one: 1e-9 },
    counterpart: null,
    run(scale) {
      const index = new PageIndex(new PageIndexPool());
      for (let pgoff = 0; pgoff < nrPages; pgoff++) index.store(pgoff, pgoff + 1);
      let sum = 0;
      const work = (nr: number): void => {
        let pgoff = 0;
        for (let at = 0; at < nr; at++) {
          sum += index.load(pgoff) - pgoff;
          pgoff = (pgoff + LOOKUP_STEP) % nrPages;
        }
      };
      work(NR_LOOKUPS[scale] / 4);
      sum = 0;
      const seconds = timed(() => {
        work(NR_LOOKUPS[scale]);
      });
      return { operations: NR_LOOKUPS[scale], seconds, checks: { found: sum } };
    },
  };
}

function smallFilesCase(name: string, nrFiles: number): BenchCase {
  const sizes: BySize = { full: nrFiles, quick: Math.min(nrFiles, 5000), tiny: 16 };
  return {
    ...common,
    name,
    describe: `a file made, written and closed, ${nrFiles.toLocaleString("en")} in one directory`,
    unit: { kind: "time", label: "ns/file", one: 1e-9 },
    counterpart: counterpart("small", sizes, ONCE),
    run(scale) {
      const nr = sizes[scale];
      const kernel = bootKernel({
        memory: "1GiB",
        contents: "none",
        disks: [{ size: "2GiB", model: "none" }],
      });
      if (kernel.mkfs("vda", { nrInodes: nr + 100 }) !== 0 || kernel.mount("vda", "/") !== 0)
        bug("no file system");
      const task = kernel.spawn("bench");
      const byte = Uint8Array.of(1);
      const seconds = timed(() => {
        for (let at = 0; at < nr; at++) {
          const file = openFile(kernel, task, `/file-${at}`);
          kernel.pwrite(task, file, byte, 0);
          kernel.closeFile(file);
        }
      });
      return { operations: nr, seconds, checks: { nrFiles: nr } };
    },
  };
}

export const fileCases: readonly BenchCase[] = [
  cachedCase("file-read", "a cached file of 64 MiB read by pread(2) of 128 KiB", false),
  cachedCase("file-write", "a cached file of 64 MiB written over by pwrite(2) of 128 KiB", true),
  {
    ...common,
    name: "buffer-copy",
    describe: "64 MiB copied by Uint8Array.set in pieces of 128 KiB: no page cache at all",
    unit: GIGABYTES,
    counterpart: null,
    run(scale) {
      const nrBytes = NR_CACHED_PAGES[scale] * PAGE_SIZE;
      const store = new Uint8Array(nrBytes).fill(7);
      const block = new Uint8Array(BLOCK_BYTES);
      let seconds = 0;
      for (let round = -NR_WARM_UP_ROUNDS; round < NR_CACHED_ROUNDS[scale]; round++) {
        const taken = timed(() => {
          for (let at = 0; at < nrBytes; at += BLOCK_BYTES) block.set(store.subarray(at, at + BLOCK_BYTES));
        });
        if (round >= 0) seconds += taken;
      }
      return { operations: NR_CACHED_ROUNDS[scale] * nrBytes, seconds, checks: { last: block[0] } };
    },
  },
  lookupCase("lookup-1000", 1000),
  lookupCase("lookup-100000", 100_000),
  lookupCase("lookup-10000000", 10_000_000),
  writebackCase("writeback-1000", 1000),
  writebackCase("writeback-10000", 10_000),
  writebackCase("writeback-100000", 100_000),
  smallFilesCase("files-1000", 1000),
  smallFilesCase("files-10000", 10_000),
  smallFilesCase("files-100000", 100_000),
];
