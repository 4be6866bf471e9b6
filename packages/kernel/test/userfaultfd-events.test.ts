/** Values were recorded on Linux 6.18 with a program that does the same calls. */
import {
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_PAGEOUT,
  MADV_REMOVE,
  PAGE_SIZE,
  PROT_READ,
  UFFD_EVENT_FORK,
  UFFD_EVENT_PAGEFAULT,
  UFFD_EVENT_REMAP,
  UFFD_EVENT_REMOVE,
  UFFD_EVENT_UNMAP,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFDIO_REGISTER_MODE_MISSING as MISSING,
  UFFDIO_REGISTER_MODE_WP as WP,
} from "@pageframe/contracts";
import { type Task, type UffdMsg } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, mapPages, READ_WRITE } from "./helpers.ts";
import { pageOf, TestMonitor, UffdWorld } from "./userfaultfd-world.ts";

const MAYMOVE_FIXED = 3;
const MAYMOVE_FIXED_DONTUNMAP = 7;

/** A message in one word and pages of the arena. */
function shortOf(msg: UffdMsg): string {
  switch (msg.event) {
    case UFFD_EVENT_PAGEFAULT:
      return `fault ${pageOf(msg.address)}`;
    case UFFD_EVENT_FORK:
      return "fork";
    case UFFD_EVENT_REMAP:
      return `remap ${pageOf(msg.from)} ${pageOf(msg.to)} ${msg.len / PAGE_SIZE}`;
    case UFFD_EVENT_REMOVE:
      return `remove ${pageOf(msg.start)} ${pageOf(msg.end)}`;
    case UFFD_EVENT_UNMAP:
      return `unmap ${pageOf(msg.start)} ${pageOf(msg.end)}`;
  }
}

/** Messages that `action` makes. */
function during(world: UffdWorld, action: () => unknown): string[] {
  action();
  return world.messages().map(shortOf);
}

/** Watched parts of the arena below page 800: first page, page past the last, letters of VmFlags. */
function watched(task: Task): string[] {
  const { space } = task.mm;
  const { pool } = space;
  const parts: string[] = [];
  space.forEachVma((vma) => {
    const [start, end] = [pool.startVpn[vma] - ARENA_VPN, pool.endVpn[vma] - ARENA_VPN];
    if (start < 0 || start > 800 || pool.uffd[vma] < 0) return;
    const flags = pool.vmFlags[vma];
    parts.push(`${start}-${end}${(flags & 0x200) !== 0 ? " um" : ""}${(flags & 0x1000) !== 0 ? " uw" : ""}`);
  });
  return parts;
}

