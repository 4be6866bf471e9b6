/** Writes traces in the `.pft` format. FORMAT.md has the layout. */
import {
  EINVAL,
  KernelError,
  MAX_BLOCK_RUNS,
  type SyscallEvent,
  type TraceMetadata,
  type TraceSource,
} from "@pageframe/contracts";
import { ByteWriter } from "./byte-writer.ts";
import { crc32 } from "./crc32.ts";
import { writeEvent } from "./event-codec.ts";
import { metadataToJson } from "./metadata-codec.ts";
import {
  BLOCK_END,
  BLOCK_RUNS,
  BLOCK_SYSCALL,
  END_PAYLOAD_BYTES,
  PFT_MAGIC,
  PFT_VERSION,
} from "./pft-layout.ts";
import { RunEncoder } from "./run-encoder.ts";

/** Writes one trace: its metadata, then `addRuns` and `addEvent` in program order, then `finish`. */
export class TraceWriter {
  readonly #metadata: TraceMetadata;
  readonly #out = new ByteWriter();
  readonly #encoder = new RunEncoder();
  #nrRuns = 0;
  #nrEvents = 0;

  constructor(metadata: TraceMetadata) {
    this.#metadata = metadata;
    const json = metadataToJson(metadata);
    this.#out.writeBytes(PFT_MAGIC);
    this.#out.writeByte(PFT_VERSION);
    this.#out.writeUint32(json.length);
    for (let index = 0; index < json.length; index++) this.#out.writeByte(json.charCodeAt(index));
  }

  /** Appends the first `nrRuns` runs of `words`. Throws EINVAL for a run of no known kind. */
  addRuns(words: Int32Array, nrRuns: number): void {
    for (let first = 0; first < nrRuns; first += MAX_BLOCK_RUNS) {
      const nrBlockRuns = Math.min(nrRuns - first, MAX_BLOCK_RUNS);
      const start = this.#startBlock(BLOCK_RUNS);
      this.#out.writeUint32(nrBlockRuns);
      this.#encoder.encode(words.subarray(2 * first), nrBlockRuns, this.#out);
      this.#endBlock(start);
    }
    this.#nrRuns += nrRuns;
  }

  /** Appends an event. Throws EINVAL when a field is not an integer between -2^52 and 2^52. */
  addEvent(event: SyscallEvent): void {
    const start = this.#startBlock(BLOCK_SYSCALL);
    writeEvent(event, this.#out);
    this.#endBlock(start);
    this.#nrEvents++;
  }

  /** Ends the trace and returns the file's bytes. Throws EINVAL when the metadata's counts are not what was added. */
  finish(): Uint8Array {
    const { nrRuns, nrEvents } = this.#metadata.counts;
    if (nrRuns !== this.#nrRuns || nrEvents !== this.#nrEvents) {
      throw new KernelError(
        EINVAL,
        `the metadata promises ${nrRuns} runs and ${nrEvents} events; ` +
          `${this.#nrRuns} runs and ${this.#nrEvents} events were added`,
      );
    }
    this.#out.writeByte(BLOCK_END);
    this.#out.writeUint32(END_PAYLOAD_BYTES);
    this.#out.writeUint32(crc32(this.#out.view(), this.#out.nrBytes));
    return this.#out.view().slice();
  }

  /** Writes a block's header, its length still open. Returns where the payload starts. */
  #startBlock(kind: number): number {
    this.#out.writeByte(kind);
    this.#out.writeUint32(0);
    return this.#out.nrBytes;
  }

  #endBlock(payloadStart: number): void {
    this.#out.patchUint32(payloadStart - 4, this.#out.nrBytes - payloadStart);
  }
}

/** Encodes a whole trace as the bytes of a `.pft` file. Rewinds it first, and leaves it at its end. O(runs). */
export function encodeTrace(trace: TraceSource): Uint8Array {
  const writer = new TraceWriter(trace.metadata);
  trace.rewind();
  for (let block = trace.next(); block !== null; block = trace.next()) {
    if (block.kind === "runs") writer.addRuns(block.words, block.nrRuns);
    else writer.addEvent(block.event);
  }
  return writer.finish();
}
