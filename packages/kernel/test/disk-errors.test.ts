/**
 * Disks that fail during random file work. First sectors of files, one file at a time, so that everything can still be compared;
 * then any sector, metadata too, and a power cut that the machine outlives: no step may throw, and what is left can be mounted.
 * `PAGEFRAME_STEPS` sets the steps (default 6,000 for each kind of failure), `PAGEFRAME_SEED` the seed.
 */
import {
  type BlockBackend,
  EIO,
  MAP_SHARED,
  NO_BLOCK,
  O_CREAT,
  O_DIRECT,
  O_RDONLY,
  O_RDWR,
  PAGE_SECTORS,
  PAGE_SIZE,
  POSIX_FADV_DONTNEED,
  PROT_READ,
  PROT_WRITE,
  SIGBUS,
} from "@pageframe/contracts";
import { type BlockFault, FaultyBlockBackend, MemoryBlockBackend } from "@pageframe/block";
import { checkFileSystem } from "@pageframe/fs";
import { bootKernel, type Kernel } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { DiskHost } from "../src/fs/disk-host.ts";
import { DiskWorld, type DiskWorldOptions, MOUNT } from "./disk-world.ts";
import { type PlainFile } from "./plain-disk.ts";

const NR_STEPS = Number(process.env["PAGEFRAME_STEPS"] ?? 6_000);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
const STEPS_PER_AUDIT = 300;
const STEPS_PER_EPISODE = 25;
const NR_SECTORS = 8192;
const TIMEOUT_MS = 600_000;

/** A device with blocks that fail for as long as somebody wants. */
class BadBlocksBackend implements BlockBackend {
  readonly name = "bad-blocks";
  readonly nrSectors = NR_SECTORS;
  readonly isReadOnly = false;
  badReads = new Set<number>();
  badWrites = new Set<number>();
  nrFailed = 0;
  private readonly inner = new MemoryBlockBackend(NR_SECTORS);

  readSectors(sector: number, into: Uint8Array): number {
    return this.fails(this.badReads, sector) ? -EIO : this.inner.readSectors(sector, into);
  }

  writeSectors(sector: number, from: Uint8Array): number {
    return this.fails(this.badWrites, sector) ? -EIO : this.inner.writeSectors(sector, from);
  }

  flush(): number {
    return 0;
  }

  close(): void {
    this.inner.close();
  }

  private fails(bad: ReadonlySet<number>, sector: number): boolean {
    if (!bad.has(Math.floor(sector / PAGE_SECTORS))) return false;
    this.nrFailed++;
    return true;
  }
}

interface Target {
  readonly path: string;
  readonly file: PlainFile;
  /** Pages of the file that have blocks, and those blocks. */
  readonly blocks: Map<number, number>;
}

/** File work with blocks of one file failing now and then. */
class BadBlocksWorld extends DiskWorld {
  nrWriteEpisodes = 0;
  nrReadEpisodes = 0;
  nrShortReads = 0;
  private readonly backend: BadBlocksBackend;

  constructor(kernel: Kernel, backend: BadBlocksBackend, options: DiskWorldOptions) {
    super(kernel, options);
    this.backend = backend;
  }

  protected override step(): void {
    super.step();
    if (this.below(STEPS_PER_EPISODE) > 0) return;
    const target = this.findTarget();
    if (target === null) return;
    if (this.below(2) === 0) this.failWrites(target);
    else this.failReads(target);
  }

  private get task() {
    return this.programs[0].task;
  }

  private openTarget({ path }: Target, flags: number): number {
    const id = this.kernel.open(this.task, path, flags);
    if (id < 0) throw new Error(`open of ${path} gave ${id}`);
    return id;
  }

  /** A file with blocks on the disk, all written. */
  private findTarget(): Target | null {
    const files = [...this.tree.files()].filter(([, file]) => file.sizeBytes > 0);
    if (files.length === 0) return null;
    const [path, file] = files[this.below(files.length)];
    const { kernel } = this;
    kernel.sync(this.task);
    const { fs } = kernel.sys.mounts[0]!;
    const attributes = kernel.stat(this.task, path);
    if (typeof attributes === "number") throw new Error(`stat of ${path} gave ${attributes}`);
    const blocks = new Map<number, number>();
    const mapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
    for (let index = 0; index < file.nrPages; index++) {
      const error = fs.mapBlocks(attributes.ino, index, 1, false, mapping);
      if (error < 0) throw new Error(`mapBlocks gave ${error}`);
      if (mapping.block !== NO_BLOCK) blocks.set(index, mapping.block);
    }
    return blocks.size === 0 ? null : { path, file, blocks };
  }

