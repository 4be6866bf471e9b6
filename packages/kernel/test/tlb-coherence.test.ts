/** No translation outlives what it was made from, on any CPU. */
import {
  NO_ASID,
  PAGE_SIZE,
  PROT_NONE,
  PROT_READ,
  ptePfn,
  RUN_READ,
  RUN_WRITE,
  SEGV_ACCERR,
  SEGV_MAPERR,
  TP_TLB_FLUSH,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, mapPages, READ_WRITE, spawnWith, wrongPages } from "./helpers.ts";

const EACCES_SIGNAL = { code: SEGV_ACCERR };
const NOWHERE = { code: SEGV_MAPERR };

function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({ memory: "4MiB", cpus: 4, contents: "sparse", ...config });
}

/** Lets a task read (or write) pages on one CPU, so that this CPU's TLB holds them. */
function warm(kernel: Kernel, task: Task, cpu: number, nrPages: number, kind = RUN_WRITE): void {
  task.cpu = cpu;
  for (let page = 0; page < nrPages; page++) kernel.access(task, ARENA_VPN + page, kind);
}

/** Pages of the arena that a CPU's TLB translates for a task, now or once the task runs there again. */
function cachedPages(kernel: Kernel, cpu: number, task: Task): number[] {
  const pages: number[] = [];
  kernel.sys.cpus[cpu].tlb.forEachEntry((vpnLow, _vpnHigh, pcid) => {
    if (kernel.sys.asids.userOf(cpu, pcid) === task.mm.id) pages.push(vpnLow);
  });
  return pages.sort((one, other) => one - other);
}

/** Frame that the CPU's MMU finds for a page of the task that runs on it: through its TLB if it can. */
function frameSeenBy(kernel: Kernel, cpu: number, page: number): number {
  const vpn = ARENA_VPN + page;
  return kernel.sys.cpus[cpu].mmu.translate(vpnLo(vpn), vpnHi(vpn), RUN_READ, true);
}

function frameMapped(kernel: Kernel, task: Task, page: number): number {
  const entry = task.mm.pageTable.findEntry(ARENA_VPN + page);
  const { words } = kernel.sys.contents;
  return ptePfn(words[entry], words[entry + 1]);
}

describe("after munmap", () => {
  it("no CPU that the task ran on lets it in", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "traveller", 8);
    for (const cpu of [0, 1, 2]) warm(kernel, task, cpu, 8);
    expect([0, 1, 2, 3].map((cpu) => cachedPages(kernel, cpu, task).length)).toEqual([8, 8, 8, 0]);
    kernel.munmap(task, at(2), 3 * PAGE_SIZE);
    kernel.audit();
    // Here a small range is flushed page by page; the CPUs that it has left will forget all when it comes back.
    expect([0, 1, 2, 3].map((cpu) => cachedPages(kernel, cpu, task))).toEqual([[], [], [0, 1, 5, 6, 7], []]);
    for (const cpu of [0, 1, 2, 3]) {
      task.cpu = cpu;
      expect(kernel.read(task, at(3))).toMatchObject(NOWHERE);
      expect(kernel.write(task, at(4), 1)).toMatchObject(NOWHERE);
      expect(kernel.access(task, ARENA_VPN + 5, RUN_WRITE)).toBeNull();
    }
  });

  it("of more than 33 pages, the whole address space is dropped at once", () => {
    const flushed: number[] = [];
    const kernel = bootKernel(
      { memory: "4MiB", cpus: 2 },
      {
        trace: {
          emit: (tracepoint, _mm, nrPages) => {
            if (tracepoint === TP_TLB_FLUSH) flushed.push(nrPages);
          },
        },
      },
    );
    const task = spawnWith(kernel, "test", 100);
    warm(kernel, task, 0, 100);
    flushed.length = 0;
    kernel.munmap(task, at(0), 33 * PAGE_SIZE);
    expect(flushed[0]).toBe(33);
    expect(cachedPages(kernel, 0, task).length).toBeGreaterThan(0);
    flushed.length = 0;
    kernel.munmap(task, at(33), 34 * PAGE_SIZE);
    // -1 stands for everything (TLB_FLUSH_ALL).
    expect(flushed[0]).toBe(-1);
    expect(cachedPages(kernel, 0, task)).toEqual([]);
    kernel.audit();
  });

  it("the frame's next owner is not reached through an old translation", () => {
    const kernel = boot({ memory: "512KiB" });
    const first = spawnWith(kernel, "first", 40);
    for (const cpu of [0, 1]) warm(kernel, first, cpu, 40);
    fill(kernel, first, 0, 40, 1);
    kernel.munmap(first, at(0), 40 * PAGE_SIZE);
    const second = spawnWith(kernel, "second", 60);
    fill(kernel, second, 0, 60, 100);
    mapPages(kernel, first, 0, 40);
    first.cpu = 1;
    fill(kernel, first, 0, 40, 50);
    expect(wrongPages(kernel, second, 0, 60, 100)).toEqual([]);
    expect(wrongPages(kernel, first, 0, 40, 50)).toEqual([]);
    kernel.audit();
  });

  it("and a new mapping in the same place, every CPU finds the new page", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "test", 4);
    for (const cpu of [0, 1]) warm(kernel, task, cpu, 4);
    kernel.munmap(task, at(0), 4 * PAGE_SIZE);
    const other = spawnWith(kernel, "other", 20, 2);
    fill(kernel, other, 0, 20);
    mapPages(kernel, task, 0, 4);
    task.cpu = 0;
    fill(kernel, task, 0, 4, 9);
    task.cpu = 1;
    expect(wrongPages(kernel, task, 0, 4, 9)).toEqual([]);
    for (let page = 0; page < 4; page++) {
      expect(frameSeenBy(kernel, 1, page)).toBe(frameMapped(kernel, task, page));
    }
  });
});

