/** Values were recorded on Linux 6.18 with a program that does the same calls. */
import {
  BUS_MCEERR_AR,
  MADV_DONTNEED,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_REMOVE,
  PAGE_SIZE,
  PROT_READ,
  SIGBUS,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFDIO_REGISTER_MODE_MINOR as MINOR,
  UFFDIO_REGISTER_MODE_MISSING as MISSING,
  UFFDIO_REGISTER_MODE_WP as WP,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { at, faultsOf, mapPages, READ_WRITE } from "./helpers.ts";
import { pageOf, TestMonitor, UffdWorld } from "./userfaultfd-world.ts";

const SHARED = 0x11;
const PRIVATE = 0x12;

/** A file of 16 pages in memory. */
function memfd({ kernel, task }: UffdWorld): number {
  const fileId = kernel.memfdCreate("x");
  kernel.ftruncate(task, fileId, 16 * PAGE_SIZE);
  return fileId;
}

/** Pages and flags of the faults that a monitor was told of. */
function faults(monitor: TestMonitor): [number, number][] {
  return monitor.messages.map((msg) => ("flags" in msg ? [pageOf(msg.address), msg.flags] : [-1, -1]));
}

describe("UFFDIO_WRITEPROTECT", () => {
  it("protects anonymous pages that are there, and tells of the first write to each", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 12);
    kernel.write(task, at(0), 1);
    kernel.write(task, at(1), 2);
    kernel.read(task, at(2));
    world.register(0, 12, WP);
    expect(world.pagemap(0, 5)).toBe("Px Px P - -");
    expect(world.protect(0, 5)).toBe(0);
    expect(world.pagemap(0, 5)).toBe("Pxw Pxw Pw - -");
    const monitor = new TestMonitor(world);
    expect(kernel.read(task, at(0))).toBe(1);
    expect(faultsOf(task, () => kernel.write(task, at(0), 9))).toEqual([1, 0]);
    kernel.write(task, at(2), 3);
    kernel.write(task, at(3), 3);
    expect(faults(monitor)).toEqual([
      [0, 3],
      [2, 3],
    ]);
    expect(world.pagemap(0, 5)).toBe("Px Pxw Px Px -");
    world.protect(0, 2);
    world.protect(0, 2, 0);
    expect(world.pagemap(0, 2)).toBe("Px Px");
    // Letting go makes the mapping's own page writable at once.
    expect(faultsOf(task, () => kernel.write(task, at(1), 1))).toEqual([0, 0]);
    kernel.audit();
  });

  it("refuses modes that do not exist, and what is not watched for writes", () => {
    const world = new UffdWorld();
    mapPages(world.kernel, world.task, 0, 12);
    world.register(0, 12, WP);
    expect([3, 4].map((mode) => world.protect(0, 2, mode))).toEqual([-22, -22]);
    expect(world.protect(10, 4)).toBe(0);
    expect(world.protect(50, 1)).toBe(-2);
    mapPages(world.kernel, world.task, 12, 2);
    expect(world.protect(10, 4)).toBe(-2);
  });

  it("outlasts mprotect, and ends with the registration or the context", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 12);
    kernel.write(task, at(4), 1);
    kernel.write(task, at(5), 1);
    world.register(0, 12, WP);
    world.protect(4, 2);
    kernel.mprotect(task, at(4), PAGE_SIZE, PROT_READ);
    kernel.mprotect(task, at(4), PAGE_SIZE, READ_WRITE);
    expect(world.pagemap(4, 2)).toBe("Pxw Pxw");
    world.unregister(4, 1);
    expect(world.pagemap(4, 2)).toBe("Px Pxw");
    expect(faultsOf(task, () => kernel.write(task, at(4), 1))).toEqual([0, 0]);
    kernel.uffdClose(task, world.uffd);
    expect(world.pagemap(5, 1)).toBe("Px");
    expect(faultsOf(task, () => kernel.write(task, at(5), 1))).toEqual([0, 0]);
    kernel.audit();
  });

  it("marks anonymous memory that is not there yet when asked for", () => {
    const world = new UffdWorld(UFFD_FEATURE_WP_UNPOPULATED);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 12);
    world.register(0, 12, WP);
    world.protect(0, 6);
    expect(world.pagemap(0, 6)).toBe("Sw Sw Sw Sw Sw Sw");
    expect(kernel.read(task, at(0))).toBe(0);
    expect(world.pagemap(0, 1)).toBe("Pw");
    const monitor = new TestMonitor(world);
    expect(faultsOf(task, () => kernel.write(task, at(0), 1))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(1), 1))).toEqual([2, 0]);
    expect(faults(monitor)).toEqual([
      [0, 3],
      [1, 3],
    ]);
    expect(world.pagemap(0, 3)).toBe("Px Px Sw");
    kernel.madvise(task, at(2), PAGE_SIZE, MADV_DONTNEED);
    expect(world.pagemap(2, 2)).toBe("- Sw");
    world.protect(3, 1, 0);
    expect(world.pagemap(3, 1)).toBe("-");
    expect(world.poison(4)).toEqual([-17, -17]);
    world.unregister(0, 12);
    expect(world.pagemap(0, 6)).toBe("Px Px - - - -");
    kernel.audit();
  });

  it("lets a page be copied over a marker, but not a page of zeros", () => {
    const world = new UffdWorld(UFFD_FEATURE_WP_UNPOPULATED);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 12);
    world.register(0, 12, MISSING | WP);
    world.protect(0, 2);
    expect(world.copy(0)).toEqual([0, PAGE_SIZE]);
    expect(world.zeropage(1)).toEqual([-17, -17]);
    expect(world.pagemap(0, 2)).toBe("Px Sw");
    expect(world.copy(2, 1, 97, 2)).toEqual([0, PAGE_SIZE]);
    expect(world.pagemap(2, 1)).toBe("Pxw");
    const monitor = new TestMonitor(world);
    kernel.write(task, at(1), 1);
    kernel.write(task, at(2), 1);
    expect(faults(monitor)).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(world.pagemap(0, 3)).toBe("Px Px Px");
    kernel.audit();
  });

  it("stays with pages that go to swap and come back", () => {
    const world = new UffdWorld(0, { swap: [{ size: "4MiB" }] });
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 12);
    kernel.write(task, at(0), 1);
    kernel.write(task, at(1), 1);
    world.register(0, 12, WP);
    world.protect(0, 1);
    kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_PAGEOUT);
    expect(world.pagemap(0, 2)).toBe("Sw S");
    world.protect(1, 1);
    world.protect(0, 1, 0);
    expect(world.pagemap(0, 2)).toBe("S Sw");
    world.protect(0, 1);
    expect(kernel.read(task, at(0))).toBe(1);
    expect(world.pagemap(0, 2)).toBe("Pxw Sw");
    const monitor = new TestMonitor(world);
    kernel.write(task, at(1), 2);
    expect(faults(monitor)).toEqual([[1, 3]]);
    expect(world.pagemap(0, 2)).toBe("Pxw Px");
    kernel.audit();
  });

  it("leaves markers where pages of a shared file were", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const fileId = memfd(world);
    mapPages(kernel, task, 0, 8, READ_WRITE, SHARED | 0x10, fileId);
    kernel.write(task, at(0), 1);
    kernel.write(task, at(1), 1);
    world.register(0, 8, WP);
    world.protect(0, 4);
    expect(world.pagemap(0, 5)).toBe("Pfxw Pfxw Sw Sw -");
    const monitor = new TestMonitor(world);
    kernel.write(task, at(0), 2);
    kernel.read(task, at(2));
    expect(faultsOf(task, () => kernel.write(task, at(3), 1))).toEqual([2, 0]);
    expect(faults(monitor)).toEqual([
      [0, 3],
      [3, 3],
    ]);
    expect(world.pagemap(0, 5)).toBe("Pfx Pfxw Pfxw Pfx -");
    kernel.write(task, at(4), 1);
    world.protect(0, 5);
    kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_DONTNEED);
    expect(world.pagemap(0, 3)).toBe("Sw Sw Pfxw");
    expect(kernel.read(task, at(0))).toBe(2);
    expect(world.pagemap(0, 3)).toBe("Pfxw Sw Pfxw");
    kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_REMOVE);
    expect(world.pagemap(0, 3)).toBe("Sw Sw Pfxw");
    kernel.ftruncate(task, fileId, PAGE_SIZE);
    expect(world.pagemap(0, 8)).toBe("Sw Sw Sw Sw Sw - - -");
    kernel.ftruncate(task, fileId, 8 * PAGE_SIZE);
    expect(faultsOf(task, () => kernel.write(task, at(1), 1))).toEqual([2, 0]);
    kernel.munmap(task, at(2), PAGE_SIZE);
    kernel.mmap(task, at(2), PAGE_SIZE, READ_WRITE, SHARED, fileId, 2 * PAGE_SIZE);
    expect(world.pagemap(0, 8)).toBe("Sw Pfx - Sw Sw - - -");
    world.unregister(0, 8);
    expect(world.pagemap(0, 8)).toBe("- Pfx - - - - - -");
    kernel.audit();
  });

  it("holds in a private mapping of a file, for its pages and its copies", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const fileId = memfd(world);
    kernel.pwrite(task, fileId, Uint8Array.of(113), 0);
    mapPages(kernel, task, 0, 8, READ_WRITE, PRIVATE, fileId);
    kernel.read(task, at(0));
    kernel.write(task, at(1), 1);
    world.register(0, 8, WP);
    world.protect(0, 4);
    expect(world.pagemap(0, 4)).toBe("Pfxw Pxw Sw Sw");
    const monitor = new TestMonitor(world);
    for (const page of [0, 1, 2]) kernel.write(task, at(page), 2);
    kernel.read(task, at(3));
    expect(faults(monitor)).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    expect(world.pagemap(0, 4)).toBe("Px Px Px Pfxw");
    kernel.audit();
  });

  it("lets writes through and forgets them when asynchronous, on any file", () => {
    const world = new UffdWorld(UFFD_FEATURE_WP_ASYNC);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 4);
    kernel.write(task, at(0), 1);
    world.register(0, 4, WP);
    world.protect(0, 4);
    expect(world.pagemap(0, 4)).toBe("Pxw Sw Sw Sw");
    expect(faultsOf(task, () => kernel.write(task, at(0), 1))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(1), 1))).toEqual([2, 0]);
    expect(world.pagemap(0, 4)).toBe("Px Px Sw Sw");
    mapPages(kernel, task, 10, 4, READ_WRITE, SHARED, kernel.openFile("disk"));
    expect([WP, WP | MISSING].map((mode) => world.register(10, 4, mode))).toEqual([0, -22]);
    kernel.audit();
  });
});

