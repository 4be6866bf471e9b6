import {
  PAGE_SIZE,
  RUN_WRITE,
  SIGKILL,
  TP_MARK_VICTIM,
  type TraceSink,
  vpnHi,
  vpnLo,
  packRun,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, mapPages, settledFreePages, spawnWith, wrongPages } from "./helpers.ts";

const KILLED = { signal: SIGKILL, code: 0, vpn: 0 };

/** 512 pages of memory, no swap. */
function boot(config: KernelConfigInput = {}, trace: TraceSink | null = null): Kernel {
  return bootKernel({ memory: "2MiB", contents: "sparse", ...config }, { trace });
}

/** Lets `task` write page after page until a task is killed; returns who. */
function exhaust(kernel: Kernel, task: Task): string[] {
  const before = new Map([...kernel.sys.tasks].map(([pid, { name }]) => [pid, name]));
  for (let page = 0; kernel.sys.tasks.size === before.size; page++) {
    if (page === 600) throw new Error("nobody was killed");
    kernel.write(task, at(1000 + page), 1);
  }
  for (const pid of kernel.sys.tasks.keys()) before.delete(pid);
  return [...before.values()];
}

/** A task with some written pages, and room for exhaust(). */
function resident(kernel: Kernel, name: string, nrPages: number, nrRoomPages = 600): Task {
  const task = spawnWith(kernel, name, nrPages);
  fill(kernel, task, 0, nrPages);
  mapPages(kernel, task, 1000, nrRoomPages);
  return task;
}

