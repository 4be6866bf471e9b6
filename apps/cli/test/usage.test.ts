import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KernelBug } from "@pageframe/contracts";
import { reportError } from "../src/errors.ts";
import { chunksOf, pageframe, tinyTrace, useFolder } from "./helpers.ts";

describe("wrong usage", () => {
  const folder = useFolder();

  /** Calls that cannot work, and how the first line goes on after `pageframe: error: `. */
  const calls: (readonly [string, readonly string[], RegExp])[] = [
    ["no command", [], /^a command is missing$/],
    ["an unknown command", ["rum"], /^unknown command "rum"; did you mean run\?$/],
    [
      "an unknown option",
      ["run", "x", "--memry", "1MiB"],
      /^unknown option "--memry"; did you mean --memory\?$/,
    ],
    ["no trace", ["run"], /^missing required argument "trace"$/],
    ["two traces", ["run", "a", "b"], /^too many arguments for "run"; expected 1 argument but got 2$/],
    [
      "an option without its value",
      ["run", "x", "--memory"],
      /^option "-m, --memory <sizes>" argument missing$/,
    ],
    [
      "memory without a unit",
      ["run", "x", "--memory", "64"],
      /^memory "64" is neither a size with a unit \(B, KiB, /,
    ],
    [
      "memory too small",
      ["run", "x", "-m", "4KiB"],
      /^memory 4KiB is too small to boot; the minimum is 64KiB$/,
    ],
    ["no CPUs", ["run", "x", "--cpus", "0"], /^--cpus "0" is not an integer from 1 to 64$/],
    [
      "CPUs that are no number",
      ["run", "x", "--cpus", "abc"],
      /^--cpus "abc" is not an integer from 1 to 64$/,
    ],
    ["a broken seed", ["run", "x", "--seed", "1.5"], /^--seed "1.5" is not an integer from 0 to 4294967295$/],
    [
      "an unknown policy",
      ["run", "x", "--reclaim", "mru"],
      /^unknown reclaim policy "mru"; known: active-inactive, clock, fifo/,
    ],
    ["an unknown OOM policy", ["run", "x", "--oom", "init"], /^unknown OOM policy "init"; known: badness, /],
    [
      "an unknown contents mode",
      ["run", "x", "--contents", "full"],
      /^option "--contents <mode>" argument "full" is invalid; allowed choices are none, sparse, dense$/,
    ],
    [
      "swap without a unit",
      ["run", "x", "--swap", "5"],
      /^swap "5" is neither a size with a unit .* nor none$/,
    ],
    ["no swap to speak of", ["run", "x", "--swap", "0B"], /^swap 0B is not from 4KiB to 256.00GiB$/],
    [
      "a file for no swap",
      ["run", "x", "--swap", "none", "--swap-file", "s"],
      /^--swap none and --swap-file exclude/,
    ],
    [
      "bytes to verify without bytes",
      ["run", "x", "--verify", "--contents", "none"],
      /^--verify needs memory with byt/,
    ],
    ["compiling to nowhere", ["compile", "x"], /^required option "-o, --output <file>" not specified$/],
    ["recording nothing", ["record"], /^missing required argument "command"$/],
  ];
  it.each(calls)("is refused: %s", async (_, args, message) => {
    const { exitCode, stdout, stderr } = await pageframe(args);
    const [first, ...others] = stderr.split("\n");
    expect(first).toMatch(/^pageframe: error: /);
    expect(first.slice("pageframe: error: ".length)).toMatch(message);
    // At most one line on what to do.
    expect(others.filter((line) => line !== "").length).toBeLessThanOrEqual(1);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  it("is found before the trace is opened or the swap file made", async () => {
    const swapFile = folder.path("swap");
    const args = ["run", folder.path("absent"), "--swap-file", swapFile];
    expect((await pageframe([...args, "--numa", "nowhere"])).stderr).toMatch(
      /unknown NUMA policy "nowhere"; known: local/,
    );
    expect((await pageframe(args)).stderr).toMatch(/absent cannot be read: no such file or directory\n/);
    expect(existsSync(swapFile)).toBe(false);
  });

  it.each([
    ["a folder", "", /is not a regular file|illegal operation on a directory/],
    [
      "a place that does not exist",
      "absent/swap",
      /absent\/swap cannot be created: no such file or directory\n/,
    ],
    ["a file of the user's", "thesis.txt", /thesis.txt exists and is not a swap file of pageframe's\n/],
  ])("is a swap file at %s", async (_, name, message) => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const thesis = folder.write("thesis.txt", "years of work");
    const { exitCode, stderr } = await pageframe(["run", trace, "--swap-file", folder.path(name)]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
    expect(readFileSync(thesis, "utf8")).toBe("years of work");
  });
});

describe("help", () => {
  it("lists commands, options and the occupants of seats on standard output", async () => {
    const all = await pageframe(["--help"]);
    expect(all).toMatchObject({ exitCode: 0, stderr: "" });
    for (const name of ["run", "walk", "compile", "record", "info", "script", "demo"])
      expect(all.stdout).toContain(`  ${name} `);
    const run = await pageframe(["run", "--help"]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("active-inactive, clock, fifo");
  });

  it("prints the version of the package", async () => {
    expect(await pageframe(["--version"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });
});

describe("errors of the program itself", () => {
  const report = (error: unknown, env = {}): [number, string] => {
    let text = "";
    const output = { write: (piece: string) => (text += piece) };
    const io = {
      stdin: chunksOf(""),
      stdout: output,
      stderr: output,
      env,
      interrupt: new AbortController().signal,
    };
    return [reportError(error, io), text];
  };

  it("ask for a report and show no stack", () => {
    expect(report(new KernelBug("free list 3 holds allocated pfn 42"))).toEqual([
      1,
      "pageframe: error: kernel BUG: free list 3 holds allocated pfn 42\n" +
        "this is a mistake in pageframe, not yours: please report it with the command line and, if you can, the trace\n",
    ]);
    expect(report(new TypeError("x is undefined"))[1]).toMatch(
      /^pageframe: error: internal error: TypeError: x is un/,
    );
  });

  it("show the stack to those who ask", () => {
    expect(report(new TypeError("x"), { PAGEFRAME_DEBUG: "1" })[1]).toMatch(/\n {4}at .*usage\.test\.ts/);
  });
});
