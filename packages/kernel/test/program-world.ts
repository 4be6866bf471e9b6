/**
 * Four random programs that use every system call on memory, each with a plain model beside it. Steps come from a
 * generator of its own, so that a run of 100,000 needs no list of them; a failure names the seed and the last steps.
 */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  KernelError,
  MADV_COLD,
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_KEEPONFORK,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  SIGBUS,
  SIGKILL,
} from "@pageframe/contracts";
import { type Kernel, type Task, type TaskSignal } from "@pageframe/kernel";
import { expect } from "vitest";
import { type Expected, newPage, noteCopy, PlainObject, PlainProgram } from "./plain-memory.ts";

const ARENA_VPN = 0x1_0000_0000;
const ARENA_PAGES = 96;
const NR_PROGRAMS = 4;
const NR_FILES = 3;
const MAX_FILE_PAGES = 40;
const MAX_RANGE_PAGES = 16;
const NR_REMEMBERED_STEPS = 25;

const PROTS = [PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE];
const ADVICES = [
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_WILLNEED,
  MADV_DONTNEED,
  MADV_DONTNEED,
  MADV_FREE,

  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_WIPEONFORK,
  MADV_KEEPONFORK,
  MADV_COLD,
  MADV_PAGEOUT,
  MADV_PAGEOUT,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_GUARD_REMOVE,
];

/** Weights of the steps, by name. */
const STEPS = {
  read: 30,
  write: 36,
  mmap: 8,
  munmap: 4,
  mprotect: 6,
  mremap: 5,
  madvise: 16,
  mlock: 2,
  munlock: 3,
  fork: 2,
  exit: 1,
  ftruncate: 1,
  punch: 2,
  pread: 3,
  pwrite: 4,
} as const;
type StepName = keyof typeof STEPS;
const STEP_NAMES: readonly StepName[] = (Object.keys(STEPS) as StepName[]).flatMap((name) =>
  Array.from({ length: STEPS[name] }, () => name),
);

interface Program {
  task: Task;
  memory: PlainProgram;
}

interface TestFile {
  readonly fileId: number;
  readonly object: PlainObject;
}

/** How a world differs from a machine that has all it needs. */
export interface WorldOptions {
  readonly seed: number;
  /** Do transfers to swap fail now and then? */
  readonly isSwapFaulty?: boolean;
}

export class ProgramWorld {
  readonly kernel: Kernel;
  readonly programs: Program[] = [];
  private readonly files: TestFile[] = [];
  private readonly isSwapFaulty: boolean;
  private readonly seed: number;
  private state: number;
  private readonly lastSteps: string[] = [];
  nrSteps = 0;
  nrKilled = 0;
  nrSwapErrors = 0;

  constructor(kernel: Kernel, { seed, isSwapFaulty = false }: WorldOptions) {
    this.kernel = kernel;
    this.seed = seed;
    this.state = seed | 0;
    this.isSwapFaulty = isSwapFaulty;
    for (let at = 0; at < NR_PROGRAMS; at++) this.programs.push(this.fresh(at));
    for (let at = 0; at < NR_FILES; at++) {
      const fileId = kernel.memfdCreate(`file${at}`, 0);
      this.files.push({ fileId, object: new PlainObject(0) });
    }
  }

  /** Runs steps; a failure says which seed and what came before. */
  run(nrSteps: number): void {
    for (let done = 0; done < nrSteps; done++) {
      try {
        this.step();
      } catch (error) {
        const what = error instanceof Error ? error.message : String(error);
        throw new Error(`seed ${this.seed}, step ${this.nrSteps}: ${what}\n${this.lastSteps.join("\n")}`, {
          cause: error,
        });
      }
      this.nrSteps++;
    }
  }

  /** Compares every page of every program and file. */
  compareAll(): void {
    for (const program of this.programs) {
      for (const page of program.memory.pages.keys()) this.read(program, page);
    }
    for (const file of this.files) {
      for (let index = 0; index < file.object.nrPages; index++) this.pread(this.programs[0], file, index);
    }
    this.replaceKilled();
  }

