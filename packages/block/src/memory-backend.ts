/** A device in the model's own memory: only what was written takes room. */
import { type BlockBackend, EINVAL, KernelError, PAGE_SIZE, SECTOR_SIZE } from "@pageframe/contracts";

/** What comes into being at once, a page as brd has it; and what is asked of the host together, since that costs. */
const CHUNK_BYTES = PAGE_SIZE;
const SLAB_BYTES: number = 32 * CHUNK_BYTES;
/** Layers that a chunk is looked for in, at most, before they become one. */
const NR_LAYERS_MAX = 4;

/**
 * Keeps sectors in pages that come into being when they are written; what was never written reads zeros.
 * Writes are durable at once.
 */
export class MemoryBlockBackend implements BlockBackend {
  readonly name = "memory";
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  /** Chunks of its own, by index. */
  private chunks = new Map<number, Uint8Array>();
  /** Chunks that forks share, the newest layer last: neither the layers nor the array are ever changed. */
  private layers: readonly ReadonlyMap<number, Uint8Array>[] = [];
  /** Where the next chunks come from, and how much of it is taken. */
  private slab = new Uint8Array(0);
  private nrSlabBytes = 0;
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

  /** Bytes that were ever written, in whole chunks. O(chunks). */
  get usedBytes(): number {
    return mergeLayers([...this.layers, this.chunks]).size * CHUNK_BYTES;
  }

  readSectors(sector: number, into: Uint8Array): number {
    for (let done = 0; done < into.length;) {
      const at = sector * SECTOR_SIZE + done;
      const offset = at % CHUNK_BYTES;
      const nrBytes = Math.min(CHUNK_BYTES - offset, into.length - done);
      const chunk = this.findChunk((at - offset) / CHUNK_BYTES);
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
    this.layers = [];
    this.slab = new Uint8Array(0);
    this.nrSlabBytes = 0;
  }

  /**
   * A device with the same bytes that goes its own way. Chunks are shared until one of the two writes them.
   * O(1) when nothing was written since the last fork; no bytes are copied. When this device is put back to a snapshot
   * from before the fork, the fork is void.
   */
  fork(): MemoryBlockBackend {
    if (this.chunks.size > 0) {
      const layers = [...this.layers, this.chunks];
      this.layers = layers.length > NR_LAYERS_MAX ? [mergeLayers(layers)] : layers;
      this.chunks = new Map();
    }
    const fork = new MemoryBlockBackend(this.nrSectors, this.isReadOnly);
    fork.layers = this.layers;
    return fork;
  }

  private findChunk(index: number): Uint8Array | undefined {
    const { layers } = this;
    let chunk = this.chunks.get(index);
    for (let layer = layers.length - 1; chunk === undefined && layer >= 0; layer--) {
      chunk = layers[layer].get(index);
    }
    return chunk;
  }

  /** The chunk, made or copied if need be, so that it may be written. */
  private ownChunk(index: number): Uint8Array {
    let chunk = this.chunks.get(index);
    if (chunk === undefined) {
      chunk = this.newChunk();
      const shared = this.findChunk(index);
      if (shared !== undefined) chunk.set(shared);
      this.chunks.set(index, chunk);
    }
    return chunk;
  }

  private newChunk(): Uint8Array {
    if (this.nrSlabBytes === this.slab.length) {
      this.slab = new Uint8Array(SLAB_BYTES);
      this.nrSlabBytes = 0;
    }
    this.nrSlabBytes += CHUNK_BYTES;
    return this.slab.subarray(this.nrSlabBytes - CHUNK_BYTES, this.nrSlabBytes);
  }
}

/** All chunks in one map, the newest of each. */
function mergeLayers(layers: readonly ReadonlyMap<number, Uint8Array>[]): Map<number, Uint8Array> {
  const merged = new Map<number, Uint8Array>();
  for (const layer of layers) for (const [index, chunk] of layer) merged.set(index, chunk);
  return merged;
}
