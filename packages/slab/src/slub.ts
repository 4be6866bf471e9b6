/**
 * SLUB: objects from slabs, without queues: a CPU allocates from one slab until it is empty. Hot: per object.
 *
 * Where the next object comes from, in order: the CPU's freelist; what others freed into the CPU's slab; the CPU's
 * partial slabs; the node's partial slabs, of which the CPU takes several at once; another node's; fresh pages.
 * Source: Linux 6.18 mm/slub.c. Differs: no sheaves, no merging of alike caches, no memory cgroup charges, freelists
 * start in address order (CONFIG_SLAB_FREELIST_RANDOM off), kmem_cache and kmem_cache_node take no memory themselves,
 * a slab of another node is taken whenever that node has more than min_partial (Linux: 1000 times in 1024), nodes are
 * searched by number from the CPU's own on (Linux: by distance).
 */
import {
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_IO,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  bug,
  type CpuId,
  EINVAL,
  type FrameAllocator,
  type Gfp,
  KernelError,
  KMALLOC_MAX_CACHE_SIZE,
  MAX_NR_ZONES,
  MAX_PAGE_ORDER,
  type NodeId,
  NO_PFN,
  NR_SLAB_UNRECLAIMABLE,
  NUMA_NO_NODE,
  type ObjectAllocator,
  PAGE_ALLOC_COSTLY_ORDER,
  PAGE_SIZE,
  type Paddr,
  type Pfn,
  PG_SLAB,
  PG_TAIL,
  TP_KMEM_CACHE_ALLOC,
  TP_KMEM_CACHE_FREE,
  type TraceSink,
} from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";
import { type ObjectAllocatorConfig } from "./config.ts";
import {
  KMALLOC_CLASS_BYTES,
  KMALLOC_FAMILIES,
  kmallocAlign,
  kmallocCacheName,
  kmallocIndex,
  kmallocType,
  NR_KMALLOC_CLASSES,
  ZERO_SIZE_PTR,
} from "./kmalloc.ts";
import { calculateSizes, orderOfBytes, type SlabTuning } from "./sizing.ts";
import {
  ALLOCATED,
  END,
  NO_ROW,
  PLACE_CPU,
  PLACE_CPU_PARTIAL,
  PLACE_FULL,
  PLACE_NODE_PARTIAL,
  SlabCache,
} from "./slab-cache.ts";

/** No object: -ENOMEM. */
const NO_OBJECT = -1;
/** `private` of the first frame of a kmalloc of whole pages. */
const LARGE_KMALLOC = -2;
/** Flags of the caller that reach the page allocator (GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK). */
const SLAB_GFP_MASK: number =
  __GFP_RECLAIM |
  __GFP_HIGH |
  __GFP_IO |
  __GFP_FS |
  __GFP_NOWARN |
  __GFP_RETRY_MAYFAIL |
  __GFP_NOFAIL |
  __GFP_NORETRY |
  __GFP_MEMALLOC |
  __GFP_NOMEMALLOC |
  __GFP_HARDWALL |
  __GFP_THISNODE;
/** Slabs with more free objects than this keep their place when a list is sorted (SHRINK_PROMOTE_MAX). */
const SHRINK_PROMOTE_MAX = 32;

/** The object allocator of Linux. Cache indices 0 to 51 are the kmalloc caches. */
export class SlubAllocator implements ObjectAllocator {
  readonly name = "slub";
  /** In the order in which they were made; /proc/slabinfo lists the newest first. */
  readonly caches: SlabCache[];
  trace: TraceSink | null;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;
  private readonly frames: FrameAllocator;
  private readonly nrCpus: number;
  private readonly nrNodes: number;
  private readonly cpuNodes: Int32Array;
  private readonly tuning: SlabTuning;
  private nrLargePages: number;

