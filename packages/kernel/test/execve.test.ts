import { ENOEXEC, EINVAL, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from "@pageframe/contracts";
import {
  ADDR_NO_RANDOMIZE,
  bootKernel,
  type ElfImage,
  type ExecLayout,
  type Kernel,
  type Task,
} from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, mapPages, settledFreePages, spawnWith, wrongPages } from "./helpers.ts";

const RX = PROT_READ | PROT_EXEC;
const RW = PROT_READ | PROT_WRITE;

type Load = [vaddr: number, offset: number, file: number, mem: number, prot: number];

function image(fileId: number, isPie: boolean, loads: Load[]): ElfImage {
  const segments = loads.map(([vaddr, offsetBytes, fileBytes, memBytes, prot]) => ({
    vaddr,
    offsetBytes,
    fileBytes,
    memBytes,
    prot,
  }));
  return { fileId, isPie, segments };
}

/** Program headers as readelf showed them: a static program, a static PIE, cat and its loader (glibc 2.36). */
function layouts(kernel: Kernel): Record<"fixed" | "loader" | "pie", ExecLayout> {
  const [st, stpie, cat, ld] = ["/tmp/st", "/tmp/stpie", "/usr/bin/cat", "/usr/lib/ld.so"].map((name) =>
    kernel.openFile(name),
  );
  const fixed = image(st, false, [
    [0x400000, 0, 0x518, 0x518, PROT_READ],
    [0x401000, 0x1000, 0x77d01, 0x77d01, RX],
    [0x479000, 0x79000, 0x26feb, 0x26feb, PROT_READ],
    [0x4a06d8, 0xa06d8, 0x5b98, 0xb3c8, RW],
  ]);
  const loader = image(stpie, true, [
    [0, 0, 0x8020, 0x8020, PROT_READ],
    [0x9000, 0x9000, 0x78d41, 0x78d41, RX],
    [0x82000, 0x82000, 0x29283, 0x29283, PROT_READ],
    [0xac518, 0xab518, 0x5d58, 0xb528, RW],
  ]);
  const program = image(cat, true, [
    [0, 0, 0x1720, 0x1720, PROT_READ],
    [0x2000, 0x2000, 0x4da9, 0x4da9, RX],
    [0x7000, 0x7000, 0x20e8, 0x20e8, PROT_READ],
    [0xac30, 0x9c30, 0x650, 0x7e8, RW],
  ]);
  const interpreter = image(ld, true, [
    [0, 0, 0xd58, 0xd58, PROT_READ],
    [0x1000, 0x1000, 0x25111, 0x25111, RX],
    [0x27000, 0x27000, 0x9c7c, 0x9c7c, PROT_READ],
    [0x31900, 0x31900, 0x2810, 0x29d8, RW],
  ]);
  return {
    fixed: { path: "/tmp/st", program: fixed },
    loader: { path: "/tmp/stpie", program: loader },
    pie: { path: "/usr/bin/cat", program, interpreter },
  };
}

function boot(seed = 1): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "32MiB", contents: "sparse", seed });
  return { kernel, task: kernel.spawn("task") };
}

/** Address range, rights, offset and name of each line of maps. */
function mapsOf(kernel: Kernel, task: Task): string[] {
  return kernel.proc
    .mapsText(task)
    .trim()
    .split("\n")
    .map((line) => {
      const [range, perms, offset, , , name] = line.split(/ +/);
      return [range, perms, Number.parseInt(offset, 16).toString(16), ...(name ? [name] : [])].join(" ");
    });
}

/** Start of the first mapping with a name. */
function startOf(kernel: Kernel, task: Task, name: string): number {
  const line = mapsOf(kernel, task).find((text) => text.endsWith(` ${name}`));
  return Number.parseInt(line ?? "", 16);
}

