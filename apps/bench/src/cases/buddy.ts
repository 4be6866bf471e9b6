/**
 * The default frame allocator through its contract: watermarks, per-CPU lists, migratetypes and counters included. RAM
 * lies above 4 GiB, so that all of it is one zone.
 */
import { bug, type FrameAllocator, GFP_HIGHUSER_MOVABLE, MAX_DMA32_PFN, NO_PFN } from "@pageframe/contracts";
import { frameAllocators } from "@pageframe/buddy";
import { Memmap, VmStat } from "@pageframe/memmap";
import { type BenchCase, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";

const CPU = 0;
const NODE = 0;
const LARGEST_ORDER = 10;
/** Operations driven by one call: long enough to hide it, short enough that the JIT soon replaces the loop. */
const BATCH = 20_000;
const NR_FRAMES: Readonly<Record<Scale, number>> = { full: 4 << 20, quick: 1 << 20, tiny: 1 << 16 };
const NR_WARM_UP: Readonly<Record<Scale, number>> = { full: 4_000_000, quick: 1_000_000, tiny: 1_000 };
const NR_OPERATIONS: Readonly<Record<Scale, number>> = { full: 16_000_000, quick: 2_000_000, tiny: 20_000 };

/** Boots an allocator over `nrFrames` free frames, a multiple of 1024. */
function bootAllocator(nrFrames: number): FrameAllocator {
  const startPfn = MAX_DMA32_PFN;
  const endPfn = startPfn + nrFrames;
  const allocator = frameAllocators[0].create({
    memmap: new Memmap(endPfn),
    vmstat: new VmStat(1),
    ranges: [{ startPfn, endPfn, nodeId: NODE }],
    nrCpus: 1,
    cpuNodes: [NODE],
  });
  allocator.releaseBootMemory(startPfn, endPfn);
  allocator.finishBoot();
  return allocator;
}

/** Takes and gives back `nr` single pages one by one; returns how many could not be had. */
function pairs(allocator: FrameAllocator, nr: number): number {
  let nrFailed = 0;
  for (let done = 0; done < nr; done += BATCH) nrFailed += pairBatch(allocator, Math.min(BATCH, nr - done));
  return nrFailed;
}

function pairBatch(allocator: FrameAllocator, nr: number): number {
  let nrFailed = 0;
  for (let done = 0; done < nr; done++) {
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, CPU, NODE);
    if (pfn === NO_PFN) nrFailed++;
    else allocator.freePages(pfn, 0, CPU);
  }
  return nrFailed;
}

/** A window of blocks of orders 0 to 3: each operation gives back one and takes another. */
class MixedOrders {
  private readonly allocator: FrameAllocator;
  private readonly pfns: Int32Array;
  private readonly orders: Int8Array;
  private state = 12345;

  constructor(allocator: FrameAllocator, nrBlocks: number) {
    this.allocator = allocator;
    this.pfns = new Int32Array(nrBlocks);
    this.orders = new Int8Array(nrBlocks);
    for (let slot = 0; slot < nrBlocks; slot++) this.refill(slot);
  }

  /** Returns the pages taken. */
  run(nr: number): number {
    let nrPages = 0;
    for (let done = 0; done < nr; done += BATCH) nrPages += this.batch(Math.min(BATCH, nr - done));
    return nrPages;
  }

  /** Gives everything back. */
  close(): void {
    for (let slot = 0; slot < this.pfns.length; slot++) this.empty(slot);
  }

  private batch(nr: number): number {
    const lastSlot = this.pfns.length - 1;
    let nrPages = 0;
    for (let done = 0; done < nr; done++) {
      const slot = this.random() & lastSlot;
      this.empty(slot);
      nrPages += 1 << this.refill(slot);
    }
    return nrPages;
  }

  private empty(slot: number): void {
    if (this.pfns[slot] !== NO_PFN) this.allocator.freePages(this.pfns[slot], this.orders[slot], CPU);
  }

  private refill(slot: number): number {
    const bits = this.random() | 256;
    const drawn = 31 - Math.clz32(bits & -bits);
    const order = drawn > 3 ? 0 : drawn;
    this.pfns[slot] = this.allocator.allocPages(GFP_HIGHUSER_MOVABLE, order, CPU, NODE);
    this.orders[slot] = order;
    return order;
  }

  /** Marsaglia's xorshift with 13, 17, 5. */
  private random(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x;
  }
}

