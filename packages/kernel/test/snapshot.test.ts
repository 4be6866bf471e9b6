/** Determinism, snapshot, restore, clone: the whole state is a value. */
import { type ExternalState, PAGE_SIZE, type SwapBackend } from "@pageframe/contracts";
import { bootKernel, cloneGraph, type Kernel, type KernelConfigInput, stateDigest } from "@pageframe/kernel";
import { FaultySwapBackend, MemorySwapBackend } from "@pageframe/swap";
import { describe, expect, it } from "vitest";
import { at, fill, mapPages, READ_WRITE, SHARED_ANON, spawnWith, wrongPages } from "./helpers.ts";

const CONFIG: KernelConfigInput = {
  memory: "1MiB",
  cpus: 2,
  swap: [{ size: "8MiB" }],
  contents: "sparse",
};

/** A day in the life: files, forks, swap, exits. Depends on nothing but the kernel's state. */
function live(kernel: Kernel, nrRounds = 1, seed = 1): void {
  let random = seed;
  const next = (bound: number): number => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * bound);
  };
  for (let round = 0; round < nrRounds; round++) {
    const parent = spawnWith(kernel, `p${round}`, 300, next(2));
    mapPages(kernel, parent, 400, 40, READ_WRITE, SHARED_ANON);
    for (let step = 0; step < 250; step++) kernel.write(parent, at(next(300)), next(256));
    fill(kernel, parent, 400, 20, round);
    const child = kernel.fork(parent);
    child.cpu = next(2);
    for (let step = 0; step < 150; step++) {
      kernel.write(child, at(next(300)), next(256));
      kernel.read(parent, at(next(300)));
    }
    kernel.munmap(parent, at(next(200)), 50 * PAGE_SIZE);
    if (next(2) === 0) kernel.exit(child);
    if (next(3) === 0) kernel.exit(parent);
  }
}

describe("two machines", () => {
  it("that see the same events are in the same state after each of them", () => {
    const one = bootKernel(CONFIG);
    const two = bootKernel(CONFIG);
    for (let round = 0; round < 3; round++) {
      live(one, 1, round);
      live(two, 1, round);
      expect(two.digest()).toBe(one.digest());
    }
    expect(two.proc.vmstatText()).toBe(one.proc.vmstatText());
    expect(two.proc.meminfoText()).toBe(one.proc.meminfoText());
    expect(two.nowNs).toBe(one.nowNs);
    expect(one.proc.vmstat()["pswpin"]).toBeGreaterThan(50);
    one.audit();
  });

  it("that see different events differ", () => {
    const one = bootKernel(CONFIG);
    const two = bootKernel(CONFIG);
    live(one);
    live(two);
    const task = [...two.sys.tasks.values()][0];
    const before = two.digest();
    expect(before).toBe(one.digest());
    mapPages(two, task, 0, 1);
    expect(two.digest()).not.toBe(before);
  });

  it("differ in one byte that a program wrote", () => {
    const [one, two] = [1, 2].map((value) => {
      const kernel = bootKernel(CONFIG);
      kernel.write(spawnWith(kernel, "test", 1), at(0) + 4095, value);
      return kernel.digest();
    });
    expect(one).not.toBe(two);
  });
});

