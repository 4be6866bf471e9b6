import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withDiskFor } from "../src/disk.ts";
import { collectMissing, type Host, thisHost } from "../src/host.ts";
import { parseObservations } from "../src/observations.ts";
import { collectTwoAnswers } from "../src/recording.ts";
import { directoryWith, run } from "./helpers.ts";

const GOOD: Host = {
  platform: "linux",
  arch: "x64",
  release: "6.18.44-cloud-amd64",
  uid: 0,
  compiler: "cc",
  hasSwap: true,
};

describe("what recording needs", () => {
  it("is nothing more on Linux as root with a compiler and swap", () => {
    expect(collectMissing(GOOD)).toEqual([]);
  });

  it.each([
    [{ platform: "darwin", arch: "arm64" }, "recording needs Linux on x86-64, this is darwin on arm64"],
    [{ release: "5.10.0-8-amd64" }, "recording needs Linux 6.1 or later, this is 5.10.0-8-amd64"],
    [{ uid: 1000 }, "recording needs root, to read frame numbers from /proc/PID/pagemap"],
    [{ compiler: null }, "recording needs a C compiler: install gcc, or name one in $CC"],
    [
      { hasSwap: false },
      "recording needs swap, for pages to be paged out: mkswap a file of 64 MiB and swapon it",
    ],
  ])("is said of %j", (lack, sentence) => {
    expect(collectMissing({ ...GOOD, ...lack })).toEqual([sentence]);
  });

  it("is said all at once", () => {
    expect(collectMissing({ ...GOOD, uid: 1000, compiler: null, hasSwap: false })).toHaveLength(3);
  });
});

describe("two answers", () => {
  it("are the fields that differ between two records, or that one lacks", () => {
    const first = parseObservations('{"l":1,"ret":0,"min":1}\n{"l":2,"err":"EIO"}', "first");
    const second = parseObservations('{"l":1,"ret":0,"min":2}\n{"l":3,"ret":0}', "second");
    expect(collectTwoAnswers(first, second)).toEqual(["1 min", "2 err", "3 ret"]);
  });
});

const missing = collectMissing(thisHost());

describe("--record", () => {
  it.skipIf(missing.length === 0)("says what this machine lacks", () => {
    const { exitCode, err } = run("--record");
    expect(exitCode).toBe(2);
    expect(err).toBe(missing.map((sentence) => `oracle: ${sentence}\n`).join(""));
  });

  it.skipIf(missing.length > 0)("asks the kernel of this machine, and the model", () => {
    const script = "mmap 0 4 rw private,anon\nwrite 1 7\nread 0 4\nsnap maps,mapcount\nmunmap 0 4\n";
    const { exitCode, out } = run("--record", directoryWith({ "1.mm": script }), "--json");
    expect(JSON.parse(out)).toMatchObject({ equal: 14, different: 0, notModelled: 0 });
    expect(exitCode).toBe(0);
  });
});

describe("the disk of recordings", () => {
  it("is not made for scripts without files of kind ext4", () => {
    const directory = directoryWith({ "1.mm": "file f0 tmpfs 4\n# file f1 ext4 4\n" });
    const used: string[] = [];
    withDiskFor([join(directory, "1.mm")], (disk) => used.push(disk));
    expect(used).toEqual([tmpdir()]);
  });
});
