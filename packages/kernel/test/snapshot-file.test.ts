/** A machine as bytes and back. */
import {
  bootKernel,
  decodeSnapshot,
  encodeSnapshot,
  isSnapshotFile,
  type Kernel,
  type KernelConfigInput,
  type Task,
} from "@pageframe/kernel";
import { MemorySwapBackend } from "@pageframe/swap";
import { describe, expect, it } from "vitest";
import { at, fill, mapPages, READ_WRITE, SHARED_ANON, spawnWith, stampOf, wrongPages } from "./helpers.ts";

/** A machine with programs, swapped pages, shared memory, a file, pins and kernel memory. */
function busy(config: KernelConfigInput = {}): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "2MiB", swap: [{ size: "8MiB" }], contents: "sparse", ...config });
  const task = spawnWith(kernel, "busy", 700);
  expect(fill(kernel, task, 0, 700)).toBe(true);
  mapPages(kernel, task, 1000, 4, READ_WRITE, SHARED_ANON);
  fill(kernel, task, 1000, 4);
  kernel.pinUserPages(task, at(0), 2);
  kernel.vmalloc(10000);
  kernel.mapVdso(task);
  kernel.fork(task);
  return { kernel, task };
}

function taskOf(kernel: Kernel, pid: number): Task {
  const task = kernel.sys.tasks.get(pid);
  if (task === undefined) throw new Error(`no task ${pid}`);
  return task;
}

describe("a snapshot file", () => {
  it.each([
    ["Linux's occupants", {}],
    [
      "others",
      {
        seats: {
          reclaim: "clock",
          frameAllocator: "bitmap-first-fit",
          tlb: "none",
          objectAllocator: "slob",
          swapSlots: "first-fit",
        },
      },
    ],
    [
      "five levels, two nodes and four CPUs",
      { seats: { pageTable: "radix5" }, nodes: 2, cpus: 4, memory: "16MiB" },
    ],
    ["no bytes", { contents: "none" }],
  ] satisfies [string, KernelConfigInput][])("gives the same machine back: %s", (_, config) => {
    const { kernel, task } = busy(config);
    const bytes = encodeSnapshot(kernel, { command: "büsy 🐘", accesses: 704 });
    expect(isSnapshotFile(bytes)).toBe(true);
    const { kernel: copy, note } = decodeSnapshot(bytes);
    expect(note).toEqual({ command: "büsy 🐘", accesses: 704 });
    expect(copy.digest()).toBe(kernel.digest());
    expect(copy.proc.meminfoText()).toBe(kernel.proc.meminfoText());
    expect(copy.proc.mapsText(taskOf(copy, task.pid))).toBe(kernel.proc.mapsText(task));
    // Both go on alike, and neither touches the other.
    const digest = copy.digest();
    const goOn = (machine: Kernel): void => {
      const mine = taskOf(machine, task.pid);
      fill(machine, mine, 0, 700, 9);
      machine.exit(machine.fork(mine));
    };
    goOn(kernel);
    expect(copy.digest()).toBe(digest);
    goOn(copy);
    expect(copy.digest()).toBe(kernel.digest());
    copy.audit();
  });

  it("holds the bytes of memory and of swap, wherever the swap area came from", () => {
    const swapBackends = [new MemorySwapBackend(2049)];
    const kernel = bootKernel(
      { memory: "2MiB", swap: [{ size: "8MiB" }], contents: "sparse" },
      { swapBackends },
    );
    const task = spawnWith(kernel, "test", 1200);
    expect(fill(kernel, task, 0, 1200)).toBe(true);
    expect(kernel.proc.vmstat()["pswpout"]).toBeGreaterThan(0);
    const { kernel: copy } = decodeSnapshot(encodeSnapshot(kernel));
    expect(wrongPages(copy, taskOf(copy, task.pid), 0, 1200)).toEqual([]);
    expect(copy.read(taskOf(copy, task.pid), at(5))).toBe(stampOf(5));
  });

  it("is the same for the same machine", () => {
    expect(Buffer.compare(encodeSnapshot(busy().kernel), encodeSnapshot(busy().kernel))).toBe(0);
  });

  it("is refused when it is none, cut short, damaged, or of another version", () => {
    const bytes = encodeSnapshot(bootKernel({ memory: "1MiB" }));
    const why = (damaged: Uint8Array) => (): unknown => decodeSnapshot(damaged);
    const sentence = "EINVAL: this is no snapshot that can be read: ";
    expect(why(new Uint8Array(100))).toThrow(`${sentence}it does not begin as one`);
    expect(why(bytes.slice(0, 9))).toThrow(`${sentence}it is cut short`);
    expect(why(bytes.slice(0, 5000))).toThrow(`${sentence}it is cut short`);
    expect(why(bytes.slice(0, bytes.length - 8))).toThrow(/it has \d+ bytes, and its header says \d+$/);
    const edited = (from: string, to: string): Uint8Array => {
      const copy = bytes.slice();
      const at = Buffer.from(copy.buffer).indexOf(from);
      copy.set(new TextEncoder().encode(to), at);
      return copy;
    };
    expect(why(edited('{"version":1', '{"version":7'))).toThrow(`${sentence}it has version 7, and 1 is read`);
    expect(why(edited('{"version":1', '{"version";1'))).toThrow(`${sentence}its header is damaged`);
    expect(why(edited('"name":"Memmap"', '"name":"Mapmem"'))).toThrow(
      `${sentence}it has a Mapmem, which is not known here`,
    );
    expect(why(edited('"nrOomKills"', '"nrMooKills"'))).toThrow(
      /its System has other fields: another version of pageframe/,
    );
  });

  it("cannot hold state that is outside", () => {
    const kernel = bootKernel({ memory: "1MiB" }, { trace: { emit: () => undefined } });
    expect(() => encodeSnapshot(kernel)).toThrow(
      /EINVAL: a machine with state outside \(OutsideSink\) cannot be saved/,
    );
  });
});
