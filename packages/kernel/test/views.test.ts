/** What /proc shows, against what is. */
import {
  kibOfPages,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, HEAP_START, mapPages, meminfoKib, READ_WRITE, SHARED_ANON, spawnWith } from "./helpers.ts";

function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({ memory: "4MiB", swap: [{ size: "8MiB" }], contents: "sparse", ...config });
}

/** A machine with a bit of everything: programs, files, shared memory, swap. */
function busy(config: KernelConfigInput = {}): Kernel {
  const kernel = boot(config);
  const task = spawnWith(kernel, "busy", 1200);
  fill(kernel, task, 0, 1200);
  mapPages(kernel, task, 2000, 50, READ_WRITE, MAP_PRIVATE | MAP_FIXED, kernel.openFile("/lib/a.so"));
  for (let page = 2000; page < 2050; page++) kernel.read(task, at(page));
  mapPages(kernel, task, 3000, 20, READ_WRITE, SHARED_ANON);
  fill(kernel, task, 3000, 20);
  for (let page = 0; page < 100; page++) kernel.read(task, at(page));
  kernel.fork(task);
  return kernel;
}

describe("kernel.proc.meminfo()", () => {
  it("has the numbers of every line of the text", () => {
    const kernel = busy();
    const numbers = kernel.proc.meminfo();
    const lines = kernel.proc.meminfoText().trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/ kB$/, "").split(/: +/))).toEqual(
      Object.entries(numbers).map(([name, value]) => [name, String(value)]),
    );
    expect(numbers["AnonPages"]).toBeGreaterThan(0);
  });
});

