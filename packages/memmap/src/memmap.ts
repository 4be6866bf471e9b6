/**
 * `struct page` as typed arrays: one row per frame, one array per field. Hot: per page.
 *
 *     flags     int32    PG_* bits and the order (page-flags.ts in contracts)
 *     refcount  int32    references; 0 = free
 *     mapcount  int32    page-table entries that map the frame. Differs: Linux stores it less one
 *     mapping   int32    file that the page belongs to, -1 for none; of a tail page: the pfn of its head
 *     index     float64  page offset in the file, or vpn for anonymous memory
 *     private   int32    owner's word: swap entry of a PG_SWAPCACHE page (NO_SWAP_ENTRY: -1), slab cache, table level
 *     zoneId    uint8    nodeId * MAX_NR_ZONES + zoneType, or NO_ZONE where there is no RAM
 *     next prev          list links, in `lists`
 *
 * A large folio is a compound page: its state (flags, refcount, mapping, index) is its head's, `mapcount` is each page's own.
 * The methods below take any page of a folio where it says so, as PageXxx() and get_page() do.
 *
 * and one byte per pageblock of 512 frames: its migratetype.
 * Source: Linux 6.18 include/linux/mm_types.h, struct page.
 */
import {
  bug,
  EINVAL,
  KernelError,
  MAX_PFN,
  MIGRATE_MOVABLE,
  NO_SWAP_ENTRY,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
  type Order,
  PG_HEAD,
  PG_ORDER_MASK,
  PG_ORDER_SHIFT,
  PG_TAIL,
  pageFlagsOrder,
  type Pfn,
} from "@pageframe/contracts";
import { RowLists } from "./lists.ts";

/** `zoneId` of a frame without RAM behind it. */
export const NO_ZONE = 255;
/** `mapping` of a page that belongs to no file. */
export const NO_MAPPING = -1;
/** Bytes of a struct page in Linux: what the memmap itself costs the machine. */
export const STRUCT_PAGE_BYTES = 64;

/** The rows of all frames from 0 to nrFrames - 1. */
export class Memmap {
  readonly nrFrames: number;
  readonly flags: Int32Array;
  readonly refcount: Int32Array;
  readonly mapcount: Int32Array;
  readonly mapping: Int32Array;
  readonly index: Float64Array;
  readonly private: Int32Array;
  readonly zoneId: Uint8Array;
  readonly pageblockMigratetype: Uint8Array;
  readonly lists: RowLists;

  /** `maxListHeads` bounds the lists that allocator, slab and reclaim make together. */
  constructor(nrFrames: number, maxListHeads = 8192) {
    if (!Number.isInteger(nrFrames) || nrFrames < 1 || nrFrames + maxListHeads > MAX_PFN) {
      throw new KernelError(
        EINVAL,
        `nrFrames (${nrFrames}) must be an integer from 1 to ${MAX_PFN - maxListHeads}`,
      );
    }
    this.nrFrames = nrFrames;
    this.flags = new Int32Array(nrFrames);
    this.refcount = new Int32Array(nrFrames);
    this.mapcount = new Int32Array(nrFrames);
    this.mapping = new Int32Array(nrFrames).fill(NO_MAPPING);
    this.index = new Float64Array(nrFrames);
    this.private = new Int32Array(nrFrames).fill(NO_SWAP_ENTRY);
    this.zoneId = new Uint8Array(nrFrames).fill(NO_ZONE);
    this.pageblockMigratetype = new Uint8Array(Math.ceil(nrFrames / PAGEBLOCK_NR_PAGES)).fill(
      MIGRATE_MOVABLE,
    );
    this.lists = new RowLists(nrFrames, maxListHeads);
  }

  /** Takes a reference to the folio of a page (get_page). */
  getPage(pfn: Pfn): void {
    this.refcount[this.compoundHead(pfn)]++;
  }

  /** Drops a reference to the folio of a page; true when it was the last (put_page_testzero). Calls bug() below zero. */
  putPageTestzero(pfn: Pfn): boolean {
    const left = --this.refcount[this.compoundHead(pfn)];
    if (left < 0) bug(`refcount of pfn ${pfn} fell to ${left}`);
    return left === 0;
  }

