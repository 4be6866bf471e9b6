/**
 * Per-CPU lists of pages in front of the zones: most allocations and frees end here. Hot: per page.
 *
 * One record of PCP_WORDS int32 words per (zone with RAM, CPU) in ZoneTable.words:
 *
 *     PCP_COUNT         pages on the lists
 *     PCP_HIGH          pages above which a free gives some back; moves between the next two
 *     PCP_HIGH_MIN, PCP_HIGH_MAX
 *     PCP_BATCH         pages that move at a time, at least
 *     PCP_FLAGS         1 when the last free was of order 1..3 (PCPF_PREV_FREE_HIGH_ORDER), else 0
 *     PCP_ALLOC_FACTOR  refills in a row double the batch up to 2^5 times
 *     PCP_FREE_COUNT    pages freed in a row; widens what is given back at a time
 *     PCP_FREE_MAX      where PCP_FREE_COUNT stops: batch << 5
 *     PCP_HIGH_RUN      pages freed in a row from which blocks of order 1..3 are all given back: batch + high_min / 2
 *     PCP_LOCALITY      NUMA_LOCAL or NUMA_OTHER: is the zone on the CPU's node?
 *     PCP_LISTS         NR_PCP_LISTS lists: `order * 3 + migratetype` for orders 0..3, then 2 MiB blocks: not movable,
 *                       movable
 *
 * A list is four words: its blocks are `slots[LIST_BOTTOM .. LIST_TOP - 1]`, the longest unused at the bottom, in a
 * piece of `slots` from LIST_BASE to LIST_END. Frees and allocations work at the top, refills find the list empty,
 * returns to the zone take from the bottom.
 *
 * The first frame of a listed block has flags ON_PCP_LIST, the others none; refcounts are 0.
 * Source: Linux 6.18 mm/page_alloc.c: nr_pcp_alloc(), nr_pcp_high(), nr_pcp_free(), free_pcppages_bulk(),
 * free_frozen_page_commit(), decay_pcp_high().
 * Differs: arrays instead of linked lists, in the same order: a page's links would cost two cache misses;
 * no cache-size hint (PCPF_FREE_HIGH_BATCH); decay is a step that the kernel calls, not a timer.
 */
import {
  bug,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MAX_NR_ZONES,
  NO_PFN,
  NUMA_LOCAL,
  NUMA_OTHER,
  PAGE_ALLOC_COSTLY_ORDER,
  PAGEBLOCK_ORDER,
  PG_ORDER_MASK,
  TP_MM_PAGE_PCPU_DRAIN,
  WMARK_HIGH,
} from "@pageframe/contracts";
import { type Memmap } from "@pageframe/memmap";
import { type FrameCore } from "./frame-core.ts";
import {
  ZONE_BELOW_HIGH,
  ZONE_FLAGS,
  ZONE_PCP,
  ZONE_RECLAIM_ACTIVE,
  type ZoneTable,
  ZONE_WORDS,
} from "./zone-table.ts";

const PCP_COUNT = 0;
const PCP_HIGH = 1;
const PCP_HIGH_MIN = 2;
const PCP_HIGH_MAX = 3;
const PCP_BATCH = 4;
const PCP_FLAGS = 5;
const PCP_ALLOC_FACTOR = 6;
const PCP_FREE_COUNT = 7;
const PCP_FREE_MAX = 8;
const PCP_HIGH_RUN = 9;
const PCP_LOCALITY = 10;
const PCP_LISTS = 11;

const LIST_TOP = 0;
const LIST_BOTTOM = 1;
const LIST_BASE = 2;
const LIST_END = 3;
const LIST_WORDS = 4;

/** Lists of the orders up to PAGE_ALLOC_COSTLY_ORDER. */
const NR_LOWORDER_PCP_LISTS: number = MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1);
/** Lists of one CPU and zone: three types in four orders, and two for huge pages. */
const NR_PCP_LISTS: number = NR_LOWORDER_PCP_LISTS + 2;
/** int32 words of one record. */
export const PCP_WORDS: number = PCP_LISTS + NR_PCP_LISTS * LIST_WORDS;
/** Flags word of a block on a per-CPU list: an order that no block has. */
export const ON_PCP_LIST: number = PG_ORDER_MASK;

