import { describe, expect, it } from "vitest";
import { MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED } from "@pageframe/contracts";
import { type Operation, parseScript, ScriptError } from "@pageframe/script";

/** The operation of a script's last line. */
function operationOf(text: string): Operation {
  const { lines } = parseScript(text, "t.mm");
  return lines[lines.length - 1].operation;
}

/** What is wrong with a script, one sentence a bad line. */
function problemsOf(text: string): readonly string[] {
  try {
    parseScript(text, "t.mm");
  } catch (error) {
    if (error instanceof ScriptError) return error.problemLines;
    throw error;
  }
  return [];
}

describe("a script that can be read", () => {
  it("keeps line numbers, and the text of a line without comment and blanks behind", () => {
    const { fileName, lines } = parseScript("# first\n\nread 0 # the zero page\n  wait\t\n", "t.mm");
    expect(fileName).toBe("t.mm");
    expect(lines.map(({ number, text }) => [number, text])).toEqual([
      [3, "read 0"],
      // The recorder takes blanks away, not tabs.
      [4, "  wait\t"],
    ]);
  });

  it.each([
    ["munmap 3 1", "arena", 3 * 4096],
    ["munmap 3.17 1", "arena", 3 * 4096 + 17],
    ["munmap b+2 1", "brk", 8192],
    ["munmap m-1 1", "map", -4096],
    ["munmap s-4 1", "stack", -16384],
    ["munmap @7fff0000 1", "absolute", 0x7fff0000],
  ])("reads the address of %s", (text, base, offsetBytes) => {
    expect(operationOf(text)).toMatchObject({ at: { base, offsetBytes } });
  });

  it("asks for a free place in the arena unless told fixed, hint or any", () => {
    const anon = MAP_PRIVATE | MAP_ANONYMOUS;
    expect(operationOf("mmap 0 4 rw private,anon")).toMatchObject({
      prot: 3,
      flags: anon | MAP_FIXED_NOREPLACE,
    });
    expect(operationOf("mmap 0 4 - private,anon,hint")).toMatchObject({ prot: 0, flags: anon });
    expect(operationOf("mmap any 4 r private,anon")).toMatchObject({ at: null, flags: anon });
    expect(operationOf("file f0 tmpfs 4 fill ro\nmmap any 4 r shared f0 2")).toMatchObject({
      flags: MAP_SHARED,
      file: "f0",
      offsetPages: 2,
    });
  });

  it("takes an advice by name or number, and - for no flags", () => {
    expect(operationOf("madvise 0 1 guard_install")).toMatchObject({ advice: 102 });
    expect(operationOf("madvise 0 1 77")).toMatchObject({ advice: 77 });
    expect(operationOf("mremap 63 1 13 -")).toMatchObject({
      oldBytes: 4096,
      newBytes: 13 * 4096,
      flags: 0,
      to: null,
    });
    expect(operationOf("mremap 63 1 1 maymove,fixed 4")).toMatchObject({
      flags: 3,
      to: { offsetBytes: 4 * 4096 },
    });
  });

  it("gives a length below zero as the kernel sees it", () => {
    expect(operationOf("munmap 0 -1")).toMatchObject({ lengthBytes: 2 ** 64 - 4096 });
  });

  it("takes defaults where words are left out", () => {
    expect(operationOf("write 4")).toMatchObject({ value: 1, nrPages: 1, stridePages: 1 });
    expect(operationOf("read 4 8 2")).toMatchObject({ nrPages: 8, stridePages: 2 });
    expect(operationOf("rlimit as +64")).toMatchObject({ limit: "as", kib: 64, isRelative: true });
    expect(operationOf("rlimit stack inf")).toMatchObject({
      limit: "stack",
      kib: Infinity,
      isRelative: false,
    });
  });

  it("takes the name of a process again", () => {
    expect(problemsOf("fork P1\non P1\nexit 0\non P0\nfork P1\non P1")).toEqual([]);
  });
});

describe("a script that cannot be read", () => {
  it.each([
    ["mmp 0 1", /^t\.mm:1: unknown operation "mmp"; known: brk, clear_refs, .*, write$/],
    ["munmap x 1", /^t\.mm:1: "x" found; expected an address \(N, N\.B, b\+N, m\+N, s-N or @HEX\)$/],
    [
      "munmap 0",
      /^t\.mm:1: the line ends after "0"; expected a number of pages, as in munmap ADDRESS PAGES$/,
    ],
    ["munmap 0 1 2", /^t\.mm:1: "2" is a word too many; expected munmap ADDRESS PAGES$/],
    ["mmap 0 1 rq private", /^t\.mm:1: "rq" found; expected a protection \(letters of r, w, x, g, or -\)$/],
    ["mmap 0 1 r private,anom", /^t\.mm:1: "anom" found; expected flags of private, shared, anon, .* or -$/],
    ["mmap 0 1 r shared f7", /^t\.mm:1: "f7" is no file; expected one that a line before makes$/],
    ["madvise 0 1 dontned", /^t\.mm:1: "dontned" found; expected an advice \(normal, .*, or a number\)$/],
    ["on P7", /^t\.mm:1: "P7" is no process; expected one of P0$/],
    ["file f0 nfs 4", /^t\.mm:1: "nfs" found; expected a kind of file \(tmpfs, memfd, ext4\)$/],
    ["snap map", /^t\.mm:1: "map" found; expected what to observe of maps, smaps, /],
    ["rlimit stack +8", /^t\.mm:1: "\+8" found; expected KB or inf$/],
  ])("%s is told with file, line, word and what was expected", (text, message) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  it("is told all of it at once", () => {
    expect(problemsOf("read 0\nmunmap\nread 1\nwrite x").map((problem) => problem.slice(0, 7))).toEqual([
      "t.mm:2:",
      "t.mm:4:",
    ]);
  });
});