describe("/proc/meminfo", () => {
  it("shows what the zones manage as MemTotal, and all that is free on lists as MemFree", () => {
    const kernel = busy();
    const { zones } = kernel.sys.frames;
    const managed = zones.reduce((sum, zone) => sum + zone.managedPages, 0);
    expect(meminfoKib(kernel, "MemTotal")).toBe(kibOfPages(managed));
    expect(meminfoKib(kernel, "MemFree")).toBe(kibOfPages(kernel.sys.frames.nrFreePages()));
    expect(meminfoKib(kernel, "MemAvailable")).toBe(kibOfPages(kernel.availablePages()));
  });

  it("accounts for every page: free, mapped, cached, slab, tables, stacks and lists of CPUs make up MemTotal", () => {
    const kernel = busy();
    kernel.sys.frames.drainPcp(-1);
    const kib = (name: string): number => meminfoKib(kernel, name);
    const used =
      kib("AnonPages") +
      kib("Cached") +
      kib("Slab") +
      kib("PageTables") +
      kib("KernelStack") +
      kib("MemFree");
    // Pages of programs that left their mapping and wait in the swap cache are neither mapped nor Cached.
    const inSwapCacheOnly = kib("SwapCached");
    expect(kib("MemTotal") - used).toBeGreaterThanOrEqual(0);
    expect(kib("MemTotal") - used).toBeLessThanOrEqual(inSwapCacheOnly);
  });

  it("follows programs: AnonPages, Mapped, Shmem, Cached, Active and Inactive", () => {
    const kernel = boot();
    const names = ["AnonPages", "Mapped", "Shmem", "Cached", "PageTables"];
    const before = names.map((name) => meminfoKib(kernel, name));
    const task = spawnWith(kernel, "test", 30);
    fill(kernel, task, 0, 30);
    mapPages(kernel, task, 100, 10, READ_WRITE, MAP_PRIVATE | MAP_FIXED, kernel.openFile("/file"));
    for (let page = 100; page < 110; page++) kernel.read(task, at(page));
    mapPages(kernel, task, 200, 5, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 200, 5);
    const after = names.map((name) => meminfoKib(kernel, name));
    // Tables: root, levels 3, 2 and 1.
    expect(after.map((kib, nth) => kib - before[nth])).toEqual([120, 60, 20, 60, 16]);
    kernel.sys.lru.drainAll();
    expect(meminfoKib(kernel, "Inactive\\(anon\\)") + meminfoKib(kernel, "Active\\(anon\\)")).toBe(
      120 + 20 + 4,
    );
    expect(meminfoKib(kernel, "Inactive\\(file\\)") + meminfoKib(kernel, "Active\\(file\\)")).toBe(40);
  });

  it("shows swap as total, free and cached", () => {
    const kernel = busy();
    const { swap } = kernel.sys;
    expect(meminfoKib(kernel, "SwapTotal")).toBe(8192);
    expect(meminfoKib(kernel, "SwapFree")).toBe(kibOfPages(swap.nrFreeSlots));
    expect(meminfoKib(kernel, "SwapFree")).toBeLessThan(8192);
    expect(meminfoKib(kernel, "SwapCached")).toBe(kibOfPages(kernel.proc.vmstat()["nr_swapcached"]));
    expect(meminfoKib(boot({ swap: [] }), "SwapTotal")).toBe(0);
  });

  it("promises in Committed_AS what may be written privately, and limits it to half of RAM and all swap", () => {
    const kernel = boot();
    // The stack of init.
    expect(meminfoKib(kernel, "Committed_AS")).toBe(33 * 4);
    const task = kernel.spawn("test");
    const committed = (): number => meminfoKib(kernel, "Committed_AS") - 33 * 4;
    mapPages(kernel, task, 0, 100);
    expect(committed()).toBe(400);
    mapPages(kernel, task, 200, 100, PROT_READ);
    mapPages(kernel, task, 400, 100, READ_WRITE, MAP_SHARED | MAP_FIXED, kernel.openFile("/file"));
    mapPages(kernel, task, 600, 100, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE);
    expect(committed()).toBe(400);
    mapPages(kernel, task, 800, 10, READ_WRITE, MAP_PRIVATE | MAP_FIXED, 0);
    expect(committed()).toBe(440);
    kernel.mprotect(task, at(200), 50 * 4096, READ_WRITE);
    expect(committed()).toBe(640);
    const child = kernel.fork(task);
    expect(committed()).toBe(1280);
    kernel.exit(child);
    expect(committed()).toBe(640);
    const managed = kernel.sys.frames.zones.reduce((sum, zone) => sum + zone.managedPages, 0);
    expect(meminfoKib(kernel, "CommitLimit")).toBe(kibOfPages(Math.floor(managed / 2) + 2048));
  });

  it("has Linux's lines in Linux's order and width", () => {
    const lines = boot().proc.meminfoText().split("\n");
    expect(lines[0]).toMatch(/^MemTotal: {8,}\d+ kB$/);
    expect(lines.slice(0, 8).map((line) => line.split(":")[0])).toEqual([
      "MemTotal",
      "MemFree",
      "MemAvailable",
      "Buffers",
      "Cached",
      "SwapCached",
      "Active",
      "Inactive",
    ]);
    expect(new Set(lines.slice(0, 8).map((line) => line.length))).toEqual(new Set([27]));
    expect(lines.at(-1)).toBe("");
  });

  it("maps all of RAM directly", () => {
    const kernel = boot();
    const direct = ["DirectMap4k", "DirectMap2M", "DirectMap1G"].map((name) => meminfoKib(kernel, name));
    // RAM below the first MiB and above it; 2 MiB leaves where a whole one is RAM.
    const present = kernel.sys.frames.zones.reduce((sum, zone) => sum + zone.presentPages, 0);
    expect(direct[0] + direct[1] + direct[2]).toBeGreaterThanOrEqual(kibOfPages(present));
    expect(direct[2]).toBe(0);
  });
});

describe("/proc/vmstat", () => {
  it("shows the counters under Linux's names, one a line", () => {
    const kernel = busy();
    const counters = kernel.proc.vmstat();
    const lines = kernel.proc.vmstatText().trimEnd().split("\n");
    expect(lines[0]).toBe(`nr_free_pages ${counters["nr_free_pages"]}`);
    expect(Object.fromEntries(lines.map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]))).toEqual(
      { ...counters, nr_unstable: 0 },
    );
    expect(lines.every((line) => /^[a-z0-9_]+ \d+$/.test(line))).toBe(true);
  });

  it("agrees with tasks, lists and swap", () => {
    const kernel = busy();
    kernel.sys.lru.drainAll();
    const counters = kernel.proc.vmstat();
    const tasks = [...kernel.sys.tasks.values()];
    expect(counters["nr_free_pages"]).toBe(kernel.sys.frames.nrFreePages());
    expect(counters["nr_kernel_stack"]).toBe(tasks.length * 16);
    expect(counters["nr_shmem"]).toBe(20);
    const nrTables = tasks.reduce((sum, task) => sum + task.mm.nrTablePages, 0);
    expect(counters["nr_page_table_pages"]).toBeGreaterThanOrEqual(nrTables);
    expect(counters["pgfault"]).toBe(
      tasks.reduce((sum, task) => sum + task.nrMinorFaults + task.nrMajorFaults, 0),
    );
    expect(counters["pgmajfault"]).toBe(tasks.reduce((sum, task) => sum + task.nrMajorFaults, 0));
    const lists = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"];
    for (const list of lists) expect(counters[`nr_${list}`], list).toBe(counters[`nr_zone_${list}`]);
    const onLists = lists.reduce((sum, list) => sum + counters[`nr_${list}`], 0);
    // Each page of a program or file is on one list.
    expect(onLists).toBeGreaterThanOrEqual(
      counters["nr_anon_pages"] + counters["nr_file_pages"] - counters["nr_swapcached"],
    );
    kernel.audit();
  });
});

