import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tinyTrace, useFolder } from "./helpers.ts";

const mainPath = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const nodeArgs = ["--import", import.meta.resolve("tsx"), "--conditions=@pageframe/source", mainPath];

describe("the pageframe process", () => {
  const folder = useFolder();

  it("exits with 2 and one message for wrong usage", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, "rum"], {
      encoding: "utf8",
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^pageframe: error: unknown command "rum"/);
  });

  it("is quiet when the reader of its output goes away", () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const quoted = [
      process.execPath,
      ...nodeArgs,
      "run",
      trace,
      "--json",
      "-m",
      "1MiB,1MiB,1MiB,1MiB,1MiB,1MiB,1MiB,1MiB",
    ]
      .map((arg) => `'${arg}'`)
      .join(" ");
    const { status, stderr } = spawnSync("sh", ["-c", `${quoted} | head -n 1 > /dev/null`], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("cleans up and exits with 130 when interrupted", async () => {
    const swapFile = folder.path("swap");
    const child = spawn(process.execPath, [...nodeArgs, "run", "-", "--swap-file", swapFile], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    const exit = once(child, "exit");
    child.stdin.write("I  00401000,3\n");
    while (!existsSync(swapFile)) await setTimeout(20);
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
    expect(existsSync(swapFile)).toBe(false);
  });
});
