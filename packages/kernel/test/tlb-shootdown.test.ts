/**
 * Who is interrupted to flush, and how much it drops: counts worked out by hand from Linux 6.18 arch/x86/mm/tlb.c,
 * mm/mmu_gather.c, mm/mprotect.c, mm/memory.c, mm/rmap.c.
 */
import {
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PTE_P,
  RUN_READ,
  RUN_WRITE,
  SEGV_MAPERR,
  TLB_EVENT_NAMES,
  MADV_DONTNEED,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { CAUSE_SYSCALL } from "../src/time.ts";
import { ARENA_VPN, at, fill, mapPages, READ_WRITE, spawnWith } from "./helpers.ts";

/** By CPU: remote flushes sent, interrupts received, whole local flushes, single pages flushed locally. */
function flushesOf(kernel: Kernel, action: () => unknown): number[][] {
  const counts = (): number[][] =>
    kernel.sys.cpus.map((cpu) => TLB_EVENT_NAMES.map((name) => kernel.tlbFlushCounts(cpu.id)[name]));
  const before = counts();
  action();
  const after = counts();
  return after.map((events, cpu) => events.map((nr, event) => nr - before[cpu][event]));
}

/** A process with pages from page 0 of the arena on: its task on CPU 0, a thread on CPU 1, and one on CPU 2, which idles. */
function bootThreads(nrPages: number, config: KernelConfigInput = {}): { kernel: Kernel; threads: Task[] } {
  const kernel = bootKernel({ memory: "4MiB", cpus: 3, contents: "sparse", ...config });
  const task = spawnWith(kernel, "test", nrPages);
  const threads = [task, kernel.thread(task, 1), kernel.thread(task, 2)];
  fill(kernel, task, 0, nrPages);
  for (const thread of threads.slice(1)) readAll(kernel, thread, nrPages);
  kernel.idle(2);
  return { kernel, threads };
}

function readAll(kernel: Kernel, task: Task, nrPages: number, kind = RUN_READ): void {
  for (let page = 0; page < nrPages; page++) kernel.access(task, ARENA_VPN + page, kind);
}

/** How many translations of the process a CPU may use, now or when a thread of it runs there again. */
function nrUsable(kernel: Kernel, cpu: number, task: Task): number {
  let nr = 0;
  kernel.sys.cpus[cpu].tlb.forEachEntry((_vpnLo, _vpnHi, pcid) => {
    if (kernel.sys.asids.userOf(cpu, pcid) === task.mm.id) nr++;
  });
  return nr;
}

const NONE = [0, 0, 0, 0];

describe("munmap of an address space that three CPUs have loaded, one of them lazily", () => {
  it("drops 33 pages one by one, and interrupts the CPU that runs a thread but not the lazy one", () => {
    const { kernel, threads } = bootThreads(100);
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 33 * PAGE_SIZE));
    expect(flushes).toEqual([[1, 0, 0, 33], [0, 1, 0, 0], NONE]);
    expect([0, 1, 2].map((cpu) => nrUsable(kernel, cpu, threads[0]))).toEqual([67, 67, 0]);
    // The lazy CPU still has all of them, and forgets them when it comes back.
    expect(kernel.sys.cpus[2].isLazy).toBe(true);
    expect(kernel.read(threads[2], at(0))).toMatchObject({ code: SEGV_MAPERR });
    expect(kernel.read(threads[2], at(99))).toBe(100);
    kernel.audit();
  });

  it("drops everything when it is 34", () => {
    const { kernel, threads } = bootThreads(100);
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 34 * PAGE_SIZE));
    expect(flushes).toEqual([[1, 0, 1, 0], [0, 1, 0, 0], NONE]);
    expect([0, 1, 2].map((cpu) => nrUsable(kernel, cpu, threads[0]))).toEqual([0, 0, 0]);
  });

  it("drops everything from another number on when the ceiling is another", () => {
    const { kernel, threads } = bootThreads(100, { tlbSinglePageFlushCeiling: 10 });
    const part = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 10 * PAGE_SIZE));
    expect(part[0]).toEqual([1, 0, 0, 10]);
    const whole = flushesOf(kernel, () => kernel.munmap(threads[0], at(10), 11 * PAGE_SIZE));
    expect(whole[0]).toEqual([1, 0, 1, 0]);
  });

  it("counts pages from the first that was there to the last, once for several mappings", () => {
    const { kernel, threads } = bootThreads(100);
    kernel.madvise(threads[0], at(0), 20 * PAGE_SIZE, MADV_DONTNEED);
    kernel.mprotect(threads[0], at(30), PAGE_SIZE, PROT_READ);
    // Three mappings, of which pages 20..49 are there.
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 50 * PAGE_SIZE));
    expect(flushes).toEqual([[1, 0, 0, 30], [0, 1, 0, 0], NONE]);
    expect(flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 50 * PAGE_SIZE))).toEqual([
      NONE,
      NONE,
      NONE,
    ]);
  });

  it("interrupts the lazy CPU too when a table is freed, and that CPU leaves the address space", () => {
    const { kernel, threads } = bootThreads(20);
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 20 * PAGE_SIZE));
    expect(flushes).toEqual([
      [1, 0, 0, 20],
      [0, 1, 0, 0],
      [0, 1, 0, 0],
    ]);
    expect(kernel.sys.cpus[2].loadedMm).toBeNull();
    kernel.audit();
  });

  it("counts from the start of a table that is freed", () => {
    const { kernel, threads } = bootThreads(120);
    // Pages 100..119 are left: 20 pages, in a table that starts 100 pages earlier.
    kernel.munmap(threads[0], at(0), 100 * PAGE_SIZE);
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(100), 20 * PAGE_SIZE));
    expect(flushes[0]).toEqual([1, 0, 1, 0]);
  });

  it("flushes when 9698 pages wait to be freed", () => {
    const flushesFor = (nrPages: number): number[][] => {
      const kernel = bootKernel({ memory: "64MiB" });
      const task = spawnWith(kernel, "test", nrPages);
      readAll(kernel, task, nrPages, RUN_WRITE);
      return flushesOf(kernel, () => kernel.munmap(task, at(0), nrPages * PAGE_SIZE));
    };
    expect(flushesFor(9697)).toEqual([[0, 0, 1, 0]]);
    // All 8 + 19 * 510 places are taken. Then the 19 tables: from the first to the start of the last are 18 times 2 MiB.
    expect(flushesFor(9698)).toEqual([[0, 0, 1, 18]]);
  });

  it("flushes after each table that had written pages of a shared file", () => {
    const kernel = bootKernel({ memory: "8MiB" });
    const task = kernel.spawn("test");
    // Pages 500..523 of the arena lie under two tables: 12 and 12.
    mapPages(kernel, task, 500, 24, READ_WRITE, MAP_SHARED | MAP_FIXED, kernel.openFile("/data"));
    mapPages(kernel, task, 499, 1, READ_WRITE);
    mapPages(kernel, task, 524, 1, READ_WRITE);
    for (let page = 499; page < 525; page++) kernel.access(task, ARENA_VPN + page, RUN_WRITE);
    const before = kernel.sys.cpus[0].tlb.stats.flushes;
    mapPages(kernel, task, 525, 1, READ_WRITE);
    kernel.access(task, ARENA_VPN + 525, RUN_WRITE);
    // The anonymous page behind them comes with the rest.
    const flushes = flushesOf(kernel, () => kernel.munmap(task, at(500), 25 * PAGE_SIZE));
    expect(flushes).toEqual([[0, 0, 0, 25]]);
    expect(kernel.sys.cpus[0].tlb.stats.flushes - before).toBe(3);
    kernel.audit();
  });

  it("drops everything on a CPU that lacks more than this one flush", () => {
    const { kernel, threads } = bootThreads(100);
    // Somebody else's change, whose flush is still on its way.
    kernel.sys.asids.bumpGeneration(threads[0].mm.id);
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), PAGE_SIZE));
    expect(flushes).toEqual([[1, 0, 1, 0], [0, 1, 0, 0], NONE]);
    expect([0, 1, 2].map((cpu) => nrUsable(kernel, cpu, threads[0]))).toEqual([0, 0, 0]);
  });

  it("costs an interrupt, and the same instructions on each CPU", () => {
    const { kernel, threads } = bootThreads(100, { costs: { syscall: 0, tlbIpi: 1000, tlbFlushOne: 1 } });
    const before = kernel.nowNs;
    kernel.munmap(threads[0], at(0), 33 * PAGE_SIZE);
    expect(kernel.nowNs - before).toBe(1000 + 2 * 33);
  });
});

