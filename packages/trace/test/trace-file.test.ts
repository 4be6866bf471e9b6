import { crc32 as zlibCrc32 } from "node:zlib";
import { KernelError, packRun, vpnHi, vpnLo } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeTrace,
  MAX_BLOCK_RUNS,
  sequentialTrace,
  type SyscallEvent,
  type TraceMetadata,
  TraceReader,
  TraceWriter,
  zipfTrace,
} from "../src/index.ts";
import { collectItems, compileGzip, type PlainItem, type PlainRun, TOUR_URL } from "./helpers.ts";

const metadataOf = (items: readonly PlainItem[]): TraceMetadata => {
  const nrEvents = items.filter((item) => "name" in item).length;
  return {
    command: 'say "é\u2028" \u{1f600}',
    source: "test",
    recordedWith: "",
    counts: {
      ...{ nrReads: 1, nrWrites: 2, nrFetches: 3, nrSplits: 4, nrRuns: items.length - nrEvents, nrEvents },
      ...{ nrFailedSyscalls: 5, nrSkippedSyscalls: 6, nrLines: 7 },
    },
    nrFootprintPages: 8,
    startBrk: 9,
    nrFilePages: 11,
    files: [
      { name: "/lib/libc.so.6", nrPages: 10, sizeBytes: 40000, isCreated: false, isDirectory: false },
      { name: "out", nrPages: 0, sizeBytes: 0, isCreated: true, isDirectory: true },
    ],
    initialRegions: [
      { startVpn: 1, nrPages: 2, prot: 5, kind: "text", fileId: 0, filePgoff: 3 },
      { startVpn: 3, nrPages: 1, prot: 3, kind: "stack", fileId: -1, filePgoff: 0 },
    ],
  };
};

const encodeItems = (items: readonly PlainItem[]): Uint8Array => {
  const writer = new TraceWriter(metadataOf(items));
  let words: number[] = [];
  const flush = (): void => {
    writer.addRuns(Int32Array.from(words), words.length / 2);
    words = [];
  };
  for (const item of items) {
    if ("name" in item) {
      flush();
      writer.addEvent(item);
    } else {
      const { vpn, kind, isSplit, nrAccesses } = item;
      words.push(vpnLo(vpn), packRun(vpnHi(vpn), kind, isSplit, nrAccesses));
    }
  }
  flush();
  return writer.finish();
};

const anyRun: fc.Arbitrary<PlainRun> = fc.record({
  vpn: fc.oneof(
    fc.constantFrom(0x400, 0x401, 0x1fff000),
    fc.nat(2 ** 31 - 1),
    fc.maxSafeNat().map((n) => n % 2 ** 45),
  ),
  kind: fc.constantFrom(0, 1, 2),
  isSplit: fc.boolean(),
  nrAccesses: fc.oneof(fc.constantFrom(1, 2), fc.integer({ min: 1, max: 32768 })),
});
const number = fc.oneof(
  fc.nat(100),
  fc.integer({ min: 0, max: 2 ** 47 }),
  fc.integer({ min: -(2 ** 31), max: 0 }),
);
/** FORMAT.md's table of events. */
const EVENT_FIELDS: Readonly<Record<SyscallEvent["name"], string>> = {
  mmap: "tid address lengthBytes prot flags fileId offsetBytes result",
  munmap: "tid address lengthBytes result",
  mprotect: "tid address lengthBytes prot result",
  brk: "tid address result",
  mremap: "tid address oldLengthBytes newLengthBytes flags newAddress result",
  madvise: "tid address lengthBytes advice result",
  exit_group: "tid status result",
  open: "tid fileId openId flags",
  close: "tid fileId openId",
  read: "tid fileId openId offsetBytes lengthBytes requestedBytes",
  write: "tid fileId openId offsetBytes lengthBytes",
  truncate: "tid fileId lengthBytes",
  fallocate: "tid fileId openId mode offsetBytes lengthBytes",
  fsync: "tid fileId openId",
  fdatasync: "tid fileId openId",
  sync_file_range: "tid fileId openId offsetBytes lengthBytes flags",
  fadvise64: "tid fileId openId offsetBytes lengthBytes advice",
  readahead: "tid fileId openId offsetBytes lengthBytes",
  rename: "tid fileId replacedFileId",
  unlink: "tid fileId",
  mkdir: "tid fileId",
  execve: "tid fileId",
  sync: "tid",
  msync: "tid address lengthBytes flags",
  clone: "tid childTid flags",
};
const anyEvent: fc.Arbitrary<SyscallEvent> = fc
  .constantFrom(...(Object.keys(EVENT_FIELDS) as SyscallEvent["name"][]))
  .chain((name) => {
    const fieldOf = (field: string): [string, fc.Arbitrary<number>] => {
      const mayBeNone = field === "replacedFileId" || name === "mmap";
      const isFile = field === "fileId" || field === "replacedFileId";
      return [field, isFile ? fc.integer({ min: mayBeNone ? -1 : 0, max: 1 }) : number];
    };
    const fields = Object.fromEntries(EVENT_FIELDS[name].split(" ").map(fieldOf));
    return fc.record(fields).map((values) => ({ name, ...values }) as unknown as SyscallEvent);
  });
