import {
  BUS_ADRERR,
  EBADF,
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MFD_ALLOW_SEALING,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  PAGE_SIZE,
  PG_DIRTY,
  PG_UPTODATE,
  PROT_READ,
  PTE_RW,
  SIGBUS,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  ARENA_VPN,
  at,
  faultsOf,
  mapPages,
  mapsOf,
  meminfoKib,
  READ_WRITE,
  settledFreePages,
  SHARED_ANON,
} from "./helpers.ts";

const SHARED = MAP_SHARED | MAP_FIXED;
const PRIVATE = MAP_PRIVATE | MAP_FIXED;
const LETTER_A = 97;

interface World {
  readonly kernel: Kernel;
  readonly task: Task;
}

function boot(): World {
  const kernel = bootKernel({ memory: "32MiB", contents: "sparse", swap: [{ size: "8MiB" }] });
  return { kernel, task: kernel.spawn("test") };
}

/** A memfd of `nrPages` pages, page k full of the byte 'a' + k % 26. */
function filled({ kernel, task }: World, nrPages: number): number {
  const fileId = kernel.memfdCreate("f");
  kernel.ftruncate(task, fileId, nrPages * PAGE_SIZE);
  for (let page = 0; page < nrPages; page++) {
    kernel.pwrite(task, fileId, new Uint8Array(PAGE_SIZE).fill(LETTER_A + (page % 26)), page * PAGE_SIZE);
  }
  return fileId;
}

function byteOf({ kernel, task }: World, fileId: number, offset: number): number {
  const byte = new Uint8Array(1);
  return kernel.pread(task, fileId, byte, offset) === 1 ? byte[0] : -1;
}

/** Pages of the arena, up to `nrPages`, that are mapped. */
function mappedPages(task: Task, nrPages: number): number[] {
  return Array.from({ length: nrPages }, (_, page) => page).filter((page) => {
    const entry = task.mm.pageTable.findEntry(ARENA_VPN + page);
    return entry >= 0 && task.mm.pageTable.entryLo(entry) !== 0;
  });
}

