/**
 * Drives whole machines with random programs, audits after every step, and compares every byte read with a plain model
 * of memory. `PAGEFRAME_STEPS` sets the steps in all (default 10,000), `PAGEFRAME_SEED` the seed; with
 * `PAGEFRAME_SHRINK` set, a failure is shrunk, which takes long.
 */
import {
  ENOMEM,
  KernelError,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  SIGKILL,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { initialFileByte } from "../src/files/files.ts";

const NR_STEPS = Number(process.env["PAGEFRAME_STEPS"] ?? 10_000);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
const STEPS_PER_MACHINE = 500;
/** Pages of the arena that the programs play in. */
const ARENA_VPN = 0x10000;
const ARENA_PAGES = 96;
const NR_TASKS = 4;
const HEAP = 0x8000_0000;

/** What a task's page must hold: bytes by page, and where a mapping may be read and written. */
interface PageModel {
  prot: number;
  /** Byte at offset 0. */
  byte: number;
}

class ProgramModel {
  readonly task: Task;
  readonly pages: Map<number, PageModel>;
  brk = HEAP;

  constructor(task: Task, pages: Map<number, PageModel>) {
    this.task = task;
    this.pages = pages;
  }
}

type Step =
  | { op: "mmap"; who: number; page: number; nr: number; prot: number; isFile: boolean }
  | { op: "munmap"; who: number; page: number; nr: number }
  | { op: "mprotect"; who: number; page: number; nr: number; prot: number }
  | { op: "brk"; who: number; nr: number }
  | { op: "read"; who: number; page: number; nr: number }
  | { op: "write"; who: number; page: number; nr: number; value: number }
  | { op: "heap"; who: number; page: number; value: number }
  | { op: "fork"; who: number }
  | { op: "exit"; who: number };

const who = fc.nat(NR_TASKS - 1);
const page = fc.nat(ARENA_PAGES - 1);
const nr = fc.integer({ min: 1, max: 24 });
const prot = fc.constantFrom(
  PROT_NONE,
  PROT_READ,
  PROT_READ | PROT_WRITE,
  PROT_READ | PROT_WRITE,
  PROT_READ | PROT_WRITE,
  PROT_READ | PROT_EXEC,
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("mmap" as const), who, page, nr, prot, isFile: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("munmap" as const), who, page, nr }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("mprotect" as const), who, page, nr, prot }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("brk" as const), who, nr: fc.nat(40) }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant("read" as const), who, page, nr }) },
  {
    weight: 9,
    arbitrary: fc.record({ op: fc.constant("write" as const), who, page, nr, value: fc.nat(255) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("heap" as const), who, page: fc.nat(40), value: fc.nat(255) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("fork" as const), who }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("exit" as const), who }) },
);

class World {
  readonly kernel: Kernel;
  readonly programs: ProgramModel[] = [];
  readonly fileId: number;
  nrKilled = 0;
  /** A program beside, which grows to this many pages and then goes round in them: it keeps memory short. */
  readonly maxHogPages: number;
  hog: Task;
  nrHogPages = 0;
  nrSteps = 0;

  constructor(config: KernelConfigInput, maxHogPages: number) {
    this.kernel = bootKernel(config);
    this.maxHogPages = maxHogPages;
    this.hog = this.kernel.spawn("hog");
    this.fileId = this.kernel.openFile("/data");
    for (let at = 0; at < NR_TASKS; at++) this.programs.push(this.fresh(at));
  }

  run(step: Step): void {
    const program = this.programs[step.who];
    switch (step.op) {
      case "mmap":
        this.mmap(program, step.page, Math.min(step.nr, ARENA_PAGES - step.page), step.prot, step.isFile);
        break;
      case "munmap":
        expect(this.kernel.munmap(program.task, addressOf(step.page), step.nr * PAGE_SIZE)).toBe(0);
        for (let at = step.page; at < step.page + step.nr; at++) program.pages.delete(at);
        break;
      case "mprotect":
        this.mprotect(program, step.page, step.nr, step.prot);
        break;
      case "brk":
        this.brk(program, step.nr);
        break;
      case "read":
        for (let at = step.page; at < step.page + step.nr; at++) this.read(program, at);
        break;
      case "write":
        for (let at = step.page; at < step.page + step.nr; at++)
          this.write(program, at, (step.value + at) & 0xff);
        break;
      case "heap":
        this.heap(program, step.page, step.value);
        break;
      case "fork":
        this.fork(step.who);
        break;
      case "exit":
        this.kernel.exit(program.task);
        this.programs[step.who] = this.fresh(step.who);
        break;
    }
    if (this.maxHogPages > 0) this.runHog();
    this.replaceKilled();
  }

  /** Every step the hog takes another page, or comes back to one of its own. */
  private runHog(): void {
    if (this.hog.hasExited) {
      this.hog = this.spawn("hog", 0);
      this.nrHogPages = 0;
    }
    const at = this.nrSteps++ % this.maxHogPages;
    const address = addressOf(ARENA_PAGES + at);
    if (at >= this.nrHogPages) {
      this.kernel.mmap(
        this.hog,
        address,
        PAGE_SIZE,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
      );
      if (this.hog.hasExited) return;
      this.nrHogPages = at + 1;
    }
    this.kernel.write(this.hog, address, at & 0xff);
  }

