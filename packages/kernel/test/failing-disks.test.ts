/** Disks that fail while they are in use: what is told, what is kept, and that the machine goes on. */
import {
  BUS_ADRERR,
  EIO,
  EROFS,
  type BlockBackend,
  FS_BLOCK_SIZE,
  MAP_SHARED,
  NR_DIRTY,
  O_CREAT,
  O_DIRECT,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  SECTOR_SIZE,
  SIGBUS,
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

describe("A disk that fails for good in the middle of work", () => {
  it("gives -EIO and SIGBUS to who reads, and what is in memory goes on to be read", () => {
    const { kernel, task, backend } = boot();
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    expect(kernel.pwrite(task, file, new Uint8Array(4 * PAGE_SIZE).fill(3), 0)).toBe(4 * PAGE_SIZE);
    expect(kernel.fsync(task, file)).toBe(0);
    kernel.setSysctl("vm/drop_caches", "3");
    const bytes = new Uint8Array(PAGE_SIZE);
    backend.failsReads = true;
    expect(kernel.pread(task, file, bytes, 0)).toBe(-EIO);
    const direct = kernel.open(task, "/mnt/a", O_RDWR | O_DIRECT);
    expect(kernel.pread(task, direct, bytes, 0)).toBe(-EIO);
    const address = kernel.mmap(task, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, file, 0);
    expect(kernel.read(task, address)).toEqual({
      signal: SIGBUS,
      code: BUS_ADRERR,
      vpn: address / PAGE_SIZE,
    });
    kernel.audit();
    backend.heal();
    expect(kernel.read(task, address)).toBe(3);
    kernel.munmap(task, address, PAGE_SIZE);
    kernel.closeFile(file);
    kernel.closeFile(direct);
    expect(kernel.umount("/mnt")).toBe(0);
    kernel.audit();
  });

  it("tells each opening once of data that could not be written", () => {
    const { kernel, task, backend } = boot();
    const first = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    const second = kernel.open(task, "/mnt/a", O_RDWR);
    expect(kernel.pwrite(task, first, Uint8Array.of(1), 0)).toBe(1);
    expect(kernel.fsync(task, first)).toBe(0);
    backend.failFromBlock = FIRST_GROUP_BLOCK;
    expect(kernel.pwrite(task, first, Uint8Array.of(2), 0)).toBe(1);
    expect(kernel.fsync(task, first)).toBe(-EIO);
    backend.heal();
    expect(kernel.fsync(task, first)).toBe(0);
    expect(kernel.fsync(task, second)).toBe(-EIO);
    expect(kernel.fsync(task, second)).toBe(0);
    kernel.audit();
  });

  for (const fault of ["writes", "flushes"] as const) {
    it(`is read-only once its journal cannot be written (${fault}), and can be mounted again when it works again`, () => {
      const { kernel, task, backend } = boot();
      expect(kernel.mkdir(task, "/mnt/kept")).toBe(0);
      const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
      expect(kernel.fsync(task, file)).toBe(0);
      if (fault === "writes") backend.failFromBlock = 0;
      else backend.failsFlushes = true;
      expect(kernel.mkdir(task, "/mnt/lost")).toBe(0);
      expect(kernel.pwrite(task, file, new Uint8Array(PAGE_SIZE), 0)).toBe(PAGE_SIZE);
      expect(kernel.fsync(task, file)).toBe(-EIO);
      expect(kernel.mkdir(task, "/mnt/more")).toBe(-EROFS);
      expect(kernel.open(task, "/mnt/new", O_RDWR | O_CREAT)).toBe(-EROFS);
      expect(kernel.readdir(task, "/mnt")).toHaveLength(3);
      kernel.audit();
      kernel.closeFile(file);
      expect(kernel.umount("/mnt")).toBe(-EIO);
      expect(kernel.sys.disks[0].buffers.size).toBe(0);
      expect(kernel.sys.vmstat.globalNode(NR_DIRTY)).toBe(0);
      kernel.audit();
      backend.heal();
      expect(kernel.mount("vda", "/mnt")).toBe(0);
      expect(kernel.stat(task, "/mnt/kept")).toMatchObject({ nrLinks: 2 });
      expect(kernel.mkdir(task, "/mnt/more")).toBe(0);
      expect(kernel.umount("/mnt")).toBe(0);
      expect(kernel.fsck("vda")).toEqual([]);
      kernel.audit();
    });
  }
});
