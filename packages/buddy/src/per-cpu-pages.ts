/**
 * Per-CPU lists of pages in front of the zones: most allocations and frees end here. Hot: per page.
 *
 * One record of int32 words per (zone with RAM, CPU), at `recordOf[zone] + cpu * PCP_WORDS`:
 *
 *     PCP_COUNT         pages on the lists
 *     PCP_HIGH          pages above which a free gives some back; moves between the next two
 *     PCP_HIGH_MIN, PCP_HIGH_MAX
 *     PCP_BATCH         pages that move at a time, at least
 *     PCP_FLAGS         PREV_FREE_HIGH_ORDER: the last free was of order 1..3
 *     PCP_ALLOC_FACTOR  refills in a row double the batch up to 2^5 times
 *     PCP_FREE_COUNT    pages freed in a row; widens what is given back at a time
 *     PCP_HEADS         row of the first of NR_PCP_LISTS list heads: `order * 3 + migratetype` for orders 0..3,
 *                       then 2 MiB pages: not movable, movable
 *
 * Pages on these lists have refcount 0 and no flags.
 * Source: Linux 6.18 mm/page_alloc.c: nr_pcp_alloc(), nr_pcp_high(), nr_pcp_free(), free_pcppages_bulk(),
 * free_frozen_page_commit(), decay_pcp_high().
 * Differs: no cache-size hint (PCPF_FREE_HIGH_BATCH); decay is a step that the kernel calls, not a timer.
 */
import {
  bug,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  NO_PFN,
  PAGE_ALLOC_COSTLY_ORDER,
  PAGEBLOCK_ORDER,
  TP_MM_PAGE_PCPU_DRAIN,
  WMARK_HIGH,
} from "@pageframe/contracts";
import { type Memmap, NOT_LISTED } from "@pageframe/memmap";
import { type FrameCore } from "./frame-core.ts";
import { ZONE_BELOW_HIGH, ZONE_RECLAIM_ACTIVE, type ZoneTable } from "./zone-table.ts";

export const PCP_COUNT = 0;
export const PCP_HIGH = 1;
export const PCP_HIGH_MIN = 2;
export const PCP_HIGH_MAX = 3;
export const PCP_BATCH = 4;
export const PCP_FLAGS = 5;
export const PCP_ALLOC_FACTOR = 6;
export const PCP_FREE_COUNT = 7;
export const PCP_HEADS = 8;
export const PCP_WORDS = 9;

const NR_LOWORDER_PCP_LISTS: number = MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1);
/** Lists of one CPU and zone: three types in four orders, and two for huge pages. */
export const NR_PCP_LISTS: number = NR_LOWORDER_PCP_LISTS + 2;
/** Batches grow to 2^5 times their size (CONFIG_PCP_BATCH_SCALE_MAX). */
const PCP_BATCH_SCALE_MAX = 5;
const PREV_FREE_HIGH_ORDER = 1;

/** Do per-CPU lists hold blocks of this order? */
export function isPcpOrder(order: number): boolean {
  return order <= PAGE_ALLOC_COSTLY_ORDER || order === PAGEBLOCK_ORDER;
}

/** List index for a block. */
export function pcpIndex(migratetype: number, order: number): number {
  if (order === PAGEBLOCK_ORDER) return NR_LOWORDER_PCP_LISTS + (migratetype === MIGRATE_MOVABLE ? 1 : 0);
  return order * MIGRATE_PCPTYPES + migratetype;
}

/** Order of the blocks on a list. */
export function pcpIndexOrder(index: number): number {
  return index >= NR_LOWORDER_PCP_LISTS ? PAGEBLOCK_ORDER : Math.floor(index / MIGRATE_PCPTYPES);
}

/** The lists of all CPUs and zones. */
export class PerCpuPages {
  readonly nrCpus: number;
  /** Index in `words` of a zone's first record, -1 for a zone without RAM. */
  readonly recordOf: Int32Array;
  readonly words: Int32Array;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  private readonly core: FrameCore;
  private readonly table: ZoneTable;
  private readonly memmap: Memmap;

