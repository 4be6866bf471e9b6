/**
 * Pages that are not what their disk has. Hot: per first write to a page.
 *
 * Every place that finds a page written calls markPageDirty(): for pages of disks it counts them and puts the inode on its
 * way to writeback; for others the flag is all there is.
 * Source: Linux 6.18 mm/page-writeback.c, folio_mark_dirty(), filemap_dirty_folio(), folio_account_dirtied(),
 * folio_account_cleaned(); mm/filemap.c, filemap_unaccount_folio().
 */
import {
  NR_DIRTIED,
  NR_DIRTY,
  NR_ZONE_WRITE_PENDING,
  PG_ANON,
  PG_DIRTY,
  PG_RECLAIM,
  type Pfn,
  TP_WRITEBACK_DIRTY_FOLIO,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { PAGECACHE_TAG_DIRTY } from "@pageframe/pagecache";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";
import { noteDirtyInode } from "./dirty-inodes.ts";

/** A page was written: it, and the folio that it is of, must be written back before its frame is another's. */
export function markPageDirty(sys: System, page: Pfn): void {
  const { memmap } = sys;
  const pfn = memmap.compoundHead(page);
  // Who writes to a page takes back that it may go first, or that it was the marker of readahead.
  const isInFile = memmap.mapping[pfn] !== NO_MAPPING;
  const flags = isInFile ? memmap.flags[pfn] & ~PG_RECLAIM : memmap.flags[pfn];
  memmap.flags[pfn] = flags | PG_DIRTY;
  if ((flags & (PG_DIRTY | PG_ANON)) !== 0 || !isInFile) return;
  const inode = sys.files.inode(memmap.mapping[pfn]);
  if (!inode.isOnDisk) return;
  inode.pages.setMark(memmap.index[pfn], PAGECACHE_TAG_DIRTY);
  const node = sys.nodeOf(pfn);
  const nr = memmap.nrFolioPages(pfn);
  sys.vmstat.modNode(node, NR_DIRTY, nr);
  sys.vmstat.modNode(node, NR_DIRTIED, nr);
  sys.vmstat.modZone(memmap.zoneId[pfn], NR_ZONE_WRITE_PENDING, nr);
  sys.trace?.emit(TP_WRITEBACK_DIRTY_FOLIO, inode.id, memmap.index[pfn], 0, 0);
  accountDirtiedPages(sys, inode, nr);
  noteDirtyInode(sys, inode);
}

/** Counts pages on their device, and for the task and the CPU that dirtied them. */
function accountDirtiedPages(sys: System, inode: Inode, nr: number): void {
  if (inode.disk === null) return;
  const { wb } = inode.disk.bdi;
  wb.nrReclaimable += nr;
  wb.nrDirtied += nr;
  const cpu = sys.currentCpu;
  sys.writeback.cpus[cpu].nrDirtied += nr;
  const task = sys.cpus[cpu].current;
  if (task !== null) task.wb.nrDirtied += nr;
}

/** A folio of a disk, given by its head, is clean again without being written: it goes, or its write begins (folio_cancel_dirty). */
export function clearPageDirty(sys: System, pfn: Pfn): void {
  const { memmap } = sys;
  if (!memmap.hasFlags(pfn, PG_DIRTY)) return;
  memmap.clearFlags(pfn, PG_DIRTY);
  const inode = sys.files.inode(memmap.mapping[pfn]);
  if (!inode.isOnDisk) return;
  inode.pages.clearMark(memmap.index[pfn], PAGECACHE_TAG_DIRTY);
  const nr = memmap.nrFolioPages(pfn);
  if (inode.disk !== null) inode.disk.bdi.wb.nrReclaimable -= nr;
  sys.vmstat.modNode(sys.nodeOf(pfn), NR_DIRTY, -nr);
  sys.vmstat.modZone(memmap.zoneId[pfn], NR_ZONE_WRITE_PENDING, -nr);
}
