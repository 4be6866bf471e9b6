/** Page cache: index of a file's pages with marks, readahead policies, writeback limits, errors seen once. */
export {};
