import {
  BUS_ADRERR,
  EACCES,
  EBUSY,
  EFAULT,
  EINVAL,
  EIO,
  ENOMEM,
  EROFS,
  FOLL_LONGTERM,
  FOLL_WRITE,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WILLNEED,
  MAP_FIXED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_MAYMOVE,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  NR_DIRTY,
  O_RDWR,
  PAGE_SIZE,
  PG_ACTIVE,
  PG_DIRTY,
  PROT_READ,
  PROT_WRITE,
  SIGBUS,
  UFFDIO_REGISTER_MODE_MISSING,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { DiskWorld, PlainFileSystem } from "./mapped-world.ts";
import { at, mapPages, READ_WRITE } from "./helpers.ts";
import { UffdWorld } from "./userfaultfd-world.ts";

const SHARED_FIXED = MAP_SHARED | MAP_FIXED;

function busError(address: number): object {
  return { signal: SIGBUS, code: BUS_ADRERR, vpn: address / PAGE_SIZE };
}

describe("msync of a file on a disk", () => {
  it("writes the pages of the range with MS_SYNC, and none with MS_ASYNC", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 8);
    const address = world.map(file, 8, READ_WRITE, MAP_SHARED);
    for (let page = 0; page < 8; page++) kernel.write(task, address + page * PAGE_SIZE, 100 + page);
    const { vmstat } = kernel.sys;
    const nrDirty = vmstat.globalNode(NR_DIRTY);
    expect(kernel.msync(task, address, 8 * PAGE_SIZE, MS_ASYNC)).toBe(0);
    expect(vmstat.globalNode(NR_DIRTY)).toBe(nrDirty);
    expect(kernel.msync(task, address + 2 * PAGE_SIZE, 3 * PAGE_SIZE, MS_SYNC)).toBe(0);
    const { pages } = kernel.sys.files.inodeOf(file);
    const dirty = Array.from({ length: 8 }, (_, page) =>
      kernel.sys.memmap.hasFlags(pages.load(page), PG_DIRTY),
    );
    expect(dirty).toEqual([true, true, false, false, false, true, true, true]);
    // The entries are write-protected again: the next write is heard of.
    world.faults();
    kernel.write(task, address + 2 * PAGE_SIZE, 1);
    kernel.write(task, address + 5 * PAGE_SIZE, 1);
    expect(world.faults()).toEqual([1, 0]);
    kernel.audit();
  });

  it("leaves private mappings alone, and looks at each mapping of the range", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 4);
    kernel.mmap(task, at(0), 2 * PAGE_SIZE, READ_WRITE, SHARED_FIXED, file, 0);
    kernel.mmap(task, at(2), PAGE_SIZE, READ_WRITE, MAP_PRIVATE | MAP_FIXED, file, 2 * PAGE_SIZE);
    kernel.mmap(task, at(4), PAGE_SIZE, READ_WRITE, SHARED_FIXED, file, 3 * PAGE_SIZE);
    for (const page of [1, 2, 4]) kernel.write(task, at(page), 77);
    // Page 3 is a hole: told at the end, when the rest was written.
    expect(kernel.msync(task, at(0), 5 * PAGE_SIZE, MS_SYNC)).toBe(-ENOMEM);
    kernel.munmap(task, at(0), 5 * PAGE_SIZE);
    expect([1, 2, 3].map((page) => world.onDisk(file, page))).toEqual([77, 3, 77]);
  });

  it("refuses MS_INVALIDATE of locked memory", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const address = world.map(world.file("/mnt/a", 2), 2, READ_WRITE, MAP_SHARED);
    expect(kernel.mlock(task, address, PAGE_SIZE)).toBe(0);
    expect(kernel.msync(task, address, 2 * PAGE_SIZE, MS_SYNC | MS_INVALIDATE)).toBe(-EBUSY);
    expect(kernel.msync(task, address + PAGE_SIZE, PAGE_SIZE, MS_SYNC | MS_INVALIDATE)).toBe(0);
  });

  it("tells of a failed write once, to the opening that is mapped and to each other", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 1);
    const other = kernel.open(task, "/mnt/a", O_RDWR);
    const address = world.map(file, 1, READ_WRITE, MAP_SHARED);
    kernel.write(task, address, 1);
    world.disk.failsWrites = true;
    expect(kernel.msync(task, address, PAGE_SIZE, MS_SYNC)).toBe(-EIO);
    world.disk.failsWrites = false;
    expect(kernel.msync(task, address, PAGE_SIZE, MS_SYNC)).toBe(0);
    expect(kernel.fsync(task, other)).toBe(-EIO);
    expect(kernel.fsync(task, other)).toBe(0);
    kernel.audit();
  });
});

