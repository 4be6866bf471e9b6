/**
 * Random programs on four CPUs, and what they may see: a model of their memory, a walker that knows no cache, and a look at
 * every translation after every step.
 */
import {
  ENOMEM,
  type CpuId,
  INIT_MM,
  KernelError,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  type MmId,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  packRun,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGKILL,
  vpnHi,
  vpnLo,
  vpnOf,
  MADV_DONTNEED,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { expect } from "vitest";
import { MmuGather } from "../src/tlb/mmu-gather.ts";
import { type Mm } from "../src/task.ts";

export const NR_CPUS = 4;
const NR_PROGRAMS = 5;
const MAX_THREADS = 3;
/** The arena lies across the end of a level-1 table, so that tables come and go. */
const ARENA_PAGES = 64;
const ARENA_VPN: number = 0x200000 - ARENA_PAGES / 2;
/** Pages that the hog goes round in. */
const HOG_PAGES = 400;
const PROTS: readonly number[] = [
  PROT_NONE,
  PROT_READ,
  PROT_READ | PROT_EXEC,
  PROT_READ | PROT_WRITE,
  PROT_READ | PROT_WRITE,
  PROT_READ | PROT_WRITE,
  PROT_READ | PROT_WRITE | PROT_EXEC,
];
const KINDS: readonly number[] = [RUN_READ, RUN_READ, RUN_WRITE, RUN_WRITE, RUN_WRITE, RUN_EXEC];

/** Bits of entries. Source: Intel SDM vol. 3A section 5.5.4, table 5-20. */
const P = 1;
const RW = 2;
const US = 4;
const D = 64;
/** No-execute: bit 63 of an entry, bit 31 of a TLB's flags. */
const NX = 1 << 31;

/** One page of a program. What `cell` holds is shared with those who share the memory. */
interface PageModel {
  readonly prot: number;
  readonly isShared: boolean;
  /** Pages in a row with the same number lie in one VMA. */
  readonly region: number;
  readonly cell: { byte: number };
}

/** An address space and the tasks in it. */
class Program {
  readonly tasks: Task[];
  readonly pages: Map<number, PageModel>;

  constructor(task: Task, pages: Map<number, PageModel> = new Map<number, PageModel>()) {
    this.tasks = [task];
    this.pages = pages;
  }
}

/** Numbers below 2^32 in an order that only the seed decides (xorshift32). */
class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = (seed ^ 0x9e3779b9) | 1;
    for (let nth = 0; nth < 8; nth++) this.below(2);
  }

  below(limit: number): number {
    let { state } = this;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % limit;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)];
  }
}

/** Walks four levels in simulated RAM, as table 5-20 has them; knows no cache. */
class PlainWalker {
  lo = 0;
  hi = 0;
  pfn = -1;
  private readonly kernel: Kernel;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Contents slot of the level-1 table for a page, or -1. */
  tableSlot(rootPfn: number, vpn: number): number {
    const { contents } = this.kernel.sys;
    let pfn = rootPfn;
    for (let level = 3; level >= 1; level--) {
      const word = contents.slotOf[pfn] * 1024 + 2 * (Math.floor(vpn / 512 ** level) % 512);
      if ((contents.words[word] & P) === 0) return -1;
      pfn = ((contents.words[word] >>> 12) | (contents.words[word + 1] << 20)) & 0x7fffffff;
    }
    return contents.slotOf[pfn];
  }

  /** Leaves the leaf's frame and the rights of all levels together; `lo` without P when nothing is there. */
  walk(rootPfn: number, vpn: number): void {
    const { contents } = this.kernel.sys;
    let pfn = rootPfn;
    let rights = P | RW | US;
    let noExecute = 0;
    for (let level = 3; level >= 0; level--) {
      const word = contents.slotOf[pfn] * 1024 + 2 * (Math.floor(vpn / 512 ** level) % 512);
      const lo = contents.words[word];
      const hi = contents.words[word + 1];
      if ((lo & P) === 0) {
        this.lo = 0;
        return;
      }
      rights &= lo;
      noExecute |= hi & NX;
      pfn = ((lo >>> 12) | (hi << 20)) & 0x7fffffff;
      this.lo = rights | (lo & D);
    }
    this.hi = noExecute;
    this.pfn = pfn;
  }
}

/** The cached upper-level entries of a processor's walker: rows of key (two words), contents slot of the table, rights. */
interface WalkerCaches {
  readonly caches: { readonly rows: Int32Array; readonly pdeMask: number };
}

