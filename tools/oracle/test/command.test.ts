import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { directoryWith, run } from "./helpers.ts";

const SCRIPT = "mmap 0 4 rw private,anon\nsnap pagemap,smaps\n";
const MAPPED = '{"l":1,"p":"P0","op":"mmap 0 4 rw private,anon","ret":"A+0","min":0,"maj":0}\n';

function snapOf(flags: string, vmFlags: string): string {
  const snap = {
    l: 2,
    p: "P0",
    pagemap: [["A+0", 4, flags]],
    smaps: [{ at: "A+0", n: 4, Rss: 0, VmFlags: vmFlags }],
  };
  return `${JSON.stringify(snap)}\n`;
}

describe("the scoreboard", () => {
  it("exits with 0 and says 100 % when all is equal", () => {
    const directory = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED + snapOf("d", "rd sd") });
    const { exitCode, out, err } = run(directory, "--against", directory);
    expect([exitCode, err]).toEqual([0, ""]);
    expect(out).toContain("1 of 1 scripts equal in every field; 5 of 5 fields equal");
    expect(out).toMatch(/total\s+5\s+0\s+0\s+100\.00 %/);
  });

  it("exits with 1 and prints the first differences otherwise", () => {
    const ours = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED + snapOf("d", "rd sd") });
    const others = directoryWith({
      "1.mm": SCRIPT,
      "1.jsonl": MAPPED.replace('"min":0', '"min":1') + snapOf("", "rd"),
    });
    const { exitCode, out } = run(ours, "--against", others, "--differences", "1");
    expect(exitCode).toBe(1);
    expect(out).toContain("1.mm:1: P0: mmap 0 4 rw private,anon: min\n    expected 0, got 1");
    expect(out).toContain("2 more; --differences 3 prints all");
  });

  it("prints the counts, and nothing else, as JSON", () => {
    const ours = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED });
    const others = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED.replace('"A+0"', '"A+1"') });
    const { exitCode, out } = run(ours, "--against", others, "--json");
    const counts = JSON.parse(out) as Record<string, unknown>;
    expect(exitCode).toBe(1);
    expect(Object.keys(counts)).toEqual(["equal", "different", "notModelled", "byKind"]);
    expect(counts).toMatchObject({
      equal: 2,
      different: 1,
      notModelled: 0,
      byKind: {
        return: { equal: 0, different: 1, notModelled: 0 },
        faults: { equal: 2, different: 0, notModelled: 0 },
        oom: { equal: 0, different: 0, notModelled: 0 },
      },
    });
  });

  it("reads gzipped records", () => {
    const directory = directoryWith({ "1.mm": SCRIPT, "1.jsonl.gz": gzipSync(MAPPED) });
    expect(run(directory, "--against", directory, "--json").exitCode).toBe(0);
  });

  it("leaves out soft-dirty when asked to, or when the record's machine has none", () => {
    const without = { "1.mm": SCRIPT, "1.jsonl": snapOf("", "rd") };
    const withIt = directoryWith({ "1.mm": SCRIPT, "1.jsonl": snapOf("d", "rd sd") });
    expect(run(withIt, "--against", directoryWith(without)).exitCode).toBe(1);
    expect(run(withIt, "--against", directoryWith(without), "--ignore", "VmHWM,soft-dirty").exitCode).toBe(0);
    const machine = JSON.stringify({ release: "6.18.44", softDirty: false });
    const { exitCode, out } = run(
      directoryWith({ ...without, "machine.json": machine }),
      "--against",
      withIt,
    );
    expect(exitCode).toBe(0);
    expect(out).toContain("machine.json says so");
  });

  it("sees in the records themselves what their kernel does not show, and says so", () => {
    const kpf = (flags: string): string => `${JSON.stringify({ l: 3, p: "P0", kpf: [["A+0", 4, flags]] })}\n`;
    const status = (keys: object): string => `${JSON.stringify({ l: 4, p: "P0", status: keys })}\n`;
    const script = `${SCRIPT}snap kpf\nsnap status\n`;
    const other = directoryWith({
      "1.mm": script,
      "1.jsonl": snapOf("", "rd gu") + kpf("UAB") + status({ VmSize: 16 }),
    });
    const shared = directoryWith({
      "1.mm": script,
      "1.jsonl": snapOf("d", "rd sd") + kpf("UABK") + status({ VmSize: 16, VmPTE: 4, VmHWM: 16 }),
    });
    const { exitCode, out } = run(other, "--against", shared);
    expect([exitCode, out.match(/^Left out: \S+/gm)]).toEqual([
      0,
      ["soft-dirty", "guard-flag", "ksm-flag", "VmHWM", "status"].map((name) => `Left out: ${name}`),
    ]);
    expect(out).toContain("the records have none");
  });

  it("leaves oom scores out of records of a machine of another size", () => {
    const script = "mmap 0 4 rw private,anon\nsnap oom\n";
    const score = (value: number): string => `${JSON.stringify({ l: 2, p: "P0", oom_score: value })}\n`;
    const machine = (memTotalKb: number): string => JSON.stringify({ release: "6.18.44", memTotalKb });
    const ours = (memTotalKb: number) =>
      directoryWith({ "1.mm": script, "1.jsonl": MAPPED + score(666), "machine.json": machine(memTotalKb) });
    const model = directoryWith({ "1.mm": script, "1.jsonl": MAPPED + score(668) });
    expect(run(ours(1_000_000), "--against", model).exitCode).toBe(1);
    expect(run(ours(8_000_000), "--against", model).exitCode).toBe(0);
  });

  it("leaves out what machine.json says the kernel answered in two ways", () => {
    const machine = { release: "6.18.44", softDirty: true, twoAnswers: { "1.mm": ["1 min"] } };
    const ours = directoryWith({
      "1.mm": SCRIPT,
      "1.jsonl": MAPPED,
      "machine.json": JSON.stringify(machine),
    });
    const others = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED.replace('"min":0', '"min":1') });
    expect(run(ours, "--against", others).exitCode).toBe(0);
  });

  it("runs only the scripts that --only names, and takes single scripts", () => {
    const directory = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED, "2.mm": SCRIPT, "2.jsonl": MAPPED });
    const nrEqual = (...args: string[]) =>
      (JSON.parse(run(...args, "--against", directory, "--json").out) as { equal: number }).equal;
    expect(nrEqual(directory)).toBe(6);
    expect(nrEqual(directory, "--only", "2")).toBe(3);
    expect(nrEqual(join(directory, "1.mm"))).toBe(3);
  });
});

