import { describe, expect, it } from "vitest";
import { parseScript, runScript } from "@pageframe/script";

/** The observations of a script, without `l`, `p` and `op`, which repeat the script. */
function results(...lines: string[]): string[] {
  const run = runScript(parseScript(lines.join("\n"), "t.mm"));
  expect(run.notModelled).toBeNull();
  return run.lines.map((line) => line.replace(/^\{"l":\d+,(?:"p":"\w+",)?(?:"op":"[^"]*",)?/, ""));
}

describe("limits of a process with all capabilities", () => {
  // What Linux 6.18 says to the same lines.
  it("count from what the process uses when they begin with +", () => {
    expect(
      results(
        "mmap 0 16 rw private,anon",
        "rlimit as +8",
        "mmap 16 2 r private,anon",
        "mmap 18 1 r private,anon",
        "rlimit as inf",
        "mmap 18 1 r private,anon",
      ).slice(1),
    ).toEqual([
      '"ret":0,"min":0,"maj":0}',
      '"ret":"A+16","min":0,"maj":0}',
      '"err":"ENOMEM","min":0,"maj":0}',
      '"ret":0,"min":0,"maj":0}',
      '"ret":"A+18","min":0,"maj":0}',
    ]);
  });

  it("bind a process that has dropped its rights", () => {
    expect(
      results(
        "mmap 0 16 rw private,anon",
        "dropcaps",
        "rlimit memlock 8",
        "mlock 0 2",
        "mlock 2 1",
        "rlimit memlock inf",
      ).slice(1),
    ).toEqual([
      '"ret":0}',
      '"ret":0,"min":0,"maj":0}',
      '"ret":0,"min":2,"maj":0}',
      '"err":"ENOMEM","min":0,"maj":0}',
      '"err":"EPERM","min":0,"maj":0}',
    ]);
  });

  it("do not take an adjustment out of range", () => {
    expect(results("oom_score_adj 2000", "oom_score_adj -500")).toEqual([
      '"ret":-22,"min":0,"maj":0}',
      '"ret":0,"min":0,"maj":0}',
    ]);
  });
});

describe("settings", () => {
  it("are read back", () => {
    expect(results("sysctl vm/overcommit_memory 1", "sysctl vm/overcommit_memory 7")).toEqual([
      '"r":0,"now":"1"}',
      '"r":-22,"now":"1"}',
    ]);
  });

  it("end the run where the model does not have them", () => {
    const run = runScript(parseScript("sysctl vm/nr_hugepages 4\nread 0", "t.mm"));
    expect(run.notModelled).toEqual({ line: 1, reason: "the setting vm/nr_hugepages is not modelled" });
  });
});