describe("events of userfaultfd", () => {
  it("tell of memory that is discarded, before it is", () => {
    const world = new UffdWorld(UFFD_FEATURE_EVENT_REMOVE);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 30);
    world.register(0, 10, MISSING);
    world.register(12, 4, MISSING);
    expect(during(world, () => kernel.madvise(task, at(0), 14 * PAGE_SIZE, MADV_DONTNEED))).toEqual([
      "remove 0 10",
      "remove 12 14",
    ]);
    expect(during(world, () => kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_FREE))).toEqual([
      "remove 0 2",
    ]);
    expect(during(world, () => kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_DODUMP))).toEqual([]);
    const fileId = kernel.memfdCreate("x");
    kernel.ftruncate(task, fileId, 16 * PAGE_SIZE);
    mapPages(kernel, task, 300, 8, READ_WRITE, 0x11, fileId);
    world.register(300, 8, MISSING);
    expect(during(world, () => kernel.madvise(task, at(300), 4 * PAGE_SIZE, MADV_REMOVE))).toEqual([
      "remove 300 304",
    ]);
    kernel.audit();
  });

  it("hold up ioctls until they are read", () => {
    const world = new UffdWorld(UFFD_FEATURE_EVENT_REMOVE);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING | WP);
    kernel.madvise(task, at(0), PAGE_SIZE, MADV_DONTNEED);
    expect(world.copy(1)).toEqual([-11, -11]);
    expect(world.zeropage(1)).toEqual([-11, -11]);
    expect(world.protect(0, 1)).toBe(-11);
    expect(world.move(0, 1)).toEqual([-11, -11]);
    expect(world.messages().map(shortOf)).toEqual(["remove 0 1"]);
    expect(world.copy(1)).toEqual([0, PAGE_SIZE]);
  });

  it("tell of moves, and the userfaultfd goes along", () => {
    const world = new UffdWorld(UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 30);
    world.register(0, 10, MISSING | WP);
    world.register(12, 4, MISSING | WP);
    world.copy(0);
    world.protect(0, 1);
    const moveTo = (from: number, to: number, nr: number, flags: number) => () =>
      kernel.mremap(task, at(from), nr * PAGE_SIZE, nr * PAGE_SIZE, flags, at(to));
    expect(during(world, moveTo(0, 100, 4, MAYMOVE_FIXED))).toEqual(["remap 0 100 4", "unmap 0 4"]);
    expect(watched(task)).toEqual(["4-10 um uw", "12-16 um uw", "100-104 um uw"]);
    expect(world.pagemap(100, 1)).toBe("Pxw");
    expect(during(world, moveTo(100, 8, 2, MAYMOVE_FIXED))).toEqual([
      "unmap 8 10",
      "remap 100 8 2",
      "unmap 100 102",
    ]);
    expect(watched(task)).toEqual(["4-8 um uw", "8-10 um uw", "12-16 um uw", "102-104 um uw"]);
    expect(during(world, () => kernel.munmap(task, at(5), 20 * PAGE_SIZE))).toEqual(["unmap 5 25"]);
    expect(watched(task)).toEqual(["4-5 um uw", "102-104 um uw"]);
    kernel.audit();
  });

  it("are silent while a mapping grows, and tell of what it loses", () => {
    const world = new UffdWorld(UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 5);
    world.register(0, 5, MISSING);
    const resize = (from: number, to: number) => () =>
      kernel.mremap(task, at(0), from * PAGE_SIZE, to * PAGE_SIZE, 1);
    expect(during(world, resize(5, 7))).toEqual([]);
    expect(watched(task)).toEqual(["0-7 um"]);
    expect(during(world, resize(7, 3))).toEqual(["unmap 3 7"]);
    const dontUnmap = () =>
      kernel.mremap(task, at(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE_FIXED_DONTUNMAP, at(200));
    expect(during(world, dontUnmap)).toEqual(["remap 0 200 2"]);
    expect(watched(task)).toEqual(["0-3 um", "200-202 um"]);
    expect(during(world, () => mapPages(kernel, task, 1, 1))).toEqual(["unmap 1 2"]);
    expect(watched(task)).toEqual(["0-1 um", "2-3 um", "200-202 um"]);
    kernel.audit();
  });

  it("that nobody asked for leave what is moved unwatched and unprotected", () => {
    const world = new UffdWorld(UFFD_FEATURE_WP_UNPOPULATED);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 30);
    kernel.write(task, at(0), 1);
    world.register(0, 10, MISSING | WP);
    world.protect(0, 2);
    expect(world.pagemap(0, 3)).toBe("Pxw Sw -");
    kernel.mremap(task, at(0), 4 * PAGE_SIZE, 4 * PAGE_SIZE, MAYMOVE_FIXED, at(100));
    expect(watched(task)).toEqual(["4-10 um uw"]);
    expect(world.pagemap(100, 3)).toBe("Px - -");
    expect([kernel.write(task, at(100), 1), kernel.write(task, at(101), 1)]).toEqual([null, null]);
    expect(world.messages()).toEqual([]);
    // Several mappings do not move at once when one is watched.
    expect(kernel.mremap(task, at(4), 8 * PAGE_SIZE, 8 * PAGE_SIZE, MAYMOVE_FIXED, at(400))).toBe(-14);
    kernel.audit();
  });

  it("let a monitor see memory before it is discarded", () => {
    const world = new UffdWorld(UFFD_FEATURE_EVENT_REMOVE);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 4);
    world.register(0, 4, MISSING);
    world.copy(0, 1, 42);
    const seen: unknown[] = [];
    kernel.uffdMonitor(world.uffd, {
      userfault: () => seen.push(kernel.read(world.server, at(0)), ...world.messages().map(shortOf)),
    });
    kernel.madvise(task, at(0), PAGE_SIZE, MADV_DONTNEED);
    expect(seen).toEqual([42, "remove 0 1"]);
    expect(world.pagemap(0, 1)).toBe("-");
    kernel.audit();
  });
});

