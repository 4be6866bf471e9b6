/**
 * The VMAs that map each object (i_mmap of struct address_space), found by the pages of the object that they show.
 *
 * One search tree per object over rows of a VmaPool, ordered by first page offset. Balance is that of a treap: a row's
 * priority is a hash of its number, and a parent's is never below its children's, so paths are O(log n) long on average.
 *
 *     links    parent, left, right by LINK_SIZE * vma + LINK_*; NO_VMA for none
 *     extents  first page offset, offset past the last, highest offset past the last of the subtree, by EXTENT_SIZE * vma
 *     objects  object that the row is under, or NO_OBJECT
 *
 * The extents are the index's own copy: a row that changes in the pool is found under what it was, until update().
 * Source: Linux 6.18 mm/interval_tree.c; include/linux/interval_tree_generic.h. Differs: Linux balances by colour, and puts a
 * mapping that fork copies beside its original.
 */
import { NO_VMA, bug, type VmaId } from "@pageframe/contracts";

/** A row that is in no tree. */
const NO_OBJECT = -1;

const LINK_SIZE = 3;
const LINK_PARENT = 0;
const LINK_LEFT = 1;
const LINK_RIGHT = 2;

const EXTENT_SIZE = 3;
const EXTENT_START = 0;
const EXTENT_END = 1;
const EXTENT_MAX_END = 2;

/** All mappings of all objects of a pool, by object and page offset. */
export class MappingIndex {
  /** Rows that updates and searches have looked at: their cost. */
  nrVisits = 0;
  private links: Int32Array = new Int32Array(0);
  private extents: Float64Array = new Float64Array(0);
  private objects: Int32Array = new Int32Array(0);
  private readonly roots = new Map<number, VmaId>();

  /** Is the row in the index? */
  has(vma: VmaId): boolean {
    return vma < this.objects.length && this.objects[vma] !== NO_OBJECT;
  }

  /** Is the row known to show pages [startPgoff, endPgoff)? */
  isAt(vma: VmaId, startPgoff: number, endPgoff: number): boolean {
    if (!this.has(vma)) return false;
    const { extents } = this;
    const at = EXTENT_SIZE * vma;
    return extents[at + EXTENT_START] === startPgoff && extents[at + EXTENT_END] === endPgoff;
  }

  /** Adds a row that shows pages [startPgoff, endPgoff) of an object. O(log n). */
  insert(vma: VmaId, objectId: number, startPgoff: number, endPgoff: number): void {
    if (vma >= this.objects.length) this.grow(vma + 1);
    if (this.objects[vma] !== NO_OBJECT) bug(`VMA ${vma} is put into the index twice`);
    const { links, extents } = this;
    this.objects[vma] = objectId;
    extents[EXTENT_SIZE * vma + EXTENT_START] = startPgoff;
    extents[EXTENT_SIZE * vma + EXTENT_END] = endPgoff;
    extents[EXTENT_SIZE * vma + EXTENT_MAX_END] = endPgoff;
    let parent: VmaId = NO_VMA;
    let side = LINK_LEFT;
    for (let at = this.rootOf(objectId); at !== NO_VMA; at = links[LINK_SIZE * at + side]) {
      this.nrVisits++;
      parent = at;
      if (extents[EXTENT_SIZE * at + EXTENT_MAX_END] < endPgoff)
        extents[EXTENT_SIZE * at + EXTENT_MAX_END] = endPgoff;
      side = startPgoff < extents[EXTENT_SIZE * at + EXTENT_START] ? LINK_LEFT : LINK_RIGHT;
    }
    links[LINK_SIZE * vma + LINK_PARENT] = parent;
    links[LINK_SIZE * vma + LINK_LEFT] = NO_VMA;
    links[LINK_SIZE * vma + LINK_RIGHT] = NO_VMA;
    if (parent === NO_VMA) {
      this.roots.set(objectId, vma);
      return;
    }
    links[LINK_SIZE * parent + side] = vma;
    while (links[LINK_SIZE * vma + LINK_PARENT] !== NO_VMA) {
      if (priorityOf(links[LINK_SIZE * vma + LINK_PARENT]) >= priorityOf(vma)) break;
      this.lift(vma);
    }
  }

