import { existsSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pageframe, useFolder } from "./helpers.ts";

/** cat(1) of a file of 256 pages, 32 pages at a time, and a copy of its first page. */
const LOG = `7 execve("/bin/cat", ["cat", "big"], 0x7ffc /* 3 vars */) = 0
7 openat(AT_FDCWD, "big", O_RDONLY) = 3
7 fstat(3, {st_mode=S_IFREG|0644, st_size=1048576, ...}) = 0
${`7 read(3, ""..., 131072) = 131072\n`.repeat(8)}7 read(3, ""..., 131072) = 0
7 openat(AT_FDCWD, "copy", O_WRONLY|O_CREAT, 0644) = 4
7 write(4, ""..., 4096) = 4096
7 fsync(4) = 0
7 exit_group(0) = ?
7 +++ exited with 0 +++
`;

interface JsonRun {
  start: string;
  failedSyscalls: string[];
  pageCache: Record<string, number>;
  disks: Record<string, number | string>[];
  timeNs: Record<string, number>;
  config: { disks: { model: string }[] };
}

describe("a run of a trace with files", () => {
  const folder = useFolder();

  async function run(...options: string[]): Promise<JsonRun> {
    const log = folder.write("cat.strace", LOG);
    const { exitCode, stdout, stderr } = await pageframe([
      "run",
      log,
      "--memory",
      "4MiB",
      "--json",
      ...options,
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const [report] = (JSON.parse(stdout) as { runs: JsonRun[] }).runs;
    expect(report.failedSyscalls).toEqual([]);
    return report;
  }

  async function refusal(...options: string[]): Promise<string> {
    const log = folder.write("cat.strace", LOG);
    const { exitCode, stdout, stderr } = await pageframe(["run", log, "--memory", "4MiB", ...options]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    return stderr;
  }

  it("reads ahead with a cold cache, finds everything with a warm one, and misses everything without readahead", async () => {
    // The program's header, the first request, and the page that is made.
    expect((await run()).pageCache).toMatchObject({ misses: 1 + 32 + 1, hits: 224, readAheadHits: 224 });
    const warm = await run("--start", "warm");
    expect(warm.pageCache).toMatchObject({ misses: 1, hits: 257, readAhead: 0 });
    // What is read is metadata alone: where the new file may lie.
    expect(warm.disks[0]["readBytes"]).toBeLessThan(8 * 4096);
    expect((await run("--readahead", "none")).pageCache).toMatchObject({ misses: 258, hits: 0 });
  });

  it("takes longer with a slower disk", async () => {
    const models = ["nvme", "ssd", "hdd"];
    const waits: number[] = [];
    for (const model of models) {
      const report = await run("--disk-model", model);
      expect(report.config.disks).toMatchObject([{ model }]);
      waits.push(report.timeNs["ioWait"]);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
  });

  it("keeps files in an image, which the next run finds", async () => {
    const image = folder.path("disk.img");
    await run("--disk-image", image, "--disk", "16MiB");
    expect(statSync(image).size).toBe(16 * 2 ** 20);
    // The file that the first run made is there: O_CREAT opens it.
    expect((await run("--disk-image", image)).disks[0]["readBytes"]).toBeGreaterThan(2 ** 20);
  });

  it("sees a directory of the host", async () => {
    folder.write("big", new Uint8Array(2 ** 20));
    const report = await run("--mount", `${folder.path(".")}=/host`);
    expect(report.pageCache["misses"]).toBe(34);
  });

  it("refuses what makes no sense with one sentence", async () => {
    const text = folder.write("text.img", "x".repeat(8192));
    expect(await refusal("--disk-image", text)).toMatch(
      /^pageframe: error: disk vda holds no file system .*\n$/,
    );
    expect(await refusal("--disk", "64KiB")).toMatch(
      /^pageframe: error: the files of the trace do not find room/,
    );
    expect(await refusal("--disk", "much")).toContain('disk "much" is not a size with a unit');
    expect(await refusal("--readahead", "psychic")).toContain("known: linux, none, fixed");
    expect(await refusal("--mount", "here")).toContain('mount "here" is not a directory and a path');
    expect(await refusal("--mount", "/no/such/place=/x")).toContain(
      "directory /no/such/place cannot be read",
    );
    const image = folder.path("new.img");
    expect(await refusal("--memory", "4MiB,8MiB", "--disk-image", image)).toContain("is for one run");
    expect(existsSync(image)).toBe(false);
  });
});
