/** A host for tests: a device of bytes with a volatile cache, buffers, and a page cache of whole files. */
import {
  EIO,
  FS_BLOCK_SIZE,
  NO_BLOCK,
  SECTOR_SIZE,
  S_IFDIR,
  S_IFREG,
  type BlockBuffer,
  type BlockMapping,
  type FileSystem,
  type FileSystemHost,
} from "@pageframe/contracts";
import { mountFileSystem, type MountOptions } from "../src/index.ts";

export const FILE_MODE: number = S_IFREG | 0o644;
export const DIR_MODE: number = S_IFDIR | 0o755;

/** mulberry32: numbers in [0, 1) from a seed. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }
  /** 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** Thrown by a device whose power was cut: no code of the package may catch it. */
export class PowerCut extends Error {}

/** Bytes with a write cache that a power cut loses: any of the sectors that were not flushed may be there or not. */
export class TestDevice {
  /** What survives. */
  readonly durable: Uint8Array;
  /** What a read sees. */
  readonly visible: Uint8Array;
  /** Writes since the last flush, in order: sector and its bytes. */
  private unflushed: { sector: number; bytes: Uint8Array }[] = [];
  /** Sectors and flushes that go through before the power is cut; Infinity: never. */
  nrUntilCut = Infinity;
  nrWrites = 0;
  nrFlushes = 0;
  /** Writes to blocks [first, end) fail. */
  failFrom = Infinity;
  failTo = Infinity;
  isCut = false;

  constructor(image: Uint8Array) {
    this.durable = image;
    this.visible = image.slice();
  }

  write(block: number, from: Uint8Array): number {
    for (let at = 0; at < from.length; at += SECTOR_SIZE) {
      this.step();
      const bytes = from.slice(at, at + SECTOR_SIZE);
      const sector = (block * FS_BLOCK_SIZE + at) / SECTOR_SIZE;
      const here = Math.floor((sector * SECTOR_SIZE) / FS_BLOCK_SIZE);
      if (here >= this.failFrom && here < this.failTo) return -EIO;
      this.visible.set(bytes, sector * SECTOR_SIZE);
      this.unflushed.push({ sector, bytes });
    }
    return 0;
  }

  flush(): number {
    this.step();
    this.nrFlushes++;
    for (const { sector, bytes } of this.unflushed) this.durable.set(bytes, sector * SECTOR_SIZE);
    this.unflushed = [];
    return 0;
  }

  private step(): void {
    if (this.isCut) throw new PowerCut();
    this.nrWrites++;
    if (this.nrUntilCut-- <= 0) {
      this.isCut = true;
      throw new PowerCut();
    }
  }

  /** What is there when the power comes back: of what was not flushed, a part that chance chooses, per sector in any order. */
  afterCut(random: Random): Uint8Array {
    const image = this.durable.slice();
    const share = random.pick([0, 0.1, 0.5, 0.9, 1]);
    // Per sector one of its versions: none, or that after one of its writes.
    const versions = new Map<number, Uint8Array[]>();
    for (const { sector, bytes } of this.unflushed) {
      const list = versions.get(sector);
      if (list === undefined) versions.set(sector, [bytes]);
      else list.push(bytes);
    }
    for (const [sector, list] of versions) {
      if (random.next() >= share) continue;
      image.set(random.next() < 0.7 ? list[list.length - 1] : random.pick(list), sector * SECTOR_SIZE);
    }
    return image;
  }
}

interface TestBuffer extends BlockBuffer {
  nrReferences: number;
  isDirty: boolean;
}

/** The kernel's half: buffers written whenever chance likes, and data of files as bytes. */
export class TestHost implements FileSystemHost {
  readonly device: TestDevice;
  readonly nrBlocks: number;
  isReadOnly = false;
  nowNs = 1_000_000_000;
  readonly buffers = new Map<number, TestBuffer>();
  private readonly random: Random | null;
  /** Called to write the data of an inode. */
  pages: TestPages | null = null;
  nrReads = 0;

  constructor(device: TestDevice, random: Random | null = null) {
    this.device = device;
    this.random = random;
    this.nrBlocks = Math.floor(device.visible.length / FS_BLOCK_SIZE);
  }

  readBuffer(block: number): BlockBuffer | number {
    this.writeSomething();
    let buffer = this.buffers.get(block);
    if (buffer === undefined) {
      this.nrReads++;
      const bytes = this.device.visible.slice(block * FS_BLOCK_SIZE, (block + 1) * FS_BLOCK_SIZE);
      if (bytes.length !== FS_BLOCK_SIZE) return -EIO;
      buffer = { block, bytes, nrReferences: 0, isDirty: false };
      this.buffers.set(block, buffer);
    }
    buffer.nrReferences++;
    return buffer;
  }

