/**
 * All swap areas of a machine, their slots' counts, and the swap cache. Hot: per page swapped.
 *
 * A slot lives through: taken (allocEntry) · its page in the swap cache (addToCache) · named by page-table entries
 * (swapDuplicate) · the page written and out of the cache · read back, cached again · the last name gone (swapFree) and
 * the page out of the cache: free. Areas are tried by priority, those of equal priority in turn, a cluster each.
 *
 * What is kept of a cached page: `memmap.private` is its entry and PG_SWAPCACHE is set. Its references, its dirty bit
 * and its place on the LRU are the caller's: Linux holds one reference for the cache.
 * Source: Linux 6.18 mm/swapfile.c, mm/swap_state.c, mm/page_io.c. Differs: no slots for whole huge pages,
 * no memory cgroups; a CPU's own current cluster is one for the machine.
 */
import {
  bug,
  EBUSY,
  EINVAL,
  KernelError,
  MAX_NR_ZONES,
  MAX_SWAPFILES,
  NO_PFN,
  NO_SHADOW,
  NO_SWAP_ENTRY,
  NR_FILE_PAGES,
  NR_SWAPCACHED,
  PAGE_SIZE,
  PG_SWAPCACHE,
  type Pfn,
  EPERM,
  PSWPIN,
  PSWPOUT,
  type SwapBackend,
  type SwapEntry,
  type SwapSlots,
  SWPIN_ZERO,
  SWPOUT_ZERO,
  swapEntry,
  swapOffset,
  swapType,
  TP_MM_VMSCAN_WRITE_FOLIO,
  type TraceSink,
} from "@pageframe/contracts";
import { type FrameContents, type Memmap, NO_ZONE, type VmStat } from "@pageframe/memmap";
import { checkAreas } from "./check-areas.ts";
import { SWAPFILE_CLUSTER } from "./cluster-slots.ts";
import { SwapArea, type SwapKind } from "./swap-area.ts";

/** Priority for {@link SwapOnOptions} that leaves the choice to the kernel. */
export const AUTO_PRIORITY = -1;
/** Largest priority that swapon(2) takes (SWAP_FLAG_PRIO_MASK). */
export const MAX_SWAP_PRIORITY = 32767;
/** vm.page-cluster of a machine with more than 16 MiB. */
const DEFAULT_PAGE_CLUSTER = 3;
/** No area is being filled. */
const NO_AREA = -1;

/** What swap works on. */
export interface SwapConfig {
  readonly memmap: Memmap;
  readonly contents: FrameContents;
  readonly vmstat: VmStat;
  readonly trace: TraceSink | null;
}

/** What swapon is told. */
export interface SwapOnOptions {
  /** Path that /proc/swaps shows. */
  readonly name: string;
  readonly slots: SwapSlots;
  /** Has at least as many pages as there are slots. */
  readonly backend: SwapBackend;
  /** 0..MAX_SWAP_PRIORITY; negative or absent: below all areas before it (-2, -3, ...). */
  readonly priority?: number;
  readonly kind?: SwapKind;
  /** Is the device as quick as memory (zram, brd)? A page is then out once it was written, and none is read ahead. */
  readonly isSynchronousIo?: boolean;
  /** Does the device turn, as a hard disk does? With one such area all readahead goes by slots. */
  readonly isRotational?: boolean;
}

/** A line of /proc/swaps. */
export interface SwapAreaView {
  readonly name: string;
  /** Number of the area in swap entries. */
  readonly type: number;
  readonly kind: SwapKind;
  /** Without the header. */
  readonly sizePages: number;
  readonly usedPages: number;
  readonly priority: number;
}

/** The swap areas and the swap cache. */
export class SwapAreas {
  /** Areas by type; null where there is none. */
  readonly areas: (SwapArea | null)[] = [];
  /** Types, highest priority first; equal ones in the order of their turns. */
  readonly order: number[] = [];
  /** vm.page-cluster: at most 2^pageCluster pages are read at a time. */
  pageCluster: number = DEFAULT_PAGE_CLUSTER;
  /** Areas on devices that turn (nr_rotate_swap). */
  nrRotational = 0;
  /** Listener of tracepoints, or null. */
  trace: TraceSink | null;
  private readonly memmap: Memmap;
  private readonly contents: FrameContents;
  private readonly vmstat: VmStat;
  private readonly buffer = new Uint8Array(PAGE_SIZE);
  /** Slots of all areas that are free (nr_swap_pages), and that there are (total_swap_pages). */
  private nrFree = 0;
  private nrTotal = 0;
  /** Lowest priority given so far. */
  private leastPriority = AUTO_PRIORITY;
  /** Area whose cluster is being filled, or NO_AREA. */
  private fillingType = NO_AREA;

