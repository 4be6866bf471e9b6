import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseScript } from "@pageframe/script";
import { describe, expect, it } from "vitest";
import { generateScript } from "../src/generator/generate.ts";
import { Random } from "../src/generator/random.ts";
import { directoryWith, run } from "./helpers.ts";

const MANY = Array.from({ length: 300 }, (_, seed) => generateScript(seed));
const LINES = MANY.flatMap((script) => script.split("\n"));

/** Words that stand at a place of the lines that begin with `operation`; lists with commas count each. */
function wordsOf(operation: string, place: number): Set<string> {
  const words = LINES.map((line) => line.split(" ")).filter(([first]) => first === operation);
  return new Set(words.flatMap((line) => (line[place] ?? "").split(",")));
}

describe("the generator", () => {
  it("writes the same script for the same seed, and others for others", () => {
    expect(generateScript(7)).toBe(generateScript(7));
    expect(new Set(MANY).size).toBe(MANY.length);
  });

  it("writes what the parser reads", () => {
    for (const [seed, script] of MANY.entries()) {
      expect(() => parseScript(script, `${seed}.mm`)).not.toThrow();
    }
  });

  it("makes scripts as long as asked for", () => {
    const snapsOf = (script: string) => script.split("\n").filter((line) => line.startsWith("snap")).length;
    expect(snapsOf(generateScript(3, 700))).toBeGreaterThanOrEqual(100);
  });

  it("uses every operation whose answer is the kernel's alone", () => {
    const operations = new Set(LINES.filter((line) => /^[a-z]/.test(line)).map((line) => line.split(" ")[0]));
    expect([...operations].sort()).toEqual(
      [
        ...["brk", "clear_refs", "drain", "dropcaps", "exec", "exit", "fadvise", "file", "fork", "fsync"],
        ...["ftruncate", "madvise"],
        ...[
          "mincore",
          "mlock",
          "mlock2",
          "mlockall",
          "mmap",
          "mprotect",
          "mremap",
          "mseal",
          "msync",
          "munlock",
        ],
        ...[
          "munlockall",
          "munmap",
          "on",
          "oom_score_adj",
          "pmadvise",
          "prctl",
          "pread",
          "punch",
          "pwrite",
          "read",
        ],
        ...["rlimit", "sleep", "snap", "wait", "write"],
      ].sort(),
    );
  });

  it("uses every flag of mmap, every advice and every form of mremap", () => {
    expect(wordsOf("mmap", 4)).toEqual(
      new Set([
        ...["anon", "fixed", "growsdown", "hint", "locked", "nonblock", "noreserve", "populate", "private"],
        ...["shared", "stack", "validate"],
      ]),
    );
    for (const advice of [
      ...["normal", "random", "sequential", "willneed", "dontneed", "free", "remove", "dontfork", "dofork"],
      ...[
        "mergeable",
        "unmergeable",
        "hugepage",
        "nohugepage",
        "dontdump",
        "dodump",
        "wipeonfork",
        "keeponfork",
      ],
      ...["cold", "pageout", "populate_read", "populate_write", "dontneed_locked"],
      ...["guard_install", "guard_remove"],
    ]) {
      expect(wordsOf("madvise", 3)).toContain(advice);
    }
    const forms = new Set(
      LINES.filter((line) => line.startsWith("mremap")).map((line) => line.split(" ")[4]),
    );
    expect(forms).toEqual(
      new Set(["-", "maymove", "maymove,fixed", "maymove,dontunmap", "maymove,fixed,dontunmap", "fixed"]),
    );
  });

  it("raises no limit that was lowered, and reads one page at a time below the stack", () => {
    for (const script of MANY) {
      const limits = new Map<string, number>();
      // Children begin with the limits of now; lines of one process at most are looked at.
      for (const line of script.split("\n").slice(
        0,
        script.split("\n").findIndex((at) => at.startsWith("fork")),
      )) {
        const [operation, name, size] = line.split(" ");
        if (operation !== "rlimit") continue;
        if (size.startsWith("+")) expect(limits.has(name)).toBe(false);
        expect(Number(size)).toBeLessThanOrEqual(limits.get(name) ?? Infinity);
        limits.set(name, Number(size));
      }
    }
    expect(LINES.filter((line) => /^read s-\d+ \d|^write s-\d+ \d+ \d/.test(line))).toEqual([]);
  });

  it("reads nothing ahead from swap when told not to", () => {
    const [first, second, ...rest] = generateScript(7, 60, { hasReadahead: false }).split("\n");
    expect([first, second]).toEqual([generateScript(7).split("\n")[0], "sysctl vm/page-cluster 0"]);
    expect(rest).toEqual(generateScript(7).split("\n").slice(1));
  });

  it("observes every part", () => {
    expect(wordsOf("snap", 1)).toEqual(
      new Set(["maps", "pagemap", "mapcount", "kpf", "lru", "smaps", "status", "numa", "oom"]),
    );
  });

  it("reaches every place of an address space", () => {
    const places = new Set(
      LINES.map((line) => /^(?:read|write|madvise|mprotect) ([bms@]?)/.exec(line)?.[1]).filter(
        (each) => each !== undefined,
      ),
    );
    expect(places).toEqual(new Set(["", "b", "m", "s", "@"]));
  });

  it("never lets a process go on that has exited", () => {
    for (const script of MANY) {
      const gone = new Set<string>();
      let current = "P0";
      for (const line of script.split("\n")) {
        const [operation, name] = line.split(" ");
        if (operation === "on") {
          expect(gone).not.toContain(name);
          current = name;
        }
        if (operation === "exit") gone.add(current);
      }
    }
  });
});

