import { RUN_EXEC, RUN_MAX_COUNT, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LackeyReader } from "../src/index.ts";
import { collectItems, compileGzip, compileText, type PlainRun, TOUR_URL } from "./helpers.ts";

const run = (vpn: number, kind: number, nrAccesses: number, isSplit = false): PlainRun => ({
  vpn,
  kind,
  isSplit,
  nrAccesses,
});

describe("LackeyReader folding accesses into runs", () => {
  it("keeps pages apart", () => {
    expect(collectItems(compileText("I  00001000,4\n L 00002000,8\n"))).toEqual([
      run(1, RUN_EXEC, 1),
      run(2, RUN_READ, 1),
    ]);
  });

  it("joins reads and writes to a run that a write opened", () => {
    expect(collectItems(compileText(" S 00001000,8\n L 00001008,8\n M 00001010,4\n"))).toEqual([
      run(1, RUN_WRITE, 3),
    ]);
  });

  it("joins fetches and reads to a run that a fetch opened", () => {
    expect(collectItems(compileText("I  00001000,2\n L 00001008,8\nI  00001002,3\n"))).toEqual([
      run(1, RUN_EXEC, 3),
    ]);
  });

  it("opens a run at the first write and at the first fetch after reads", () => {
    expect(collectItems(compileText(" L 00001000,1\n L 00001001,1\n S 00001000,1\nI  00001000,1\n"))).toEqual(
      [run(1, RUN_READ, 2), run(1, RUN_WRITE, 1), run(1, RUN_EXEC, 1)],
    );
  });

  it("counts a modification as one write", () => {
    const trace = compileText(" M 00001000,4\n");
    expect(collectItems(trace)).toEqual([run(1, RUN_WRITE, 1)]);
    expect(trace.metadata.counts).toMatchObject({ nrReads: 0, nrWrites: 1, nrFetches: 0 });
  });

  it("adds the second half of an access that straddles two pages, and lets what follows join it", () => {
    const trace = compileText(" L 00001ff9,8\n L 00002001,8\n S 00002ffc,4\n");
    expect(collectItems(trace)).toEqual([
      run(1, RUN_READ, 1),
      run(2, RUN_READ, 2, true),
      run(2, RUN_WRITE, 1),
    ]);
    expect(trace.metadata.counts).toMatchObject({ nrReads: 2, nrWrites: 1, nrSplits: 1, nrRuns: 3 });
    expect(trace.metadata.nrFootprintPages).toBe(2);
  });

  it("gives the second half the kind of the access, not of the run that its first half joined", () => {
    expect(collectItems(compileText("I  00001000,4\n L 00001ffc,8\n"))).toEqual([
      run(1, RUN_EXEC, 2),
      run(2, RUN_READ, 1, true),
    ]);
  });

  it("starts another run when one is full", () => {
    expect(collectItems(compileText(" L 00001000,1\n".repeat(RUN_MAX_COUNT + 2)))).toEqual([
      run(1, RUN_READ, RUN_MAX_COUNT),
      run(1, RUN_READ, 2),
    ]);
  });

  it("ends a run at a system call that shapes the address space, and at no other", () => {
    const call = (text: string) => `SYSCALL[7,1](1) ${text}[sync] --> Success(0x0) \n`;
    const load = " L 00001000,1\n";
    const items = collectItems(
      compileText(load, call("sys_getpid ( )"), load, call("sys_munmap ( 0x5000, 1 )"), load),
    );
    expect(items).toEqual([
      run(1, RUN_READ, 2),
      { name: "munmap", tid: 1, address: 0x5000, lengthBytes: 1, result: 0 },
      run(1, RUN_READ, 1),
    ]);
  });

  it("agrees with a fold of one access at a time, wherever the text is cut", () => {
    const access = fc.record({
      mark: fc.constantFrom("I ", " L", " S", " M"),
      page: fc.constantFrom(1, 2, 0x4033, 0x1fff000, 0x100000000, 0x1ffffffff, 2 ** 45 - 2),
      offset: fc.constantFrom(0, 0xff0, 0xff8, 0xfff),
      sizeBytes: fc.constantFrom(1, 8, 16, 512, 4096),
    });
    fc.assert(
      fc.property(
        fc.array(access, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(1500)),
        (accesses, cuts) => {
          const expected: PlainRun[] = [];
          const add = (vpn: number, kind: number, isSplit: boolean): void => {
            const last = expected.at(-1);
            const joins = last?.vpn === vpn && !isSplit && (kind === RUN_READ || kind === last.kind);
            if (joins) last.nrAccesses++;
            else expected.push(run(vpn, kind, 1, isSplit));
          };
          let text = "";
          for (const { mark, page, offset, sizeBytes } of accesses) {
            const address = page.toString(16) + offset.toString(16).padStart(3, "0");
            text += `${mark} ${address.padStart(8, "0")},${sizeBytes}\n`;
            const kind = mark === "I " ? RUN_EXEC : mark === " L" ? RUN_READ : RUN_WRITE;
            add(page, kind, false);
            if (offset + sizeBytes > 4096) add(page + 1, kind, true);
          }
          const bounds = [0, ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b), text.length];
          const pieces = bounds.slice(1).map((bound, index) => text.slice(bounds[index], bound));
          expect(collectItems(compileText(...pieces))).toEqual(expected);
        },
      ),
    );
  });
});

