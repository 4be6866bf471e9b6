import { MAX_NR_ZONES, NR_FREE_PAGES, ptePfn } from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, countersOf, fill, spawnWith, wrongPages } from "./helpers.ts";

function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({ memory: "32MiB", nodes: 2, cpus: 2, ...config });
}

/** Pages of a task on each node. */
function placement(kernel: Kernel, task: Task, firstPage: number, nrPages: number): number[] {
  return nodesOf(kernel, task, firstPage, nrPages).reduce<number[]>(
    (counts, node) => {
      counts[node]++;
      return counts;
    },
    Array.from({ length: kernel.sys.config.nodes }, () => 0),
  );
}

/** Node of each page of a range. */
function nodesOf(kernel: Kernel, task: Task, firstPage: number, nrPages: number): number[] {
  const { words } = kernel.sys.contents;
  return Array.from({ length: nrPages }, (_, page) => {
    const entry = task.mm.pageTable.findEntry(ARENA_VPN + firstPage + page);
    return kernel.sys.nodeOf(ptePfn(words[entry], words[entry + 1]));
  });
}

function freeOf(kernel: Kernel, node: number): number {
  let nr = 0;
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    nr += kernel.sys.vmstat.zoneStat(node * MAX_NR_ZONES + zone, NR_FREE_PAGES);
  }
  return nr;
}

describe("a machine of two nodes", () => {
  it("puts CPUs on nodes in turn and memory in equal parts", () => {
    const kernel = boot({ cpus: 4 });
    expect(kernel.sys.cpus.map(({ nodeId }) => nodeId)).toEqual([0, 1, 0, 1]);
    const managed = [0, 1].map((node) =>
      kernel.sys.frames.zones
        .filter((zone) => zone.nodeId === node)
        .reduce((sum, zone) => sum + zone.managedPages, 0),
    );
    // Node 0 has the hole below 1 MiB, and nobody counts the kernel image.
    expect(Math.abs(managed[0] - managed[1])).toBeLessThan(200);
    expect(kernel.sys.frames.zones.length).toBe(2 * MAX_NR_ZONES);
  });

  it("gives a task pages of the node that its CPU is on", () => {
    const kernel = boot();
    const home = spawnWith(kernel, "home", 200, 0);
    const away = spawnWith(kernel, "away", 200, 1);
    fill(kernel, home, 0, 200);
    fill(kernel, away, 0, 200);
    expect(placement(kernel, home, 0, 200)).toEqual([200, 0]);
    expect(placement(kernel, away, 0, 200)).toEqual([0, 200]);
    kernel.audit();
  });

  it("follows a task that moves: pages stay, new ones are local", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "mover", 200, 0);
    fill(kernel, task, 0, 50);
    task.cpu = 1;
    fill(kernel, task, 50, 50);
    expect(placement(kernel, task, 0, 100)).toEqual([50, 50]);
    expect(nodesOf(kernel, task, 49, 2)).toEqual([0, 1]);
    kernel.audit();
  });

  it("counts numa_hit and numa_local, and numa_miss, numa_foreign and numa_other when the node is full", () => {
    const kernel = boot({ memory: "8MiB" });
    const names = ["numa_hit", "numa_local", "numa_miss", "numa_foreign", "numa_other"] as const;
    const task = spawnWith(kernel, "test", 1900, 1);
    const local = countersOf(kernel, names, () => fill(kernel, task, 0, 100));
    expect([local.numa_miss, local.numa_foreign, local.numa_other]).toEqual([0, 0, 0]);
    // Pages come to the CPU's list in batches, and each counts when it is handed out.
    expect(local.numa_hit).toBeGreaterThanOrEqual(100);
    expect(local.numa_local).toBe(local.numa_hit);
    const spilled = countersOf(kernel, names, () => fill(kernel, task, 100, 1800));
    const [far, near] = placement(kernel, task, 0, 1900);
    expect(near).toBeGreaterThan(700);
    expect(far).toBeGreaterThan(500);
    // The program's pages, and the last of its tables.
    const { numa_miss: nrMissed } = spilled;
    expect(nrMissed - far).toBeGreaterThanOrEqual(0);
    expect(nrMissed - far).toBeLessThanOrEqual(4);
    expect([spilled.numa_foreign, spilled.numa_other]).toEqual([nrMissed, nrMissed]);
    kernel.audit();
  });

  it("takes memory of the other node before it swaps", () => {
    const kernel = boot({ memory: "8MiB", swap: [{ size: "8MiB" }] });
    const task = spawnWith(kernel, "test", 1800, 0);
    fill(kernel, task, 0, 1700);
    expect(placement(kernel, task, 0, 1700)[1]).toBeGreaterThan(500);
    expect(kernel.proc.vmstat()["pswpout"]).toBeLessThan(400);
    kernel.audit();
  });

  it("has a kswapd for each node, which frees pages of its own", () => {
    const kernel = boot({
      memory: "4MiB",
      swap: [{ size: "16MiB" }],
      watermarkScaleFactor: 1000,
      contents: "sparse",
    });
    const task = spawnWith(kernel, "test", 2000, 1);
    fill(kernel, task, 0, 2000);
    const awake = [0, 1].filter((node) => kernel.sys.reclaimer.isKswapdPending(node));
    expect(awake.length).toBeLessThan(2);
    for (const node of [0, 1]) expect(freeOf(kernel, node)).toBeGreaterThan(20);
    expect(wrongPages(kernel, task, 0, 2000)).toEqual([]);
    kernel.audit();
  });

  it("copies a page to the node of the task that writes", () => {
    const kernel = boot({ contents: "sparse" });
    const parent = spawnWith(kernel, "parent", 10, 0);
    fill(kernel, parent, 0, 10);
    const child = kernel.fork(parent);
    child.cpu = 1;
    fill(kernel, child, 0, 5, 9);
    expect(nodesOf(kernel, child, 0, 10)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    expect(wrongPages(kernel, parent, 0, 10)).toEqual([]);
    kernel.audit();
  });

  it("takes page tables from the node of the task", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "test", 1000, 1);
    fill(kernel, task, 0, 1000);
    const nodes = new Set<number>();
    for (const { tablePfn } of task.mm.pageTable.walkEntries(ARENA_VPN))
      nodes.add(kernel.sys.nodeOf(tablePfn));
    expect([...nodes]).toEqual([1]);
    expect(kernel.sys.nodeOf(task.mm.pageTable.rootPfn)).toBe(1);
  });
});