/** What this test finds. */
class IsolationError extends Error {}

export interface Deafness {
  /** Operations during which `sys.gather` is one that forgets what it took. */
  readonly gatherOf?: readonly Op[];
}

export type Op =
  "access" | "idle" | "mmap" | "munmap" | "madvise" | "mprotect" | "mremap" | "fork" | "thread" | "exit";

/** How often each operation comes. */
const WEIGHTS: readonly (readonly [Op, number])[] = [
  ["access", 60],
  ["idle", 6],
  ["mmap", 8],
  ["munmap", 3],
  ["madvise", 2],
  ["mprotect", 6],
  ["mremap", 3],
  ["fork", 3],
  ["thread", 3],
  ["exit", 2],
];
const OPS: readonly Op[] = WEIGHTS.flatMap(([op, weight]) => new Array<Op>(weight).fill(op));

/** A gather that takes nothing, so that nothing is flushed. */
class DeafGather extends MmuGather {
  override takeEntries(): void {
    // Left out on purpose.
  }

  override takeTables(): void {
    // Left out on purpose.
  }
}

export class World {
  readonly kernel: Kernel;
  readonly programs: Program[] = [];
  nrKilled = 0;
  nrSignals = 0;
  nrLeftStale = 0;
  private readonly dice: Dice;
  private readonly walker: PlainWalker;
  private readonly deafness: Deafness;
  private readonly run1: Int32Array = new Int32Array(2);
  private nrRegions = 0;
  /** A program beside that goes round in more memory than there is. */
  private hog: Task | null = null;
  private readonly nrHogPages: number;
  /** Bit of the PCIDs that user mode has; 0 without page-table isolation. Source: Linux 6.18 processor-flags.h. */
  private readonly userBit: number;

  constructor(config: KernelConfigInput, seed: number, deafness: Deafness = {}) {
    this.nrHogPages = config.swap?.length === 0 ? 0 : HOG_PAGES;
    this.kernel = bootKernel({
      memory: "1200KiB",
      cpus: NR_CPUS,
      swap: [{ size: "8MiB" }],
      contents: "sparse",
      tlb: { l1: { entries: 16, ways: 4 }, l2: { entries: 64, ways: 4 } },
      ...config,
    });
    this.userBit = config.kpti === true && config.seats?.asids !== "none" ? 0x800 : 0;
    this.deafness = deafness;
    this.dice = new Dice(seed);
    this.walker = new PlainWalker(this.kernel);
  }

  start(): this {
    for (let at = 0; at < NR_PROGRAMS; at++) this.programs.push(this.fresh());
    return this;
  }

  /** Runs steps; throws IsolationError at the first translation that is wrong. */
  run(nrSteps: number): void {
    const { sys } = this.kernel;
    const usual = sys.gather;
    const deaf = new DeafGather(sys);
    for (let nth = 1; nth <= nrSteps; nth++) {
      const op = this.dice.of(OPS);
      sys.gather = this.deafness.gatherOf?.includes(op) === true ? deaf : usual;
      this.step(op);
      sys.gather = usual;
      if (nth % 4 === 0 && this.nrHogPages > 0) this.runHog(nth);
      this.replaceKilled();
      this.checkTlbs();
      this.checkWalkCaches();
      if (nth % 2000 === 0) this.kernel.audit();
    }
  }

  private step(op: Op): void {
    const { dice, kernel } = this;
    const at = dice.below(NR_PROGRAMS);
    const program = this.programs[at];
    const task = dice.of(program.tasks);
    // Now and then a task has been moved to another CPU.
    if (dice.below(6) === 0) task.cpu = dice.below(NR_CPUS);
    const page = dice.below(ARENA_PAGES);
    const nr = 1 + dice.below(Math.min(16, ARENA_PAGES - page));
    switch (op) {
      case "access":
        for (let next = page; next < Math.min(page + 3, ARENA_PAGES); next++)
          this.access(program, task, next);
        break;
      case "idle":
        kernel.idle(dice.below(NR_CPUS));
        break;
      case "mmap":
        this.mmap(program, task, page, nr);
        break;
      case "munmap":
        // Now and then all of what one table serves.
        if (dice.below(4) === 0) this.munmap(program, task, dice.of([0, ARENA_PAGES / 2]), ARENA_PAGES / 2);
        else this.munmap(program, task, page, nr);
        break;
      case "madvise":
        this.madvise(program, task, page, nr);
        break;
      case "mprotect":
        this.mprotect(program, task, page, nr);
        break;
      case "mremap":
        this.mremap(program, task, page);
        break;
      case "fork":
        this.fork(at, task);
        break;
      case "thread":
        this.thread(program, task);
        break;
      case "exit":
        this.exit(at, task);
    }
  }