describe("a snapshot", () => {
  it("brings everything back: state, text, what programs read", () => {
    const kernel = bootKernel(CONFIG);
    live(kernel, 2);
    const task = spawnWith(kernel, "kept", 350);
    fill(kernel, task, 0, 350, 5);
    const snapshot = kernel.snapshot();
    const before = {
      digest: kernel.digest(),
      meminfo: kernel.proc.meminfoText(),
      maps: kernel.proc.mapsText(task),
    };

    live(kernel, 2, 99);
    fill(kernel, task, 0, 350, 60);
    kernel.exit(task);
    expect(kernel.digest()).not.toBe(before.digest);

    kernel.restore(snapshot);
    expect({
      digest: kernel.digest(),
      meminfo: kernel.proc.meminfoText(),
      maps: kernel.proc.mapsText(task),
    }).toEqual(before);
    expect(task.hasExited).toBe(false);
    kernel.audit();
    expect(wrongPages(kernel, task, 0, 350, 5)).toEqual([]);
    kernel.audit();
  });

  it("can be run from again and again, to the same end", () => {
    const kernel = bootKernel(CONFIG);
    live(kernel);
    const snapshot = kernel.snapshot();
    live(kernel, 2, 7);
    const end = [kernel.digest(), kernel.proc.vmstatText(), kernel.nowNs];
    for (let round = 0; round < 2; round++) {
      kernel.restore(snapshot);
      live(kernel, 2, 7);
      expect([kernel.digest(), kernel.proc.vmstatText(), kernel.nowNs]).toEqual(end);
    }
    kernel.audit();
  });

  it("is one of several to choose from, earlier and later ones alike", () => {
    const kernel = bootKernel(CONFIG);
    const states: { snapshot: ReturnType<Kernel["snapshot"]>; digest: number }[] = [];
    for (let round = 0; round < 3; round++) {
      live(kernel, 1, round);
      states.push({ snapshot: kernel.snapshot(), digest: kernel.digest() });
    }
    for (const nth of [1, 0, 2, 0]) {
      kernel.restore(states[nth].snapshot);
      expect(kernel.digest()).toBe(states[nth].digest);
      kernel.audit();
    }
  });

  it("takes along what is in swap", () => {
    const kernel = bootKernel(CONFIG);
    const task = spawnWith(kernel, "swapped", 500);
    fill(kernel, task, 0, 500, 1);
    expect(task.mm.nrSwapEntries).toBeGreaterThan(200);
    const snapshot = kernel.snapshot();
    // Other pages go to the same slots.
    kernel.exit(task);
    const other = spawnWith(kernel, "other", 700);
    fill(kernel, other, 0, 700, 100);
    kernel.restore(snapshot);
    expect(wrongPages(kernel, task, 0, 500, 1)).toEqual([]);
    kernel.audit();
  });

  it("takes along when a failing swap device will fail next", () => {
    const backend = new FaultySwapBackend(new MemorySwapBackend(2049), {
      probability: 0.3,
      seed: 5,
      transfers: "reads",
    });
    const kernel = bootKernel(CONFIG, { swapBackends: [backend] });
    const task = spawnWith(kernel, "unlucky", 400);
    fill(kernel, task, 0, 400);
    const snapshot = kernel.snapshot();
    const failing = (): number[] => wrongPages(kernel, task, 0, 400);
    const first = failing();
    expect(first.length).toBeGreaterThan(20);
    kernel.restore(snapshot);
    expect(failing()).toEqual(first);
  });

  it("asks a backend with state elsewhere to keep it", () => {
    /** Pages on what could be a disk: nothing that a walk over the kernel finds. */
    class OutsideBackend implements SwapBackend, ExternalState {
      readonly name = "outside";
      readonly nrPages = 2049;
      readonly disk: { pages: Map<number, Uint8Array> };
      constructor(disk: { pages: Map<number, Uint8Array> }) {
        this.disk = disk;
      }
      readPage(offset: number, into: Uint8Array): number {
        into.set(this.disk.pages.get(offset) ?? new Uint8Array(PAGE_SIZE));
        return 0;
      }
      writePage(offset: number, from: Uint8Array): number {
        this.disk.pages.set(offset, from.slice());
        return 0;
      }
      close(): void {
        this.disk.pages.clear();
      }
      captureExternal(): unknown {
        return new Map(this.disk.pages);
      }
      reinstateExternal(state: unknown): void {
        this.disk.pages = new Map(state as Map<number, Uint8Array>);
      }
    }
    const kernel = bootKernel(CONFIG, { swapBackends: [new OutsideBackend({ pages: new Map() })] });
    const task = spawnWith(kernel, "swapped", 500);
    fill(kernel, task, 0, 500, 1);
    const snapshot = kernel.snapshot();
    fill(kernel, task, 0, 500, 2);
    kernel.restore(snapshot);
    expect(wrongPages(kernel, task, 0, 500, 1)).toEqual([]);
    kernel.audit();
  });

  it("brings tasks back that have exited since, and forgets those that came", () => {
    const kernel = bootKernel(CONFIG);
    const early = spawnWith(kernel, "early", 4);
    fill(kernel, early, 0, 4);
    const snapshot = kernel.snapshot();
    kernel.exit(early);
    const late = spawnWith(kernel, "late", 4);
    expect(late.pid).toBe(early.pid + 1);
    kernel.restore(snapshot);
    expect([...kernel.sys.tasks.keys()]).toEqual([1, early.pid]);
    expect(kernel.sys.tasks.get(early.pid) === early).toBe(true);
    expect(wrongPages(kernel, early, 0, 4)).toEqual([]);
    // The same pid is given again.
    expect(kernel.spawn("again").pid).toBe(late.pid);
    kernel.audit();
  });
});

