/**
 * fsync(2), sync(2) and what they tell. Source: Linux 6.18 fs/sync.c, vfs_fsync_range(), ksys_sync(), sync_filesystem();
 * mm/filemap.c, file_write_and_wait_range(), file_check_and_advance_wb_err().
 */
import { EIO, TP_FILE_CHECK_AND_ADVANCE_WB_ERR } from "@pageframe/contracts";
import { errseqAdvance, errseqCheck, WB_REASON_SYNC } from "@pageframe/pagecache";
import { type Inode, type OpenFile } from "../files/inode.ts";
import { type SuperBlock } from "../files/inode.ts";
import { type System } from "../system.ts";
import { waitForWrites, writeAndWait, writePages } from "./write-out.ts";
import { flushDisk } from "../disk/io.ts";
import { wakeupFlushers } from "../writeback/run-flushers.ts";

/**
 * Makes a file of a disk durable: its data of pages [startPgoff, endPgoff), then what names it. Returns 0, or the error of any write of the file since this
 * opening heard of one the last time: each is told once to each.
 */
export function fsyncFile(
  sys: System,
  file: OpenFile,
  dataOnly: boolean,
  startPgoff = 0,
  endPgoff = Infinity,
): number {
  const { inode } = file;
  writeAndWait(sys, inode, startPgoff, endPgoff);
  const error = inode.superBlock?.fs.syncInode(inode.fsIno, dataOnly) ?? 0;
  const written = checkAndAdvance(sys, file);
  return error < 0 ? error : written;
}

/** The error of a write of the file that this opening has not heard of; it has now. 0 or -errno. */
export function checkAndAdvance(sys: System, file: OpenFile): number {
  const error = errseqCheck(file.inode.wbErr, file.wbErr);
  if (file.inode.wbErr === file.wbErr) return 0;
  file.inode.wbErr = errseqAdvance(file.inode.wbErr);
  file.wbErr = file.inode.wbErr;
  sys.trace?.emit(TP_FILE_CHECK_AND_ADVANCE_WB_ERR, file.id, file.inode.id, -error, 0);
  return error;
}

/** Inodes of a file system that are in memory. O(inodes in memory). */
function inodesOf(sys: System, superBlock: SuperBlock): Inode[] {
  const inodes: Inode[] = [];
  for (const id of superBlock.inodes.values()) inodes.push(sys.files.inode(id));
  return inodes;
}

/** Writes all data of a file system and waits (sync_inodes_sb). */
function syncInodes(sys: System, superBlock: SuperBlock): void {
  const inodes = inodesOf(sys, superBlock);
  for (const inode of inodes) writePages(sys, inode, 0, Infinity, true);
  for (const inode of inodes) waitForWrites(sys, inode, 0, Infinity);
}

/** Writes everything that a file system has in memory and waits. Returns 0 or -errno (sync_filesystem). */
export function syncFileSystem(sys: System, superBlock: SuperBlock): number {
  syncInodes(sys, superBlock);
  const error = superBlock.fs.syncAll();
  const { disk } = superBlock;
  if (disk === null) return error;
  if (writeAndWait(sys, disk.inode) < 0 || flushDisk(sys, disk) < 0) return error < 0 ? error : -EIO;
  return error;
}

/** sync(2): the data of all file systems, then their metadata, then the disks' own blocks. It tells nobody of errors. */
export function syncAll(sys: System): void {
  wakeupFlushers(sys, WB_REASON_SYNC);
  for (const superBlock of sys.mounts) if (superBlock !== null) syncInodes(sys, superBlock);
  for (const superBlock of sys.mounts) superBlock?.fs.syncAll();
  for (const disk of sys.disks) writePages(sys, disk.inode, 0, Infinity, true);
  for (const disk of sys.disks) {
    waitForWrites(sys, disk.inode, 0, Infinity);
    flushDisk(sys, disk);
  }
}