  /** One access through the CPU's TLB, and its byte in the very frame that the CPU has used. */
  private access(program: Program, task: Task, page: number): void {
    if (task.hasExited) return;
    const { kernel, walker } = this;
    const vpn = ARENA_VPN + page;
    const kind = this.dice.of(KINDS);
    this.run1[0] = vpnLo(vpn);
    this.run1[1] = packRun(vpnHi(vpn), kind, false, 1);
    const signal = kernel.accessRuns(task, this.run1, 1, true);
    const model = program.pages.get(page);
    if (signal !== null) {
      kernel.runDaemons();
      if (signal.signal === SIGKILL) return;
      this.nrSignals++;
      const code = model === undefined ? SEGV_MAPERR : allows(model.prot, kind) ? 0 : SEGV_ACCERR;
      if (signal.code !== code)
        throw new IsolationError(`page ${page} raised code ${signal.code}, not ${code}`);
      return;
    }
    const pfn = kernel.sys.cpus[task.cpu].mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, true);
    walker.walk(rootPfnFor(task.mm, true), vpn);
    const at = `CPU ${task.cpu}, task ${task.pid}, page ${page}, kind ${kind}:`;
    if (model === undefined || !allows(model.prot, kind))
      throw new IsolationError(`${at} it may not be accessed`);
    if (walker.lo === 0 || walker.pfn !== pfn) {
      throw new IsolationError(
        `${at} stale frame ${pfn} was used, mapped is ${walker.lo === 0 ? "none" : walker.pfn}`,
      );
    }
    if ((walker.lo & US) === 0 || (kind === RUN_WRITE && (walker.lo & (RW | D)) !== (RW | D))) {
      throw new IsolationError(`${at} the entry's rights 0x${walker.lo.toString(16)} do not allow it`);
    }
    if (kind === RUN_EXEC && walker.hi !== 0) throw new IsolationError(`${at} the entry is no-execute`);
    const { contents } = kernel.sys;
    const found = contents.readByte(pfn, 0);
    if (found !== model.cell.byte)
      throw new IsolationError(`${at} byte ${found}, written was ${model.cell.byte}`);
    if (kind === RUN_WRITE) {
      model.cell.byte = this.dice.below(256);
      contents.writeByte(pfn, 0, model.cell.byte);
    }
    kernel.runDaemons();
  }

  private mmap(program: Program, task: Task, page: number, nr: number, prot = this.dice.of(PROTS)): void {
    const isShared = this.dice.below(4) === 0;
    const flags = MAP_FIXED | MAP_ANONYMOUS | (isShared ? MAP_SHARED : MAP_PRIVATE);
    const result = this.kernel.mmap(task, addressOf(page), nr * PAGE_SIZE, prot, flags);
    if (task.killedBy !== null) return;
    expect(result).toBe(addressOf(page));
    const region = this.nrRegions++;
    for (let each = page; each < page + nr; each++) {
      program.pages.set(each, { prot, isShared, region, cell: { byte: 0 } });
    }
  }

  private munmap(program: Program, task: Task, page: number, nr: number): void {
    const result = this.kernel.munmap(task, addressOf(page), nr * PAGE_SIZE);
    if (task.killedBy !== null) return;
    expect(result).toBe(0);
    for (let each = page; each < page + nr; each++) program.pages.delete(each);
  }

  private madvise(program: Program, task: Task, page: number, nr: number): void {
    this.kernel.madvise(task, addressOf(page), nr * PAGE_SIZE, MADV_DONTNEED);
    if (task.killedBy !== null) return;
    for (let each = page; each < page + nr; each++) {
      const model = program.pages.get(each);
      // Shared memory stays in its file; private memory is zero again.
      if (model?.isShared === false) program.pages.set(each, { ...model, cell: { byte: 0 } });
    }
  }

  private mprotect(program: Program, task: Task, page: number, nr: number): void {
    const prot = this.dice.of(PROTS);
    const result = this.kernel.mprotect(task, addressOf(page), nr * PAGE_SIZE, prot);
    if (task.killedBy !== null) return;
    const regions = new Map<number, number>();
    for (let each = page; each < page + nr; each++) {
      const model = program.pages.get(each);
      if (model === undefined) {
        // What lies before the hole has changed.
        expect(result).toBe(-ENOMEM);
        return;
      }
      const region = regions.get(model.region) ?? this.nrRegions++;
      regions.set(model.region, region);
      program.pages.set(each, { ...model, prot, region });
    }
    expect(result).toBe(0);
  }

  /** Moves what lies in one VMA from `page` on to a place that does not overlap. */
  private mremap(program: Program, task: Task, page: number): void {
    const first = program.pages.get(page);
    if (first === undefined) return;
    let nr = 1;
    while (nr < 16 && program.pages.get(page + nr)?.region === first.region) nr++;
    const to = this.dice.below(ARENA_PAGES - nr + 1);
    if (to < page + nr && page < to + nr) return;
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    const lengthBytes = nr * PAGE_SIZE;
    const result = this.kernel.mremap(task, addressOf(page), lengthBytes, lengthBytes, flags, addressOf(to));
    if (task.killedBy !== null) return;
    // What was at the target went first, whatever came of the rest.
    for (let each = to; each < to + nr; each++) program.pages.delete(each);
    if (result === -ENOMEM) return;
    expect(result).toBe(addressOf(to));
    const region = this.nrRegions++;
    for (let nth = 0; nth < nr; nth++) {
      const model = program.pages.get(page + nth);
      program.pages.delete(page + nth);
      if (model !== undefined) program.pages.set(to + nth, { ...model, region });
    }
  }

  /** The child takes the place of the next program. */
  private fork(at: number, task: Task): void {
    const place = (at + 1) % NR_PROGRAMS;
    for (const other of this.programs[place].tasks) this.kernel.exit(other);
    const child = this.orNull(() => this.kernel.fork(task));
    if (child === null) {
      this.programs[place] = this.fresh();
      return;
    }
    const pages = new Map<number, PageModel>();
    for (const [page, model] of this.programs[at].pages) {
      pages.set(page, model.isShared ? model : { ...model, cell: { ...model.cell } });
    }
    this.programs[place] = new Program(child, pages);
  }

  private thread(program: Program, task: Task): void {
    if (program.tasks.length >= MAX_THREADS) return;
    const thread = this.orNull(() => this.kernel.thread(task, this.dice.below(NR_CPUS)));
    if (thread !== null) program.tasks.push(thread);
  }

  private exit(at: number, task: Task): void {
    this.kernel.exit(task);
    const { tasks } = this.programs[at];
    tasks.splice(tasks.indexOf(task), 1);
    if (tasks.length === 0) this.programs[at] = this.fresh();
  }

  private fresh(): Program {
    for (const other of [null, ...this.programs]) {
      for (const task of other?.tasks ?? []) this.kernel.exit(task);
      const task = this.orNull(() => this.kernel.spawn("program", this.dice.below(NR_CPUS)));
      if (task === null) continue;
      const program = new Program(task);
      this.mmap(program, task, 0, ARENA_PAGES, PROT_READ | PROT_WRITE);
      if (!task.hasExited) return program;
    }
    throw new Error("no memory for a program with no other program there");
  }

  /** What `make` gives, or null when memory or the parent was gone. */
  private orNull(make: () => Task): Task | null {
    try {
      return make();
    } catch (error) {
      if (error instanceof KernelError) return null;
      throw error;
    }
  }

  private runHog(nth: number): void {
    const page = ARENA_PAGES + ((nth / 4) % this.nrHogPages);
    if (this.hog === null || this.hog.hasExited) {
      this.hog = this.orNull(() => this.kernel.spawn("hog", nth % NR_CPUS));
      if (this.hog === null) return;
      const lengthBytes = this.nrHogPages * PAGE_SIZE;
      const flags = MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE;
      this.kernel.mmap(this.hog, addressOf(ARENA_PAGES), lengthBytes, PROT_READ | PROT_WRITE, flags);
      if (this.hog.hasExited) return;
    }
    if (nth % 64 === 0) this.hog.cpu = this.dice.below(NR_CPUS);
    this.kernel.access(this.hog, ARENA_VPN + page, RUN_WRITE);
  }

  /** A program of which a task was killed is gone whole; starting another may take one more. */
  private replaceKilled(): void {
    for (let at = 0; at < NR_PROGRAMS; at++) {
      const { tasks } = this.programs[at];
      if (!tasks.some((task) => task.hasExited)) continue;
      this.nrKilled++;
      for (const task of tasks) this.kernel.exit(task);
      this.programs[at] = this.fresh();
      at = -1;
    }
  }

  /**
   * Every translation under the identifier that a CPU runs with agrees with the page table of the task that runs there. So
   * does every other that the CPU may use once it loads the address space, if nothing is flushed then.
   */
  private checkTlbs(): void {
    const { sys } = this.kernel;
    for (const cpu of sys.cpus) {
      const { mmu, current } = cpu;
      cpu.tlb.forEachEntry((lo, hi, pcid, _size, pfn, flags) => {
        if ((flags & US) === 0) return;
        const isRunning = current !== null && pcid === mmu.currentPcid;
        const isUsers = (pcid & this.userBit) !== 0;
        const kernelPcid = pcid & ~this.userBit;
        // Under page-table isolation what user mode had cached may wait for the exit that flushes it.
        const waits = isUsers && !isRunning && cpu.isolation?.isUserStale(kernelPcid) === true;
        const id: MmId = isRunning ? current.mm.id : waits ? INIT_MM : sys.asids.userOf(cpu.id, kernelPcid);
        if (id === INIT_MM) {
          this.nrLeftStale++;
          return;
        }
        this.checkEntry(
          cpu.id,
          isRunning ? "runs" : "may run",
          rootPfnFor(sys.mmOf(id), isUsers || isRunning),
          vpnOf(lo, hi),
          pfn,
          flags,
        );
      });
    }
  }

  /**
   * No CPU could walk a table that is gone, not even one that is lazy: processors walk ahead of what programs do. So nothing
   * is cached under a loaded identifier but what the loaded page table points to.
   */
  private checkWalkCaches(): void {
    for (const { id, mmu } of this.kernel.sys.cpus) {
      const { rows, pdeMask } = (mmu.walker as unknown as WalkerCaches).caches;
      for (let at = 0; at <= 4 * pdeMask; at += 4) {
        const keyHi = rows[at + 1];
        if (keyHi === 0 || ((keyHi >>> 13) & 0xfff) !== mmu.currentPcid) continue;
        const vpn = ((keyHi & 0x1fff) * 2 ** 32 + (rows[at] >>> 0)) * 512;
        const slot = this.walker.tableSlot(mmu.rootPfn, vpn);
        if (slot === rows[at + 2]) continue;
        throw new IsolationError(
          `CPU ${id} may walk a stale table for page ${vpn - ARENA_VPN}: slot ${rows[at + 2]}, not ${slot}`,
        );
      }
    }
  }

  private checkEntry(
    cpu: CpuId,
    how: string,
    rootPfn: number,
    vpn: number,
    pfn: number,
    flags: number,
  ): void {
    const { walker } = this;
    walker.walk(rootPfn, vpn);
    // A right or a dirty bit that the TLB lacks costs a fault or a walk; one that it has too many is a hole.
    const tooMany = flags & ~walker.lo & (RW | US | D);
    const isHole = walker.lo === 0 || walker.pfn !== pfn || tooMany !== 0 || (walker.hi & ~flags & NX) !== 0;
    if (!isHole) return;
    throw new IsolationError(
      `CPU ${cpu} ${how} with a stale translation of page ${vpn - ARENA_VPN}: frame ${pfn}, flags 0x${flags.toString(16)}; ` +
        `the page table has ${walker.lo === 0 ? "none" : `frame ${walker.pfn}, flags 0x${walker.lo.toString(16)}`}`,
    );
  }
}

/** Root that a CPU walks from in an address space, in user mode or in the kernel. */
function rootPfnFor(mm: Mm, isUserMode: boolean): number {
  return isUserMode && mm.userRoot !== null ? mm.userRoot.rootPfn : mm.pageTable.rootPfn;
}

function allows(prot: number, kind: number): boolean {
  if (kind === RUN_WRITE) return (prot & PROT_WRITE) !== 0;
  return kind === RUN_EXEC ? (prot & PROT_EXEC) !== 0 : prot !== PROT_NONE;
}

function addressOf(page: number): number {
  return (ARENA_VPN + page) * PAGE_SIZE;
}
