/** The exchangeable part of a page allocator: which frames of one zone are free, and which of them to take. */

/**
 * Keeps the free frames of every zone. It counts NR_FREE_PAGES and its kin; watermarks, zonelists, per-CPU lists and the
 * state of handed-out pages are the page allocator's. Blocks it gives out have no flags and are on no list.
 */
export interface FrameCore {
  /** Migratetype that an allocation asks for, by the low five bits of its gfp flags. */
  readonly migratetypes: Uint8Array;
  /** Takes 2^order frames; returns the first or NO_PFN. `allocFlags` are ALLOC_*. */
  rmqueue(zoneId: number, order: number, migratetype: number, allocFlags: number): number;
  /** Takes up to `nr` blocks and writes their first frames to `into` from index `at` on; returns how many. */
  rmqueueBulk(
    zoneId: number,
    order: number,
    nr: number,
    migratetype: number,
    allocFlags: number,
    into: Int32Array,
    at: number,
  ): number;
  /** Takes back a block, which has no flags and is on no list; `toTail` to be used last. */
  freeOnePage(pfn: number, zoneId: number, order: number, toTail: boolean): void;
  /** Is there a block for this order that the flags may use? */
  hasFreeBlock(zoneId: number, order: number, allocFlags: number): boolean;
  /** NR_FREE_PAGES of the zone. */
  nrFreePages(zoneId: number): number;
  nrFreeBlocks(zoneId: number, order: number): number;
  nrFreeBlocksOfType(zoneId: number, order: number, migratetype: number): number;
  /** Sets the pageblock of a block just taken aside for atomic high orders, if there is room for more. */
  reserveHighatomic(pfn: number, zoneId: number, order: number): void;
  /** Gives one such pageblock back for `migratetype`, the last one only when forced; false when none could be. */
  unreserveHighatomic(zoneId: number, migratetype: number, isForced: boolean): boolean;
  /** Marks the frames it holds free in `isFree` (0 before); calls bug() on a contradiction. O(frames). */
  checkInvariants(isFree: Uint8Array): void;
}
