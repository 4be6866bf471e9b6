/**
 * Four tasks that use files on a disk in every way there is, with a plain model beside them. Steps come from a generator of
 * its own; a failure names the seed and the last steps.
 */
import {
  EACCES,
  EBADF,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENXIO,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_DONTNEED,
  MADV_PAGEOUT,
  MADV_WILLNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_ASYNC,
  MS_SYNC,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DSYNC,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  SECTOR_SIZE,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
  SIGBUS,
  SIGKILL,
} from "@pageframe/contracts";
import { type Kernel, type Task, type TaskSignal } from "@pageframe/kernel";
import { FMODE_READ } from "@pageframe/vma";
import {
  copyMapped,
  mappedByte,
  PlainDirectory,
  PlainFile,
  type PlainMapped,
  PlainSymlink,
  PlainTree,
  writeMappedByte,
} from "./plain-disk.ts";

export const MOUNT = "/mnt";
const ARENA_VPN = 0x1_0000_0000;
const ARENA_PAGES = 96;
const ANON_VPN = 0x2_0000_0000;
const NR_TASKS = 4;
const MAX_OPEN = 10;
const MAX_RANGE_PAGES = 16;
/** Most pages of a file unless told, and a page far behind them where some files have a few more. */
const MAX_FILE_PAGES = 40;
const FAR_PAGE = 500;
const NR_REMEMBERED_STEPS = 30;
const DIRECTORIES = ["", "", "", "/d0", "/d1", "/d0/e"];
const NAMES = ["a", "b", "c", "d", "e", "d0", "d1", "l"];
const NOISE_BYTES = 1 << 18;

const STEPS = {
  open: 7,
  close: 2,
  read: 6,
  write: 8,
  scan: 2,
  pread: 20,
  pwrite: 30,
  lseek: 4,
  mmap: 9,
  munmap: 3,
  look: 24,
  touch: 36,
  msync: 3,
  madvise: 4,
  fork: 1,
  exit: 1,
  ftruncate: 5,
  fallocate: 3,
  punch: 5,
  fadvise: 6,
  fsync: 3,
  fdatasync: 2,
  sync: 1,
  syncfs: 1,
  rename: 4,
  unlink: 3,
  link: 2,
  symlink: 1,
  mkdir: 2,
  rmdir: 2,
  dropCaches: 1,
  sleep: 6,
  anon: 10,
  stat: 4,
  compare: 1,
} as const;
export type StepName = keyof typeof STEPS;
const STEP_NAMES = Object.keys(STEPS) as StepName[];
const OPEN_FLAGS = [
  O_RDWR | O_CREAT,
  O_RDWR | O_CREAT,
  O_RDWR | O_CREAT,
  O_RDWR | O_CREAT | O_DIRECT,
  O_RDWR | O_DIRECT,
  O_RDWR | O_CREAT | O_APPEND,
  O_RDWR | O_CREAT | O_EXCL,
  O_RDWR | O_CREAT | O_TRUNC,
  O_RDWR | O_CREAT | O_SYNC,
  O_RDWR | O_DSYNC,
  O_WRONLY | O_CREAT | O_NOFOLLOW,
  O_WRONLY | O_APPEND | O_DIRECT,
  O_RDONLY,
  O_RDONLY,
  O_RDONLY | O_DIRECT,
  O_RDONLY | O_TRUNC,
];

interface Program {
  task: Task;
  pages: Map<number, PlainMapped>;
  /** Bytes of anonymous pages, by page. */
  anon: Map<number, number>;
}

interface Opening {
  readonly id: number;
  readonly file: PlainFile;
  readonly flags: number;
  position: number;
}

/** How a world differs from a machine that has all it needs. */
export interface DiskWorldOptions {
  readonly seed: number;
  readonly diskName?: string;
  /** May the disk become full? */
  readonly isSmallDisk?: boolean;
  /** Memory may be short: calls may answer -ENOMEM, tasks may be killed. */
  readonly isSmallMemory?: boolean;
  /** Anonymous pages that each task plays with. */
  readonly nrAnonPages?: number;
  /** Most pages of a file, and a page where some have more. */
  readonly maxFilePages?: number;
  readonly farPage?: number;
  /** Weights of steps in place of the usual ones. */
  readonly weights?: Partial<Record<StepName, number>>;
  /** Names in place of an empty tree. */
  readonly tree?: PlainTree;
}

/** A machine with a file system at /mnt and its plain model. */
export class DiskWorld {
  readonly kernel: Kernel;
  readonly tree: PlainTree;
  readonly programs: Program[] = [];
  readonly openings: Opening[] = [];
  readonly options: DiskWorldOptions;
  readonly diskName: string;
  private readonly noise: Uint8Array;
  private readonly stepNames: readonly StepName[];
  private readonly maxFilePages: number;
  private readonly farPage: number;
  private state: number;
  private readonly lastSteps: string[] = [];
  nrSteps = 0;
  nrKilled = 0;
  nrFull = 0;
  nrNoMemory = 0;

