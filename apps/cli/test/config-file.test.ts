import { describe, expect, it } from "vitest";
import { pageframe, tinyTrace, useFolder } from "./helpers.ts";

describe("a configuration file", () => {
  const folder = useFolder();

  /** What the command says of a file with that text, with `FILE` for its path. */
  async function complaint(text: string): Promise<string> {
    const config = folder.write("machine.yaml", text);
    const { exitCode, stdout, stderr } = await pageframe(["run", folder.path("absent"), "--config", config]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    return stderr.replaceAll(config, "FILE");
  }

  it("has all its mistakes reported at once, with line and path", async () => {
    const text = `# A machine.
memory: 64
cpus: 0
tlb:
  l1: { entries: 64, ways: 0 }
swap:
  - size: 4MB
  - size: 1MiB
    prio: 5
seats:
  reclaim: mru
`;
    expect(await complaint(text)).toBe(`pageframe: error: config FILE has 6 mistakes:
  FILE:2: memory: Invalid input: expected string, received number
  FILE:3: cpus: Too small: expected number to be >=1
  FILE:5: tlb.l1.ways: Too small: expected number to be >0
  FILE:7: swap[0].size: "4MB" is not a size with a unit, such as 64MiB
  FILE:9: swap[1].prio: no such setting; expected one of size, priority, file, synchronous, rotational
  FILE:11: seats.reclaim: unknown reclaim policy "mru"; known: active-inactive, clock, fifo
`);
  });

  it("has a single mistake reported in one line", async () => {
    expect(await complaint("cpus: 2\nmemory: 50\n")).toMatch(/^pageframe: error: FILE:2: memory: [^\n]*\n$/);
    expect(await complaint("- 1\n")).toBe(
      "pageframe: error: FILE:1: Invalid input: expected object, received array\n",
    );
  });

  it.each([
    ["pageTable", "radix3", 'unknown page table "radix3"; known: radix4, radix5, '],
    ["tlb", "zen5", 'unknown TLB "zen5"; known: set-associative, none, zen4, '],
    ["asids", "static", 'unknown ASID allocator "static"; known: dynamic, generations, none'],
  ])("that seats somebody unknown is reported with line and key: %s", async (seat, name, words) => {
    const said = await complaint(`cpus: 1\nseats:\n  ${seat}: ${name}\n`);
    expect(said).toContain(`pageframe: error: FILE:3: seats.${seat}: ${words}`);
  });

  it.each([
    [
      "an unclosed list",
      "cpus: 1\nnodes: [1\n",
      /^pageframe: error: FILE:3:1: Flow sequence in block collection must/,
    ],
    ["a key twice", "cpus: 1\ncpus: 2\n", /^pageframe: error: FILE:2:1: Map keys must be unique\n$/],
    ["broken JSON", '{ "cpus": 1,\n  "nodes" 2 }', /FILE:2:/],
    ["an unknown tag", "cpus: !two 2\n", /^pageframe: error: FILE:1:7: Unresolved tag: !two\n$/],
  ])("that is not YAML or JSON is reported with line and column: %s", async (_, text, message) => {
    expect(await complaint(text)).toMatch(message);
  });

  it("whose settings do not go together is refused before the trace is opened", async () => {
    expect(await complaint("distances: [[10, 5]]\n")).toMatch(/^pageframe: error: FILE:1: distances/);
    expect(await complaint("distances: [[10, 20]]\n")).toMatch(
      /^pageframe: error: [^\n]*\nthe options or FILE ask for it\n$/,
    );
  });

  it("has the shape of a TLB that cannot be reported with line and path", async () => {
    expect(await complaint("cpus: 2\ntlb:\n  l1: { entries: 48, ways: 4 }\n  l2: { entries: 65, ways: 4 }\n"))
      .toBe(`pageframe: error: config FILE has 2 mistakes:
  FILE:3: tlb.l1: l1 has 12 sets (48 entries in 4 ways), which must be a power of two
  FILE:4: tlb.l2: l2.entries (65) must be a multiple of l2.ways (4)
`);
    expect(await complaint("tlb:\n  l2: { entries: 65536, ways: 4 }\n")).toBe(
      "pageframe: error: FILE:1: tlb: all arrays together (65652 entries) may have at most 65536\n",
    );
  });

  it("cannot be absent or a folder", async () => {
    const absent = folder.path("absent.yaml");
    const { exitCode, stderr } = await pageframe(["run", "x", "--config", absent]);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(`pageframe: error: config ${absent} cannot be read: no such file or directory\n`);
  });

  it("may be empty, or JSON indented with tabs", async () => {
    const trace = folder.write("tiny.lackey", tinyTrace());
    expect(
      (await pageframe(["run", trace, "--config", folder.write("e.yaml", "# nothing\n")])).exitCode,
    ).toBe(0);
    const json = folder.write(
      "m.json",
      '{\n\t"memory": "1MiB",\n\t"seats": {\n\t\t"reclaim": "fifo"\n\t}\n}\n',
    );
    expect((await pageframe(["run", trace, "--config", json])).exitCode).toBe(0);
  });
});