describe("UFFDIO_CONTINUE", () => {
  it("maps what the file has, and tells of faults on that alone", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const fileId = memfd(world);
    mapPages(kernel, task, 100, 16, READ_WRITE, SHARED, fileId);
    for (let page = 0; page < 6; page++) kernel.write(task, at(100 + page), 65 + page);
    mapPages(kernel, task, 0, 8, READ_WRITE, SHARED, fileId);
    world.register(0, 8, MINOR);
    const monitor = new TestMonitor(world);
    expect(kernel.read(task, at(0))).toBe(65);
    kernel.write(task, at(1), 1);
    expect(faults(monitor)).toEqual([
      [0, 4],
      [1, 5],
    ]);
    expect(world.pagemap(0, 8)).toBe("Pf Pf - - - - - -");
    expect(kernel.read(task, at(6))).toBe(0);
    expect(world.continue(0)).toEqual([-17, -17]);
    expect(world.continue(2, 2)).toEqual([0, 2 * PAGE_SIZE]);
    expect(world.continue(7)).toEqual([-14, -14]);
    expect(world.continue(5, 2)).toEqual([-11, PAGE_SIZE]);
    expect(world.continue(4, 1, 2)).toEqual([-22, -22]);
    world.register(0, 8, MINOR | WP | MISSING);
    expect(world.continue(4, 1, 2)).toEqual([0, PAGE_SIZE]);
    expect(world.pagemap(0, 8)).toBe("Pf Pf Pf Pf Pfw Pf Pfx -");
    kernel.ftruncate(task, fileId, 4 * PAGE_SIZE);
    expect(world.continue(4)).toEqual([-22, -22]);
    expect(world.copy(4)).toEqual([-14, -14]);
    kernel.audit();
  });

  it("gives private mappings the file's page to copy from", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const fileId = memfd(world);
    for (let page = 0; page < 3; page++) kernel.pwrite(task, fileId, Uint8Array.of(65), page * PAGE_SIZE);
    mapPages(kernel, task, 20, 8, READ_WRITE, PRIVATE, fileId);
    world.register(20, 8, MINOR);
    const monitor = new TestMonitor(world);
    expect(kernel.read(task, at(20))).toBe(65);
    expect(faultsOf(task, () => kernel.write(task, at(21), 1))).toEqual([1, 0]);
    expect(faults(monitor)).toEqual([
      [20, 4],
      [21, 5],
    ]);
    expect(world.pagemap(20, 3)).toBe("Pfx Px -");
    kernel.audit();
  });
});