describe("a clone", () => {
  it("is in the same state and goes its own way", () => {
    const kernel = bootKernel(CONFIG);
    live(kernel, 2);
    const task = spawnWith(kernel, "kept", 350);
    fill(kernel, task, 0, 350, 5);
    const copy = kernel.clone();
    expect(copy.digest()).toBe(kernel.digest());
    copy.audit();

    const twin = copy.sys.tasks.get(task.pid)!;
    expect(twin === task).toBe(false);
    fill(copy, twin, 0, 350, 80);
    expect(wrongPages(kernel, task, 0, 350, 5)).toEqual([]);
    expect(wrongPages(copy, twin, 0, 350, 80)).toEqual([]);
    kernel.audit();
    copy.audit();
    kernel.exit(task);
    expect(twin.hasExited).toBe(false);
    expect(copy.digest()).not.toBe(kernel.digest());
  });

  it("comes to the same end as its original when both see the same", () => {
    const kernel = bootKernel(CONFIG);
    live(kernel);
    const copy = kernel.clone();
    live(kernel, 2, 31);
    live(copy, 2, 31);
    expect(copy.digest()).toBe(kernel.digest());
    expect(copy.proc.vmstatText()).toBe(kernel.proc.vmstatText());
  });

  it("shares no buffer and no object with its original", () => {
    const kernel = bootKernel({ memory: "256KiB", contents: "dense" });
    const copy = kernel.clone();
    expect(copy.sys.memmap.flags.buffer === kernel.sys.memmap.flags.buffer).toBe(false);
    expect(copy.sys.contents.words.buffer === kernel.sys.contents.words.buffer).toBe(false);
    // Two views of one buffer are two views of one buffer again.
    expect(copy.sys.contents.words.buffer === copy.sys.contents.bytes.buffer).toBe(true);
    expect(copy.sys.tasks === kernel.sys.tasks).toBe(false);
  });
});

describe("cloneGraph and stateDigest", () => {
  it("keep the shape of a graph: cycles, shared parts, views, maps, sets, classes", () => {
    class Node {
      readonly name: string;
      next: Node | null = null;
      constructor(name: string) {
        this.name = name;
      }
    }
    const a = new Node("a");
    a.next = new Node("b");
    a.next.next = a;
    const buffer = new ArrayBuffer(16);
    const graph = {
      a,
      words: new Int32Array(buffer),
      half: new Uint8Array(buffer, 8, 8),
      map: new Map<unknown, unknown>([[a, 1]]),
      set: new Set([a.next]),
      list: [a, a.next, undefined, null, 1.5, "x", true],
      frozen: Object.freeze({ deep: [1] }),
    };
    const copy = cloneGraph(graph);
    expect(stateDigest(copy)).toBe(stateDigest(graph));
    expect(copy.a).toBeInstanceOf(Node);
    expect(copy.a.next?.next).toBe(copy.a);
    expect([...copy.map.keys()]).toEqual([copy.a]);
    expect([...copy.set][0]).toBe(copy.a.next);
    expect(Object.isFrozen(copy.frozen)).toBe(true);
    copy.words[2] = 0x01020304;
    expect([...copy.half.slice(0, 4)]).toEqual([4, 3, 2, 1]);
    expect(graph.words[2]).toBe(0);
    expect(stateDigest(copy)).not.toBe(stateDigest(graph));
  });

  it("tell apart what is equal and what is the same", () => {
    const shared = [1];
    expect(stateDigest([shared, shared])).not.toBe(stateDigest([[1], [1]]));
    expect(stateDigest({ a: 1, b: 2 })).not.toBe(stateDigest({ a: 2, b: 1 }));
    expect(stateDigest([0])).not.toBe(stateDigest([-0]));
    expect(stateDigest([1, 2])).not.toBe(stateDigest([2, 1]));
    expect(stateDigest(new Map([[1, 2]]))).not.toBe(stateDigest(new Map([[2, 1]])));
    expect(stateDigest([null])).not.toBe(stateDigest([undefined]));
    expect(stateDigest(["ab"])).not.toBe(stateDigest(["ba"]));
  });
});
