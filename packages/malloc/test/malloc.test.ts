import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { EINVAL } from "@pageframe/contracts";
import { Malloc, type MallocThread } from "@pageframe/malloc";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecordingMemory } from "./recording-memory.ts";

interface RecordedRun {
  readonly seed: number;
  readonly kind: string;
  readonly heapStart: number;
  readonly heapOffsets: readonly number[];
  readonly operations: string;
  readonly calls: readonly string[];
  /** mallinfo2() in the end; its ordblks and uordblks after each operation. */
  readonly info: readonly number[];
  readonly used: string;
  /** Resident KiB of the heap in the end. */
  readonly heapKib: number;
}

const path = new URL("data/glibc-2.36.json.gz", import.meta.url);
const { runs } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as { runs: RecordedRun[] };

/** First page number past any heap. */
const MMAP_VPN = 0x600000000;

/** Runs recorded operations; `check` is called after each that mallinfo2() was recorded for. */
function replay(run: RecordedRun, malloc: Malloc, check: (operation: number) => void): void {
  const slots: number[] = [];
  let thread: MallocThread = malloc.mainThread;
  let isFirst = true;
  run.operations.split(" ").forEach((text, operation) => {
    const [, letter, slot, nrBytes, alignment] = /^(.)(\d+)(?:,(\d+))?(?:,(\d+))?$/.exec(text)!;
    const [at, size] = [Number(slot), Number(nrBytes)];
    if (letter === "m") slots[at] = malloc.malloc(size, thread);
    if (letter === "c") slots[at] = malloc.calloc(1, size, thread);
    if (letter === "f") malloc.free(slots[at], thread);
    if (letter === "r") slots[at] = malloc.realloc(slots[at], size, thread);
    if (letter === "a") slots[at] = malloc.memalign(Number(alignment), size, thread);
    if (letter === "t") malloc.trim(size);
    if (letter === "T") {
      // The first pthread_create() allocates the thread's table of thread-local storage, which later ones use again.
      if (isFirst) malloc.calloc(17, 16);
      isFirst = false;
      thread = malloc.createThread();
    }
    if (letter === "J") {
      malloc.exitThread(thread);
      thread = malloc.mainThread;
    }
    if (letter !== "T") check(operation);
  });
}

