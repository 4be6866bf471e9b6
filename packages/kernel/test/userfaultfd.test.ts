/** Values were recorded on Linux 6.18 with a program that does the same calls. */
import {
  BUS_ADRERR,
  PAGE_SIZE,
  SIGBUS,
  UFFD_API,
  UFFD_EVENT_PAGEFAULT,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  UFFDIO_COPY,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MINOR as MINOR,
  UFFDIO_REGISTER_MODE_MISSING as MISSING,
  UFFDIO_REGISTER_MODE_WP as WP,
  UFFDIO_WAKE,
} from "@pageframe/contracts";
import { BLOCKED_ON_UFFD } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, faultsOf, mapPages, mapsLine, mapsOf, SHARED_ANON } from "./helpers.ts";
import { range, TestMonitor, UffdWorld } from "./userfaultfd-world.ts";

describe("userfaultfd", () => {
  it("offers its features and ioctls once, and does nothing before", () => {
    const { kernel, task } = new UffdWorld();
    const uffd = kernel.userfaultfd(task, 0);
    expect(kernel.uffdIoctl(task, uffd, UFFDIO_WAKE, range(0, 1))).toBe(-22);
    expect(kernel.uffdRead(task, uffd)).toBe(-22);
    const wrong = { api: 1, features: 0, ioctls: 7n };
    expect(kernel.uffdIoctl(task, uffd, UFFDIO_API, wrong)).toBe(-22);
    expect(wrong).toEqual({ api: 0, features: 0, ioctls: 0n });
    expect(kernel.uffdIoctl(task, uffd, UFFDIO_API, { api: UFFD_API, features: 1 << 20 })).toBe(-22);
    const api = { api: UFFD_API, features: 0, ioctls: 0n };
    expect(kernel.uffdIoctl(task, uffd, UFFDIO_API, api)).toBe(0);
    expect(api).toEqual({ api: 0xaa, features: 0x1ffff, ioctls: 0x8000000000000003n });
    expect(kernel.uffdIoctl(task, uffd, UFFDIO_API, api)).toBe(-22);
    expect(kernel.userfaultfd(task, 2)).toBe(-22);
    expect(kernel.uffdClose(task, uffd)).toBe(0);
    expect(kernel.uffdRead(task, uffd)).toBe(-9);
  });

  it("is for root, for user mode's faults, or for all by a setting", () => {
    const { kernel, task } = new UffdWorld();
    kernel.setuid(task, 1000);
    expect(kernel.userfaultfd(task, 0)).toBe(-1);
    expect(kernel.userfaultfd(task, UFFD_USER_MODE_ONLY)).toBe(1);
    kernel.setSysctl("vm/unprivileged_userfaultfd", "1");
    expect(kernel.userfaultfd(task, 0)).toBe(2);
  });

  it("refuses to register what it cannot watch", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    expect([0, 8].map((mode) => world.register(0, 8, mode))).toEqual([-22, -22]);
    expect(world.register(20, 2, MISSING)).toBe(-22);
    expect(world.register(0, 0, MISSING)).toBe(-22);
    expect(world.register(0, 8, MINOR)).toBe(-22);
    expect(
      kernel.uffdIoctl(task, world.uffd, UFFDIO_REGISTER, {
        range: { start: at(0) + 1, len: PAGE_SIZE },
        mode: MISSING,
      }),
    ).toBe(-22);
    const disk = kernel.openFile("disk");
    mapPages(kernel, task, 10, 4, 3, 0x11, disk);
    expect([MISSING, WP].map((mode) => world.register(10, 4, mode))).toEqual([-22, -22]);
    expect(world.register(0, 14, MISSING)).toBe(-22);
    const id = kernel.shmget(task, 0, 4 * PAGE_SIZE, 0o1600);
    kernel.shmat(task, id, at(50));
    expect(world.register(50, 1, MISSING)).toBe(-22);
  });

  it("says which ioctls work on a range", () => {
    const world = new UffdWorld();
    mapPages(world.kernel, world.task, 60, 2, 3, SHARED_ANON);
    const ioctlsOf = (mode: number): bigint | undefined => {
      const arg = { range: range(60, 2), mode, ioctls: 0n };
      expect(world.kernel.uffdIoctl(world.task, world.uffd, UFFDIO_REGISTER, arg)).toBe(0);
      return arg.ioctls;
    };
    expect([MINOR, MINOR | WP | MISSING, MISSING].map(ioctlsOf)).toEqual([0x1bcn, 0x1fcn, 0x13cn]);
  });

  it("lets one context watch a mapping, and another neither register nor unregister it", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const other = world.open();
    mapPages(kernel, task, 0, 8);
    expect(world.register(0, 4, MISSING)).toBe(0);
    expect(world.register(2, 4, MISSING, other)).toBe(-16);
    expect(world.register(4, 4, MISSING, other)).toBe(0);
    expect(world.unregister(0, 2, other)).toBe(-22);
    expect(world.unregister(4, 2)).toBe(-22);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 4, "rw-p"), mapsLine(4, 8, "rw-p")]);
    expect(world.unregister(0, 4)).toBe(0);
    expect(world.unregister(0, 8)).toBe(-22);
    kernel.audit();
    expect(kernel.uffdClose(task, other)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 8, "rw-p")]);
    kernel.audit();
  });

  it("splits and merges mappings by context and mode", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    const lines = (...borders: number[]): string[] =>
      borders.slice(1).map((end, at) => mapsLine(borders[at], end, "rw-p"));
    mapPages(kernel, task, 0, 12);
    world.register(2, 3, MISSING);
    world.register(5, 2, MISSING);
    expect(mapsOf(kernel, task)).toEqual(lines(0, 2, 7, 12));
    world.register(3, 2, MISSING | WP);
    expect(mapsOf(kernel, task)).toEqual(lines(0, 2, 3, 5, 7, 12));
    // What has the mode already stays as it is.
    world.register(2, 5, MISSING);
    expect(mapsOf(kernel, task)).toEqual(lines(0, 2, 3, 5, 7, 12));
    expect(kernel.proc.smapsText(task)).toContain(" um uw ");
    world.unregister(0, 12);
    expect(mapsOf(kernel, task)).toEqual(lines(0, 12));
    kernel.audit();
  });

  it("tells of missing pages, and the task goes on with what the monitor provides", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING);
    const copier = new TestMonitor(world);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).toBe(97))).toEqual([1, 0]);
    expect(kernel.write(task, at(1), 5)).toBe(null);
    expect(kernel.read(task, at(1))).toBe(5);
    expect(copier.messages).toEqual([
      { event: UFFD_EVENT_PAGEFAULT, flags: 0, address: at(0), ptid: 0 },
      { event: UFFD_EVENT_PAGEFAULT, flags: 1, address: at(1), ptid: 0 },
    ]);
    const zeros = new TestMonitor(world, "zeropage");
    expect(kernel.read(task, at(2))).toBe(0);
    expect(kernel.write(task, at(2), 7)).toBe(null);
    expect(faultsOf(task, () => kernel.write(task, at(3), 7))).toEqual([1, 0]);
    expect(zeros.messages.length).toBe(2);
    expect(world.pagemap(0, 5)).toBe("Px Px Px Px -");
    kernel.audit();
  });

  it("reports an access that nobody answers as blocked, and lets it be made again", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING);
    const vpn = at(3) / PAGE_SIZE;
    expect(kernel.read(task, at(3))).toEqual({ signal: BLOCKED_ON_UFFD, code: world.uffd, vpn });
    expect(world.messages()).toEqual([{ event: UFFD_EVENT_PAGEFAULT, flags: 0, address: at(3), ptid: 0 }]);
    // Nothing new: the task still waits.
    expect(world.messages()).toEqual([]);
    expect(kernel.read(task, at(3))).toEqual({ signal: BLOCKED_ON_UFFD, code: world.uffd, vpn });
    expect(world.messages().length).toBe(1);
    expect(world.copy(3)).toEqual([0, PAGE_SIZE]);
    expect(kernel.read(task, at(3))).toBe(97);
    kernel.audit();
  });

  it("gives the exact address and the thread when asked for", () => {
    const world = new UffdWorld(UFFD_FEATURE_EXACT_ADDRESS | UFFD_FEATURE_THREAD_ID);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 8, MISSING);
    const monitor = new TestMonitor(world);
    expect(kernel.read(task, at(0) + 5)).toBe(0);
    expect(monitor.messages).toEqual([
      { event: UFFD_EVENT_PAGEFAULT, flags: 0, address: at(0) + 5, ptid: task.pid },
    ]);
  });

  it("raises SIGBUS instead when asked for, and fails system calls", () => {
    const world = new UffdWorld(UFFD_FEATURE_SIGBUS);
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 4);
    world.register(0, 4, MISSING);
    const vpn = at(0) / PAGE_SIZE;
    expect(kernel.read(task, at(0))).toEqual({ signal: SIGBUS, code: BUS_ADRERR, vpn });
    expect(kernel.copyToUser(task, at(0), new Uint8Array(4))).toBe(4);
    expect(kernel.mlock(task, at(0), PAGE_SIZE)).toBe(-12);
    expect(kernel.madvise(task, at(1), PAGE_SIZE, 22)).toBe(-14);
  });

  it("serves faults of the kernel, unless it is for user mode only", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 4, MISSING);
    const monitor = new TestMonitor(world);
    const bytes = new Uint8Array(4);
    expect(faultsOf(task, () => kernel.copyFromUser(task, bytes, at(0)))).toEqual([0, 1]);
    expect(bytes[0]).toBe(97);
    expect(monitor.messages.length).toBe(1);
    const userOnly = world.open(0, UFFD_USER_MODE_ONLY);
    world.register(4, 4, MISSING, userOnly);
    expect(kernel.copyFromUser(task, bytes, at(4))).toBe(4);
    expect(kernel.getUserPages(task, at(1), 1)).toBe(-14);
    kernel.audit();
  });

  it("copies and zeroes what is empty, and says how far it came", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 8);
    world.register(0, 6, MISSING);
    expect(world.copy(0)).toEqual([0, PAGE_SIZE]);
    expect(world.copy(0)).toEqual([-17, -17]);
    expect(world.copy(3)).toEqual([0, PAGE_SIZE]);
    expect(world.copy(2, 2)).toEqual([-11, PAGE_SIZE]);
    expect(world.copy(5, 2)).toEqual([-2, -2]);
    expect(world.copy(6)).toEqual([-2, -2]);
    expect(world.copy(100)).toEqual([-2, -2]);
    const bad = { dst: at(4), src: at(200), len: PAGE_SIZE, mode: 0, copy: 0 };
    expect(kernel.uffdIoctl(task, world.uffd, UFFDIO_COPY, bad)).toBe(-14);
    expect(bad.copy).toBe(-14);
    expect(world.copy(4, 1, 97, 2)).toEqual([-22, -22]);
    expect(world.copy(4, 1, 97, 4)).toEqual([-22, 0]);
    const unaligned = { dst: at(4) + 1, src: at(0), len: PAGE_SIZE, mode: 0, copy: 0 };
    expect(kernel.uffdIoctl(task, world.uffd, UFFDIO_COPY, unaligned)).toBe(-22);
    expect(world.zeropage(4)).toEqual([0, PAGE_SIZE]);
    expect(world.zeropage(4, 2)).toEqual([-17, -17]);
    expect(world.zeropage(5, 1, 2)).toEqual([-22, 0]);
    expect(world.pagemap(0, 7)).toBe("Px - Px Px P - -");
    kernel.audit();
  });

  it("copies from an address inside a page", () => {
    const world = new UffdWorld();
    const { kernel, task } = world;
    mapPages(kernel, task, 0, 4);
    mapPages(kernel, task, 10, 2);
    kernel.write(task, at(10) + 5, 33);
    world.register(0, 4, MISSING);
    const arg = { dst: at(1), src: at(10) + 5, len: PAGE_SIZE, mode: 0 };
    expect(kernel.uffdIoctl(task, world.uffd, UFFDIO_COPY, arg)).toBe(0);
    expect(kernel.read(task, at(1))).toBe(33);
    kernel.audit();
  });
});
