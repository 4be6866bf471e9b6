import {
  PGALLOC_DMA,
  PGALLOC_MOVABLE,
  PGFREE,
  RUN_READ,
  TP_MARK_VICTIM,
  TP_MM_PAGE_ALLOC,
  TP_MM_PAGE_FREE,
  TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN,
  TP_MM_VMSCAN_DIRECT_RECLAIM_END,
  TP_MM_VMSCAN_KSWAPD_SLEEP,
  TP_MM_VMSCAN_KSWAPD_WAKE,
  TP_MM_VMSCAN_WRITE_FOLIO,
  TP_PAGE_FAULT_USER,
  TLB_LOCAL_MM_SHOOTDOWN,
  TP_TLB_FLUSH,
  TRACEPOINTS,
  type TraceSink,
  VM_FAULT_MAJOR,
  X86_PF_PROT,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, spawnWith } from "./helpers.ts";

type Event = readonly [number, number, number, number, number];

class Recorder implements TraceSink {
  readonly events: Event[] = [];

  emit(tracepoint: number, a: number, b: number, c: number, d: number): void {
    this.events.push([tracepoint, a, b, c, d]);
  }

  of(tracepoint: number): Event[] {
    return this.events.filter(([which]) => which === tracepoint);
  }

  names(): string[] {
    return this.events.map(([tracepoint]) => TRACEPOINTS[tracepoint].name);
  }
}

function boot(config: KernelConfigInput = {}): { kernel: Kernel; trace: Recorder } {
  const trace = new Recorder();
  const kernel = bootKernel({ memory: "1MiB", contents: "sparse", ...config }, { trace });
  return { kernel, trace };
}

