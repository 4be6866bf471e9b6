/** A swap area without bytes. */
import { PAGE_SIZE, type SwapBackend } from "@pageframe/contracts";

/** Forgets what is written and reads zeros: `none`. For machines whose pages have no bytes (contents mode none). */
export class NullSwapBackend implements SwapBackend {
  readonly name = "none";
  readonly nrPages: number;

  constructor(nrPages: number) {
    this.nrPages = nrPages;
  }

  readPage(_offset: number, into: Uint8Array): number {
    into.fill(0, 0, PAGE_SIZE);
    return 0;
  }

  writePage(): number {
    return 0;
  }

  close(): void {
    // Holds nothing.
  }
}
