/** fork(2) and the writes after it. "Recorded": Linux 6.18.15, script 03-fork-cow. */
import {
  MAP_PRIVATE,
  PAGE_SIZE,
  PG_ANON_EXCLUSIVE,
  PROT_READ,
  PTE_A,
  PTE_RW,
  ptePfn,
  SIGSEGV,
  MADV_DONTNEED,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  ARENA_VPN,
  at,
  countersOf,
  faultsOf,
  fill,
  mapPages,
  mapsOf,
  READ_WRITE,
  settledFreePages,
  SHARED_ANON,
  spawnWith,
  stampOf,
  wrongPages,
} from "./helpers.ts";

function boot(memory = "4MiB"): Kernel {
  return bootKernel({ memory, contents: "sparse" });
}

/** Frame that a page of the arena is in, and whether its entry may be written. */
function entryOf(kernel: Kernel, task: Task, page: number): { pfn: number; isWritable: boolean } {
  const entry = task.mm.pageTable.findEntry(ARENA_VPN + page);
  const { words } = kernel.sys.contents;
  return { pfn: ptePfn(words[entry], words[entry + 1]), isWritable: (words[entry] & PTE_RW) !== 0 };
}

describe("fork and copy-on-write", () => {
  it("answers a recorded program of three processes step by step", () => {
    const kernel = boot();
    const tasks: Record<string, Task> = { P0: kernel.spawn("P0") };
    const { P0 } = tasks;
    mapPages(kernel, P0, 0, 8);
    for (let page = 0; page < 8; page++) kernel.write(P0, at(page), 10 + page);
    mapPages(kernel, P0, 16, 4, READ_WRITE, SHARED_ANON);
    kernel.write(P0, at(16), 50);
    kernel.write(P0, at(17), 51);
    expect([P0.nrMinorFaults, P0.mm.rssAnon, P0.mm.rssShmem]).toEqual([10, 8, 2]);

    const run = (steps: readonly (readonly [string, string, number, number, number])[]): void => {
      for (const [name, op, page, value, nrFaults] of steps) {
        const task = tasks[name];
        const what = `${name} ${op} ${page}`;
        const faults = faultsOf(task, () => {
          if (op === "read") expect(kernel.read(task, at(page)), what).toBe(value);
          else expect(kernel.write(task, at(page), value), what).toBeNull();
        });
        expect(faults, what).toEqual([nrFaults, 0]);
        kernel.audit();
      }
    };
    tasks["P1"] = kernel.fork(P0);
    run([
      ["P1", "read", 0, 10, 0],
      ["P1", "read", 7, 17, 0],
      ["P1", "write", 0, 77, 1],
      ["P1", "read", 0, 77, 0],
      ["P1", "write", 16, 99, 1],
      ["P1", "read", 17, 51, 1],
      ["P1", "write", 18, 3, 1],
      ["P0", "read", 0, 10, 0],
      ["P0", "read", 16, 99, 0],
      ["P0", "read", 18, 3, 1],
      ["P0", "write", 0, 11, 1],
      ["P0", "write", 1, 12, 1],
      ["P1", "read", 1, 11, 0],
      ["P1", "write", 1, 13, 1],
      ["P1", "write", 2, 14, 1],
    ]);
    // Recorded status of P1: RssAnon 32 kB, RssShmem 12 kB, VmHWM 44 kB.
    expect([tasks["P1"].mm.rssAnon, tasks["P1"].mm.rssShmem, tasks["P1"].mm.peakRss]).toEqual([8, 3, 11]);
    tasks["P2"] = kernel.fork(tasks["P1"]);
    run([
      ["P2", "write", 3, 1, 1],
      ["P1", "write", 3, 2, 1],
    ]);
    kernel.exit(tasks["P1"]);
    run([
      ["P0", "write", 3, 9, 1],
      ["P0", "write", 4, 9, 1],
      ["P2", "write", 4, 8, 1],
    ]);
    kernel.exit(tasks["P2"]);
    run([
      ["P0", "write", 5, 1, 1],
      ["P0", "write", 6, 1, 1],
      ["P0", "read", 7, 17, 0],
    ]);
    expect([P0.mm.rssAnon, P0.mm.rssShmem, P0.mm.peakRss]).toEqual([8, 3, 11]);
    // Recorded mapcounts at the end: all 1.
    for (let page = 0; page < 8; page++) {
      expect(kernel.sys.memmap.mapcount[entryOf(kernel, P0, page).pfn]).toBe(1);
    }
  });

  it("copies no page and gives the child the same maps and resident pages", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 20);
    fill(kernel, parent, 0, 20);
    kernel.mprotect(parent, at(4), 2 * PAGE_SIZE, PROT_READ);
    const counters = countersOf(kernel, ["nr_anon_pages", "pgfault"], () => {
      const child = kernel.fork(parent);
      expect(mapsOf(kernel, child)).toEqual(mapsOf(kernel, parent));
      expect([child.mm.rssAnon, child.parentPid, child.name, child.pid]).toEqual([
        20,
        parent.pid,
        "parent",
        3,
      ]);
      expect(child.mm.id).not.toBe(parent.mm.id);
    });
    expect(counters).toEqual({ nr_anon_pages: 0, pgfault: 0 });
    kernel.audit();
  });

  it("keeps what parent and child write afterwards apart, in both directions", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 30);
    fill(kernel, parent, 0, 30, 0);
    const child = kernel.fork(parent);
    fill(kernel, parent, 0, 10, 100);
    fill(kernel, child, 5, 10, 200);
    expect(wrongPages(kernel, parent, 0, 10, 100)).toEqual([]);
    expect(wrongPages(kernel, parent, 10, 20, 0)).toEqual([]);
    expect(wrongPages(kernel, child, 0, 5, 0)).toEqual([]);
    expect(wrongPages(kernel, child, 5, 10, 200)).toEqual([]);
    expect(wrongPages(kernel, child, 15, 15, 0)).toEqual([]);
    kernel.audit();
  });

  it("copies the whole page, not only the byte that is written", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 1);
    for (let offset = 0; offset < PAGE_SIZE; offset += 5)
      kernel.write(parent, at(0) + offset, 1 + (offset % 250));
    const child = kernel.fork(parent);
    kernel.write(child, at(0), 0);
    for (let offset = 5; offset < PAGE_SIZE; offset += 5) {
      expect(kernel.read(child, at(0) + offset)).toBe(1 + (offset % 250));
    }
    expect(kernel.read(parent, at(0))).toBe(1);
  });

  it("does not share what was never touched: each side faults for itself", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 4);
    kernel.read(parent, at(0));
    const child = kernel.fork(parent);
    expect(faultsOf(child, () => kernel.read(child, at(1)))).toEqual([1, 0]);
    expect(faultsOf(child, () => kernel.write(child, at(2), 1))).toEqual([1, 0]);
    expect(kernel.read(parent, at(2))).toBe(0);
    kernel.audit();
  });

  it("takes the page over without a copy when the other side is gone", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 3);
    fill(kernel, parent, 0, 3);
    const before = [0, 1, 2].map((page) => entryOf(kernel, parent, page).pfn);
    const child = kernel.fork(parent);
    expect(entryOf(kernel, parent, 0)).toEqual({ pfn: before[0], isWritable: false });
    kernel.exit(child);
    const counters = countersOf(kernel, ["pgreuse", "pgfault", "nr_anon_pages"], () =>
      fill(kernel, parent, 0, 3, 9),
    );
    expect(counters).toEqual({ pgreuse: 3, pgfault: 3, nr_anon_pages: 0 });
    expect([0, 1, 2].map((page) => entryOf(kernel, parent, page))).toEqual(
      before.map((pfn) => ({ pfn, isWritable: true })),
    );
    for (const pfn of before) expect(kernel.sys.memmap.hasFlags(pfn, PG_ANON_EXCLUSIVE)).toBe(true);
    kernel.audit();
  });

  it("copies once and reuses once when both sides write", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1);
    const { pfn } = entryOf(kernel, parent, 0);
    const child = kernel.fork(parent);
    expect(countersOf(kernel, ["pgreuse", "nr_anon_pages"], () => fill(kernel, child, 0, 1, 1))).toEqual({
      pgreuse: 0,
      nr_anon_pages: 1,
    });
    expect(entryOf(kernel, child, 0).pfn).not.toBe(pfn);
    expect(countersOf(kernel, ["pgreuse", "nr_anon_pages"], () => fill(kernel, parent, 0, 1, 2))).toEqual({
      pgreuse: 1,
      nr_anon_pages: 0,
    });
    expect(entryOf(kernel, parent, 0)).toEqual({ pfn, isWritable: true });
    expect([kernel.read(parent, at(0)), kernel.read(child, at(0))]).toEqual([stampOf(0, 2), stampOf(0, 1)]);
  });

  it("copies among many children only as often as needed", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1);
    const { pfn } = entryOf(kernel, parent, 0);
    const children = [0, 1, 2, 3].map(() => kernel.fork(parent));
    expect(kernel.sys.memmap.mapcount[pfn]).toBe(5);
    const counters = countersOf(kernel, ["pgreuse", "nr_anon_pages"], () => {
      for (const [nth, task] of [...children, parent].entries()) fill(kernel, task, 0, 1, nth);
    });
    // The last of five finds itself alone.
    expect(counters).toEqual({ pgreuse: 1, nr_anon_pages: 4 });
    expect([...children, parent].map((task) => kernel.read(task, at(0)))).toEqual([1, 2, 3, 4, 5]);
    kernel.audit();
  });

  it("lets a grandchild outlive its parents", () => {
    const kernel = boot();
    const first = spawnWith(kernel, "first", 16);
    fill(kernel, first, 0, 16);
    const second = kernel.fork(first);
    fill(kernel, second, 0, 4, 50);
    const third = kernel.fork(second);
    kernel.exit(first);
    kernel.exit(second);
    kernel.audit();
    expect(wrongPages(kernel, third, 0, 4, 50)).toEqual([]);
    expect(wrongPages(kernel, third, 4, 12, 0)).toEqual([]);
    const free = settledFreePages(kernel);
    kernel.exit(third);
    expect(settledFreePages(kernel)).toBeGreaterThanOrEqual(free + 16);
    kernel.audit();
  });

  it("inherits oom_score_adj and the CPU", () => {
    const kernel = bootKernel({ memory: "2MiB", cpus: 2 });
    const parent = kernel.spawn("parent", 1);
    parent.oomScoreAdj = 300;
    const child = kernel.fork(parent);
    expect([child.oomScoreAdj, child.cpu]).toEqual([300, 1]);
  });

  it("copies pages of private files that were written, and shares those that were not", () => {
    const kernel = boot();
    const fileId = kernel.openFile("/data");
    const parent = kernel.spawn("parent");
    mapPages(kernel, parent, 0, 4, READ_WRITE, MAP_PRIVATE | 0x10, fileId);
    const original = [0, 1, 2, 3].map((page) => kernel.read(parent, at(page)));
    kernel.write(parent, at(1), 7);
    const child = kernel.fork(parent);
    kernel.write(child, at(1), 8);
    kernel.write(child, at(2), 9);
    expect([0, 1, 2, 3].map((page) => kernel.read(parent, at(page)))).toEqual([
      original[0],
      7,
      ...original.slice(2),
    ]);
    expect([0, 1, 2, 3].map((page) => kernel.read(child, at(page)))).toEqual([
      original[0],
      8,
      9,
      original[3],
    ]);
    kernel.audit();
  });

  it("fails with nothing left behind when there is no memory for a child", () => {
    const kernel = boot("1MiB");
    const init = kernel.sys.tasks.get(1)!;
    const parent = spawnWith(kernel, "parent", 100);
    parent.oomScoreAdj = -1000;
    fill(kernel, parent, 0, 100);
    // Immortal children take the rest of the memory: nobody can be killed for the next one.
    const children: Task[] = [];
    let error: unknown = null;
    while (error === null && children.length < 200) {
      try {
        children.push(kernel.fork(parent));
      } catch (thrown) {
        error = thrown;
      }
    }
    expect(String(error)).toMatch(/^KernelError: ENOMEM: /);
    expect(children.length).toBeGreaterThan(3);
    kernel.audit();
    expect(kernel.sys.tasks.size).toBe(children.length + 2);
    expect(kernel.sys.nrOomKills).toBe(0);
    expect([init.hasExited, parent.hasExited]).toEqual([false, false]);
    expect(wrongPages(kernel, parent, 0, 100)).toEqual([]);
    for (const child of children) kernel.exit(child);
    kernel.audit();
    expect(kernel.fork(parent).mm.rssAnon).toBe(100);
  });

  it("never hands out a child that has lost memory because its parent was killed while it forked", () => {
    for (let nrPages = 484; nrPages < 520; nrPages += 6) {
      const kernel = boot("2MiB");
      const parent = spawnWith(kernel, "parent", nrPages);
      fill(kernel, parent, 0, nrPages);
      for (let nth = 0; nth < 4 && !parent.hasExited; nth++) {
        let child: Task;
        try {
          child = kernel.fork(parent);
        } catch {
          break;
        }
        if (!child.hasExited) expect(wrongPages(kernel, child, 0, nrPages), `${nrPages} pages`).toEqual([]);
      }
      kernel.audit();
    }
  });
});

