import {
  EACCES,
  EISDIR,
  ELIBBAD,
  ENOENT,
  ENOEXEC,
  ETXTBSY,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  PAGE_SIZE,
  RUN_EXEC,
} from "@pageframe/contracts";
import { ADDR_NO_RANDOMIZE, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { DiskWorld } from "./mapped-world.ts";

const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const [R, RW, RX, RWX] = [4, 6, 5, 7];

interface Phdr {
  type: number;
  flags: number;
  offset?: number;
  vaddr?: number;
  fileBytes?: number;
  memBytes?: number;
  align?: number;
}

interface Elf {
  type?: number;
  machine?: number;
  phdrs: Phdr[];
  sizeBytes: number;
  /** Bytes at places. */
  bytes?: Record<number, Uint8Array>;
}

/** Writes an ELF file for 64 bits as the gABI says: header, program headers behind it, bytes where they are wanted. */
function elf({ type = 2, machine = EM_X86_64, phdrs, sizeBytes, bytes = {} }: Elf): Uint8Array {
  const file = new Uint8Array(sizeBytes);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, phdrs.length, true);
  phdrs.forEach((phdr, index) => {
    const at = 64 + index * 56;
    const { fileBytes = 0, vaddr = 0 } = phdr;
    view.setUint32(at, phdr.type, true);
    view.setUint32(at + 4, phdr.flags, true);
    view.setBigUint64(at + 8, BigInt(phdr.offset ?? 0), true);
    view.setBigUint64(at + 16, BigInt(vaddr), true);
    view.setBigUint64(at + 32, BigInt(fileBytes), true);
    view.setBigUint64(at + 40, BigInt(phdr.memBytes ?? fileBytes), true);
    view.setBigUint64(at + 48, BigInt(phdr.align ?? PAGE_SIZE), true);
  });
  for (const [at, part] of Object.entries(bytes)) file.set(part, Number(at));
  return file;
}

function load(flags: number, vaddr: number, offset: number, fileBytes: number, memBytes = fileBytes): Phdr {
  return { type: PT_LOAD, flags, vaddr, offset, fileBytes, memBytes };
}

/** Text of 64 pages at 0x400000, and data whose last page has 0x80 bytes of data, bss behind, and more of the file. */
const TEXT_BYTES = 64 * PAGE_SIZE;
const DATA = 0x600000;
const PLAIN: Elf = {
  phdrs: [load(RX, 0x400000, 0, TEXT_BYTES), load(RW, DATA, TEXT_BYTES, 0x1080, 0x3000)],
  sizeBytes: TEXT_BYTES + 2 * PAGE_SIZE,
  bytes: { [TEXT_BYTES]: new Uint8Array(2 * PAGE_SIZE).fill(0xdd) },
};

class ExecWorld extends DiskWorld {
  /** Copies a program into the file system, and drops it from memory. */
  install(path: string, bytes: Uint8Array, mode = 0o755): void {
    const { kernel, task } = this;
    const file = kernel.open(task, path, O_RDWR | O_CREAT, mode);
    expect(kernel.pwrite(task, file, bytes, 0)).toBe(bytes.length);
    kernel.fsync(task, file);
    kernel.closeFile(file);
    this.dropCaches();
  }

  dropCaches(): void {
    this.kernel.sync(this.task);
    expect(this.kernel.setSysctl("vm/drop_caches", "3")).toBe(0);
  }

  /** A task that runs a program. */
  run(path: string): Task {
    const task = this.kernel.spawn("sh");
    this.kernel.personality(task, ADDR_NO_RANDOMIZE);
    expect(this.kernel.execve(task, { path })).toBe(0);
    this.kernel.audit();
    return task;
  }

  /** What execve() of a path says to a task of its own. */
  error(path: string, uid = 0): number {
    const task = this.kernel.spawn("sh");
    if (uid !== 0) this.kernel.setuid(task, uid);
    const result = this.kernel.execve(task, { path });
    this.kernel.exit(task);
    this.kernel.audit();
    return result;
  }

  maps(task: Task): string[] {
    const lines = this.kernel.proc.mapsText(task).trim().split("\n");
    return lines
      .map((line) =>
        line
          .replace(/ +/g, " ")
          .replace(/ [0-9a-f]+:[0-9a-f]+ \d+/, "")
          .trim(),
      )
      .slice(0, 3);
  }
}

