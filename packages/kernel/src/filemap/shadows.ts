/**
 * What evicted pages of disk files leave behind: shadows in the indexes of their inodes, and how many of them are kept.
 *
 * A node of an index that holds nothing but shadows is worth less than what it takes: above an eighth of a shadow per page of
 * memory the oldest go, a part with each pass of reclaim. An inode that nobody has open and that only shadows keep in memory goes
 * with the last of them.
 * Source: Linux 6.18 mm/workingset.c, count_shadow_nodes(), shadow_lru_isolate(), scan_shadow_nodes(); mm/shrinker.c,
 * do_shrink_slab(); include/linux/fs.h, mapping_shrinkable(). Differs: all nodes of indexes count on memory node 0; what a pass
 * leaves over of its share is not remembered (nr_deferred); inodes whose one shadow needs no node are kept up to as many as nodes.
 */
import {
  NO_SHADOW,
  type Pfn,
  SLABS_SCANNED,
  WORKINGSET_NODERECLAIM,
  WORKINGSET_NODES,
} from "@pageframe/contracts";
import { type Inode } from "../files/inode.ts";
import { InodePages } from "../files/inode-pages.ts";
import { type System } from "../system.ts";

/** log2 of pages of memory per node of shadows: XA_CHUNK_SHIFT - 3. */
const PAGES_PER_NODE_SHIFT = 3;
/** Objects that a shrinker is asked for at a time. */
const SHRINK_BATCH = 128;

/** Shadow for a page that reclaim is about to take from its inode, or NO_SHADOW where the policy leaves none. */
export function takeShadow(sys: System, pfn: Pfn): number {
  return sys.reclaimPolicy.evictedShadow?.(pfn) ?? NO_SHADOW;
}

/** Brings workingset_nodes up to date after indexes changed. O(1). */
export function countShadowNodes(sys: System): void {
  const delta = sys.files.indexPool.nrShadowNodes - sys.vmstat.nodeStat(0, WORKINGSET_NODES);
  if (delta !== 0) sys.vmstat.modNode(0, WORKINGSET_NODES, delta);
}

/** An inode has lost a page: is it only one shadow that keeps it, which no node holds? Then memory pressure may take it. */
export function noteShrinkable(sys: System, inode: Inode): void {
  const { pages } = inode;
  if (inode.nrFiles > 0 || inode.superBlock === null || pages.nrPages > 0) return;
  if (pages.height === 0) sys.shrinkableInodes.add(inode.id);
}

/** A pass of reclaim is over: drops shadows that are too many. Returns the inodes that nothing keeps any more. */
export function shrinkShadows(sys: System): Inode[] {
  const released: Inode[] = [];
  const limit = maxShadowNodes(sys);
  dropNodes(sys, limit, released);
  let nrOver = sys.shrinkableInodes.size - limit;
  for (const id of sys.shrinkableInodes) {
    const inode = sys.files.inode(id);
    // It may have been opened or have got pages since.
    const isShrinkable = inode.nrFiles === 0 && inode.pages.nrPages === 0 && inode.pages.height === 0;
    if (isShrinkable && nrOver <= 0) break;
    sys.shrinkableInodes.delete(id);
    if (!isShrinkable) continue;
    nrOver--;
    released.push(inode);
  }
  return released;
}

/** Nodes of shadows that are kept. */
function maxShadowNodes(sys: System): number {
  let nrPages = 0;
  for (const zone of sys.frames.zones) nrPages += zone.presentPages;
  return nrPages >> PAGES_PER_NODE_SHIFT;
}

/** Half of the nodes above the limit go, in whole batches. */
function dropNodes(sys: System, limit: number, released: Inode[]): void {
  const { indexPool } = sys.files;
  const nrOver = indexPool.nrShadowNodes - limit;
  if (nrOver <= 0) return;
  let left = Math.floor(nrOver / 2);
  while (left >= SHRINK_BATCH || left >= nrOver) {
    const nrHere = Math.min(SHRINK_BATCH, left);
    const owners = new Set<InodePages>();
    for (const owner of indexPool.shadowNodes.values()) {
      if (owners.size >= nrHere) break;
      if (owner instanceof InodePages) owners.add(owner);
    }
    const nrDropped = indexPool.dropShadowNodes(nrHere);
    sys.vmstat.countEvents(SLABS_SCANNED, nrDropped);
    sys.vmstat.modNode(0, WORKINGSET_NODERECLAIM, nrDropped);
    for (const { inodeId } of owners) {
      const inode = sys.files.inode(inodeId);
      if (inode.nrFiles > 0 || inode.superBlock === null || inode.pages.nrPages > 0) continue;
      if (inode.pages.nrShadows === 0) released.push(inode);
      else noteShrinkable(sys, inode);
    }
    left -= nrHere;
  }
  countShadowNodes(sys);
}
