/** What recorded reads and writes move between the page cache and a program that the replay does not have. */
import { bug, PAGE_SIZE, type Pfn } from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type FileModel, writtenByte } from "./file-model.ts";
import { type ReadSink } from "../filemap/read.ts";
import { type WriteSource } from "../filemap/write.ts";

/** Takes the bytes of a recorded read, as many as the recording got, and compares them where there is a model. */
export class RecordedRead implements ReadSink {
  private readonly contents: FrameContents;
  private readonly nrWanted: number;
  private readonly model: FileModel | null;
  private readonly startByte: number;

  constructor(contents: FrameContents, startByte: number, nrWanted: number, model: FileModel | null) {
    this.contents = contents;
    this.startByte = startByte;
    this.nrWanted = nrWanted;
    this.model = model;
  }

  take(pfn: Pfn, offset: number, done: number, nrBytes: number): number {
    const nrTaken = Math.min(nrBytes, this.nrWanted - done);
    if (this.model !== null) {
      for (let byte = 0; byte < nrTaken; byte++) {
        checkByte(this.model, this.startByte + done + byte, this.contents.readByte(pfn, offset + byte));
      }
    }
    return nrTaken;
  }
}

/** Gives the bytes of recorded write number `nrWrite`, where RAM has bytes. */
export class RecordedWrite implements WriteSource {
  private readonly contents: FrameContents;
  private readonly startByte: number;
  private readonly nrWrite: number;
  private readonly bytes = new Uint8Array(PAGE_SIZE);

  constructor(contents: FrameContents, startByte: number, nrWrite: number) {
    this.contents = contents;
    this.startByte = startByte;
    this.nrWrite = nrWrite;
  }

  give(pfn: Pfn, offset: number, done: number, nrBytes: number): number {
    if (this.contents.hasData) {
      const bytes = this.bytes.subarray(0, nrBytes);
      fillWritten(bytes, this.startByte + done, this.nrWrite);
      this.contents.copyIn(pfn, offset, bytes, 0, nrBytes);
    }
    return nrBytes;
  }
}

/** Fills a buffer with what write number `nrWrite` puts at an offset of a file. */
export function fillWritten(bytes: Uint8Array, at: number, nrWrite: number): void {
  for (let byte = 0; byte < bytes.length; byte++) bytes[byte] = writtenByte(nrWrite, at + byte);
}

/** Compares a byte of a file with what it must be. */
export function checkByte(model: FileModel, at: number, found: number): void {
  const expected = model.byteAt(at);
  if (found !== expected) bug(`byte ${at} of a file is ${found}; ${expected} was written there`);
}
