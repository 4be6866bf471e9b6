import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { runKind, runVpnHi, vpnOf } from "@pageframe/contracts";
import { afterAll, describe, expect, it } from "vitest";
import { type Measurement } from "../src/bench-case.ts";
import { benchCases } from "../src/bench-cases.ts";
import { CPrograms, findCompiler } from "../src/c-programs.ts";
import { readWords } from "../src/cases/translation.ts";
import { caseNamed, runTiny, testDirectory, writeInput } from "./helpers.ts";

const directory = testDirectory();
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const measurements = new Map<string, Measurement>();

/** Runs a case in its smallest size, once for all tests. */
function measured(name: string): Measurement {
  const measurement = measurements.get(name) ?? runTiny(caseNamed(name), directory);
  measurements.set(name, measurement);
  return measurement;
}

/** Hits and misses of a two-level TLB, 16 sets of 4 and 128 sets of 12, each set a list with the latest use first. */
function naiveTlb(words: Int32Array, nrPasses: number): { l1Hits: number; l2Hits: number; walks: number } {
  const l1 = Array.from({ length: 16 }, () => [] as number[]);
  const l2 = Array.from({ length: 128 }, () => [] as number[]);
  const counts = { l1Hits: 0, l2Hits: 0, walks: 0 };
  const use = (set: number[], vpn: number, nrWays: number): boolean => {
    const at = set.indexOf(vpn);
    if (at >= 0) set.splice(at, 1);
    set.unshift(vpn);
    set.length = Math.min(set.length, nrWays);
    return at >= 0;
  };
  for (let pass = 0; pass < nrPasses; pass++) {
    for (let at = 0; at < words.length; at += 2) {
      const vpn = vpnOf(words[at], runVpnHi(words[at + 1]));
      if (use(l1[vpn % 16], vpn, 4)) counts.l1Hits++;
      else if (use(l2[vpn % 128], vpn, 12)) counts.l2Hits++;
      else counts.walks++;
    }
  }
  return counts;
}

/** Counts of lackey's text, line by line. */
function naiveLackey(text: string): Record<string, number> {
  const counts = { nrLines: 0, nrReads: 0, nrWrites: 0, nrFetches: 0, nrSplits: 0, pageSum: 0 };
  for (const line of text.trimEnd().split("\n")) {
    const [, letter, address, size] = /^(I| [LS]) +([0-9a-f]{8,}),(\d+)$/.exec(line)!;
    const vpn = Math.floor(parseInt(address, 16) / 4096);
    counts.nrLines++;
    if (letter === "I") counts.nrFetches++;
    else if (letter === " L") counts.nrReads++;
    else counts.nrWrites++;
    counts.pageSum = (counts.pageSum + vpn) % 2 ** 32;
    if ((parseInt(address, 16) % 4096) + Number(size) > 4096) {
      counts.nrSplits++;
      counts.pageSum = (counts.pageSum + vpn + 1) % 2 ** 32;
    }
  }
  return counts;
}

describe("benchmark cases", () => {
  it.each(benchCases.map(({ name }) => name))("%s reports operations, seconds and counts", (name) => {
    const { operations, seconds, checks } = measured(name);
    expect(operations).toBeGreaterThan(0);
    expect(Number.isInteger(operations)).toBe(true);
    expect(seconds).toBeGreaterThanOrEqual(0);
    expect(Object.keys(checks)).not.toEqual([]);
    for (const count of Object.values(checks)) expect(Number.isInteger(count)).toBe(true);
  });

  it("translation hits and misses where two sets of recency lists do, and faults once a page", () => {
    const benchCase = caseNamed("translation-mix");
    const { operations, checks } = measured(benchCase.name);
    const words = readWords(writeInput(benchCase, directory));
    expect(operations).toBe(20_000);
    const { l1Hits, l2Hits, walks, faults } = checks;
    // One pass warms up, one is measured.
    expect({ l1Hits, l2Hits, walks }).toEqual(naiveTlb(words, 2));
    const pages = new Set<number>();
    for (let at = 0; at < words.length; at += 2) pages.add(vpnOf(words[at], runVpnHi(words[at + 1])));
    expect(faults).toBe(pages.size);
  });

  it("one access in four of a stream writes", () => {
    const words = readWords(writeInput(caseNamed("translation-hot"), directory));
    let nrWrites = 0;
    for (let at = 1; at < words.length; at += 2) nrWrites += runKind(words[at]);
    expect(nrWrites / (words.length / 2)).toBeCloseTo(0.25, 1);
  });

  it("buddy ends with all memory in the largest blocks", () => {
    // 256 MiB: 65536 frames, 64 blocks of 1024.
    const pairs = measured("buddy-pairs");
    expect(pairs.checks).toEqual({ nrFailed: 0, nrFreePages: 65_536, nrLargestBlocks: 64 });
    // 63 / 64 of them.
    const fill = measured("buddy-fill");
    expect(fill.checks).toEqual({ nrPagesTaken: 64_512, nrFreePages: 65_536, nrLargestBlocks: 64 });
    const { nrFreePages, nrLargestBlocks } = measured("buddy-mixed").checks;
    // 16384 blocks of 33 / 16 pages on average are live.
    expect(nrFreePages / 65_536).toBeCloseTo(1 - 33 / 64, 1);
    expect(nrLargestBlocks).toBe(64);
  });

  it("lackey counts what a parser of one regular expression counts", () => {
    const benchCase = caseNamed("lackey");
    const text = readFileSync(writeInput(benchCase, directory), "latin1");
    expect(measured(benchCase.name).checks).toEqual(naiveLackey(text));
  });
});

const compiler = findCompiler();

describe.skipIf(compiler === null)("C programs", () => {
  it.each(benchCases.filter(({ counterpart }) => counterpart !== null).map(({ name }) => name))(
    "%s counts the same in C",
    (name) => {
      const benchCase = caseNamed(name);
      const counterpart = benchCase.counterpart!;
      const program = new CPrograms(compiler!, directory).pathOf(counterpart, "tiny");
      const inputPath = writeInput(benchCase, directory);
      const output = execFileSync(program, counterpart.arguments("tiny", inputPath), { encoding: "utf8" });
      const inC = JSON.parse(output) as { operations: number; seconds: number; checks: object };
      const { operations, checks } = measured(benchCase.name);
      expect({ operations: inC.operations, checks: inC.checks }).toEqual({ operations, checks });
    },
  );
});