describe("mprotect", () => {
  it("flushes from the first entry that changed to the last, once for several mappings", () => {
    const { kernel, threads } = bootThreads(100);
    kernel.madvise(threads[0], at(0), 40 * PAGE_SIZE, MADV_DONTNEED);
    kernel.mprotect(threads[0], at(45), PAGE_SIZE, PROT_READ);
    const flushes = flushesOf(kernel, () => kernel.mprotect(threads[0], at(0), 50 * PAGE_SIZE, PROT_READ));
    expect(flushes).toEqual([[1, 0, 0, 10], [0, 1, 0, 0], NONE]);
    const given = flushesOf(kernel, () =>
      kernel.mprotect(threads[0], at(0), 50 * PAGE_SIZE, PROT_READ | PROT_EXEC),
    );
    expect(given[0]).toEqual([1, 0, 0, 10]);
  });

  it("flushes nothing where no entry changes: the page of zeros stays read-only in writable memory", () => {
    const { kernel, threads } = bootThreads(1);
    mapPages(kernel, threads[0], 10, 5, PROT_READ);
    for (let page = 10; page < 15; page++) kernel.read(threads[0], at(page));
    const flushes = flushesOf(kernel, () => kernel.mprotect(threads[0], at(10), 5 * PAGE_SIZE, READ_WRITE));
    expect(flushes).toEqual([NONE, NONE, NONE]);
    kernel.audit();
  });
});

