/**
 * read(2) through the page cache. Hot: per page read.
 * Source: Linux 6.18 mm/filemap.c, filemap_read(), filemap_get_pages(), filemap_update_page(), filemap_create_folio().
 */
import {
  __GFP_NORETRY,
  GFP_HIGHUSER_MOVABLE,
  NO_PFN,
  PAGE_SIZE,
  PG_LOCKED,
  PG_UPTODATE,
  type Pfn,
  PG_READAHEAD,
} from "@pageframe/contracts";
import { completeIo } from "../disk/io.ts";
import { type OpenFile } from "../files/inode.ts";
import { putUserPage } from "../pages/pages.ts";
import { makeUptodate, readCachePage } from "./page-cache.ts";
import { asyncReadahead, syncReadahead } from "./readahead.ts";
import { type System } from "../system.ts";

/** Receives what is read: bytes `[offset, offset + nrBytes)` of a frame become those at `done` of what was asked for. */
export interface ReadSink {
  /** Returns the bytes taken: fewer than offered end the read. */
  take(pfn: Pfn, offset: number, done: number, nrBytes: number): number;
}

/**
 * Reads up to `nrBytes` from byte `position` of a file on a disk. Returns the bytes read, 0 at the end, or -EIO, -ENOMEM when
 * not even one could be.
 */
export function filemapRead(
  sys: System,
  file: OpenFile,
  position: number,
  nrBytes: number,
  sink: ReadSink,
): number {
  const { inode } = file;
  completeIo(sys);
  let done = 0;
  let lastPgoff = Math.floor((file.ra.prevPos - 1) / PAGE_SIZE);
  while (done < nrBytes) {
    const at = position + done;
    if (at >= inode.sizeBytes) break;
    const pgoff = Math.floor(at / PAGE_SIZE);
    const endByte = Math.min(position + nrBytes, inode.sizeBytes);
    const pfn = pageToRead(sys, file, pgoff, Math.ceil(endByte / PAGE_SIZE) - pgoff);
    if (pfn < 0) {
      if (done === 0) return pfn;
      break;
    }
    // A folio that the last read ended in was marked then (pos_same_folio).
    const folio = sys.memmap.compoundHead(pfn);
    const folioPgoff = pgoff - (pfn - folio);
    const wasLast = lastPgoff >= folioPgoff && lastPgoff < folioPgoff + sys.memmap.nrFolioPages(folio);
    if (!wasLast) sys.lru.markAccessed(pfn, sys.currentCpu);
    lastPgoff = pgoff;
    const offset = at % PAGE_SIZE;
    const nrHere = Math.min(PAGE_SIZE - offset, endByte - at);
    const nrTaken = sink.take(pfn, offset, done, nrHere);
    putUserPage(sys, pfn, sys.currentCpu);
    done += nrTaken;
    file.ra.prevPos = position + done;
    if (nrTaken < nrHere) break;
  }
  return done;
}

/** Finds the page, or reads it with what the policy wants around it. Takes a reference. Returns the frame or -errno. */
function pageToRead(sys: System, file: OpenFile, pgoff: number, nrRequested: number): number {
  const { memmap } = sys;
  const { inode } = file;
  let pfn = inode.pages.load(pgoff);
  if (pfn === NO_PFN) {
    sys.nrCacheMisses++;
    syncReadahead(sys, file, pgoff, nrRequested);
    pfn = inode.pages.load(pgoff);
    if (pfn === NO_PFN) return readCachePage(sys, inode, pgoff, GFP_HIGHUSER_MOVABLE | __GFP_NORETRY);
    sys.readahead.noteWanted(pfn);
  } else if (sys.readahead.noteWanted(pfn)) {
    sys.nrCacheHits++;
  } else {
    sys.nrCacheMisses++;
  }
  memmap.getPage(pfn);
  if (memmap.hasFlags(pfn, PG_READAHEAD)) {
    const offset = pfn - memmap.compoundHead(pfn);
    asyncReadahead(sys, file, pfn, pgoff - offset, nrRequested + offset);
  }
  const folio = memmap.compoundHead(pfn);
  const isReady = (memmap.flags[folio] & (PG_LOCKED | PG_UPTODATE)) === PG_UPTODATE;
  return isReady ? pfn : makeUptodate(sys, inode, pfn);
}
