/** Stacks that grow and the heap. "Recorded": Linux 6.18.15, script 10-stack-brk. */
import {
  addressOfVpn,
  MAP_GROWSDOWN,
  PROT_NONE,
  PROT_READ,
  PAGE_SIZE,
  SEGV_MAPERR,
  SIGSEGV,
  TASK_SIZE_VPN,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  at,
  faultsOf,
  HEAP_START,
  mapPages,
  mapsLine,
  mapsOf,
  PRIVATE_ANON,
  READ_WRITE,
  settledFreePages,
} from "./helpers.ts";

const NOWHERE = { signal: SIGSEGV, code: SEGV_MAPERR };

function boot(): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "4MiB", contents: "sparse" });
  const task = kernel.spawn("test");
  task.mm.space.startBrk = HEAP_START;
  task.mm.space.brkAddress = HEAP_START;
  return { kernel, task };
}

/** Writes a page of the arena: the faults that it took, or the signal's code. */
function write(kernel: Kernel, task: Task, page: number): number | string {
  const before = task.nrMinorFaults;
  const signal = kernel.write(task, at(page), 1);
  return signal === null ? task.nrMinorFaults - before : `code ${signal.code}`;
}

describe("a mapping that grows down", () => {
  it("answers the recorded program", () => {
    const { kernel, task } = boot();
    const growing = PRIVATE_ANON | MAP_GROWSDOWN;
    mapPages(kernel, task, 1000, 4, READ_WRITE, growing);
    expect(write(kernel, task, 1003)).toBe(1);
    expect(write(kernel, task, 999)).toBe(1);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(999, 1004, "rw-p")]);
    expect(write(kernel, task, 990)).toBe(1);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(990, 1004, "rw-p")]);
    expect([task.mm.space.totalVm, task.mm.rssAnon]).toEqual([14, 3]);
    expect(faultsOf(task, () => kernel.read(task, at(980)))).toEqual([1, 0]);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(980, 1004, "rw-p")]);

    // A mapping that can be accessed keeps 256 pages of distance.
    mapPages(kernel, task, 700, 4);
    expect(write(kernel, task, 900)).toBe("code 1");
    expect(write(kernel, task, 961)).toBe(1);
    expect(write(kernel, task, 960)).toBe(1);
    expect(write(kernel, task, 959)).toBe("code 1");
    expect(mapsOf(kernel, task)).toEqual([mapsLine(700, 704, "rw-p"), mapsLine(960, 1004, "rw-p")]);

    // One without rights does not.
    mapPages(kernel, task, 500, 4, PROT_NONE);
    mapPages(kernel, task, 2000, 4, READ_WRITE, growing);
    mapPages(kernel, task, 1800, 4, PROT_NONE);
    expect(write(kernel, task, 1900)).toBe(1);
    expect(write(kernel, task, 1804)).toBe(1);
    expect(mapsOf(kernel, task).slice(3)).toEqual([
      mapsLine(1800, 1804, "---p"),
      mapsLine(1804, 2004, "rw-p"),
    ]);

    task.mm.space.rlimitStackBytes = 64 * 1024;
    expect(write(kernel, task, 1750)).toBe("code 1");
    mapPages(kernel, task, 3000, 4, READ_WRITE, growing);
    expect(write(kernel, task, 2990)).toBe(1);
    expect(write(kernel, task, 2980)).toBe("code 1");
    expect(mapsOf(kernel, task).at(-1)).toBe(mapsLine(2990, 3004, "rw-p"));
    kernel.audit();
  });
});

describe("the stack", () => {
  const stackPage = (page: number): number => addressOfVpn(TASK_SIZE_VPN - page);

  it("grows to its limit of 8 MiB, however far below a write lands, and not a page further", () => {
    const kernel = bootKernel({ memory: "16MiB", contents: "sparse" });
    const task = kernel.spawn("deep");
    expect(task.mm.space.setupStack()).toBe(0);
    expect(kernel.write(task, stackPage(1), 1)).toBeNull();
    expect(task.mm.space.totalVm).toBe(33);
    expect(kernel.write(task, stackPage(2000), 2)).toBeNull();
    expect(task.mm.space.totalVm).toBe(2000);
    // 8 MiB are 2048 pages.
    expect(kernel.write(task, stackPage(2049), 3)).toMatchObject(NOWHERE);
    expect(kernel.write(task, stackPage(2048), 3)).toBeNull();
    expect(task.mm.space.totalVm).toBe(2048);
    expect(kernel.write(task, stackPage(2049), 3)).toMatchObject(NOWHERE);
    expect(task.mm.rssAnon).toBe(3);
    expect([1, 2000, 2048].map((page) => kernel.read(task, stackPage(page)))).toEqual([1, 2, 3]);
    kernel.audit();
  });

  it("has the limit that the configuration sets", () => {
    const kernel = bootKernel({ memory: "2MiB", stackLimit: "256KiB" });
    const task = kernel.spawn("small");
    task.mm.space.setupStack();
    expect(kernel.write(task, stackPage(64), 1)).toBeNull();
    expect(kernel.write(task, stackPage(65), 1)).toMatchObject(NOWHERE);
  });

  it("is charged to Committed_AS as it grows", () => {
    const { kernel, task } = boot();
    const { vmCommit } = kernel.sys;
    const before = vmCommit.committedPages;
    task.mm.space.setupStack();
    expect(vmCommit.committedPages - before).toBe(33);
    kernel.write(task, stackPage(100), 1);
    expect(vmCommit.committedPages - before).toBe(100);
    kernel.exit(task);
    expect(vmCommit.committedPages).toBe(before);
  });

  it("of a child grows by itself", () => {
    const { kernel, task } = boot();
    task.mm.space.setupStack();
    kernel.write(task, stackPage(1), 1);
    const child = kernel.fork(task);
    kernel.write(child, stackPage(50), 2);
    expect([child.mm.space.totalVm, task.mm.space.totalVm]).toEqual([50, 33]);
    expect(kernel.read(child, stackPage(1))).toBe(1);
    kernel.audit();
  });
});

