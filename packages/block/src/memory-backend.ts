/** A device in the model's own memory: only what was written takes room. */
import { type BlockBackend, EINVAL, KernelError, SECTOR_SIZE } from "@pageframe/contracts";

/** Sectors and bytes that get memory together. */
const CHUNK_SECTORS = 32;
const CHUNK_BYTES: number = CHUNK_SECTORS * SECTOR_SIZE;

/**
 * Keeps sectors in chunks of 16 KiB that come into being when they are written; what was never written reads zeros.
 * Writes are durable at once.
 */
export class MemoryBlockBackend implements BlockBackend {
  readonly name = "memory";
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  private chunks = new Map<number, Uint8Array>();
  /** Chunks whose bytes a fork uses too: they are copied before they are written. */
  private readonly shared = new Set<number>();

  /** Throws EINVAL when the number of sectors is not a positive integer. */
  constructor(nrSectors: number, isReadOnly = false) {
    if (!Number.isSafeInteger(nrSectors) || nrSectors <= 0) {
      throw new KernelError(
        EINVAL,
        `a device of ${nrSectors} sectors cannot be; a positive integer would work`,
      );
    }
    this.nrSectors = nrSectors;
    this.isReadOnly = isReadOnly;
  }

  /** Bytes that the written chunks take. */
  get usedBytes(): number {
    return this.chunks.size * CHUNK_BYTES;
  }

  readSectors(sector: number, into: Uint8Array): number {
    for (let done = 0; done < into.length;) {
      const at = sector * SECTOR_SIZE + done;
      const offset = at % CHUNK_BYTES;
      const nrBytes = Math.min(CHUNK_BYTES - offset, into.length - done);
      const chunk = this.chunks.get((at - offset) / CHUNK_BYTES);
      if (chunk === undefined) into.fill(0, done, done + nrBytes);
      else into.set(chunk.subarray(offset, offset + nrBytes), done);
      done += nrBytes;
    }
    return 0;
  }

  writeSectors(sector: number, from: Uint8Array): number {
    for (let done = 0; done < from.length;) {
      const at = sector * SECTOR_SIZE + done;
      const offset = at % CHUNK_BYTES;
      const nrBytes = Math.min(CHUNK_BYTES - offset, from.length - done);
      this.ownChunk((at - offset) / CHUNK_BYTES).set(from.subarray(done, done + nrBytes), offset);
      done += nrBytes;
    }
    return 0;
  }

  flush(): number {
    return 0;
  }

  close(): void {
    this.chunks.clear();
    this.shared.clear();
  }

  /**
   * A device with the same bytes that goes its own way. Chunks are shared until one of the two writes them.
   * O(written chunks), and no bytes are copied.
   */
  fork(): MemoryBlockBackend {
    const fork = new MemoryBlockBackend(this.nrSectors, this.isReadOnly);
    fork.chunks = new Map(this.chunks);
    for (const index of this.chunks.keys()) {
      this.shared.add(index);
      fork.shared.add(index);
    }
    return fork;
  }

  /** The chunk, made or copied if need be, so that it may be written. */
  private ownChunk(index: number): Uint8Array {
    let chunk = this.chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_BYTES);
      this.chunks.set(index, chunk);
    } else if (this.shared.has(index)) {
      chunk = chunk.slice();
      this.chunks.set(index, chunk);
      this.shared.delete(index);
    }
    return chunk;
  }
}