/** Runs drawn from a few, in repeating patterns, so that predictions hit, miss and get long. */
const patternedRuns = fc
  .tuple(fc.array(anyRun, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(5), { maxLength: 12 }), fc.nat(20))
  .map(([runs, order, times]) =>
    Array.from({ length: times }, () => order.map((which) => runs[which % runs.length])).flat(),
  );
const anyItems: fc.Arbitrary<PlainItem[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: patternedRuns },
      { weight: 1, arbitrary: anyEvent.map((event) => [event]) },
    ),
  )
  .map((parts) => parts.flat());

/** A file with runs, predictions, events of two kinds and blocks enough to be worth damaging. */
const SMALL_ITEMS: PlainItem[] = [
  ...Array.from({ length: 30 }, (_, k) => ({
    vpn: 0x400 + (k % 3),
    kind: k % 3,
    isSplit: false,
    nrAccesses: 1 + (k % 2),
  })),
  { name: "brk", tid: 1, address: 0, result: 0x4000000 },
  { vpn: 2 ** 45 - 1, kind: 2, isSplit: true, nrAccesses: 32768 },
  { name: "munmap", tid: 1, address: 0x7000, lengthBytes: 5, result: 0 },
  { name: "read", tid: 1, fileId: 1, openId: 0, offsetBytes: 4096, lengthBytes: 10, requestedBytes: 4096 },
];

/** Reads everything; a KernelError's message, or the items. Any other exception passes through. */
const readAll = (bytes: Uint8Array): PlainItem[] | string => {
  try {
    return collectItems(new TraceReader(bytes, "small.pft"));
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
};

const withChecksum = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.length - 4;
  new DataView(bytes.buffer).setUint32(end, zlibCrc32(bytes.subarray(0, end)), true);
  return bytes;
};

/** A file of metadata alone. */
const fileOf = (version: number, json: string): Uint8Array => {
  const bytes = Uint8Array.from([
    ...[0x89, 0x50, 0x46, 0x54, 0x0d, 0x0a, 0x1a, 0x0a, version],
    ...[json.length & 255, json.length >> 8, 0, 0],
    ...Buffer.from(json, "latin1"),
    ...[0xff, 4, 0, 0, 0, 0, 0, 0, 0],
  ]);
  return withChecksum(bytes);
};

