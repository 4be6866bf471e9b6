import {
  EBADF,
  EISDIR,
  ENODEV,
  ENOTDIR,
  O_DIRECTORY,
  O_RDONLY,
  ENOENT,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
  POSIX_FADV_DONTNEED,
  PROT_READ,
  PROT_WRITE,
  SIGBUS,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";

/** A machine with a file system at /mnt, and a task. */
function bootWithDisk(memory = "8MiB"): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory, contents: "sparse", disks: [{ size: "16MiB" }] });
  expect(kernel.mkfs("vda")).toBe(0);
  expect(kernel.mount("vda", "/mnt")).toBe(0);
  return { kernel, task: kernel.spawn("test") };
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + seed * 13 + (at >> 8)) & 0xff);
}

describe("files on disks", () => {
  it("read back what was written, before and after the cache is dropped and the disk mounted again", () => {
    const { kernel, task } = bootWithDisk();
    const bytes = pattern(3 * PAGE_SIZE + 100, 1);
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    expect(kernel.pwrite(task, file, bytes, 0)).toBe(bytes.length);
    const back = new Uint8Array(bytes.length + 50);
    expect(kernel.pread(task, file, back, 0)).toBe(bytes.length);
    expect(back.subarray(0, bytes.length)).toEqual(bytes);
    kernel.audit();
    expect(kernel.fsync(task, file)).toBe(0);
    expect(kernel.setSysctl("vm/drop_caches", "3")).toBe(0);
    expect(kernel.pread(task, file, back, 0)).toBe(bytes.length);
    expect(back.subarray(0, bytes.length)).toEqual(bytes);
    kernel.closeFile(file);
    kernel.audit();
    expect(kernel.umount("/mnt")).toBe(0);
    kernel.audit();
    expect(kernel.mount("vda", "/mnt")).toBe(0);
    const again = kernel.open(task, "/mnt/a");
    expect(kernel.pread(task, again, back, 0)).toBe(bytes.length);
    expect(back.subarray(0, bytes.length)).toEqual(bytes);
    expect(kernel.open(task, "/mnt/b")).toBe(-ENOENT);
    kernel.audit();
  });

  it("are seen through mappings, and what mappings write reaches the file", () => {
    const { kernel, task } = bootWithDisk();
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    kernel.pwrite(task, file, pattern(4 * PAGE_SIZE, 2), 0);
    kernel.fsync(task, file);
    const shared = kernel.mmap(task, 0, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    const mine = kernel.mmap(task, 0, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    expect(kernel.read(task, shared + 5)).toBe(pattern(10, 2)[5]);
    kernel.write(task, shared + PAGE_SIZE, 99);
    expect(kernel.read(task, mine + PAGE_SIZE)).toBe(99);
    kernel.write(task, mine, 77);
    kernel.audit();
    expect(kernel.fsync(task, file)).toBe(0);
    kernel.audit();
    const back = new Uint8Array(2 * PAGE_SIZE);
    kernel.pread(task, file, back, 0);
    expect(back[PAGE_SIZE]).toBe(99);
    expect(back[0]).not.toBe(77);
  });
});

describe("directories", () => {
  it("are opened to be made durable, and have nothing to read, write or map", () => {
    const { kernel, task } = bootWithDisk();
    expect(kernel.mkdir(task, "/mnt/d")).toBe(0);
    const file = kernel.open(task, "/mnt/d", O_RDONLY | O_DIRECTORY);
    expect(file).toBeGreaterThanOrEqual(0);
    expect(kernel.fsync(task, file)).toBe(0);
    expect(kernel.pread(task, file, new Uint8Array(8), 0)).toBe(-EISDIR);
    expect(kernel.pwrite(task, file, new Uint8Array(8), 0)).toBe(-EBADF);
    expect(kernel.mmap(task, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, file, 0)).toBe(-ENODEV);
    expect(kernel.fstat(task, file)).toMatchObject({ nrLinks: 2 });
    expect(kernel.open(task, "/mnt/d", O_RDWR)).toBe(-EISDIR);
    expect(kernel.open(task, "/mnt/d", O_CREAT)).toBe(-EISDIR);
    const plain = kernel.open(task, "/mnt/f", O_RDWR | O_CREAT);
    expect(plain).toBeGreaterThanOrEqual(0);
    expect(kernel.open(task, "/mnt/f", O_DIRECTORY)).toBe(-ENOTDIR);
    // Removed while it is open: it goes with its last opening.
    expect(kernel.rmdir(task, "/mnt/d")).toBe(0);
    kernel.audit();
    expect(kernel.closeFile(file)).toBe(0);
    kernel.audit();
    expect(kernel.closeFile(plain)).toBe(0);
    expect(kernel.umount("/mnt")).toBe(0);
  });
});

describe("large folios of files on disks", () => {
  /** A cold file of `nrPages` pages that holds its page number in each byte. */
  function coldFile(kernel: Kernel, task: Task, nrPages: number): number {
    const file = kernel.open(task, "/mnt/cold", O_RDWR | O_CREAT);
    for (let page = 0; page < nrPages; page++) {
      kernel.pwrite(task, file, new Uint8Array(PAGE_SIZE).fill(page & 0xff), page * PAGE_SIZE);
    }
    kernel.fsync(task, file);
    kernel.fadvise(task, file, 0, 0, POSIX_FADV_DONTNEED);
    return file;
  }

  /** Orders of the folios of a file in the order of the file. */
  function ordersOf(kernel: Kernel, file: number): number[] {
    const { pages } = kernel.sys.files.inodeOf(file);
    const orders: number[] = [];
    for (let at = pages.nextPage(0, Infinity); at >= 0;) {
      orders.push(pages.orderOf(at));
      at = pages.nextPage(at + 2 ** pages.orderOf(at), Infinity);
    }
    return orders;
  }

  it("come with readahead of a file that is read from its start, as recorded of Linux 6.18", () => {
    const { kernel, task } = bootWithDisk("64MiB");
    const file = coldFile(kernel, task, 256);
    const address = kernel.mmap(task, 0, 256 * PAGE_SIZE, PROT_READ, MAP_SHARED, file, 0);
    for (let page = 0; page < 256; page++) expect(kernel.read(task, address + page * PAGE_SIZE)).toBe(page);
    // 0..31 order 0; 32..63 order 2; 64..95 order 4; from 96 on order 5.
    const expected = [
      ...Array<number>(32).fill(0),
      ...Array<number>(8).fill(2),
      4,
      4,
      ...Array<number>(5).fill(5),
    ];
    expect(ordersOf(kernel, file)).toEqual(expected);
    expect(task.nrMajorFaults).toBe(1);
    kernel.audit();
  });

  it("are split where a hole or the end cuts them, and hold the same bytes", () => {
    const { kernel, task } = bootWithDisk("64MiB");
    const file = coldFile(kernel, task, 256);
    const address = kernel.mmap(task, 0, 256 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    for (let page = 0; page < 256; page++) kernel.read(task, address + page * PAGE_SIZE);
    const punch = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    expect(kernel.fallocate(task, file, punch, 100 * PAGE_SIZE, 4 * PAGE_SIZE)).toBe(0);
    kernel.audit();
    // 96..127: 96-99, the hole, 104, 105, 106-107, 108-111, 112-127 (recorded).
    const { pages } = kernel.sys.files.inodeOf(file);
    expect([96, 104, 105, 106, 108, 112].map((at) => pages.orderOf(at))).toEqual([2, 0, 0, 1, 2, 4]);
    expect(pages.load(100)).toBe(-1);
    kernel.write(task, address + 200 * PAGE_SIZE, 7);
    expect(kernel.ftruncate(task, file, 150 * PAGE_SIZE + 10)).toBe(0);
    kernel.audit();
    for (let page = 0; page < 150; page++) {
      expect(kernel.read(task, address + page * PAGE_SIZE)).toBe(page >= 100 && page < 104 ? 0 : page);
    }
    expect(kernel.read(task, address + 150 * PAGE_SIZE + 9)).toBe(150);
    expect(kernel.read(task, address + 150 * PAGE_SIZE + 10)).toBe(0);
    expect(kernel.read(task, address + 151 * PAGE_SIZE)).toMatchObject({ signal: SIGBUS });
    kernel.audit();
  });
});
