/** The readahead policy of a machine, what it is shown and where it answers. */
import {
  NO_PFN,
  PAGE_SIZE,
  type ReadaheadCache,
  type ReadaheadHints,
  type ReadaheadPolicy,
  type ReadaheadWindow,
} from "@pageframe/contracts";
import { type PageIndex, WindowFolios } from "@pageframe/pagecache";
import { type Inode } from "../files/inode.ts";

/** Largest folio that a file on a disk gets: 2 MiB (ext4 since 6.16: EXT4_MAX_PAGECACHE_ORDER, at most MAX_PAGECACHE_ORDER). */
const MAX_PAGECACHE_ORDER = 9;
/** Pages of the largest transfer of a disk (max_sectors_kb 1280). */
const IO_PAGES = 320;

/** The page cache of one file, as the policy sees it. */
class CacheOfInode implements ReadaheadCache {
  readonly minFolioOrder = 0;
  maxFolioOrder = 0;
  readonly ioPages = IO_PAGES;
  pages: PageIndex | null = null;
  nrFilePages = 0;

  isCached(pgoff: number): boolean {
    return this.pages !== null && this.pages.load(pgoff) !== NO_PFN;
  }

  folioOrder(pgoff: number): number {
    return this.pages?.orderOf(pgoff) ?? 0;
  }
}

/** What a mapping tells the policy. */
class MappingHints implements ReadaheadHints {
  isFileRandom = false;
  isMappingRandom = false;
  isMappingSequential = false;
  isExecutable = false;
  isHuge = false;
  mappingStartPgoff = 0;
  mappingEndPgoff = 0;
}

/** The policy, what it is shown and where it answers. */
export class Readahead {
  readonly policy: ReadaheadPolicy;
  readonly cache = new CacheOfInode();
  readonly window: ReadaheadWindow = { startPgoff: 0, nrPages: 0, asyncSize: 0, order: 0 };
  readonly folios = new WindowFolios();
  readonly hints = new MappingHints();
  /** The fault let go of its mapping, to read or to wait for a page: it is answered by coming again (VM_FAULT_RETRY). */
  hasWaited = false;
  /** Pages read ahead of need; those of them that were wanted later; those that left memory unwanted. */
  nrAhead = 0;
  nrAheadHits = 0;
  nrAheadWasted = 0;

  constructor(policy: ReadaheadPolicy) {
    this.policy = policy;
  }

  /** Shows the policy a file. */
  look(inode: Inode): ReadaheadCache {
    this.cache.pages = inode.pages;
    this.cache.maxFolioOrder = inode.isOnDisk ? MAX_PAGECACHE_ORDER : 0;
    this.cache.nrFilePages = Math.ceil(inode.sizeBytes / PAGE_SIZE);
    return this.cache;
  }
}
