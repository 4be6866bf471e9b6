/**
 * Slots of a swap area in clusters, so that pages that go out together lie together. Hot: per page swapped.
 *
 *     isSlotUsed  uint8 per slot; the header's slot 0 is used for good
 *     nrUsed      int16 per cluster; slots past the end of the area count as used
 *     list        uint8 per cluster: NONFULL (some slot was freed), FREE (nothing used), FRAG (was scanned), FULL
 *     next prev   links of the four lists; heads are rows past the last cluster
 *
 * A slot is taken behind the last one taken, while that cluster lasts; then from the clusters in which slots came free,
 * then from a free cluster, and last from one that was scanned before. Invariant: a cluster is on the list FREE when
 * nothing in it is used, on FULL when everything is, and only then.
 * Source: Linux 6.18 mm/swapfile.c, cluster_alloc_swap_entry(), alloc_swap_scan_cluster(), relocate_cluster(),
 * dec_cluster_info_page(). Differs: one current cluster for the area, not one per CPU; one order; clusters start in
 * order (Linux deals them out in columns so that CPUs do not share cache lines); slots that only the swap cache holds
 * are not taken back here.
 */
import { bug, EINVAL, KernelError, MAX_SWAP_OFFSET, type SwapSlots } from "@pageframe/contracts";

/** Slots in a cluster (SWAPFILE_CLUSTER without CONFIG_THP_SWAP; with it, 512). */
export const SWAPFILE_CLUSTER = 256;

/** Lists, in the order in which they are tried; FULL is not. */
const NONFULL = 0;
const FREE = 1;
const FRAG = 2;
const FULL = 3;
const NR_LISTS = 4;
/** `nextOffset` when the current cluster is used up: slot 0 is the header's. */
const NO_OFFSET = 0;

/** Slots by clusters: `clusters`. */
export class ClusterSlots implements SwapSlots {
  readonly name = "clusters";
  readonly nrSlots: number;
  nrFree: number;
  private readonly nrClusters: number;
  private readonly isSlotUsed: Uint8Array;
  private readonly nrUsed: Int16Array;
  private readonly list: Uint8Array;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  /** Where the current cluster is scanned from, or NO_OFFSET. */
  private nextOffset = NO_OFFSET;

  /** Throws EINVAL when `nrSlots` has no room for a slot besides the header, or more than swap entries can name. */
  constructor(nrSlots: number) {
    checkNrSlots(nrSlots);
    this.nrSlots = nrSlots;
    this.nrFree = nrSlots - 1;
    this.nrClusters = Math.ceil(nrSlots / SWAPFILE_CLUSTER);
    this.isSlotUsed = new Uint8Array(nrSlots);
    this.isSlotUsed[0] = 1;
    this.nrUsed = new Int16Array(this.nrClusters);
    this.nrUsed[0]++;
    this.nrUsed[this.nrClusters - 1] += this.nrClusters * SWAPFILE_CLUSTER - nrSlots;
    this.list = new Uint8Array(this.nrClusters);
    this.next = new Int32Array(this.nrClusters + NR_LISTS);
    this.prev = new Int32Array(this.nrClusters + NR_LISTS);
    for (let head = this.nrClusters; head < this.nrClusters + NR_LISTS; head++) {
      this.next[head] = head;
      this.prev[head] = head;
    }
    for (let cluster = 0; cluster < this.nrClusters; cluster++) {
      this.addLast(cluster, this.nrUsed[cluster] === 0 ? FREE : NONFULL);
    }
  }

  allocSlot(): number {
    if (this.nrFree === 0) return -1;
    if (this.nextOffset !== NO_OFFSET) {
      const cluster = Math.floor(this.nextOffset / SWAPFILE_CLUSTER);
      // Emptied since, it is as good as new: start over.
      const from = this.nrUsed[cluster] === 0 ? cluster * SWAPFILE_CLUSTER : this.nextOffset;
      const offset = this.scanCluster(cluster, from);
      if (offset !== NO_OFFSET) return offset;
    }
    for (let list = NONFULL; list <= FRAG; list++) {
      const head = this.nrClusters + list;
      while (this.next[head] !== head) {
        const cluster = this.next[head];
        const offset = this.scanCluster(cluster, cluster * SWAPFILE_CLUSTER);
        if (offset !== NO_OFFSET) return offset;
      }
    }
    return bug(`${this.nrFree} swap slots are free and in no cluster`);
  }