describe("the scoreboard on the model", () => {
  it("counts what the model answers", () => {
    const record = '{"l":1,"p":"P0","op":"mmap 0 4 rw private,anon","ret":"A+1","min":0,"maj":0}\n';
    const directory = directoryWith({ "1.mm": "mmap 0 4 rw private,anon\n", "1.jsonl": record });
    const { exitCode, out } = run(directory, "--json");
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ equal: 2, different: 1, notModelled: 0 });
  });

  it("counts what comes after the first thing that is not modelled apart", () => {
    const script = "mmap 0 4 rw private,anon\nmbind 0 4 0 0 0\nread 0\n";
    const record = [
      MAPPED.trim(),
      '{"l":2,"p":"P0","op":"mbind 0 4 0 0 0","ret":0,"min":0,"maj":0}',
      '{"l":3,"p":"P0","op":"read 0","ret":0,"min":1,"maj":0}',
    ].join("\n");
    const directory = directoryWith({ "1.mm": script, "1.jsonl": record });
    const { exitCode, out } = run(directory);
    expect(exitCode).toBe(0);
    expect(out).toContain("not modelled from there on: mbind is not modelled: 1.mm:2");
    expect(out).toContain("3 of 3 fields equal, 6 not modelled");
  });

  it("names every line that is no operation", () => {
    const directory = directoryWith({ "1.mm": "frobnicate 1\nmmap 0\n", "1.jsonl": MAPPED });
    const { exitCode, err } = run(directory);
    expect(exitCode).toBe(2);
    expect(err).toContain("1.mm:1: ");
    expect(err).toContain("frobnicate");
    expect(err).toContain("1.mm:2: ");
  });
});

