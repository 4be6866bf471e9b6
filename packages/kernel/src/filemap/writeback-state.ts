/**
 * Pages on their way to the disk. Hot: per page written back.
 * Source: Linux 6.18 mm/page-writeback.c, __folio_start_writeback(), __folio_end_writeback(); mm/filemap.c,
 * folio_end_writeback(), mapping_set_error().
 */
import {
  NR_WRITEBACK,
  NR_THROTTLED_WRITTEN,
  NR_WRITTEN,
  NR_ZONE_WRITE_PENDING,
  PG_RECLAIM,
  PG_WRITEBACK,
  type Pfn,
  TP_FILEMAP_SET_WB_ERR,
} from "@pageframe/contracts";
import {
  accountWritten,
  bandwidthInterval,
  errseqSet,
  nsOfJiffies,
  PAGECACHE_TAG_TOWRITE,
  PAGECACHE_TAG_WRITEBACK,
} from "@pageframe/pagecache";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";
import { type BackingDevice } from "../writeback/dirty-state.ts";

/** A clean folio, given by its head, is about to be written (folio_start_writeback). */
export function beginPageWriteback(sys: System, inode: Inode, pfn: Pfn): void {
  const { memmap } = sys;
  const pgoff = memmap.index[pfn];
  memmap.setFlags(pfn, PG_WRITEBACK);
  const nr = memmap.nrFolioPages(pfn);
  if (inode.disk !== null) {
    const { wb } = inode.disk.bdi;
    wb.nrWriteback += nr;
    if (!inode.pages.isMarked(PAGECACHE_TAG_WRITEBACK)) wb.nrWritebackInodes++;
  }
  inode.pages.setMark(pgoff, PAGECACHE_TAG_WRITEBACK);
  inode.pages.clearMark(pgoff, PAGECACHE_TAG_TOWRITE);
  sys.vmstat.modNode(sys.nodeOf(pfn), NR_WRITEBACK, nr);
  sys.vmstat.modZone(memmap.zoneId[pfn], NR_ZONE_WRITE_PENDING, nr);
}

/** A folio was written, or could not be: `status` is 0 or -errno (folio_end_writeback). */
export function endPageWriteback(sys: System, inode: Inode, pfn: Pfn, status: number): void {
  const { memmap } = sys;
  if (memmap.hasFlags(pfn, PG_RECLAIM)) {
    memmap.clearFlags(pfn, PG_RECLAIM);
    sys.lru.rotatePage(pfn, sys.currentCpu);
  }
  memmap.clearFlags(pfn, PG_WRITEBACK);
  inode.pages.clearMark(memmap.index[pfn], PAGECACHE_TAG_WRITEBACK);
  const node = sys.nodeOf(pfn);
  const nr = memmap.nrFolioPages(pfn);
  sys.vmstat.modNode(node, NR_WRITEBACK, -nr);
  sys.vmstat.modNode(node, NR_WRITTEN, nr);
  if (sys.writeback.nrThrottled[node] > 0) sys.vmstat.modNode(node, NR_THROTTLED_WRITTEN, nr);
  sys.vmstat.modZone(memmap.zoneId[pfn], NR_ZONE_WRITE_PENDING, -nr);
  if (inode.disk !== null) endDeviceWriteback(sys, inode, inode.disk.bdi, nr);
  if (status < 0) setMappingError(sys, inode, status);
}

/** Counts pages that were written on their device (__wb_writeout_add, wb_inode_writeback_end). */
function endDeviceWriteback(sys: System, inode: Inode, bdi: BackingDevice, nr: number): void {
  const { domain } = sys.writeback;
  const { wb } = bdi;
  const { nowNs } = sys.time;
  wb.nrWriteback -= nr;
  accountWritten(domain, wb, nr, nowNs);
  if (inode.pages.isMarked(PAGECACHE_TAG_WRITEBACK)) return;
  wb.nrWritebackInodes--;
  if (bdi.bandwidthDueNs === Infinity)
    bdi.bandwidthDueNs = nowNs + nsOfJiffies(bandwidthInterval(domain.hz), domain.hz);
}

/** Remembers that a write failed, for everybody who asks with fsync() (mapping_set_error). */
export function setMappingError(sys: System, inode: Inode, error: number): void {
  inode.nrWriteErrors++;
  inode.wbErr = errseqSet(inode.wbErr, error);
  if (inode.superBlock !== null) inode.superBlock.wbErr = errseqSet(inode.superBlock.wbErr, error);
  sys.trace?.emit(TP_FILEMAP_SET_WB_ERR, inode.id, -error, 0, 0);
}
