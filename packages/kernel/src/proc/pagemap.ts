/**
 * /proc/PID/pagemap.
 * Source: Linux 6.18 fs/proc/task_mmu.c, pagemap_read(), pagemap_pte_hole(), pte_to_pagemap_entry().
 * Differs: no huge pages.
 */
import {
  leafPfn,
  NO_VMA,
  PG_ANON,
  PT_LEVEL_PTE,
  PTE_MARKER_GUARD,
  PTE_MARKER_UFFD_WP,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  pteIsNonSwap,
  pteIsPresent,
  pteMarkers,
  pteSwpPfn,
  pteSwpType,
  pteToSwapEntry,
  swapOffset,
  VM_SOFTDIRTY,
  type Vpn,
} from "@pageframe/contracts";
import {
  PM_FILE_BIT,
  PM_GUARD_REGION_BIT,
  PM_MMAP_EXCLUSIVE_BIT,
  PM_PRESENT_BIT,
  PM_SOFT_DIRTY_BIT,
  PM_SWAP_BIT,
  PM_SWAP_TYPE_BITS,
  PM_UFFD_WP_BIT,
} from "@pageframe/procfs";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** The flags of an entry lie in its upper half. */
const HI_SHIFT = 32;
const SOFT_DIRTY: number = flagHi(PM_SOFT_DIRTY_BIT);
const MMAP_EXCLUSIVE: number = flagHi(PM_MMAP_EXCLUSIVE_BIT);
const UFFD_WP: number = flagHi(PM_UFFD_WP_BIT);
const GUARD_REGION: number = flagHi(PM_GUARD_REGION_BIT);
const FILE: number = flagHi(PM_FILE_BIT);
const SWAP: number = flagHi(PM_SWAP_BIT);
const PRESENT: number = flagHi(PM_PRESENT_BIT);

/**
 * Collects the entries of pages [startVpn, startVpn + nrPages), as one with CAP_SYS_ADMIN reads them. Fewer at the end of
 * user space, none of a task that has exited. O(pages).
 */
export function pagemapEntries(sys: System, task: Task, startVpn: Vpn, nrPages: number): BigUint64Array {
  const { mm } = task;
  const { space } = mm;
  const endVpn = task.hasExited ? startVpn : Math.min(startVpn + nrPages, space.taskSizeVpn);
  const entries = new BigUint64Array(Math.max(0, endVpn - startVpn));
  const { softDirty } = sys.config;
  const softDirtyHole = BigInt(SOFT_DIRTY) << BigInt(HI_SHIFT);
  const { pool } = space;
  for (let vma = space.findVma(startVpn); vma !== NO_VMA; vma = space.nextVma(vma)) {
    const firstVpn = Math.max(startVpn, pool.startVpn[vma]);
    const lastVpn = Math.min(endVpn, pool.endVpn[vma]);
    if (firstVpn >= endVpn) break;
    const isSoftDirty = softDirty && (pool.vmFlags[vma] & VM_SOFTDIRTY) !== 0;
    if (isSoftDirty) entries.fill(softDirtyHole, firstVpn - startVpn, lastVpn - startVpn);
    const cursor = mm.pageTable.cursor(firstVpn, lastVpn);
    while (cursor.next()) {
      entries[cursor.vpn - startVpn] = pagemapEntry(sys, cursor.lo, cursor.hi, isSoftDirty ? SOFT_DIRTY : 0);
    }
  }
  return entries;
}

/** Entry of one populated page-table entry (pte_to_pagemap_entry). `flagsHi`: what its mapping adds. */
function pagemapEntry(sys: System, lo: number, hi: number, flagsHi: number): bigint {
  const { memmap } = sys;
  let flags = flagsHi;
  if (pteIsPresent(lo)) {
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    flags |= PRESENT;
    if ((lo & PTE_SOFT_DIRTY) !== 0 && sys.config.softDirty) flags |= SOFT_DIRTY;
    if ((lo & PTE_UFFD_WP) !== 0) flags |= UFFD_WP;
    if ((lo & PTE_SPECIAL) === 0) {
      if ((memmap.flags[pfn] & PG_ANON) === 0) flags |= FILE;
      if (memmap.mapcount[pfn] === 1) flags |= MMAP_EXCLUSIVE;
    }
    return entryOf(flags, pfn);
  }
  const markers = pteMarkers(lo, hi);
  flags |= SWAP;
  if ((lo & PTE_SWP_SOFT_DIRTY) !== 0 && sys.config.softDirty) flags |= SOFT_DIRTY;
  if ((lo & PTE_SWP_UFFD_WP) !== 0 || (markers & PTE_MARKER_UFFD_WP) !== 0) flags |= UFFD_WP;
  if ((markers & PTE_MARKER_GUARD) !== 0) flags |= GUARD_REGION;
  let offset = markers;
  if (!pteIsNonSwap(hi)) {
    offset = swapOffset(pteToSwapEntry(lo, hi));
  } else if (markers === 0) {
    offset = pteSwpPfn(lo, hi);
    if ((memmap.flags[offset] & PG_ANON) === 0) flags |= FILE;
  }
  return entryOf(flags, offset * 2 ** PM_SWAP_TYPE_BITS + pteSwpType(hi));
}

function entryOf(flagsHi: number, frame: number): bigint {
  return (BigInt(flagsHi >>> 0) << BigInt(HI_SHIFT)) | BigInt(frame);
}

function flagHi(bit: number): number {
  return 1 << (bit - HI_SHIFT);
}
