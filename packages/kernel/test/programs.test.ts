/**
 * Four programs that use every system call on memory, byte for byte against a plain model. `PAGEFRAME_STEPS` sets the
 * steps (default 100,000 with memory for all, as many under pressure, as many with failures), `PAGEFRAME_SEED` the seed.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EIO, PAGE_SIZE, type SwapBackend } from "@pageframe/contracts";
import { bootKernel, type KernelConfigInput } from "@pageframe/kernel";
import { FaultySwapBackend } from "@pageframe/swap";
import { afterAll, describe, expect, it } from "vitest";
import { ProgramWorld } from "./program-world.ts";

const NR_STEPS = Number(process.env["PAGEFRAME_STEPS"] ?? 100_000);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
const STEPS_PER_BATCH = 500;
/** Header included. */
const SWAP_PAGES = 1025;
/** A hundred thousand steps take ten seconds on a quiet machine. */
const TIMEOUT_MS = 300_000;
const SWAP = [{ size: "4MiB" }];

const directory = mkdtempSync(join(tmpdir(), "pageframe-programs-"));
const openFiles: number[] = [];
afterAll(() => {
  for (const fd of openFiles) closeSync(fd);
  rmSync(directory, { recursive: true });
});

/** Swap in a file of the host: bytes really leave the process. */
class FileBackend implements SwapBackend {
  readonly name = "file";
  readonly nrPages = SWAP_PAGES;
  private readonly fd: number;

  constructor(path: string) {
    this.fd = openSync(path, "w+");
    openFiles.push(this.fd);
    ftruncateSync(this.fd, SWAP_PAGES * PAGE_SIZE);
  }

  readPage(offset: number, into: Uint8Array): number {
    return readSync(this.fd, into, 0, PAGE_SIZE, offset * PAGE_SIZE) === PAGE_SIZE ? 0 : -EIO;
  }

  writePage(offset: number, from: Uint8Array): number {
    return writeSync(this.fd, from, 0, PAGE_SIZE, offset * PAGE_SIZE) === PAGE_SIZE ? 0 : -EIO;
  }

  close(): void {
    // Closed when all tests are done.
  }
}

function runPrograms(
  nrSteps: number,
  config: KernelConfigInput,
  backend: SwapBackend | null,
  isSwapFaulty: boolean,
): { world: ProgramWorld; counters: Record<string, number> } {
  const kernel = bootKernel(config, { swapBackends: backend === null ? [] : [backend] });
  const world = new ProgramWorld(kernel, { seed: SEED, isSwapFaulty });
  for (let done = 0; done < nrSteps; done += STEPS_PER_BATCH) {
    world.run(Math.min(STEPS_PER_BATCH, nrSteps - done));
    kernel.audit();
  }
  world.compareAll();
  kernel.audit();
  return { world, counters: kernel.proc.vmstat() };
}

describe(`programs that use every system call on memory (seed ${SEED})`, () => {
  it(
    "read what a plain model says, with memory for all",
    () => {
      const { world, counters } = runPrograms(
        NR_STEPS,
        { memory: "8MiB", swap: SWAP, contents: "sparse" },
        null,
        false,
      );
      expect(world.nrKilled).toBe(0);
      expect(counters["pgfault"]).toBeGreaterThan(NR_STEPS / 10);
    },
    TIMEOUT_MS,
  );

  it.each([
    ["that is done at once", true, 2, "448KiB"],
    ["that takes its time", false, 1, "320KiB"],
  ] as const)(
    "read it under memory pressure too, with swap in a file of the host %s",
    (_, synchronous, cpus, memory) => {
      const { counters } = runPrograms(
        Math.ceil(NR_STEPS / 2),
        { memory, cpus, swap: [{ size: "4MiB", synchronous }], contents: "sparse" },
        new FileBackend(join(directory, `swap-${cpus}`)),
        false,
      );
      expect(counters["pswpout"]).toBeGreaterThan(0);
      expect(counters["pswpin"]).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    "lose nothing when the swap file fails now and then: its owner gets SIGBUS",
    () => {
      const faulty = new FaultySwapBackend(new FileBackend(join(directory, "faulty")), {
        probability: 0.05,
        seed: SEED,
      });
      const { world, counters } = runPrograms(
        NR_STEPS,
        { memory: "320KiB", swap: SWAP, contents: "sparse" },
        faulty,
        true,
      );
      expect(faulty.nrFaults).toBeGreaterThan(0);
      expect(world.nrSwapErrors).toBeGreaterThan(0);
      expect(counters["pswpin"]).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
