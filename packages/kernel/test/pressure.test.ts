/** When pages are reclaimed: kswapd from the low to the high watermark, callers when it is not enough. */
import {
  MAP_FIXED,
  MAP_PRIVATE,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  PROT_READ,
  WMARK_HIGH,
  WMARK_LOW,
  WMARK_MIN,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, countersOf, fill, mapPages, READ_WRITE, spawnWith, wrongPages } from "./helpers.ts";

/**
 * A tenth of memory between watermarks and no TLB to speak of: with marks closer together than the 32 pages that a CPU
 * takes at once, or with all pages in the TLB, a machine this small would behave unlike larger ones.
 */
function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({
    memory: "2MiB",
    swap: [{ size: "8MiB" }],
    watermarkScaleFactor: 1000,
    tlb: { l1: { entries: 16, ways: 4 }, l2: { entries: 32, ways: 4 } },
    ...config,
  });
}

/** Free pages, those that wait on per-CPU lists included. */
function freePages(kernel: Kernel): number {
  return kernel.sys.frames.nrFreePages() + kernel.sys.frames.zones[0].nrPcpPages();
}

const COUNTERS = [
  "pgscan_kswapd",
  "pgsteal_kswapd",
  "pgscan_direct",
  "pgsteal_direct",
  "allocstall_dma",
  "allocstall_normal",
  "allocstall_movable",
  "pageoutrun",
  "pswpout",
] as const;

function watermark(kernel: Kernel, mark: number): number {
  return kernel.sys.frames.zones[0].watermarks[mark];
}

describe("kswapd", () => {
  it("sleeps while free memory is above the low watermark, and balances to the high one when it falls below", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "grower", 600);
    const low = watermark(kernel, WMARK_LOW);
    const high = watermark(kernel, WMARK_HIGH);
    let page = 0;
    let freeBefore = Infinity;
    while (kernel.proc.vmstat()["pageoutrun"] === 0 && page < 600) {
      freeBefore = freePages(kernel);
      fill(kernel, task, page++, 1);
    }
    expect(page).toBeLessThan(600);
    // It woke at the low watermark, give or take what the CPU had taken for its list.
    expect(freeBefore).toBeGreaterThanOrEqual(low);
    expect(freeBefore).toBeLessThanOrEqual(low + 32);
    // The first round finds every page just used; it takes another until some can go.
    for (let round = 0; kernel.sys.reclaimer.isKswapdPending(0) && round < 16; round++) kernel.runDaemons();
    expect(kernel.sys.frames.nrFreePages()).toBeGreaterThanOrEqual(high);
    expect(kernel.sys.reclaimer.isKswapdPending(0)).toBe(false);
    kernel.audit();
  });

  it("keeps a growing program supplied alone: nobody reclaims directly", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "grower", 1500);
    const counters = countersOf(kernel, COUNTERS, () => fill(kernel, task, 0, 1500));
    expect(counters.pgsteal_kswapd).toBeGreaterThan(900);
    expect(counters.pgscan_kswapd).toBeGreaterThanOrEqual(counters.pgsteal_kswapd);
    expect([counters.pgscan_direct, counters.pgsteal_direct, counters.allocstall_movable]).toEqual([0, 0, 0]);
    expect(counters.pageoutrun).toBeGreaterThan(5);
    // Each page that went was written once: it had never been in swap.
    expect(counters.pswpout).toBe(counters.pgsteal_kswapd);
    expect(counters.pgsteal_kswapd).toBe(task.mm.nrSwapEntries + kernel.sys.tasks.get(1)!.mm.nrSwapEntries);
    kernel.audit();
  });

  it("never lets a program take free memory below the min watermark", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "grower", 1500);
    const min = watermark(kernel, WMARK_MIN);
    let least = Infinity;
    for (let page = 0; page < 1500; page++) {
      fill(kernel, task, page, 1);
      least = Math.min(least, freePages(kernel));
    }
    expect(least).toBeGreaterThanOrEqual(min);
  });

  it("takes clean file pages before it swaps a program out", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "resident", 150);
    fill(kernel, task, 0, 150);
    const reader = kernel.spawn("reader");
    mapPages(kernel, reader, 0, 900, PROT_READ, MAP_PRIVATE | MAP_FIXED, kernel.openFile("/big"));
    const counters = countersOf(kernel, [...COUNTERS, "pgsteal_file", "pgsteal_anon"], () => {
      for (let page = 0; page < 900; page++) kernel.read(reader, at(page));
    });
    expect(counters.pgsteal_file).toBeGreaterThan(500);
    expect(counters.pgsteal_anon).toBeLessThan(counters.pgsteal_file / 4);
    kernel.audit();
  });

  it("leaves programs alone with swappiness 0 as long as there are file pages", () => {
    const kernel = boot({ swappiness: 0 });
    const task = spawnWith(kernel, "resident", 150);
    fill(kernel, task, 0, 150);
    const reader = kernel.spawn("reader");
    mapPages(kernel, reader, 0, 900, PROT_READ, MAP_PRIVATE | MAP_FIXED, kernel.openFile("/big"));
    for (let page = 0; page < 900; page++) kernel.read(reader, at(page));
    expect([task.mm.nrSwapEntries, kernel.proc.vmstat()["pswpout"]]).toEqual([0, 0]);
    kernel.audit();
  });
});