  private step(): void {
    const name = this.pick(STEP_NAMES);
    const who = this.below(NR_PROGRAMS);
    const program = this.programs[who];
    const page = this.below(ARENA_PAGES);
    const nr = Math.min(1 + this.below(MAX_RANGE_PAGES), ARENA_PAGES - page);
    const file = this.pick(this.files);
    const note = `${name} P${who} ${page} ${nr}`;
    this.lastSteps.push(note);
    if (this.lastSteps.length > NR_REMEMBERED_STEPS) this.lastSteps.shift();
    switch (name) {
      case "read":
        for (let at = page; at < page + nr && !program.task.hasExited; at++) this.read(program, at);
        break;
      case "write":
        for (let at = page; at < page + nr && !program.task.hasExited; at++) {
          this.write(program, at, 1 + this.below(255));
        }
        break;
      case "mmap":
        this.mmap(program, page, nr, file);
        break;
      case "munmap":
        this.check(program, this.kernel.munmap(program.task, addressOf(page), nr * PAGE_SIZE), 0);
        program.memory.unmap(page, nr);
        break;
      case "mprotect": {
        const prot = this.pick(PROTS);
        const result = this.kernel.mprotect(program.task, addressOf(page), nr * PAGE_SIZE, prot);
        this.check(program, result, program.memory.protect(page, nr, prot));
        break;
      }
      case "mremap":
        this.mremap(program, page, nr);
        break;
      case "madvise":
        this.madvise(program, page, nr, this.pick(ADVICES));
        break;
      case "mlock": {
        // Populating may fail where locking does not: only the flags are compared.
        const result = this.kernel.mlock(program.task, addressOf(page), nr * PAGE_SIZE);
        if (program.memory.lock(page, nr, true) < 0) this.check(program, result, -12);
        break;
      }
      case "munlock": {
        const result = this.kernel.munlock(program.task, addressOf(page), nr * PAGE_SIZE);
        this.check(program, result, program.memory.lock(page, nr, false));
        break;
      }
      case "fork":
        this.fork(who);
        break;
      case "exit":
        this.kernel.exit(program.task);
        this.programs[who] = this.fresh(who);
        break;
      case "ftruncate":
        this.ftruncate(program, file, this.below(MAX_FILE_PAGES));
        break;
      case "punch":
        this.punch(program, file, this.below(MAX_FILE_PAGES), nr);
        break;
      case "pread":
        this.pread(program, file, this.below(MAX_FILE_PAGES));
        break;
      case "pwrite":
        this.pwrite(program, file, this.below(MAX_FILE_PAGES), 1 + this.below(255));
        break;
    }
    this.replaceKilled();
  }

  private read(program: Program, page: number): void {
    const found = this.kernel.read(program.task, addressOf(page));
    if (typeof found !== "number") {
      this.checkSignal(program, page, found, program.memory.expectRead(page));
      return;
    }
    const expected = program.memory.expectRead(page);
    expect(expected.kind === "byte" ? expected.bytes : expected, `read of page ${page}`).toContain(found);
  }

  private write(program: Program, page: number, byte: number): void {
    const expected = program.memory.expectWrite(page);
    const signal = this.kernel.write(program.task, addressOf(page), byte);
    if (signal !== null) {
      this.checkSignal(program, page, signal, expected);
      return;
    }
    expect(expected, `write of page ${page} went through`).toBeNull();
    program.memory.write(page, byte);
  }

  /** A signal must be the expected one; swap errors give SIGBUS to whoever touches the page. */
  private checkSignal(program: Program, page: number, found: TaskSignal, expected: Expected | null): void {
    if (found.signal === SIGKILL) {
      expect(program.task.hasExited).toBe(true);
      return;
    }
    if (this.isSwapFaulty && found.signal === SIGBUS) {
      this.nrSwapErrors++;
      return;
    }
    expect({ signal: found.signal, code: found.code }, `page ${page}`).toEqual(
      expected?.kind === "signal" ? { signal: expected.signal, code: expected.code } : expected,
    );
  }

