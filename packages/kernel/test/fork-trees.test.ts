/**
 * What one task writes privately no other ever sees; what it writes to shared memory every other does: over trees of
 * processes, with private and shared anonymous memory, a memfd mapped both ways, and a SysV segment; swap included.
 */
import {
  IPC_CREAT,
  IPC_PRIVATE,
  MADV_DONTNEED,
  MADV_PAGEOUT,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, mapPages, READ_WRITE, SHARED_ANON } from "./helpers.ts";

const REGIONS = ["private", "shared", "memfd", "memfd copy", "sysv"] as const;
type Region = (typeof REGIONS)[number];

const NR_PAGES = 3;
const MAX_TASKS = 6;
const NR_RUNS = 40;
const KINDS = [
  "write",
  "write",
  "write",
  "read",
  "fork",
  "brief",
  "brief",
  "exit",
  "exit",
  "pageout",
  "pageout",
  "dontneed",
  "start",
];

/** First page of a region in the arena; a page is left free between them. */
function startOf(region: Region): number {
  return REGIONS.indexOf(region) * (NR_PAGES + 1);
}

/** Bytes of one object: what tasks share, one a page. */
type Shared = number[];

function zeros(): Shared {
  return new Array<number>(NR_PAGES).fill(0);
}

/** A task, and what it should see. */
interface Program {
  readonly task: Task;
  /** Its objects; a child has its parent's. `private` has none: its pages begin as zeros. */
  readonly shared: Record<Exclude<Region, "private">, Shared>;
  /** Pages that it has of its own, by region and page. */
  readonly own: Map<string, number>;
}

class Forest {
  readonly kernel: Kernel = bootKernel({
    memory: "8MiB",
    contents: "sparse",
    cpus: 2,
    swap: [{ size: "4MiB" }],
  });
  readonly programs: Program[] = [];
  private readonly fd: number;
  private readonly shmId: number;
  private readonly file = zeros();
  private readonly segment = zeros();

  constructor() {
    const boss = this.kernel.spawn("boss");
    this.fd = this.kernel.memfdCreate("both ways");
    this.kernel.ftruncate(boss, this.fd, NR_PAGES * PAGE_SIZE);
    this.shmId = this.kernel.shmget(boss, IPC_PRIVATE, NR_PAGES * PAGE_SIZE, IPC_CREAT | 0o600);
    this.start();
  }

  start(): void {
    if (this.programs.length === MAX_TASKS) return;
    const { kernel } = this;
    const task = kernel.spawn("root", this.programs.length % 2);
    mapPages(kernel, task, startOf("private"), NR_PAGES);
    mapPages(kernel, task, startOf("shared"), NR_PAGES, READ_WRITE, SHARED_ANON);
    mapPages(kernel, task, startOf("memfd"), NR_PAGES, READ_WRITE, MAP_SHARED | MAP_FIXED, this.fd);
    mapPages(kernel, task, startOf("memfd copy"), NR_PAGES, READ_WRITE, MAP_PRIVATE | MAP_FIXED, this.fd);
    expect(kernel.shmat(task, this.shmId, at(startOf("sysv")))).toBe(at(startOf("sysv")));
    const shared = { shared: zeros(), memfd: this.file, "memfd copy": this.file, sysv: this.segment };
    this.programs.push({ task, shared, own: new Map() });
  }

  fork(program: Program): void {
    if (this.programs.length === MAX_TASKS) return;
    const task = this.kernel.fork(program.task);
    this.programs.push({ task, shared: program.shared, own: new Map(program.own) });
  }

  exit(program: Program): void {
    if (this.programs.length === 1) return;
    this.kernel.exit(program.task);
    this.programs.splice(this.programs.indexOf(program), 1);
  }

  /** A child that lives for one write. Its parent owns its pages alone again, unless others have them. */
  forkBriefly(program: Program, region: Region, page: number, byte: number): void {
    if (this.programs.length === MAX_TASKS) return;
    this.fork(program);
    const child = this.programs[this.programs.length - 1];
    this.write(child, region, page, byte);
    this.exit(child);
  }

  write(program: Program, region: Region, page: number, byte: number): void {
    expect(this.kernel.write(program.task, at(startOf(region) + page), byte)).toBeNull();
    if (region === "private" || region === "memfd copy") program.own.set(`${region} ${page}`, byte);
    else program.shared[region][page] = byte;
  }

  check(program: Program, region: Region, page: number): void {
    const base = region === "private" ? 0 : program.shared[region][page];
    const expected = program.own.get(`${region} ${page}`) ?? base;
    const what = `task ${program.task.pid}, ${region}, page ${page}`;
    expect(this.kernel.read(program.task, at(startOf(region) + page)), what).toBe(expected);
  }

  advise(program: Program, region: Region, advice: number): void {
    const { kernel } = this;
    expect(kernel.madvise(program.task, at(startOf(region)), NR_PAGES * PAGE_SIZE, advice)).toBe(0);
    // Its own pages are lost; what it shares stays where it is.
    if (advice === MADV_DONTNEED)
      for (let page = 0; page < NR_PAGES; page++) program.own.delete(`${region} ${page}`);
  }

  checkAll(): void {
    for (const program of this.programs)
      for (const region of REGIONS)
        for (let page = 0; page < NR_PAGES; page++) this.check(program, region, page);
    this.kernel.audit();
  }
}

describe("trees of processes", () => {
  it("see their own private writes and everybody's shared ones, and nothing else", () => {
    const step = fc.record({
      kind: fc.constantFrom(...KINDS),
      who: fc.nat(MAX_TASKS - 1),
      region: fc.constantFrom(...REGIONS),
      page: fc.nat(NR_PAGES - 1),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    let nrSwappedIn = 0;
    let nrReused = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: "max" }), (steps) => {
        const forest = new Forest();
        for (const { kind, who, region, page, byte } of steps) {
          const program = forest.programs[who % forest.programs.length];
          if (kind === "write") forest.write(program, region, page, byte);
          else if (kind === "read") forest.check(program, region, page);
          else if (kind === "fork") forest.fork(program);
          else if (kind === "brief") forest.forkBriefly(program, region, page, byte);
          else if (kind === "exit") forest.exit(program);
          else if (kind === "pageout") forest.advise(program, region, MADV_PAGEOUT);
          else if (kind === "dontneed") forest.advise(program, region, MADV_DONTNEED);
          else forest.start();
        }
        forest.checkAll();
        const { pswpin, pgreuse } = forest.kernel.proc.vmstat();
        nrSwappedIn += pswpin;
        nrReused += pgreuse;
      }),
      { seed: 42, numRuns: NR_RUNS },
    );
    // A quiet run is no test; pages that several tasks map are not paged out.
    expect(nrSwappedIn).toBeGreaterThan(NR_RUNS / 8);
    expect(nrReused).toBeGreaterThan(NR_RUNS / 8);
  });
});
