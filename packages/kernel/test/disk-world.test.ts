/**
 * Four tasks that use files on a disk in every way, byte for byte against a plain model, and again after each remount, with
 * the file system checked in between. `PAGEFRAME_STEPS` sets the steps of each machine (default 20,000), `PAGEFRAME_SEED` the
 * seed.
 */
import { checkFileSystem, type MakeOptions } from "@pageframe/fs";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { DiskHost } from "../src/fs/disk-host.ts";
import { DiskWorld, type DiskWorldOptions, MOUNT } from "./disk-world.ts";

const NR_STEPS = Number(process.env["PAGEFRAME_STEPS"] ?? 20_000);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
const STEPS_PER_AUDIT = 500;
const STEPS_PER_COMPARISON = 1000;
const STEPS_PER_MOUNT = 5000;
const TIMEOUT_MS = 600_000;

function expectSound(kernel: Kernel): void {
  expect(checkFileSystem(new DiskHost(kernel.sys, kernel.sys.disks[0], true))).toEqual([]);
}

function bootWorld(
  config: KernelConfigInput,
  options: DiskWorldOptions,
  format: MakeOptions = {},
): DiskWorld {
  const kernel = bootKernel({ contents: "sparse", ...config });
  expect(kernel.mkfs("vda", format)).toBe(0);
  expect(kernel.mount("vda", MOUNT)).toBe(0);
  return new DiskWorld(kernel, options);
}

/** Runs steps with audits, comparisons and remounts in between and at the end. */
function runWorld(world: DiskWorld, nrSteps: number): void {
  const { kernel } = world;
  const look = (): void => {
    expectSound(kernel);
  };
  for (let done = 0; done < nrSteps;) {
    world.run(Math.min(STEPS_PER_AUDIT, nrSteps - done));
    done += STEPS_PER_AUDIT;
    kernel.audit();
    if (done % STEPS_PER_MOUNT === 0) world.remount(look);
    else if (done % STEPS_PER_COMPARISON === 0) world.compareAll();
  }
  world.remount(look);
  kernel.audit();
}

describe(`files on a disk that four tasks use in every way (seed ${SEED})`, () => {
  it.each([
    ["takes no time", 0, "none", "none"],
    ["is quick and serves many requests at once", 1, "nvme", "none"],
    ["turns, with requests sorted", 2, "hdd", "mq-deadline"],
  ])(
    "hold what a plain model says, on a device that %s",
    (_, at, model, scheduler) => {
      const config = { memory: "8MiB", disks: [{ size: "32MiB", model, scheduler }] };
      const world = bootWorld(config, { seed: SEED + 100 * at });
      runWorld(world, NR_STEPS);
      const counters = world.kernel.proc.vmstat();
      expect(counters["nr_written"]).toBeGreaterThan(NR_STEPS / 20);
      expect(counters["pgmajfault"]).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    "hold it under memory pressure too",
    () => {
      const world = bootWorld(
        { memory: "512KiB", swap: [{ size: "8MiB" }], disks: [{ size: "32MiB" }] },
        { seed: SEED, isSmallMemory: true, nrAnonPages: 96 },
      );
      runWorld(world, NR_STEPS);
      const counters = world.kernel.proc.vmstat();
      expect(counters["pgsteal_file"]).toBeGreaterThan(NR_STEPS / 20);
      expect(counters["pswpout"]).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    "keep what was there when the disk is full",
    () => {
      const world = bootWorld(
        { memory: "8MiB", disks: [{ size: "520KiB" }] },
        { seed: SEED, isSmallDisk: true },
        { nrInodes: 16 },
      );
      runWorld(world, NR_STEPS);
      // It takes some thousand steps until the disk is full.
      if (NR_STEPS >= 5000) expect(world.nrFull).toBeGreaterThan(NR_STEPS / 1000);
    },
    TIMEOUT_MS,
  );

  it(
    "do not change on a file system that is mounted read-only",
    () => {
      const world = bootWorld({ memory: "8MiB", disks: [{ size: "32MiB" }] }, { seed: SEED });
      world.run(2000);
      world.remount(() => {
        expectSound(world.kernel);
      }, true);
      const nrWritten = world.kernel.sys.disks[0].device.stats.nrWrites;
      world.run(Math.ceil(NR_STEPS / 4));
      world.compareAll();
      world.kernel.audit();
      expect(world.kernel.sys.disks[0].device.stats.nrWrites).toBe(nrWritten);
    },
    TIMEOUT_MS,
  );
});