describe("files of shared memory", () => {
  it("read what was written, and zeros from holes without making pages", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = kernel.memfdCreate("holes");
    expect(kernel.ftruncate(task, fileId, 4 * PAGE_SIZE)).toBe(0);
    const free = settledFreePages(kernel);
    expect([0, PAGE_SIZE, 4 * PAGE_SIZE - 1].map((offset) => byteOf(world, fileId, offset))).toEqual([
      0, 0, 0,
    ]);
    expect(settledFreePages(kernel)).toBe(free);
    expect(kernel.pwrite(task, fileId, Uint8Array.of(7, 8), 2 * PAGE_SIZE - 1)).toBe(2);
    expect(
      [2 * PAGE_SIZE - 2, 2 * PAGE_SIZE - 1, 2 * PAGE_SIZE].map((offset) => byteOf(world, fileId, offset)),
    ).toEqual([0, 7, 8]);
    expect(settledFreePages(kernel)).toBe(free - 2);
    kernel.audit();
  });

  it("end where their size says, and grow by writing behind it", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = kernel.memfdCreate("grows");
    expect(byteOf(world, fileId, 0)).toBe(-1);
    kernel.pwrite(task, fileId, Uint8Array.of(5), PAGE_SIZE + 9);
    const all = new Uint8Array(3 * PAGE_SIZE);
    expect(kernel.pread(task, fileId, all, 0)).toBe(PAGE_SIZE + 10);
    expect(all[PAGE_SIZE + 9]).toBe(5);
  });

  it("refuse descriptors that are closed, not open for it, or not there", () => {
    const { kernel, task } = boot();
    const writer = kernel.openTmpfs("name");
    const reader = kernel.openTmpfs("name", O_RDONLY);
    expect(kernel.pwrite(task, reader, Uint8Array.of(1), 0)).toBe(-EBADF);
    expect(kernel.ftruncate(task, reader, 0)).toBe(-EINVAL);
    expect(kernel.fallocate(task, reader, 0, 0, 1)).toBe(-EBADF);
    expect(kernel.mmap(task, at(0), PAGE_SIZE, READ_WRITE, SHARED, reader)).toBe(-EACCES);
    expect(kernel.closeFile(writer)).toBe(0);
    expect(kernel.closeFile(writer)).toBe(-EBADF);
    expect(kernel.pread(task, writer, new Uint8Array(1), 0)).toBe(-EBADF);
    expect(kernel.openTmpfs("other", O_RDWR)).toBe(-ENOENT);
    expect(kernel.openTmpfs("name", O_CREAT | O_EXCL)).toBe(-EEXIST);
    expect(kernel.unlinkTmpfs("other")).toBe(-ENOENT);
  });

  it("live without a name while they are mapped, and then give everything back", () => {
    const { kernel, task } = boot();
    const free = settledFreePages(kernel);
    const fileId = kernel.openTmpfs("gone");
    kernel.pwrite(task, fileId, Uint8Array.of(9), 0);
    mapPages(kernel, task, 0, 1, READ_WRITE, SHARED, fileId);
    expect(kernel.read(task, at(0))).toBe(9);
    expect(kernel.proc.mapsText(task)).toMatch(/ \/dev\/shm\/gone\n/);
    kernel.unlinkTmpfs("gone");
    kernel.closeFile(fileId);
    expect(kernel.proc.mapsText(task)).toMatch(/ \/dev\/shm\/gone \(deleted\)\n/);
    expect(kernel.read(task, at(0))).toBe(9);
    kernel.munmap(task, at(0), PAGE_SIZE);
    kernel.audit();
    kernel.exit(task);
    expect(settledFreePages(kernel)).toBeGreaterThan(free);
    expect(kernel.sys.files.inodes.every((inode) => inode === null)).toBe(true);
  });

  it("map anew as another file when they are opened twice", () => {
    const { kernel, task } = boot();
    const first = kernel.openTmpfs("twice");
    const second = kernel.openTmpfs("twice");
    kernel.ftruncate(task, first, 2 * PAGE_SIZE);
    mapPages(kernel, task, 0, 1, READ_WRITE, SHARED, first);
    kernel.mmap(task, at(1), PAGE_SIZE, READ_WRITE, SHARED, second, PAGE_SIZE);
    expect(mapsOf(kernel, task)).toHaveLength(2);
    kernel.mmap(task, at(1), PAGE_SIZE, READ_WRITE, SHARED, first, PAGE_SIZE);
    expect(mapsOf(kernel, task)).toHaveLength(1);
  });

  it("are empty after O_TRUNC", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = kernel.openTmpfs("t");
    kernel.pwrite(task, fileId, Uint8Array.of(1), 0);
    mapPages(kernel, task, 0, 1, READ_WRITE, PRIVATE, fileId);
    kernel.write(task, at(0), 2);
    kernel.openTmpfs("t", O_RDWR | O_TRUNC);
    expect(byteOf(world, fileId, 0)).toBe(-1);
    expect(kernel.read(task, at(0))).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn: ARENA_VPN });
    kernel.audit();
  });
});

