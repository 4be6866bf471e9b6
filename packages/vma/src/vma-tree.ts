/**
 * The VMAs of one address space in address order: a height-balanced (AVL) tree over rows of a VmaPool. Hot: per fault.
 *
 * A row's gap is the free space before it: from the end of its predecessor (0 for the first row) to its start.
 * `maxGap` of a row is the largest gap in its subtree, so that free space is found without visiting the rows.
 * Invariants: ranges are ordered and disjoint; heights of siblings differ by at most 1; `prev`/`next` chain the rows
 * from `first` to `last`; `maxGap` is exact.
 * Differs: Linux 6.1+ keeps VMAs in a maple tree (lib/maple_tree.c), a B-tree with the same augmentation.
 */
import { NO_VMA, bug, type VmaId, type Vpn } from "@pageframe/contracts";
import { type VmaPool } from "./vma-pool.ts";

/** No gap fits. Zero is a valid page number. */
export const NO_GAP = -1;

/** Rows of one address space by address. */
export class VmaTree {
  readonly pool: VmaPool;
  /** Lowest and highest row, or NO_VMA. */
  first: VmaId = NO_VMA;
  last: VmaId = NO_VMA;
  nrVmas = 0;
  /** End of the gap that a search last found, clipped to the search's limit. */
  gapEnd = 0;
  private root: VmaId = NO_VMA;

  constructor(pool: VmaPool) {
    this.pool = pool;
  }

  /** Finds the lowest row whose end is above `vpn`, or NO_VMA. O(log n). Source: Linux 6.18 mm/mmap.c, find_vma(). */
  find(vpn: Vpn): VmaId {
    const { startVpn, endVpn, left, right } = this.pool;
    let vma = this.root;
    let found: VmaId = NO_VMA;
    while (vma !== NO_VMA) {
      if (endVpn[vma] > vpn) {
        found = vma;
        if (startVpn[vma] <= vpn) return vma;
        vma = left[vma];
      } else {
        vma = right[vma];
      }
    }
    return found;
  }

  /** Free pages before a row. */
  getGap(vma: VmaId): number {
    const before = this.pool.prev[vma];
    return this.pool.startVpn[vma] - (before === NO_VMA ? 0 : this.pool.endVpn[before]);
  }

  /** Adds a row whose range is free. O(log n). */
  insert(vma: VmaId): void {
    const { startVpn, left, right, parent, prev, next, height } = this.pool;
    const start = startVpn[vma];
    let below: VmaId = NO_VMA;
    let above: VmaId = NO_VMA;
    let at = this.root;
    let under: VmaId = NO_VMA;
    while (at !== NO_VMA) {
      under = at;
      if (start < startVpn[at]) {
        above = at;
        at = left[at];
      } else {
        below = at;
        at = right[at];
      }
    }
    left[vma] = NO_VMA;
    right[vma] = NO_VMA;
    height[vma] = 1;
    parent[vma] = under;
    if (under === NO_VMA) this.root = vma;
    else if (under === above) left[under] = vma;
    else right[under] = vma;
    prev[vma] = below;
    next[vma] = above;
    if (below === NO_VMA) this.first = vma;
    else next[below] = vma;
    if (above === NO_VMA) this.last = vma;
    else prev[above] = vma;
    this.nrVmas++;
    this.rebalance(vma);
    if (above !== NO_VMA) this.refreshGaps(above);
  }

  /** Takes a row out. O(log n). */
  erase(vma: VmaId): void {
    const { left, right, parent, prev, next } = this.pool;
    let from: VmaId;
    if (left[vma] === NO_VMA || right[vma] === NO_VMA) {
      from = parent[vma];
      this.replaceChild(vma, left[vma] === NO_VMA ? right[vma] : left[vma]);
    } else {
      // The successor has no left child; it takes the row's place.
      const successor = next[vma];
      if (parent[successor] === vma) {
        from = successor;
      } else {
        from = parent[successor];
        this.replaceChild(successor, right[successor]);
        right[successor] = right[vma];
        parent[right[successor]] = successor;
      }
      left[successor] = left[vma];
      parent[left[successor]] = successor;
      this.replaceChild(vma, successor);
    }
    const below = prev[vma];
    const above = next[vma];
    if (below === NO_VMA) this.first = above;
    else next[below] = above;
    if (above === NO_VMA) this.last = below;
    else prev[above] = below;
    this.nrVmas--;
    this.rebalance(from);
    if (above !== NO_VMA) this.refreshGaps(above);
  }

