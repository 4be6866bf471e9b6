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

  it("are on a disk with ext4: what is cold is read with the pages around it", () => {
    expect(
      results(
        "file f0 ext4 48 fill cold",
        "mmap 0 48 r shared f0",
        "mincore 0 48",
        "read 20",
        "sleep 10",
        "mincore 0 48",
        "read 21",
        "snap maps,pagemap",
      ),
    ).toEqual([
      '"ret":"A+0","min":0,"maj":0}',
      `"ret":0,"vec":"${"0".repeat(48)}","min":0,"maj":0}`,
      '"ret":117,"min":0,"maj":1}',
      // 32 pages, 16 of them before.
      `"ret":0,"vec":"${"0".repeat(4)}${"1".repeat(32)}${"0".repeat(12)}","min":0,"maj":0}`,
      '"ret":118,"min":0,"maj":0}',
      // Of the window of 16 around the fault the one with the marker stays out, as in script 18 of the shared records.
      '"maps":[["A+0","A+48","r--s","f0",0]],' +
        '"pagemap":[["A+0",16,"d"],["A+16",12,"Pfxd"],["A+28",1,"d"],["A+29",3,"Pfxd"],["A+32",16,"d"]]}',
    ]);
  });

  it("are cached and clean on a disk when they were filled", () => {
    expect(
      results("file f0 ext4 16 fill", "mmap 0 16 r shared f0", "read 3", "snap smaps,lru", "pread f0 15"),
    ).toEqual([
      '"ret":"A+0","min":0,"maj":0}',
      '"ret":100,"min":1,"maj":0}',
      '"smaps":[{"at":"A+0","n":16,"Rss":64,"Pss":64,"Private_Clean":64,"Referenced":64,"VmFlags":"rd sh mr mw me ms sd"}],' +
        '"lru":[["A+0",16,"l"]]}',
      '"ret":112,"min":0,"maj":0}',
    ]);
  });

  it("on a disk may be for reading only", () => {
    expect(results("file f0 ext4 2 fill ro", "mmap 0 2 rw shared f0", "pwrite f0 0 1", "pread f0 1")).toEqual(
      ['"err":"EACCES","min":0,"maj":0}', '"err":"EBADF","min":0,"maj":0}', '"ret":98,"min":0,"maj":0}'],
    );
  });
});
