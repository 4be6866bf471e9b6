/**
 * mremap(2): shrinking, growing and moving mappings. Source: Linux 6.18 mm/mremap.c, do_mremap(), remap_move(),
 * mremap_to(), move_vma(); mm/vma.c, copy_vma().
 * Differs: the overcommit account stays exact where Linux's drifts, on a shrinking move.
 */
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  EPERM,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  NO_VMA,
  PAGE_SIZE,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYSHARE,
  VM_PFNMAP,
  VM_SEALED,
  VM_SHARED,
  VM_UFFD_FLAGS,
  type Vaddr,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { dupAnonVma } from "./anon-vma.ts";
import { PMD_PAGES } from "./layout.ts";
import { MERGE_LEFT, findMerges, mergeNew } from "./merge.ts";
import { FILE_THP_ALIGNED } from "./mmap.ts";
import { removeRange, splitForUnmap, tellUffdOfUnmap, unmapRange } from "./munmap.ts";
import { checkArea, findThpAlignedArea, findUnmappedArea } from "./unmapped-area.ts";
import { VM_LOCKED_MASK } from "./vma-flags.ts";
import { NO_ANON_VMA, NO_FILE, NO_UFFD } from "./vma-pool.ts";

const KNOWN_FLAGS: number = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
/** VMAs that a move keeps in reserve below max_map_count. */
const MAP_COUNT_RESERVE = 3;

/** mremap(2); see AddressSpace.mremap(). */
export function doMremap(
  mm: MmStruct,
  address: Vaddr,
  oldBytes: number,
  newBytes: number,
  flags: number,
  newAddress: Vaddr,
  fileMode: number,
): number {
  const nrOld = Math.ceil(oldBytes / PAGE_SIZE);
  const nrNew = Math.ceil(newBytes / PAGE_SIZE);
  if ((flags & ~KNOWN_FLAGS) !== 0 || address % PAGE_SIZE !== 0) return -EINVAL;
  if (nrNew === 0 || nrNew > mm.taskSizeVpn) return -EINVAL;
  const from = address / PAGE_SIZE;
  const to = newAddress / PAGE_SIZE;
  const isToNewPlace = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;
  if (isToNewPlace) {
    if (to + nrNew > mm.taskSizeVpn || newAddress % PAGE_SIZE !== 0) return -EINVAL;
    if ((flags & MREMAP_MAYMOVE) === 0) return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) !== 0 && nrOld !== nrNew) return -EINVAL;
    if (from + nrOld > to && to + nrNew > from) return -EINVAL;
    if (mm.mapCount + 2 >= mm.maxMapCount - MAP_COUNT_RESERVE) return -ENOMEM;
  }
  const vpn =
    (flags & MREMAP_FIXED) !== 0 && nrOld === nrNew
      ? moveAll(mm, from, nrOld, flags, to)
      : remapOne(mm, from, nrOld, nrNew, flags, to, fileMode);
  return vpn < 0 ? vpn : vpn * PAGE_SIZE;
}

/** Moves every VMA of a range to a fixed place, keeping the holes between them. Returns the new start or an errno. */
function moveAll(mm: MmStruct, from: Vpn, nrPages: number, flags: number, to: Vpn): number {
  const end = from + nrPages;
  let at = from;
  let ret: number = -EFAULT;
  while (at < end) {
    const vma = mm.tree.find(at);
    if (vma === NO_VMA || mm.pool.startVpn[vma] >= end) break;
    const start = Math.max(at, mm.pool.startVpn[vma]);
    if (at === from && start > from) return -EFAULT;
    // A userfaultfd is told of moves, which several mappings at once do not allow for (vma_multi_allowed).
    const isAlone = at === from && mm.pool.endVpn[vma] >= end;
    if (!isAlone && (mm.pool.vmFlags[vma] & VM_UFFD_FLAGS) !== 0) return -EFAULT;
    const nr = Math.min(end, mm.pool.endVpn[vma]) - start;
    const moved = remapOne(mm, start, nr, nr, flags, to + (start - from), 0);
    if (moved < 0) return moved;
    if (start === from) ret = moved;
    at = start + nr;
  }
  return ret;
}

