import { describe, expect, it } from "vitest";
import { LinuxReadahead, newReadaheadState } from "../src/index.ts";
import { FakeCache, FakeFile, newWindow, NO_HINTS } from "./readahead-helpers.ts";

// Recorded on Linux 6.18 x86-64: ext4 (4 KiB blocks) on a loop device, read_ahead_kb 128, max_sectors_kb 1280, a cold file of
// 16 MiB. Windows are those of the tracepoints readahead:page_cache_ra_order and page_cache_ra_unbounded, folios and markers
// those of mincore and /proc/kpageflags after each step.

function open(cache: FakeCache, raPages = 32): FakeFile {
  return new FakeFile(new LinuxReadahead(), cache, newReadaheadState(raPages));
}

/** `from:0 ... to-1:0`, with a marker. */
function small(from: number, to: number, marked = -1): string {
  return Array.from(
    { length: to - from },
    (_, page) => `${from + page}:0${from + page === marked ? "*" : ""}`,
  ).join(" ");
}

describe("Linux readahead of read(2)", () => {
  it("starts with four pages at the start of a file and grows, ending windows where large folios end", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.pread(0, 4096);
    expect(cache.show()).toBe("0:0 1:0* 2:0 3:0");
    for (let pgoff = 1; pgoff <= 4; pgoff++) file.pread(pgoff * 4096, 4096);
    expect(cache.show()).toBe("0:0 1:0 2:0 3:0 4:2 8:2 12:2*");
    for (let pgoff = 5; pgoff <= 12; pgoff++) file.pread(pgoff * 4096, 4096);
    expect(cache.show()).toBe("0:0 1:0 2:0 3:0 4:2 8:2 12:2 16:3*");
    expect(file.log).toEqual([
      "0 size=4 async=3",
      "4 size=8 async=8",
      "12 size=4 async=4",
      "16 size=8 async=8",
    ]);
  });

  it("opens with the whole window for reads of 64 KiB and doubles the order by two at each marker", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    for (let read = 0; read < 6; read++) file.pread(read * 65536, 65536);
    expect(file.log).toEqual([
      "0 size=32 async=16",
      "32 size=32 async=32",
      "64 size=32 async=32",
      "96 size=32 async=32",
    ]);
    expect(cache.show()).toBe(`${small(0, 32)} 32:2 36:2 40:2 44:2 48:2 52:2 56:2 60:2 64:4 80:4 96:5*`);
  });

  it("passes a marker within one read of 128 KiB", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    for (let read = 0; read < 4; read++) file.pread(read * 131072, 131072);
    expect(file.log).toEqual([
      "0 size=32 async=16",
      "32 size=32 async=32",
      "64 size=32 async=32",
      "96 size=32 async=32",
      "128 size=32 async=32",
    ]);
    expect(cache.show()).toBe(
      `${small(0, 32)} 32:2 36:2 40:2 44:2 48:2 52:2 56:2 60:2 64:4 80:4 96:5 128:5*`,
    );
  });

  it("keeps two interleaved streams going on one open file", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.pread(0, 4096);
    file.pread(4194304, 16384);
    file.pread(4096, 4096);
    file.pread(4210688, 16384);
    file.pread(8192, 8192);
    file.pread(4227072, 16384);
    file.pread(16384, 16384);
    file.pread(4243456, 16384);
    expect(file.log).toEqual([
      "0 size=4 async=3",
      "1024 size=4 async=0",
      "4 size=8 async=8",
      "1028 size=4 async=0",
      "1032 size=12 async=1",
      "13 size=23 async=23",
    ]);
    // The marker at 13 belongs to a window of order 2 that begins off its alignment.
    expect(cache.show()).toBe(
      `0:0 1:0 2:0 3:0 4:2 8:2 13:0* 14:1 16:2 20:2 24:2 28:2 32:2 ${small(1024, 1044, 1043)}`,
    );
  });

  it("reads small random requests as they are, and takes the next page for a stream", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.pread(409600, 4096);
    file.pread(413696, 4096);
    file.pread(421888, 4096);
    file.pread(819200, 16384);
    file.pread(835584, 4096);
    expect(file.log).toEqual([
      "100 size=1 async=0",
      "101 size=4 async=3",
      "200 size=4 async=0",
      "204 size=4 async=3",
    ]);
    expect(cache.show()).toBe(
      "100:0 101:0 102:0* 103:0 104:0 200:0 201:0 202:0 203:0 204:0 205:0* 206:0 207:0",
    );
  });

  it("finds a stream of another open file by the pages it left in the cache", () => {
    const cache = new FakeCache(4096);
    open(cache).pread(1638400, 32768);
    const other = open(cache);
    other.pread(1671168, 4096);
    expect(other.log).toEqual(["408 size=9 async=1"]);
    expect(cache.show()).toBe(small(400, 417, 416));
  });

  it("takes a gap for nearer than it is when the pages before are large folios", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    for (const pgoff of [0, 1, 4, 12]) file.pread(pgoff * 4096, 4096);
    expect(cache.show()).toBe("0:0 1:0 2:0 3:0 4:2 8:2 12:2 16:3*");
    // All 24 pages before are cached: 24 doubled and one would be cut to 32. The walk starts at the head of 16:3, and comes
    // to the start of the file at index 6.
    const other = open(cache);
    other.pread(98304, 4096);
    expect(other.log).toEqual(["24 size=18 async=1"]);
  });

  it("sees pages before by folios of 256 KiB as they are", () => {
    const cache = new FakeCache(4096);
    const file = open(cache, 64);
    for (let read = 0; read < 6; read++) file.pread(read * 262144, 262144);
    expect(cache.show()).toMatch(/ 176:4 192:6 256:6 320:6 384:6\*$/);
    const other = open(cache);
    other.pread(1835008, 4096);
    other.pread(2097152, 4096);
    expect(other.log).toEqual(["448 size=32 async=1", "512 size=1 async=0"]);
  });

  it("counts twice what is cached from the start of the file", () => {
    const cache = new FakeCache(4096);
    for (let pgoff = 0; pgoff < 8; pgoff++) cache.add(pgoff);
    const file = open(cache);
    file.pread(32768, 4096);
    // 8 cached pages, doubled, and the wanted one. Linux 6.18 mm/readahead.c, page_cache_sync_ra().
    expect(file.log).toEqual(["8 size=17 async=1"]);
  });

  it("lets a request larger than the window be as large as the device's transfer", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.pread(28672, 1048576);
    expect(file.log).toEqual(["7 size=256 async=0"]);
    expect(cache.show()).toBe(small(7, 263));
  });

  it("doubles no more than its window after POSIX_FADV_SEQUENTIAL", () => {
    const cache = new FakeCache(4096);
    const file = open(cache, 64);
    for (const pgoff of [0, 1, 4, 12]) file.pread(pgoff * 4096, 4096);
    expect(file.log).toEqual([
      "0 size=4 async=3",
      "4 size=8 async=8",
      "12 size=4 async=4",
      "16 size=8 async=8",
    ]);
  });

  it("reads a file at random in pieces of the device's transfer", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.hints = { ...NO_HINTS, isFileRandom: true };
    file.pread(0, 4194304);
    expect(file.log).toEqual([
      "0 size=320 async=0",
      "320 size=320 async=0",
      "640 size=320 async=0",
      "960 size=64 async=0",
    ]);
  });

  it("reads page by page when readahead is off", () => {
    const cache = new FakeCache(4096);
    const file = open(cache, 0);
    file.pread(0, 12288);
    expect(file.log).toEqual(["0 size=1 async=0", "1 size=1 async=0", "2 size=1 async=0"]);
  });

  it("sets a marker on the last page of the file when the window goes beyond it", () => {
    const cache = new FakeCache(25);
    const file = open(cache);
    for (const pgoff of [0, 1, 4, 12]) file.pread(pgoff * 4096, 4096);
    file.pread(65536, 8192);
    expect(cache.show()).toBe("0:0 1:0 2:0 3:0 4:2 8:2 12:2 16:3 24:0*");
  });

  it("uses small pages only where the file system has no large folios", () => {
    const cache = new FakeCache(4096, 0);
    const file = open(cache);
    for (let pgoff = 0; pgoff <= 4; pgoff++) file.pread(pgoff * 4096, 4096);
    // Without an order to keep, the align of the second window is that of order 2, as at each first marker.
    expect(file.log).toEqual(["0 size=4 async=3", "4 size=8 async=8", "12 size=16 async=16"]);
    expect(cache.show()).toBe(small(0, 28, 12));
  });
});

