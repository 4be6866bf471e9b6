/**
 * Replays of recorded programs through whole machines: counters that do not change from run to run, faults that are
 * exactly those the trace calls for, and bytes that come back from a swap file on the host as they were written.
 */
import {
  PAGE_SIZE,
  pagesOfBytes,
  RUN_WRITE,
  runKind,
  runVpnHi,
  type SwapBackend,
  type TraceSource,
  vpnOf,
  vpnOfAddress,
} from "@pageframe/contracts";
import { bootKernel, type KernelConfigInput, Replay, type ReplayResult } from "@pageframe/kernel";
import { LackeyReader, randomTrace, zipfTrace } from "@pageframe/trace";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const TOUR = new URL("../../trace/test/data/tour.lackey.gz", import.meta.url);
const TRUE = new URL("../../../../shared/data/true.lackey.gz", import.meta.url);

function readTrace(url: URL): TraceSource {
  const reader = new LackeyReader({ sourceName: url.pathname });
  reader.push(new Uint8Array(gunzipSync(readFileSync(url))));
  return reader.end();
}

/** Swap on a real file, with as little between as possible. */
class FileBackend implements SwapBackend {
  readonly name = "file";
  readonly nrPages: number;
  readonly fd: number;
  nrWritten = 0;

  constructor(path: string, nrPages: number) {
    this.nrPages = nrPages;
    this.fd = openSync(path, "w+");
    ftruncateSync(this.fd, nrPages * PAGE_SIZE);
  }

  readPage(offset: number, into: Uint8Array): number {
    return readSync(this.fd, into, 0, PAGE_SIZE, offset * PAGE_SIZE) === PAGE_SIZE ? 0 : -5;
  }

  writePage(offset: number, from: Uint8Array): number {
    this.nrWritten++;
    return writeSync(this.fd, from, 0, PAGE_SIZE, offset * PAGE_SIZE) === PAGE_SIZE ? 0 : -5;
  }

  close(): void {
    closeSync(this.fd);
  }
}

function replay(
  trace: TraceSource,
  config: KernelConfigInput,
  start: "cold" | "warm" = "cold",
): ReplayResult {
  const kernel = bootKernel({ swap: [{ size: "16MiB" }], ...config });
  const run = new Replay(kernel, trace, { start });
  const result = run.runToEnd();
  kernel.audit();
  return result;
}

/** Faults that a trace calls for when nothing is ever evicted: each page once, and once more when it is first read. */
function countFirstTouches(trace: TraceSource): { nrFaults: number; nrPages: number } {
  const pages = new Map<number, boolean>();
  const everTouched = new Set<number>();
  let nrFaults = 0;
  const forget = (address: number, nrBytes: number): void => {
    for (let page = 0; page < pagesOfBytes(nrBytes); page++) pages.delete(vpnOfAddress(address) + page);
  };
  let brk = trace.metadata.startBrk;
  trace.rewind();
  for (let block = trace.next(); block !== null; block = trace.next()) {
    if (block.kind === "syscall") {
      const { event } = block;
      if (event.name === "mmap") forget(event.result, event.lengthBytes);
      if (event.name === "munmap") forget(event.address, event.lengthBytes);
      if (event.name === "madvise" && event.advice === 4) forget(event.address, event.lengthBytes);
      if (event.name === "brk") {
        if (event.result < brk) forget(event.result, brk - event.result);
        brk = event.result;
      }
      continue;
    }
    for (let run = 0; run < block.nrRuns; run++) {
      const word1 = block.words[2 * run + 1];
      const vpn = vpnOf(block.words[2 * run], runVpnHi(word1));
      const isWrite = runKind(word1) === RUN_WRITE;
      const wasWritten = pages.get(vpn);
      if (wasWritten === undefined || (isWrite && !wasWritten)) nrFaults++;
      pages.set(vpn, isWrite || wasWritten === true);
      everTouched.add(vpn);
    }
  }
  return { nrFaults, nrPages: everTouched.size };
}

const traces: [string, URL][] = [["a tour of system calls (recorded with Valgrind 3.19)", TOUR]];
if (existsSync(TRUE)) traces.push(["/bin/true", TRUE]);
else console.log(`replays of /bin/true are left out: ${TRUE.pathname} is not there`);