/** Batches grow to 2^5 times their size (CONFIG_PCP_BATCH_SCALE_MAX). */
const PCP_BATCH_SCALE_MAX = 5;
/** Slots that a list starts with; they double when full. */
const FIRST_LIST_SLOTS = 16;
// V8 folds a constant of this module into the code, and loads one that is imported: 19 against 23 M pairs/s.
const RECORD_WORDS: number = PCP_WORDS;
const PCP_OF_ZONE: number = ZONE_PCP;
const FLAGS_OF_ZONE: number = ZONE_FLAGS;
const WORDS_OF_ZONE: number = ZONE_WORDS;
const LISTED: number = ON_PCP_LIST;
const NONE: number = NO_PFN;
const HUGE_ORDER: number = PAGEBLOCK_ORDER;

/** What /proc/zoneinfo prints of one CPU's lists of a zone. */
export interface PagesetView {
  readonly count: number;
  readonly high: number;
  readonly batch: number;
  readonly highMin: number;
  readonly highMax: number;
}

/** Do per-CPU lists hold blocks of this order? */
export function isPcpOrder(order: number): boolean {
  return order <= PAGE_ALLOC_COSTLY_ORDER || order === PAGEBLOCK_ORDER;
}

/** Index of the list that holds blocks of a type and order. */
export function listIndex(migratetype: number, order: number): number {
  if (order === PAGEBLOCK_ORDER) return NR_LOWORDER_PCP_LISTS + (migratetype === MIGRATE_MOVABLE ? 1 : 0);
  return order * MIGRATE_PCPTYPES + migratetype;
}

function listOrder(index: number): number {
  return index >= NR_LOWORDER_PCP_LISTS ? PAGEBLOCK_ORDER : (index / MIGRATE_PCPTYPES) | 0;
}

/** The lists of all CPUs and zones. */
export class PerCpuPages {
  /** Blocks of all lists. Replaced when it grows. */
  slots: Int32Array;
  private nrSlotsUsed: number;
  private readonly nrCpus: number;
  private readonly words: Int32Array;
  private readonly flags: Int32Array;
  private readonly core: FrameCore;
  private readonly table: ZoneTable;
  private readonly memmap: Memmap;

