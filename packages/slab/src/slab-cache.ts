/**
 * The state of one cache: its slabs, what each CPU works on, what each node keeps. Hot: per object.
 *
 * A slab is a row. Row arrays, grown by doubling:
 *
 *     slabPfn     first frame of the slab, NO_PFN for a row not in use
 *     nrObjects   objects in it: objectsPerSlab, or fewer in a slab of the minimum order
 *     inuse       objects not on its own freelist; those on a CPU's freelist count as used
 *     freelist    first free object, or END
 *     place       where the slab is: PLACE_*
 *     nextRow     next slab of a CPU's partial list, or of the chain of unused rows
 *     nrBehind    slabs on a CPU's partial list from this one on (slab->slabs)
 *     next        objectsPerSlab entries a row: the free object after this one, END, or ALLOCATED
 *
 * Per CPU: the slab it allocates from with the freelist taken from that slab, and a chain of partial slabs. Per node:
 * a list of partial slabs in the memmap, linked through their first frames. Full slabs are on no list.
 * The memmap points back: `private` of a slab's first frame is the cache's index, `index` is the row.
 * Source: Linux 6.18 mm/slab.h, struct slab, struct kmem_cache; mm/slub.c, struct kmem_cache_cpu, kmem_cache_node.
 */
import {
  __GFP_COMP,
  __GFP_DMA,
  __GFP_RECLAIMABLE,
  bug,
  type CpuId,
  type Gfp,
  MAX_NR_ZONES,
  type NodeId,
  NO_PFN,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  type ObjectCacheView,
  PAGE_SIZE,
  PG_SLAB,
  SLAB_CACHE_DMA,
  SLAB_RECLAIM_ACCOUNT,
} from "@pageframe/contracts";
import { type Memmap } from "@pageframe/memmap";
import { type SlabGeometry } from "./sizing.ts";

/** End of a freelist. */
export const END = -1;
/** `next` of an object that is handed out. */
export const ALLOCATED = -2;
/** Absence of a slab. */
export const NO_ROW = -1;

const PLACE_UNUSED = 0;
/** A CPU allocates from it (frozen). */
export const PLACE_CPU = 1;
export const PLACE_CPU_PARTIAL = 2;
export const PLACE_NODE_PARTIAL = 3;
/** All objects are handed out and nobody keeps it. */
export const PLACE_FULL = 4;

/** One cache of a {@link SlubAllocator}. Fields are for that allocator to write. */
export class SlabCache implements ObjectCacheView {
  readonly index: number;
  readonly name: string;
  readonly objectBytes: number;
  readonly slotBytes: number;
  readonly alignBytes: number;
  readonly flags: number;
  readonly order: number;
  readonly objectsPerSlab: number;
  readonly minOrder: number;
  readonly objectsPerMinSlab: number;
  readonly freePointerOffset: number;
  readonly minPartial: number;
  readonly cpuPartial: number;
  readonly cpuPartialSlabs: number;
  /** Allocation flags that every slab is taken with. */
  readonly allocGfp: Gfp;
  /** Node counter of its pages. */
  readonly statItem: number;
  nrSlabs: number;
  /** Objects in all slabs, free ones too. */
  nrTotalObjects: number;

  slabPfn: Int32Array;
  nrObjects: Int16Array;
  inuse: Int16Array;
  freelist: Int16Array;
  place: Uint8Array;
  nextRow: Int32Array;
  nrBehind: Int32Array;
  next: Int16Array;
  private unusedRow: number;

  /** Slab that a CPU allocates from, or NO_ROW. */
  readonly cpuRow: Int32Array;
  /** First object of the freelist that a CPU took, or END. */
  readonly cpuFreelist: Int32Array;
  /** Address of that slab (Infinity for none), and bytes of its objects. */
  readonly cpuAddress: Float64Array;
  readonly cpuSpanBytes: Int32Array;
  /** First slab of a CPU's partial list, or NO_ROW. */
  readonly cpuPartialRow: Int32Array;

  readonly nrNodes: number;
  /** List head of node 0's partial slabs; the other nodes' follow. */
  readonly partialHead: number;
  /** Slabs on each node's partial list. */
  readonly nrPartial: Int32Array;

  private readonly memmap: Memmap;