  constructor(memmap: Memmap, table: ZoneTable, core: FrameCore, nrCpus: number) {
    this.nrCpus = nrCpus;
    this.recordOf = new Int32Array(table.nrZones).fill(-1);
    let nrWords = 0;
    for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
      if (table.present[zoneId] === 0) continue;
      this.recordOf[zoneId] = nrWords;
      nrWords += nrCpus * PCP_WORDS;
    }
    this.words = new Int32Array(nrWords);
    for (let at = 0; at < nrWords; at += PCP_WORDS) {
      this.words[at + PCP_HEADS] = memmap.lists.newHeads(NR_PCP_LISTS);
      this.words[at + PCP_BATCH] = 1;
    }
    this.next = memmap.lists.next;
    this.prev = memmap.lists.prev;
    this.core = core;
    this.table = table;
    this.memmap = memmap;
  }

  /** Sets batch and bounds of a zone's lists on all CPUs. Counts stay. */
  setLimits(zoneId: number, batch: number, highMin: number, highMax: number): void {
    const { words } = this;
    const first = this.recordOf[zoneId];
    if (first < 0) return;
    for (let at = first; at < first + this.nrCpus * PCP_WORDS; at += PCP_WORDS) {
      words[at + PCP_BATCH] = batch;
      words[at + PCP_HIGH_MIN] = highMin;
      words[at + PCP_HIGH_MAX] = highMax;
    }
  }

  /** Takes a block, refilling from the zone when the list is empty; NO_PFN when the zone has none either. */
  take(zoneId: number, cpu: number, order: number, migratetype: number, allocFlags: number): number {
    const { words, next, prev } = this;
    const at = this.recordOf[zoneId] + cpu * PCP_WORDS;
    words[at + PCP_FREE_COUNT] >>= 1;
    const head = words[at + PCP_HEADS] + pcpIndex(migratetype, order);
    let row = next[head];
    if (row === head) {
      const nr = this.refillSize(at, zoneId, order);
      const nrTaken = this.core.rmqueueBulk(zoneId, order, nr, head, migratetype, allocFlags);
      words[at + PCP_COUNT] += nrTaken << order;
      row = next[head];
      if (row === head) return NO_PFN;
    }
    const after = next[row];
    next[head] = after;
    prev[after] = head;
    next[row] = NOT_LISTED;
    prev[row] = NOT_LISTED;
    words[at + PCP_COUNT] -= 1 << order;
    return row;
  }

  /** Puts a block on its list and gives some back to the zone when there are too many. */
  give(pfn: number, zoneId: number, cpu: number, order: number, migratetype: number): void {
    const { words, next, prev } = this;
    const at = this.recordOf[zoneId] + cpu * PCP_WORDS;
    words[at + PCP_ALLOC_FACTOR] >>= 1;
    const index = pcpIndex(migratetype, order);
    const head = words[at + PCP_HEADS] + index;
    const first = next[head];
    next[pfn] = first;
    prev[pfn] = head;
    prev[first] = pfn;
    next[head] = pfn;
    const count = words[at + PCP_COUNT] + (1 << order);
    words[at + PCP_COUNT] = count;
    const batch = words[at + PCP_BATCH];
    const nrFreed = words[at + PCP_FREE_COUNT];
    let isHighOrderRun = false;
    if (order > 0 && order <= PAGE_ALLOC_COSTLY_ORDER) {
      isHighOrderRun =
        nrFreed >= batch + (words[at + PCP_HIGH_MIN] >> 1) && words[at + PCP_FLAGS] === PREV_FREE_HIGH_ORDER;
      words[at + PCP_FLAGS] = PREV_FREE_HIGH_ORDER;
    } else {
      words[at + PCP_FLAGS] = 0;
    }
    if (nrFreed < batch << PCP_BATCH_SCALE_MAX) words[at + PCP_FREE_COUNT] = nrFreed + (1 << order);
    // PCP_HIGH starts at 0 and may be out of its bounds after they changed; then it is too low here at worst.
    if (count < words[at + PCP_HIGH] && !isHighOrderRun && this.table.flags[zoneId] === 0) return;
    this.giveBack(at, zoneId, index, isHighOrderRun);
  }

  /** Pages of a zone on all CPUs' lists. */
  countPages(zoneId: number): number {
    const first = this.recordOf[zoneId];
    if (first < 0) return 0;
    let nrPages = 0;
    for (let cpu = 0; cpu < this.nrCpus; cpu++) nrPages += this.words[first + cpu * PCP_WORDS + PCP_COUNT];
    return nrPages;
  }

  /** What /proc/zoneinfo shows of a zone's lists, by CPU. */
  collectViews(
    zoneId: number,
  ): { count: number; high: number; batch: number; highMin: number; highMax: number }[] {
    const first = this.recordOf[zoneId];
    if (first < 0) return [];
    return Array.from({ length: this.nrCpus }, (_, cpu) => {
      const at = first + cpu * PCP_WORDS;
      return {
        count: this.words[at + PCP_COUNT],
        high: this.words[at + PCP_HIGH],
        batch: this.words[at + PCP_BATCH],
        highMin: this.words[at + PCP_HIGH_MIN],
        highMax: this.words[at + PCP_HIGH_MAX],
      };
    });
  }

  /** Gives all pages of one CPU back to the zones (drain_pages). */
  drain(cpu: number): void {
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) {
      const first = this.recordOf[zoneId];
      if (first < 0) continue;
      const at = first + cpu * PCP_WORDS;
      this.freeBulk(at, zoneId, this.words[at + PCP_COUNT], 0);
    }
  }

  /** Lowers `high` of one CPU's lists by an eighth towards its minimum and gives back what is above (decay_pcp_high). */
  decay(cpu: number): void {
    const { words } = this;
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) {
      const first = this.recordOf[zoneId];
      if (first < 0) continue;
      const at = first + cpu * PCP_WORDS;
      const high = words[at + PCP_HIGH];
      if (high > words[at + PCP_HIGH_MIN]) {
        words[at + PCP_HIGH] = Math.max(
          words[at + PCP_COUNT] - (words[at + PCP_BATCH] << PCP_BATCH_SCALE_MAX),
          high - (high >> 3),
          words[at + PCP_HIGH_MIN],
        );
      }
      this.freeBulk(at, zoneId, words[at + PCP_COUNT] - words[at + PCP_HIGH], 0);
    }
  }

  /** Checks counts and that listed pages are free; sets `isFree` of them. O(pages listed). */
  checkInvariants(isFree: Uint8Array): void {
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) {
      const first = this.recordOf[zoneId];
      if (first < 0) continue;
      for (let cpu = 0; cpu < this.nrCpus; cpu++) this.checkRecord(first + cpu * PCP_WORDS, zoneId, isFree);
    }
  }

  private checkRecord(at: number, zoneId: number, isFree: Uint8Array): void {
    let nrPages = 0;
    for (let list = 0; list < NR_PCP_LISTS; list++) {
      const head = this.words[at + PCP_HEADS] + list;
      const size = 1 << pcpIndexOrder(list);
      nrPages += this.memmap.lists.checkList(head) * size;
      for (let row = this.next[head]; row !== head; row = this.next[row]) {
        for (let frame = row; frame < row + size; frame++) {
          if (isFree[frame] !== 0) bug(`frame ${frame} of a per-CPU list is free twice`);
          isFree[frame] = 1;
          const { flags, refcount, zoneId: zoneOf } = this.memmap;
          if (flags[frame] !== 0 || refcount[frame] !== 0 || zoneOf[frame] !== zoneId) {
            bug(`frame ${frame} of a per-CPU list has flags ${flags[frame]}, refcount ${refcount[frame]}`);
          }
        }
      }
    }
    const counted = this.words[at + PCP_COUNT];
    if (counted !== nrPages)
      bug(`per-CPU lists of zone ${zoneId} count ${counted} pages and hold ${nrPages}`);
  }

  /** Blocks to take from the zone at a refill (nr_pcp_alloc). */
  private refillSize(at: number, zoneId: number, order: number): number {
    const { words } = this;
    const baseBatch = words[at + PCP_BATCH];
    const highMin = words[at + PCP_HIGH_MIN];
    const highMax = words[at + PCP_HIGH_MAX];
    let high = clamp(words[at + PCP_HIGH], highMin, highMax);
    words[at + PCP_HIGH] = high;
    if (high < baseBatch) return 1;
    let batch = order > 0 ? baseBatch : baseBatch << words[at + PCP_ALLOC_FACTOR];
    if (highMin !== highMax && (this.table.flags[zoneId] & ZONE_BELOW_HIGH) === 0) {
      high = Math.min(high + batch, highMax);
      words[at + PCP_HIGH] = high;
    }
    if (order === 0) {
      const most = Math.max(high - words[at + PCP_COUNT] - baseBatch, baseBatch);
      if (batch <= most && words[at + PCP_ALLOC_FACTOR] < PCP_BATCH_SCALE_MAX) words[at + PCP_ALLOC_FACTOR]++;
      batch = Math.min(batch, most);
    }
    return batch > 1 ? Math.max(batch >> order, 2) : batch;
  }

  private giveBack(at: number, zoneId: number, index: number, isHighOrderRun: boolean): void {
    const { words, table } = this;
    const batch = words[at + PCP_BATCH];
    const high = this.currentHigh(at, zoneId, batch, isHighOrderRun);
    if (words[at + PCP_COUNT] < high) return;
    let nr = 1;
    if (isHighOrderRun) nr = Math.min(words[at + PCP_COUNT], batch << PCP_BATCH_SCALE_MAX);
    else if (high >= batch) nr = clamp(words[at + PCP_FREE_COUNT], batch, high - batch);
    this.freeBulk(at, zoneId, nr, index);
    if ((table.flags[zoneId] & ZONE_BELOW_HIGH) !== 0 && this.isAboveHigh(zoneId)) {
      table.clearFlags(zoneId, ZONE_BELOW_HIGH);
    }
  }

  /** Pages that the lists may hold now (nr_pcp_high). */
  private currentHigh(at: number, zoneId: number, batch: number, isHighOrderRun: boolean): number {
    const { words } = this;
    const highMin = words[at + PCP_HIGH_MIN];
    const highMax = words[at + PCP_HIGH_MAX];
    const high = clamp(words[at + PCP_HIGH], highMin, highMax);
    words[at + PCP_HIGH] = high;
    if (high === 0) return 0;
    if (isHighOrderRun) {
      words[at + PCP_HIGH] = Math.max(high - (batch << PCP_BATCH_SCALE_MAX), highMin);
      return 0;
    }
    const flags = this.table.flags[zoneId];
    const nrFreed = words[at + PCP_FREE_COUNT];
    if ((flags & ZONE_RECLAIM_ACTIVE) !== 0) {
      words[at + PCP_HIGH] = Math.max(high - Math.max(nrFreed, batch), highMin);
      return Math.min(batch << 2, words[at + PCP_HIGH]);
    }
    if (highMin === highMax) return high;
    if ((flags & ZONE_BELOW_HIGH) !== 0) {
      words[at + PCP_HIGH] = Math.max(high - Math.max(nrFreed, batch), highMin);
      return Math.max(words[at + PCP_COUNT], highMin);
    }
    if (words[at + PCP_COUNT] >= high) {
      const needed = nrFreed + batch;
      if (high < needed) words[at + PCP_HIGH] = clamp(needed, highMin, highMax);
    }
    return high;
  }

  private isAboveHigh(zoneId: number): boolean {
    const nrFree = this.core.nrFreePages(zoneId) - this.table.nrFreeHighatomic[zoneId];
    return nrFree > this.table.mark(zoneId, WMARK_HIGH);
  }

  /** Gives back about `nr` pages, from list `index` on in turn, the longest unused first. */
  private freeBulk(at: number, zoneId: number, nr: number, index: number): void {
    const { words, next, prev } = this;
    let nrLeft = Math.min(nr, words[at + PCP_COUNT]);
    let list = index;
    while (nrLeft > 0) {
      const head = words[at + PCP_HEADS] + list;
      const order = pcpIndexOrder(list);
      let row = prev[head];
      while (row !== head && nrLeft > 0) {
        const before = prev[row];
        prev[head] = before;
        next[before] = head;
        next[row] = NOT_LISTED;
        prev[row] = NOT_LISTED;
        words[at + PCP_COUNT] -= 1 << order;
        nrLeft -= 1 << order;
        this.core.freeOnePage(row, zoneId, order, false);
        if (this.table.trace !== null) {
          this.table.trace.emit(TP_MM_PAGE_PCPU_DRAIN, row, order, this.memmap.migratetypeOf(row), 0);
        }
        row = before;
      }
      list = list === NR_PCP_LISTS - 1 ? 0 : list + 1;
    }
  }
}

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