  constructor(kernel: Kernel, options: DiskWorldOptions) {
    this.kernel = kernel;
    this.options = options;
    this.diskName = options.diskName ?? "vda";
    this.tree = options.tree ?? new PlainTree(MOUNT);
    this.maxFilePages = options.maxFilePages ?? MAX_FILE_PAGES;
    this.farPage = options.farPage ?? FAR_PAGE;
    this.stepNames = STEP_NAMES.flatMap((name) =>
      Array.from({ length: options.weights?.[name] ?? STEPS[name] }, () => name),
    );
    this.state = options.seed | 0 || 1;
    this.noise = Uint8Array.from({ length: NOISE_BYTES }, () => this.below(256));
    for (let at = 0; at < NR_TASKS; at++) this.programs.push(this.fresh(at));
  }

  /** Runs steps; a failure says which seed and what came before. */
  run(nrSteps: number): void {
    for (let done = 0; done < nrSteps; done++) {
      this.guard(() => {
        this.step();
      });
      this.nrSteps++;
    }
  }

  /** Passes an error on with what is needed to see it again. */
  protected guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(
        `seed ${this.options.seed}, step ${this.nrSteps}: ${what}\n${this.lastSteps.join("\n")}`,
        {
          cause: error,
        },
      );
    }
  }

  protected step(): void {
    const name = this.pick(this.stepNames);
    const who = this.below(NR_TASKS);
    const program = this.programs[who];
    this.lastSteps.push(`${name} P${who}`);
    if (this.lastSteps.length > NR_REMEMBERED_STEPS) this.lastSteps.shift();
    this.kernel.runDaemons();
    this.doStep(name, who, program);
    this.replaceKilled();
  }

  private replaceKilled(): void {
    for (let at = 0; at < NR_TASKS; at++) {
      if (!this.programs[at].task.hasExited) continue;
      if (this.options.isSmallMemory !== true) throw new Error(`P${at} was killed`);
      this.nrKilled++;
      this.programs[at] = this.fresh(at);
    }
  }

  private doStep(name: StepName, who: number, program: Program): void {
    switch (name) {
      case "open":
        this.open(program);
        return;
      case "mkdir":
        this.nameCall(program, "mkdir", this.path());
        return;
      case "rmdir":
        this.nameCall(program, "rmdir", this.path());
        return;
      case "unlink":
        this.nameCall(program, "unlink", this.path());
        return;
      case "rename":
      case "link":
        this.twoNameCall(program, name, this.path(), this.path());
        return;
      case "symlink":
        this.twoNameCall(program, name, this.path(), this.path());
        return;
      case "stat":
        this.stat(program, this.path());
        return;
      case "look":
        this.look(program);
        return;
      case "touch":
        this.touch(program);
        return;
      case "munmap":
        this.munmap(program);
        return;
      case "msync":
        this.msync(program);
        return;
      case "madvise":
        this.madvise(program);
        return;
      case "anon":
        this.anon(program);
        return;
      case "fork":
        this.fork(who);
        return;
      case "exit":
        this.kernel.exit(program.task);
        this.programs[who] = this.fresh(who);
        return;
      case "sync":
        this.kernel.sync(program.task);
        this.promised(null);
        return;
      case "dropCaches":
        this.expect("drop_caches", this.kernel.setSysctl("vm/drop_caches", String(1 + this.below(3))), 0);
        return;
      case "sleep":
        this.kernel.sleep(program.task, this.pick([1_000, 100_000, 5_000_000, 20_000_000, 6_000_000_000]));
        return;
      default:
        if (this.openings.length > 0) this.fileStep(name, program, this.pick(this.openings));
    }
  }

  /** Steps on an open file. */
  private fileStep(name: StepName, program: Program, opening: Opening): void {
    this.note(` f${opening.id}:${opening.flags.toString(8)} size ${opening.file.sizeBytes}`);
    const { kernel } = this;
    const { task } = program;
    switch (name) {
      case "close":
        this.close(opening);
        return;
      case "read":
      case "pread":
        this.readFile(program, opening, name === "read");
        return;
      case "scan":
        opening.position -= opening.position % SECTOR_SIZE;
        this.expect("lseek", kernel.lseek(task, opening.id, opening.position, SEEK_SET), opening.position);
        for (let nr = this.below(12); nr > 0 && !task.hasExited; nr--) this.readFile(program, opening, true);
        return;
      case "write":
      case "pwrite":
        this.writeFile(program, opening, name === "write");
        return;
      case "lseek":
        this.lseek(program, opening);
        return;
      case "mmap":
        this.mmap(program, opening);
        return;
      case "ftruncate":
        this.ftruncate(program, opening);
        return;
      case "fallocate":
        this.fallocate(program, opening);
        return;
      case "punch":
        this.punch(program, opening);
        return;
      case "fadvise": {
        const at = this.position(opening, 1);
        const nrBytes = this.pick([0, PAGE_SIZE, this.below(30 * PAGE_SIZE)]);
        const advice = this.below(6);
        this.note(` ${at} ${nrBytes} advice ${advice}`);
        this.expect(name, kernel.fadvise(task, opening.id, at, nrBytes, advice), 0);
        return;
      }
      case "fsync":
        this.expect(name, kernel.fsync(task, opening.id), 0);
        this.promised(opening.file);
        return;
      case "fdatasync":
        this.expect(name, kernel.fdatasync(task, opening.id), 0);
        this.promised(opening.file);
        return;
      case "syncfs":
        this.expect(name, kernel.syncfs(task, opening.id), 0);
        this.promised(null);
        return;
      case "compare":
        this.compareFile(opening.file, opening.id, `f${opening.id}`, program);
        return;
      default:
        throw new Error(`no step ${name}`);
    }
  }

  /** A file, or with `index` one page of it, is durable from here on; null: everything is. */
  protected promised(_file: PlainFile | null, _index?: number): void {
    // Nobody cuts the power here.
  }

  // Names.

  private open(program: Program): void {
    const path = this.path();
    const flags = this.pick(OPEN_FLAGS);
    this.note(` ${path} ${flags.toString(8)}`);
    if (this.openings.length >= MAX_OPEN) this.close(this.pick(this.openings));
    const found = this.kernel.open(program.task, path, flags);
    if (found === -ENOSPC && this.isFull(found)) return;
    if (this.isKilled(program, found)) return;
    const hasWrite = (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
    const file = this.tree.open(path, {
      create: (flags & O_CREAT) !== 0,
      exclusive: (flags & O_EXCL) !== 0,
      noFollow: (flags & O_NOFOLLOW) !== 0,
      hasWrite,
    });
    if (typeof file === "number") {
      this.expect(`open of ${path}`, found, file);
      return;
    }
    if (file instanceof PlainDirectory && (flags & O_DIRECT) !== 0) {
      this.expect(`open of ${path}`, found, -EINVAL);
      return;
    }
    if (found < 0) throw new Error(`open of ${path} gave ${found}`);
    if (file instanceof PlainDirectory) {
      this.expect("close", this.kernel.closeFile(found), 0);
      return;
    }
    if ((flags & O_TRUNC) !== 0) this.truncateModel(file, 0);
    this.openings.push({ id: found, file, flags, position: 0 });
  }

  private close(opening: Opening): void {
    this.expect("close", this.kernel.closeFile(opening.id), 0);
    this.openings.splice(this.openings.indexOf(opening), 1);
  }

  private nameCall(program: Program, name: "mkdir" | "rmdir" | "unlink", path: string): void {
    this.note(` ${path}`);
    const found = this.kernel[name](program.task, path);
    if (this.isFull(found) || this.isKilled(program, found)) return;
    this.expect(`${name} of ${path}`, found, this.tree[name](path));
  }

  private twoNameCall(
    program: Program,
    name: "rename" | "link" | "symlink",
    path: string,
    newPath: string,
  ): void {
    this.note(` ${path} ${newPath}`);
    const found = this.kernel[name](program.task, path, newPath);
    if (this.isFull(found) || this.isKilled(program, found)) return;
    this.expect(`${name} of ${path} to ${newPath}`, found, this.tree[name](path, newPath));
  }

  private stat(program: Program, path: string): void {
    this.note(` ${path}`);
    const found = this.kernel.stat(program.task, path, true);
    const place = this.tree.walk(path, true);
    const node = typeof place === "number" ? null : place.node;
    if (typeof found === "number") {
      if (this.isKilled(program, found)) return;
      this.expect(`stat of ${path}`, found, typeof place === "number" ? place : -ENOENT);
      return;
    }
    if (node === null) throw new Error(`stat of ${path} found something`);
    if (!(node instanceof PlainFile)) return;
    this.expect(`size of ${path}`, found.sizeBytes, node.sizeBytes);
    this.expect(`links of ${path}`, found.nrLinks, node.nrLinks);
  }

  // Reading and writing.

  private readFile(program: Program, opening: Opening, isAtPosition: boolean): void {
    const { file, flags } = opening;
    const at = isAtPosition ? opening.position : this.position(opening);
    const to = new Uint8Array(this.length(opening));
    this.note(` ${at} ${to.length}`);
    const { task } = program;
    const found = isAtPosition
      ? this.kernel.readFile(task, opening.id, to)
      : this.kernel.pread(task, opening.id, to, at);
    let expected = Math.max(0, Math.min(to.length, file.sizeBytes - at));
    if ((flags & O_ACCMODE) === O_WRONLY) expected = -EBADF;
    else if (
      (flags & O_DIRECT) !== 0 &&
      expected > 0 &&
      (at % SECTOR_SIZE > 0 || to.length % SECTOR_SIZE > 0)
    )
      expected = -EINVAL;
    if (this.isKilled(program, found)) return;
    // Memory may run out on the way.
    const isShort = this.options.isSmallMemory === true && found > 0 && found < expected;
    if (!isShort) this.expect("bytes read", found, expected);
    if (found <= 0) return;
    const wrong = file.firstDifference(at, to.subarray(0, found));
    if (wrong >= 0) throw new Error(`byte ${wrong} reads as ${to[wrong - at]} and is ${file.byte(wrong)}`);
    if (isAtPosition) opening.position += found;
  }

  private writeFile(program: Program, opening: Opening, isAtPosition: boolean): void {
    const { file, flags } = opening;
    const isAppend = (flags & O_APPEND) !== 0;
    const at = isAtPosition ? opening.position : this.position(opening);
    const where = isAppend ? file.sizeBytes : at;
    const from = this.bytes(this.length(opening));
    this.note(` ${where} ${from.length}`);
    const { task } = program;
    const found = isAtPosition
      ? this.kernel.writeFile(task, opening.id, from)
      : this.kernel.pwrite(task, opening.id, from, at);
    if (isAtPosition && isAppend && (flags & O_ACCMODE) !== O_RDONLY) opening.position = where;
    let expected = from.length;
    if ((flags & O_ACCMODE) === O_RDONLY) expected = -EBADF;
    else if ((flags & O_DIRECT) !== 0 && (where % SECTOR_SIZE > 0 || from.length % SECTOR_SIZE > 0))
      expected = -EINVAL;
    if (found >= 0 && found <= from.length && expected > 0) {
      file.write(where, from.subarray(0, found));
      if (isAtPosition) opening.position += found;
      if (found < expected && (task.hasExited || this.isFull(-ENOSPC))) return;
    }
    if (this.isFull(found) || this.isKilled(program, found)) return;
    this.expect("bytes written", found, expected);
    if (found > 0 && (flags & O_DSYNC) !== 0) this.promised(file);
  }

  private lseek(program: Program, opening: Opening): void {
    const { file } = opening;
    const whence = this.pick([SEEK_SET, SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE]);
    const at =
      whence === SEEK_CUR || whence === SEEK_END ? this.below(8192) - 6000 : this.position(opening, 1);
    this.note(` ${at} whence ${whence}`);
    const found = this.kernel.lseek(program.task, opening.id, at, whence);
    if (whence === SEEK_DATA || whence === SEEK_HOLE) {
      if (at >= file.sizeBytes) this.expect("lseek", found, -ENXIO);
      else if (found === -ENXIO && whence === SEEK_DATA) {
        if (!file.isZero(at, file.sizeBytes)) throw new Error("lseek found no data where there is some");
      } else if (found < at || found > file.sizeBytes) throw new Error(`lseek gave ${found}`);
      else if (whence === SEEK_DATA && !file.isZero(at, found)) throw new Error("lseek went past data");
      else if (whence === SEEK_HOLE && found < file.sizeBytes) {
        const end = Math.ceil((found + 1) / PAGE_SIZE) * PAGE_SIZE;
        if (!file.isZero(found, end)) throw new Error(`lseek found data in place of a hole at ${found}`);
      }
      if (found >= 0) opening.position = found;
      return;
    }
    const base = whence === SEEK_SET ? 0 : whence === SEEK_CUR ? opening.position : file.sizeBytes;
    this.expect("lseek", found, base + at < 0 ? -EINVAL : base + at);
    if (found >= 0) opening.position = found;
  }

  // Size and holes.

  private ftruncate(program: Program, opening: Opening): void {
    const { file } = opening;
    const isNear = this.below(3) === 0;
    const nrBytes = isNear ? Math.max(0, file.sizeBytes + this.below(6000) - 3000) : this.fileOffset();
    this.note(` to ${nrBytes}`);
    const found = this.kernel.ftruncate(program.task, opening.id, nrBytes);
    if (this.isFull(found) || this.isKilled(program, found)) return;
    const expected = (opening.flags & O_ACCMODE) === O_RDONLY ? -EINVAL : 0;
    this.expect("ftruncate", found, expected);
    if (found === 0) this.truncateModel(file, nrBytes);
  }

  private fallocate(program: Program, opening: Opening): void {
    const { file } = opening;
    const at = this.fileOffset();
    const nrBytes = 1 + this.below(8 * PAGE_SIZE);
    const keepSize = this.below(2) === 0;
    this.note(` ${at} ${nrBytes} keep ${keepSize}`);
    const mode = keepSize ? FALLOC_FL_KEEP_SIZE : 0;
    const found = this.kernel.fallocate(program.task, opening.id, mode, at, nrBytes);
    if (this.isFull(found) || this.isKilled(program, found)) {
      // What was got before may stay.
      const looker = this.survivor(program);
      const attributes = this.kernel.fstat(looker, opening.id);
      if (looker !== program.task) this.kernel.exit(looker);
      if (typeof attributes === "number") throw new Error(`fstat gave ${attributes}`);
      const { sizeBytes } = attributes;
      if (
        sizeBytes < file.sizeBytes ||
        (sizeBytes > file.sizeBytes && (keepSize || sizeBytes > at + nrBytes))
      )
        throw new Error(`a fallocate that failed changed the size from ${file.sizeBytes} to ${sizeBytes}`);
      file.growInSteps(sizeBytes);
      return;
    }
    this.expect("fallocate", found, (opening.flags & O_ACCMODE) === O_RDONLY ? -EBADF : 0);
    if (found === 0 && !keepSize) file.growInSteps(at + nrBytes);
  }

  private punch(program: Program, opening: Opening): void {
    const { file, id } = opening;
    const at = this.below(3) === 0 ? this.below(this.maxFilePages) * PAGE_SIZE : this.fileOffset();
    const nrBytes = this.below(3) === 0 ? (1 + this.below(8)) * PAGE_SIZE : 1 + this.below(12 * PAGE_SIZE);
    this.note(` ${at} ${nrBytes}`);
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const found = this.kernel.fallocate(program.task, id, mode, at, nrBytes);
    if (this.isFull(found) || this.isKilled(program, found)) {
      this.adoptPunched(program, opening, at, at + nrBytes);
      return;
    }
    this.expect("punch", found, (opening.flags & O_ACCMODE) === O_RDONLY ? -EBADF : 0);
    if (found === 0) this.punchModel(file, at, at + nrBytes);
  }

  private punchModel(file: PlainFile, start: number, end: number): void {
    file.zero(start, end);
    for (const at of file.junk.keys()) if (at >= start && at < end) file.junk.set(at, 0);
  }

  /** A punch that failed: each part of a page is as it was, or zeros. */
  private adoptPunched(program: Program, { file, id }: Opening, start: number, end: number): void {
    const opening = this.openings.find(
      (other) => other.file === file && (other.flags & (O_ACCMODE | O_DIRECT)) === O_RDWR,
    );
    const { kernel } = this;
    const looker = this.survivor(program);
    // The file may have no name any more.
    const { files } = kernel.sys;
    const idToRead = opening?.id ?? files.openInode(files.inodeOf(id), FMODE_READ).id;
    const last = Math.min(end, file.sizeBytes);
    for (let at = start; at < last;) {
      const to = new Uint8Array(Math.min(last - at, PAGE_SIZE - (at % PAGE_SIZE)));
      this.expect("bytes read", kernel.pread(looker, idToRead, to, at), to.length);
      if (file.firstDifference(at, to) >= 0) {
        if (to.some((byte) => byte !== 0))
          throw new Error(`a punch that failed left byte ${at} neither old nor 0`);
        file.zero(at, at + to.length);
      }
      at += to.length;
    }
    if (opening === undefined) this.expect("close", kernel.closeFile(idToRead), 0);
    if (looker !== program.task) kernel.exit(looker);
  }

  /** Who looks at what a call left: the task, or a new one when that was killed. */
  private survivor({ task }: Program): Task {
    return task.hasExited ? this.kernel.spawn("looker") : task;
  }

  private truncateModel(file: PlainFile, sizeBytes: number): void {
    file.truncate(sizeBytes);
    for (const { pages } of this.programs) {
      for (const page of pages.values())
        if (page.file === file && page.index >= file.nrPages) page.own = null;
    }
  }

  // Mappings.

  private mmap(program: Program, opening: Opening): void {
    const { file, flags } = opening;
    const page = this.below(ARENA_PAGES);
    const nr = Math.min(1 + this.below(MAX_RANGE_PAGES), ARENA_PAGES - page);
    const index = this.below(8) === 0 ? this.farPage : this.below(file.nrPages + 2) % this.maxFilePages;
    const isShared = this.below(2) === 0;
    const isWritable = this.below(4) > 0;
    this.note(
      ` page ${page} nr ${nr} index ${index} ${isShared ? "shared" : "private"} ${isWritable ? "rw" : "r"}`,
    );
    const prot = isWritable ? PROT_READ | PROT_WRITE : PROT_READ;
    const found = this.kernel.mmap(
      program.task,
      addressOf(page),
      nr * PAGE_SIZE,
      prot,
      MAP_FIXED | (isShared ? MAP_SHARED : MAP_PRIVATE),
      opening.id,
      index * PAGE_SIZE,
    );
    const access = flags & O_ACCMODE;
    const mayNot = access === O_WRONLY || (access === O_RDONLY && isShared && isWritable);
    if (this.isKilled(program, found)) return;
    this.expect("mmap", found, mayNot ? -EACCES : addressOf(page));
    if (mayNot) return;
    const mapping = { file, isShared, isWritable, isSynced: isShared && access !== O_RDONLY };
    for (let at = 0; at < nr; at++) {
      program.pages.set(page + at, { ...mapping, index: index + at, own: null });
    }
  }

  private munmap(program: Program): void {
    const page = this.below(ARENA_PAGES);
    const nr = Math.min(1 + this.below(MAX_RANGE_PAGES), ARENA_PAGES - page);
    const found = this.kernel.munmap(program.task, addressOf(page), nr * PAGE_SIZE);
    if (this.isKilled(program, found)) return;
    this.expect("munmap", found, 0);
    for (let at = page; at < page + nr; at++) program.pages.delete(at);
  }

  /** Pages in a row that are mapped, and a first one: or null. */
  private mappedRun(program: Program): { page: number; nr: number } | null {
    if (program.pages.size === 0) return null;
    const page = this.pick([...program.pages.keys()]);
    let nr = 1;
    while (nr < MAX_RANGE_PAGES && program.pages.has(page + nr)) nr++;
    return { page, nr: 1 + this.below(nr) };
  }

  private look(program: Program): void {
    const run = this.mappedRun(program);
    if (run === null) return;
    this.note(` page ${run.page} nr ${run.nr}`);
    for (let page = run.page; page < run.page + run.nr && !program.task.hasExited; page++) {
      const mapped = program.pages.get(page)!;
      for (let nr = 0; nr < 3; nr++) this.lookAt(program, page, mapped);
    }
  }

  private lookAt(program: Program, page: number, mapped: PlainMapped): void {
    if (program.task.hasExited) return;
    const offset = this.offset(mapped);
    const found = this.kernel.read(program.task, addressOf(page) + offset);
    const expected = mappedByte(mapped, offset);
    if (typeof found !== "number") {
      this.checkSignal(program, `read of page ${page}`, found, expected.length === 0);
      return;
    }
    if (!expected.includes(found)) {
      throw new Error(
        `byte ${offset} of page ${page} (${describe(mapped)}) reads as ${found} and is ${expected.join(" or ")}`,
      );
    }
  }

  private touch(program: Program): void {
    const run = this.mappedRun(program);
    if (run === null) return;
    this.note(` page ${run.page} nr ${run.nr}`);
    for (let page = run.page; page < run.page + run.nr && !program.task.hasExited; page++) {
      const mapped = program.pages.get(page)!;
      if (!mapped.isWritable) continue;
      const offset = this.offset(mapped);
      const byte = this.below(256);
      const isBeyond = mappedByte(mapped, offset).length === 0;
      const signal = this.kernel.write(program.task, addressOf(page) + offset, byte);
      if (signal === null) {
        if (isBeyond) throw new Error(`write of page ${page} beyond the end went through`);
        writeMappedByte(mapped, offset, byte);
        continue;
      }
      if (signal.signal === SIGBUS && !isBeyond && mapped.isShared && this.isFull(-ENOSPC)) continue;
      this.checkSignal(program, `write of page ${page}`, signal, isBeyond);
    }
  }

  private checkSignal(program: Program, what: string, found: TaskSignal, isExpected: boolean): void {
    if (found.signal === SIGKILL && program.task.hasExited) return;
    if (found.signal !== SIGBUS || !isExpected) throw new Error(`${what} raised signal ${found.signal}`);
  }

  private msync(program: Program): void {
    const run = this.mappedRun(program);
    if (run === null) return;
    this.note(` page ${run.page} nr ${run.nr}`);
    const flags = this.pick([MS_SYNC, MS_SYNC, MS_ASYNC]);
    const found = this.kernel.msync(program.task, addressOf(run.page), run.nr * PAGE_SIZE, flags);
    if (this.isKilled(program, found)) return;
    this.expect("msync", found, 0);
    if (flags !== MS_SYNC) return;
    for (let page = run.page; page < run.page + run.nr; page++) {
      const { file, index, isSynced } = program.pages.get(page)!;
      if (isSynced) this.promised(file, index);
    }
  }

  /** Calls msync() wherever a file is mapped, whatever that answers. */
  protected tellMappings(file: PlainFile): void {
    for (const { task, pages } of this.programs) {
      for (const [page, mapped] of pages) {
        if (mapped.file === file) this.kernel.msync(task, addressOf(page), PAGE_SIZE, MS_SYNC);
      }
    }
  }

  private madvise(program: Program): void {
    const run = this.mappedRun(program);
    if (run === null) return;
    const advice = this.pick([MADV_DONTNEED, MADV_PAGEOUT, MADV_WILLNEED]);
    this.note(` page ${run.page} nr ${run.nr} advice ${advice}`);
    const found = this.kernel.madvise(program.task, addressOf(run.page), run.nr * PAGE_SIZE, advice);
    if (this.isKilled(program, found)) return;
    this.expect("madvise", found, 0);
    if (advice !== MADV_DONTNEED) return;
    for (let page = run.page; page < run.page + run.nr; page++) program.pages.get(page)!.own = null;
  }

  /** Memory pressure: anonymous pages are written and compared. */
  private anon(program: Program): void {
    const nrPages = this.options.nrAnonPages ?? 16;
    const page = this.below(nrPages);
    const nr = Math.min(1 + this.below(16), nrPages - page);
    for (let at = page; at < page + nr && !program.task.hasExited; at++) {
      const address = (ANON_VPN + at) * PAGE_SIZE;
      const found = this.kernel.read(program.task, address);
      if (typeof found !== "number") {
        this.checkSignal(program, `anonymous page ${at}`, found, false);
        return;
      }
      this.expect(`anonymous page ${at}`, found, program.anon.get(at) ?? 0);
      const byte = this.below(256);
      const signal = this.kernel.write(program.task, address, byte);
      if (signal !== null) this.checkSignal(program, `anonymous page ${at}`, signal, false);
      else program.anon.set(at, byte);
    }
  }

  // Tasks.

  private fork(who: number): void {
    const parent = this.programs[who];
    const place = (who + 1) % NR_TASKS;
    this.kernel.exit(this.programs[place].task);
    const pages = new Map<number, PlainMapped>();
    for (const [at, page] of parent.pages) pages.set(at, copyMapped(page));
    this.programs[place] = { task: this.kernel.fork(parent.task), pages, anon: new Map(parent.anon) };
  }

  private fresh(at: number): Program {
    const task = this.kernel.spawn(`p${at}`);
    const nrBytes = (this.options.nrAnonPages ?? 16) * PAGE_SIZE;
    const flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;
    this.kernel.mmap(task, ANON_VPN * PAGE_SIZE, nrBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    return { task, pages: new Map<number, PlainMapped>(), anon: new Map<number, number>() };
  }

  // Comparing everything.

  /** Compares the bytes of a file through an opening. */
  private compareFile(file: PlainFile, id: number, what: string, program: Program): void {
    const attributes = this.kernel.fstat(program.task, id);
    if (typeof attributes === "number") throw new Error(`fstat of ${what} gave ${attributes}`);
    this.expect(`size of ${what}`, attributes.sizeBytes, file.sizeBytes);
    this.expect(`links of ${what}`, attributes.nrLinks, file.nrLinks);
    const opening = this.openings.find((other) => other.id === id);
    if (opening !== undefined && (opening.flags & (O_ACCMODE | O_DIRECT)) !== O_RDWR) return;
    this.compareBytes(file, id, what, program.task);
  }

  private compareBytes(file: PlainFile, id: number, what: string, task: Task): void {
    const to = new Uint8Array(8 * PAGE_SIZE);
    for (let at = 0; at < file.sizeBytes && !task.hasExited;) {
      const found = this.kernel.pread(task, id, to, at);
      if (found <= 0) {
        if (found === -ENOMEM && this.options.isSmallMemory === true) return;
        throw new Error(`${what} reads ${found} at ${at}`);
      }
      const wrong = file.firstDifference(at, to.subarray(0, found));
      if (wrong >= 0)
        throw new Error(`byte ${wrong} of ${what} reads as ${to[wrong - at]} and is ${file.byte(wrong)}`);
      at += found;
    }
  }

  /** Compares all names, attributes and bytes. */
  compareAll(): void {
    this.guard(() => {
      for (const [path, dir] of this.tree.directories()) {
        const program = this.programs[0];
        const found = this.kernel.readdir(program.task, path);
        if (typeof found === "number" && this.isKilled(program, found)) {
          this.replaceKilled();
          continue;
        }
        if (typeof found === "number") throw new Error(`readdir of ${path} gave ${found}`);
        const names = found.map(({ name, type }) => `${name} ${type}`).sort();
        const expected = [...dir.names].map(([name, node]) => `${name} ${TYPES[node.kind]}`).sort();
        this.expect(`names of ${path}`, names.join(", "), expected.join(", "));
        for (const [name, node] of dir.names) {
          if (node instanceof PlainSymlink)
            this.expect(
              `link ${path}/${name}`,
              this.kernel.readlink(program.task, `${path}/${name}`),
              node.target,
            );
        }
      }
      for (const [path, file] of this.tree.files()) {
        const program = this.programs[0];
        const { task } = program;
        const id = this.kernel.open(task, path, O_RDONLY);
        if (this.isKilled(program, id)) {
          if (id >= 0) this.kernel.closeFile(id);
          this.replaceKilled();
          continue;
        }
        if (id < 0) throw new Error(`open of ${path} gave ${id}`);
        const attributes = this.kernel.fstat(task, id);
        if (typeof attributes === "number") throw new Error(`fstat of ${path} gave ${attributes}`);
        this.expect(`size of ${path}`, attributes.sizeBytes, file.sizeBytes);
        this.expect(`links of ${path}`, attributes.nrLinks, file.nrLinks);
        this.compareBytes(file, id, path, task);
        this.expect(`close of ${path}`, this.kernel.closeFile(id), 0);
        this.replaceKilled();
      }
    });
  }

  /** Ends all tasks, closes all files, unmounts, lets `look` see the disk, mounts, compares everything. */
  remount(look: () => void, isReadOnly = false): void {
    this.guard(() => {
      for (const { task } of this.programs) this.kernel.exit(task);
      for (const opening of [...this.openings]) this.close(opening);
      this.expect("umount", this.kernel.umount(MOUNT), 0);
      this.promised(null);
      this.kernel.audit();
      look();
      this.expect("mount", this.kernel.mount(this.diskName, MOUNT, { readOnly: isReadOnly }), 0);
      for (let at = 0; at < NR_TASKS; at++) this.programs[at] = this.fresh(at);
    });
    this.tree.isReadOnly = isReadOnly;
    this.compareAll();
  }

  // Chance.

  private path(): string {
    const path = `${MOUNT}${this.pick(DIRECTORIES)}/${this.pick(NAMES)}`;
    return path;
  }

  /** Where a transfer begins: anywhere in the file or a little behind, often at its end. */
  private position(opening: Opening, unit?: number): number {
    const { file, flags } = opening;
    const isDirect = (flags & O_DIRECT) !== 0 && this.below(10) > 0;
    const at = this.below(4) === 0 ? file.sizeBytes : this.fileOffset();
    const grain = unit ?? (isDirect ? this.pick([SECTOR_SIZE, PAGE_SIZE]) : this.pick([1, 1, PAGE_SIZE]));
    return Math.floor(at / grain) * grain;
  }

  private length(opening: Opening): number {
    const isDirect = (opening.flags & O_DIRECT) !== 0 && this.below(10) > 0;
    const nrBytes = this.pick([
      1 + this.below(200),
      1 + this.below(PAGE_SIZE),
      1 + this.below(5 * PAGE_SIZE),
      PAGE_SIZE,
    ]);
    return isDirect ? Math.ceil(nrBytes / SECTOR_SIZE) * SECTOR_SIZE : nrBytes;
  }

  private fileOffset(): number {
    const start = this.below(30) === 0 ? this.farPage * PAGE_SIZE : 0;
    const nrPages = this.pick([2, 8, this.maxFilePages]);
    return start + this.below(start > 0 ? 4 * PAGE_SIZE : nrPages * PAGE_SIZE);
  }

  /** A byte of a mapped page: anywhere, but seldom behind the end of the file. */
  private offset({ file, index }: PlainMapped): number {
    const nrInFile = file.sizeBytes - index * PAGE_SIZE;
    const isWithin = nrInFile > 0 && nrInFile < PAGE_SIZE && this.below(4) > 0;
    return this.below(isWithin ? nrInFile : PAGE_SIZE);
  }

  private bytes(nrBytes: number): Uint8Array {
    const at = this.below(NOISE_BYTES - nrBytes);
    return this.noise.subarray(at, at + nrBytes);
  }

  private isFull(found: number): boolean {
    if (found !== -ENOSPC || this.options.isSmallDisk !== true) return false;
    this.nrFull++;
    return true;
  }

  private isKilled(program: Program, found: number): boolean {
    if (program.task.hasExited) return true;
    if (found !== -ENOMEM || this.options.isSmallMemory !== true) return false;
    this.nrNoMemory++;
    return true;
  }

  private expect(what: string, found: unknown, expected: unknown): void {
    if (found !== expected) throw new Error(`${what}: found ${String(found)}, expected ${String(expected)}`);
  }

  private note(text: string): void {
    this.lastSteps[this.lastSteps.length - 1] += text;
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  /** A number from 0 to `bound` - 1 (xorshift32). */
  protected below(bound: number): number {
    let { state } = this;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % bound;
  }
}

const TYPES = { file: 0o100000, link: 0o120000, directory: 0o040000 };

function addressOf(page: number): number {
  return (ARENA_VPN + page) * PAGE_SIZE;
}

function describe({ index, isShared, own, file }: PlainMapped): string {
  const kind = isShared ? "shared" : own === null ? "private" : "own";
  return `${kind}, index ${index} of ${file.sizeBytes} bytes`;
}