describe("malloc", () => {
  it.each(runs)("asks the kernel for what glibc 2.36 asks for: $kind sizes, seed $seed", (run) => {
    const memory = new RecordingMemory(run.heapStart, run.heapOffsets);
    const malloc = new Malloc(memory, 2);
    const used = run.used.split(" ");
    replay(run, malloc, (operation) => {
      const { ordblks, uordblks } = malloc.info();
      if (`${ordblks},${uordblks}` !== used[operation])
        expect(`${ordblks},${uordblks}`, `operation ${operation}`).toBe(used[operation]);
    });
    expect(memory.calls).toEqual(run.calls);
    expect(Object.values(malloc.info())).toEqual(run.info);
    const heapPages = [...memory.resident].filter((vpn) => vpn < MMAP_VPN);
    expect(heapPages.length * 4).toBe(run.heapKib);
    malloc.checkInvariants();
  });

  it("gives memory that no two owners share, aligned as asked", () => {
    const step = fc.record({
      what: fc.integer({ min: 0, max: 5 }),
      which: fc.nat(1000),
      nrBytes: fc.oneof(fc.nat(300), fc.nat(5000), fc.nat(300000)),
      power: fc.integer({ min: 3, max: 13 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const malloc = new Malloc(new RecordingMemory());
        const owned: { address: number; nrBytes: number }[] = [];
        for (const { what, which, nrBytes, power } of steps) {
          const at = owned.length === 0 ? -1 : which % owned.length;
          if (what === 5 && at >= 0) {
            malloc.free(owned[at].address);
            owned.splice(at, 1);
          } else if (what === 4 && at >= 0) {
            owned[at] = { address: malloc.realloc(owned[at].address, nrBytes + 1), nrBytes: nrBytes + 1 };
          } else {
            const address = what === 3 ? malloc.memalign(2 ** power, nrBytes) : malloc.malloc(nrBytes);
            expect(address % (what === 3 ? 2 ** power : 16)).toBe(0);
            owned.push({ address, nrBytes });
          }
        }
        malloc.checkInvariants();
        owned.sort((left, right) => left.address - right.address);
        for (let at = 0; at < owned.length; at++) {
          const { address, nrBytes } = owned[at];
          expect(malloc.usableSize(address)).toBeGreaterThanOrEqual(nrBytes);
          if (at > 0) expect(owned[at - 1].address + owned[at - 1].nrBytes).toBeLessThanOrEqual(address);
        }
        for (const { address } of owned) malloc.free(address);
        malloc.checkInvariants();
        expect(malloc.info().hblks).toBe(0);
      }),
      { numRuns: 100, seed: 2026 },
    );
  });

  it("maps large chunks and learns from those that are freed", () => {
    const memory = new RecordingMemory();
    const malloc = new Malloc(memory);
    const first = malloc.malloc(200000);
    expect(memory.calls).toEqual(["b?", "b 21000", "m 31000"]);
    malloc.free(first);
    // 200704 bytes are the threshold now: the same request is served by the heap.
    malloc.malloc(200000);
    expect(memory.calls.slice(3)).toEqual(["u m0+0 31000", "b 51000"]);
    malloc.setOption("mmapThreshold", 4096);
    malloc.free(malloc.malloc(140000));
    malloc.malloc(140000);
    expect(memory.calls.slice(5)).toEqual(["m 23000", "u m1+0 23000", "m 23000"]);
  });

  it("takes mappings when the break cannot move, and 0 says that there is no memory", () => {
    const memory = new RecordingMemory();
    memory.brkLimit = 0x10000000;
    const malloc = new Malloc(memory);
    expect(malloc.malloc(100)).not.toBe(0);
    expect(memory.calls).toEqual(["b?", "b 21000", "m 100000"]);
    memory.mmap = () => -12;
    expect([malloc.malloc(2 ** 30), malloc.malloc(2 ** 63), malloc.calloc(2 ** 40, 2 ** 30)]).toEqual([
      0, 0, 0,
    ]);
    malloc.checkInvariants();
  });

  it("refuses addresses that it did not give, or took back", () => {
    const malloc = new Malloc(new RecordingMemory());
    const address = malloc.malloc(3000);
    malloc.free(0);
    malloc.free(address);
    for (const bad of [address, address + 16, 4096])
      expect(() => {
        malloc.free(bad);
      }).toThrow(expect.objectContaining({ errno: EINVAL }));
    expect(malloc.realloc(0, 10)).toBe(address);
  });

  it("counts what arenas have as malloc_stats() prints it", () => {
    const malloc = new Malloc(new RecordingMemory());
    malloc.malloc(1000);
    malloc.malloc(500000);
    // 656 bytes are the thread's cache, 1008 the first chunk, 503808 the mapping.
    expect(malloc.statsText()).toBe(
      "Arena 0:\nsystem bytes     =     135168\nin use bytes     =       1664\n" +
        "Total (incl. mmap):\nsystem bytes     =     638976\nin use bytes     =     505472\n",
    );
  });

  it("gives threads arenas of their own, up to eight a CPU, and those of ended threads again", () => {
    const malloc = new Malloc(new RecordingMemory(), 1);
    const threads = Array.from({ length: 9 }, () => malloc.createThread());
    for (const thread of threads) malloc.malloc(100, thread);
    expect(threads.map((thread) => thread.arena?.id)).toEqual([1, 2, 3, 4, 5, 6, 7, 0, 1]);
    malloc.exitThread(threads[4]);
    const next = malloc.createThread();
    malloc.malloc(1, next);
    expect(next.arena?.id).toBe(5);
    malloc.checkInvariants();
  });
});
