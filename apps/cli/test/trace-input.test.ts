import { chmodSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gzipSync } from "node:zlib";
import { loopTrace, encodeTrace } from "@pageframe/trace";
import { pageframe, tinyTrace, useFolder } from "./helpers.ts";

describe("a trace that cannot be read", () => {
  const folder = useFolder();

  /** Returns the first line that `pageframe info` prints, after checking that it says nothing else. */
  async function complaint(path: string): Promise<string> {
    const { exitCode, stdout, stderr } = await pageframe(["info", path]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    const [first] = stderr.split("\n");
    expect(first.startsWith("pageframe: error: ")).toBe(true);
    return first.slice("pageframe: error: ".length);
  }

  it("is not there, or is a folder", async () => {
    const absent = folder.path("absent");
    expect(await complaint(absent)).toBe(`trace ${absent} cannot be read: no such file or directory`);
    const here = folder.path("");
    expect(await complaint(here)).toBe(`trace ${here} is a directory; a file was expected`);
  });

  it.skipIf(process.getuid?.() === 0)("may not be read", async () => {
    const secret = folder.write("secret", tinyTrace());
    chmodSync(secret, 0);
    expect(await complaint(secret)).toBe(`trace ${secret} cannot be read: permission denied`);
  });

  it("is empty, plain or gzipped", async () => {
    const empty = folder.write("empty", "");
    expect(await complaint(empty)).toBe(`trace ${empty}: the file is empty`);
    const zipped = folder.gzip("empty.gz", "");
    expect(await complaint(zipped)).toBe(`trace ${zipped}: what is gzipped is empty`);
  });

  it("has a malformed line, which is shown with its number", async () => {
    const lines = tinyTrace().split("\n");
    lines[99] = " X 04835000,8";
    const text = folder.gzip("bad.gz", lines.join("\n"));
    expect(await complaint(text)).toMatch(/bad\.gz:100: expected 'I {2}addr,size'.*; found " X 04835000,8"$/);
  });

  it("stops in the middle of a line", async () => {
    const text = folder.write("cut.txt", tinyTrace().slice(0, -4));
    expect(await complaint(text)).toMatch(
      /cut\.txt:486: expected a newline at the end .*; found " S 0487000"$/,
    );
  });

  it("is gzip that is cut short or damaged", async () => {
    const bytes = gzipSync(tinyTrace());
    const cut = folder.write("cut.gz", bytes.subarray(0, bytes.length - 20));
    expect(await complaint(cut)).toBe(`trace ${cut} is cut short: the gzip data ends before its end mark`);
    const damaged = Buffer.from(bytes);
    damaged[bytes.length - 6] ^= 0xff;
    const bad = folder.write("bad.gz", damaged);
    expect(await complaint(bad)).toBe(`trace ${bad} is damaged: incorrect data check in the gzip data`);
  });

  it("is a .pft file that is cut short or damaged", async () => {
    const bytes = encodeTrace(loopTrace({ nrPages: 20, nrAccesses: 100 }));
    const cut = folder.write("cut.pft", bytes.subarray(0, bytes.length - 3));
    expect(await complaint(cut)).toMatch(/cut\.pft: the trace is cut short/);
    const damaged = bytes.slice();
    damaged[bytes.length - 20] ^= 0xff;
    expect(await complaint(folder.gzip("bad.pft.gz", damaged))).toMatch(
      /bad\.pft\.gz: the trace is damaged: its checksum/,
    );
  });

  it.each([
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0], /this is zstd; zstd -d decompresses it$/],
    [
      "a program",
      [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0],
      /this is a program; "pageframe record -- PROGRAM" traces it$/,
    ],
    [
      "gzip in gzip",
      [...gzipSync(gzipSync("I  00401000,3\n"))],
      /what is gzipped is gzipped once more; gzip -d undoes one$/,
    ],
  ])("is of another kind: %s", async (_, bytes, message) => {
    expect(await complaint(folder.write("other", Uint8Array.from(bytes)))).toMatch(message);
  });
});

describe("pageframe info", () => {
  const folder = useFolder();

  it("says what a trace holds", async () => {
    const { exitCode, stdout } = await pageframe(["info", folder.write("tiny.lackey", tinyTrace())]);
    expect(exitCode).toBe(0);
    const lines = stdout.split("\n");
    expect(lines).toContain("writes                    241");
    expect(lines).toContain("instruction fetches       241");
    expect(lines).toContain("  401000-402000 r-x text");
    expect(lines).toContain("  1fff000000-1fff001000 rw- stack");
  });

  it("says so in JSON", async () => {
    const { stdout } = await pageframe(["info", folder.write("tiny.lackey", tinyTrace()), "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      command: "./tiny 60",
      recordedWith: "Valgrind-3.19.0",
      footprintPages: 62,
      counts: { nrReads: 0, nrWrites: 241, nrFetches: 241, nrEvents: 1 },
      initialRegions: [{ kind: "text" }, { kind: "stack" }],
    });
  });
});
