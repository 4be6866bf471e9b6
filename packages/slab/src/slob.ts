/**
 * SLOB: objects of all kinds side by side in shared pages, first fit: little waste, slow, for machines of a few MiB.
 *
 * A page of objects is a row of 512 units of 8 bytes, found through `index` of its frame:
 *
 *     units     of a row's unit: n > 0 an object of n units begins here | INSIDE one goes on here | 0 free
 *     owners    cache of the object that begins here
 *     nrFree    free units of a row
 *
 * Pages with room are on one of three lists by the size of what they serve (below 256, below 1024 bytes, other).
 * Objects of a page and more get pages of their own. A page without objects is freed at once.
 * Source: Linux 6.3 mm/slob.c (removed in 6.4). Differs: sizes are in an array beside the page, not in a header in front
 * of a kmalloc; units are 8 bytes, not 2; a search starts at the list's front, not where the last one ended.
 */
import {
  __GFP_COMP,
  bug,
  type CpuId,
  EINVAL,
  type FrameAllocator,
  type Gfp,
  KernelError,
  MAX_NR_ZONES,
  MAX_PAGE_ORDER,
  NO_PFN,
  NR_SLAB_UNRECLAIMABLE,
  NUMA_NO_NODE,
  type ObjectAllocator,
  type ObjectCacheView,
  type Order,
  PAGE_SIZE,
  type Paddr,
  type Pfn,
  PG_SLAB,
  TP_KMEM_CACHE_ALLOC,
  TP_KMEM_CACHE_FREE,
  type TraceSink,
} from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";
import { type ObjectAllocatorConfig } from "./config.ts";
import { kmallocAlign, ZERO_SIZE_PTR } from "./kmalloc.ts";
import { calculateAlignment, objectsOfOrder, orderOfBytes } from "./sizing.ts";

const UNIT_BYTES = 8;
const UNITS_PER_PAGE: number = PAGE_SIZE / UNIT_BYTES;
/** Unit within an object, not its first. */
const INSIDE = -1;
const NO_OBJECT = -1;
const NO_ROW = -1;
/** Owner of what kmalloc gave. */
const KMALLOC_OWNER = -1;
/** Bytes below which an object goes to the first and to the second list (SLOB_BREAK1, SLOB_BREAK2). */
const SLOB_BREAK1 = 256;
const SLOB_BREAK2 = 1024;
/** `private` of the first frame of an object of whole pages is this less its owner. */
const LARGE_BASE = -3;

/** One kind of object. Its pages are shared with other kinds, so `nrSlabs` counts objects of whole pages only. */
class SlobCache implements ObjectCacheView {
  readonly name: string;
  readonly objectBytes: number;
  readonly slotBytes: number;
  readonly alignBytes: number;
  readonly order: number;
  readonly objectsPerSlab: number;
  nrActiveObjects: number;

  constructor(name: string, objectBytes: number, slotBytes: number, alignBytes: number) {
    this.name = name;
    this.objectBytes = objectBytes;
    this.slotBytes = slotBytes;
    this.alignBytes = alignBytes;
    this.order = orderOfBytes(slotBytes);
    this.objectsPerSlab = slotBytes < PAGE_SIZE ? objectsOfOrder(0, slotBytes) : 1;
    this.nrActiveObjects = 0;
  }

  get nrSlabs(): number {
    return this.slotBytes < PAGE_SIZE ? 0 : this.nrActiveObjects;
  }
}

/** First fit in shared pages. */
export class SlobAllocator implements ObjectAllocator {
  readonly name = "slob";
  readonly caches: SlobCache[];
  trace: TraceSink | null;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;
  private readonly frames: FrameAllocator;
  /** Heads of the three lists of pages with room. */
  private readonly listHead: number;
  private units: Int16Array;
  private owners: Int32Array;
  private nrFree: Int16Array;
  private pagePfn: Int32Array;
  private readonly unusedRows: number[];

