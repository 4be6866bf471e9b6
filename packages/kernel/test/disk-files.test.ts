import {
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  MAP_PRIVATE,
  MAP_SHARED,
  ENOENT,
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