  /** Pages that cannot be written are told of once to each opening, and can be written when the disk is well again. */
  private failWrites(target: Target): void {
    this.nrWriteEpisodes++;
    const { kernel, backend, task } = this;
    const first = this.openTarget(target, O_RDWR);
    const second = this.openTarget(target, O_RDONLY);
    backend.badWrites = new Set(target.blocks.values());
    const indices = [...target.blocks.keys()];
    const index = indices[this.below(indices.length)];
    const nrInPage = Math.min(PAGE_SIZE, target.file.sizeBytes - index * PAGE_SIZE);
    const bytes = new Uint8Array(1 + this.below(nrInPage)).fill(this.below(256));
    const at = index * PAGE_SIZE;
    backend.nrFailed = 0;
    if (this.below(2) === 0) {
      expect(kernel.pwrite(task, first, bytes, at)).toBe(bytes.length);
    } else {
      const address = kernel.mmap(task, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, first, at);
      for (const [offset, byte] of bytes.subarray(0, 8).entries())
        expect(kernel.write(task, address + offset, byte)).toBeNull();
      kernel.munmap(task, address, PAGE_SIZE);
    }
    // Somebody else may write it before fsync() does.
    if (this.below(2) === 0) kernel.sync(task);
    const late = this.openTarget(target, O_RDONLY);
    expect([kernel.fsync(task, first), kernel.fsync(task, first)], "fsync by the writer").toEqual([-EIO, 0]);
    expect([kernel.fsync(task, second), kernel.fdatasync(task, second)], "fsync by another").toEqual([
      -EIO,
      0,
    ]);
    expect(backend.nrFailed).toBeGreaterThan(0);
    // Nobody had heard of an error that was there when this one was opened; of one that came later it hears too.
    expect([kernel.fsync(task, late), kernel.fsync(task, late)], "fsync by a late one").toEqual([-EIO, 0]);
    const last = this.openTarget(target, O_RDONLY);
    expect(kernel.fsync(task, last), "fsync by one opened afterwards").toBe(0);
    backend.badWrites = new Set();
    expect(kernel.pwrite(task, first, bytes, at)).toBe(bytes.length);
    target.file.write(at, bytes);
    expect(kernel.fsync(task, first), "fsync of a disk that is well again").toBe(0);
    for (const id of [first, second, late, last]) kernel.closeFile(id);
    // Openings of the random work hear of it as well, and those that only mappings have left.
    for (const { id, file } of this.openings) if (file === target.file) kernel.fsync(task, id);
    this.tellMappings(target.file);
  }

  /** Pages that cannot be read give -EIO or SIGBUS, and are read when the disk is well again. */
  private failReads(target: Target): void {
    this.nrReadEpisodes++;
    const { kernel, backend, task } = this;
    const { file } = target;
    const isDirect = this.below(4) === 0;
    const id = this.openTarget(target, isDirect ? O_RDONLY | O_DIRECT : O_RDONLY);
    kernel.fadvise(task, id, 0, 0, POSIX_FADV_DONTNEED);
    const address = kernel.mmap(task, 0, file.nrPages * PAGE_SIZE, PROT_READ, MAP_SHARED, id, 0);
    backend.badReads = new Set(target.blocks.values());
    const to = new Uint8Array(4 * PAGE_SIZE);
    for (let at = 0; at < file.sizeBytes; at += to.length) {
      backend.nrFailed = 0;
      const found = kernel.pread(task, id, to, at);
      const expected = Math.min(to.length, file.sizeBytes - at);
      if (found < 0) expect(found).toBe(-EIO);
      else expect(file.firstDifference(at, to.subarray(0, found)), "bytes beside bad ones").toBe(-1);
      if (found === expected) continue;
      this.nrShortReads++;
      expect(backend.nrFailed).toBeGreaterThan(0);
    }
    for (let index = 0; index < Math.min(file.nrPages, 64); index++) {
      const found = kernel.read(task, address + index * PAGE_SIZE);
      if (typeof found === "number") expect(found).toBe(file.byte(index * PAGE_SIZE));
      else expect(found.signal).toBe(SIGBUS);
    }
    backend.badReads = new Set();
    for (let index = 0; index < Math.min(file.nrPages, 64); index++)
      expect(kernel.read(task, address + index * PAGE_SIZE)).toBe(file.byte(index * PAGE_SIZE));
    kernel.munmap(task, address, file.nrPages * PAGE_SIZE);
    kernel.closeFile(id);
  }
}

