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
});