  private mmap(program: Program, page: number, nr: number, file: TestFile): void {
    const prot = this.pick(PROTS);
    const isShared = this.below(2) === 1;
    const isAnonymous = this.below(2) === 1;
    const index = isAnonymous ? 0 : this.below(MAX_FILE_PAGES);
    const flags = MAP_FIXED | (isShared ? MAP_SHARED : MAP_PRIVATE) | (isAnonymous ? MAP_ANONYMOUS : 0);
    const result = this.kernel.mmap(
      program.task,
      addressOf(page),
      nr * PAGE_SIZE,
      prot,
      flags,
      isAnonymous ? -1 : file.fileId,
      index * PAGE_SIZE,
    );
    if (program.task.hasExited) return;
    expect(result).toBe(addressOf(page));
    const object = isAnonymous ? (isShared ? new PlainObject(nr) : null) : file.object;
    for (let at = 0; at < nr; at++) {
      program.memory.pages.set(page + at, newPage(object, index + at, isShared, prot));
    }
  }

  /** Moves, and maybe shrinks or grows, pages of one mapping to a free place. */
  private mremap(program: Program, page: number, nr: number): void {
    const { pages } = program.memory;
    const first = pages.get(page);
    if (first === undefined) return;
    let nrOld = 1;
    while (nrOld < nr) {
      const next = pages.get(page + nrOld);
      if (next?.object !== first.object || next.isShared !== first.isShared) break;
      if (first.object !== null && next.index !== first.index + nrOld) break;
      nrOld++;
    }
    const nrNew = 1 + this.below(MAX_RANGE_PAGES);
    const to = this.below(ARENA_PAGES);
    for (let at = to; at < to + nrNew; at++) {
      if (at >= ARENA_PAGES || pages.has(at)) return;
    }
    if (to < page + nrOld && page < to + nrNew) return;
    const result = this.kernel.mremap(
      program.task,
      addressOf(page),
      nrOld * PAGE_SIZE,
      nrNew * PAGE_SIZE,
      MREMAP_MAYMOVE | MREMAP_FIXED,
      addressOf(to),
    );
    if (program.task.hasExited) return;
    if (result < 0) {
      // Several mappings can be moved, not resized; a shrinking call has cut the end off before it finds out.
      if (nrNew < nrOld && !pagesStillMapped(this.kernel, program.task, page + nrNew)) {
        program.memory.unmap(page + nrNew, nrOld - nrNew);
      }
      return;
    }
    expect(result).toBe(addressOf(to));
    const last = pages.get(page + nrOld - 1)!;
    for (let at = 0; at < nrNew; at++) {
      const moved = at < nrOld ? pages.get(page + at)! : undefined;
      pages.set(to + at, moved ?? { ...last, index: last.index + at - nrOld + 1, own: null, isGuard: false });
    }
    program.memory.unmap(page, nrOld);
    for (let at = to; at < to + nrNew; at++) if (pages.get(at)!.isLocked) noteCopy(pages.get(at)!);
  }

  private madvise(program: Program, page: number, nr: number, advice: number): void {
    this.lastSteps[this.lastSteps.length - 1] += ` advice ${advice}`;
    const isPopulate = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
    const canPopulate = program.memory.canPopulate(page, nr, advice === MADV_POPULATE_WRITE);
    if (advice === MADV_POPULATE_WRITE) program.memory.populateWrite(page, nr);
    const expected = isPopulate ? 0 : program.memory.advise(page, nr, advice);
    const result = this.kernel.madvise(program.task, addressOf(page), nr * PAGE_SIZE, advice);
    if (!isPopulate) this.check(program, result, expected);
    else if (canPopulate) this.check(program, result, 0);
    else if (!program.task.hasExited) expect(result).toBeLessThan(0);
  }

