import { describe, expect, it } from "vitest";
import { parseScript, runScript } from "@pageframe/script";

/** The observations of a script, without `l`, `p` and `op`, which repeat the script. */
function results(...lines: string[]): string[] {
  const run = runScript(parseScript(lines.join("\n"), "t.mm"));
  expect(run.notModelled).toBeNull();
  return run.lines.map((line) => line.replace(/^\{"l":\d+,"p":"\w+"(?:,"op":"[^"]*")?,/, ""));
}

describe("files of scripts", () => {
  // What Linux 6.18 says to the same lines.
  it("hold letters, have a size, and are shown by their names", () => {
    expect(
      results(
        "file f0 tmpfs 4 fill",
        "file f1 memfd 2",
        "mmap 0 4 rw shared f0 1",
        "read 0",
        "read 3",
        "pread f0 2.5",
        "pwrite f0 2 7",
        "read 1",
        "mmap 8 2 rw private f1",
        "write 8 9",
        "pread f1 0",
        "pread f1 2",
        "snap maps,pagemap",
        "ftruncate f0 2",
        "read 1",
        "punch f0 1 1",
        "read 0",
        "pread f0 -1",
      ),
    ).toEqual([
      '"ret":"A+0","min":0,"maj":0}',
      '"ret":98,"min":1,"maj":0}',
      '"sig":"SIGBUS","code":"ADRERR","addr":"A+3","min":0,"maj":0}',
      '"ret":99,"min":0,"maj":0}',
      '"ret":1,"min":0,"maj":0}',
      '"ret":7,"min":0,"maj":0}',
      '"ret":"A+8","min":0,"maj":0}',
      '"ret":0,"min":1,"maj":0}',
      '"ret":0,"min":0,"maj":0}',
      '"ret":0,"min":0,"maj":0}',
      '"maps":[["A+0","A+4","rw-s","f0",1],["A+8","A+10","rw-p","f1",0]],' +
        '"pagemap":[["A+0",3,"Pfxd"],["A+3",1,"d"],["A+8",1,"Pxd"],["A+9",1,"d"]]}',
      '"ret":0,"min":0,"maj":0}',
      '"sig":"SIGBUS","code":"ADRERR","addr":"A+1","min":0,"maj":0}',
      '"ret":0,"min":0,"maj":0}',
      '"ret":0,"min":1,"maj":0}',
      '"err":"EINVAL","min":0,"maj":0}',
    ]);
  });

  it("cannot be written through a file that is open for reading", () => {
    expect(
      results("file f0 tmpfs 1 fill ro", "mmap 0 1 rw shared f0", "mmap 0 1 r shared f0", "read 0"),
    ).toEqual([
      '"err":"EACCES","min":0,"maj":0}',
      '"ret":"A+0","min":0,"maj":0}',
      '"ret":97,"min":1,"maj":0}',
    ]);
  });

  it("are not on ext4", () => {
    const run = runScript(parseScript("file f0 ext4 1\nread 0", "t.mm"));
    expect(run.notModelled).toEqual({ line: 1, reason: "a file on ext4 is not modelled" });
  });
});
