/**
 * Taking mappings away. Source: Linux 6.18 mm/vma.c, do_vmi_munmap(), vms_gather_munmap_vmas(),
 * vms_complete_munmap_vmas(); mm/mmap.c, exit_mmap().
 */
import {
  EINVAL,
  ENOMEM,
  EPERM,
  NO_VMA,
  PAGE_SIZE,
  VM_ACCOUNT,
  VM_SEALED,
  type Vaddr,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { USER_PGTABLES_CEILING_VPN } from "./layout.ts";
import { removeVma, splitVma } from "./merge.ts";
import { VM_LOCKED_MASK } from "./vma-flags.ts";
import { NO_UFFD } from "./vma-pool.ts";

/** munmap(2). */
export function doMunmap(mm: MmStruct, address: Vaddr, lengthBytes: number): number {
  const taskSize = mm.taskSizeVpn * PAGE_SIZE;
  if (address % PAGE_SIZE !== 0 || address > taskSize || lengthBytes > taskSize - address) return -EINVAL;
  const nrPages = Math.ceil(lengthBytes / PAGE_SIZE);
  if (nrPages === 0) return -EINVAL;
  return unmapRange(mm, address / PAGE_SIZE, address / PAGE_SIZE + nrPages);
}

/** Unmaps [startVpn, endVpn). Returns 0, -ENOMEM, -EPERM for sealed mappings, -EINVAL for what cannot be cut. */
export function unmapRange(mm: MmStruct, startVpn: Vpn, endVpn: Vpn): number {
  const first = findOverlap(mm, startVpn, endVpn);
  if (first === NO_VMA) return 0;
  const error = splitForUnmap(mm, first, startVpn, endVpn);
  if (error !== 0) return error;
  tellUffdOfUnmap(mm, first, startVpn, endVpn);
  mm.commit.uncharge(countAccounted(mm, first, endVpn));
  removeRange(mm, first, endVpn);
  return 0;
}

/** Finds the lowest VMA that has a page in the range, or NO_VMA. */
export function findOverlap(mm: MmStruct, startVpn: Vpn, endVpn: Vpn): VmaId {
  const vma = mm.tree.find(startVpn);
  return vma !== NO_VMA && mm.pool.startVpn[vma] < endVpn ? vma : NO_VMA;
}

/**
 * Makes VMAs begin and end at the borders of the range; `first` is the lowest that overlaps and stays so. On an
 * error, a split at the start may stay, as in Linux. O(VMAs in the range).
 */
export function splitForUnmap(mm: MmStruct, first: VmaId, startVpn: Vpn, endVpn: Vpn): number {
  if (mm.pool.startVpn[first] < startVpn) {
    // One more than the limit is allowed for a moment, but not to stay.
    if (endVpn < mm.pool.endVpn[first] && mm.mapCount >= mm.maxMapCount) return -ENOMEM;
    if ((mm.pool.vmFlags[first] & VM_SEALED) !== 0) return -EPERM;
    const error = splitVma(mm, first, startVpn, true);
    if (error !== 0) return error;
  }
  const { pool } = mm;
  for (let vma = first; vma !== NO_VMA && pool.startVpn[vma] < endVpn; vma = pool.next[vma]) {
    if ((pool.vmFlags[vma] & VM_SEALED) !== 0) return -EPERM;
    if (pool.endVpn[vma] > endVpn) return splitVma(mm, vma, endVpn, false);
  }
  return 0;
}

/**
 * Lets each userfaultfd that watches a VMA of the range know that all of the range goes; `first` is the lowest VMA in it
 * (userfaultfd_unmap_prep).
 */
export function tellUffdOfUnmap(mm: MmStruct, first: VmaId, startVpn: Vpn, endVpn: Vpn): void {
  const { pool, host } = mm;
  const told: number[] = [];
  for (let vma = first; vma !== NO_VMA && pool.startVpn[vma] < endVpn; vma = pool.next[vma]) {
    const uffd = pool.uffd[vma];
    if (uffd === NO_UFFD || told.includes(uffd)) continue;
    told.push(uffd);
    host.unmapUffd?.(uffd, startVpn, endVpn);
  }
}

/** Counts pages of the VMAs from `first` (or NO_VMA) up to `endVpn`, which no VMA crosses. */
export function countMapped(mm: MmStruct, first: VmaId, endVpn: Vpn): number {
  const { pool } = mm;
  let nrPages = 0;
  for (let vma = first; vma !== NO_VMA && pool.startVpn[vma] < endVpn; vma = pool.next[vma]) {
    nrPages += pool.endVpn[vma] - pool.startVpn[vma];
  }
  return nrPages;
}

/** As countMapped, of pages that are charged to the overcommit account. */
export function countAccounted(mm: MmStruct, first: VmaId, endVpn: Vpn): number {
  const { pool } = mm;
  let nrPages = 0;
  for (let vma = first; vma !== NO_VMA && pool.startVpn[vma] < endVpn; vma = pool.next[vma]) {
    if ((pool.vmFlags[vma] & VM_ACCOUNT) !== 0) nrPages += pool.endVpn[vma] - pool.startVpn[vma];
  }
  return nrPages;
}

/**
 * Removes the VMAs from `first` up to `endVpn`, which no VMA crosses, with their pages and page tables. The host still
 * finds the VMAs while it unmaps their pages. The overcommit account is the caller's. Cannot fail.
 */
export function removeRange(mm: MmStruct, first: VmaId, endVpn: Vpn): void {
  const { pool, host } = mm;
  const before = pool.prev[first];
  const firstVpn = pool.startVpn[first];
  let lastEnd = firstVpn;
  let after: VmaId = first;
  while (after !== NO_VMA && pool.startVpn[after] < endVpn) {
    lastEnd = pool.endVpn[after];
    host.unmapPages(mm.id, pool.startVpn[after], lastEnd);
    after = pool.next[after];
  }
  const floorVpn = before === NO_VMA ? 0 : pool.endVpn[before];
  const ceilingVpn = after === NO_VMA ? USER_PGTABLES_CEILING_VPN : pool.startVpn[after];
  host.freePageTables(mm.id, firstVpn, lastEnd, floorVpn, ceilingVpn);
  mm.hiwaterVm = mm.peakVm;
  let vma = first;
  while (vma !== after) {
    const next = pool.next[vma];
    const nrPages = pool.endVpn[vma] - pool.startVpn[vma];
    const vmFlags = pool.vmFlags[vma];
    mm.account(vmFlags, -nrPages);
    if ((vmFlags & VM_LOCKED_MASK) !== 0) mm.lockedVm -= nrPages;
    removeVma(mm, vma);
    vma = next;
  }
}

/** Unmaps everything, as at exit. O(n). */
export function unmapAll(mm: MmStruct): void {
  const { pool, tree, host } = mm;
  const first = tree.first;
  if (first === NO_VMA) return;
  let nrAccounted = 0;
  for (let vma = first; vma !== NO_VMA; vma = pool.next[vma]) {
    const nrPages = pool.endVpn[vma] - pool.startVpn[vma];
    if ((pool.vmFlags[vma] & VM_ACCOUNT) !== 0) nrAccounted += nrPages;
    host.unmapPages(mm.id, pool.startVpn[vma], pool.endVpn[vma]);
  }
  host.freePageTables(mm.id, pool.startVpn[first], pool.endVpn[tree.last], 0, USER_PGTABLES_CEILING_VPN);
  tree.clear();
  for (let vma = first; vma !== NO_VMA;) {
    const next = pool.next[vma];
    mm.account(pool.vmFlags[vma], pool.startVpn[vma] - pool.endVpn[vma]);
    mm.freeVma(vma);
    vma = next;
  }
  mm.lockedVm = 0;
  mm.lockedVmDrift = 0;
  mm.commit.uncharge(nrAccounted);
}