  constructor(
    memmap: Memmap,
    index: number,
    name: string,
    objectBytes: number,
    flags: number,
    geometry: SlabGeometry,
    nrCpus: number,
    nrNodes: number,
  ) {
    this.memmap = memmap;
    this.index = index;
    this.name = name;
    this.objectBytes = objectBytes;
    this.slotBytes = geometry.slotBytes;
    this.alignBytes = geometry.alignBytes;
    this.flags = flags;
    this.order = geometry.order;
    this.objectsPerSlab = geometry.objectsPerSlab;
    this.minOrder = geometry.minOrder;
    this.objectsPerMinSlab = geometry.objectsPerMinSlab;
    this.freePointerOffset = geometry.freePointerOffset;
    this.minPartial = geometry.minPartial;
    this.cpuPartial = geometry.cpuPartial;
    this.cpuPartialSlabs = geometry.cpuPartialSlabs;
    const isReclaimable = (flags & SLAB_RECLAIM_ACCOUNT) !== 0;
    this.allocGfp =
      __GFP_COMP | ((flags & SLAB_CACHE_DMA) !== 0 ? __GFP_DMA : 0) | (isReclaimable ? __GFP_RECLAIMABLE : 0);
    this.statItem = isReclaimable ? NR_SLAB_RECLAIMABLE : NR_SLAB_UNRECLAIMABLE;
    this.nrSlabs = 0;
    this.nrTotalObjects = 0;
    this.slabPfn = new Int32Array(0);
    this.nrObjects = new Int16Array(0);
    this.inuse = new Int16Array(0);
    this.freelist = new Int16Array(0);
    this.place = new Uint8Array(0);
    this.nextRow = new Int32Array(0);
    this.nrBehind = new Int32Array(0);
    this.next = new Int16Array(0);
    this.unusedRow = NO_ROW;
    this.cpuRow = new Int32Array(nrCpus).fill(NO_ROW);
    this.cpuFreelist = new Int32Array(nrCpus).fill(END);
    this.cpuAddress = new Float64Array(nrCpus).fill(Infinity);
    this.cpuSpanBytes = new Int32Array(nrCpus);
    this.cpuPartialRow = new Int32Array(nrCpus).fill(NO_ROW);
    this.nrNodes = nrNodes;
    this.partialHead = memmap.lists.newHeads(nrNodes);
    this.nrPartial = new Int32Array(nrNodes);
  }

  /**
   * Objects in use as /proc/slabinfo counts them: all but the free ones of slabs on node partial lists. Those that a
   * CPU holds ready count as used. O(partial slabs). Source: Linux 6.18 mm/slub.c, get_slabinfo().
   */
  get nrActiveObjects(): number {
    const { next } = this.memmap.lists;
    let nrFree = 0;
    for (let node = 0; node < this.nrNodes; node++) {
      const head = this.partialHead + node;
      for (let pfn = next[head]; pfn !== head; pfn = next[pfn]) {
        const row = this.rowOf(pfn);
        nrFree += this.nrObjects[row] - this.inuse[row];
      }
    }
    return this.nrTotalObjects - nrFree;
  }

  /** Objects that are handed out. O(slabs). Linux does not know this number. */
  get nrAllocatedObjects(): number {
    let nr = 0;
    for (let row = 0; row < this.slabPfn.length; row++) {
      if (this.place[row] !== PLACE_UNUSED) nr += this.inuse[row];
    }
    for (let cpu = 0; cpu < this.cpuRow.length; cpu++) {
      const base = this.cpuRow[cpu] * this.objectsPerSlab;
      for (let object = this.cpuFreelist[cpu]; object !== END; object = this.next[base + object]) nr--;
    }
    return nr;
  }

  /** Slab whose first frame is `pfn`. */
  rowOf(pfn: number): number {
    return this.memmap.index[pfn];
  }

  /** Node of a slab. */
  nodeOf(row: number): NodeId {
    return (this.memmap.zoneId[this.slabPfn[row]] / MAX_NR_ZONES) | 0;
  }

  /** Order of a slab. */
  orderOf(row: number): number {
    return this.memmap.compoundOrder(this.slabPfn[row]);
  }

  /** Takes a row for a fresh slab: all objects free, in address order. */
  addSlab(pfn: number, nrObjects: number): number {
    if (this.unusedRow === NO_ROW) this.grow();
    const row = this.unusedRow;
    this.unusedRow = this.nextRow[row];
    this.slabPfn[row] = pfn;
    this.nrObjects[row] = nrObjects;
    this.inuse[row] = 0;
    this.freelist[row] = 0;
    this.nextRow[row] = NO_ROW;
    const { next } = this;
    const base = row * this.objectsPerSlab;
    for (let object = 1; object < nrObjects; object++) next[base + object - 1] = object;
    next[base + nrObjects - 1] = END;
    this.memmap.setFlags(pfn, PG_SLAB);
    this.memmap.private[pfn] = this.index;
    this.memmap.index[pfn] = row;
    this.nrSlabs++;
    this.nrTotalObjects += nrObjects;
    return row;
  }

