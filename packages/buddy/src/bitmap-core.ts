/**
 * A bitmap of free frames, searched first-fit: the plainest allocator that still gives aligned blocks. Hot: per block.
 *
 *     bits[zone]      one bit a frame, set when it is free; bit 0 of word 0 is frame base[zone], a multiple of 1024
 *     nrFreeIn[zone]  free frames of each pageblock
 *     hint            by (zone, order): no free block of the order begins below this frame, counted from base[zone]
 *
 * Blocks need no merging: what is free is free at every size. A free frame has flags PG_BUDDY of order 0.
 * Differs from Linux's buddy allocator: no migratetypes (every page counts as movable), no reserve for atomic high
 * orders, lowest address first. It has the same zones, watermarks, per-CPU lists and slow path around it.
 */
import {
  bug,
  MAX_ORDER_NR_PAGES,
  MIGRATE_MOVABLE,
  NO_PFN,
  NR_FREE_PAGES,
  NR_FREE_PAGES_BLOCKS,
  NR_PAGE_ORDERS,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
  PG_BUDDY,
  TP_MM_PAGE_ALLOC_ZONE_LOCKED,
} from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";
import { type FrameCore } from "./frame-core.ts";
import { type ZoneTable } from "./zone-table.ts";

const ALL_FREE = -1;
/** In a word: bits at which an aligned run of 2^order may begin, by order 0..4. */
const RUN_STARTS = Int32Array.of(ALL_FREE, 0x55555555, 0x11111111, 0x01010101, 0x00010001);

/** First-fit over a bitmap, as an exchangeable core. */
export class BitmapCore implements FrameCore {
  readonly migratetypes: Uint8Array = new Uint8Array(32).fill(MIGRATE_MOVABLE);
  private readonly bits: readonly Int32Array[];
  private readonly nrFreeIn: readonly Uint16Array[];
  private readonly base: Int32Array;
  private readonly hint: Int32Array;
  private readonly table: ZoneTable;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;

  constructor(memmap: Memmap, vmstat: VmStat, table: ZoneTable) {
    this.memmap = memmap;
    this.vmstat = vmstat;
    this.table = table;
    this.base = table.startPfn.map((pfn) => pfn - (pfn % MAX_ORDER_NR_PAGES));
    const nrFrames = Array.from(table.spanned, (spanned, zoneId) => {
      const end = table.startPfn[zoneId] + spanned - this.base[zoneId];
      return spanned === 0 ? 0 : Math.ceil(end / MAX_ORDER_NR_PAGES) * MAX_ORDER_NR_PAGES;
    });
    this.bits = nrFrames.map((nr) => new Int32Array(nr / 32));
    this.nrFreeIn = nrFrames.map((nr) => new Uint16Array(nr / PAGEBLOCK_NR_PAGES));
    this.hint = new Int32Array(table.nrZones * NR_PAGE_ORDERS);
  }

  rmqueue(zoneId: number, order: number, migratetype: number): number {
    return this.takeFirst(zoneId, order, migratetype, 0);
  }

  rmqueueBulk(
    zoneId: number,
    order: number,
    nr: number,
    migratetype: number,
    _allocFlags: number,
    into: Int32Array,
    at: number,
  ): number {
    for (let nrTaken = 0; nrTaken < nr; nrTaken++) {
      const pfn = this.takeFirst(zoneId, order, migratetype, 1);
      if (pfn === NO_PFN) return nrTaken;
      into[at + nrTaken] = pfn;
    }
    return nr;
  }

  freeOnePage(pfn: number, zoneId: number, order: number): void {
    const { hint } = this;
    const frame = pfn - this.base[zoneId];
    this.setBits(zoneId, frame, order, true);
    this.memmap.flags.fill(PG_BUDDY, pfn, pfn + (1 << order));
    for (let each = 0; each < NR_PAGE_ORDERS; each++) {
      const start = (frame >>> each) << each;
      const at = zoneId * NR_PAGE_ORDERS + each;
      if (start < hint[at]) hint[at] = start;
    }
    this.vmstat.modZone(zoneId, NR_FREE_PAGES, 1 << order);
  }

  hasFreeBlock(zoneId: number, order: number): boolean {
    return this.findFirst(zoneId, order) >= 0;
  }

  nrFreePages(zoneId: number): number {
    return this.vmstat.zoneStat(zoneId, NR_FREE_PAGES);
  }