  /** Sets flag bits of the folio of a page. */
  setFlags(pfn: Pfn, bits: number): void {
    this.flags[this.compoundHead(pfn)] |= bits;
  }

  /** Clears flag bits of the folio of a page. */
  clearFlags(pfn: Pfn, bits: number): void {
    this.flags[this.compoundHead(pfn)] &= ~bits;
  }

  /** Has the folio of a page any of the bits? */
  hasFlags(pfn: Pfn, bits: number): boolean {
    return (this.flags[this.compoundHead(pfn)] & bits) !== 0;
  }

  /** Migratetype of the pageblock that holds a frame. */
  migratetypeOf(pfn: Pfn): number {
    return this.pageblockMigratetype[pfn >>> PAGEBLOCK_ORDER];
  }

  /** Makes 2^order frames one compound page (prep_compound_page). O(2^order). */
  prepCompound(head: Pfn, order: Order): void {
    this.flags[head] = (this.flags[head] & ~PG_ORDER_MASK) | PG_HEAD | (order << PG_ORDER_SHIFT);
    const end = head + 2 ** order;
    for (let tail = head + 1; tail < end; tail++) {
      this.flags[tail] |= PG_TAIL;
      this.mapping[tail] = head;
    }
  }

  /** Takes a compound page apart (destroy). O(2^order). */
  destroyCompound(head: Pfn): void {
    const end = head + 2 ** this.compoundOrder(head);
    this.flags[head] &= ~(PG_HEAD | PG_ORDER_MASK);
    for (let tail = head + 1; tail < end; tail++) {
      if ((this.flags[tail] & PG_TAIL) === 0) bug(`pfn ${tail} is not a tail of compound page ${head}`);
      this.flags[tail] &= ~PG_TAIL;
      this.mapping[tail] = NO_MAPPING;
    }
  }

  /** Head of the compound page that a frame belongs to; the frame itself when to none (compound_head). */
  compoundHead(pfn: Pfn): Pfn {
    return (this.flags[pfn] & PG_TAIL) !== 0 ? this.mapping[pfn] : pfn;
  }

  /** Order of a compound page by its head; 0 for a single page (compound_order). */
  compoundOrder(head: Pfn): Order {
    return (this.flags[head] & PG_HEAD) !== 0 ? pageFlagsOrder(this.flags[head]) : 0;
  }

  /** Pages of the folio that a frame heads; 1 for a single page (folio_nr_pages). */
  nrFolioPages(head: Pfn): number {
    return (this.flags[head] & PG_HEAD) === 0 ? 1 : 1 << pageFlagsOrder(this.flags[head]);
  }

  /** Page-table entries that map any page of a folio, by its head (folio_mapcount). O(pages of the folio). */
  folioMapcount(head: Pfn): number {
    let sum = this.mapcount[head];
    const end = head + this.nrFolioPages(head);
    for (let page = head + 1; page < end; page++) sum += this.mapcount[page];
    return sum;
  }

  /** Page offset in its file of a page in the page cache, a tail's too (folio_pgoff, page_pgoff). */
  pgoffOf(pfn: Pfn): number {
    const head = this.compoundHead(pfn);
    return this.index[head] + (pfn - head);
  }

  /** Checks compound pages: every head has its tails, every tail its head. O(frames). */
  checkInvariants(): void {
    for (let pfn = 0; pfn < this.nrFrames; pfn++) {
      if ((this.flags[pfn] & PG_HEAD) !== 0) {
        const end = pfn + 2 ** this.compoundOrder(pfn);
        for (let tail = pfn + 1; tail < end; tail++) {
          if ((this.flags[tail] & PG_TAIL) === 0 || this.mapping[tail] !== pfn) {
            bug(`pfn ${tail} should be a tail of compound page ${pfn}`);
          }
        }
      }
      if ((this.flags[pfn] & PG_TAIL) !== 0) {
        const head = this.mapping[pfn];
        if (
          head >= pfn ||
          (this.flags[head] & PG_HEAD) === 0 ||
          pfn >= head + 2 ** this.compoundOrder(head)
        ) {
          bug(`pfn ${pfn} is a tail of ${head}, which is no head of it`);
        }
      }
    }
  }
}
