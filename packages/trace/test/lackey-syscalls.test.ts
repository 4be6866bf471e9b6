import { describe, expect, it } from "vitest";
import { type MmapEvent, NO_FILE } from "../src/index.ts";
import { collectEvents, compileGzip, compileText, TOUR_URL } from "./helpers.ts";

const LOAD = " L 00001000,1\n";
const compile = (...lines: string[]) => compileText(LOAD, ...lines.map((line) => `${line}\n`));
const eventsOf = (...lines: string[]) => collectEvents(compile(...lines));
const mmapsOf = (...lines: string[]) =>
  eventsOf(...lines).filter((event): event is MmapEvent => event.name === "mmap");
const OPEN = "SYSCALL[9,1](257) sys_openat ( 4294967196, 0x1(/lib/a.so), 0 ) --> [pre-success] Success(0x3) ";
const MMAP = "SYSCALL[9,1](9) sys_mmap ( 0x0, 8192, 1, 2, 3, 4096 ) --> [pre-success] Success(0x7000) ";
const CLOSE = "SYSCALL[9,1](3) sys_close ( 3 )[sync] --> Success(0x0) ";

describe("lackey's system calls", () => {
  it("become events with the numbers of the recording", () => {
    // Worked out by hand from `zgrep -a SYSCALL tour.lackey.gz`.
    expect(collectEvents(compileGzip(TOUR_URL)).slice(5)).toEqual([
      { name: "mprotect", tid: 1, address: 0x4a2000, lengthBytes: 16384, prot: 1, result: 0 },
      {
        ...{ name: "mmap", tid: 1, address: 0, lengthBytes: 32768, prot: 3, flags: 34 },
        ...{ fileId: NO_FILE, offsetBytes: 0, result: 0x4800000 },
      },
      { name: "madvise", tid: 1, address: 0x4801000, lengthBytes: 4096, advice: 4, result: 0 },
      {
        ...{ name: "mmap", tid: 1, address: 0, lengthBytes: 262144, prot: 0, flags: 34 },
        ...{ fileId: NO_FILE, offsetBytes: 0, result: 0x4808000 },
      },
      {
        ...{ name: "mremap", tid: 1, address: 0x4800000, oldLengthBytes: 32768, newLengthBytes: 262144 },
        ...{ flags: 3, newAddress: 0x4808000, result: 0x4808000 },
      },
      { name: "mprotect", tid: 1, address: 0x4808000, lengthBytes: 4096, prot: 1, result: 0 },
      { name: "munmap", tid: 1, address: 0x480c000, lengthBytes: 4096, result: 0 },
      { name: "open", tid: 1, fileId: 0, openId: 0, flags: 0 },
      {
        ...{ name: "mmap", tid: 1, address: 0, lengthBytes: 4096, prot: 1, flags: 2 },
        ...{ fileId: 0, offsetBytes: 4096, result: 0x4800000 },
      },
      { name: "close", tid: 1, fileId: 0, openId: 0 },
      { name: "brk", tid: 1, address: 0x4026000, result: 0x4026000 },
      { name: "brk", tid: 1, address: 0x4022000, result: 0x4022000 },
      { name: "exit_group", tid: 1, status: 0, result: 0 },
    ]);
  });

  it("give one path one file id, whatever its descriptor, and note how far it is mapped", () => {
    const openAgain = OPEN.replace("Success(0x3)", "Success(0x4)");
    const mmapFurther = MMAP.replace("8192, 1, 2, 3, 4096", "100, 1, 2, 4, 12288");
    const trace = compile(OPEN, MMAP, CLOSE, openAgain, mmapFurther);
    expect(collectEvents(trace)).toMatchObject([
      { name: "open", fileId: 0, openId: 0, flags: 0 },
      { name: "mmap", fileId: 0, offsetBytes: 4096 },
      { name: "close", fileId: 0, openId: 0 },
      { name: "open", fileId: 0, openId: 1, flags: 0 },
      { name: "mmap", fileId: 0, offsetBytes: 12288 },
    ]);
    expect(trace.metadata.files[0]).toMatchObject({ name: "/lib/a.so", nrPages: 4, sizeBytes: 12388 });
  });

  it("give a descriptor of unknown origin a file id of its own until it is closed", () => {
    const trace = compile(MMAP, MMAP, CLOSE, MMAP);
    expect(mmapsOf(MMAP, MMAP, CLOSE, MMAP).map((event) => event.fileId)).toEqual([0, 0, 1]);
    expect(trace.metadata.files.slice(0, 2)).toMatchObject([
      { name: "fd 3", nrPages: 3, sizeBytes: 12288 },
      { name: "fd 3", nrPages: 3, sizeBytes: 12288 },
    ]);
  });

  it("read paths as UTF-8 where they are", () => {
    const open = OPEN.replace("/lib/a.so", "/lib/\u00c3\u00a9 (1), 2");
    expect(compile(open, MMAP).metadata.files[0].name).toBe("/lib/é (1), 2");
    const latin1 = OPEN.replace("/lib/a.so", "/lib/\u00e9");
    expect(compile(latin1, MMAP).metadata.files[0].name).toBe("/lib/\u00e9");
  });

  it("are given up on soon when they have endless arguments", () => {
    const endless = `SYSCALL[9,1](87) sys_unlink ( ${"0x1(a), ".repeat(4000)}x ) --> [pre-success] Success(0x0) `;
    expect(compile(endless).metadata.counts).toMatchObject({ nrEvents: 0, nrSkippedSyscalls: 1 });
  });

  it("take their result from a later line when they wait", () => {
    const started = "SYSCALL[9,2](28) sys_madvise ( 0x1000, 4096, 4 ) --> [async] ... ";
    const ended = "SYSCALL[9,2](28) ... [async] --> Success(0x0) ";
    expect(eventsOf(started, MMAP, ended)).toMatchObject([
      { name: "open", tid: 1 },
      { name: "mmap", tid: 1 },
      { name: "madvise", tid: 2 },
    ]);
  });

  it("are counted and left out when they fail, shape nothing, stay open, or are another process's", () => {
    const { counts } = compile(
      "SYSCALL[9,1](9) sys_mmap ( 0x0, 0, 1, 34, 4294967295, 0 ) --> [pre-fail] Failure(0x16) ",
      "SYSCALL[9,1](334) unimplemented (by the kernel) syscall: 334! (ni_syscall)",
      " --> [pre-fail] Failure(0x26) ",
      "SYSCALL[9,1](39) sys_getpid ( )[sync] --> Success(0x9) ",
      "SYSCALL[9,1](56) sys_clone ( 1200011, 0x0 )   clone(fork): process 9 created child 10",
      " --> [pre-success] Success(0xa) ",
      " --> [pre-success] Success(0x0) ",
      "SYSCALL[10,1](11) sys_munmap ( 0x1000, 4096 )[sync] --> Success(0x0) ",
      "SYSCALL[9,1](0) sys_read ( 0, 0x1000, 1 ) --> [async] ... ",
      "SYSCALL[9,1](60) exit( 0 )",
    ).metadata;
    expect(counts).toMatchObject({ nrEvents: 0, nrFailedSyscalls: 2, nrSkippedSyscalls: 5 });
  });

  it.each([
    ["SYSCALL[9,1] sys_brk", "'SYSCALL[pid,tid](nr) name ( arguments ) --> result'"],
    [MMAP.replace("8192, ", ""), "6 numbers in parentheses after mmap, addresses and lengths not negative"],
    [MMAP.replace("8192", "x"), "6 numbers in parentheses after mmap, addresses and lengths not negative"],
    [MMAP.replace("8192", "-1"), "6 numbers in parentheses after mmap, addresses and lengths not negative"],
    [
      MMAP.replace("Success(0x7000)", "Su"),
      "'--> Success(0x...)' or '--> Failure(0x...)' at the end of the line",
    ],
    [
      "SYSCALL[9,1](0) ... [async] --> Success(0x0) ",
      "a line 'SYSCALL[...] name ( arguments ) --> [async] ...'",
    ],
  ])("are refused when malformed: %s", (line, expected) => {
    expect(() => compile(line)).toThrow(`EINVAL: t.lackey:2: expected ${expected}`);
  });
});
