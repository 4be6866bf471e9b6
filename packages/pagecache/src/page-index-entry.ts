/**
 * What a slot of the page index holds, in one int32. Hot: per lookup.
 *
 *     0 .. 2^31-1          a page: its pfn; for a large folio the pfn of its head, in its first slot
 *     -1                   nothing (NO_PFN)
 *     -2 .. -64            sibling: this slot belongs to the large entry whose first slot is -2 - entry
 *     -66 .. -2^30         a node one level down: -66 - entry
 *     -2^31 .. -2^30-1     a shadow: its low 30 bits
 *
 * Source: Linux 6.18 include/linux/xarray.h, "Entry types", and lib/xarray.c, xa_is_sibling(). Differs: Linux tells them apart
 * by the low bits of a pointer.
 */
import { MAX_SHADOW } from "@pageframe/contracts";

/** log2 of the slots of a node, and how many there are (XA_CHUNK_SHIFT, XA_CHUNK_SIZE). */
export const INDEX_SHIFT = 6;
export const INDEX_SLOTS = 64;
export const SLOT_MASK = 63;
/** Tallest node whose indices are all below 2^30. */
export const MAX_NEAR_SHIFT = 24;
export const TWO_30 = 0x40000000;

/** No entry. */
export const NOTHING = -1;
const FIRST_SIBLING = -2;
const FIRST_NODE = -66;
const LAST_NODE = -0x40000000;
const SHADOW_BIT = -0x80000000;

/** Is an entry of the index (PageIndex.loadEntry) a shadow? */
export function isShadowEntry(entry: number): boolean {
  return entry < LAST_NODE;
}

/** Shadow in a shadow entry. */
export function shadowOfEntry(entry: number): number {
  return entry & MAX_SHADOW;
}

/** Entry that holds a shadow of 0..MAX_SHADOW. */
export function shadowEntry(shadow: number): number {
  return shadow | SHADOW_BIT;
}

export function isNodeEntry(entry: number): boolean {
  return entry <= FIRST_NODE && entry >= LAST_NODE;
}

export function nodeOfEntry(entry: number): number {
  return FIRST_NODE - entry;
}

export function nodeEntry(node: number): number {
  return FIRST_NODE - node;
}

export function isSiblingEntry(entry: number): boolean {
  return entry <= FIRST_SIBLING && entry > FIRST_NODE;
}

/** First slot of the large entry that a sibling belongs to; converts both ways. */
export function siblingOf(offset: number): number {
  return FIRST_SIBLING - offset;
}

/** 2^shift, by shift: up to that of the tallest tree. */
const SPANS: Float64Array = Float64Array.from({ length: 49 }, (_, shift) => 2 ** shift);

/** Pages that a slot of a node of this shift spans: 2^shift. */
export function spanOf(shift: number): number {
  return shift <= MAX_NEAR_SHIFT ? 1 << shift : SPANS[shift];
}

/** First index of the slot of a node of this shift that an index is in. */
export function slotStart(pgoff: number, shift: number): number {
  if (pgoff < TWO_30) return shift <= MAX_NEAR_SHIFT ? (pgoff >> shift) << shift : 0;
  return Math.floor(pgoff / SPANS[shift]) * SPANS[shift];
}

/** Slot of an index in a node of this shift. */
export function offsetOf(pgoff: number, shift: number): number {
  if (pgoff < TWO_30) return shift <= MAX_NEAR_SHIFT ? (pgoff >> shift) & SLOT_MASK : 0;
  const high = Math.floor(pgoff / TWO_30);
  if (shift <= MAX_NEAR_SHIFT) return ((pgoff - high * TWO_30) >> shift) & SLOT_MASK;
  return (high >> (shift - MAX_NEAR_SHIFT - INDEX_SHIFT)) & SLOT_MASK;
}
