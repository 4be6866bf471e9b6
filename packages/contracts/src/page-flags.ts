/**
 * The `flags` word of `struct page` in the memmap, int32:
 *
 *     bits  0..22   PG_* below
 *     bits 23..26   order: of the free block this frame heads (PG_BUDDY), or of the compound page (PG_HEAD)
 *
 * Bits have Linux's numbers. Linux keeps PG_buddy, PG_slab and PG_table in page_type, the order in page->private or the
 * second tail, and "anon" in page->mapping; Differs: here they share the word (in bits whose Linux meaning is not
 * modelled: 7 waiters, 12 arch_1, 15 private_2, 19 dropbehind, 21), so that a buddy check is one comparison.
 * Source: Linux 6.18 include/linux/page-flags.h.
 */
import { type BitNames, namesOfBits } from "./bit-names.ts";

export const PG_LOCKED: number = 1 << 0;
export const PG_WRITEBACK: number = 1 << 1;
export const PG_REFERENCED: number = 1 << 2;
export const PG_UPTODATE: number = 1 << 3;
export const PG_DIRTY: number = 1 << 4;
export const PG_LRU: number = 1 << 5;
export const PG_HEAD: number = 1 << 6;
export const PG_WORKINGSET: number = 1 << 9;
export const PG_OWNER_2: number = 1 << 11;
export const PG_RESERVED: number = 1 << 13;
export const PG_PRIVATE: number = 1 << 14;
export const PG_RECLAIM: number = 1 << 16;
/** Of a page that is not being written: who comes here wants the next window read (the same bit). */
export const PG_READAHEAD: number = PG_RECLAIM;
export const PG_SWAPBACKED: number = 1 << 17;
export const PG_UNEVICTABLE: number = 1 << 18;
export const PG_MLOCKED: number = 1 << 20;
/** Same bit as PG_owner_priv_1 in Linux. */
export const PG_SWAPCACHE: number = 1 << 10;
export const PG_ACTIVE: number = 1 << 8;
/** Frame belongs to a compound page and is not its head. Differs: Linux tests bit 0 of compound_head. */
export const PG_TAIL: number = 1 << 7;
/** Frame heads a free block in the buddy allocator (page_type PGTY_buddy). */
export const PG_BUDDY: number = 1 << 12;
/** Frame belongs to a slab (PGTY_slab). */
export const PG_SLAB: number = 1 << 15;
/** Frame holds a page table (PGTY_table). */
export const PG_TABLE: number = 1 << 19;
/** Mapped anonymous memory (FOLIO_MAPPING_ANON in `mapping`). */
export const PG_ANON: number = 1 << 21;
/** The page's only mapping owns it: a write may reuse it (PG_anon_exclusive). Same bit as PG_owner_2. */
export const PG_ANON_EXCLUSIVE: number = PG_OWNER_2;

export const PG_ORDER_SHIFT = 23;
export const PG_ORDER_MASK: number = 15 << PG_ORDER_SHIFT;
/** All PG_* bits, without the order. */
export const PG_FLAGS_MASK: number = (1 << PG_ORDER_SHIFT) - 1;
/** What a page must not carry when it is freed or handed out (PAGE_FLAGS_CHECK_AT_FREE). */
export const PG_CHECK_AT_FREE: number =
  PG_LOCKED | PG_WRITEBACK | PG_LRU | PG_RESERVED | PG_PRIVATE | PG_UNEVICTABLE | PG_MLOCKED | PG_BUDDY;

/** Reads the order from a flags word. */
export function pageFlagsOrder(flags: number): number {
  return (flags & PG_ORDER_MASK) >>> PG_ORDER_SHIFT;
}

/** Names for messages, lowest bit first. */
export const PAGE_FLAG_NAMES: BitNames = [
  [PG_LOCKED, "locked"],
  [PG_WRITEBACK, "writeback"],
  [PG_REFERENCED, "referenced"],
  [PG_UPTODATE, "uptodate"],
  [PG_DIRTY, "dirty"],
  [PG_LRU, "lru"],
  [PG_HEAD, "head"],
  [PG_ACTIVE, "active"],
  [PG_WORKINGSET, "workingset"],
  [PG_SWAPCACHE, "swapcache"],
  [PG_OWNER_2, "anon_exclusive"],
  [PG_RESERVED, "reserved"],
  [PG_PRIVATE, "private"],
  [PG_RECLAIM, "reclaim"],
  [PG_SWAPBACKED, "swapbacked"],
  [PG_UNEVICTABLE, "unevictable"],
  [PG_MLOCKED, "mlocked"],
  [PG_TAIL, "tail"],
  [PG_BUDDY, "buddy"],
  [PG_SLAB, "slab"],
  [PG_TABLE, "table"],
  [PG_ANON, "anon"],
];

/** Spells a flags word, such as `lru|active|swapbacked`. */
export function pageFlagsToString(flags: number): string {
  return namesOfBits(PAGE_FLAG_NAMES, flags).join("|");
}