describe("direct reclaim", () => {
  /** Grows within one batch of runs, without letting kswapd run. */
  function growWithoutKswapd(kernel: Kernel, task: Task, nrPages: number): void {
    const words = new Int32Array(2);
    for (let page = 0; page < nrPages; page++) {
      words[0] = page;
      words[1] = 1 | (1 << 13);
      if (kernel.accessRuns(task, words, 1, true) !== null) throw new Error(`signal on page ${page}`);
    }
  }

  it("works in the name of an allocation that finds no page above the min watermark, and is counted", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "grower", 1000);
    const counters = countersOf(kernel, COUNTERS, () => growWithoutKswapd(kernel, task, 1000));
    expect(counters.pgsteal_kswapd).toBe(0);
    expect(counters.pgsteal_direct).toBeGreaterThan(350);
    expect(counters.pgscan_direct).toBeGreaterThanOrEqual(counters.pgsteal_direct);
    // Pages of programs are movable, but without a movable zone they count where they could come from.
    const nrStalls = counters.allocstall_dma + counters.allocstall_normal + counters.allocstall_movable;
    // 32 pages at a time.
    expect(nrStalls).toBeGreaterThanOrEqual(Math.floor(counters.pgsteal_direct / 64));
    expect(nrStalls).toBeLessThanOrEqual(counters.pgsteal_direct / 16);
    expect(kernel.sys.reclaimer.isKswapdPending(0)).toBe(true);
    kernel.audit();
    // kswapd was woken meanwhile, and catches up when it may.
    kernel.runDaemons();
    expect(kernel.sys.frames.nrFreePages()).toBeGreaterThanOrEqual(watermark(kernel, WMARK_HIGH));
    kernel.audit();
  });
});

describe("the LRU lists", () => {
  it("hold every page of a program once they were drained", () => {
    const kernel = boot({ memory: "4MiB" });
    const task = spawnWith(kernel, "anon", 100);
    fill(kernel, task, 0, 100);
    const { vmstat, lru } = kernel.sys;
    // 31 pages wait in the batch of the CPU before they go to the lists.
    const waiting = lru.nrWaiting(0);
    expect(waiting).toBe((100 + 1) % 31);
    expect(vmstat.globalNode(NR_INACTIVE_ANON)).toBe(101 - waiting);
    lru.drainAll();
    expect(vmstat.globalNode(NR_INACTIVE_ANON)).toBe(101);
    kernel.munmap(task, at(0), 4096 * 60);
    expect(vmstat.globalNode(NR_INACTIVE_ANON)).toBe(41);
    kernel.audit();
  });

  it("hold file pages apart from a program's own", () => {
    const kernel = boot({ memory: "4MiB" });
    const task = kernel.spawn("reader");
    mapPages(kernel, task, 0, 50, READ_WRITE, MAP_PRIVATE | MAP_FIXED, kernel.openFile("/file"));
    for (let page = 0; page < 50; page++) kernel.read(task, at(page));
    kernel.sys.lru.drainAll();
    const { vmstat } = kernel.sys;
    expect(vmstat.globalNode(NR_INACTIVE_FILE) + vmstat.globalNode(NR_ACTIVE_FILE)).toBe(50);
    // A written page of a private mapping is a page of its own; the file's stays.
    fill(kernel, task, 0, 10);
    kernel.sys.lru.drainAll();
    expect(vmstat.globalNode(NR_INACTIVE_FILE) + vmstat.globalNode(NR_ACTIVE_FILE)).toBe(50);
    expect(vmstat.globalNode(NR_INACTIVE_ANON)).toBe(11);
    kernel.audit();
  });
});

describe("reclaim policies", () => {
  /** Major faults of a program that uses a few pages all the time and runs once through many others. */
  function majorFaults(reclaim: string): number {
    const kernel = boot({ seats: { reclaim } });
    const task = spawnWith(kernel, "mixed", 1200);
    fill(kernel, task, 0, 1200);
    return countersOf(kernel, ["pgmajfault"], () => {
      for (let page = 200; page < 1200; page++) {
        kernel.read(task, at(page));
        for (let hot = 0; hot < 3; hot++) kernel.read(task, at((page * 3 + hot) % 100));
      }
    }).pgmajfault;
  }

  it("that look at accessed bits keep what is used all the time; FIFO does not", () => {
    const fifo = majorFaults("fifo");
    const clock = majorFaults("clock");
    const linux = majorFaults("active-inactive");
    // The scan alone needs most of its 1000 pages.
    expect(Math.min(clock, linux)).toBeGreaterThan(700);
    expect(fifo).toBeGreaterThan(linux + 100);
    expect(fifo).toBeGreaterThan(clock + 100);
  });

  it.each(["active-inactive", "clock", "fifo"])("give back what was written: %s", (reclaim) => {
    const kernel = boot({ memory: "1MiB", contents: "sparse", seats: { reclaim } });
    const task = spawnWith(kernel, "large", 500);
    for (let round = 0; round < 2; round++) {
      fill(kernel, task, 0, 500, round);
      expect(wrongPages(kernel, task, 0, 500, round)).toEqual([]);
    }
    kernel.audit();
  });
});
