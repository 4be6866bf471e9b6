/**
 * Reading pages of a file in: from its disk, as zeros where it has holes, or from a file system that has the bytes itself.
 * Source: Linux 6.18 fs/mpage.c, mpage_readahead(); mm/readahead.c, read_pages().
 */
import {
  type BlockMapping,
  EIO,
  NO_BLOCK,
  PG_LOCKED,
  PG_UPTODATE,
  type Pfn,
  REQ_OP_READ,
  REQ_RAHEAD,
  REQ_SYNC,
} from "@pageframe/contracts";
import { beginFolioIo, endFolioRead } from "../disk/folio-io.ts";
import { submitPages, unplugDisk } from "../disk/io.ts";
import { type Inode } from "../files/inode.ts";
import { type System } from "../system.ts";
import { CAUSE_FILE_READ, CAUSE_ZERO_PAGE } from "../time.ts";

/**
 * Begins to read folios that are in the cache, locked, and not up to date; `pfns` are all their pages, consecutive in the file from
 * `pgoff` on. Each folio stays locked until it is read; one that can be had at once is up to date and unlocked when this
 * returns, and one that cannot be read is unlocked and not up to date. `isWaitedFor`: somebody needs them now.
 */
export function readPages(
  sys: System,
  inode: Inode,
  pgoff: number,
  pfns: readonly Pfn[],
  isWaitedFor: boolean,
): void {
  const { superBlock, disk } = inode;
  const { memmap } = sys;
  for (let at = 0; at < pfns.length; at += memmap.nrFolioPages(pfns[at])) {
    beginFolioIo(sys, pfns[at], memmap.nrFolioPages(pfns[at]));
  }
  if (superBlock === null || disk === null) {
    for (let at = 0; at < pfns.length; at++) readFromFileSystem(sys, inode, pgoff + at, pfns[at]);
    return;
  }
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const flags = isWaitedFor ? REQ_SYNC : REQ_RAHEAD;
  for (let at = 0; at < pfns.length;) {
    const error = superBlock.fs.mapBlocks(inode.fsIno, pgoff + at, pfns.length - at, false, mapping);
    const nrHere = error < 0 ? pfns.length - at : Math.min(Math.max(1, mapping.nrBlocks), pfns.length - at);
    const pieces = pfns.slice(at, at + nrHere);
    if (error >= 0 && mapping.block !== NO_BLOCK) {
      submitPages(sys, disk, REQ_OP_READ, flags, mapping.block, pieces, inode, pgoff + at);
    } else {
      for (const pfn of pieces) {
        if (error >= 0) zeroPage(sys, pfn);
        endFolioRead(sys, memmap.compoundHead(pfn), 1, error);
      }
    }
    at += nrHere;
  }
  unplugDisk(sys, disk);
}

/** Makes a locked page of the cache zeros that are as good as read, and unlocks it. */
export function zeroCachePage(sys: System, pfn: Pfn): void {
  zeroPage(sys, pfn);
  sys.memmap.setFlags(pfn, PG_UPTODATE);
  sys.memmap.clearFlags(pfn, PG_LOCKED);
}

function zeroPage(sys: System, pfn: Pfn): void {
  sys.contents.zeroPage(pfn);
  sys.time.spend(CAUSE_ZERO_PAGE, 1);
}

function readFromFileSystem(sys: System, inode: Inode, pgoff: number, pfn: Pfn): void {
  const fs = inode.superBlock?.fs;
  sys.bounce.fill(0);
  const error = fs?.readPage === undefined ? -EIO : fs.readPage(inode.fsIno, pgoff, sys.bounce);
  sys.time.spend(CAUSE_FILE_READ, 1);
  if (error >= 0) sys.contents.writePage(pfn, sys.bounce);
  endFolioRead(sys, sys.memmap.compoundHead(pfn), 1, error);
}
