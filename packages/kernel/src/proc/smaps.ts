/**
 * /proc/PID/smaps and smaps_rollup.
 * Source: Linux 6.18 fs/proc/task_mmu.c, smap_gather_stats(), smaps_pte_entry(), smaps_account(), smaps_page_accumulate().
 * Differs: no huge pages, no KSM, no idle-page tracking.
 */
import {
  leafPfn,
  NO_ENTRY,
  NO_VMA,
  PAGE_SIZE,
  PAGES_PER_LEVEL,
  type Pfn,
  PG_ANON,
  PG_DIRTY,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_D,
  PTE_SPECIAL,
  pteIsNone,
  pteIsNonSwap,
  pteIsPresent,
  pteMarkers,
  pteSwpPfn,
  pteToSwapEntry,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
  type VmaId,
} from "@pageframe/contracts";
import {
  emptyMemSizeStats,
  type MapsEntry,
  type MemSizeStats,
  PSS_SHIFT,
  type SmapsEntry,
  type SmapsRollup,
} from "@pageframe/procfs";
import { NO_FILE } from "@pageframe/vma";
import { nrSwappedPages } from "../files/shmem-swap.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { gateEntry, mapsEntry } from "./maps.ts";

const PAGES_PER_PMD: number = PAGES_PER_LEVEL[PT_LEVEL_PMD];
const PSS_OF_PAGE: number = PAGE_SIZE * 2 ** PSS_SHIFT;
/** Flags of the vsyscall page: VM_EXEC alone. */
const GATE_VM_FLAGS = 4;

/** Collects the mappings of a task with what their pages add up to. O(populated entries). */
export function smapsEntries(sys: System, task: Task): SmapsEntry[] {
  const { mm } = task;
  const entries: SmapsEntry[] = [];
  for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
    const stats = emptyMemSizeStats();
    gatherStats(sys, mm, vma, stats);
    const isThpEligible = isThpAllowable(mm, vma);
    const hiddenFlags = sys.config.softDirty ? 0 : VM_SOFTDIRTY;
    const vmFlags = mm.space.pool.vmFlags[vma] & ~hiddenFlags;
    entries.push(smapsEntry(mapsEntry(sys, mm, vma), stats, vmFlags, isThpEligible));
  }
  const gate = gateEntry(sys, task);
  if (gate !== null) entries.push(smapsEntry(gate, emptyMemSizeStats(), GATE_VM_FLAGS, false));
  return entries;
}

/** Adds up the pages of all mappings of a task; the vsyscall page is not among them. */
export function smapsRollup(sys: System, task: Task): SmapsRollup {
  const { mm } = task;
  const { space } = mm;
  const stats = emptyMemSizeStats();
  let endVpn = 0;
  for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma)) {
    gatherStats(sys, mm, vma, stats);
    endVpn = space.pool.endVpn[vma];
  }
  const startVpn = space.firstVma === NO_VMA ? 0 : space.pool.startVpn[space.firstVma];
  return { startVpn, endVpn, stats };
}

function smapsEntry(
  line: MapsEntry,
  stats: MemSizeStats,
  vmFlags: number,
  isThpEligible: boolean,
): SmapsEntry {
  return {
    ...line,
    stats,
    kernelPageBytes: PAGE_SIZE,
    mmuPageBytes: PAGE_SIZE,
    isThpEligible,
    vmFlags,
  };
}

/**
 * May the mapping have huge pages, as settings are by default (madvise; none of shared memory): anonymous, with
 * MADV_HUGEPAGE, and with a whole 2 MiB (thp_vma_allowable_orders). It gets none here.
 */
function isThpAllowable(mm: Mm, vma: VmaId): boolean {
  const { pool, isThpEnabled } = mm.space;
  if (!isThpEnabled || pool.fileId[vma] !== NO_FILE || (pool.vmFlags[vma] & VM_HUGEPAGE) === 0) return false;
  const lastVpn = pool.endVpn[vma] - PAGES_PER_PMD;
  return lastVpn - (lastVpn % PAGES_PER_PMD) >= pool.startVpn[vma];
}

