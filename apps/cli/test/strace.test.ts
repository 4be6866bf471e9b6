import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pageframe, useFolder } from "./helpers.ts";

const LOG = `7 execve("/bin/cat", ["cat", "a.txt"], 0x7ffc /* 3 vars */) = 0
7 brk(NULL) = 0x55ff40f88000
7 openat(AT_FDCWD, "a.txt", O_RDONLY) = 3
7 newfstatat(3, "", {st_mode=S_IFREG|0644, st_size=10000, ...}, AT_EMPTY_PATH) = 0
7 read(3, "hello"..., 131072) = 10000
7 openat(AT_FDCWD, "b.txt", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 4
7 write(4, "hello"..., 10000) = 10000
7 write(1, "done", 4) = 4
7 fcntl(3, F_SETLK, {l_type=F_RDLCK}) = -1 EACCES (Permission denied)
7 exit_group(0) = ?
7 +++ exited with 0 +++
`;

describe("a log of strace", () => {
  const folder = useFolder();

  it("is described by info, plain or gzipped", async () => {
    const expected = [
      "cat a.txt",
      "0 accesses, 9 system calls on mappings and files, 0 pages touched (0B), 24KiB of files read or written",
      "",
    ];
    for (const path of [folder.write("x.strace", LOG), folder.gzip("y", LOG)]) {
      const { exitCode, stdout } = await pageframe(["info", path]);
      expect(exitCode).toBe(0);
      expect(stdout.split("\n").slice(0, 3)).toEqual(expected);
      expect(stdout).toMatch(/^system calls that failed +1$/m);
      expect(stdout).toMatch(/^system calls left out +2$/m);
      expect(stdout).toMatch(
        /\nfiles:\n {2}\/bin\/cat \(256B\)\n {2}a\.txt \(9\.77KiB\)\n {2}b\.txt \(made by the program\)\n$/,
      );
    }
  });

  it("is compiled to a .pft file that holds the same", async () => {
    const log = folder.write("x.strace", LOG);
    const compiled = folder.path("x.pft");
    const { exitCode, stdout } = await pageframe(["compile", log, "-o", compiled]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/x\.pft: [\d.]+(B|KiB), 0 accesses in 0 runs, 9 system calls, 0 pages touched\n$/);
    expect(readFileSync(compiled)[8]).toBe(2);
    const infoOf = async (path: string): Promise<unknown> =>
      JSON.parse((await pageframe(["info", "--json", path])).stdout) as unknown;
    expect(await infoOf(compiled)).toEqual(await infoOf(log));
  });

  it("runs in memory that is given as a size or as a part of the files that it touches", async () => {
    const log = folder.write("x.strace", LOG);
    const { exitCode, stdout } = await pageframe(["run", log, "--memory", "4MiB", "--json"]);
    expect(exitCode).toBe(0);
    const report = JSON.parse(stdout) as { runs: { failedSyscalls: string[]; killedBy: unknown }[] };
    expect(report.runs).toMatchObject([{ failedSyscalls: [], killedBy: null }]);
    const tooSmall = await pageframe(["run", log, "--memory", "100%"]);
    expect(tooSmall.exitCode).toBe(2);
    expect(tooSmall.stderr).toContain("100% of the trace's 6 pages");
  });

  it("shows a malformed line with its number", async () => {
    const bad = folder.write("bad.strace", LOG.replace("read(3", "read(3 4"));
    const { exitCode, stderr } = await pageframe(["info", bad]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/bad\.strace:5: expected .*; found "7 read\(3 4/);
  });
});
