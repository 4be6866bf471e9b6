/**
 * mremap(2) to a known address: what a replay needs to follow a recorded call. Cold.
 * Source: Linux 6.18 mm/mremap.c, move_page_tables().
 * Differs: the new place is given by the caller, who knows where the recorded kernel put it; no MREMAP_DONTUNMAP.
 */
import {
  EFAULT,
  EINVAL,
  ENOMEM,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  NO_ENTRY,
  NO_VMA,
  PAGE_SIZE,
  pagesOfBytes,
  PG_ANON,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  PTE_SPECIAL,
  pteIsPresent,
  ptePfn,
  type Vaddr,
  VM_EXEC,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vpn,
  vpnOfAddress,
} from "@pageframe/contracts";
import { addRmap, removeRmap } from "./pages.ts";
import { type System } from "./system.ts";
import { type Task } from "./task.ts";
import { flushTlbRange } from "./tlb-flush.ts";

/** Resizes the mapping at `address` and moves it to `result`. Returns `result` or -errno. */
export function mremapTo(
  sys: System,
  task: Task,
  address: Vaddr,
  oldBytes: number,
  newBytes: number,
  result: Vaddr,
): number {
  const { space } = task.mm;
  const { pool } = space;
  if (address % PAGE_SIZE !== 0 || result % PAGE_SIZE !== 0 || newBytes <= 0) return -EINVAL;
  const oldVpn = vpnOfAddress(address);
  const oldPages = pagesOfBytes(oldBytes);
  const newPages = pagesOfBytes(newBytes);
  const vma = space.findVma(oldVpn);
  if (vma === NO_VMA || pool.startVpn[vma] > oldVpn) return -EFAULT;
  if (result === address && newPages <= oldPages) {
    if (newPages === oldPages) return result;
    const error = space.munmap((oldVpn + newPages) * PAGE_SIZE, (oldPages - newPages) * PAGE_SIZE);
    return error < 0 ? error : result;
  }
  const vmFlags = pool.vmFlags[vma];
  const fileId = pool.fileId[vma];
  const prot =
    ((vmFlags & VM_READ) !== 0 ? PROT_READ : 0) |
    ((vmFlags & VM_WRITE) !== 0 ? PROT_WRITE : 0) |
    ((vmFlags & VM_EXEC) !== 0 ? PROT_EXEC : 0);
  const flags =
    MAP_FIXED | ((vmFlags & VM_SHARED) !== 0 ? MAP_SHARED : MAP_PRIVATE) | (fileId < 0 ? MAP_ANONYMOUS : 0);
  // What stays where it is keeps its mapping; only the rest is mapped anew.
  const isMove = result !== address;
  const mapVpn = isMove ? vpnOfAddress(result) : oldVpn + oldPages;
  const mapPages = isMove ? newPages : newPages - oldPages;
  const pgoff = fileId < 0 ? 0 : pool.pgoff[vma] + (oldVpn - pool.startVpn[vma]) + (isMove ? 0 : oldPages);
  const mapped = space.mmap(mapVpn * PAGE_SIZE, mapPages * PAGE_SIZE, prot, flags, fileId, pgoff * PAGE_SIZE);
  if (mapped < 0) return mapped;
  if (!isMove) return result;
  const moved = moveEntries(sys, task, oldVpn, mapVpn, Math.min(oldPages, newPages));
  if (moved < 0) return moved;
  const error = space.munmap(address, oldPages * PAGE_SIZE);
  return error < 0 ? error : result;
}

/** Moves the entries of `nrPages` pages. Returns 0 or -ENOMEM; then the rest stays where it was and is unmapped. */
function moveEntries(sys: System, task: Task, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
  const { mm } = task;
  const { pageTable, space } = mm;
  const { contents, memmap } = sys;
  const endVpn = fromVpn + nrPages;
  flushTlbRange(sys, mm, fromVpn, endVpn);
  // The new mapping takes the pages' anon_vma over, so that it merges as the old one did.
  space.pool.anonVma[space.findVma(toVpn)] = space.pool.anonVma[space.findVma(fromVpn)];
  for (
    let vpn = pageTable.nextPopulated(fromVpn, endVpn);
    vpn < endVpn;
    vpn = pageTable.nextPopulated(vpn + 1, endVpn)
  ) {
    const newVpn = toVpn + (vpn - fromVpn);
    const target = pageTable.allocEntry(newVpn, 1);
    if (target === NO_ENTRY) return -ENOMEM;
    const source = pageTable.findEntry(vpn);
    const lo = contents.words[source];
    const hi = contents.words[source + 1];
    if (lo === 0 && hi === 0) continue;
    pageTable.setEntry(source, 0, 0);
    pageTable.setEntry(target, lo, hi);
    if (pteIsPresent(lo) && (lo & PTE_SPECIAL) === 0) {
      const pfn = ptePfn(lo, hi);
      removeRmap(sys, mm, vpn, pfn);
      addRmap(sys, mm, newVpn, pfn);
      const isPlainAnon = memmap.hasFlags(pfn, PG_ANON) && space.pool.fileId[space.findVma(newVpn)] < 0;
      if (isPlainAnon && memmap.mapcount[pfn] === 1) memmap.index[pfn] = newVpn;
    }
  }
  return 0;
}
