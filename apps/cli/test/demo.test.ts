import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pageframe } from "./helpers.ts";

describe("pageframe demo", () => {
  it("replays the demo trace with ever less memory and says what to try next, which works", async () => {
    const { exitCode, stdout, stderr } = await pageframe(["demo"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/\nmemory +100% +75% +50% +25%\n/);
    // Less memory, more faults.
    const faults = /\nmajor faults +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)\n/.exec(stdout)?.slice(1) ?? [];
    const counts = faults.map((text) => Number(text.replaceAll(",", "")));
    expect(counts).toHaveLength(4);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts[3]).toBeGreaterThan(counts[0]);
    expect(stdout).toContain("What to try next:");
    const suggested = [...stdout.matchAll(/^ {2}npm run -s pageframe -- (run .*)$/gm)].map(([, args]) =>
      args.split(" "),
    );
    expect(suggested).toHaveLength(3);
    for (const [, trace] of suggested) expect(existsSync(trace)).toBe(true);
    const quickest = suggested.find((args) => args.includes("none")) ?? [];
    expect(await pageframe(quickest)).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
