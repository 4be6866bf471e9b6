import { describe, expect, it } from "vitest";
import { parseScript, runScript, type ScriptRun } from "@pageframe/script";

/** Runs a script; its lines are given without `l`, `p` and `op`, which repeat the script. */
function run(...lines: string[]): ScriptRun & { readonly results: readonly string[] } {
  const result = runScript(parseScript(lines.join("\n"), "t.mm"));
  return {
    ...result,
    results: result.lines.map((line) => line.replace(/^\{"l":\d+,"p":"\w+"(?:,"op":"[^"]*")?,/, "")),
  };
}

describe("observations of steps", () => {
  // What Linux 6.18 says to the same lines.
  it("tell results, errors, signals and faults in the recorder's form", () => {
    const { lines, notModelled } = run(
      "mmap 0 4 rw private,anon # four pages",
      "mmap 0 1 r private,anon",
      "write 1 7",
      "read 1",
      "read 2",
      "read 0 3",
      "write 2 1 4",
      "munmap 0.1 1",
      "mmap any 1 r private,anon",
      "read m-1",
      "brk 2",
    );
    expect(notModelled).toBeNull();
    expect(lines).toEqual([
      '{"l":1,"p":"P0","op":"mmap 0 4 rw private,anon","ret":"A+0","min":0,"maj":0}',
      '{"l":2,"p":"P0","op":"mmap 0 1 r private,anon","err":"EEXIST","min":0,"maj":0}',
      '{"l":3,"p":"P0","op":"write 1 7","ret":0,"min":1,"maj":0}',
      '{"l":4,"p":"P0","op":"read 1","ret":7,"min":0,"maj":0}',
      '{"l":5,"p":"P0","op":"read 2","ret":0,"min":1,"maj":0}',
      // (0 * 31 + 7) * 31 + 0
      '{"l":6,"p":"P0","op":"read 0 3","ret":217,"min":1,"maj":0}',
      '{"l":7,"p":"P0","op":"write 2 1 4","sig":"SIGSEGV","code":"MAPERR","addr":"A+4","done":2,"min":2,"maj":0}',
      '{"l":8,"p":"P0","op":"munmap 0.1 1","err":"EINVAL","min":0,"maj":0}',
      '{"l":9,"p":"P0","op":"mmap any 1 r private,anon","ret":"M-1","min":0,"maj":0}',
      '{"l":10,"p":"P0","op":"read m-1","sig":"SIGSEGV","code":"MAPERR","addr":"M-2","min":0,"maj":0}',
      '{"l":11,"p":"P0","op":"brk 2","ret":"B+2","min":0,"maj":0}',
    ]);
  });

  it("run code as far as it is a return, nothing, or zeros", () => {
    const { results } = run(
      "mmap 0 3 rw private,anon",
      "write 0 195",
      "write 1 196",
      "mprotect 0 2 rx",
      "exec 0",
      "exec 1",
      "exec 2",
      "mmap 8 2 rwx private,anon",
      "exec 8",
    );
    expect(results.slice(4, 7)).toEqual([
      '"ret":0,"min":0,"maj":0}',
      '"sig":"SIG?","code":"ADRERR","addr":"A+1","min":0,"maj":0}',
      '"sig":"SIGSEGV","code":"ACCERR","addr":"A+2","min":1,"maj":0}',
    ]);
    // Two pages of zeros: the first is read, then written by what it runs; the second is read; then the mapping ends.
    expect(results[8]).toBe('"sig":"SIGSEGV","code":"MAPERR","addr":"A+10","min":3,"maj":0}');
  });

  it("follow processes: copies on write, ends, and what was waited for", () => {
    const { lines, results } = run(
      "mmap 0 2 rw private,anon",
      "write 0 5 2",
      "fork P1",
      "on P1",
      "write 0 9",
      "read 0",
      "exit 3",
      "read 0",
      "on P0",
      "read 0",
      "write 0 6",
      "wait",
      "wait",
    );
    expect(lines[2]).toBe('{"l":3,"p":"P0","op":"fork P1","ret":0}');
    expect(lines[3]).toBe('{"l":5,"p":"P1","op":"write 0 9","ret":0,"min":1,"maj":0}');
    expect(results.slice(4)).toEqual([
      '"ret":9,"min":0,"maj":0}',
      '"exited":1}',
      '"died":1}',
      '"ret":5,"min":0,"maj":0}',
      '"ret":0,"min":1,"maj":0}',
      '"ret":0,"wstatus":768,"min":0,"maj":0}',
      // The recorder prints what its buffer held.
      '"err":"E10","wstatus":768,"min":0,"maj":0}',
    ]);
  });

  it("end where the model has no such thing, and say where and what", () => {
    const { lines, notModelled } = run("mmap 0 1 rw private,anon", "set_mempolicy 1 1", "read 0");
    expect(lines).toHaveLength(1);
    expect(notModelled).toEqual({ line: 2, reason: "set_mempolicy is not modelled" });
  });
});

describe("huge pages", () => {
  it("end the run before the first that would be used", () => {
    expect(run("mmap 0 512 rw private,anon,hugetlb").notModelled).toEqual({
      line: 1,
      reason: "mmap with hugetlb is not modelled",
    });
    const advised = run("mmap 1 1022 rw private,anon", "madvise 1 1022 hugepage", "read 1");
    expect(advised.lines).toHaveLength(2 + 1);
    const covers = run("mmap 1 1023 rw private,anon", "madvise 1 1023 hugepage", "read 1");
    expect(covers.lines).toHaveLength(2);
    expect(covers.notModelled).toEqual({
      line: 3,
      reason: "a 2 MiB range under madvise hugepage is not modelled",
    });
  });
});

describe("snapshots", () => {
  // What Linux 6.18 says to the same lines.
  it("tell mappings, pages and the change of status in the recorder's form", () => {
    const { results } = run(
      "mmap 0 16 rw private,anon",
      "mmap 16 2 r shared,anon",
      "write 3 1 2",
      "read 5",
      "read 16",
      "snap maps,pagemap,mapcount,kpf,smaps,status",
    );
    const status = {
      VmPeak: 68,
      VmSize: 72,
      VmLck: 0,
      VmHWM: 12,
      VmRSS: 12,
      RssAnon: 8,
      RssFile: 0,
      RssShmem: 4,
      VmData: 64,
      VmPTE: 12,
      VmSwap: 0,
      HugetlbPages: 0,
    };
    const written = { Rss: 8, Pss: 8, Pss_Dirty: 8, Private_Dirty: 8, Referenced: 8, Anonymous: 8 };
    expect(JSON.parse(`{${results[5]}`)).toEqual({
      maps: [
        ["A+0", "A+16", "rw-p"],
        ["A+16", "A+18", "r--s", "shm", 0],
      ],
      smaps: [
        { at: "A+0", n: 16, ...written, VmFlags: "rd wr mr mw me ac sd" },
        {
          at: "A+16",
          n: 2,
          Rss: 4,
          Pss: 4,
          Private_Clean: 4,
          Referenced: 4,
          VmFlags: "rd sh mr mw me ms sd",
        },
      ],
      pagemap: [
        ["A+0", 3, "d"],
        ["A+3", 2, "Pxd"],
        ["A+5", 1, "Pd"],
        ["A+6", 10, "d"],
        ["A+16", 1, "Pfxd"],
        ["A+17", 1, "d"],
      ],
      kpf: [
        ["A+3", 2, "UABKM"],
        ["A+5", 1, "Z"],
        ["A+16", 1, "UBM"],
      ],
      mapcount: [
        ["A+3", 2, "1"],
        ["A+5", 1, "Z"],
        ["A+16", 1, "1"],
      ],
      status,
    });
  });

  it("show the heap from the initial break on", () => {
    const { results } = run("brk 3", "write b+1 1", "snap maps,pagemap,smaps", "brk 0", "snap maps,pagemap");
    expect(results[2]).toBe(
      '"maps":[["B+0","B+3","rw-p","[heap]",0]],"smaps":[],"pagemap":[["B+0",1,"d"],["B+1",1,"Pxd"],["B+2",1,"d"]]}',
    );
    expect(results[4]).toBe('"maps":[],"pagemap":[]}');
  });
});