describe("a .pft file", () => {
  it("gives back any runs, events and metadata that were written", () => {
    fc.assert(
      fc.property(anyItems, (items) => {
        const reader = new TraceReader(encodeItems(items));
        expect(reader.metadata).toEqual(metadataOf(items));
        expect(collectItems(reader)).toEqual(items);
        expect(collectItems(reader)).toEqual(items);
      }),
    );
  });

  it("gives back a recording in less than a byte a run", () => {
    const trace = compileGzip(TOUR_URL);
    const bytes = encodeTrace(trace);
    const reader = new TraceReader(bytes);
    expect(reader.metadata).toEqual(trace.metadata);
    expect(collectItems(reader)).toEqual(collectItems(trace));
    expect((bytes.length * 8) / trace.metadata.counts.nrRuns).toBeLessThan(8);
  });

  it("gives back more runs than a block holds and more different ones than the dictionary holds", () => {
    const trace = sequentialTrace({ nrPages: 1_100_000, nrAccesses: 1_100_000 });
    const reader = new TraceReader(encodeTrace(trace));
    let nrRuns = 0;
    let nrWrong = 0;
    for (let block = reader.next(); block?.kind === "runs"; block = reader.next()) {
      for (let run = 0; run < block.nrRuns; run++) {
        if (block.words[2 * run] !== 0x10000 + nrRuns++ || block.words[2 * run + 1] !== 0) nrWrong++;
      }
    }
    expect(nrWrong).toBe(0);
    expect(nrRuns).toBe(1_100_000);
  });

  it("hands out at most MAX_BLOCK_RUNS runs at a time, and an event by itself", () => {
    const trace = new TraceReader(encodeTrace(zipfTrace({ nrPages: 1000, nrAccesses: 150_000 })));
    const { nrRuns } = trace.metadata.counts;
    const sizes: number[] = [];
    for (let block = trace.next(); block?.kind === "runs"; block = trace.next()) sizes.push(block.nrRuns);
    expect(sizes).toEqual([MAX_BLOCK_RUNS, MAX_BLOCK_RUNS, nrRuns - 2 * MAX_BLOCK_RUNS]);
  });

  it("has the layout that FORMAT.md gives", () => {
    const bytes = encodeItems([
      { vpn: 0x400, kind: 2, isSplit: false, nrAccesses: 3 },
      { name: "brk", tid: 1, address: 0, result: 0x4000 },
    ]);
    const nrJsonBytes = new DataView(bytes.buffer).getUint32(9, true);
    expect([...bytes.subarray(0, 9)]).toEqual([0x89, 0x50, 0x46, 0x54, 0x0d, 0x0a, 0x1a, 0x0a, 2]);
    expect([...bytes.subarray(13 + nrJsonBytes, -4)]).toEqual([
      // Runs block, 8 bytes: one run; token 0 (nothing predicted, new run); +0x400 as signed varint; fetch, 3 accesses.
      ...[1, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0x80, 0x10, 0x12],
      // Event block, 6 bytes: brk, tid 1, address 0, result 0x4000.
      ...[2, 6, 0, 0, 0, 3, 2, 0, 0x80, 0x80, 0x02],
      ...[0xff, 4, 0, 0, 0],
    ]);
    const stored = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
    expect(stored).toBe(zlibCrc32(bytes.subarray(0, -4)));
  });
});

