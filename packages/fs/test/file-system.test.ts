import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EROFS,
  FS_BLOCK_SIZE,
  NO_BLOCK,
  S_IFLNK,
  type FileAttributes,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../src/bytes.ts";
import { crc32c } from "../src/crc32c.ts";
import { checkFileSystem, makeFileSystem } from "../src/index.ts";
import { DIR_MODE, FILE_MODE, mustMount, newDevice, TestDevice, TestHost, TestPages } from "./helpers.ts";

function freshHost(nrBlocks = 1024): TestHost {
  const host = new TestHost(newDevice(nrBlocks));
  expect(makeFileSystem(host, { seed: 7 })).toBe(0);
  return host;
}

describe("file system", () => {
  it("keeps names, attributes and bytes over a remount", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const pages = new TestPages(host, fs);
    const dir = fs.create(fs.rootIno, "dir", DIR_MODE);
    const ino = fs.create(dir, "file", FILE_MODE);
    expect(ino).toBeGreaterThan(2);
    expect(pages.pwrite(ino, 5000, new Uint8Array([1, 2, 3]))).toBe(0);
    expect(pages.writeAll()).toBe(0);
    expect(fs.unmount()).toBe(0);
    expect(host.nrReferences).toBe(0);

    const again = new TestHost(host.device);
    const fs2 = mustMount(again);
    const found = fs2.lookup(fs2.lookup(fs2.rootIno, "dir"), "file");
    expect(found).toBe(ino);
    expect(fs2.getattr(found)).toMatchObject({ sizeBytes: 5003, nrSectors: 8, nrLinks: 1, mode: FILE_MODE });
    const bytes = new TestPages(again, fs2).read(found) as Uint8Array;
    expect([...bytes.subarray(4998)]).toEqual([0, 0, 1, 2, 3]);
    expect(fs2.readdir(fs2.rootIno)).toEqual([{ name: "dir", ino: dir, type: DIR_MODE & 0o170000 }]);
  });

  it("answers with Linux's errors", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const { rootIno } = fs;
    const file = fs.create(rootIno, "file", FILE_MODE);
    const dir = fs.create(rootIno, "dir", DIR_MODE);
    fs.create(dir, "inner", FILE_MODE);
    expect(fs.lookup(rootIno, "none")).toBe(-ENOENT);
    expect(fs.lookup(file, "x")).toBe(-ENOTDIR);
    expect(fs.create(rootIno, "file", FILE_MODE)).toBe(-EEXIST);
    expect(fs.create(rootIno, "x".repeat(256), FILE_MODE)).toBe(-ENAMETOOLONG);
    expect(fs.create(rootIno, "a/b", FILE_MODE)).toBe(-EINVAL);
    expect(fs.unlink(rootIno, "dir")).toBe(-EISDIR);
    expect(fs.rmdir(rootIno, "file")).toBe(-ENOTDIR);
    expect(fs.rmdir(rootIno, "dir")).toBe(-ENOTEMPTY);
    expect(fs.rename(rootIno, "file", rootIno, "dir")).toBe(-EISDIR);
    expect(fs.rename(rootIno, "dir", rootIno, "file")).toBe(-ENOTDIR);
    expect(fs.rename(rootIno, "dir", dir, "self")).toBe(-EINVAL);
    expect(fs.rename(rootIno, "none", dir, "self")).toBe(-ENOENT);
    fs.unmount();
    const readOnly = mustMount(new TestHost(host.device), { readOnly: true });
    expect(readOnly.isReadOnly).toBe(true);
    expect(readOnly.create(rootIno, "new", FILE_MODE)).toBe(-EROFS);
    expect(readOnly.lookup(rootIno, "file")).toBe(file);
  });

  it("replaces the target of a rename at once and says which inode lost its name", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const one = fs.create(fs.rootIno, "one", FILE_MODE);
    const two = fs.create(fs.rootIno, "two", FILE_MODE);
    expect(fs.rename(fs.rootIno, "one", fs.rootIno, "two")).toBe(0);
    expect(fs.replacedIno).toBe(two);
    expect(fs.lookup(fs.rootIno, "two")).toBe(one);
    expect(fs.lookup(fs.rootIno, "one")).toBe(-ENOENT);
    expect((fs.getattr(two) as FileAttributes).nrLinks).toBe(0);
    expect(fs.release(two)).toBe(0);
  });

  it("keeps symbolic links, short ones in the inode and long ones in a block", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const short = fs.create(fs.rootIno, "short", S_IFLNK | 0o777, "a/b/ü€😀");
    const long = fs.create(fs.rootIno, "long", S_IFLNK | 0o777, "x".repeat(3000));
    expect(fs.readlink(short)).toBe("a/b/ü€😀");
    expect(fs.readlink(long)).toBe("x".repeat(3000));
    expect(fs.getattr(short)).toMatchObject({ nrSectors: 0, sizeBytes: 13 });
    expect(fs.getattr(long)).toMatchObject({ nrSectors: 8, sizeBytes: 3000 });
    const before = fs.statfs().nrFreeBlocks;
    fs.unlink(fs.rootIno, "long");
    fs.release(long);
    expect(fs.statfs().nrFreeBlocks).toBe(before + 1);
  });

  it("gives a full device's errors and keeps what was there", () => {
    const host = freshHost(200);
    const fs = mustMount(host);
    const pages = new TestPages(host, fs);
    const ino = fs.create(fs.rootIno, "big", FILE_MODE);
    const block = new Uint8Array(FS_BLOCK_SIZE).fill(9);
    let nrWritten = 0;
    while (pages.pwrite(ino, nrWritten * FS_BLOCK_SIZE, block) === 0) nrWritten++;
    expect(pages.pwrite(ino, nrWritten * FS_BLOCK_SIZE, block)).toBe(-ENOSPC);
    expect(fs.statfs().nrFreeBlocks).toBe(0);
    expect(fs.getattr(ino)).toMatchObject({ sizeBytes: nrWritten * FS_BLOCK_SIZE });
    expect((pages.read(ino) as Uint8Array).every((byte) => byte === 9)).toBe(true);
    // What is freed can be had again at once, although only a commit makes it free.
    expect(pages.truncate(ino, 0)).toBe(0);
    expect(pages.pwrite(ino, 0, block)).toBe(0);
  });

  it("maps holes as holes and splits extents where a hole is punched", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const ino = fs.create(fs.rootIno, "sparse", FILE_MODE);
    const into = { block: 0, nrBlocks: 0, isNew: false };
    expect(fs.mapBlocks(ino, 10, 20, true, into)).toBe(0);
    expect(into).toMatchObject({ nrBlocks: 20, isNew: true });
    const { block } = into;
    expect(fs.punchHole(ino, 15, 18)).toBe(0);
    fs.mapBlocks(ino, 0, 100, false, into);
    expect(into).toEqual({ block: NO_BLOCK, nrBlocks: 10, isNew: false });
    fs.mapBlocks(ino, 10, 100, false, into);
    expect(into).toEqual({ block, nrBlocks: 5, isNew: false });
    fs.mapBlocks(ino, 15, 100, false, into);
    expect(into).toEqual({ block: NO_BLOCK, nrBlocks: 3, isNew: false });
    fs.mapBlocks(ino, 18, 100, false, into);
    expect(into).toEqual({ block: block + 8, nrBlocks: 12, isNew: false });
    fs.mapBlocks(ino, 30, 100, false, into);
    expect(into).toEqual({ block: NO_BLOCK, nrBlocks: 100, isNew: false });
  });

  it("takes blocks behind a file's end back after a crash, and keeps those that the size covers", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const into = { block: 0, nrBlocks: 0, isNew: false };
    const left = fs.create(fs.rootIno, "left", FILE_MODE);
    const kept = fs.create(fs.rootIno, "kept", FILE_MODE);
    fs.mapBlocks(left, 0, 4, true, into);
    fs.mapBlocks(kept, 0, 4, true, into);
    // The commit falls between the blocks and the sizes.
    expect(fs.syncAll()).toBe(0);
    fs.setSize(left, 4 * FS_BLOCK_SIZE);
    fs.setSize(kept, 4 * FS_BLOCK_SIZE);
    const crashed = new TestHost(new TestDevice(host.device.durable.slice()));
    const after = mustMount(crashed);
    expect(after.getattr(left)).toMatchObject({ sizeBytes: 0, nrSectors: 0 });
    after.unmount();
    expect(checkFileSystem(new TestHost(crashed.device))).toEqual([]);
    expect(fs.syncAll()).toBe(0);
    const later = new TestHost(new TestDevice(host.device.durable.slice()));
    expect(mustMount(later).getattr(kept)).toMatchObject({ sizeBytes: 4 * FS_BLOCK_SIZE, nrSectors: 32 });
  });

  it("frees an inode that was unlinked while open, at release or after a crash", () => {
    const host = freshHost();
    const fs = mustMount(host);
    const { nrFreeInodes } = fs.statfs();
    const ino = fs.create(fs.rootIno, "open", FILE_MODE);
    const pages = new TestPages(host, fs);
    pages.pwrite(ino, 0, new Uint8Array(20000).fill(3));
    expect(fs.unlink(fs.rootIno, "open")).toBe(ino);
    expect(fs.syncAll()).toBe(0);
    expect((pages.read(ino) as Uint8Array).every((byte) => byte === 3)).toBe(true);
    const crashed = new TestHost(new TestDevice(host.device.durable.slice()));
    expect(mustMount(crashed).statfs().nrFreeInodes).toBe(nrFreeInodes);
    expect(fs.release(ino)).toBe(0);
    expect(fs.statfs().nrFreeInodes).toBe(nrFreeInodes);
  });
});

