import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileGzip, compileText, TOUR_URL, TRUE_URL } from "./helpers.ts";
import { findSegv } from "./segv-checker.ts";

describe("initial regions", () => {
  it("are the program and the stack of a static program", () => {
    // readelf -lW tour: R 400000..400518, R E 401000..479bb1, R 47a000..4a127e, RW 4a2698..4ae280.
    expect(compileGzip(TOUR_URL).metadata.initialRegions).toEqual([
      { startVpn: 0x400, nrPages: 1, prot: 1, kind: "rodata", fileId: 1, filePgoff: 0 },
      { startVpn: 0x401, nrPages: 121, prot: 5, kind: "text", fileId: 1, filePgoff: 1 },
      { startVpn: 0x47a, nrPages: 28, prot: 1, kind: "rodata", fileId: 1, filePgoff: 122 },
      { startVpn: 0x4a2, nrPages: 13, prot: 3, kind: "data", fileId: 1, filePgoff: 162 },
      { startVpn: 0x1fff000, nrPages: 1, prot: 3, kind: "stack", fileId: -1, filePgoff: 0 },
    ]);
  });

  it("and the events leave no access without its mapping", () => {
    expect(findSegv(compileGzip(TOUR_URL))).toBe("");
  });

  it.skipIf(!existsSync(TRUE_URL))("hold for a dynamic program (needs ../shared/data/true.lackey.gz)", () => {
    const trace = compileGzip(TRUE_URL);
    expect(findSegv(trace)).toBe("");
    // Counted by an independent Python script.
    expect(trace.metadata.nrFootprintPages).toBe(139);
    expect(trace.metadata.initialRegions.map(({ kind }) => kind)).toEqual([
      ...["rodata", "text", "data"],
      ...["rodata", "text", "rodata", "data"],
      "stack",
    ]);
  });

  const PUSH = " S 1fff000658,8\n";
  const regionsOf = (...text: string[]) => compileText(PUSH, ...text).metadata.initialRegions;
  const call = (text: string, result = "0x0") => `SYSCALL[7,1](1) ${text}[sync] --> Success(${result}) \n`;

  it("hold what was mprotected as writable, however it was used before", () => {
    expect(
      regionsOf(" L 00010000,8\n", call("sys_mprotect ( 0x10000, 8192, 1 )"), " L 00011000,8\n"),
    ).toMatchObject([{ startVpn: 0x10, nrPages: 2, prot: 3, kind: "data" }, { kind: "stack" }]);
  });

  it("make text writable only where a fetched page is written", () => {
    expect(regionsOf("I  00010000,4\n", " S 00010000,4\n", "I  00011000,4\n")).toMatchObject([
      { startVpn: 0x10, nrPages: 1, prot: 7, kind: "text" },
      { startVpn: 0x11, nrPages: 1, prot: 5, kind: "text" },
      { kind: "stack" },
    ]);
  });

  it("bridge sixteen untouched pages, not more, and none that was ever mapped", () => {
    const three = [" L 00010000,1\n", " L 00021000,1\n", " L 00033000,1\n"];
    expect(regionsOf(...three)).toMatchObject([
      { startVpn: 0x10, nrPages: 18 },
      { startVpn: 0x33, nrPages: 1, filePgoff: 35 },
      { kind: "stack" },
    ]);
    const mmap = call("sys_mmap ( 0x0, 4096, 3, 34, 4294967295, 0 )", "0x15000");
    expect(regionsOf(...three, mmap)).toMatchObject([
      { startVpn: 0x10, nrPages: 1, fileId: 0, filePgoff: 0 },
      { startVpn: 0x21, nrPages: 1, fileId: 1, filePgoff: 0 },
      { startVpn: 0x33, nrPages: 1 },
      { kind: "stack" },
    ]);
  });

  it("leave the heap to the brk events", () => {
    const brks = [call("sys_brk ( 0x0 )", "0x20100"), call("sys_brk ( 0x22100 )", "0x22100")];
    const trace = compileText(PUSH, ...brks, " S 00021000,8\n", " S 00022000,8\n");
    expect(trace.metadata.initialRegions).toMatchObject([{ kind: "stack" }]);
    expect(trace.metadata.startBrk).toBe(0x20100);
    expect(findSegv(trace)).toBe("");
  });

  it("hold the stack at and above the first store, and leave what is below to its growth", () => {
    const trace = compileText(PUSH, " L 1fff001f00,8\n", " S 1ffefe0000,8\n");
    expect(trace.metadata.initialRegions).toEqual([
      { startVpn: 0x1fff000, nrPages: 2, prot: 3, kind: "stack", fileId: -1, filePgoff: 0 },
    ]);
    expect(findSegv(trace)).toBe("");
  });

  it("hold the whole of a stack that grows beyond 8 MiB", () => {
    const steps = [1, 2, 3].map((step) => ` S ${(0x1fff000658 - step * 0x400000).toString(16)},8\n`);
    expect(regionsOf(...steps)).toMatchObject([{ startVpn: 0x1fff000 - 3 * 1024, nrPages: 3 * 1024 + 1 }]);
    expect(findSegv(compileText(PUSH, ...steps))).toBe("");
  });

  it("hold no stack when nothing is stored outside traced mappings", () => {
    expect(compileText(" L 00010000,1\n").metadata.initialRegions).toMatchObject([{ kind: "rodata" }]);
  });
});