  constructor(config: ObjectAllocatorConfig) {
    const { nrCpus, cpuNodes } = config;
    if (!Number.isInteger(nrCpus) || nrCpus < 1 || cpuNodes.length !== nrCpus) {
      throw new KernelError(
        EINVAL,
        `nrCpus (${nrCpus}) must be a count from 1, with one of cpuNodes for each`,
      );
    }
    this.caches = [];
    this.trace = config.trace;
    this.memmap = config.memmap;
    this.vmstat = config.vmstat;
    this.frames = config.frames;
    this.nrCpus = nrCpus;
    this.nrNodes = config.frames.zones.length / MAX_NR_ZONES;
    this.cpuNodes = Int32Array.from(cpuNodes);
    this.tuning = {
      nrCpus,
      minOrder: config.slubMinOrder ?? 0,
      maxOrder: config.slubMaxOrder ?? PAGE_ALLOC_COSTLY_ORDER,
      minObjects: config.slubMinObjects ?? 0,
    };
    this.nrLargePages = 0;
    for (const family of KMALLOC_FAMILIES) {
      for (let index = 1; index <= NR_KMALLOC_CLASSES; index++) {
        const bytes = KMALLOC_CLASS_BYTES[index];
        this.createCache(kmallocCacheName(family, bytes), bytes, kmallocAlign(bytes), family.flags);
      }
    }
  }

  createCache(name: string, objectBytes: number, alignBytes: number, flags: number): number {
    const geometry = calculateSizes(objectBytes, alignBytes, flags, this.tuning);
    const index = this.caches.length;
    this.caches.push(
      new SlabCache(this.memmap, index, name, objectBytes, flags, geometry, this.nrCpus, this.nrNodes),
    );
    return index;
  }

  allocObject(cache: number, gfp: Gfp, cpu: CpuId): Paddr {
    const c = this.caches[cache];
    let object = c.cpuFreelist[cpu];
    if (object === END) {
      object = this.refill(c, gfp, cpu);
      if (object === END) return NO_OBJECT;
    }
    const slot = c.cpuRow[cpu] * c.objectsPerSlab + object;
    c.cpuFreelist[cpu] = c.next[slot];
    c.next[slot] = ALLOCATED;
    const address = c.cpuAddress[cpu] + object * c.slotBytes;
    if (this.trace !== null) this.trace.emit(TP_KMEM_CACHE_ALLOC, cache, address, gfp, 0);
    return address;
  }

  freeObject(cache: number, address: Paddr, cpu: CpuId): void {
    const c = this.caches[cache];
    if (this.trace !== null) this.trace.emit(TP_KMEM_CACHE_FREE, cache, address, 0, 0);
    const offset = address - c.cpuAddress[cpu];
    if (offset >= 0 && offset < c.cpuSpanBytes[cpu]) {
      const object = (offset / c.slotBytes) | 0;
      const slot = c.cpuRow[cpu] * c.objectsPerSlab + object;
      if (object * c.slotBytes !== offset || c.next[slot] !== ALLOCATED) this.refuseFree(c, address);
      c.next[slot] = c.cpuFreelist[cpu];
      c.cpuFreelist[cpu] = object;
      return;
    }
    this.freeElsewhere(c, address, cpu);
  }

  kmalloc(nrBytes: number, gfp: Gfp, cpu: CpuId): Paddr {
    if (nrBytes > KMALLOC_MAX_CACHE_SIZE) return this.kmallocLarge(nrBytes, gfp, cpu);
    if (nrBytes >= 1) {
      return this.allocObject(kmallocType(gfp) * NR_KMALLOC_CLASSES + kmallocIndex(nrBytes) - 1, gfp, cpu);
    }
    if (nrBytes === 0) return ZERO_SIZE_PTR;
    throw new KernelError(EINVAL, `kmalloc of ${nrBytes} bytes; the size must be 0 or more`);
  }

  kfree(address: Paddr, cpu: CpuId): void {
    if (address === ZERO_SIZE_PTR || address === NO_OBJECT) return;
    const head = this.headOf(address);
    if ((this.memmap.flags[head] & PG_SLAB) !== 0) {
      this.freeObject(this.memmap.private[head], address, cpu);
      return;
    }
    if (this.memmap.private[head] !== LARGE_KMALLOC || address !== head * PAGE_SIZE) {
      bug(`kfree of address 0x${address.toString(16)}, which kmalloc did not give`);
    }
    const order = this.memmap.compoundOrder(head);
    this.memmap.private[head] = -1;
    this.countLarge(head, -(2 ** order));
    this.frames.freePages(head, order, cpu);
  }