describe("fork", () => {
  it("flushes the parent everywhere, on lazy CPUs too", () => {
    const { kernel, threads } = bootThreads(4);
    const flushes = flushesOf(kernel, () => kernel.fork(threads[0]));
    expect(flushes).toEqual([
      [1, 0, 1, 0],
      [0, 1, 0, 0],
      [0, 1, 0, 0],
    ]);
    kernel.audit();
  });

  it("makes the first write flush one page where the parent runs, and the write of the last owner none", () => {
    const { kernel, threads } = bootThreads(4);
    const child = kernel.fork(threads[0]);
    for (const thread of threads.slice(0, 2)) readAll(kernel, thread, 4);
    const copied = flushesOf(kernel, () => kernel.write(threads[1], at(0), 50));
    expect(copied).toEqual([[0, 1, 0, 0], [1, 0, 0, 1], NONE]);
    expect(kernel.read(threads[0], at(0))).toBe(50);
    kernel.exit(child);
    const [before, reusedBefore] = [threads[0].nrMinorFaults, kernel.proc.vmstat()["pgreuse"]];
    const reused = flushesOf(kernel, () => {
      kernel.write(threads[1], at(1), 51);
      // CPU 0 still holds it read-only, and finds the new right by a fault.
      kernel.write(threads[0], at(1), 52);
    });
    expect(reused).toEqual([NONE, NONE, NONE]);
    expect([threads[0].nrMinorFaults - before, kernel.proc.vmstat()["pgreuse"] - reusedBefore]).toEqual([
      1, 1,
    ]);
    kernel.audit();
  });
});

describe("mremap", () => {
  it("flushes the old place once for each table that pages move out of", () => {
    const { kernel, threads } = bootThreads(520);
    // Somebody is right behind, so that the mapping has to move: to a place with the same offset in its table.
    mapPages(kernel, threads[0], 520, 1, PROT_READ);
    const moved = flushesOf(kernel, () =>
      kernel.mremap(
        threads[0],
        at(510),
        10 * PAGE_SIZE,
        10 * PAGE_SIZE,
        MREMAP_MAYMOVE | MREMAP_FIXED,
        at(510 + 1024),
      ),
    );
    // Pages 510 and 511, then 512..519; then the empty table of 512 and on stays, for page 520 is there.
    expect(moved[0]).toEqual([2, 0, 0, 10]);
    expect(moved[1]).toEqual([0, 2, 0, 0]);
    expect(kernel.read(threads[0], at(515 + 1024))).toBe(1 + (515 % 251));
    kernel.audit();
  });
});

describe("exit", () => {
  it("of one thread flushes nothing; of the last all CPUs leave the address space instead of flushing", () => {
    const { kernel, threads } = bootThreads(20);
    const early = flushesOf(kernel, () => {
      kernel.exit(threads[1]);
      kernel.exit(threads[2]);
    });
    expect(early).toEqual([NONE, NONE, NONE]);
    expect(kernel.read(threads[0], at(7))).toBe(8);
    const last = flushesOf(kernel, () => kernel.exit(threads[0]));
    expect(last).toEqual([
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 1, 0, 0],
    ]);
    expect(kernel.sys.cpus.map((cpu) => cpu.loadedMm)).toEqual([null, null, null]);
    kernel.audit();
  });
});

describe("a CPU that a process has left", () => {
  it("is interrupted at most once a second, and then goes from the mask", () => {
    const kernel = bootKernel({ memory: "4MiB", cpus: 2 });
    const task = spawnWith(kernel, "traveller", 10);
    readAll(kernel, task, 10, RUN_WRITE);
    const other = spawnWith(kernel, "other", 1);
    kernel.write(other, at(0), 1);
    task.cpu = 1;
    const drop = (): number => kernel.madvise(task, at(0), PAGE_SIZE, MADV_DONTNEED);
    readAll(kernel, task, 10, RUN_WRITE);
    expect(flushesOf(kernel, drop)).toEqual([NONE, [1, 0, 0, 1]]);
    kernel.sys.time.spend(CAUSE_SYSCALL, 1e7);
    kernel.write(task, at(0), 1);
    expect(flushesOf(kernel, drop)).toEqual([
      [0, 1, 0, 0],
      [1, 0, 0, 1],
    ]);
    kernel.write(task, at(0), 1);
    expect(flushesOf(kernel, drop)).toEqual([NONE, [0, 0, 0, 1]]);
    kernel.audit();
  });
});

