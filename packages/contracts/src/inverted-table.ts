/**
 * How an inverted page table lies in RAM: what a walker needs to find an entry. Hot: per walk.
 *
 * One table serves all address spaces of a machine. It has a record for each frame of RAM, which says what page the frame is
 * mapped at, and an anchor table that leads from the hash of a page to a chain of records. Records:
 *
 *     word 0, 1   the entry, canonical form (pte.ts): it names its frame, for not every record stands at its frame's place
 *     word 2      key bits 0..31                  key = page number / PAGES_PER_LEVEL[level]
 *     word 3      bits 0..12 key bits 32..44 | 14..15 level of the leaf (0: not in use) | 16..31 address space
 *     word 4      link to the next record of the chain
 *
 * A link is 0 at the end, else 1 + the number of a record: numbers below the frames of RAM are the frames' own records, those
 * from the next multiple of 128 on are overflow records, for what has no frame of its own: a frame's second mapping and later ones (shared pages), swap
 * entries whose frame has found another page, frames that are no RAM.
 *
 * The anchors and records are in chunks of one frame: 1024 anchors, or 128 records. Chunks are counted from the first anchor
 * on, then the frames' records, then overflow. The root frame of an address space:
 *
 *     word 0   its number, as in word 3 of records     word 2   frames of RAM
 *     word 1   anchors - 1 (a power of two, less 1)    word 3   frame of the top directory
 *
 * The top directory holds frame numbers of directories, each of which holds 1024 frame numbers of chunks. (In a machine with
 * one stretch of physical memory for the table they are one base register.)
 *
 * A look-up of a level takes the chain at anchor `invertedHash(word 2, word 3) & word 1 of the root` and follows it until
 * words 2 and 3 are the wanted ones; it tries level 1, 2, 3 in turn. Pages in a row have anchors in a row, 16 to a cache line,
 * as the hash of PowerPC has it.
 * Source: Chang, Mergen 1988, "801 Storage: Architecture and Programming" (inverted table, hash anchors); Huck, Hays 1993,
 * "Architectural Support for Translation Table Management in Large Address Space Machines".
 */
import { hashedHash } from "./hashed-table.ts";

export const INVERTED_RECORD_WORDS = 8;
/** Records in a chunk, and anchors. */
export const INVERTED_RECORDS = 128;
export const INVERTED_ANCHORS = 1024;
export const INVERTED_LEVEL_SHIFT = 14;
export const INVERTED_SPACE_SHIFT = 16;
/** Address spaces that can be told apart. */
export const INVERTED_SPACES = 65536;
/** Words of the root frame. */
export const INVERTED_ROOT_SPACE = 0;
export const INVERTED_ROOT_ANCHOR_MASK = 1;
export const INVERTED_ROOT_FRAMES = 2;
export const INVERTED_ROOT_DIRECTORY = 3;

/** Hash of words 2 and 3 of a record, int32: the low four bits of the key choose among neighbours. */
export function invertedHash(keyLo: number, tag: number): number {
  return hashedHash(keyLo >>> 4, tag) ^ (keyLo & 15);
}

/** Word 3 of the record of a leaf: high half of its key, level 1..3, address space. */
export function invertedTag(keyHi: number, level: number, space: number): number {
  return keyHi | (level << INVERTED_LEVEL_SHIFT) | (space << INVERTED_SPACE_SHIFT);
}