  constructor(config: SwapConfig) {
    this.memmap = config.memmap;
    this.contents = config.contents;
    this.vmstat = config.vmstat;
    this.trace = config.trace;
  }

  /** Free slots over all areas (nr_swap_pages). */
  get nrFreeSlots(): number {
    return this.nrFree;
  }

  /** Slots over all areas, headers not counted (total_swap_pages). */
  get nrTotalSlots(): number {
    return this.nrTotal;
  }

  /**
   * Adds an area; returns its type, the lowest one free. Throws EINVAL on a bad priority or a backend smaller than the
   * slots, EBUSY on a name in use, EPERM when MAX_SWAPFILES areas are on.
   */
  swapon(options: SwapOnOptions): number {
    const {
      name,
      slots,
      backend,
      priority = AUTO_PRIORITY,
      kind = "file",
      isSynchronousIo = false,
      isRotational = false,
    } = options;
    if (!Number.isInteger(priority) || priority > MAX_SWAP_PRIORITY) {
      throw new KernelError(EINVAL, `swap priority ${priority} is not an integer up to ${MAX_SWAP_PRIORITY}`);
    }
    if (backend.nrPages < slots.nrSlots) {
      throw new KernelError(
        EINVAL,
        `swap backend ${backend.name} holds ${backend.nrPages} pages, and ${slots.nrSlots} slots are asked for`,
      );
    }
    if (slots.nrFree !== slots.nrSlots - 1) {
      throw new KernelError(
        EINVAL,
        `${slots.nrSlots - 1 - slots.nrFree} slots for ${name} are in use already`,
      );
    }
    if (this.areas.some((area) => area?.name === name)) {
      throw new KernelError(EBUSY, `swap area ${name} is on already`);
    }
    let type = this.areas.indexOf(null);
    if (type < 0) type = this.areas.length;
    if (type >= MAX_SWAPFILES) {
      throw new KernelError(EPERM, `${MAX_SWAPFILES} swap areas are on: no more can be`);
    }
    const given = priority >= 0 ? priority : --this.leastPriority;
    const area = new SwapArea(type, name, kind, given, slots, backend, isSynchronousIo, isRotational);
    this.areas[type] = area;
    if (isRotational) this.nrRotational++;
    this.enqueue(area);
    this.nrTotal += area.nrPages;
    this.nrFree += area.nrPages;
    return type;
  }

  /**
   * Removes an area and closes its backend. Returns 0, -EINVAL when there is no such area, -EBUSY while a slot of it is
   * in use: whoever owns the page tables reads its pages back first (try_to_unuse).
   */
  swapoff(type: number): number {
    const area = this.areas[type] ?? null;
    if (area === null) return -EINVAL;
    if (area.nrUsedPages > 0) return -EBUSY;
    const at = this.order.indexOf(type);
    if (area.priority < 0) {
      // Those behind it move up, so that the next one given follows them without a gap.
      for (const behind of this.order.slice(at + 1)) this.areaOfType(behind).priority++;
      this.leastPriority++;
    }
    this.order.splice(at, 1);
    this.areas[type] = null;
    if (area.isRotational) this.nrRotational--;
    if (this.fillingType === type) this.fillingType = NO_AREA;
    this.nrTotal -= area.nrPages;
    this.nrFree -= area.nrPages;
    area.backend.close();
    return 0;
  }

  /**
   * Takes a slot: of the area whose cluster is being filled, else of the first by priority that has one. Returns
   * NO_SWAP_ENTRY when all are full. The slot has no names yet: put its page in the cache next, or lose it.
   */
  allocEntry(): SwapEntry {
    if (this.nrFree === 0) return NO_SWAP_ENTRY;
    if (this.fillingType !== NO_AREA) {
      const entry = this.allocFrom(this.areaOfType(this.fillingType));
      if (entry !== NO_SWAP_ENTRY) return entry;
    }
    for (let at = 0; at < this.order.length; at++) {
      const area = this.areaOfType(this.order[at]);
      const entry = this.allocFrom(area);
      if (entry === NO_SWAP_ENTRY) continue;
      this.order.splice(at, 1);
      this.enqueue(area);
      return entry;
    }
    return bug(`${this.nrFree} swap slots are free and in no area`);
  }

