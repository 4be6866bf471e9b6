import {
  EFAULT,
  EINVAL,
  ENOMEM,
  MADV_COLD,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_WILLNEED,
  PAGE_SIZE,
  PROT_READ,
  SEGV_MAPERR,
  SIGSEGV,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  at,
  countersOf,
  faultsOf,
  fill,
  mapPages,
  READ_WRITE,
  SHARED_ANON,
  spawnWith,
  stampOf,
  wrongPages,
} from "./helpers.ts";

/** A machine with 4 MiB of swap on a disk. */
function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({
    memory: "4MiB",
    swap: [{ size: "4MiB", synchronous: false }],
    contents: "sparse",
    ...config,
  });
}

function advise(kernel: Kernel, task: Task, page: number, nrPages: number, advice: number): number {
  const result = kernel.madvise(task, at(page), nrPages * PAGE_SIZE, advice);
  kernel.audit();
  return result;
}

function nrSwapCached(kernel: Kernel): number {
  return kernel.proc.vmstat()["nr_swapcached"];
}

describe("MADV_PAGEOUT", () => {
  it("writes pages out at once, and leaves them in the swap cache of a disk: touching one is a minor fault", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 16);
    fill(kernel, task, 0, 16);
    expect(countersOf(kernel, ["pswpout"], () => advise(kernel, task, 0, 16, MADV_PAGEOUT)).pswpout).toBe(16);
    expect([task.mm.rss, task.mm.nrSwapEntries, nrSwapCached(kernel)]).toEqual([0, 16, 16]);
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(1), 99))).toEqual([1, 0]);
    // Written, the page is its owner's alone and gives up its slot; read, it keeps it.
    expect([task.mm.rss, task.mm.nrSwapEntries, nrSwapCached(kernel)]).toEqual([2, 14, 15]);
    // A clean page that swap has a copy of goes for good the second time.
    expect(countersOf(kernel, ["pswpout"], () => advise(kernel, task, 0, 1, MADV_PAGEOUT)).pswpout).toBe(0);
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 1]);
    expect(wrongPages(kernel, task, 2, 14)).toEqual([]);
    kernel.audit();
  });

  it("frees pages at once on swap in memory", () => {
    const kernel = boot({ swap: [{ size: "4MiB" }] });
    const task = spawnWith(kernel, "t", 16);
    fill(kernel, task, 0, 16);
    expect(advise(kernel, task, 0, 16, MADV_PAGEOUT)).toBe(0);
    expect(nrSwapCached(kernel)).toBe(0);
    expect(faultsOf(task, () => wrongPages(kernel, task, 0, 16))).toEqual([0, 16]);
    kernel.audit();
  });

  it("frees a page of zeros at once on a disk too: nothing is written", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 1);
    kernel.write(task, at(0), 0);
    const counters = countersOf(kernel, ["pswpout", "swpout_zero"], () =>
      advise(kernel, task, 0, 1, MADV_PAGEOUT),
    );
    expect(counters).toEqual({ pswpout: 0, swpout_zero: 1 });
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 1]);
  });

  it("leaves alone what two address spaces map, and refuses locked memory", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "t", 4);
    fill(kernel, parent, 0, 4);
    const child = kernel.fork(parent);
    kernel.write(child, at(0), 7);
    expect(advise(kernel, parent, 0, 4, MADV_PAGEOUT)).toBe(0);
    // The child has a copy of the first page; the other three are shared.
    expect([parent.mm.rssAnon, parent.mm.nrSwapEntries]).toEqual([3, 1]);
    expect(advise(kernel, parent, 2, 4, MADV_PAGEOUT)).toBe(-ENOMEM);
  });

  it("lets parent and child find one page in the swap cache, and each write its own", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "t", 8);
    fill(kernel, parent, 0, 8);
    advise(kernel, parent, 0, 8, MADV_PAGEOUT);
    const child = kernel.fork(parent);
    kernel.audit();
    expect(faultsOf(child, () => kernel.read(child, at(5)))).toEqual([1, 0]);
    expect(faultsOf(child, () => kernel.write(child, at(6), 9))).toEqual([1, 0]);
    expect(faultsOf(parent, () => kernel.write(parent, at(5), 10))).toEqual([1, 0]);
    expect([kernel.read(parent, at(5)), kernel.read(child, at(5))]).toEqual([10, stampOf(5)]);
    expect([kernel.read(parent, at(6)), kernel.read(child, at(6))]).toEqual([stampOf(6), 9]);
    kernel.exit(child);
    kernel.audit();
    expect(wrongPages(kernel, parent, 0, 5)).toEqual([]);
    kernel.audit();
  });
});

