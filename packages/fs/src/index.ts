/** A small journaling file system with extents, directories and sparse files. */
export { checkFileSystem } from "./check-file-system.ts";
export { describeFileSystem, type FileSystemDescription } from "./describe-file-system.ts";
export { makeFileSystem, type MakeOptions } from "./make-file-system.ts";
export { mountFileSystem, type MountOptions } from "./mount-file-system.ts";
export { type MountFailure } from "./superblock.ts";