  /** Takes a row out. O(log n). */
  remove(vma: VmaId): void {
    if (!this.has(vma)) bug(`VMA ${vma} is not in the index`);
    const { links, objects } = this;
    for (;;) {
      const left = links[LINK_SIZE * vma + LINK_LEFT];
      const right = links[LINK_SIZE * vma + LINK_RIGHT];
      if (left === NO_VMA || right === NO_VMA) {
        const child = left === NO_VMA ? right : left;
        const parent = links[LINK_SIZE * vma + LINK_PARENT];
        this.replace(vma, child);
        for (let at = parent; at !== NO_VMA; at = links[LINK_SIZE * at + LINK_PARENT]) this.refresh(at);
        objects[vma] = NO_OBJECT;
        return;
      }
      this.lift(priorityOf(left) > priorityOf(right) ? left : right);
    }
  }

  /** Tells that a row shows other pages now; nothing happens if it is in no tree. O(log n). */
  update(vma: VmaId, startPgoff: number, endPgoff: number): void {
    if (!this.has(vma) || this.isAt(vma, startPgoff, endPgoff)) return;
    const objectId = this.objects[vma];
    this.remove(vma);
    this.insert(vma, objectId, startPgoff, endPgoff);
  }

  /** First row, by its first page offset, that shows a page of [startPgoff, endPgoff); NO_VMA for none. O(log n). */
  first(objectId: number, startPgoff: number, endPgoff: number): VmaId {
    return this.firstIn(this.rootOf(objectId), startPgoff, endPgoff);
  }

  /** Row after `vma` that shows a page of [startPgoff, endPgoff); NO_VMA for none. O(log n). */
  next(vma: VmaId, startPgoff: number, endPgoff: number): VmaId {
    const { links, extents } = this;
    let at = vma;
    for (;;) {
      const found = this.firstIn(links[LINK_SIZE * at + LINK_RIGHT], startPgoff, endPgoff);
      if (found !== NO_VMA) return found;
      let from: VmaId;
      do {
        from = at;
        at = links[LINK_SIZE * at + LINK_PARENT];
        this.nrVisits++;
        if (at === NO_VMA) return NO_VMA;
      } while (links[LINK_SIZE * at + LINK_RIGHT] === from);
      if (extents[EXTENT_SIZE * at + EXTENT_START] >= endPgoff) return NO_VMA;
      if (extents[EXTENT_SIZE * at + EXTENT_END] > startPgoff) return at;
    }
  }

  /** Rows of an object, in order. O(rows of the object). */
  collect(objectId: number): VmaId[] {
    const rows: VmaId[] = [];
    for (let vma = this.first(objectId, 0, Infinity); vma !== NO_VMA; vma = this.next(vma, 0, Infinity))
      rows.push(vma);
    return rows;
  }

  /** Checks order, links, priorities and extents of the subtrees; calls bug() on the first fault. O(n). */
  checkInvariants(): void {
    let nrFound = 0;
    for (const [objectId, root] of this.roots) {
      if (this.links[LINK_SIZE * root + LINK_PARENT] !== NO_VMA)
        bug(`the root of object ${objectId} has a parent`);
      let before = -Infinity;
      for (const vma of this.collect(objectId)) {
        const start = this.extents[EXTENT_SIZE * vma + EXTENT_START];
        if (start < before) bug(`VMA ${vma} of object ${objectId} is out of order`);
        if (this.objects[vma] !== objectId) bug(`VMA ${vma} lies under object ${objectId}, not its own`);
        before = start;
        this.checkRow(vma);
        nrFound++;
      }
    }
    let nrMarked = 0;
    for (const objectId of this.objects) if (objectId !== NO_OBJECT) nrMarked++;
    if (nrFound !== nrMarked)
      bug(`${nrFound} VMAs are in the index and ${nrMarked} are marked as being there`);
  }

  private checkRow(vma: VmaId): void {
    const { links, extents } = this;
    let maxEnd = extents[EXTENT_SIZE * vma + EXTENT_END];
    for (const side of [LINK_LEFT, LINK_RIGHT]) {
      const child = links[LINK_SIZE * vma + side];
      if (child === NO_VMA) continue;
      maxEnd = Math.max(maxEnd, extents[EXTENT_SIZE * child + EXTENT_MAX_END]);
      if (links[LINK_SIZE * child + LINK_PARENT] !== vma) bug(`VMA ${child} has another parent than ${vma}`);
      if (priorityOf(child) > priorityOf(vma))
        bug(`VMA ${child} has a higher priority than its parent ${vma}`);
    }
    if (extents[EXTENT_SIZE * vma + EXTENT_MAX_END] !== maxEnd)
      bug(`the subtree of VMA ${vma} ends at ${maxEnd}; it says otherwise`);
  }