describe("missing pages of shared memory", () => {
  it("are holes; what the file has is mapped as ever, with its neighbours", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const fileId = memfd(world);
    mapPages(kernel, task, 100, 16, READ_WRITE, SHARED, fileId);
    kernel.write(task, at(100), 65);
    kernel.write(task, at(102), 67);
    mapPages(kernel, task, 0, 16, READ_WRITE, SHARED, fileId);
    world.register(0, 16, MISSING);
    const monitor = new TestMonitor(world);
    expect(kernel.read(task, at(0))).toBe(65);
    expect(kernel.read(task, at(1))).toBe(98);
    expect(world.pagemap(0, 4)).toBe("Pf Pfx Pf -");
    kernel.write(task, at(3), 1);
    expect(faults(monitor)).toEqual([
      [1, 0],
      [3, 1],
    ]);
    new TestMonitor(world, "zeropage");
    expect(kernel.read(task, at(4))).toBe(0);
    kernel.write(task, at(5), 1);
    expect(world.pagemap(0, 8)).toBe("Pf Pfx Pf Pfx Pfx Pfx - -");
    expect(world.copy(0)).toEqual([-17, -17]);
    kernel.audit();
  });

  it("become private pages in a private mapping", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 20, 16, READ_WRITE, PRIVATE, memfd(world));
    world.register(20, 16, MISSING);
    new TestMonitor(world);
    expect(kernel.read(task, at(26))).toBe(97);
    kernel.write(task, at(27), 1);
    new TestMonitor(world, "zeropage");
    expect(kernel.read(task, at(28))).toBe(0);
    kernel.write(task, at(29), 1);
    expect(world.pagemap(26, 4)).toBe("Px Px P Px");
    kernel.audit();
  });
});