  /** Changes a row's range within its neighbours' bounds. O(log n). */
  setRange(vma: VmaId, startVpn: Vpn, endVpn: Vpn): void {
    this.pool.startVpn[vma] = startVpn;
    this.pool.endVpn[vma] = endVpn;
    this.refreshGaps(vma);
    const above = this.pool.next[vma];
    if (above !== NO_VMA) this.refreshGaps(above);
  }

  /** Forgets all rows without visiting them. */
  clear(): void {
    this.root = NO_VMA;
    this.first = NO_VMA;
    this.last = NO_VMA;
    this.nrVmas = 0;
  }

  /**
   * Finds the highest free range of `nrPages` within [lowVpn, highVpn) and returns the start of the gap that holds it,
   * clipped to the limits; `gapEnd` is its end. Returns NO_GAP when none fits. O(log n).
   * Source: Linux 6.18 lib/maple_tree.c, mas_empty_area_rev().
   */
  findGapTopDown(lowVpn: Vpn, highVpn: Vpn, nrPages: number): Vpn {
    const { startVpn, endVpn, prev } = this.pool;
    let vma = this.findStartingAt(highVpn);
    const top = vma === NO_VMA ? this.last : prev[vma];
    const topStart = Math.max(lowVpn, top === NO_VMA ? 0 : endVpn[top]);
    if (highVpn - topStart >= nrPages) {
      this.gapEnd = highVpn;
      return topStart;
    }
    vma = vma === NO_VMA ? this.lastWithGap(this.root, nrPages) : this.prevWithGap(vma, nrPages);
    if (vma === NO_VMA) return NO_GAP;
    const end = startVpn[vma];
    const start = Math.max(lowVpn, end - this.getGap(vma));
    if (end - start < nrPages) return NO_GAP;
    this.gapEnd = end;
    return start;
  }

  /**
   * Finds the lowest free range of `nrPages` within [lowVpn, highVpn); returns as findGapTopDown. O(log n).
   * Source: Linux 6.18 lib/maple_tree.c, mas_empty_area().
   */
  findGapBottomUp(lowVpn: Vpn, highVpn: Vpn, nrPages: number): Vpn {
    const { startVpn, endVpn } = this.pool;
    let vma = this.findStartingAt(lowVpn);
    if (vma !== NO_VMA) {
      const start = Math.max(lowVpn, startVpn[vma] - this.getGap(vma));
      if (startVpn[vma] - start < nrPages) vma = this.nextWithGap(vma, nrPages);
    }
    const start =
      vma !== NO_VMA
        ? Math.max(lowVpn, startVpn[vma] - this.getGap(vma))
        : Math.max(lowVpn, this.last === NO_VMA ? 0 : endVpn[this.last]);
    const end = vma === NO_VMA ? highVpn : Math.min(highVpn, startVpn[vma]);
    if (end - start < nrPages) return NO_GAP;
    this.gapEnd = end;
    return start;
  }