  nrFreeBlocks(zoneId: number, order: number): number {
    return this.countBlocks(zoneId)[order];
  }

  nrFreeBlocksOfType(zoneId: number, order: number, migratetype: number): number {
    return migratetype === MIGRATE_MOVABLE ? this.nrFreeBlocks(zoneId, order) : 0;
  }

  /** Nothing is set aside. */
  reserveHighatomic(): void {
    return;
  }

  unreserveHighatomic(): boolean {
    return false;
  }

  checkInvariants(isFree: Uint8Array): void {
    const { memmap, table } = this;
    for (let zoneId = 0; zoneId < table.nrZones; zoneId++) this.checkZone(zoneId, isFree);
    for (let pfn = 0; pfn < memmap.nrFrames; pfn++) {
      if (memmap.hasFlags(pfn, PG_BUDDY) && isFree[pfn] === 0) {
        bug(`pfn ${pfn} has PG_buddy and is not free in the bitmap`);
      }
    }
  }

  private takeFirst(zoneId: number, order: number, migratetype: number, isRefill: number): number {
    const frame = this.findFirst(zoneId, order);
    if (frame < 0) return NO_PFN;
    const pfn = this.base[zoneId] + frame;
    this.setBits(zoneId, frame, order, false);
    this.memmap.flags.fill(0, pfn, pfn + (1 << order));
    this.vmstat.modZone(zoneId, NR_FREE_PAGES, -(1 << order));
    if (this.table.trace !== null) {
      this.table.trace.emit(TP_MM_PAGE_ALLOC_ZONE_LOCKED, pfn, order, migratetype, isRefill);
    }
    return pfn;
  }

  /** First frame, from the zone's base, of the lowest free block; -1 when there is none. Remembers where it looked. */
  private findFirst(zoneId: number, order: number): number {
    const bits = this.bits[zoneId];
    const at = zoneId * NR_PAGE_ORDERS + order;
    const found =
      order < 5 ? findInWords(bits, this.hint[at] >>> 5, order) : findWords(bits, this.hint[at] >>> 5, order);
    this.hint[at] = found < 0 ? bits.length * 32 : found;
    return found;
  }

  /** Flips the bits of a block, which must all be the other way, and keeps the pageblocks' counts. */
  private setBits(zoneId: number, frame: number, order: number, isFree: boolean): void {
    const bits = this.bits[zoneId];
    const nrFrames = 1 << order;
    const first = frame >>> 5;
    if (order < 5) {
      const mask = ((1 << nrFrames) - 1) << (frame & 31);
      if ((bits[first] & mask) !== (isFree ? 0 : mask)) this.complain(zoneId, frame, order, isFree);
      bits[first] ^= mask;
    } else {
      for (let word = first; word < first + nrFrames / 32; word++) {
        if (bits[word] !== (isFree ? 0 : ALL_FREE)) this.complain(zoneId, frame, order, isFree);
        bits[word] = isFree ? ALL_FREE : 0;
      }
    }
    const step = Math.min(nrFrames, PAGEBLOCK_NR_PAGES);
    for (let at = frame; at < frame + nrFrames; at += step)
      this.countInBlock(zoneId, at, isFree ? step : -step);
  }

  private countInBlock(zoneId: number, frame: number, nrFreed: number): void {
    const counts = this.nrFreeIn[zoneId];
    const block = frame >>> PAGEBLOCK_ORDER;
    const before = counts[block];
    counts[block] = before + nrFreed;
    if (before + nrFreed === PAGEBLOCK_NR_PAGES) {
      this.vmstat.modZone(zoneId, NR_FREE_PAGES_BLOCKS, PAGEBLOCK_NR_PAGES);
    } else if (before === PAGEBLOCK_NR_PAGES) {
      this.vmstat.modZone(zoneId, NR_FREE_PAGES_BLOCKS, -PAGEBLOCK_NR_PAGES);
    }
  }

  private complain(zoneId: number, frame: number, order: number, isFree: boolean): never {
    const pfn = this.base[zoneId] + frame;
    bug(
      `block ${pfn} of order ${order} is ${isFree ? "freed while partly free" : "taken while partly in use"}`,
    );
  }

