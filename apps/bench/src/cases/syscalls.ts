/** System calls on memory, beside the host kernel's own (c/syscalls.c makes the same calls). */
import { bug, PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { type BenchCase, type Counterpart, type Scale } from "../bench-case.ts";
import { cpuSeconds, timed } from "../cpu-time.ts";
import { mapPages, writesTo } from "../program-memory.ts";

type BySize = Readonly<Record<Scale, number>>;

const NR_MAPPED_PAGES = 16;
const NR_MAP_ROUNDS: BySize = { full: 400_000, quick: 100_000, tiny: 100 };
const NR_FAULT_PAGES: BySize = { full: 32_768, quick: 32_768, tiny: 64 };
const NR_FAULT_ROUNDS: BySize = { full: 12, quick: 4, tiny: 1 };
const NR_RANGE_PAGES: BySize = { full: 100_000, quick: 100_000, tiny: 64 };
const NR_FORKS: BySize = { full: 20, quick: 4, tiny: 1 };
const NR_PROTECTS: BySize = { full: 20, quick: 4, tiny: 1 };

const NR_VMA_WARM_UPS = 5;
const NR_WARM_UP_VMAS = 10_000;
/** VMAs that the kernel may need beside those of a case. */
const MAP_COUNT_MARGIN = 1000;
const USER_MEMORY = PROT_READ | PROT_WRITE;

function unmapPages(kernel: Kernel, task: Task, address: number, nrPages: number): void {
  const result = kernel.munmap(task, address, nrPages * PAGE_SIZE);
  if (result < 0) bug(`munmap of ${nrPages} pages: errno ${-result}`);
}

function writePages(kernel: Kernel, task: Task, words: Int32Array): void {
  if (kernel.accessRuns(task, words, words.length / 2) !== null) bug("a write raised a signal");
}

/** A machine with room for `nrPages` and a task that has mapped and written them. */
function writtenPages(nrPages: number): { kernel: Kernel; task: Task; address: number } {
  const kernel = bootKernel({ memory: "512MiB" });
  const task = kernel.spawn("writer");
  const address = mapPages(kernel, task, nrPages, USER_MEMORY);
  writePages(kernel, task, writesTo(address, nrPages));
  return { kernel, task, address };
}

const common = { group: "syscalls", target: null, input: null };

function counterpart(work: string, size: BySize, rounds: BySize): Counterpart {
  return {
    program: "syscalls",
    macros: () => ({}),
    arguments: (scale) => [work, String(size[scale]), String(rounds[scale])],
  };
}

/** As many_vmas() of c/syscalls.c. Returns how many of the mappings made again lie in the holes. */
function mapAndUnmap(kernel: Kernel, task: Task, nrVmas: number): number {
  const addresses = new Float64Array(nrVmas);
  for (let at = 0; at < nrVmas; at++) {
    addresses[at] = mapPages(kernel, task, 1, at % 2 === 1 ? PROT_READ : PROT_NONE);
  }
  for (let at = 0; at < nrVmas; at += 2) unmapPages(kernel, task, addresses[at], 1);
  let nrRefilled = 0;
  for (let at = 0; at < nrVmas; at += 2) {
    addresses[at] = mapPages(kernel, task, 1, PROT_NONE);
    if (addresses[at] > addresses[nrVmas - 1]) nrRefilled++;
  }
  for (let at = 0; at < nrVmas; at++) unmapPages(kernel, task, addresses[at], 1);
  return nrRefilled;
}

function vmasCase(name: string, nrVmas: number): BenchCase {
  const sizes: BySize = { full: nrVmas, quick: Math.min(nrVmas, 20_000), tiny: 64 };
  // The host lets only root have so many.
  const isHostAble = process.getuid?.() === 0;
  return {
    ...common,
    name,
    describe: `mmap or munmap of one page among ${nrVmas.toLocaleString("en")} mappings that do not merge`,
    unit: { kind: "time", label: "ns/call", one: 1e-9 },
    counterpart: isHostAble ? counterpart("vmas", sizes, { full: 1, quick: 1, tiny: 1 }) : null,
    run(scale) {
      const nr = sizes[scale];
      const kernel = bootKernel({ memory: "1GiB", maxMapCount: nr + MAP_COUNT_MARGIN });
      const task = kernel.spawn("mapper");
      for (let round = 0; round < NR_VMA_WARM_UPS; round++) {
        mapAndUnmap(kernel, task, Math.min(nr, NR_WARM_UP_VMAS));
      }
      let nrRefilled = 0;
      const seconds = timed(() => {
        nrRefilled = mapAndUnmap(kernel, task, nr);
      });
      return { operations: 3 * nr, seconds, checks: { nrRefilled } };
    },
  };
}

export const syscallCases: readonly BenchCase[] = [
  {
    ...common,
    name: "mmap-munmap",
    describe: "mmap of 16 anonymous pages and munmap of them, untouched",
    unit: { kind: "time", label: "ns/pair", one: 1e-9 },
    counterpart: counterpart(
      "mmap-munmap",
      { full: NR_MAPPED_PAGES, quick: NR_MAPPED_PAGES, tiny: NR_MAPPED_PAGES },
      NR_MAP_ROUNDS,
    ),
    run(scale) {
      const kernel = bootKernel({ memory: "64MiB" });
      const task = kernel.spawn("mapper");
      const work = (nrRounds: number): void => {
        for (let round = 0; round < nrRounds; round++) {
          unmapPages(kernel, task, mapPages(kernel, task, NR_MAPPED_PAGES, USER_MEMORY), NR_MAPPED_PAGES);
        }
      };
      work(NR_MAP_ROUNDS[scale] / 4);
      const seconds = timed(() => {
        work(NR_MAP_ROUNDS[scale]);
      });
      return { operations: NR_MAP_ROUNDS[scale], seconds, checks: { nrPages: NR_MAPPED_PAGES } };
    },
  },
  {
    ...common,
    name: "fault",
    describe: "a minor fault: first write to an anonymous page, 128 MiB in one go",
    unit: { kind: "time", label: "ns/fault", one: 1e-9 },
    counterpart: counterpart("fault", NR_FAULT_PAGES, NR_FAULT_ROUNDS),
    run(scale) {
      const kernel = bootKernel({ memory: "256MiB" });
      const task = kernel.spawn("faulter");
      const nrPages = NR_FAULT_PAGES[scale];
      let seconds = 0;
      for (let round = -2; round < NR_FAULT_ROUNDS[scale]; round++) {
        const address = mapPages(kernel, task, nrPages, USER_MEMORY);
        const words = writesTo(address, nrPages);
        const taken = timed(() => {
          writePages(kernel, task, words);
        });
        // Rounds -2 and -1 warm up.
        if (round >= 0) seconds += taken;
        unmapPages(kernel, task, address, nrPages);
      }
      const operations = NR_FAULT_ROUNDS[scale] * nrPages;
      return { operations, seconds, checks: { minorFaults: task.nrMinorFaults } };
    },
  },
  {
    ...common,
    name: "fork",
    describe: "a page of a forked program of 100,000 written pages: its entry copied and write-protected",
    unit: { kind: "time", label: "ns/page", one: 1e-9 },
    counterpart: counterpart("fork", NR_RANGE_PAGES, NR_FORKS),
    run(scale) {
      const nrPages = NR_RANGE_PAGES[scale];
      const { kernel, task } = writtenPages(nrPages);
      let seconds = 0;
      for (let round = -2; round < NR_FORKS[scale]; round++) {
        const start = cpuSeconds();
        const child = kernel.fork(task);
        // Rounds -2 and -1 warm up.
        if (round >= 0) seconds += cpuSeconds() - start;
        kernel.exit(child);
      }
      return { operations: NR_FORKS[scale] * nrPages, seconds, checks: { nrPages } };
    },
  },
  {
    ...common,
    name: "mprotect",
    describe: "a page of 100,000 written ones that mprotect makes read-only or writable",
    unit: { kind: "time", label: "ns/page", one: 1e-9 },
    counterpart: counterpart("mprotect", NR_RANGE_PAGES, NR_PROTECTS),
    run(scale) {
      const nrPages = NR_RANGE_PAGES[scale];
      const { kernel, task, address } = writtenPages(nrPages);
      const protect = (prot: number): void => {
        const result = kernel.mprotect(task, address, nrPages * PAGE_SIZE, prot);
        if (result < 0) bug(`mprotect: errno ${-result}`);
      };
      const work = (nrRounds: number): void => {
        for (let round = 0; round < nrRounds; round++) {
          protect(PROT_READ);
          protect(USER_MEMORY);
        }
      };
      work(2);
      const seconds = timed(() => {
        work(NR_PROTECTS[scale]);
      });
      return { operations: 2 * NR_PROTECTS[scale] * nrPages, seconds, checks: { nrPages } };
    },
  },
  vmasCase("vmas-10k", 10_000),
  vmasCase("vmas-100k", 100_000),
  vmasCase("vmas-1m", 1_000_000),
];
