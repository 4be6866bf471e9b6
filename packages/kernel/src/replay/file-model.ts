/**
 * What a file must hold, for replays that verify contents: a plain array of bytes of which only changed pages are kept. Cold.
 */
import { PAGE_SIZE } from "@pageframe/contracts";
import { initialFileByte } from "../files/files.ts";

/** What a byte is that write number `nrWrite` of a replay put at an offset; never zero. */
export function writtenByte(nrWrite: number, at: number): number {
  return initialFileByte(~nrWrite, Math.floor(at / PAGE_SIZE), at % PAGE_SIZE);
}

/** Bytes of one file. */
export class FileModel {
  private readonly fileId: number;
  sizeBytes: number;
  /** Below this lies the pattern that the file began with, unless a page says otherwise. */
  private patternEndBytes: number;
  private readonly pages = new Map<number, Uint8Array>();

  constructor(fileId: number, sizeBytes: number) {
    this.fileId = fileId;
    this.sizeBytes = sizeBytes;
    this.patternEndBytes = sizeBytes;
  }

  /** Byte at an offset; zero behind the end. */
  byteAt(at: number): number {
    if (at >= this.sizeBytes) return 0;
    const pgoff = Math.floor(at / PAGE_SIZE);
    const page = this.pages.get(pgoff);
    if (page !== undefined) return page[at % PAGE_SIZE];
    return at < this.patternEndBytes ? initialFileByte(this.fileId, pgoff, at % PAGE_SIZE) : 0;
  }

  /** Sets a byte below the end. */
  setByte(at: number, byte: number): void {
    if (at < this.sizeBytes) this.ownPage(Math.floor(at / PAGE_SIZE))[at % PAGE_SIZE] = byte;
  }

  /** Write number `nrWrite` put its bytes there; the file grows. */
  write(at: number, nrBytes: number, nrWrite: number): void {
    this.sizeBytes = Math.max(this.sizeBytes, at + nrBytes);
    for (let byte = at; byte < at + nrBytes; byte++) this.setByte(byte, writtenByte(nrWrite, byte));
  }

  /** The file has another size; what was behind the end is zeros when it grows again. */
  setSize(sizeBytes: number): void {
    this.pages.get(Math.floor(sizeBytes / PAGE_SIZE))?.fill(0, sizeBytes % PAGE_SIZE);
    this.patternEndBytes = Math.min(this.patternEndBytes, sizeBytes);
    for (const pgoff of [...this.pages.keys()]) {
      if (pgoff * PAGE_SIZE >= sizeBytes) this.pages.delete(pgoff);
    }
    this.sizeBytes = sizeBytes;
  }

  /** Bytes become zeros, as far as the file goes. */
  zero(startByte: number, endByte: number): void {
    const end = Math.min(endByte, this.sizeBytes);
    for (let at = startByte; at < end;) {
      const nrHere = Math.min(PAGE_SIZE - (at % PAGE_SIZE), end - at);
      const pgoff = Math.floor(at / PAGE_SIZE);
      if (this.pages.has(pgoff) || at < this.patternEndBytes) {
        this.ownPage(pgoff).fill(0, at % PAGE_SIZE, (at % PAGE_SIZE) + nrHere);
      }
      at += nrHere;
    }
  }

  private ownPage(pgoff: number): Uint8Array {
    let page = this.pages.get(pgoff);
    if (page === undefined) {
      page = new Uint8Array(PAGE_SIZE);
      for (let offset = 0; offset < PAGE_SIZE; offset++)
        page[offset] = this.byteAt(pgoff * PAGE_SIZE + offset);
      this.pages.set(pgoff, page);
    }
    return page;
  }
}