describe("/proc/buddyinfo", () => {
  it("adds up to the free pages of each zone", () => {
    const kernel = boot({ memory: "24MiB" });
    const task = spawnWith(kernel, "test", 300);
    fill(kernel, task, 0, 300);
    const lines = kernel.proc.buddyinfoText().trimEnd().split("\n");
    expect(lines.map((line) => line.slice(0, 24).replace(/\s+/g, " "))).toEqual([
      "Node 0, zone DMA ",
      "Node 0, zone DMA32 ",
    ]);
    const zones = kernel.sys.frames.zones.filter((zone) => zone.presentPages > 0);
    lines.forEach((line, nth) => {
      const counts = line.slice(22).trim().split(/\s+/).map(Number);
      expect(counts.length).toBe(11);
      expect(counts.reduce((sum, nr, order) => sum + nr * 2 ** order, 0)).toBe(zones[nth].nrFreePages);
    });
  });

  it("has a line for each zone of each node", () => {
    const kernel = bootKernel({ memory: "48MiB", nodes: 2, cpus: 2 });
    const heads = kernel.proc
      .buddyinfoText()
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/\s+/, 4).join(" "));
    expect(heads).toEqual(["Node 0, zone DMA", "Node 0, zone DMA32", "Node 1, zone DMA32"]);
  });
});

describe("/proc/PID/maps", () => {
  it("shows each mapping as Linux prints it", () => {
    const kernel = boot();
    const task = kernel.spawn("test");
    const { space } = task.mm;
    space.setupStack();
    space.startBrk = HEAP_START;
    space.brkAddress = HEAP_START;
    kernel.brk(task, HEAP_START + 3 * 4096);
    const fileId = kernel.openFile("/usr/lib/libc.so.6");
    kernel.mmap(task, at(0), 2 * 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fileId, 0x26000);
    kernel.mmap(task, at(8), 4096, READ_WRITE, SHARED_ANON);
    mapPages(kernel, task, 16, 1, READ_WRITE);
    const lines = kernel.proc.mapsText(task).trimEnd().split("\n");
    expect(lines).toEqual([
      "00500000-00503000 rw-p 00000000 00:00 0                                  [heap]",
      "100000000000-100000002000 r-xp 00026000 fe:01 1                          /usr/lib/libc.so.6",
      "100000008000-100000009000 rw-s 00000000 00:01 2                          /dev/zero (deleted)",
      "100000010000-100000011000 rw-p 00000000 00:00 0 ",
      "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]",
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
    ]);
  });

  it("is the vsyscall page alone for a task that has nothing, and empty where that is off", () => {
    const kernel = boot();
    expect(kernel.proc.mapsText(kernel.spawn("empty"))).toBe(
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
    );
    const without = boot({ vsyscall: "none" });
    expect(without.proc.mapsText(without.spawn("empty"))).toBe("");
  });
});

describe("/proc/swaps", () => {
  it("shows size and use of every area, in KiB", () => {
    const kernel = busy({ memory: "4MiB" });
    const nrUsed = kernel.sys.swap.nrTotalSlots - kernel.sys.swap.nrFreeSlots;
    expect(kernel.proc.swapsText().split("\n")).toEqual([
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority",
      `/dev/ram0                               partition\t8192\t\t${kibOfPages(nrUsed)}\t\t-2`,
      "",
    ]);
    expect(nrUsed).toBeGreaterThan(100);
  });

  it("is only the heading without swap", () => {
    expect(boot({ swap: [] }).proc.swapsText()).toBe("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
  });
});