describe("mincore of a file on a disk", () => {
  it("shows what is in the page cache, mapped or not", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 80, 1, true);
    const address = world.map(file, 80, PROT_READ, MAP_SHARED);
    expect(world.mincore(address, 80)).toBe("0".repeat(80));
    // Read-around: 16 pages to each side of the fault.
    kernel.read(task, address + 40 * PAGE_SIZE);
    expect(world.mincore(address, 80)).toBe("0".repeat(24) + "1".repeat(32) + "0".repeat(24));
  });

  it("tells who may not write the file nothing, and who may the truth", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const secret = world.file("/mnt/secret", 4, 1, true);
    kernel.closeFile(kernel.open(task, "/mnt/public", O_RDWR | 0o100, 0o666));
    const open = world.file("/mnt/public", 4, 1, true);
    const addresses = [secret, open].map((file) => world.map(file, 4, PROT_READ, MAP_SHARED));
    kernel.setuid(task, 65534);
    expect(addresses.map((address) => world.mincore(address, 4))).toEqual(["1111", "0000"]);
    for (const address of addresses) kernel.read(task, address);
    for (const address of addresses)
      expect(kernel.madvise(task, address, 4 * PAGE_SIZE, MADV_PAGEOUT)).toBe(0);
    const cached = [secret, open].map((file) => kernel.sys.files.inodeOf(file).pages.nrPages);
    expect(cached).toEqual([4, 0]);
  });
});

