import { describe, expect, it } from "vitest";
import { pageframe, useFolder } from "./helpers.ts";

describe("pageframe script", () => {
  const folder = useFolder();

  it("prints an observation a line, in the recorder's form", async () => {
    const script = folder.write("t.mm", "mmap 0 2 rw private,anon\nwrite 1 7 # second page\nsnap pagemap\n");
    expect(await pageframe(["script", script])).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: [
        '{"l":1,"p":"P0","op":"mmap 0 2 rw private,anon","ret":"A+0","min":0,"maj":0}',
        '{"l":2,"p":"P0","op":"write 1 7","ret":0,"min":1,"maj":0}',
        '{"l":3,"p":"P0","pagemap":[["A+0",1,"d"],["A+1",1,"Pxd"]]}',
        "",
      ].join("\n"),
    });
  });

  it("runs on the machine that a configuration asks for", async () => {
    const script = folder.write("t.mm", "mmap 0 300000 rw private,anon\n");
    const config = folder.write("small.yaml", "memory: 64MiB\nswap: []\n");
    expect((await pageframe(["script", script])).stdout).toMatch(/"err":"ENOMEM"/);
    const large = folder.write("large.yaml", "memory: 2GiB\n");
    expect((await pageframe(["script", script, "--config", large])).stdout).toMatch(/"ret":"A\+0"/);
    const percent = folder.write("percent.yaml", "memory: 50%\n");
    expect(await pageframe(["script", script, "-c", percent])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /a script runs on one machine, and memory "50%" is not one size\n$/,
      ) as string,
    });
    expect((await pageframe(["script", script, "-c", config])).stdout).toMatch(/"err":"ENOMEM"/);
  });

  it("refuses a script that it cannot read, and lines that it cannot read, all of them", async () => {
    expect(await pageframe(["script", folder.path("absent.mm")])).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /^pageframe: error: script .*absent\.mm cannot be read: no such file or dir.*\n$/,
      ) as string,
    });
    const one = folder.write("one.mm", "read 0\nmumap 0 1\n");
    expect(await pageframe(["script", one])).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /^pageframe: error: .*one\.mm:2: unknown operation "mumap"; known: .*munmap.*\n$/,
      ) as string,
    });
    const two = folder.write("two.mm", "mmap 0 1 rq private,anon\nread 0\nmunmap 0\n");
    const { stderr } = await pageframe(["script", two]);
    const [head, ...lines] = stderr.trim().split("\n");
    expect(head).toMatch(/^pageframe: error: script .*two\.mm has 2 lines that cannot be read:$/);
    expect(lines).toEqual([
      expect.stringMatching(/two\.mm:1: "rq" found; expected a protection/),
      expect.stringMatching(/two\.mm:3: the line ends after "0"; expected a number of pages/),
    ]);
  });

  it("says where a script asks for what the model does not have", async () => {
    const script = folder.write("t.mm", "mmap 0 1 rw private,anon\nset_mempolicy 1 1\nread 0\n");
    const { exitCode, stdout, stderr } = await pageframe(["script", script]);
    expect(exitCode).toBe(1);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/t\.mm:2: set_mempolicy is not modelled\nthe lines before it were run/);
  });

  it("explains a line: faults, mappings, entries, frames and flushes", async () => {
    const lines = [
      "mmap 0 8 rw private,anon",
      "write 0 7",
      "read 1",
      "write 1 5",
      "mprotect 4 2 r",
      "fork P1",
      "on P1",
      "write 0 9",
      "write 9 1",
      "read 4 # not explained",
    ];
    const script = folder.write("t.mm", lines.join("\n"));
    const explain = async (line: number): Promise<string[]> => {
      const { exitCode, stdout, stderr } = await pageframe(["script", script, "--explain", String(line)]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      return stdout
        .trimEnd()
        .replace(/frame [\d,]+/g, "frame N")
        .split("\n")
        .slice(2);
    };
    expect(await explain(2)).toEqual([
      "fault       write of A+0, in mapping A+0 A+8 rw-p: anonymous page (minor)",
      "entries     A+0: empty -> page in frame N P RW US A D soft-dirty NX",
      "frames      1 page and 3 page tables taken, none given back",
      "TLB         nothing flushed",
    ]);
    expect((await explain(4)).slice(0, 2)).toEqual([
      "fault       write of A+1, in mapping A+0 A+8 rw-p: page of zeros replaced by a page (minor)",
      "entries     A+1: page in frame N P US A special NX -> page in frame N P RW US A D soft-dirty NX",
    ]);
    expect((await explain(5))[0]).toBe(
      "mappings    split [A+0 A+8 rw-p] -> [A+0 A+4 rw-p] [A+4 A+6 r--p] [A+6 A+8 rw-p]",
    );
    expect((await explain(8))[0]).toBe(
      "fault       write of A+0, in mapping A+0 A+4 rw-p: copy on write (minor)",
    );
    expect((await explain(9))[0]).toBe("signal      at A+9: no mapping holds it, and none grows down to it");
    expect(await pageframe(["script", script, "--explain", "11"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/t\.mm:11: there is no operation; the last is in line 10\n$/) as string,
    });
  });
});
