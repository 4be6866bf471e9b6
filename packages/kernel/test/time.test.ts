import { packRun, PAGE_SIZE, RUN_READ, RUN_WRITE, vpnHi, vpnLo, MADV_DONTNEED } from "@pageframe/contracts";
import {
  bootKernel,
  CAUSE_NAMES,
  COST_NAMES,
  DEFAULT_COSTS_NS,
  type Kernel,
  type KernelConfigInput,
} from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, mapPages, READ_WRITE, SHARED_ANON, spawnWith } from "./helpers.ts";

/** A cost table with a price that tells causes apart: powers of two. */
const PRICES = Object.fromEntries(COST_NAMES.map((name, cause) => [name, 2 ** cause]));

function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({ memory: "1MiB", swap: [{ size: "4MiB" }], contents: "sparse", ...config });
}

/** Events by cause while `action` runs. */
function eventsOf(kernel: Kernel, action: () => unknown): Record<string, number> {
  const { spentNs, costsNs } = kernel.sys.time;
  const before = spentNs.slice();
  action();
  const events: Record<string, number> = {};
  CAUSE_NAMES.forEach((name, cause) => {
    const nr = (spentNs[cause] - before[cause]) / (costsNs[cause] ?? 1);
    if (nr !== 0) events[name] = nr;
  });
  return events;
}

function runsOf(pages: readonly number[], kind: number): Int32Array {
  return Int32Array.from(
    pages.flatMap((page) => [vpnLo(ARENA_VPN + page), packRun(vpnHi(ARENA_VPN + page), kind, false, 1)]),
  );
}

describe("virtual time", () => {
  it("is the sum of what its causes add up to, and begins at boot", () => {
    const kernel = boot({ costs: PRICES });
    const task = spawnWith(kernel, "test", 500);
    fill(kernel, task, 0, 500);
    const { spentNs } = kernel.sys.time;
    expect(kernel.nowNs).toBe(spentNs.reduce((sum, ns) => sum + ns, 0));
    expect(spentNs.length).toBe(CAUSE_NAMES.length);
    expect(Array.from(kernel.sys.time.costsNs)).toEqual(COST_NAMES.map((_, cause) => 2 ** cause));
    expect(Array.from(boot().sys.time.costsNs)).toEqual(DEFAULT_COSTS_NS);
  });

  it("counts a first write as access, walk, fault and a page of zeros", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "test", 4);
    fill(kernel, task, 0, 1);
    expect(eventsOf(kernel, () => kernel.access(task, ARENA_VPN + 1, RUN_WRITE))).toEqual({
      access: 1,
      walk: 1,
      minorFault: 1,
      zeroPage: 1,
    });
    expect(eventsOf(kernel, () => kernel.access(task, ARENA_VPN + 1, RUN_WRITE))).toEqual({ access: 1 });
  });

  it("counts a copy-on-write as access, fault, copy and flush of a page", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "test", 4);
    fill(kernel, task, 0, 4);
    kernel.fork(task);
    kernel.read(task, at(0));
    const events = eventsOf(kernel, () => kernel.write(task, at(0), 9));
    expect(events).toEqual({ access: 1, minorFault: 1, copyPage: 1, tlbFlushOne: 1 });
  });

  it("counts one system call for each call, whatever it answers", () => {
    const kernel = boot();
    const task = kernel.spawn("test");
    expect(
      eventsOf(kernel, () => {
        mapPages(kernel, task, 0, 10);
        kernel.mprotect(task, at(0), PAGE_SIZE, 1);
        kernel.mprotect(task, at(100), PAGE_SIZE, 1);
        kernel.brk(task, 0);
        kernel.munmap(task, at(0), 10 * PAGE_SIZE);
        kernel.madvise(task, at(0), 1, MADV_DONTNEED);
      }),
    ).toEqual({ syscall: 6 });
    // fork flushes whatever it has copied (dup_mmap).
    expect(eventsOf(kernel, () => kernel.fork(task))).toEqual({ syscall: 1, tlbFlushAll: 1 });
  });

  it("counts swap and files by what was moved", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "test", 500);
    const before = kernel.proc.vmstat();
    const events = eventsOf(kernel, () => {
      fill(kernel, task, 0, 500);
      for (let page = 0; page < 500; page++) kernel.read(task, at(page));
    });
    const after = kernel.proc.vmstat();
    expect(events["swapIn"]).toBe(after["pswpin"] + after["swpin_zero"] - before["pswpin"]);
    expect(events["swapOut"]).toBe(after["pswpout"] + after["swpout_zero"] - before["pswpout"]);
    expect(events["minorFault"]).toBe(after["pgfault"] - before["pgfault"]);
    expect(events["scan"]).toBeGreaterThan(events["swapOut"]);

    const other = boot();
    const writer = other.spawn("writer");
    mapPages(other, writer, 0, 500, READ_WRITE, SHARED_ANON & ~0x20, other.openFile("/data"));
    const fileEvents = eventsOf(other, () => {
      fill(other, writer, 0, 500);
      for (let page = 0; page < 500; page++) other.read(writer, at(page));
    });
    expect(fileEvents["fileWrite"]).toBe(other.proc.vmstat()["nr_written"]);
    expect(fileEvents["fileRead"]).toBe(other.proc.vmstat()["pgmajfault"]);
    expect(fileEvents["fileRead"]).toBeGreaterThan(200);
  });

  it("is the same whether accesses come one by one or as runs", () => {
    const [one, batch] = [boot({ costs: PRICES }), boot({ costs: PRICES })];
    const [first, second] = [one, batch].map((kernel) => spawnWith(kernel, "test", 250));
    const pages = Array.from({ length: 700 }, (_, nth) => (nth * 37) % 250);
    for (const kind of [RUN_WRITE, RUN_READ]) {
      for (const page of pages) one.access(first, ARENA_VPN + page, kind);
      batch.accessRuns(second, runsOf(pages, kind), pages.length);
    }
    // One access that ends with a signal.
    one.access(first, ARENA_VPN + 900, RUN_READ);
    batch.accessRuns(second, runsOf([900], RUN_READ), 1);
    const spent = (kernel: Kernel): Record<string, number> =>
      Object.fromEntries(
        CAUSE_NAMES.map((name, cause) => [name, kernel.sys.time.spentNs[cause] / 2 ** cause]),
      );
    expect(spent(batch)).toEqual(spent(one));
    expect(batch.nowNs).toBe(one.nowNs);
    expect(batch.translationCounts(0)).toEqual(one.translationCounts(0));
  });

  it("follows the cost table: what costs nothing takes no time", () => {
    const free = Object.fromEntries(COST_NAMES.map((name) => [name, 0]));
    const kernel = boot({ costs: { ...free, swapIn: 1000 } });
    const task = spawnWith(kernel, "test", 500);
    fill(kernel, task, 0, 500);
    const before = kernel.nowNs;
    const nrBefore = kernel.proc.vmstat()["pswpin"];
    for (let page = 0; page < 500; page++) kernel.read(task, at(page));
    expect(kernel.nowNs - before).toBe(1000 * (kernel.proc.vmstat()["pswpin"] - nrBefore));
  });

  it("orders tasks by when they started", () => {
    const kernel = boot();
    const early = spawnWith(kernel, "early", 4);
    fill(kernel, early, 0, 4);
    const late = kernel.spawn("late");
    expect(late.startTimeNs).toBeGreaterThan(early.startTimeNs);
    expect(late.startTimeNs).toBe(kernel.nowNs);
  });
});