describe("madvise on a file on a disk", () => {
  it("MADV_WILLNEED reads the range ahead, and no more than the file has", () => {
    const world = new DiskWorld();
    const file = world.file("/mnt/a", 20, 1, true);
    const address = world.map(file, 30, PROT_READ, MAP_SHARED);
    expect(world.kernel.madvise(world.task, address + 10 * PAGE_SIZE, 20 * PAGE_SIZE, MADV_WILLNEED)).toBe(0);
    // Nobody waits for what is being read.
    expect(world.mincore(address, 30)).toBe("0".repeat(30));
    world.kernel.sleep(world.task, 10_000_000);
    expect(world.mincore(address, 30)).toBe("0".repeat(10) + "1".repeat(10) + "0".repeat(10));
    world.faults();
    world.kernel.read(world.task, address + 12 * PAGE_SIZE);
    expect(world.faults()).toEqual([1, 0]);
  });

  it("MADV_PAGEOUT drops clean pages; dirty ones stay in the cache, unmapped and active", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 4);
    const address = world.map(file, 4, READ_WRITE, MAP_SHARED);
    kernel.read(task, address);
    kernel.write(task, address + PAGE_SIZE, 50);
    expect(kernel.madvise(task, address, 4 * PAGE_SIZE, MADV_PAGEOUT)).toBe(0);
    expect(world.mincore(address, 4)).toBe("0100");
    const pfn = kernel.sys.files.inodeOf(file).pages.load(1);
    kernel.sys.lru.drainAll();
    expect(kernel.sys.memmap.hasFlags(pfn, PG_ACTIVE)).toBe(true);
    expect(kernel.sys.memmap.mapcount[pfn]).toBe(0);
    world.faults();
    expect(kernel.read(task, address + PAGE_SIZE)).toBe(50);
    expect(world.faults()).toEqual([1, 0]);
    kernel.audit();
  });

  it("MADV_REMOVE punches a hole through writable shared mappings alone; MADV_FREE is for no file", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 4);
    const address = world.map(file, 4, READ_WRITE, MAP_SHARED);
    const mine = world.map(file, 4, READ_WRITE, MAP_PRIVATE);
    kernel.write(task, mine + PAGE_SIZE, 99);
    expect(kernel.madvise(task, mine, PAGE_SIZE, MADV_REMOVE)).toBe(-EACCES);
    expect(kernel.madvise(task, mine, PAGE_SIZE, MADV_FREE)).toBe(-EINVAL);
    expect(kernel.madvise(task, address + PAGE_SIZE, 2 * PAGE_SIZE, MADV_REMOVE)).toBe(0);
    expect([0, 1, 2, 3].map((page) => kernel.read(task, address + page * PAGE_SIZE))).toEqual([1, 0, 0, 4]);
    // A copy of one's own stays.
    expect(kernel.read(task, mine + PAGE_SIZE)).toBe(99);
    kernel.mlock(task, address, PAGE_SIZE);
    expect(kernel.madvise(task, address, PAGE_SIZE, MADV_REMOVE)).toBe(-EINVAL);
    kernel.audit();
  });

  it("MADV_DONTNEED forgets private copies, and keeps what shared mappings wrote", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 2);
    const shared = world.map(file, 2, READ_WRITE, MAP_SHARED);
    const mine = world.map(file, 2, READ_WRITE, MAP_PRIVATE);
    kernel.write(task, shared, 70);
    kernel.write(task, mine + PAGE_SIZE, 71);
    for (const address of [shared, mine]) kernel.madvise(task, address, 2 * PAGE_SIZE, MADV_DONTNEED);
    expect([kernel.read(task, shared), kernel.read(task, mine + PAGE_SIZE)]).toEqual([70, 2]);
    kernel.fsync(task, file);
    expect(world.onDisk(file, 0)).toBe(70);
  });

  it("MADV_POPULATE answers -EFAULT where an access would raise SIGBUS", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 2, 1, true);
    const address = world.map(file, 4, READ_WRITE, MAP_SHARED);
    expect(kernel.madvise(task, address, 2 * PAGE_SIZE, MADV_POPULATE_READ)).toBe(0);
    expect(kernel.madvise(task, address, 3 * PAGE_SIZE, MADV_POPULATE_READ)).toBe(-EFAULT);
    expect(kernel.madvise(task, address, 3 * PAGE_SIZE, MADV_POPULATE_WRITE)).toBe(-EFAULT);
    kernel.fadvise(task, world.file("/mnt/b", 2, 1, true), 0, 0, 1);
    const other = world.map(kernel.open(task, "/mnt/b", O_RDWR), 2, READ_WRITE, MAP_SHARED);
    world.disk.failsReads = true;
    expect(kernel.madvise(task, other, PAGE_SIZE, MADV_POPULATE_READ)).toBe(-EFAULT);
    expect(kernel.madvise(task, other, PAGE_SIZE, MADV_POPULATE_WRITE)).toBe(-EFAULT);
    kernel.audit();
  });
});

// Seen with the recorder on Linux 6.18: 256 cold pages count 11 major faults by MADV_POPULATE_READ, and none by mlock(2).
describe("Faults that wait for a disk", () => {
  it("are major for an access and for MADV_POPULATE_READ, and minor for mlock and MAP_POPULATE", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const counts = [];
    for (const how of ["access", "populate", "mlock", "MAP_POPULATE"]) {
      const file = world.file(`/mnt/${how}`, 1, 1, true);
      const flags = how === "MAP_POPULATE" ? MAP_SHARED | MAP_POPULATE : MAP_SHARED;
      world.faults();
      const address = world.map(file, 1, PROT_READ, flags);
      if (how === "access") kernel.read(task, address);
      if (how === "populate") kernel.madvise(task, address, PAGE_SIZE, MADV_POPULATE_READ);
      if (how === "mlock") kernel.mlock(task, address, PAGE_SIZE);
      counts.push(world.faults());
    }
    expect(counts).toEqual([
      [0, 1],
      [0, 1],
      [1, 0],
      [1, 0],
    ]);
  });
});

