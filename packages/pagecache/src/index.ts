/** Page cache: index of a file's pages with marks, readahead policies, writeback limits, errors seen once. */
export { ERRSEQ_NONE, errseqAdvance, errseqCheck, errseqSample, errseqSet } from "./errseq.ts";
export { isShadowEntry, shadowOfEntry } from "./page-index-entry.ts";
export {
  PageIndex,
  PAGECACHE_TAG_DIRTY,
  PAGECACHE_TAG_TOWRITE,
  PAGECACHE_TAG_WRITEBACK,
} from "./page-index.ts";
export { PageIndexPool } from "./page-index-pool.ts";
export { MAX_INDEX_ORDER, MAX_PGOFF } from "./page-index-tree.ts";
export {
  adviseReadahead,
  newReadaheadState,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_NOREUSE,
  POSIX_FADV_NORMAL,
  POSIX_FADV_RANDOM,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
  VM_READAHEAD_PAGES,
} from "./readahead/file-readahead-state.ts";
export { forcedPages, forcedWindows, FORCED_CHUNK_PAGES } from "./readahead/forced.ts";
export { LinuxReadahead, MMAP_LOTSAMISS } from "./readahead/linux-readahead.ts";
export { FixedReadahead, NoReadahead } from "./readahead/plain-readahead.ts";
export { readaheadPolicies, type ReadaheadPolicyConfig } from "./readahead/readahead-policies.ts";
export { foliosOfWindow, WindowFolios, type WindowFolio } from "./readahead/window-folios.ts";