describe("fork of a watched address space", () => {
  function setUp(features: number): UffdWorld {
    const world = new UffdWorld(features);
    const { kernel, task } = world;
    const fileId = kernel.memfdCreate("x");
    kernel.ftruncate(task, fileId, 16 * PAGE_SIZE);
    mapPages(kernel, task, 0, 4);
    mapPages(kernel, task, 8, 4, READ_WRITE, 0x11, fileId);
    kernel.write(task, at(0), 1);
    kernel.write(task, at(8), 1);
    world.register(0, 4, MISSING | WP);
    world.register(8, 4, WP);
    world.protect(0, 1);
    world.protect(8, 2);
    return world;
  }

  it("leaves the child unwatched and unprotected", () => {
    const world = setUp(0);
    const { kernel, task } = world;
    const child = kernel.fork(task);
    expect(watched(child)).toEqual([]);
    expect(world.pagemap(0, 2, child)).toBe("P -");
    expect(world.pagemap(8, 2, child)).toBe("- -");
    for (const page of [0, 1, 8]) expect(kernel.write(child, at(page), 2)).toBe(null);
    expect(watched(task)).toEqual(["0-4 um uw", "8-12 uw"]);
    expect(world.pagemap(0, 2)).toBe("Pxw -");
    kernel.audit();
  });

  it("gives the child a userfaultfd of its own when asked for", () => {
    const world = setUp(UFFD_FEATURE_EVENT_FORK);
    const { kernel, task } = world;
    const child = kernel.fork(task);
    const [msg] = world.messages();
    expect(shortOf(msg)).toBe("fork");
    const ufd = "ufd" in msg ? msg.ufd : -1;
    expect(watched(child)).toEqual(["0-4 um uw", "8-12 uw"]);
    expect(world.pagemap(0, 2, child)).toBe("Pw -");
    expect(world.pagemap(8, 2, child)).toBe("Pfw Sw");
    kernel.read(child, at(1));
    expect(world.messages()).toEqual([]);
    expect(world.messages(ufd).map(shortOf)).toEqual(["fault 1"]);
    expect(world.copy(1, 1, 98, 0, ufd)).toEqual([0, PAGE_SIZE]);
    expect(kernel.read(child, at(1))).toBe(98);
    kernel.audit();
    kernel.exit(child);
    expect(world.copy(2, 1, 98, 0, ufd)).toEqual([-3, 0]);
    expect(kernel.uffdClose(task, ufd)).toBe(0);
    kernel.audit();
  });
});