  shrinkAll(): number {
    let nrPages = 0;
    for (const c of this.caches) {
      for (let cpu = 0; cpu < this.nrCpus; cpu++) nrPages += this.flushCpu(c, cpu);
      for (let node = 0; node < this.nrNodes; node++) nrPages += this.shrinkNode(c, node);
    }
    return nrPages;
  }

  checkInvariants(): void {
    let nrSlabs = 0;
    for (const c of this.caches) {
      c.checkInvariants();
      nrSlabs += c.nrSlabs;
    }
    const { flags, private: owner, nrFrames } = this.memmap;
    let nrHeads = 0;
    let nrLargePages = 0;
    for (let pfn = 0; pfn < nrFrames; pfn++) {
      if ((flags[pfn] & PG_SLAB) !== 0) nrHeads++;
      else if ((flags[pfn] & PG_TAIL) === 0 && owner[pfn] === LARGE_KMALLOC) {
        nrLargePages += 2 ** this.memmap.compoundOrder(pfn);
      }
    }
    if (nrHeads !== nrSlabs) bug(`${nrHeads} frames say they head a slab; the caches have ${nrSlabs}`);
    if (nrLargePages !== this.nrLargePages) {
      bug(`large kmallocs hold ${nrLargePages} pages; ${this.nrLargePages} are counted`);
    }
  }

  /** Gives a CPU a slab with free objects; returns the first of them, or END when there is no memory (___slab_alloc). */
  private refill(c: SlabCache, gfp: Gfp, cpu: CpuId): number {
    const active = c.cpuRow[cpu];
    if (active !== NO_ROW) {
      if (c.freelist[active] !== END) {
        c.activate(active, cpu);
        return c.cpuFreelist[cpu];
      }
      c.place[active] = PLACE_FULL;
      c.clearCpu(cpu);
    }
    let row = c.cpuPartialRow[cpu];
    if (row !== NO_ROW) {
      c.cpuPartialRow[cpu] = c.nextRow[row];
    } else {
      row = this.getPartial(c, cpu);
      if (row === NO_ROW) {
        row = this.newSlab(c, gfp, cpu);
        if (row === NO_ROW) return END;
        // Reclaim and the OOM killer may have used this cache on this CPU while they looked for pages.
        if (c.cpuRow[cpu] !== NO_ROW) this.deactivate(c, cpu);
      }
    }
    c.activate(row, cpu);
    return c.cpuFreelist[cpu];
  }

  /** Takes a partial slab of the CPU's node, failing that of a node that has plenty (get_partial). */
  private getPartial(c: SlabCache, cpu: CpuId): number {
    const local = this.cpuNodes[cpu];
    const row = this.getPartialNode(c, local, cpu);
    if (row !== NO_ROW) return row;
    for (let step = 1; step < this.nrNodes; step++) {
      const node = (local + step) % this.nrNodes;
      if (c.nrPartial[node] > c.minPartial) return this.getPartialNode(c, node, cpu);
    }
    return NO_ROW;
  }

  /** Takes the first partial slab of a node, and a few more for the CPU's own list (get_partial_node). */
  private getPartialNode(c: SlabCache, node: NodeId, cpu: CpuId): number {
    const { lists } = this.memmap;
    const head = c.partialHead + node;
    const enough = (c.cpuPartialSlabs / 2) | 0;
    let taken = NO_ROW;
    let nrMore = 0;
    while (!lists.isEmpty(head)) {
      const row = c.rowOf(lists.next[head]);
      c.removePartial(row);
      if (taken === NO_ROW) {
        taken = row;
        continue;
      }
      this.putCpuPartial(c, row, cpu, false);
      if (++nrMore > enough) break;
    }
    return taken;
  }

