/** Between the page cache and a buffer of the kernel's. */
import { type Pfn } from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type ReadSink } from "./read.ts";
import { type WriteSource } from "./write.ts";

/** Takes what read(2) reads. */
export class BufferSink implements ReadSink {
  private readonly contents: FrameContents;
  private readonly to: Uint8Array;

  constructor(contents: FrameContents, to: Uint8Array) {
    this.contents = contents;
    this.to = to;
  }

  take(pfn: Pfn, offset: number, done: number, nrBytes: number): number {
    this.contents.copyOut(pfn, offset, this.to, done, nrBytes);
    return nrBytes;
  }
}

/** Gives what write(2) writes. */
export class BufferSource implements WriteSource {
  private readonly contents: FrameContents;
  private readonly from: Uint8Array;

  constructor(contents: FrameContents, from: Uint8Array) {
    this.contents = contents;
    this.from = from;
  }

  give(pfn: Pfn, offset: number, done: number, nrBytes: number): number {
    this.contents.copyIn(pfn, offset, this.from, done, nrBytes);
    return nrBytes;
  }
}