describe("NUMA policies", () => {
  it("interleave: pages go to the nodes in turn, whatever the CPU", () => {
    const kernel = boot({ seats: { numa: "interleave" } });
    for (const cpu of [0, 1]) {
      const task = spawnWith(kernel, "test", 100, cpu);
      fill(kernel, task, 0, 100);
      expect(placement(kernel, task, 0, 100)).toEqual([50, 50]);
      const nodes = nodesOf(kernel, task, 0, 100);
      for (let page = 1; page < 100; page++) expect(nodes[page]).toBe(1 - nodes[page - 1]);
    }
    kernel.audit();
  });

  it("interleave over three nodes", () => {
    const kernel = boot({ nodes: 3, cpus: 3, memory: "24MiB", seats: { numa: "interleave" } });
    const task = spawnWith(kernel, "test", 90);
    fill(kernel, task, 0, 90);
    expect(placement(kernel, task, 0, 90)).toEqual([30, 30, 30]);
  });

  it("give the same pages whoever allocates in between", () => {
    const run = (isDisturbed: boolean): number[] => {
      const kernel = boot({ seats: { numa: "interleave" } });
      const task = spawnWith(kernel, "test", 40);
      const other = spawnWith(kernel, "other", 40, 1);
      for (let page = 0; page < 40; page++) {
        fill(kernel, task, page, 1);
        if (isDisturbed && page % 3 === 0) fill(kernel, other, page, 1);
      }
      return nodesOf(kernel, task, 0, 40);
    };
    expect(run(true)).toEqual(run(false));
  });

  it("take distances that are no square matrix for a mistake", () => {
    expect(() => boot({ distances: [[10, 20]] })).toThrow(/^EINVAL: /);
    expect(() => boot({ distances: [[10, 20]] })).toThrow(/distances/);
    expect(() =>
      boot({
        nodes: 3,
        distances: [
          [10, 20],
          [20, 10],
        ],
      }),
    ).toThrow(/^EINVAL: /);
  });

  it("fall back to the nearest node", () => {
    const nearest = (distances: number[][]): number[] => {
      const kernel = bootKernel({ memory: "12MiB", nodes: 3, cpus: 3, distances });
      const task = spawnWith(kernel, "test", 1500);
      let page = 0;
      while (page < 1500 && placement(kernel, task, 0, page).filter((nr) => nr > 0).length < 2) {
        fill(kernel, task, page, 50);
        page += 50;
      }
      return placement(kernel, task, 0, page).map((nr) => Math.sign(nr));
    };
    expect(
      nearest([
        [10, 15, 30],
        [15, 10, 20],
        [30, 20, 10],
      ]),
    ).toEqual([1, 1, 0]);
    expect(
      nearest([
        [10, 30, 15],
        [30, 10, 20],
        [15, 20, 10],
      ]),
    ).toEqual([1, 0, 1]);
  });

  it("work on one node too", () => {
    for (const numa of ["local", "interleave"]) {
      const kernel = bootKernel({ memory: "1MiB", seats: { numa } });
      const task = spawnWith(kernel, "test", 20);
      fill(kernel, task, 0, 20);
      expect(placement(kernel, task, 0, 20)).toEqual([20]);
      expect(kernel.read(task, at(0))).toBe(0);
    }
  });
});