describe("faults on shared memory", () => {
  it("map up to 16 cached pages on a read, as far as the mapping goes", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = filled(world, 24);
    kernel.mmap(task, at(4), 12 * PAGE_SIZE, READ_WRITE, PRIVATE, fileId, 2 * PAGE_SIZE);
    // As fuzz/1.mm, line 16: one minor fault maps all 12.
    expect(faultsOf(task, () => kernel.read(task, at(12)))).toEqual([1, 0]);
    expect(mappedPages(task, 24)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    expect([task.mm.rssShmem, task.mm.rssFile, task.mm.rssAnon]).toEqual([12, 0, 0]);
    kernel.audit();
  });

  it("map a window that is aligned where the mapping is long enough", () => {
    const world = boot();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 24, READ_WRITE, SHARED, filled(world, 24));
    kernel.read(task, at(20));
    expect(mappedPages(task, 24)).toEqual([16, 17, 18, 19, 20, 21, 22, 23]);
  });

  it("leave out holes, and pages that nobody has looked at since fallocate", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = filled(world, 8);
    kernel.fallocate(task, fileId, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE_SIZE, PAGE_SIZE);
    kernel.fallocate(task, fileId, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE_SIZE, PAGE_SIZE);
    kernel.fallocate(task, fileId, 0, 3 * PAGE_SIZE, PAGE_SIZE);
    mapPages(kernel, task, 0, 8, READ_WRITE, SHARED, fileId);
    kernel.read(task, at(0));
    expect(mappedPages(task, 8)).toEqual([0, 2, 4, 5, 6, 7]);
    expect([1, 3].map((page) => kernel.read(task, at(page)))).toEqual([0, 0]);
    kernel.audit();
  });

  it("map one page on a write", () => {
    const world = boot();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8, READ_WRITE, SHARED, filled(world, 8));
    kernel.write(task, at(3), 1);
    expect(mappedPages(task, 8)).toEqual([3]);
  });

  it("map pages for writing at once where the mapping is shared and writable", () => {
    const world = boot();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED, filled(world, 4));
    kernel.read(task, at(0));
    expect(faultsOf(task, () => kernel.write(task, at(2), 1))).toEqual([0, 0]);
  });

  it("make no extra fault after mprotect gives the right to write", () => {
    const world = boot();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 4, PROT_READ, SHARED, filled(world, 4));
    kernel.read(task, at(0));
    kernel.mprotect(task, at(0), 4 * PAGE_SIZE, READ_WRITE);
    const { pageTable } = task.mm;
    expect(pageTable.entryLo(pageTable.findEntry(ARENA_VPN)) & PTE_RW).not.toBe(0);
    expect(faultsOf(task, () => kernel.write(task, at(0), 1))).toEqual([0, 0]);
  });

  it("make a clean page of a hole that is read, also for a private mapping, and copy it on a write", () => {
    const { kernel, task } = boot();
    const fileId = kernel.memfdCreate("h");
    kernel.ftruncate(task, fileId, PAGE_SIZE);
    mapPages(kernel, task, 0, 1, READ_WRITE, PRIVATE, fileId);
    kernel.read(task, at(0));
    const pfn = kernel.sys.files.inodeOf(fileId).pages.load(0);
    expect(kernel.sys.memmap.flags[pfn] & (PG_DIRTY | PG_UPTODATE)).toBe(PG_UPTODATE);
    kernel.write(task, at(0), 3);
    expect([task.mm.rssAnon, task.mm.rssShmem]).toEqual([1, 0]);
    kernel.audit();
  });

  it("beyond the end raise SIGBUS and leave no page table behind; the last page counts whole", () => {
    const { kernel, task } = boot();
    const fileId = kernel.memfdCreate("short");
    kernel.ftruncate(task, fileId, PAGE_SIZE + 1);
    mapPages(kernel, task, 0, 8, READ_WRITE, SHARED, fileId);
    const nrTables = task.mm.nrTablePages;
    expect(kernel.read(task, at(2))).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn: ARENA_VPN + 2 });
    expect(kernel.write(task, at(2), 1)).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn: ARENA_VPN + 2 });
    // The two tables above the last are there.
    expect(task.mm.nrTablePages - nrTables).toBe(2);
    expect(kernel.write(task, at(1) + 100, 4)).toBeNull();
    expect(task.mm.nrTablePages - nrTables).toBe(3);
    expect([task.nrMinorFaults, task.nrMajorFaults]).toEqual([1, 0]);
    kernel.audit();
  });

  it("beyond the end of a shared anonymous object raise SIGBUS too, once mremap has gone there", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 2, READ_WRITE, SHARED_ANON);
    kernel.mremap(task, at(0), 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0);
    expect(kernel.write(task, at(1), 1)).toBeNull();
    expect(kernel.read(task, at(2))).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn: ARENA_VPN + 2 });
  });
});