describe("scripts with files on a disk", () => {
  const scripts = Array.from({ length: 200 }, (_, seed) => generateScript(seed, 60, { isOnDisk: true }));
  const lines = scripts.flatMap((script) => script.split("\n"));

  it("are read by the parser", () => {
    for (const [seed, script] of scripts.entries()) {
      expect(() => parseScript(script, `${seed}.mm`)).not.toThrow();
    }
  });

  it("have filled and empty, cold and cached, writable and read-only files", () => {
    const kinds = new Set(
      lines.filter((line) => line.includes(" ext4 ")).map((line) => line.split(" ").slice(4).join(" ")),
    );
    expect([...kinds].sort()).toEqual([
      "",
      "cold",
      "cold ro",
      "fill",
      "fill cold",
      "fill cold ro",
      "fill ro",
      "ro",
    ]);
  });

  it("let reads and writes arrive before they look what is in memory", () => {
    const settled = lines.flatMap((line, at) => (/^mincore|^snap/.test(line) ? [lines[at - 1]] : []));
    expect(settled.filter((line) => !/^sleep|^on|^snap/.test(line))).toEqual([]);
  });

  it("give every advice about the long mapping and about files", () => {
    const advised = (operation: string, place: number) =>
      new Set(lines.filter((line) => line.startsWith(operation)).map((line) => line.split(" ")[place]));
    for (const advice of [
      "random",
      "sequential",
      "willneed",
      "dontneed",
      "cold",
      "pageout",
      "populate_write",
    ]) {
      expect(advised("madvise 2", 3)).toContain(advice);
    }
    expect(advised("fadvise", 4)).toEqual(new Set(["dontneed", "random", "sequential", "willneed"]));
  });
});

describe("--generate", () => {
  it("prints one script", () => {
    const { exitCode, out } = run("--generate", "5", "--operations", "10");
    expect([exitCode, out]).toEqual([0, generateScript(5, 10)]);
  });

  it("puts files on a disk with --disk", () => {
    expect(run("--generate", "5", "--disk").out).toBe(generateScript(5, 60, { isOnDisk: true }));
  });

  it("writes many scripts, named after their seeds", () => {
    const directory = directoryWith({});
    expect(run("--generate", "5", "--count", "3", "--out", directory).exitCode).toBe(0);
    expect(readdirSync(directory).sort()).toEqual(["5.mm", "6.mm", "7.mm"]);
    expect(readFileSync(join(directory, "6.mm"), "utf8")).toBe(generateScript(6));
  });
});

describe("Random", () => {
  it("is mulberry32, two numbers on", () => {
    const random = new Random(1);
    expect([random.next(), random.next(), random.next()]).toEqual([2265367787, 4213581821, 4159151403]);
  });

  it("stays within bounds and reaches both ends", () => {
    const random = new Random(2);
    const drawn = new Set(Array.from({ length: 200 }, () => random.between(3, 6)));
    expect([...drawn].sort()).toEqual([3, 4, 5, 6]);
  });

  it("heeds weights", () => {
    const random = new Random(3);
    const drawn = Array.from({ length: 1000 }, () =>
      random.pickWeighted([
        [9, "often"],
        [1, "seldom"],
        [0, "never"],
      ]),
    );
    expect(drawn.filter((word) => word === "often").length).toBeGreaterThan(850);
    expect(drawn).toContain("seldom");
    expect(drawn).not.toContain("never");
  });
});