describe("Linux readahead of faults", () => {
  it("reads around the wanted page, with the marker in the last quarter", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.touch(100);
    expect(cache.show()).toBe(small(84, 116, 108));
    file.touch(108);
    expect(file.log).toEqual(["84 size=32 async=8", "116 size=32 async=32"]);
    expect(cache.show()).toBe(`${small(84, 116)} 116:2* 120:2 124:2 128:2 132:2 136:2 140:2 144:2`);
    file.touch(500);
    file.touch(10);
    expect(file.log.slice(2)).toEqual(["484 size=32 async=8", "0 size=32 async=8"]);
  });

  it("takes a marker of another window for a stream, also in the middle of a large folio", () => {
    for (const pgoff of [117, 118]) {
      const cache = new FakeCache(4096);
      const file = open(cache);
      for (const touched of [100, 108, 1000, pgoff]) file.touch(touched);
      expect(file.log.slice(2)).toEqual(["984 size=32 async=8", "148 size=32 async=32"]);
    }
  });

  it("follows markers with growing orders, cutting windows at their alignment", () => {
    const cache = new FakeCache(4096);
    const file = open(cache, 64);
    for (const pgoff of [100, 116, 132, 196, 1000, 260, 330]) file.touch(pgoff);
    expect(file.log).toEqual([
      "68 size=64 async=16",
      "132 size=64 async=64",
      "196 size=60 async=60",
      "256 size=64 async=64",
      "968 size=64 async=16",
      "320 size=64 async=64",
    ]);
  });

  it("reads program text from the wanted page to the end of the mapping, without a marker", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.hints = { ...NO_HINTS, isExecutable: true, mappingStartPgoff: 20, mappingEndPgoff: 120 };
    file.touch(50);
    file.touch(110);
    file.touch(22);
    expect(file.log).toEqual(["50 size=32 async=0", "110 size=10 async=0", "22 size=32 async=0"]);
    expect(cache.show()).toBe(`${small(22, 82)} ${small(110, 120)}`);
  });

  it("reads program text ahead even under MADV_RANDOM", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.hints = {
      ...NO_HINTS,
      isExecutable: true,
      isMappingRandom: true,
      mappingStartPgoff: 20,
      mappingEndPgoff: 120,
    };
    file.touch(50);
    expect(file.log).toEqual(["50 size=32 async=0"]);
  });

  it("reads as read(2) of a whole window would under MADV_SEQUENTIAL", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.hints = { ...NO_HINTS, isMappingSequential: true };
    for (const pgoff of [50, 51, 66, 82]) file.touch(pgoff);
    expect(file.log).toEqual(["50 size=32 async=0", "82 size=32 async=0"]);
    expect(cache.show()).toBe(small(50, 114));
  });

  it("leaves the page to the core under MADV_RANDOM", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.hints = { ...NO_HINTS, isMappingRandom: true };
    file.touch(50);
    file.touch(51);
    expect(file.log).toEqual([]);
    expect(file.state.mmapMiss).toBe(0);
  });

  it("reads around what is cached already", () => {
    const cache = new FakeCache(4096);
    cache.add(100);
    cache.add(110);
    const file = open(cache);
    file.touch(105);
    expect(file.log).toEqual(["89 size=32 async=8"]);
    expect(cache.show()).toBe(small(89, 121, 113));
  });

  it("reads two huge folios for MADV_HUGEPAGE and leaves the start of the window where it was", () => {
    const cache = new FakeCache(4096);
    const file = open(cache);
    file.state.start = 7;
    file.hints = { ...NO_HINTS, isHuge: true };
    file.touch(600);
    expect(cache.show()).toBe("512:9 1024:9*");
    expect(file.state).toMatchObject({ start: 7, size: 1024, asyncSize: 512, order: 9 });
  });

  it("gives up after a hundred misses that no hit made up for, and tries again after hits", () => {
    const cache = new FakeCache(100_000);
    const file = open(cache);
    for (let fault = 0; fault < 101; fault++) file.touch(fault * 100);
    expect(file.log).toHaveLength(100);
    expect(file.state.mmapMiss).toBe(101);
    for (let fault = 101; fault < 2000; fault++) file.touch(fault * 50 + 40_000);
    expect(file.state.mmapMiss).toBeLessThanOrEqual(1000);

    const policy = new LinuxReadahead();
    const state = { ...newReadaheadState(32), mmapMiss: 101 };
    const window = newWindow();
    policy.onFaultMiss(state, cache, 90_000, NO_HINTS, window);
    expect(window.nrPages).toBe(0);
    policy.onMapped(state, 16);
    expect(state.mmapMiss).toBe(86);
    expect(policy.onFaultHit(state, NO_HINTS)).toBe(true);
    expect(state.mmapMiss).toBe(85);
    policy.onFaultMiss(state, cache, 90_000, NO_HINTS, window);
    expect(window).toMatchObject({ startPgoff: 89_984, nrPages: 32 });
    policy.onMapped(state, 200);
    expect(state.mmapMiss).toBe(0);
  });
});