describe("A program in a file system", () => {
  it("is mapped as its headers say, its bss zeros from the middle of a page on", () => {
    const world = new ExecWorld();
    world.install("/mnt/prog", elf(PLAIN));
    const task = world.run("/mnt/prog");
    expect(task.name).toBe("prog");
    expect(world.maps(task)).toEqual([
      "00400000-00440000 r-xp 00000000 /mnt/prog",
      "00600000-00602000 rw-p 00040000 /mnt/prog",
      "00602000-00603000 rw-p 00000000",
    ]);
    const bytes = [DATA, DATA + 0x107f, DATA + 0x1080, DATA + 0x1fff, DATA + 0x2000];
    expect(bytes.map((address) => world.kernel.read(task, address))).toEqual([0xdd, 0xdd, 0, 0, 0]);
    // The file has what it had.
    const file = world.kernel.open(world.task, "/mnt/prog");
    const last = new Uint8Array(1);
    world.kernel.pread(world.task, file, last, TEXT_BYTES + 0x1fff);
    expect(last[0]).toBe(0xdd);
  });

  // Counted by getrusage(2) on Linux 6.18.44 around the same accesses to a file on ext4 that is mapped executable, after its
  // first 256 bytes were read.
  it("is read on demand: a cold start has major faults, a warm one none", () => {
    const world = new ExecWorld();
    world.install("/mnt/prog", elf(PLAIN));
    const fetchText = (task: Task): [number, number] => {
      world.faults(task);
      for (const page of [40, 20, 0]) expect(world.kernel.access(task, 0x400 + page, RUN_EXEC)).toBeNull();
      return world.faults(task);
    };
    expect(fetchText(world.run("/mnt/prog"))).toEqual([1, 2]);
    expect(fetchText(world.run("/mnt/prog"))).toEqual([3, 0]);
    world.kernel.audit();
  });

  it("shares its text among those who run it, and not its data", () => {
    const world = new ExecWorld();
    world.install("/mnt/prog", elf(PLAIN));
    const tasks = [1, 2, 3].map(() => world.run("/mnt/prog"));
    for (const task of tasks) {
      for (let page = 0; page < 64; page++) world.kernel.access(task, 0x400 + page, RUN_EXEC);
      world.kernel.write(task, DATA, 1);
    }
    const { memmap, files } = world.kernel.sys;
    const { pages } = files.inodeOf(tasks[0].mm.exeFileId);
    expect([0, 31, 63].map((page) => memmap.mapcount[pages.load(page)])).toEqual([3, 3, 3]);
    const pss = world.kernel.proc.smapsText(tasks[0]).match(/Pss: +(\d+) kB/g)?.[0];
    // 256 kB of text by three.
    expect(pss).toMatch(/ 85 kB$/);
    const [first, second] = tasks.map((task) => world.kernel.read(task, DATA));
    expect([first, second]).toEqual([1, 1]);
    world.kernel.write(tasks[1], DATA, 2);
    expect(world.kernel.read(tasks[0], DATA)).toBe(1);
    world.kernel.audit();
  });

  it("is loaded by the interpreter that it names", () => {
    const world = new ExecWorld();
    world.kernel.mkdir(world.task, "/mnt/lib");
    const name = new TextEncoder().encode("/mnt/lib/ld.so\0");
    const bytes = { 0x200: name };
    const interp = { type: PT_INTERP, flags: R, offset: 0x200, fileBytes: name.length };
    const phdrs = [interp, load(RX, 0, 0, 0x2000), load(RW, 0x3000, 0x2000, 0x10, 0x2000)];
    world.install("/mnt/pie", elf({ type: 3, phdrs, sizeBytes: 0x3000, bytes }));
    expect(world.error("/mnt/pie")).toBe(-ENOENT);
    world.install("/mnt/lib/ld.so", new Uint8Array(4096).fill(1));
    expect(world.error("/mnt/pie")).toBe(-ELIBBAD);
    world.kernel.unlink(world.task, "/mnt/lib/ld.so");
    world.install("/mnt/lib/ld.so", elf({ type: 3, phdrs: [load(RX, 0, 0, 0x4000)], sizeBytes: 0x4000 }));
    const task = world.run("/mnt/pie");
    expect(world.maps(task)).toEqual([
      "555555554000-555555556000 r-xp 00000000 /mnt/pie",
      "555555557000-555555558000 rw-p 00002000 /mnt/pie",
      "555555558000-555555559000 rw-p 00000000",
    ]);
    expect(world.kernel.proc.mapsText(task)).toContain(" r-xp 00000000 fe:00 ");
    expect(world.kernel.proc.mapsText(task)).toContain("/mnt/lib/ld.so");
    // Only the program is held: its loader may be replaced while it is mapped.
    expect(world.kernel.open(world.task, "/mnt/lib/ld.so", O_WRONLY)).toBeGreaterThanOrEqual(0);
    expect(world.kernel.open(world.task, "/mnt/pie", O_WRONLY)).toBe(-ETXTBSY);
  });

  it("has an executable stack if PT_GNU_STACK says so, and goes to a multiple of its largest alignment", () => {
    const world = new ExecWorld();
    const text = { ...load(RX, 0, 0, 0x1000), align: 0x200000 };
    const phdrs = [text, { type: PT_GNU_STACK, flags: RWX }];
    world.install("/mnt/static-pie", elf({ type: 3, phdrs, sizeBytes: 0x1000 }));
    const task = world.run("/mnt/static-pie");
    const maps = world.kernel.proc.mapsText(task);
    expect(maps).toMatch(/rwxp.*\[stack\]/);
    const line = maps.split("\n").find((text_) => text_.endsWith("/mnt/static-pie")) ?? "";
    expect(Number.parseInt(line, 16) % 0x200000).toBe(0);
    world.install("/mnt/prog", elf(PLAIN));
    expect(world.kernel.proc.mapsText(world.run("/mnt/prog"))).toMatch(/rw-p.*\[stack\]/);
  });
});

