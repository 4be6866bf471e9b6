/** Checks that the page cache of disks agrees with itself: marks, flags, counters, buffers. Cold. */
import {
  bug,
  NR_DIRTY,
  NR_WRITEBACK,
  NR_ZONE_WRITE_PENDING,
  PG_DIRTY,
  PG_UPTODATE,
  PG_WRITEBACK,
} from "@pageframe/contracts";
import { I_DIRTY_PAGES, PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_WRITEBACK } from "@pageframe/pagecache";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";

/** Stops at the first disagreement. O(pages of disks). */
export function auditDiskFiles(sys: System): void {
  const counts = { nrDirty: 0, nrWriteback: 0, nrUnwanted: 0 };
  for (const inode of sys.files.inodes) {
    if (inode?.kind === "disk") countUnwanted(sys, inode, counts);
    if (inode?.isOnDisk !== true) continue;
    auditMarks(sys, inode, counts);
    const state = inode.disk?.bdi.queues.getState(inode.id) ?? 0;
    if (inode.pages.isMarked(PAGECACHE_TAG_DIRTY) && (state & I_DIRTY_PAGES) === 0)
      bug(`inode ${inode.id} is dirty and no flusher knows`);
  }
  expectCount("nr_dirty", sys.vmstat.globalNode(NR_DIRTY), counts.nrDirty);
  expectCount("nr_writeback", sys.vmstat.globalNode(NR_WRITEBACK), counts.nrWriteback);
  const nrPending = counts.nrDirty + counts.nrWriteback;
  expectCount("nr_zone_write_pending", sys.vmstat.globalZone(NR_ZONE_WRITE_PENDING), nrPending);
  expectCount("pages read ahead and not wanted yet", sys.readahead.nrUnwanted, counts.nrUnwanted);
  for (const superBlock of sys.mounts) {
    if (superBlock === null) continue;
    for (const [fsIno, id] of superBlock.inodes) {
      const inode = sys.files.inodes[id] ?? null;
      if (inode?.fsIno !== fsIno || inode.superBlock !== superBlock)
        bug(`inode ${fsIno} of ${superBlock.path}/ is lost`);
    }
  }
  for (const disk of sys.disks) {
    disk.device.checkInvariants();
    for (const [block, buffer] of disk.buffers) {
      if (disk.inode.pages.load(block) !== buffer.pfn)
        bug(`block ${block} of ${disk.name} has a buffer without a page`);
    }
    if (disk.buffers.size !== disk.inode.pages.nrPages) bug(`${disk.name} has pages without buffers`);
  }
}

function countUnwanted(sys: System, inode: Inode, counts: { nrUnwanted: number }): void {
  const { pages } = inode;
  for (let at = pages.nextPage(0, Infinity); at >= 0; at = pages.nextPage(at + 1, Infinity)) {
    if (sys.readahead.isUnwanted(pages.load(at))) counts.nrUnwanted++;
  }
}

function auditMarks(sys: System, inode: Inode, counts: { nrDirty: number; nrWriteback: number }): void {
  const { pages } = inode;
  for (let at = pages.nextPage(0, Infinity); at >= 0; at = pages.nextPage(at + 1, Infinity)) {
    const flags = sys.memmap.flags[sys.memmap.compoundHead(pages.load(at))];
    const isDirty = (flags & PG_DIRTY) !== 0;
    const isWriteback = (flags & PG_WRITEBACK) !== 0;
    if (isDirty) counts.nrDirty++;
    if (isWriteback) counts.nrWriteback++;
    if (isDirty && (flags & PG_UPTODATE) === 0)
      bug(`page ${at} of inode ${inode.id} is dirty and holds nothing`);
    if (
      pages.getMark(at, PAGECACHE_TAG_DIRTY) !== isDirty ||
      pages.getMark(at, PAGECACHE_TAG_WRITEBACK) !== isWriteback
    ) {
      bug(`marks of page ${at} of inode ${inode.id} are not its flags`);
    }
  }
}

function expectCount(name: string, counted: number, found: number): void {
  if (counted !== found) bug(`${name} says ${counted} and ${found} pages are`);
}
