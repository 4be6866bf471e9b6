/**
 * How a hashed page table lies in RAM: what a walker needs to find an entry. Hot: per walk.
 *
 * One open-addressed table of records per leaf level, probed from the smallest pages up. A record holds the entries of one
 * aligned group of pages, 16 at level 1 and one at levels 2 and 3, behind a tag:
 *
 *     word 0   key bits 0..31                 key = page number / HASHED_KEY_PAGES[level]
 *     word 1   bits 0..12 key bits 32..44 | 16..20 non-empty entries (software) | 31 in use
 *     word 2.. the entries, two words each, canonical form (pte.ts)
 *
 * A frame holds HASHED_RECORDS[level] records from word 0 on; the words behind them are zero. A table has a power of two of
 * frames; the root frame tells where they are:
 *
 *     word 4 * (level - 1)       record frames: 0 (no table) or a power of two
 *     word 4 * (level - 1) + 1   0: the list holds frame numbers of record frames; 1: of directory frames, which hold 1024
 *                                frame numbers of record frames each
 *     word HASHED_LIST[level]..  the list, HASHED_LIST_WORDS[level] words
 *
 * A look-up starts at record `hashedHomeRecord(hash)` of frame `hash & (frames - 1)` and goes on record by record, frame by
 * frame, from the last to the first, until the tag matches or a record is not in use. A table is never full.
 * Source: Talluri, Hill, Khalidi 1995, "A New Page Table for 64-bit Address Spaces" (clustered entries); Yaniv, Tsafrir 2016,
 * "Hash, Don't Cache (the Page Table)" (open addressing); Knuth vol. 3 section 6.4, algorithm R (deletion).
 */

/** Pages that share a record, by level: 16 pages, one 2 MiB leaf, one 1 GiB leaf. */
export const HASHED_KEY_PAGES: readonly number[] = [0, 16, 512, 262144];
/** Entries in a record, words of a record, records in a frame, by level. */
export const HASHED_ENTRIES: readonly number[] = [0, 16, 1, 1];
export const HASHED_RECORD_WORDS: readonly number[] = [0, 34, 4, 4];
export const HASHED_RECORDS: readonly number[] = [0, 30, 256, 256];
/** First word and words of the root's frame list, by level. */
export const HASHED_LIST: readonly number[] = [0, 64, 576, 832];
export const HASHED_LIST_WORDS: readonly number[] = [0, 512, 256, 128];
/** Words before a record's first entry. */
export const HASHED_TAG_WORDS = 2;
/** In word 1 of a record: in use; the bits that a key is compared with. */
export const HASHED_IN_USE: number = 1 << 31;
export const HASHED_TAG_MASK: number = HASHED_IN_USE | 0x1fff;
/** In word 1: one non-empty entry, and the field that counts them. */
export const HASHED_COUNT_ONE: number = 1 << 16;
export const HASHED_COUNT_MASK: number = 31 << 16;

/** Hash of a key's halves, int32. */
export function hashedHash(keyLo: number, keyHi: number): number {
  let hash = keyLo ^ Math.imul(keyHi, 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}

/** First record to look at in the frame that a hash picks, of `nrRecords` in a frame. */
export function hashedHomeRecord(hash: number, nrRecords: number): number {
  return ((hash >>> 16) * nrRecords) >>> 16;
}
