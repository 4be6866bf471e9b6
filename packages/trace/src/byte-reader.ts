/** Bytes read in order, with every read checked. The counterpart of byte-writer.ts. */
import { EINVAL, KernelError } from "@pageframe/contracts";

/** Reads bytes and numbers. Whatever does not fit throws EINVAL with the source's name and the offset. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** What errors call the bytes. */
  readonly #sourceName: string;
  /** Offset of the next byte. */
  at = 0;
  /** Offset where reading must stop. */
  end: number;

  constructor(bytes: Uint8Array, sourceName: string) {
    this.bytes = bytes;
    this.#sourceName = sourceName;
    this.end = bytes.length;
  }

  /** Reads one byte. */
  readByte(): number {
    if (this.at >= this.end) this.fail("the block ends inside a number");
    return this.bytes[this.at++];
  }

  /** Reads a uint32 from four bytes. */
  readUint32(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 32; factor *= 256) value += this.readByte() * factor;
    return value;
  }

  /** Reads an integer of 0..2^53 - 1. */
  readVarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.readByte();
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER || factor > 2 ** 49) this.fail("a number has more than 53 bits");
      if (byte < 128) return value;
    }
  }

  /** Reads an integer of either sign. */
  readSigned(): number {
    const zigzag = this.readVarint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** Throws EINVAL: the bytes break the format's rules. */
  fail(sentence: string): never {
    throw new KernelError(EINVAL, `${this.#sourceName}: ${sentence} (at byte ${this.at})`);
  }
}
