/** The readahead policy of a machine, what it is shown and where it answers. */
import {
  NO_PFN,
  PAGE_SIZE,
  type Pfn,
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

/** Why a page was read that nobody has come for yet. */
const NOT_NEW = 0;
const READ_AHEAD = 1;
const READ_WANTED = 2;

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
  /**
   * Pages read ahead: put into the cache to be read when no call or fault had asked for them yet. Of those, how many were
   * wanted later, and how many left the cache unwanted; the rest lies there still. Wanted is a page when a read, a write or a
   * fault finds it, or a fault beside maps it (the processor then tells nobody of its use). What posix_fadvise(2), readahead(2)
   * and madvise(2) bring in counts too.
   */
  nrAhead = 0;
  nrAheadHits = 0;
  nrAheadWasted = 0;
  /** By frame: why the page there was read, as long as nobody has come for it: NOT_NEW, READ_AHEAD or READ_WANTED. */
  private readonly news: Uint8Array;

  constructor(policy: ReadaheadPolicy, nrFrames: number) {
    this.policy = policy;
    this.news = new Uint8Array(nrFrames);
  }

  /** The page in a frame is being read; `isWanted`: the call that has it read asked for it. Hot: per page. */
  noteRead(pfn: Pfn, isWanted: boolean): void {
    this.news[pfn] = isWanted ? READ_WANTED : READ_AHEAD;
    if (!isWanted) this.nrAhead++;
  }

  /**
   * Somebody wants the page in a frame. Returns false when it is there only because this very call had it read: that is a miss.
   * Hot: per page.
   */
  noteWanted(pfn: Pfn): boolean {
    const why = this.news[pfn];
    if (why === NOT_NEW) return true;
    this.news[pfn] = NOT_NEW;
    if (why === READ_AHEAD) this.nrAheadHits++;
    return why !== READ_WANTED;
  }

  /** Pages in frames [pfn, pfn + nrPages) leave the cache. Hot: per page. */
  noteGone(pfn: Pfn, nrPages: number): void {
    for (let page = pfn; page < pfn + nrPages; page++) {
      if (this.news[page] === READ_AHEAD) this.nrAheadWasted++;
      this.news[page] = NOT_NEW;
    }
  }

  /** Is the page in a frame read ahead, and not wanted yet? */
  isUnwanted(pfn: Pfn): boolean {
    return this.news[pfn] === READ_AHEAD;
  }

  /** Pages in the cache that were read ahead, and not wanted yet. */
  get nrUnwanted(): number {
    return this.nrAhead - this.nrAheadHits - this.nrAheadWasted;
  }

  /** Shows the policy a file. */
  look(inode: Inode): ReadaheadCache {
    this.cache.pages = inode.pages;
    this.cache.maxFolioOrder = inode.isOnDisk ? MAX_PAGECACHE_ORDER : 0;
    this.cache.nrFilePages = Math.ceil(inode.sizeBytes / PAGE_SIZE);
    return this.cache;
  }
}
