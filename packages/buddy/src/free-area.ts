/**
 * Free lists of the buddy allocator: per zone, migratetype and order one list of blocks. Hot: per block.
 *
 *     list head   headOf[zone] + migratetype * NR_PAGE_ORDERS + order, a row of memmap.lists; headOf is -1 without RAM
 *     nonEmpty    one word per (zone, migratetype): bit `order` is set when that list holds a block
 *     nrFree      blocks per (zone, order), all migratetypes
 *
 * The first frame of a listed block has flags `PG_BUDDY | order << PG_ORDER_SHIFT` and no others, its other frames have
 * none. Invariant: a block on a list of type T below pageblock size lies in a pageblock of type T.
 * Source: Linux 6.18 include/linux/mmzone.h, struct free_area; mm/page_alloc.c, __add_to_free_list(),
 * __del_page_from_free_list().
 */
import {
  MIGRATE_ISOLATE,
  MIGRATE_TYPES,
  NR_FREE_PAGES_BLOCKS,
  NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER,
  PG_BUDDY,
  PG_ORDER_SHIFT,
} from "@pageframe/contracts";
import { type Memmap, NOT_LISTED, type VmStat } from "@pageframe/memmap";
import { type ZoneTable } from "./zone-table.ts";

const LISTS_PER_ZONE: number = MIGRATE_TYPES * NR_PAGE_ORDERS;

/** The free lists of all zones. */
export class FreeAreas {
  readonly headOf: Int32Array;
  readonly nonEmpty: Int32Array;
  readonly nrFree: Int32Array;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  private readonly flags: Int32Array;
  private readonly vmstat: VmStat;

  constructor(memmap: Memmap, vmstat: VmStat, table: ZoneTable) {
    this.headOf = new Int32Array(table.nrZones).fill(-1);
    this.nonEmpty = new Int32Array(table.nrZones * MIGRATE_TYPES);
    this.nrFree = new Int32Array(table.nrZones * NR_PAGE_ORDERS);
    this.next = memmap.lists.next;
    this.prev = memmap.lists.prev;
    this.flags = memmap.flags;
    this.vmstat = vmstat;
    for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
      if (table.present[zoneId] > 0) this.headOf[zoneId] = memmap.lists.newHeads(LISTS_PER_ZONE);
    }
  }

  /** Head row of one list. */
  head(zoneId: number, migratetype: number, order: number): number {
    return this.headOf[zoneId] + migratetype * NR_PAGE_ORDERS + order;
  }

  /** Puts a block first, to be used soon. */
  addFirst(zoneId: number, migratetype: number, order: number, pfn: number): void {
    const { next, prev } = this;
    const head = this.headOf[zoneId] + migratetype * NR_PAGE_ORDERS + order;
    const first = next[head];
    next[pfn] = first;
    prev[pfn] = head;
    prev[first] = pfn;
    next[head] = pfn;
    this.noteAdded(zoneId, migratetype, order, pfn);
  }

  /** Puts a block last, to give its neighbours time to become free. */
  addLast(zoneId: number, migratetype: number, order: number, pfn: number): void {
    const { next, prev } = this;
    const head = this.headOf[zoneId] + migratetype * NR_PAGE_ORDERS + order;
    const last = prev[head];
    prev[pfn] = last;
    next[pfn] = head;
    next[last] = pfn;
    prev[head] = pfn;
    this.noteAdded(zoneId, migratetype, order, pfn);
  }

  /** Takes a block off its list and clears its flags. */
  remove(zoneId: number, migratetype: number, order: number, pfn: number): void {
    const { next, prev } = this;
    const after = next[pfn];
    const before = prev[pfn];
    next[before] = after;
    prev[after] = before;
    next[pfn] = NOT_LISTED;
    prev[pfn] = NOT_LISTED;
    this.flags[pfn] = 0;
    this.nrFree[zoneId * NR_PAGE_ORDERS + order]--;
    // Both neighbours are the head: the list is empty now.
    if (after === before) this.nonEmpty[zoneId * MIGRATE_TYPES + migratetype] &= ~(1 << order);
    if (order >= PAGEBLOCK_ORDER && migratetype !== MIGRATE_ISOLATE) {
      this.vmstat.modZone(zoneId, NR_FREE_PAGES_BLOCKS, -(1 << order));
    }
  }

  /** First block of a list; the list must not be empty. */
  first(zoneId: number, migratetype: number, order: number): number {
    return this.next[this.headOf[zoneId] + migratetype * NR_PAGE_ORDERS + order];
  }

  private noteAdded(zoneId: number, migratetype: number, order: number, pfn: number): void {
    this.flags[pfn] = PG_BUDDY | (order << PG_ORDER_SHIFT);
    this.nonEmpty[zoneId * MIGRATE_TYPES + migratetype] |= 1 << order;
    this.nrFree[zoneId * NR_PAGE_ORDERS + order]++;
    if (order >= PAGEBLOCK_ORDER && migratetype !== MIGRATE_ISOLATE) {
      this.vmstat.modZone(zoneId, NR_FREE_PAGES_BLOCKS, 1 << order);
    }
  }
}
