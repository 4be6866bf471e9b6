import { PAGE_SIZE, SIGBUS, type SwapBackend, MADV_DONTNEED } from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { FaultySwapBackend, MemorySwapBackend } from "@pageframe/swap";
import { describe, expect, it } from "vitest";
import {
  at,
  countersOf,
  faultsOf,
  fill,
  meminfoKib,
  settledFreePages,
  spawnWith,
  wrongPages,
} from "./helpers.ts";

/** 256 pages of memory and 1024 of swap. */
function boot(config: KernelConfigInput = {}, swapBackend?: SwapBackend): Kernel {
  return bootKernel(
    { memory: "1MiB", swap: [{ size: "4MiB" }], contents: "sparse", ...config },
    swapBackend === undefined ? {} : { swapBackends: [swapBackend] },
  );
}

const SWAP_COUNTERS = ["pswpin", "pswpout", "pgmajfault", "nr_swapcached"] as const;

describe("swap", () => {
  it("gives back what was written when memory is a quarter of what is used", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "large", 1000);
    expect(fill(kernel, task, 0, 1000)).toBe(true);
    expect(task.mm.rssAnon + task.mm.nrSwapEntries).toBe(1000);
    expect(task.mm.nrSwapEntries).toBeGreaterThan(700);
    expect(wrongPages(kernel, task, 0, 1000)).toEqual([]);
    kernel.audit();
    // Backwards, with other bytes, and again.
    for (let page = 999; page >= 0; page--) fill(kernel, task, page, 1, 77);
    expect(wrongPages(kernel, task, 0, 1000, 77)).toEqual([]);
    expect(kernel.sys.nrOomKills).toBe(0);
    kernel.audit();
  });

  it("keeps every byte of a page", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "bytes", 600);
    for (let offset = 0; offset < PAGE_SIZE; offset++)
      kernel.write(task, at(0) + offset, (offset * 31 + 1) & 0xff);
    fill(kernel, task, 1, 599);
    expect(countersOf(kernel, ["pswpin"], () => kernel.read(task, at(0))).pswpin).toBe(1);
    let nrWrong = 0;
    for (let offset = 0; offset < PAGE_SIZE; offset++) {
      if (kernel.read(task, at(0) + offset) !== ((offset * 31 + 1) & 0xff)) nrWrong++;
    }
    expect(nrWrong).toBe(0);
  });

  it("makes a fault on a page in swap major and counts its I/O", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "reader", 600);
    fill(kernel, task, 0, 600);
    const counters = countersOf(kernel, SWAP_COUNTERS, () => {
      expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 1]);
    });
    expect([counters.pswpin, counters.pgmajfault]).toEqual([1, 1]);
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 0]);
    // Memory is no slower than the swap cache: a page that one mapping has is read past it, and its slot goes.
    expect(counters.nr_swapcached).toBe(0);
    kernel.audit();
  });

  it("keeps the slot of a page that was only read from a disk", () => {
    const kernel = boot({ swap: [{ size: "4MiB", synchronous: false }], pageCluster: 0 });
    const task = spawnWith(kernel, "reader", 600);
    fill(kernel, task, 0, 600);
    const counters = countersOf(kernel, SWAP_COUNTERS, () => {
      expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 1]);
    });
    expect([counters.pswpin, counters.nr_swapcached]).toEqual([1, 1]);
    kernel.audit();
  });

  it("reads eight pages of the mapping at a time from a disk, and faults on those read ahead are minor", () => {
    const kernel = boot({ swap: [{ size: "4MiB", synchronous: false }] });
    const task = spawnWith(kernel, "reader", 600);
    fill(kernel, task, 0, 600);
    const counters = countersOf(kernel, ["pswpin", "swap_ra", "swap_ra_hit"], () => {
      // A fault out of nowhere reads 3 pages before and 4 after.
      expect(faultsOf(task, () => kernel.read(task, at(103)))).toEqual([0, 1]);
      expect(faultsOf(task, () => kernel.read(task, at(100)))).toEqual([1, 0]);
      expect(faultsOf(task, () => kernel.read(task, at(107)))).toEqual([1, 0]);
    });
    expect(counters).toEqual({ pswpin: 8, swap_ra: 7, swap_ra_hit: 2 });
    expect(faultsOf(task, () => kernel.read(task, at(99)))).toEqual([0, 1]);
    expect(wrongPages(kernel, task, 0, 600)).toEqual([]);
    kernel.audit();
  });

  it("does not write a page again that was only read since it came from swap", () => {
    const kernel = boot({ swap: [{ size: "4MiB", synchronous: false }] });
    const task = spawnWith(kernel, "reader", 400);
    fill(kernel, task, 0, 400);
    wrongPages(kernel, task, 0, 400);
    const again = countersOf(kernel, SWAP_COUNTERS, () => {
      for (let round = 0; round < 3; round++) expect(wrongPages(kernel, task, 0, 400)).toEqual([]);
    });
    expect(again.pswpin).toBeGreaterThan(400);
    // Pages that were never in swap before may have to be written once.
    expect(again.pswpout).toBeLessThan(150);
    kernel.audit();
  });

  it("writes a page again when it was changed, and the last bytes win", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "writer", 400);
    for (let round = 0; round < 4; round++) {
      fill(kernel, task, 0, 400, round);
      expect(wrongPages(kernel, task, 0, 400, round)).toEqual([]);
    }
    kernel.audit();
  });

  it("takes the slot back from a page that is written right when it comes in", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "writer", 600);
    fill(kernel, task, 0, 600);
    const before = kernel.sys.swap.nrFreeSlots;
    const counters = countersOf(kernel, SWAP_COUNTERS, () => {
      expect(faultsOf(task, () => kernel.write(task, at(0), 9))).toEqual([0, 1]);
    });
    expect([counters.pswpin, counters.nr_swapcached]).toEqual([1, 0]);
    expect(kernel.sys.swap.nrFreeSlots).toBe(before + 1);
    kernel.audit();
  });

  it("shares one slot between parent and child, and one page when both read it back", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 500);
    fill(kernel, parent, 0, 500);
    const used = kernel.sys.swap.nrTotalSlots - kernel.sys.swap.nrFreeSlots;
    const child = kernel.fork(parent);
    kernel.audit();
    expect(child.mm.nrSwapEntries).toBe(parent.mm.nrSwapEntries);
    expect(kernel.sys.swap.nrTotalSlots - kernel.sys.swap.nrFreeSlots).toBeGreaterThanOrEqual(used);
    // The first reads from the device, the second finds the page in the swap cache.
    expect(faultsOf(parent, () => expect(kernel.read(parent, at(0))).toBe(1))).toEqual([0, 1]);
    expect(faultsOf(child, () => expect(kernel.read(child, at(0))).toBe(1))).toEqual([1, 0]);
    // And a write of one is not seen by the other.
    kernel.write(child, at(0), 99);
    expect(kernel.read(parent, at(0))).toBe(1);
    kernel.write(parent, at(1), 98);
    expect(kernel.read(child, at(1))).toBe(2);
    expect(wrongPages(kernel, parent, 2, 498)).toEqual([]);
    expect(wrongPages(kernel, child, 2, 498)).toEqual([]);
    kernel.audit();
    kernel.exit(parent);
    expect(wrongPages(kernel, child, 1, 499)).toEqual([]);
    kernel.audit();
  });

  it("frees slots with the memory that named them", () => {
    const kernel = boot();
    const init = kernel.sys.tasks.get(1)!;
    const task = spawnWith(kernel, "guest", 800);
    fill(kernel, task, 0, 800);
    const { swap } = kernel.sys;
    const before = swap.nrFreeSlots;
    kernel.munmap(task, at(0), 100 * PAGE_SIZE);
    expect(swap.nrFreeSlots - before).toBe(100);
    kernel.madvise(task, at(100), 100 * PAGE_SIZE, MADV_DONTNEED);
    expect(swap.nrFreeSlots - before).toBe(200);
    kernel.audit();
    kernel.exit(task);
    expect(swap.nrFreeSlots).toBe(1024 - init.mm.nrSwapEntries);
    expect(meminfoKib(kernel, "SwapCached")).toBe(0);
    kernel.audit();
  });

  it("does not write pages of zeros to the device, and reads them back as zeros", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "zeros", 600);
    for (let page = 0; page < 600; page++) kernel.write(task, at(page), 0);
    const counters = countersOf(kernel, ["pswpin", "swpin_zero"], () => {
      for (let page = 0; page < 600; page++) expect(kernel.read(task, at(page))).toBe(0);
    });
    expect(kernel.proc.vmstat()["swpout_zero"]).toBeGreaterThan(300);
    expect(counters.swpin_zero).toBeGreaterThan(300);
    kernel.audit();
  });

  it("uses areas by priority, the higher first", () => {
    const kernel = boot({
      memory: "1MiB",
      swap: [
        { size: "1MiB", priority: 5 },
        { size: "4MiB", priority: 10, file: "/swap/fast" },
        { size: "1MiB" },
      ],
    });
    const task = spawnWith(kernel, "large", 900);
    fill(kernel, task, 0, 900);
    const rows = kernel.proc
      .swapsText()
      .split("\n")
      .slice(1, 4)
      .map((line) => line.split(/\s+/));
    const nrSwapped = task.mm.nrSwapEntries + kernel.sys.tasks.get(1)!.mm.nrSwapEntries;
    expect(rows).toEqual([
      ["/dev/ram0", "partition", "1024", "0", "5"],
      ["/swap/fast", "file", "4096", String(nrSwapped * 4), "10"],
      ["/dev/ram2", "partition", "1024", "0", "-2"],
    ]);
    expect(wrongPages(kernel, task, 0, 900)).toEqual([]);
    kernel.audit();
  });

  it("works the same without bytes in RAM: the same faults and the same I/O", () => {
    const run = (contents: "none" | "sparse" | "dense"): number[] => {
      const kernel = boot({ contents });
      const task = spawnWith(kernel, "large", 700);
      fill(kernel, task, 0, 700);
      fill(kernel, task, 200, 300, 4);
      for (let page = 0; page < 700; page++) kernel.read(task, at(page));
      kernel.audit();
      const counters = kernel.proc.vmstat();
      const names = ["pgfault", "pgmajfault", "pswpin", "nr_anon_pages", "pgscan_kswapd", "nr_vmscan_write"];
      // With bytes, pages of zeros are seen and not sent to the device.
      return [...names.map((name) => counters[name]), counters["pswpout"] + counters["swpout_zero"]];
    };
    const sparse = run("sparse");
    expect(run("none")).toEqual(sparse);
    expect(run("dense")).toEqual(sparse);
  });
});