  /** Starts a program in a place; when there is no memory even for that, others end first. */
  private fresh(at: number): ProgramModel {
    const cpu = at % this.kernel.sys.cpus.length;
    const task = this.spawn(`p${at}`, cpu);
    task.mm.space.startBrk = HEAP;
    task.mm.space.brkAddress = HEAP;
    return new ProgramModel(task, new Map());
  }

  private spawn(name: string, cpu: number): Task {
    for (const other of [null, this.hog, ...this.programs.map(({ task }) => task)]) {
      if (other?.hasExited === false) this.kernel.exit(other);
      try {
        return this.kernel.spawn(name, cpu);
      } catch (error) {
        if (!(error instanceof KernelError) || error.errno !== ENOMEM) throw error;
      }
    }
    throw new Error(`no memory for ${name} with no other program there`);
  }

  private mmap(program: ProgramModel, page: number, nr: number, prot: number, isFile: boolean): void {
    const flags = MAP_PRIVATE | MAP_FIXED | (isFile ? 0 : MAP_ANONYMOUS);
    const fileId = isFile ? this.fileId : -1;
    const offset = isFile ? page * PAGE_SIZE : 0;
    const result = this.kernel.mmap(
      program.task,
      addressOf(page),
      nr * PAGE_SIZE,
      prot,
      flags,
      fileId,
      offset,
    );
    if (program.task.killedBy !== null) return;
    expect(result).toBe(addressOf(page));
    for (let at = page; at < page + nr; at++) {
      program.pages.set(at, { prot, byte: isFile ? initialFileByte(this.fileId, at, 0) : 0 });
    }
  }

  private mprotect(program: ProgramModel, page: number, nr: number, prot: number): void {
    const result = this.kernel.mprotect(program.task, addressOf(page), nr * PAGE_SIZE, prot);
    if (program.task.killedBy !== null) return;
    // Over a hole the call fails with ENOMEM after it changed what lies before the hole.
    for (let at = page; at < page + nr; at++) {
      const model = program.pages.get(at);
      if (model === undefined) {
        expect(result).toBe(-12);
        return;
      }
      model.prot = prot;
    }
    expect(result).toBe(0);
  }

  private brk(program: ProgramModel, nrPages: number): void {
    const wanted = HEAP + nrPages * PAGE_SIZE;
    const result = this.kernel.brk(program.task, wanted);
    if (program.task.killedBy !== null) return;
    expect(result).toBe(wanted);
    for (let at = HEAP + nrPages * PAGE_SIZE; at < program.brk; at += PAGE_SIZE) program.pages.delete(-at);
    program.brk = wanted;
  }

  private heap(program: ProgramModel, page: number, value: number): void {
    const address = HEAP + page * PAGE_SIZE;
    if (address >= program.brk) {
      expect(this.kernel.write(program.task, address, value)).toMatchObject({ signal: 11, code: 1 });
      return;
    }
    const before = program.pages.get(-address)?.byte ?? 0;
    const found = this.kernel.read(program.task, address);
    if (this.isKilled(found)) return;
    expect(found).toBe(before);
    if (this.kernel.write(program.task, address, value) === null) {
      program.pages.set(-address, { prot: PROT_READ | PROT_WRITE, byte: value });
    }
  }

  private read(program: ProgramModel, page: number): void {
    if (program.task.hasExited) return;
    const model = program.pages.get(page);
    const found = this.kernel.read(program.task, addressOf(page));
    if (this.isKilled(found)) return;
    if (model === undefined) expect(found).toMatchObject({ signal: 11, code: 1 });
    else if (model.prot === PROT_NONE) expect(found).toMatchObject({ signal: 11, code: 2 });
    else expect(found).toBe(model.byte);
  }

  private write(program: ProgramModel, page: number, value: number): void {
    if (program.task.hasExited) return;
    const model = program.pages.get(page);
    const signal = this.kernel.write(program.task, addressOf(page), value);
    if (this.isKilled(signal)) return;
    if (model === undefined) expect(signal).toMatchObject({ signal: 11, code: 1 });
    else if ((model.prot & PROT_WRITE) === 0) expect(signal).toMatchObject({ signal: 11, code: 2 });
    else {
      expect(signal).toBeNull();
      model.byte = value;
    }
  }

  /** The child takes the place of the next program. */
  private fork(at: number): void {
    const parent = this.programs[at];
    const place = (at + 1) % NR_TASKS;
    this.kernel.exit(this.programs[place].task);
    let child: Task;
    try {
      child = this.kernel.fork(parent.task);
    } catch {
      this.programs[place] = this.fresh(place);
      return;
    }
    const pages = new Map([...parent.pages].map(([key, model]) => [key, { ...model }]));
    const program = new ProgramModel(child, pages);
    program.brk = parent.brk;
    this.programs[place] = program;
  }

