import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Outcome, pageframe, useFolder } from "./helpers.ts";

const BLOCK = 4096;

function disk(...args: readonly string[]): Promise<Outcome> {
  return pageframe(["disk", ...args]);
}

/** Bytes that tell where they lie. */
function pattern(nrBytes: number): Uint8Array {
  return Uint8Array.from({ length: nrBytes }, (_, at) => (at * 31 + (at >> 12)) & 0xff);
}

describe("pageframe disk", () => {
  const folder = useFolder();

  async function madeImage(size = "4MiB"): Promise<string> {
    const path = folder.path("disk.img");
    expect((await disk("make", path, "--size", size, "--seed", "7", "--inodes", "64")).exitCode).toBe(0);
    return path;
  }

  it("makes an image that is clean and holds nothing", async () => {
    const image = await madeImage();
    expect(statSync(image).size).toBe(4 * 2 ** 20);
    expect(await disk("check", image)).toEqual({ exitCode: 0, stdout: "clean\n", stderr: "" });
    expect(await disk("ls", image)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const { stdout } = await disk("info", image, "--json");
    // 1024 blocks of 4 KiB; inodes 1 and 2 are the file system's own.
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      nrBlocks: 1024,
      nrJournalBlocks: 64,
      nrInodes: 64,
      nrFreeInodes: 62,
      journal: "clean",
      blockSizeBytes: BLOCK,
    });
    expect((await disk("info", image)).stdout).toMatch(
      /^file system +pffs, version 1\nid +[0-9a-f]{32}\nsize +4MiB/,
    );
  });

  it("gives back what was put in, and shows it", async () => {
    const image = await madeImage();
    const bytes = pattern(300_000);
    const first = folder.path("first");
    writeFileSync(first, bytes, { mode: 0o640 });
    const second = folder.write("second", "two\n");
    expect(await disk("put", image, "-p", first, second, "/home/me/")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    // A name that is there is replaced.
    expect((await disk("put", image, second, "home/me/third")).exitCode).toBe(0);
    expect((await disk("put", image, first, "home/me/third")).exitCode).toBe(0);
    expect((await disk("ls", image, "/home/me")).stdout).toBe(
      "mode        links    bytes  on disk  name\n" +
        "-rw-r-----      1  300,000   296KiB  first\n" +
        "-rw-r--r--      1        4     4KiB  second\n" +
        "-rw-r-----      1  300,000   296KiB  third\n",
    );
    const { entries } = JSON.parse((await disk("ls", image, "/", "--json")).stdout) as { entries: object[] };
    expect(entries).toMatchObject([{ name: "home", mode: 0o40755, nrLinks: 3, target: null }]);
    const back = folder.path("back");
    expect((await disk("get", image, "/home/me/third", back)).exitCode).toBe(0);
    expect(new Uint8Array(readFileSync(back))).toEqual(bytes);
    expect((await disk("check", image)).stdout).toBe("clean\n");
  });

  it("refuses to make an image over a file, unless it is told to", async () => {
    const path = folder.write("kept", "mine");
    const refused = await disk("make", path, "--size", "4MiB");
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
    expect(refused.stderr).toBe(
      `pageframe: error: image ${path} cannot be made: a file of that name is there\n--force replaces it\n`,
    );
    expect(readFileSync(path, "utf8")).toBe("mine");
    // Too small: what was there stays even so.
    expect((await disk("make", path, "--size", "64KiB", "--force")).exitCode).toBe(2);
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect((await disk("make", path, "--size", "4MiB", "--force")).exitCode).toBe(0);
    expect((await disk("check", path)).exitCode).toBe(0);
  });

  it("leaves a full image as it was, and says that it is full", async () => {
    const image = await madeImage("1MiB");
    const small = folder.write("small", "small");
    expect((await disk("put", image, small, "/kept")).exitCode).toBe(0);
    const large = folder.path("large");
    writeFileSync(large, pattern(2 ** 20));
    const full = await disk("put", image, large, "/kept");
    expect(full).toMatchObject({
      exitCode: 1,
      stderr: `pageframe: error: /kept of image ${image} cannot be written: the image is full\n`,
    });
    expect((await disk("check", image)).stdout).toBe("clean\n");
    const { entries } = JSON.parse((await disk("ls", image, "--json")).stdout) as { entries: object[] };
    expect(entries).toMatchObject([{ name: "kept", sizeBytes: 5 }]);
  });

  it("names what is wrong with an image that holds no file system or is cut short", async () => {
    const other = folder.path("other");
    writeFileSync(other, pattern(2 ** 20));
    for (const command of [
      ["ls"],
      ["info"],
      ["check"],
      ["get", "/a", folder.path("x")],
      ["put", other, "/a"],
    ]) {
      const { exitCode, stdout, stderr } = await disk(command[0], other, ...command.slice(1));
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toContain("there is no file system of this kind here: block 0 has no superblock");
    }
    const image = await madeImage();
    for (const nrBytes of [4 * 2 ** 20 - 1, 2 ** 20, BLOCK]) {
      truncateSync(image, nrBytes);
      const { exitCode, stderr } = await disk("ls", image);
      expect(exitCode).toBe(2);
      expect(stderr).toContain("the image is truncated: the file system has 1024 blocks");
    }
    truncateSync(image, 100);
    expect((await disk("ls", image)).stderr).toContain("has 100 bytes; at least 512 would work");
    expect((await disk("ls", folder.path("none"))).exitCode).toBe(2);
    expect(existsSync(folder.path("x"))).toBe(false);
  });

  it("exits with 1 and a line for each problem where metadata is damaged, and calls on it fail in a sentence", async () => {
    const image = await madeImage();
    const bytes = readFileSync(image);
    // Block 2: the descriptors of groups.
    bytes[2 * BLOCK + 100] ^= 1;
    writeFileSync(image, bytes);
    const { exitCode, stdout, stderr } = await disk("check", image);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("block 2 (descriptor of group 0) is damaged\n");
    expect(stderr).toMatch(/^pageframe: error: image .* has \d+ problems?\n$/);
    expect(await disk("ls", image)).toMatchObject({ exitCode: 2, stdout: "" });
    expect(readFileSync(image).equals(bytes)).toBe(true);
  });

  it("says what cannot be done with a path", async () => {
    const image = await madeImage();
    const file = folder.write("file", "x");
    const calls: (readonly [readonly string[], string])[] = [
      [["ls", image, "/none"], "/none of image .* cannot be listed: there is no such file or directory"],
      [["get", image, "/", folder.path("y")], "/ of image .* cannot be read: it is a directory"],
      [
        ["put", image, file, "/none/x"],
        "/none/x of image .* cannot be written: there is no such file or directory",
      ],
      [
        ["put", image, folder.path("gone"), "/x"],
        "gone cannot be put into the image: no such file or directory",
      ],
      [["put", image, folder.path("."), "/x"], "cannot be put into the image: it is not a regular file"],
      [["put", image, file], "disk put needs a file of the host and a path in the image"],
      [["make", folder.path("z"), "--size", "64"], 'size "64" is not a number with a unit'],
      [
        ["make", folder.path("z"), "--size", "4MiB", "--inodes", "99999"],
        "nrInodes \\(99999\\) must be at most",
      ],
    ];
    for (const [args, sentence] of calls) {
      const { exitCode, stderr } = await disk(...args);
      expect(stderr).toMatch(new RegExp(`^pageframe: error: .*${sentence}`));
      expect(exitCode).toBe(2);
    }
    expect(existsSync(folder.path("z"))).toBe(false);
    expect((await disk("check", image)).stdout).toBe("clean\n");
  });
});