  constructor(config: ObjectAllocatorConfig) {
    this.caches = [];
    this.trace = config.trace;
    this.memmap = config.memmap;
    this.vmstat = config.vmstat;
    this.frames = config.frames;
    this.listHead = config.memmap.lists.newHeads(3);
    this.units = new Int16Array(0);
    this.owners = new Int32Array(0);
    this.nrFree = new Int16Array(0);
    this.pagePfn = new Int32Array(0);
    this.unusedRows = [];
  }

  createCache(name: string, objectBytes: number, alignBytes: number, flags: number): number {
    if (!Number.isInteger(objectBytes) || objectBytes < 1 || objectBytes > PAGE_SIZE * 2 ** MAX_PAGE_ORDER) {
      throw new KernelError(
        EINVAL,
        `object of ${objectBytes} bytes; a cache needs a whole number from 1 to ${PAGE_SIZE * 2 ** MAX_PAGE_ORDER}`,
      );
    }
    if (alignBytes > PAGE_SIZE || (alignBytes !== 0 && !Number.isInteger(Math.log2(alignBytes)))) {
      throw new KernelError(
        EINVAL,
        `alignment of ${alignBytes} bytes is neither 0 nor a power of two to 4096`,
      );
    }
    const align = calculateAlignment(flags, alignBytes, objectBytes);
    this.caches.push(new SlobCache(name, objectBytes, nrUnitsOf(objectBytes) * UNIT_BYTES, align));
    return this.caches.length - 1;
  }

  allocObject(cache: number, gfp: Gfp, cpu: CpuId): Paddr {
    const c = this.caches[cache];
    const address = this.take(c.slotBytes, c.alignBytes, cache, gfp, cpu);
    if (address === NO_OBJECT) return NO_OBJECT;
    c.nrActiveObjects++;
    if (this.trace !== null) this.trace.emit(TP_KMEM_CACHE_ALLOC, cache, address, gfp, 0);
    return address;
  }

  freeObject(cache: number, address: Paddr, cpu: CpuId): void {
    if (this.trace !== null) this.trace.emit(TP_KMEM_CACHE_FREE, cache, address, 0, 0);
    this.give(address, cache, cpu);
    this.caches[cache].nrActiveObjects--;
  }

  kmalloc(nrBytes: number, gfp: Gfp, cpu: CpuId): Paddr {
    if (nrBytes === 0) return ZERO_SIZE_PTR;
    if (!(nrBytes > 0))
      throw new KernelError(EINVAL, `kmalloc of ${nrBytes} bytes; the size must be 0 or more`);
    // Linux: powers of two are aligned to themselves, other sizes to the least that DMA asks for.
    const align = Number.isInteger(Math.log2(nrBytes))
      ? Math.min(kmallocAlign(nrBytes), PAGE_SIZE)
      : UNIT_BYTES;
    return this.take(nrBytes, align, KMALLOC_OWNER, gfp, cpu);
  }

  kfree(address: Paddr, cpu: CpuId): void {
    if (address === ZERO_SIZE_PTR || address === NO_OBJECT) return;
    this.give(address, KMALLOC_OWNER, cpu);
  }

  /** Empty pages are never kept. */
  shrinkAll(): number {
    return 0;
  }

  checkInvariants(): void {
    const nrOwned = new Int32Array(this.caches.length);
    for (let row = 0; row < this.pagePfn.length; row++) {
      const pfn = this.pagePfn[row];
      if (pfn === NO_PFN) continue;
      if (this.memmap.index[pfn] !== row || !this.memmap.hasFlags(pfn, PG_SLAB)) {
        bug(`pfn ${pfn} of slob page ${row} does not say so`);
      }
      const nrFree = this.checkPage(row, nrOwned);
      if (nrFree !== this.nrFree[row])
        bug(`slob page ${row} counts ${this.nrFree[row]} free units, has ${nrFree}`);
      if (nrFree === UNITS_PER_PAGE) bug(`slob page ${row} is empty and was not freed`);
      if (this.memmap.lists.isListed(pfn) !== nrFree > 0)
        bug(`slob page ${row} with ${nrFree} free is misplaced`);
    }
    for (let list = 0; list < 3; list++) this.memmap.lists.checkList(this.listHead + list);
    this.caches.forEach((cache, index) => {
      if (cache.slotBytes < PAGE_SIZE && nrOwned[index] !== cache.nrActiveObjects) {
        bug(`${cache.name} counts ${cache.nrActiveObjects} objects; ${nrOwned[index]} are in pages`);
      }
    });
  }

