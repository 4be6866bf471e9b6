/** vmalloc. Expectations: Linux 6.18 mm/vmalloc.c; Documentation/arch/x86/x86_64/mm.rst. */
import { PAGE_SIZE, RUN_READ, RUN_WRITE, vpnHi, vpnLo } from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { meminfoKib, settledFreePages } from "./helpers.ts";

const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
/** ffffc90000000000 without its sign extension. */
const VMALLOC_START = 0xc90000000000;
/** Pages of addresses that may wait for the purge on one CPU: 32 MiB (lazy_max_pages). */
const MAX_LAZY_PAGES = 8192;

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", contents: "sparse", ...config });
  return kernel;
}

afterEach(() => kernel.audit());

/** Frame that a CPU sees at an address in kernel mode, or -(1 + error code). */
function frameAt(address: number, kind: number = RUN_READ, cpu = 0): number {
  const vpn = address / PAGE_SIZE;
  return kernel.sys.cpus[cpu].mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, false);
}

describe("vmalloc", () => {
  it("begins at ffffc90000000000 and leaves a guard page behind every area", () => {
    boot();
    expect(kernel.vmalloc(3 * PAGE_SIZE)).toBe(VMALLOC_START);
    expect(kernel.vmalloc(1)).toBe(VMALLOC_START + 4 * PAGE_SIZE);
    expect(kernel.vmalloc(PAGE_SIZE)).toBe(VMALLOC_START + 6 * PAGE_SIZE);
    expect([0, 1, 2].every((page) => frameAt(VMALLOC_START + page * PAGE_SIZE, RUN_WRITE) > 0)).toBe(true);
    // Running off the end of an area faults.
    expect(frameAt(VMALLOC_START + 3 * PAGE_SIZE, RUN_WRITE)).toBe(-(1 + 2));
  });

  it("takes frames one by one and shows them in VmallocUsed", () => {
    boot();
    expect(meminfoKib(kernel, "VmallocTotal")).toBe(34359738367);
    expect(meminfoKib(kernel, "VmallocUsed")).toBe(0);
    const free = settledFreePages(kernel);
    const address = kernel.vmalloc(10 * PAGE_SIZE);
    expect(meminfoKib(kernel, "VmallocUsed")).toBe(40);
    // Ten pages, a table of each level below the one that boot made, and perhaps a slab.
    expect(free - settledFreePages(kernel)).toBeGreaterThanOrEqual(12);
    const frames = Array.from({ length: 10 }, (_, page) => frameAt(address + page * PAGE_SIZE));
    expect(new Set(frames).size).toBe(10);
    kernel.vfree(address);
    expect(meminfoKib(kernel, "VmallocUsed")).toBe(0);
    boot({ seats: { pageTable: "radix5" } });
    // 12.5 PiB less a byte, in KiB.
    expect(meminfoKib(kernel, "VmallocTotal")).toBe(12800 * 2 ** 30 - 1);
  });

  it("gives 0 for nothing, and for more than there is, with nothing left behind", () => {
    boot();
    const free = settledFreePages(kernel);
    expect(kernel.vmalloc(0)).toBe(0);
    expect(kernel.vmalloc(2 ** 40)).toBe(0);
    expect(kernel.vmalloc(16 * 2 ** 20)).toBe(0);
    expect(meminfoKib(kernel, "VmallocUsed")).toBe(0);
    // Tables stay, as Linux keeps them.
    expect(free - settledFreePages(kernel)).toBeLessThan(16);
    kernel.vfree(0);
  });

  it("frees what it gave, once", () => {
    boot();
    const address = kernel.vmalloc(2 * PAGE_SIZE);
    expect(() => kernel.vfree(address + PAGE_SIZE)).toThrow(
      /EINVAL: vfree of 0xc90000001000, where no area in use/,
    );
    kernel.vfree(address);
    expect(() => kernel.vfree(address)).toThrow(/where no area in use starts/);
  });

  it("keeps freed addresses, and what TLBs know of them, until 32 MiB wait", () => {
    boot({ cpus: 2 });
    const first = kernel.vmalloc(PAGE_SIZE);
    const frame = frameAt(first, RUN_READ, 1);
    kernel.vfree(first);
    // Lazy: the entry is gone, the translation is not, and the address is not given out again.
    expect(frameAt(first, RUN_READ, 1)).toBe(frame);
    expect(frameAt(first, RUN_READ, 0)).toBe(-1);
    expect(kernel.vmalloc(PAGE_SIZE)).toBe(first + 2 * PAGE_SIZE);
    kernel.sys.vmalloc.purge();
    expect(frameAt(first, RUN_READ, 1)).toBe(-1);
    expect(kernel.vmalloc(PAGE_SIZE)).toBe(first);
    // fls(2 CPUs) is 2.
    expect(kernel.sys.vmalloc.maxLazyPages).toBe(2 * MAX_LAZY_PAGES);
  });

  it("purges by itself once too many addresses wait", () => {
    boot();
    const { vmalloc } = kernel.sys;
    // 100 pages and a guard page each: 82 areas are 8282 pages, more than 8192.
    for (let nth = 0; nth < 81; nth++) kernel.vfree(kernel.vmalloc(100 * PAGE_SIZE));
    expect([vmalloc.nrPurges, vmalloc.nrLazyPages]).toEqual([0, 8181]);
    kernel.vfree(kernel.vmalloc(100 * PAGE_SIZE));
    expect([vmalloc.nrPurges, vmalloc.nrLazyPages]).toEqual([1, 0]);
    expect(kernel.vmalloc(PAGE_SIZE)).toBe(VMALLOC_START);
  });

  it("puts an area into the lowest gap that holds it and its guard page", () => {
    boot();
    const areas = [2, 1, 5, 1].map((nrPages) => kernel.vmalloc(nrPages * PAGE_SIZE));
    kernel.vfree(areas[0]);
    kernel.vfree(areas[2]);
    kernel.sys.vmalloc.purge();
    // Gaps of 3 and 6 pages: four with a guard page go to the second, two to the first.
    expect(kernel.vmalloc(4 * PAGE_SIZE)).toBe(areas[2]);
    expect(kernel.vmalloc(2 * PAGE_SIZE)).toBe(areas[0]);
  });

  it("agrees with a model of ranges under random use", () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant("alloc" as const), nr: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ op: fc.constant("free" as const), nr: fc.nat(30) }),
      fc.record({ op: fc.constant("purge" as const), nr: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        boot({ memory: "1MiB" });
        const { vmalloc } = kernel.sys;
        let taken: { start: number; nrPages: number; isUsed: boolean }[] = [];
        for (const { op, nr } of steps) {
          const used = taken.filter(({ isUsed }) => isUsed);
          if (op === "alloc") {
            const address = kernel.vmalloc(nr * PAGE_SIZE);
            if (address === 0) continue;
            let expected = 0;
            for (const { start, nrPages } of taken) {
              if (start - expected >= nr + 1) break;
              expected = start + nrPages;
            }
            expect((address - VMALLOC_START) / PAGE_SIZE).toBe(expected);
            taken.push({ start: expected, nrPages: nr + 1, isUsed: true });
            taken.sort((one, other) => one.start - other.start);
          } else if (op === "free" && used.length > 0) {
            const area = used[nr % used.length];
            area.isUsed = false;
            kernel.vfree(VMALLOC_START + area.start * PAGE_SIZE);
          } else if (op === "purge") {
            vmalloc.purge();
            taken = taken.filter(({ isUsed }) => isUsed);
          }
          kernel.audit();
          const nrUsed = taken.reduce((sum, area) => sum + (area.isUsed ? area.nrPages - 1 : 0), 0);
          expect(vmalloc.nrPages).toBe(nrUsed);
        }
      }),
      { seed: SEED, numRuns: 25 },
    );
  });
});