  private rootOf(objectId: number): VmaId {
    return this.roots.get(objectId) ?? NO_VMA;
  }

  private firstIn(subtree: VmaId, startPgoff: number, endPgoff: number): VmaId {
    const { links, extents } = this;
    let at = subtree;
    if (at === NO_VMA || extents[EXTENT_SIZE * at + EXTENT_MAX_END] <= startPgoff) return NO_VMA;
    for (;;) {
      this.nrVisits++;
      const left = links[LINK_SIZE * at + LINK_LEFT];
      // The lowest of those that reach far enough: if it starts too high, so do all others.
      if (left !== NO_VMA && extents[EXTENT_SIZE * left + EXTENT_MAX_END] > startPgoff) {
        at = left;
        continue;
      }
      if (extents[EXTENT_SIZE * at + EXTENT_START] >= endPgoff) return NO_VMA;
      if (extents[EXTENT_SIZE * at + EXTENT_END] > startPgoff) return at;
      at = links[LINK_SIZE * at + LINK_RIGHT];
      if (at === NO_VMA || extents[EXTENT_SIZE * at + EXTENT_MAX_END] <= startPgoff) return NO_VMA;
    }
  }

  /** Puts `child` (may be NO_VMA) where `vma` hangs. */
  private replace(vma: VmaId, child: VmaId): void {
    const { links } = this;
    const parent = links[LINK_SIZE * vma + LINK_PARENT];
    if (child !== NO_VMA) links[LINK_SIZE * child + LINK_PARENT] = parent;
    if (parent !== NO_VMA) {
      const isLeft = links[LINK_SIZE * parent + LINK_LEFT] === vma;
      links[LINK_SIZE * parent + (isLeft ? LINK_LEFT : LINK_RIGHT)] = child;
    } else if (child !== NO_VMA) {
      this.roots.set(this.objects[vma], child);
    } else {
      this.roots.delete(this.objects[vma]);
    }
  }

  /** Rotates a row above its parent. */
  private lift(vma: VmaId): void {
    this.nrVisits++;
    const { links } = this;
    const parent = links[LINK_SIZE * vma + LINK_PARENT];
    const isLeft = links[LINK_SIZE * parent + LINK_LEFT] === vma;
    const [inner, outer] = isLeft ? [LINK_RIGHT, LINK_LEFT] : [LINK_LEFT, LINK_RIGHT];
    const between = links[LINK_SIZE * vma + inner];
    this.replace(parent, vma);
    links[LINK_SIZE * parent + outer] = between;
    if (between !== NO_VMA) links[LINK_SIZE * between + LINK_PARENT] = parent;
    links[LINK_SIZE * vma + inner] = parent;
    links[LINK_SIZE * parent + LINK_PARENT] = vma;
    this.refresh(parent);
    this.refresh(vma);
  }

  /** Recomputes how far the subtree of one row reaches. */
  private refresh(vma: VmaId): void {
    this.nrVisits++;
    const { links, extents } = this;
    const left = links[LINK_SIZE * vma + LINK_LEFT];
    const right = links[LINK_SIZE * vma + LINK_RIGHT];
    let maxEnd = extents[EXTENT_SIZE * vma + EXTENT_END];
    if (left !== NO_VMA) maxEnd = Math.max(maxEnd, extents[EXTENT_SIZE * left + EXTENT_MAX_END]);
    if (right !== NO_VMA) maxEnd = Math.max(maxEnd, extents[EXTENT_SIZE * right + EXTENT_MAX_END]);
    extents[EXTENT_SIZE * vma + EXTENT_MAX_END] = maxEnd;
  }

  /** Makes room for rows below `nrRows`. Cold. */
  private grow(nrRows: number): void {
    const old = this.objects.length;
    const grown = Math.max(64, 2 * old, nrRows);
    const links = new Int32Array(LINK_SIZE * grown);
    links.set(this.links);
    this.links = links;
    const extents = new Float64Array(EXTENT_SIZE * grown);
    extents.set(this.extents);
    this.extents = extents;
    const objects = new Int32Array(grown).fill(NO_OBJECT, old);
    objects.set(this.objects);
    this.objects = objects;
  }
}

/** A number that has nothing to do with the order of rows, and is another for each. */
function priorityOf(vma: VmaId): number {
  const mixed = Math.imul(vma ^ (vma >>> 16), 0x7feb352d);
  const again = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (again ^ (again >>> 16)) >>> 0;
}
