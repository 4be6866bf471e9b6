import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pageframe, useFolder } from "./helpers.ts";

const valgrind = "valgrind";
const hasValgrind = spawnSync(valgrind, ["--version"]).status === 0;
const env = process.env as Record<string, string>;

/** A stand-in that writes lackey text where Valgrind would, the last line half, and is killed. */
const KILLED_VALGRIND = `#!${process.execPath}
const fd = Number(process.argv.find((arg) => arg.startsWith("--log-fd=")).slice("--log-fd=".length));
require("node:fs").writeSync(fd, "==7== Command: fake\\nI  00401000,3\\n S 1fff000ff0,8\\nI  0040");
process.kill(process.pid, "SIGKILL");
`;

describe("pageframe record", () => {
  const folder = useFolder();

  /** Puts a program called valgrind, and nothing else, on the path. */
  function fakeValgrind(script: string): Record<string, string> {
    mkdirSync(folder.path("bin"));
    chmodSync(folder.write("bin/valgrind", script), 0o755);
    return { PATH: folder.path("bin") };
  }

  it("says how to get Valgrind when there is none, and leaves nothing behind", async () => {
    const output = folder.path("x.pft.gz");
    const { exitCode, stderr } = await pageframe(["record", "-o", output, "--", "true"], {
      env: { PATH: folder.path("") },
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      'pageframe: error: "valgrind" was not found; recording needs its tool lackey\n' +
        "install it: apt install valgrind (Debian, Ubuntu), dnf install valgrind (Fedora), " +
        "brew install valgrind (Homebrew)\n",
    );
    expect(readdirSync(folder.path(""))).toEqual([]);
  });

  it("keeps the whole lines of a program that is killed, and reports its end", async () => {
    const output = folder.path("x.pft");
    const { exitCode, stderr } = await pageframe(["record", "-o", output, "--", "prog", "-x"], {
      env: fakeValgrind(KILLED_VALGRIND),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/x\.pft: [\d.]+\w+, 2 accesses in 2 runs, 0 system calls, 2 pages touched\n/);
    expect(stderr).toContain('pageframe: error: "prog -x" was ended by SIGKILL\n');
    expect((await pageframe(["info", output])).stdout).toMatch(/^fake\n2 accesses/);
  });

  it("writes nothing when nothing was traced", async () => {
    const output = folder.path("x.pft");
    const { exitCode, stderr } = await pageframe(["record", "-o", output, "--", "absent"], {
      env: fakeValgrind("#!/bin/sh\nexit 127\n"),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('"absent" exited with status 127 before anything could be traced\n');
    expect(existsSync(output)).toBe(false);
    expect(readdirSync(folder.path(""))).toEqual(["bin"]);
  });

  it.skipIf(!hasValgrind)("traces a real program, and the trace replays", async () => {
    const output = folder.path("true.pft.gz");
    const recorded = await pageframe(["record", "-o", output, "--", "/bin/true"], { env });
    expect(recorded.exitCode).toBe(0);
    expect(recorded.stderr).toMatch(/true\.pft\.gz: .* accesses in /);
    const { exitCode, stdout } = await pageframe(["run", output, "--memory", "4MiB", "--json"]);
    expect(exitCode).toBe(0);
    const { runs } = JSON.parse(stdout) as {
      runs: { killedBy: unknown; failedSyscalls: string[]; accesses: number }[];
    };
    expect(runs[0]).toMatchObject({ killedBy: null, failedSyscalls: [] });
    expect(runs[0].accesses).toBeGreaterThan(50_000);
  });
});
