/**
 * Merging and splitting of VMAs.
 * Source: Linux 6.18 mm/vma.c: is_mergeable_vma(), is_mergeable_anon_vma(), can_vma_merge_before() and _after(),
 * vma_merge_new_range(), vma_merge_existing_range(), __split_vma(), vma_modify().
 * Differs: no names of anonymous memory.
 */
import { EINVAL, ENOMEM, NO_VMA, VM_HUGETLB, VM_SOFTDIRTY, type VmaId, type Vpn } from "@pageframe/contracts";
import { PMD_PAGES } from "./layout.ts";
import { VM_SPECIAL, isSpecialMapping } from "./vma-flags.ts";
import { type MmStruct } from "./mm-struct.ts";
import { dupAnonVma } from "./anon-vma.ts";
import { NO_ANON_VMA, NO_FILE, NO_MEMPOLICY, NO_UFFD, type VmaPool } from "./vma-pool.ts";

/** The range can join the VMA before it. */
export const MERGE_LEFT = 1;
/** The range can join the VMA after it. */
const MERGE_RIGHT = 2;

/**
 * Says which neighbours a range with these properties can join: MERGE_LEFT, MERGE_RIGHT, both or 0. `isForked` tells
 * that the range brings an anon_vma along that came over fork.
 */
export function findMerges(
  pool: VmaPool,
  prev: VmaId,
  next: VmaId,
  startVpn: Vpn,
  endVpn: Vpn,
  vmFlags: number,
  fileId: number,
  pgoff: number,
  mempolicy: number,
  anonVma: number = NO_ANON_VMA,
  isForked = false,
  uffd: number = NO_UFFD,
): number {
  if ((vmFlags & VM_SPECIAL) !== 0) return 0;
  let merges = 0;
  if (
    prev !== NO_VMA &&
    pool.endVpn[prev] === startVpn &&
    pool.pgoff[prev] + (startVpn - pool.startVpn[prev]) === pgoff &&
    isMergeable(pool, prev, vmFlags, fileId, mempolicy, anonVma, isForked, uffd)
  ) {
    merges = MERGE_LEFT;
  }
  if (
    next !== NO_VMA &&
    pool.startVpn[next] === endVpn &&
    pool.pgoff[next] === pgoff + (endVpn - startVpn) &&
    isMergeable(pool, next, vmFlags, fileId, mempolicy, anonVma, isForked, uffd) &&
    (merges === 0 || haveCompatibleAnonVmas(pool, prev, next))
  ) {
    merges |= MERGE_RIGHT;
  }
  return merges;
}

/** Same flags but soft-dirty, same object, policy and userfaultfd, and anon_vmas that may become one. */
function isMergeable(
  pool: VmaPool,
  target: VmaId,
  vmFlags: number,
  fileId: number,
  mempolicy: number,
  anonVma: number,
  isForked: boolean,
  uffd: number,
): boolean {
  if (
    pool.uffd[target] !== uffd ||
    pool.mempolicy[target] !== mempolicy ||
    ((pool.vmFlags[target] ^ vmFlags) & ~VM_SOFTDIRTY) !== 0 ||
    pool.fileId[target] !== fileId
  ) {
    return false;
  }
  const targetAnonVma = pool.anonVma[target];
  if (targetAnonVma === anonVma) return true;
  if (targetAnonVma === NO_ANON_VMA) return !isForked;
  return anonVma === NO_ANON_VMA && pool.hasParentAnonVma[target] === 0;
}

function haveCompatibleAnonVmas(pool: VmaPool, a: VmaId, b: VmaId): boolean {
  const anonVmaA = pool.anonVma[a];
  const anonVmaB = pool.anonVma[b];
  return anonVmaA === NO_ANON_VMA || anonVmaB === NO_ANON_VMA || anonVmaA === anonVmaB;
}

/** Widens a neighbour over a new range as `merges` says; returns the VMA that holds it. Cannot fail. */
export function mergeNew(
  mm: MmStruct,
  merges: number,
  prev: VmaId,
  next: VmaId,
  startVpn: Vpn,
  endVpn: Vpn,
  pgoff: number,
): VmaId {
  const { pool, tree } = mm;
  if ((merges & MERGE_LEFT) === 0) {
    pool.pgoff[next] = pgoff;
    tree.setRange(next, startVpn, pool.endVpn[next]);
    return next;
  }
  let end = endVpn;
  if ((merges & MERGE_RIGHT) !== 0 && mayRemove(mm, next)) {
    dupAnonVma(pool, prev, next);
    end = pool.endVpn[next];
    removeVma(mm, next);
  }
  tree.setRange(prev, pool.startVpn[prev], end);
  return prev;
}

/** May a VMA go because its neighbour takes its place (can_merge_remove_vma)? */
function mayRemove(mm: MmStruct, vma: VmaId): boolean {
  const fileId = mm.pool.fileId[vma];
  return fileId === NO_FILE || mm.host.hasCloseHook?.(fileId) !== true;
}

/** Takes a VMA out of its address space; counts and pages are the caller's. */
export function removeVma(mm: MmStruct, vma: VmaId): void {
  mm.tree.erase(vma);
  mm.freeVma(vma);
}

/** May a VMA be parted at `vpn`? Not inside a huge page of hugetlb, and the kernel's own mappings nowhere (may_split). */
function maySplit(vmFlags: number, vpn: Vpn): boolean {
  if ((vmFlags & VM_HUGETLB) !== 0) return vpn % PMD_PAGES === 0;
  return !isSpecialMapping(vmFlags);
}

