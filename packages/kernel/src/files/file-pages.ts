/**
 * Pages of files in memory: found or read in, written back, dropped. Hot: per file fault.
 *
 * Generated files have the simplest of page caches. The first time a page is asked for it counts as cached already (a warm
 * cache, a minor fault); after it was evicted it must be read again, a major fault. Dirty pages are kept in `written` when
 * they leave memory.
 * Differs: Linux's page cache holds what was read; there is no readahead and no fault-around for generated files.
 */
import {
  EIO,
  ENOMEM,
  NO_PFN,
  NR_DIRTIED,
  NR_WRITTEN,
  PG_DIRTY,
  PG_UPTODATE,
  type Pfn,
  PGPGIN,
  PGPGOUT,
  type VmaId,
  type Vpn,
  WORKINGSET_REFAULT_FILE,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { type Inode, type OpenFile } from "./inode.ts";
import { filemapFault } from "../filemap/fault.ts";
import { SGP_CACHE, shmemGetPage } from "./shmem.ts";
import { allocUserPage, countFilePage, putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { CAUSE_FILE_READ, CAUSE_FILE_WRITE } from "../time.ts";

/** KiB that /proc/vmstat's pgpgin and pgpgout count for one page. */
const PGPG_PER_PAGE = 4;

/**
 * Finds, reads or makes the page of a file that a fault at `vpn` wants, and takes a reference for the caller. Returns the
 * frame or an errno below NO_PFN: -ENOMEM; -EINVAL beyond the end of the file, -EIO, -ENOSPC (SIGBUS). A page that had to be
 * read counts in `sys.files.nrReads`. `vma`: the mapping, which disks read ahead for; NO_VMA where there is none.
 */
export function getFilePage(
  sys: System,
  task: Task,
  vpn: Vpn,
  file: OpenFile,
  pgoff: number,
  vma: VmaId,
): number {
  const { inode } = file;
  switch (inode.kind) {
    case "disk":
    case "bdev":
      return filemapFault(sys, file, pgoff, vma);
    case "shmem":
      return shmemGetPage(sys, task, inode, pgoff, SGP_CACHE);
    case "generated":
      return readGeneratedPage(sys, task, vpn, inode, pgoff);
    case "special": {
      const pfn = inode.pages.load(pgoff);
      if (pfn === NO_PFN) return -EIO;
      sys.memmap.getPage(pfn);
      return pfn;
    }
  }
}

function readGeneratedPage(sys: System, task: Task, vpn: Vpn, inode: Inode, pgoff: number): number {
  const { memmap, files } = sys;
  const found = inode.pages.load(pgoff);
  if (found !== NO_PFN) {
    memmap.getPage(found);
    sys.lru.markAccessed(found, sys.currentCpu);
    return found;
  }
  const pfn = allocUserPage(sys, task.cpu, task.pid, vpn);
  if (pfn === NO_PFN) return -ENOMEM;
  if (task.killedBy !== null) {
    putUserPage(sys, pfn, task.cpu);
    return -ENOMEM;
  }
  if (sys.contents.hasData) {
    files.readBytes(inode, pgoff, sys.bounce);
    sys.contents.writePage(pfn, sys.bounce);
  }
  memmap.flags[pfn] |= PG_UPTODATE;
  memmap.mapping[pfn] = inode.id;
  memmap.index[pfn] = pgoff;
  inode.pages.store(pgoff, pfn);
  // One reference came with the page and is the cache's; this one is the caller's.
  memmap.getPage(pfn);
  countFilePage(sys, pfn, false, 1);
  sys.lru.addPage(pfn, task.cpu);
  if (inode.evicted.delete(pgoff)) {
    files.nrReads++;
    sys.vmstat.countEvents(PGPGIN, PGPG_PER_PAGE);
    sys.vmstat.modNode(sys.nodeOf(pfn), WORKINGSET_REFAULT_FILE, 1);
    sys.time.spend(CAUSE_FILE_READ, 1);
  }
  return pfn;
}

/** Writes a dirty page of a generated file back. Does nothing to a clean one. */
export function writeBackFilePage(sys: System, pfn: Pfn): void {
  const { memmap } = sys;
  if (!memmap.hasFlags(pfn, PG_DIRTY)) return;
  memmap.clearFlags(pfn, PG_DIRTY);
  if (sys.contents.hasData) {
    const bytes = new Uint8Array(sys.bounce.length);
    sys.contents.readPage(pfn, bytes);
    sys.files.inode(memmap.mapping[pfn]).written.set(memmap.index[pfn], bytes);
  }
  const node = sys.nodeOf(pfn);
  sys.vmstat.modNode(node, NR_DIRTIED, 1);
  sys.vmstat.modNode(node, NR_WRITTEN, 1);
  sys.vmstat.countEvents(PGPGOUT, PGPG_PER_PAGE);
  sys.time.spend(CAUSE_FILE_WRITE, 1);
}

/** Takes a page of a generated file out of the page cache and drops the cache's reference; it must be clean and unmapped. */
export function dropFilePage(sys: System, pfn: Pfn): void {
  const { memmap } = sys;
  const inode = sys.files.inode(memmap.mapping[pfn]);
  inode.pages.erase(memmap.index[pfn]);
  inode.evicted.add(memmap.index[pfn]);
  countFilePage(sys, pfn, false, -1);
  memmap.mapping[pfn] = NO_MAPPING;
  putUserPage(sys, pfn, 0);
}