describe("UFFDIO_POISON", () => {
  it("makes accesses raise SIGBUS until the page is replaced or discarded", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING);
    expect(world.poison(0, 2)).toEqual([0, 2 * PAGE_SIZE]);
    expect(world.poison(0)).toEqual([-17, -17]);
    expect(world.pagemap(0, 2)).toBe("S S");
    const vpn = at(1) / PAGE_SIZE;
    expect(kernel.write(task, at(1), 1)).toEqual({ signal: SIGBUS, code: BUS_MCEERR_AR, vpn });
    expect(world.copy(0)).toEqual([0, PAGE_SIZE]);
    expect(kernel.read(task, at(0))).toBe(97);
    expect(world.zeropage(1)).toEqual([-17, -17]);
    expect(kernel.copyToUser(task, at(1), Uint8Array.of(1))).toBe(1);
    expect(kernel.mlock(task, at(1), PAGE_SIZE)).toBe(-12);
    kernel.munlock(task, at(1), PAGE_SIZE);
    expect(kernel.madvise(task, at(1), PAGE_SIZE, MADV_POPULATE_READ)).toBe(-133);
    kernel.madvise(task, at(1), PAGE_SIZE, MADV_DONTNEED);
    expect(world.pagemap(0, 2)).toBe("Px -");
    world.poison(3);
    kernel.mremap(task, at(3), PAGE_SIZE, PAGE_SIZE, 3, at(30));
    expect(world.pagemap(30, 1)).toBe("S");
    world.poison(4);
    const child = kernel.fork(task);
    expect(world.pagemap(4, 1, child)).toBe("S");
    kernel.audit();
  });
});
