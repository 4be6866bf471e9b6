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
  /** Largest window; 0: no readahead. */
  raPages: number;
  /** Order of the folios of the window. */
  order: number;
  /** Misses of mappings that had no use of read-around, less the hits. */
  mmapMiss: number;
  /** Byte that the last read(2) ended at, or -1. */
  prevPos: number;
}

/** The page cache of one file, as a policy sees it. */
export interface ReadaheadCache {
  /** Pages of the file. */
  readonly nrFilePages: number;
  /** Is the page in memory (or on its way)? */
  isCached(pgoff: number): boolean;
  /** First page from `pgoff` on, within `maxPages`, that is not cached; `pgoff + maxPages` when all are. */
  nextMiss(pgoff: number, maxPages: number): number;
  /** Last page from `pgoff` back, within `maxPages`, that is not cached; `pgoff - maxPages` when all are, or -1 below the start. */
  prevMiss(pgoff: number, maxPages: number): number;
}

/** What to read: filled by the policy. */
export interface ReadaheadWindow {
  startPgoff: number;
  /** 0: nothing. */
  nrPages: number;
  /** Pages at the end that are for later: the first of them gets the marker; 0 for none. */
  asyncSize: number;
  /** Order of folios to allocate where alignment allows. */
  order: number;
}

/** How the file is used: open flags and advice. */
export interface ReadaheadHints {
  /** POSIX_FADV_RANDOM (FMODE_RANDOM); of a mapping MADV_RANDOM. */
  readonly isRandom: boolean;
  /** MADV_SEQUENTIAL; POSIX_FADV_SEQUENTIAL has doubled `raPages` instead. */
  readonly isSequential: boolean;
  /** Is the mapping executable (VM_EXEC)? */
  readonly isExecutable: boolean;
}

/** Decides what is read ahead. It holds no state of its own: what it knows of a file is in `state`. */
export interface ReadaheadPolicy {
  readonly name: string;
  /** read(2) wants `nrRequested` pages from `pgoff`, which is not cached (page_cache_sync_ra). The window should hold `pgoff`. */
  onReadMiss(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void;
  /** read(2) or a fault came to a page of order `folioOrder` with the marker (page_cache_async_ra). */
  onMarker(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    nrRequested: number,
    folioOrder: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void;
  /** A fault on a page that is not cached (do_sync_mmap_readahead). */
  onFaultMiss(
    state: FileReadaheadState,
    cache: ReadaheadCache,
    pgoff: number,
    hints: ReadaheadHints,
    into: ReadaheadWindow,
  ): void;
  /** A fault on a page that is cached, before its marker is looked at (do_async_mmap_readahead). */
  onFaultHit(state: FileReadaheadState, hints: ReadaheadHints): void;
  /** Fault-around mapped `nrMapped` pages that were cached (filemap_map_pages). */
  onMapped(state: FileReadaheadState, nrMapped: number): void;
}