describe("a task that has exited", () => {
  it("takes no more system calls, accesses or forks", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "gone", 4);
    fill(kernel, task, 0, 4);
    kernel.exit(task);
    const before = kernel.digest();
    const calls: (() => unknown)[] = [
      () => mapPages(kernel, task, 0, 1),
      () => kernel.munmap(task, at(0), PAGE_SIZE),
      () => kernel.mprotect(task, at(0), PAGE_SIZE, PROT_READ),
      () => kernel.brk(task, 4096),
      () => kernel.madvise(task, at(0), PAGE_SIZE, MADV_DONTNEED),
      () => kernel.read(task, at(0)),
      () => kernel.write(task, at(0), 1),
      () => kernel.exec(task, at(0)),
      () => kernel.access(task, ARENA_VPN, 0),
      () => kernel.accessRuns(task, Int32Array.of(0, 1), 1),
      () => kernel.fork(task),
    ];
    for (const call of calls) expect(call).toThrow(`ESRCH: task ${task.pid} has exited`);
    expect(kernel.digest()).toBe(before);
    expect(kernel.proc.mapsText(task)).toBe("");
    kernel.exit(task);
    kernel.audit();
  });

  it("raises no signal of its own", () => {
    const kernel = boot();
    const task = kernel.spawn("gone");
    expect(kernel.read(task, at(0))).toMatchObject({ signal: SIGSEGV });
    kernel.exit(task);
    expect(task.killedBy).toBeNull();
  });
});