/**
 * Splits a VMA at `vpn`. The new row is the lower part when `isNewBelow`, else the upper. Returns 0, -ENOMEM, or -EINVAL
 * when it cannot be parted there. Callers that must keep max_map_count use splitVmaChecked.
 */
export function splitVma(mm: MmStruct, vma: VmaId, vpn: Vpn, isNewBelow: boolean): number {
  const { tree } = mm;
  const { startVpn, endVpn, vmFlags, pgoff, fileId } = mm.pool;
  if (!maySplit(vmFlags[vma], vpn)) return -EINVAL;
  const start = startVpn[vma];
  const end = endVpn[vma];
  const offset = pgoff[vma];
  const upperOffset = offset + (vpn - start);
  const split = isNewBelow
    ? mm.allocVma(start, vpn, vmFlags[vma], offset, fileId[vma])
    : mm.allocVma(vpn, end, vmFlags[vma], upperOffset, fileId[vma]);
  if (split === NO_VMA) return -ENOMEM;
  const { pool } = mm;
  pool.anonVma[split] = pool.anonVma[vma];
  pool.hasParentAnonVma[split] = pool.hasParentAnonVma[vma];
  pool.mempolicy[split] = pool.mempolicy[vma];
  pool.uffd[split] = pool.uffd[vma];
  pool.swapReadahead[split] = pool.swapReadahead[vma];
  if (isNewBelow) {
    pool.pgoff[vma] = upperOffset;
    tree.setRange(vma, vpn, end);
    tree.insertBetween(split, pool.prev[vma], vma);
  } else {
    tree.setRange(vma, start, vpn);
    tree.insertBetween(split, vma, pool.next[vma]);
  }
  return 0;
}

function splitVmaChecked(mm: MmStruct, vma: VmaId, vpn: Vpn, isNewBelow: boolean): number {
  return mm.mapCount >= mm.maxMapCount ? -ENOMEM : splitVma(mm, vma, vpn, isNewBelow);
}

/**
 * Makes [startVpn, endVpn) of `vma` a VMA that can take the given flags, policy and userfaultfd: joined with equal neighbours, or
 * split off. The caller then sets them on the row that is returned; -ENOMEM or -EINVAL when a split fails (an earlier one
 * stays).
 */
export function modifyVma(
  mm: MmStruct,
  vma: VmaId,
  startVpn: Vpn,
  endVpn: Vpn,
  vmFlags: number,
  mempolicy: number = NO_MEMPOLICY,
  uffd: number = mm.pool.uffd[vma],
): VmaId {
  const merged = mergeExisting(mm, vma, startVpn, endVpn, vmFlags, mempolicy, uffd);
  if (merged !== NO_VMA) return merged;
  if (mm.pool.startVpn[vma] < startVpn) {
    const error = splitVmaChecked(mm, vma, startVpn, true);
    if (error !== 0) return error;
  }
  if (mm.pool.endVpn[vma] > endVpn) {
    const error = splitVmaChecked(mm, vma, endVpn, false);
    if (error !== 0) return error;
  }
  return vma;
}

/** Merges a range whose properties change with its neighbours; NO_VMA when it can join none. */
function mergeExisting(
  mm: MmStruct,
  middle: VmaId,
  startVpn: Vpn,
  endVpn: Vpn,
  vmFlags: number,
  mempolicy: number,
  uffd: number,
): VmaId {
  const { pool, tree } = mm;
  const middleStart = pool.startVpn[middle];
  const middleEnd = pool.endVpn[middle];
  const prev = startVpn === middleStart ? pool.prev[middle] : NO_VMA;
  const next = endVpn === middleEnd ? pool.next[middle] : NO_VMA;
  const pgoff = pool.pgoff[middle] + (startVpn - middleStart);
  const fileId = pool.fileId[middle];
  const merges = findMerges(
    pool,
    prev,
    next,
    startVpn,
    endVpn,
    vmFlags,
    fileId,
    pgoff,
    mempolicy,
    pool.anonVma[middle],
    pool.hasParentAnonVma[middle] !== 0,
    uffd,
  );
  const isWhole = startVpn === middleStart && endVpn === middleEnd;
  // Both sides only join when the middle is whole; they are of its file then.
  if (merges === 0 || (isWhole && !mayRemove(mm, middle))) return NO_VMA;
  if (merges === (MERGE_LEFT | MERGE_RIGHT)) {
    const end = pool.endVpn[next];
    dupAnonVma(pool, prev, pool.anonVma[next] === NO_ANON_VMA ? middle : next);
    removeVma(mm, middle);
    removeVma(mm, next);
    tree.setRange(prev, pool.startVpn[prev], end);
    return prev;
  }
  if (merges === MERGE_LEFT) {
    dupAnonVma(pool, prev, middle);
    if (isWhole) {
      removeVma(mm, middle);
    } else {
      pool.pgoff[middle] += endVpn - middleStart;
      tree.setRange(middle, endVpn, middleEnd);
    }
    tree.setRange(prev, pool.startVpn[prev], endVpn);
    return prev;
  }
  dupAnonVma(pool, next, middle);
  if (isWhole) removeVma(mm, middle);
  else tree.setRange(middle, middleStart, startVpn);
  pool.pgoff[next] = pgoff;
  tree.setRange(next, startVpn, pool.endVpn[next]);
  return next;
}