describe("SIGBUS", () => {
  it("meets who touches a page beyond the end, at once and after a truncation; growth heals it", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 4);
    const address = world.map(file, 5, READ_WRITE, MAP_SHARED);
    const mine = world.map(file, 4, READ_WRITE, MAP_PRIVATE);
    expect(kernel.read(task, address + 4 * PAGE_SIZE)).toEqual(busError(address + 4 * PAGE_SIZE));
    kernel.read(task, address + 3 * PAGE_SIZE);
    kernel.write(task, mine + 3 * PAGE_SIZE, 99);
    expect(kernel.ftruncate(task, file, PAGE_SIZE + 10)).toBe(0);
    expect(kernel.read(task, address + 3 * PAGE_SIZE)).toEqual(busError(address + 3 * PAGE_SIZE));
    expect(kernel.write(task, address + 2 * PAGE_SIZE, 1)).toEqual(busError(address + 2 * PAGE_SIZE));
    // A private copy of a page that is gone goes, too.
    expect(kernel.read(task, mine + 3 * PAGE_SIZE)).toEqual(busError(mine + 3 * PAGE_SIZE));
    expect(kernel.read(task, address + PAGE_SIZE)).toBe(2);
    expect(kernel.ftruncate(task, file, 4 * PAGE_SIZE)).toBe(0);
    expect(kernel.read(task, address + 3 * PAGE_SIZE)).toBe(0);
    kernel.audit();
  });

  it("meets who needs a page that cannot be read, each time it tries", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 4, 5, true);
    const address = world.map(file, 4, READ_WRITE, MAP_SHARED);
    world.disk.failsReads = true;
    expect(kernel.read(task, address)).toEqual(busError(address));
    const { nrReads } = world.disk;
    expect(kernel.read(task, address)).toEqual(busError(address));
    expect(world.disk.nrReads).toBeGreaterThan(nrReads);
    expect(kernel.write(task, address, 1)).toEqual(busError(address));
    world.disk.failsReads = false;
    expect(kernel.read(task, address)).toBe(5);
    kernel.audit();
  });
});

describe("A shared mapping of a file on a disk", () => {
  it("loses nothing when its process exits, and is one with its parent's after fork", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 2);
    const address = world.map(file, 2, READ_WRITE, MAP_SHARED);
    kernel.write(task, address, 60);
    const child = kernel.fork(task);
    kernel.write(child, address + PAGE_SIZE, 61);
    expect(kernel.read(task, address + PAGE_SIZE)).toBe(61);
    kernel.exit(child);
    kernel.exit(task);
    const { pages } = kernel.sys.files.inodeOf(file);
    expect([0, 1].map((page) => kernel.sys.memmap.hasFlags(pages.load(page), PG_DIRTY))).toEqual([
      true,
      true,
    ]);
    kernel.audit();
    const late = kernel.spawn("late");
    kernel.sync(late);
    kernel.setSysctl("vm/drop_caches", "3");
    const bytes = new Uint8Array(2 * PAGE_SIZE);
    kernel.pread(late, file, bytes, 0);
    expect([bytes[0], bytes[PAGE_SIZE]]).toEqual([60, 61]);
  });

  it("may be moved with its dirty pages", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 3);
    const address = world.map(file, 2, READ_WRITE, MAP_SHARED);
    kernel.write(task, address + PAGE_SIZE, 88);
    // Something is in the way of growth.
    kernel.mmap(task, address + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ, SHARED_FIXED, file, 0);
    const moved = kernel.mremap(task, address, 2 * PAGE_SIZE, 3 * PAGE_SIZE, MREMAP_MAYMOVE);
    expect(moved).not.toBe(address);
    world.faults();
    kernel.write(task, moved + PAGE_SIZE, 89);
    expect(world.faults()).toEqual([0, 0]);
    expect(kernel.read(task, moved + 2 * PAGE_SIZE)).toBe(3);
    expect(kernel.msync(task, moved, 3 * PAGE_SIZE, MS_SYNC)).toBe(0);
    kernel.munmap(task, moved, 3 * PAGE_SIZE);
    expect(world.onDisk(file, 1)).toBe(89);
  });

  it("of a file that was opened for reading cannot be written, now or by mprotect", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    world.file("/mnt/a", 1);
    const file = kernel.open(task, "/mnt/a");
    expect(world.map(file, 1, READ_WRITE, MAP_SHARED)).toBe(-EACCES);
    const address = world.map(file, 1, PROT_READ, MAP_SHARED);
    expect(kernel.mprotect(task, address, PAGE_SIZE, READ_WRITE)).toBe(-EACCES);
    const mine = world.map(file, 1, READ_WRITE, MAP_PRIVATE);
    expect(kernel.write(task, mine, 9)).toBeNull();
    expect(kernel.read(task, address)).toBe(1);
  });

  it("may be pinned for short, and what the pin wrote is written back; not for long", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const file = world.file("/mnt/a", 2);
    const address = world.map(file, 2, READ_WRITE, MAP_SHARED);
    expect(kernel.pinUserPages(task, address, 1, FOLL_WRITE | FOLL_LONGTERM)).toBe(-EFAULT);
    const pfns = kernel.pinUserPages(task, address, 1, FOLL_WRITE);
    if (typeof pfns === "number") throw new Error("not pinned");
    // Written back while it is pinned, it is dirty again when the pin ends.
    kernel.fsync(task, file);
    kernel.sys.contents.writeByte(pfns[0], 0, 44);
    kernel.unpinUserPages(pfns, true);
    kernel.audit();
    expect(kernel.fsync(task, file)).toBe(0);
    kernel.munmap(task, address, 2 * PAGE_SIZE);
    expect(world.onDisk(file, 0)).toBe(44);
  });
});