describe("crc32c", () => {
  it("has the values of RFC 3720 and goes on from a checksum", () => {
    // RFC 3720 B.4: 32 bytes of zeros, 32 bytes of ones, 0 to 31.
    expect(crc32c(0, new Uint8Array(32), 0, 32)).toBe(0x8a9136aa);
    expect(crc32c(0, new Uint8Array(32).fill(0xff), 0, 32)).toBe(0x62a8ab43);
    const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
    expect(crc32c(0, ascending, 0, 32)).toBe(0x46dd794e);
    expect(crc32c(crc32c(0, ascending, 0, 13), ascending, 13, 32)).toBe(0x46dd794e);
  });
});

describe("names", () => {
  it("go to bytes and back, whatever is in them", () => {
    for (const name of ["plain", "ü€😀", "\ud800x", "a\u07ff\u0800\uffff"]) {
      const bytes = encodeUtf8(name);
      if (name.startsWith("\ud800")) expect(bytes.length).toBe(4);
      else expect(decodeUtf8(bytes, 0, bytes.length)).toBe(name);
    }
    expect(decodeUtf8(new Uint8Array([0xc3, 0x28, 0xff, 0xf0, 0x9f]), 0, 5)).toBe(
      "\ufffd(\ufffd\ufffd\ufffd",
    );
  });
});