  private fork(who: number): void {
    const parent = this.programs[who];
    const place = (who + 1) % NR_PROGRAMS;
    this.kernel.exit(this.programs[place].task);
    try {
      const task = this.kernel.fork(parent.task);
      this.programs[place] = { task, memory: parent.memory.fork() };
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.programs[place] = this.fresh(place);
    }
  }

  private ftruncate(program: Program, { fileId, object }: TestFile, nrPages: number): void {
    this.check(program, this.kernel.ftruncate(program.task, fileId, nrPages * PAGE_SIZE), 0);
    for (const index of object.bytes.keys()) if (index >= nrPages) object.bytes.delete(index);
    object.nrPages = nrPages;
    for (const { memory } of this.programs) memory.truncate(object, nrPages);
  }

  private punch(program: Program, { fileId, object }: TestFile, index: number, nr: number): void {
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const result = this.kernel.fallocate(program.task, fileId, mode, index * PAGE_SIZE, nr * PAGE_SIZE);
    this.check(program, result, 0);
    for (let at = index; at < index + nr; at++) object.bytes.delete(at);
  }

  private pread(program: Program, { fileId, object }: TestFile, index: number): void {
    const into = new Uint8Array(1);
    const result = this.kernel.pread(program.task, fileId, into, index * PAGE_SIZE);
    if (program.task.hasExited || (this.isSwapFaulty && result < 0)) return;
    expect(result, `pread of page ${index}`).toBe(index < object.nrPages ? 1 : 0);
    if (result === 1) expect(into[0], `pread of page ${index}`).toBe(object.bytes.get(index) ?? 0);
  }

  private pwrite(program: Program, { fileId, object }: TestFile, index: number, byte: number): void {
    const result = this.kernel.pwrite(program.task, fileId, Uint8Array.of(byte), index * PAGE_SIZE);
    if (program.task.hasExited || (this.isSwapFaulty && result < 0)) return;
    expect(result).toBe(1);
    object.bytes.set(index, byte);
    object.nrPages = Math.max(object.nrPages, index + 1);
  }

  private check(program: Program, result: number, expected: number): void {
    if (program.task.hasExited || (this.isSwapFaulty && result < 0)) return;
    expect(result).toBe(expected);
  }

  /** Starts a program in a place; when there is no memory even for that, others end first. */
  private fresh(at: number): Program {
    const cpu = at % this.kernel.sys.cpus.length;
    for (const other of [null, ...this.programs.map(({ task }) => task)]) {
      if (other?.hasExited === false) this.kernel.exit(other);
      try {
        return { task: this.kernel.spawn(`p${at}`, cpu), memory: new PlainProgram() };
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
      }
    }
    throw new Error(`no memory for p${at} with no other program there`);
  }

  private replaceKilled(): void {
    const findKilled = (): number => this.programs.findIndex(({ task }) => task.hasExited);
    let nrStarted = 0;
    for (let at = findKilled(); at >= 0; at = findKilled()) {
      this.nrKilled++;
      // Where each start kills another program, all begin again.
      if (++nrStarted % (2 * NR_PROGRAMS) === 0) this.exitAll();
      if (nrStarted > 8 * NR_PROGRAMS)
        throw new Error(`there is no memory for ${NR_PROGRAMS} empty programs`);
      this.programs[at] = this.fresh(at);
    }
  }

  private exitAll(): void {
    for (const { task } of this.programs) if (!task.hasExited) this.kernel.exit(task);
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  /** A number from 0 to `bound` - 1 (xorshift32). */
  private below(bound: number): number {
    let { state } = this;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % bound;
  }
}

function addressOf(page: number): number {
  return (ARENA_VPN + page) * PAGE_SIZE;
}

function pagesStillMapped(kernel: Kernel, task: Task, page: number): boolean {
  const { space } = task.mm;
  const vma = space.findVma(ARENA_VPN + page);
  return vma >= 0 && space.pool.startVpn[vma] <= ARENA_VPN + page && kernel.sys.mms[task.mm.id] === task.mm;
}
