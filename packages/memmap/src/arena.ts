/**
 * One memory that JavaScript and compiled loops both work on: a TLB's entries, a walker's caches, the bytes of simulated
 * RAM. Hot: compiled loops only.
 *
 * It never grows, because growing would cut off every array in it; what finds no room in it lives outside, and is worked on
 * by JavaScript. Words are handed out from its start and never taken back. An arena has no state of its own: that is in the
 * arrays, so a snapshot finds it there. A copy of the arrays elsewhere (a cloned machine) is no longer in the arena, and
 * holds() says so.
 */
import { type ExternalState } from "@pageframe/contracts";
import {
  instantiateModule,
  reserveMemory,
  type WasmExports,
  type WasmMemory,
  type WasmModule,
} from "./web-assembly.ts";

/** Words begin on cache lines. */
const ALIGN_BYTES = 64;
const WORD_BYTES = 4;
/** Largest memory: addresses are int32. */
const MAX_ARENA_BYTES: number = 2 ** 30;

/** A module bound to an arena, and to the other module that it imports. */
interface BoundModule {
  readonly module: WasmModule;
  readonly walker: WasmExports | null;
  readonly exports: WasmExports;
}

/** Room for arrays that compiled code reaches. */
export class Arena implements ExternalState {
  readonly buffer: ArrayBuffer;
  readonly tail: Int32Array;
  private readonly memory: WasmMemory;
  private readonly bound: BoundModule[] = [];
  private nextByte = ALIGN_BYTES;

  private constructor(memory: WasmMemory, tailByte: number, nrTailWords: number) {
    this.memory = memory;
    this.buffer = memory.buffer;
    this.tail = new Int32Array(memory.buffer, tailByte, nrTailWords);
  }

  /**
   * Reserves an arena with room for `nrBytes` in arrays, and a tail. Null without WebAssembly, or when it would be larger
   * than 1 GiB.
   */
  static reserve(nrBytes: number, nrTailWords = 0): Arena | null {
    const tailByte = ALIGN_BYTES + Math.ceil(nrBytes / ALIGN_BYTES) * ALIGN_BYTES;
    const size = tailByte + nrTailWords * WORD_BYTES;
    if (size > MAX_ARENA_BYTES) return null;
    const memory = reserveMemory(size);
    return memory === null ? null : new Arena(memory, tailByte, nrTailWords);
  }

  /** Bytes that are left for arrays. */
  get nrFreeBytes(): number {
    return this.tail.byteOffset - this.nextByte;
  }

  /** Takes zeroed words; null when they do not fit. */
  takeWords(nrWords: number): Int32Array | null {
    const nrBytes = Math.ceil((nrWords * WORD_BYTES) / ALIGN_BYTES) * ALIGN_BYTES;
    if (nrBytes > this.nrFreeBytes) return null;
    const words = new Int32Array(this.buffer, this.nextByte, nrWords);
    this.nextByte += nrBytes;
    return words;
  }

  /** Is an array in this arena? */
  holds(array: Int32Array): boolean {
    return array.buffer === this.buffer;
  }

  /** What a module exports that works on this memory, and imports another module's exports as `walker`. Bound once. */
  exportsOf(module: WasmModule, walker: WasmExports | null = null): WasmExports {
    for (const each of this.bound) if (each.module === module && each.walker === walker) return each.exports;
    const exports = instantiateModule(module, { env: { memory: this.memory }, walker });
    this.bound.push({ module, walker, exports });
    return exports;
  }

  /** Makes another arena with the same bytes, the same words taken; null when there is no memory for it. */
  duplicate(): Arena | null {
    const copy = Arena.reserve(this.tail.byteOffset - ALIGN_BYTES, this.tail.length);
    if (copy === null) return null;
    copy.nextByte = this.nextByte;
    const used = new Uint8Array(this.buffer, 0, usedLength(this.buffer));
    new Uint8Array(copy.buffer).set(used);
    return copy;
  }

  captureExternal(): unknown {
    return null;
  }

  reinstateExternal(): void {
    // The arrays carry the state.
  }
}

/** Length of a buffer without the zeros at its end, in whole words of 8 bytes. O(zeros at the end). */
export function usedLength(buffer: ArrayBuffer): number {
  const words = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
  const bytes = new Uint8Array(buffer);
  for (let at = words.length * 8; at < bytes.length; at++) if (bytes[at] !== 0) return bytes.length;
  let length = words.length;
  // -0 is a word with bits, and equal to 0.
  while (length > 0 && Object.is(words[length - 1], 0)) length--;
  return length * 8;
}
