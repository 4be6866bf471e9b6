/**
 * Where a new mapping goes. Source: Linux 6.18 mm/mmap.c, __get_unmapped_area(); arch/x86/kernel/sys_x86_64.c,
 * arch_get_unmapped_area_topdown(); mm/vma.c, unmapped_area(), unmapped_area_topdown(); mm/huge_memory.c,
 * __thp_get_unmapped_area().
 */
import {
  EINVAL,
  ENOMEM,
  NO_VMA,
  STACK_GUARD_GAP_PAGES,
  VM_GROWSDOWN,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { PMD_PAGES } from "./layout.ts";
import { NO_GAP, type VmaTree } from "./vma-tree.ts";

/** Start of a VMA with the guard gap of a stack in front (vm_start_gap). */
export function startWithGap(tree: VmaTree, vma: VmaId): Vpn {
  const start = tree.pool.startVpn[vma];
  if ((tree.pool.vmFlags[vma] & VM_GROWSDOWN) === 0) return start;
  return Math.max(0, start - STACK_GUARD_GAP_PAGES);
}

/**
 * Finds `nrPages` free pages below the mmap base, or above the legacy base when there are none. `hintVpn` is taken
 * when free; 0 is no hint. The result is aligned to `alignPages`. Returns a page number or -ENOMEM.
 */
export function findUnmappedArea(
  mm: MmStruct,
  hintVpn: Vpn,
  nrPages: number,
  alignPages: number,
  isHuge: boolean,
): Vpn {
  const { tree } = mm;
  if (hintVpn !== 0) {
    const hint = isHuge ? Math.ceil(hintVpn / alignPages) * alignPages : hintVpn;
    if (hint + nrPages <= mm.taskSizeVpn) {
      const vma = tree.find(hint);
      if (vma === NO_VMA || hint + nrPages <= startWithGap(tree, vma)) return hint;
    }
  }
  const area = findAreaTopDown(tree, mm.mmapMinVpn, mm.mmapBase, nrPages, alignPages);
  return area >= 0
    ? area
    : findAreaBottomUp(tree, Math.max(mm.mmapLegacyBase, mm.mmapMinVpn), mm.taskSizeVpn, nrPages, alignPages);
}

/**
 * As findUnmappedArea without a hint, but such that page `pgoff` of the mapping falls on a 2 MiB border; plain
 * placement when padding for that does not fit or when the mapping holds no whole 2 MiB.
 */
export function findThpAlignedArea(mm: MmStruct, hintVpn: Vpn, nrPages: number, pgoff: number): Vpn {
  const pgoffEnd = pgoff + nrPages;
  const pgoffAligned = Math.ceil(pgoff / PMD_PAGES) * PMD_PAGES;
  if (pgoffEnd - pgoffAligned >= PMD_PAGES) {
    const padded = findUnmappedArea(mm, hintVpn, nrPages + PMD_PAGES, 1, false);
    if (padded >= 0) {
      if (padded === hintVpn) return padded;
      const shift = (((pgoff - padded) % PMD_PAGES) + PMD_PAGES) % PMD_PAGES;
      return padded + (shift === 0 ? PMD_PAGES : shift);
    }
  }
  return findUnmappedArea(mm, hintVpn, nrPages, 1, false);
}

/** Highest aligned free range in [lowVpn, highVpn) that keeps off guard gaps; -ENOMEM when there is none. */
function findAreaTopDown(tree: VmaTree, lowVpn: Vpn, highVpn: Vpn, nrPages: number, alignPages: number): Vpn {
  const nrSearched = nrPages + alignPages - 1;
  let high = highVpn;
  for (;;) {
    if (tree.findGapTopDown(lowVpn, high, nrSearched) === NO_GAP) return -ENOMEM;
    const gapEnd = tree.gapEnd;
    const next = tree.find(gapEnd);
    const limit = next === NO_VMA ? gapEnd : startWithGap(tree, next);
    if (limit >= gapEnd) return Math.floor((gapEnd - nrPages) / alignPages) * alignPages;
    high = limit;
  }
}

/** Lowest aligned free range in [lowVpn, highVpn) that keeps off guard gaps; -ENOMEM when there is none. */
function findAreaBottomUp(
  tree: VmaTree,
  lowVpn: Vpn,
  highVpn: Vpn,
  nrPages: number,
  alignPages: number,
): Vpn {
  const nrSearched = nrPages + alignPages - 1;
  let low = lowVpn;
  for (;;) {
    const gapStart = tree.findGapBottomUp(low, highVpn, nrSearched);
    if (gapStart === NO_GAP) return -ENOMEM;
    const area = Math.ceil(gapStart / alignPages) * alignPages;
    const next = tree.find(gapStart);
    if (next === NO_VMA || startWithGap(tree, next) >= area + nrSearched) return area;
    low = tree.pool.endVpn[next];
  }
}

/** Checks a placement against the end of user space; `vpn` may be an errno. */
export function checkArea(mm: MmStruct, vpn: Vpn, nrPages: number): Vpn {
  if (vpn < 0) return vpn;
  if (vpn + nrPages > mm.taskSizeVpn) return -ENOMEM;
  return Number.isInteger(vpn) ? vpn : -EINVAL;
}
