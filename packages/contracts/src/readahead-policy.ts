/**
 * The readahead seat: which pages of a file are read before anybody asks.
 *
 * The core calls it where Linux calls page_cache_ra: for a page that is not cached, for one that carries the marker
 * (PG_readahead), and for both kinds of fault on a mapping. The policy answers with a window; the core cuts it at the end of the
 * file, leaves out what is cached, allocates and submits.
 * Source: Linux 6.18 include/linux/fs.h, struct file_ra_state; mm/readahead.c; mm/filemap.c, do_sync_mmap_readahead().
 */

/** What is remembered per open file (struct file_ra_state). Units: pages. */
export interface FileReadaheadState {
  /** Where the last window begins. */
  start: number;
  /** Its size; 0 before the first. */
  size: number;
  /** Pages at its end that were read ahead: the marker is on the first of them. */
  asyncSize: number;
  /** Largest window; 0: no readahead. POSIX_FADV_SEQUENTIAL doubles it. */
  raPages: number;
  /** Order of the folios of the window. */
  order: number;
  /** Misses of mappings that had no use of read-around, less the hits. */
  mmapMiss: number;
  /** Byte that the last read(2) ended at, or -1; set when it is over, not at each page. */
  prevPos: number;
}

/** The page cache of one file, as a policy sees it. */
export interface ReadaheadCache {
  /** Pages of the file. */
  readonly nrFilePages: number;
  /** Folios of the file are of these orders (mapping_min_folio_order(), mapping_max_folio_order()); both 0: no large ones. */
  readonly minFolioOrder: number;
  readonly maxFolioOrder: number;
  /** Pages of the device's largest transfer (bdi.io_pages: max_sectors_kb / 4). */
  readonly ioPages: number;
  /** Is the page in memory (or on its way)? */
  isCached(pgoff: number): boolean;
  /** Order of the folio that holds a cached page. */
  folioOrder(pgoff: number): number;
}

/** What to read: filled by the policy. */
export interface ReadaheadWindow {
  startPgoff: number;
  /** 0: nothing. */
  nrPages: number;
  /** Pages at the end that are for later: the folio that holds the first of them gets the marker; 0 for none. */
  asyncSize: number;
  /** Order of folios to allocate where alignment allows. */
  order: number;
}

/** How the file is used: open flags and advice. What is of a mapping is false, and its bounds 0, for read(2). */
export interface ReadaheadHints {
  /** POSIX_FADV_RANDOM (FMODE_RANDOM) of the open file. */
  readonly isFileRandom: boolean;
  /** MADV_RANDOM (VM_RAND_READ) and MADV_SEQUENTIAL (VM_SEQ_READ) of the mapping. */
  readonly isMappingRandom: boolean;
  readonly isMappingSequential: boolean;
  /** Is the mapping executable (VM_EXEC)? */
  readonly isExecutable: boolean;
  /** MADV_HUGEPAGE (VM_HUGEPAGE) of the mapping. */
  readonly isHuge: boolean;
  /** Pages of the file that the mapping shows: [startPgoff, endPgoff). */
  readonly mappingStartPgoff: number;
  readonly mappingEndPgoff: number;
}

/** Decides what is read ahead. It holds no state of its own: what it knows of a file is in `state`. */
export interface ReadaheadPolicy {
  readonly name: string;
  /**
   * read(2) wants `nrRequested` pages from `pgoff`, which is not cached (page_cache_sync_ra). The window holds `pgoff`,
   * perhaps not all that was requested: the core asks again at the next page that is not cached. What is requested beyond
   * the end of the file counts, and the window may lie beyond it: the core cuts it.
   */
  onReadMiss(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void;
  /**
   * read(2) or a fault came to a folio of order `folioOrder` with the marker, which is not under writeback
   * (page_cache_async_ra). `pgoff` is the folio's first page for read(2), the wanted page for a fault; `nrRequested` the
   * pages from there that read(2) still wants, `state.raPages` for a fault. The core clears the marker if `raPages` is not 0.
   */
  onMarker(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    folioOrder: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void;
  /** A fault on a page that is not cached (do_sync_mmap_readahead). With no window the core reads the page alone. */
  onFaultMiss(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void;
  /** A fault on a page that is cached (do_async_mmap_readahead). Tells whether its marker is to be looked at then. */
  onFaultHit(state: FileReadaheadState, hints: ReadaheadHints): boolean;
  /** Fault-around came by `nrMapped` pages that were cached, of folios without PG_workingset (filemap_map_pages). */
  onMapped(state: FileReadaheadState, nrMapped: number): void;
}