  constructor(memmap: Memmap, table: ZoneTable, core: FrameCore, cpuNodes: Int32Array) {
    this.nrCpus = cpuNodes.length;
    this.words = table.words;
    this.flags = memmap.flags;
    this.core = core;
    this.table = table;
    this.memmap = memmap;
    let nextRecord = table.nrZones * ZONE_WORDS;
    this.nrSlotsUsed = 0;
    for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
      if (table.present[zoneId] === 0) continue;
      this.words[zoneId * ZONE_WORDS + ZONE_PCP] = nextRecord;
      const node = Math.floor(zoneId / MAX_NR_ZONES);
      for (const cpuNode of cpuNodes) {
        this.initRecord(nextRecord, cpuNode === node ? NUMA_LOCAL : NUMA_OTHER);
        nextRecord += PCP_WORDS;
      }
    }
    this.slots = new Int32Array(this.nrSlotsUsed);
  }

  /** Sets batch and bounds of a zone's lists on all CPUs. Counts stay. */
  setLimits(zoneId: number, batch: number, highMin: number, highMax: number): void {
    const { words } = this;
    if (this.table.present[zoneId] === 0) return;
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      const at = this.record(zoneId, cpu);
      words[at + PCP_BATCH] = batch;
      words[at + PCP_HIGH_MIN] = highMin;
      words[at + PCP_HIGH_MAX] = highMax;
      words[at + PCP_FREE_MAX] = batch << PCP_BATCH_SCALE_MAX;
      words[at + PCP_HIGH_RUN] = batch + (highMin >> 1);
    }
  }

  /** Takes the block used last from list `index`; NO_PFN when the list is empty. */
  pop(zoneId: number, cpu: number, order: number, index: number): number {
    const { words } = this;
    const at = (words[zoneId * WORDS_OF_ZONE + PCP_OF_ZONE] + Math.imul(cpu, RECORD_WORDS)) | 0;
    const list = (at + PCP_LISTS + index * LIST_WORDS) | 0;
    const top = words[list + LIST_TOP];
    if (top === words[list + LIST_BOTTOM]) return NONE;
    words[list + LIST_TOP] = top - 1;
    words[at + PCP_COUNT] -= 1 << order;
    words[at + PCP_FREE_COUNT] >>= 1;
    const pfn = this.slots[top - 1];
    this.flags[pfn] = 0;
    return pfn;
  }

  /** Takes a block, refilling from the zone when the list is empty; NO_PFN when the zone has none either. */
  take(zoneId: number, cpu: number, order: number, migratetype: number, allocFlags: number): number {
    const { words } = this;
    const at = this.record(zoneId, cpu);
    const index = listIndex(migratetype, order);
    const list = at + PCP_LISTS + index * LIST_WORDS;
    if (words[list + LIST_TOP] === words[list + LIST_BOTTOM]) {
      this.refill(at, list, zoneId, order, migratetype, allocFlags);
      if (words[list + LIST_TOP] === words[list + LIST_BOTTOM]) words[at + PCP_FREE_COUNT] >>= 1;
    }
    return this.pop(zoneId, cpu, order, index);
  }

  /** Puts a block without flags on list `index`, and gives some back to the zone when there are too many. */
  give(pfn: number, zoneId: number, cpu: number, order: number, index: number): void {
    const { words } = this;
    const at = (words[zoneId * WORDS_OF_ZONE + PCP_OF_ZONE] + Math.imul(cpu, RECORD_WORDS)) | 0;
    const list = (at + PCP_LISTS + index * LIST_WORDS) | 0;
    let top = words[list + LIST_TOP];
    if (top === words[list + LIST_END]) top = this.makeRoom(list);
    this.slots[top] = pfn;
    words[list + LIST_TOP] = top + 1;
    this.flags[pfn] = LISTED;
    const count = (words[at + PCP_COUNT] + (1 << order)) | 0;
    words[at + PCP_COUNT] = count;
    words[at + PCP_ALLOC_FACTOR] >>= 1;
    const nrFreed = words[at + PCP_FREE_COUNT];
    if (nrFreed < words[at + PCP_FREE_MAX]) words[at + PCP_FREE_COUNT] = nrFreed + (1 << order);
    // Orders come in random turn: a branch on them would be mispredicted half of the time, so this is arithmetic.
    const isHighOrder = order < HUGE_ORDER ? -order >>> 31 : 0;
    const isHighOrderRun = nrFreed >= words[at + PCP_HIGH_RUN] && (words[at + PCP_FLAGS] & isHighOrder) !== 0;
    words[at + PCP_FLAGS] = isHighOrder;
    // PCP_HIGH starts at 0 and may be out of its bounds after they changed; then it is too low here at worst.
    if (
      count >= words[at + PCP_HIGH] ||
      isHighOrderRun ||
      words[zoneId * WORDS_OF_ZONE + FLAGS_OF_ZONE] !== 0
    ) {
      this.giveBack(at, zoneId, index, isHighOrderRun);
    }
  }

  /** NUMA_LOCAL or NUMA_OTHER: is the zone on the CPU's node? */
  locality(zoneId: number, cpu: number): number {
    const { words } = this;
    return words[words[zoneId * WORDS_OF_ZONE + PCP_OF_ZONE] + Math.imul(cpu, RECORD_WORDS) + PCP_LOCALITY];
  }

  /** Pages of a zone on all CPUs' lists. */
  countPages(zoneId: number): number {
    if (this.table.present[zoneId] === 0) return 0;
    let nrPages = 0;
    for (let cpu = 0; cpu < this.nrCpus; cpu++) nrPages += this.words[this.record(zoneId, cpu) + PCP_COUNT];
    return nrPages;
  }

  /** The lists of a zone by CPU; none for a zone without RAM. */
  collectViews(zoneId: number): PagesetView[] {
    if (this.table.present[zoneId] === 0) return [];
    return Array.from({ length: this.nrCpus }, (_, cpu) => {
      const at = this.record(zoneId, cpu);
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
      if (this.table.present[zoneId] === 0) continue;
      const at = this.record(zoneId, cpu);
      this.freeBulk(at, zoneId, this.words[at + PCP_COUNT], 0);
    }
  }

  /** Lowers `high` of one CPU's lists by an eighth towards its minimum and gives back what is above (decay_pcp_high). */
  decay(cpu: number): void {
    const { words } = this;
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) {
      if (this.table.present[zoneId] === 0) continue;
      const at = this.record(zoneId, cpu);
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

  /** Checks counts and that listed blocks are free; sets `isFree` of their frames. O(pages listed). */
  checkInvariants(isFree: Uint8Array): void {
    for (let zoneId = 0; zoneId < this.table.nrZones; zoneId++) {
      if (this.table.present[zoneId] === 0) continue;
      for (let cpu = 0; cpu < this.nrCpus; cpu++) this.checkRecord(this.record(zoneId, cpu), zoneId, isFree);
    }
  }

  private record(zoneId: number, cpu: number): number {
    return this.words[zoneId * ZONE_WORDS + ZONE_PCP] + cpu * PCP_WORDS;
  }

  private initRecord(at: number, locality: number): void {
    this.words[at + PCP_LOCALITY] = locality;
    this.words[at + PCP_BATCH] = 1;
    for (let index = 0; index < NR_PCP_LISTS; index++) {
      this.placeList(at + PCP_LISTS + index * LIST_WORDS, this.nrSlotsUsed, FIRST_LIST_SLOTS);
      this.nrSlotsUsed += FIRST_LIST_SLOTS;
    }
  }

  /** Gives an empty list its piece of `slots`. */
  private placeList(list: number, base: number, nrSlots: number): void {
    const { words } = this;
    words[list + LIST_TOP] = base;
    words[list + LIST_BOTTOM] = base;
    words[list + LIST_BASE] = base;
    words[list + LIST_END] = base + nrSlots;
  }

  /** Makes room above a list's top: slides it down, or doubles its piece. Returns the new top. */
  private makeRoom(list: number): number {
    const { words } = this;
    const bottom = words[list + LIST_BOTTOM];
    const top = words[list + LIST_TOP];
    const base = words[list + LIST_BASE];
    const nrSlots = words[list + LIST_END] - base;
    if (bottom - base >= nrSlots >> 1) {
      this.slots.copyWithin(base, bottom, top);
      words[list + LIST_BOTTOM] = base;
    } else {
      const newBase = this.reserveSlots(nrSlots * 2);
      this.slots.copyWithin(newBase, bottom, top);
      this.placeList(list, newBase, nrSlots * 2);
    }
    words[list + LIST_TOP] = words[list + LIST_BOTTOM] + (top - bottom);
    return words[list + LIST_TOP];
  }

  /** Takes unused slots, growing the array when there are too few; returns the first. Cold. */
  private reserveSlots(nrSlots: number): number {
    const base = this.nrSlotsUsed;
    this.nrSlotsUsed += nrSlots;
    if (this.nrSlotsUsed > this.slots.length) {
      const slots = new Int32Array(Math.max(this.nrSlotsUsed, this.slots.length * 2));
      slots.set(this.slots);
      this.slots = slots;
    }
    return base;
  }

  /** Fills an empty list from the zone, as far as the zone can: what was taken first is handed out first. */
  private refill(
    at: number,
    list: number,
    zoneId: number,
    order: number,
    migratetype: number,
    allocFlags: number,
  ): void {
    const { words } = this;
    const nr = this.refillSize(at, zoneId, order);
    let base = words[list + LIST_BASE];
    let nrSlots = words[list + LIST_END] - base;
    if (nrSlots < nr) {
      while (nrSlots < nr) nrSlots *= 2;
      base = this.reserveSlots(nrSlots);
    }
    this.placeList(list, base, nrSlots);
    const { slots, flags } = this;
    const nrTaken = this.core.rmqueueBulk(zoneId, order, nr, migratetype, allocFlags, slots, base);
    for (let low = base, high = base + nrTaken - 1; low < high; low++, high--) {
      const first = slots[low];
      slots[low] = slots[high];
      slots[high] = first;
    }
    for (let slot = base; slot < base + nrTaken; slot++) flags[slots[slot]] = LISTED;
    words[list + LIST_TOP] = base + nrTaken;
    words[at + PCP_COUNT] += nrTaken << order;
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
    if (highMin !== highMax && !this.table.hasFlags(zoneId, ZONE_BELOW_HIGH)) {
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
    if (table.hasFlags(zoneId, ZONE_BELOW_HIGH) && this.isAboveHigh(zoneId)) {
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
    const nrFreed = words[at + PCP_FREE_COUNT];
    if (this.table.hasFlags(zoneId, ZONE_RECLAIM_ACTIVE)) {
      words[at + PCP_HIGH] = Math.max(high - Math.max(nrFreed, batch), highMin);
      return Math.min(batch << 2, words[at + PCP_HIGH]);
    }
    if (highMin === highMax) return high;
    if (this.table.hasFlags(zoneId, ZONE_BELOW_HIGH)) {
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
    const { words } = this;
    let nrLeft = Math.min(nr, words[at + PCP_COUNT]);
    let list = index;
    while (nrLeft > 0) {
      const head = at + PCP_LISTS + list * LIST_WORDS;
      const order = listOrder(list);
      while (nrLeft > 0 && words[head + LIST_BOTTOM] < words[head + LIST_TOP]) {
        const pfn = this.slots[words[head + LIST_BOTTOM]++];
        words[at + PCP_COUNT] -= 1 << order;
        nrLeft -= 1 << order;
        this.flags[pfn] = 0;
        this.core.freeOnePage(pfn, zoneId, order, false);
        if (this.table.trace !== null) {
          this.table.trace.emit(TP_MM_PAGE_PCPU_DRAIN, pfn, order, this.memmap.migratetypeOf(pfn), 0);
        }
      }
      list = list === NR_PCP_LISTS - 1 ? 0 : list + 1;
    }
  }

  private checkRecord(at: number, zoneId: number, isFree: Uint8Array): void {
    let nrPages = 0;
    for (let list = 0; list < NR_PCP_LISTS; list++) {
      const head = at + PCP_LISTS + list * LIST_WORDS;
      const [top, bottom, base, end] = this.words.subarray(head, head + LIST_WORDS);
      const size = 1 << listOrder(list);
      nrPages += (top - bottom) * size;
      if (!(base <= bottom && bottom <= top && top <= end)) bug(`a per-CPU list overruns its slots`);
      for (let slot = bottom; slot < top; slot++) this.checkBlock(this.slots[slot], size, zoneId, isFree);
    }
    const counted = this.words[at + PCP_COUNT];
    if (counted !== nrPages)
      bug(`per-CPU lists of zone ${zoneId} count ${counted} pages and hold ${nrPages}`);
  }

  private checkBlock(pfn: number, size: number, zoneId: number, isFree: Uint8Array): void {
    const { flags, refcount, zoneId: zoneOf } = this.memmap;
    if (pfn % size !== 0) bug(`block ${pfn} of ${size} frames on a per-CPU list is not aligned`);
    for (let frame = pfn; frame < pfn + size; frame++) {
      if (isFree[frame] !== 0) bug(`frame ${frame} of a per-CPU list is free twice`);
      isFree[frame] = 1;
      if (flags[frame] !== (frame === pfn ? ON_PCP_LIST : 0)) {
        bug(`frame ${frame} of a per-CPU list has flags ${flags[frame]}`);
      }
      if (refcount[frame] !== 0) bug(`frame ${frame} of a per-CPU list has ${refcount[frame]} references`);
      if (zoneOf[frame] !== zoneId) bug(`frame ${frame} is on the wrong zone's per-CPU list`);
    }
  }
}

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
