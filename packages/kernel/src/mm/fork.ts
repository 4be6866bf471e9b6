/**
 * fork(2): a second address space over the same pages. O(mappings + populated entries).
 * Source: Linux 6.18 kernel/fork.c, dup_mmap(); mm/memory.c, copy_page_range(), copy_present_ptes(), copy_nonpresent_pte().
 */
import {
  type CpuId,
  ENOMEM,
  NO_ENTRY,
  NO_VMA,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PAGES_PER_LEVEL,
  PTE_A,
  PTE_D,
  PTE_MARKER_GUARD,
  PTE_MARKER_HI,
  PTE_MARKER_POISONED,
  PTE_MARKER_UFFD_WP,
  PTE_RW,
  PTE_SPECIAL,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  pteIsNonSwap,
  pteIsPresent,
  pteMarkerLo,
  pteMarkers,
  leafPfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  pteToSwapEntry,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_UFFD_WP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { copyPresentPage } from "./fork-pinned.ts";
import { COUNT_BATCHED } from "./rss-stat.ts";
import { addRmap, countSwapEntries } from "../pages/pages.ts";
import { pageNeedsCowForDma } from "../pages/pins.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Pages that one level-1 table maps. */
const PMD_PAGES: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];

/**
 * Copies the mappings and the anonymous pages' entries of `parent` into the empty address space `child`. Returns 0 or
 * -ENOMEM; then `child` holds a part, which exit frees.
 */
export function dupMm(sys: System, parent: Mm, child: Mm, cpu: CpuId): number {
  const result = parent.space.forkInto(child.space);
  if (result < 0) return result;
  const { pool } = child.space;
  let copied = 0;
  for (let vma = child.space.firstVma; vma !== NO_VMA; vma = child.space.nextVma(vma)) {
    if (pool.anonVma[vma] >= 0) {
      // The child's mappings have anon_vmas of their own (anon_vma_fork), in ascending order.
      sys.nrAnonVmas = pool.anonVma[vma] + 1;
      const address = sys.allocObject(sys.caches.anonVma, cpu);
      copied = address < 0 ? -ENOMEM : 0;
      if (copied < 0) break;
      child.anonVmaAddresses.push(address);
    } else if ((pool.vmFlags[vma] & (VM_PFNMAP | VM_MIXEDMAP | VM_UFFD_WP)) === 0) {
      // Faults find the pages again in the file (vma_needs_copy).
      continue;
    }
    copied = copyTables(parent, child, vma);
    if (copied === 0) copied = copyEntries(sys, parent, child, vma, cpu);
    child.rssStat.flushVec(cpu);
    if (copied < 0) break;
  }
  // Entries of the parent lost their write right (dup_mmap).
  sys.tlbFlusher.flushMm(parent);
  child.rssStat.hiwater = child.rssStat.approximate;
  child.space.hiwaterVm = child.space.totalVm;
  return copied;
}

/**
 * Makes a table for the child wherever the parent has one that covers a part of the mapping, be it empty there
 * (copy_pmd_range). 0 or -ENOMEM. O(tables).
 */
function copyTables(parent: Mm, child: Mm, vma: VmaId): number {
  const { pageTable } = parent;
  if (pageTable.nrLevels === 1) return 0;
  const { startVpn, endVpn } = child.space.pool;
  for (let vpn = startVpn[vma]; vpn < endVpn[vma];) {
    const isThere = pageTable.findEntry(vpn) !== NO_ENTRY;
    const covered = pageTable.pagesPerLevel[isThere ? PT_LEVEL_PMD : pageTable.lastLevel];
    if (isThere && child.pageTable.allocEntry(vpn, PT_LEVEL_PTE) === NO_ENTRY) return -ENOMEM;
    vpn += covered - (vpn % covered);
  }
  return 0;
}

/** Copies the entries of one mapping. Pages become shared: read-only on both sides until somebody writes. */
function copyEntries(sys: System, parent: Mm, child: Mm, vma: VmaId, cpu: CpuId): number {
  const { memmap } = sys;
  const { pool } = child.space;
  const endVpn = pool.endVpn[vma];
  const isPrivate = (pool.vmFlags[vma] & VM_SHARED) === 0;
  // What a userfaultfd protects stays so when one watches the child.
  const isUffdWp = (pool.vmFlags[vma] & VM_UFFD_WP) !== 0;
  const copiedMarkers = PTE_MARKER_GUARD | PTE_MARKER_POISONED | (isUffdWp ? PTE_MARKER_UFFD_WP : 0);
  const from = parent.copyCursor;
  from.reset(pool.startVpn[vma], endVpn);
  let tableEndVpn: Vpn = 0;
  while (from.next()) {
    if (from.vpn >= tableEndVpn) {
      child.rssStat.flushVec(cpu);
      tableEndVpn = from.vpn - (from.vpn % PMD_PAGES) + PMD_PAGES;
    }
    const target = child.pageTable.allocEntry(from.vpn, 1);
    if (target === NO_ENTRY) return -ENOMEM;
    // Allocating a table may have reclaimed the very page: read the entry only now.
    if (!from.reload()) continue;
    const { vpn, hi } = from;
    let { lo } = from;
    if (!pteIsPresent(lo) && pteIsNonSwap(hi)) {
      const markers = pteMarkers(lo, hi) & copiedMarkers;
      if (markers !== 0) child.pageTable.setEntry(target, pteMarkerLo(markers), PTE_MARKER_HI);
      continue;
    }
    if (!pteIsPresent(lo)) {
      lo &= ~PTE_SWP_EXCLUSIVE;
      from.set(lo, hi);
      child.pageTable.setEntry(target, isUffdWp ? lo : lo & ~PTE_SWP_UFFD_WP, hi);
      sys.swap.swapDuplicate(pteToSwapEntry(lo, hi));
      countSwapEntries(sys, child, 1, COUNT_BATCHED);
      continue;
    }
    if ((lo & PTE_SPECIAL) === 0) {
      const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
      if (memmap.hasFlags(pfn, PG_ANON_EXCLUSIVE) && pageNeedsCowForDma(sys, parent, pfn)) {
        if (!copyPresentPage(sys, child, vma, vpn, target, pfn, cpu)) return -ENOMEM;
        if (isUffdWp && (lo & PTE_UFFD_WP) !== 0) {
          const copyLo = (child.pageTable.entryLo(target) & ~PTE_RW) | PTE_UFFD_WP;
          child.pageTable.setEntry(target, copyLo, child.pageTable.entryHi(target));
        }
        continue;
      }
      if (isPrivate) lo &= ~PTE_RW;
      if (memmap.hasFlags(pfn, PG_ANON)) memmap.clearFlags(pfn, PG_ANON_EXCLUSIVE);
      memmap.getPage(pfn);
      addRmap(sys, child, vpn, pfn, COUNT_BATCHED);
      from.set(lo, hi);
    }
    // The child has not used the page yet, and has not written it where writes must be told to a file.
    const forgotten = PTE_A | (isPrivate ? 0 : PTE_D) | (isUffdWp ? 0 : PTE_UFFD_WP);
    child.pageTable.setEntry(target, lo & ~forgotten, hi);
  }
  return 0;
}
