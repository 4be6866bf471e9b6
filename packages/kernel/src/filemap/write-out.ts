/**
 * Writing dirty pages of an inode to its disk. Hot: per page written back.
 *
 * Pages are taken in the order of the file, write-protected where they are mapped, and go out as bios of neighbouring blocks.
 * With WB_SYNC_ALL those dirty at the start are tagged first, so that a writer cannot keep it from ending, and pages under
 * writeback are waited for; with WB_SYNC_NONE they are left out.
 * Source: Linux 6.18 mm/page-writeback.c, writeback_iter(), tag_pages_for_writeback(); mm/filemap.c,
 * filemap_write_and_wait_range(), __filemap_fdatawait_range(); fs/mpage.c, mpage_writepages().
 */
import {
  type BlockMapping,
  EIO,
  NO_BLOCK,
  PAGE_SIZE,
  PG_DIRTY,
  PG_LOCKED,
  PG_WRITEBACK,
  type Pfn,
  REQ_BACKGROUND,
  REQ_META,
  REQ_OP_WRITE,
  REQ_SYNC,
} from "@pageframe/contracts";
import { PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_TOWRITE, PAGECACHE_TAG_WRITEBACK } from "@pageframe/pagecache";
import { writeBuffer } from "../disk/buffers.ts";
import { submitPages, unplugDisk, waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { settleDirtyInode } from "./dirty-inodes.ts";
import { clearPageDirtyForIo } from "./mkclean.ts";
import { beginPageWriteback, setMappingError } from "./writeback-state.ts";
import { type System } from "../system.ts";

/** Most pages of one bio (BIO_MAX_VECS). */
const BIO_MAX_PAGES = 256;

/** Pages that go out together: neighbours in the file and on the disk. */
interface Run {
  pfns: Pfn[];
  startPgoff: number;
  startBlock: number;
}

/**
 * Submits dirty pages of [startPgoff, endPgoff), at most `maxPages`. `isSync`: WB_SYNC_ALL. Returns the pages submitted; what
 * cannot be written is noted as the inode's error.
 */
export function writePages(
  sys: System,
  inode: Inode,
  startPgoff: number,
  endPgoff: number,
  isSync: boolean,
  maxPages = Infinity,
): number {
  const { pages, disk } = inode;
  if (disk === null || !pages.isMarked(PAGECACHE_TAG_DIRTY)) return 0;
  const mark = isSync ? PAGECACHE_TAG_TOWRITE : PAGECACHE_TAG_DIRTY;
  if (isSync) pages.tagForWriteback(startPgoff, endPgoff - 1);
  const run: Run = { pfns: [], startPgoff: 0, startBlock: 0 };
  let nrSubmitted = 0;
  let at = pages.nextMarked(startPgoff, endPgoff - 1, mark);
  for (; at >= 0 && nrSubmitted < maxPages; at = pages.nextMarked(at + 1, endPgoff - 1, mark)) {
    const pfn = pages.load(at);
    if (sys.memmap.hasFlags(pfn, PG_WRITEBACK)) {
      if (!isSync) continue;
      submitRun(sys, inode, run, isSync);
      unplugDisk(sys, disk);
      waitOnPage(sys, pfn, PG_WRITEBACK);
    }
    waitOnPage(sys, pfn, PG_LOCKED);
    if (isSync) pages.clearMark(at, PAGECACHE_TAG_TOWRITE);
    if (!sys.memmap.hasFlags(pfn, PG_DIRTY)) continue;
    if (writeOne(sys, inode, at, pfn, run, isSync)) nrSubmitted++;
  }
  submitRun(sys, inode, run, isSync);
  unplugDisk(sys, disk);
  settleDirtyInode(sys, inode);
  return nrSubmitted;
}

/** Waits for all writes of pages [startPgoff, endPgoff) that are in flight. */
export function waitForWrites(sys: System, inode: Inode, startPgoff: number, endPgoff: number): void {
  const { pages } = inode;
  const mark = PAGECACHE_TAG_WRITEBACK;
  for (
    let at = pages.nextMarked(startPgoff, endPgoff - 1, mark);
    at >= 0;
    at = pages.nextMarked(at + 1, endPgoff - 1, mark)
  ) {
    waitOnPage(sys, pages.load(at), PG_WRITEBACK);
  }
}

/** Writes pages [startPgoff, endPgoff) and waits. Returns 0, or -EIO when a write of the inode failed meanwhile. */
export function writeAndWait(sys: System, inode: Inode, startPgoff = 0, endPgoff = Infinity): number {
  const before = inode.nrWriteErrors;
  writePages(sys, inode, startPgoff, endPgoff, true);
  waitForWrites(sys, inode, startPgoff, endPgoff);
  return inode.nrWriteErrors === before ? 0 : -EIO;
}

/** Takes one dirty page into the run. False when it has no place to go to. */
function writeOne(sys: System, inode: Inode, pgoff: number, pfn: Pfn, run: Run, isSync: boolean): boolean {
  const { disk, ownDisk, superBlock } = inode;
  if (disk === null) return false;
  if (ownDisk !== null) {
    const buffer = ownDisk.buffers.get(pgoff);
    if (buffer === undefined) return false;
    writeBuffer(sys, ownDisk, buffer, REQ_META | (isSync ? REQ_SYNC : REQ_BACKGROUND));
    return true;
  }
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const error = superBlock === null ? -EIO : superBlock.fs.mapBlocks(inode.fsIno, pgoff, 1, false, mapping);
  if (error < 0 || mapping.block === NO_BLOCK) {
    // Beyond the end there is nothing to write: the page is on its way out.
    clearPageDirtyForIo(sys, pfn);
    if (error < 0 || pgoff * PAGE_SIZE < inode.sizeBytes)
      setMappingError(sys, inode, error < 0 ? error : -EIO);
    return false;
  }
  const isNext =
    run.pfns.length > 0 &&
    run.pfns.length < BIO_MAX_PAGES &&
    run.startPgoff + run.pfns.length === pgoff &&
    run.startBlock + run.pfns.length === mapping.block;
  if (!isNext) {
    submitRun(sys, inode, run, isSync);
    run.startPgoff = pgoff;
    run.startBlock = mapping.block;
  }
  clearPageDirtyForIo(sys, pfn);
  // What a mapping wrote beyond the end of the file does not reach the disk.
  const nrInFile = inode.sizeBytes - pgoff * PAGE_SIZE;
  if (nrInFile < PAGE_SIZE) sys.contents.fillBytes(pfn, Math.max(0, nrInFile), PAGE_SIZE, 0);
  beginPageWriteback(sys, inode, pfn);
  run.pfns.push(pfn);
  return true;
}

function submitRun(sys: System, inode: Inode, run: Run, isSync: boolean): void {
  if (run.pfns.length === 0 || inode.disk === null) return;
  const flags = isSync ? REQ_SYNC : REQ_BACKGROUND;
  submitPages(sys, inode.disk, REQ_OP_WRITE, flags, run.startBlock, run.pfns, inode, run.startPgoff);
  run.pfns = [];
}
