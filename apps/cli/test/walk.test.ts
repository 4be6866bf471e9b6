import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeEntry } from "../src/entry-text.ts";
import { LimitedTrace } from "../src/limited-trace.ts";
import { type WalkReport } from "../src/walk-report.ts";
import { pageframe, tinyTrace, useFolder } from "./helpers.ts";
import { packRun, type TraceBlock, type TraceSource } from "@pageframe/contracts";

const DEMO = resolve(import.meta.dirname, "../demo/sort.pft.gz");

async function walk(...args: string[]): Promise<WalkReport> {
  const { exitCode, stdout, stderr } = await pageframe(["walk", ...args, "--json"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout) as WalkReport;
}

describe("pageframe walk", () => {
  const folder = useFolder();
  const tiny = (): string => folder.write("tiny.lackey", tinyTrace());

  it("prints every level, the fault and the kernel's answer for an address of the demo trace", async () => {
    const { exitCode, stdout, stderr } = await pageframe([
      "walk",
      "0x1ffeffff00",
      DEMO,
      "--after",
      "1000",
      "--write",
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual([
      "address      0x0000001ffeffff00",
      "access       user write by sort (pid 2) on CPU 0",
      "when         after 1,000 accesses",
      "mapping      none: user space",
      "",
      "level  index  entry at  entry               what it says",
      "PGD        0  0x42f000  0x0000000000435067  table at 0x435000: P RW US A D",
      "PUD      127  0x4353f8  0x0000000000444067  table at 0x444000: P RW US A D",
      "PMD      503  0x444fb8  0x0000000000000000  empty",
      "",
      "TLB          holds nothing for the address",
      "fault        #PF (vector 14), error code 0x6 (WRITE USER): write to a page that is not present, by the user",
      "kernel       minor fault",
      "  counts     pgalloc_dma 2, pgfault 1",
      "  mapping    1ffefff000-1fff001000 rw-p 00000000 00:00 0 [stack]",
      "  entry      0x8000000000475867 page at 0x475000: P RW US A D soft-dirty NX",
      "  then       physical address 0x475f00, frame 1,141, in a page of 4KiB",
      "",
    ]);
  });

  it("gives the same as data", async () => {
    // Page 0x4835: indices 0, 0, 36 and 53. The third page of the array was written, with soft-dirty and no-execute.
    const report = await walk("0x4837123", tiny(), "--memory", "1MiB");
    expect(report.levels.map(({ name, index }) => [name, index])).toEqual([
      ["PGD", 0],
      ["PUD", 0],
      ["PMD", 36],
      ["PTE", 55],
    ]);
    const leaf = report.levels[3];
    expect(leaf.decoded).toMatchObject({
      kind: "page",
      flags: ["P", "RW", "US", "A", "D", "soft-dirty", "NX"],
    });
    expect(report.translation).toEqual({
      physicalAddress: `0x${(leaf.decoded.pfn! * 4096 + 0x123).toString(16)}`,
      pfn: leaf.decoded.pfn,
      pageBytes: 4096,
    });
    // Round after round of 62 pages: the 64 entries of the first level in 4 ways do not hold them all, the second does.
    const held = { pageBytes: 4096, pfn: leaf.decoded.pfn, flags: ["RW", "US", "D", "NX"] };
    expect(report.tlb.at(-1)).toEqual({ array: "l2", ...held });
    expect([report.fault, report.outcome]).toEqual([null, null]);
    expect(report.mapping).toMatch(/^04835000-04871000 rw-p /);
    // Each table is where the entry above points to, and an entry has eight bytes.
    for (let at = 1; at < report.levels.length; at++) {
      const { pfn } = report.levels[at - 1].decoded;
      expect(report.levels[at].entryAddress).toBe(
        `0x${(pfn! * 4096 + report.levels[at].index * 8).toString(16)}`,
      );
    }
  });

  it("stops after the number of accesses that it is told", async () => {
    const trace = tiny();
    // The 3rd and 4th accesses are the first write to the array and the fetch before it.
    const before = await walk("0x4835000", trace, "--after", "3");
    expect(before.accessesBefore).toBe(3);
    expect(before.fault).toMatchObject({ vector: 14, errorCode: "0x4", errorBits: ["USER"] });
    expect(before.outcome).toMatchObject({ kind: "minor fault", events: { pgfault: 1 } });
    // A read of untouched memory maps the page of zeros.
    expect(before.outcome?.level?.decoded.flags).toEqual(["P", "US", "A", "special", "NX"]);
    const after = await walk("0x4835000", trace, "--after", "4");
    expect(after.fault).toBeNull();
  });

  it("names the swap slot of a page that is out, and brings it in as a major fault", async () => {
    const report = await walk("0x4835000", tiny(), "--memory", "64KiB", "--after", "70");
    expect(report.levels.at(-1)?.decoded).toMatchObject({
      kind: "swap",
      flags: ["soft-dirty", "exclusive"],
      swap: { area: 0 },
    });
    expect(report.outcome).toMatchObject({ kind: "major fault", events: { pgfault: 1, pgmajfault: 1 } });
  });

  it.each([
    ["reads of nothing", ["0x10000"], "0x4", "SIGSEGV", "SEGV_MAPERR"],
    ["fetches from data", ["0x4835000", "--exec"], "0x15", "SIGSEGV", "SEGV_ACCERR"],
    ["reads of the direct map", ["0xffff888000100000"], "0x5", "SIGSEGV", "SEGV_MAPERR"],
    ["writes to the direct map", ["0xffff888000100000", "--write"], "0x7", "SIGSEGV", "SEGV_MAPERR"],
    ["reads of vmalloc", ["0xffffc90000000000"], "0x4", "SIGSEGV", "SEGV_MAPERR"],
  ])("answers %s as Linux does", async (_, args, errorCode, name, code) => {
    const [address, ...options] = args;
    const report = await walk(address, tiny(), "--memory", "1MiB", ...options);
    expect(report.fault?.errorCode).toBe(errorCode);
    expect(report.outcome).toMatchObject({ kind: "signal", signal: { name, code } });
  });

  it("says in which part of the kernel's half an address lies", async () => {
    expect((await walk("0xffff888000100000", tiny())).area).toBe("direct map");
    expect((await walk(String(0xffffc90000000000n), tiny())).area).toBe("vmalloc");
    expect((await walk("0xffffc88000000000", tiny())).area).toBeNull();
  });

  it.each([
    ["radix5", ["PGD", "P4D", "PUD", "PMD", "PTE"]],
    ["sv39", ["PGD", "PMD", "PTE"]],
    ["sv48", ["PGD", "PUD", "PMD", "PTE"]],
  ])("walks other page tables: %s", async (pageTable, names) => {
    const config = folder.write("machine.yaml", `seats:\n  pageTable: ${pageTable}\n`);
    const report = await walk("0x4837123", tiny(), "--memory", "1MiB", "--config", config);
    expect(report.levels.map(({ name }) => name)).toEqual(names);
    expect(report.translation).not.toBeNull();
  });

  it("ends at the root of user mode for a kernel address under page-table isolation", async () => {
    const config = folder.write("machine.yaml", "kpti: true\n");
    const report = await walk("0xffff888000180000", tiny(), "--memory", "1MiB", "--config", config);
    expect(report.levels.map(({ name, entry }) => [name, BigInt(entry)])).toEqual([["PGD", 0n]]);
  });

  it("walks for another task", async () => {
    const report = await walk("0x7fffffffeff0", tiny(), "--pid", "1", "--memory", "1MiB");
    expect(report.task).toMatchObject({ pid: 1, name: "init" });
    expect(report.mapping).toMatch(/\[stack\]$/);
    expect(report.translation).not.toBeNull();
  });

  it.each([
    [
      "an address that is not canonical",
      ["0x800000000000"],
      /^address 0x0000800000000000 is not canonical: with 4 levels of page tables bits 63 to 47 must be equal$/,
    ],
    ["the last of them", ["0xffff7fffffffffff"], /^address 0xffff7fffffffffff is not canonical/],
    ["no address", ["stack"], /^address "stack" is not a number$/],
    ["half an address", ["0x12zz"], /^address "0x12zz" is not a number$/],
    ["too many digits", ["0x10000000000000000"], /^address 0x10000000000000000 does not fit into 64 bits$/],
    ["no such pid", ["4096", "--pid", "77"], /^pid 77 does not exist$/],
    ["both kinds", ["4096", "--write", "--exec"], /^option "--exec" cannot be used with option "--write"$/],
    [
      "two machines",
      ["4096", "--memory", "1MiB,2MiB"],
      /^walk looks at one machine, and memory "1MiB,2MiB" are several$/,
    ],
    [
      "a point behind the end",
      ["4096", "--after", "1000000"],
      /^--after 1000000 is behind the end of the trace, which has 482 accesses$/,
    ],
  ])("refuses %s", async (_, [address, ...options], message) => {
    const { exitCode, stdout, stderr } = await pageframe(["walk", address, tiny(), ...options]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    const [first, ...others] = stderr.split("\n");
    expect(first.replace("pageframe: error: ", "")).toMatch(message);
    expect(others.filter((line) => line !== "").length).toBeLessThanOrEqual(1);
  });
});

describe("a saved machine", () => {
  const folder = useFolder();

  it("is walked as the replay that it was saved from", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const saved = folder.path("tiny.snapshot");
    const run = await pageframe(["run", trace, "--memory", "128KiB", "--save", saved]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    for (const address of ["0x4835000", "0x4870000", "0x1fff000ff0", "0xffff888000100000"]) {
      const onReplay = await walk(address, trace, "--memory", "128KiB");
      expect(await walk(address, "--snapshot", saved)).toEqual(onReplay);
    }
    const text = await pageframe(["walk", "0x1fff000ff0", "--snapshot", saved, "--pid", "1"]);
    expect(text.stdout).toMatch(/by init \(pid 1\) on CPU 0\nwhen +after 482 accesses\n/);
  });

  it("takes neither a trace nor options of a replay, and must be one", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const saved = folder.path("tiny.snapshot");
    await pageframe(["run", trace, "--save", saved]);
    const calls: (readonly [readonly string[], RegExp])[] = [
      [["walk", "0x1000"], /a trace or --snapshot is missing\n/],
      [
        ["walk", "0x1000", trace, "--snapshot", saved],
        /--snapshot has its machine already; a trace is about a replay\n/,
      ],
      [["walk", "0x1000", "--snapshot", saved, "--after", "5"], /--after is about a replay\n/],
      [
        ["walk", "0x1000", "--snapshot", folder.path("absent")],
        /absent cannot be read: no such file or directory\n/,
      ],
      [["walk", "0x1000", "--snapshot", trace], /tiny.lackey is not gzipped data, or damaged\n/],
      [
        ["walk", "0x1000", "--snapshot", folder.gzip("x.gz", "hello")],
        /x.gz: this is no snapshot that can be read: it does not begin as one\n/,
      ],
      [["walk", "0x800000000000", "--snapshot", saved], /is not canonical/],
      [
        ["run", trace, "--memory", "1MiB,2MiB", "--save", saved],
        /--save saves one machine, and --memory asks for several\n/,
      ],
      [
        ["run", trace, "--swap-file", folder.path("swap"), "--save", saved],
        /--save cannot save a machine that swaps to a file\n/,
      ],
      [["run", trace, "--save", trace], /is the input .* itself\n/],
    ];
    for (const [args, message] of calls) {
      const { exitCode, stdout, stderr } = await pageframe(args);
      expect(stderr).toMatch(message);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    }
  });
});

describe("an entry in words", () => {
  // Bit patterns: Intel SDM vol. 3A tables 5-15 to 5-20; Linux 6.18 arch/x86/include/asm/pgtable_64.h for swap entries.
  it.each([
    [0n, 1, "empty", [], null],
    [0x431067n, 4, "table", ["P", "RW", "US", "A", "D"], 0x431],
    [0x8000000000445867n, 1, "page", ["P", "RW", "US", "A", "D", "soft-dirty", "NX"], 0x445],
    [0x80000000002001e3n, 2, "page", ["P", "RW", "A", "D", "PS", "G", "NX"], 0x200],
    // PROT_NONE: P clear, G set, the frame number inverted (0x445 in bits 12..51).
    [0xfffffffbba120n, 1, "prot-none", ["A", "protnone"], 0x445],
    // Area 1, offset 5: type in bits 59..63, the offset inverted in bits 9..58, exclusive in bit 3.
    [(1n << 59n) | ((~5n & ((1n << 50n) - 1n)) << 9n) | 8n, 1, "swap", ["exclusive"], null],
  ])("reads %s of level %s", (entry, level, kind, flags, pfn) => {
    expect(decodeEntry(entry, level)).toMatchObject({ kind, flags, pfn });
  });

  it("gives area and offset of a swap entry", () => {
    const entry = (1n << 59n) | ((~5n & ((1n << 50n) - 1n)) << 9n);
    expect(decodeEntry(entry, 1).swap).toEqual({ area: 1, offset: 5 });
  });
});

describe("LimitedTrace", () => {
  /** Four accesses to page 1, one that straddles pages 1 and 2 with two more to page 2, one to page 3. */
  function source(): TraceSource {
    const words = Int32Array.of(
      1,
      packRun(0, 0, false, 5),
      2,
      packRun(0, 0, true, 3),
      3,
      packRun(0, 1, false, 1),
    );
    let isDone = false;
    return {
      metadata: { counts: {} } as TraceSource["metadata"],
      next: () =>
        isDone ? null : ((isDone = true), { kind: "runs", words, nrRuns: 3 } satisfies TraceBlock),
      rewind: () => (isDone = false),
    };
  }

  it.each([
    [0, []],
    [1, [[1, 1]]],
    [4, [[1, 4]]],
    // The fifth access has its second half in page 2.
    [
      5,
      [
        [1, 5],
        [2, 1],
      ],
    ],
    [
      6,
      [
        [1, 5],
        [2, 2],
      ],
    ],
    [
      7,
      [
        [1, 5],
        [2, 3],
      ],
    ],
    [
      8,
      [
        [1, 5],
        [2, 3],
        [3, 1],
      ],
    ],
    [
      9,
      [
        [1, 5],
        [2, 3],
        [3, 1],
      ],
    ],
  ])("passes on %s accesses, both halves of one that straddles two pages", (nrAccesses, runs) => {
    const trace = new LimitedTrace(source(), nrAccesses);
    for (let pass = 0; pass < 2; pass++) {
      const block = trace.next();
      const found =
        block?.kind === "runs"
          ? Array.from({ length: block.nrRuns }, (_, run) => [
              block.words[2 * run],
              (block.words[2 * run + 1] >>> 16) + 1,
            ])
          : [];
      expect(found).toEqual(runs);
      expect(trace.nrAccessesPassed).toBe(Math.min(nrAccesses, 8));
      trace.rewind();
    }
  });
});