describe("LackeyReader", () => {
  it("reads a recording with every kind of line", () => {
    const { metadata } = compileGzip(TOUR_URL);
    expect(metadata).toMatchObject({
      command: "./tour",
      source: "lackey",
      recordedWith: "Valgrind-3.19.0",
      nrFootprintPages: 73,
      startBrk: 0x4000000,
    });
    // Lines by kind, straddling accesses and pages were counted by an independent Python script.
    expect(metadata.counts).toEqual({
      nrReads: 2769,
      nrWrites: 1569,
      nrFetches: 18032,
      nrLines: 22450,
      nrSplits: 5,
      nrRuns: 8713,
      nrEvents: 18,
      nrFailedSyscalls: 2,
      nrSkippedSyscalls: 10,
    });
  });

  it("puts the given command in the metadata in place of the recorded one", () => {
    const reader = new LackeyReader({ sourceName: "t", command: "true" });
    reader.push(Uint8Array.from("==1== Command: /home/me/true\n L 00001000,1\n", (c) => c.charCodeAt(0)));
    expect(reader.end().metadata.command).toBe("true");
  });

  it("reads the last address there is", () => {
    expect(collectItems(compileText(" L 1ffffffffffffff,1\n"))).toEqual([run(2 ** 45 - 1, RUN_READ, 1)]);
  });

  it("passes over remarks and blank lines", () => {
    const trace = compileText("==12== a\n\n--12-- b\n**12** c\n L 00001000,1\n==12== \n");
    expect(trace.metadata.counts).toMatchObject({ nrReads: 1, nrLines: 6 });
  });

  const expected =
    "expected 'I  addr,size', ' L addr,size', ' S addr,size' or ' M addr,size' with a hexadecimal address " +
    "below 2^57 and a size of 1 to 4096";

  it.each([
    "I 00001000,4",
    "X  00001000,4",
    " L 0000100g,4",
    " L 00001000,",
    " L ,4",
    " L 00001000,0",
    " L 00001000,4097",
    " L 00001000,4 ",
    " L 00001000;4",
    " L 0200000000000000,4",
    " L 00000000000001000,4",
    "L 00001000,4",
    "hello",
  ])("refuses the line '%s'", (line) => {
    const before = " L 00001000,4\n".repeat(3);
    const message = `EINVAL: t.lackey:4: ${expected}; found ${JSON.stringify(line)}`;
    expect(() => compileText(`${before}${line}\n${before}`)).toThrow(message);
    expect(() => compileText(`${before}${line}\n`)).toThrow(message);
  });

  it("shortens a long line in its complaint", () => {
    expect(() => compileText(`${"x".repeat(200)}\n`)).toThrow(`found "${"x".repeat(77)}..."`);
  });

  it("refuses text that stops inside a line", () => {
    expect(() => compileText(" L 00001000,4\n L 000010")).toThrow(
      `t.lackey:2: expected a newline at the end of the last line (is the file cut short?); found " L 000010"`,
    );
  });

  it("refuses bytes without line ends", () => {
    expect(() => compileText("a".repeat(70000))).toThrow(
      "t.lackey:1: expected a line of at most 65536 bytes",
    );
  });

  it("refuses text without accesses, and says how to record some", () => {
    expect(() => compileText("==1== Memcheck, a memory error detector\n")).toThrow(
      "EINVAL: t.lackey: no access in 1 lines; record with valgrind --tool=lackey --trace-mem=yes",
    );
  });
});

describe("CompiledTrace", () => {
  it("gives the same blocks again after a rewind", () => {
    const trace = compileGzip(TOUR_URL);
    const first = collectItems(trace);
    expect(first).toHaveLength(8713 + 18);
    expect(trace.next()).toBeNull();
    expect(collectItems(trace)).toEqual(first);
  });
});
