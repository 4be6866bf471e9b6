/**
 * Pages of files in memory: found, read in, written back. Hot: per file fault.
 */
import {
  NO_PFN,
  NR_DIRTIED,
  NR_WRITTEN,
  PG_DIRTY,
  PG_RESERVED,
  PG_SWAPBACKED,
  PG_UPTODATE,
  type Pfn,
  PGPGIN,
  PGPGOUT,
  type Vpn,
  WORKINGSET_REFAULT_FILE,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { type MappedFile } from "./files.ts";
import { allocUserPage, countFilePage, putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_FILE_READ, CAUSE_FILE_WRITE } from "../time.ts";

/** KiB that /proc/vmstat's pgpgin and pgpgout count for one page. */
const PGPG_PER_PAGE = 4;

/**
 * Finds or reads the page of a file, and takes a reference for the caller. Returns NO_PFN when there is no memory.
 * A page that had been evicted counts as a read in `sys.files.nrReads`.
 */
export function readFilePage(sys: System, task: Task, vpn: Vpn, fileId: number, pgoff: number): Pfn {
  const { memmap, files } = sys;
  const found = files.findPage(fileId, pgoff);
  if (found !== NO_PFN) {
    memmap.getPage(found);
    // Pages of the kernel image are on no list.
    if (!memmap.hasFlags(found, PG_RESERVED)) sys.reclaimPolicy.markAccessed(found);
    return found;
  }
  const pfn = allocUserPage(sys, task.cpu, task.pid, vpn);
  if (pfn === NO_PFN) return NO_PFN;
  if (task.killedBy !== null) {
    putUserPage(sys, pfn, task.cpu);
    return NO_PFN;
  }
  const file = files.all[fileId];
  if (sys.contents.hasData) {
    files.readBytes(fileId, pgoff, sys.bounce);
    sys.contents.writePage(pfn, sys.bounce);
  }
  memmap.flags[pfn] |= PG_UPTODATE | (file.isShmem ? PG_SWAPBACKED : 0);
  memmap.mapping[pfn] = fileId;
  memmap.index[pfn] = pgoff;
  file.cached.set(pgoff, pfn);
  // One reference came with the page and is the cache's; this one is the caller's.
  memmap.getPage(pfn);
  countFilePage(sys, pfn, file.isShmem, 1);
  sys.lru.addPage(pfn, task.cpu);
  if (file.evicted.delete(pgoff)) {
    files.nrReads++;
    sys.vmstat.countEvents(PGPGIN, PGPG_PER_PAGE);
    sys.vmstat.modNode(sys.nodeOf(pfn), WORKINGSET_REFAULT_FILE, 1);
    sys.time.spend(CAUSE_FILE_READ, 1);
  }
  return pfn;
}

/** Writes a dirty page back to its file. Does nothing to a clean one. */
export function writeBackFilePage(sys: System, pfn: Pfn): void {
  const { memmap } = sys;
  if (!memmap.hasFlags(pfn, PG_DIRTY)) return;
  memmap.clearFlags(pfn, PG_DIRTY);
  if (sys.contents.hasData) {
    const bytes = new Uint8Array(sys.bounce.length);
    sys.contents.readPage(pfn, bytes);
    sys.files.all[memmap.mapping[pfn]].written.set(memmap.index[pfn], bytes);
  }
  const node = sys.nodeOf(pfn);
  sys.vmstat.modNode(node, NR_DIRTIED, 1);
  sys.vmstat.modNode(node, NR_WRITTEN, 1);
  sys.vmstat.countEvents(PGPGOUT, PGPG_PER_PAGE);
  sys.time.spend(CAUSE_FILE_WRITE, 1);
}

/** Takes a page out of the page cache and drops the cache's reference; the page must be clean and unmapped. */
export function dropFilePage(sys: System, pfn: Pfn): void {
  const { memmap } = sys;
  const file = sys.files.all[memmap.mapping[pfn]];
  file.cached.delete(memmap.index[pfn]);
  file.evicted.add(memmap.index[pfn]);
  countFilePage(sys, pfn, file.isShmem, -1);
  memmap.mapping[pfn] = NO_MAPPING;
  putUserPage(sys, pfn, 0);
}

/** Frees the pages of a shared anonymous object that nothing maps any more (shmem_evict_inode). */
export function freeShmem(sys: System, file: MappedFile): void {
  for (const pfn of file.cached.values()) {
    countFilePage(sys, pfn, true, -1);
    sys.memmap.mapping[pfn] = NO_MAPPING;
    putUserPage(sys, pfn, 0);
  }
  file.cached.clear();
  file.evicted.clear();
  file.written.clear();
}
