import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EACCES, EEXIST, EINVAL, EIO, ENOENT, KernelError } from "@pageframe/contracts";
import { HostFileBlockBackend } from "../src/host-file-block.ts";
import { useFolder } from "./helpers.ts";

const sectors = (nrSectors: number, byte: number): Uint8Array => new Uint8Array(nrSectors * 512).fill(byte);

/** What opening fails with. */
function failureOf(act: () => unknown): { errno: number; sentence: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof KernelError) return { errno: error.errno, sentence: error.sentence };
    throw error;
  }
  return { errno: 0, sentence: "" };
}

describe("HostFileBlockBackend", () => {
  const folder = useFolder();

  it("reads and writes sectors of the file in place", () => {
    const path = folder.write("disk.img", Buffer.alloc(16 * 512 + 100, 7));
    const image = new HostFileBlockBackend(path);
    expect(image.nrSectors).toBe(16);
    expect(image.writeSectors(14, sectors(2, 9))).toBe(0);
    expect(image.flush()).toBe(0);
    const into = sectors(4, 0);
    expect(image.readSectors(12, into)).toBe(0);
    expect(into).toEqual(Uint8Array.from([...sectors(2, 7), ...sectors(2, 9)]));
    image.close();
    const bytes = readFileSync(path);
    expect([bytes[0], bytes[14 * 512], bytes[16 * 512 - 1], bytes[16 * 512], bytes.length]).toEqual([
      7,
      9,
      9,
      7,
      16 * 512 + 100,
    ]);
  });

  it("makes a new image of zeros for its owner's eyes, and overwrites none", () => {
    const path = folder.path("new.img");
    const image = HostFileBlockBackend.create(path, 64);
    const into = sectors(64, 1);
    expect(image.readSectors(0, into)).toBe(0);
    expect(into.every((byte) => byte === 0)).toBe(true);
    image.close();
    expect(statSync(path).size).toBe(64 * 512);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(failureOf(() => HostFileBlockBackend.create(path, 64)).errno).toBe(EEXIST);
    expect(failureOf(() => HostFileBlockBackend.create(folder.path("none.img"), 0)).errno).toBe(EINVAL);
  });

  it("says what is wrong with a file that is missing, too small, or none", () => {
    const missing = folder.path("missing.img");
    expect(failureOf(() => new HostFileBlockBackend(missing))).toEqual({
      errno: ENOENT,
      sentence: `image ${missing} does not exist; the name of an image file would work`,
    });
    const small = folder.write("small.img", Buffer.alloc(511));
    expect(failureOf(() => new HostFileBlockBackend(small))).toEqual({
      errno: EINVAL,
      sentence: `image ${small} has 511 bytes; at least 512 would work`,
    });
    const short = folder.write("short.img", Buffer.alloc(4096));
    expect(failureOf(() => new HostFileBlockBackend(short, { nrSectors: 9 })).sentence).toBe(
      `image ${short} has 4096 bytes; at least 4608 would work`,
    );
    expect(new HostFileBlockBackend(short, { nrSectors: 5 }).nrSectors).toBe(5);
    mkdirSync(folder.path("folder"));
    for (const path of [folder.path("folder"), "/dev/null"]) {
      for (const isReadOnly of [false, true]) {
        expect(failureOf(() => new HostFileBlockBackend(path, { isReadOnly })).sentence).toBe(
          `image ${path} is not a regular file; an image file would work`,
        );
      }
    }
  });

  it("does not write to a file that it opened to read", () => {
    // Nobody may write to the program that runs, not even the superuser.
    const failure = failureOf(() => new HostFileBlockBackend(process.execPath));
    expect([EINVAL, EACCES]).toContain(failure.errno);
    expect(failure.sentence).toContain(`image ${process.execPath} cannot be written: `);
    const program = new HostFileBlockBackend(process.execPath, { isReadOnly: true });
    const into = sectors(1, 0);
    expect(program.readSectors(0, into)).toBe(0);
    expect([...into.subarray(0, 4)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
    expect(program.isReadOnly).toBe(true);
    expect(program.writeSectors(0, into)).toBe(-EIO);
    expect(program.flush()).toBe(0);
  });

  it("answers -EIO when the file becomes shorter or is closed, and remembers", () => {
    const path = folder.write("disk.img", Buffer.alloc(16 * 512));
    const image = new HostFileBlockBackend(path);
    truncateSync(path, 1000);
    expect(image.readSectors(0, sectors(1, 0))).toBe(0);
    expect(image.readSectors(1, sectors(1, 0))).toBe(-EIO);
    image.close();
    image.close();
    expect(image.writeSectors(0, sectors(1, 0))).toBe(-EIO);
    expect(image.readSectors(0, sectors(1, 0))).toBe(-EIO);
    expect(image.flush()).toBe(-EIO);
    expect(image.describeFailures()).toBe(`image ${path}: 4 transfers failed, the first with EIO`);
  });

  it("goes back to any of several snapshots, in any order", () => {
    const path = folder.write("disk.img", Buffer.alloc(20 * 512, 1));
    const image = new HostFileBlockBackend(path);
    const states: [unknown, Buffer][] = [];
    const snapshot = (): void => {
      states.push([image.captureExternal(), readFileSync(path)]);
    };
    snapshot();
    image.writeSectors(3, sectors(10, 2));
    snapshot();
    image.writeSectors(0, sectors(4, 3));
    // The last page of this device is half a page.
    image.writeSectors(19, sectors(1, 3));
    snapshot();
    image.writeSectors(0, sectors(20, 4));
    for (const at of [1, 2, 0, 1, 0, 2]) {
      const [state, bytes] = states[at];
      image.reinstateExternal(state);
      expect(readFileSync(path).equals(bytes)).toBe(true);
      image.writeSectors(7, sectors(2, 10 + at));
    }
  });

  it("says so when the file cannot be put back", () => {
    const path = folder.write("disk.img", Buffer.alloc(16 * 512, 1));
    const image = new HostFileBlockBackend(path);
    const state = image.captureExternal();
    writeFileSync(path, "");
    image.writeSectors(8, sectors(8, 2));
    expect(
      failureOf(() => {
        image.reinstateExternal(state);
      }).errno,
    ).toBe(EIO);
  });
});