/** File work on a disk that fails wherever it likes: what calls answer is not looked at, but nothing may throw. */
class ChaosWorld extends DiskWorld {
  nrRefused = 0;

  protected override step(): void {
    try {
      super.step();
    } catch (error) {
      // The plain model cannot know what failed; the kernel must.
      if (!(error instanceof Error) || error.constructor !== Error) throw error;
      this.nrRefused++;
    }
  }

  /** Ends everybody and unmounts, whatever that answers. */
  leave(): void {
    const { kernel } = this;
    for (const { task } of this.programs) if (!task.hasExited) kernel.exit(task);
    for (const file of kernel.sys.files.opened) {
      if (file?.inode.kind === "disk" && file.isOpen) kernel.closeFile(file.id);
    }
    kernel.audit();
    kernel.umount(MOUNT);
    kernel.audit();
    expect(kernel.sys.mounts[0]).toBeNull();
  }
}

/** Mounts what lies on a device in a new machine, looks at all of it, and checks it. */
function expectRecovers(backend: BlockBackend): void {
  const kernel = bootKernel(
    { memory: "4MiB", contents: "sparse", disks: [{ size: "4MiB" }] },
    { diskBackends: [backend] },
  );
  expect(kernel.mount("vda", MOUNT), kernel.mountProblem).toBe(0);
  const task = kernel.spawn("look");
  const pending = [MOUNT];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const entries = kernel.readdir(task, path);
    expect(entries).toBeInstanceOf(Array);
    for (const { name } of entries as { name: string }[]) {
      const here = `${path}/${name}`;
      const attributes = kernel.stat(task, here, false);
      expect(attributes).toBeTypeOf("object");
      if (kernel.readdir(task, here) instanceof Array && typeof kernel.readlink(task, here) === "number")
        pending.push(here);
    }
  }
  kernel.audit();
  expect(kernel.umount(MOUNT)).toBe(0);
  expect(checkFileSystem(new DiskHost(kernel.sys, kernel.sys.disks[0], true))).toEqual([]);
}

function bootChaos(backend: BlockBackend, seed: number, model: string): ChaosWorld {
  const kernel = bootKernel(
    { memory: "1MiB", swap: [{ size: "8MiB" }], contents: "sparse", disks: [{ size: "4MiB", model }] },
    { diskBackends: [backend] },
  );
  const error = kernel.mount("vda", MOUNT);
  if (error !== 0) expect(kernel.mount("vda", MOUNT), kernel.mountProblem).toBe(0);
  return new ChaosWorld(kernel, { seed, isSmallMemory: true, nrAnonPages: 64 });
}

/** A memory device with an empty file system. */
function formatted(): MemoryBlockBackend {
  const backend = new MemoryBlockBackend(NR_SECTORS);
  const kernel = bootKernel(
    { memory: "4MiB", contents: "sparse", disks: [{ size: "4MiB" }] },
    { diskBackends: [backend] },
  );
  expect(kernel.mkfs("vda")).toBe(0);
  return backend;
}

