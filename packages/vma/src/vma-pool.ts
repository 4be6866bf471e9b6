/**
 * Rows of vm_area_struct, shared by all address spaces of a kernel. Hot: per fault.
 *
 * One typed array per field, indexed by VmaId. Free rows are chained through `next` from `freeHead` and have
 * `mmId` -1. `node parent height prev next` belong to the tree that holds the row (see vma-tree.ts); `node` interleaves
 * what a search reads of a row: start, left child, right child, largest gap, so that a level costs one cache line.
 * Only the tree writes `startVpn` and `endVpn` of a row that is in it: it keeps the copy of the start.
 * Arrays are replaced when the pool grows: re-read them after any call that may add a VMA.
 */
import { NO_VMA, bug, type VmaId } from "@pageframe/contracts";
import { MappingIndex } from "./mapping-index.ts";

/** No file behind the mapping: anonymous memory. */
export const NO_FILE = -1;
/** No anon_vma yet: nothing was ever faulted in. */
export const NO_ANON_VMA = -1;
/** The task's memory policy applies. */
export const NO_MEMPOLICY = -1;
/** No userfaultfd watches the mapping. */
export const NO_UFFD = -1;
/** Owner of a free row. */
export const NO_MM = -1;

/** Numbers of `node` that one row has, and what they are. Children are rows or NO_VMA. */
export const NODE_SIZE = 4;
export const NODE_START = 0;
export const NODE_LEFT = 1;
export const NODE_RIGHT = 2;
/** Largest gap before any row of the subtree, in pages. */
export const NODE_MAX_GAP = 3;

/** All VMAs of a kernel. */
export class VmaPool {
  /** First page of the range. */
  startVpn: Float64Array = new Float64Array(0);
  /** First page past the range. */
  endVpn: Float64Array = new Float64Array(0);
  /** VM_* bits. */
  vmFlags: Int32Array = new Int32Array(0);
  /** Offset of the first page: in the file, or the page's own number for private anonymous memory (vm_pgoff). */
  pgoff: Float64Array = new Float64Array(0);
  /** File that is mapped, or NO_FILE. */
  fileId: Int32Array = new Int32Array(0);
  /** Object that the file's pages belong to (f_mapping), or NO_FILE. */
  objectId: Int32Array = new Int32Array(0);
  /** Identity of the anon_vma, or NO_ANON_VMA until the first anonymous fault. */
  anonVma: Int32Array = new Int32Array(0);
  /** 1 when the anon_vma came over fork, so that its chain is not singular. */
  hasParentAnonVma: Uint8Array = new Uint8Array(0);
  /** Memory policy of mbind, or NO_MEMPOLICY. */
  mempolicy: Int32Array = new Int32Array(0);
  /** Userfaultfd context that watches the mapping, or NO_UFFD; VM_UFFD_* say for what (vm_userfaultfd_ctx). */
  uffd: Int32Array = new Int32Array(0);
  /** What swap readahead remembers of the mapping; 0 at first (swap_readahead_info). */
  swapReadahead: Float64Array = new Float64Array(0);
  /** Owning address space, or NO_MM for a free row. */
  mmId: Int32Array = new Int32Array(0);
  /** Where the vm_area_struct lies in kernel memory, as the host gave it. */
  objectAddress: Float64Array = new Float64Array(0);

  /** Tree links by NODE_SIZE * vma + NODE_*, see vma-tree.ts. */
  node: Float64Array = new Float64Array(0);
  parent: Int32Array = new Int32Array(0);
  height: Int32Array = new Int32Array(0);
  /** Neighbours in address order. */
  prev: Int32Array = new Int32Array(0);
  next: Int32Array = new Int32Array(0);

  /** Rows that are in a tree and map a file, by what they show of it. Kept by trees and free(). */
  readonly mappings: MappingIndex = new MappingIndex();

  private freeHead: number = NO_VMA;
  private nrUsedRows = 0;
  private nrAnonVmas = 0;

  constructor(initialRows = 64) {
    this.grow(Math.max(1, initialRows));
  }

  /** Rows in use. */
  get nrUsed(): number {
    return this.nrUsedRows;
  }

  /** Rows there is room for without growing. */
  get nrRows(): number {
    return this.startVpn.length;
  }

