/** Rules of files on disks that random testing found broken, one by one. */
import {
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EROFS,
  FALLOC_FL_KEEP_SIZE,
  type FileAttributes,
  type FileSystemStats,
  MADV_COLD,
  MADV_PAGEOUT,
  MAP_SHARED,
  O_CREAT,
  O_DIRECT,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";

function bootWithDisk(): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "8MiB", contents: "sparse", disks: [{ size: "16MiB" }] });
  expect(kernel.mkfs("vda")).toBe(0);
  expect(kernel.mount("vda", "/mnt")).toBe(0);
  return { kernel, task: kernel.spawn("test") };
}

describe("files on disks", () => {
  it("keep holes when their size changes within one, and have nothing to write for it", () => {
    const { kernel, task } = bootWithDisk();
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    expect(kernel.ftruncate(task, file, 3 * PAGE_SIZE)).toBe(0);
    expect(kernel.ftruncate(task, file, PAGE_SIZE + 100)).toBe(0);
    expect(kernel.ftruncate(task, file, 2 * PAGE_SIZE + 100)).toBe(0);
    kernel.audit();
    expect(kernel.fsync(task, file)).toBe(0);
    expect(kernel.fstat(task, file)).toMatchObject({ nrSectors: 0 });
  });

  it("grow with fallocate() only as far as there is room", () => {
    const kernel = bootKernel({ memory: "8MiB", contents: "sparse", disks: [{ size: "520KiB" }] });
    expect(kernel.mkfs("vda")).toBe(0);
    expect(kernel.mount("vda", "/mnt")).toBe(0);
    const task = kernel.spawn("test");
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    expect(kernel.pwrite(task, file, Uint8Array.of(1, 2, 3), 0)).toBe(3);
    const nrFree = (kernel.statfs(task, "/mnt") as FileSystemStats).nrFreeBlocks;
    expect(kernel.fallocate(task, file, 0, 0, (nrFree + 100) * PAGE_SIZE)).toBe(-ENOSPC);
    const { sizeBytes, nrSectors } = kernel.fstat(task, file) as FileAttributes;
    expect(sizeBytes).toBeLessThanOrEqual((nrSectors / 8) * PAGE_SIZE);
    const back = new Uint8Array(4);
    expect(kernel.pread(task, file, back, 0)).toBe(4);
    expect([...back]).toEqual([1, 2, 3, 0]);
    // With FALLOC_FL_KEEP_SIZE the size stays, within a page too.
    const other = kernel.open(task, "/mnt/b", O_RDWR | O_CREAT);
    expect(kernel.ftruncate(task, file, 0)).toBe(0);
    expect(kernel.ftruncate(task, other, 100)).toBe(0);
    expect(kernel.fallocate(task, other, FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE_SIZE)).toBe(0);
    expect(kernel.fstat(task, other)).toMatchObject({ sizeBytes: 100 });
    kernel.audit();
  });

  it.each([
    ["MADV_PAGEOUT", MADV_PAGEOUT],
    ["MADV_COLD", MADV_COLD],
  ])("may be advised on by part of a large folio (%s)", (_, advice) => {
    const { kernel, task } = bootWithDisk();
    const nrPages = 64;
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    const bytes = Uint8Array.from({ length: nrPages * PAGE_SIZE }, (_byte, at) => (at >> 12) + 1);
    expect(kernel.pwrite(task, file, bytes, 0)).toBe(bytes.length);
    expect(kernel.fsync(task, file)).toBe(0);
    expect(kernel.setSysctl("vm/drop_caches", "3")).toBe(0);
    // Read in small steps it is read ahead, in ever larger folios.
    for (let page = 0; page < nrPages; page += 4)
      expect(kernel.pread(task, file, new Uint8Array(4 * PAGE_SIZE), page * PAGE_SIZE)).toBe(4 * PAGE_SIZE);
    const address = kernel.mmap(task, 0, bytes.length, PROT_READ, MAP_SHARED, file, 0);
    const readAll = (): void => {
      for (let page = 0; page < nrPages; page++)
        expect(kernel.read(task, address + page * PAGE_SIZE)).toBe(page + 1);
    };
    readAll();
    for (const page of [1, 7, 33, 40]) {
      expect(kernel.madvise(task, address + page * PAGE_SIZE, 5 * PAGE_SIZE, advice)).toBe(0);
      kernel.audit();
    }
    readAll();
    expect(kernel.madvise(task, address, bytes.length, advice)).toBe(0);
    kernel.audit();
    readAll();
  });

  // Linux 6.18, ext4: pread(fd, buffer, 160, 8192) of 8192 bytes is 0, and of 160 bytes at 0 is EINVAL.
  it("are not asked how a direct transfer is aligned where there is nothing to move", () => {
    const { kernel, task } = bootWithDisk();
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT | O_DIRECT);
    expect(kernel.pwrite(task, file, new Uint8Array(2 * PAGE_SIZE), 0)).toBe(2 * PAGE_SIZE);
    expect(kernel.pread(task, file, new Uint8Array(160), 2 * PAGE_SIZE)).toBe(0);
    expect(kernel.pread(task, file, new Uint8Array(0), 100)).toBe(0);
    expect(kernel.pwrite(task, file, new Uint8Array(0), 100)).toBe(0);
    expect(kernel.pread(task, file, new Uint8Array(160), 0)).toBe(-EINVAL);
    expect(kernel.pwrite(task, file, new Uint8Array(100), 0)).toBe(-EINVAL);
  });
});

describe("names", () => {
  // Linux 6.18: rename("nope", "file/x") is ENOTDIR, rename("dir/sub", "dir") is ENOTEMPTY, rename("nope", "dir") is ENOENT.
  it("are looked at in Linux's order when they are changed", () => {
    const { kernel, task } = bootWithDisk();
    kernel.closeFile(kernel.open(task, "/mnt/file", O_RDWR | O_CREAT));
    expect(kernel.mkdir(task, "/mnt/dir")).toBe(0);
    expect(kernel.mkdir(task, "/mnt/dir/sub")).toBe(0);
    expect(kernel.rename(task, "/mnt/nope", "/mnt/file/x")).toBe(-ENOTDIR);
    expect(kernel.rename(task, "/mnt/dir/sub", "/mnt/dir")).toBe(-ENOTEMPTY);
    expect(kernel.rename(task, "/mnt/dir", "/mnt/dir/sub/x")).toBe(-EINVAL);
    expect(kernel.rename(task, "/mnt/nope", "/mnt/dir")).toBe(-ENOENT);
    expect(kernel.rename(task, "/mnt/dir", "/mnt/dir")).toBe(0);
    // open("dir", O_RDONLY | O_DIRECT) is EINVAL.
    expect(kernel.open(task, "/mnt/dir", O_DIRECT)).toBe(-EINVAL);
  });

  it("are not looked for on a read-only file system when they are to go", () => {
    const { kernel, task } = bootWithDisk();
    expect(kernel.umount("/mnt")).toBe(0);
    expect(kernel.mount("vda", "/mnt", { readOnly: true })).toBe(0);
    expect(kernel.unlink(task, "/mnt/nope")).toBe(-EROFS);
    expect(kernel.rmdir(task, "/mnt/nope")).toBe(-EROFS);
    expect(kernel.rename(task, "/mnt/nope", "/mnt/other")).toBe(-EROFS);
  });
});
