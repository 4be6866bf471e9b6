/**
 * Faults on pages of disk files. Hot: per file fault.
 * Source: Linux 6.18 mm/filemap.c, filemap_fault(), do_sync_mmap_readahead(), do_async_mmap_readahead(); mm/memory.c,
 * do_page_mkwrite(), fault_dirty_shared_page(); fs/ext4/inode.c, ext4_page_mkwrite().
 */
import {
  type BlockMapping,
  EINVAL,
  GFP_HIGHUSER_MOVABLE,
  NO_BLOCK,
  NO_PFN,
  PG_LOCKED,
  PG_UPTODATE,
  type Pfn,
  type ReadaheadHints,
  TP_MM_FILEMAP_FAULT,
  VM_EXEC,
  VM_HUGEPAGE,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  ENOMEM,
  VM_RAND_READ,
  VM_SEQ_READ,
} from "@pageframe/contracts";
import { completeIo } from "../disk/io.ts";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { nrPagesOf } from "../fs/inodes.ts";
import { balanceDirtyPages } from "./balance-dirty-pages.ts";
import { markPageDirty } from "./dirty.ts";
import { makeUptodate, readCachePage } from "./page-cache.ts";
import { asyncReadahead, PG_READAHEAD, readWindow } from "./readahead.ts";
import { allocateBlock } from "./write.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * The page of a disk file that a fault wants, read if need be, with a reference: the frame, -EINVAL beyond the end (SIGBUS), -EIO
 * or -ENOMEM. A page that had to be waited for counts in `sys.files.nrReads` when it was not cached: the fault is major.
 */
export function filemapFault(sys: System, file: OpenFile, pgoff: number, vmFlags: number): number {
  const { memmap, readahead } = sys;
  const { inode } = file;
  completeIo(sys);
  if (pgoff >= nrPagesOf(inode)) return -EINVAL;
  const hints: ReadaheadHints = {
    isFileRandom: file.isRandom,
    isMappingRandom: (vmFlags & VM_RAND_READ) !== 0,
    isMappingSequential: (vmFlags & VM_SEQ_READ) !== 0,
    isExecutable: (vmFlags & VM_EXEC) !== 0,
    isHuge: (vmFlags & VM_HUGEPAGE) !== 0,
    mappingStartPgoff: 0,
    mappingEndPgoff: nrPagesOf(inode),
  };
  sys.trace?.emit(TP_MM_FILEMAP_FAULT, inode.id, pgoff, 0, 0);
  let pfn = inode.pages.load(pgoff);
  if (pfn !== NO_PFN) {
    sys.nrCacheHits++;
    const isMarkerLookedAt = readahead.policy.onFaultHit(file.ra, hints);
    if (isMarkerLookedAt && memmap.hasFlags(pfn, PG_READAHEAD)) {
      asyncReadahead(sys, file, pfn, pgoff, file.ra.raPages, hints);
    }
  } else {
    sys.nrCacheMisses++;
    sys.files.nrReads++;
    const cache = readahead.look(inode);
    readahead.window.nrPages = 0;
    readahead.policy.onFaultMiss(file.ra, cache, pgoff, hints, readahead.window);
    readWindow(sys, inode);
    pfn = inode.pages.load(pgoff);
    if (pfn === NO_PFN) return readCachePage(sys, inode, pgoff, GFP_HIGHUSER_MOVABLE);
  }
  memmap.getPage(pfn);
  const isReady = (memmap.flags[pfn] & (PG_LOCKED | PG_UPTODATE)) === PG_UPTODATE;
  return isReady ? pfn : makeUptodate(sys, inode, pfn);
}

/**
 * A shared mapping is about to write to a page of a disk file, which is held: it gets a block and becomes dirty. Returns 0,
 * VM_FAULT_SIGBUS (beyond the end, no space, an error) or VM_FAULT_OOM.
 */
export function pageMkwrite(sys: System, task: Task, inode: Inode, pfn: Pfn): number {
  const pgoff = sys.memmap.index[pfn];
  if (pgoff >= nrPagesOf(inode)) return VM_FAULT_SIGBUS;
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const error = allocateBlock(inode, pgoff, mapping);
  if (error < 0) return error === -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
  markPageDirty(sys, pfn);
  inode.superBlock?.fs.touch(inode.fsIno);
  balanceDirtyPages(sys, task, inode);
  return 0;
}
