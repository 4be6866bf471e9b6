/** Page cache: index of a file's pages with marks, readahead policies, writeback limits, errors seen once. */
export { isShadowEntry, MAX_SHADOW, NO_SHADOW, shadowOfEntry } from "./page-index-entry.ts";
export {
  MAX_INDEX_ORDER,
  MAX_PGOFF,
  PageIndex,
  PAGECACHE_TAG_DIRTY,
  PAGECACHE_TAG_TOWRITE,
  PAGECACHE_TAG_WRITEBACK,
} from "./page-index.ts";
export { PageIndexPool } from "./page-index-pool.ts";