  private isKilled(answer: unknown): boolean {
    return (answer as { signal?: number } | null)?.signal === SIGKILL;
  }

  /** Starts programs anew that were killed, or that had to end to make room for one that was started anew. */
  private replaceKilled(): void {
    const findKilled = () => this.programs.findIndex(({ task }) => task.hasExited);
    let nrStarted = 0;
    for (let at = findKilled(); at >= 0; at = findKilled()) {
      this.nrKilled++;
      // Where each start kills another program, all begin again.
      if (++nrStarted % (2 * NR_TASKS) === 0) this.exitAll();
      if (nrStarted > 8 * NR_TASKS) throw new Error(`there is no memory for ${NR_TASKS} empty programs`);
      this.programs[at] = this.fresh(at);
    }
  }

  private exitAll(): void {
    for (const task of [this.hog, ...this.programs.map((program) => program.task)]) {
      if (!task.hasExited) this.kernel.exit(task);
    }
  }
}

function addressOf(page: number): number {
  return (ARENA_VPN + page) * PAGE_SIZE;
}

/** What a machine must have gone through by the end, so that a quiet run is no test of pressure. */
interface Pressure {
  readonly nrHogPages: number;
  readonly isSwapping?: boolean;
  readonly isKilling?: boolean;
}

const SWAP_4M = [{ size: "4MiB" }];

/** Machines that press in different ways. `memory` is what is free after boot: the programs want some 500 pages. */
const MACHINES: readonly ({ readonly name: string; readonly config: KernelConfigInput } & Pressure)[] = [
  { name: "roomy", config: { memory: "8MiB", swap: [], contents: "sparse" }, nrHogPages: 0 },
  {
    name: "swapping",
    config: { memory: "200KiB", swap: SWAP_4M, contents: "sparse" },
    nrHogPages: 60,
    isSwapping: true,
  },
  {
    name: "two CPUs and dense contents, swapping",
    config: { memory: "360KiB", cpus: 2, swap: SWAP_4M, contents: "dense" },
    nrHogPages: 60,
    isSwapping: true,
  },
  {
    name: "CLOCK",
    config: { memory: "200KiB", swap: SWAP_4M, contents: "sparse", seats: { reclaim: "clock" } },
    nrHogPages: 60,
    isSwapping: true,
  },
  {
    name: "FIFO",
    config: { memory: "200KiB", swap: SWAP_4M, contents: "sparse", seats: { reclaim: "fifo" } },
    nrHogPages: 60,
    isSwapping: true,
  },
  {
    name: "bitmap allocator, first-fit swap",
    config: {
      memory: "200KiB",
      swap: SWAP_4M,
      contents: "sparse",
      seats: { frameAllocator: "bitmap-first-fit", swapSlots: "first-fit" },
    },
    nrHogPages: 60,
    isSwapping: true,
  },
  ...["sv39", "sv48", "hashed", "inverted"].map((pageTable) => ({
    name: `${pageTable} page table`,
    config: { memory: "320KiB", cpus: 2, swap: SWAP_4M, contents: "sparse" as const, seats: { pageTable } },
    nrHogPages: 60,
    isSwapping: true,
  })),
  {
    name: "page-table isolation, five levels",
    config: {
      memory: "400KiB",
      cpus: 2,
      swap: SWAP_4M,
      contents: "sparse",
      kpti: true,
      seats: { pageTable: "radix5" },
    },
    nrHogPages: 60,
    isSwapping: true,
  },
  {
    name: "little swap",
    config: { memory: "160KiB", swap: [{ size: "128KiB" }], contents: "sparse" },
    nrHogPages: 120,
    isSwapping: true,
    isKilling: true,
  },
];

describe("a machine under random programs", () => {
  const nrMachines = Math.max(MACHINES.length, Math.ceil(NR_STEPS / STEPS_PER_MACHINE));
  const nrRounds = Math.ceil(nrMachines / MACHINES.length);
  const perRun = Math.ceil(NR_STEPS / (nrRounds * MACHINES.length));
  it.each(MACHINES)(`stays whole and gives back what was written: $name (seed ${SEED})`, (machine) => {
    let nrSwappedOut = 0;
    let nrSwappedIn = 0;
    let nrKilled = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: perRun, maxLength: perRun, size: "max" }), (steps) => {
        const world = new World(machine.config, machine.nrHogPages);
        for (const each of steps) {
          world.run(each);
          world.kernel.audit();
        }
        const { pswpin, pswpout, oom_kill } = world.kernel.proc.vmstat();
        nrSwappedIn += pswpin;
        nrSwappedOut += pswpout;
        nrKilled += oom_kill;
      }),
      { seed: SEED, numRuns: nrRounds, endOnFailure: process.env["PAGEFRAME_SHRINK"] === undefined },
    );
    expect(nrSwappedOut > 0, `${nrSwappedOut} pages swapped out`).toBe(machine.isSwapping === true);
    if (machine.isKilling === true) expect(nrKilled).toBeGreaterThan(0);
    else expect(nrSwappedIn > 0, `${nrSwappedIn} pages swapped in`).toBe(machine.isSwapping === true);
  });
});