  /** Gives a row back; the slab is on no list and its frames go to the caller. */
  removeSlab(row: number): void {
    const pfn = this.slabPfn[row];
    this.memmap.clearFlags(pfn, PG_SLAB);
    this.memmap.private[pfn] = -1;
    this.memmap.index[pfn] = 0;
    this.nrSlabs--;
    this.nrTotalObjects -= this.nrObjects[row];
    this.slabPfn[row] = NO_PFN;
    this.place[row] = PLACE_UNUSED;
    this.nextRow[row] = this.unusedRow;
    this.unusedRow = row;
  }

  /** Lets a CPU allocate from a slab, and takes the slab's freelist over. */
  activate(row: number, cpu: CpuId): void {
    this.place[row] = PLACE_CPU;
    this.cpuRow[cpu] = row;
    this.cpuFreelist[cpu] = this.freelist[row];
    this.cpuAddress[cpu] = this.slabPfn[row] * PAGE_SIZE;
    this.cpuSpanBytes[cpu] = this.nrObjects[row] * this.slotBytes;
    this.freelist[row] = END;
    this.inuse[row] = this.nrObjects[row];
  }

  /** Ends a CPU's use of its slab; the CPU's freelist is lost unless merged before. */
  clearCpu(cpu: CpuId): void {
    this.cpuRow[cpu] = NO_ROW;
    this.cpuFreelist[cpu] = END;
    this.cpuAddress[cpu] = Infinity;
    this.cpuSpanBytes[cpu] = 0;
  }

  /** Puts what is left of a CPU's freelist in front of its slab's own. */
  mergeCpuFreelist(cpu: CpuId): void {
    const first = this.cpuFreelist[cpu];
    if (first === END) return;
    const row = this.cpuRow[cpu];
    const base = row * this.objectsPerSlab;
    let last = first;
    let nrFree = 1;
    for (let object = this.next[base + last]; object !== END; object = this.next[base + object]) {
      last = object;
      nrFree++;
    }
    this.next[base + last] = this.freelist[row];
    this.freelist[row] = first;
    this.inuse[row] -= nrFree;
    this.cpuFreelist[cpu] = END;
  }

  /** Puts a slab on its node's partial list. */
  addPartial(row: number, isFirst: boolean): void {
    const node = this.nodeOf(row);
    this.place[row] = PLACE_NODE_PARTIAL;
    this.nrPartial[node]++;
    if (isFirst) this.memmap.lists.addFirst(this.partialHead + node, this.slabPfn[row]);
    else this.memmap.lists.addLast(this.partialHead + node, this.slabPfn[row]);
  }

  /** Takes a slab off its node's partial list. */
  removePartial(row: number): void {
    this.nrPartial[this.nodeOf(row)]--;
    this.memmap.lists.remove(this.slabPfn[row]);
    this.place[row] = PLACE_FULL;
  }

  /** Calls bug() unless every object is counted once and every list is whole. O(objects). */
  checkInvariants(): void {
    const expected = new Uint8Array(this.slabPfn.length).fill(PLACE_FULL);
    const cpuFirst = new Int32Array(this.slabPfn.length).fill(END);
    for (let cpu = 0; cpu < this.cpuRow.length; cpu++) {
      const active = this.cpuRow[cpu];
      if (active !== NO_ROW) {
        this.expectPlace(expected, active, PLACE_CPU);
        cpuFirst[active] = this.cpuFreelist[cpu];
      } else if (this.cpuFreelist[cpu] !== END || this.cpuAddress[cpu] !== Infinity) {
        bug(`${this.name}: cpu ${cpu} has a freelist and no slab`);
      }
      let nrBehind = -1;
      for (let row = this.cpuPartialRow[cpu]; row !== NO_ROW; row = this.nextRow[row]) {
        this.expectPlace(expected, row, PLACE_CPU_PARTIAL);
        if (nrBehind !== -1 && this.nrBehind[row] !== nrBehind - 1) {
          bug(`${this.name}: partial list of cpu ${cpu} counts ${nrBehind}, then ${this.nrBehind[row]}`);
        }
        nrBehind = this.nrBehind[row];
      }
      if (nrBehind > 1) bug(`${this.name}: partial list of cpu ${cpu} ends ${nrBehind - 1} slabs early`);
    }
    for (let node = 0; node < this.nrNodes; node++) this.checkPartialList(node, expected);
    let nrSlabs = 0;
    let nrTotalObjects = 0;
    for (let row = 0; row < this.slabPfn.length; row++) {
      if (this.place[row] === PLACE_UNUSED) continue;
      if (this.place[row] !== expected[row]) {
        bug(`${this.name}: slab ${row} says place ${this.place[row]}; the lists say ${expected[row]}`);
      }
      nrSlabs++;
      nrTotalObjects += this.nrObjects[row];
      this.checkSlab(row, cpuFirst[row]);
    }
    if (nrSlabs !== this.nrSlabs || nrTotalObjects !== this.nrTotalObjects) {
      bug(
        `${this.name}: counts ${this.nrSlabs} slabs of ${this.nrTotalObjects}, has ${nrSlabs} of ${nrTotalObjects}`,
      );
    }
  }