describe("truncation and holes", () => {
  it("takes pages beyond the new end from all mappings, private copies too", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = filled(world, 4);
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED, fileId);
    const other = kernel.spawn("other");
    mapPages(kernel, other, 0, 4, READ_WRITE, PRIVATE, fileId);
    kernel.write(task, at(3), 1);
    kernel.write(other, at(3), 2);
    kernel.write(other, at(0), 2);
    expect(kernel.ftruncate(task, fileId, 2 * PAGE_SIZE)).toBe(0);
    for (const user of [task, other]) {
      expect(kernel.read(user, at(3))).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn: ARENA_VPN + 3 });
    }
    expect([kernel.read(task, at(1)), kernel.read(other, at(0))]).toEqual([LETTER_A + 1, 2]);
    kernel.ftruncate(task, fileId, 4 * PAGE_SIZE);
    expect([kernel.read(task, at(3)), kernel.read(other, at(3))]).toEqual([0, 0]);
    kernel.audit();
  });

  it("zeroes the rest of the last page", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = filled(world, 1);
    kernel.ftruncate(task, fileId, 10);
    kernel.ftruncate(task, fileId, PAGE_SIZE);
    expect([9, 10, PAGE_SIZE - 1].map((offset) => byteOf(world, fileId, offset))).toEqual([LETTER_A, 0, 0]);
  });

  it("punches holes that private copies outlive", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = filled(world, 4);
    mapPages(kernel, task, 0, 4, READ_WRITE, PRIVATE, fileId);
    mapPages(kernel, task, 10, 4, READ_WRITE, SHARED, fileId);
    kernel.write(task, at(1), 50);
    kernel.read(task, at(10));
    kernel.read(task, at(2));
    const punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    expect(kernel.fallocate(task, fileId, punch, PAGE_SIZE - 1, 2 * PAGE_SIZE + 2)).toBe(0);
    expect([1, 11, 2, 12].map((page) => kernel.read(task, at(page)))).toEqual([50, 0, 0, 0]);
    expect(
      [PAGE_SIZE - 2, PAGE_SIZE - 1, 3 * PAGE_SIZE, 3 * PAGE_SIZE + 1].map((at) => byteOf(world, fileId, at)),
    ).toEqual([LETTER_A, 0, 0, LETTER_A + 3]);
    kernel.audit();
  });

  it("allocates pages, and grows the file unless told not to", () => {
    const world = boot();
    const { kernel, task } = world;
    const fileId = kernel.memfdCreate("a");
    const free = settledFreePages(kernel);
    expect(kernel.fallocate(task, fileId, FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE_SIZE)).toBe(0);
    expect(byteOf(world, fileId, 0)).toBe(-1);
    expect(settledFreePages(kernel)).toBe(free - 3);
    // Shrinking to the size that it has frees what lies behind it.
    kernel.ftruncate(task, fileId, 0);
    expect(settledFreePages(kernel)).toBe(free);
    expect(kernel.fallocate(task, fileId, 0, 0, 2 * PAGE_SIZE)).toBe(0);
    expect(byteOf(world, fileId, PAGE_SIZE)).toBe(0);
    expect(kernel.fallocate(task, fileId, FALLOC_FL_PUNCH_HOLE, 0, PAGE_SIZE)).toBe(-EOPNOTSUPP);
    expect(kernel.fallocate(task, fileId, 0, 0, 0)).toBe(-EINVAL);
    kernel.audit();
  });
});