describe("UFFDIO_MOVE", () => {
  it("moves pages that the mapping alone has, and says how far it came", () => {
    const world = new UffdWorld(0, { swap: [{ size: "4MiB" }] });
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 20);
    mapPages(kernel, task, 40, 20);
    kernel.madvise(task, at(40), 20 * PAGE_SIZE, MADV_DONTFORK);
    for (let page = 0; page < 4; page++) kernel.write(task, at(40 + page), page + 1);
    kernel.read(task, at(45));
    world.register(0, 20, MISSING);
    expect(world.move(0, 40, 2)).toEqual([0, 2 * PAGE_SIZE]);
    expect(world.pagemap(0, 2)).toBe("Px Px");
    expect(world.pagemap(40, 2)).toBe("- -");
    expect(kernel.read(task, at(1))).toBe(2);
    expect(world.move(1, 42)).toEqual([-17, -17]);
    expect(world.move(2, 42, 4)).toEqual([-11, 2 * PAGE_SIZE]);
    expect(world.pagemap(2, 4)).toBe("Px Px - -");
    expect(world.move(5, 44, 2, 2)).toEqual([0, 2 * PAGE_SIZE]);
    expect(world.move(8, 45)).toEqual([-2, -2]);
    expect(world.move(10, 44, 3, 2)).toEqual([0, 3 * PAGE_SIZE]);
    expect(world.move(40, 0)).toEqual([-22, -22]);
    expect(world.move(4, 100)).toEqual([-2, -2]);
    expect(world.move(19, 40, 2)).toEqual([-22, -22]);
    kernel.write(task, at(50), 9);
    kernel.madvise(task, at(50), PAGE_SIZE, MADV_PAGEOUT);
    expect(world.move(11, 50)).toEqual([0, PAGE_SIZE]);
    expect([world.pagemap(11, 1), world.pagemap(50, 1)]).toEqual(["S", "-"]);
    expect(kernel.read(task, at(11))).toBe(9);
    kernel.audit();
    kernel.write(task, at(51), 1);
    expect(world.move(12, 51, 1, 4)).toEqual([-22, 0]);
    kernel.mprotect(task, at(40), 20 * PAGE_SIZE, PROT_READ);
    expect(world.move(12, 51)).toEqual([-22, -22]);
    kernel.mprotect(task, at(40), 20 * PAGE_SIZE, READ_WRITE);
    expect(world.move(0, 1)).toEqual([-17, -17]);
    expect(world.move(12, 0)).toEqual([0, PAGE_SIZE]);
    kernel.madvise(task, at(40), 20 * PAGE_SIZE, MADV_DOFORK);
    kernel.write(task, at(52), 1);
    const child = kernel.fork(task);
    expect(world.move(13, 52)).toEqual([-16, -16]);
    kernel.exit(child);
    expect(world.move(13, 52)).toEqual([-16, -16]);
    kernel.audit();
  });
});

describe("a monitor", () => {
  it("serves many tasks, random accesses and other calls of its own", () => {
    const world = new UffdWorld(0, { cpus: 2, kpti: true });
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 64);
    world.register(0, 64, MISSING);
    const monitor = new TestMonitor(world);
    const other = kernel.thread(task, 1);
    for (let turn = 0; turn < 64; turn++) {
      const page = (turn * 23) % 64;
      expect(kernel.read(turn % 2 === 0 ? task : other, at(page))).toBe(97 + (page % 26));
    }
    expect(monitor.messages.length).toBe(64);
    expect(new Set(monitor.results)).toEqual(new Set([0]));
    kernel.audit();
  });

  it("is part of snapshots and of copies of the machine", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING);
    kernel.read(task, at(0));
    const before = kernel.digest();
    const snapshot = kernel.snapshot();
    world.copy(0);
    expect(kernel.read(task, at(0))).toBe(97);
    kernel.restore(snapshot);
    expect(kernel.digest()).toBe(before);
    expect(kernel.clone().digest()).toBe(before);
    kernel.audit();
    expect(world.messages().map(shortOf)).toEqual(["fault 0"]);
  });

  it("is forgotten with the tasks that wait when the context is closed, or the task ends", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING);
    const other = kernel.thread(task);
    kernel.read(other, at(1));
    kernel.exit(other);
    expect(world.messages()).toEqual([]);
    kernel.read(task, at(0));
    kernel.uffdClose(world.server, world.uffd);
    expect(kernel.read(task, at(0))).toBe(0);
    kernel.audit();
  });
});