describe("after mprotect", () => {
  it("rights that were taken are gone on every CPU", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "test", 4);
    for (const cpu of [0, 1, 3]) warm(kernel, task, cpu, 4);
    kernel.mprotect(task, at(0), 2 * PAGE_SIZE, PROT_READ);
    kernel.mprotect(task, at(2), PAGE_SIZE, PROT_NONE);
    kernel.audit();
    for (const cpu of [3, 1, 0, 2]) {
      task.cpu = cpu;
      expect(kernel.write(task, at(0), 1)).toMatchObject(EACCES_SIGNAL);
      expect(kernel.read(task, at(0))).toBe(0);
      expect(kernel.read(task, at(2))).toMatchObject(EACCES_SIGNAL);
      expect(kernel.write(task, at(3), cpu)).toBeNull();
    }
  });

  it("rights that were given are found, though a CPU remembers the old ones", () => {
    const kernel = boot();
    const task = kernel.spawn("test");
    mapPages(kernel, task, 0, 2, PROT_READ);
    for (const cpu of [0, 1]) warm(kernel, task, cpu, 2, RUN_READ);
    kernel.mprotect(task, at(0), 2 * PAGE_SIZE, READ_WRITE);
    task.cpu = 1;
    expect(kernel.write(task, at(0), 7)).toBeNull();
    // CPU 0 still has the page of zeros unless it was told.
    task.cpu = 0;
    expect(kernel.read(task, at(0))).toBe(7);
    expect(frameSeenBy(kernel, 0, 0)).toBe(frameMapped(kernel, task, 0));
    kernel.audit();
  });
});

describe("after fork", () => {
  it("a parent that had written on several CPUs cannot write to shared pages on any", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 4);
    for (const cpu of [0, 1, 2]) warm(kernel, parent, cpu, 4);
    fill(kernel, parent, 0, 4, 1);
    const child = kernel.fork(parent);
    kernel.audit();
    for (const [page, cpu] of [0, 1, 2].entries()) {
      parent.cpu = cpu;
      const before = parent.nrMinorFaults;
      kernel.write(parent, at(page), 99);
      expect(parent.nrMinorFaults - before).toBe(1);
    }
    expect(wrongPages(kernel, child, 0, 4, 1)).toEqual([]);
    kernel.audit();
  });

  it("a copy made on one CPU is what the others see", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 2);
    fill(kernel, parent, 0, 2, 1);
    const child = kernel.fork(parent);
    for (const cpu of [0, 1]) warm(kernel, parent, cpu, 2, RUN_READ);
    parent.cpu = 0;
    kernel.write(parent, at(0), 50);
    parent.cpu = 1;
    expect(kernel.read(parent, at(0))).toBe(50);
    expect(frameSeenBy(kernel, 1, 0)).toBe(frameMapped(kernel, parent, 0));
    expect(kernel.read(child, at(0))).toBe(2);
    kernel.audit();
  });
});

describe("after eviction", () => {
  it("no CPU uses the frame that went: a task that moves about reads what it wrote", () => {
    const kernel = boot({ memory: "1MiB", swap: [{ size: "4MiB" }] });
    const task = spawnWith(kernel, "traveller", 500);
    for (let page = 0; page < 500; page++) {
      task.cpu = page % 4;
      fill(kernel, task, page, 1);
    }
    for (let round = 0; round < 2; round++) {
      for (let page = 0; page < 500; page++) {
        task.cpu = (page * 7 + round) % 4;
        expect(wrongPages(kernel, task, page, 1)).toEqual([]);
        expect(frameSeenBy(kernel, task.cpu, page)).toBe(frameMapped(kernel, task, page));
      }
      kernel.audit();
    }
  });
});

