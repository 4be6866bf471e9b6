/**
 * One swap area (swap_info_struct). Hot: per page swapped.
 *
 *     swapMap       uint8 per slot: page-table entries that name it, up to SWAP_MAP_MAX
 *     continuation  what a count has above SWAP_MAP_MAX, by slot
 *     cached        int32 per slot: frame in the swap cache, NO_PFN, or the shadow that the last one left: -2 - shadow
 *     isZeroFilled  uint8 per slot: the page is all zeros and was not written (zeromap)
 *
 * Invariant: between calls of SwapAreas a slot is in use exactly when its count is above 0 or a page of it is cached.
 * Source: Linux 6.18 include/linux/swap.h, mm/swapfile.c. Differs: SWAP_HAS_CACHE of swap_map is `cached` here.
 */
import { bug, NO_PFN, NO_SHADOW, type Pfn, type SwapBackend, type SwapSlots } from "@pageframe/contracts";

/** Largest count that fits a slot's byte; more goes to the continuation, as in Linux. */
export const SWAP_MAP_MAX = 0x3e;

/** What stands for shadow 0 among the frames of the swap cache; larger shadows lie below. */
const FIRST_SHADOW = -2;

/** What /proc/swaps calls the kinds of area. */
export type SwapKind = "file" | "partition";

/** State of one area. */
export class SwapArea {
  readonly type: number;
  readonly name: string;
  readonly kind: SwapKind;
  /** Higher goes first; -2 and below were given by the kernel. Changes when another area goes. */
  priority: number;
  readonly slots: SwapSlots;
  readonly backend: SwapBackend;
  /** Is a write over when the call returns, and a read so quick that reading ahead is in vain (SWP_SYNCHRONOUS_IO)? */
  readonly isSynchronousIo: boolean;
  /** Does each read cost a seek, so that neighbours on the device are read ahead? */
  readonly isRotational: boolean;
  readonly swapMap: Uint8Array;
  readonly continuation = new Map<number, number>();
  readonly cached: Int32Array;
  readonly isZeroFilled: Uint8Array;

  constructor(
    type: number,
    name: string,
    kind: SwapKind,
    priority: number,
    slots: SwapSlots,
    backend: SwapBackend,
    isSynchronousIo: boolean,
    isRotational: boolean,
  ) {
    this.type = type;
    this.name = name;
    this.kind = kind;
    this.priority = priority;
    this.slots = slots;
    this.backend = backend;
    this.isSynchronousIo = isSynchronousIo;
    this.isRotational = isRotational;
    this.swapMap = new Uint8Array(slots.nrSlots);
    this.cached = new Int32Array(slots.nrSlots).fill(NO_PFN);
    this.isZeroFilled = new Uint8Array(slots.nrSlots);
  }

  /** Slots that pages can have: all but the header's. */
  get nrPages(): number {
    return this.slots.nrSlots - 1;
  }

  get nrUsedPages(): number {
    return this.nrPages - this.slots.nrFree;
  }

  /** Entries that name a slot. */
  countOf(offset: number): number {
    const count = this.swapMap[offset];
    return count < SWAP_MAP_MAX ? count : count + (this.continuation.get(offset) ?? 0);
  }

  /** Adds one entry. */
  increment(offset: number): void {
    if (this.swapMap[offset] < SWAP_MAP_MAX) this.swapMap[offset]++;
    else this.continuation.set(offset, (this.continuation.get(offset) ?? 0) + 1);
  }

  /** Takes one entry away; returns those left. Calls bug() when there was none. */
  decrement(offset: number): number {
    const count = this.countOf(offset);
    if (count === 0) bug(`swap slot ${offset} of ${this.name} is given back and nothing names it`);
    if (count > SWAP_MAP_MAX + 1) this.continuation.set(offset, count - SWAP_MAP_MAX - 1);
    else if (count === SWAP_MAP_MAX + 1) this.continuation.delete(offset);
    else this.swapMap[offset]--;
    return count - 1;
  }

  /** Gives a slot back. */
  release(offset: number): void {
    this.isZeroFilled[offset] = 0;
    this.cached[offset] = NO_PFN;
    this.slots.freeSlot(offset);
  }

  /** Is a page of the slot in the swap cache? */
  isCached(offset: number): boolean {
    return this.cached[offset] >= 0;
  }

  /** Frame that the swap cache has for a slot, or NO_PFN. */
  cachedAt(offset: number): Pfn {
    return Math.max(NO_PFN, this.cached[offset]);
  }

  /** Shadow of the page that reclaim took last from a slot, or NO_SHADOW. */
  shadowAt(offset: number): number {
    const entry = this.cached[offset];
    return entry < NO_PFN ? FIRST_SHADOW - entry : NO_SHADOW;
  }

  /** Puts a shadow, or NO_SHADOW, in the place of a page of the swap cache. */
  uncache(offset: number, shadow: number): void {
    this.cached[offset] = shadow === NO_SHADOW ? NO_PFN : FIRST_SHADOW - shadow;
  }
}