  private take(nrBytes: number, alignBytes: number, owner: number, gfp: Gfp, cpu: CpuId): Paddr {
    if (nrBytes >= PAGE_SIZE) return this.takePages(orderOfBytes(nrBytes), owner, gfp, cpu);
    const { lists } = this.memmap;
    const nrUnits = nrUnitsOf(nrBytes);
    const head = this.headFor(nrUnits);
    for (let pfn = lists.next[head]; pfn !== head; pfn = lists.next[pfn]) {
      const row = this.memmap.index[pfn];
      const unit = this.nrFree[row] < nrUnits ? -1 : this.findFit(row, nrUnits, alignBytes / UNIT_BYTES);
      if (unit >= 0) return this.place(row, unit, nrUnits, owner);
    }
    const pfn = this.frames.allocPages(gfp, 0, cpu, NUMA_NO_NODE);
    if (pfn === NO_PFN) return NO_OBJECT;
    const row = this.addPage(pfn);
    lists.addFirst(head, pfn);
    return this.place(row, 0, nrUnits, owner);
  }

  /** First unit of the first aligned free run that is long enough, or -1. O(units). */
  private findFit(row: number, nrUnits: number, alignUnits: number): number {
    const { units } = this;
    const base = row * UNITS_PER_PAGE;
    let first = 0;
    while (first + nrUnits <= UNITS_PER_PAGE) {
      let end = first;
      while (end < first + nrUnits && units[base + end] === 0) end++;
      if (end === first + nrUnits) return first;
      // Going up to an aligned unit may end inside an object: then only the next unit is known to be another.
      first = Math.ceil((end + Math.max(1, units[base + end])) / alignUnits) * alignUnits;
    }
    return -1;
  }

  private place(row: number, unit: number, nrUnits: number, owner: number): Paddr {
    const base = row * UNITS_PER_PAGE + unit;
    this.units.fill(INSIDE, base, base + nrUnits);
    this.units[base] = nrUnits;
    this.owners[base] = owner;
    this.nrFree[row] -= nrUnits;
    const pfn = this.pagePfn[row];
    if (this.nrFree[row] === 0) this.memmap.lists.remove(pfn);
    return pfn * PAGE_SIZE + unit * UNIT_BYTES;
  }

  private give(address: Paddr, owner: number, cpu: CpuId): void {
    const pfn = Math.floor(address / PAGE_SIZE);
    if (!(pfn >= 0 && pfn < this.memmap.nrFrames)) {
      bug(`address 0x${address.toString(16)} is freed, which is outside memory`);
    }
    if (!this.memmap.hasFlags(pfn, PG_SLAB)) {
      this.givePages(pfn, address, owner, cpu);
      return;
    }
    const row = this.memmap.index[pfn];
    const unit = (address - pfn * PAGE_SIZE) / UNIT_BYTES;
    const base = row * UNITS_PER_PAGE + unit;
    if (!Number.isInteger(unit) || this.units[base] <= 0 || this.owners[base] !== owner) {
      bug(`address 0x${address.toString(16)} is freed twice, or into a cache that did not give it`);
    }
    const nrUnits = this.units[base];
    this.units.fill(0, base, base + nrUnits);
    const wasFull = this.nrFree[row] === 0;
    this.nrFree[row] += nrUnits;
    if (this.nrFree[row] === UNITS_PER_PAGE) {
      if (!wasFull) this.memmap.lists.remove(pfn);
      this.removePage(row, cpu);
    } else if (wasFull) {
      this.memmap.lists.addFirst(this.headFor(nrUnits), pfn);
    }
  }

  /** List of pages for objects of a size. */
  private headFor(nrUnits: number): number {
    const nrBytes = nrUnits * UNIT_BYTES;
    return this.listHead + (nrBytes < SLOB_BREAK1 ? 0 : nrBytes < SLOB_BREAK2 ? 1 : 2);
  }