/** Adds the pages of one mapping (smap_gather_stats). */
function gatherStats(sys: System, mm: Mm, vma: VmaId, stats: MemSizeStats): void {
  const { pool } = mm.space;
  const isLocked = (pool.vmFlags[vma] & VM_LOCKED) !== 0;
  stats.swap += PAGE_SIZE * nrSwappedOfFile(sys, mm, vma);
  const cursor = mm.pageTable.cursor(pool.startVpn[vma], pool.endVpn[vma]);
  while (cursor.next()) {
    const { lo, hi } = cursor;
    if (pteIsPresent(lo)) {
      // The zero page, and memory without pages: nobody's (vm_normal_page).
      if ((lo & PTE_SPECIAL) !== 0) continue;
      const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
      account(sys, stats, pfn, (lo & PTE_A) !== 0, (lo & PTE_D) !== 0, isLocked, true);
    } else if (!pteIsNonSwap(hi)) {
      const nrNames = sys.swap.swapCount(pteToSwapEntry(lo, hi));
      stats.swap += PAGE_SIZE;
      stats.swapPss += nrNames >= 2 ? Math.floor(PSS_OF_PAGE / nrNames) : PSS_OF_PAGE;
    } else if (pteMarkers(lo, hi) === 0) {
      // A page that is being moved is somebody's still.
      account(sys, stats, pteSwpPfn(lo, hi), false, false, isLocked, false);
    }
  }
}

/**
 * Pages of a shmem file that a mapping does not have because they are in swap; 0 for other memory. A private writable
 * mapping may have copies in their place: there each page is looked at (shmem_swap_usage, smaps_pte_hole).
 */
function nrSwappedOfFile(sys: System, mm: Mm, vma: VmaId): number {
  const { pool } = mm.space;
  const fileId = pool.fileId[vma];
  if (fileId === NO_FILE) return 0;
  const inode = sys.files.inodeOf(fileId);
  if (!inode.isShmem) return 0;
  const startPgoff = pool.pgoff[vma];
  const endPgoff = startPgoff + pool.endVpn[vma] - pool.startVpn[vma];
  const isPrivateWritable = (pool.vmFlags[vma] & (VM_SHARED | VM_WRITE)) === VM_WRITE;
  if (!isPrivateWritable) return nrSwappedPages(inode, startPgoff, endPgoff);
  let nrPages = 0;
  for (const pgoff of inode.swapped.keys()) {
    if (pgoff < startPgoff || pgoff >= endPgoff) continue;
    const entry = mm.pageTable.findEntry(pool.startVpn[vma] + pgoff - startPgoff);
    if (entry === NO_ENTRY || pteIsNone(mm.pageTable.entryLo(entry), mm.pageTable.entryHi(entry))) nrPages++;
  }
  return nrPages;
}

/** Adds one page (smaps_account). */
function account(
  sys: System,
  stats: MemSizeStats,
  pfn: Pfn,
  isYoung: boolean,
  isPteDirty: boolean,
  isLocked: boolean,
  isPresent: boolean,
): void {
  const flags = sys.memmap.flags[sys.memmap.compoundHead(pfn)];
  const isAnon = (flags & PG_ANON) !== 0;
  const isDirty = isPteDirty || (flags & PG_DIRTY) !== 0;
  if (isAnon) {
    stats.anonymous += PAGE_SIZE;
    if ((flags & PG_SWAPBACKED) === 0 && !isDirty) stats.lazyfree += PAGE_SIZE;
  }
  stats.resident += PAGE_SIZE;
  if (isYoung || (flags & PG_REFERENCED) !== 0) stats.referenced += PAGE_SIZE;

  const mapcount = sys.memmap.mapcount[pfn];
  const pss = isPresent && mapcount >= 2 ? Math.floor(PSS_OF_PAGE / mapcount) : PSS_OF_PAGE;
  // Entries that are not present count as shared: nobody knows by how many.
  const isPrivate = isPresent && mapcount < 2;
  stats.pss += pss;
  if (isAnon) stats.pssAnon += pss;
  else if ((flags & PG_SWAPBACKED) !== 0) stats.pssShmem += pss;
  else stats.pssFile += pss;
  if (isLocked) stats.pssLocked += pss;
  if (isDirty) {
    stats.pssDirty += pss;
    if (isPrivate) stats.privateDirty += PAGE_SIZE;
    else stats.sharedDirty += PAGE_SIZE;
  } else if (isPrivate) {
    stats.privateClean += PAGE_SIZE;
  } else {
    stats.sharedClean += PAGE_SIZE;
  }
}