  /** Takes a slot for a page and puts the page in the swap cache (folio_alloc_swap); NO_SWAP_ENTRY when swap is full. */
  getSwapPage(pfn: Pfn): SwapEntry {
    const entry = this.allocEntry();
    if (entry !== NO_SWAP_ENTRY) this.addToCache(entry, pfn);
    return entry;
  }

  /** Counts one more page-table entry that names a slot (swap_duplicate). Calls bug() on a free slot. */
  swapDuplicate(entry: SwapEntry): void {
    this.areaOf(entry).increment(swapOffset(entry));
  }

  /**
   * Counts one page-table entry less (swap_free); the slot is freed when it was the last and no page of it is cached.
   * Returns how many are left.
   */
  swapFree(entry: SwapEntry): number {
    const area = this.areaOf(entry);
    const offset = swapOffset(entry);
    const nrLeft = area.decrement(offset);
    if (nrLeft === 0 && !area.isCached(offset)) this.release(area, offset);
    return nrLeft;
  }

  /**
   * Counts one page-table entry less and tells whether the swap cache alone still keeps the page: returns its frame
   * then, else NO_PFN. A caller that finds it unmapped deletes it from the cache and frees it (free_swap_and_cache).
   */
  freeSwapAndCache(entry: SwapEntry): Pfn {
    const pfn = this.lookupCache(entry);
    return this.swapFree(entry) === 0 ? pfn : NO_PFN;
  }

  /** Page-table entries that name a slot; 0 also for a free slot (swap_count). */
  swapCount(entry: SwapEntry): number {
    return this.areaOfType(swapType(entry)).countOf(swapOffset(entry));
  }

  /** Is a slot on a device that is as quick as memory (SWP_SYNCHRONOUS_IO)? */
  isSynchronousIo(entry: SwapEntry): boolean {
    return this.areaOfType(swapType(entry)).isSynchronousIo;
  }

  /** Slots of the area that an entry lies in, the header's among them. */
  nrSlotsOf(entry: SwapEntry): number {
    return this.areaOfType(swapType(entry)).slots.nrSlots;
  }

  /** After writePage(): is the write still on its way? Neither on a synchronous device nor for a page of zeros. */
  isWrittenLater(entry: SwapEntry): boolean {
    const area = this.areaOf(entry);
    return !area.isSynchronousIo && area.isZeroFilled[swapOffset(entry)] === 0;
  }

  /** Frame that holds a slot's page, or NO_PFN (swap_cache_get_folio). */
  lookupCache(entry: SwapEntry): Pfn {
    return this.areaOfType(swapType(entry)).cachedAt(swapOffset(entry));
  }

  /** Shadow that the last page of a slot left when reclaim took it, or NO_SHADOW (swap_cache_get_shadow). */
  shadowOf(entry: SwapEntry): number {
    return this.areaOf(entry).shadowAt(swapOffset(entry));
  }

  /** Makes a page the cached copy of a slot; counts nr_swapcached and nr_file_pages (swap_cache_add_folio). */
  addToCache(entry: SwapEntry, pfn: Pfn): void {
    const area = this.areaOf(entry);
    const offset = swapOffset(entry);
    if (area.isCached(offset)) bug(`swap entry ${entry} is cached in pfn ${area.cachedAt(offset)} already`);
    if (this.memmap.hasFlags(pfn, PG_SWAPCACHE)) {
      bug(`pfn ${pfn} is in the swap cache already, for entry ${this.memmap.private[pfn]}`);
    }
    area.cached[offset] = pfn;
    this.memmap.private[pfn] = entry;
    this.memmap.setFlags(pfn, PG_SWAPCACHE);
    this.countCached(pfn, 1);
  }

  /**
   * Takes a page out of the swap cache; its slot is freed when nothing names it (swap_cache_del_folio). `shadow`: what reclaim leaves
   * in its place, until a page of the slot is cached again or the slot is free.
   */
  deleteFromCache(pfn: Pfn, shadow: number = NO_SHADOW): void {
    const entry = this.memmap.private[pfn];
    if (!this.memmap.hasFlags(pfn, PG_SWAPCACHE)) bug(`pfn ${pfn} is not in the swap cache`);
    const area = this.areaOf(entry);
    const offset = swapOffset(entry);
    if (area.cachedAt(offset) !== pfn) bug(`pfn ${pfn} is not what is cached for swap entry ${entry}`);
    area.uncache(offset, shadow);
    this.memmap.private[pfn] = NO_SWAP_ENTRY;
    this.memmap.clearFlags(pfn, PG_SWAPCACHE);
    this.countCached(pfn, -1);
    if (area.countOf(offset) === 0) this.release(area, offset);
  }