/** Resizes or moves what lies in one VMA. Returns the new start or an errno. */
function remapOne(
  mm: MmStruct,
  from: Vpn,
  nrOldAsked: number,
  nrNewAsked: number,
  flags: number,
  to: Vpn,
  fileMode: number,
): number {
  const { pool } = mm;
  let nrOld = nrOldAsked;
  let nrNew = nrNewAsked;
  const vma = findHolding(mm, from);
  if (vma === NO_VMA) return -EFAULT;
  const vmFlags = pool.vmFlags[vma];
  if ((vmFlags & VM_SEALED) !== 0) return -EPERM;
  const isToNewPlace = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;
  if ((vmFlags & VM_HUGETLB) !== 0) {
    nrOld = Math.ceil(nrOld / PMD_PAGES) * PMD_PAGES;
    nrNew = Math.ceil(nrNew / PMD_PAGES) * PMD_PAGES;
    if (from % PMD_PAGES !== 0 || (isToNewPlace && to % PMD_PAGES !== 0) || nrNew > nrOld) return -EINVAL;
  }
  if (nrNew > nrOld || isToNewPlace) {
    const error = checkResize(mm, vma, from, nrOld, nrNew, flags);
    if (error !== 0) return error;
  }
  if (isToNewPlace) return moveTo(mm, from, nrOld, nrNew, flags, to, fileMode);
  if (nrNew === nrOld) return from;
  if (nrNew < nrOld) {
    const error = unmapRange(mm, from + nrNew, from + nrOld);
    return error !== 0 ? error : from;
  }
  return expand(mm, vma, from, nrOld, nrNew, flags, fileMode);
}