describe("the charge for shared memory", () => {
  const committed = (kernel: Kernel): number => meminfoKib(kernel, "Committed_AS") / 4;

  it("is the whole size of a shared anonymous mapping, until it goes", () => {
    const { kernel, task } = boot();
    const before = committed(kernel);
    mapPages(kernel, task, 0, 100, READ_WRITE, SHARED_ANON);
    expect(committed(kernel) - before).toBe(100);
    kernel.munmap(task, at(0), 50 * PAGE_SIZE);
    expect(committed(kernel) - before).toBe(100);
    kernel.munmap(task, at(50), 50 * PAGE_SIZE);
    expect(committed(kernel) - before).toBe(0);
  });

  it("is paid page by page for files, and with MAP_NORESERVE", () => {
    const world = boot();
    const { kernel, task } = world;
    const before = committed(kernel);
    mapPages(kernel, task, 0, 100, READ_WRITE, SHARED_ANON | MAP_NORESERVE);
    const fileId = kernel.openTmpfs("f");
    kernel.ftruncate(task, fileId, 100 * PAGE_SIZE);
    expect(committed(kernel) - before).toBe(0);
    kernel.write(task, at(3), 1);
    kernel.pwrite(task, fileId, Uint8Array.of(1), 0);
    expect(committed(kernel) - before).toBe(2);
    expect(meminfoKib(kernel, "Shmem")).toBe(8);
    kernel.ftruncate(task, fileId, 0);
    expect(committed(kernel) - before).toBe(1);
    kernel.audit();
  });

  it("ends at half of RAM for files of /dev/shm: a fault there raises SIGBUS", () => {
    const { kernel, task } = boot();
    const fileId = kernel.openTmpfs("big");
    const nrPages = Math.floor(meminfoKib(kernel, "MemTotal") / 8);
    expect(kernel.fallocate(task, fileId, 0, 0, nrPages * PAGE_SIZE)).toBe(0);
    kernel.ftruncate(task, fileId, (nrPages + 1) * PAGE_SIZE);
    kernel.mmap(task, at(0), PAGE_SIZE, READ_WRITE, SHARED, fileId, nrPages * PAGE_SIZE);
    expect(kernel.write(task, at(0), 1)).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn: ARENA_VPN });
    kernel.audit();
  });
});

describe("seals of a memfd", () => {
  it("forbid to shrink, to grow and to write", () => {
    const { kernel, task } = boot();
    const fileId = kernel.memfdCreate("s", MFD_ALLOW_SEALING);
    kernel.ftruncate(task, fileId, 2 * PAGE_SIZE);
    expect(kernel.getSeals(task, fileId)).toBe(0);
    expect(kernel.addSeals(task, fileId, F_SEAL_SHRINK)).toBe(0);
    expect(kernel.ftruncate(task, fileId, PAGE_SIZE)).toBe(-EPERM);
    expect(kernel.addSeals(task, fileId, F_SEAL_GROW)).toBe(0);
    expect(kernel.ftruncate(task, fileId, 3 * PAGE_SIZE)).toBe(-EPERM);
    expect(kernel.pwrite(task, fileId, Uint8Array.of(1), 2 * PAGE_SIZE)).toBe(-EPERM);
    mapPages(kernel, task, 0, 1, READ_WRITE, SHARED, fileId);
    expect(kernel.addSeals(task, fileId, F_SEAL_WRITE)).toBe(-EBUSY);
    kernel.munmap(task, at(0), PAGE_SIZE);
    expect(kernel.addSeals(task, fileId, F_SEAL_WRITE)).toBe(0);
    expect(kernel.pwrite(task, fileId, Uint8Array.of(1), 0)).toBe(-EPERM);
    expect(mapPages(kernel, task, 0, 1, READ_WRITE, SHARED, fileId)).toBe(-EPERM);
    expect(mapPages(kernel, task, 0, 1, PROT_READ, SHARED, fileId)).toBe(at(0));
    expect(kernel.mprotect(task, at(0), PAGE_SIZE, READ_WRITE)).toBe(-EACCES);
  });

  it("cannot be added unless it was made for them", () => {
    const { kernel, task } = boot();
    const fileId = kernel.memfdCreate("plain");
    expect(kernel.getSeals(task, fileId)).toBe(F_SEAL_SEAL);
    expect(kernel.addSeals(task, fileId, F_SEAL_SHRINK)).toBe(-EPERM);
  });
});
