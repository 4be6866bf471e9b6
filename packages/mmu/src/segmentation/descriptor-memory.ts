/**
 * Where descriptor tables and task-state segments are: memory that the processor reads by linear address. An address has
 * the width of linear addresses (32, 48 or 57 bits, unsigned).
 */
import { EINVAL, KernelError, PAGE_SHIFT, PAGE_SIZE } from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";

/** Memory of a processor, 32 little-endian bits at a time; supervisor accesses (SDM vol. 3A section 5.6.1, implicit). */
export interface DescriptorMemory {
  /** Reads an unsigned word, or returns -(1 + page-fault error code). The address need not be aligned. */
  readWord(address: number): number;
  /** Writes a word; returns 0, or -(1 + page-fault error code) when nothing was written. */
  writeWord(address: number, word: number): number;
}

/** A byte buffer at a linear address. What lies outside of it is a mistake of the caller. */
export class ByteMemory implements DescriptorMemory {
  readonly bytes: Uint8Array;
  /** Address of the first byte. */
  readonly start: number;

  constructor(bytes: Uint8Array, start = 0) {
    this.bytes = bytes;
    this.start = start;
  }

  readWord(address: number): number {
    const at = this.offsetOf(address);
    const { bytes } = this;
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  }

  writeWord(address: number, word: number): number {
    const at = this.offsetOf(address);
    for (let byte = 0; byte < 4; byte++) this.bytes[at + byte] = word >>> (8 * byte);
    return 0;
  }

  private offsetOf(address: number): number {
    const offset = address - this.start;
    if (!Number.isInteger(offset) || offset < 0 || offset + 4 > this.bytes.length) {
      throw new KernelError(
        EINVAL,
        `4 bytes at 0x${address.toString(16)}: the buffer has ${this.bytes.length} from 0x${this.start.toString(16)} on`,
      );
    }
    return offset;
  }
}

/** Simulated RAM with paging off, or through a map in one piece: linear address `start` is physical address 0. */
export class FrameMemory implements DescriptorMemory {
  readonly contents: FrameContents;
  /** Linear address of physical address 0: 0, or that of the direct map. */
  readonly start: number;

  /** Data pages must have bytes: throws EINVAL for contents of mode `none`. */
  constructor(contents: FrameContents, start = 0) {
    if (!contents.hasData) {
      throw new KernelError(EINVAL, `contents of mode none keep no data: descriptors need sparse or dense`);
    }
    this.contents = contents;
    this.start = start;
  }

  readWord(address: number): number {
    this.check(address);
    let word = 0;
    for (let byte = 0; byte < 4; byte++) {
      const paddr = address + byte - this.start;
      word += this.contents.readByte(Math.floor(paddr / PAGE_SIZE), paddr % PAGE_SIZE) * 2 ** (8 * byte);
    }
    return word;
  }

  writeWord(address: number, word: number): number {
    this.check(address);
    for (let byte = 0; byte < 4; byte++) {
      const paddr = address + byte - this.start;
      this.contents.writeByte(Math.floor(paddr / PAGE_SIZE), paddr % PAGE_SIZE, (word >>> (8 * byte)) & 0xff);
    }
    return 0;
  }

  private check(address: number): void {
    const paddr = address - this.start;
    if (!Number.isInteger(paddr) || paddr < 0 || paddr + 4 > this.contents.slotOf.length * PAGE_SIZE) {
      const nrKib = this.contents.slotOf.length << (PAGE_SHIFT - 10);
      throw new KernelError(
        EINVAL,
        `4 bytes at 0x${address.toString(16)}: RAM has ${nrKib} KiB from 0x${this.start.toString(16)} on`,
      );
    }
  }
}