  newBuffer(block: number): BlockBuffer | number {
    this.writeSomething();
    let buffer = this.buffers.get(block);
    if (buffer === undefined) {
      buffer = { block, bytes: new Uint8Array(FS_BLOCK_SIZE), nrReferences: 0, isDirty: false };
      this.buffers.set(block, buffer);
    }
    buffer.bytes.fill(0);
    buffer.nrReferences++;
    return buffer;
  }

  putBuffer(buffer: BlockBuffer): void {
    const found = this.buffers.get(buffer.block);
    if (found !== buffer || found.nrReferences < 1)
      throw new Error(`buffer ${buffer.block} is put too often`);
    found.nrReferences--;
  }

  markDirty(buffer: BlockBuffer): void {
    const found = this.buffers.get(buffer.block);
    if (found !== buffer || found.nrReferences < 1)
      throw new Error(`buffer ${buffer.block} is dirtied unheld`);
    found.isDirty = true;
    this.writeSomething();
  }

  forgetBuffer(block: number): void {
    const buffer = this.buffers.get(block);
    if (buffer === undefined) return;
    if (buffer.nrReferences > 0) throw new Error(`buffer ${block} is forgotten and held`);
    this.buffers.delete(block);
  }

  syncBuffers(blocks: readonly number[]): number {
    for (const block of blocks) {
      const buffer = this.buffers.get(block);
      if (buffer?.isDirty === true && this.device.write(block, buffer.bytes) < 0) return -EIO;
      if (buffer !== undefined) buffer.isDirty = false;
    }
    return 0;
  }

  readBlocks(block: number, into: Uint8Array): number {
    const from = this.device.visible.subarray(block * FS_BLOCK_SIZE, block * FS_BLOCK_SIZE + into.length);
    if (from.length !== into.length) return -EIO;
    into.set(from);
    return 0;
  }

  writeBlocks(block: number, from: Uint8Array): number {
    return this.device.write(block, from);
  }

  flush(): number {
    return this.device.flush();
  }

  writeData(ino: number): number {
    return this.pages === null ? 0 : this.pages.write(ino);
  }

  /** As the kernel does: dirty buffers are written at any time, clean ones leave memory. */
  private writeSomething(): void {
    if (this.random === null || this.random.next() > 0.05) return;
    for (const [block, buffer] of this.buffers) {
      if (buffer.isDirty && this.random.next() < 0.3) {
        this.device.write(block, buffer.bytes);
        buffer.isDirty = false;
      } else if (!buffer.isDirty && buffer.nrReferences === 0 && this.random.next() < 0.3) {
        buffer.bytes.fill(0xee);
        this.buffers.delete(block);
      }
    }
  }

  /** Every reference was put. */
  get nrReferences(): number {
    let nrReferences = 0;
    for (const buffer of this.buffers.values()) nrReferences += buffer.nrReferences;
    return nrReferences;
  }
}

/** A page cache: dirty blocks of files, written through mapBlocks(). */
export class TestPages {
  private readonly host: TestHost;
  private readonly fs: FileSystem;
  /** Inode -> block of the file -> bytes. */
  readonly dirty = new Map<number, Map<number, Uint8Array>>();
  /** A dirty page without a block is an error, but on damaged devices. */
  isStrict = true;

  constructor(host: TestHost, fs: FileSystem) {
    this.host = host;
    this.fs = fs;
    host.pages = this;
  }

  private map(ino: number, fileBlock: number, create: boolean): BlockMapping | number {
    const into = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
    const result = this.fs.mapBlocks(ino, fileBlock, 1, create, into);
    return result < 0 ? result : into;
  }

  private readBlock(ino: number, fileBlock: number): Uint8Array | number {
    const held = this.dirty.get(ino)?.get(fileBlock);
    if (held !== undefined) return held.slice();
    const mapped = this.map(ino, fileBlock, false);
    if (typeof mapped === "number") return mapped;
    const bytes = new Uint8Array(FS_BLOCK_SIZE);
    if (mapped.block !== NO_BLOCK) this.host.readBlocks(mapped.block, bytes);
    return bytes;
  }

  /** pwrite(2): blocks first, then bytes, then the size. Returns 0 or -errno. */
  pwrite(ino: number, offset: number, bytes: Uint8Array): number {
    const attributes = this.fs.getattr(ino);
    if (typeof attributes === "number") return attributes;
    const cleared = this.clearTail(ino, attributes.sizeBytes, offset);
    if (cleared < 0) return cleared;
    for (let done = 0; done < bytes.length;) {
      const fileBlock = Math.floor((offset + done) / FS_BLOCK_SIZE);
      const at = offset + done - fileBlock * FS_BLOCK_SIZE;
      const nrBytes = Math.min(FS_BLOCK_SIZE - at, bytes.length - done);
      const old = this.readBlock(ino, fileBlock);
      if (typeof old === "number") return old;
      const mapped = this.map(ino, fileBlock, true);
      if (typeof mapped === "number") return mapped;
      const page = mapped.isNew ? new Uint8Array(FS_BLOCK_SIZE) : old;
      page.set(bytes.subarray(done, done + nrBytes), at);
      let pages = this.dirty.get(ino);
      if (pages === undefined) {
        pages = new Map<number, Uint8Array>();
        this.dirty.set(ino, pages);
      }
      pages.set(fileBlock, page);
      done += nrBytes;
    }
    if (offset + bytes.length > attributes.sizeBytes) {
      const grown = this.fs.setSize(ino, offset + bytes.length);
      if (grown < 0) return grown;
    }
    return this.fs.touch(ino);
  }