  freeSlot(offset: number): void {
    if (offset < 1 || offset >= this.nrSlots || this.isSlotUsed[offset] === 0) {
      bug(`swap slot ${offset} of ${this.nrSlots} is freed and not in use`);
    }
    const cluster = Math.floor(offset / SWAPFILE_CLUSTER);
    this.isSlotUsed[offset] = 0;
    this.nrUsed[cluster]--;
    this.nrFree++;
    if (this.nrUsed[cluster] === 0) this.move(cluster, FREE);
    else if (this.list[cluster] !== NONFULL) this.move(cluster, NONFULL);
  }

  isUsed(offset: number): boolean {
    return this.isSlotUsed[offset] !== 0;
  }

  checkInvariants(): void {
    let nrFree = 0;
    for (let cluster = 0; cluster < this.nrClusters; cluster++) {
      const start = cluster * SWAPFILE_CLUSTER;
      let nrUsed = Math.max(0, start + SWAPFILE_CLUSTER - this.nrSlots);
      const end = Math.min(start + SWAPFILE_CLUSTER, this.nrSlots);
      for (let offset = start; offset < end; offset++) {
        if (this.isSlotUsed[offset] === 0) nrFree++;
        else nrUsed++;
      }
      if (nrUsed !== this.nrUsed[cluster]) {
        bug(`swap cluster ${cluster} has ${nrUsed} used slots and counts ${this.nrUsed[cluster]}`);
      }
      const list = this.list[cluster];
      if ((list === FREE) !== (nrUsed === 0) || (list === FULL) !== (nrUsed === SWAPFILE_CLUSTER)) {
        bug(`swap cluster ${cluster} with ${nrUsed} used slots is on list ${list}`);
      }
    }
    if (nrFree !== this.nrFree) bug(`${nrFree} swap slots are free and ${this.nrFree} counted`);
    if (this.isSlotUsed[0] === 0) bug("the swap header's slot is free");
    this.checkLists();
  }

  /** Takes the first free slot of a cluster from `from` on, or returns NO_OFFSET; puts the cluster on its list. */
  private scanCluster(cluster: number, from: number): number {
    const end = Math.min((cluster + 1) * SWAPFILE_CLUSTER, this.nrSlots);
    let offset = from;
    while (offset < end && this.isSlotUsed[offset] !== 0) offset++;
    this.nextOffset = NO_OFFSET;
    if (offset < end) {
      this.isSlotUsed[offset] = 1;
      this.nrUsed[cluster]++;
      this.nrFree--;
      if (this.nrUsed[cluster] < SWAPFILE_CLUSTER && offset + 1 < end) this.nextOffset = offset + 1;
    }
    const list = this.nrUsed[cluster] === SWAPFILE_CLUSTER ? FULL : FRAG;
    if (this.list[cluster] !== list) this.move(cluster, list);
    return offset < end ? offset : NO_OFFSET;
  }

  private move(cluster: number, list: number): void {
    const { next, prev } = this;
    next[prev[cluster]] = next[cluster];
    prev[next[cluster]] = prev[cluster];
    this.addLast(cluster, list);
  }

  private addLast(cluster: number, list: number): void {
    const { next, prev } = this;
    const head = this.nrClusters + list;
    this.list[cluster] = list;
    prev[cluster] = prev[head];
    next[cluster] = head;
    next[prev[head]] = cluster;
    prev[head] = cluster;
  }

  private checkLists(): void {
    let nrListed = 0;
    for (let list = 0; list < NR_LISTS; list++) {
      const head = this.nrClusters + list;
      for (let cluster = this.next[head]; cluster !== head; cluster = this.next[cluster]) {
        if (this.list[cluster] !== list)
          bug(`swap cluster ${cluster} is on list ${list}, not ${this.list[cluster]}`);
        if (this.prev[this.next[cluster]] !== cluster) bug(`swap cluster ${cluster}: broken link`);
        if (++nrListed > this.nrClusters) bug(`list ${list} of swap clusters never ends`);
      }
    }
    if (nrListed !== this.nrClusters) bug(`${nrListed} of ${this.nrClusters} swap clusters are on a list`);
  }
}

/** Throws EINVAL unless the number of slots fits a swap area, the header's included. */
export function checkNrSlots(nrSlots: number): void {
  if (!Number.isInteger(nrSlots) || nrSlots < 2 || nrSlots > MAX_SWAP_OFFSET + 1) {
    throw new KernelError(
      EINVAL,
      `a swap area of ${nrSlots} pages: it needs 2 (header and one slot) to ${MAX_SWAP_OFFSET + 1}`,
    );
  }
}