  /** Blocks by order, each frame counted in the largest aligned block that is free around it. O(frames). */
  private countBlocks(zoneId: number): Int32Array {
    const bits = this.bits[zoneId];
    const nrBlocks = new Int32Array(NR_PAGE_ORDERS);
    for (let frame = 0; frame < bits.length * 32;) {
      let order = -1;
      while (isFreeBlock(bits, frame, order + 1)) order++;
      if (order < 0) {
        frame++;
      } else {
        nrBlocks[order]++;
        frame += 1 << order;
      }
    }
    return nrBlocks;
  }

  private checkZone(zoneId: number, isFree: Uint8Array): void {
    const bits = this.bits[zoneId];
    const { memmap } = this;
    let nrFree = 0;
    let nrWhole = 0;
    for (let frame = 0; frame < bits.length * 32; frame++) {
      if (frame % PAGEBLOCK_NR_PAGES === 0) nrWhole += this.checkPageblock(zoneId, frame);
      if (!isFreeRun(bits, frame, 0)) continue;
      const pfn = this.base[zoneId] + frame;
      nrFree++;
      isFree[pfn] = 1;
      if (memmap.zoneId[pfn] !== zoneId) bug(`frame ${pfn} is free in zone ${zoneId}, which it is not of`);
      if (memmap.flags[pfn] !== PG_BUDDY || memmap.refcount[pfn] !== 0) {
        bug(`free frame ${pfn} has flags ${memmap.flags[pfn]} and ${memmap.refcount[pfn]} references`);
      }
    }
    if (nrFree !== this.nrFreePages(zoneId)) {
      bug(`zone ${zoneId} counts ${this.nrFreePages(zoneId)} free pages, the bitmap ${nrFree}`);
    }
    if (nrWhole !== this.vmstat.zoneStat(zoneId, NR_FREE_PAGES_BLOCKS)) {
      bug(`zone ${zoneId}: nr_free_pages_blocks is not ${nrWhole}`);
    }
    for (let order = 0; order < NR_PAGE_ORDERS; order++) {
      for (let frame = 0; frame < this.hint[zoneId * NR_PAGE_ORDERS + order]; frame += 1 << order) {
        if (isFreeRun(bits, frame, order))
          bug(`zone ${zoneId} order ${order}: a free block lies below the hint`);
      }
    }
  }

  private checkPageblock(zoneId: number, frame: number): number {
    let nrFree = 0;
    for (let at = frame; at < frame + PAGEBLOCK_NR_PAGES; at++) {
      if (isFreeRun(this.bits[zoneId], at, 0)) nrFree++;
    }
    const counted = this.nrFreeIn[zoneId][frame >>> PAGEBLOCK_ORDER];
    if (counted !== nrFree)
      bug(`zone ${zoneId}: a pageblock counts ${counted} free frames and has ${nrFree}`);
    return nrFree === PAGEBLOCK_NR_PAGES ? nrFree : 0;
  }
}

/** Lowest aligned run of 2^order set bits, order 0..4, from a word on; -1 when there is none. */
function findInWords(bits: Int32Array, firstWord: number, order: number): number {
  for (let word = firstWord; word < bits.length; word++) {
    let runs = bits[word];
    for (let half = 0; half < order; half++) runs &= runs >>> (1 << half);
    runs &= RUN_STARTS[order];
    if (runs !== 0) return word * 32 + 31 - Math.clz32(runs & -runs);
  }
  return -1;
}

/** Lowest aligned run of 2^order set bits, order 5 and up: whole words. */
function findWords(bits: Int32Array, firstWord: number, order: number): number {
  const nrWords = 1 << (order - 5);
  for (let start = firstWord & -nrWords; start + nrWords <= bits.length; start += nrWords) {
    let word = start;
    while (word < start + nrWords && bits[word] === ALL_FREE) word++;
    if (word === start + nrWords) return start * 32;
  }
  return -1;
}

function isFreeRun(bits: Int32Array, frame: number, order: number): boolean {
  if (order >= 5) {
    const end = (frame >>> 5) + (1 << (order - 5));
    for (let word = frame >>> 5; word < end; word++) if (bits[word] !== ALL_FREE) return false;
    return true;
  }
  const mask = ((1 << (1 << order)) - 1) << (frame & 31);
  return (bits[frame >>> 5] & mask) === mask;
}

/** Is this an aligned block of free frames, of an order that exists? */
function isFreeBlock(bits: Int32Array, frame: number, order: number): boolean {
  return order < NR_PAGE_ORDERS && frame % (1 << order) === 0 && isFreeRun(bits, frame, order);
}