  private takePages(order: Order, owner: number, gfp: Gfp, cpu: CpuId): Paddr {
    if (order > MAX_PAGE_ORDER) return NO_OBJECT;
    const pfn = this.frames.allocPages(gfp | __GFP_COMP, order, cpu, NUMA_NO_NODE);
    if (pfn === NO_PFN) return NO_OBJECT;
    this.memmap.private[pfn] = LARGE_BASE - owner;
    this.countPages(pfn, 2 ** order);
    return pfn * PAGE_SIZE;
  }

  private givePages(pfn: Pfn, address: Paddr, owner: number, cpu: CpuId): void {
    const isWhole = this.memmap.private[pfn] === LARGE_BASE - owner && address === pfn * PAGE_SIZE;
    if (!isWhole || this.memmap.compoundHead(pfn) !== pfn) {
      bug(`address 0x${address.toString(16)} is freed twice, or into a cache that did not give it`);
    }
    const order = this.memmap.compoundOrder(pfn);
    this.memmap.private[pfn] = -1;
    this.countPages(pfn, -(2 ** order));
    this.frames.freePages(pfn, order, cpu);
  }

  private addPage(pfn: Pfn): number {
    if (this.unusedRows.length === 0) this.grow();
    const row = this.unusedRows.pop() ?? NO_ROW;
    this.pagePfn[row] = pfn;
    this.nrFree[row] = UNITS_PER_PAGE;
    this.memmap.setFlags(pfn, PG_SLAB);
    this.memmap.index[pfn] = row;
    this.countPages(pfn, 1);
    return row;
  }

  private removePage(row: number, cpu: CpuId): void {
    const pfn = this.pagePfn[row];
    this.pagePfn[row] = NO_PFN;
    this.unusedRows.push(row);
    this.memmap.clearFlags(pfn, PG_SLAB);
    this.memmap.index[pfn] = 0;
    this.countPages(pfn, -1);
    this.frames.freePages(pfn, 0, cpu);
  }

  private countPages(pfn: Pfn, nrPages: number): void {
    this.vmstat.modNode((this.memmap.zoneId[pfn] / MAX_NR_ZONES) | 0, NR_SLAB_UNRECLAIMABLE, nrPages);
  }

  /** Walks the objects of a page, counting them for their owners; returns its free units. */
  private checkPage(row: number, nrOwned: Int32Array): number {
    let nrFree = 0;
    for (let unit = 0; unit < UNITS_PER_PAGE;) {
      const at = row * UNITS_PER_PAGE + unit;
      const nrUnits = this.units[at];
      if (nrUnits === INSIDE) bug(`slob page ${row}: unit ${unit} is inside no object`);
      if (nrUnits === 0) nrFree++;
      else if (this.owners[at] !== KMALLOC_OWNER) nrOwned[this.owners[at]]++;
      for (let inside = 1; inside < nrUnits; inside++) {
        if (this.units[at + inside] !== INSIDE) bug(`slob page ${row}: object at unit ${unit} is cut`);
      }
      unit += Math.max(1, nrUnits);
    }
    return nrFree;
  }

  /** Doubles the rows. Cold. */
  private grow(): void {
    const old = this.pagePfn.length;
    const nrRows = Math.max(4, old * 2);
    const units = new Int16Array(nrRows * UNITS_PER_PAGE);
    const owners = new Int32Array(nrRows * UNITS_PER_PAGE);
    const nrFree = new Int16Array(nrRows);
    const pagePfn = new Int32Array(nrRows).fill(NO_PFN);
    units.set(this.units);
    owners.set(this.owners);
    nrFree.set(this.nrFree);
    pagePfn.set(this.pagePfn);
    this.units = units;
    this.owners = owners;
    this.nrFree = nrFree;
    this.pagePfn = pagePfn;
    for (let row = nrRows - 1; row >= old; row--) this.unusedRows.push(row);
  }
}

/** Units that hold `nrBytes`. */
function nrUnitsOf(nrBytes: number): number {
  return Math.ceil(nrBytes / UNIT_BYTES);
}