describe("a damaged .pft file", () => {
  const whole = encodeItems(SMALL_ITEMS);

  it("is refused when cut short anywhere", () => {
    for (let nrBytes = 0; nrBytes < whole.length; nrBytes++) {
      const result = readAll(whole.slice(0, nrBytes));
      expect(result).toBe(
        `EINVAL: small.pft: the trace is cut short: no end block in the last bytes of ${nrBytes}`,
      );
    }
  });

  it("is refused with any bit flipped", () => {
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = whole.slice();
        bytes[at] ^= 1 << bit;
        expect(readAll(bytes)).toMatch(/^EINVAL: small\.pft: ./);
      }
    }
  });

  it("raises nothing but a KernelError even when its checksum has been made right", () => {
    for (let at = 9; at < whole.length - 9; at++) {
      for (const value of [0, 1, 7, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 0x20]) {
        const bytes = whole.slice();
        bytes[at] = value;
        readAll(withChecksum(bytes));
      }
    }
    const start = 13 + new DataView(whole.buffer).getUint32(9, true);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(whole.length), (noise, where) => {
        const bytes = whole.slice();
        const at = start + (where % (whole.length - 9 - start));
        bytes.set(noise.subarray(0, whole.length - 9 - at), at);
        readAll(withChecksum(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("is told from other things", () => {
    expect(readAll(Uint8Array.of(0x1f, 0x8b, 8))).toContain(
      "this is gzip; decompress it before reading the trace",
    );
    expect(readAll(new Uint8Array(100))).toContain("not a page-run trace: the first eight bytes");
    const later = whole.slice();
    later[8] = 3;
    expect(readAll(later)).toBe("EINVAL: small.pft: format version 3; versions 1 to 2 can be read");
    const damaged = whole.slice();
    damaged[40] ^= 1;
    expect(readAll(damaged)).toMatch(
      /the trace is damaged: its checksum is [0-9a-f]{8}, the end block says [0-9a-f]{8}$/,
    );
  });

  it.each([
    [
      {
        name: "read",
        tid: 1,
        fileId: 2,
        openId: 0,
        offsetBytes: 0,
        lengthBytes: 1,
        requestedBytes: 1,
      } as const,
      "read has fileId 2",
    ],
    [{ name: "unlink", tid: 1, fileId: -1 } as const, "unlink has fileId -1"],
    [{ name: "rename", tid: 1, fileId: 0, replacedFileId: 7 } as const, "rename has replacedFileId 7"],
  ])("is refused when an event names a file that is not there: %j", (event, sentence) => {
    const result = readAll(encodeItems([event]));
    expect(result).toMatch(/, and the trace has 2 files \(at byte \d+\)$/);
    expect(result).toContain(`small.pft: ${sentence}`);
  });

  it("is read when it is of version 1, with what it lacks filled in", () => {
    const { nrFilePages: _, ...metadata } = metadataOf([]);
    const files = [{ name: "/lib/libc.so.6", nrPages: 10 }];
    const bytes = fileOf(1, JSON.stringify({ ...metadata, command: "sort", files }));
    expect(new TraceReader(bytes).metadata).toEqual({
      ...metadataOf([]),
      command: "sort",
      nrFilePages: 0,
      files: [{ ...files[0], sizeBytes: 40960, isCreated: false, isDirectory: false }],
    });
  });

  it.each([
    [{ command: 5 }, "metadata.command must be text"],
    [{ startBrk: -1 }, "metadata.startBrk must be an integer from 0 to 9007199254740991"],
    [{ files: {} }, "metadata.files must be a list"],
    [{ files: [1] }, "metadata.files[0] must be an object"],
    [
      { files: [{ name: "a", nrPages: 1 }] },
      "metadata.files[0].sizeBytes must be an integer from 0 to 9007199254740991",
    ],
    [
      { files: [{ ...metadataOf([]).files[0], isCreated: 1 }] },
      "metadata.files[0].isCreated must be true or false",
    ],
    [{ nrFilePages: null }, "metadata.nrFilePages must be an integer from 0 to 9007199254740991"],
    [{ counts: null }, "metadata.counts must be an object"],
    [{ files: [] }, "metadata.initialRegions[0].fileId must be an integer from -1 to -1"],
    [
      { initialRegions: [{ startVpn: 1, nrPages: 1, prot: 1, kind: "bss", fileId: 0, filePgoff: 0 }] },
      "metadata.initialRegions[0].kind must be text, rodata, data, stack, heap",
    ],
    [
      { initialRegions: [2, 1].map((startVpn) => ({ ...metadataOf([]).initialRegions[0], startVpn })) },
      "metadata.initialRegions must be ascending and without overlap",
    ],
  ])("is refused when its metadata has %j", (change, sentence) => {
    const json = JSON.stringify({ ...metadataOf([]), command: "sort", ...change });
    expect(readAll(fileOf(2, json))).toBe(`EINVAL: small.pft: ${sentence}`);
  });
});

describe("TraceWriter", () => {
  it("refuses to end a trace that is not what the metadata says", () => {
    const writer = new TraceWriter(metadataOf(SMALL_ITEMS));
    writer.addRuns(Int32Array.of(1, 0), 1);
    expect(() => writer.finish()).toThrow(
      "EINVAL: the metadata promises 31 runs and 3 events; 1 runs and 0 events were added",
    );
  });

  it("refuses runs and events that no trace can hold", () => {
    const writer = new TraceWriter(metadataOf([]));
    expect(() => {
      writer.addRuns(Int32Array.of(1, 3 << 13), 1);
    }).toThrow("EINVAL: run with word 1 of 24576 is no read, write or fetch");
    expect(() => {
      writer.addEvent({ name: "brk", tid: 1, address: 0, result: 2 ** 53 });
    }).toThrow("EINVAL: 9007199254740992 does not fit a trace");
  });
});
