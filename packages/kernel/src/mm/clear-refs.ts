/**
 * Writes to /proc/PID/clear_refs: forgetting which pages were used or written. O(populated entries).
 * Source: Linux 6.18 fs/proc/task_mmu.c, clear_refs_write(), clear_refs_test_walk(), clear_refs_pte_range(),
 * clear_soft_dirty(), pte_is_pinned().
 */
import {
  EINVAL,
  leafPfn,
  NO_VMA,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_REFERENCED,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_SOFT_DIRTY,
  pteIsPresent,
  VM_PFNMAP,
  VM_SHARED,
  VM_SOFTDIRTY,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import { pageNeedsCowForDma } from "../pages/pins.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** What to forget: use of all pages, of those of mappings without a file, with one; writes; the most ever resident. */
const CLEAR_REFS_ALL = 1;
const CLEAR_REFS_ANON = 2;
const CLEAR_REFS_MAPPED = 3;
const CLEAR_REFS_SOFT_DIRTY = 4;
const CLEAR_REFS_MM_HIWATER_RSS = 5;

/**
 * Forgets what `type` (CLEAR_REFS_*) says for an address space. Returns 0, or -EINVAL for another number. Processors that
 * have an entry in their TLB do not set its accessed bit again until they drop it: only soft-dirty flushes, as on Linux.
 */
export function clearRefs(sys: System, mm: Mm, type: number): number {
  if (!Number.isInteger(type) || type < CLEAR_REFS_ALL || type > CLEAR_REFS_MM_HIWATER_RSS) return -EINVAL;
  if (type === CLEAR_REFS_MM_HIWATER_RSS) {
    mm.rssStat.resetHiwater();
    return 0;
  }
  if (type === CLEAR_REFS_SOFT_DIRTY && !sys.config.softDirty) {
    sys.tlbFlusher.flushMm(mm);
    return 0;
  }
  const { space } = mm;
  const { pool } = space;
  if (type === CLEAR_REFS_SOFT_DIRTY) {
    for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma))
      pool.vmFlags[vma] &= ~VM_SOFTDIRTY;
  }
  for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma)) {
    if ((pool.vmFlags[vma] & VM_PFNMAP) !== 0) continue;
    const fileId = pool.fileId[vma];
    // What shows the kernel's own pages has no file for Linux.
    const hasFile = fileId !== NO_FILE && !sys.files.inodeOf(fileId).isSpecial;
    if (type === CLEAR_REFS_ANON ? hasFile : type === CLEAR_REFS_MAPPED && !hasFile) continue;
    mm.cursor.reset(pool.startVpn[vma], pool.endVpn[vma]);
    const isCow = (pool.vmFlags[vma] & VM_SHARED) === 0;
    while (mm.cursor.next()) {
      if (type === CLEAR_REFS_SOFT_DIRTY) clearSoftDirty(sys, mm, isCow);
      else clearYoung(sys, mm);
    }
  }
  if (type === CLEAR_REFS_SOFT_DIRTY) sys.tlbFlusher.flushMm(mm);
  return 0;
}

/** Forgets that the page of the cursor's entry was used. */
function clearYoung(sys: System, mm: Mm): void {
  const { cursor } = mm;
  const { lo, hi } = cursor;
  if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) return;
  if ((lo & PTE_A) !== 0) cursor.set(lo & ~PTE_A, hi);
  sys.memmap.clearFlags(leafPfn(lo, hi, PT_LEVEL_PTE), PG_REFERENCED);
}

/** Forgets that the page of the cursor's entry was written, and takes the write right so that the next write shows. */
function clearSoftDirty(sys: System, mm: Mm, isCow: boolean): void {
  const { cursor } = mm;
  const { lo, hi } = cursor;
  if (!pteIsPresent(lo)) {
    cursor.set(lo & ~PTE_SWP_SOFT_DIRTY, hi);
    return;
  }
  if ((lo & (PTE_RW | PTE_SOFT_DIRTY)) === 0) return;
  if (isCow && (lo & (PTE_RW | PTE_SPECIAL)) === PTE_RW) {
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    const owned = PG_ANON | PG_ANON_EXCLUSIVE;
    if ((sys.memmap.flags[pfn] & owned) === owned && pageNeedsCowForDma(sys, mm, pfn)) return;
  }
  cursor.set(lo & ~(PTE_RW | PTE_SOFT_DIRTY), hi);
}