  private checkPartialList(node: NodeId, expected: Uint8Array): void {
    const head = this.partialHead + node;
    const nrListed = this.memmap.lists.checkList(head);
    if (nrListed !== this.nrPartial[node]) {
      bug(`${this.name}: node ${node} counts ${this.nrPartial[node]} partial slabs, lists ${nrListed}`);
    }
    const { next } = this.memmap.lists;
    for (let pfn = next[head]; pfn !== head; pfn = next[pfn]) {
      const row = this.rowOf(pfn);
      this.expectPlace(expected, row, PLACE_NODE_PARTIAL);
      if (this.nodeOf(row) !== node)
        bug(`${this.name}: slab ${row} of node ${this.nodeOf(row)} listed on ${node}`);
    }
  }

  private expectPlace(expected: Uint8Array, row: number, place: number): void {
    if (expected[row] !== PLACE_FULL) bug(`${this.name}: slab ${row} is on two lists`);
    expected[row] = place;
  }

  private checkSlab(row: number, cpuFirst: number): void {
    const pfn = this.slabPfn[row];
    if (!this.memmap.hasFlags(pfn, PG_SLAB) || this.memmap.private[pfn] !== this.index) {
      bug(`${this.name}: pfn ${pfn} of slab ${row} does not say so`);
    }
    if (this.rowOf(pfn) !== row)
      bug(`${this.name}: pfn ${pfn} points to slab ${this.rowOf(pfn)}, not ${row}`);
    const base = row * this.objectsPerSlab;
    const isFree = new Uint8Array(this.nrObjects[row]);
    const nrOwn = this.walkFreelist(row, this.freelist[row], isFree);
    this.walkFreelist(row, cpuFirst, isFree);
    for (let object = 0; object < isFree.length; object++) {
      if ((isFree[object] === 1) === (this.next[base + object] === ALLOCATED)) {
        bug(`${this.name}: object ${object} of slab ${row} is neither free nor handed out`);
      }
    }
    if (this.inuse[row] !== this.nrObjects[row] - nrOwn) {
      bug(
        `${this.name}: slab ${row} counts ${this.inuse[row]} used of ${this.nrObjects[row]}, ${nrOwn} are free`,
      );
    }
    const isOnFreeLists = this.place[row] === PLACE_CPU_PARTIAL || this.place[row] === PLACE_NODE_PARTIAL;
    if (isOnFreeLists && nrOwn === 0)
      bug(`${this.name}: slab ${row} is on a partial list without a free object`);
    if (this.place[row] === PLACE_FULL && nrOwn !== 0)
      bug(`${this.name}: slab ${row} is lost with ${nrOwn} free`);
  }

  /** Marks the objects of a freelist; returns how many they are. */
  private walkFreelist(row: number, first: number, isFree: Uint8Array): number {
    const base = row * this.objectsPerSlab;
    let nr = 0;
    for (let object = first; object !== END; object = this.next[base + object]) {
      if (object < 0 || object >= isFree.length)
        bug(`${this.name}: freelist of slab ${row} leads to ${object}`);
      if (isFree[object] === 1) bug(`${this.name}: object ${object} of slab ${row} is free twice`);
      isFree[object] = 1;
      nr++;
    }
    return nr;
  }

  /** Doubles the rows. Cold. */
  private grow(): void {
    const old = this.slabPfn.length;
    const nrRows = Math.max(4, old * 2);
    this.slabPfn = grown(this.slabPfn, new Int32Array(nrRows));
    this.nrObjects = grown(this.nrObjects, new Int16Array(nrRows));
    this.inuse = grown(this.inuse, new Int16Array(nrRows));
    this.freelist = grown(this.freelist, new Int16Array(nrRows));
    this.place = grown(this.place, new Uint8Array(nrRows));
    this.nextRow = grown(this.nextRow, new Int32Array(nrRows));
    this.nrBehind = grown(this.nrBehind, new Int32Array(nrRows));
    this.next = grown(this.next, new Int16Array(nrRows * this.objectsPerSlab));
    for (let row = nrRows - 1; row >= old; row--) {
      this.slabPfn[row] = NO_PFN;
      this.nextRow[row] = this.unusedRow;
      this.unusedRow = row;
    }
  }
}

/** Copies an array to the front of a larger one. */
function grown<Row extends Int32Array | Int16Array | Uint8Array>(from: Row, to: Row): Row {
  to.set(from);
  return to;
}
