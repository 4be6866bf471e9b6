/** What the writer and the reader of `.pft` files agree on. FORMAT.md has the layout and the reasons. */

/** First bytes of a file. As in PNG, a high bit and line ends show a transfer that took it for text. */
export const PFT_MAGIC: readonly number[] = [0x89, 0x50, 0x46, 0x54, 0x0d, 0x0a, 0x1a, 0x0a];
/** Version that is written: 2 has events and sizes of files. */
export const PFT_VERSION = 2;
/** Oldest version that is read: 1 has the same layout without them. */
export const OLDEST_PFT_VERSION = 1;

/** Kinds of block: the byte that a block starts with. */
export const BLOCK_RUNS = 1;
export const BLOCK_SYSCALL = 2;
export const BLOCK_END = 0xff;

/** A block starts with its kind and the length of its payload as uint32. */
export const BLOCK_HEADER_BYTES = 5;
/** The payload of the end block: a CRC-32. */
export const END_PAYLOAD_BYTES = 4;

/** Runs in the dictionary, at which it is emptied. */
export const MAX_DICTIONARY_RUNS = 1 << 20;
/** Bits of a token that count predicted runs; all ones: a number follows that adds to them. */
export const TOKEN_RUN_BITS = 3;
export const TOKEN_RUN_MASK = 7;

const CONTEXT_BITS = 16;
export const NR_CONTEXTS: number = 1 << CONTEXT_BITS;

/** Slot of the prediction table for the last two runs, given by their rows in the dictionary. */
export function contextOf(lastRow: number, rowBefore: number): number {
  return (Math.imul(lastRow, 0x9e3779b1) ^ Math.imul(rowBefore, 0x85ebca6b)) >>> (32 - CONTEXT_BITS);
}
