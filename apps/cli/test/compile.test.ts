import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gunzipSync } from "node:zlib";
import { pageframe, tinyTrace, useFolder } from "./helpers.ts";

describe("pageframe compile", () => {
  const folder = useFolder();

  it("writes a .pft file, gzipped when its name says so, and says what it holds", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const plain = folder.path("tiny.pft");
    const { exitCode, stdout } = await pageframe(["compile", trace, "-o", plain]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /tiny\.pft: [\d.]+(B|KiB), 482 accesses in 482 runs, 1 system call, 62 pages touched\n$/,
    );
    const zipped = folder.path("tiny.pft.gz");
    await pageframe(["compile", trace, "-o", zipped]);
    expect(gunzipSync(readFileSync(zipped))).toEqual(readFileSync(plain));
    // Compiling what is compiled changes nothing.
    const again = folder.path("again.pft");
    await pageframe(["compile", zipped, "-o", again]);
    expect(readFileSync(again)).toEqual(readFileSync(plain));
    expect(readdirSync(folder.path("")).sort()).toEqual([
      "again.pft",
      "tiny.lackey",
      "tiny.pft",
      "tiny.pft.gz",
    ]);
  });

  it("leaves what was there alone when the input is bad", async () => {
    const bad = folder.write("bad.lackey", `${tinyTrace()}nonsense\n`);
    const output = folder.write("old.pft", "old");
    const { exitCode, stderr } = await pageframe(["compile", bad, "-o", output]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/bad\.lackey:487: expected .*; found "nonsense"\n/);
    expect(readFileSync(output, "utf8")).toBe("old");
    expect(readdirSync(folder.path("")).sort()).toEqual(["bad.lackey", "old.pft"]);
  });

  it("does not overwrite its own input, under whatever name", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    const link = folder.path("link.pft");
    symlinkSync(trace, link);
    const hardLink = folder.path("hard.pft");
    linkSync(trace, hardLink);
    for (const output of [trace, link, hardLink]) {
      const { exitCode, stderr } = await pageframe(["compile", trace, "-o", output]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`output ${output} is the input ${trace} itself\n`);
    }
    expect(readFileSync(trace, "utf8")).toBe(tinyTrace());
  });

  it("refuses an output that is no file or lies nowhere", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    mkdirSync(folder.path("out"));
    const inFolder = await pageframe(["compile", trace, "-o", folder.path("out")]);
    expect(inFolder).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("out is a directory\n") as string,
    });
    const nowhere = await pageframe(["compile", trace, "-o", folder.path("no/where.pft")]);
    expect(nowhere.exitCode).toBe(2);
    expect(nowhere.stderr).toMatch(/no\/where\.pft cannot be written: no such file or directory\n/);
    const device = await pageframe(["compile", trace, "-o", "/dev/null"]);
    expect(device.stderr).toContain("output /dev/null is not a regular file\n");
  });
});
