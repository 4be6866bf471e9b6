import { describe, expect, it } from "vitest";
import {
  compileFileTrace,
  encodeTrace,
  logFileTrace,
  randomFileTrace,
  sequentialFileTrace,
  TraceReader,
} from "../src/index.ts";
import { collectItems, describeEvents } from "./helpers.ts";

describe("synthetic traces of files", () => {
  it("read a file from its beginning to its end", () => {
    const trace = sequentialFileTrace({ fileBytes: 10000, requestBytes: 4096 });
    expect(describeEvents(trace)).toEqual([
      "open data@0 flags=0",
      "read data@0 0+4096 requestedBytes=4096",
      "read data@0 4096+4096 requestedBytes=4096",
      "read data@0 8192+1808 requestedBytes=4096",
      "read data@0 10000+0 requestedBytes=4096",
      "close data@0",
    ]);
    expect(trace.metadata).toMatchObject({
      source: 'sequential file {"fileBytes":10000,"requestBytes":4096}',
      counts: { nrEvents: 6, nrRuns: 0 },
      nrFilePages: 3,
      files: [{ name: "data", sizeBytes: 10000, isCreated: false }],
    });
  });

  it("read a file in no order, the same for the same seed", () => {
    const options = { fileBytes: 2 ** 20, requestBytes: 4096, nrRequests: 2000 };
    const events = describeEvents(randomFileTrace(options));
    expect(events).toHaveLength(2002);
    expect(describeEvents(randomFileTrace({ ...options, seed: 1 }))).toEqual(events);
    expect(describeEvents(randomFileTrace({ ...options, seed: 2 }))).not.toEqual(events);
    // 2000 draws of 256 places leave none out but for one time in ten: 256 * (255/256)^2000 = 0.1.
    expect(randomFileTrace(options).metadata.nrFilePages).toBeGreaterThan(250);
  });

  it("append to a log and make it durable", () => {
    const trace = logFileTrace({ nrRecords: 3, recordBytes: 100, recordsPerSync: 2 });
    expect(describeEvents(trace)).toEqual([
      "open log@0 flags=1089",
      "write log@0 0+100",
      "write log@0 100+100",
      "fsync log@0",
      "write log@0 200+100",
      "close log@0",
    ]);
    expect(trace.metadata.files).toMatchObject([{ name: "log", sizeBytes: 0, isCreated: true }]);
  });

  it("read headers again and again, and write many files", () => {
    const trace = compileFileTrace({ nrSources: 2, nrHeaders: 1, fileBytes: 5000 });
    const ofSecond = describeEvents(trace).slice(14);
    expect(ofSecond).toEqual([
      "open 1.c@3 flags=0",
      "read 1.c@3 0+4096 requestedBytes=4096",
      "read 1.c@3 4096+904 requestedBytes=4096",
      "read 1.c@3 5000+0 requestedBytes=4096",
      "close 1.c@3",
      "open include/0.h@4 flags=0",
      "read include/0.h@4 0+4096 requestedBytes=4096",
      "read include/0.h@4 4096+904 requestedBytes=4096",
      "read include/0.h@4 5000+0 requestedBytes=4096",
      "close include/0.h@4",
      "open 1.o@5 flags=577",
      "write 1.o@5 0+4096",
      "write 1.o@5 4096+904",
      "close 1.o@5",
    ]);
    const stored = new TraceReader(encodeTrace(trace));
    expect(collectItems(stored)).toEqual(collectItems(trace));
    expect(stored.metadata).toEqual(trace.metadata);
  });

  it("are refused with all that is wrong", () => {
    expect(() => sequentialFileTrace({ fileBytes: 0, requestBytes: 0.5 })).toThrow(
      "EINVAL: fileBytes (0) must be an integer from 1 to 1099511627776; " +
        "requestBytes (0.5) must be an integer from 1 to 1073741824; ",
    );
    expect(() => compileFileTrace({ nrSources: 2 ** 20, nrHeaders: 2 ** 16, fileBytes: 1 })).toThrow(
      "calls (",
    );
    expect(() => randomFileTrace({ fileBytes: 10, requestBytes: 20, nrRequests: 1 })).toThrow(
      "requestBytes (20) must be an integer from 1 to 10",
    );
    expect(() => logFileTrace({ nrRecords: 1, recordBytes: 1, recordsPerSync: 0 })).toThrow(
      "recordsPerSync (0) must be an integer from 1 to 16777216",
    );
  });
});