  read(ino: number): Uint8Array | number {
    const attributes = this.fs.getattr(ino);
    if (typeof attributes === "number") return attributes;
    const bytes = new Uint8Array(attributes.sizeBytes);
    for (let fileBlock = 0; fileBlock * FS_BLOCK_SIZE < bytes.length; fileBlock++) {
      const page = this.readBlock(ino, fileBlock);
      if (typeof page === "number") return page;
      const nrBytes = Math.min(FS_BLOCK_SIZE, bytes.length - fileBlock * FS_BLOCK_SIZE);
      bytes.set(page.subarray(0, nrBytes), fileBlock * FS_BLOCK_SIZE);
    }
    return bytes;
  }

  truncate(ino: number, sizeBytes: number): number {
    const attributes = this.fs.getattr(ino);
    if (typeof attributes === "number") return attributes;
    const last = Math.floor(sizeBytes / FS_BLOCK_SIZE);
    if (sizeBytes < attributes.sizeBytes) {
      const at = sizeBytes - last * FS_BLOCK_SIZE;
      const zeroed = at > 0 ? this.zero(ino, last, at, FS_BLOCK_SIZE) : 0;
      if (zeroed < 0) return zeroed;
      for (const fileBlock of this.dirty.get(ino)?.keys() ?? [])
        if (fileBlock * FS_BLOCK_SIZE >= sizeBytes) this.dirty.get(ino)!.delete(fileBlock);
    }
    const cleared = this.clearTail(ino, attributes.sizeBytes, sizeBytes);
    return cleared < 0 ? cleared : this.fs.setSize(ino, sizeBytes);
  }

  /**
   * What lies behind the end in the last block may have been written for a size that a crash took back: it is zeroed before
   * the file grows over it (Linux: iomap_zero_range() of xfs_setattr_size()).
   */
  private clearTail(ino: number, sizeBytes: number, newSizeBytes: number): number {
    const last = Math.floor(sizeBytes / FS_BLOCK_SIZE);
    const at = sizeBytes - last * FS_BLOCK_SIZE;
    return newSizeBytes > sizeBytes && at > 0 ? this.zero(ino, last, at, FS_BLOCK_SIZE) : 0;
  }

  /** Zeroes a part of a page that has a block. */
  private zero(ino: number, fileBlock: number, from: number, to: number): number {
    const mapped = this.map(ino, fileBlock, false);
    if (typeof mapped === "number") return mapped;
    if (mapped.block === NO_BLOCK) return 0;
    const page = this.readBlock(ino, fileBlock);
    if (typeof page === "number") return page;
    page.fill(0, from, to);
    let pages = this.dirty.get(ino);
    if (pages === undefined) {
      pages = new Map<number, Uint8Array>();
      this.dirty.set(ino, pages);
    }
    pages.set(fileBlock, page);
    return 0;
  }

  punch(ino: number, start: number, end: number): number {
    for (const fileBlock of this.dirty.get(ino)?.keys() ?? [])
      if (fileBlock >= start && fileBlock < end) this.dirty.get(ino)!.delete(fileBlock);
    return this.fs.punchHole(ino, start, end);
  }

  /** Writes the dirty pages of an inode to their blocks. */
  write(ino: number): number {
    const pages = this.dirty.get(ino);
    if (pages === undefined) return 0;
    for (const [fileBlock, bytes] of pages) {
      const mapped = this.map(ino, fileBlock, false);
      if (typeof mapped === "number") return mapped;
      if (mapped.block === NO_BLOCK) {
        if (this.isStrict) throw new Error(`dirty page ${fileBlock} of inode ${ino} has no block`);
        pages.delete(fileBlock);
        continue;
      }
      if (this.host.device.write(mapped.block, bytes) < 0) return -EIO;
      pages.delete(fileBlock);
    }
    return 0;
  }

  writeAll(): number {
    for (const ino of this.dirty.keys()) {
      const result = this.write(ino);
      if (result < 0) return result;
    }
    return 0;
  }

  forget(ino: number): void {
    this.dirty.delete(ino);
  }
}

/** Mounts, or throws with the sentence. */
export function mustMount(host: FileSystemHost, options: MountOptions = {}): FileSystem {
  const mounted = mountFileSystem(host, options);
  if ("fs" in mounted) return mounted.fs;
  throw new Error(`${mounted.errno}: ${mounted.sentence}`);
}

export function newDevice(nrBlocks: number): TestDevice {
  return new TestDevice(new Uint8Array(nrBlocks * FS_BLOCK_SIZE));
}