describe("fork and page tables", () => {
  it("gives the child a table wherever the parent has one in a mapping that is copied, even if it is empty there", () => {
    const kernel = bootKernel({ memory: "4MiB", contents: "sparse" });
    const parent = spawnWith(kernel, "parent", 4);
    kernel.write(parent, at(0), 1);
    // MADV_DONTNEED leaves the table; the mapping has an anon_vma, so fork copies what there is: nothing but the table.
    kernel.madvise(parent, at(0), PAGE_SIZE, MADV_DONTNEED);
    const child = kernel.fork(parent);
    expect(child.mm.nrTablePages).toBe(parent.mm.nrTablePages);
    const before = child.mm.nrTablePages;
    kernel.write(child, at(1), 1);
    expect(child.mm.nrTablePages).toBe(before);
    kernel.audit();
  });

  it("lets mprotect keep what it knows of the use of pages", () => {
    const kernel = bootKernel({ memory: "4MiB", contents: "sparse" });
    const parent = spawnWith(kernel, "parent", 4);
    kernel.write(parent, at(0), 1);
    const child = kernel.fork(parent);
    kernel.mprotect(child, at(0), PAGE_SIZE, PROT_READ);
    const { pageTable } = child.mm;
    expect(pageTable.entryLo(pageTable.findEntry(at(0) / PAGE_SIZE)) & PTE_A).toBe(0);
    kernel.audit();
  });
});