  /**
   * Fills a page from its slot; counts pswpin, or swpin_zero for a page of zeros that was never written. Returns 0 or
   * -errno of the backend, and then the page is as it was.
   */
  readPage(entry: SwapEntry, pfn: Pfn): number {
    const area = this.areaOf(entry);
    const offset = swapOffset(entry);
    if (area.isZeroFilled[offset] !== 0) {
      this.vmstat.countEvents(SWPIN_ZERO, 1);
      this.contents.zeroPage(pfn);
      return 0;
    }
    this.vmstat.countEvents(PSWPIN, 1);
    if (!this.contents.hasData) return area.backend.ioWithoutBytes?.(offset, false) ?? 0;
    const error = area.backend.readPage(offset, this.buffer);
    if (error === 0) this.contents.writePage(pfn, this.buffer);
    return error;
  }

  /**
   * Writes a page to its slot; counts pswpout, or swpout_zero for a page of zeros, which is noted and not written.
   * Returns 0 or -errno of the backend: the page still holds the only copy then. As in Linux, pswpout counts tries.
   */
  writePage(entry: SwapEntry, pfn: Pfn): number {
    const area = this.areaOf(entry);
    const offset = swapOffset(entry);
    this.trace?.emit(TP_MM_VMSCAN_WRITE_FOLIO, pfn, entry, 0, 0);
    if (this.contents.hasData && this.contents.isZero(pfn)) {
      this.vmstat.countEvents(SWPOUT_ZERO, 1);
      area.isZeroFilled[offset] = 1;
      return 0;
    }
    area.isZeroFilled[offset] = 0;
    this.vmstat.countEvents(PSWPOUT, 1);
    if (!this.contents.hasData) return area.backend.ioWithoutBytes?.(offset, true) ?? 0;
    this.contents.readPage(pfn, this.buffer);
    return area.backend.writePage(offset, this.buffer);
  }

  /** Collects the lines of /proc/swaps, by type. */
  views(): SwapAreaView[] {
    return this.areas
      .filter((area) => area !== null)
      .map(({ name, type, kind, nrPages, nrUsedPages, priority }) => ({
        name,
        type,
        kind,
        sizePages: nrPages,
        usedPages: nrUsedPages,
        priority,
      }));
  }

  /** Compares slots, counts and cache with each other and with the memmap. O(slots + frames). */
  checkInvariants(): void {
    checkAreas(this, this.memmap);
  }

  private allocFrom(area: SwapArea): SwapEntry {
    const offset = area.slots.allocSlot();
    if (offset < 0) {
      if (this.fillingType === area.type) this.fillingType = NO_AREA;
      return NO_SWAP_ENTRY;
    }
    this.nrFree--;
    // The turn ends with the cluster.
    this.fillingType = (offset + 1) % SWAPFILE_CLUSTER === 0 ? NO_AREA : area.type;
    return swapEntry(area.type, offset);
  }

  /** Puts an area behind all of its priority and above. */
  private enqueue(area: SwapArea): void {
    let at = 0;
    while (at < this.order.length && this.areaOfType(this.order[at]).priority >= area.priority) at++;
    this.order.splice(at, 0, area.type);
  }

  private release(area: SwapArea, offset: number): void {
    area.release(offset);
    this.nrFree++;
  }

  /** Swap cache pages are file pages too, as Linux counts. Frames outside any zone count on node 0. */
  private countCached(pfn: Pfn, delta: number): void {
    const zoneId = this.memmap.zoneId[pfn];
    const nodeId = zoneId === NO_ZONE ? 0 : Math.floor(zoneId / MAX_NR_ZONES);
    this.vmstat.modNode(nodeId, NR_SWAPCACHED, delta);
    this.vmstat.modNode(nodeId, NR_FILE_PAGES, delta);
  }

  /** Area of an entry whose slot is in use. */
  private areaOf(entry: SwapEntry): SwapArea {
    const area = this.areaOfType(swapType(entry));
    if (!area.slots.isUsed(swapOffset(entry))) bug(`swap entry ${entry} names a free slot of ${area.name}`);
    return area;
  }

  private areaOfType(type: number): SwapArea {
    return this.areas[type] ?? bug(`there is no swap area of type ${type}`);
  }
}