describe("bad input", () => {
  const machine = '{"release":"6.18.44","softDirty":true}';
  it.each([
    ["a directory that is not there", {}, "nowhere: no such file or directory"],
    ["a directory without scripts", { "notes.txt": "" }, ": there is no script (.mm) in it"],
    [
      "a script without a record",
      { "7.mm": SCRIPT },
      "7.mm: has no record beside it (7.jsonl, 7.jsonl.gz, 7.jsonl.zst)",
    ],
    ["an empty record", { "1.mm": SCRIPT, "1.jsonl": "" }, "1.jsonl: is empty"],
    [
      "a line that is not JSON",
      { "1.mm": SCRIPT, "1.jsonl": `${MAPPED}{"l":2,` },
      '1.jsonl:2: not JSON: {"l":2,',
    ],
    [
      "a line that is no object",
      { "1.mm": SCRIPT, "1.jsonl": "[1]" },
      "1.jsonl:1: a line must be a JSON object",
    ],
    [
      "a line without number",
      { "1.mm": SCRIPT, "1.jsonl": '{"ret":0}' },
      '1.jsonl:1: "l" must be the number',
    ],
    ["lines out of order", { "1.mm": SCRIPT, "1.jsonl": MAPPED + MAPPED }, '1.jsonl:2: "l" is 1 after 1'],
    [
      "an unknown key",
      { "1.mm": SCRIPT, "1.jsonl": '{"l":1,"rte":0}' },
      '1.jsonl:1: "rte" is no observation; known',
    ],
    ["broken compression", { "1.mm": SCRIPT, "1.jsonl.gz": "no gzip" }, "1.jsonl.gz: cannot be decompressed"],
    [
      "a broken machine.json",
      { "1.mm": SCRIPT, "1.jsonl": MAPPED, "machine.json": "{" },
      "machine.json: not JSON",
    ],
    [
      "a machine.json with a wrong fact",
      { "1.mm": SCRIPT, "1.jsonl": MAPPED, "machine.json": machine.replace("true", '"yes"') },
      'machine.json: "softDirty" must be true or false',
    ],
  ])("%s exits with 2 and says so", (name, files, sentence) => {
    const directory = directoryWith(files);
    const path = name.includes("not there") ? join(directory, "nowhere") : directory;
    const { exitCode, out, err } = run(path, "--against", directory);
    expect([exitCode, out]).toEqual([2, ""]);
    expect(err).toContain(sentence);
  });

  it("says all that is wrong at once", () => {
    const directory = directoryWith({ "1.mm": SCRIPT, "2.mm": SCRIPT });
    expect(run(directory, "--against", directory).err.split("\n")).toHaveLength(3);
  });

  it.each([
    [["--differences", "-1"], "It must be an integer from 0 to"],
    [["--ignore", "faults"], 'There is no "faults"; there are soft-dirty'],
    [["--only", "no such script"], 'no script\'s name has "no such script" in it'],
    [["--wrong"], "unknown option"],
    [["--generate", "x"], "It must be an integer from 0 to"],
    [["--generate", "1", "--count", "0"], "It must be an integer from 1 to"],
    [["--generate", "1", "--count", "2"], "several scripts need a directory: --out DIR"],
  ])("%j exits with 2", (args, sentence) => {
    const directory = directoryWith({ "1.mm": SCRIPT, "1.jsonl": MAPPED });
    const { exitCode, err } = run(directory, "--against", directory, ...args);
    expect(exitCode).toBe(2);
    expect(err).toContain(sentence);
  });
});
