import {
  MADV_POPULATE_WRITE,
  MAP_FIXED,
  MAP_SHARED,
  PAGE_SIZE,
  PG_ACTIVE,
  PG_DIRTY,
  PG_MLOCKED,
  PG_REFERENCED,
  PG_UPTODATE,
  PROT_READ,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { READ_WRITE } from "./helpers.ts";
import { DiskWorld } from "./mapped-world.ts";

/** Flags of a page of a file in the cache, in the letters that scripts have. */
function flagsOf({ kernel }: DiskWorld, file: number, page: number): string {
  const { memmap, files, lru, currentCpu } = kernel.sys;
  lru.drain(currentCpu);
  const pfn = files.inodeOf(file).pages.load(page);
  if (pfn < 0) return "-";
  const letters: [number, string][] = [
    [PG_UPTODATE, "U"],
    [PG_REFERENCED, "r"],
    [PG_DIRTY, "d"],
    [PG_ACTIVE, "a"],
    [PG_MLOCKED, "m"],
  ];
  return letters
    .filter(([flag]) => memmap.hasFlags(pfn, flag))
    .map(([, letter]) => letter)
    .join("");
}

// Expected values: recorded on Linux 6.18.44 with ext4, tools/oracle/records/disk-areas (large-folios, file-mlock, truncate, sparse).
describe("faults on large folios of a file", () => {
  it("map them as a whole, but for the one that ends with the file", () => {
    const world = new DiskWorld();
    const file = world.file("/mnt/a", 256, 1, true);
    const { kernel, task } = world;
    const flags = MAP_SHARED | MAP_FIXED;
    // Which pages come around a fault goes by the address.
    const address = kernel.mmap(task, 0x1000_0000_0000, 256 * PAGE_SIZE, PROT_READ, flags, file, 0);
    world.faults();
    for (let page = 0; page < 256; page++) kernel.read(task, address + page * PAGE_SIZE);
    expect(world.faults()).toEqual([12, 1]);
    kernel.audit();
  });

  it("lock them in a locked mapping when they map them as a whole", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 128, 1, true);
    const address = world.map(file, 128, PROT_READ, MAP_SHARED);
    expect(kernel.mlock(task, address + 10 * PAGE_SIZE, 30 * PAGE_SIZE)).toBe(0);
    expect(flagsOf(world, file, 36)).toContain("m");
    expect(kernel.munlock(task, address + 10 * PAGE_SIZE, 30 * PAGE_SIZE)).toBe(0);
    expect(flagsOf(world, file, 36)).not.toContain("m");
    kernel.audit();
  });
});

describe("the page that a file's end cuts", () => {
  it("counts as used, and is dirty, when the file shrinks, also to the size that it has", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 40);
    expect(kernel.ftruncate(task, file, 25 * PAGE_SIZE + 1)).toBe(0);
    expect(flagsOf(world, file, 25)).toBe("Urd");
    expect(kernel.ftruncate(task, file, 25 * PAGE_SIZE + 1)).toBe(0);
    expect(flagsOf(world, file, 25)).toBe("Uda");
  });

  it("is made where there is a hole, not up to date", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 1);
    kernel.ftruncate(task, file, 40 * PAGE_SIZE);
    expect(kernel.ftruncate(task, file, 25 * PAGE_SIZE + 1)).toBe(0);
    expect(flagsOf(world, file, 25)).toBe("r");
  });

  it("counts as used when something is written behind it, as does the page written to unless that begins at its start", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 8);
    kernel.pwrite(task, file, new Uint8Array(1), 10 * PAGE_SIZE);
    expect(flagsOf(world, file, 10)).toBe("Ud");
    kernel.pwrite(task, file, new Uint8Array(1), 12 * PAGE_SIZE + 100);
    expect([flagsOf(world, file, 10), flagsOf(world, file, 12)]).toEqual(["Urd", "Urd"]);
  });
});

describe("a commit that another file asks for", () => {
  it("leaves pages dirty and writable that have not been written yet, and writes what a new end made zeros", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const other = world.file("/mnt/b", 1);
    const cut = world.file("/mnt/c", 8);
    const file = kernel.open(task, "/mnt/a", 0o102);
    kernel.ftruncate(task, file, 8 * PAGE_SIZE);
    const address = world.map(file, 8, READ_WRITE, MAP_SHARED);
    kernel.write(task, address, 1);
    kernel.ftruncate(task, cut, 4 * PAGE_SIZE + 1);
    kernel.pwrite(task, other, new Uint8Array(1), 0);
    expect([flagsOf(world, file, 0), flagsOf(world, cut, 4)]).toEqual(["Ud", "Urd"]);
    expect(kernel.fsync(task, other)).toBe(0);
    expect([flagsOf(world, file, 0), flagsOf(world, cut, 4)]).toEqual(["Ud", "Ur"]);
    world.faults();
    kernel.write(task, address, 2);
    expect(world.faults()).toEqual([0, 0]);
    kernel.audit();
  });
});

describe("MADV_POPULATE_WRITE", () => {
  it("lets the next write through without a fault, on a page that was read before", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const address = world.map(world.file("/mnt/a", 8), 8, READ_WRITE, MAP_SHARED);
    kernel.read(task, address);
    expect(kernel.madvise(task, address, PAGE_SIZE, MADV_POPULATE_WRITE)).toBe(0);
    world.faults();
    kernel.write(task, address, 1);
    expect(world.faults()).toEqual([0, 0]);
  });
});