describe("a swap device that fails", () => {
  it("raises SIGBUS in the task whose page cannot be read, and in nobody else; nothing is lost", () => {
    const backend = new FaultySwapBackend(new MemorySwapBackend(1025), {
      probability: 0.2,
      seed: 7,
      transfers: "reads",
    });
    const kernel = boot({}, backend);
    const tasks = ["a", "b"].map((name) => spawnWith(kernel, name, 400));
    tasks.forEach((task, nth) => fill(kernel, task, 0, 400, nth * 100));
    let nrSignals = 0;
    for (let page = 0; page < 400; page++) {
      tasks.forEach((task, nth) => {
        const before = backend.nrFaults;
        const found = kernel.read(task, at(page));
        if (backend.nrFaults > before) {
          expect(found).toMatchObject({ signal: SIGBUS, vpn: at(page) / PAGE_SIZE });
          nrSignals++;
        } else {
          expect(found).toBe(1 + ((page + nth * 100) % 251));
        }
      });
    }
    expect(nrSignals).toBeGreaterThan(50);
    kernel.audit();
    // The bytes are on the device still: a read that works finds them.
    for (let page = 0; page < 400; page++) {
      let found = kernel.read(tasks[1], at(page));
      for (let attempt = 0; typeof found !== "number" && attempt < 20; attempt++)
        found = kernel.read(tasks[1], at(page));
      expect(found).toBe(1 + ((page + 100) % 251));
    }
    for (const task of tasks) kernel.exit(task);
    kernel.audit();
    expect(kernel.sys.swap.nrTotalSlots - kernel.sys.swap.nrFreeSlots).toBe(
      kernel.sys.tasks.get(1)!.mm.nrSwapEntries,
    );
  });

  it("leaks no page when reads fail", () => {
    const backend = new FaultySwapBackend(new MemorySwapBackend(1025), {
      probability: 1,
      seed: 1,
      transfers: "reads",
    });
    const kernel = boot({}, backend);
    const task = spawnWith(kernel, "unlucky", 500);
    fill(kernel, task, 0, 500);
    const free = settledFreePages(kernel);
    for (let attempt = 0; attempt < 50; attempt++) {
      expect(kernel.read(task, at(0))).toMatchObject({ signal: SIGBUS });
      expect(kernel.write(task, at(1), 1)).toMatchObject({ signal: SIGBUS });
    }
    expect(settledFreePages(kernel)).toBe(free);
    // A fault that ends in a signal is not one that was answered.
    expect(task.nrMajorFaults).toBe(0);
    kernel.audit();
  });

  it("keeps a page in memory whose write fails", () => {
    const backend = new FaultySwapBackend(new MemorySwapBackend(1025), {
      probability: 0.5,
      seed: 3,
      transfers: "writes",
    });
    const kernel = boot({}, backend);
    const task = spawnWith(kernel, "writer", 600);
    expect(fill(kernel, task, 0, 600)).toBe(true);
    expect(backend.nrFaults).toBeGreaterThan(100);
    kernel.audit();
    expect(wrongPages(kernel, task, 0, 600)).toEqual([]);
    fill(kernel, task, 0, 600, 9);
    expect(wrongPages(kernel, task, 0, 600, 9)).toEqual([]);
    kernel.exit(task);
    kernel.audit();
    expect(kernel.proc.vmstat()["nr_swapcached"]).toBe(0);
  });

  it("is no swap at all when every write fails: somebody is killed, and the rest goes on", () => {
    const backend = new FaultySwapBackend(new MemorySwapBackend(1025), {
      probability: 1,
      seed: 3,
      transfers: "writes",
    });
    const kernel = boot({}, backend);
    const small = spawnWith(kernel, "small", 20);
    fill(kernel, small, 0, 20);
    const hog = spawnWith(kernel, "hog", 600);
    expect(fill(kernel, hog, 0, 600)).toBe(false);
    expect([hog.hasExited, small.hasExited]).toEqual([true, false]);
    expect(wrongPages(kernel, small, 0, 20)).toEqual([]);
    // Only a page of zeros, the stack of init, is swapped: that takes no write.
    expect([kernel.proc.vmstat()["nr_vmscan_write"], kernel.proc.vmstat()["swpout_zero"]]).toEqual([1, 1]);
    kernel.audit();
  });

  it("reports a failing page to both tasks that share it, each when it asks", () => {
    const backend = new FaultySwapBackend(new MemorySwapBackend(1025), {
      probability: 1,
      seed: 1,
      transfers: "reads",
    });
    const kernel = boot({}, backend);
    const parent = spawnWith(kernel, "parent", 450);
    fill(kernel, parent, 0, 450);
    const child = kernel.fork(parent);
    const bus = { signal: SIGBUS };
    expect(kernel.read(parent, at(0))).toMatchObject(bus);
    expect(kernel.read(child, at(0))).toMatchObject(bus);
    kernel.exit(parent);
    expect(kernel.read(child, at(0))).toMatchObject(bus);
    kernel.exit(child);
    kernel.audit();
  });
});