describe("metadata that could not be written", () => {
  it("stays in the journal, and is there at the next mount", () => {
    const backend = new BadBlocksBackend();
    const kernel = bootKernel(
      { memory: "8MiB", contents: "sparse", disks: [{ size: "4MiB" }] },
      { diskBackends: [backend] },
    );
    expect(kernel.mkfs("vda")).toBe(0);
    expect(kernel.mount("vda", MOUNT)).toBe(0);
    const task = kernel.spawn("test");
    const file = kernel.open(task, `${MOUNT}/a`, O_RDWR | O_CREAT);
    expect(kernel.pwrite(task, file, new Uint8Array(PAGE_SIZE).fill(7), 0)).toBe(PAGE_SIZE);
    // Committed: from here on the journal has it, and buffers may be written any time.
    expect(kernel.fsync(task, file)).toBe(0);
    kernel.closeFile(file);
    const dirty = [...kernel.sys.disks[0].buffers.keys()];
    backend.badWrites = new Set(dirty);
    backend.nrFailed = 0;
    kernel.sync(task);
    expect(backend.nrFailed).toBeGreaterThan(0);
    backend.badWrites = new Set();
    expect(kernel.umount(MOUNT)).toBeLessThan(0);
    kernel.audit();
    expect(kernel.mount("vda", MOUNT)).toBe(0);
    const again = kernel.open(task, `${MOUNT}/a`);
    const back = new Uint8Array(PAGE_SIZE);
    expect(kernel.pread(task, again, back, 0)).toBe(PAGE_SIZE);
    expect(back[0]).toBe(7);
    kernel.closeFile(again);
    expect(kernel.umount(MOUNT)).toBe(0);
    expect(checkFileSystem(new DiskHost(kernel.sys, kernel.sys.disks[0], true))).toEqual([]);
  });
});

describe(`files on a disk that fails (seed ${SEED})`, () => {
  it(
    "tell each opening once of pages that could not be written, give -EIO or SIGBUS for those that cannot be read",
    () => {
      const backend = new BadBlocksBackend();
      const kernel = bootKernel(
        { memory: "8MiB", contents: "sparse", disks: [{ size: "4MiB" }] },
        { diskBackends: [backend] },
      );
      expect(kernel.mkfs("vda")).toBe(0);
      expect(kernel.mount("vda", MOUNT)).toBe(0);
      const world = new BadBlocksWorld(kernel, backend, { seed: SEED, maxFilePages: 20, farPage: 30 });
      for (let done = 0; done < NR_STEPS; done += STEPS_PER_AUDIT) {
        world.run(STEPS_PER_AUDIT);
        kernel.audit();
      }
      world.remount(() => {
        expect(checkFileSystem(new DiskHost(kernel.sys, kernel.sys.disks[0], true))).toEqual([]);
      });
      expect(world.nrWriteEpisodes).toBeGreaterThan(NR_STEPS / 100);
      expect(world.nrShortReads).toBeGreaterThan(NR_STEPS / 200);
    },
    TIMEOUT_MS,
  );

  const faults: [string, BlockFault[]][] = [
    ["reads", [{ on: "reads", rate: 0.02 }]],
    ["writes", [{ on: "writes", rate: 0.01 }]],
    ["torn writes", [{ on: "writes", rate: 0.01, isTorn: true }]],
    [
      "sectors for good",
      [
        { on: "writes", rate: 0.003, isPersistent: true },
        { on: "reads", rate: 0.003, isPersistent: true },
      ],
    ],
  ];
  it.each(faults)(
    "throw nothing when any of its %s fail, and what is left can be mounted",
    (_, kinds) => {
      const NR_MACHINES = 10;
      const empty = formatted();
      for (let at = 0; at < NR_MACHINES; at++) {
        const store = empty.fork();
        const faulty = new FaultyBlockBackend(store, {
          seed: SEED + at,
          faults: kinds,
          writeCacheSectors: 0,
        });
        const world = bootChaos(faulty, SEED + at, at % 2 === 0 ? "nvme" : "none");
        for (let done = 0; done < NR_STEPS / NR_MACHINES; done += STEPS_PER_AUDIT) {
          world.run(Math.min(STEPS_PER_AUDIT, NR_STEPS / NR_MACHINES - done));
          world.kernel.audit();
        }
        world.leave();
        expectRecovers(store);
      }
    },
    TIMEOUT_MS,
  );

  it(
    "throw nothing when its power goes and the machine keeps its own, and what is left can be mounted",
    () => {
      const empty = formatted();
      for (let done = 0, at = 0; done < NR_STEPS; done += 400, at++) {
        const faulty = new FaultyBlockBackend(empty.fork(), {
          seed: SEED + at,
          cutAfterWrites: 1 + ((at * 37) % 150),
        });
        const world = bootChaos(faulty, SEED + at, at % 2 === 0 ? "nvme" : "hdd");
        world.run(400);
        world.kernel.audit();
        world.leave();
        expectRecovers(faulty.afterPowerCut());
      }
    },
    TIMEOUT_MS,
  );
});