  /** Checks order, links, balance and gaps; calls bug() on the first fault. O(n). */
  checkInvariants(): void {
    const { startVpn, endVpn, prev, next } = this.pool;
    let nr = 0;
    let before: VmaId = NO_VMA;
    for (let vma = this.first; vma !== NO_VMA; vma = next[vma]) {
      if (prev[vma] !== before) bug(`VMA ${vma} has prev ${prev[vma]}, expected ${before}`);
      if (startVpn[vma] >= endVpn[vma]) bug(`VMA ${vma} is empty: [${startVpn[vma]}, ${endVpn[vma]})`);
      if (before !== NO_VMA && endVpn[before] > startVpn[vma]) bug(`VMAs ${before} and ${vma} overlap`);
      before = vma;
      nr++;
    }
    if (before !== this.last) bug(`last VMA is ${this.last}, the chain ends at ${before}`);
    if (nr !== this.nrVmas) bug(`${nr} VMAs are chained, ${this.nrVmas} counted`);
    if (this.root !== NO_VMA && this.pool.parent[this.root] !== NO_VMA) bug("the root has a parent");
    if (this.countChecked(this.root) !== nr) bug("the tree and the chain hold different VMAs");
  }

  /** Lowest row that starts at `vpn` or above. */
  private findStartingAt(vpn: Vpn): VmaId {
    const { startVpn, left, right } = this.pool;
    let vma = this.root;
    let found: VmaId = NO_VMA;
    while (vma !== NO_VMA) {
      if (startVpn[vma] >= vpn) {
        found = vma;
        vma = left[vma];
      } else {
        vma = right[vma];
      }
    }
    return found;
  }

  /** Highest row of a subtree with a gap of `nrPages`. */
  private lastWithGap(subtree: VmaId, nrPages: number): VmaId {
    const { left, right, maxGap } = this.pool;
    let vma = subtree;
    if (vma === NO_VMA || maxGap[vma] < nrPages) return NO_VMA;
    for (;;) {
      const above = right[vma];
      if (above !== NO_VMA && maxGap[above] >= nrPages) vma = above;
      else if (this.getGap(vma) >= nrPages) return vma;
      else vma = left[vma];
    }
  }

  /** Lowest row of a subtree with a gap of `nrPages`. */
  private firstWithGap(subtree: VmaId, nrPages: number): VmaId {
    const { left, right, maxGap } = this.pool;
    let vma = subtree;
    if (vma === NO_VMA || maxGap[vma] < nrPages) return NO_VMA;
    for (;;) {
      const below = left[vma];
      if (below !== NO_VMA && maxGap[below] >= nrPages) vma = below;
      else if (this.getGap(vma) >= nrPages) return vma;
      else vma = right[vma];
    }
  }

  /** Highest row before `from` with a gap of `nrPages`. */
  private prevWithGap(from: VmaId, nrPages: number): VmaId {
    const { left, right, parent } = this.pool;
    let vma: VmaId = from;
    for (;;) {
      const found = this.lastWithGap(left[vma], nrPages);
      if (found !== NO_VMA) return found;
      let up = parent[vma];
      while (up !== NO_VMA && right[up] !== vma) {
        vma = up;
        up = parent[vma];
      }
      if (up === NO_VMA || this.getGap(up) >= nrPages) return up;
      vma = up;
    }
  }

  /** Lowest row after `from` with a gap of `nrPages`. */
  private nextWithGap(from: VmaId, nrPages: number): VmaId {
    const { left, right, parent } = this.pool;
    let vma: VmaId = from;
    for (;;) {
      const found = this.firstWithGap(right[vma], nrPages);
      if (found !== NO_VMA) return found;
      let up = parent[vma];
      while (up !== NO_VMA && left[up] !== vma) {
        vma = up;
        up = parent[vma];
      }
      if (up === NO_VMA || this.getGap(up) >= nrPages) return up;
      vma = up;
    }
  }

  /** Puts `child` (may be NO_VMA) where `vma` hangs. */
  private replaceChild(vma: VmaId, child: VmaId): void {
    const { left, right, parent } = this.pool;
    const up = parent[vma];
    if (up === NO_VMA) this.root = child;
    else if (left[up] === vma) left[up] = child;
    else right[up] = child;
    if (child !== NO_VMA) parent[child] = up;
  }