describe("swap that is full", () => {
  it("lets a program use memory and swap to the last page, then kills it", () => {
    const kernel = boot({ memory: "1MiB", swap: [{ size: "1MiB" }] });
    const task = spawnWith(kernel, "greedy", 540);
    let nrWritten = 0;
    while (nrWritten < 540 && fill(kernel, task, nrWritten, 1)) nrWritten++;
    expect(task.hasExited).toBe(true);
    expect(task.killedBy).toEqual({ signal: 9, code: 0, vpn: 0 });
    // 256 pages of memory and 256 slots, less what tables and the other process need, plus what the watermark keeps.
    expect(nrWritten).toBeGreaterThan(256 + 256 - 20);
    expect(nrWritten).toBeLessThan(256 + 256 + 40);
    expect(kernel.sys.nrOomKills).toBe(1);
    kernel.audit();
  });

  it("gives the slots of resident pages back when more than half is used", () => {
    const kernel = boot({ memory: "1MiB", swap: [{ size: "1MiB" }] });
    const task = spawnWith(kernel, "wide", 460);
    fill(kernel, task, 0, 460);
    expect(kernel.sys.swap.nrFreeSlots).toBeLessThan(128);
    // A page that comes in, even for reading, does not keep its slot (vm_swap_full).
    const counters = countersOf(kernel, SWAP_COUNTERS, () => kernel.read(task, at(0)));
    expect([counters.pswpin, counters.nr_swapcached]).toEqual([1, 0]);
    kernel.audit();
  });
});