describe.each(traces)("a replay of %s", (_name, url) => {
  const trace = readTrace(url);
  const { nrFootprintPages } = trace.metadata;
  const { nrReads, nrWrites, nrFetches } = trace.metadata.counts;
  const sizeOf = (percent: number): string => `${Math.ceil((nrFootprintPages * 4 * percent) / 100)}KiB`;

  it("faults pages in once at most when memory is enough, by itself or around others, and never reads one back", () => {
    const { nrFaults, nrPages } = countFirstTouches(trace);
    const warm = replay(trace, { memory: "8MiB" }, "warm");
    expect(nrPages).toBe(nrFootprintPages);
    expect(warm.vmstat).toMatchObject({ pgmajfault: 0, pgpgin: 0, pswpin: 0, pswpout: 0 });
    expect(warm.vmstat["pgfault"]).toBeLessThan(nrFaults);
    expect(warm.failedSyscalls).toEqual([]);
    expect(warm.killedBy).toBeNull();
    // What is not there yet is read: the same faults, some of them major.
    const cold = replay(trace, { memory: "8MiB" });
    expect(cold.vmstat["pgmajfault"]).toBeGreaterThan(0);
    expect(cold.vmstat["pgpgin"]).toBeGreaterThan(0);
    expect(cold.vmstat).toMatchObject({ pswpin: 0, pswpout: 0, workingset_refault_file: 0 });
    expect(cold.minorFaults + cold.majorFaults).toBe(cold.vmstat["pgfault"]);
  });

  it("carries out every access of the trace, and each has one outcome in the TLB", () => {
    const { accesses, tlb } = replay(trace, { memory: "8MiB" });
    expect(accesses).toBe(nrReads + nrWrites + nrFetches);
    expect(tlb.l1Hits + tlb.l2Hits + tlb.walks).toBe(accesses);
  });

  it.each([100, 60, 40])("gives the same result every time at %i %% of its footprint", (percent) => {
    const first = replay(trace, { memory: sizeOf(percent) });
    expect(replay(trace, { memory: sizeOf(percent) })).toEqual(first);
  });

  it.each([45, 30])("swaps out and in at %i %% of its footprint, and not with plenty", (percent) => {
    const tight = replay(trace, { memory: sizeOf(percent) });
    expect(replay(trace, { memory: "8MiB" }, "warm").vmstat).toMatchObject({
      pswpin: 0,
      pswpout: 0,
      pgmajfault: 0,
    });
    expect(tight.vmstat["pswpout"]).toBeGreaterThan(0);
    expect(tight.vmstat["pswpin"]).toBeGreaterThan(0);
    expect(tight.killedBy).toBeNull();
  });

  it("reads back from a swap file on the host what it wrote", () => {
    const folder = mkdtempSync(join(tmpdir(), "pageframe-"));
    try {
      const backend = new FileBackend(join(folder, "swap"), 4097);
      const kernel = bootKernel(
        { memory: sizeOf(35), swap: [{ size: "16MiB", file: "swap" }], contents: "sparse" },
        { swapBackends: [backend] },
      );
      const run = new Replay(kernel, trace, { verify: true });
      const { vmstat, accesses } = run.runToEnd();
      kernel.audit();
      expect(accesses).toBe(nrReads + nrWrites + nrFetches);
      expect(vmstat["pswpin"]).toBeGreaterThan(0);
      expect(backend.nrWritten).toBe(vmstat["pswpout"]);
      backend.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("notices bytes that come back wrong", () => {
    const backend = new FileBackend(join(mkdtempSync(join(tmpdir(), "pageframe-")), "swap"), 4097);
    const kernel = bootKernel(
      { memory: sizeOf(35), swap: [{ size: "16MiB", file: "swap" }], contents: "sparse" },
      { swapBackends: [backend] },
    );
    const honest = backend.readPage.bind(backend);
    backend.readPage = (offset, into) => {
      const result = honest(offset, into);
      into[0] ^= 1;
      return result;
    };
    expect(() => new Replay(kernel, trace, { verify: true }).runToEnd()).toThrow(
      /holds .* was written there/,
    );
    backend.close();
  });

  it("leaves the machine as it found it when the program exits", () => {
    const kernel = bootKernel({ memory: sizeOf(50), swap: [{ size: "16MiB" }] });
    const run = new Replay(kernel, trace);
    run.runToEnd();
    kernel.exit(run.task);
    kernel.audit();
    const [init] = kernel.sys.tasks.values();
    expect(kernel.sys.tasks.size).toBe(1);
    expect(kernel.sys.swap.nrTotalSlots - kernel.sys.swap.nrFreeSlots).toBe(init.mm.nrSwapEntries);
  });
});

describe("a replay of a synthetic trace", () => {
  it("faults every page in once, and once more when it is first written", () => {
    const trace = zipfTrace({ nrPages: 300, nrAccesses: 5000, writeShare: 0.5, seed: 2 });
    const { nrFaults } = countFirstTouches(trace);
    const result = replay(trace, { memory: "8MiB" });
    expect(result.vmstat).toMatchObject({ pgfault: nrFaults, pgmajfault: 0, pgpgin: 0 });
  });

  it("ends with SIGKILL and one OOM kill when memory and swap are gone", () => {
    const trace = randomTrace({ nrPages: 500, nrAccesses: 20_000, writeShare: 1, seed: 3 });
    const kernel = bootKernel({ memory: "1MiB", swap: [] });
    const run = new Replay(kernel, trace);
    const result = run.runToEnd();
    kernel.audit();
    expect(result.oomKills).toBe(1);
    expect(result.killedBy).toMatchObject({ signal: 9 });
    expect(result.vmstat["oom_kill"]).toBe(1);
    expect(kernel.sys.tasks.has(run.task.pid)).toBe(false);
  });

  it("swaps more the less memory there is", () => {
    const trace = zipfTrace({ nrPages: 2000, nrAccesses: 40_000, writeShare: 0.5, seed: 7 });
    const counters = ["8MiB", "6MiB", "4MiB", "2MiB"].map((memory) => replay(trace, { memory }).vmstat);
    for (const name of ["pgmajfault", "pswpin", "pswpout"]) {
      const values = counters.map((vmstat) => vmstat[name]);
      expect(values, name).toEqual([...values].sort((a, b) => a - b));
      expect(new Set(values).size, name).toBe(values.length);
    }
  });

  it("refuses to verify contents that are not kept", () => {
    const trace = randomTrace({ nrPages: 10, nrAccesses: 100, seed: 1 });
    expect(() => new Replay(bootKernel({ memory: "1MiB" }), trace, { verify: true })).toThrow(
      'EINVAL: verify needs RAM with bytes, and contents is "none"; sparse or dense would work',
    );
  });
});