describe("execve without randomisation", () => {
  // All recorded on Linux 6.18.44 at the program's first instruction.
  it("lays out a static program at its own addresses", () => {
    const { kernel, task } = boot();
    kernel.personality(task, ADDR_NO_RANDOMIZE);
    expect(kernel.execve(task, layouts(kernel).fixed)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([
      "00400000-00401000 r--p 0 /tmp/st",
      "00401000-00479000 r-xp 1000 /tmp/st",
      "00479000-004a0000 r--p 79000 /tmp/st",
      "004a0000-004a7000 rw-p a0000 /tmp/st",
      "004a7000-004ac000 rw-p 0",
      "7ffff7ff7000-7ffff7ffb000 r--p 0 [vvar]",
      "7ffff7ffb000-7ffff7ffd000 r--p 0 [vvar_vclock]",
      "7ffff7ffd000-7ffff7fff000 r-xp 0 [vdso]",
      "7ffffffde000-7ffffffff000 rw-p 0 [stack]",
      "ffffffffff600000-ffffffffff601000 --xp 0 [vsyscall]",
    ]);
    const { space, image: marks } = task.mm;
    expect([marks.startCode, marks.endCode, marks.startData, marks.endData, space.startBrk]).toEqual([
      0x401000, 0x478d01, 0x4a06d8, 0x4a6270, 0x4ac000,
    ]);
    // 852 kB, of it 48 kB of data and 132 kB of stack.
    expect([space.totalVm * 4, space.dataVm * 4, space.stackVm * 4]).toEqual([852, 48, 132]);
    expect(kernel.brk(task, 0x4ac000 + PAGE_SIZE)).toBe(0x4ad000);
    expect(mapsOf(kernel, task)[5]).toBe("004ac000-004ad000 rw-p 0 [heap]");
    kernel.audit();
  });

  it("puts arguments and environment at the top of the stack", () => {
    const { kernel, task } = boot();
    kernel.personality(task, ADDR_NO_RANDOMIZE);
    // Recorded: 37 variables of 1296 bytes and one argument of 13.
    const env = Array.from({ length: 37 }, (_, nth) => "x".repeat(nth === 0 ? 35 : 34));
    const path = "/tmp/exec/st";
    expect(kernel.execve(task, { ...layouts(kernel).fixed, path, env })).toBe(0);
    const { argStart, argEnd, envStart, envEnd } = task.mm.image;
    expect([argStart, argEnd, envStart, envEnd, task.mm.space.startStack]).toEqual([
      0x7fffffffeace, 0x7fffffffeadb, 0x7fffffffeadb, 0x7fffffffefeb, 0x7fffffffe7f0,
    ]);
    const bytes = new Uint8Array(13);
    expect(kernel.copyFromUser(task, bytes, 0x7fffffffefeb)).toBe(0);
    expect(String.fromCharCode(...bytes)).toBe("/tmp/exec/st\0");
    expect(task.name).toBe("st");
  });

  it("puts a loader into the mmap area and its heap where programs go", () => {
    const { kernel, task } = boot();
    kernel.personality(task, ADDR_NO_RANDOMIZE);
    expect(kernel.execve(task, layouts(kernel).loader)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([
      "7ffff7f3f000-7ffff7f43000 r--p 0 [vvar]",
      "7ffff7f43000-7ffff7f45000 r--p 0 [vvar_vclock]",
      "7ffff7f45000-7ffff7f47000 r-xp 0 [vdso]",
      "7ffff7f47000-7ffff7f50000 r--p 0 /tmp/stpie",
      "7ffff7f50000-7ffff7fc9000 r-xp 9000 /tmp/stpie",
      "7ffff7fc9000-7ffff7ff3000 r--p 82000 /tmp/stpie",
      "7ffff7ff3000-7ffff7ffa000 rw-p ab000 /tmp/stpie",
      "7ffff7ffa000-7ffff7fff000 rw-p 0",
      "7ffffffde000-7ffffffff000 rw-p 0 [stack]",
      "ffffffffff600000-ffffffffff601000 --xp 0 [vsyscall]",
    ]);
    expect([task.mm.space.startBrk, task.mm.image.startCode]).toEqual([0x555555555000, 0x7ffff7f50000]);
  });

  it("puts a program with a loader two thirds up, the loader into the mmap area", () => {
    const { kernel, task } = boot();
    kernel.setSysctl("kernel/randomize_va_space", "0");
    expect(kernel.execve(task, layouts(kernel).pie)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([
      "555555554000-555555556000 r--p 0 /usr/bin/cat",
      "555555556000-55555555b000 r-xp 2000 /usr/bin/cat",
      "55555555b000-55555555e000 r--p 7000 /usr/bin/cat",
      "55555555e000-555555560000 rw-p 9000 /usr/bin/cat",
      "7ffff7fc2000-7ffff7fc6000 r--p 0 [vvar]",
      "7ffff7fc6000-7ffff7fc8000 r--p 0 [vvar_vclock]",
      "7ffff7fc8000-7ffff7fca000 r-xp 0 [vdso]",
      "7ffff7fca000-7ffff7fcb000 r--p 0 /usr/lib/ld.so",
      "7ffff7fcb000-7ffff7ff1000 r-xp 1000 /usr/lib/ld.so",
      "7ffff7ff1000-7ffff7ffb000 r--p 27000 /usr/lib/ld.so",
      "7ffff7ffb000-7ffff7fff000 rw-p 31000 /usr/lib/ld.so",
      "7ffffffde000-7ffffffff000 rw-p 0 [stack]",
      "ffffffffff600000-ffffffffff601000 --xp 0 [vsyscall]",
    ]);
    expect([task.mm.space.startBrk, task.mm.space.totalVm * 4]).toEqual([0x555555560000, 424]);
  });

  it("leaves the room that the stack's limit asks for", () => {
    const { kernel, task } = boot();
    kernel.personality(task, ADDR_NO_RANDOMIZE);
    kernel.prlimit(task, 3, 2 ** 30, Infinity);
    kernel.execve(task, layouts(kernel).fixed);
    expect(task.mm.space.mmapBase * PAGE_SIZE).toBe(0x7ffffffff000 - 2 ** 30 - 2 ** 20);
  });
});

describe("execve at random", () => {
  it("draws the layout from the seed: the same each time, another for each program and seed", () => {
    const places = (seed: number): number[] => {
      const { kernel, task } = boot(seed);
      const { pie } = layouts(kernel);
      return [1, 2].flatMap(() => {
        expect(kernel.execve(task, pie)).toBe(0);
        const { mmapBase, startBrk, startStack } = task.mm.space;
        return [startOf(kernel, task, "/usr/bin/cat"), mmapBase, startBrk, startStack];
      });
    };
    const first = places(1);
    expect(places(1)).toEqual(first);
    expect(new Set([...first, ...places(2)]).size).toBe(16);
  });

  it("stays within Linux's ranges and granularity", () => {
    const { kernel, task } = boot(7);
    const { pie, fixed } = layouts(kernel);
    const [bases, brks, stacks, heaps]: number[][] = [[], [], [], []];
    for (let nth = 0; nth < 60; nth++) {
      kernel.execve(task, pie);
      const start = startOf(kernel, task, "/usr/bin/cat");
      bases.push((start - 0x555555554000) / PAGE_SIZE);
      brks.push(task.mm.space.startBrk - start - 0xc000);
      stacks.push(0x7ffffffff000 - task.mm.space.startStack);
      expect(task.mm.space.startStack % 16).toBe(0);
      kernel.execve(task, fixed);
      heaps.push(task.mm.space.startBrk - 0x4ad000);
    }
    const inRange = (values: number[], limit: number): void => {
      expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < limit)).toBe(true);
      // Sixty even draws pass nine tenths of the range and miss the last tenth once in 500 programs.
      expect(Math.max(...values)).toBeGreaterThan(0.8 * limit);
    };
    inRange(bases, 2 ** 28);
    inRange(brks, 2 ** 30 + PAGE_SIZE);
    inRange(heaps, 2 ** 30);
    inRange(stacks, 2 ** 34 + 3 * PAGE_SIZE);
    expect(brks.every((value) => value % PAGE_SIZE === 0)).toBe(true);
    kernel.audit();
  });

  it("keeps the heap behind the program with randomize_va_space 1", () => {
    const { kernel, task } = boot();
    kernel.setSysctl("kernel/randomize_va_space", "1");
    kernel.execve(task, layouts(kernel).fixed);
    expect(task.mm.space.startBrk).toBe(0x4ac000);
    expect(task.mm.space.mmapBase).not.toBe(0x7ffff7fff);
  });
});

describe("execve", () => {
  it("drops the old program with all its memory", () => {
    const { kernel, task } = boot();
    const { fixed } = layouts(kernel);
    kernel.personality(task, ADDR_NO_RANDOMIZE);
    kernel.execve(task, fixed);
    const [before, rss] = [settledFreePages(kernel), task.mm.rss];
    mapPages(kernel, task, 0, 500);
    fill(kernel, task, 0, 500);
    kernel.execve(task, fixed);
    expect([settledFreePages(kernel), task.mm.rss]).toEqual([before, rss]);
    expect(kernel.read(task, at(0))).toMatchObject({ signal: 11 });
    kernel.audit();
  });

  it("fills the rest of the last page of data with zeros and reads the file in front", () => {
    const { kernel, task } = boot();
    kernel.personality(task, ADDR_NO_RANDOMIZE);
    kernel.execve(task, layouts(kernel).fixed);
    const bytes = new Uint8Array(PAGE_SIZE);
    kernel.copyFromUser(task, bytes, 0x4a6000);
    expect(bytes.subarray(0x270).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(0, 0x270).some((byte) => byte !== 0)).toBe(true);
    kernel.copyFromUser(task, bytes, 0x4a7000);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("ends a vfork: the parent goes on in its own memory", () => {
    const { kernel } = boot();
    const parent = spawnWith(kernel, "parent", 10);
    fill(kernel, parent, 0, 10);
    const child = kernel.vfork(parent);
    kernel.prlimit(child, 9, 2 ** 30, 2 ** 30);
    expect(parent.mm.space.rlimitAsBytes).toBe(Infinity);
    expect(kernel.execve(child, layouts(kernel).pie)).toBe(0);
    expect(child.mm.space.rlimitAsBytes).toBe(2 ** 30);
    expect(wrongPages(kernel, parent, 0, 10)).toEqual([]);
    expect([parent.mm.nrUsers, child.mm.nrUsers]).toEqual([1, 1]);
    kernel.exit(child, 2);
    expect(kernel.wait(parent)).toEqual({ pid: child.pid, status: 512 });
    kernel.audit();
  });

  it("ends the other threads of the process", () => {
    const { kernel, task } = boot();
    const thread = kernel.thread(task);
    kernel.execve(task, layouts(kernel).fixed);
    expect([thread.hasExited, task.process.nrThreads]).toEqual([true, 1]);
    kernel.audit();
  });

  it("refuses what is no program and lets the old one run on", () => {
    const { kernel } = boot();
    const task = spawnWith(kernel, "task", 4);
    fill(kernel, task, 0, 4);
    const { fixed } = layouts(kernel);
    const nrMms = kernel.sys.mms.filter((mm) => mm !== null).length;
    const fileId = fixed.program?.fileId ?? -1;
    const run = (loads: Load[]): number =>
      kernel.execve(task, { path: "/x", program: image(fileId, false, loads) });
    expect(run([])).toBe(-ENOEXEC);
    expect(run([[0x400000, 0, 0x2000, 0x1000, RX]])).toBe(-EINVAL);
    expect(run([[0x400010, 0, 0x1000, 0x1000, RX]])).toBe(-EINVAL);
    expect(run([[2 ** 47, 0, 0x1000, 0x1000, RX]])).toBe(-EINVAL);
    expect(wrongPages(kernel, task, 0, 4)).toEqual([]);
    expect(kernel.sys.mms.filter((mm) => mm !== null).length).toBe(nrMms);
    kernel.audit();
  });
});
