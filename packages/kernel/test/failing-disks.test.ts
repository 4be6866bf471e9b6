/** Disks that fail while they are in use: what is told, what is kept, and that the machine goes on. */
import {
  EIO,
  type BlockBackend,
  FS_BLOCK_SIZE,
  NR_DIRTY,
  O_CREAT,
  O_RDWR,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { MemoryBlockBackend } from "@pageframe/block";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";

/** A disk that can be told to fail, and to work again. */
class SwitchableBackend implements BlockBackend {
  readonly name = "switchable";
  readonly nrSectors: number;
  readonly isReadOnly = false;
  failsReads = false;
  failsFlushes = false;
  /** Writes to these blocks fail. */
  failFromBlock = Infinity;
  nrFailedWrites = 0;
  private readonly inner: MemoryBlockBackend;

  constructor(nrSectors: number) {
    this.inner = new MemoryBlockBackend(nrSectors);
    this.nrSectors = nrSectors;
  }

  readSectors(sector: number, into: Uint8Array): number {
    return this.failsReads ? -EIO : this.inner.readSectors(sector, into);
  }

  writeSectors(sector: number, from: Uint8Array): number {
    if ((sector * SECTOR_SIZE) / FS_BLOCK_SIZE < this.failFromBlock)
      return this.inner.writeSectors(sector, from);
    this.nrFailedWrites++;
    return -EIO;
  }

  flush(): number {
    return this.failsFlushes ? -EIO : this.inner.flush();
  }

  heal(): void {
    this.failsReads = false;
    this.failsFlushes = false;
    this.failFromBlock = Infinity;
  }

  close(): void {
    this.inner.close();
  }
}

interface World {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly backend: SwitchableBackend;
}

const NR_BLOCKS = 512;
/** mkfs of a device of this size: superblock, state, descriptors, then a journal of 64 blocks. */
const FIRST_GROUP_BLOCK = 3 + 64;

function boot(): World {
  const backend = new SwitchableBackend((NR_BLOCKS * FS_BLOCK_SIZE) / SECTOR_SIZE);
  const kernel = bootKernel(
    { memory: "4MiB", contents: "sparse", disks: [{ size: "2MiB" }] },
    { diskBackends: [backend] },
  );
  expect(kernel.mkfs("vda")).toBe(0);
  expect(kernel.mount("vda", "/mnt")).toBe(0);
  return { kernel, task: kernel.spawn("test"), backend };
}

describe("a buffer of metadata whose write fails", () => {
  it("stays in memory, makes the journal keep its copy, and is in its place after the next mount", () => {
    const { kernel, task, backend } = boot();
    // The journal can be written, the places of the blocks cannot.
    backend.failFromBlock = FIRST_GROUP_BLOCK;
    for (let index = 0; index < 20; index++) expect(kernel.mkdir(task, `/mnt/d${index}`)).toBe(0);
    kernel.sync(task);
    expect(backend.nrFailedWrites).toBeGreaterThan(0);
    kernel.audit();
    // Nothing is dirty now; what is on the disk is old.
    kernel.setSysctl("vm/drop_caches", "3");
    expect(kernel.readdir(task, "/mnt")).toHaveLength(20);
    expect(kernel.mkdir(task, "/mnt/late")).toBe(0);
    kernel.sync(task);
    backend.failFromBlock = Infinity;
    // It cannot know which of its copies the disk has: it leaves the journal as it is.
    expect(kernel.umount("/mnt")).toBe(-EIO);
    expect(kernel.sys.disks[0].buffers.size).toBe(0);
    expect(kernel.sys.vmstat.globalNode(NR_DIRTY)).toBe(0);
    kernel.audit();
    expect(kernel.mount("vda", "/mnt")).toBe(0);
    expect(kernel.readdir(task, "/mnt")).toHaveLength(21);
    expect(kernel.umount("/mnt")).toBe(0);
    kernel.audit();
  });

  it("does not stop work for good when it is changed and written again", () => {
    const { kernel, task, backend } = boot();
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    expect(kernel.pwrite(task, file, Uint8Array.of(1), 0)).toBe(1);
    kernel.sync(task);
    // Only the times of the inode change from here on: one block of metadata.
    backend.failFromBlock = FIRST_GROUP_BLOCK;
    expect(kernel.pwrite(task, file, Uint8Array.of(2), 0)).toBe(1);
    kernel.sync(task);
    backend.heal();
    expect(kernel.pwrite(task, file, Uint8Array.of(3), 0)).toBe(1);
    kernel.sync(task);
    kernel.closeFile(file);
    expect(kernel.umount("/mnt")).toBe(0);
    kernel.audit();
  });

  it("is forgotten with its disk when mkfs or mount gives up, so that the next look reads the disk", () => {
    const { kernel, task, backend } = boot();
    expect(kernel.mkdir(task, "/mnt/a")).toBe(0);
    expect(kernel.umount("/mnt")).toBe(0);
    backend.failFromBlock = 0;
    expect(kernel.mkfs("vda")).toBe(-EIO);
    expect(kernel.sys.disks[0].buffers.size).toBe(0);
    expect(kernel.sys.vmstat.globalNode(NR_DIRTY)).toBe(0);
    kernel.audit();
    backend.heal();
    expect(kernel.mount("vda", "/mnt")).toBe(0);
    expect(kernel.readdir(task, "/mnt")).toHaveLength(1);
  });
});
