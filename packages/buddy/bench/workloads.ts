/**
 * Workloads over a frame allocator, the same as in C prototypes of a bare buddy allocator. Each function does `nr`
 * operations in small batches, so that the compiler optimises the batch and not the loop around it.
 */
import { type FrameAllocator, GFP_HIGHUSER_MOVABLE, MAX_DMA32_PFN, NO_PFN } from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { type BootableFrameAllocator, frameAllocators } from "../src/index.ts";

/** Frames of the benchmark machine: 16 GiB, all in ZONE_NORMAL. */
export const NR_BENCH_FRAMES: number = 4 << 20;
const BATCH = 20_000;
const WINDOW: number = 1 << 20;

/** Boots a machine whose RAM lies above 4 GiB: one zone. `nrFrames` must be a multiple of 1024. */
export function bootBenchMachine(
  occupant: string,
  nrFrames: number = NR_BENCH_FRAMES,
): BootableFrameAllocator {
  const startPfn = MAX_DMA32_PFN;
  const endPfn = startPfn + nrFrames;
  const allocator = frameAllocators
    .find(({ name }) => name === occupant)!
    .create({
      memmap: new Memmap(endPfn),
      vmstat: new VmStat(1),
      ranges: [{ startPfn, endPfn, nodeId: 0 }],
      nrCpus: 1,
      cpuNodes: [0],
    });
  allocator.releaseBootMemory(startPfn, endPfn);
  allocator.finishBoot();
  return allocator;
}

/** Takes and gives back single pages; returns the sum of their pfns. */
export function pairs(allocator: FrameAllocator, nr: number): number {
  let sum = 0;
  for (let done = 0; done < nr; done += BATCH) sum += pairBatch(allocator, Math.min(BATCH, nr - done));
  return sum;
}

function pairBatch(allocator: FrameAllocator, nr: number): number {
  let sum = 0;
  for (let done = 0; done < nr; done++) {
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
    sum += pfn;
    allocator.freePages(pfn, 0, 0);
  }
  return sum;
}

/** A window of blocks of orders 0 to 3 in random use: each operation frees one and takes one. */
export class MixedOrders {
  private readonly pfns: Int32Array = new Int32Array(WINDOW).fill(NO_PFN);
  private readonly orders: Int8Array = new Int8Array(WINDOW);
  private readonly allocator: FrameAllocator;
  private seed = 12345;

  constructor(allocator: FrameAllocator) {
    this.allocator = allocator;
    for (let slot = 0; slot < WINDOW; slot++) this.refill(slot);
  }

  /** Does `nr` operations; returns the sum of the pfns taken. */
  run(nr: number): number {
    let sum = 0;
    for (let done = 0; done < nr; done += BATCH) sum += this.batch(Math.min(BATCH, nr - done));
    return sum;
  }

  /** Gives everything back. */
  release(): void {
    for (let slot = 0; slot < WINDOW; slot++) {
      if (this.pfns[slot] !== NO_PFN) this.allocator.freePages(this.pfns[slot], this.orders[slot], 0);
    }
  }

  private batch(nr: number): number {
    const { pfns, orders, allocator } = this;
    let sum = 0;
    for (let done = 0; done < nr; done++) {
      const slot = this.random() & (WINDOW - 1);
      if (pfns[slot] !== NO_PFN) allocator.freePages(pfns[slot], orders[slot], 0);
      sum += this.refill(slot);
    }
    return sum;
  }

  private refill(slot: number): number {
    const bits = this.random() | 256;
    const trailing = 31 - Math.clz32(bits & -bits);
    const order = trailing > 3 ? 0 : trailing;
    const pfn = this.allocator.allocPages(GFP_HIGHUSER_MOVABLE, order, 0, 0);
    this.pfns[slot] = pfn;
    this.orders[slot] = order;
    return pfn;
  }

  private random(): number {
    this.seed ^= this.seed << 13;
    this.seed ^= this.seed >>> 17;
    this.seed ^= this.seed << 5;
    return this.seed;
  }
}

/** Takes single pages until none is left, then gives all back in order; returns how many there were. */
export function fillAndDrain(allocator: FrameAllocator): number {
  const taken = new Int32Array(NR_BENCH_FRAMES);
  let nrTaken = 0;
  for (;;) {
    const nr = fillBatch(allocator, taken, nrTaken);
    nrTaken += nr;
    if (nr < BATCH) break;
  }
  for (let done = 0; done < nrTaken; done += BATCH)
    drainBatch(allocator, taken, done, Math.min(nrTaken, done + BATCH));
  return nrTaken;
}

function fillBatch(allocator: FrameAllocator, taken: Int32Array, from: number): number {
  let nr = 0;
  while (nr < BATCH) {
    const pfn = allocator.allocPages(GFP_HIGHUSER_MOVABLE, 0, 0, 0);
    if (pfn === NO_PFN) break;
    taken[from + nr] = pfn;
    nr++;
  }
  return nr;
}

function drainBatch(allocator: FrameAllocator, taken: Int32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) allocator.freePages(taken[at], 0, 0);
}