describe("reclaim", () => {
  it("flushes other CPUs before it writes a page that they may still write to", () => {
    const { kernel, threads } = bootThreads(4, { memory: "1MiB", swap: [{ size: "4MiB" }] });
    mapPages(kernel, threads[0], 600, 500);
    const flushes = flushesOf(kernel, () => fill(kernel, threads[0], 600, 500));
    // Every page was written, and none is back yet.
    const nrWritten = threads[0].mm.nrSwapEntries;
    expect(nrWritten).toBeGreaterThan(100);
    // CPU 1 runs a thread all the while: one interrupt a page.
    expect([flushes[0][0], flushes[1][1]]).toEqual([nrWritten, nrWritten]);
  });

  it("flushes clean pages when 31 were freed", () => {
    const { kernel, threads } = bootThreads(40);
    const { unmapBatch } = kernel.sys;
    kernel.read(threads[0], at(0));
    const flushes = flushesOf(kernel, () => {
      for (let page = 0; page < 31; page++) {
        unmapBatch.unmapped(threads[0].mm, ARENA_VPN + page, PTE_P);
        expect(unmapBatch.isPending).toBe(true);
        unmapBatch.beforeWrite();
        unmapBatch.freed();
      }
    });
    expect(unmapBatch.isPending).toBe(false);
    expect(flushes).toEqual([[1, 0, 1, 0], [0, 1, 0, 0], NONE]);
  });

  it("flushes clean pages of files many at once", () => {
    const { kernel, threads } = bootThreads(4, { memory: "1MiB", swap: [{ size: "4MiB" }] });
    const fileId = kernel.openFile("/data");
    kernel.mmap(threads[0], at(1024), 600 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fileId);
    const before = kernel.proc.vmstat();
    const flushes = flushesOf(kernel, () => {
      for (let page = 0; page < 600; page++) {
        kernel.access(threads[0], ARENA_VPN + 1024 + page, RUN_READ);
        kernel.access(threads[1], ARENA_VPN + 1024 + page, RUN_READ);
      }
    });
    const after = kernel.proc.vmstat();
    const nrFreed = after["pgsteal_file"] - before["pgsteal_file"];
    const nrWritten = after["nr_vmscan_write"] - before["nr_vmscan_write"];
    const nrFlushes = flushes[0][0] + flushes[1][0];
    expect(nrFreed).toBeGreaterThan(200);
    expect(nrFlushes).toBeLessThan(nrFreed / 4 + nrWritten);
    kernel.audit();
  });
});

describe("the counters of flushes", () => {
  it("are not in /proc/vmstat, as in kernels that were not built to debug flushes", () => {
    const { kernel } = bootThreads(4);
    expect(kernel.proc.vmstatText()).not.toContain("nr_tlb");
    expect(kernel.tlbFlushCounts()).toEqual({
      nr_tlb_remote_flush: 0,
      nr_tlb_remote_flush_received: 0,
      nr_tlb_local_flush_all: 0,
      nr_tlb_local_flush_one: 0,
    });
  });
});

describe("flushes that are broadcast", () => {
  it("reach every CPU without an interrupt", () => {
    const { kernel, threads } = bootThreads(100, { seats: { asids: "generations" } });
    const flushes = flushesOf(kernel, () => kernel.munmap(threads[0], at(0), 33 * PAGE_SIZE));
    expect(flushes).toEqual([[0, 0, 0, 33], NONE, NONE]);
    expect([0, 1, 2].map((cpu) => nrUsable(kernel, cpu, threads[0]))).toEqual([67, 67, 67]);
    kernel.audit();
  });
});

describe("without PCIDs", () => {
  it("a switch to another address space and back costs every translation", () => {
    const misses = (asids: string): number => {
      const kernel = bootKernel({ memory: "4MiB", seats: { asids } });
      const tasks = ["a", "b"].map((name) => spawnWith(kernel, name, 10));
      for (const task of tasks) readAll(kernel, task, 10, RUN_WRITE);
      const before = kernel.sys.cpus[0].tlb.stats.misses;
      for (const task of tasks) readAll(kernel, task, 10);
      return kernel.sys.cpus[0].tlb.stats.misses - before;
    };
    expect([misses("dynamic"), misses("none")]).toEqual([0, 20]);
  });
});
