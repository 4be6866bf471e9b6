/**
 * Faults on pages of disk files. Hot: per file fault.
 * Source: Linux 6.18 mm/filemap.c, filemap_fault(), do_sync_mmap_readahead(), do_async_mmap_readahead(); mm/memory.c,
 * do_page_mkwrite(), fault_dirty_shared_page(); fs/ext4/inode.c, ext4_page_mkwrite().
 */
import {
  type BlockMapping,
  EINVAL,
  EIO,
  GFP_HIGHUSER_MOVABLE,
  NO_BLOCK,
  NO_PFN,
  PG_LOCKED,
  PG_UPTODATE,
  type Pfn,
  TP_MM_FILEMAP_FAULT,
  VM_EXEC,
  VM_HUGEPAGE,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  ENOMEM,
  VM_RAND_READ,
  VM_SEQ_READ,
  type VmaId,
  PG_READAHEAD,
} from "@pageframe/contracts";
import { completeIo } from "../disk/io.ts";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { nrPagesOf } from "../fs/inodes.ts";
import { markPageDirty } from "./dirty.ts";
import { makeUptodate, readCachePage } from "./page-cache.ts";
import { asyncReadahead, readWindow } from "./readahead.ts";
import { allocateBlock } from "./write.ts";
import { type System } from "../system.ts";

/**
 * The page of a disk file that a fault in the mapping `vma` wants, read if need be, with a reference: the frame, -EINVAL beyond the
 * end (SIGBUS), -EIO or -ENOMEM. One that was not cached counts in `sys.files.nrReads`: the fault is major. Whether the fault
 * let go of the mapping meanwhile is in `sys.readahead.hasWaited`.
 */
export function filemapFault(sys: System, file: OpenFile, pgoff: number, vma: VmaId): number {
  const { memmap, readahead } = sys;
  const { inode } = file;
  completeIo(sys);
  if (pgoff >= nrPagesOf(inode)) return -EINVAL;
  sys.trace?.emit(TP_MM_FILEMAP_FAULT, inode.id, pgoff, 0, 0);
  fillHints(sys, file, vma);
  const { hints } = readahead;
  let pfn = inode.pages.load(pgoff);
  if (pfn !== NO_PFN) {
    // Held from here on: reading ahead may reclaim.
    memmap.getPage(pfn);
    sys.nrCacheHits++;
    readahead.noteWanted(pfn);
    const isMarkerLookedAt = readahead.policy.onFaultHit(file.ra, hints);
    if (isMarkerLookedAt && memmap.hasFlags(pfn, PG_READAHEAD)) {
      readahead.hasWaited = true;
      asyncReadahead(sys, file, pfn, pgoff, file.ra.raPages, hints, 1);
    }
  } else {
    sys.nrCacheMisses++;
    sys.files.nrReads++;
    readahead.hasWaited = true;
    const cache = readahead.look(inode);
    readahead.window.nrPages = 0;
    readahead.policy.onFaultMiss(file.ra, cache, pgoff, hints, readahead.window);
    readWindow(sys, inode, pgoff, 1);
    pfn = inode.pages.load(pgoff);
    if (pfn === NO_PFN) return readCachePage(sys, inode, pgoff, GFP_HIGHUSER_MOVABLE);
    readahead.noteWanted(pfn);
    memmap.getPage(pfn);
  }
  if ((memmap.flags[memmap.compoundHead(pfn)] & (PG_LOCKED | PG_UPTODATE)) === PG_UPTODATE) return pfn;
  readahead.hasWaited = true;
  const ready = makeUptodate(sys, inode, pfn);
  // Who comes again tries once more to read what could not be read.
  return ready === -EIO ? readCachePage(sys, inode, pgoff, GFP_HIGHUSER_MOVABLE) : ready;
}

/** Tells the policy how a mapping of a file is used. */
function fillHints(sys: System, file: OpenFile, vma: VmaId): void {
  const { hints } = sys.readahead;
  const pool = sys.vmaPool;
  const vmFlags = pool.vmFlags[vma];
  hints.isFileRandom = file.isRandom;
  hints.isMappingRandom = (vmFlags & VM_RAND_READ) !== 0;
  hints.isMappingSequential = (vmFlags & VM_SEQ_READ) !== 0;
  hints.isExecutable = (vmFlags & VM_EXEC) !== 0;
  hints.isHuge = (vmFlags & VM_HUGEPAGE) !== 0;
  hints.mappingStartPgoff = pool.pgoff[vma];
  hints.mappingEndPgoff = pool.pgoff[vma] + (pool.endVpn[vma] - pool.startVpn[vma]);
}

/**
 * A shared mapping is about to write to a page of a disk file, which is held: it gets a block and becomes dirty. Returns 0,
 * VM_FAULT_SIGBUS (beyond the end, no space, an error) or VM_FAULT_OOM. Once the entry is writable, balanceDirtyPages() is due.
 */
export function pageMkwrite(sys: System, inode: Inode, pfn: Pfn): number {
  const { memmap } = sys;
  if (memmap.pgoffOf(pfn) >= nrPagesOf(inode)) return VM_FAULT_SIGBUS;
  // The whole folio becomes dirty, and what of it lies in the file has blocks then (block_page_mkwrite).
  const folio = memmap.compoundHead(pfn);
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const startPgoff = memmap.index[folio];
  const endPgoff = Math.min(startPgoff + memmap.nrFolioPages(folio), nrPagesOf(inode));
  for (let pgoff = startPgoff; pgoff < endPgoff; pgoff++) {
    const error = allocateBlock(inode, pgoff, mapping);
    if (error < 0) return error === -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
  }
  markPageDirty(sys, pfn);
  inode.superBlock?.fs.touch(inode.fsIno);
  return 0;
}
