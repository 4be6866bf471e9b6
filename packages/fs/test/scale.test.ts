import {
  EFBIG,
  ENOENT,
  EROFS,
  FS_BLOCK_SIZE,
  NO_BLOCK,
  type BlockBuffer,
  type DirectoryEntry,
  type FileAttributes,
  type FileSystemHost,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { checkFileSystem, makeFileSystem, mountFileSystem } from "../src/index.ts";
import { FILE_MODE, mustMount, newDevice, TestHost } from "./helpers.ts";

const NR_NAMES = Number(process.env["PAGEFRAME_STEPS"] ?? 3000);

/** A device of any size that holds what was written; it counts what is asked of it. */
class SparseHost implements FileSystemHost {
  readonly nrBlocks: number;
  readonly isReadOnly = false;
  nowNs = 5;
  nrReads = 0;
  nrWrites = 0;
  /** Writes to blocks [from, to) fail. */
  failFrom = Infinity;
  failTo = Infinity;
  private readonly blocks = new Map<number, Uint8Array>();

  constructor(nrBlocks: number) {
    this.nrBlocks = nrBlocks;
  }
  private at(block: number): Uint8Array {
    let bytes = this.blocks.get(block);
    if (bytes === undefined) {
      bytes = new Uint8Array(FS_BLOCK_SIZE);
      this.blocks.set(block, bytes);
    }
    return bytes;
  }
  readBuffer(block: number): BlockBuffer {
    this.nrReads++;
    return { block, bytes: this.at(block) };
  }
  newBuffer(block: number): BlockBuffer {
    this.at(block).fill(0);
    return { block, bytes: this.at(block) };
  }
  putBuffer(): void {
    // Buffers are the device here.
  }
  markDirty(): void {
    this.nrWrites++;
  }
  forgetBuffer(block: number): void {
    this.blocks.delete(block);
  }
  syncBuffers(): number {
    return 0;
  }
  readBlocks(block: number, into: Uint8Array): number {
    for (let at = 0; at < into.length; at += FS_BLOCK_SIZE) {
      const bytes = this.blocks.get(block + at / FS_BLOCK_SIZE);
      if (bytes === undefined) into.fill(0, at, at + FS_BLOCK_SIZE);
      else into.set(bytes, at);
    }
    return 0;
  }
  writeBlocks(block: number, from: Uint8Array): number {
    if (block >= this.failFrom && block < this.failTo) return -5;
    for (let at = 0; at < from.length; at += FS_BLOCK_SIZE)
      this.at(block + at / FS_BLOCK_SIZE).set(from.subarray(at, at + FS_BLOCK_SIZE));
    return 0;
  }
  flush(): number {
    return 0;
  }
  writeData(): number {
    return 0;
  }
}

describe("large and full file systems", () => {
  it("mounts 1 TiB after reading the descriptors, and maps a file of 2^44 bytes", () => {
    const host = new SparseHost(2 ** 28);
    expect(makeFileSystem(host, {})).toBe(0);
    host.nrReads = 0;
    const fs = mustMount(host);
    // 8258 groups, 127 descriptors to a block: 66 blocks, and the root.
    expect(host.nrReads).toBeLessThan(80);
    expect(fs.statfs().nrInodes).toBeGreaterThan(2 ** 26);
    const ino = fs.create(fs.rootIno, "huge", FILE_MODE);
    const into = { block: 0, nrBlocks: 0, isNew: false };
    expect(fs.mapBlocks(ino, 2 ** 32 - 1, 8, true, into)).toBe(0);
    expect(into).toMatchObject({ nrBlocks: 1, isNew: true });
    expect(fs.setSize(ino, 2 ** 44)).toBe(0);
    expect(fs.setSize(ino, 2 ** 44 + 1)).toBe(-EFBIG);
    expect(fs.mapBlocks(ino, 2 ** 32, 1, true, into)).toBe(-EFBIG);
    expect(fs.mapBlocks(ino, 0, 2 ** 33, false, into)).toBe(0);
    expect(into).toEqual({ block: NO_BLOCK, nrBlocks: 2 ** 32 - 1, isNew: false });
    // 3 GiB in one go: as many calls as groups, each run as long as its group.
    let nrCalls = 0;
    for (let fileBlock = 0; fileBlock < 786432; nrCalls++) {
      expect(fs.mapBlocks(ino, fileBlock, 786432 - fileBlock, true, into)).toBe(0);
      fileBlock += into.nrBlocks;
    }
    expect(nrCalls).toBeLessThan(30);
    expect(fs.unmount()).toBe(0);
    expect(checkFileSystem(host)).toEqual([]);
  });

  it("keeps many names in a directory, and takes them all away again", () => {
    const host = new SparseHost(65536);
    expect(makeFileSystem(host, { nrInodes: 2 * NR_NAMES })).toBe(0);
    const fs = mustMount(host);
    const nrFree = fs.statfs().nrFreeBlocks;
    const inos = new Map<string, number>();
    for (let index = 0; index < NR_NAMES; index++) {
      const name = `name-${index * 7919}-of-a-file`;
      inos.set(name, fs.create(fs.rootIno, name, FILE_MODE));
    }
    const listed = fs.readdir(fs.rootIno) as DirectoryEntry[];
    expect(new Map(listed.map(({ name, ino }) => [name, ino]))).toEqual(inos);
    expect(fs.lookup(fs.rootIno, "name-1-of-a-file")).toBe(-ENOENT);
    expect(fs.syncAll()).toBe(0);
    expect(checkFileSystem(host)).toEqual([]);
    for (const [name, ino] of inos) {
      expect(fs.lookup(fs.rootIno, name)).toBe(ino);
      expect(fs.unlink(fs.rootIno, name)).toBe(ino);
      expect(fs.release(ino)).toBe(0);
    }
    expect(fs.readdir(fs.rootIno)).toEqual([]);
    expect(fs.statfs().nrFreeBlocks).toBe(nrFree);
    expect(fs.unmount()).toBe(0);
    expect(checkFileSystem(host)).toEqual([]);
  });

  it("keeps a file of many extents sorted, whatever order its blocks come in, and cuts it in steps", () => {
    const host = new SparseHost(40000);
    expect(makeFileSystem(host, { nrInodes: 64, journalBlocks: 64 })).toBe(0);
    const fs = mustMount(host);
    const ino = fs.create(fs.rootIno, "comb", FILE_MODE);
    const into = { block: 0, nrBlocks: 0, isNew: false };
    const nrExtents = 2000;
    const blocks = new Map<number, number>();
    for (let index = 0; index < nrExtents; index++) {
      // 1597 has no factor in common with 2000: every other block once, in no order.
      const fileBlock = ((index * 1597) % nrExtents) * 2;
      expect(fs.mapBlocks(ino, fileBlock, 1, true, into)).toBe(0);
      blocks.set(fileBlock, into.block);
    }
    fs.setSize(ino, 2 * nrExtents * FS_BLOCK_SIZE);
    expect(new Set(blocks.values()).size).toBe(nrExtents);
    for (const [fileBlock, block] of blocks) {
      fs.mapBlocks(ino, fileBlock, 10, false, into);
      expect(into).toEqual({ block, nrBlocks: 1, isNew: false });
      fs.mapBlocks(ino, fileBlock + 1, 1, false, into);
      expect(into.block).toBe(NO_BLOCK);
    }
    expect(fs.punchHole(ino, 100, 3000)).toBe(0);
    // 50 extents before the hole, 500 behind it.
    const nrNodes = (fs.getattr(ino) as FileAttributes).nrSectors / 8 - 550;
    expect(nrNodes).toBeLessThan(12);
    // A hole may be told in parts, one to a node.
    let fileBlock = 99;
    while (fs.mapBlocks(ino, fileBlock, 10000, false, into) === 0 && into.block === NO_BLOCK)
      fileBlock += into.nrBlocks;
    expect(fileBlock).toBe(3000);
    expect(fs.setSize(ino, 0)).toBe(0);
    expect((fs.getattr(ino) as FileAttributes).nrSectors).toBe(0);
    expect(fs.unmount()).toBe(0);
    expect(checkFileSystem(host)).toEqual([]);
  });

  it("becomes read-only when the device fails writing the journal, and recovers at the next mount", () => {
    const host = new SparseHost(2000);
    expect(makeFileSystem(host, { nrInodes: 64 })).toBe(0);
    const fs = mustMount(host);
    const kept = fs.create(fs.rootIno, "kept", FILE_MODE);
    expect(fs.syncAll()).toBe(0);
    fs.create(fs.rootIno, "lost", FILE_MODE);
    host.failFrom = 0;
    host.failTo = 2000;
    expect(fs.syncAll()).toBe(-5);
    expect(fs.isReadOnly).toBe(true);
    expect(fs.create(fs.rootIno, "more", FILE_MODE)).toBe(-EROFS);
    expect(fs.syncAll()).toBe(-EROFS);
    expect(fs.lookup(fs.rootIno, "kept")).toBe(kept);
    expect(fs.unmount()).toBe(-5);
    host.failTo = 0;
    const again = mustMount(host);
    expect(again.lookup(again.rootIno, "kept")).toBe(kept);
    expect(again.lookup(again.rootIno, "lost")).toBe(-ENOENT);
    expect(again.unmount()).toBe(0);
    expect(checkFileSystem(host)).toEqual([]);
  });

  it("refuses a device that is too small, and one that holds something else", () => {
    expect(makeFileSystem(new TestHost(newDevice(60)), {})).toBe(-28);
    const result = mountFileSystem(new TestHost(newDevice(200)));
    expect(result).toEqual({
      errno: -22,
      sentence: "there is no file system of this kind here: block 0 has no superblock",
    });
  });
});