describe("MADV_FREE", () => {
  it("lets reclaim drop clean pages without a write, and keeps one that was written since", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 4);
    fill(kernel, task, 0, 4);
    expect(countersOf(kernel, ["pglazyfree"], () => advise(kernel, task, 0, 4, MADV_FREE)).pglazyfree).toBe(
      4,
    );
    expect(kernel.read(task, at(0))).toBe(stampOf(0));
    expect(faultsOf(task, () => kernel.write(task, at(1), 50))).toEqual([0, 0]);
    const counters = countersOf(kernel, ["pglazyfreed", "pswpout"], () =>
      advise(kernel, task, 0, 4, MADV_PAGEOUT),
    );
    expect(counters).toEqual({ pglazyfreed: 3, pswpout: 0 });
    expect([0, 1, 2, 3].map((page) => kernel.read(task, at(page)))).toEqual([0, 50, 0, 0]);
    kernel.audit();
  });

  it("drops what is in swap at once", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 4);
    fill(kernel, task, 0, 4);
    advise(kernel, task, 0, 4, MADV_PAGEOUT);
    expect(advise(kernel, task, 0, 2, MADV_FREE)).toBe(0);
    expect(task.mm.nrSwapEntries).toBe(2);
    expect([kernel.read(task, at(0)), kernel.read(task, at(2))]).toEqual([0, stampOf(2)]);
  });

  it("refuses memory that is not private and anonymous", () => {
    const kernel = boot();
    const task = kernel.spawn("t");
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_ANON);
    expect(advise(kernel, task, 0, 4, MADV_FREE)).toBe(-EINVAL);
  });
});

describe("MADV_COLD and MADV_WILLNEED", () => {
  it("changes no bytes and no faults", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 40);
    fill(kernel, task, 0, 40);
    expect(advise(kernel, task, 0, 40, MADV_COLD)).toBe(0);
    expect(faultsOf(task, () => wrongPages(kernel, task, 0, 40))).toEqual([0, 0]);
  });

  it("reads pages in swap ahead, so that faults on them are minor", () => {
    const kernel = boot({ swap: [{ size: "4MiB" }] });
    const task = spawnWith(kernel, "t", 8);
    fill(kernel, task, 0, 8);
    advise(kernel, task, 0, 8, MADV_PAGEOUT);
    expect(countersOf(kernel, ["pswpin"], () => advise(kernel, task, 2, 4, MADV_WILLNEED)).pswpin).toBe(4);
    expect(faultsOf(task, () => wrongPages(kernel, task, 2, 4))).toEqual([4, 0]);
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 1]);
  });
});

describe("MADV_POPULATE_READ and MADV_POPULATE_WRITE", () => {
  it("faults every page in, for reading or for writing", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 8);
    fill(kernel, task, 0, 3);
    expect(faultsOf(task, () => advise(kernel, task, 0, 8, MADV_POPULATE_READ))).toEqual([5, 0]);
    expect(task.mm.rss).toBe(3);
    expect(faultsOf(task, () => advise(kernel, task, 0, 8, MADV_POPULATE_WRITE))).toEqual([5, 0]);
    expect(task.mm.rss).toBe(8);
    expect(faultsOf(task, () => fill(kernel, task, 0, 8))).toEqual([0, 0]);
  });

  it("stops at a hole, at a mapping without the right, and at a guard", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 4);
    mapPages(kernel, task, 4, 4, PROT_READ);
    expect(advise(kernel, task, 0, 8, MADV_POPULATE_WRITE)).toBe(-EINVAL);
    expect(task.mm.rss).toBe(4);
    expect(advise(kernel, task, 0, 9, MADV_POPULATE_READ)).toBe(-ENOMEM);
    advise(kernel, task, 5, 1, MADV_GUARD_INSTALL);
    expect(advise(kernel, task, 4, 4, MADV_POPULATE_READ)).toBe(-EFAULT);
  });
});

describe("guard pages", () => {
  it("raise SIGSEGV at an access, without a mapping of their own", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 8);
    fill(kernel, task, 0, 8);
    const { mapCount } = task.mm.space;
    expect(advise(kernel, task, 2, 3, MADV_GUARD_INSTALL)).toBe(0);
    expect(task.mm.rssAnon).toBe(5);
    const { vpn } = kernel.read(task, at(3)) as { vpn: number };
    expect(kernel.write(task, at(3), 1)).toEqual({ signal: SIGSEGV, code: SEGV_MAPERR, vpn });
    expect(vpn).toBe(at(3) / PAGE_SIZE);
    expect(task.mm.space.mapCount).toBe(mapCount);
    // Pages beside them stay, and taking guards away brings nothing back.
    expect(advise(kernel, task, 0, 8, MADV_GUARD_REMOVE)).toBe(0);
    expect([1, 3, 5].map((page) => kernel.read(task, at(page)))).toEqual([stampOf(1), 0, stampOf(5)]);
    kernel.audit();
  });

  it("outlast MADV_DONTNEED, mprotect, mremap and fork, and end with the mapping", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "t", 4);
    advise(kernel, task, 1, 1, MADV_GUARD_INSTALL);
    advise(kernel, task, 0, 4, MADV_DONTNEED);
    kernel.mprotect(task, at(0), 4 * PAGE_SIZE, PROT_READ);
    kernel.mprotect(task, at(0), 4 * PAGE_SIZE, READ_WRITE);
    const child = kernel.fork(task);
    expect(child.mm.space.mapCount).toBe(task.mm.space.mapCount);
    for (const each of [task, child]) expect(kernel.read(each, at(1))).toMatchObject({ signal: SIGSEGV });
    // MREMAP_MAYMOVE | MREMAP_FIXED.
    expect(kernel.mremap(task, at(0), 4 * PAGE_SIZE, 4 * PAGE_SIZE, 3, at(100))).toBe(at(100));
    expect(kernel.read(task, at(101))).toMatchObject({ signal: SIGSEGV });
    kernel.audit();
    kernel.munmap(task, at(100), 4 * PAGE_SIZE);
    mapPages(kernel, task, 100, 4);
    expect(kernel.read(task, at(101))).toBe(0);
    kernel.audit();
  });
});
