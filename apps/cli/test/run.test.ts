import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { HostFileSwapBackend } from "../src/host-file-swap.ts";
import { Interrupted } from "../src/io.ts";
import { chunksOf, pageframe, TINY_ARRAY_PAGES, TINY_ROUNDS, tinyTrace, useFolder } from "./helpers.ts";

/** What the tests look at in a run of the JSON report. */
interface JsonRun {
  memory: string;
  memoryPages: number;
  accesses: number;
  splitAccesses: number;
  tlb: { l1Hits: number; l2Hits: number; walks: number };
  minorFaults: number;
  majorFaults: number;
  oomKills: number;
  peakRssPages: number;
  totalTimeNs: number;
  timeNs: Record<string, number>;
  killedBy: { name: string } | null;
  failedSyscalls: string[];
  isVerified: boolean;
  vmstat: Record<string, number>;
  config: {
    seed: number;
    cpus: number;
    contents: string;
    seats: Record<string, string>;
    swap: { size: string }[];
  };
}

function runsOf(json: string): JsonRun[] {
  return (JSON.parse(json) as { runs: JsonRun[] }).runs;
}

describe("pageframe run", () => {
  const folder = useFolder();

  it("names in words whatever takes time", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const { stdout } = await pageframe(["run", trace, "--memory", "128KiB"]);
    expect(stdout).toMatch(/^ {2}flushing TLB pages +\S+$/m);
    // Causes without a name of their own stand in the table under that of the kernel, such as "zeroPage".
    expect(stdout).not.toMatch(/^ {2}[a-z]+[A-Z]/m);
  });

  it("counts what a program does that has all the memory it needs", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const { exitCode, stdout, stderr } = await pageframe(["run", trace, "--memory", "1MiB", "--json"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const [run] = runsOf(stdout);
    const nrPages = TINY_ARRAY_PAGES + 2;
    // Two accesses at the start, then a fetch and a store for each page and round.
    const nrAccesses = 2 + 2 * TINY_ARRAY_PAGES * TINY_ROUNDS;
    // 62 pages lie in the 64 entries of the first level: each is walked for once.
    expect(run).toMatchObject({
      memory: "1MiB",
      memoryPages: 256,
      accesses: nrAccesses,
      splitAccesses: 0,
      tlb: { l1Hits: nrAccesses - nrPages, l2Hits: 0, walks: nrPages },
      // The program's text is read from its file.
      minorFaults: nrPages - 1,
      majorFaults: 1,
      oomKills: 0,
      peakRssPages: nrPages,
      killedBy: null,
      failedSyscalls: [],
    });
    expect(run.vmstat).toMatchObject({ pgfault: nrPages, pgmajfault: 1, pswpin: 0, pswpout: 0, oom_kill: 0 });
    // A nanosecond an access, 10 a walk (DEFAULT_COSTS_NS of the kernel).
    expect(run.timeNs).toMatchObject({ access: 482, walk: 620, swapIn: 0 });
    expect(run.totalTimeNs).toBe(Object.values(run.timeNs).reduce((sum, ns) => sum + ns));
  });

  it("swaps when memory is less than what the program walks over", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const { stdout } = await pageframe(["run", trace, "--memory", "50%", "--json"]);
    const [run] = runsOf(stdout);
    // Going round and round, each page is the one used longest ago when its turn comes: all rounds but the first miss.
    expect(run.vmstat["pswpin"]).toBe(TINY_ARRAY_PAGES * (TINY_ROUNDS - 1));
    expect(run).toMatchObject({ memoryPages: 31, accesses: 482, oomKills: 0, killedBy: null });
  });

  it("prints the same JSON each time, whatever form the trace has", async () => {
    const text = tinyTrace();
    const plain = folder.write("a.txt", text);
    const options = ["--memory", "1MiB,75%,50%", "--json", "--seed", "7"];
    const first = await pageframe(["run", plain, ...options]);
    expect(runsOf(first.stdout).map(({ memory }) => memory)).toEqual(["1MiB", "75%", "50%"]);
    expect((await pageframe(["run", plain, ...options])).stdout).toBe(first.stdout);
    // Names say nothing: gzip is told by its content.
    const zipped = folder.gzip("b.txt", text);
    expect((await pageframe(["run", zipped, ...options])).stdout).toBe(first.stdout);
    for (const compiled of [folder.path("c.pft"), folder.path("d.pft.gz")]) {
      expect((await pageframe(["compile", plain, "-o", compiled])).exitCode).toBe(0);
      expect((await pageframe(["run", compiled, ...options])).stdout).toBe(first.stdout);
    }
    const piped = await pageframe(["run", "-", ...options], { stdin: chunksOf(text) });
    expect(piped.stdout).toBe(first.stdout);
  });

  it("draws a table with one column for each memory size, without colour unless on a terminal", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const args = ["run", trace, "--memory", "1MiB,50%"];
    const { stdout } = await pageframe(args);
    const lines = stdout.split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "./tiny 60, recorded with Valgrind-3.19.0",
      "482 accesses, 1 system call on mappings, 62 pages touched (248KiB)",
      "",
      "memory                  1MiB     50%",
    ]);
    expect(lines).toContain("  in bytes              1MiB  124KiB");
    expect(lines).toContain("accesses                 482     482");
    expect(lines).toContain("pages swapped in           0     180");
    const escape = "\u001b";
    expect(stdout).not.toContain(escape);
    expect((await pageframe(args, { isTTY: true })).stdout).toContain(`${escape}[1mmemory`);
    expect((await pageframe(args, { isTTY: true, env: { NO_COLOR: "1" } })).stdout).toBe(stdout);
  });

  it("counts an OOM kill and succeeds: the program failed, not the tool", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const args = ["run", trace, "--memory", "50%", "--swap", "none"];
    const { exitCode, stdout } = await pageframe([...args, "--json"]);
    expect(exitCode).toBe(0);
    const [run] = runsOf(stdout);
    expect(run.oomKills).toBe(1);
    expect(run.killedBy).toMatchObject({ name: "SIGKILL" });
    expect(run.accesses).toBeLessThan(482);
    expect((await pageframe(args)).stdout).toMatch(
      /\nat 50% the program was ended by SIGKILL, out of memory, after [\d,]+ accesses\n$/,
    );
  });

  it("lets options win over the configuration file, and the file over defaults", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const config = folder.write(
      "machine.yaml",
      "memory: 1MiB, 50%\nseed: 5\ncpus: 2\nseats:\n  reclaim: clock\n  oom: youngest\nswap: [{ size: 2MiB }]\n",
    );
    const { stdout } = await pageframe([
      "run",
      trace,
      "--config",
      config,
      "--seed",
      "9",
      "--reclaim",
      "fifo",
      "--json",
    ]);
    const runs = runsOf(stdout);
    expect(runs.map(({ memory }) => memory)).toEqual(["1MiB", "50%"]);
    expect(runs[0].config).toMatchObject({
      seed: 9,
      cpus: 2,
      contents: "none",
      seats: { reclaim: "fifo", oom: "youngest", tlb: "set-associative" },
      swap: [{ size: "2MiB" }],
    });
    const withSwap = await pageframe([
      "run",
      trace,
      "--config",
      config,
      "--swap",
      "1MiB",
      "-m",
      "50%",
      "--json",
    ]);
    expect(runsOf(withSwap.stdout)[0].config.swap).toMatchObject([{ size: "1MiB" }]);
  });

  it("sends pages through a swap file and verifies what comes back; the file is gone afterwards", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const swapFile = folder.path("swap.img");
    const args = [
      "run",
      trace,
      "--memory",
      "50%",
      "--swap",
      "1MiB",
      "--swap-file",
      swapFile,
      "--verify",
      "--json",
    ];
    const { exitCode, stdout, stderr } = await pageframe(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const [run] = runsOf(stdout);
    expect(run).toMatchObject({ isVerified: true, accesses: 482, config: { contents: "sparse" } });
    // A file is no synchronous device: faults read neighbours ahead.
    expect(run.vmstat["pswpin"]).toBeGreaterThan(TINY_ARRAY_PAGES * (TINY_ROUNDS - 1));
    expect(existsSync(swapFile)).toBe(false);
  });

  it("keeps a swap file on request, and one that was there", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const swapFile = folder.path("swap.img");
    const args = ["run", trace, "--memory", "50%", "--swap", "1MiB", "--swap-file", swapFile, "--verify"];
    await pageframe([...args, "--keep-swap-file"]);
    // A header page and 256 of swap.
    expect(statSync(swapFile).size).toBe(257 * 4096);
    const bytes = readFileSync(swapFile);
    const isWritten = (page: number): boolean =>
      bytes.subarray(page * 4096, (page + 1) * 4096).some((byte) => byte !== 0);
    const nrWritten = Array.from({ length: 256 }, (_, slot) => isWritten(slot + 1)).filter(Boolean).length;
    // Of the 60 pages of the array, 34 at most were in memory at any time.
    expect(nrWritten).toBeGreaterThanOrEqual(26);
    expect((await pageframe(args)).exitCode).toBe(0);
    expect(existsSync(swapFile)).toBe(true);
  });

  it("notices a page that comes back otherwise than it went", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const read = vi.spyOn(HostFileSwapBackend.prototype, "readPage").mockImplementation((_, into) => {
      into.fill(0x55);
      return 0;
    });
    const args = ["run", trace, "-m", "50%", "--swap-file", folder.path("swap.img"), "--verify"];
    const { exitCode, stdout, stderr } = await pageframe(args);
    read.mockRestore();
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(
      /^pageframe: error: kernel BUG: vpn 0x4\w+ holds 85 at offset 0; \d+ was written there\n/,
    );
    expect(existsSync(folder.path("swap.img"))).toBe(false);
  });

  it("prints what happened when a swap file fails, and fails", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const io = vi.spyOn(HostFileSwapBackend.prototype, "ioWithoutBytes").mockImplementation(function (
      this: HostFileSwapBackend,
      offset: number,
    ) {
      // The file ends before it.
      return this.readPage(this.nrPages + offset, new Uint8Array(4096));
    });
    const args = ["run", trace, "-m", "50%", "--swap-file", folder.path("swap.img")];
    const { exitCode, stdout, stderr } = await pageframe(args);
    io.mockRestore();
    expect(exitCode).toBe(1);
    expect(stdout).toContain("\npages swapped out ");
    expect(stderr).toMatch(
      /^pageframe: error: at 50%: swap file .*: \d+ transfers failed, the first with EIO\n/,
    );
  });

  it("opens the swap files of a configuration", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const swapFile = folder.path("swap.img");
    const config = folder.write(
      "m.yaml",
      `swap:\n  - size: 64KiB\n  - { size: 1MiB, file: ${swapFile}, priority: 5 }\n`,
    );
    const args = ["run", trace, "-m", "50%", "--config", config, "--keep-swap-file"];
    expect((await pageframe(args)).exitCode).toBe(0);
    expect(statSync(swapFile).size).toBe(257 * 4096);
  });

  it("stops when interrupted, and removes its swap file", async () => {
    const swapFile = folder.path("swap.img");
    const controller = new AbortController();
    async function* interrupted(): AsyncGenerator<Uint8Array> {
      yield* chunksOf(tinyTrace().slice(0, 300));
      expect(existsSync(swapFile)).toBe(true);
      controller.abort(new Interrupted("SIGINT"));
      throw new Error("the terminal is gone");
    }
    const { exitCode, stdout, stderr } = await pageframe(["run", "-", "--swap-file", swapFile], {
      stdin: interrupted(),
      interrupt: controller.signal,
    });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: "", stderr: "" });
    expect(existsSync(swapFile)).toBe(false);
  });
});