describe("execve of a path", () => {
  it("says why not", () => {
    const world = new ExecWorld();
    const { kernel } = world;
    kernel.mkdir(world.task, "/mnt/dir");
    world.install("/mnt/plain", elf(PLAIN), 0o644);
    world.install("/mnt/mine", elf(PLAIN), 0o750);
    world.install("/mnt/text", new TextEncoder().encode("hello"));
    world.install("/mnt/empty", new Uint8Array(0));
    world.install("/mnt/arm", elf({ ...PLAIN, machine: 183 }));
    world.install("/mnt/object", elf({ ...PLAIN, type: 1 }));
    world.install("/mnt/nothing", elf({ ...PLAIN, phdrs: [] }));
    world.install("/mnt/cut", elf(PLAIN).subarray(0, 100));
    expect(world.error("/mnt/none")).toBe(-ENOENT);
    expect(world.error("/mnt/dir")).toBe(-EACCES);
    expect(world.error("/mnt/plain")).toBe(-EACCES);
    expect(world.error("/mnt/mine")).toBe(0);
    expect(world.error("/mnt/mine", 1000)).toBe(-EACCES);
    for (const name of ["text", "empty", "arm", "object", "nothing", "cut"]) {
      expect([name, world.error(`/mnt/${name}`)]).toEqual([name, -ENOEXEC]);
    }
    expect(kernel.open(world.task, "/mnt/dir", O_WRONLY)).toBe(-EISDIR);
  });

  it("takes no interpreter whose path has no end", () => {
    const world = new ExecWorld();
    const interp = { type: PT_INTERP, flags: R, offset: 0x200, fileBytes: 4 };
    const bytes = { 0x200: new TextEncoder().encode("/mnt/x") };
    const phdrs = [interp, load(RX, 0x400000, 0, 0x1000)];
    world.install("/mnt/a", elf({ phdrs, sizeBytes: 0x1000, bytes }));
    expect(world.error("/mnt/a")).toBe(-ENOEXEC);
  });

  it("finds the text busy while it is open for writing, and lets nobody write it while it runs", () => {
    const world = new ExecWorld();
    const { kernel, task } = world;
    world.install("/mnt/prog", elf(PLAIN));
    const writer = kernel.open(task, "/mnt/prog", O_RDWR);
    expect(world.error("/mnt/prog")).toBe(-ETXTBSY);
    kernel.closeFile(writer);
    const running = world.run("/mnt/prog");
    const child = kernel.fork(running);
    expect(kernel.open(task, "/mnt/prog", O_RDWR)).toBe(-ETXTBSY);
    expect(kernel.open(task, "/mnt/prog", O_RDONLY | O_TRUNC)).toBe(-ETXTBSY);
    expect(kernel.open(task, "/mnt/prog")).toBeGreaterThanOrEqual(0);
    kernel.exit(running);
    expect(kernel.open(task, "/mnt/prog", O_RDWR)).toBe(-ETXTBSY);
    // Another program in its place lets the file go.
    world.install("/mnt/other", elf(PLAIN));
    expect(kernel.execve(child, { path: "/mnt/other" })).toBe(0);
    expect(kernel.open(task, "/mnt/prog", O_RDWR)).toBeGreaterThanOrEqual(0);
    kernel.audit();
  });

  it("runs a program whose name goes, until it ends", () => {
    const world = new ExecWorld();
    const { kernel } = world;
    world.install("/mnt/prog", elf(PLAIN));
    const before = kernel.statfs(world.task, "/mnt");
    const running = world.run("/mnt/prog");
    expect(kernel.unlink(world.task, "/mnt/prog")).toBe(0);
    expect(kernel.read(running, DATA)).toBe(0xdd);
    expect(kernel.umount("/mnt")).not.toBe(0);
    kernel.exit(running);
    kernel.audit();
    const after = kernel.statfs(world.task, "/mnt");
    if (typeof before === "number" || typeof after === "number") throw new Error("statfs");
    expect(after.nrFreeBlocks).toBeGreaterThan(before.nrFreeBlocks);
  });
});
