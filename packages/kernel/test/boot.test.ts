import { MAX_NR_ZONES, WMARK_HIGH, WMARK_LOW, WMARK_MIN, ZONE_DMA, ZONE_DMA32 } from "@pageframe/contracts";
import { bootKernel, formatBytes, MIN_MEMORY_BYTES } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { fill, meminfoKib, settledFreePages, spawnWith } from "./helpers.ts";

describe("boot", () => {
  it.each([
    ["64KiB", 16],
    ["68KiB", 17],
    ["100KiB", 25],
    ["512KiB", 128],
    ["700KiB", 175],
    ["1MiB", 256],
    ["3MiB", 768],
    ["1.5MiB", 384],
    ["16MiB", 4096],
    ["17MiB", 4352],
    ["64MiB", 16384],
    ["100MiB", 25600],
    ["256MiB", 65536],
  ])("leaves exactly the memory that was asked for: %s", (memory, nrPages) => {
    const kernel = bootKernel({ memory });
    expect(kernel.availablePages()).toBe(nrPages);
    expect(meminfoKib(kernel, "MemAvailable")).toBe(nrPages * 4);
    kernel.audit();
  });

  it("rounds a size that is not a whole number of pages up", () => {
    expect(bootKernel({ memory: "65KiB" }).availablePages()).toBe(17);
    expect(bootKernel({ memory: "1048577B" }).availablePages()).toBe(257);
  });

  it.each([
    { nodes: 1, cpus: 2 },
    { nodes: 1, cpus: 8 },
    { nodes: 2, cpus: 1 },
    { nodes: 2, cpus: 2 },
    { nodes: 3, cpus: 4 },
    { nodes: 4, cpus: 4 },
    { nodes: 16, cpus: 16 },
  ])("leaves exactly the memory that was asked for with $nodes nodes and $cpus CPUs", (machine) => {
    for (const memory of ["32MiB", "67MiB"]) {
      const kernel = bootKernel({ memory, ...machine });
      expect(meminfoKib(kernel, "MemAvailable"), memory).toBe(parseInt(memory) * 1024);
      kernel.audit();
    }
  });

  it.each(["64KiB", "1MiB", "5MiB", "20MiB"])(
    "leaves at most three pages more than was asked for on many nodes, where formulas go in steps: %s",
    (memory) => {
      const asked = bootKernel({ memory }).availablePages();
      for (const nodes of [2, 4, 16]) {
        const kernel = bootKernel({ memory, nodes, cpus: nodes });
        expect(kernel.availablePages() - asked).toBeGreaterThanOrEqual(0);
        expect(kernel.availablePages() - asked).toBeLessThanOrEqual(3);
        kernel.audit();
      }
    },
  );

  it("runs a program in the least memory", () => {
    const kernel = bootKernel({ memory: formatBytes(MIN_MEMORY_BYTES) });
    const task = spawnWith(kernel, "tiny", 2);
    expect(fill(kernel, task, 0, 2)).toBe(true);
    kernel.audit();
  });

  it("refuses less than the minimum and names it", () => {
    expect(() => bootKernel({ memory: "63KiB" })).toThrow(
      "EINVAL: memory 63KiB is too small to boot; the minimum is 64KiB",
    );
    expect(() => bootKernel({ memory: "0MiB" })).toThrow(
      "EINVAL: memory 0MiB is too small to boot; the minimum is 64KiB",
    );
  });

  it("keeps what the kernel takes out of MemAvailable, and more of it with more CPUs and a larger image", () => {
    const reservedBy = (config: object): number => {
      const kernel = bootKernel({ memory: "16MiB", ...config });
      return kernel.sys.memmap.nrFrames;
    };
    const plain = reservedBy({});
    expect(reservedBy({ kernelImage: "4MiB" })).toBeGreaterThanOrEqual(plain + 512);
    expect(plain).toBeGreaterThan(4096 + 512);
  });

  it("lays RAM out in zones as Linux does: below 16 MiB DMA, above DMA32", () => {
    const { zones } = bootKernel({ memory: "64MiB" }).sys.frames;
    const dma = zones[ZONE_DMA];
    const dma32 = zones[ZONE_DMA32];
    // A PC's hole: of the first 4096 frames, frame 0 and 159..255 are not RAM (6.18 prints present 3998).
    expect([dma.name, dma.startPfn, dma.spannedPages, dma.presentPages]).toEqual(["DMA", 1, 4095, 3998]);
    expect([dma32.name, dma32.startPfn]).toEqual(["DMA32", 4096]);
    expect(dma32.presentPages).toBe(dma32.spannedPages);
    expect(zones.length).toBe(MAX_NR_ZONES);
    expect(zones.filter((zone) => zone.presentPages > 0).length).toBe(2);
  });

  it("puts everything into one zone when there are less than 16 MiB", () => {
    const { zones } = bootKernel({ memory: "4MiB" }).sys.frames;
    expect(zones.filter((zone) => zone.managedPages > 0).map((zone) => zone.name)).toEqual(["DMA"]);
  });

  it("sets watermarks by min_free_kbytes and watermark_scale_factor", () => {
    const { zones } = bootKernel({ memory: "8MiB", minFreeKbytes: 400 }).sys.frames;
    const [zone] = zones;
    // One zone: 400 KiB are 100 pages; a quarter of it lies between the marks.
    expect(Array.from(zone.watermarks.slice(0, 3))).toEqual([100, 125, 150]);

    const scaled = bootKernel({ memory: "8MiB", minFreeKbytes: 400, watermarkScaleFactor: 1000 }).sys.frames;
    const [wide] = scaled.zones;
    const tenth = Math.floor(wide.managedPages / 10);
    expect(wide.watermarks[WMARK_LOW] - wide.watermarks[WMARK_MIN]).toBe(tenth);
    expect(wide.watermarks[WMARK_HIGH] - wide.watermarks[WMARK_LOW]).toBe(tenth);
  });

  it("leaves the memory that was asked for on top of any reserve", () => {
    for (const config of [
      { minFreeKbytes: 100000 },
      { watermarkScaleFactor: 3000 },
      { kernelImage: "64MiB" },
    ]) {
      const kernel = bootKernel({ memory: "1MiB", ...config });
      expect(kernel.availablePages()).toBe(256);
      const task = spawnWith(kernel, "test", 100);
      expect(fill(kernel, task, 0, 100)).toBe(true);
      kernel.audit();
    }
  });

  it("sets vm.min_free_kbytes by Linux's formula when nobody does", () => {
    // 4 * sqrt(KiB of RAM), 128 KiB at least; a quarter of it between the marks.
    const least = bootKernel({ memory: "512KiB" });
    expect(meminfoKib(least, "MemTotal")).toBeLessThan(1024);
    expect(Array.from(least.sys.frames.zones[0].watermarks.slice(0, 3))).toEqual([32, 40, 48]);
    const larger = bootKernel({ memory: "4MiB" });
    const min = Math.floor(Math.floor(4 * Math.sqrt(meminfoKib(larger, "MemTotal"))) / 4);
    expect(min).toBeGreaterThan(64);
    expect(larger.sys.frames.zones[0].watermarks[WMARK_MIN]).toBe(min);
  });

  it("starts one process, which has a stack of one resident page", () => {
    const kernel = bootKernel();
    const { tasks } = kernel.sys;
    expect([...tasks.values()].map(({ pid, name }) => `${pid} ${name}`)).toEqual(["1 init"]);
    const init = tasks.get(1)!;
    expect([init.mm.rssAnon, init.mm.rssFile]).toEqual([1, 0]);
    // 132 KiB, as /proc/self/maps shows on Linux: setup_arg_pages() widens the stack by 128 KiB.
    expect(kernel.proc.mapsText(init)).toBe(
      "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n" +
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
    );
  });

  it("boots the same machine from the same configuration", () => {
    const config = { memory: "2MiB", cpus: 2, swap: [{ size: "1MiB" }] };
    expect(bootKernel(config).digest()).toBe(bootKernel(config).digest());
    expect(bootKernel(config).digest()).not.toBe(bootKernel({ ...config, cpus: 1 }).digest());
  });

  it("lets two machines run side by side without touching each other", () => {
    const one = bootKernel({ memory: "1MiB", swap: [{ size: "1MiB" }], contents: "sparse" });
    const two = bootKernel({ memory: "1MiB", swap: [{ size: "1MiB" }], contents: "sparse" });
    const alone = bootKernel({ memory: "1MiB", swap: [{ size: "1MiB" }], contents: "sparse" });
    const before = two.digest();
    const busy = spawnWith(one, "busy", 300);
    expect(fill(one, busy, 0, 300)).toBe(true);
    expect(two.digest()).toBe(before);

    // Turn by turn, each gets what it would have got alone.
    const left = spawnWith(two, "same", 300);
    const right = spawnWith(alone, "same", 300);
    for (let page = 0; page < 300; page++) {
      fill(two, left, page, 1);
      fill(one, busy, 299 - page, 1, 7);
    }
    fill(alone, right, 0, 300);
    expect(two.digest()).toBe(alone.digest());
    expect(two.proc.vmstatText()).toBe(alone.proc.vmstatText());
    one.audit();
    two.audit();
  });

  it("gives every free page back after programs came and went", () => {
    const kernel = bootKernel({ memory: "4MiB" });
    const before = settledFreePages(kernel);
    for (let round = 0; round < 5; round++) {
      const task = spawnWith(kernel, "guest", 200);
      fill(kernel, task, 0, 200);
      kernel.exit(task);
    }
    // What slab caches keep of empty slabs stays; the second round must not take more than the first.
    const after = settledFreePages(kernel);
    const task = spawnWith(kernel, "guest", 200);
    fill(kernel, task, 0, 200);
    kernel.exit(task);
    expect(settledFreePages(kernel)).toBe(after);
    expect(before - after).toBeLessThan(20);
    kernel.audit();
  });

  it("knows no CPU that it does not have", () => {
    const kernel = bootKernel({ cpus: 2 });
    expect(kernel.spawn("here", 1).cpu).toBe(1);
    expect(() => kernel.spawn("nowhere", 2)).toThrow("EINVAL: cpu 2 does not exist; the machine has 2");
    expect(() => kernel.spawn("nowhere", -1)).toThrow(/cpu -1 does not exist/);
    expect(() => kernel.spawn("nowhere", 0.5)).toThrow(/cpu 0.5 does not exist/);
  });
});

describe("boot with occupants of seats", () => {
  it.each([
    ["frameAllocator", "frame allocator", "buddy"],
    ["objectAllocator", "object allocator", "slub"],
    ["pageTable", "page table", "radix4"],
    ["tlb", "TLB", "set-associative"],
    ["reclaim", "reclaim policy", "active-inactive"],
    ["swapSlots", "swap-slot allocator", "clusters"],
    ["numa", "NUMA policy", "local"],
    ["oom", "OOM policy", "badness"],
  ])("names the known ones when %s is unknown", (seat, title, known) => {
    const boot = (): unknown =>
      bootKernel({ memory: "1MiB", swap: [{ size: "1MiB" }], seats: { [seat]: "nonsense" } });
    expect(boot).toThrow(`EINVAL: unknown ${title} "nonsense"; known: `);
    expect(boot).toThrow(known);
  });
});
