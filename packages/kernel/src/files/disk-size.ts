/**
 * Changing the size of files on disks, and making holes in them.
 * Source: Linux 6.18 fs/ext4/inode.c, ext4_setattr(), ext4_punch_hole(); mm/truncate.c, truncate_setsize(),
 * pagecache_isize_extended().
 */
import { type BlockMapping, EFBIG, NO_BLOCK, PAGE_SIZE } from "@pageframe/contracts";
import { type Inode } from "./inode.ts";
import { balanceDirtyPages } from "../filemap/balance-dirty-pages.ts";
import { makeZeroPage } from "../filemap/page-cache.ts";
import { truncatePages, zeroPastEnd } from "../filemap/truncate.ts";
import { allocateBlock, MAX_FILE_BYTES, setInodeSize } from "../filemap/write.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/**
 * Gives a file another size: what lies beyond the new end is gone, private copies too, and the rest of the last page is zeroed.
 * Returns 0 or -errno, and then the file is as it was.
 */
export function setDiskSize(sys: System, _task: Task, inode: Inode, newBytes: number): number {
  const { superBlock } = inode;
  if (superBlock === null) return 0;
  if (newBytes > MAX_FILE_BYTES) return -EFBIG;
  if (newBytes <= inode.sizeBytes) {
    // The part of the last page that stays, of a file that keeps its size too, must be on its way to the disk as zeros before the blocks go.
    const error = truncatePages(sys, inode, newBytes, Infinity, true);
    if (error < 0) return error;
  } else {
    const error = zeroPastEnd(sys, inode, newBytes);
    if (error < 0) return error;
  }
  const error = superBlock.fs.setSize(inode.fsIno, newBytes);
  if (error < 0) return error;
  inode.sizeBytes = newBytes;
  superBlock.fs.touch(inode.fsIno);
  return 0;
}

/** Makes a hole of bytes [startByte, endByte) as far as the file goes; private copies stay. Returns 0 or -errno. */
export function punchDisk(sys: System, inode: Inode, startByte: number, endByte: number): number {
  const { superBlock } = inode;
  if (superBlock === null || startByte >= inode.sizeBytes) return 0;
  const end = Math.min(endByte, Math.ceil(inode.sizeBytes / PAGE_SIZE) * PAGE_SIZE);
  const error = truncatePages(sys, inode, startByte, end, false);
  if (error < 0) return error;
  const startBlock = Math.ceil(startByte / PAGE_SIZE);
  const endBlock = Math.floor(end / PAGE_SIZE);
  if (startBlock >= endBlock) return 0;
  const punched = superBlock.fs.punchHole(inode.fsIno, startBlock, endBlock);
  if (punched === 0) superBlock.fs.touch(inode.fsIno);
  return punched;
}

/**
 * Gives bytes [startByte, endByte) blocks, which read as zeros; the size grows unless `keepSize`. Returns 0 or -errno; blocks that
 * were got stay, and the size that they give. Differs: there are no unwritten extents: new blocks are pages of zeros on their way to the disk, and with
 * `keepSize` nothing is taken beyond the end.
 */
export function allocateDisk(
  sys: System,
  task: Task,
  inode: Inode,
  startByte: number,
  endByte: number,
  keepSize: boolean,
): number {
  const { superBlock } = inode;
  if (superBlock === null) return 0;
  if (endByte > MAX_FILE_BYTES) return -EFBIG;
  if (!keepSize && endByte > inode.sizeBytes) {
    const error = zeroPastEnd(sys, inode, endByte);
    if (error < 0) return error;
  }
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  const endPgoff = Math.ceil((keepSize ? Math.min(endByte, inode.sizeBytes) : endByte) / PAGE_SIZE);
  for (let pgoff = Math.floor(startByte / PAGE_SIZE); pgoff < endPgoff; pgoff++) {
    let error = allocateBlock(inode, pgoff, mapping);
    // Nobody may see what the block held: its page is zeros, and dirty.
    if (error >= 0 && mapping.isNew) {
      error = makeZeroPage(sys, inode, pgoff);
      if (error < 0) superBlock.fs.punchHole(inode.fsIno, pgoff, pgoff + 1);
    }
    // The size follows the blocks: a size that there is no room for is not seen, after a power cut neither.
    const newBytes = Math.min(endByte, (pgoff + 1) * PAGE_SIZE);
    if (error >= 0 && !keepSize && newBytes > inode.sizeBytes) error = setInodeSize(inode, newBytes);
    if (error < 0) return error;
    balanceDirtyPages(sys, task, inode);
  }
  return 0;
}
