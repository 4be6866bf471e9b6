/** A swap device that fails now and then, on schedule. */
import { EINVAL, EIO, KernelError, type SwapBackend } from "@pageframe/contracts";

/** Which transfers may fail. */
export type FaultyTransfers = "reads" | "writes" | "both";

/** When a faulty backend fails. */
export interface FaultSchedule {
  /** Part of the transfers that fail, 0..1. */
  readonly probability: number;
  /** Same seed, same transfers: same failures. */
  readonly seed: number;
  readonly transfers?: FaultyTransfers;
}

/**
 * Passes pages to another backend, or answers -EIO and passes nothing. Fails with contents mode none too. The schedule
 * is a linear congruential generator's (Numerical Recipes: 1664525, 1013904223), stepped once per transfer that may fail.
 */
export class FaultySwapBackend implements SwapBackend {
  readonly name: string;
  readonly nrPages: number;
  /** Failures so far. */
  nrFaults = 0;
  private readonly inner: SwapBackend;
  private readonly threshold: number;
  private readonly transfers: FaultyTransfers;
  private state: number;

  /** Throws EINVAL when the probability is not within 0..1. */
  constructor(inner: SwapBackend, schedule: FaultSchedule) {
    const { probability, seed, transfers = "both" } = schedule;
    if (!(probability >= 0 && probability <= 1)) {
      throw new KernelError(EINVAL, `fault probability ${probability} is not within 0 to 1`);
    }
    this.name = `faulty-${inner.name}`;
    this.nrPages = inner.nrPages;
    this.inner = inner;
    this.threshold = probability * 2 ** 32;
    this.transfers = transfers;
    this.state = seed >>> 0;
  }

  readPage(offset: number, into: Uint8Array): number {
    return this.isFault(false) ? -EIO : this.inner.readPage(offset, into);
  }

  writePage(offset: number, from: Uint8Array): number {
    return this.isFault(true) ? -EIO : this.inner.writePage(offset, from);
  }

  ioWithoutBytes(offset: number, isWrite: boolean): number {
    return this.isFault(isWrite) ? -EIO : (this.inner.ioWithoutBytes?.(offset, isWrite) ?? 0);
  }

  close(): void {
    this.inner.close();
  }

  private isFault(isWrite: boolean): boolean {
    if (this.transfers === (isWrite ? "reads" : "writes")) return false;
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    if (this.state >= this.threshold) return false;
    this.nrFaults++;
    return true;
  }
}
