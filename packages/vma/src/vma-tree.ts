/**
 * The VMAs of one address space in address order: a height-balanced (AVL) tree over rows of a VmaPool. Hot: per fault.
 *
 * A row's gap is the free space before it: from the end of its predecessor (0 for the first row) to its start.
 * NODE_MAX_GAP of a row is the largest gap in its subtree, so that free space is found without visiting the rows.
 * Invariants: ranges are ordered and disjoint; heights of siblings differ by at most 1; `prev`/`next` chain the rows
 * from `first` to `last`; starts and gaps in `node` are exact.
 * Differs: Linux 6.1+ keeps VMAs in a maple tree (lib/maple_tree.c), a B-tree with the same augmentation.
 */
import { NO_VMA, bug, type VmaId, type Vpn } from "@pageframe/contracts";
import { NODE_LEFT, NODE_MAX_GAP, NODE_RIGHT, NODE_SIZE, NODE_START, type VmaPool } from "./vma-pool.ts";

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
    const { node, endVpn, next } = this.pool;
    let vma: number = this.root;
    let below: number = NO_VMA;
    while (vma !== NO_VMA) {
      const at = NODE_SIZE * vma;
      if (node[at + NODE_START] > vpn) {
        vma = node[at + NODE_LEFT] | 0;
      } else {
        below = vma;
        vma = node[at + NODE_RIGHT] | 0;
      }
    }
    // The highest row that starts at `vpn` or below holds it, or the row after that one is the next.
    if (below === NO_VMA) return this.first;
    return endVpn[below] > vpn ? below : next[below];
  }

  /** Free pages before a row. */
  getGap(vma: VmaId): number {
    const before = this.pool.prev[vma];
    return this.pool.startVpn[vma] - (before === NO_VMA ? 0 : this.pool.endVpn[before]);
  }

  /** Adds a row whose range is free. O(log n). */
  insert(vma: VmaId): void {
    const above = this.find(this.pool.startVpn[vma]);
    this.insertBetween(vma, above === NO_VMA ? this.last : this.pool.prev[above], above);
  }

  /** As insert, between neighbours that the caller knows (NO_VMA at the ends). O(log n), but without a search. */
  insertBetween(vma: VmaId, below: VmaId, above: VmaId): void {
    const { startVpn, node, parent, prev, next } = this.pool;
    node[NODE_SIZE * vma + NODE_START] = startVpn[vma];
    node[NODE_SIZE * vma + NODE_LEFT] = NO_VMA;
    node[NODE_SIZE * vma + NODE_RIGHT] = NO_VMA;
    // Of two neighbours in order one has no child on this side.
    if (below !== NO_VMA && this.rightOf(below) === NO_VMA) {
      node[NODE_SIZE * below + NODE_RIGHT] = vma;
      parent[vma] = below;
    } else if (above !== NO_VMA) {
      node[NODE_SIZE * above + NODE_LEFT] = vma;
      parent[vma] = above;
    } else {
      this.root = vma;
      parent[vma] = NO_VMA;
    }
    prev[vma] = below;
    next[vma] = above;
    if (below === NO_VMA) this.first = vma;
    else next[below] = vma;
    if (above === NO_VMA) this.last = vma;
    else prev[above] = vma;
    this.nrVmas++;
    this.rebalance(vma);
    if (above !== NO_VMA) this.refreshGaps(above);
    this.pool.showFile(vma);
  }

  /** Takes a row out. O(log n). */
  erase(vma: VmaId): void {
    const { node, parent, height, prev, next } = this.pool;
    const left = this.leftOf(vma);
    const right = this.rightOf(vma);
    let from: VmaId;
    if (left === NO_VMA || right === NO_VMA) {
      from = parent[vma];
      this.replaceChild(vma, left === NO_VMA ? right : left);
    } else {
      // The successor has no left child; it takes the row's place.
      const successor = next[vma];
      if (parent[successor] === vma) {
        from = successor;
      } else {
        from = parent[successor];
        this.replaceChild(successor, this.rightOf(successor));
        node[NODE_SIZE * successor + NODE_RIGHT] = right;
        parent[right] = successor;
      }
      node[NODE_SIZE * successor + NODE_LEFT] = left;
      parent[left] = successor;
      // Its subtree is the row's: what changes there is carried up below.
      height[successor] = height[vma];
      node[NODE_SIZE * successor + NODE_MAX_GAP] = node[NODE_SIZE * vma + NODE_MAX_GAP];
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

  /** Changes a row's range within its neighbours' bounds; its page offset has changed already. O(log n). */
  setRange(vma: VmaId, startVpn: Vpn, endVpn: Vpn): void {
    this.pool.startVpn[vma] = startVpn;
    this.pool.endVpn[vma] = endVpn;
    this.pool.node[NODE_SIZE * vma + NODE_START] = startVpn;
    this.refreshGaps(vma);
    const above = this.pool.next[vma];
    if (above !== NO_VMA) this.refreshGaps(above);
    this.pool.showFile(vma);
  }

  /** Forgets all rows without visiting them; the pool's index knows them until they are freed. */
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

  private leftOf(vma: VmaId): VmaId {
    return this.pool.node[NODE_SIZE * vma + NODE_LEFT] | 0;
  }

  private rightOf(vma: VmaId): VmaId {
    return this.pool.node[NODE_SIZE * vma + NODE_RIGHT] | 0;
  }

  /** Largest gap of a subtree; that of none is 0. */
  private maxGapOf(vma: VmaId): number {
    return vma === NO_VMA ? 0 : this.pool.node[NODE_SIZE * vma + NODE_MAX_GAP];
  }

  private heightOf(vma: VmaId): number {
    return vma === NO_VMA ? 0 : this.pool.height[vma];
  }

  /** Lowest row that starts at `vpn` or above. */
  private findStartingAt(vpn: Vpn): VmaId {
    const { node } = this.pool;
    let vma: VmaId = this.root;
    let found: VmaId = NO_VMA;
    while (vma !== NO_VMA) {
      if (node[NODE_SIZE * vma + NODE_START] >= vpn) {
        found = vma;
        vma = this.leftOf(vma);
      } else {
        vma = this.rightOf(vma);
      }
    }
    return found;
  }

  /** Highest row of a subtree with a gap of `nrPages`. */
  private lastWithGap(subtree: VmaId, nrPages: number): VmaId {
    let vma = subtree;
    if (vma === NO_VMA || this.maxGapOf(vma) < nrPages) return NO_VMA;
    for (;;) {
      const above = this.rightOf(vma);
      if (above !== NO_VMA && this.maxGapOf(above) >= nrPages) vma = above;
      else if (this.getGap(vma) >= nrPages) return vma;
      else vma = this.leftOf(vma);
    }
  }

  /** Lowest row of a subtree with a gap of `nrPages`. */
  private firstWithGap(subtree: VmaId, nrPages: number): VmaId {
    let vma = subtree;
    if (vma === NO_VMA || this.maxGapOf(vma) < nrPages) return NO_VMA;
    for (;;) {
      const below = this.leftOf(vma);
      if (below !== NO_VMA && this.maxGapOf(below) >= nrPages) vma = below;
      else if (this.getGap(vma) >= nrPages) return vma;
      else vma = this.rightOf(vma);
    }
  }

  /** Highest row before `from` with a gap of `nrPages`. */
  private prevWithGap(from: VmaId, nrPages: number): VmaId {
    const { parent } = this.pool;
    let vma: VmaId = from;
    for (;;) {
      const found = this.lastWithGap(this.leftOf(vma), nrPages);
      if (found !== NO_VMA) return found;
      let up = parent[vma];
      while (up !== NO_VMA && this.rightOf(up) !== vma) {
        vma = up;
        up = parent[vma];
      }
      if (up === NO_VMA || this.getGap(up) >= nrPages) return up;
      vma = up;
    }
  }

  /** Lowest row after `from` with a gap of `nrPages`. */
  private nextWithGap(from: VmaId, nrPages: number): VmaId {
    const { parent } = this.pool;
    let vma: VmaId = from;
    for (;;) {
      const found = this.firstWithGap(this.rightOf(vma), nrPages);
      if (found !== NO_VMA) return found;
      let up = parent[vma];
      while (up !== NO_VMA && this.leftOf(up) !== vma) {
        vma = up;
        up = parent[vma];
      }
      if (up === NO_VMA || this.getGap(up) >= nrPages) return up;
      vma = up;
    }
  }

  /** Puts `child` (may be NO_VMA) where `vma` hangs. */
  private replaceChild(vma: VmaId, child: VmaId): void {
    const { node, parent } = this.pool;
    const up = parent[vma];
    if (up === NO_VMA) this.root = child;
    else node[NODE_SIZE * up + (this.leftOf(up) === vma ? NODE_LEFT : NODE_RIGHT)] = child;
    if (child !== NO_VMA) parent[child] = up;
  }

  /** Recomputes height and largest gap of one row from its children. */
  private update(vma: VmaId): void {
    const left = this.leftOf(vma);
    const right = this.rightOf(vma);
    const leftHeight = this.heightOf(left);
    const rightHeight = this.heightOf(right);
    this.pool.height[vma] = (leftHeight > rightHeight ? leftHeight : rightHeight) + 1;
    this.pool.node[NODE_SIZE * vma + NODE_MAX_GAP] = this.computeMaxGap(vma, left, right);
  }

  private computeMaxGap(vma: VmaId, left: VmaId, right: VmaId): number {
    let gap = this.getGap(vma);
    const leftGap = this.maxGapOf(left);
    const rightGap = this.maxGapOf(right);
    if (leftGap > gap) gap = leftGap;
    return rightGap > gap ? rightGap : gap;
  }

  /** Carries a changed gap of one row up the tree. */
  private refreshGaps(from: VmaId): void {
    const { node, parent } = this.pool;
    for (let vma = from; vma !== NO_VMA; vma = parent[vma]) {
      const gap = this.computeMaxGap(vma, this.leftOf(vma), this.rightOf(vma));
      if (node[NODE_SIZE * vma + NODE_MAX_GAP] === gap) return;
      node[NODE_SIZE * vma + NODE_MAX_GAP] = gap;
    }
  }

  /**
   * Restores balance and augmentation from a row up to the root. Stops early where neither height nor gap changes:
   * nothing above can then.
   */
  private rebalance(from: VmaId): void {
    const { node, parent, height } = this.pool;
    let vma = from;
    let isFirst = true;
    while (vma !== NO_VMA) {
      const heightBefore = height[vma];
      const gapBefore = node[NODE_SIZE * vma + NODE_MAX_GAP];
      this.update(vma);
      const tilt = this.tilt(vma);
      if (tilt > 1) {
        if (this.tilt(this.leftOf(vma)) < 0) this.rotateLeft(this.leftOf(vma));
        vma = this.rotateRight(vma);
      } else if (tilt < -1) {
        if (this.tilt(this.rightOf(vma)) > 0) this.rotateRight(this.rightOf(vma));
        vma = this.rotateLeft(vma);
      } else if (
        !isFirst &&
        height[vma] === heightBefore &&
        node[NODE_SIZE * vma + NODE_MAX_GAP] === gapBefore
      ) {
        return;
      }
      isFirst = false;
      vma = parent[vma];
    }
  }

  /** Height of the left subtree minus that of the right one. */
  private tilt(vma: VmaId): number {
    return this.heightOf(this.leftOf(vma)) - this.heightOf(this.rightOf(vma));
  }

  /** Lifts the right child above a row; returns it. */
  private rotateLeft(vma: VmaId): VmaId {
    const { node, parent } = this.pool;
    const up = this.rightOf(vma);
    const between = this.leftOf(up);
    this.replaceChild(vma, up);
    node[NODE_SIZE * vma + NODE_RIGHT] = between;
    if (between !== NO_VMA) parent[between] = vma;
    node[NODE_SIZE * up + NODE_LEFT] = vma;
    parent[vma] = up;
    this.update(vma);
    this.update(up);
    return up;
  }

  /** Lifts the left child above a row; returns it. */
  private rotateRight(vma: VmaId): VmaId {
    const { node, parent } = this.pool;
    const up = this.leftOf(vma);
    const between = this.rightOf(up);
    this.replaceChild(vma, up);
    node[NODE_SIZE * vma + NODE_LEFT] = between;
    if (between !== NO_VMA) parent[between] = vma;
    node[NODE_SIZE * up + NODE_RIGHT] = vma;
    parent[vma] = up;
    this.update(vma);
    this.update(up);
    return up;
  }

  /** Checks a subtree; returns its number of rows. */
  private countChecked(vma: VmaId): number {
    if (vma === NO_VMA) return 0;
    const { startVpn, node, parent, height } = this.pool;
    const left = this.leftOf(vma);
    const right = this.rightOf(vma);
    if (node[NODE_SIZE * vma + NODE_START] !== startVpn[vma]) bug(`VMA ${vma} has an old start in its node`);
    if (left !== NO_VMA && (parent[left] !== vma || startVpn[left] >= startVpn[vma])) {
      bug(`VMA ${vma} has a bad left child ${left}`);
    }
    if (right !== NO_VMA && (parent[right] !== vma || startVpn[right] <= startVpn[vma])) {
      bug(`VMA ${vma} has a bad right child ${right}`);
    }
    const nr = 1 + this.countChecked(left) + this.countChecked(right);
    if (Math.abs(this.tilt(vma)) > 1) bug(`VMA ${vma} is out of balance by ${this.tilt(vma)}`);
    const rightHeight = Math.max(this.heightOf(left), this.heightOf(right)) + 1;
    if (height[vma] !== rightHeight) bug(`VMA ${vma} has height ${height[vma]}, expected ${rightHeight}`);
    const maxGap = this.computeMaxGap(vma, left, right);
    if (this.maxGapOf(vma) !== maxGap)
      bug(`VMA ${vma} has largest gap ${this.maxGapOf(vma)}, expected ${maxGap}`);
    return nr;
  }
}
