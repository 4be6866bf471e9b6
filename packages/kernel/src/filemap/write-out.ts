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
  ENOMEM,
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
import {
  isBandwidthDue,
  PAGECACHE_TAG_DIRTY,
  PAGECACHE_TAG_TOWRITE,
  PAGECACHE_TAG_WRITEBACK,
  startBandwidthEstimate,
  updateBandwidth,
} from "@pageframe/pagecache";
import { writeBuffer } from "../disk/buffers.ts";
import { beginFolioIo } from "../disk/folio-io.ts";
import { submitPages, unplugDisk, waitOnPage } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
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
  const { domain } = sys.writeback;
  const { wb } = disk.bdi;
  startBandwidthEstimate(domain, wb, sys.time.nowNs);
  const mark = isSync ? PAGECACHE_TAG_TOWRITE : PAGECACHE_TAG_DIRTY;
  if (isSync) pages.tagForWriteback(startPgoff, endPgoff - 1);
  const run: Run = { pfns: [], startPgoff: 0, startBlock: 0 };
  let nrSubmitted = 0;
  const { memmap } = sys;
  let at = pages.nextMarked(startPgoff, endPgoff - 1, mark);
  while (at >= 0 && nrSubmitted < maxPages) {
    const folio = memmap.compoundHead(pages.load(at));
    at = memmap.index[folio] + memmap.nrFolioPages(folio);
    if (!memmap.hasFlags(folio, PG_WRITEBACK) || isSync) {
      if (memmap.hasFlags(folio, PG_WRITEBACK)) {
        submitRun(sys, inode, run, isSync);
        unplugDisk(sys, disk);
        waitOnPage(sys, folio, PG_WRITEBACK);
      }
      waitOnPage(sys, folio, PG_LOCKED);
      if (isSync) pages.clearMark(memmap.index[folio], PAGECACHE_TAG_TOWRITE);
      if (memmap.hasFlags(folio, PG_DIRTY)) nrSubmitted += writeFolio(sys, inode, folio, run, isSync);
    }
    at = pages.nextMarked(at, endPgoff - 1, mark);
  }
  submitRun(sys, inode, run, isSync);
  unplugDisk(sys, disk);
  if (isBandwidthDue(domain, wb, sys.time.nowNs)) updateBandwidth(domain, wb, sys.time.nowNs);
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

/** Takes a dirty folio into the run. Returns the pages of it that go out: those that have a place to go to. */
function writeFolio(sys: System, inode: Inode, folio: Pfn, run: Run, isSync: boolean): number {
  const { ownDisk } = inode;
  const { memmap } = sys;
  const startPgoff = memmap.index[folio];
  if (ownDisk !== null) {
    const buffer = ownDisk.buffers.get(startPgoff);
    if (buffer === undefined) return 0;
    writeBuffer(sys, ownDisk, buffer, REQ_META | (isSync ? REQ_SYNC : REQ_BACKGROUND));
    return 1;
  }
  const nrFolioPages = memmap.nrFolioPages(folio);
  // Pages beyond the end of the file are on their way out; those of holes in a large folio were not written.
  const nrInFile = Math.min(nrFolioPages, Math.ceil(inode.sizeBytes / PAGE_SIZE) - startPgoff);
  const blocks: number[] = [];
  let nrToWrite = 0;
  for (let at = 0; at < nrInFile; at++) {
    const block = blockOf(inode, startPgoff + at);
    if (block === -ENOMEM) {
      // It stays dirty, for the next turn; who waits for it hears that it was not written.
      if (isSync) setMappingError(sys, inode, block);
      return 0;
    }
    if (block < 0 && (nrFolioPages === 1 || block !== NO_BLOCK)) {
      setMappingError(sys, inode, block === NO_BLOCK ? -EIO : block);
    }
    blocks.push(block);
    if (block >= 0) nrToWrite++;
  }
  clearPageDirtyForIo(sys, folio);
  if (nrToWrite === 0) return 0;
  // What a mapping wrote beyond the end of the file does not reach the disk.
  const nrBytesInLast = inode.sizeBytes - (startPgoff + nrInFile - 1) * PAGE_SIZE;
  if (nrBytesInLast < PAGE_SIZE) sys.contents.fillBytes(folio + nrInFile - 1, nrBytesInLast, PAGE_SIZE, 0);
  beginPageWriteback(sys, inode, folio);
  beginFolioIo(sys, folio, nrToWrite);
  for (let at = 0; at < nrInFile; at++) {
    if (blocks[at] < 0) continue;
    inode.delayed.delete(startPgoff + at);
    addToRun(sys, inode, startPgoff + at, folio + at, blocks[at], run, isSync);
  }
  return nrToWrite;
}

/** Block of a page of a file, NO_BLOCK for a hole, or an errno below that. */
function blockOf(inode: Inode, pgoff: number): number {
  const { superBlock } = inode;
  if (superBlock === null) return -EIO;
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const error = superBlock.fs.mapBlocks(inode.fsIno, pgoff, 1, false, mapping);
  return error < 0 ? error : mapping.block;
}

/** Adds a page to the run, which goes out first when the page is no neighbour of its last. */
function addToRun(
  sys: System,
  inode: Inode,
  pgoff: number,
  pfn: Pfn,
  block: number,
  run: Run,
  isSync: boolean,
): void {
  const isNext =
    run.pfns.length > 0 &&
    run.pfns.length < BIO_MAX_PAGES &&
    run.startPgoff + run.pfns.length === pgoff &&
    run.startBlock + run.pfns.length === block;
  if (!isNext) {
    submitRun(sys, inode, run, isSync);
    run.startPgoff = pgoff;
    run.startBlock = block;
  }
  run.pfns.push(pfn);
}

function submitRun(sys: System, inode: Inode, run: Run, isSync: boolean): void {
  if (run.pfns.length === 0 || inode.disk === null) return;
  const flags = isSync ? REQ_SYNC : REQ_BACKGROUND;
  submitPages(sys, inode.disk, REQ_OP_WRITE, flags, run.startBlock, run.pfns, inode, run.startPgoff);
  run.pfns = [];
}
