/**
 * Identity of anonymous memory, as far as merging depends on it.
 * Source: Linux 6.18 mm/rmap.c, __anon_vma_prepare(); mm/vma.c, find_mergeable_anon_vma().
 * Differs: an anon_vma is a number here; pages are found through rmap chains (memmap), not through it. Of a VMA's
 * chain only "came over fork" is kept.
 */
import { NO_VMA, VM_ACCESS_FLAGS, VM_SOFTDIRTY, type VmaId } from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { NO_ANON_VMA, type VmaPool } from "./vma-pool.ts";

/** Gives a VMA an anon_vma unless it has one: that of the next or previous VMA when they could merge, or a new one. */
export function prepareAnonVma(mm: MmStruct, vma: VmaId): void {
  const { pool } = mm;
  if (pool.anonVma[vma] !== NO_ANON_VMA) return;
  let anonVma = NO_ANON_VMA;
  const next = pool.next[vma];
  if (next !== NO_VMA && isCompatible(pool, vma, next)) anonVma = reusable(pool, next);
  const prev = pool.prev[vma];
  if (anonVma === NO_ANON_VMA && prev !== NO_VMA && isCompatible(pool, prev, vma))
    anonVma = reusable(pool, prev);
  pool.anonVma[vma] = anonVma === NO_ANON_VMA ? pool.newAnonVma() : anonVma;
}

/** Adjacent, of one object and one kind: equal but for access rights, which mprotect may yet make equal. */
function isCompatible(pool: VmaPool, a: VmaId, b: VmaId): boolean {
  return (
    pool.endVpn[a] === pool.startVpn[b] &&
    pool.mempolicy[a] === pool.mempolicy[b] &&
    pool.fileId[a] === pool.fileId[b] &&
    ((pool.vmFlags[a] ^ pool.vmFlags[b]) & ~(VM_ACCESS_FLAGS | VM_SOFTDIRTY)) === 0 &&
    pool.pgoff[b] === pool.pgoff[a] + (pool.startVpn[b] - pool.startVpn[a])
  );
}

function reusable(pool: VmaPool, vma: VmaId): number {
  return pool.hasParentAnonVma[vma] === 0 ? pool.anonVma[vma] : NO_ANON_VMA;
}

/** Lets `to` cover anonymous pages of `from`, which a merge brings into it (dup_anon_vma). */
export function dupAnonVma(pool: VmaPool, to: VmaId, from: VmaId): void {
  if (pool.anonVma[to] !== NO_ANON_VMA || pool.anonVma[from] === NO_ANON_VMA) return;
  pool.anonVma[to] = pool.anonVma[from];
  pool.hasParentAnonVma[to] = pool.hasParentAnonVma[from];
}