describe("brk", () => {
  const heap = (page: number): number => HEAP_START + page * PAGE_SIZE;

  it("answers the recorded program", () => {
    const { kernel, task } = boot();
    const touch = (page: number): unknown => kernel.write(task, heap(page), 2);
    expect(kernel.brk(task, heap(0))).toBe(heap(0));
    expect(kernel.brk(task, heap(4))).toBe(heap(4));
    expect(kernel.proc.mapsText(task)).toMatch(
      /^00500000-00504000 rw-p 00000000 00:00 0 +\[heap\]\nf+600000-.*\n$/,
    );
    expect(faultsOf(task, () => touch(0))).toEqual([1, 0]);
    expect(faultsOf(task, () => touch(3))).toEqual([1, 0]);
    expect(touch(4)).toMatchObject(NOWHERE);
    expect(kernel.brk(task, heap(2))).toBe(heap(2));
    expect(kernel.read(task, heap(2))).toMatchObject(NOWHERE);
    expect(kernel.brk(task, heap(10))).toBe(heap(10));
    // What was given back and taken again is zero.
    expect(faultsOf(task, () => expect(kernel.read(task, heap(3))).toBe(0))).toEqual([1, 0]);
    expect(faultsOf(task, () => expect(kernel.read(task, heap(9))).toBe(0))).toEqual([1, 0]);
    expect(kernel.read(task, heap(0))).toBe(2);

    kernel.mmap(task, heap(12), PAGE_SIZE, READ_WRITE, PRIVATE_ANON);
    expect(kernel.brk(task, heap(11))).toBe(heap(11));
    expect(kernel.brk(task, heap(12))).toBe(heap(11));
    expect(kernel.brk(task, heap(13))).toBe(heap(11));
    kernel.munmap(task, heap(12), PAGE_SIZE);
    expect(kernel.brk(task, heap(13))).toBe(heap(13));
    kernel.mprotect(task, heap(3), 2 * PAGE_SIZE, PROT_READ);
    expect(kernel.proc.mapsText(task).match(/\[heap\]/g)?.length).toBe(3);
    expect(kernel.brk(task, heap(0))).toBe(heap(0));
    expect(mapsOf(kernel, task)).toEqual([]);
    expect(task.mm.rss).toBe(0);
    kernel.audit();
  });

  it("frees the pages that it gives back", () => {
    const { kernel, task } = boot();
    kernel.brk(task, heap(200));
    const base = settledFreePages(kernel);
    for (let page = 0; page < 200; page++) kernel.write(task, heap(page), 1);
    const full = settledFreePages(kernel);
    // 200 pages, and tables of levels 3, 2 and 1; the anon_vma comes from a slab.
    expect(base - full).toBeGreaterThanOrEqual(203);
    expect(kernel.brk(task, heap(50))).toBe(heap(50));
    expect(settledFreePages(kernel) - full).toBe(150);
    expect(task.mm.rssAnon).toBe(50);
    for (let page = 0; page < 50; page++) expect(kernel.read(task, heap(page))).toBe(1);
    kernel.audit();
  });

  it("does not move below its start, and takes bytes, not pages", () => {
    const { kernel, task } = boot();
    kernel.brk(task, heap(4));
    expect(kernel.brk(task, heap(0) - 1)).toBe(heap(4));
    expect(kernel.brk(task, 0)).toBe(heap(4));
    expect(kernel.brk(task, heap(4) + 10)).toBe(heap(4) + 10);
    expect(kernel.write(task, heap(4) + 4000, 1)).toBeNull();
    expect(kernel.brk(task, heap(4) + 1)).toBe(heap(4) + 1);
    expect(kernel.read(task, heap(4) + 4000)).toBe(1);
  });
});