  /** Recomputes height and maxGap of one row from its children. */
  private update(vma: VmaId): void {
    const { left, right, height, maxGap } = this.pool;
    const l = left[vma];
    const r = right[vma];
    const leftHeight = l === NO_VMA ? 0 : height[l];
    const rightHeight = r === NO_VMA ? 0 : height[r];
    height[vma] = (leftHeight > rightHeight ? leftHeight : rightHeight) + 1;
    let gap = this.getGap(vma);
    if (l !== NO_VMA && maxGap[l] > gap) gap = maxGap[l];
    if (r !== NO_VMA && maxGap[r] > gap) gap = maxGap[r];
    maxGap[vma] = gap;
  }

  /** Carries a changed gap of one row up the tree. */
  private refreshGaps(from: VmaId): void {
    const { parent, maxGap } = this.pool;
    for (let vma = from; vma !== NO_VMA; vma = parent[vma]) {
      const before = maxGap[vma];
      this.update(vma);
      if (maxGap[vma] === before) return;
    }
  }

  /** Restores balance and augmentation from a row up to the root. */
  private rebalance(from: VmaId): void {
    const { left, right, parent } = this.pool;
    let vma = from;
    while (vma !== NO_VMA) {
      this.update(vma);
      const tilt = this.tilt(vma);
      if (tilt > 1) {
        if (this.tilt(left[vma]) < 0) this.rotateLeft(left[vma]);
        vma = this.rotateRight(vma);
      } else if (tilt < -1) {
        if (this.tilt(right[vma]) > 0) this.rotateRight(right[vma]);
        vma = this.rotateLeft(vma);
      }
      vma = parent[vma];
    }
  }

  /** Height of the left subtree minus that of the right one. */
  private tilt(vma: VmaId): number {
    const { left, right, height } = this.pool;
    const l = left[vma];
    const r = right[vma];
    return (l === NO_VMA ? 0 : height[l]) - (r === NO_VMA ? 0 : height[r]);
  }

  /** Lifts the right child above a row; returns it. */
  private rotateLeft(vma: VmaId): VmaId {
    const { left, right, parent } = this.pool;
    const up = right[vma];
    this.replaceChild(vma, up);
    right[vma] = left[up];
    if (left[up] !== NO_VMA) parent[left[up]] = vma;
    left[up] = vma;
    parent[vma] = up;
    this.update(vma);
    this.update(up);
    return up;
  }

  /** Lifts the left child above a row; returns it. */
  private rotateRight(vma: VmaId): VmaId {
    const { left, right, parent } = this.pool;
    const up = left[vma];
    this.replaceChild(vma, up);
    left[vma] = right[up];
    if (right[up] !== NO_VMA) parent[right[up]] = vma;
    right[up] = vma;
    parent[vma] = up;
    this.update(vma);
    this.update(up);
    return up;
  }

  /** Checks a subtree; returns its number of rows. */
  private countChecked(vma: VmaId): number {
    if (vma === NO_VMA) return 0;
    const { startVpn, left, right, parent, height, maxGap } = this.pool;
    const l = left[vma];
    const r = right[vma];
    if (l !== NO_VMA && (parent[l] !== vma || startVpn[l] >= startVpn[vma]))
      bug(`VMA ${vma}: bad left child ${l}`);
    if (r !== NO_VMA && (parent[r] !== vma || startVpn[r] <= startVpn[vma]))
      bug(`VMA ${vma}: bad right child ${r}`);
    const nr = 1 + this.countChecked(l) + this.countChecked(r);
    if (Math.abs(this.tilt(vma)) > 1) bug(`VMA ${vma} is out of balance by ${this.tilt(vma)}`);
    const heightBefore = height[vma];
    const gapBefore = maxGap[vma];
    this.update(vma);
    if (height[vma] !== heightBefore) bug(`VMA ${vma} has height ${heightBefore}, expected ${height[vma]}`);
    if (maxGap[vma] !== gapBefore) bug(`VMA ${vma} has maxGap ${gapBefore}, expected ${maxGap[vma]}`);
    return nr;
  }
}