/** What speaks against a move or a growth (check_prep_vma). */
function checkResize(
  mm: MmStruct,
  vma: VmaId,
  from: Vpn,
  nrOld: number,
  nrNew: number,
  flags: number,
): number {
  const vmFlags = mm.pool.vmFlags[vma];
  // Length 0 duplicates a shared mapping; a copy of a private one would have nothing to do with it.
  if (nrOld === 0 && (vmFlags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && (vmFlags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0) return -EINVAL;
  const nrKept = Math.min(nrOld, nrNew);
  if (nrKept > mm.pool.endVpn[vma] - from) return -EFAULT;
  if (nrNew === nrKept) return 0;
  if ((vmFlags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0) return -EFAULT;
  if (!mm.mayLock(vmFlags, nrNew - nrOld)) return -EAGAIN;
  return mm.mayExpand(vmFlags, nrNew - nrOld) ? 0 : -ENOMEM;
}

/** Grows in place when the range ends its VMA and nothing follows, else moves if it may. */
function expand(
  mm: MmStruct,
  vma: VmaId,
  from: Vpn,
  nrOld: number,
  nrNew: number,
  flags: number,
  fileMode: number,
): number {
  const { pool } = mm;
  const end = pool.endVpn[vma];
  const newEnd = from + nrNew;
  const next = pool.next[vma];
  const isRoom = newEnd <= mm.taskSizeVpn && (next === NO_VMA || pool.startVpn[next] >= newEnd);
  if (end === from + nrOld && isRoom) return extend(mm, vma, newEnd) === 0 ? from : -ENOMEM;
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const to = findTarget(mm, vma, from, nrNew, 0, 0, fileMode);
  return to < 0 ? to : move(mm, from, nrOld, nrNew, 0, to);
}

/** Adds pages at the end of a VMA, and joins the next one if that closes the gap (vma_merge_extend). */
function extend(mm: MmStruct, vma: VmaId, newEnd: Vpn): number {
  const { pool } = mm;
  const end = pool.endVpn[vma];
  const vmFlags = pool.vmFlags[vma];
  const nrAdded = newEnd - end;
  const nrCharged = (vmFlags & VM_ACCOUNT) !== 0 ? nrAdded : 0;
  if (nrCharged !== 0 && mm.commit.charge(nrCharged, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
  const pgoff = pool.pgoff[vma] + (end - pool.startVpn[vma]);
  const merges = findMerges(
    pool,
    vma,
    pool.next[vma],
    end,
    newEnd,
    vmFlags,
    pool.fileId[vma],
    pgoff,
    pool.mempolicy[vma],
    pool.anonVma[vma],
    false,
    pool.uffd[vma],
  );
  if ((merges & MERGE_LEFT) === 0) {
    mm.commit.uncharge(nrCharged);
    return -ENOMEM;
  }
  mergeNew(mm, merges, vma, pool.next[vma], end, newEnd, pgoff);
  mm.account(vmFlags, nrAdded);
  if ((vmFlags & VM_LOCKED) !== 0) mm.lockedVm += nrAdded;
  return 0;
}

/** Moves to a place of the caller's choice (MREMAP_FIXED, MREMAP_DONTUNMAP), emptying it first. */
function moveTo(
  mm: MmStruct,
  from: Vpn,
  nrOld: number,
  nrNew: number,
  flags: number,
  to: Vpn,
  fileMode: number,
): number {
  if ((flags & MREMAP_FIXED) !== 0) {
    const error = unmapRange(mm, to, to + nrNew);
    if (error !== 0) return error;
  }
  if (nrNew < nrOld) {
    const error = unmapRange(mm, from + nrNew, from + nrOld);
    if (error !== 0) return error;
  }
  const vma = findHolding(mm, from);
  if (vma === NO_VMA) return -EFAULT;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && !mm.mayExpand(mm.pool.vmFlags[vma], nrNew)) return -ENOMEM;
  const target = findTarget(mm, vma, from, nrNew, flags, to, fileMode);
  return target < 0 ? target : move(mm, from, Math.min(nrOld, nrNew), nrNew, flags, target);
}

/** Chooses where to move to (vrm_set_new_addr). `to` is the place with MREMAP_FIXED, else a hint or 0. */
function findTarget(
  mm: MmStruct,
  vma: VmaId,
  from: Vpn,
  nrPages: number,
  flags: number,
  to: Vpn,
  fileMode: number,
): Vpn {
  const { pool } = mm;
  let vpn: Vpn;
  if ((flags & MREMAP_FIXED) !== 0) {
    vpn = to;
  } else if ((pool.vmFlags[vma] & VM_HUGETLB) !== 0) {
    vpn = findUnmappedArea(mm, to, nrPages, PMD_PAGES, true);
  } else if (mm.isThpEnabled && pool.fileId[vma] === NO_FILE && to === 0 && nrPages % PMD_PAGES === 0) {
    vpn = findThpAlignedArea(mm, 0, nrPages, 0);
  } else if (mm.isThpEnabled && pool.fileId[vma] !== NO_FILE && (fileMode & FILE_THP_ALIGNED) !== 0) {
    vpn = findThpAlignedArea(mm, to, nrPages, pool.pgoff[vma] + (from - pool.startVpn[vma]));
  } else {
    vpn = findUnmappedArea(mm, to, nrPages, 1, false);
  }
  vpn = checkArea(mm, vpn, nrPages);
  return vpn >= 0 && vpn < mm.mmapMinVpn && !mm.isPrivileged ? -EPERM : vpn;
}

/** Copies the VMA to `to`, moves its pages and unmaps the old place, unless MREMAP_DONTUNMAP. Returns `to`. */
function move(mm: MmStruct, from: Vpn, nrOld: number, nrNew: number, flags: number, to: Vpn): number {
  const { pool, commit } = mm;
  if (mm.mapCount >= mm.maxMapCount - MAP_COUNT_RESERVE) return -ENOMEM;
  const source = findHolding(mm, from);
  const vmFlags = pool.vmFlags[source];
  const isDontUnmap = (flags & MREMAP_DONTUNMAP) !== 0;
  const isAccounted = (vmFlags & VM_ACCOUNT) !== 0;
  const nrCharged = isAccounted ? (isDontUnmap ? nrNew : nrNew - nrOld) : 0;
  if (nrCharged !== 0 && commit.charge(nrCharged, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
  if (!copyVma(mm, source, from, to, nrNew)) {
    commit.uncharge(nrCharged);
    return -ENOMEM;
  }
  const hiwaterVm = mm.hiwaterVm;
  mm.account(vmFlags, nrNew);
  if ((vmFlags & VM_LOCKED) !== 0) mm.lockedVm += nrNew;

  const error = mm.host.movePages?.(mm.id, from, to, nrOld) ?? 0;
  if (error !== 0) {
    commit.uncharge(nrCharged);
    const copy = findHolding(mm, to);
    if (splitForUnmap(mm, copy, to, to + nrNew) === 0) removeRange(mm, copy, to + nrNew);
  } else if (isDontUnmap) {
    passUffd(mm, from, nrOld, to);
    leaveSource(mm, from, nrOld);
  } else if (nrOld !== 0) {
    passUffd(mm, from, nrOld, to);
    // What was promised for the old place is promised for the new one.
    const left = findHolding(mm, from);
    if (splitForUnmap(mm, left, from, from + nrOld) === 0) {
      tellUffdOfUnmap(mm, left, from, from + nrOld);
      removeRange(mm, left, from + nrOld);
    } else if (isAccounted) commit.uncharge(-nrOld);
  }
  // More was mapped for a moment than ever will have been.
  mm.hiwaterVm = hiwaterVm;
  return error !== 0 ? error : to;
}

/** Makes [to, to + nrPages) a VMA like `source`, merged with its neighbours; false when there is no memory. */
function copyVma(mm: MmStruct, source: VmaId, from: Vpn, to: Vpn, nrPages: number): boolean {
  const { pool, tree } = mm;
  const anonVma = pool.anonVma[source];
  const isUntouched = pool.fileId[source] === NO_FILE && anonVma === NO_ANON_VMA;
  // Without pages the offset may follow the new place, which helps merging.
  const pgoff = isUntouched ? to : pool.pgoff[source] + (from - pool.startVpn[source]);
  const next = tree.find(to);
  const prev = next === NO_VMA ? tree.last : pool.prev[next];
  const merges = findMerges(
    pool,
    prev,
    next,
    to,
    to + nrPages,
    pool.vmFlags[source],
    pool.fileId[source],
    pgoff,
    pool.mempolicy[source],
    anonVma,
    pool.hasParentAnonVma[source] !== 0,
    pool.uffd[source],
  );
  if (merges !== 0) {
    // A neighbour that goes may be the source itself: it has no anon_vma then.
    const target = (merges & MERGE_LEFT) !== 0 ? prev : next;
    dupAnonVma(pool, target, source);
    mergeNew(mm, merges, prev, next, to, to + nrPages, pgoff);
    return true;
  }
  const copy = mm.allocVma(to, to + nrPages, pool.vmFlags[source], pgoff, pool.fileId[source]);
  if (copy === NO_VMA) return false;
  pool.anonVma[copy] = anonVma;
  pool.hasParentAnonVma[copy] = pool.hasParentAnonVma[source];
  pool.mempolicy[copy] = pool.mempolicy[source];
  pool.uffd[copy] = pool.uffd[source];
  pool.swapReadahead[copy] = pool.swapReadahead[source];
  tree.insert(copy);
  return true;
}

/** The new place stays with its userfaultfd if that wants to hear of moves, else it is let go (mremap_userfaultfd_prep). */
function passUffd(mm: MmStruct, from: Vpn, nrPages: number, to: Vpn): void {
  const { pool, host } = mm;
  const copy = findHolding(mm, to);
  const uffd = pool.uffd[copy];
  if (uffd === NO_UFFD || host.remapUffd?.(uffd, from, to, nrPages) === true) return;
  pool.uffd[copy] = NO_UFFD;
  pool.vmFlags[copy] &= ~VM_UFFD_FLAGS;
}

/** What stays behind with MREMAP_DONTUNMAP is unlocked and, when it was moved whole, as new (dontunmap_complete). */
function leaveSource(mm: MmStruct, from: Vpn, nrPages: number): void {
  const { pool } = mm;
  const source = findHolding(mm, from);
  const start = pool.startVpn[source];
  const end = pool.endVpn[source];
  // Linux forgets to count these pages out; VmLck is too high from here on.
  if ((pool.vmFlags[source] & VM_LOCKED_MASK) !== 0) mm.lockedVmDrift += end - start;
  pool.vmFlags[source] &= ~VM_LOCKED_MASK;
  if (start === from && end === from + nrPages) {
    pool.anonVma[source] = NO_ANON_VMA;
    pool.hasParentAnonVma[source] = 0;
  }
}

/** VMA that holds a page, or NO_VMA (vma_lookup). */
function findHolding(mm: MmStruct, vpn: Vpn): VmaId {
  const vma = mm.tree.find(vpn);
  return vma !== NO_VMA && mm.pool.startVpn[vma] <= vpn ? vma : NO_VMA;
}
