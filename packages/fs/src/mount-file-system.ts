/** Mounts a device: superblock, journal, counts, orphans. Source: Linux 6.18 fs/ext4/super.c, ext4_fill_super(). */
import { EROFS, errnoName, EUCLEAN, type FileSystem, type FileSystemHost } from "@pageframe/contracts";
import { Journal } from "./journal.ts";
import { SUPERBLOCK } from "./layout.ts";
import { MountedFileSystem } from "./mounted-file-system.ts";
import { recoverJournal } from "./recover-journal.ts";
import { readSuperblock, type MountFailure } from "./superblock.ts";

/** Options of mount(8) that matter here. */
export interface MountOptions {
  /** Nothing is changed but for replaying the journal, as with ext4. */
  readonly readOnly?: boolean;
}

/**
 * Mounts what lies on a device, after replaying the journal and freeing what a crash left half freed. Returns the file
 * system, or a negative errno and one sentence that says what is wrong. Never throws for what lies on the device.
 */
export function mountFileSystem(
  host: FileSystemHost,
  options: MountOptions = {},
): { fs: FileSystem } | MountFailure {
  const found = readSuperblock(host);
  if ("errno" in found) return found;
  const { geometry } = found;
  const isReadOnly = options.readOnly === true || host.isReadOnly;
  if (found.mustNotWrite && !isReadOnly) {
    return {
      errno: -EROFS,
      sentence: "the file system has features that are not known and allow reading only: mount it read-only",
    };
  }
  const recovered = recoverJournal(host, geometry);
  if (typeof recovered !== "number") return recovered;
  if (found.isBackup && !isReadOnly) {
    const restored = restoreSuperblock(host, found.primary);
    if (restored < 0) return { errno: restored, sentence: "the damaged superblock cannot be written" };
  }
  const journal = isReadOnly ? null : new Journal(host, geometry, recovered);
  const fs = new MountedFileSystem(host, geometry, journal, isReadOnly);
  const started = fs.start();
  if (started < 0) return fail(fs, started, "the group descriptors or the root directory are damaged");
  if (!isReadOnly) {
    const orphans = fs.recoverOrphans();
    if (orphans < 0)
      return fail(fs, orphans, "inodes that were being freed (the list of orphans) cannot be freed");
  }
  return { fs };
}

function fail(fs: MountedFileSystem, errno: number, sentence: string): MountFailure {
  fs.abandon();
  return { errno, sentence: errno === -EUCLEAN ? sentence : `${sentence}: ${errnoName(errno)}` };
}

function restoreSuperblock(host: FileSystemHost, primary: Uint8Array): number {
  const buffer = host.newBuffer(SUPERBLOCK);
  if (typeof buffer === "number") return buffer;
  buffer.bytes.set(primary);
  host.markDirty(buffer);
  host.putBuffer(buffer);
  return host.syncBuffers([SUPERBLOCK]);
}