describe("PCIDs", () => {
  it("keep the same address of different tasks apart on one CPU, without a flush", () => {
    const kernel = boot({ cpus: 1 });
    const tasks = ["a", "b", "c"].map((name) => spawnWith(kernel, name, 4));
    tasks.forEach((task, nth) => fill(kernel, task, 0, 4, nth * 50));
    const { tlb } = kernel.sys.cpus[0];
    const [before] = [tlb.stats];
    for (let round = 0; round < 5; round++) {
      tasks.forEach((task, nth) => {
        expect(wrongPages(kernel, task, 0, 4, nth * 50)).toEqual([]);
        for (let page = 0; page < 4; page++) {
          expect(frameSeenBy(kernel, 0, page)).toBe(frameMapped(kernel, task, page));
        }
      });
    }
    // Switching between tasks costs no translation.
    expect([tlb.stats.misses - before.misses, tlb.stats.entriesFlushed - before.entriesFlushed]).toEqual([
      0, 0,
    ]);
    expect(tasks.map((task) => kernel.sys.asids.asidOf(0, task.mm.id))).toEqual([3, 4, 5]);
  });

  it("are given to others in turn, and nothing of the last owner is used", () => {
    const kernel = boot({ cpus: 2 });
    const first = spawnWith(kernel, "first", 4);
    warm(kernel, first, 0, 4);
    const pcid = kernel.sys.asids.asidOf(0, first.mm.id);
    const others = Array.from({ length: 6 }, (_, nth) => spawnWith(kernel, `other ${nth}`, 4));
    others.forEach((task, nth) => fill(kernel, task, 0, 4, nth * 10));
    // Six are there for seven tasks and the kernel.
    expect(others.map((task) => kernel.sys.asids.asidOf(0, task.mm.id))).toContain(pcid);
    expect(kernel.sys.asids.asidOf(0, first.mm.id)).toBe(NO_ASID);
    kernel.audit();
    expect(kernel.read(first, at(0))).toBe(0);
    others.forEach((task, nth) => {
      expect(wrongPages(kernel, task, 0, 4, nth * 10)).toEqual([]);
    });
    kernel.audit();
  });

  it("of a task that exited serve nobody, though its id is given again", () => {
    const kernel = boot({ cpus: 2 });
    const first = spawnWith(kernel, "first", 4);
    for (const cpu of [0, 1]) warm(kernel, first, cpu, 4);
    const { id } = first.mm;
    kernel.exit(first);
    for (const cpu of [0, 1]) expect(cachedPages(kernel, cpu, first)).toEqual([]);
    const second = kernel.spawn("second");
    expect(second.mm.id).toBe(id);
    for (const cpu of [0, 1]) {
      second.cpu = cpu;
      expect(kernel.read(second, at(0))).toMatchObject(NOWHERE);
    }
    kernel.audit();
  });

  it("do not limit how many address spaces there are", () => {
    const kernel = bootKernel({ memory: "256MiB" });
    for (let nth = 0; nth < 4200; nth++) kernel.spawn("many");
    expect(kernel.sys.mms.length).toBe(4201);
  });
});

describe("TLBs of other kinds", () => {
  it("change what is counted, not what happens", () => {
    const run = (config: KernelConfigInput): unknown => {
      const kernel = boot({ memory: "2MiB", ...config });
      const task = spawnWith(kernel, "test", 300);
      fill(kernel, task, 0, 300);
      const child = kernel.fork(task);
      fill(kernel, child, 100, 100, 3);
      kernel.mprotect(task, at(0), 50 * PAGE_SIZE, PROT_READ);
      const signals = [0, 49, 50].map((page) => kernel.write(task, at(page), 1)?.code ?? 0);
      kernel.audit();
      const { pgfault, pgreuse, nr_anon_pages: nrAnon } = kernel.proc.vmstat();
      return { pgfault, pgreuse, nrAnon, signals, wrong: wrongPages(kernel, child, 100, 100, 3) };
    };
    const usual = run({});
    expect(usual).toMatchObject({ signals: [2, 2, 0], wrong: [] });
    expect(run({ seats: { tlb: "none" } })).toEqual(usual);
    expect(run({ tlb: { l1: { entries: 4, ways: 1 }, l2: { entries: 8, ways: 8 } } })).toEqual(usual);
  });

  it("count every access as a hit of one level or a walk", () => {
    const kernel = boot({ cpus: 1 });
    const task = spawnWith(kernel, "test", 200);
    const [accesses, , l1Hits, l2Hits, walks] = kernel.translationCounts(0);
    for (let round = 0; round < 3; round++) warm(kernel, task, 0, 200);
    const after = kernel.translationCounts(0);
    expect(after[0] - accesses).toBe(600);
    expect(after[2] - l1Hits + (after[3] - l2Hits) + (after[4] - walks)).toBe(600);
    // 200 pages do not fit into the first level's 64 entries, but into the second's 1536.
    expect(after[4] - walks).toBe(200);
    expect(after[3] - l2Hits).toBeGreaterThan(200);
  });
});
