/** A small journaling file system with extents, directories and sparse files. */
export {};