  /** Takes a row and fills every field but the tree's; a file is an object of its own at first. O(1) but for growing. */
  alloc(
    mmId: number,
    startVpn: number,
    endVpn: number,
    vmFlags: number,
    pgoff: number,
    fileId: number,
  ): VmaId {
    if (this.freeHead === NO_VMA) this.grow(this.nrRows);
    const vma = this.freeHead;
    this.freeHead = this.next[vma];
    this.startVpn[vma] = startVpn;
    this.endVpn[vma] = endVpn;
    this.vmFlags[vma] = vmFlags;
    this.pgoff[vma] = pgoff;
    this.fileId[vma] = fileId;
    this.objectId[vma] = fileId;
    this.anonVma[vma] = NO_ANON_VMA;
    this.hasParentAnonVma[vma] = 0;
    this.mempolicy[vma] = NO_MEMPOLICY;
    this.uffd[vma] = NO_UFFD;
    this.swapReadahead[vma] = 0;
    this.mmId[vma] = mmId;
    this.objectAddress[vma] = 0;
    this.nrUsedRows++;
    return vma;
  }

  /** Gives a row back; it must be in no tree of an address space. */
  free(vma: VmaId): void {
    if (this.mmId[vma] === NO_MM) bug(`VMA row ${vma} is freed twice`);
    if (this.fileId[vma] !== NO_FILE && this.mappings.has(vma)) this.mappings.remove(vma);
    this.mmId[vma] = NO_MM;
    this.next[vma] = this.freeHead;
    this.freeHead = vma;
    this.nrUsedRows--;
  }

  /** Tells the index what a row that is in a tree shows of its file; nothing for anonymous memory. O(log n). */
  showFile(vma: VmaId): void {
    if (this.fileId[vma] === NO_FILE) return;
    const start = this.pgoff[vma];
    const end = start + (this.endVpn[vma] - this.startVpn[vma]);
    if (this.mappings.has(vma)) this.mappings.update(vma, start, end);
    else this.mappings.insert(vma, this.objectId[vma], start, end);
  }

  /** Makes the identity of a new anon_vma. */
  newAnonVma(): number {
    return this.nrAnonVmas++;
  }

  /** Checks that used and free rows are all the rows, and the index of mappings. O(rows). */
  checkInvariants(): void {
    let nrFree = 0;
    for (let vma = this.freeHead; vma !== NO_VMA; vma = this.next[vma]) {
      if (this.mmId[vma] !== NO_MM) bug(`VMA row ${vma} of mm ${this.mmId[vma]} is on the free chain`);
      nrFree++;
    }
    let nrOwned = 0;
    for (let vma = 0; vma < this.nrRows; vma++) if (this.mmId[vma] !== NO_MM) nrOwned++;
    if (nrOwned !== this.nrUsedRows || nrOwned + nrFree !== this.nrRows) {
      bug(`VMA pool: ${nrOwned} owned, ${this.nrUsedRows} counted, ${nrFree} free of ${this.nrRows}`);
    }
    this.mappings.checkInvariants();
  }

  /** Adds `nr` free rows. Cold. */
  private grow(nr: number): void {
    const old = this.nrRows;
    const nrRows = old + nr;
    this.startVpn = grownFloat64(this.startVpn, nrRows);
    this.endVpn = grownFloat64(this.endVpn, nrRows);
    this.vmFlags = grownInt32(this.vmFlags, nrRows);
    this.pgoff = grownFloat64(this.pgoff, nrRows);
    this.fileId = grownInt32(this.fileId, nrRows);
    this.objectId = grownInt32(this.objectId, nrRows);
    this.anonVma = grownInt32(this.anonVma, nrRows);
    const hasParentAnonVma = new Uint8Array(nrRows);
    hasParentAnonVma.set(this.hasParentAnonVma);
    this.hasParentAnonVma = hasParentAnonVma;
    this.mempolicy = grownInt32(this.mempolicy, nrRows);
    this.uffd = grownInt32(this.uffd, nrRows);
    this.swapReadahead = grownFloat64(this.swapReadahead, nrRows);
    this.mmId = grownInt32(this.mmId, nrRows);
    this.objectAddress = grownFloat64(this.objectAddress, nrRows);
    this.node = grownFloat64(this.node, NODE_SIZE * nrRows);
    this.parent = grownInt32(this.parent, nrRows);
    this.height = grownInt32(this.height, nrRows);
    this.prev = grownInt32(this.prev, nrRows);
    this.next = grownInt32(this.next, nrRows);
    for (let vma = nrRows - 1; vma >= old; vma--) {
      this.mmId[vma] = NO_MM;
      this.next[vma] = this.freeHead;
      this.freeHead = vma;
    }
  }
}

function grownInt32(old: Int32Array, length: number): Int32Array {
  const grown = new Int32Array(length);
  grown.set(old);
  return grown;
}

function grownFloat64(old: Float64Array, length: number): Float64Array {
  const grown = new Float64Array(length);
  grown.set(old);
  return grown;
}
