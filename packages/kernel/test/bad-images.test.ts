/** Images that no mkfs has left: cut short, of another kind, damaged anywhere. Full machines read and write them. */
import {
  EIO,
  ENOSPC,
  errnoName,
  EUCLEAN,
  FS_BLOCK_SIZE,
  MAP_SHARED,
  O_CREAT,
  O_DIRECT,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  SECTOR_SIZE,
  SIGBUS,
} from "@pageframe/contracts";
import { MemoryBlockBackend } from "@pageframe/block";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";

/** Bytes that are changed, one after another; more than there are: all of them. */
const NR_FLIPS = Number(process.env["PAGEFRAME_FLIPS"] ?? 20);
const NR_BLOCKS = 120;
const FIRST_JOURNAL_BLOCK = 3;
const NR_JOURNAL_BLOCKS = 64;
const NAMES = ["/mnt/a", "/mnt/d", "/mnt/d/b", "/mnt/d/c", "/mnt/link", "/mnt/long"];

function bootOn(image: Uint8Array): { kernel: Kernel; task: Task; backend: MemoryBlockBackend } {
  const backend = new MemoryBlockBackend(Math.floor(image.length / SECTOR_SIZE));
  backend.writeSectors(0, image.subarray(0, backend.nrSectors * SECTOR_SIZE));
  const kernel = bootKernel(
    { memory: "1MiB", contents: "sparse", disks: [{ size: `${image.length}B`, model: "none" }] },
    { diskBackends: [backend] },
  );
  return { kernel, task: kernel.spawn("test"), backend };
}

/** A small image with files, a directory, links; `isDirty`: nobody has unmounted it. */
function makeImage(isDirty: boolean): Uint8Array {
  const { kernel, task, backend } = bootOn(new Uint8Array(NR_BLOCKS * FS_BLOCK_SIZE));
  expect(kernel.mkfs("vda", { nrInodes: 16 })).toBe(0);
  expect(kernel.mount("vda", "/mnt")).toBe(0);
  kernel.mkdir(task, "/mnt/d");
  kernel.symlink(task, "d/b", "/mnt/link");
  kernel.symlink(task, "y".repeat(500), "/mnt/long");
  for (const name of ["/mnt/a", "/mnt/d/b"]) {
    const file = kernel.open(task, name, O_RDWR | O_CREAT);
    kernel.pwrite(task, file, new Uint8Array(2 * PAGE_SIZE).fill(7), 0);
    kernel.fsync(task, file);
    kernel.closeFile(file);
  }
  // Every other page: extents outside the inode.
  const sparse = kernel.open(task, "/mnt/d/c", O_RDWR | O_CREAT);
  for (let page = 0; page < 24; page += 2) kernel.pwrite(task, sparse, Uint8Array.of(9), page * PAGE_SIZE);
  expect(kernel.fsync(task, sparse)).toBe(0);
  kernel.closeFile(sparse);
  if (!isDirty) expect(kernel.umount("/mnt")).toBe(0);
  const image = new Uint8Array(NR_BLOCKS * FS_BLOCK_SIZE);
  backend.readSectors(0, image);
  return image;
}

