/** A swap area in the model's own memory, grown as it is written. */
import { PAGE_SIZE, type SwapBackend } from "@pageframe/contracts";

/** Keeps pages in one buffer: `memory`. A slot that was never written reads zeros. */
export class MemorySwapBackend implements SwapBackend {
  readonly name = "memory";
  readonly nrPages: number;
  private bytes: Uint8Array;

  constructor(nrPages: number) {
    this.nrPages = nrPages;
    this.bytes = new Uint8Array(0);
  }

  readPage(offset: number, into: Uint8Array): number {
    const start = offset * PAGE_SIZE;
    if (start >= this.bytes.length) into.fill(0, 0, PAGE_SIZE);
    else into.set(this.bytes.subarray(start, start + PAGE_SIZE));
    return 0;
  }

  writePage(offset: number, from: Uint8Array): number {
    const start = offset * PAGE_SIZE;
    if (start >= this.bytes.length) this.grow(offset + 1);
    this.bytes.set(from.subarray(0, PAGE_SIZE), start);
    return 0;
  }

  close(): void {
    this.bytes = new Uint8Array(0);
  }

  private grow(nrPages: number): void {
    const size = Math.min(Math.max(nrPages, (this.bytes.length / PAGE_SIZE) * 2, 64), this.nrPages);
    const bytes = new Uint8Array(size * PAGE_SIZE);
    bytes.set(this.bytes);
    this.bytes = bytes;
  }
}