describe("tracepoints", () => {
  it("tell of every page from the first allocation on, of this machine and no other", () => {
    const { kernel, trace } = boot();
    const { events } = kernel.sys.vmstat;
    const nrAllocated = (): number => {
      let nr = 0;
      for (const [, , order] of trace.of(TP_MM_PAGE_ALLOC)) nr += 2 ** order;
      return nr;
    };
    let nrCounted = 0;
    for (let event = PGALLOC_DMA; event <= PGALLOC_MOVABLE; event++) nrCounted += events[event];
    expect(nrAllocated()).toBe(nrCounted);

    // No page is handed out twice without being freed in between.
    const live = new Set<number>();
    for (const [tracepoint, pfn] of trace.events) {
      if (tracepoint === TP_MM_PAGE_ALLOC) {
        expect(live.has(pfn)).toBe(false);
        live.add(pfn);
      } else if (tracepoint === TP_MM_PAGE_FREE) {
        expect(live.delete(pfn)).toBe(true);
      }
    }
  });

  it("come in order: a fault's page is allocated before the fault is done", () => {
    const { kernel, trace } = boot();
    const task = spawnWith(kernel, "test", 4);
    fill(kernel, task, 0, 1);
    trace.events.length = 0;
    fill(kernel, task, 1, 1);
    expect(trace.names()).toEqual(["mm_page_alloc", "page_fault_user"]);
    expect(trace.events[1]).toEqual([
      TP_PAGE_FAULT_USER,
      task.pid,
      ARENA_VPN + 1,
      X86_PF_USER | X86_PF_WRITE,
      0,
    ]);
  });

  it("carry the processor's error code and the answer", () => {
    const { kernel, trace } = boot();
    const task = spawnWith(kernel, "test", 4);
    kernel.read(task, at(0));
    kernel.write(task, at(0), 1);
    const faults = trace.of(TP_PAGE_FAULT_USER).slice(-2);
    expect(faults).toEqual([
      [TP_PAGE_FAULT_USER, task.pid, ARENA_VPN, X86_PF_USER, 0],
      [TP_PAGE_FAULT_USER, task.pid, ARENA_VPN, X86_PF_USER | X86_PF_WRITE | X86_PF_PROT, 0],
    ]);
  });

  it("show a copy-on-write as allocation, flush and fault", () => {
    const { kernel, trace } = boot();
    const task = spawnWith(kernel, "test", 1);
    fill(kernel, task, 0, 1);
    kernel.fork(task);
    trace.events.length = 0;
    fill(kernel, task, 0, 1, 5);
    expect(trace.names()).toEqual(["mm_page_alloc", "tlb_flush", "page_fault_user"]);
    expect(trace.of(TP_TLB_FLUSH)[0].slice(1, 3)).toEqual([TLB_LOCAL_MM_SHOOTDOWN, 1]);
  });

  it("show kswapd waking, writing and going to sleep, in this order", () => {
    const { kernel, trace } = boot({ memory: "2MiB", swap: [{ size: "4MiB" }], watermarkScaleFactor: 1000 });
    const task = spawnWith(kernel, "grower", 800);
    fill(kernel, task, 0, 800);
    const wakes = trace.of(TP_MM_VMSCAN_KSWAPD_WAKE);
    expect(wakes.length).toBe(kernel.proc.vmstat()["pageoutrun"]);
    expect(wakes[0][1]).toBe(0);
    const writes = trace.of(TP_MM_VMSCAN_WRITE_FOLIO);
    expect(writes.length).toBe(kernel.proc.vmstat()["nr_vmscan_write"]);
    const [first, last] = [TP_MM_VMSCAN_KSWAPD_WAKE, TP_MM_VMSCAN_KSWAPD_SLEEP].map((which) =>
      trace.events.findIndex(([tracepoint]) => tracepoint === which),
    );
    const write = trace.events.findIndex(([tracepoint]) => tracepoint === TP_MM_VMSCAN_WRITE_FOLIO);
    expect(first).toBeGreaterThanOrEqual(0);
    expect(first).toBeLessThan(write);
    expect(write).toBeLessThan(last);

    // A page that comes back makes a major fault.
    trace.events.length = 0;
    kernel.access(task, ARENA_VPN, RUN_READ);
    expect(trace.of(TP_PAGE_FAULT_USER)[0][4] & VM_FAULT_MAJOR).toBe(VM_FAULT_MAJOR);
  });

  it("show direct reclaim beginning and ending around the kill that follows when it freed nothing", () => {
    const { kernel, trace } = boot();
    const task = spawnWith(kernel, "hog", 300);
    fill(kernel, task, 0, 300);
    expect(task.hasExited).toBe(true);
    const relevant = [TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN, TP_MM_VMSCAN_DIRECT_RECLAIM_END, TP_MARK_VICTIM];
    const seen = trace.events.filter(([tracepoint]) => relevant.includes(tracepoint));
    const kill = seen.findIndex(([tracepoint]) => tracepoint === TP_MARK_VICTIM);
    expect(seen.slice(kill - 2, kill).map(([tracepoint]) => tracepoint)).toEqual(relevant.slice(0, 2));
    expect(seen[kill - 1][1]).toBe(0);
    expect(seen[kill].slice(1, 4)).toEqual([task.pid, 300, expect.any(Number)]);
    let depth = 0;
    for (const [tracepoint] of seen) {
      if (tracepoint === TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN) depth++;
      if (tracepoint === TP_MM_VMSCAN_DIRECT_RECLAIM_END) depth--;
      expect(depth === 0 || depth === 1).toBe(true);
    }
  });

  it("free as many pages as PGFREE counts", () => {
    const { kernel, trace } = boot();
    const task = spawnWith(kernel, "test", 50);
    fill(kernel, task, 0, 50);
    trace.events.length = 0;
    const before = kernel.sys.vmstat.events[PGFREE];
    kernel.exit(task);
    let nrFreed = 0;
    for (const [, , order] of trace.of(TP_MM_PAGE_FREE)) nrFreed += 2 ** order;
    expect(nrFreed).toBe(kernel.sys.vmstat.events[PGFREE] - before);
    expect(nrFreed).toBeGreaterThanOrEqual(50);
  });

  it("change nothing: a machine that is watched does what one that is not does", () => {
    const config: KernelConfigInput = { memory: "1MiB", swap: [{ size: "2MiB" }], contents: "sparse" };
    const run = (kernel: Kernel): string => {
      const task = spawnWith(kernel, "test", 400);
      fill(kernel, task, 0, 400);
      kernel.exit(kernel.fork(task));
      return kernel.proc.vmstatText() + kernel.proc.meminfoText();
    };
    expect(run(bootKernel(config, { trace: new Recorder() }))).toBe(run(bootKernel(config)));
  });

  it("stay heard: going back to a snapshot takes no event from the listener", () => {
    const { kernel, trace } = boot();
    const snapshot = kernel.snapshot();
    fill(kernel, spawnWith(kernel, "test", 3), 0, 3);
    const nrEvents = trace.events.length;
    kernel.restore(snapshot);
    expect(trace.events.length).toBe(nrEvents);
    fill(kernel, spawnWith(kernel, "test", 3), 0, 3);
    expect(trace.events.length).toBeGreaterThan(nrEvents);
    // The listener is outside: a clone reports to the same one.
    const nrBefore = trace.events.length;
    const copy = kernel.clone();
    fill(copy, spawnWith(copy, "test", 3), 0, 3);
    expect(trace.events.length).toBeGreaterThan(nrBefore);
  });
});
