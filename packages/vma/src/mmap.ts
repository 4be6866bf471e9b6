/**
 * mmap(2). Source: Linux 6.18 mm/mmap.c, ksys_mmap_pgoff(), do_mmap(); mm/vma.c, __mmap_region().
 */
import {
  EACCES,
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  NO_VMA,
  PAGE_SIZE,
  PROT_WRITE,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_SHARED,
  VM_SOFTDIRTY,
  type Vaddr,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { PMD_PAGES } from "./layout.ts";
import { findMerges, mergeNew } from "./merge.ts";
import {
  countAccounted,
  countMapped,
  findOverlap,
  removeRange,
  splitForUnmap,
  tellUffdOfUnmap,
} from "./munmap.ts";
import { checkArea, findThpAlignedArea, findUnmappedArea } from "./unmapped-area.ts";
import { OVERCOMMIT_NEVER } from "./vm-commit.ts";
import {
  VM_LOCKED_MASK,
  VM_MAY_ALL,
  VM_SPECIAL,
  isAccountable,
  vmFlagsOfMap,
  vmFlagsOfProt,
} from "./vma-flags.ts";
import { NO_FILE, NO_MEMPOLICY } from "./vma-pool.ts";

/** The file is open for reading; for writing (include/linux/fs.h). */
export const FMODE_READ = 0x1;
export const FMODE_WRITE = 0x2;
/** The file lies on a mount with `noexec`. */
export const FILE_NOEXEC = 0x10;
/** The file consists of 2 MiB pages (hugetlbfs, MAP_HUGETLB). */
export const FILE_HUGETLB = 0x20;
/** The file system aligns large mappings to 2 MiB (ext4, xfs, btrfs: thp_get_unmapped_area). */
export const FILE_THP_ALIGNED = 0x40;

const MAP_TYPE = 0x0f;
/** Flags of mmap(2) that came before flags were checked (LEGACY_MAP_MASK): not MAP_FIXED_NOREPLACE and MAP_SYNC. */
const LEGACY_MAP_MASK = 0x7c07f9f3;
/** Largest file offset plus one, in pages: 2^63 bytes. */
const MAX_FILE_PAGES: number = 2 ** 51;
const MAX_LENGTH_BYTES: number = 2 ** 64 - PAGE_SIZE;

/** mmap(2); see AddressSpace.mmap(). */
export function doMmap(
  mm: MmStruct,
  address: Vaddr,
  lengthBytes: number,
  prot: number,
  mapFlags: number,
  fileId: number,
  offsetBytes: number,
  fileMode: number,
): number {
  if (offsetBytes % PAGE_SIZE !== 0) return -EINVAL;
  const isAnonymous = (mapFlags & MAP_ANONYMOUS) !== 0;
  if (!isAnonymous && fileId === NO_FILE) return -EBADF;
  if (lengthBytes === 0) return -EINVAL;
  const flags = (mapFlags & MAP_FIXED_NOREPLACE) !== 0 ? mapFlags | MAP_FIXED : mapFlags;
  if (lengthBytes > MAX_LENGTH_BYTES) return -ENOMEM;
  const isHugetlb = fileId !== NO_FILE && (fileMode & FILE_HUGETLB) !== 0;
  let nrPages = Math.ceil(lengthBytes / PAGE_SIZE);
  if (isHugetlb) nrPages = Math.ceil(nrPages / PMD_PAGES) * PMD_PAGES;
  if (mm.mapCount > mm.maxMapCount) return -ENOMEM;

  let vmFlags = vmFlagsOfProt(prot) | vmFlagsOfMap(flags, mm.isThpEnabled) | mm.defFlags | VM_MAY_ALL;
  const startVpn = placeMapping(mm, address, nrPages, flags, fileId, offsetBytes / PAGE_SIZE, fileMode);
  if (startVpn < 0) return startVpn;
  const endVpn = startVpn + nrPages;
  if ((mapFlags & MAP_FIXED_NOREPLACE) !== 0) {
    const there = mm.tree.find(startVpn);
    if (there !== NO_VMA && mm.pool.startVpn[there] < endVpn) return -EEXIST;
  }
  if ((flags & MAP_LOCKED) !== 0 && !mm.isPrivileged && mm.rlimitMemlockBytes === 0) return -EPERM;
  if (!mm.mayLock(vmFlags, nrPages)) return -EAGAIN;

  let pgoff = offsetBytes / PAGE_SIZE;
  const type = flags & MAP_TYPE;
  if (isAnonymous) {
    if (type === MAP_SHARED) {
      if ((vmFlags & VM_GROWSDOWN) !== 0) return -EINVAL;
      pgoff = 0;
      vmFlags |= VM_SHARED | VM_MAYSHARE;
    } else if (type === MAP_PRIVATE) {
      // Only MAP_HUGETLB has a file behind private anonymous memory.
      pgoff = isHugetlb ? 0 : startVpn;
    } else {
      return -EINVAL;
    }
  } else {
    if (pgoff + nrPages > MAX_FILE_PAGES) return -EOVERFLOW;
    // MAP_SHARED_VALIDATE promises that no flag is ignored; those of old are known to every file.
    if (type === MAP_SHARED_VALIDATE && (flags & ~LEGACY_MAP_MASK) !== 0) return -EOPNOTSUPP;
    vmFlags = fileVmFlags(vmFlags, type, prot, fileMode);
    if (vmFlags < 0) return vmFlags;
  }
  if ((flags & MAP_NORESERVE) !== 0 && (isHugetlb || mm.commit.overcommitMemory !== OVERCOMMIT_NEVER)) {
    vmFlags |= VM_NORESERVE;
  }
  const objectId = isAnonymous && type === MAP_PRIVATE && !isHugetlb ? NO_FILE : fileId;
  const error = mapRegion(mm, startVpn, endVpn, vmFlags, objectId, pgoff, isHugetlb);
  return error === 0 ? startVpn * PAGE_SIZE : error;
}

/** Rights that a file's mode leaves; an errno when it forbids the mapping. */
function fileVmFlags(vmFlags: number, type: number, prot: number, fileMode: number): number {
  let allowed = vmFlags;
  if (type === MAP_SHARED || type === MAP_SHARED_VALIDATE) {
    const isWritable = (fileMode & FMODE_WRITE) !== 0;
    if ((prot & PROT_WRITE) !== 0 && !isWritable) return -EACCES;
    allowed |= VM_SHARED | VM_MAYSHARE;
    if (!isWritable) allowed &= ~(VM_MAYWRITE | VM_SHARED);
  } else if (type !== MAP_PRIVATE) {
    return -EINVAL;
  }
  if ((fileMode & FMODE_READ) === 0) return -EACCES;
  if ((fileMode & FILE_NOEXEC) !== 0) {
    if ((allowed & VM_EXEC) !== 0) return -EPERM;
    allowed &= ~VM_MAYEXEC;
  }
  return (allowed & VM_GROWSDOWN) !== 0 ? -EINVAL : allowed;
}

/** Chooses the first page; an errno when there is no place. */
function placeMapping(
  mm: MmStruct,
  address: Vaddr,
  nrPages: number,
  flags: number,
  fileId: number,
  pgoff: number,
  fileMode: number,
): Vpn {
  if (nrPages > mm.taskSizeVpn) return -ENOMEM;
  const isHugetlb = fileId !== NO_FILE && (fileMode & FILE_HUGETLB) !== 0;
  let vpn: Vpn;
  if ((flags & MAP_FIXED) !== 0) {
    vpn = address / PAGE_SIZE;
    if (isHugetlb && vpn % PMD_PAGES !== 0) return -EINVAL;
  } else {
    const hintVpn = hintOf(mm, address);
    const isFile = (flags & MAP_ANONYMOUS) === 0;
    const isAnonThp = (flags & (MAP_ANONYMOUS | MAP_SHARED)) === MAP_ANONYMOUS && !isHugetlb;
    if (isHugetlb) {
      vpn = findUnmappedArea(mm, hintVpn, nrPages, PMD_PAGES, true);
    } else if (mm.isThpEnabled && isAnonThp && hintVpn === 0 && nrPages % PMD_PAGES === 0) {
      vpn = findThpAlignedArea(mm, 0, nrPages, 0);
    } else if (mm.isThpEnabled && isFile && (fileMode & FILE_THP_ALIGNED) !== 0) {
      vpn = findThpAlignedArea(mm, hintVpn, nrPages, pgoff);
    } else {
      vpn = findUnmappedArea(mm, hintVpn, nrPages, 1, false);
    }
  }
  vpn = checkArea(mm, vpn, nrPages);
  return vpn >= 0 && vpn < mm.mmapMinVpn && !mm.isPrivileged ? -EPERM : vpn;
}

/** Page of a hint, rounded down but not below mmap_min_addr; 0 is no hint (round_hint_to_min). */
function hintOf(mm: MmStruct, address: Vaddr): Vpn {
  const vpn = Math.floor(address / PAGE_SIZE);
  return vpn === 0 ? 0 : Math.max(vpn, mm.mmapMinVpn);
}

/**
 * Maps [startVpn, endVpn) in place of what is there. Returns 0, -ENOMEM or -EINVAL; then nothing has changed but that
 * VMAs may be split at the borders.
 * Differs: Linux unmaps what is there before it allocates the new VMA, and leaves a hole when that fails.
 */
function mapRegion(
  mm: MmStruct,
  startVpn: Vpn,
  endVpn: Vpn,
  vmFlagsAsked: number,
  fileId: number,
  pgoff: number,
  isHugetlb: boolean,
): number {
  const { pool, tree, commit } = mm;
  if (mm.deniesWriteExec(vmFlagsAsked, vmFlagsAsked)) return -EACCES;
  let vmFlags = vmFlagsAsked;
  const nrPages = endVpn - startVpn;
  const first = findOverlap(mm, startVpn, endVpn);
  if (first !== NO_VMA) {
    const error = splitForUnmap(mm, first, startVpn, endVpn);
    if (error !== 0) return error;
  }
  if (!mm.mayExpand(vmFlags, nrPages - countMapped(mm, first, endVpn))) return -ENOMEM;

  const nrAccounted = countAccounted(mm, first, endVpn);
  const nrCharged = !isHugetlb && isAccountable(vmFlags) ? nrPages : 0;
  if (nrCharged !== 0) {
    if (commit.charge(nrCharged - nrAccounted, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
    vmFlags |= VM_ACCOUNT;
  }
  if (!isHugetlb) vmFlags = mm.ksmFlags(vmFlags);

  // No VMA crosses the borders any more.
  const next = tree.find(endVpn);
  const above = first === NO_VMA ? next : first;
  const prev = above === NO_VMA ? tree.last : pool.prev[above];
  // Each shared mapping without a file is an object of its own.
  const isOwnObject = fileId === NO_FILE && (vmFlags & VM_SHARED) !== 0;
  const merges = isOwnObject
    ? 0
    : findMerges(pool, prev, next, startVpn, endVpn, vmFlags, fileId, pgoff, NO_MEMPOLICY);
  let vma: VmaId = NO_VMA;
  if (merges === 0) {
    const ownFlags = isHugetlb ? VM_HUGETLB | VM_DONTEXPAND : 0;
    vma = mm.allocVma(startVpn, endVpn, vmFlags | ownFlags, pgoff, fileId);
    if (vma === NO_VMA) {
      if (nrCharged !== 0) commit.uncharge(nrCharged - nrAccounted);
      return -ENOMEM;
    }
  }
  if (nrCharged === 0) commit.uncharge(nrAccounted);
  if (first !== NO_VMA) {
    tellUffdOfUnmap(mm, first, startVpn, endVpn);
    removeRange(mm, first, endVpn);
  }
  if (merges === 0) tree.insertBetween(vma, prev, next);
  else vma = mergeNew(mm, merges, prev, next, startVpn, endVpn, pgoff);

  mm.account(mm.pool.vmFlags[vma], nrPages);
  if ((vmFlags & VM_LOCKED) !== 0) {
    if ((mm.pool.vmFlags[vma] & VM_SPECIAL) !== 0) mm.pool.vmFlags[vma] &= ~VM_LOCKED_MASK;
    else mm.lockedVm += nrPages;
  }
  mm.pool.vmFlags[vma] |= VM_SOFTDIRTY;
  return 0;
}