describe("A userfaultfd", () => {
  it("watches no mapping of a file on a disk", () => {
    const world = new UffdWorld(0, { disks: [{ size: "16MiB" }] });
    const { kernel, task } = world;
    kernel.mkfs("vda");
    kernel.mount("vda", "/mnt");
    const file = kernel.open(task, "/mnt/a", O_RDWR | 0o100);
    kernel.ftruncate(task, file, PAGE_SIZE);
    kernel.mmap(task, at(0), PAGE_SIZE, READ_WRITE, SHARED_FIXED, file, 0);
    expect(world.register(0, 1, UFFDIO_REGISTER_MODE_MISSING)).toBe(-EINVAL);
    mapPages(kernel, task, 4, 1);
    expect(world.register(4, 1, UFFDIO_REGISTER_MODE_MISSING)).toBe(0);
  });
});

describe("A file system that has its bytes itself", () => {
  it("is mapped for reading and privately, never shared for writing", () => {
    const world = new DiskWorld();
    const { kernel, task } = world;
    const fs = new PlainFileSystem();
    fs.add("a", new Uint8Array(PAGE_SIZE + 10).fill(7));
    const broken = fs.add("b", new Uint8Array(10).fill(7));
    fs.broken.add(broken);
    expect(kernel.mountFileSystem(fs, "/host")).toBe(0);
    expect(kernel.open(task, "/host/a", O_RDWR)).toBe(-EROFS);
    const file = kernel.open(task, "/host/a");
    expect(world.map(file, 2, PROT_READ | PROT_WRITE, MAP_SHARED)).toBe(-EACCES);
    const shared = world.map(file, 2, PROT_READ, MAP_SHARED);
    const mine = world.map(file, 2, READ_WRITE, MAP_PRIVATE);
    world.faults();
    expect(kernel.read(task, shared)).toBe(7);
    expect(world.faults()).toEqual([0, 1]);
    expect(kernel.read(task, shared + PAGE_SIZE + 9)).toBe(7);
    expect(kernel.read(task, shared + PAGE_SIZE + 10)).toBe(0);
    expect(kernel.write(task, mine, 9)).toBeNull();
    expect([kernel.read(task, mine), kernel.read(task, shared)]).toEqual([9, 7]);
    expect(kernel.msync(task, shared, 2 * PAGE_SIZE, MS_SYNC)).toBe(0);
    const bad = world.map(kernel.open(task, "/host/b"), 1, PROT_READ, MAP_SHARED);
    expect(kernel.read(task, bad)).toEqual(busError(bad));
    kernel.audit();
  });
});