/** Takes 63 / 64 of all pages (the rest stays above the high watermark) and gives them back, until `nrPages` were taken. */
function fillAndDrain(
  allocator: FrameAllocator,
  nrFrames: number,
  taken: Int32Array,
  nrPages: number,
): number {
  const nrRound = nrFrames - nrFrames / 64;
  let nrTaken = 0;
  while (nrTaken < nrPages) {
    for (let from = 0; from < nrRound; from += BATCH) {
      fillBatch(allocator, taken, from, Math.min(from + BATCH, nrRound));
    }
    for (let from = 0; from < nrRound; from += BATCH) {
      drainBatch(allocator, taken, from, Math.min(from + BATCH, nrRound));
    }
    nrTaken += nrRound;
  }
  return nrTaken;
}

function fillBatch(allocator: FrameAllocator, taken: Int32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) {
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, CPU, NODE);
    if (pfn === NO_PFN) bug(`no page is left after ${at}`);
    taken[at] = pfn;
  }
}

function drainBatch(allocator: FrameAllocator, taken: Int32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) allocator.freePages(taken[at], 0, CPU);
}

/** Free pages with those on per-CPU lists: what a bare buddy allocator calls free. */
function nrFreePages(allocator: FrameAllocator): number {
  return allocator.zones.reduce((sum, zone) => sum + zone.nrFreePages + zone.nrPcpPages(), 0);
}

/** Free blocks of the largest order when the per-CPU lists are empty: everything merged again, or not. */
function nrLargestBlocks(allocator: FrameAllocator): number {
  allocator.drainPcp(-1);
  return allocator.zones.reduce((sum, zone) => sum + zone.nrFreeBlocks(LARGEST_ORDER), 0);
}

function buddyCase(
  work: "pairs" | "mixed" | "fill",
  describe: string,
  label: string,
  atLeast: number | null,
  run: BenchCase["run"],
): BenchCase {
  return {
    name: `buddy-${work}`,
    group: "buddy",
    describe,
    unit: { kind: "rate", label, one: 1e6 },
    target: atLeast === null ? null : { of: "C", atLeast },
    counterpart: {
      program: "buddy",
      macros: (scale) => ({ NR_FRAMES: NR_FRAMES[scale] }),
      arguments: (scale) => [work, String(NR_WARM_UP[scale]), String(NR_OPERATIONS[scale])],
    },
    input: null,
    run,
  };
}

export const buddyCases: readonly BenchCase[] = [
  buddyCase("pairs", "a page taken and given back", "M pairs/s", 0.7, (scale) => {
    const allocator = bootAllocator(NR_FRAMES[scale]);
    pairs(allocator, NR_WARM_UP[scale]);
    let nrFailed = 0;
    const seconds = timed(() => {
      nrFailed = pairs(allocator, NR_OPERATIONS[scale]);
    });
    return {
      operations: NR_OPERATIONS[scale],
      seconds,
      checks: {
        nrFailed,
        nrFreePages: nrFreePages(allocator),
        nrLargestBlocks: nrLargestBlocks(allocator),
      },
    };
  }),
  buddyCase(
    "mixed",
    "a block given back and one taken, orders 0 to 3, a million live",
    "M ops/s",
    0.65,
    (scale) => {
      const allocator = bootAllocator(NR_FRAMES[scale]);
      const window = new MixedOrders(allocator, NR_FRAMES[scale] / 4);
      window.run(NR_WARM_UP[scale]);
      let nrPagesTaken = 0;
      const seconds = timed(() => {
        nrPagesTaken = window.run(NR_OPERATIONS[scale]);
      });
      const nrFreeBetween = nrFreePages(allocator);
      window.close();
      return {
        operations: NR_OPERATIONS[scale],
        seconds,
        checks: {
          nrPagesTaken,
          nrFreePages: nrFreeBetween,
          nrLargestBlocks: nrLargestBlocks(allocator),
        },
      };
    },
  ),
  buddyCase("fill", "a page taken until 63 / 64 are, and all given back", "M pages/s", null, (scale) => {
    const nrFrames = NR_FRAMES[scale];
    const allocator = bootAllocator(nrFrames);
    const taken = new Int32Array(nrFrames);
    fillAndDrain(allocator, nrFrames, taken, NR_WARM_UP[scale]);
    let nrPagesTaken = 0;
    const seconds = timed(() => {
      nrPagesTaken = fillAndDrain(allocator, nrFrames, taken, NR_OPERATIONS[scale]);
    });
    return {
      operations: nrPagesTaken,
      seconds,
      checks: {
        nrPagesTaken,
        nrFreePages: nrFreePages(allocator),
        nrLargestBlocks: nrLargestBlocks(allocator),
      },
    };
  }),
];