describe("the OOM killer", () => {
  it("kills the task with the most memory, whoever asked for more", () => {
    const kernel = boot();
    const small = resident(kernel, "small", 30);
    const large = resident(kernel, "large", 300);
    const middle = resident(kernel, "middle", 60);
    expect(exhaust(kernel, small)).toEqual(["large"]);
    expect([large.hasExited, large.killedBy]).toEqual([true, KILLED]);
    expect([small.killedBy, middle.killedBy]).toEqual([null, null]);
    // The others lost nothing, and there is memory again.
    expect(wrongPages(kernel, small, 0, 30)).toEqual([]);
    expect(wrongPages(kernel, middle, 0, 60)).toEqual([]);
    expect(settledFreePages(kernel)).toBeGreaterThan(300);
    expect([kernel.sys.nrOomKills, kernel.proc.vmstat()["oom_kill"]]).toEqual([1, 1]);
    kernel.audit();
  });

  it("counts resident pages, swapped pages and page tables", () => {
    const kernel = boot({ memory: "1MiB", swap: [{ size: "512KiB" }] });
    // The swapper was pushed out by the others: few resident pages, many in swap.
    const swapped = resident(kernel, "swapped", 120, 1);
    const busy = resident(kernel, "busy", 100, 400);
    for (let round = 0; round < 3; round++) fill(kernel, busy, 0, 100, round);
    expect(exhaust(kernel, busy)).toEqual(["busy"]);
    const { mm } = swapped;
    expect(mm.rss + mm.nrSwapEntries).toBe(120);
    expect(mm.nrSwapEntries).toBeGreaterThan(60);
    expect(wrongPages(kernel, swapped, 0, 120)).toEqual([]);
    kernel.audit();

    // Tables weigh too: 60 pages in 60 tables against 100 pages in one.
    const other = boot();
    const sparse = other.spawn("sparse");
    for (let nth = 0; nth < 60; nth++) {
      mapPages(other, sparse, 10000 + nth * 512, 1);
      other.write(sparse, at(10000 + nth * 512), 1);
    }
    resident(other, "dense", 100);
    const asker = resident(other, "asker", 1);
    asker.oomScoreAdj = -1000;
    expect(exhaust(other, asker)).toEqual(["sparse"]);
    other.audit();
  });

  it("weighs oom_score_adj in thousandths of all memory", () => {
    const victimOf = (adj: number): string[] => {
      const kernel = boot();
      const large = resident(kernel, "large", 200);
      const small = resident(kernel, "small", 100);
      const asker = resident(kernel, "asker", 1);
      asker.oomScoreAdj = -1000;
      small.oomScoreAdj = adj;
      expect(large.oomScoreAdj).toBe(0);
      return exhaust(kernel, asker);
    };
    expect(victimOf(0)).toEqual(["large"]);
    // 100 pages more are wanted. MemTotal is between 550 and 999 pages here, where a thousandth is no page at all.
    expect(victimOf(1000)).toEqual(["large"]);
  });

  it("weighs oom_score_adj once memory has thousands of pages", () => {
    const victimOf = (adj: number): string[] => {
      const kernel = boot({ memory: "8MiB", contents: "none" });
      // 2048 pages and what the kernel has: a thousandth is 2 pages.
      const large = spawnWith(kernel, "large", 900);
      fill(kernel, large, 0, 900);
      const small = spawnWith(kernel, "small", 700);
      fill(kernel, small, 0, 700);
      const asker = resident(kernel, "asker", 1);
      asker.oomScoreAdj = -1000;
      small.oomScoreAdj = adj;
      return exhaust(kernel, asker);
    };
    expect(victimOf(99)).toEqual(["large"]);
    expect(victimOf(101)).toEqual(["small"]);
    expect(victimOf(-500)).toEqual(["large"]);
  });

  it("spares a task with oom_score_adj -1000, however large", () => {
    const kernel = boot();
    const large = resident(kernel, "large", 300);
    large.oomScoreAdj = -1000;
    resident(kernel, "small", 50);
    expect(exhaust(kernel, large)).toEqual(["small"]);
    expect(large.killedBy).toBeNull();
    kernel.audit();
  });

  it("never kills init while anybody else is left", () => {
    const kernel = boot();
    const init = kernel.sys.tasks.get(1)!;
    mapPages(kernel, init, 0, 400);
    fill(kernel, init, 0, 400);
    const small = resident(kernel, "small", 5);
    expect(exhaust(kernel, small)).toEqual(["small"]);
    expect(init.hasExited).toBe(false);
    expect(wrongPages(kernel, init, 0, 400)).toEqual([]);
    kernel.audit();
  });

  it("kills the task that asks when it is the largest; the access ends with SIGKILL", () => {
    const kernel = boot();
    const hog = spawnWith(kernel, "hog", 560);
    const words = new Int32Array(2 * 560);
    for (let page = 0; page < 560; page++) {
      words[2 * page] = vpnLo(ARENA_VPN + page);
      words[2 * page + 1] = packRun(vpnHi(ARENA_VPN + page), RUN_WRITE, false, 1);
    }
    const before = settledFreePages(kernel);
    expect(kernel.accessRuns(hog, words, 560)).toEqual(KILLED);
    expect([hog.hasExited, kernel.sys.tasks.has(hog.pid)]).toEqual([true, false]);
    // All that it had is back; a page of the anon_vma slab may stay.
    expect(settledFreePages(kernel)).toBeGreaterThanOrEqual(before - 1);
    kernel.audit();
  });

  it("kills one after the other as long as memory is short", () => {
    const kernel = boot();
    const tasks = [80, 90, 100, 110].map((nrPages) => resident(kernel, `t${nrPages}`, nrPages));
    const asker = resident(kernel, "asker", 1);
    asker.oomScoreAdj = -1000;
    const order: string[] = [];
    for (let nth = 0; nth < 4; nth++) {
      for (let page = 0; kernel.sys.nrOomKills === nth; page++) kernel.write(asker, at(1000 + page), 1);
      order.push(
        ...tasks.filter((task) => task.hasExited && !order.includes(task.name)).map(({ name }) => name),
      );
      kernel.audit();
    }
    expect(order).toEqual(["t110", "t100", "t90", "t80"]);
  });

  it("reaches a victim that runs on another CPU", () => {
    const kernel = boot({ cpus: 2 });
    const victim = spawnWith(kernel, "victim", 250, 1);
    fill(kernel, victim, 0, 250);
    expect(kernel.sys.cpus[1].current?.pid).toBe(victim.pid);
    const asker = resident(kernel, "asker", 10);
    expect(exhaust(kernel, asker)).toEqual(["victim"]);
    expect(kernel.sys.cpus[1].current).toBeNull();
    kernel.audit();
  });

  it("leaves pages that a child shares to the child, and has to go on killing", () => {
    const kernel = boot();
    const parent = resident(kernel, "parent", 300);
    const child = kernel.fork(parent);
    child.oomScoreAdj = -1000;
    const asker = resident(kernel, "asker", 1);
    expect(exhaust(kernel, asker)).toEqual(["parent", "asker"]);
    expect(wrongPages(kernel, child, 0, 300)).toEqual([]);
    kernel.audit();
  });

  it("tells who dies, with the numbers that decided", () => {
    const victims: number[][] = [];
    const sink: TraceSink = {
      emit: (tracepoint, ...args) => {
        if (tracepoint === TP_MARK_VICTIM) victims.push(args);
      },
    };
    const kernel = boot({}, sink);
    const large = resident(kernel, "large", 300);
    const asker = resident(kernel, "asker", 1);
    asker.oomScoreAdj = -1000;
    large.oomScoreAdj = 7;
    exhaust(kernel, asker);
    // pid, pages mapped, pages resident, oom_score_adj.
    expect(victims).toEqual([[large.pid, 900, 300, 7]]);
  });

  it("is not called while swap or clean file pages can be taken", () => {
    const kernel = boot({ memory: "1MiB", swap: [{ size: "4MiB" }] });
    const task = spawnWith(kernel, "large", 900);
    expect(fill(kernel, task, 0, 900)).toBe(true);
    const reader = kernel.spawn("reader");
    kernel.mmap(reader, at(0), 400 * PAGE_SIZE, 1, 0x12, kernel.openFile("/big"));
    for (let page = 0; page < 400; page++) expect(typeof kernel.read(reader, at(page))).toBe("number");
    expect(kernel.proc.vmstat()["oom_kill"]).toBe(0);
  });

  it.each([
    ["badness", "large"],
    ["largest-rss", "large"],
    ["youngest", "young"],
  ])("lets another policy choose: %s", (oom, victim) => {
    const kernel = boot({ seats: { oom } });
    resident(kernel, "large", 200);
    const asker = resident(kernel, "asker", 1);
    asker.oomScoreAdj = -1000;
    resident(kernel, "young", 50);
    expect(exhaust(kernel, asker)).toEqual([victim]);
    kernel.audit();
  });
});