  /** Makes a slab of fresh pages, of the smallest order when the full order is not to be had (allocate_slab). */
  private newSlab(c: SlabCache, gfp: Gfp, cpu: CpuId): number {
    const flags = (gfp & SLAB_GFP_MASK) | c.allocGfp;
    let light = (flags | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
    if ((light & __GFP_DIRECT_RECLAIM) !== 0 && c.order > c.minOrder) {
      light = (light | __GFP_NOMEMALLOC) & ~__GFP_RECLAIM;
    }
    let { order, objectsPerSlab: nrObjects } = c;
    let pfn = this.frames.allocPages(light, order, cpu, NUMA_NO_NODE);
    if (pfn === NO_PFN) {
      order = c.minOrder;
      nrObjects = c.objectsPerMinSlab;
      pfn = this.frames.allocPages(flags, order, cpu, NUMA_NO_NODE);
      if (pfn === NO_PFN) return NO_ROW;
    }
    const row = c.addSlab(pfn, nrObjects);
    this.vmstat.modNode(c.nodeOf(row), c.statItem, 2 ** order);
    return row;
  }

  /** Gives an empty slab's pages back; returns how many (discard_slab). */
  private discardSlab(c: SlabCache, row: number, cpu: CpuId): number {
    const pfn = c.slabPfn[row];
    const order = c.orderOf(row);
    this.vmstat.modNode(c.nodeOf(row), c.statItem, -(2 ** order));
    c.removeSlab(row);
    this.frames.freePages(pfn, order, cpu);
    return 2 ** order;
  }

  /** Frees an object of a slab that is not the CPU's own (__slab_free). */
  private freeElsewhere(c: SlabCache, address: Paddr, cpu: CpuId): void {
    const head = this.headOf(address);
    if ((this.memmap.flags[head] & PG_SLAB) === 0 || this.memmap.private[head] !== c.index) {
      bug(`address 0x${address.toString(16)} is freed into ${c.name}, which did not give it`);
    }
    const row = c.rowOf(head);
    const offset = address - head * PAGE_SIZE;
    const object = (offset / c.slotBytes) | 0;
    const slot = row * c.objectsPerSlab + object;
    if (object >= c.nrObjects[row] || object * c.slotBytes !== offset || c.next[slot] !== ALLOCATED) {
      this.refuseFree(c, address);
    }
    const wasFull = c.freelist[row] === END;
    c.next[slot] = c.freelist[row];
    c.freelist[row] = object;
    const inuse = --c.inuse[row];
    const place = c.place[row];
    if (place === PLACE_CPU) return;
    if (wasFull) {
      this.putCpuPartial(c, row, cpu, true);
    } else if (inuse === 0 && place === PLACE_NODE_PARTIAL && c.nrPartial[c.nodeOf(row)] >= c.minPartial) {
      c.removePartial(row);
      this.discardSlab(c, row, cpu);
    }
  }

  /** Puts a slab first on the CPU's partial list; a full list goes to the nodes first when `mayDrain`. */
  private putCpuPartial(c: SlabCache, row: number, cpu: CpuId, mayDrain: boolean): void {
    let behind = c.cpuPartialRow[cpu];
    let toPut = NO_ROW;
    if (mayDrain && behind !== NO_ROW && c.nrBehind[behind] >= c.cpuPartialSlabs) {
      toPut = behind;
      behind = NO_ROW;
    }
    c.nrBehind[row] = behind === NO_ROW ? 1 : c.nrBehind[behind] + 1;
    c.nextRow[row] = behind;
    c.place[row] = PLACE_CPU_PARTIAL;
    c.cpuPartialRow[cpu] = row;
    if (toPut !== NO_ROW) this.putPartials(c, toPut, cpu);
  }

  /** Moves a chain of partial slabs to their nodes; empty ones beyond min_partial go. Returns pages freed. */
  private putPartials(c: SlabCache, first: number, cpu: CpuId): number {
    let toDiscard = NO_ROW;
    for (let row = first; row !== NO_ROW;) {
      const after = c.nextRow[row];
      if (c.inuse[row] === 0 && c.nrPartial[c.nodeOf(row)] >= c.minPartial) {
        c.nextRow[row] = toDiscard;
        toDiscard = row;
      } else {
        c.nextRow[row] = NO_ROW;
        c.addPartial(row, false);
      }
      row = after;
    }
    let nrPages = 0;
    while (toDiscard !== NO_ROW) {
      const after = c.nextRow[toDiscard];
      nrPages += this.discardSlab(c, toDiscard, cpu);
      toDiscard = after;
    }
    return nrPages;
  }

  /** Takes a CPU's slab from it; returns pages freed (deactivate_slab). */
  private deactivate(c: SlabCache, cpu: CpuId): number {
    const row = c.cpuRow[cpu];
    if (row === NO_ROW) return 0;
    const hadRemoteFrees = c.freelist[row] !== END;
    c.mergeCpuFreelist(cpu);
    c.clearCpu(cpu);
    c.place[row] = PLACE_FULL;
    if (c.inuse[row] === 0 && c.nrPartial[c.nodeOf(row)] >= c.minPartial) {
      return this.discardSlab(c, row, cpu);
    }
    if (c.freelist[row] !== END) c.addPartial(row, !hadRemoteFrees);
    return 0;
  }

  /** Takes all slabs from a CPU; returns pages freed (flush_cpu_slab). */
  private flushCpu(c: SlabCache, cpu: CpuId): number {
    let nrPages = this.deactivate(c, cpu);
    const first = c.cpuPartialRow[cpu];
    if (first !== NO_ROW) {
      c.cpuPartialRow[cpu] = NO_ROW;
      nrPages += this.putPartials(c, first, cpu);
    }
    return nrPages;
  }

  /**
   * Frees a node's empty slabs and sorts the rest, fullest first, so that allocations fill those up and the others may
   * become empty; returns pages freed (__kmem_cache_do_shrink).
   */
  private shrinkNode(c: SlabCache, node: NodeId): number {
    const { lists } = this.memmap;
    const head = c.partialHead + node;
    const promoted: number[][] = Array.from({ length: SHRINK_PROMOTE_MAX + 1 }, () => []);
    const empty: number[] = [];
    for (let pfn = lists.next[head]; pfn !== head;) {
      const row = c.rowOf(pfn);
      const nrFree = c.nrObjects[row] - c.inuse[row];
      pfn = lists.next[pfn];
      if (c.inuse[row] === 0) {
        c.removePartial(row);
        empty.push(row);
      } else if (nrFree <= SHRINK_PROMOTE_MAX) {
        promoted[nrFree].push(c.slabPfn[row]);
      }
    }
    for (let nrFree = SHRINK_PROMOTE_MAX; nrFree > 0; nrFree--) {
      for (const pfn of promoted[nrFree]) {
        lists.remove(pfn);
        lists.addFirst(head, pfn);
      }
    }
    let nrPages = 0;
    for (const row of empty.reverse()) nrPages += this.discardSlab(c, row, 0);
    return nrPages;
  }

  /** Whole pages for what no cache holds (kmalloc_large). */
  private kmallocLarge(nrBytes: number, gfp: Gfp, cpu: CpuId): Paddr {
    const order = orderOfBytes(nrBytes);
    if (order > MAX_PAGE_ORDER) return NO_OBJECT;
    const pfn = this.frames.allocPages(gfp | __GFP_COMP, order, cpu, NUMA_NO_NODE);
    if (pfn === NO_PFN) return NO_OBJECT;
    this.memmap.private[pfn] = LARGE_KMALLOC;
    this.countLarge(pfn, 2 ** order);
    return pfn * PAGE_SIZE;
  }

  private countLarge(pfn: Pfn, nrPages: number): void {
    this.nrLargePages += nrPages;
    this.vmstat.modNode((this.memmap.zoneId[pfn] / MAX_NR_ZONES) | 0, NR_SLAB_UNRECLAIMABLE, nrPages);
  }

  /** First frame of the slab or block that holds an address. */
  private headOf(address: Paddr): Pfn {
    const pfn = Math.floor(address / PAGE_SIZE);
    if (!(pfn >= 0 && pfn < this.memmap.nrFrames)) {
      bug(`address 0x${address.toString(16)} is freed, which is outside memory`);
    }
    return this.memmap.compoundHead(pfn);
  }

  /** Stops at a free that cannot be right. */
  private refuseFree(c: SlabCache, address: Paddr): never {
    bug(`address 0x${address.toString(16)} of ${c.name} is freed twice, or is not the start of an object`);
  }
}