/** Reads, maps, writes, renames, removes, makes durable: nothing may throw, and what is read is right or an error. */
function work(kernel: Kernel, task: Task): void {
  const bytes = new Uint8Array(PAGE_SIZE);
  kernel.readdir(task, "/mnt");
  kernel.readdir(task, "/mnt/d");
  for (const path of NAMES) {
    kernel.stat(task, path, false);
    kernel.readlink(task, path);
    const file = kernel.open(task, path, O_RDWR);
    if (file < 0) continue;
    const nrRead = kernel.pread(task, file, bytes, 0);
    if (nrRead > 0) expect([7, 9]).toContain(bytes[0]);
    const address = kernel.mmap(task, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    for (const access of [kernel.read(task, address), kernel.write(task, address + PAGE_SIZE, 1)]) {
      if (typeof access === "object" && access !== null) expect(access.signal).toBe(SIGBUS);
    }
    kernel.pwrite(task, file, bytes, 3 * PAGE_SIZE);
    kernel.fsync(task, file);
    kernel.ftruncate(task, file, PAGE_SIZE + 5);
    kernel.munmap(task, address, 2 * PAGE_SIZE);
    kernel.closeFile(file);
  }
  kernel.mkdir(task, "/mnt/new");
  kernel.rename(task, "/mnt/a", "/mnt/d/a");
  for (const path of NAMES) kernel.unlink(task, path);
  kernel.rmdir(task, "/mnt/d");
  kernel.statfs(task, "/mnt");
  kernel.sync(task);
}

/** Does everything with an image. Returns why it was refused, or an empty string. */
function tryImage(image: Uint8Array): string {
  const { kernel, task } = bootOn(image);
  const error = kernel.mount("vda", "/mnt");
  if (error < 0) {
    expect(kernel.mountProblem).toMatch(/^E[A-Z]+: .{20,}/);
    kernel.audit();
    expect(kernel.sys.disks[0].buffers.size).toBe(0);
    return kernel.mountProblem;
  }
  work(kernel, task);
  kernel.audit();
  const left = kernel.umount("/mnt");
  expect([0, -EIO, -EUCLEAN]).toContain(left);
  kernel.audit();
  expect(kernel.sys.disks[0].buffers.size).toBe(0);
  return "";
}

function metadataBlocks(image: Uint8Array, withJournal: boolean): number[] {
  const blocks: number[] = [];
  for (let block = 0; block < NR_BLOCKS; block++) {
    const isJournal = block >= FIRST_JOURNAL_BLOCK && block < FIRST_JOURNAL_BLOCK + NR_JOURNAL_BLOCKS;
    const at = block * FS_BLOCK_SIZE;
    if ((!isJournal || withJournal) && image[at] === 0x50 && image[at + 1] === 0x46) blocks.push(block);
  }
  return blocks;
}

/** Changes bytes of metadata in turn, each in a fresh copy. Returns how many, and how many mounts were refused. */
function flipBytes(image: Uint8Array, blocks: readonly number[]): { nrTried: number; nrRefused: number } {
  const nrBytes = blocks.length * FS_BLOCK_SIZE;
  const stride = Math.max(1, Math.floor(nrBytes / NR_FLIPS) | 1);
  const masks = [0x01, 0xff, 0x80];
  let nrTried = 0;
  let nrRefused = 0;
  for (let index = 0; index < nrBytes; index += stride) {
    const at = blocks[Math.floor(index / FS_BLOCK_SIZE)] * FS_BLOCK_SIZE + (index % FS_BLOCK_SIZE);
    const damaged = image.slice();
    damaged[at] ^= masks[index % 3];
    try {
      if (tryImage(damaged) !== "") nrRefused++;
    } catch (error) {
      throw new Error(`byte ${at} with mask ${masks[index % 3]}`, { cause: error });
    }
    nrTried++;
  }
  return { nrTried, nrRefused };
}

/** CRC-32C, bit by bit, going on from `seed`. */
function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** Gives the superblock the checksum of what it says: all of its block but the checksum itself, after "PFFS". */
function sealSuperblock(image: Uint8Array): void {
  const checksum = crc32c(crc32c(0x50464653, image.subarray(0, 4)), image.subarray(8, FS_BLOCK_SIZE));
  new DataView(image.buffer, image.byteOffset).setUint32(4, checksum, true);
}

const TIMEOUT_MS = Number(process.env["PAGEFRAME_FLIPS_MS"] ?? 60_000);

describe("A damaged image in a machine", () => {
  it(
    "gives errors and signals, whichever byte of its metadata is changed",
    () => {
      const image = makeImage(false);
      const { nrTried, nrRefused } = flipBytes(image, metadataBlocks(image, false));
      expect(nrTried).toBeGreaterThanOrEqual(Math.min(NR_FLIPS, 20));
      // Descriptors, the root directory: not all can be mounted. Others are met later.
      expect(nrRefused).toBeGreaterThan(0);
      expect(nrRefused).toBeLessThan(nrTried);
    },
    TIMEOUT_MS,
  );

  it(
    "gives errors and signals, whichever byte of a journal that must be replayed is changed",
    () => {
      const image = makeImage(true);
      const blocks = metadataBlocks(image, true).filter(
        (block) => block < FIRST_JOURNAL_BLOCK + NR_JOURNAL_BLOCKS,
      );
      const { nrTried } = flipBytes(image, blocks);
      expect(nrTried).toBeGreaterThanOrEqual(Math.min(NR_FLIPS, 20));
    },
    TIMEOUT_MS,
  );

  it("is refused in a sentence when it is cut short, empty, or of another kind or version", () => {
    const image = makeImage(false);
    for (const nrBlocks of [1, 2, 3, 10, 66, 67, 68, NR_BLOCKS - 1]) {
      expect(tryImage(image.slice(0, nrBlocks * FS_BLOCK_SIZE))).toMatch(/^EINVAL: the image is truncated/);
    }
    expect(tryImage(image.slice(0, SECTOR_SIZE))).toMatch(/^EINVAL: there is no file system here/);
    const later = image.slice();
    // Word 32 is the version, 40 the features that forbid mounting.
    later[32] = 2;
    sealSuperblock(later);
    expect(tryImage(later)).toBe("EINVAL: the file system has version 2; only version 1 is known");
    later[32] = 1;
    later[40] = 4;
    sealSuperblock(later);
    expect(tryImage(later)).toBe("EINVAL: the file system has features 0x4 that are not known");
    const empty = new Uint8Array(NR_BLOCKS * FS_BLOCK_SIZE);
    expect(tryImage(empty)).toMatch(/^EINVAL: there is no file system of this kind here/);
    expect(tryImage(empty.fill(0xff))).toMatch(/^EINVAL: there is no file system of this kind here/);
  });
});

describe("A full disk", () => {
  it("answers -ENOSPC to every kind of call, keeps what was there, and takes more once something is gone", () => {
    const { kernel, task } = bootOn(new Uint8Array(160 * FS_BLOCK_SIZE));
    expect(kernel.mkfs("vda", { nrInodes: 32 })).toBe(0);
    expect(kernel.mount("vda", "/mnt")).toBe(0);
    const kept = kernel.open(task, "/mnt/kept", O_RDWR | O_CREAT);
    expect(kernel.pwrite(task, kept, new Uint8Array(PAGE_SIZE).fill(5), 0)).toBe(PAGE_SIZE);
    const holes = kernel.open(task, "/mnt/holes", O_RDWR | O_CREAT);
    expect(kernel.ftruncate(task, holes, 8 * PAGE_SIZE)).toBe(0);
    const direct = kernel.open(task, "/mnt/direct", O_RDWR | O_CREAT | O_DIRECT);
    const filler = kernel.open(task, "/mnt/filler", O_RDWR | O_CREAT);
    const page = new Uint8Array(PAGE_SIZE).fill(6);
    let nrPages = 0;
    while (kernel.pwrite(task, filler, page, nrPages * PAGE_SIZE) === PAGE_SIZE) nrPages++;
    expect(nrPages).toBeGreaterThan(20);
    expect(kernel.pwrite(task, filler, page, nrPages * PAGE_SIZE)).toBe(-ENOSPC);
    expect(kernel.pwrite(task, holes, page, PAGE_SIZE)).toBe(-ENOSPC);
    expect(kernel.pwrite(task, direct, page, 0)).toBe(-ENOSPC);
    expect(kernel.fallocate(task, kept, 0, 0, 4 * PAGE_SIZE)).toBe(-ENOSPC);
    expect(kernel.symlink(task, "z".repeat(600), "/mnt/long")).toBe(-ENOSPC);
    const address = kernel.mmap(task, 0, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, holes, 0);
    expect(kernel.write(task, address + 2 * PAGE_SIZE, 1)).toMatchObject({ signal: SIGBUS });
    expect(kernel.read(task, address + 2 * PAGE_SIZE)).toBe(0);
    // Names go on until the root directory needs a block.
    let made = 0;
    for (let index = 0; made === 0 && index < 40; index++)
      made = kernel.mkdir(task, `/mnt/${`${index}`.padStart(200, "n")}`);
    expect(errnoName(-made)).toBe("ENOSPC");
    expect(kernel.rename(task, "/mnt/kept", `/mnt/${"r".repeat(250)}`)).toBe(-ENOSPC);
    kernel.audit();
    const back = new Uint8Array(PAGE_SIZE);
    expect(kernel.pread(task, kept, back, 0)).toBe(PAGE_SIZE);
    expect(back).toEqual(new Uint8Array(PAGE_SIZE).fill(5));
    // Room again.
    kernel.closeFile(filler);
    expect(kernel.unlink(task, "/mnt/filler")).toBe(0);
    expect(kernel.pwrite(task, direct, page, 0)).toBe(PAGE_SIZE);
    expect(kernel.write(task, address + 2 * PAGE_SIZE, 1)).toBeNull();
    expect(kernel.symlink(task, "z".repeat(600), "/mnt/long")).toBe(0);
    expect(kernel.fsync(task, holes)).toBe(0);
    kernel.munmap(task, address, 8 * PAGE_SIZE);
    for (const file of [kept, holes, direct]) kernel.closeFile(file);
    expect(kernel.umount("/mnt")).toBe(0);
    kernel.audit();
    expect(kernel.fsck("vda")).toEqual([]);
  });
});
