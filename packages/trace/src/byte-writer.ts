/** Bytes appended to a growing buffer. Numbers are little-endian. */
import { EINVAL, KernelError } from "@pageframe/contracts";

/** Largest magnitude of a signed number: its zigzag form stays exact. */
const MAX_SIGNED = 2 ** 52;

/** Appends bytes and numbers. */
export class ByteWriter {
  #bytes = new Uint8Array(4096);
  #nrBytes = 0;

  /** Bytes written so far. */
  get nrBytes(): number {
    return this.#nrBytes;
  }

  /** The bytes written so far: a view that the next write may replace. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#nrBytes);
  }

  /** Appends one byte. */
  writeByte(byte: number): void {
    if (this.#nrBytes === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#nrBytes++] = byte;
  }

  /** Appends bytes. */
  writeBytes(bytes: ArrayLike<number>): void {
    if (this.#nrBytes + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#nrBytes);
    this.#nrBytes += bytes.length;
  }

  /** Appends a uint32 in four bytes. */
  writeUint32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.writeByte((value >>> shift) & 255);
  }

  /** Overwrites four bytes written before. */
  patchUint32(at: number, value: number): void {
    for (let byte = 0; byte < 4; byte++) this.#bytes[at + byte] = (value >>> (8 * byte)) & 255;
  }

  /** Appends an integer of 0..2^53 - 1 in groups of seven bits, lowest first, bit 7 set on all but the last. */
  writeVarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.writeByte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.writeByte(rest);
  }

  /** Appends an integer of either sign as a varint: 0, -1, 1, -2 become 0, 1, 2, 3. */
  writeSigned(value: number): void {
    if (!Number.isInteger(value) || Math.abs(value) >= MAX_SIGNED) {
      throw new KernelError(
        EINVAL,
        `${value} does not fit a trace: it is not an integer between -2^52 and 2^52`,
      );
    }
    this.writeVarint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #grow(nrMoreBytes: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#nrBytes + nrMoreBytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
