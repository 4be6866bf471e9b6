/** Reads traces in the `.pft` format. FORMAT.md has the layout. */
import {
  EINVAL,
  KernelError,
  MAX_BLOCK_RUNS,
  type TraceBlock,
  type TraceMetadata,
  type TraceSource,
} from "@pageframe/contracts";
import { ByteReader } from "./byte-reader.ts";
import { crc32 } from "./crc32.ts";
import { readEvent } from "./event-codec.ts";
import { metadataFromJson } from "./metadata-codec.ts";
import {
  BLOCK_END,
  BLOCK_HEADER_BYTES,
  BLOCK_RUNS,
  BLOCK_SYSCALL,
  END_PAYLOAD_BYTES,
  OLDEST_PFT_VERSION,
  PFT_MAGIC,
  PFT_VERSION,
} from "./pft-layout.ts";
import { RunDecoder } from "./run-decoder.ts";

const END_BLOCK_BYTES = BLOCK_HEADER_BYTES + END_PAYLOAD_BYTES;
/** String.fromCharCode takes so many arguments everywhere. */
const TEXT_PIECE_BYTES = 8192;

/** A trace in the bytes of a `.pft` file, decoded block by block: needs little memory besides the bytes. */
export class TraceReader implements TraceSource {
  readonly metadata: TraceMetadata;
  readonly #input: ByteReader;
  readonly #firstBlock: number;
  readonly #endBlock: number;
  readonly #decoder: RunDecoder;
  /** The runs of the latest block. */
  readonly #words: Int32Array;
  #nrRunsLeft = 0;
  #nrEventsLeft = 0;

  /**
   * Checks the file and reads its metadata. `bytes` must not change afterwards. O(bytes) for the checksum.
   * Throws EINVAL when the bytes are no trace, of another version, cut short or damaged.
   */
  constructor(bytes: Uint8Array, sourceName = "trace") {
    checkFrame(bytes, sourceName);
    const input = new ByteReader(bytes, sourceName);
    this.#input = input;
    this.#endBlock = bytes.length - END_BLOCK_BYTES;
    input.end = this.#endBlock;
    input.at = PFT_MAGIC.length + 1;
    const nrJsonBytes = input.readUint32();
    if (nrJsonBytes > input.end - input.at) input.fail("the metadata is longer than the file");
    this.#firstBlock = input.at + nrJsonBytes;
    const version = bytes[PFT_MAGIC.length];
    this.metadata = metadataFromJson(textOf(bytes, input.at, this.#firstBlock), sourceName, version);
    this.#decoder = new RunDecoder();
    this.#words = new Int32Array(2 * MAX_BLOCK_RUNS);
    this.rewind();
  }

  /** Returns the next block, or null at the end. Runs are valid until the next call. Throws EINVAL at a wrong block. */
  next(): TraceBlock | null {
    const input = this.#input;
    input.end = this.#endBlock;
    if (input.at === this.#endBlock) {
      if (this.#nrRunsLeft !== 0 || this.#nrEventsLeft !== 0) input.fail("runs or events are missing");
      return null;
    }
    const kind = input.readByte();
    const nrPayloadBytes = input.readUint32();
    if (nrPayloadBytes > input.end - input.at) input.fail("a block is longer than the file");
    input.end = input.at + nrPayloadBytes;
    const block = this.#readPayload(kind);
    if (input.at !== input.end) input.fail("a block is longer than what it holds");
    return block;
  }

  /** Goes back to before the first block. */
  rewind(): void {
    this.#input.at = this.#firstBlock;
    this.#decoder.reset();
    this.#nrRunsLeft = this.metadata.counts.nrRuns;
    this.#nrEventsLeft = this.metadata.counts.nrEvents;
  }

  #readPayload(kind: number): TraceBlock {
    const input = this.#input;
    if (kind === BLOCK_SYSCALL) {
      if (this.#nrEventsLeft-- === 0) input.fail("there are more events than the metadata says");
      return { kind: "syscall", event: readEvent(input, this.metadata.files.length) };
    }
    if (kind !== BLOCK_RUNS) input.fail(`a block is of the unknown kind ${kind}`);
    const nrRuns = input.readUint32();
    if (nrRuns === 0 || nrRuns > MAX_BLOCK_RUNS) {
      input.fail(`a block has ${nrRuns} runs, not 1 to ${MAX_BLOCK_RUNS}`);
    }
    if (nrRuns > this.#nrRunsLeft) input.fail("there are more runs than the metadata says");
    this.#nrRunsLeft -= nrRuns;
    this.#decoder.decode(input, nrRuns, this.#words);
    return { kind: "runs", words: this.#words, nrRuns };
  }
}

/** Checks what can be checked without reading the blocks: magic, version, end block, checksum. */
function checkFrame(bytes: Uint8Array, sourceName: string): void {
  const fail = (sentence: string): never => {
    throw new KernelError(EINVAL, `${sourceName}: ${sentence}`);
  };
  if (bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b) {
    fail("this is gzip; decompress it before reading the trace");
  }
  const nrMagic = Math.min(bytes.length, PFT_MAGIC.length);
  if (PFT_MAGIC.slice(0, nrMagic).some((byte, index) => bytes[index] !== byte)) {
    fail("not a page-run trace: the first eight bytes are not those of a .pft file");
  }
  const version = bytes.length > PFT_MAGIC.length ? bytes[PFT_MAGIC.length] : PFT_VERSION;
  if (version < OLDEST_PFT_VERSION || version > PFT_VERSION) {
    fail(`format version ${version}; versions ${OLDEST_PFT_VERSION} to ${PFT_VERSION} can be read`);
  }
  const end = bytes.length - END_BLOCK_BYTES;
  const hasEnd =
    end > PFT_MAGIC.length &&
    bytes[end] === BLOCK_END &&
    bytes[end + 1] === END_PAYLOAD_BYTES &&
    bytes[end + 2] === 0 &&
    bytes[end + 3] === 0 &&
    bytes[end + 4] === 0;
  if (!hasEnd) fail(`the trace is cut short: no end block in the last bytes of ${bytes.length}`);
  const input = new ByteReader(bytes, sourceName);
  input.at = end + BLOCK_HEADER_BYTES;
  const stored = input.readUint32();
  const computed = crc32(bytes, end + BLOCK_HEADER_BYTES);
  if (stored !== computed) {
    fail(`the trace is damaged: its checksum is ${hexOf(computed)}, the end block says ${hexOf(stored)}`);
  }
}

function hexOf(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** ASCII text of `bytes[start..end)`. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at += TEXT_PIECE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + TEXT_PIECE_BYTES)));
  }
  return text;
}
